# SPDX-License-Identifier: PostgreSQL
# kill.sh - kill -9 at random moments: no snapshot that is not whole, no
# restore that psql takes for whole, and the next run just works; also with
# another writer beside it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/afterwards.sh"
pg_start || exit 1
points=3
[ -z "${SNAP_TEST_HEAVY:-}" ] || points=50
init_small
createdb shop
psql -X -q shop -c "CREATE TABLE orders AS SELECT i AS id, md5(i::text) AS a,
    md5((i * 7)::text) AS b FROM generate_series(1, 200000) i" \
    -c "CREATE TABLE lines AS SELECT id, a FROM orders"
expect 0 "an older backup" "$SNAP" backup -d shop -j 2
createdb -T shop copy
psql -X -q copy -c "UPDATE orders SET a = md5(a) WHERE id % 2 = 0"
psql -X -q shop -c "UPDATE orders SET b = md5(b)"
# What a backup of the other database gives.
expect 0 "a copy" "$SNAP" -r "$T/elsewhere" init --kdf-memory 8
expect 0 "a copy" "$SNAP" -r "$T/elsewhere" backup -d copy
SNAP_REPOSITORY=$T/elsewhere
copy=$(given latest)
SNAP_REPOSITORY=$T/repo
aim -d shop -j 2

# one of MILLISECONDS | at call N of backup -d shop -j 2
by_time() {
	"$SNAP" -q backup -d shop -j 2 2>"$T/err" &
	pid=$!
	sleep "$(awk -v ms="$1" 'BEGIN { print ms / 1000 }')"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
}
by_call() {
	env STRIKE=kill STRIKE_AT="$1" "$SNAP_STRUCK" -q backup -d shop -j 2 \
	    2>"$T/err"
	[ $? = 137 ] && killed=$((killed + 1))
}
killed=0
i=0
while [ $i -lt $points ]; do
	again
	pick $((ms + 80))
	by_time $at
	after "after $at ms"
	next "after $at ms" -d shop -j 2
	again
	pick "$calls"
	by_call $at
	after "call $at"
	next "call $at" -d shop -j 2

	# With another writer, which has much of the same data.
	again
	"$SNAP" backup --json -d copy -j 2 >"$T/beside" 2>"$T/err.beside" &
	beside=$!
	pick "$calls"
	by_call $at
	wait $beside
	is "call $at, the other writer" $? 0
	id=$(sed -n 's/.*"id": "\(.*\)".*/\1/p' "$T/beside")
	echo "$copy" >"$T/known/${id:-none}"
	after "call $at, beside another"
	expect 0 "call $at, beside another: the next run" \
	    "$SNAP" backup -d shop -j 2
	after "call $at, beside another, and after it"

	# And both are killed.
	again
	env STRIKE=kill STRIKE_AT=$((at / 2 + 1)) "$SNAP_STRUCK" -q backup \
	    -d copy -j 2 2>"$T/err.beside" &
	beside=$!
	by_call $at
	wait $beside
	is "call $at, both: the other is dead" $? 137
	after "call $at, both"
	expect 0 "call $at, both: the next run" "$SNAP" backup -d shop -j 2
	after "call $at, both, and after it"
	i=$((i + 1))
done
[ $killed -ge $points ] && ok "$killed were killed by call" ||
    not_ok "$killed were killed by call"
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
	elif [ "$(tail -n 1 "$T/seen")" != '\endif' ]; then
		[ "$killed" = 1 ] && [ "$died" != 0 ] && [ "$status" != 0 ] &&
		    ok "round $round: psql fails with its restore" ||
		    not_ok "round $round: psql fails with its restore"
		same "round $round: the target is as it was" \
		    "$T/empty" "$T/b"
	else
		# Also when it was killed behind its last line.
		is "round $round: the restore was faster" "$status" 0
		same "round $round: all of it is there" "$T/a" "$T/b"
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
