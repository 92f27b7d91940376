# SPDX-License-Identifier: PostgreSQL
# dying.sh - a backup killed before and after each of its puts, one by one:
# what is listed is whole, check is content, the next run works and uses what
# was stored.  kill.sh does it at random moments, with a server.
. "$(dirname "$0")/lib.sh"
: "${SNAP_DYING:?is the program made with dying.c}"
noise 1 1000000 >"$T/old"
head -c 18000000 /dev/urandom >"$T/new"
cat "$T/old" >>"$T/new"
init
expect 0 "a first backup" "$SNAP" backup --name old -- cat "$T/old"
cp -a "$SNAP_REPOSITORY" "$T/first"
SNAP_REPOSITORY=$T/repo
n=1
while :; do
	for when in - +; do
		rm -rf "$T/repo"
		cp -a "$T/first" "$T/repo"
		env DIE_AT=$n$when "$SNAP_DYING" -q backup --name new \
		    --stdin <"$T/new" 2>"$T/err"
		status=$?
		[ $status = 137 ] || break 2
		expect 0 "$n$when: check" "$SNAP" check --read-data
		"$SNAP" snapshots --json 2>/dev/null |
		    sed -n 's/.*"id": "\(.*\)".*/\1/p' >"$T/ids"
		last=$(tail -n 1 "$T/ids")
		case $(wc -l <"$T/ids" | tr -d ' ') in
		1) kept=old ;;
		2) kept=new ;;
		*) kept=nothing ;;
		esac
		expect 0 "$n$when: what is listed" "$SNAP" restore "$last"
		same "$n$when: is whole" "$T/out" "$T/$kept"
		echo "    $n$when: $kept is the latest"
		expect 0 "$n$when: the next run" "$SNAP" backup --name new \
		    --stdin <"$T/new"
		expect 0 "$n$when: gives" "$SNAP" --no-cache restore latest
		same "$n$when: what it got" "$T/out" "$T/new"
		expect 0 "$n$when: check after it" "$SNAP" check
	done
	n=$((n + 1))
done
is "nowhere left to die" $status 0
[ $n -gt 5 ] && ok "there were $((n - 1)) puts to die at" ||
    not_ok "there were only $((n - 1)) puts to die at"
is "the last one makes the snapshot" "$kept" new
done_testing
