# SPDX-License-Identifier: PostgreSQL
# verify.sh - a snapshot of whatever a database can hold verifies; one wrong
# row, a row that is missing, a wrong sequence and a wrong large object are
# found and named; and the scratch database is gone in any case.
. "$(dirname "$0")/../direct/direct.sh"
pg_start max_locks_per_transaction=256 wal_level=logical \
    allow_in_place_tablespaces=on || exit 1
init
verify() {
	"$SNAP" verify -d postgres "$@"
}
nothing_left() {
	is "$1: the scratch database is gone" "$(ask postgres "SELECT count(*)
	    FROM pg_database WHERE datname ~ '_verify_'")" 0
}

# ---- what is right
sql -c 'CREATE ROLE keeper' postgres
createdb zoo
sql -f "$SRC/tests/pgsource/zoo.sql" zoo >/dev/null || exit 1
sql -c "CREATE DATABASE latin ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'
    TEMPLATE template0" postgres
sql latin >"$T/psql" <<'SQL' || not_ok "make a database"
SET client_encoding = 'UTF8';
CREATE TABLE words (w text, "ü" int);
INSERT INTO words VALUES ('äöü', 1), (E'a\nb\tc\\', 2), (NULL, 3);
CREATE TYPE e AS ENUM ('x', 'y', 'z');
CREATE TABLE h (k e, v int) PARTITION BY HASH (k);
CREATE TABLE h0 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE h1 PARTITION OF h FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO h SELECT (ARRAY['x', 'y', 'z'])[1 + i % 3]::e, i
  FROM generate_series(1, 1000) i;
-- below one root: rows that are routed again, and rows that are not
CREATE TABLE r (k e, v int) PARTITION BY LIST (v);
CREATE TABLE r1 PARTITION OF r FOR VALUES IN (1);
CREATE TABLE r2 PARTITION OF r FOR VALUES IN (2) PARTITION BY HASH (k);
CREATE TABLE r2a (v int, k e);
ALTER TABLE r2 ATTACH PARTITION r2a FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE r2b PARTITION OF r2 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO r SELECT (ARRAY['x', 'y', 'z'])[1 + i % 3]::e, 1 + i % 2
  FROM generate_series(1, 100) i;
CREATE TABLE none ();
INSERT INTO none SELECT FROM generate_series(1, 5);
CREATE TABLE gen (a int GENERATED ALWAYS AS IDENTITY, b int,
  c int GENERATED ALWAYS AS (b * 2) STORED, f float8 DEFAULT random());
INSERT INTO gen (b) SELECT i FROM generate_series(1, 100) i;
CREATE TABLE parent (a int); CREATE TABLE child (b int) INHERITS (parent);
INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 2);
CREATE SEQUENCE "it's \ odd" INCREMENT -1;
SELECT nextval('"it''s \ odd"') FROM generate_series(1, 3);
SELECT lo_from_bytea(4711, 'hello'), lo_create(4712),
  lo_from_bytea(4713, decode(repeat('00ff', 300000), 'hex'));
CREATE PUBLICATION p FOR ALL TABLES;
ALTER DATABASE latin SET DateStyle = 'German';
SQL
for db in zoo latin; do
	expect 0 "$db: backup" "$SNAP" backup -j 2 "$db"
	for j in 1 3; do
		expect 0 "$db: verify -j $j" verify -j "$j" "latest:$db"
	done
done
says "it says what it compared" 'tables: 8, rows: 1210, sequences: 2, large objects: 3'
nothing_left "all is well"
"$SNAP" snapshots >"$T/out"
is "a listing says when" "$(grep -c ' minutes* ago' "$T/out")" 2
"$SNAP" snapshots --json >"$T/out"
is "and JSON says it" "$(grep -c '"good": true' "$T/out")" 2
expect 0 "of an older snapshot, without digests, what is stored counts" \
    env WRONG=digests "$SNAP_WRONGFUL" backup latin
expect 0 "verify it" verify latest
says "and that is said" 'recorded no digests'
says "of as much" 'tables: 8, rows: 1210, sequences: 2, large objects: 3'

# ---- what is wrong
createdb shop
sql shop >"$T/psql" <<'SQL' || not_ok "make a shop"
CREATE TABLE orders (id int PRIMARY KEY, customer text, n int);
INSERT INTO orders SELECT i, 'name ' || i, 5 FROM generate_series(1, 1000) i;
CREATE TABLE items (id int REFERENCES orders, n int);
INSERT INTO items SELECT i, 7 FROM generate_series(1, 1000) i;
CREATE SEQUENCE numbers; SELECT nextval('numbers') FROM generate_series(1, 8);
SELECT lo_from_bytea(4711, 'hello'), lo_from_bytea(4712, 'others');
SQL
# wrong TEXT WHAT NAME PATTERN...: it is found, and nothing else is.
wrong() {
	it=$1
	WRONG=$2 WRONG_NAME=$3 "$SNAP_WRONGFUL" backup shop 2>"$T/err" ||
	    not_ok "$it: backup"
	shift 3
	expect 13 "$it is found" verify
	says "$it is named" "warning: $1"
	is "$it: nothing else is" "$(grep -c 'warning:' "$T/err")" 1
	nothing_left "$it"
}
wrong "a wrong row" row public.items \
    'table public.items: its 1000 rows are not those that were recorded'
