# SPDX-License-Identifier: PostgreSQL
# interop.sh PROGRAM SOURCE_DIR s3 - other programs see what snap put, and a
# repository that rclone copied to a directory, another bucket or another
# service opens there, and goes on.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/places.sh"
for p in rclone s3cmd; do
	command -v $p >/dev/null || {
		echo "no $p installed: skipped"
		exit 77
	}
done
place_start
PLACE=b2
start_b2
PLACE=s3

init
noise 1 3000000 >"$T/1"
(head -c 1000000 "$T/1" && noise 2 40000000) >"$T/2"
# S3 tells the time in seconds, and what was copied is ordered by that.
for n in 1 2; do
	expect 0 "backup $n" "$SNAP" backup --name f -- cat "$T/$n"
	sleep 1.1
done
"$SNAP" snapshots --json >"$T/list" 2>"$T/err" || not_ok "list"
place_names repo | LC_ALL=C sort >"$T/names"
[ "$(wc -l <"$T/names")" -gt 10 ] && ok "there are objects" ||
    not_ok "there are objects"

# ---- seen whole
expect 0 "rclone copies all to a directory" rc copy s3:snap-test/repo "$T/copy"
(cd "$T/copy" && find . -type f | sed 's|^\./||' | LC_ALL=C sort) >"$T/out"
same "it has the same names" "$T/names" "$T/out"
expect 0 "and agrees with itself" rc check --download s3:snap-test/repo \
    "$T/copy"
(umask 077 && cat >"$T/s3cfg" <<END
[default]
access_key = personkey
secret_key = $s3_secret
host_base = ${RGW_URL#http://}
host_bucket = ${RGW_URL#http://}
use_https = False
END
)
mkdir "$T/s3cmd"
expect 0 "s3cmd gets all" s3cmd -c "$T/s3cfg" -q --no-progress get -r \
    s3://snap-test/repo/ "$T/s3cmd/"
expect 0 "the same as rclone" diff -r "$T/copy" "$T/s3cmd"
# The probe of what the service can do is no object of the repository.
for f in $(grep -v '^\.' "$T/names"); do
	[ "$(tail -c 8 "$T/copy/$f")" = SNAPEND ] || not_ok "$f is whole"
done

# opens TEXT URL: with the snapshots it had, and goes on.
opens() {
	SNAP_REPOSITORY=$2
	expect 0 "$1: the list" "$SNAP" snapshots --json
	grep '"id"' "$T/out" >"$T/a"
	grep '"id"' "$T/list" >"$T/b"
	same "$1: is the same, in order" "$T/a" "$T/b"
	expect 0 "$1: restore" "$SNAP" --no-cache restore latest
	same "$1: the newest comes back" "$T/out" "$T/2"
	expect 0 "$1: check" "$SNAP" --no-cache check --read-data
	expect 0 "$1: the next backup" "$SNAP" backup --name f --json -- \
	    cat "$T/2"
	n=$(sed -n 's/.*"stored-bytes": \([0-9]*\).*/\1/p' "$T/out")
	[ "$n" -lt 300000 ] && ok "$1: uses what was copied ($n bytes)" ||
	    not_ok "$1: uses what was copied ($n bytes)"
	expect 0 "$1: check after that" "$SNAP" check --read-data
}
opens "a directory" "$T/copy"
expect 0 "rclone copies it within S3" rc copy s3:snap-test/repo \
    s3:snap-test/copied
opens "within S3" s3://snap-test/copied
expect 0 "rclone copies it to B2" rc copy s3:snap-test/repo b2:snap-test/copied
opens "on B2" b2://snap-test/copied
expect 0 "rclone copies it from B2 to a directory" rc copy \
    b2:snap-test/copied "$T/again"
expect 0 "which opens" "$SNAP" -r "$T/again" check --read-data
done_testing
