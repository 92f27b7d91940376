# SPDX-License-Identifier: PostgreSQL
# test_exact.sh GENROWS EXACT - deduplication by locality finds what an exact
# index finds: rows that change everywhere, rows in another order, nothing new.
set -eu
T=$(mktemp -d "${TMPDIR:-/tmp}/snap-exact-XXXXXX")
trap 'rm -rf "$T"' EXIT
for day in 0 1 2 5; do
	"$1" 150000 "$day" >"$T/day$day"
done
# The third quarter comes first: what a rewritten table looks like.
{
	sed -n '75001,112500p' "$T/day5"
	sed -n '1,75000p' "$T/day5"
	sed -n '112501,$p' "$T/day5"
} >"$T/moved"
"$2" "$T/day0" "$T/day1" "$T/day2" "$T/day5" "$T/moved" "$T/day0"
