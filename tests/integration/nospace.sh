# SPDX-License-Identifier: PostgreSQL
# nospace.sh - no space is left at each single call of a backup that takes
# some, from then on or that once.  fulldisk.sh does it with a file system.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/afterwards.sh"
two_files
aim --name new -- cat "$T/new"
env STRIKE=full STRIKE_COUNT="$T/count" "$SNAP_STRUCK" -q backup --name new \
    -- cat "$T/new" 2>"$T/err"
calls=$(cat "$T/count")
echo "    $calls of them take room"
n=1
while [ $n -le "$calls" ]; do
	for how in full once; do
		again
		env STRIKE=$how STRIKE_AT=$n "$SNAP_STRUCK" -q backup \
		    --name new -- cat "$T/new" 2>"$T/err"
		status=$?
		# Only the cache may fail without a word.
		if [ $status = 0 ]; then
			is "$how $n: there it is" "$(ids | wc -l)" 3
		else
			is "$how $n: the status" $status 1
			says "$how $n: the message says why" 'No space left'
		fi
		is "$how $n: no half object" "$(find "$SNAP_REPOSITORY" \
		    -name '.*' -type f | wc -l | tr -d ' ')" 0
		after "$how $n"
		# But for the pack that the call was about, a segment names all.
		[ $how = full ] || [ $n_lost -le 1 ] ||
		    not_ok "$how $n: $n_lost packs are in no segment"
		next "$how $n" --name new -- cat "$T/new"
	done
	# In every run a few, and some of the last, which make the snapshot.
	if [ -n "${SNAP_TEST_HEAVY:-}" ]; then
		n=$((n + 1))
	elif [ $n -lt $((calls - 8)) ]; then
		n=$((n + calls / 4))
		[ $n -le $((calls - 8)) ] || n=$((calls - 8))
	else
		n=$((n + 4))
	fi
done
done_testing
