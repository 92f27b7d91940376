# SPDX-License-Identifier: PostgreSQL
# power.sh - the power fails at every fsync of a backup, and right after it
# said that all is well: what is listed is whole, and what was acknowledged is
# there.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/afterwards.sh"
: "${SNAP_UNPLUGGED:?is the program made with unplugged.c}"
# In every run the few fsyncs of usual packs.
if [ -n "${SNAP_TEST_HEAVY:-}" ]; then
	two_files
else
	two_files init
fi
aim --name new -- cat "$T/new"
n=1
while :; do
	for keep in 0 1; do
		again
		env UNPLUG_AT=$n UNPLUG_KEEP=$keep "$SNAP_UNPLUGGED" -q backup \
		    --name new --stdin <"$T/new" 2>"$T/err"
		status=$?
		[ $status = 137 ] || break 2
		after "fsync $n, keep $keep"
		[ $keep = 0 ] ||
		    next "fsync $n, keep $keep" --name new --stdin <"$T/new"
	done
	n=$((n + 1))
done
is "no fsync is left" $status 0
[ $n -gt 10 ] && ok "there were $((n - 1)) of them" ||
    not_ok "there were only $((n - 1)) of them"
for keep in 0 1; do
	again
	env UNPLUG_AT=0 UNPLUG_KEEP=$keep "$SNAP_UNPLUGGED" backup \
	    --name new --stdin <"$T/new" 2>"$T/err"
	says "it was acknowledged" 'snapshot .* of new'
	after "after success, keep $keep"
	is "after success, keep $keep: it stands" "$(ids | wc -l)" 3
done

# Half of an init is either no repository or one that can be made again.
n=1
while :; do
	rm -rf "$T/fresh"
	env UNPLUG_AT=$n "$SNAP_UNPLUGGED" -r "$T/fresh" init --kdf-memory 8 \
	    >"$T/out" 2>"$T/err"
	status=$?
	[ $status = 137 ] || break
	expect 10 "init, fsync $n: there is no repository" \
	    "$SNAP" -r "$T/fresh" snapshots
	n=$((n + 1))
done
is "init: no fsync is left" $status 0
rm -rf "$T/fresh"
env UNPLUG_AT=0 "$SNAP_UNPLUGGED" -r "$T/fresh" init --kdf-memory 8 \
    >"$T/out" 2>"$T/err"
expect 0 "init, after success: it is there" "$SNAP" -r "$T/fresh" snapshots
done_testing
