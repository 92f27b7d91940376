# SPDX-License-Identifier: PostgreSQL
# anytime.sh - a restore that is struck at random moments: by the end of the
# server or of one session, a full disk, a store that is gone or damaged, kill -9
# of the program and of its children.  Its status is 0 only if all is there.  By
# the pipe the target is then as it was; straight into the server it is told what
# it lacks, and the command that is printed brings it all.
# Heavy: more moments.  SNAP_TEST_SEED chooses other ones.
. "$(dirname "$0")/direct.sh"
seed=${SNAP_TEST_SEED:-1}
rounds=1
[ -z "${SNAP_TEST_HEAVY:-}" ] || rounds=12
echo "seed $seed, $rounds of each"
pg_start || exit 1
small=$PG_DIR/small
mkdir "$small"
mounted=
unmount() {
	pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -m immediate -w stop \
	    >/dev/null 2>&1
	[ -z "$mounted" ] || umount "$mounted"
	mounted=
}
trap 'unmount; clean_up' EXIT
if [ "$(id -u)" = 0 ] &&
    mount -t tmpfs -o size=200m,mode=700 none "$small" 2>"$T/err"; then
	mounted=$small
	chown "${PG_OSUSER:-postgres}" "$small"
	sql -c "CREATE TABLESPACE small LOCATION '$small'" postgres
else
	echo "no file system of our own: a full one is not tried"
fi
init
createdb src
sql src >"$T/psql" <<'SQL' || not_ok "load the sample"
CREATE TABLE wide (i int PRIMARY KEY, t text);
INSERT INTO wide SELECT i, repeat(md5(i::text), 8)
FROM generate_series(1, 40000) i;
CREATE INDEX ON wide (t);
CREATE TABLE other AS SELECT i, md5((i * 3)::text) AS u
FROM generate_series(1, 60000) i;
CREATE INDEX ON other (u); CREATE UNIQUE INDEX ON other (i);
CREATE TABLE little (k serial PRIMARY KEY, i int REFERENCES wide);
INSERT INTO little (i) SELECT i FROM generate_series(1, 500) i;
CREATE MATERIALIZED VIEW m AS SELECT count(*) AS n FROM wide;
SELECT count(lo_from_bytea(0, decode(repeat(md5(i::text), 20), 'hex')))
FROM generate_series(1, 200) i;
GRANT SELECT ON other TO PUBLIC;
SQL
expect 0 "backup" "$SNAP" backup -j 2 src
schema_of src >"$T/src.schema"
rows_of src >"$T/src.rows" 2>&1
cp -a "$SNAP_REPOSITORY" "$T/whole"

# whole DATABASE: is all of it there?
whole() {
	schema_of "$1" >"$T/now.schema" 2>&1
	rows_of "$1" >"$T/now.rows" 2>&1
	cmp -s "$T/src.schema" "$T/now.schema" &&
	    cmp -s "$T/src.rows" "$T/now.rows"
}

now_ms() {
	date +%s%3N
}
n=0
# moment: the next random one, in seconds, of the time that $took ms are.
moment() {
	n=$((n + 1))
	awk -v seed="$seed" -v n="$n" -v ms="$took" 'BEGIN {
	    srand(seed * 1000 + n); rand()
	    printf "%.3f\n", rand() * ms / 1000 }'
}

# pick LIST: a random line of it.
pick() {
	awk -v seed="$seed" -v n="$n" 'BEGIN { srand(seed * 77 + n); rand() }
	    { v[NR] = $0 } END { if (NR) print v[int(rand() * NR) + 1] }'
}

# ---- what befalls it; `target` is the database, $pid the program
server_up() {
	( cd "$PG_DIR" && pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -w -t 600 \
	    -l "$PG_DIR/server.log" start >/dev/null )
}
strike() {
	case $1 in
	server)
		pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -m immediate -w stop \
		    >/dev/null
		;;
	session)
		victim=$(ask postgres "SELECT pid FROM pg_stat_activity
		    WHERE datname = '$target' ORDER BY pid" | pick)
		[ -z "$victim" ] ||
		    ask postgres "SELECT pg_terminate_backend($victim)" \
			>"$T/psql"
		;;
	store)
		mv "$SNAP_REPOSITORY" "$T/away"
		;;
	snap)
		kill -9 "$pid" 2>/dev/null
		;;
	psql)
		kill -9 "$psql_pid" 2>/dev/null
		;;
	pg_restore) # the next one
		while running && ! pgrep -P "$pid" pg_restore >"$T/pids"; do
			sleep 0.02
		done
		victim=$(pgrep -P "$pid" pg_restore)
		[ -z "$victim" ] || victim=$({
			echo "$victim"
			pgrep -P "$victim"
		} | pick)
		[ -z "$victim" ] || kill -9 "$victim" 2>/dev/null
		;;
	*) ;; # damage, full: was there from the beginning
	esac
}

