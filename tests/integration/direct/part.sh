# SPDX-License-Identifier: PostgreSQL
# part.sh - a part of a snapshot straight into a database that is in use: what
# was lost is back, what is there stays or stops it before anything changes.
. "$(dirname "$0")/direct.sh"
pg_start || exit 1
init
sql -c 'CREATE ROLE keeper' postgres
createdb hashed
sql hashed <<'SQL' || not_ok "load a table that is hashed by an enum"
CREATE TYPE state AS ENUM ('a', 'b', 'c', 'd', 'e', 'f');
CREATE TABLE hashed (s state) PARTITION BY HASH (s);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO hashed SELECT s FROM unnest(enum_range(NULL::state)) s,
  generate_series(1, 50);
SQL
expect 0 "backup" "$SNAP" backup hashed
createdb live
sql live >"$T/psql" <<'SQL' || not_ok "load the sample"
SET client_min_messages = error;
CREATE EXTENSION hstore;
CREATE SCHEMA sales; COMMENT ON SCHEMA sales IS 'in the snapshot';
CREATE TYPE sales.state AS ENUM ('new', 'it''s, paid');
CREATE DOMAIN sales.price AS numeric CHECK (VALUE >= 0);
CREATE FUNCTION sales.touch() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN RETURN NEW; END';
CREATE FUNCTION sales."half (" (a numeric, "b, c" sales.state) RETURNS numeric
  LANGUAGE sql IMMUTABLE AS 'SELECT a / 2';
CREATE TABLE customers (id serial PRIMARY KEY, name text NOT NULL, more hstore);
INSERT INTO customers (name) SELECT 'c' || i FROM generate_series(1, 300) i;
CREATE TABLE parts (id int PRIMARY KEY);
INSERT INTO parts SELECT generate_series(0, 9);
CREATE TABLE sales."Odd ""order""" (id serial PRIMARY KEY,
  n int GENERATED ALWAYS AS IDENTITY UNIQUE, state sales.state DEFAULT 'new',
  total sales.price, part int CONSTRAINT of_part REFERENCES parts, half numeric GENERATED ALWAYS AS
  (sales."half ("(total, 'new')) STORED, CHECK (total < 1e6));
INSERT INTO sales."Odd ""order""" (total, part)
  SELECT i * 0.25, i % 10 FROM generate_series(1, 3000) i;
CREATE INDEX by_total ON sales."Odd ""order""" (total) WHERE state = 'new';
CREATE TRIGGER touched BEFORE UPDATE ON sales."Odd ""order""" FOR EACH ROW
  EXECUTE FUNCTION sales.touch();
CREATE POLICY own ON sales."Odd ""order""" USING (total > 0);
ALTER TABLE sales."Odd ""order""" OWNER TO keeper;
GRANT SELECT (id) ON sales."Odd ""order""" TO PUBLIC;
COMMENT ON CONSTRAINT of_part ON sales."Odd ""order""" IS 'what';
COMMENT ON COLUMN sales."Odd ""order""".total IS 'gross';
CREATE TABLE logs (day int, what text) PARTITION BY RANGE (day);
CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (0) TO (10);
CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM (10) TO (20);
CREATE INDEX ON logs (day);
INSERT INTO logs SELECT i % 20, md5(i::text) FROM generate_series(1, 2000) i;
CREATE VIEW recent AS SELECT * FROM logs WHERE day > 15;
SELECT lo_from_bytea(4711, 'large');
SQL
expect 0 "backup" "$SNAP" backup live
dump live >"$T/before"
odd='sales."Odd ""order"""'
lost='-t sales.?dd*'

# ---- one lost table
for j in 1 3; do
	sql -c "DROP TABLE $odd" live
	# shellcheck disable=SC2086
	expect 0 "-j $j: a lost table" direct live $lost -j "$j"
	dump live >"$T/after"
	same "-j $j: the database is as it was" "$T/before" "$T/after"
	says "-j $j: what it needs stays as it is" \
	    'left as the target has it: .*type sales.state.*function sales'
	says "-j $j: the report counts the part" ': 1 table, 3000 rows, 0 large'
done
says_not "nothing is left out" 'left out'
# A foreign key that the rows do not fit any more keeps nothing else away.
sql -c "DROP TABLE $odd; DELETE FROM parts WHERE id = 7" live
# shellcheck disable=SC2086
expect 1 "what it refers to has changed" direct live $lost -j 2
says "the foreign key is named" 'warning: ALTER TABLE .*of_part.*foreign key'
is "the rows are there" "$(ask live "SELECT count(*) FROM $odd")" 3000
sql -c 'TRUNCATE parts; INSERT INTO parts SELECT generate_series(0, 9)' live
# shellcheck disable=SC2086
expect 0 "begun again as it was told" direct live $lost --clean
dump live >"$T/after"
same "it is as it was" "$T/before" "$T/after"
# What it needs is made where it is not.
sql -c "DROP TABLE $odd; DROP TYPE sales.state CASCADE;
    COMMENT ON SCHEMA sales IS 'of now'" live >"$T/psql" 2>&1
# shellcheck disable=SC2086
expect 0 "with a type that is lost too" direct live $lost
sql -c "COMMENT ON SCHEMA sales IS 'in the snapshot'" live
dump live >"$T/after"
same "both are back, and the schema stayed" "$T/before" "$T/after"
createdb -T template0 other
createdb -T template0 fresh
# shellcheck disable=SC2086
expect 0 "into an empty database" direct fresh $lost --json
is "it is told as a part" "$(tr -d ' \n' <"$T/out" | grep -o \
    '"part":true,"kept":[0-9]*')" '"part":true,"kept":0'
