# SPDX-License-Identifier: PostgreSQL
# noroom.sh - no space is left at each single call of a prune and of repairs
# that takes some, from then on or that once: what was whole comes back, the
# message says why, and with room the next run does all of it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/afterwards.sh"

# each_call TEXT STATUS DO CHECK: DO with a full disk at each call that takes
# room, from $T/from on; undisturbed it has that status.  CHECK TEXT then.
each_call() {
	subject=$1
	whole=$2
	from=$3
	doing=$4
	checking=$5
	begin "$from"
	$doing env STRIKE=full STRIKE_COUNT="$T/count" "$SNAP_STRUCK" \
	    >"$T/out" 2>"$T/err"
	is "$subject: undisturbed" $? "$whole"
	n_calls=$(cat "$T/count")
	echo "    $subject: $n_calls calls take room"
	[ "$n_calls" -gt 8 ] || not_ok "$subject: there are calls"
	# In every run few: the first, one by chance, and the last.
	pick "$n_calls"
	calls_tried="1 $at $n_calls"
	[ -z "${SNAP_TEST_HEAVY:-}" ] || calls_tried=$(seq "$n_calls")
	for call in $calls_tried; do
		for how in full once; do
			[ -n "${SNAP_TEST_HEAVY:-}" ] || [ $how = full ] ||
			    [ "$call" = "$n_calls" ] || continue
			one_call "$subject, $how $call"
		done
	done
}
one_call() { # TEXT
	begin "$from"
	$doing env STRIKE=$how STRIKE_AT="$call" "$SNAP_STRUCK" \
	    >"$T/out" 2>"$T/err"
	status=$?
	# Only the cache may fail without a word.
	if [ $status = "$whole" ]; then
		ok "$1: nothing of it was needed"
	else
		is "$1: the status" $status 1
		says "$1: the message says why" 'error:.*No space left'
	fi
	is "$1: no half object" "$(find "$SNAP_REPOSITORY" -name '.*' \
	    -type f | wc -l | tr -d ' ')" 0
	$checking "$1"
}
begin() { # DIRECTORY
	rm -rf "$SNAP_REPOSITORY" "$T/cache"
	cp -a "$1" "$SNAP_REPOSITORY"
}

# ---- prune
(
	. "$(dirname "$0")/pruning.sh"
	pruned() {
		after "$1"
		next "$1"
	}
	each_call prune 0 "$T/base" prune pruned
	exit $failures
)
failures=$((failures + $?))
rm -rf "$SNAP_REPOSITORY" "$T/base" "$T/cache" "$T"/known/*

# ---- repairs: of two of three tables a pack is damaged
pg_start || exit 1
init_small
createdb shop
backup() {
	expect 0 "$1" "$SNAP" backup -d shop
}
packs() {
	(cd "$SNAP_REPOSITORY" && find data -type f | sort)
}
: >"$T/had"
# All of what is said of them comes first: that is the same in every backup.
psql -X -q shop -c "CREATE TABLE a (id int, note text)" \
    -c "CREATE TABLE b (id int, note text)" \
    -c "CREATE TABLE c (id int, note text)"
for t in a b c; do
	psql -X -q shop -c "INSERT INTO $t SELECT i, md5('$t' || i::text) ||
	    md5(i::text || '$t') FROM generate_series(1, 30000) i"
	backup "a backup with $t"
	packs | comm -13 "$T/had" - >"$T/packs.$t"
	packs >"$T/had"
done
ids >"$T/all"
for id in $(cat "$T/all"); do
	given "$id" >"$T/whole.$id"
done
for t in b c; do
	f=$SNAP_REPOSITORY/$(sed -n 1p "$T/packs.$t")
	printf 'damaged' | dd of="$f" bs=1 seek=5000 conv=notrunc 2>"$T/dd"
done
rm -rf "$T/cache"
keep_known
is "two snapshots are damaged" \
    "$(cat "$T"/known/* | grep -c 'cannot be restored')" 2

mend() {
	"$@" repair packs
}
salvage() {
	"$@" repair snapshots --write
}
# as_before TEXT: what was whole is so, and of the others each is as it was, or
# mended.
as_before() {
	good=1
	for id in $(cat "$T/all"); do
		got=$(given "$id")
		[ "$got" = "$(cat "$T/known/$id")" ] ||
		    [ "$got" = "$(cat "$T/whole.$id")" ] || {
			not_ok "$1: snapshot $id is what it was"
			good=0
		}
	done
	[ $good = 0 ] || ok "$1: no snapshot is worse"
}
# mended TEXT: the way that docs/damage.md tells of, to its end.
mended() {
	as_before "$1"
	mend "$SNAP" --no-cache >"$T/out" 2>"$T/err"
	status=$?
	[ $status = 0 ] || [ $status = 3 ] || not_ok "$1: repair packs: $status"
	backup "$1: the next backup"
	expect 0 "$1: repair packs once more" mend "$SNAP"
	for id in $(cat "$T/all"); do
		is "$1: $id is whole" "$(given "$id")" "$(cat "$T/whole.$id")"
	done
	expect 0 "$1: prune" "$SNAP" prune --grace=0 --i-am-alone --yes
	expect 0 "$1: check --read-data" "$SNAP" --no-cache check --read-data
}
salvaged() {
	as_before "$1"
	expect 3 "$1: repair snapshots --write" salvage "$SNAP" --no-cache
	expect 0 "$1: the list" "$SNAP" snapshots
	is "$1: two are salvaged" "$(grep -c '(salvaged)' "$T/out")" 2
	for id in $(sed -n 's/^\([0-9a-f]*\) .*(salvaged).*/\1/p' "$T/out"); do
		expect 14 "$1: $id has what is left" "$SNAP" --no-cache \
		    restore --partial "$id"
	done
}
cp -a "$SNAP_REPOSITORY" "$T/base"
each_call "repair packs" 3 "$T/base" mend mended
each_call "repair snapshots" 3 "$T/base" salvage salvaged
begin "$T/base"
mend "$SNAP" >"$T/out" 2>"$T/err"
is "a repair" $? 3
backup "what was lost is stored anew"
cp -a "$SNAP_REPOSITORY" "$T/anew"
each_call "repair packs, the second" 0 "$T/anew" mend mended
done_testing
