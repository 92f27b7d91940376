# SPDX-License-Identifier: PostgreSQL
# upkeep.sh PROGRAM SOURCE_DIR PLACE - what lines and services do to prune,
# forget and the repairs.  Each ends by itself, with success or with one error
# and its documented status; nothing is lost, and without the fault the same
# command does all that was to be done.
TRY=2
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/befall.sh"
. "$(dirname "$0")/../afterwards.sh"

# Many short commands: logging in is most of them.
SNAP_SFTP_CONNECTIONS=2
export SNAP_SFTP_CONNECTIONS

# In which runs (light: all), what befalls it, on which back-ends, what is told
# to the line or to the service, the status (any: it may find the time between
# two faults), and a pattern of what the messages say.
fault_table() {
	cat <<-'END'
	heavy|reset downwards, once|sftp s3 b2|line {"reset_after_down": 7000, "only": 1}|0|
	heavy|500 and 503, one of six|s3|service fault {"every": 6, "count": -1, "status": [500, 503], "code": ["InternalError", "SlowDown"]}|0|
	heavy|500 and 503, one of six|b2|service fault {"op": "*", "every": 6, "count": -1, "status": [500, 503], "code": ["internal_error", "service_unavailable"]}|0|
	light|503 from mid-run on|s3|service fault {"skip": 9, "count": -1, "status": 503, "code": "SlowDown"}|any|503|SlowDown|slow
	light|503 from mid-run on|b2|service fault {"op": "*", "skip": 9, "count": -1, "status": 503, "code": "service_unavailable"}|any|not able to answer
	heavy|500 from mid-run on|s3|service fault {"skip": 14, "count": -1, "status": 500, "code": "InternalError"}|any|500|InternalError|error
	heavy|500 from mid-run on|b2|service fault {"op": "*", "skip": 14, "count": -1, "status": 500, "code": "internal_error"}|any|not able to answer|error
	heavy|503 always|s3|service fault {"count": -1, "status": 503, "code": "SlowDown"}|1|503|SlowDown|slow
	heavy|503 always|b2|service fault {"op": "*", "count": -1, "status": 503, "code": "service_unavailable"}|1|not able to answer
	heavy|replies lost|s3|service fault {"every": 4, "count": -1, "lose_reply": true}|0|
	heavy|replies lost after a put|b2|service fault {"op": "b2_upload_file", "count": 4, "lose_reply": true}|0|
	heavy|refused|sftp s3 b2|line {"refuse": true}|1|connect
	heavy|silence|sftp s3 b2|line {"blackhole": true, "drop": true}|1|time|respon|answer|silen|slow
	heavy|stalls once|sftp s3 b2|line {"stall_after": 6000, "only": 1}|0|
	heavy|stalls in mid-run|sftp s3 b2|line {"stall_after": 6000}|any|time|respon|answer|silen|slow
	heavy|reset upwards, once|sftp s3|line {"reset_after": 6000, "only": 1}|0|
	heavy|reset upwards, at first|b2|line {"reset_after": 2500, "only": 6}|0|
	heavy|reset upwards in mid-run|sftp s3 b2|line {"reset_after": 6000}|any|reset|clos|connection|talk with|transfer
	light|reset downwards in mid-run|sftp|line {"reset_after_down": 20000}|any|reset|clos|connection|talk with|transfer
	heavy|reset downwards in mid-run|s3 b2|line {"reset_after_down": 20000}|any|reset|clos|connection|talk with|transfer
	heavy|cut upwards, once|sftp s3|line {"close_after": 6000, "only": 1}|0|
	heavy|cut upwards, at first|b2|line {"close_after": 2500, "only": 6}|0|
	heavy|cut upwards in mid-run|sftp s3 b2|line {"close_after": 6000}|any|reset|clos|connection|talk with|transfer
	heavy|cut downwards, once|sftp s3 b2|line {"close_after_down": 20000, "only": 1}|0|
	heavy|cut downwards in mid-run|sftp s3 b2|line {"close_after_down": 20000}|any|reset|clos|connection|talk with|transfer|short|bytes
	heavy|250 ms each way|sftp s3 b2|line {"latency": 250}|0|
	END
}

