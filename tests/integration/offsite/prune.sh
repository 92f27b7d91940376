# SPDX-License-Identifier: PostgreSQL
# prune.sh PROGRAM SOURCE_DIR PLACE - retention and prune by the program, on
# each back-end of places.sh.
#
# Sixty days of backups are made by snap_calendar in a directory and copied to
# the place: copies have the time of their original.  Which of them stay is
# compared with `retained`, which knows nothing of repositories; what goes is
# gone, what stays comes back.  In a directory also some nights of backup and
# prune in turns, by the calendar.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/places.sh"
: "${SNAP_CALENDAR:?is the program made with calendar.c}"
: "${RETAINED:?says what a policy keeps}"
days=60
place_start
# Many short commands: logging in is most of them.
SNAP_SFTP_CONNECTIONS=2
export SNAP_SFTP_CONNECTIONS
pg_start || exit 1
here=$SNAP_REPOSITORY
export CALENDAR="$T/calendar"
: >"$CALENDAR"

number() { # KEY: of the JSON in $T/out
	sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$T/out" | tail -n 1
}
# ahead SECONDS: from now on it is so much later than the clock says.
ahead() {
	echo "$(date +%s%N) $1" >>"$CALENDAR"
	now=$(($(date +%s) + $1))
}
# of PYTHON: of the JSON in $T/out, as j.
of() {
	"$PY" -c 'import json, sys
j = json.load(open(sys.argv[1]))
'"$1" "$T/out"
}
# As SOURCE SECONDS ID, those that stay.
stay() {
	of 'import calendar, time
for g in j["groups"]:
    name = g.get("database", g.get("name"))
    for s in g["snapshots"]:
        if s["stays"]:
            t = calendar.timegm(time.strptime(s["time"], "%Y-%m-%dT%H:%M:%SZ"))
            print(name, t, s["id"])' | sort
}

# drop_half ID: the snapshot, but not its confirmation, whose name is longer.
drop_half() {
	case $PLACE in
	b2)
		place_keep=$(mktemp "$T/ok.XXXXXX")
		rc copyto "b2:snap-test/repo/snapshots/$1.ok" "$place_keep"
		place_drop repo "snapshots/$1"
		rc copyto "$place_keep" "b2:snap-test/repo/snapshots/$1.ok"
		;;
	s3) rgw_do DELETE "/snap-test/repo/snapshots/$1" ;;
	*) rm "$(place_dir repo)/snapshots/$1" ;;
	esac
}

# ---- sixty days, in a directory
(
	SNAP_REPOSITORY=$T/days
	expect 0 "init" "$SNAP_CALENDAR" init --kdf-memory 8
	createdb shop
	createdb crm
	psql -X -q shop -c "CREATE TABLE t AS SELECT i, md5(i::text) AS a
	    FROM generate_series(1, 3000) i"
	psql -X -q crm -c "CREATE TABLE t AS SELECT i, md5((i * 7)::text) AS a
	    FROM generate_series(1, 3000) i"
	noise 1 200000 >"$T/app"
	d=0
	while [ $d -lt $days ]; do
		# Some minutes later each day, as nights are.
		ahead $(((d - days) * 86400 + d * 61))
		noise $d 3000 >>"$T/app"
		"$SNAP_CALENDAR" -q backup --name app --tag "d$d" \
		    --stdin <"$T/app" 2>"$T/err" || not_ok "day $d: app"
		cksum <"$T/app" >"$T/app.$d"
		echo "$now" >>"$T/times.app"
		if [ $((d % 10)) = 9 ]; then
			for db in shop crm; do
				psql -X -q $db -c "UPDATE t SET a = md5(a)
				    WHERE i % 10 = $((d / 10))"
				dump $db >"$T/$db.$d"
				"$SNAP_CALENDAR" -q backup -d $db 2>"$T/err" ||
				    not_ok "day $d: $db"
			done
		fi
		d=$((d + 1))
	done
	ahead 0
	exit $failures
)
is "sixty days" $? 0
expect 0 "init" "$SNAP" init --kdf-memory 8
SNAP_FROM_PASSPHRASE_FILE=$SNAP_PASSPHRASE_FILE
export SNAP_FROM_PASSPHRASE_FILE
expect 0 "copied to the place" "$SNAP" copy --from "$T/days"
is "all of them" "$(n_snapshots)" $((days + 12))

