# SPDX-License-Identifier: PostgreSQL
# part.sh - what a choice of schemas, tables, sections and kinds of data brings
# back, what it costs, and that its script keeps the promises of the whole one.
. "$(dirname "$0")/../lib.sh"
pg_start || exit 1
init

psql -X -q <<'SQL' || not_ok "roles"
CREATE ROLE keeper;
SQL
createdb -T template0 shop
psql -X -q -o "$T/psql" shop <<'SQL' 2>"$T/err" || not_ok "load the sample"
\set ON_ERROR_STOP on
SET client_min_messages = error;
CREATE SCHEMA sales; CREATE SCHEMA logs; CREATE EXTENSION hstore;
CREATE TYPE sales.state AS ENUM ('new', 'paid');
CREATE TABLE customers (id serial PRIMARY KEY, name text NOT NULL, more hstore);
INSERT INTO customers (name) SELECT 'c' || i FROM generate_series(1, 500) i;
CREATE TABLE sales.orders (id int PRIMARY KEY, customer int NOT NULL
  REFERENCES customers, state sales.state DEFAULT 'new', total numeric);
INSERT INTO sales.orders SELECT i, 1 + i % 500, 'paid', i * 1.5
  FROM generate_series(1, 2000) i;
CREATE INDEX by_customer ON sales.orders (customer) WHERE state = 'new';
CREATE TABLE logs.visits (at timestamptz, what text);
INSERT INTO logs.visits SELECT now(), md5(i::text) || md5((-i)::text)
  FROM generate_series(1, 400000) i;
CREATE VIEW sales.open AS SELECT * FROM sales.orders WHERE state = 'new';
CREATE MATERIALIZED VIEW sales.sums AS
  SELECT customer, sum(total) FROM sales.orders GROUP BY 1;
CREATE VIEW logs.last AS SELECT max(at) FROM logs.visits;
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN RETURN NEW; END';
CREATE TRIGGER audited AFTER UPDATE ON sales.orders FOR EACH ROW
  EXECUTE FUNCTION audit();
ALTER TABLE sales.orders OWNER TO keeper; GRANT SELECT ON customers TO keeper;
GRANT USAGE ON SCHEMA sales TO keeper; GRANT SELECT ON sales.sums TO PUBLIC;
SELECT lo_from_bytea(4711, 'large'); COMMENT ON LARGE OBJECT 4711 IS 'one';
CREATE PUBLICATION pub FOR TABLE customers;
SQL
expect 0 "backup" "$SNAP" backup -d shop
# A restore orders what pg_dump orders; compare with that.
createdb -T template0 whole
"$SNAP" restore latest 2>"$T/err" | psql -X -q -o "$T/psql" whole
is "the whole comes back" "$?" 0

# into DATABASE OPTION...: an empty one, or what `keep=1` leaves.
into() {
	db=$1
	shift
	[ -n "${keep:-}" ] || {
		dropdb --if-exists "$db" 2>"$T/psql"
		createdb -T template0 "$db"
	}
	"$SNAP" restore latest "$@" >"$T/script" 2>"$T/err"
	status=$?
	psql -X -q -o "$T/psql" "$db" <"$T/script" 2>>"$T/err"
	[ $? = 0 ] && [ "$status" = 0 ]
}
ask() { psql -X -A -t -d "$1" -c "$2"; }
there() { # DATABASE: its relations, with their rows
	ask "$1" "SELECT string_agg(relname || CASE WHEN relkind IN ('r', 'm')
	    AND relispopulated
	    THEN '=' || (xpath('//n/text()', query_to_xml(format(
	    'SELECT count(*) AS n FROM %I.%I', nspname, relname), true, true,
	    '')))[1]::text ELSE '' END, ' ' ORDER BY relname COLLATE \"C\")
	    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
	    WHERE relkind IN ('r', 'v', 'm', 'S') AND nspname !~ '^pg_'
	    AND nspname <> 'information_schema' AND NOT EXISTS (SELECT 1 FROM
	    pg_depend d WHERE objid = c.oid AND deptype = 'e')"
}

into t1 -t customers && ok "a table" || not_ok "a table"
is "with its sequence" "$(there t1)" "customers=500 customers_id_seq"
is "with its value" "$(ask t1 'SELECT last_value FROM customers_id_seq')" 500
is "and the extension of a column" \
    "$(ask t1 "SELECT count(*) FROM pg_extension WHERE extname = 'hstore'")" 1
is "and no large object" "$(ask t1 'SELECT count(*) FROM pg_largeobject')" 0
[ ! -s "$T/err" ] && ok "nothing to be told" || not_ok "nothing to be told"

