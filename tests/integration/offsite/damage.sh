# SPDX-License-Identifier: PostgreSQL
# damage.sh PROGRAM SOURCE_DIR PLACE - what is damaged is named table by table,
# what is left comes back, and after a repair and another backup all does.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/places.sh"
place_start
pg_start || exit 1

json() { # KEY: its values in the JSON in $T/out, one a line
	sed -n "s/.*\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\}.*/\1/p" "$T/out"
}
backup() { # DATABASE: its id in $id
	expect 0 "backup of $1" "$SNAP" backup -d "$1" --json
	id=$(json id | head -n 1)
}
# comes_back TEXT SNAPSHOT DUMP
n_restored=0
comes_back() {
	n_restored=$((n_restored + 1))
	createdb -T template0 "restored$n_restored"
	"$SNAP" restore "$2" 2>"$T/err" >"$T/script"
	is "$1: restore" $? 0
	psql -X -q -o "$T/psql" "restored$n_restored" <"$T/script" 2>"$T/err"
	is "$1: psql" $? 0
	dump "restored$n_restored" >"$T/b"
	same "$1: the database is as it was" "$3" "$T/b"
	dropdb "restored$n_restored"
}
# flip NAME OFFSET: one byte of an object
flip() {
	place_fetch repo "$1" >"$T/object"
	is "there is $1" "$([ -s "$T/object" ] && echo yes)" yes
	b=$(od -An -tu1 -j "$2" -N 1 "$T/object" | tr -d ' ')
	printf "\\$(printf %o $((b ^ 16)))" |
	    dd of="$T/object" bs=1 seek="$2" conv=notrunc 2>"$T/dd"
	place_store repo "$1" "$T/object"
}

expect 0 "init" "$SNAP" init --kdf-memory 8
createdb shop
psql -X -q -o "$T/psql" shop <<'SQL' || not_ok "load the sample"
CREATE TABLE customers (id int PRIMARY KEY, name text);
CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers,
    note text);
CREATE TABLE lines (id int, of_order int REFERENCES orders, what text);
CREATE MATERIALIZED VIEW busy AS SELECT customer, count(*) FROM orders
    GROUP BY 1;
CREATE INDEX ON lines (of_order);
SQL
# Each table in packs of its own: backed up one after the other.
psql -X -q shop -c "INSERT INTO customers SELECT i, md5(i::text)
    FROM generate_series(1, 20000) i"
backup shop
first=$id
place_names repo data/ | sort >"$T/packs.customers"
psql -X -q shop -c "INSERT INTO orders SELECT i, 1 + i % 20000,
    md5((i * 7)::text) || md5((i * 3)::text) FROM generate_series(1, 60000) i"
backup shop
place_names repo data/ | sort | comm -13 "$T/packs.customers" - >"$T/packs.orders"
psql -X -q shop -c "INSERT INTO lines SELECT i, 1 + i % 60000,
    md5((i * 11)::text) FROM generate_series(1, 30000) i"
dump shop >"$T/dump.1"
backup shop
whole=$id
place_names repo data/ | sort | comm -13 "$T/packs.orders" - |
    comm -13 "$T/packs.customers" - >"$T/packs.lines"
orders=$(sed -n 1p "$T/packs.orders")
expect 0 "nothing is wrong" "$SNAP" check --read-data
comes_back "before" "$whole" "$T/dump.1"

# ---- found, without a key and with one
flip "$orders" 5000
expect 13 "a scrub needs no key" env -u SNAP_PASSPHRASE_FILE "$SNAP" \
    check --scrub
says "and names the object" "$orders: the object is damaged"
expect 0 "without reading data nothing is seen" "$SNAP" check
expect 13 "reading data does see it" "$SNAP" check --read-data --json
grep -q "snapshot $whole: table \"public.orders\": .*($orders)" "$T/err" &&
    ok "it names snapshot, table and pack" ||
    not_ok "it names snapshot, table and pack"
json name | sort -u >"$T/names"
is "no other table is accused" "$(cat "$T/names")" public.orders
is "in both snapshots that have it" "$(json snapshot | sort -u | wc -l |
    tr -d ' ')" 2

# ---- what is left
expect 13 "a restore of it fails" "$SNAP" restore "$whole"
createdb -T template0 part
"$SNAP" restore --partial "$whole" >"$T/script" 2>"$T/err"
is "a partial restore has a status of its own" $? 14
says "and names what it leaves out" 'table "public.orders" is lost'
psql -X -q -o "$T/psql" part <"$T/script" 2>"$T/err"
is "psql succeeds" $? 0
says "the foreign key that misses rows is told of" \
    'left out: .*lines_of_order_fkey'
is "intact tables are whole, the other is empty" "$(psql -X -A -t part -c \
    "SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM orders),
    (SELECT count(*) FROM lines)")" '20000|0|30000'
