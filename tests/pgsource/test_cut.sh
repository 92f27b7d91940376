#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# A script that was cut anywhere fails and leaves the target as it was.
. "$(dirname "$0")/common.sh"

pg_start || exit 1
createdb small
sql small <<'SQL'
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 5) i;
CREATE TABLE empty (a int);
CREATE TABLE last (a int); INSERT INTO last VALUES (1);
CREATE SEQUENCE s;
SELECT lo_from_bytea(4711, 'abc');
GRANT SELECT ON t TO PUBLIC;
SQL
createdb target
"$TOOL" small >"$PG_DIR/whole" || exit 1
size=$(wc -c <"$PG_DIR/whole")
tail=$(tail -n 3 "$PG_DIR/whole" | wc -c) # they are one write
before=$(sql -c 'SELECT count(*) FROM pg_class' target)

bad=0
cut_at() {
	for opt in -q -1; do
		head -c "$1" "$PG_DIR/whole" |
		    psql -X "$opt" target >/dev/null 2>&1
		[ $? != 0 ] || {
			echo "cut at $1 with $opt: status 0"
			bad=$((bad + 1))
		}
	done
}
# The first two lines arm it; before their end nothing can have run.
head=$(head -n 2 "$PG_DIR/whole" | wc -c)
awk '{ n += length($0) + 1; print n }' "$PG_DIR/whole" >"$PG_DIR/cuts"
awk -v min="$head" -v max=$((size - tail)) 'BEGIN { srand(7); for (i = 0; i < 100; i++)
	print int(min + rand() * (max - min)) }' >>"$PG_DIR/cuts"
while read -r at; do
	[ "$at" -lt "$head" ] || [ "$at" -gt $((size - tail)) ] || cut_at "$at"
done <"$PG_DIR/cuts"
check "every cut script makes psql fail" [ "$bad" = 0 ]
after=$(sql -c 'SELECT count(*) FROM pg_class' target)
check "no cut script changed the target" [ "$before" = "$after" ]
check "nor a large object" \
    [ "$(sql -c 'SELECT count(*) FROM pg_largeobject_metadata' target)" = 0 ]
check "the whole one works" \
    sh -c 'psql -X -q target <"$0" >/dev/null 2>&1' "$PG_DIR/whole"
same small target "whole"

# The reader of a server whose lock table is too small is told beforehand.
createdb many
sql many -c "DO \$\$ BEGIN FOR i IN 1..3300 LOOP
    EXECUTE 'CREATE TABLE t' || i || ' (a int)';
    IF i % 50 = 0 THEN COMMIT; END IF; END LOOP; END \$\$"
pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -w restart -l "$PG_DIR/server.log" \
    -o '-c max_locks_per_transaction=64 -c max_connections=50' >/dev/null
createdb many2
"$TOOL" many >"$PG_DIR/many.sql" 2>"$PG_DIR/log" || cat "$PG_DIR/log"
psql -X -q many2 <"$PG_DIR/many.sql" >/dev/null 2>"$PG_DIR/log"
check "a small lock table is told" [ $? = 3 ]
check "with the setting to raise" \
    grep -q 'Raise max_locks_per_transaction' "$PG_DIR/log"
"$TOOL" -o many 2>/dev/null | psql -X -q many2 >/dev/null 2>&1
check "without a transaction it fits" \
    [ "$(sql -c "SELECT count(*) FROM pg_class WHERE relname ~ '^t[0-9]'" \
	many2)" = 3300 ]
done_testing
