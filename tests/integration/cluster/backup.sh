# SPDX-License-Identifier: PostgreSQL
# backup.sh PROGRAM SOURCE_DIR - every database of a server by one command:
# what a run holds, what one database that fails does to the others, and what
# a run that was cut short looks like.
. "$2/tests/integration/lib.sh"
pg_start
psql -X -q -d postgres <<-'E'
	CREATE ROLE app LOGIN PASSWORD 'secret';
	CREATE DATABASE shop OWNER app;
	CREATE DATABASE "a=b 'c" ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'
	    TEMPLATE template0;
	CREATE DATABASE closed;
	CREATE DATABASE half;
	ALTER DATABASE closed ALLOW_CONNECTIONS false;
	UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half';
	CREATE DATABASE "Log.1";
E
psql -X -q -d shop -c 'CREATE TABLE t AS SELECT generate_series(1, 1000) AS n'
init

json() { # EXPRESSION: of the object d on standard input
	python3 -c 'import json, sys; d = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1"
}

expect 3 "a closed and a broken database are left out, and told" \
    "$SNAP" backup --all --json
cp "$T/out" "$T/made"
says "the closed one" 'warning: database "closed" allows no connections'
says "the broken one" 'warning: database "half" is left over from a DROP'
is "each of the others has a snapshot" "$(json '", ".join(sorted(
    s["properties"]["database"] for s in d["snapshots"]))' <"$T/made")" \
    "Log.1, a=b 'c, postgres, shop, template1"
is "all of one run" \
    "$(json 'len({s["properties"]["run"] for s in d["snapshots"]} |
    {d["run"]})' <"$T/made")" 1
"$SNAP" snapshots --json >"$T/list"
is "the run is complete" "$(json '[(r["complete"], r["databases"],
    r["missing"]) for r in d["runs"]]' <"$T/list")" "[(True, 5, [])]"
"$SNAP" snapshots >"$T/table"
is "and shown" "$(grep -c "$(json 'd["run"][:8]' <"$T/made")\$" "$T/table")" 5
createdb again
"$SNAP" restore latest:shop | psql -X -q -d again >/dev/null
is "any of them comes back" \
    "$(psql -X -A -t -d again -c 'SELECT sum(n) FROM t')" 500500
dropdb again
for db in shop postgres "a=b 'c"; do
	"$SNAP" cat "latest:$db" globals >"$T/globals.$db"
done
is "roles can be had from each" "$(grep -c 'CREATE ROLE app' \
    "$T/globals.shop")" 1
same "and are the same in all" "$T/globals.shop" "$T/globals.a=b 'c"
same "also of postgres" "$T/globals.shop" "$T/globals.postgres"
is "latest is the newest of all" "$("$SNAP" ls latest --json |
    json 'd["snapshot"]["id"]')" \
    "$(json 'd["snapshots"][-1]["id"]' <"$T/list")"

echo "# what goes with --all"
expect 0 "--exclude-database silences what it matches, as patterns do" \
    "$SNAP" backup --all --exclude-database='c?osed' --exclude-database=HALF \
    --exclude-database='"Log.1"' --exclude-database=template1 -d shop
is "three are left" "$("$SNAP" snapshots --json |
    json 'min(len(r["snapshots"]) for r in d["runs"])')" 3
before=$(n_snapshots)
expect 2 "a pattern with a dot is refused" \
    "$SNAP" backup --all --exclude-database=Log.1
expect 2 "nothing left is refused" "$SNAP" backup --all --exclude-database='*'
expect 2 "tables are not chosen in all databases" "$SNAP" backup --all -t t
expect 2 "nor is a stream" "$SNAP" backup --all --stdin --name x
expect 2 "without --all nothing is excluded" \
    "$SNAP" backup --exclude-database=x shop
expect 2 "no server: nothing was begun" \
    "$SNAP" backup --all -h "$T/nowhere"
is "none of these made a snapshot" "$(n_snapshots)" "$before"

echo "# one that fails"
psql -X -q -d postgres -c "CREATE ROLE reader LOGIN" \
    -c "CREATE ROLE plain LOGIN" \
    -c "GRANT pg_read_all_data TO reader" \
    -c "UPDATE pg_database SET datconnlimit = -1 WHERE datname = 'half'" \
    -c "DROP DATABASE half" -c "DROP DATABASE closed" \
    -c "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC"
before=$(n_snapshots)
expect 1 "a database that fails does not stop the others" \
    "$SNAP" backup --all -U reader -d shop --no-role-passwords
says "it is named" 'error: database "postgres": .*permission denied'
says "and counted" 'error: 1 of 5 databases were not backed up: postgres'
is "four snapshots stand" "$(n_snapshots)" $((before + 4))
"$SNAP" snapshots --json >"$T/list"
is "their run is recognised as incomplete" "$(json '[(r["databases"],
    len(r["snapshots"]), r["missing"]) for r in d["runs"]
    if not r["complete"]]' <"$T/list")" "[(5, 4, [{'database': 'postgres'}])]"
"$SNAP" snapshots >"$T/table"
is "by people, too" "$(grep -c ' 4/5$' "$T/table")" 4
expect 1 "the same as JSON" \
    "$SNAP" backup --all -U reader -d shop --no-role-passwords --json
is "has the name of the one that failed" \
    "$(json 'd["failed"][0]["database"]' <"$T/out")" postgres
expect 3 "unreadable passwords are told once" \
    "$SNAP" backup --all -U plain -d template1 --exclude-database=postgres \
    --exclude-database=shop
is "in one line" "$(grep -c 'may not read pg_authid' "$T/err")" 1
psql -X -q -d postgres -c "GRANT CONNECT ON DATABASE postgres TO PUBLIC"

echo "# stopped in the middle"
# A table that is locked holds it up for as long as it takes.
psql -X -q -d shop -c 'CREATE TABLE held (a int)'
mkfifo "$T/hold"
psql -X -q -d shop <"$T/hold" >"$T/held" &
holder=$!
exec 4>"$T/hold"
echo 'BEGIN; LOCK TABLE held; SELECT 1;' >&4
while ! [ -s "$T/held" ]; do sleep 0.05; done
before=$(n_snapshots)
"$SNAP" backup --all --lock-wait-timeout 600000 >"$T/out" 2>"$T/err" &
pid=$!
while kill -0 $pid 2>/dev/null &&
    [ "$(psql -X -A -t -d postgres -c "SELECT count(*) FROM pg_stat_activity
    WHERE datname = 'shop' AND wait_event_type = 'Lock'")" = 0 ]; do
	sleep 0.05
done
kill -TERM $pid
wait $pid
is "SIGTERM stops it" $? 143
says "what stands is told" '3 of 5 databases were backed up before, as run'
is "what was done stands" "$(n_snapshots)" $((before + 3))
"$SNAP" snapshots --json >"$T/list"
is "and is recognised as incomplete" \
    "$(json 'sorted(m["database"] for r in d["runs"]
    if len(r["snapshots"]) == 3 and not r["complete"]
    for m in r["missing"])' <"$T/list")" "['shop', 'template1']"
exec 4>&-
wait $holder
expect 0 "the next run is whole" "$SNAP" backup --all
expect 0 "the repository is sound" "$SNAP" check --read-data

done_testing
