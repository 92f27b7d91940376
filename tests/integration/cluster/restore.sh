# SPDX-License-Identifier: PostgreSQL
# restore.sh PROGRAM SOURCE_DIR - a whole cluster onto a fresh one: what
# pg_dumpall says of both is the same; what exists is left alone; what could
# not be restored is named.
. "$2/tests/integration/lib.sh"

# The whole server as pg_dumpall sees it, wherever its tablespaces are.
dump_all() {
	pg_dumpall "$@" | LC_ALL=C sed -e '/^\\restrict /d' \
	    -e '/^\\unrestrict /d' -e "s/LOCATION '.*'/LOCATION/"
}

# place NAME: a directory for a tablespace.
place() {
	mkdir "$PG_DIR/$1"
	[ "$(id -u)" != 0 ] || chown "${PG_OSUSER:-postgres}" "$PG_DIR/$1"
}

# value DATABASE SQL
value() {
	psql -X -A -t -d "$1" -c "$2"
}

pg_start
place fast
place "slow one"
psql -X -q -v ON_ERROR_STOP=1 -d postgres -v dir="$PG_DIR" <<-'E'
	CREATE ROLE app LOGIN PASSWORD 'secret' CONNECTION LIMIT 7;
	CREATE ROLE "Odd; Name""s" NOLOGIN BYPASSRLS VALID UNTIL '2040-01-01';
	CREATE ROLE boss SUPERUSER CREATEROLE REPLICATION;
	CREATE ROLE readers;
	GRANT readers TO app WITH ADMIN OPTION;
	GRANT "Odd; Name""s" TO boss;
	COMMENT ON ROLE app IS 'it''s; -- the application';
	ALTER ROLE app SET work_mem TO '32MB';
	ALTER ROLE app SET search_path TO "$user", 'a;b';
	\set fast :dir '/fast'
	\set slow :dir '/slow one'
	CREATE TABLESPACE fast OWNER app LOCATION :'fast';
	CREATE TABLESPACE "Slow one" LOCATION :'slow';
	ALTER TABLESPACE fast SET (random_page_cost = 1.1);
	GRANT CREATE ON TABLESPACE fast TO readers;
	COMMENT ON TABLESPACE fast IS 'quick';
	CREATE DATABASE shop OWNER app TABLESPACE fast;
	CREATE DATABASE "Latin 'L'" ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'
	    TEMPLATE template0;
	CREATE DATABASE bytes ENCODING SQL_ASCII LC_COLLATE 'C' LC_CTYPE 'C'
	    TEMPLATE template0 CONNECTION LIMIT 5;
	COMMENT ON DATABASE shop IS 'the shop';
	ALTER DATABASE shop SET statement_timeout = '60s';
	ALTER DATABASE bytes SET default_transaction_read_only = on;
	ALTER ROLE app IN DATABASE shop SET work_mem = '64MB';
	REVOKE CONNECT ON DATABASE shop FROM PUBLIC;
	GRANT CONNECT ON DATABASE shop TO readers;
	ALTER DATABASE postgres SET lock_timeout = '77s';
	CREATE TABLE in_postgres (a int);
	INSERT INTO in_postgres VALUES (42);
E
psql -X -q -v ON_ERROR_STOP=1 -d shop <<-'E'
	CREATE SCHEMA app AUTHORIZATION app;
	CREATE TABLE app.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	    x text) TABLESPACE "Slow one";
	INSERT INTO app.t (x) SELECT md5(i::text) FROM generate_series(1, 5000) i;
	ALTER TABLE app.t OWNER TO app;
	GRANT SELECT ON app.t TO readers;
	ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT SELECT ON TABLES TO readers;
	DO $$ BEGIN PERFORM lo_from_bytea(4711, 'a large object'); END $$;
E
psql -X -q -v ON_ERROR_STOP=1 -d "Latin 'L'" <<-'E'
	SET client_encoding = UTF8;
	CREATE TABLE "Straße" (ä text); INSERT INTO "Straße" VALUES ('ÄÖÜ');
E
psql -X -q -d bytes -c 'SET default_transaction_read_only = off' \
    -c "CREATE TABLE b (x text)" -c "INSERT INTO b VALUES (E'\\xff\\xfe')"
psql -X -q -d template1 -c 'CREATE TABLE in_template1 (a int)'
init
expect 0 "back up all of it" "$SNAP" backup --all
dump_all >"$T/before"
expect 2 "--roles goes with --all" \
    "$SNAP" restore --roles=all -d postgres latest
expect 2 "--all needs a server" "$SNAP" restore --all latest
expect 2 "of roles there are three choices" \
    "$SNAP" restore --all latest -d postgres --roles=some
expect 1 "the cluster itself is not overwritten" \
    "$SNAP" restore --all latest -d postgres
says "what exists is named" "5 of the databases exist already: \
Latin 'L', bytes, postgres \(not empty\), shop, template1 \(not empty\)"
dump_all >"$T/after"
same "and nothing is changed" "$T/before" "$T/after"

echo "# onto a fresh server"
pg_stop
pg_start
expect 2 "a map that fits no tablespace is refused" \
    "$SNAP" restore --all latest -d postgres --tablespace-map=fats=/x
dump_all >"$T/fresh"
expect 1 "a tablespace without its directory is told before all databases" \
    "$SNAP" restore --all latest -d postgres
