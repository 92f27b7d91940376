# SPDX-License-Identifier: PostgreSQL
# mapped.sh - what was in one schema comes back in another, beside all that is
# there, which stays as it is.
. "$(dirname "$0")/../lib.sh"
pg_start || exit 1
init

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
sql postgres -c 'CREATE ROLE keeper' -c 'CREATE ROLE "Odd ""one"'
createdb -T template0 shop
sql shop >"$T/psql" <<'SQL' || not_ok "load the sample"
CREATE SCHEMA sales AUTHORIZATION keeper; COMMENT ON SCHEMA sales IS 'of all';
CREATE SCHEMA "Odd ""one" AUTHORIZATION "Odd ""one"; CREATE EXTENSION hstore;
CREATE TYPE sales.state AS ENUM ('new', 'paid');
CREATE TABLE customers (id serial PRIMARY KEY, name text, more hstore);
INSERT INTO customers (name, more) SELECT 'c' || i, hstore('i', i::text)
  FROM generate_series(1, 500) i;
CREATE TABLE sales.orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  state sales.state DEFAULT 'new', total numeric);
INSERT INTO sales.orders (total) SELECT i FROM generate_series(1, 2000) i;
CREATE FUNCTION sales.double(numeric) RETURNS numeric IMMUTABLE LANGUAGE sql
  AS 'SELECT 2 * $1';
CREATE FUNCTION sales.quadruple(numeric) RETURNS numeric IMMUTABLE LANGUAGE sql
  AS 'SELECT sales.double(sales.double($1))';
CREATE FUNCTION sales.wholesales() RETURNS text LANGUAGE sql
  AS 'SELECT ''wholesales''';
CREATE INDEX dear ON sales.orders (sales.quadruple(total));
CREATE VIEW sales.open AS SELECT * FROM sales.orders WHERE state = 'new';
CREATE MATERIALIZED VIEW sales.sums AS SELECT state, sum(total) FROM sales.orders
  GROUP BY 1;
CREATE TABLE sales.parts (k int) PARTITION BY LIST (k);
CREATE TABLE sales.part1 PARTITION OF sales.parts FOR VALUES IN (1);
INSERT INTO sales.parts VALUES (1);
CREATE TABLE "Odd ""one"."a'b" (t text REFERENCES "Odd ""one"."a'b", PRIMARY KEY (t));
INSERT INTO "Odd ""one"."a'b" VALUES ('odd');
GRANT USAGE ON SCHEMA sales TO PUBLIC; GRANT SELECT ON sales.orders TO keeper;
SQL
expect 0 "backup" "$SNAP" backup -d shop

# Where it comes back: alive, with other rows, and hstore in use.
createdb -T template0 live
"$SNAP" restore latest 2>"$T/err" | psql -X -q -o "$T/psql" live
sql live -c 'DELETE FROM sales.orders WHERE id > 10' \
    -c 'DELETE FROM customers WHERE id > 10'
dump live >"$T/before"

# into OPTION...: by the pipe, or over $jobs connections.
into() {
	if [ -n "$jobs" ]; then
		"$SNAP" restore latest "$@" -d live -j "$jobs" >"$T/out" 2>"$T/err"
		status=$?
		cp "$T/err" "$T/said"
		return $status
	fi
	"$SNAP" restore latest "$@" >"$T/script" 2>"$T/err" || return 1
	cp "$T/err" "$T/said"
	psql -X -q -o "$T/psql" live <"$T/script" 2>>"$T/err"
}
# unchanged TEXT OPTION...: all but what these exclude is as it was.
unchanged() {
	text=$1
	shift
	dump "$@" live >"$T/now"
	same "$text" "$T/before" "$T/now"
	diff "$T/before" "$T/now" | head -n 10
}
# like SCHEMA OTHER: dumps of both, in shop and in live, but for the name.
like() {
	dump -n "$1" shop | sed "s/\b$1\b/$2/g" | grep -v '^--' >"$T/a"
	dump -n "$2" live | grep -v '^--' >"$T/b"
	# Text that nobody resolves.
	sed -i "/AS \\\$_/s/$2/$1/g" "$T/a"
	same "$2 is what $1 was" "$T/a" "$T/b"
	diff "$T/a" "$T/b" | head -n 10
}

for jobs in '' 3; do
echo "# jobs: $jobs"
into -n sales --schema-map sales=sales_then && ok "a schema beside itself" ||
    not_ok "a schema beside itself"
unchanged "what is there stays" -N sales_then
like sales sales_then
is "with its rows" "$(sql live -c 'SELECT count(*), max(state::text)
    FROM sales_then.orders')" '2000|new'
is "one warning" "$(grep -c warning "$T/said")" 1
grep -q 'schema sales is still called so in the text of sales.quadruple(numeric)$' \
    "$T/said" && ok "names the function" || not_ok "names the function"