# ---- what a policy keeps
# plan TEXT RULES...: as "daily=7"; by the times that were written down.
plan() {
	text=$1
	shift
	o= r=
	for rule; do
		o="$o --keep-$rule"
		r="$r keep-$rule"
	done
	# shellcheck disable=SC2086
	expect 0 "$text" "$SNAP" prune --dry-run --force --json $o
	stay >"$T/stay"
	# The program tells seconds of the store, which may be one later.
	sed -n 's/^app \([0-9]*\) .*/\1/p' "$T/stay" | awk '{
	    print int(($1 + 30) / 60) }' >"$T/got"
	# shellcheck disable=SC2086
	TZ=UTC "$RETAINED" $r <"$T/times.app" | awk '{
	    print int(($1 + 30) / 60) }' >"$T/want"
	if awk 'NR == FNR { a[NR] = $1; n = NR; next } { d = $1 - a[FNR]
	    if (d < -1 || d > 1) bad = 1 } END { exit bad || FNR != n }' \
	    "$T/want" "$T/got"; then
		ok "$text: $(wc -l <"$T/got" | tr -d ' ') of app stay"
	else
		not_ok "$text: what stays of app"
		diff "$T/want" "$T/got"
	fi
}
plan "7 daily, 4 weekly, 12 monthly" daily=7 weekly=4 monthly=12
if [ "$PLACE" = local ]; then
	plan "within 14 days" within=14d
	plan "the last 5, and each month" last=5 monthly=all
	plan "hours" hourly=24 yearly=1
fi
is "each database by itself" \
    "$(grep -c '^shop' "$T/stay") $(grep -c '^crm' "$T/stay")" "6 6"
expect 0 "a dry run changes nothing" "$SNAP" snapshots --json
is "all are there" "$(n_snapshots)" $((days + 12))
expect 0 "without a policy all stay" "$SNAP" prune
says "and it says so" 'no policy: no snapshot'
says "none" "forgot 0 of $((days + 12))"

# ---- what looks like a mistake
mistakes() {
	expect 2 "a policy that leaves one" "$SNAP" prune --keep-last=1
	says "is refused" 'leave 1 of 60 snapshots of "app"'
	expect 2 "also in a dry run" "$SNAP" prune --keep-last=1 --dry-run
	expect 2 "an unknown time zone" "$SNAP" prune --keep-daily=9 --timezone=UTD
	says "is no UTC" 'knows no time zone "UTD"'
	expect 2 "nor one out of the way" "$SNAP" prune --keep-daily=9 \
	    --timezone=../../../etc/localtime
	expect 2 "tags alone" "$SNAP" prune --keep-tag=d3
	expect 2 "no number" "$SNAP" prune --keep-daily=seven
	expect 2 "no grace" "$SNAP" prune --grace=0
	expect 2 "alone" "$SNAP" prune --i-am-alone
	expect 2 "another grace" "$SNAP" prune --grace=1 --i-am-alone
	setsid -w "$SNAP" prune --grace=0 --i-am-alone >"$T/out" 2>"$T/err"
	is "no grace, not confirmed" $? 2
	says "asks for --yes" 'Without a terminal: --yes'
	is "nothing went" "$(n_snapshots)" $((days + 12))
}
[ "$PLACE" != local ] || mistakes

# ---- tags, pins, the repository's policy
"$SNAP" snapshots --json app >"$T/out"
of 'for s in j["snapshots"]: print(s["tags"][0], s["id"])' >"$T/ids"
id() { sed -n "s/^d$1 //p" "$T/ids"; }
expect 0 "pin" "$SNAP" pin "$(id 3)"
expect 0 "tag" "$SNAP" tag "$(id 4)" "$(id 5)" --add gold --remove d4
expect 0 "once more" "$SNAP" tag "$(id 5)" --set release,gold --add x
expect 0 "and back" "$SNAP" tag "$(id 5)" --remove gold
expect 0 "by tag" "$SNAP" snapshots --json --tag gold --tag release
is "these two" "$(of 'for s in j["snapshots"]: print(",".join(s["tags"]),
    s["pinned"])' | tr '\n' ' ')" "gold False release,x False "