says "with the way on" 'hint: --tablespace-map=NAME=/DIRECTORY says where'
is "no database was made" "$(value postgres \
    "SELECT count(*) FROM pg_database")" 3
place fast
place slow
psql -X -q -d postgres -c 'CREATE TABLE own ()'
dump_all >"$T/fresh"
expect 1 "what is in postgres is seen before anything is made" \
    "$SNAP" restore --all latest -d postgres --no-tablespaces
says "and named" 'exist already: postgres \(not empty\)$'
dump_all >"$T/after"
same "and nothing is changed" "$T/fresh" "$T/after"
psql -X -q -d postgres -c 'DROP TABLE own'
expect 0 "with a map it goes on" "$SNAP" restore --all latest -d postgres \
    -j 2 --tablespace-map="fast=$PG_DIR/fast" \
    --tablespace-map="Slow one=$PG_DIR/slow"
dump_all >"$T/after"
same "and pg_dumpall sees the same cluster" "$T/before" "$T/after"
[ ! -s "$T/after" ] || diff "$T/before" "$T/after" | head -20
is "also rows" "$(value shop 'SELECT count(*) FROM app.t')" 5000
is "and where they are" "$(value shop "SELECT spcname FROM pg_tablespace s
    JOIN pg_class c ON c.reltablespace = s.oid WHERE relname = 't'")" "Slow one"
expect 1 "a second time there is nothing to be made" \
    "$SNAP" restore --all latest -d postgres
says "because it exists" "databases exist already: Latin 'L', bytes, "
psql -X -q -d postgres -c "ALTER ROLE app PASSWORD 'changed' CONNECTION LIMIT 3" \
    -c 'DROP OWNED BY readers' -c "ALTER ROLE postgres SET work_mem = '99MB'"
psql -X -q -d shop -c 'DELETE FROM app.t'
expect 0 "--clean makes all databases anew" \
    "$SNAP" restore --all latest -d postgres --clean
is "with their rows" "$(value shop 'SELECT count(*) FROM app.t')" 5000
is "and leaves roles that exist as they are" "$(value postgres \
    "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'app'")" 3
expect 0 "--roles=all makes them as they were" \
    "$SNAP" restore --all latest -d postgres --clean --roles=all
is "the application's" "$(value postgres \
    "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'app'")" 7

echo "# without what the server does not have"
pg_stop
pg_start
expect 1 "a database that the run does not have" "$SNAP" restore --all latest \
    -d postgres --database=shop --database=nope --at=2099-01-01
says "is named" 'run [0-9a-f]{8} has no snapshot of database "nope"'
expect 1 "a time before there was a run" \
    "$SNAP" restore --all latest -d postgres --at=2001-01-01
expect 2 "a choice goes with --all" \
    "$SNAP" restore latest -d postgres --database=shop
expect 0 "--no-tablespaces needs no directory; one database of the run" \
    "$SNAP" restore --all latest -d postgres --no-tablespaces \
    --database=shop --json --at=2099-01-01
is "--json tells of it" "$(python3 -c 'import json, sys
d = json.load(sys.stdin); b = d["databases"]; print(d["schema"], d["complete"],
    len(d["run"]), [(x["database"], x["complete"], x["rows"]) for x in b],
    b[0]["duration-ms"] > 0, d["missing-databases"], d["failed-globals"])' \
    <"$T/out")" "snap.v1 True 32 [('shop', True, 5000)] True 0 0"
is "no other was made" "$(value postgres "SELECT count(*) FROM pg_database")" 4
expect 1 "the others without that" "$SNAP" restore --all latest -d postgres \
    --no-tablespaces --json
is "exist" "$(wc -c <"$T/out")" 0
expect 0 "--exclude-database leaves it out" "$SNAP" restore --all latest \
    -d postgres --no-tablespaces --exclude-database='s?o*'
is "all is in the default one" "$(value shop \
    "SELECT count(*) FROM pg_class WHERE reltablespace <> 0
    AND reltablespace <> (SELECT oid FROM pg_tablespace
    WHERE spcname = 'pg_global')")" 0
pg_stop
pg_start
psql -X -q -d postgres -c 'CREATE ROLE manager LOGIN CREATEROLE CREATEDB' \
    -c 'GRANT CREATE ON DATABASE postgres TO manager'
expect 1 "who is no superuser does not get all" \
    "$SNAP" restore --all latest -d postgres -U manager --no-tablespaces
says "what a role is left without is named" \
    'warning: ALTER ROLE boss: left out.*SUPERUSER'
is "the role itself is there, with its password" "$(value postgres \
    "SELECT rolpassword LIKE 'SCRAM%' FROM pg_authid WHERE rolname = 'app'")" t
is "and its memberships" "$(value postgres \
    "SELECT pg_has_role('app', 'readers', 'MEMBER')")" t

echo "# a run that is incomplete"
"$SNAP" snapshots --json shop >"$T/list"
expect 0 "one snapshot is forgotten" "$SNAP" forget --yes --force \
    "$(sed -n 's/.*"id": "\([0-9a-f]*\)".*/\1/p' "$T/list")"
pg_stop
pg_start
expect 14 "the others are restored, and the status says so" \
    "$SNAP" restore --all latest -d postgres --no-tablespaces
says "with the name of what is missing" \
    'database "shop" has no snapshot in this run'
PGCLIENTENCODING=UTF8
export PGCLIENTENCODING
is "the others are there" "$(value "Latin 'L'" \
    'SELECT count(*) FROM "Straße"')" 1

done_testing
