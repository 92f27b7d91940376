# SPDX-License-Identifier: PostgreSQL
# spine.sh - the main job: a live database goes in, changes, goes in again for
# little, and comes back through psql as it was.
. "$(dirname "$0")/lib.sh"
pg_start || exit 1
init

# restored TEXT DATABASE SNAPSHOT [PLAIN]: restore into a new database and
# compare it with DATABASE, or by its sorted lines with PLAIN.
# Each time another one: a database with a subscription cannot be dropped.
n_restored=0
restored() {
	n_restored=$((n_restored + 1))
	target=restored$n_restored
	createdb -T template0 "$target"
	"$SNAP" restore "$3" 2>"$T/err" |
	    psql -X -q -o "$T/psql" "$target" 2>>"$T/err"
	[ $? = 0 ] && ok "$1: psql succeeds" || not_ok "$1: psql succeeds"
	if [ $# = 4 ]; then
		dump "$4" | sort >"$T/a"
		dump "$target" | sort >"$T/b"
	else
		dump "$2" >"$T/a"
		dump "$target" >"$T/b"
	fi
	same "$1: the dumps are equal" "$T/a" "$T/b"
	cmp -s "$T/a" "$T/b" || diff "$T/a" "$T/b" | head -n 20
}

createdb shop
psql -X -q -o "$T/psql" shop <<'SQL' || not_ok "load the sample"
CREATE SCHEMA "we ""ird";
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE customers (id serial PRIMARY KEY, name text NOT NULL, m mood);
CREATE TABLE orders (id bigserial PRIMARY KEY, customer int
    REFERENCES customers, note text, at timestamptz DEFAULT 'epoch');
CREATE TABLE "we ""ird"."new
line \! touch x" ("a\b" text, "c'd" int DEFAULT 7);
CREATE TABLE nothing ();
INSERT INTO nothing SELECT FROM generate_series(1, 3);
INSERT INTO customers (name, m) SELECT md5(i::text), 'good'
    FROM generate_series(1, 5000) i;
INSERT INTO orders (customer, note) SELECT 1 + i % 5000,
    md5(i::text) || md5((i + 1)::text) FROM generate_series(1, 200000) i;
INSERT INTO "we ""ird"."new
line \! touch x" VALUES (E'tab\there\\.\nnew', 1), (NULL, NULL), ('\.', 2);
CREATE INDEX ON orders (customer);
CREATE VIEW busy AS SELECT customer, count(*) FROM orders GROUP BY 1;
SELECT lo_from_bytea(4711, '\x00ff00ff0a5c2e');
COMMENT ON TABLE orders IS 'what was -- bought; \! touch x';
SQL
expect 0 "the first backup" "$SNAP" backup -d shop
first=$(store_size)
restored "first" shop latest:shop

expect 0 "an unchanged database" "$SNAP" backup shop
grown=$(($(store_size) - first))
[ "$grown" -lt 65536 ] && ok "adds less than 64 KiB ($grown)" ||
    not_ok "adds less than 64 KiB ($grown)"

before=$(store_size)
psql -X -q shop -c "UPDATE orders SET note = md5(note) WHERE id % 200 = 0" \
    -c "INSERT INTO customers (name) VALUES ('new')"
expect 0 "a backup after changes with two connections" \
    "$SNAP" backup -d shop -j 2
grown=$(($(store_size) - before))
[ "$grown" -lt $((first / 4)) ] &&
    ok "stores little ($grown of $first bytes)" ||
    not_ok "stores little ($grown of $first bytes)"
restored "changed" shop latest
restored "parallel" shop latest:shop
is "three snapshots" "$(n_snapshots)" 3
[ ! -e x ] && ok "no name was run as a command" ||
    not_ok "no name was run as a command"

expect 0 "ls" "$SNAP" ls latest
grep -q 'table *200000 ' "$T/out" && ok "ls counts rows" ||
    not_ok "ls counts rows"
psql -X -q postgres -c 'CREATE ROLE clerk'
createdb -O clerk -T template0 -E LATIN1 -l C office
psql -X -q office -c 'ALTER DATABASE office SET work_mem = 12345'
expect 0 "a database with an owner and settings" "$SNAP" backup -d office
dropdb office
psql -X -q postgres -c 'DROP ROLE clerk'
expect 0 "globals" "$SNAP" restore --globals latest
grep -q '^:snap_r$' "$T/out" && ok "are restricted" || not_ok "are restricted"
psql -X -q -o "$T/psql" postgres <"$T/out" 2>"$T/err"
is "psql reads them though a role of them is there" $? 0
says "which it tells" 'already exists'
expect 0 "properties" "$SNAP" restore --properties latest
grep -q '^:snap_r$' "$T/out" && ok "are restricted, too" ||
    not_ok "are restricted, too"
cp "$T/out" "$T/properties"
psql -X -q -o "$T/psql" postgres <"$T/properties" 2>"$T/err"
is "psql makes the database of them" $? 0
is "with owner, encoding and settings" "$(psql -X -A -t -d office -c "SELECT
    pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate,
    current_setting('work_mem') FROM pg_database
    WHERE datname = 'office'")" 'clerk|LATIN1|C|12345kB'
psql -X -q -o "$T/psql" postgres <"$T/properties" 2>"$T/err"
is "but not twice" $? 3
sed '$d' "$T/properties" | sed 's/ office / office2 /' |
    psql -X -q -o "$T/psql" postgres 2>"$T/err"
is "a script that was cut is an error" $? 3
expect 0 "the rest of it" "$SNAP" restore latest:office
psql -X -q -o "$T/psql" office <"$T/out" 2>"$T/err"
is "goes into it" $? 0
expect 0 "a script without a transaction" \
    "$SNAP" restore --no-transaction latest
("$SNAP" restore latest:shop; echo $? >"$T/status") 2>"$T/err" |
    head -c 10 >/dev/null
is "| head makes a restore fail" "$(cat "$T/status")" 1
is "quietly" "$(wc -c <"$T/err" | tr -d ' ')" 0
expect 0 "check" "$SNAP" check --read-data

# An option that selects.
expect 0 "one table" "$SNAP" backup -d shop -T 'x y' -t customers --tag part \
    -t customers --json
part=$(sed -n 's/.*"id": "\([0-9a-f]*\)".*/\1/p' "$T/out")
grep -qF -e "\"selection\": \"--table=customers --exclude-table='x y'\"" \
    "$T/out" && ok "the snapshot says what was chosen" ||
    not_ok "the snapshot says what was chosen"
expect 0 "is all there is" "$SNAP" ls "$part"
says "which is told" 'a part of "shop" only \(--table=customers'
grep -q orders "$T/out" && not_ok "no other table" || ok "no other table"
expect 0 "a list" "$SNAP" snapshots
is "marks it, and nothing else" "$(grep -c 'shop (partial)' "$T/out")" 1
restored "behind a part of it, the newest whole one" shop latest:shop
says "with a word about the newer one" \
    'warning: the newer snapshot .* is passed over.*--table=customers'
createdb parts
psql -X -q parts -c 'CREATE TABLE a ()' -c 'CREATE TABLE b ()'
expect 0 "a part of what was never backed up" "$SNAP" backup -d parts -t a
expect 0 "is the latest" "$SNAP" restore latest:parts
says "with a warning" 'warning: no snapshot is complete.*--table=a'

createdb void
expect 0 "an empty database" "$SNAP" backup -d void
restored "empty" void latest:void

# The databases that the caller brings.  What is compared is what pg_dump |
# psql makes of them, without the order of lines: settings of the database
# are not part of it, and rows of partitions hashed by an enum move.
for f in "${SNAP_TEST_DUMPS:-/nonexistent}"/*.sql \
    "${SNAP_TEST_DUMPS:-/nonexistent}"/*.dump; do
	[ -e "$f" ] || continue
	name=$(basename "$f")
	case $name in *.globals.sql) continue ;; esac
	if [ -e "${f%.*}.globals.sql" ]; then
		psql -X -q -d postgres -f "${f%.*}.globals.sql" \
		    >/dev/null 2>&1
	fi
	given=given$n_restored
	createdb -T template0 "$given"
	case $name in
	*.sql) psql -X -q -d "$given" -f "$f" >/dev/null 2>&1 ;;
	*) pg_restore -d "$given" "$f" >/dev/null 2>&1 ;;
	esac
	"$SNAP" backup -d "$given" -j 2 >/dev/null 2>"$T/err"
	case $? in
	0 | 3) ok "$name: backup" ;;
	*) not_ok "$name: backup" ;;
	esac
	createdb -T template0 "plain$n_restored"
	pg_dump "$given" | psql -X -q "plain$n_restored" >/dev/null 2>&1
	restored "$name" "$given" "latest:$given" "plain$n_restored"
done
done_testing
