# SPDX-License-Identifier: PostgreSQL
# copy.sh - snapshots from one repository into another, and a look at a store.
. "$(dirname "$0")/lib.sh"
init
A=$SNAP_REPOSITORY
B=$T/b
seq 1 200000 >"$T/1"
seq 1 2 400000 >"$T/2"
printf 'another passphrase' >"$T/pass"
chmod 600 "$T/pass"
for n in 1 2; do
	expect 0 "backup $n" "$SNAP" backup --tag t$n --name rows -- cat "$T/$n"
done
expect 0 "another repository, with other keys and chunks" "$SNAP" \
    --passphrase-file "$T/pass" -r "$B" init --kdf-memory 8 --chunk-size 1024

# to COMMAND...: in the other repository.
to() {
	"$SNAP" -r "$B" --passphrase-file "$T/pass" "$@"
}
SNAP_FROM_PASSPHRASE=$SNAP_PASSPHRASE
export SNAP_FROM_PASSPHRASE
expect 2 "copy needs a source" to copy
says "and says how to name it" '--from=URL or set SNAP_FROM_REPOSITORY'
expect 0 "one snapshot" to copy --from "$A" latest:rows
says "is copied" 'copied 1 snapshots, 0 were there'
to restore latest:rows >"$T/out"
same "and comes back" "$T/out" "$T/2"
SNAP_FROM_REPOSITORY=$A expect 0 "the others" to copy
says "one of them is new" 'copied 1 snapshots, 1 were there'
expect 0 "once more" to copy --from "$A" --json
grep -q '"present": 2' "$T/out" && ok "there is nothing to do" ||
    not_ok "there is nothing to do"
expect 0 "the copies" to snapshots --json
for word in '"t1"' '"t2"' '"origin"'; do
	grep -q "$word" "$T/out" && ok "keep $word" || not_ok "keep $word"
done
first=$(sed -n 's/^ *"id": "\([0-9a-f]*\)".*/\1/p' "$T/out" | head -n 1)
to restore "$first" >"$T/out"
cmp -s "$T/out" "$T/1" || cmp -s "$T/out" "$T/2" &&
    ok "the other one comes back" || not_ok "the other one comes back"
expect 0 "all of it is good" to check --read-data
expect 0 "back again" env "SNAP_FROM_PASSPHRASE=another passphrase" \
    "$SNAP" copy --from "$B"
says "comes nothing" 'copied 0 snapshots, 2 were there'
expect 2 "not onto itself" "$SNAP" copy --from "$A"
expect 12 "the source has its own passphrase" env SNAP_FROM_PASSPHRASE=x \
    "$SNAP" -r "$B" --passphrase-file "$T/pass" copy --from "$A"
says "and it is said whose is wrong" 'the source: '
expect 10 "a source that is none" to copy --from "$T/nowhere"

# A damaged snapshot is named, and the others are copied.
C=$T/c
"$SNAP" -r "$C" --passphrase-file "$T/pass" init --kdf-memory 8 >/dev/null 2>&1
for f in "$A"/data/*/*; do
	printf 'XXXXXXXXXXXXXXXX' |
	    dd of="$f" bs=1 seek=4096 conv=notrunc 2>/dev/null
done
expect 0 "more of another kind" "$SNAP" backup --name other -- cat "$0"
rm -rf "$T/cache"
expect 13 "what is damaged is not copied" "$SNAP" -r "$C" \
    --passphrase-file "$T/pass" copy --from "$A"
says "is named" 'copy snapshot [0-9a-f]{8}: '
"$SNAP" -r "$C" --passphrase-file "$T/pass" restore latest:other >"$T/out"
same "and the others are copied" "$T/out" "$0"

# ---- doctor
expect 0 "a directory is a good store" "$SNAP" -r "$B" doctor
grep -q 'role  *full: back up, restore, prune' "$T/out" &&
    ok "where all is allowed" || not_ok "where all is allowed"
expect 0 "as JSON" "$SNAP" -r "$B" doctor --json
grep -q '"broken": \[\]' "$T/out" && ok "nothing is broken" ||
    not_ok "nothing is broken"
[ -z "$(find "$B" -name '*doctor*')" ] && ok "nothing is left" ||
    not_ok "nothing is left"
expect 10 "a store that is none" "$SNAP" -r "$T/nowhere" doctor
expect 0 "the repository is as it was" to check --read-data
done_testing