into -n sales --schema-map sales=sales_then &&
    not_ok "a second time it is refused" || ok "a second time it is refused"
says "as it is there" 'schema "sales_then" already exists'
into -n sales --schema-map sales=pg_then &&
    not_ok "no name for a schema" || ok "no name for a schema"
sql live -c 'DROP SCHEMA sales_then CASCADE' 2>"$T/psql"
unchanged "nothing is left of these"

into -t customers --schema-map public=was &&
    ok "a table of public" || not_ok "a table of public"
unchanged "what is there stays, and hstore where it was" -N was
is "it has its rows and its sequence" "$(sql live -c "SELECT count(*),
    nextval('was.customers_id_seq'), max(more::text),
    has_schema_privilege('keeper', 'was', 'USAGE') FROM was.customers")" \
    '500|501|"i"=>"99"|t'
sql live -c 'DROP SCHEMA was CASCADE' 2>"$T/psql"

into -n sales -n '"Odd"*' --schema-map 'SALES="a ""1"""' \
    --schema-map '"Odd ""one"="it'"'"'s"' -O -x && ok "two at once" || not_ok "two at once"
unchanged "what is there stays" -N '"a ""1"""' -N "\"it's\""
is "with names that need quotes" "$(sql live -c "SELECT t,
    (SELECT count(*) FROM \"a \"\"1\"\"\".orders),
    (SELECT string_agg(nspowner::regrole::text, ' ') FROM pg_namespace
     WHERE nspname IN ('a \"1\"', 'it''s')) FROM \"it's\".\"a'b\"")" \
    'odd|2000|postgres postgres'
sql live -c "DROP SCHEMA \"a \"\"1\"\"\", \"it's\" CASCADE" 2>"$T/psql"

# What cannot be changes nothing.
unchanged "all is as it was"
sql live -c "UPDATE pg_extension SET extrelocatable = false
    WHERE extname = 'hstore'"
into -t customers --schema-map public=was && not_ok "hstore must not move" ||
    ok "hstore must not move"
says "which is told" 'extension hstore lies in schema public of the target'
sql live -c "UPDATE pg_extension SET extrelocatable = true
    WHERE extname = 'hstore'"
sql live <<'SQL'
CREATE FUNCTION stop_it() RETURNS event_trigger LANGUAGE plpgsql AS
  'BEGIN RAISE EXCEPTION $$no index today$$; END';
CREATE EVENT TRIGGER stop_it ON ddl_command_end WHEN TAG IN ('CREATE INDEX')
  EXECUTE FUNCTION stop_it();
SQL
into -n sales --schema-map sales=sales_then && not_ok "an index that fails" ||
    ok "an index that fails"
says "is what is told" 'no index today'
if [ -n "$jobs" ]; then
	says "and what to do" 'hint: .*DROP SCHEMA'
	is "rows are there by then" "$(sql live -c 'SELECT count(*)
	    FROM sales_then.orders')" 2000
	sql live -c 'DROP SCHEMA sales_then CASCADE' 2>"$T/psql"
fi
sql live -c 'DROP EVENT TRIGGER stop_it' -c 'DROP FUNCTION stop_it'
unchanged "nothing was changed by these"
done
jobs=

# Into a database that has none of it.
createdb -T template0 none
"$SNAP" restore latest -t customers --schema-map public=was 2>"$T/err" |
    psql -X -q -o "$T/psql" none
is "where nothing is" "$?" 0
is "public is as it was" "$(sql none -c "SELECT count(*) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace")" 0

"$SNAP" restore latest -n sales --schema-map sales=b >"$T/script" 2>"$T/err"
size=$(wc -c <"$T/script")
head -c $((size - 16)) "$T/script" | psql -X -q -o "$T/psql" live 2>"$T/err" &&
    not_ok "no cut of it is taken for all"
unchanged "nothing was changed by these"

for bad in '' '-n sales -a' '-n sales --section=data' \
    '-n sales --no-transaction' '-n sales --output=x' \
    '-n sales -d live --clean' '-n sales -d postgres --create' \
    '-n sales --schema-map=b=c' '-n sales --schema-map=sales=d' \
    '-n sales --schema-map=e=b' '-n sales --schema-map=f' \
    '-n sales --schema-map=g=' '-n sales --schema-map==g' \
    '-n sales -n "Odd"* --schema-map=public=c' '-t customers' \
    '-n sales -t customers --schema-map=public=sales'; do
	# shellcheck disable=SC2086
	expect 2 "refused: $bad" "$SNAP" restore latest --schema-map=sales=b $bad
done
expect 2 "a schema that is not restored" \
    "$SNAP" restore latest -n sales --schema-map=sale=b
says "is told with those that are" 'There are: sales$'
done_testing
