# SPDX-License-Identifier: PostgreSQL
# givenup.sh PROGRAM SOURCE_DIR - snapshots that are damaged, and what a person
# has to say twice before they go.
. "$(dirname "$0")/lib.sh"
: "${SNAP_CALENDAR:?is the program made with calendar.c}"
: "${SNAP_STRUCK:?is the program made with struck.c}"
: "${SNAP_BUSIED:?is the program made with busy.c}"

# backup SEED NAME: its id goes to $id.
backup() {
	noise "$1" 300000 >"$T/noise"
	expect 0 "backup $1 of $2" "$SNAP" --no-cache backup --json \
	    --name "$2" -- cat "$T/noise"
	id=$(sed -n 's/^ *"id": "\(.*\)".*/\1/p' "$T/out")
}

# ---- the newest is that whose original is
init
CALENDAR=$T/calendar
export CALENDAR
echo "$(date +%s%N) -90000" >"$CALENDAR"
real=$SNAP
SNAP=$SNAP_CALENDAR
backup 1 app
old=$id
echo "$(date +%s%N) 0" >>"$CALENDAR"
backup 2 app
new=$id
SNAP_FROM_REPOSITORY=$SNAP_REPOSITORY
SNAP_FROM_PASSPHRASE=$SNAP_PASSPHRASE
export SNAP_FROM_REPOSITORY SNAP_FROM_PASSPHRASE
SNAP_REPOSITORY=$T/copies
init
for n in "$new" "$old"; do
	expect 0 "a copy" "$SNAP" copy --json "$n"
	eval "copy_$n=\$(sed -n 's/^ *\"id\": \"\\(.*\\)\".*/\\1/p' \"\$T/out\")"
done
eval "new=\$copy_$new old=\$copy_$old"
expect 2 "the newest is not forgotten, though it was copied first" \
    "$SNAP" forget "$new"
says "for it is the newest" 'is the newest of "app"'
expect 0 "prune would keep it" "$SNAP" prune --dry-run --keep-last=1
grep -q "$(echo "$new" | cut -c 1-8).*newest" "$T/out" &&
    ok "by the same time" || not_ok "by the same time"
expect 0 "the old one is, though it was copied last" \
    "$SNAP" forget --dry-run "$old"
SNAP=$real

# ---- an index that is gone is no reason to give a snapshot up
SNAP_REPOSITORY=$T/second
init
backup 3 app
first=$id
backup 4 app
mkdir "$T/away"
mv "$T/second/index"/* "$T/away"
expect 2 "packs without an index" "$SNAP" --no-cache forget --broken --yes
says "are named as the reason" 'the index does not name [0-9]+ packs'
says "with what to do" 'hint:.*repair index.*repair packs'
expect 2 "a dry run says the same" "$SNAP" --no-cache forget --broken --dry-run
is "both are there" "$(n_snapshots)" 2
expect 0 "repair index" "$SNAP" --no-cache repair index
expect 0 "then nothing is broken" "$SNAP" --no-cache forget --broken --yes
says "at all" 'forgot 0 snapshots'
expect 0 "and all is whole" "$SNAP" --no-cache check --read-data

# ---- nor is what was pinned
expect 0 "pin" "$SNAP" pin "$first"
rm "$T/second/snapshots/$first"
expect 2 "a pinned one" "$SNAP" --no-cache forget --broken --yes
says "stays" "snapshot $(echo "$first" | cut -c 1-8) is pinned"
says "with what to do" "hint:.*unpin $first"
expect 0 "or it is forced" "$SNAP" --no-cache forget --broken --dry-run --force
says "and would go" 'would forget 1 snapshots'
expect 1 "none is pinned that is not there" "$SNAP" --no-cache pin "$first"
expect 1 "nor unpinned by a part of its id" \
    "$SNAP" --no-cache unpin "$(echo "$first" | cut -c 1-31)"
expect 0 "unpin" "$SNAP" --no-cache unpin "$first"
says "one that cannot be read" 'changed 1 snapshots'
expect 1 "and once only" "$SNAP" --no-cache unpin "$first"
expect 0 "then it is given up" "$SNAP" --no-cache forget --broken --yes
says "and goes" 'forgot 1 snapshots'
expect 0 "prune is content" "$SNAP" --no-cache prune

# ---- hours in words
SNAP_REPOSITORY=$T/third
expect 0 "a grace of an hour" env STRIKE_GRACE=3600 "$SNAP_STRUCK" init \
    --kdf-memory 8
backup 5 app
backup 6 app
expect 0 "forget" "$SNAP" --no-cache forget --force "$id"
expect 0 "prune" "$SNAP" --no-cache prune
says "tells it as one" 'younger than 1 hour,'

# ---- one that cannot be salvaged now is no reason to leave the others
backup 7 other
for f in "$SNAP_REPOSITORY"/data/*/*; do
	printf 'XXXXXXXXXXXXXXXX' |
	    dd of="$f" bs=1 seek=4096 conv=notrunc 2>/dev/null
done
expect 11 "one of two is busy" env BUSY_AT=1 "$SNAP_BUSIED" --no-cache \
    repair snapshots --write
says "and named" 'was not salvaged: this run lost its lease'
says "with what to do" 'hint: +Run it again'
says "the other is gone on with" 'nothing is left of snapshot'
grep -q "$(echo "$id" | cut -c 1-8).*other" "$T/out" &&
    ok "and the table is printed" || not_ok "and the table is printed"
expect 3 "once more" "$SNAP" --no-cache repair snapshots --write
is "both are tried" "$(grep -c 'nothing is left of' "$T/err")" 2
done_testing