is "other constraints are there" "$(psql -X -A -t part -c "SELECT count(*)
    FROM pg_constraint WHERE conname IN ('customers_pkey', 'orders_pkey',
    'orders_customer_fkey')")" 3
head -c 100000 "$T/script" >"$T/cut"
createdb -T template0 cut
psql -X -q -o "$T/psql" cut <"$T/cut" 2>"$T/err"
is "cut, it fails" $? 3
is "and changes nothing" "$(psql -X -A -t cut -c "SELECT count(*)
    FROM pg_class WHERE relname = 'orders'")" 0
dropdb part
expect 0 "a partial restore of a whole snapshot is a restore" \
    "$SNAP" restore --partial "$first"

# ---- salvage
expect 3 "what is lost is listed" "$SNAP" repair snapshots --json
is "for both snapshots" "$(json snapshot | sort -u | wc -l | tr -d ' ')" 2
expect 3 "a salvaged snapshot is made" "$SNAP" repair snapshots --write \
    "$whole" --json
salvaged=$(json salvaged)
expect 3 "but once" "$SNAP" repair snapshots --write "$whole"
says "and not twice" 'was salvaged before'
expect 0 "snapshots" "$SNAP" snapshots
grep -q "^$(echo "$salvaged" | cut -c 1-8).*(salvaged)" "$T/out" &&
    ok "it is listed as what it is" || not_ok "it is listed as what it is"
expect 13 "latest is not the salvaged one" "$SNAP" restore latest
expect 13 "which is restored only if it is known to be one" \
    "$SNAP" restore "$salvaged"
createdb -T template0 part
"$SNAP" restore --partial "$salvaged" >"$T/script" 2>"$T/err"
is "then it is" $? 14
says "with what it lacks" 'public.orders" was lost'
psql -X -q -o "$T/psql" part <"$T/script" 2>"$T/err"
is "and psql succeeds" $? 0
is "with the intact tables" "$(psql -X -A -t part -c "SELECT (SELECT count(*)
    FROM customers), (SELECT count(*) FROM lines)")" '20000|30000'
dropdb part

# ---- repair: what is damaged is stored anew by the next backup
expect 3 "repair packs says that something is lost" "$SNAP" repair packs \
    "$orders" --json
is "and condemns one pack" "$(sed -n 's/.*"condemned": \([0-9]*\).*/\1/p' \
    "$T/out")" 1
psql -X -q shop -c "UPDATE customers SET name = 'x' WHERE id = 1"
dump shop >"$T/dump.2"
backup shop
comes_back "the next backup" "$id" "$T/dump.2"
expect 13 "the old ones are still damaged" "$SNAP" check --read-data
expect 0 "till packs are repaired once more" "$SNAP" repair packs
says "by what the backup stored" 'were made again'
comes_back "the old snapshot" "$whole" "$T/dump.1"
expect 0 "an owner finds all repaired" "$SNAP" repair snapshots
says "all of it" 'no snapshot lacks anything'

# ---- packs that are gone
place_drop repo "$(sed -n 1p "$T/packs.lines")"
expect 13 "packs that are gone are found without reading data" "$SNAP" check
expect 0 "check's JSON" sh -c "'$SNAP' check --json || true"
# The digests of that backup may lie beside its rows.
json name | sort -u | grep -vx digests >"$T/names"
is "with the tables" "$(cat "$T/names")" public.lines
backup shop
comes_back "a backup after that" "$id" "$T/dump.2"
# The digests of that state lay there as well: it has to come back once more.
createdb -T template0 once
psql -X -q -o "$T/psql" once <"$T/dump.1"
expect 0 "and one of the state before" "$SNAP" backup once
dropdb once
expect 0 "and a repair" "$SNAP" repair packs
comes_back "bring the old back" "$whole" "$T/dump.1"


# ---- nothing needs the damaged pack any more
expect 13 "check still names it" "$SNAP" check --read-data
expect 0 "till prune takes it" "$SNAP" prune --grace 0 --i-am-alone --yes
is "and it is gone" "$(place_names repo "$orders" 2>"$T/find")" ''
expect 0 "then nothing is damaged" "$SNAP" check --read-data
comes_back "the old snapshot after prune" "$whole" "$T/dump.1"
comes_back "the new snapshot after prune" "$id" "$T/dump.2"
"$SNAP" snapshots | grep -q '(salvaged)' &&
    ok "the salvaged one was not in its way" ||
    not_ok "the salvaged one was not in its way"

# ---- what is said of data: recipes, manifests, directories, index
for pack in $(place_names repo meta/); do
	flip "$pack" 200
done
expect 13 "damaged meta packs" "$SNAP" check --no-cache
"$SNAP" --no-cache repair packs >"$T/out" 2>"$T/err"
is "are repaired as far as can be" "$?" 3
backup shop
comes_back "a backup with all that damaged" "$id" "$T/dump.2"
place_drop repo index/
expect 0 "without an index: repair index" "$SNAP" repair index
comes_back "and restore" "$id" "$T/dump.2"
done_testing
