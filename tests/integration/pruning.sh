# SPDX-License-Identifier: PostgreSQL
# pruning.sh - a prune that has everything to do, and what has to be true after
# it was disturbed; to be sourced behind afterwards.sh, whose `again`, `after`
# and `next` it replaces:
#
#   prune PROGRAM...  the prune, by that program
#   again             everything as it was before it; it has $calls calls
#   after TEXT        what is to stay comes back, what is to go is whole or
#                     gone, and check is content
#   next TEXT         the next prune leaves what an undisturbed one does
# Three of one stream, of which the last stays; half of the blocks of the first
# two are needed by it, so that packs are written anew.
init_small
random 4000000 >"$T/all"
random 2000000 >"$T/end"
expect 0 "a first one" "$SNAP" backup --name a -- cat "$T/all"
(head -c 1500000 "$T/all" && cat "$T/end") >"$T/second"
expect 0 "a second" "$SNAP" backup --name a -- cat "$T/second"
(head -c 500000 "$T/all" && tail -c 700000 "$T/all" &&
    tail -c 500000 "$T/end") >"$T/third"
expect 0 "a third" "$SNAP" backup --name a -- cat "$T/third"
expect 0 "and another stream" "$SNAP" backup --name b -- head -c 900000 "$T/all"
keep_known
"$SNAP" prune --keep-last=1 --force --dry-run 2>"$T/err" |
    sed -n 's/^\([0-9a-f]\{8\}\) .*newest$/\1/p' >"$T/stay"
is "two are to stay" "$(wc -l <"$T/stay" | tr -d ' ')" 2
cp -a "$SNAP_REPOSITORY" "$T/base"
again() {
	rm -rf "$SNAP_REPOSITORY" "$T/cache"
	cp -a "$T/base" "$SNAP_REPOSITORY"
}
prune() { # PROGRAM ...
	"$@" prune --grace=0 --i-am-alone --yes --keep-last=1 --force
}
expect 0 "undisturbed" prune env STRIKE_COUNT="$T/count" "$SNAP_STRUCK"
says "it forgets two" 'forgot 2 of 4'
says "writes packs anew" 'wrote anew what lives of [1-9]'
calls=$(cat "$T/count")
left=$(objects_size)
# Each run leaves a record, which prune takes when it is old.
how_many() {
	find "$SNAP_REPOSITORY" -type f ! -name '.*' ! -path '*/runs/*' | wc -l
}
n_left=$(how_many)
echo "    $calls calls; $(wc -c <"$T/all") bytes become $left"
[ "$left" -lt 4000000 ] && ok "much is free" || not_ok "much is free: $left"

# after TEXT
after() {
	ids >"$T/ids"
	good=1
	while read -r id; do
		grep -q "^$id" "$T/ids" || {
			not_ok "$1: $id is there"
			good=0
		}
	done <"$T/stay"
	while read -r id; do
		[ "$(given "$id")" = "$(cat "$T/known/$id")" ] || {
			not_ok "$1: $id is what was backed up"
			good=0
		}
	done <"$T/ids"
	[ $good = 1 ] && ok "$1: all of $(wc -l <"$T/ids" | tr -d ' ') snapshots"
	expect 0 "$1: check --read-data" "$SNAP" --no-cache check --read-data
}
# next TEXT: without the cache, which the dead run may have filled.
next() {
	expect 0 "$1: the next prune" prune "$SNAP" --no-cache
	after "$1, and after it"
	is "$1: two are left" "$(wc -l <"$T/ids" | tr -d ' ')" 2
	is "$1: no temporary file" \
	    "$(find "$SNAP_REPOSITORY" -type f -name '.tmp*' | wc -l)" 0
	n=$(how_many)
	size=$(objects_size)
	[ "$n" -le $((n_left + 2)) ] && [ "$size" -le $((left + 100000)) ] &&
	    ok "$1: $n objects of $size bytes" ||
	    not_ok "$1: $n objects of $size bytes, not $n_left of $left"
}
