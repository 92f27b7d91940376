# SPDX-License-Identifier: PostgreSQL
# stopped.sh - a backup that is told to stop, or killed, while rows come or
# while pg_dump waits: no snapshot, no session, no child, no file is left.
. "$(dirname "$0")/live.sh"
pg_start || exit 1
init
createdb shop
psql -X -q shop -c "CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS a,
    repeat(md5((i * 7)::text), 6) AS b FROM generate_series(1, 400000) i" \
    -c "CREATE TABLE lines AS SELECT * FROM orders" \
    -c "CREATE TABLE small AS SELECT i FROM generate_series(1, 10) i"
# Where temporary files go; and a pg_dump that leaves its process's number.
mkdir "$T/tmp" "$T/bin"
TMPDIR=$T/tmp
export TMPDIR
ln -s "$PG_BIN/pg_dumpall" "$T/bin/pg_dumpall"
cat >"$T/bin/pg_restore" <<-SH
#!/bin/sh
if [ -e "$T/hold" ]; then
	case "\$*" in *--use-list=*)
		echo \$\$ >"$T/restore.pid"
		while [ -e "$T/hold" ]; do sleep 0.1; done ;;
	esac
fi
exec "$PG_BIN/pg_restore" "\$@"
SH
cat >"$T/bin/pg_dump" <<-SH
#!/bin/sh
case \$1 in
--version) ;;
*) echo \$\$ >"$T/dump.pid" ;;
esac
exec "$PG_BIN/pg_dump" "\$@"
SH
chmod +x "$T/bin/pg_dump" "$T/bin/pg_restore"
expect 0 "a backup that is not disturbed" "$SNAP" backup -d shop \
    -t small --pg-dump "$T/bin/pg_dump"
n=$(n_snapshots)
older=$("$SNAP" snapshots --json | sed -n 's/.*"id": "\(.*\)".*/\1/p')
"$SNAP" restore "$older" | sed -e '/restrict /d' >"$T/older"

# No limit: a session that stays would keep this from ending.
no_sessions() {
	while [ "$(ask postgres "SELECT count(*) FROM pg_stat_activity
	    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
	    AND application_name <> 'psql'")" != 0 ]; do
		sleep 0.1
	done
	ok "$1: no session is left"
}

# left TEXT: what must not be there after a run that was stopped.
left() {
	is "$1: no snapshot" "$(n_snapshots)" "$n"
	if [ -s "$T/dump.pid" ] && kill -0 "$(cat "$T/dump.pid")" 2>/dev/null
	then
		not_ok "$1: pg_dump is gone"
	fi
	is "$1: no file is left" "$(ls -A "$T/tmp")" ""
	is "$1: nor one elsewhere" "$(find /tmp -maxdepth 1 -type f \
	    -name 'snap-*' -newer "$T/bin/pg_dump" \
	    -exec grep -l 'TABLE public small ' {} + 2>/dev/null)" ""
}

signals='TERM:143 HUP:129'
if [ "$ENV" = env ]; then
	echo "this env cannot undo an ignored SIGINT: not tried"
else
	signals="INT:130 $signals"
fi
backup() {
	rm -f "$T/dump.pid"
	start "$SNAP" backup -d shop --pg-dump "$T/bin/pg_dump" "$@"
}

# ---- while rows come
for jobs in 1 3; do
	for sig in $signals; do
		backup -j "$jobs"
		until_query '^COPY .*(orders|lines)'
		kill -"${sig%:*}" "$pid"
		finish
		text="-j $jobs, COPY, SIG${sig%:*}"
		is "$text: the status" "$status" "${sig#*:}"
		no_sessions "$text"
		left "$text"
	done
	backup -j "$jobs"
	until_query '^COPY .*(orders|lines)'
	is "-j $jobs: sessions have the program's name" "$(ask postgres "SELECT
	    DISTINCT application_name FROM pg_stat_activity
	    WHERE query ~ '^COPY'")" "$(basename "$SNAP")"
	kill -9 "$pid"
	finish
	is "-j $jobs, COPY, kill -9: the status" "$status" 137
	no_sessions "-j $jobs, COPY, kill -9"
	left "-j $jobs, COPY, kill -9"
	backup -j "$jobs"
	until_query '^COPY .*(orders|lines)'
	ask postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
	    WHERE query ~ '^COPY'" >"$T/psql"
	finish
	is "-j $jobs: the server ends the session" "$status" 1
	# A server that hangs on our socket has no last words.
	says "-j $jobs: it is told" \
	    'terminating connection due to admin|closed the connection'
	no_sessions "-j $jobs: the server ends the session"
	left "-j $jobs: the server ends the session"
done

