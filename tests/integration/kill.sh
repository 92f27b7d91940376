# SPDX-License-Identifier: PostgreSQL
# kill.sh - kill -9 at random moments: no snapshot that is not whole, no
# restore that psql takes for whole, and the next run just works.
. "$(dirname "$0")/lib.sh"
pg_start || exit 1
init
createdb shop
psql -X -q shop -c "CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS a,
    md5((i * 7)::text) AS b FROM generate_series(1, 600000) i"
rounds=8
[ -z "${SNAP_TEST_HEAVY:-}" ] || rounds=50
n=0
for round in $(awk -v n=$rounds 'BEGIN { while (i++ < n) print i }'); do
	"$SNAP" -q backup -d shop -j 2 2>"$T/err" &
	pid=$!
	sleep "$(awk -v r="$round" 'BEGIN { srand(r); print rand() * 1.5 }')"
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null && n=$((n + 1))
	# One that was killed after its last put stands, and counts.
	got=$(n_snapshots)
	[ "$got" -ge "$n" ] || not_ok "round $round lost a snapshot"
	n=$got
	expect 0 "round $round: check after kill -9" "$SNAP" check
done
# Random moments seldom meet a commit, which takes milliseconds: so once more,
# before and after each of the puts.
i=1
while [ -n "${SNAP_DYING:-}" ]; do
	psql -X -q shop -c "UPDATE orders SET b = md5(b) WHERE id % 9000 = $i"
	for at in $i- $i+; do
		env DIE_AT=$at "$SNAP_DYING" -q backup -d shop -j 2 2>"$T/err"
		status=$?
		expect 0 "put $at: check" "$SNAP" check
		[ $status = 137 ] || break 2
	done
	i=$((i + 1))
done
[ $i != 2 ] && ok "there were $((i - 1)) puts" || not_ok "there was no put"
n=$(n_snapshots)
expect 0 "the next run succeeds" "$SNAP" backup -d shop
is "with one snapshot more" "$(n_snapshots)" $((n + 1))
expect 0 "check --read-data" "$SNAP" check --read-data
dump shop >"$T/a"

# A restore that dies must leave the target as it was.
createdb target
dump target >"$T/empty"
for round in 1 2 3 4; do
	mkfifo "$T/pipe"
	"$SNAP" restore latest >"$T/pipe" 2>"$T/err" &
	pid=$!
	(tee "$T/seen" <"$T/pipe" | psql -X -q target >/dev/null 2>&1) &
	psql=$!
	sleep "$(awk -v r="$round" 'BEGIN { srand(r + 90)
	    print 0.2 + rand() * 0.4 }')"
	if kill -9 "$pid" 2>/dev/null; then
		killed=1
	else
		killed=0
	fi
	wait "$pid" 2>/dev/null
	died=$?
	wait "$psql"
	status=$?
	rm "$T/pipe"
	dump target >"$T/b"
	if [ "$killed" = 1 ] && [ ! -s "$T/seen" ]; then
		# An empty script is none, which psql takes for well done.
		same "round $round: nothing came, nothing changed" \
		    "$T/empty" "$T/b"
	elif [ "$killed" = 1 ] && [ "$died" != 0 ]; then
		[ "$status" != 0 ] &&
		    ok "round $round: psql fails with its restore" ||
		    not_ok "round $round: psql fails with its restore"
		same "round $round: the target is as it was" \
		    "$T/empty" "$T/b"
	else
		is "round $round: the restore was faster" "$status" 0
		dropdb target
		createdb target
	fi
done
dropdb target
createdb target
"$SNAP" restore latest 2>"$T/err" | psql -X -q target >/dev/null 2>&1
is "an undisturbed restore" "$?" 0
dump target >"$T/b"
same "is the database" "$T/a" "$T/b"
done_testing
