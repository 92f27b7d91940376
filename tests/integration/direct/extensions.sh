# SPDX-License-Identifier: PostgreSQL
# extensions.sh - who is no superuser restores what only a superuser may make:
# event triggers and extensions are left out by name with what needs them, rows
# never are; an extension that somebody made before is used as it is.
. "$(dirname "$0")/direct.sh"
pg_start || exit 1
init
sql -c 'CREATE ROLE manager LOGIN CREATEDB' postgres

# target NAME: an empty database of the manager's.
target() {
	createdb -O manager -T template0 "$1"
}
# modest DATABASE OPTION...: the newest snapshot of src, by the manager.
modest() {
	db=$1
	shift
	"$SNAP" restore latest:src --dbname="$db" -U manager --no-owner "$@"
}
# has DATABASE RELATION
has() {
	ask "$1" "SELECT to_regclass('$2') IS NOT NULL"
}

createdb src
sql src <<'SQL'
CREATE TABLE t (a int PRIMARY KEY, b int);
INSERT INTO t SELECT i, i FROM generate_series(1, 100) i;
CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION f();
SQL
expect 0 "a database with an event trigger" "$SNAP" backup src
target m1
expect 14 "is not whole for who may not make one" modest m1 --json
says "which is named" 'warning: CREATE EVENT TRIGGER et .*permission denied'
grep -q '"left-out": 1,' "$T/out" && grep -q '"complete": false' "$T/out" &&
    ok "and counted" || not_ok "and counted"
is "all else is there" "$(ask m1 'SELECT count(*) FROM t')" 100
createdb m0
expect 0 "a superuser has all of it" direct m0
same_database "it" src m0

# ---- extensions that nothing with rows needs
sql src >/dev/null <<'SQL'
CREATE SCHEMA "Ext's";
CREATE EXTENSION postgres_fdw WITH SCHEMA "Ext's";
CREATE SERVER files FOREIGN DATA WRAPPER postgres_fdw;
CREATE FOREIGN TABLE ft (line text) SERVER files;
CREATE VIEW on_ft AS SELECT * FROM ft;
COMMENT ON VIEW on_ft IS 'goes with it';
GRANT SELECT ON on_ft TO PUBLIC;
CREATE EXTENSION bloom;
CREATE INDEX flowers ON t USING bloom (a, b);
CREATE EXTENSION hstore WITH SCHEMA "Ext's";
CREATE TABLE trusted (h "Ext's".hstore);
INSERT INTO trusted VALUES ('a=>1');
CREATE TABLE conf (i serial, t text); INSERT INTO conf (t) VALUES ('mine');
ALTER EXTENSION postgres_fdw ADD TABLE conf;
ALTER EXTENSION postgres_fdw ADD SEQUENCE conf_i_seq;
UPDATE pg_extension SET extconfig = ARRAY['conf'::regclass::oid,
  'conf_i_seq'::regclass::oid], extcondition = ARRAY['', '']
  WHERE extname = 'postgres_fdw';
SQL
expect 0 "with extensions of superusers" "$SNAP" backup src
target m2
expect 14 "what nothing needs is left out" modest m2 -j 2
says "an extension, and why" \
    'EXTENSION postgres_fdw is left out: permission denied'
says "what needs it" \
    'FOREIGN TABLE public.ft is left out: it needs SERVER files'
says "an index" 'INDEX public.flowers is left out: it needs .*bloom'
says "its own rows" 'table public.conf is left out'
says "and a value" 'sequence is left out: .*conf_i_seq'
says "their number" 'warning: 9 things are left out'
is "what the user may make is there" "$(ask m2 'SELECT h FROM trusted')" \
    '"a"=>"1"'
is "and the table whose index is not" "$(ask m2 'SELECT count(*) FROM t')" 100
is "a view of what is not there" "$(has m2 on_ft)" f
expect 1 "a verdict has to be of all" \
    "$SNAP" verify latest:src --dbname=postgres -U manager --no-owner

# ---- a table needs one
sql -c 'CREATE EXTENSION dblink WITH SCHEMA "Ext'\''s"' \
    -c 'CREATE TABLE needy (k "Ext'\''s".dblink_pkey_results)' src
expect 0 "with a table that needs one" "$SNAP" backup src
target m3
dump m3 >"$T/before"
expect 1 "nothing is made" modest m3
says "it is told which" \
    'TABLE public.needy cannot be made without EXTENSION dblink'
says "and why" 'EXTENSION dblink is left out: permission denied'
says "and that nothing was changed" 'nothing was changed in the target'
says "and what to do" 'hint: Have the extension created in the target'
dump m3 >"$T/after"
same "nothing is" "$T/before" "$T/after"

# ---- a superuser made them before
sql m3 <<'SQL'
CREATE SCHEMA "Ext's";
CREATE EXTENSION dblink WITH SCHEMA "Ext's";
CREATE EXTENSION bloom;
CREATE EXTENSION postgres_fdw WITH SCHEMA "Ext's";
GRANT USAGE, CREATE ON SCHEMA "Ext's" TO manager;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO manager;
CREATE TABLE conf (i serial, t text);
GRANT ALL ON TABLE conf TO manager;
GRANT ALL ON SEQUENCE conf_i_seq TO manager;
ALTER EXTENSION postgres_fdw ADD TABLE conf;
ALTER EXTENSION postgres_fdw ADD SEQUENCE conf_i_seq;
SQL
sql -c 'DROP EVENT TRIGGER et' -c 'UPDATE pg_extension SET extcondition = NULL,
    extconfig = NULL' src
expect 0 "without the event trigger" "$SNAP" backup src
expect 0 "what is there is used" modest m3
is "with the table that needs it" "$(has m3 needy)" t
is "the index" "$(has m3 flowers)" t
is "and the foreign table" "$(has m3 ft)" t
expect 0 "--clean leaves it" modest m3 --clean -j 2
is "and makes the rest anew" "$(has m3 flowers)" t
rows_of src >"$T/rows.1" 2>&1
rows_of m3 >"$T/rows.2" 2>&1
grep -v conf "$T/rows.1" >"$T/a"
grep -v conf "$T/rows.2" >"$T/b"
same "the rows are those of the source" "$T/a" "$T/b"
target m4
sql -c 'CREATE EXTENSION dblink; CREATE EXTENSION xml2' m4
expect 1 "one that the snapshot does not have is not nothing" modest m4
says "it alone is named" 'It has .*xml_valid.* and 9 more'
done_testing
