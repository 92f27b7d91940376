# SPDX-License-Identifier: PostgreSQL
# many.sh - more tables and large objects than the server's lock table could
# hold for one transaction: straight into the server they go all the same.
# Heavy: 5,000 tables and 20,000 large objects into a server as it comes.
. "$(dirname "$0")/direct.sh"
if [ -n "${SNAP_TEST_HEAVY:-}" ]; then
	tables=5000 objects=20000 locks=64 connections=100
else
	tables=400 objects=1500 locks=10 connections=20
fi
pg_start max_locks_per_transaction=1000 || exit 1
init
createdb many
sql many >/dev/null <<SQL
SELECT format('CREATE TABLE t%s (i serial PRIMARY KEY, t text)', i)
FROM generate_series(1, $tables) i \gexec
SELECT format('INSERT INTO t%s (t) VALUES (%L)', i, 'row ' || i)
FROM generate_series(1, $tables) i \gexec
SELECT lo_from_bytea(0, i::text::bytea) FROM generate_series(1, $objects) i;
SQL
expect 0 "backup" "$SNAP" backup many
rows_of many >"$T/rows.1" 2>&1
cat >>"$PG_DIR/data/postgresql.conf" <<CONF
max_locks_per_transaction = $locks
max_connections = $connections
CONF
pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -w -t 600 -l "$PG_DIR/server.log" \
    restart >/dev/null
createdb piped
"$SNAP" restore latest 2>/dev/null | psql -X -q piped >/dev/null 2>"$T/err"
says "for one transaction the lock table is too small" 'lock table'
createdb straight
expect 0 "straight into the server, -j 2" direct straight -j 2
sed 's/^/    /' "$T/err"
rows_of straight >"$T/rows.2" 2>&1
same "rows, sequences, large objects" "$T/rows.1" "$T/rows.2"
is "the indexes are there" "$(sql -c "SELECT count(*) FROM pg_index i
    JOIN pg_class c ON c.oid = i.indrelid WHERE c.relname ~ '^t[0-9]'" straight)" \
    "$tables"
expect 0 "--clean drops them one by one" direct straight -j 2 --clean
rows_of straight >"$T/rows.2" 2>&1
same "and they are there again" "$T/rows.1" "$T/rows.2"
done_testing
