# SPDX-License-Identifier: PostgreSQL
# retention.sh - docs/retention.md as it is written, on the 19th of March 2026.
: "${SNAP_CALENDAR:?is the program made with calendar.c}"
. "$(dirname "$0")/../lib.sh"
. "$SRC/tests/support/page.sh"
SNAP=$SNAP_CALENDAR
export CALENDAR="$T/calendar" TZ=UTC
noon=1773921600
at() { # SECONDS: from now on it is that time
	echo "$(date +%s%N) $(($1 - $(date +%s)))" >>"$CALENDAR"
	sleep 0.01
}
page_user
at $((noon - 60 * 86400))
init
d=60
while [ $((d = d - 1)) -ge 0 ]; do
	at $((noon - d * 86400))
	"$SNAP" -q backup --name shop -- echo "day $d" || not_ok "day $d"
done
echo "export SNAP_REPOSITORY='$SNAP_REPOSITORY'" \
    "SNAP_PASSPHRASE='$SNAP_PASSPHRASE'" >"$T/user/.profile"
[ "$(id -u)" != 0 ] || chown -R "${PG_OSUSER:-postgres}" "$T/repo" "$T/cache"
page docs/retention.md ''
done_testing