into t1 -t sales.orders && ok "a table that refers" || not_ok "that refers"
is "alone" "$(there t1)" "orders=2000"
says "the foreign key is named" \
    'warning: foreign key sales.orders orders_customer_fkey is left out'
is "trigger, index, privilege are there" "$(ask t1 "SELECT
    (SELECT count(*) FROM pg_trigger WHERE tgname = 'audited') +
    (SELECT count(*) FROM pg_indexes WHERE schemaname = 'sales') +
    has_schema_privilege('keeper', 'sales', 'USAGE')::int")" 4

into t1 -n sales && ok "a schema" || not_ok "a schema"
is "all of it" "$(there t1)" "open orders=2000 sums=500"
dump -n sales whole >"$T/a"
dump -n sales t1 >"$T/b"
grep -v 'orders_customer_fkey' "$T/a" >"$T/a2"
is "but the foreign key out of it" \
    "$(diff "$T/a" "$T/b" | grep -c '^>')" 0
into t1 -n sales -t customers && is "a table beats a schema" \
    "$(there t1)" "customers=500 customers_id_seq"
into t1 -t 'sales.*' -t customers &&
    is "both sides of a foreign key" "$(ask t1 "SELECT count(*)
	FROM pg_constraint WHERE contype = 'f'")" 1
into t1 -t sales.sums && ok "a materialized view" || not_ok "a matview"
is "over a table that has no rows now" "$(there t1)" "orders=0 sums=0"
says "which is told" 'orders comes along without its rows'

into t1 -T 'logs.*' && ok "all but some tables" || not_ok "all but some"
is "and what needs them" "$(there t1)" \
    "customers=500 customers_id_seq open orders=2000 sums=500"
is "large objects as well" "$(ask t1 'SELECT count(*) FROM pg_largeobject')" 1
into t1 -N logs && ok "all but a schema" || not_ok "all but a schema"
dump -N logs whole >"$T/a"
dump t1 >"$T/b"
same "is what pg_dump would leave" "$T/a" "$T/b"
into t1 --exclude-table-data='logs.*' && ok "without rows" || not_ok "without"
is "but with the tables" "$(there t1)" \
    "customers=500 customers_id_seq last open orders=2000 sums=500 visits=0"

into t1 --section=pre-data && ok "pre-data" || not_ok "pre-data"
is "has tables" "$(there t1 | sed 's/=[0-9]*//g')" \
    "$(there whole | sed 's/=[0-9]*//g')"
keep=1
into t1 --section=data && ok "then data" || not_ok "then data"
into t1 --section=post-data && ok "then post-data" || not_ok "then post-data"
keep=
dump whole >"$T/a"
dump t1 >"$T/b"
same "are the whole" "$T/a" "$T/b"
into t1 --schema-only && ok "definitions alone" || not_ok "definitions alone"
dump -s whole >"$T/a"
dump -s t1 >"$T/b"
same "are pg_dump's" "$T/a" "$T/b"
keep=1
ask t1 'DROP TRIGGER audited ON sales.orders' >"$T/psql"
into t1 --data-only -t customers && ok "rows alone" || not_ok "rows alone"
into t1 --data-only -t sales.orders -t sales.sums && ok "in their order" ||
    not_ok "in their order"
is "fill what is there" "$(ask t1 'SELECT (SELECT count(*) FROM sales.orders),
    (SELECT count(*) FROM sales.sums), last_value FROM customers_id_seq')" \
    "2000|500|500"
dump t1 >"$T/b"
into t1 -t customers && not_ok "what is there already stops it" ||
    ok "what is there already stops it"
dump t1 >"$T/b2"
same "and stays as it is" "$T/b" "$T/b2"
ask t1 'DROP TABLE sales.orders CASCADE' >"$T/psql" 2>&1
into t1 --no-dependencies -t sales.orders && ok "a lost table among others" ||
    not_ok "a lost table among others"
keep=

"$SNAP" restore latest -O -x --no-tablespaces >"$T/script" 2>"$T/err"
is "no owner, no privileges" \
    "$(grep -cE '^(ALTER .* OWNER TO|GRANT|REVOKE)' "$T/script")" 0
is "but all the rest" "$(grep -cE '^(CREATE|COPY)' "$T/script")" \
    "$("$SNAP" restore latest 2>"$T/err" | grep -cE '^(CREATE|COPY)')"

