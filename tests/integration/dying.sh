# SPDX-License-Identifier: PostgreSQL
# dying.sh - a backup killed before and after each of its puts, one by one:
# what is listed is whole, check is content, the next run works and uses what
# was stored.  kill.sh does it at random moments, with a server.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/afterwards.sh"
: "${SNAP_DYING:?is the program made with dying.c}"
# In every run the few puts of usual packs.
if [ -n "${SNAP_TEST_HEAVY:-}" ]; then
	two_files
else
	two_files init
fi
aim --name new -- cat "$T/new"
n=1
while :; do
	for when in - +; do
		again
		env DIE_AT=$n$when "$SNAP_DYING" -q backup --name new \
		    --stdin <"$T/new" 2>"$T/err"
		status=$?
		[ $status = 137 ] || break 2
		after "$n$when"
		listed=$(ids | wc -l)
		next "$n$when" --name new --stdin <"$T/new"
	done
	n=$((n + 1))
done
is "nowhere left to die" $status 0
[ $n -gt 5 ] && ok "there were $((n - 1)) puts to die at" ||
    not_ok "there were only $((n - 1)) puts to die at"
is "the last one makes the snapshot" "$listed" 3
done_testing
