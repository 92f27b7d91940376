# SPDX-License-Identifier: PostgreSQL
# common.sh - what the shell tests of pgsource share.
# Usage of a test: NAME.sh PGSOURCE_TOOL
set -u
TOOL=$1
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../support/pg.sh"
trap 'pg_stop' EXIT
trap 'exit 1' INT TERM

fails=0
ok() { echo "ok - $1"; }
fail() {
	echo "FAILED - $1"
	fails=$((fails + 1))
}
# check NAME COMMAND...: the command succeeds.
check() {
	name=$1
	shift
	if "$@"; then ok "$name"; else fail "$name"; fi
}
done_testing() {
	echo "$fails failures"
	[ "$fails" = 0 ]
	exit $?
}
. "$HERE/../support/compare.sh"

# same A B WHAT: the two databases are equal.
same() {
	schema_of "$1" >"$PG_DIR/s1"
	schema_of "$2" >"$PG_DIR/s2"
	check "$3: schema equal" cmp "$PG_DIR/s1" "$PG_DIR/s2"
	rows_of "$1" >"$PG_DIR/r1" 2>&1
	rows_of "$2" >"$PG_DIR/r2" 2>&1
	check "$3: rows, sequences, large objects equal" \
	    cmp "$PG_DIR/r1" "$PG_DIR/r2"
	check "$3: there is something to compare" [ -s "$PG_DIR/r1" ]
}