# Names.
for bad in '-t none' '-T none' '-n none' '-N none' --exclude-table-data=none \
    '-t orders' '-t other.public.customers' '-t a.b.c.d' '-t ((' '-n a.b.c'; do
	# shellcheck disable=SC2086
	expect 2 "refused: $bad" "$SNAP" restore latest $bad
	grep -Fq "pattern ${bad##*[ =]}" "$T/err" && ok "by its name" ||
	    not_ok "$bad is not named"
	grep -q 'RAISE EXCEPTION' "$T/out" && ! grep -q COPY "$T/out" &&
	    ok "psql fails too" || not_ok "psql fails too"
done
"$SNAP" restore latest -t none 2>"$T/err" | psql -X -q t1 >"$T/psql" 2>&1
is "and psql fails too" "$?" 3
for bad in '-a -s' '--section=data -a' '--section=rows' '--globals -t x' \
    '--output=x -t x'; do
	# shellcheck disable=SC2086
	expect 2 "contradicts itself: $bad" "$SNAP" restore latest $bad
done
expect 0 "its own database in front" "$SNAP" restore latest -s \
    -t shop.public.customers

# Whose pg_restore.
expect 1 "no pg_restore" "$SNAP" restore latest -t customers \
    --pg-restore "$T/none"
says "is said, with what helps" 'hint: install postgresql-client'
printf '#!/bin/sh\necho "pg_restore (PostgreSQL) 12.1"\n' >"$T/old12"
chmod +x "$T/old12"
expect 1 "an old one" "$SNAP" restore latest -t customers \
    --pg-restore "$T/old12"
says "is named with both versions" 'newest pg_restore found is 12\.1'
says "and with what helps" 'hint: install postgresql-client'
expect 0 "the whole needs none" env PATH=/usr/bin:/bin "$SNAP" restore latest

# Only the blocks that are needed are read: the rows of a table of 1 % of all
# bytes, and what it costs to look at a snapshot at all.
received() { # OPTION...: kB
	"$SNAP" restore latest --no-cache --stats "$@" 2>"$T/err" >"$T/script"
	sed -n 's/.* up, \([0-9.]*\) \([a-zA-Z]*\) down$/\1 \2/p' "$T/err" |
	    awk '{ print int($1 * ($2 == "MB" ? 1024 : $2 == "kB" ? 1 : 0)) }'
}
requests() { sed -n 's/.* \([0-9]*\) get,.*/\1/p' "$T/err"; }
all=$(received)
all_requests=$(requests)
none=$(received --schema-only)
one=$(received -t sales.orders)
one_requests=$(requests)
echo "all $all kB in $all_requests requests, definitions $none kB," \
    "a table $one kB in $one_requests"
[ "$all" -gt 10000 ] && [ "$none" -lt $((all / 4)) ] &&
    [ "$one" -lt $((none + all / 8)) ] &&
    ok "a table costs what it takes" || not_ok "a table costs what it takes"
[ "$one_requests" -lt "$all_requests" ] &&
    ok "in requests as well" || not_ok "in requests as well"

# Damage in the rows of one table.
pack=$(find "$SNAP_REPOSITORY/data" -type f -exec ls -S {} + | head -n 1)
chmod u+w "$pack"
printf '\377\000\377\000' |
    dd of="$pack" bs=1 seek=$(($(wc -c <"$pack") / 2)) conv=notrunc 2>"$T/psql"
expect 13 "the whole is damaged" "$SNAP" restore latest
expect 0 "a table elsewhere is not" "$SNAP" restore latest -t customers
expect 13 "that one is" "$SNAP" restore latest -n logs
expect 14 "what is left of a part" "$SNAP" restore latest -n logs --partial
says "names the table" 'warning: table "logs.visits" is lost'
grep -q 'CREATE TABLE logs.visits' "$T/out" &&
    ! grep -q 'COPY logs.visits' "$T/out" && ok "has no rows of it" ||
    not_ok "has no rows of it"
expect 0 "of another part all" "$SNAP" restore latest -n sales --partial

# A script cut anywhere changes nothing.
dropdb t1
createdb -T template0 t1
dump t1 >"$T/a"
"$SNAP" restore latest -n sales >"$T/script" 2>"$T/err"
size=$(wc -c <"$T/script")
bad=0
for tenth in 1 2 3 4 5 6 7 8 9; do
	head -c $((size * tenth / 10)) "$T/script" |
	    psql -X -q -1 -o "$T/psql" t1 2>"$T/err" && bad=$((bad + 1))
done
# Its last lines are "COMMIT;" and "\endif".
head -c $((size - 16)) "$T/script" |
    psql -X -q -o "$T/psql" t1 2>"$T/err" && bad=$((bad + 1))
is "no cut of it is taken for all" "$bad" 0
dump t1 >"$T/b"
same "and the target is as it was" "$T/a" "$T/b"
done_testing