id_in_out() {
	sed -n 's/^ *"id": "\([0-9a-f]*\)".*/\1/p' "$T/out" | head -n 1
}
# stored NAME COMMAND...: a backup, its id in $id, what it gives in $T/truth.ID
stored() {
	expect 0 "$row: a backup of $1" "$SNAP" backup --json "$@"
	id=$(id_in_out)
	given "$id" >"$T/truth.$id"
}
# whole TEXT: what is listed is what was backed up.  While $hurt is set that
# one may be damaged, and what is salvaged is not looked at.
whole() {
	"$SNAP" --retry-for $PATIENCE snapshots >"$T/out" 2>"$T/err"
	case $? in
	0 | 3) ok "$1: the list" ;;
	*) not_ok "$1: the list" ;;
	esac
	good=1
	for f in "$T"/truth.*; do
		i=${f##*.}
		grep -q "^$(echo "$i" | cut -c -8)" "$T/out" || {
			case " $may_go " in
			*" $i "*) ;;
			*)
				not_ok "$1: snapshot $i is listed"
				good=0
				;;
			esac
			continue
		}
		got=$(given "$i")
		[ "$got" = "$(cat "$f")" ] || [ "$i" = "$hurt" ] || {
			not_ok "$1: snapshot $i is what was backed up"
			good=0
		}
	done
	[ $good = 0 ] || ok "$1: nothing is lost"
}
# step TEXT STATUS COMMAND...: under the fault, and once more without.
step() {
	doing=$1
	whole_status=$2
	shift 2
	befall "$fault"
	"$SNAP" --retry-for $(patience $status) "$@" >"$T/out" 2>"$T/err"
	got=$?
	calm
	[ $got != "$whole_status" ] || got=0
	[ $got = 0 ] || n_failed=$((n_failed + 1))
	judged "$row, $doing" "$status" "$words"
	# Half of an index gives half of the snapshots.
	[ "$doing" = "repair index" ] || whole "$row, $doing"
	[ "$doing" = forget ] ||
	    expect "$whole_status" "$row, $doing: once more" "$SNAP" "$@"
	[ "$doing" != "repair index" ] || whole "$row, $doing"
}
struck() {
	sed -n 's/.*"struck": \([0-9]*\).*/\1/p' "$T/line"
}
flip() { # NAME: a byte of an object
	place_fetch repo "$1" >"$T/object"
	b=$(od -An -tu1 -j 5000 -N 1 "$T/object" | tr -d ' ')
	printf "\\$(printf %o $((b ^ 16)))" |
	    dd of="$T/object" bs=1 seek=5000 conv=notrunc 2>"$T/dd"
	place_store repo "$1" "$T/object"
}

one_round() {
	row=$fault_text
	n_failed=0
	hurt=
	may_go=
	calm
	n_struck=$(struck)
	# A table that is damaged, beside another; and noise, of which half goes.
	place_names repo data/ | sort >"$T/had"
	psql -X -q shop -c "TRUNCATE b" -c "INSERT INTO b SELECT i,
	    md5(random()::text) || md5(random()::text)
	    FROM generate_series(1, 12000) i"
	stored -d shop
	shop=$id
	damaged=$(place_names repo data/ | sort | comm -13 "$T/had" - | head -n 1)
	random 1200000 >"$T/noise"
	stored --name noise -- cat "$T/noise"
	noise=$id
	(tail -c 300000 "$T/noise" && random 300000) >"$T/other"
	stored --name noise -- cat "$T/other"
	other=$id
	flip "$damaged"
	place_drop repo index/
	hurt=$shop
	step "repair index" 0 repair index
	step "repair snapshots" 3 repair snapshots --write
	expect 0 "$row: the list" "$SNAP" snapshots
	is "$row: one is salvaged" "$(grep -c '(salvaged)' "$T/out")" 1
	salvaged=$(sed -n 's/^\([0-9a-f]*\) .*(salvaged).*/\1/p' "$T/out")
	step "repair packs" 3 repair packs
	expect 0 "$row: a backup" "$SNAP" backup --json -d shop
	again=$(id_in_out)
	step "repair packs with what is new" 0 repair packs
	hurt=
	whole "$row, repaired"
	may_go="$noise $last"
	step forget 0 forget --force $noise $salvaged $last
	left=
	"$SNAP" snapshots >"$T/out" 2>"$T/err"
	for i in $noise $salvaged $last; do
		! grep -q "^$(echo "$i" | cut -c -8)" "$T/out" || left="$left $i"
	done
	[ -z "$left" ] || expect 0 "$row, forget: the rest" "$SNAP" forget \
	    --force $left
	step prune 0 prune --grace=0 --i-am-alone --yes
	expect 0 "$row: a third prune" "$SNAP" prune --grace=0 --i-am-alone \
	    --yes --json
	is "$row: nothing is left for it" "$(number deleted)" 0
	is "$row: the damaged pack is gone" "$(place_names repo "$damaged" \
	    2>"$T/find")" ''
	expect 0 "$row: check --read-data" "$SNAP" --no-cache check --read-data
	for i in $may_go; do
		rm -f "$T/truth.$i"
	done
	last="$shop $again $other"
	case $fault in
	*_after*)
		calm
		[ "$(struck)" -gt "$n_struck" ] &&
		    ok "$row: $(($(struck) - n_struck)) connections suffered" ||
		    not_ok "$row: no connection suffered"
		;;
	esac
	case $row in
	*mid-run*)
		[ $n_failed -gt 0 ] && ok "$row: $n_failed of 6 failed" ||
		    not_ok "$row: none of them failed"
		;;
	esac
}

place_start
pg_start || exit 1
init_small
createdb shop
psql -X -q shop -c "CREATE TABLE a AS SELECT i, md5(i::text) AS t
    FROM generate_series(1, 12000) i" -c "CREATE TABLE b (i int, t text)"
row=before
stored -d shop
last=$id
fault_table >"$T/table"
while IFS="|" read -r fault_run fault_text where fault status words <&3; do
	case " $where " in *" $PLACE "*) ;; *) continue ;; esac
	[ -n "${SNAP_TEST_HEAVY:-}" ] || [ "$fault_run" = light ] || continue
	one_round
done 3<"$T/table"
done_testing