wrong "a row that is missing" missing public.items \
    'table public.items: has 999 rows, 1000 were recorded'
wrong "a wrong sequence" sequence '' \
    'sequence public.numbers: is at 1, called; 8, called, was recorded'
wrong "a wrong large object" object 0000004711 \
    'large object 0000004711: its 5 bytes are not'
"$SNAP" snapshots >"$T/out"
is "a listing says that it failed" "$(grep -c 'FAILED .* ago' "$T/out")" 4
# Its foreign key has nothing to refer to: a definition fails as well.
WRONG=missing WRONG_NAME=public.orders "$SNAP_WRONGFUL" backup shop 2>"$T/err"
expect 13 "a row that others refer to" verify --json
says "is missing where it was" 'table public.orders: has 999 rows, 1000 were'
is "JSON names it" "$(grep -c '"name": "public.orders"' "$T/out")" 1
nothing_left "a definition that fails"

# ---- what the user says
expect 0 "backup" "$SNAP" backup shop
echo "SELECT 'many', count(*) > 10 FROM orders; SELECT true;" >"$T/true.sql"
echo "SELECT 'few', count(*) < 10 FROM orders;" >"$T/false.sql"
echo "SELECT max(n) > 1 FROM orders WHERE id < 0;" >"$T/null.sql"
echo "SELECT 1 / 0;" >"$T/error.sql"
expect 0 "what is true" verify --assert "$T/true.sql"
says "is counted" 'assertions: 2'
for f in false null error; do
	expect 13 "an assertion: $f" verify --assert "$T/true.sql" \
	    --assert "$T/$f.sql"
	says "is named: $f" "assertion .*/$f.sql: "
done
nothing_left "assertions"
expect 2 "a file that is not there" verify --assert "$T/none.sql"
expect 2 "no server" "$SNAP" verify
expect 2 "a server that is not there" "$SNAP" verify -d postgres -h "$T"
"$SNAP" backup --name raw -- echo x 2>/dev/null
expect 2 "no database" verify latest:raw
expect 0 "without a name the newest of a database" "$SNAP" verify -d postgres
says "which is told" 'the newest snapshot is of no database: this is of "shop"'
nothing_left "the newest of a database"

# ---- whatever happens
echo 'SELECT pg_sleep(86400)' >"$T/sleep.sql"
start "$SNAP" verify -d postgres latest:shop --assert "$T/sleep.sql"
until_query 'pg_sleep.86400'
kill -TERM "$pid"
finish
is "a signal ends it" "$status" 143
nothing_left "a signal"
sql -c 'CREATE ROLE gone' shop
sql -c 'ALTER TABLE orders OWNER TO gone' shop
expect 0 "backup" "$SNAP" backup shop
sql -c 'ALTER TABLE orders OWNER TO postgres; DROP ROLE gone' shop
expect 1 "a role that is not there is no verdict" verify
nothing_left "a restore that fails"
"$SNAP" snapshots shop >"$T/out"
is "none is recorded" "$(tail -n 1 "$T/out" | grep -c ago)" 0
expect 0 "--no-owner does without" verify --no-owner

# ---- and what status makes of it
"$SNAP" status --json --check shop >"$T/out"
is "it knows when one was good" "$(grep -c '"verified": "20' "$T/out")" 1
expect 0 "all is well" "$SNAP" status --max-age 1h --max-verify-age 1h shop
sql -c 'CREATE TABLE more (i int); DROP TABLE items' shop
expect 0 "a backup without a table" "$SNAP" backup shop
expect 1 "is a warning" "$SNAP" status --check shop
grep -q 'WARNING - shop: 1 table of the one before is gone: public.items |' "$T/out" &&
    ok "which names it" || not_ok "which names it"
expect 0 "the next backup" "$SNAP" backup shop
expect 0 "is like that" "$SNAP" status --check shop
expect 0 "one that stores something else" \
    env WRONG=row WRONG_NAME=public.orders "$SNAP_WRONGFUL" backup shop
expect 13 "is found" verify --no-owner
expect 2 "and critical" "$SNAP" status --check shop
grep -q 'CRITICAL - shop: verify found differences' "$T/out" &&
    ok "which is said" || not_ok "which is said"
"$SNAP" -q status --prometheus "$T/m.prom" >/dev/null 2>&1
is "in metrics, too" "$(grep -c '^snap_verify_failed.*"shop".* 1$' "$T/m.prom")" 1
awk -f "$SRC/tests/integration/status/metrics.awk" "$T/m.prom" &&
    ok "which are well-formed" || not_ok "which are well-formed"
echo "\\! kill -QUIT $(head -n 1 "$PG_DIR/data/postmaster.pid")" >"$T/stop.sql"
echo 'SELECT pg_sleep(86400)' >>"$T/stop.sql"
expect 1 "a server that goes away" verify --no-owner --assert "$T/stop.sql"
says "how to drop it is said" 'hint: DROP DATABASE snap_verify_[0-9a-f]*;'
done_testing
