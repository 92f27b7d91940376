# SPDX-License-Identifier: PostgreSQL
# suspended.sh - a backup that is stopped at random points and goes on much
# later: while others write it makes its snapshot; beyond half of the grace
# period it makes none, for what it relies on may be gone.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/afterwards.sh"
if [ ! -r /proc/self/stat ]; then
	echo "no /proc: skipped"
	exit 77
fi
points=2
[ -z "${SNAP_TEST_HEAVY:-}" ] || points=25
two_files
# What the other writer stores meanwhile: the end of `new`, so that what comes
# before it is cut into the blocks that a run without directories left.
tail -c 9000000 "$T/new" >"$T/part"
random 2000000 >>"$T/part"
useless=2000000
find "$SNAP_REPOSITORY" -type f | sort >"$T/files"
# What a run that died has left is used by the one that will be stopped.
env STRIKE=kill STRIKE_AT=350 "$SNAP_STRUCK" -q backup --name new -- \
    cat "$T/new" 2>"$T/err"
is "one died" $? 137
aim --name new -- cat "$T/new"

# stopped SECONDS CLOCKS COMMAND...: it is run while the backup sleeps; then
# $status is how that ended.
stopped() {
	seconds=$1
	clocks=$2
	shift 2
	rm -f "$T/status"
	: >"$T/pid"
	(
		env STRIKE=stop STRIKE_AT="$at" STRIKE_SLEPT="$seconds" \
		    STRIKE_CLOCKS="$clocks" "$SNAP_STRUCK" -q backup \
		    --name new -- cat "$T/new" 2>"$T/err.stopped" &
		echo $! >"$T/pid"
		wait $!
		echo $? >"$T/status.new"
		mv "$T/status.new" "$T/status"
	) 2>/dev/null &
	runner=$!
	until [ -s "$T/status" ] || { [ -s "$T/pid" ] &&
	    grep -q ') T ' "/proc/$(cat "$T/pid")/stat" 2>/dev/null; }; do
		sleep 0.02
	done
	[ -s "$T/status" ] || "$@"
	kill -CONT "$(cat "$T/pid")" 2>/dev/null
	wait $runner
	status=$(cat "$T/status")
	cp "$T/err.stopped" "$T/err"
}
other() {
	expect 0 "call $at: meanwhile another writer" \
	    "$SNAP" backup --name part -- cat "$T/part"
	cksum <"$T/part" >"$T/known/$(ids | tail -n 1)"
}
# confirmed: the snapshot of the one that sleeps is on the store.
confirmed() {
	[ "$(ls "$SNAP_REPOSITORY/snapshots" | grep -c 'ok$')" -gt 2 ]
}
# All that no older snapshot needs goes, as prune would have it go after a
# grace period; what a snapshot that stands needs stays.
prune() {
	was_confirmed=0
	confirmed && was_confirmed=1 && return
	find "$SNAP_REPOSITORY" -type f ! -name '.*' | sort |
	    comm -13 "$T/files" - | xargs rm -f
}

i=0
lost_leases=0
while [ $i -lt $points ]; do
	# Some way into the reading, and the calls that make the snapshot.
	for of in $calls 60; do
		again
		pick "$of"
		[ "$of" = "$calls" ] || at=$((calls - at))
		stopped 600 brs other
		is "call $at, ten minutes: the status" "$status" 0
		after "call $at, ten minutes"
		next "call $at, ten minutes" --name new -- cat "$T/new"

		again
		case $((i % 4)) in
		0) clocks=brs ;;
		1) clocks=s ;;
		2) clocks=b ;;
		*) clocks=r ;;
		esac
		stopped 144000 $clocks other
		case $status in
		0) ok "call $at, 40 hours ($clocks): it was through" ;;
		11) ok "call $at, 40 hours ($clocks): it lost its lease" ;;
		*) not_ok "call $at, 40 hours ($clocks): status $status" ;;
		esac
		after "call $at, 40 hours"
		next "call $at, 40 hours" --name new -- cat "$T/new"

		again
		was_confirmed=1
		stopped 1080000 brs prune
		# Where it slept before its first look it may go on.
		if [ $was_confirmed = 0 ] && [ "$status" != 0 ]; then
			is "call $at, pruned: the status" "$status" 11
			is "call $at, pruned: no snapshot" "$(ids | wc -l)" 2
			lost_leases=$((lost_leases + 1))
		fi
		after "call $at, pruned"
		expect 0 "call $at, pruned: the next run" \
		    "$SNAP" backup --name new -- cat "$T/new"
		after "call $at, pruned, and after it"
	done
	i=$((i + 1))
done
[ $lost_leases -gt 0 ] && ok "$lost_leases leases were lost" ||
    not_ok "$lost_leases leases were lost"
done_testing
