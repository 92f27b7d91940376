# SPDX-License-Identifier: PostgreSQL
# faults.sh PROGRAM SOURCE_DIR PLACE - everything that lines and services do to
# a backup and to a restore.  Each ends by itself, with success or with one
# error and its documented status; there is never a snapshot that is not what
# was backed up, and without the fault the next run works.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/befall.sh"

# In which runs (light: all), what befalls it, during what, on which back-ends,
# what is told to the line or to the service, the status, and a pattern of what
# the messages say.
fault_table() {
	cat <<-'END'
	light|refused|both|sftp s3 b2 s3tls b2tls|line {"refuse": true}|1|connect
	heavy|silence|both|sftp s3 b2 s3tls b2tls|line {"blackhole": true, "drop": true}|1|time|respon|answer|silen|slow
	heavy|stalls always|backup|sftp s3 b2 s3tls b2tls|line {"stall_after": 200000}|1|time|respon|answer|silen|slow
	light|stalls once|backup|sftp s3 b2 s3tls b2tls|line {"stall_after": 200000, "only": 1}|0|
	heavy|reset upwards, always|backup|sftp s3 b2 s3tls b2tls|line {"reset_after": 150000}|1|reset|clos|connection|talk with
	light|reset upwards, once|backup|sftp s3 b2 s3tls b2tls|line {"reset_after": 150000, "only": 1}|0|
	heavy|reset downwards, always|restore|sftp s3 b2 s3tls b2tls|line {"reset_after_down": 90000}|1|reset|clos|connection|talk with|transfer
	light|reset downwards, once|both|sftp s3 b2 s3tls b2tls|line {"reset_after_down": 2000, "only": 1}|0|
	heavy|cut upwards, once|backup|sftp s3 b2 s3tls b2tls|line {"close_after": 150000, "only": 1}|0|
	light|download cut, once|restore|sftp s3 b2 s3tls b2tls|line {"close_after_down": 90000, "only": 1}|0|
	heavy|download cut, always|restore|sftp s3 b2 s3tls b2tls|line {"close_after_down": 90000}|1|clos|connection|talk with|transfer|short|bytes
	heavy|25 ms each way|both|sftp s3 b2 s3tls b2tls|line {"latency": 25}|0|
	heavy|250 ms each way|both|sftp s3 b2 s3tls b2tls|line {"latency": 250}|0|
	light|a bit flipped, once|restore|s3 b2|line {"flip_down": 100000, "flips": 1}|0|getting it once more|trying again
	heavy|a bit flipped, once|restore|s3tls b2tls|line {"flip_down": 100000, "flips": 1}|0|trying again
	heavy|a bit flipped, always|restore|s3|service fault {"method": "GET", "path": "/data/", "flip": 500, "count": -1}|13|verify
	light|one of six fails|both|s3|service fault {"every": 6, "count": -1, "status": [500, 503, 429, 408], "code": ["InternalError", "SlowDown", "TooManyRequests", "RequestTimeout"]}|0|
	heavy|one of twenty fails|both|s3|service fault {"every": 20, "count": -1, "status": [500, 503, 429, 408], "code": ["InternalError", "SlowDown", "TooManyRequests", "RequestTimeout"]}|0|
	light|503 with a time|both|s3|service fault {"count": 3, "status": 503, "code": "SlowDown", "retry_after": 1}|0|
	heavy|503 always|both|s3|service fault {"count": -1, "status": 503, "code": "SlowDown"}|1|503|SlowDown|slow
	light|reply lost after a put|backup|s3|service fault {"method": "PUT", "count": 4, "lose_reply": true}|0|
	light|body truncated, once|restore|s3|service fault {"method": "GET", "path": "data/", "truncate": 70000}|0|
	light|quota exceeded|backup|s3|service fault {"method": "PUT", "skip": 2, "count": -1, "status": 403, "code": "QuotaExceeded"}|1|quota|Quota
	light|token expired|both|s3|service fault {"count": -1, "skip": 4, "status": 400, "code": "ExpiredToken"}|1|xpired
	light|the system's cap|backup|b2|service cap {"bytes": 1}|1|cap
	light|one of six fails|both|b2|service fault {"op": "*", "every": 6, "count": -1, "status": [500, 503, 429, 408], "code": ["internal_error", "service_unavailable", "too_many_requests", "request_timeout"]}|0|
	heavy|one of twenty fails|both|b2|service fault {"op": "*", "every": 20, "count": -1, "status": [500, 503, 429, 408], "code": ["internal_error", "service_unavailable", "too_many_requests", "request_timeout"]}|0|
	light|503 with a time|backup|b2|service fault {"op": "b2_upload_file", "count": 3, "status": 503, "code": "service_unavailable", "retry_after": 1, "kill_url": true}|0|
	heavy|503 always|both|b2|service fault {"op": "*", "count": -1, "status": 503, "code": "service_unavailable"}|1|not able to answer
	heavy|replies lost, the first|backup|sftp|line {"reset_after_down": 3000, "only": 1}|0|
	light|replies lost in mid-put|backup|sftp|line {"reset_after_down": 4500, "only": 2}|0|
	heavy|replies lost, later|backup|sftp|line {"reset_after_down": 6000, "only": 3}|0|
	light|reply lost after a put|backup|b2|service fault {"op": "b2_upload_file", "count": 4, "lose_reply": true}|0|
	light|body truncated, once|restore|b2|service fault {"op": "b2_download_file_by_name", "skip": 3, "after_bytes": 70000}|0|
	light|expired token|both|b2|service expire {}|0|
	light|token expired in mid-run|backup|b2|service fault {"op": "b2_upload_file", "skip": 2, "status": 401, "code": "expired_auth_token", "kill_url": true}|0|
	light|full|backup|sftp|full|1|No space|full|failure|space
	END
}

