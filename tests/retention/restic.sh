# SPDX-License-Identifier: PostgreSQL
# restic.sh RETAINED - what `restic forget` keeps of the same times, where the
# rules mean the same: all but the oldest one that ours keeps while a rule has
# numbers left.
set -eu
command -v restic >/dev/null || {
	echo "restic is not installed"
	exit 77
}
retained=$1
T=$(mktemp -d "${TMPDIR:-/tmp}/snap-test-XXXXXX")
trap 'rm -rf "$T"' EXIT
export RESTIC_REPOSITORY="$T/repo" RESTIC_PASSWORD=x RESTIC_CACHE_DIR="$T/cache"
export TZ=UTC
restic -q init
# Seconds of 48 backups, from some hours to some weeks apart.
awk 'BEGIN {
	t = 1735730000; x = 12345
	for (i = 0; i < 48; i++) {
		x = (x * 1103515245 + 12345) % 2147483648
		t += 1800 + x % (i % 6 == 0 ? 2600000 : i % 3 == 0 ? 90000 : 9000)
		print t
	}
}' >"$T/times"
while read -r t; do
	echo x | restic -q backup --stdin --host h \
	    --time "$(date -u -d "@$t" '+%Y-%m-%d %H:%M:%S')"
done <"$T/times"
failed=0
# same OPTIONS...: as "daily=7 weekly=4".
same() {
	of_restic= of_ours=
	for o; do
		of_restic="$of_restic --keep-${o%=*} ${o#*=}"
		of_ours="$of_ours keep-$o"
	done
	# shellcheck disable=SC2086
	restic forget --dry-run --json $of_restic >"$T/json"
	python3 - "$T/json" >"$T/restic" <<-'PY'
	import calendar, json, sys, time
	for group in json.load(open(sys.argv[1])):
	    for s in sorted(s['time'][:19] for s in group['keep']):
	        print(calendar.timegm(time.strptime(s, '%Y-%m-%dT%H:%M:%S')))
	PY
	# shellcheck disable=SC2086
	"$retained" $of_ours <"$T/times" >"$T/ours"
	if cmp -s "$T/restic" "$T/ours"; then
		echo "ok: $*: $(wc -l <"$T/ours") stay"
	else
		echo "NOT OK: $*"
		diff "$T/restic" "$T/ours" || true
		failed=1
	fi
}
same last=5
same hourly=20
same daily=7
same weekly=4
same monthly=4
same within=30d
same within=2m5d
same daily=7 weekly=4 monthly=3
same last=2 hourly=12 within=4d
same last=47
exit $failed