expect 0 "the pin" "$SNAP" snapshots app
grep -q 'd3 (pinned)$' "$T/out" && ok "shows" || not_ok "shows"
expect 2 "what is pinned" "$SNAP" forget "$(id 3)"
says "is not forgotten" 'is pinned'
if [ "$PLACE" = local ]; then
	note=$(find "$T/repo/notes" -type f | while read -r f; do
		echo "$(stat -c %.9Z "$f") $f"
	done | sort | sed -n '1s/.* //p')
	cp -p "$note" "$T/note"
	printf xxxxxxxx | dd of="$note" bs=1 seek=150 conv=notrunc 2>/dev/null
	expect 13 "when its note is damaged" "$SNAP" prune --keep-last=50
	says "nothing is forgotten" 'notes cannot be read.*may be a pin'
	expect 13 "nor by hand" "$SNAP" forget "$(id 3)"
	cp -p "$T/note" "$note"
fi
expect 2 "nor is the newest" "$SNAP" forget "$(id 59)"
says "by its id" 'is the newest of "app"'
expect 2 "nor the latest" "$SNAP" forget latest:app
expect 0 "forget" "$SNAP" forget --dry-run "$(id 6 | head -c 12)"
is "not in a dry run" "$(n_snapshots)" $((days + 12))
expect 0 "forget" "$SNAP" forget "$(id 6 | head -c 12)" "$(id 6)"
is "one" "$(n_snapshots)" $((days + 11))
expect 0 "policy set" "$SNAP" policy set --keep-daily=7 --keep-weekly=4 \
    --keep-monthly=12 --keep-tag=gold --timezone=Pacific/Apia
expect 0 "policy show" "$SNAP" policy show --json
is "has all" "$(of 'print(" ".join(k + "=" + v for k, v in
    sorted(j["policy"].items())))')" "keep-daily=7 keep-monthly=12 keep-tag=\
gold keep-weekly=4 timezone=Pacific/Apia"
expect 0 "for a while another" env SNAP_KEEP_LAST=50 "$SNAP" prune --dry-run
says "from the environment" "would forget 8 of $((days + 11))"
expect 0 "the dry run" "$SNAP" prune --dry-run
cp "$T/out" "$T/table"
expect 0 "and prune" "$SNAP" prune
same "show the same table" "$T/table" "$T/out"
for r in 'daily, weekly, monthly, newest' 'pin$' 'gold .* tag$' \
    '+13:00 .* forget$'; do
	grep -q -- "$r" "$T/out" && ok "with $r" || not_ok "with $r"
done
# How many it is depends on the hour, by which days begin elsewhere.
gone=$(grep -c ' forget$' "$T/table")
[ "$gone" -ge 40 ] && ok "most go" || not_ok "most go ($gone)"
says "and the same is reported" "forgot $gone of $((days + 11)) snapshots"
"$SNAP" snapshots --json >"$T/out" 2>"$T/err"
of 'for s in j["snapshots"]: print(s["id"])' | sort >"$T/left"
grep -v 'forget$' "$T/table" | sed -n 's/^\([0-9a-f]\{8\}\) .*/\1/p' |
    sort >"$T/kept"
cut -c1-8 "$T/left" >"$T/left8"
same "what stays is what the table says" "$T/kept" "$T/left8"
expect 0 "with -q" "$SNAP" -q prune
is "nothing is said" "$(cat "$T/out" "$T/err")" ""

# ---- and it goes
expect 0 "no grace" "$SNAP" prune --grace=0 --i-am-alone --yes --json
freed=$(number freed-bytes)
[ "$freed" -gt 50000 ] && ok "$freed bytes are free" ||
    not_ok "$freed bytes are free"