mounted=
make_full() { # a file system of its own that fills up; NONE: not possible
	d=$SSHD_DIR/data
	[ "$(id -u)" = 0 ] || return 1
	mount -t tmpfs -o size=1m,mode=777 none "$d/repo/data" 2>/dev/null ||
	    return 1
	mounted=$d/repo/data
}
trap '[ -z "$mounted" ] || umount "$mounted"; place_stop' EXIT

# sound TEXT: what is listed is what was backed up.
sound() {
	expect 0 "$1: the list afterwards" "$SNAP" --retry-for $PATIENCE snapshots --json
	for id in $(sed -n 's/^ *"id": "\([0-9a-f]*\)".*/\1/p' "$T/out"); do
		[ ! -e "$T/known.$id" ] || continue
		"$SNAP" --no-cache --retry-for $PATIENCE restore "$id" >"$T/given" 2>"$T/err"
		is "$1: a snapshot that is listed comes back" $? 0
		cmp -s "$T/given" "$T/old" || cmp -s "$T/given" "$T/new" ||
		    not_ok "$1: as it was"
		: >"$T/known.$id"
	done
}

backup_under() { # TEXT FAULT STATUS PATTERN
	head -c 3000000 /dev/urandom >"$T/new"
	befall "$2"
	"$SNAP" --retry-for $(patience $3) backup --name f -- cat "$T/new" \
	    >"$T/out" 2>"$T/err"
	got=$?
	calm
	judged "$1, a backup" "$3" "$4"
	sound "$1, a backup"
	expect 0 "$1, a backup: the next run" "$SNAP" \
	    --retry-for $PATIENCE backup --name f -- cat "$T/new"
	sound "$1, a backup: the next run"
}

restore_under() { # TEXT FAULT STATUS PATTERN
	befall "$2"
	"$SNAP" --no-cache --retry-for $(patience $3) restore "$old" \
	    >"$T/given" 2>"$T/err"
	got=$?
	calm
	judged "$1, a restore" "$3" "$4"
	if [ "$got" = 0 ]; then
		same "$1, a restore: is what was backed up" "$T/given" "$T/old"
	else
		n=$(wc -c <"$T/given")
		head -c "$n" "$T/old" >"$T/begin"
		same "$1, a restore: what came was right" "$T/given" "$T/begin"
	fi
}

place_start
: >"$T/line"
STRIKE_PACK=1048576 "$SNAP_STRUCK" init --kdf-memory 8 >"$T/out" 2>"$T/err" ||
    not_ok "init with small packs"
head -c 3000000 /dev/urandom >"$T/old"
cp "$T/old" "$T/new"
expect 0 "a backup without faults" "$SNAP" backup --name f --json -- \
    cat "$T/old"
old=$(sed -n 's/^ *"id": "\([0-9a-f]*\)".*/\1/p' "$T/out" | head -n 1)
sound "before"

fault_table >"$T/table"
while IFS="|" read -r fault_run fault_text when where fault status words <&3; do
	case " $where " in *" $PLACE "*) ;; *) continue ;; esac
	[ -n "${SNAP_TEST_HEAVY:-}" ] || [ "$fault_run" = light ] || continue
	if [ "$fault" = full ]; then
		make_full || {
			echo "no file system of our own: \"$fault_text\" was not tried"
			continue
		}
	fi
	[ "$when" = restore ] ||
	    if [ "$fault" = full ]; then
		expect 1 "$fault_text, a backup" "$SNAP" --retry-for $TRY backup \
		    --name f -- cat "$T/new" "$T/old" "$0"
		one_error "$fault_text, a backup" "$words"
		umount "$mounted"
		mounted=
		sound "$fault_text, a backup"
	else
		backup_under "$fault_text" "$fault" "$status" "$words"
	fi
	[ "$when" = backup ] ||
	    restore_under "$fault_text" "$fault" "$status" "$words"
done 3<"$T/table"
rm -rf "$T/cache"
expect 0 "check --read-data in the end" "$SNAP" check --read-data
done_testing
