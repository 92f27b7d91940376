#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# status.sh PROGRAM SOURCE_DIR - what status says of backups, and how: for
# people, monitoring plugins, Prometheus, and a log to be compared with later.
# (Of tables and of verify see verify/verify.sh.)
. "$2/tests/integration/lib.sh"
SNAP_STATE_DIR=$T/state
CALENDAR=$T/calendar
export SNAP_STATE_DIR CALENDAR
: "${SNAP_CALENDAR:?is the program made with calendar.c}"
SNAP=$SNAP_CALENDAR
day=86400
leap() { # SECONDS: all clocks are so much ahead from now on
	echo "$(date +%s%N) $1" >>"$CALENDAR"
}
metrics() { # TEXT FILE
	if awk -f "$SRC/tests/integration/status/metrics.awk" "$2" >"$T/err"; then
		ok "$1"
	else
		not_ok "$1"
	fi
}
holds() { # TEXT PATTERN FILE
	grep -Eq -e "$2" "$3" && ok "$1" || {
		cp "$3" "$T/err"
		not_ok "$1 (no match for $2)"
	}
}
lacks() {
	if grep -Eq -e "$2" "$3"; then not_ok "$1 ($2)"; else ok "$1"; fi
}
push() { # NAME SEED BYTES
	noise "$2" "$3" | "$SNAP" -q backup --stdin --name "$1" 2>>"$T/warned"
}

# ---- nothing is there
expect 2 "no repository is critical" "$SNAP" status --check --prometheus "$T/m.prom"
holds "in one line" '^SNAP CRITICAL - .*no repository' "$T/out"
is "one line" "$(wc -l <"$T/out" | tr -d ' ')" 1
metrics "whose metrics are well-formed" "$T/m.prom"
holds "and say so" '^snap_store_reachable 0$' "$T/m.prom"
expect 2 "in JSON as well" "$SNAP" status --check --json --stats
holds "which says so" '"health": "CRITICAL"' "$T/out"
expect 10 "without --check it is what it is elsewhere" "$SNAP" status
init
expect 2 "no snapshot is critical" "$SNAP" status --check
holds "which is said" '^SNAP CRITICAL - there is no snapshot' "$T/out"
expect 0 "but nothing that looks wrong" "$SNAP" status
expect 3 "a wrong passphrase: unknown" env SNAP_PASSPHRASE=no "$SNAP" status --check
holds "which is said, too" '^SNAP UNKNOWN - ' "$T/out"
expect 3 "no such time is unknown as well" "$SNAP" status --max-age 26x
expect 2 "forms exclude each other" "$SNAP" status --print-head --json

# ---- all is well
odd='we"ird\|=name'
for i in 1 2 3 4; do
	leap $((i * day))
	noise 7 2000000 >"$T/in"
	noise "$i" 30000 >>"$T/in"
	"$SNAP" -q backup --name big -- cat "$T/in" 2>>"$T/warned"
done
push "$odd" 1 1000
expect 0 "all is well" "$SNAP" status
holds "growth only where there is time for it" '^we.* 1000 bytes +1 +ok$' "$T/out"
holds "a line for each" '^big .* minutes? ago +never .* 4 +ok$' "$T/out"
holds "with its growth" '^big .*(\+|-)[0-9]+ (bytes|kB) a day' "$T/out"
says "there is room" 'the store has room for'
says "no key was exported" 'hint: No key was exported'
expect 0 "monitoring agrees" "$SNAP" status --max-age 26h
holds "in a line with data" "^SNAP OK - 2 groups, all well \| '1_big_age'=[0-9]+s;;93600;0 '1_big_size'=20[0-9]+B;;;0 '1_big_new'=[0-9]+B;;;0 '2_we.*name_age'=" "$T/out"
is "with one bar" "$(tr -cd '|' <"$T/out" | wc -c | tr -d ' ')" 1
expect 0 "its JSON" "$SNAP" status --json --max-age 26h
holds "says so" '"health": "OK"' "$T/out"
holds "each group" '"age-s": [0-9]+' "$T/out"
expect 0 "the key of a write-only host" "$SNAP" key add --write-only w --output "$T/w.key"
expect 0 "is enough" env -u SNAP_PASSPHRASE "$SNAP" --key-file "$T/w.key" status --max-age 26h
expect 0 "one of them" "$SNAP" status big --json
lacks "alone" 'ird' "$T/out"
expect 2 "one that was never backed up" "$SNAP" status --check big nowhere
holds "is named" 'CRITICAL - nowhere: there is no snapshot' "$T/out"
expect 0 "metrics" "$SNAP" -q status --prometheus "$T/m.prom"
metrics "are well-formed" "$T/m.prom"
holds "and true" '^snap_snapshots\{database="",stream="big",system_identifier="",selection=""\} 4$' "$T/m.prom"
is "for everybody" "$(find "$T/m.prom" -perm 644 | wc -l | tr -d ' ')" 1
is "nothing else is left" "$(find "$T" -maxdepth 1 -name 'm.prom*' | wc -l | tr -d ' ')" 1
expect 1 "nowhere to write them" "$SNAP" status --prometheus "$T/none/m.prom"
expect 3 "which monitoring does not know" "$SNAP" status --check --prometheus "$T/none/m.prom"