says "a foreign key to nothing is left out" 'of_part is left out: it refers to'
is "all that it needs came along" "$(ask fresh "SELECT count(*) FROM $odd")" \
    3000
# Rows that are routed by way of a table that does not come.
for t in hashed_0 hashed_1; do
	expect 0 "a partition alone: $t" "$SNAP" restore latest:hashed \
	    --dbname=fresh -t $t
	is "has its rows" "$(ask fresh "SELECT count(*) FROM $t")" \
	    "$(ask hashed "SELECT count(*) FROM $t")"
done

# The first definition that fails takes all others with it.
createdb -T template0 veto
sql veto <<'SQL'
CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE 'no table today'; END $$;
CREATE EVENT TRIGGER no ON ddl_command_start WHEN TAG IN ('CREATE TABLE')
  EXECUTE FUNCTION no();
SQL
# shellcheck disable=SC2086
expect 1 "a definition that fails" direct veto $lost
says "nothing was changed" 'nothing was changed'
is "not even a type" "$(ask veto "SELECT to_regtype('sales.state') IS NULL")" t

# ---- what is there
# shellcheck disable=SC2086
expect 1 "a table that is there is refused" direct live $lost --json
says "it is named with its parts" 'detail: It has table sales.Odd "order"'
says "and what helps" 'hint: .*--clean'
says "nothing was changed" 'nothing was changed'
is "so says JSON" "$(tr -d ' \n' <"$T/out" | grep -o \
    '"untouched":true,"phase":"check"')" '"untouched":true,"phase":"check"'
dump live >"$T/after"
same "and nothing was" "$T/before" "$T/after"
# Its indexes would be in the way only when all rows are there.
sql -c "ALTER TABLE $odd RENAME TO kept" live
# shellcheck disable=SC2086
expect 1 "so is a part that is there" direct live $lost
says "by its name" 'It has sequence .*by_total'
sql -c "ALTER TABLE sales.kept RENAME TO \"Odd \"\"order\"\"\"" live
sql -c "DELETE FROM $odd WHERE id % 3 = 0; ALTER TABLE $odd DROP total CASCADE;
    ALTER TABLE $odd ALTER state DROP DEFAULT" live 2>"$T/err"
# shellcheck disable=SC2086
expect 0 "--clean drops what was chosen" direct live $lost --clean -j 2
dump live >"$T/after"
same "and nothing else" "$T/before" "$T/after"
sql -c "CREATE VIEW uses AS SELECT id FROM $odd" live
dump live >"$T/mine"
# shellcheck disable=SC2086
expect 1 "what cannot be dropped stops it" direct live $lost --clean
says "with nothing changed" 'nothing was changed'
dump live >"$T/after"
same "not even an index" "$T/mine" "$T/after"
sql -c 'DROP VIEW uses' live

# ---- rows alone, definitions alone
sql -c "TRUNCATE customers; ALTER SEQUENCE customers_id_seq RESTART" live
expect 0 "rows into the table that is there" direct live --data-only \
    -t customers
dump live >"$T/after"
same "are the lost ones" "$T/before" "$T/after"
sql -c 'TRUNCATE logs' live
expect 0 "also of partitions" direct live --data-only -t logs -j 2
dump live >"$T/after"
same "each in its own" "$T/before" "$T/after"
sql -c 'DROP TABLE customers' live
dump live >"$T/mine"
expect 1 "a table that is not there cannot be filled" direct live -a \
    -t customers -t logs
says "it is named" 'It has no table public.customers, sequence'
dump live >"$T/after"
same "and nothing was filled" "$T/mine" "$T/after"
expect 0 "definitions alone" direct live --schema-only -t customers
is "have no rows" "$(ask live 'SELECT count(*) FROM customers')" 0
sql -c 'TRUNCATE logs; ALTER TABLE logs ADD CHECK (day <> 12)' live
expect 1 "rows that the server refuses" direct live -a -t customers -t logs
says "are no whole restore" 'the target is incomplete: .* loading rows'
says "those that lack them are named" '1 of 3 tables lack rows: public.logs_2'
says "and what to do" 'hint: What was loaded stays'
sql -c 'TRUNCATE logs; DROP TABLE customers' live

# ---- choices of the whole
createdb -T template0 some
expect 0 "all but some rows, -j 3" direct some --exclude-table-data='logs*' \
    -j 3
dump --exclude-table-data='logs*' some >"$T/1"
"$SNAP" restore latest --exclude-table-data='logs*' 2>"$T/err" >"$T/script"
createdb -T template0 piped
psql -X -q -o "$T/psql" piped <"$T/script" 2>"$T/err"
dump --exclude-table-data='logs*' piped >"$T/2"
same "is what the pipe makes" "$T/1" "$T/2"
is "without these" "$(ask some 'SELECT count(*) FROM logs')" 0
is "with large objects" "$(ask some 'SELECT lo_get(4711)')" '\x6c61726765'
for s in pre-data data post-data; do
	expect 0 "--section=$s" direct other --section=$s
done
dump other >"$T/1"
same "all sections are the whole" "$T/1" "$T/before"
expect 1 "--create makes no database that is there" direct postgres \
    --create -N sales
sql -c 'ALTER DATABASE live RENAME TO was' postgres
expect 0 "--create takes a part" direct postgres --create -N sales
is "of that name" "$(ask live 'SELECT count(*) FROM customers')" 300
is "and no more" "$(ask live "SELECT to_regnamespace('sales') IS NULL")" t
for bad in '-a --create' '--section=data --clean' '-a -s' '--backup-first' \
    '-t none' '-t (('; do
	# shellcheck disable=SC2086
	expect 2 "contradicts itself: $bad" direct was $bad
done
done_testing
