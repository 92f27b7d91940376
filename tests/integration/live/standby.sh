# SPDX-License-Identifier: PostgreSQL
# standby.sh - a hot standby as the source: what it can give comes back, what
# it cannot is told, and a conflict with the recovery has a hint.
. "$(dirname "$0")/live.sh"
pg_start || exit 1
init
createdb shop
psql -X -q -o "$T/psql" shop <<'SQL' || not_ok "load the sample"
CREATE TABLE customers (id serial PRIMARY KEY, name text NOT NULL);
INSERT INTO customers (name) SELECT md5(i::text)
    FROM generate_series(1, 3000) i;
CREATE TABLE orders (id bigint PRIMARY KEY, customer int
    REFERENCES customers, note text);
INSERT INTO orders SELECT i, 1 + i % 3000, repeat(md5(i::text), 8)
    FROM generate_series(1, 100000) i;
CREATE TABLE parts (id int, v text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (50);
CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT i, 'p' || i FROM generate_series(1, 100) i;
CREATE SEQUENCE loose; SELECT nextval('loose'), nextval('loose');
CREATE MATERIALIZED VIEW busy AS SELECT customer, count(*) FROM orders
    GROUP BY 1;
SELECT lo_from_bytea(4711, '\x00ff00ff0a5c2e');
CREATE UNLOGGED TABLE scratch (id serial, v text);
INSERT INTO scratch (v) VALUES ('lost on a standby');
GRANT SELECT ON orders TO PUBLIC;
SQL
# A snapshot must survive neither an old row nor a lock of the primary.
pg_standby max_standby_streaming_delay=0 hot_standby_feedback=off || exit 1
pg_standby_caught_up
on_standby() {
	psql -X -A -t -h "$PG_STANDBY" -d shop "$@"
}
is "it is a standby" "$(on_standby -c 'SELECT pg_is_in_recovery()')" t

# Rows of an unlogged table, and the state of its sequence, are not there.
dump --exclude-table-data=scratch --exclude-table-data=scratch_id_seq shop \
    >"$T/a"
for jobs in 1 3; do
	expect 3 "-j $jobs: a standby is backed up, with a warning" \
	    "$SNAP" backup -h "$PG_STANDBY" -d shop -j "$jobs"
	says "-j $jobs: the unlogged table is named" \
	    'warning:.*unlogged table public.scratch .*rows are left out'
	if [ "$(psql -X -A -t -d shop -c "SELECT relpersistence FROM pg_class
	    WHERE relname = 'scratch_id_seq'")" = u ]; then
		says "-j $jobs: so is the unlogged sequence" \
		    'warning:.*unlogged sequence public.scratch_id_seq'
	fi
	createdb "back$jobs"
	"$SNAP" restore latest 2>"$T/err" |
	    psql -X -q -o "$T/psql" "back$jobs" 2>>"$T/err"
	is "-j $jobs: psql reads it" "$?" 0
	dump --exclude-table-data=scratch \
	    --exclude-table-data=scratch_id_seq "back$jobs" >"$T/b"
	same "-j $jobs: and the primary's database is back" "$T/a" "$T/b"
	cmp -s "$T/a" "$T/b" || diff "$T/a" "$T/b" | head -n 20
	is "-j $jobs: the unlogged table is there and empty" \
	    "$(psql -X -A -t -d "back$jobs" -c \
	    'SELECT count(*) FROM scratch')" 0
done
is "the snapshot is filed under the same database" \
    "$("$SNAP" snapshots --json | grep '"system-identifier"' | sort -u |
	wc -l | tr -d ' ')" 1
n=$(n_snapshots)

expect 2 "serializable-deferrable is refused" \
    "$SNAP" backup -h "$PG_STANDBY" -d shop --serializable-deferrable
says "with the reason" 'error:.*standby cannot'

# snap stands still while its COPY runs and the primary takes the table away.
psql -X -q shop -c "INSERT INTO orders SELECT i, 1, repeat(md5(i::text), 8)
    FROM generate_series(100001, 300000) i"
pg_standby_caught_up
conflict() { # WHAT STATEMENT-ON-THE-PRIMARY JOBS [STATEMENT]
	start "$SNAP" backup -h "$PG_STANDBY" -d shop -j "$3"
	(
		PGHOST=$PG_STANDBY
		until_query '^COPY .*orders'
	)
	kill -STOP "$pid"
	psql -X -q shop -c "$2" ${4:+-c "$4"}
	# Its backend hangs on the socket until the program goes on.
	sleep 1
	kill -CONT "$pid"
	finish
	is "$1: the backup fails" "$status" 1
	says "$1: with the conflict" 'conflict with recovery'
	says "$1: with the SQLSTATE" '40001'
	says "$1: with what to do" \
	    'hint:.*hot_standby_feedback.*max_standby_streaming_delay'
	is "$1: there is no snapshot" "$(n_snapshots)" "$n"
	pg_standby_caught_up
}
conflict "a lock of the primary" \
    'ALTER TABLE orders ADD COLUMN late int' 1
conflict "a lock of the primary, three connections" \
    'ALTER TABLE orders DROP COLUMN late' 3
conflict "rows that vacuum removed" \
    'DELETE FROM orders WHERE id % 2 = 0' 1 'VACUUM orders'
expect 3 "the next backup succeeds" "$SNAP" backup -h "$PG_STANDBY" -d shop
done_testing
