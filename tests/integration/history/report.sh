#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# report.sh PROGRAM SOURCE_DIR - the page of a database with a hundred days
# behind it, verified and not, as a browser paints it, light and dark.  With
# SNAP_TEST_PICTURES the pictures stay there.
command -v chromium >/dev/null || {
	echo "skipped: no chromium"
	exit 77
}
. "$2/tests/integration/lib.sh"
. "$SRC/tests/integration/history/years.sh"
pg_start
for d in app fresh; do
	psql -qX -d postgres -c "CREATE DATABASE $d" -c "\\c $d" \
	    -c 'CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 2000) i'
done
init
leap 0
expect 0 "a database" "$SNAP" -q backup -d app
expect 0 "comes back" "$SNAP" -q verify latest:app -d postgres
a_hundred_days 1
expect 0 "it is backed up again" "$SNAP" -q backup -d app
expect 0 "and another one" "$SNAP" -q backup -d fresh
expect 0 "which comes back as well" "$SNAP" -q verify latest:fresh -d postgres
expect 0 "a policy" "$SNAP" policy set --keep-daily=7 --keep-weekly=4 --keep-monthly=12
expect 0 "the page" "$SNAP" report --html="$T/page.html"
expect 0 "is what a browser takes it for" /usr/bin/python3 \
    "$SRC/tests/integration/history/page.py" "$T/page.html" "$odd" app
# One is old, one is new, of the streams there is none.
is "it knows what was verified" \
    "$(grep -o 'class="age [a-z]*"' "$T/page.html" | sort | uniq -c | tr -s ' \n' ' ')" \
    ' 1 class="age good" 3 class="age never" 1 class="age old" '

for scheme in light dark; do
	number=$([ $scheme = light ] && echo 1 || echo 0)
	expect 0 "painted, $scheme" env HOME="$T" chromium --headless \
	    --no-sandbox --disable-gpu --hide-scrollbars \
	    --force-color-profile=srgb --window-size=1100,4400 \
	    --blink-settings=preferredColorScheme="$number" \
	    --user-data-dir="$T/chromium" --screenshot="$T/$scheme.png" \
	    "file://$T/page.html"
	expect 0 "and every part is seen" /usr/bin/python3 \
	    "$SRC/tests/integration/history/seen.py" "$T/page.html" \
	    "$T/$scheme.png" $scheme
	[ -z "${SNAP_TEST_PICTURES:-}" ] ||
	    cp "$T/$scheme.png" "$SNAP_TEST_PICTURES/"
done
done_testing
