# SPDX-License-Identifier: PostgreSQL
# direct.sh - what the tests of this folder share.
. "$(dirname "$0")/../live/live.sh"
. "$SRC/tests/support/compare.sh"

# same_database TEXT DATABASE DATABASE
same_database() {
	schema_of "$2" >"$T/schema.1"
	schema_of "$3" >"$T/schema.2"
	same "$1: definitions" "$T/schema.1" "$T/schema.2"
	rows_of "$2" >"$T/rows.1" 2>&1
	rows_of "$3" >"$T/rows.2" 2>&1
	same "$1: rows, sequences, large objects" "$T/rows.1" "$T/rows.2"
	[ -s "$T/rows.1" ] || not_ok "$1: there is something to compare"
}

# direct DATABASE OPTION...: of the newest snapshot.
direct() {
	db=$1
	shift
	"$SNAP" restore latest --dbname="$db" "$@"
}

# says_not TEXT PATTERN
says_not() {
	if grep -Eq -e "$2" "$T/err"; then
		not_ok "$1"
	else
		ok "$1"
	fi
}
