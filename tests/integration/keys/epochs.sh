# SPDX-License-Identifier: PostgreSQL
# epochs.sh PROGRAM SOURCE_DIR - the key of a host is revoked, a new key epoch
# is begun, by one, by one that dies (in the heavy test at any put), and by two
# at once.
. "$(dirname "$0")/../lib.sh"
init
ids() { # [LIST]
	"$SNAP" snapshots --json 2>/dev/null | python3 -c '
import json, sys
print("\n".join(s["id"] for s in json.load(sys.stdin)[sys.argv[1]]))' \
	    "${1:-snapshots}"
}
backup() { # NAME [KEY]
	seq 1 "$2" | "$SNAP" ${3:+--key-file "$3"} backup --stdin --name "$1"
}
comes_back() { # TEXT SNAPSHOT LINES
	seq 1 "$3" >"$T/in"
	"$SNAP" restore "$2" >"$T/got" 2>"$T/err"
	same "$1" "$T/in" "$T/got"
}
add() { # NAME FILE
	expect 0 "a key for $1" "$SNAP" key add --write-only "$1" --output "$2"
}

# ---- revocation
add db1 "$T/db1.key"
expect 0 "the owner saves" backup shop 1000
expect 0 "the host saves" backup shop 1100 "$T/db1.key"
made=$(ids | tail -n 1)
mv "$T/db1.key" "$T/stolen.key"
expect 0 "its key is revoked" "$SNAP" key revoke db1
says "with what it has made" 'the 1 snapshots that it has made hold on'
expect 0 "and that is shown" "$SNAP" key list
grep -q 'db1 (revoked)' "$T/out" && ok "by its name" || not_ok "by its name"
expect 1 "it cannot be revoked by name once more" "$SNAP" key revoke db1
expect 0 "the thief saves something" backup shop 5 "$T/stolen.key"
is "that is no snapshot among others" "$(ids | tail -n 1)" "$made"
bad=$(ids untrusted)
[ -n "$bad" ] && ok "but an untrusted one" || not_ok "but an untrusted one"
expect 0 "and shown as that" "$SNAP" snapshots
grep -q 'untrusted' "$T/out" && ok "in the table" || not_ok "in the table"
comes_back "the latest is the host's last" latest:shop 1100
says "of whom somebody has to know" 'was signed by db1, the one before it by ow'
expect 0 "the list says so too" "$SNAP" snapshots
grep -q '  db1' "$T/out" && grep -q 'SIGNED BY' "$T/out" && ok "in a column" ||
    not_ok "in a column"
comes_back "what it stored comes back when it is named" "$bad" 5
says "with a warning" 'after its key was revoked'
expect 0 "the next backup goes on from a genuine one" backup shop 1200
comes_back "and is the latest" latest:shop 1200
expect 2 "an untrusted one is not copied" "$SNAP" -r "$T/elsewhere" copy \
    --from "$T/repo" "$bad"
expect 0 "prune keeps two" "$SNAP" prune --keep-last 2 --force
is "of the genuine" "$(ids | wc -l)" 2
is "the other one is looked at for a grace" "$(ids untrusted)" "$bad"
add db1 "$T/db1.key"
expect 0 "the host has a new key" backup shop 1300 "$T/db1.key"
comes_back "that counts" latest:shop 1300
expect 0 "all is well" "$SNAP" check --read-data

# ---- a rotation
expect 0 "a maintenance key" "$SNAP" key add --maintenance ops \
    --output "$T/ops.key"
expect 0 "something is pinned" "$SNAP" pin latest:shop
pinned=$(ids | tail -n 1)
expect 0 "and a policy set" "$SNAP" policy set --keep-last=1
cp -r "$T/repo" "$T/before"
expect 0 "a new epoch begins" "$SNAP" key rotate
says "it is the second" 'epoch 2 has begun'
comes_back "what was stored before is read" latest:shop 1300
expect 0 "what was said holds on" "$SNAP" snapshots --json
grep -q '"pinned": true' "$T/out" && ok "a pin" || not_ok "a pin"
is "the revocation" "$(ids untrusted)" "$bad"
expect 0 "a policy" "$SNAP" policy show
grep -q 'keep-last = 1' "$T/out" && ok "and its rule" || not_ok "and its rule"
expect 0 "the owner saves under it" backup shop 1400
for key in db1 ops stolen; do
	expect 0 "an old key file saves on: $key" \
	    backup shop 1450 "$T/$key.key"
	says "and is told" 'ask the owner for a new one'
done
expect 3 "it prunes beside what it cannot read" "$SNAP" \
    --key-file "$T/ops.key" prune --keep-last=1 --force
says "forgets nothing then" 'nothing is forgotten while a snapshot cannot be'
comes_back "neither the newest" latest:shop 1450
expect 0 "the pin is there" "$SNAP" ls "$pinned"
expect 0 "the old key of the host is ended" "$SNAP" key revoke db1
add db1 "$T/new.key"
expect 0 "a new one" "$SNAP" key add --maintenance ops --output "$T/newops.key"
expect 0 "with which it saves" backup shop 1500 "$T/new.key"
expect 0 "and another prunes" "$SNAP" --key-file "$T/newops.key" prune --force
is "the pin held" "$(ids | grep -c "$pinned")" 1
expect 0 "all is well" "$SNAP" check --read-data
comes_back "of both" latest:shop 1500
(umask 077 && echo "$SNAP_PASSPHRASE" >"$T/pass")
init "$T/copy"
expect 0 "all is copied into a new repository" "$SNAP" -r "$T/copy" copy \
    --from "$T/repo" --from-passphrase-file "$T/pass"
is "whose keys are all its own" "$(find "$T/copy/keys" -type f | wc -l)" 2

# ---- one that dies
points="3- 6- 6+"
[ -z "${SNAP_TEST_HEAVY:-}" ] ||
    points="1- 1+ 2- 2+ 3- 3+ 4- 4+ 5- 5+ 6- 6+ 7- 7+ 8- 8+ 9-"
for point in $points; do
	rm -rf "$T/repo" "$T/cache"
	cp -r "$T/before" "$T/repo"
	DIE_AT=$point "$SNAP_DYING" key rotate >"$T/out" 2>"$T/err"
	died=$?
	dead="a rotation that dies at put $point ($died)"
	comes_back "$dead: all comes back" latest:shop 1300
	expect 0 "$dead: the pin holds" "$SNAP" snapshots --json
	grep -q '"pinned": true' "$T/out" || not_ok "$dead: the pin holds"
	is "$dead: so does the revocation" "$(ids untrusted)" "$bad"
	backup shop 1600 "$T/db1.key" >"$T/out" 2>"$T/err" || :
	expect 0 "$dead: the owner saves" backup shop 1700
	expect 0 "$dead: and prunes" "$SNAP" prune --force
	expect 0 "$dead: it can be given again" "$SNAP" key rotate
	comes_back "$dead: the last backup" latest:shop 1700
	expect 0 "$dead: nothing is missing" "$SNAP" check --read-data
	[ "$died" -ne 0 ] || break
done

# ---- two at once
rm -rf "$T/repo" "$T/cache"
cp -r "$T/before" "$T/repo"
"$SNAP" --no-cache key rotate >"$T/one" 2>&1 &
"$SNAP" --no-cache key rotate >"$T/two" 2>&1
is "two rotations at once: this one" $? 0
wait $!
is "and that one" $? 0
comes_back "all comes back" latest:shop 1300
is "what was said holds on" "$(ids untrusted)" "$bad"
expect 0 "all is well" "$SNAP" check --read-data
done_testing