# ---- while a table is locked by another session
mkfifo "$T/fifo"
psql -X -q shop <"$T/fifo" >"$T/psql" 2>&1 &
holder=$!
exec 5>"$T/fifo"
until_locked() {
	while [ "$(ask shop "SELECT count(*) FROM pg_locks WHERE granted
	    AND mode = 'AccessExclusiveLock'")" = 0 ]; do :; done
}
until_waiting() { # RELATION
	while running && [ "$(ask shop "SELECT count(*) FROM pg_locks
	    WHERE NOT granted AND relation = '$1'::regclass")" = 0 ]; do :; done
	running || not_ok "the program was over before it waited for $1"
}
echo 'BEGIN; LOCK TABLE small;' >&5
until_locked
for sig in $signals; do
	backup
	until_waiting small
	kill -"${sig%:*}" "$pid"
	finish
	is "a lock, SIG${sig%:*}: the status" "$status" "${sig#*:}"
	no_sessions "a lock, SIG${sig%:*}"
	left "a lock, SIG${sig%:*}"
done
backup
until_waiting small
ask postgres "SELECT pg_terminate_backend(pid) FROM pg_locks
    WHERE NOT granted" >"$T/psql"
finish
is "a lock, the server ends the session" "$status" 1
says "a lock, its last words are told" 'terminating connection due to admin'
says "a lock, with the SQLSTATE" '57P01'
no_sessions "a lock, the server ends the session"
left "a lock, the server ends the session"
echo 'COMMIT;' >&5

# ---- while pg_dump waits for a lock on what only it reads
echo 'BEGIN; LOCK TABLE pg_catalog.pg_ts_template;' >&5
until_locked
for sig in $signals; do
	backup
	until_waiting pg_ts_template
	kill -"${sig%:*}" "$pid"
	finish
	is "pg_dump, SIG${sig%:*}: the status" "$status" "${sig#*:}"
	no_sessions "pg_dump, SIG${sig%:*}"
	left "pg_dump, SIG${sig%:*}"
done
# Nobody can stop pg_dump then; it ends with its work, to no effect.
backup
until_waiting pg_ts_template
kill -9 "$pid"
finish
is "pg_dump, kill -9: the status" "$status" 137
echo 'COMMIT;' >&5
no_sessions "pg_dump, kill -9"
while kill -0 "$(cat "$T/dump.pid")" 2>/dev/null; do
	sleep 0.1
done
left "pg_dump, kill -9"
# pg_dump alone is killed.
echo 'BEGIN; LOCK TABLE pg_catalog.pg_ts_template;' >&5
until_locked
backup
(
	while running; do
		until_waiting pg_ts_template
		kill -9 "$(cat "$T/dump.pid")"
		sleep 0.5
	done
) >/dev/null 2>&1
finish
is "pg_dump is killed: the status" "$status" 1
says "pg_dump is killed: it is told" 'pg_dump was killed by signal 9'
exec 5>&-
wait "$holder"
no_sessions "pg_dump is killed"
left "pg_dump is killed"

# ---- while pg_restore reads its list
for sig in TERM:143 KILL:137; do
	rm -f "$T/restore.pid"
	touch "$T/hold"
	backup -t small
	while running && [ ! -s "$T/restore.pid" ]; do sleep 0.05; done
	kill -"${sig%:*}" "$pid"
	finish
	is "pg_restore, SIG${sig%:*}: the status" "$status" "${sig#*:}"
	no_sessions "pg_restore, SIG${sig%:*}"
	left "pg_restore, SIG${sig%:*}"
	rm -f "$T/hold"
	while kill -0 "$(cat "$T/restore.pid")" 2>/dev/null; do
		sleep 0.1
	done
done

# ---- while a server does not answer; no limit: who is deaf stays
server=$(head -n 1 "$PG_DIR/data/postmaster.pid")
trap 'kill -CONT "$server" 2>/dev/null; clean_up' EXIT
for sig in $signals; do
	kill -STOP "$server"
	backup
	sleep 0.5
	running && ok "connecting: it waits" || not_ok "connecting: it waits"
	kill -"${sig%:*}" "$pid"
	finish
	kill -CONT "$server"
	is "connecting, SIG${sig%:*}: the status" "$status" "${sig#*:}"
	no_sessions "connecting, SIG${sig%:*}"
	left "connecting, SIG${sig%:*}"
done
kill -STOP "$server"
expect 2 "a server that does not answer in time" "$SNAP" backup \
    -d "dbname=shop connect_timeout=2"
kill -CONT "$server"
says "is told" 'timeout expired'
kill -STOP "$server"
expect 2 "nor one of two in time" "$SNAP" backup \
    -d "host=$PG_DIR,$T dbname=shop connect_timeout=2"
kill -CONT "$server"
says "the first is told" 'timeout expired'
says "and the other was asked" "$T"
trap clean_up EXIT

expect 0 "the next run succeeds" "$SNAP" backup -d shop -j 3
expect 0 "check" "$SNAP" check --read-data
"$SNAP" --no-cache restore "$older" | sed -e '/restrict /d' >"$T/again"
[ -s "$T/again" ] && same "the older one is as it was" "$T/older" "$T/again" ||
    not_ok "the older one comes back"
done_testing
