# SPDX-License-Identifier: PostgreSQL
# interrupted.sh - a prune that forgets, rescues, writes anew and deletes, in
# one run without a grace, is killed at any call or loses power at any fsync:
# what is to stay comes back, what is to go is whole or gone, check is content,
# and the next prune leaves what an undisturbed one does.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/afterwards.sh"
. "$(dirname "$0")/pruning.sh"
: "${SNAP_UNPLUGGED:?is the program made with unplugged.c}"
points=8
[ -z "${SNAP_TEST_HEAVY:-}" ] || points=

# ---- killed
i=1
while [ $i -le "${points:-$calls}" ]; do
	at=$i
	[ -z "$points" ] || pick "$calls"
	again
	prune env STRIKE=kill STRIKE_AT=$at "$SNAP_STRUCK" >"$T/out" 2>"$T/err"
	is "call $at: dead" $? 137
	after "call $at"
	next "call $at"
	i=$((i + 1))
done

# ---- without power
again
n=1
while :; do
	prune env UNPLUG_AT=$n "$SNAP_UNPLUGGED" >"$T/out" 2>"$T/err"
	[ $? = 137 ] || break
	again
	n=$((n * 2))
done
[ $n -gt 16 ] && ok "there are more than $((n / 2)) fsyncs" ||
    not_ok "there are only $n fsyncs"
most=$n
i=1
while [ $i -le "${points:-$most}" ]; do
	at=$i
	[ -z "$points" ] || pick $((most / 2))
	for keep in 0 1; do
		again
		prune env UNPLUG_AT=$at UNPLUG_KEEP=$keep "$SNAP_UNPLUGGED" \
		    >"$T/out" 2>"$T/err"
		status=$?
		[ $status = 137 ] || break 2
		after "fsync $at, keep $keep"
		next "fsync $at, keep $keep"
	done
	i=$((i + 1))
done
[ -n "$points" ] || is "no fsync is left" $status 0
again
prune env UNPLUG_AT=0 "$SNAP_UNPLUGGED" >"$T/out" 2>"$T/err"
says "it said that all is done" 'forgot 2 of 4'
after "right after success"
is "right after success: what went is gone" "$(wc -l <"$T/ids" | tr -d ' ')" 2
done_testing
