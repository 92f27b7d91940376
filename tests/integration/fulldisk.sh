# SPDX-License-Identifier: PostgreSQL
# fulldisk.sh - a repository that runs out of space, at many points: no
# snapshot, a message that says so, nothing lost; with space the next run
# succeeds and uses what the failed ones stored.  As root on a file system of
# its own, else by a limit on the size of a file.
. "$(dirname "$0")/lib.sh"
noise 1 3000000 >"$T/one"
head -c 50000000 /dev/urandom >"$T/two"
mounted=
unmount() {
	[ -z "$mounted" ] || umount "$mounted"
	mounted=
}
trap 'unmount; clean_up' EXIT

# A limit on files makes the same failure of a write as a full disk.
limited() { # BLOCKS OF 512 COMMAND...
	blocks=$1
	shift
	(
		ulimit -f "$blocks"
		exec "$@"
	)
}
init
expect 0 "a first backup" "$SNAP" backup --name one -- cat "$T/one"
expect 1 "a file that may not be so large fails a backup" limited 8000 \
    "$SNAP" --no-cache backup --name two -- cat "$T/two"
says "and says so" 'error:.*(File too large|EFBIG)'
says "in words" 'detail:.*limit'
is "it leaves no snapshot" "$(n_snapshots)" 1
is "and no half object" "$(find "$SNAP_REPOSITORY" -name '.*' -type f | wc -l |
    tr -d ' ')" 0
expect 0 "check is content" "$SNAP" check --read-data
expect 0 "without the limit it succeeds" \
    "$SNAP" backup --name two -- cat "$T/two"
expect 0 "and comes back" "$SNAP" restore latest
same "as it was" "$T/out" "$T/two"

mkdir "$T/small" "$T/small.cache"
if [ "$(id -u)" != 0 ] ||
    ! mount -t tmpfs -o size=90m,mode=700 none "$T/small" 2>/dev/null; then
	echo "no file system of our own: a full one was not tried"
	done_testing
fi
mounted=$T/small
SNAP_REPOSITORY=$T/small/repo
init
expect 0 "a first backup" "$SNAP" backup --name one -- cat "$T/one"
first=$(store_size)
cp -a "$SNAP_REPOSITORY" "$T/base"
# full KIB: a backup when there is room for so much.
full() {
	left=$1
	free=$(df -k "$T/small" | awk 'NR == 2 { print $4 }')
	head -c $(((free - left) * 1024)) /dev/zero >"$T/small/ballast"
	expect 1 "a backup with $left KiB left" \
	    "$SNAP" backup --name two -- cat "$T/two"
	says "$left KiB: the message says why" 'No space left on device'
	says "$left KiB: and in words" 'detail:.*full'
	is "$left KiB: no snapshot is left" "$(n_snapshots)" 1
	is "$left KiB: no half object" "$(find "$SNAP_REPOSITORY" \
	    -name '.*' -type f | wc -l | tr -d ' ')" 0
	head -c 10000000 /dev/zero >>"$T/small/ballast" 2>/dev/null
	expect 0 "$left KiB: a full repository can be listed" "$SNAP" snapshots
	expect 0 "$left KiB: and restored" "$SNAP" --no-cache \
	    restore latest:one
	same "$left KiB: all of it" "$T/out" "$T/one"
	expect 0 "$left KiB: and checked" "$SNAP" check --read-data
	rm "$T/small/ballast"
}
for kib in 0 1 64 600 3000 20000; do
	full $kib
done
stored=$(store_size)
expect 0 "with space it succeeds" "$SNAP" backup --name two -- cat "$T/two"
expect 0 "and comes back" "$SNAP" restore latest
same "as it was" "$T/out" "$T/two"
grown=$(($(store_size) - stored))
kept=$((stored - first)) # two packs that are put at once may both fail
[ "$grown" -lt $((53000000 - kept)) ] &&
    ok "and uses what the runs that failed stored ($kept, then $grown)" ||
    not_ok "and uses what the runs that failed stored ($kept, then $grown)"
expect 0 "check" "$SNAP" check --read-data

# Each from the same start, for what failed runs stored is used by the next.
[ -z "${SNAP_TEST_HEAVY:-}" ] || for kib in $(awk 'BEGIN { srand(1)
    while (i++ < 50) print int(rand() * 47000) }'); do
	rm -rf "$SNAP_REPOSITORY"
	cp -a "$T/base" "$SNAP_REPOSITORY"
	full "$kib"
done

free=$(df -k "$T/small" | awk 'NR == 2 { print $4 }')
head -c $((free * 1024)) /dev/zero >"$T/small/ballast" 2>/dev/null
expect 1 "init on a full file system" \
    "$SNAP" -r "$T/small/other" init --kdf-memory 8
says "says why" 'No space left on device'
rm -f "$T/small/ballast"

# The cache's file system is full, not the repository's.
SNAP_REPOSITORY=$T/repo
head -c $(($(df -k "$T/small" | awk 'NR == 2 { print $4 }') * 1024)) \
    /dev/zero >"$T/small/ballast" 2>/dev/null
expect 0 "a full cache hurts no backup" env XDG_CACHE_HOME="$T/small" \
    "$SNAP" backup --name two -- cat "$T/two"
expect 0 "and no restore" env XDG_CACHE_HOME="$T/small" "$SNAP" restore latest
same "which gives all" "$T/out" "$T/two"
rm -f "$T/small/ballast"
expect 0 "what is remembered lies there" env SNAP_STATE_DIR="$T/small/state" \
    "$SNAP" snapshots
head -c $(($(df -k "$T/small" | awk 'NR == 2 { print $4 }') * 1024)) \
    /dev/zero >"$T/small/ballast" 2>/dev/null
expect 0 "a full place for it hurts no backup" env SNAP_STATE_DIR="$T/small/state" \
    "$SNAP" backup --name two -- cat "$T/two"
says "but is told" 'warning: .*cannot be remembered.*No space left'
rm -f "$T/small/ballast"
expect 0 "what was there is good" env SNAP_STATE_DIR="$T/small/state" "$SNAP" snapshots
if grep -q damaged "$T/err"; then not_ok "and whole"; else ok "and whole"; fi
unmount
done_testing
