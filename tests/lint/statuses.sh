# SPDX-License-Identifier: PostgreSQL
# statuses.sh SOURCE_DIR - each exit status that the program knows is in
# docs/exit-codes.md, and none besides, and whole-run tests expect each of them.
cd "$1" || exit 1
failed=0
bad() {
	echo "NOT OK: $1"
	failed=1
}
documented=$(sed -n '/^## Exit statuses/,/^## /s/^| *\([0-9, ]*\) *|.*/\1/p' \
    docs/exit-codes.md | tr -d ' ' | tr ',' '\n' | sort -n | tr '\n' ' ')
known=$( (
	sed -n '/^enum status {/,/^};/s/.*= \([0-9]*\).*/\1/p' cli/main.c
	sed -n '/stops\[\] = {/s/.*{ \(.*\) }.*/\1/p' cli/main.c |
	    sed 's/SIGHUP/129/; s/SIGINT/130/; s/SIGTERM/143/' | tr -d ' ' |
	    tr ',' '\n'
) | sort -n | tr '\n' ' ')
[ "$documented" = "$known" ] ||
    bad "documented are $documented and known are $known"
for status in $documented; do
	# Either of a command, or of a signal in a list of them.
	grep -rqE --include='*.sh' \
	    -e "^[[:space:]]*expect $status " -e "[A-Z]:$status\>" \
	    tests/integration || bad "no test expects status $status"
done
[ "$failed" = 0 ] && echo "each of $documented is tested"
exit $failed