is "nothing waits" "$(number waiting-bytes)" 0
expect 0 "check" "$SNAP" --no-cache check --read-data
for d in 3 4 59; do
	"$SNAP" restore "$(id $d)" 2>"$T/err" | cksum >"$T/b"
	same "day $d comes back" "$T/app.$d" "$T/b"
done
for db in shop crm; do
	createdb -T template0 back
	"$SNAP" restore latest:$db 2>"$T/err" | psql -X -q back >"$T/psql"
	dump back >"$T/b"
	same "and so does $db" "$T/$db.59" "$T/b"
	dropdb back
done

# ---- a snapshot that cannot be read
place_drop repo "snapshots/$(id 4).ok"
place_drop repo "snapshots/$(id 4)"
expect 0 "a snapshot that was taken away whole is none" \
    "$SNAP" --no-cache prune
n=$(($(n_snapshots) - 1))
lost=$(id 59)
drop_half "$lost"
expect 3 "half of one" "$SNAP" --no-cache prune --keep-last=1 --force
says "is broken" 'forget --broken'
says "so nothing is forgotten" 'nothing is forgotten while'
is "all others stay" "$("$SNAP" --no-cache snapshots --json 2>"$T/err" |
    grep -c '"id":')" $n
setsid -w "$SNAP" --no-cache forget --broken >"$T/out" 2>"$T/err"
is "forget --broken asks" $? 2
says "what" "snapshot $lost is broken"
expect 0 "forget --broken" "$SNAP" --no-cache forget --broken --yes
expect 0 "prune is content" "$SNAP" --no-cache prune
expect 0 "and check" "$SNAP" --no-cache check --read-data
expect 0 "policy clear" "$SNAP" policy clear
expect 0 "then all stay" "$SNAP" prune
says "without a policy" 'no policy: no snapshot is forgotten'
is "all" "$(n_snapshots)" $n

# ---- what the store does not delete
rgw_policy() { # EFFECT BUCKET PATH: of deleting there, for everybody
	curl -s -f -X PUT --aws-sigv4 aws:amz:default:s3 \
	    -u "personkey:$s3_secret" \
	    -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -d "{ \"Version\": \"2012-10-17\",
	    \"Statement\": [ { \"Effect\": \"$1\", \"Principal\": \"*\",
	    \"Action\": [\"s3:DeleteObject\"],
	    \"Resource\": [\"arn:aws:s3:::$2/repo/$3*\"] } ] }" \
	    "$RGW_URL/$2?policy=" || not_ok "a policy of the bucket"
}
garbage() { # STATUS: two backups of noise, of which the first is forgotten
	head -c 300000 /dev/urandom >"$T/first"
	expect 0 "noise" "$SNAP" backup --json --name noise -- cat "$T/first"
	gone=$(sed -n 's/^ *"id": "\(.*\)".*/\1/p' "$T/out")
	head -c 300000 /dev/urandom >"$T/noise"
	expect 0 "other noise" "$SNAP" backup --name noise -- cat "$T/noise"
	expect "$1" "forget the first" "$SNAP" forget "$gone"
}
alone() { # WHAT [STATUS]: freed so much
	expect "${2-0}" "prune $1" "$SNAP" prune --grace=0 --i-am-alone --yes --json
}
if [ "$PLACE" = s3 ]; then
	garbage 0
	rgw_policy Deny snap-test data/
	alone "that may not delete packs"
	is "counts them" "$(of 'print(j["denied"] > 0 and j["deleted"] > 0)')" True
	expect 0 "and is content" "$SNAP" --no-cache check --read-data
	rgw_policy Allow snap-test data/
	alone "that may"
	is "frees them" "$(of 'print(j["denied"] == 0 and
	    j["freed-bytes"] > 300000)')" True
	# Under a lock what is deleted is hidden.
	SNAP_REPOSITORY=s3://snap-locked/repo
	SNAP_S3_OBJECT_LOCK_MODE=governance
	SNAP_S3_OBJECT_LOCK_DAYS=1
	export SNAP_S3_OBJECT_LOCK_MODE SNAP_S3_OBJECT_LOCK_DAYS
	expect 0 "a locked bucket" "$SNAP" init --kdf-memory 8
	garbage 0
	alone "there"
	is "is not refused" "$(of 'print(j["denied"] == 0 and
	    j["freed-bytes"] > 300000)')" True
	hidden=$(rgw_do GET "/snap-locked?prefix=repo%2Fdata%2F&versions=" |
	    grep -o '<DeleteMarker>' | wc -l)
	[ "$hidden" -gt 0 ] && ok "hides $hidden packs" || not_ok "hides packs"
	expect 0 "what stays is whole" "$SNAP" --no-cache check --read-data
	alone "once more"
	is "has nothing to do" "$(number deleted)" 0
	# What may not even be hidden stands for every reader, and stays whole.
	rgw_policy Deny snap-locked snapshots/
	garbage 1
	says "is recorded" 'hint: It is recorded'
	for i in 1 2; do
		alone "that may not hide snapshots, $i" 3
		is "keeps it, and what it needs" "$(of 'print(
		    j["kept-by-store"], j["condemned-packs"], j["denied"])')" "1 0 1"
	done
	expect 0 "the list" "$SNAP" snapshots
	grep -q "^$(echo "$gone" | cut -c 1-8) .*(forgotten)" "$T/out" &&
	    ok "says so" || not_ok "says so"
	"$SNAP" --no-cache restore "$gone" >"$T/b" 2>"$T/err"
	same "it comes back" "$T/first" "$T/b"
	expect 0 "and check is content" "$SNAP" --no-cache check --read-data
	rgw_policy Allow snap-locked snapshots/
	alone "that may"
	is "lets it go" "$(of 'print(j["kept-by-store"] == 0 and
	    j["freed-bytes"] > 300000)')" True
	expect 1 "then it does not come back" "$SNAP" --no-cache restore "$gone"
