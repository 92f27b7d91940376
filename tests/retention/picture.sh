# SPDX-License-Identifier: PostgreSQL
# picture.sh RETAINED PAGE - the calendar in docs/retention.md is what the code
# draws of the default policy.
set -u
T=$(mktemp -d "${TMPDIR:-/tmp}/snap-test-XXXXXX")
trap 'rm -rf "$T"' EXIT
# The first one of them.
awk '/^20[0-9][0-9]-[0-9][0-9]  [A-Z+.]+$/ { print; seen = 1; next }
seen { exit }' "$2" >"$T/page"
# Noon of 19 March 2026.
echo 1773921600 | TZ=UTC "$1" --picture keep-daily=7 keep-weekly=4 \
    keep-monthly=12 >"$T/drawn" || exit 1
[ "$(wc -l <"$T/drawn")" -ge 12 ] || {
	echo "less than a year was drawn"
	exit 1
}
diff "$T/page" "$T/drawn"
