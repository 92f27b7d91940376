# SPDX-License-Identifier: PostgreSQL
# churn.sh - backups while other sessions create, alter, truncate and drop
# tables: either a snapshot of one moment, or a failure that says so and no
# snapshot.
. "$(dirname "$0")/live.sh"
pg_start || exit 1
init
createdb shop
# Two large tables whose sums are equal at every moment, a table that is never
# empty, and some that stand still.
psql -X -q -o "$T/psql" shop <<'SQL' || not_ok "load the sample"
CREATE TABLE debit AS SELECT i AS id, 0::bigint AS v, repeat(md5(i::text), 3)
    AS pad FROM generate_series(1, 80000) i;
CREATE TABLE credit AS SELECT * FROM debit;
CREATE UNIQUE INDEX ON debit (id);
CREATE UNIQUE INDEX ON credit (id);
CREATE TABLE hundred AS SELECT i FROM generate_series(1, 100) i;
CREATE TABLE rewritten AS SELECT i FROM generate_series(1, 100) i;
CREATE TABLE parts (i int) PARTITION BY RANGE (i);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (51);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (51) TO (101);
INSERT INTO parts SELECT generate_series(1, 100);
CREATE TABLE still AS SELECT i FROM generate_series(1, 1000) i;
CREATE VIEW sums AS SELECT (SELECT sum(v) FROM debit) AS d,
    (SELECT sum(v) FROM credit) AS c;
SQL

# writer NAME: a session that does its stdin over and over.  :pause is short in
# the second half of the rounds.
writer() {
	cat >"$T/$1.sql"
	: >"$T/$1.count"
	(
		while [ ! -e "$T/enough" ]; do
			psql -X -q -o "$T/psql" -v pause="$(cat "$T/pause")" \
			    -f "$T/$1.sql" shop 2>/dev/null
			echo >>"$T/$1.count"
		done
	) &
	writers="$writers $!"
}
writers=
echo 0.2 >"$T/pause"
writer sums <<'SQL'
SELECT format('BEGIN; UPDATE debit SET v = v + %s WHERE id %% 400 = %s; '
    'UPDATE credit SET v = v + %s WHERE id %% 400 = %s; COMMIT',
    i, i, i, (i + 7) % 400) FROM generate_series(1, 50) i