fi
[ "$PLACE" = local ] || done_testing

# ---- nights of backup and prune, by the calendar
SNAP_REPOSITORY=$T/nights
ahead $((-100 * 86400))
expect 0 "init for the nights" "$SNAP_CALENDAR" init --kdf-memory 8
expect 0 "its policy" "$SNAP_CALENDAR" policy set --keep-daily=3 --keep-weekly=1
random() { head -c "$1" /dev/urandom; }
random 300000 >"$T/base"
max=0
d=1
while [ $d -le 16 ]; do
	ahead $(((d - 100) * 86400))
	(cat "$T/base" && random 300000) >"$T/night.$d"
	"$SNAP_CALENDAR" -q backup --name n --stdin <"$T/night.$d" \
	    2>"$T/err" || not_ok "night $d: backup"
	"$SNAP_CALENDAR" prune >"$T/out" 2>"$T/err" || not_ok "night $d: prune"
	size=$(store_size)
	[ $d -lt 9 ] || [ "$size" -le $max ] || max=$size
	d=$((d + 1))
done
says "what goes is told" 'freed [1-9].* now'
says "and what waits" 'later: .* are condemned and go with a prune after'
# Five stay, three wait for their grace, and what goes is a night late.
[ $max -lt $((300000 * 12)) ] && ok "the store does not grow: $max bytes" ||
    not_ok "the store does not grow: $max bytes"
expect 0 "the nights that stay" "$SNAP_CALENDAR" snapshots --json
of 'for s in j["snapshots"]: print(s["id"])' >"$T/left"
n=$(wc -l <"$T/left")
[ "$n" -ge 3 ] && [ "$n" -le 5 ] && ok "are $n" || not_ok "are $n"
"$SNAP_CALENDAR" restore latest >"$T/b" 2>"$T/err"
same "the last one comes back" "$T/b" "$T/night.16"
expect 0 "check in the end" "$SNAP_CALENDAR" check --read-data
is "notes that say nothing went" \
    "$(find "$SNAP_REPOSITORY/notes" -type f | wc -l | awk '{ print $1 < 14 }')" 1
done_testing
