#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# alerts.sh PROGRAM SOURCE_DIR - promtool (of Debian's package prometheus) takes
# the rules, their test, and a file of metrics; the dashboard asks for metrics
# that there are.
. "$2/tests/integration/lib.sh"
command -v promtool >/dev/null 2>&1 || {
	echo "no promtool: skipped"
	exit 77
}
init
expect 0 "a backup" "$SNAP" backup --name a -- echo 1
expect 0 "its metrics" "$SNAP" -q status --prometheus "$T/m.prom"
expect 0 "are good" sh -c "promtool check metrics <'$T/m.prom'"
expect 0 "so are the rules" promtool check rules "$SRC/docs/monitoring/alerts.yml"
expect 0 "which do what they say" promtool test rules "$SRC/docs/monitoring/alerts-test.yml"
grep -oh 'snap_[a-z_]*' "$SRC/docs/monitoring/alerts.yml" \
    "$SRC/docs/monitoring/dashboard.json" | sort -u | while read -r name; do
	grep -q "$name" "$SRC/cli/status/prometheus.c" "$T/m.prom" ||
	    grep -q "\"${name#snap_}\"" "$SRC/cli/status/prometheus.c" || echo "$name"
done >"$T/err"
[ ! -s "$T/err" ] && ok "no metric is asked for that there is not" ||
    not_ok "no metric is asked for that there is not"
done_testing