\gexec
SQL
writer rewrites <<'SQL'
-- The sleep inside makes backups wait for this lock, which is when one that
-- takes its snapshot too early reads nothing.
BEGIN; TRUNCATE hundred; INSERT INTO hundred SELECT generate_series(1, 100);
SELECT pg_sleep(:pause); COMMIT;
SELECT pg_sleep(2 * :pause);
BEGIN; ALTER TABLE rewritten ALTER i TYPE bigint; COMMIT;
SELECT pg_sleep(:pause);
BEGIN; ALTER TABLE rewritten ALTER i TYPE int; COMMIT;
ALTER TABLE rewritten ADD COLUMN j int DEFAULT 7;
SELECT pg_sleep(:pause);
ALTER TABLE rewritten DROP COLUMN j;
SELECT pg_sleep(2 * :pause);
SQL
writer tables <<'SQL'
BEGIN; CREATE TABLE comes (i serial PRIMARY KEY, t text);
INSERT INTO comes (t) SELECT md5(i::text) FROM generate_series(1, 50) i; COMMIT;
CREATE VIEW goes AS SELECT * FROM comes;
CREATE INDEX ON comes (t);
SELECT pg_sleep(:pause);
CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (101) TO (200);
SELECT pg_sleep(:pause);
DROP TABLE parts_3;
DROP VIEW goes;
ALTER TABLE comes ADD COLUMN late int;
SELECT pg_sleep(:pause);
BEGIN; TRUNCATE comes; DROP TABLE comes; COMMIT;
SELECT pg_sleep(2 * :pause);
SQL
writer rest <<'SQL'
CREATE SCHEMA short;
CREATE SEQUENCE short.s; SELECT nextval('short.s');
CREATE FUNCTION short.f(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1';
CREATE TYPE short.mood AS ENUM ('good', 'bad');
CREATE MATERIALIZED VIEW short.m AS SELECT short.f(i) AS i FROM still;
SELECT pg_sleep(:pause);
REFRESH MATERIALIZED VIEW short.m;
CREATE INDEX again ON still (i); COMMENT ON TABLE still IS 'stands';
DROP INDEX again;
SELECT pg_sleep(:pause);
SET client_min_messages = error; DROP SCHEMA short CASCADE;
SELECT pg_sleep(2 * :pause);
SQL

# good DATABASE: what holds at every moment holds there.
good() {
	is "$1: the sums are equal" "$(ask "$1" 'SELECT d = c FROM sums')" t
	is "$1: no table lost rows" "$(ask "$1" "SELECT
	    (SELECT count(*) FROM debit), (SELECT count(*) FROM credit),
	    (SELECT count(*) FROM hundred), (SELECT count(*) FROM rewritten),
	    (SELECT count(*) FROM parts), (SELECT count(*) FROM still)")" \
	    '80000|80000|100|100|100|1000'
	# If it came along, then with its rows.
	if [ "$(ask "$1" "SELECT to_regclass('comes') IS NULL")" = f ]; then
		is "$1: nor did the one that comes" \
		    "$(ask "$1" 'SELECT count(*) FROM comes')" 50
	fi
}

succeeded=0 failed=0
for round in 1 2 3 4 5; do
	[ "$round" != 4 ] || echo 0.06 >"$T/pause"
	for jobs in 1 3; do
		before=$(n_snapshots)
		"$SNAP" -v backup -d shop -j "$jobs" \
		    --lock-wait-timeout=20000 >"$T/out" 2>"$T/err"
		status=$?
		after=$(n_snapshots)
		if [ "$status" = 0 ]; then
			succeeded=$((succeeded + 1))
			is "round $round -j $jobs: a snapshot, after $(grep -c \
			    'snapshot was taken; again' "$T/err") retries" \
			    "$after" $((before + 1))
			db=r${round}_$jobs
			createdb "$db"
			"$SNAP" restore latest 2>"$T/err" |
			    psql -X -q -o "$T/psql" "$db" 2>>"$T/err"
			is "round $round -j $jobs: it comes back" "$?" 0
			good "$db"
			dropdb "$db"
		else
			failed=$((failed + 1))
			says "round $round -j $jobs: a failure is told" 'error:'
			is "round $round -j $jobs: without a snapshot" \
			    "$after" "$before"
			cat "$T/err"
		fi
	done
done
# A pattern means what it means at that moment, for rows and definitions.
for round in 1 2 3; do
	"$SNAP" backup -d shop --lock-wait-timeout=20000 -t 'c*' \
	    >"$T/out" 2>"$T/err" || {
		says "a pattern, round $round: a failure is told" 'error:'
		continue
	}
	createdb "p$round"
	part=$("$SNAP" snapshots --json |
	    sed -n 's/.*"id": "\([0-9a-f]*\)".*/\1/p' | tail -n 1)
	"$SNAP" restore "$part" 2>"$T/err" |
	    psql -X -q -o "$T/psql" "p$round" 2>>"$T/err"
	is "a pattern, round $round: it comes back" "$?" 0
	if [ "$(ask "p$round" "SELECT to_regclass('comes') IS NULL")" = f ]; then
		is "a pattern, round $round: with the rows" \
		    "$(ask "p$round" 'SELECT count(*) FROM comes')" 50
	fi
done
touch "$T/enough"
for w in $writers; do
	wait "$w"
done
# The moment that pg_dump alone gets wrong: the backup begins while a table is
# being emptied or rewritten, and has to wait for that.
mkfifo "$T/fifo"
psql -X -q -o "$T/psql" shop <"$T/fifo" 2>"$T/holder" &
holder=$!
exec 5>"$T/fifo"
for jobs in 1 3; do
	while read -r name table sql; do
		echo "BEGIN; $sql; SELECT pg_backend_pid();" >&5
		while [ ! -s "$T/holder" ] && [ "$(ask shop "SELECT count(*)
		    FROM pg_locks WHERE granted AND relation = '$table'::regclass
		    AND mode = 'AccessExclusiveLock'")" = 0 ]; do :; done
		start "$SNAP" backup -d shop -j "$jobs"
		while running && [ "$(ask shop "SELECT count(*) FROM pg_locks
		    WHERE NOT granted")" = 0 ]; do :; done
		echo 'COMMIT;' >&5
		finish
		is "$name -j $jobs: the backup succeeds" "$status" 0
		createdb "w${name}_$jobs"
		"$SNAP" restore latest 2>"$T/err" |
		    psql -X -q -o "$T/psql" "w${name}_$jobs" 2>>"$T/err"
		is "$name -j $jobs: it comes back" "$?" 0
		good "w${name}_$jobs"
		dropdb "w${name}_$jobs"
	done <<-'SQL'
	truncate hundred TRUNCATE hundred; INSERT INTO hundred SELECT generate_series(1, 100)
	rewrite debit ALTER TABLE debit ALTER id TYPE bigint
	back debit ALTER TABLE debit ALTER id TYPE int
	SQL
done
exec 5>&-
wait "$holder"
is "no statement of these failed" "$(cat "$T/holder")" ""

for w in sums rewrites tables rest; do
	[ "$(wc -l <"$T/$w.count")" -gt 2 ] && ok "the $w changed all the time" ||
	    not_ok "the $w changed all the time"
done
echo "$succeeded backups succeeded, $failed failed"
[ "$succeeded" -gt 0 ] && ok "at least one succeeded" ||
    not_ok "at least one succeeded"
expect 0 "check" "$SNAP" check --read-data
done_testing