# prepare FAULT: before it begins.
prepare() {
	tablespace=pg_default
	case $1 in
	damage)
		pack=$(find "$SNAP_REPOSITORY/data" -type f | sort | pick)
		at=$(awk -v seed="$seed" -v n="$n" -v max="$(wc -c <"$pack")" \
		    'BEGIN { srand(seed * 31 + n); rand()
		    print int(rand() * (max - 100)) }')
		printf 'damage' | dd of="$pack" bs=1 seek="$at" conv=notrunc \
		    2>"$T/dd"
		;;
	full)
		tablespace=small
		mount -o "remount,size=$(awk -v seed="$seed" -v n="$n" \
		    'BEGIN { srand(seed * 13 + n); rand()
		    print 9000 + int(rand() * 20000) }')k" "$small"
		;;
	esac
}

# mend FAULT: the world as it was; nobody works there any more.
mend() {
	case $1 in
	server) server_up ;;
	store) mv "$T/away" "$SNAP_REPOSITORY" ;;
	damage)
		rm -rf "$SNAP_REPOSITORY"
		cp -a "$T/whole" "$SNAP_REPOSITORY"
		;;
	full) mount -o remount,size=200m "$small" ;;
	esac
	while [ "$(ask postgres "SELECT count(*) FROM pg_stat_activity
	    WHERE datname = '$target'")" != 0 ]; do
		sleep 0.05
	done
}

# aim FAULT: a new target, and when it is struck.
aim() {
	n=$((n + 1))
	target=t$n
	prepare "$1"
	createdb -T template0 -D "$tablespace" "$target"
	dump "$target" >"$T/before"
	when=$(moment)
}

# straight FAULT JOBS
straight() {
	aim "$1"
	text="straight, $1 after $when s of $took ms, -j $2"
	start "$SNAP" --no-cache restore latest --dbname="$target" -j "$2"
	sleep "$when"
	strike "$1"
	finish
	mend "$1"
	if [ "$status" = 0 ]; then
		whole "$target" && ok "$text: status 0, all is there" ||
		    not_ok "$text: status 0, and something is missing"
		[ "$1" != full ] || dropdb "$target"
		return
	fi
	if [ "$1" = snap ]; then
		again="restore latest --dbname=$target --clean"
	elif grep -q 'target is incomplete' "$T/err"; then
		again=$(sed -n 's/.*dropping what is there: [^ ]* //p' "$T/err")
		[ -n "$again" ] || not_ok "$text: no command is printed"
	else
		# It says that nothing was changed, or had not come so far.
		dump "$target" >"$T/after"
		same "$text: nothing was changed (status $status)" \
		    "$T/before" "$T/after"
		again="restore latest --dbname=$target"
	fi
	expect 0 "$text: and $again" eval "\"$SNAP\" $again"
	whole "$target" && ok "$text: brings all" || not_ok "$text: brings all"
	[ "$1" != full ] || dropdb "$target"
}

# piped FAULT
piped() {
	aim "$1"
	text="piped, $1 after $when s of $took ms"
	mkfifo "$T/fifo"
	psql -X -q "$target" <"$T/fifo" >"$T/psql" 2>&1 &
	psql_pid=$!
	"$SNAP" --no-cache restore latest >"$T/fifo" 2>"$T/err" &
	pid=$!
	sleep "$when"
	strike "$1"
	wait "$psql_pid"
	psql_status=$?
	wait "$pid"
	status=$?
	rm "$T/fifo"
	mend "$1"
	text="$text (snap $status, psql $psql_status)"
	if whole "$target"; then
		ok "$text: all is there"
	else
		# Killed before its first line it left psql an empty script.
		[ "$psql_status" != 0 ] || [ "$1:$status" = snap:137 ] ||
		    not_ok "$text: psql says 0, and something is missing"
		dump "$target" >"$T/after"
		same "$text: the target is as it was" "$T/before" "$T/after"
	fi
	[ "$1" != full ] || dropdb "$target"
}

# ---- how long it takes when nothing happens
createdb -T template0 calm
began=$(now_ms)
expect 0 "undisturbed" "$SNAP" --no-cache restore latest --dbname=calm -j 2
took=$(($(now_ms) - began))
whole calm && ok "all is there" || not_ok "all is there"

# In every run those that broken.sh, and the pipe's poison.sh and cut.sh, have not.
straight='session snap pg_restore'
piped='server session psql'
if [ -n "${SNAP_TEST_HEAVY:-}" ]; then
	straight="$straight server store damage"
	piped="$piped store damage snap"
fi
if [ -n "$mounted" ]; then
	straight="$straight full"
	piped="$piped full"
fi
round=0
while [ "$round" -lt "$rounds" ]; do
	round=$((round + 1))
	for fault in $straight; do
		straight "$fault" $((1 + (n + round) % 3))
	done
	for fault in $piped; do
		piped "$fault"
	done
done
done_testing
