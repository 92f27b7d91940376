# SPDX-License-Identifier: PostgreSQL
# killed.sh - kill -9 at random points of a backup: by time, and by the n-th
# call to the file system, so that short phases are met as well.  dying.sh does
# it at each put, and kill.sh with a server.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/afterwards.sh"
points=4
[ -z "${SNAP_TEST_HEAVY:-}" ] || points=50
two_files
aim --name new -- cat "$T/new"

i=0
killed=0
while [ $i -lt $points ]; do
	again
	# Now and then it happens again and again.
	for twice in $([ $((i % 5)) = 3 ] && echo 1 2 3 || echo 1); do
		# Every other one is among the last, which make the snapshot.
		if [ $((i % 2)) = 0 ]; then
			pick "$calls"
		else
			pick 60
			at=$((calls - at))
		fi
		env STRIKE=kill STRIKE_AT="$at" "$SNAP_STRUCK" -q backup \
		    --name new -- cat "$T/new" 2>"$T/err"
		[ $? = 137 ] && killed=$((killed + 1))
		after "point $i, call $at"
	done
	next "point $i, call $at" --name new -- cat "$T/new"
	i=$((i + 1))
done
# There are not as many calls when data was stored before.
[ $killed -ge $((points / 2)) ] && ok "$killed were killed" ||
    not_ok "$killed were killed"

i=0
while [ $i -lt $points ]; do
	again
	pick $((ms + 80))
	"$SNAP" -q backup --name new --stdin <"$T/new" 2>"$T/err" &
	pid=$!
	sleep "$(awk -v ms=$at 'BEGIN { print ms / 1000 }')"
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	after "after $at ms"
	next "after $at ms" --name new -- cat "$T/new"
	i=$((i + 1))
done
done_testing
