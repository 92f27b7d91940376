# SPDX-License-Identifier: PostgreSQL
# straight.sh - a snapshot straight into a server is the same database as by
# the pipe, over one connection or several; into what is not empty it goes only
# when told to.
. "$(dirname "$0")/direct.sh"
pg_start max_locks_per_transaction=256 wal_level=logical \
    allow_in_place_tablespaces=on || exit 1
init
sql -c 'CREATE ROLE keeper' postgres
createdb zoo
sql -f "$SRC/tests/pgsource/zoo.sql" zoo >/dev/null || exit 1
expect 0 "backup" "$SNAP" backup -j 2 zoo
createdb piped
"$SNAP" restore latest | psql -X -q piped >/dev/null 2>"$T/err" ||
    not_ok "the pipe"

# A subscription keeps a database from being dropped: new names.
for j in 1 2 4; do
	createdb "direct$j"
	expect 0 "restore -j $j" direct "direct$j" -j "$j"
	same_database "-j $j" piped "direct$j"
	says "-j $j says what it did, and for how long" \
	    'database direct.: [0-9]+ tables, [0-9]+ rows, 4 large .* indexes'
done
is "nothing is left behind in the server" "$(ask postgres "SELECT count(*)
    FROM pg_stat_activity WHERE application_name ~ 'snap|pg_restore'")" 0

# ---- what is not empty
dump direct1 >"$T/before"
expect 1 "a target that is not empty is refused" direct direct1
says "it says what is there" 'It has table .* more'
says "and that nothing was changed" 'nothing was changed'
dump direct1 >"$T/after"
same "and nothing was" "$T/before" "$T/after"
sql -c 'INSERT INTO public.vals SELECT * FROM public.vals LIMIT 1;
    DROP TABLE IF EXISTS public.big CASCADE' direct1 2>/dev/null
expect 0 "--clean drops what is there" direct direct1 --clean --if-exists -j 2
same_database "--clean" piped direct1
createdb almost
for what in 'SCHEMA s' 'FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$' \
    'TYPE e AS ENUM ()' 'EXTENSION hstore' 'SEQUENCE q' 'VIEW v AS SELECT 1' \
    'PUBLICATION p' 'FOREIGN DATA WRAPPER w' 'CAST (int AS box) WITH INOUT'; do
	createdb one
	sql -c "CREATE $what" one 2>"$T/err" || not_ok "create $what"
	expect 1 "no empty database has a ${what%% *}" direct one
	dropdb one
done
sql -c 'SELECT lo_create(7)' almost >/dev/null
expect 1 "nor a large object" direct almost
sql -c 'SELECT lo_unlink(7)' almost >/dev/null
sql -c 'DROP SCHEMA public; CREATE SCHEMA public;
    DROP EXTENSION plpgsql; CREATE EXTENSION plpgsql' almost
expect 0 "public and plpgsql are nothing, even new ones" direct almost

# ---- a database of its own
expect 2 "--create does not drop the database it is connected to" \
    direct zoo --create --clean
expect 1 "--create refuses a database that exists" direct postgres --create
says "it names it" 'database zoo exists'
sql -c 'ALTER DATABASE zoo RENAME TO zoo_before' postgres
expect 0 "--create makes it" direct postgres --create -j 2
same_database "--create" zoo_before zoo
of_database() {
	pg_dump -C -s "$1" | sed -n "s/$1/THIS/; /DATABASE/p"
}
of_database zoo_before >"$T/1"
of_database zoo >"$T/2"
same "owner, comment, settings and privileges of the database" "$T/1" "$T/2"

# ---- whose it is
createdb bare
sql -c 'CREATE ROLE poor LOGIN CREATEDB' postgres
expect 0 "--no-owner --no-privileges --no-tablespaces" \
    direct bare --no-owner --no-privileges --no-tablespaces
is "all belongs to who restored" "$(sql -c "SELECT count(*) FROM pg_class
    WHERE oid >= 16384 AND relowner <> 10" bare)" 0
is "and has no privileges" "$(sql -c "SELECT count(*) FROM pg_class
    WHERE oid >= 16384 AND relacl IS NOT NULL" bare)" 0
is "but rows" "$(sql -c "SELECT count(*) > 0 FROM public.vals" bare)" t

# ---- what does not go together
expect 2 "options of a server need --dbname" "$SNAP" restore latest --clean
expect 2 "--dbname and --globals" direct bare --globals
expect 2 "--if-exists needs --clean" direct bare --if-exists
expect 2 "a database that is not there" direct nowhere
says "a hint tells what to do" 'create'
printf 'no database\n' | "$SNAP" backup -q --stdin --name bytes
expect 2 "a stream of bytes is no database" \
    "$SNAP" restore latest:bytes --dbname=bare --clean
done_testing
