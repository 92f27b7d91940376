# SPDX-License-Identifier: PostgreSQL
# b2.sh - backups at B2 while it fails in every way it has: each ends in
# success or in one clear error.  Run by tests/support/b2.sh.
. "$(dirname "$0")/lib.sh"

# sim WHAT JSON: what is to happen there.
sim() {
	python3 -c 'import sys, urllib.request as u; u.urlopen(u.Request(
	    sys.argv[1], data=sys.argv[2].encode())).read()' \
	    "$B2_REALM/sim/$1" "$2" || not_ok "ask the simulator for $1"
}

sim bucket '{"name": "snap-whole"}'
SNAP_REPOSITORY=b2://snap-whole/a/b
B2_APPLICATION_KEY_ID=$B2_KEY_ID
B2_APPLICATION_KEY=$B2_KEY
SNAP_B2_REALM=$B2_REALM
export B2_APPLICATION_KEY_ID B2_APPLICATION_KEY SNAP_B2_REALM
init

# Whatever is started while there are connections does not get them.
# (Pairs of sockets by which libcurl wakes itself up it cannot be told about.)
cat >"$T/sockets" <<'SOCKETS'
ls -l /proc/self/fd | sed -n 's/.*socket:\[\([0-9]*\)\]/\1/p' |
    while read -r inode; do
	awk -v inode="$inode" '$10 == inode' /proc/net/tcp
done
SOCKETS
expect 0 "a backup's command" "$SNAP" backup --name sockets -- sh "$T/sockets"
expect 0 "and what it saw" "$SNAP" restore latest:sockets
is "has no connection of ours" "$(cat "$T/out")" ""

n=0
# What nothing shrinks, so that it becomes three packs.
fresh_data() {
	n=$((n + 1))
	head -c 40000000 /dev/urandom >"$T/data"
}

# whole TEXT: a backup and a restore of new data, and what was restored.
whole() {
	fresh_data
	expect 0 "a backup, $1" "$SNAP" backup --name "d$n" -- cat "$T/data"
	"$SNAP" restore "latest:d$n" >"$T/back" 2>"$T/err"
	same "and back again, $1" "$T/data" "$T/back"
	sim clear '{}'
}

whole "nothing amiss"
sim fault '{"op": "b2_upload_file", "status": 503, "skip": 1, "count": 4,
    "code": "service_unavailable", "kill_url": true, "retry_after": 1}'
whole "sent elsewhere again and again"
sim fault '{"op": "b2_upload_file", "lose_reply": true, "skip": 1, "count": 2}'
whole "replies lost"
sim fault '{"op": "b2_upload_file", "after_bytes": 1000000, "skip": 1}'
sim fault '{"op": "b2_download_file_by_name", "after_bytes": 1000, "skip": 2,
    "count": 3, "reset": true}'
whole "cut in the middle"
sim fault '{"op": "b2_list_file_versions", "status": 401, "skip": 3,
    "code": "expired_auth_token"}'
sim fault '{"op": "b2_download_file_by_name", "status": 401, "skip": 1,
    "code": "expired_auth_token"}'
whole "tokens expire"
for status in 408 429 500; do
	sim fault '{"op": "*", "status": '$status', "skip": 5, "count": 2}'
done
whole "the service is busy"
expect 0 "all of it is well" "$SNAP" check --read-data

fresh_data
before=$(n_snapshots)
sim cap '{"bytes": 1000}'
expect 1 "a full account ends a backup" "$SNAP" backup --name full -- \
    cat "$T/data"
says "names the cap" 'storage cap of the account is reached'
says "and where to raise it" 'user_caps'
sim clear '{}'
is "and leaves no snapshot" "$(n_snapshots)" "$before"
whole "room again"

B2_APPLICATION_KEY=notthekey expect 1 "a wrong key opens nothing" \
    "$SNAP" snapshots
says "and is told so" "does not accept the application key $B2_KEY_ID"
grep -q notthekey "$T/err" && not_ok "without being repeated" ||
    ok "without being repeated"
done_testing
