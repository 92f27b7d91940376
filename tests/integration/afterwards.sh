# SPDX-License-Identifier: PostgreSQL
# afterwards.sh - what has to be true after any fault, for the tests that make
# them; to be sourced behind lib.sh:
#
#   two_files       older backups in $SNAP_REPOSITORY, and $T/new
#   aim COMMAND...  the backup that will be struck, given as options of the
#                   program; first run undisturbed on a copy of what is there
#   again           everything as it was before that
#   after TEXT      every older snapshot comes back byte for byte, no other is
#                   listed than one with all that was to be backed up, and
#                   `check --read-data` is content
#   next TEXT       the next run succeeds, and uses what was stored; $useless
#                   bytes of it are nothing to it
: "${SNAP_STRUCK:?is the program made with struck.c}"
mkdir "$T/known"

ids() {
	"$SNAP" snapshots --json 2>/dev/null |
	    sed -n 's/.*"id": "\(.*\)".*/\1/p'
}

# given ID: what it gives, less what a script has new in every run or snapshot.
given() {
	"$SNAP" --no-cache restore "$1" >"$T/given" 2>"$T/err" || {
		echo "cannot be restored"
		return
	}
	LC_ALL=C sed -e '/restrict /d' -e '/^-- /d' "$T/given" | cksum
}

# Nothing that anybody compresses or has seen before.
random() { # BYTES
	openssl rand "$1" 2>/dev/null || head -c "$1" /dev/urandom
}

# init_small: a repository with small packs, so that there are many calls.
init_small() {
	expect 0 "init with small packs" env STRIKE_PACK=1048576 \
	    "$SNAP_STRUCK" init --kdf-memory 8
}

# pick N: one of 1 to N, another one each time; SNAP_TEST_SEED for others.
picked=0
pick() {
	picked=$((picked + 1))
	at=$(awk -v n="$1" -v seed=$((${SNAP_TEST_SEED:-1} * 7919 + picked)) \
	    'BEGIN { srand(seed * 65537); for (i = 0; i < 9; i++) r = rand()
	    print 1 + int(r * n) }')
}

# two_files: what is backed up before, and what will be; a base to start from.
two_files() {
	random 3000000 >"$T/old"
	random 24000000 >"$T/new"
	head -c 1000000 "$T/old" >>"$T/new"
	head -c 2000000 "$T/old" >"$T/older"
	"${1:-init_small}"
	expect 0 "a backup" "$SNAP" backup --name old -- cat "$T/old"
	expect 0 "another" "$SNAP" backup --name new -- cat "$T/older"
}

# Without the temporary files of those that were killed.
objects_size() {
	find "$SNAP_REPOSITORY" -type f ! -name '.*' -exec cat {} + | wc -c
}

keep_known() {
	for id in $(ids); do
		[ -s "$T/known/$id" ] || given "$id" >"$T/known/$id"
	done
}

number() { # KEY: of the JSON in $T/out
	sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$T/out" | tail -n 1
}

aim() {
	keep_known
	rm -rf "$T/base" "$T/base.cache" "$T/base.known"
	cp -a "$SNAP_REPOSITORY" "$T/base"
	cp -a "$T/known" "$T/base.known"
	[ ! -d "$T/cache" ] || cp -a "$T/cache" "$T/base.cache"
	n_base=$("$SNAP" --no-cache check 2>&1 | grep -c 'is in no index')
	expect 0 "undisturbed" env STRIKE_COUNT="$T/count" "$SNAP_STRUCK" \
	    backup --json "$@"
	full=$(number stored-bytes)
	truth=$(given latest)
	calls=$(cat "$T/count")
	ms=$(sed -n 's/.*"duration-ms": "\([0-9]*\)".*/\1/p' "$T/out")
	echo "    $calls calls, $ms ms, $full bytes"
	again
}

again() {
	rm -rf "$SNAP_REPOSITORY" "$T/cache" "$T/known"
	cp -a "$T/base" "$SNAP_REPOSITORY"
	cp -a "$T/base.known" "$T/known"
	[ ! -d "$T/base.cache" ] || cp -a "$T/base.cache" "$T/cache"
	before=$(objects_size)
	strikes=0
}

after() {
	ids >"$T/ids"
	good=1
	for f in "$T"/known/*; do
		id=${f##*/}
		grep -q "$id" "$T/ids" || {
			not_ok "$1: snapshot $id is listed"
			good=0
		}
	done
	while read -r id; do
		got=$(given "$id")
		if [ ! -s "$T/known/$id" ]; then
			[ "$got" = "$truth" ] || good=0
			echo "$truth" >"$T/known/$id"
		fi
		[ "$got" = "$(cat "$T/known/$id")" ] || {
			not_ok "$1: snapshot $id is what was backed up"
			good=0
		}
	done <"$T/ids"
	[ $good = 1 ] && ok "$1: all of $(wc -l <"$T/ids" | tr -d ' ') snapshots"
	expect 0 "$1: check --read-data" "$SNAP" --no-cache check --read-data
	# Named by no segment: what was on its way when the process went.
	orphans=$(sed -n 's/.*\(\(data\|meta\)\/[^ ]*\) is in no index.*/\1/p' \
	    "$T/err")
	lost=0
	n_lost=0
	for o in $orphans; do
		lost=$((lost + $(wc -c <"$SNAP_REPOSITORY/$o")))
		n_lost=$((n_lost + 1))
	done
	# A segment for every twelve, while two are on their way; the last six
	# of a run share one.
	strikes=$((strikes + 1))
	[ $n_lost -le $((n_base + 20 * strikes)) ] ||
	    not_ok "$1: $n_lost packs are in no segment"
}

# next TEXT COMMAND...: to be called behind after.
next() {
	text=$1
	shift
	had=$(ids | wc -l)
	kept=$(($(objects_size) - before - lost - ${useless:-0}))
	expect 0 "$text: the next run" "$SNAP" backup --json "$@"
	stored=$(number stored-bytes)
	# Another writer may have left more than this backup needs.
	rest=$((full > kept ? full - kept : 0))
	[ "$stored" -le $((rest + full / 10 + 65536)) ] &&
	    ok "$text: kept $kept, lost $lost, stored $stored" ||
	    not_ok "$text: kept $kept, lost $lost, stored $stored of $full"
	is "$text: is a snapshot more" "$(ids | wc -l)" $((had + 1))
	after "$text, and after it"
}