# ---- age
leap $((8 * day))
expect 0 "people see the age" "$SNAP" status
holds "in days" '^big .*4 days ago' "$T/out"
expect 2 "monitoring calls" "$SNAP" status --max-age 26h
holds "for each" 'CRITICAL - big: the newest is of 4 days ago; we' "$T/out"
expect 0 "not yet" "$SNAP" status --max-age 5d
expect 1 "never verified" "$SNAP" status --max-age 5d --max-verify-age 35d
holds "is a warning" '^SNAP WARNING - big: never verified; ' "$T/out"

# ---- anomalies
"$SNAP" -q backup --name big -- head -c 900000 "$T/in" 2>>"$T/warned"
expect 3 "a much smaller one" "$SNAP" status
says "is told" 'snapshot [0-9a-f]{8} of "big": much smaller than before'
expect 1 "is a warning" "$SNAP" status --check
leap $((9 * day))
cat "$T/in" "$T/in" >"$T/twice"
cat "$T/in" >>"$T/twice"
"$SNAP" -q backup --name big -- cat "$T/twice" 2>>"$T/warned"
expect 3 "a much larger one" "$SNAP" status
says "is told, too" 'of "big": much larger than before'
leap $((10 * day))
push big 99 2000000
expect 3 "one that is all new" "$SNAP" status --json
holds "says so by name" '"deduplication"' "$T/out"
lacks "and is no size" '"(smaller|larger)"' "$T/out"
"$SNAP" -q status --prometheus "$T/m.prom" >/dev/null 2>&1
holds "in metrics as well" '^snap_anomaly\{.*"big".*kind="deduplication"\} 1$' "$T/m.prom"
leap $((11 * day))
"$SNAP" -q backup --name big -- cat "$T/in" 2>>"$T/warned"
expect 0 "the next one is as ever" "$SNAP" status

# ---- a line to be kept elsewhere
"$SNAP" status --print-head >"$T/head" 2>"$T/err"
is "one line" "$(wc -l <"$T/head" | tr -d ' ')" 1
holds "of this form" '^snap-head 1 [0-9a-f]{32} [0-9TZ:-]{20} 9 [0-9a-f]{32} [0-9a-f]{32},[0-9a-f]{32}$' "$T/head"
expect 0 "is expected" "$SNAP" status --expect-head "$T/head"
says "as it was" '1 lines, 1 of them with exactly'
sed 's/^/Nov 22 03:00:12 db1 backup: /' "$T/head" >"$T/log"
cp -a "$SNAP_REPOSITORY" "$T/then"
leap $((12 * day))
push big 5 100000
"$SNAP" status --print-head 2>>"$T/warned" | sed 's/^/noise /' >>"$T/log"
expect 0 "a log of them" "$SNAP" status --expect-head "$T/log"
says "has both" '2 lines, 2 of them with exactly'
mv "$SNAP_REPOSITORY" "$T/now"
mv "$T/then" "$SNAP_REPOSITORY"
rm -rf "$T/cache"
expect 3 "an older repository" "$SNAP" status --expect-head "$T/log"
says "lacks the newest" 'the newest of its group up to .*no record'
rm -rf "$SNAP_REPOSITORY" "$T/cache"
mv "$T/now" "$SNAP_REPOSITORY"
expect 0 "one is forgotten" "$SNAP" prune --keep-last=1 --force
expect 0 "which a record says" "$SNAP" status --expect-head "$T/log"
says "so many" 'of those they name 1 were forgotten, 0 are gone'
expect 1 "no such file" "$SNAP" status --expect-head "$T/none"
echo nothing >"$T/none"
expect 2 "no such line" "$SNAP" status --expect-head "$T/none"
sed 's/^snap-head 1 ......../snap-head 1 00000000/' "$T/head" >"$T/none"
expect 13 "of another repository" "$SNAP" status --expect-head "$T/none"

# ---- damage
for one in "$SNAP_REPOSITORY"/snapshots/*.ok; do
	printf 'XXXXXXXX' | dd of="$one" bs=1 seek=100 conv=notrunc 2>/dev/null
	break
done
rm -rf "$T/cache"
expect 2 "a damaged snapshot is critical" "$SNAP" status --check
holds "which is said" 'snapshots are damaged' "$T/out"
expect 3 "and shown" "$SNAP" status
lacks "nothing else was told" 'error|backwards' "$T/warned"
done_testing
