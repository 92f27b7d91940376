# SPDX-License-Identifier: PostgreSQL
# copied.sh - a repository copied as files: every copy has new times, and yet
# the same snapshots in the same order, and goes on from there by itself.
. "$(dirname "$0")/lib.sh"
R=$SNAP_REPOSITORY
init
for n in 1 2 3 4 5; do
	noise $n 300000 >"$T/$n"
	"$SNAP" -q backup --name "s$n" -- cat "$T/$n" 2>"$T/err" ||
	    not_ok "backup $n"
done
"$SNAP" snapshots --json >"$T/list" 2>"$T/err" || not_ok "list"

# The last becomes the first: what was copied later looks younger.
backwards() {
	mkdir "$2"
	(cd "$1" && find . -type d ! -name .) | while read -r d; do
		mkdir -p "$2/$d"
	done
	"$SNAP" snapshots --json | sed -n 's/.*"id": "\(.*\)".*/\1/p' |
	    sort -r | while read -r id; do
		for f in "$1/snapshots/$id"*; do
			cat "$f" >"$2/snapshots/$(basename "$f")"
		done
	done
	(cd "$1" && find . -type f | sort -r) | while read -r f; do
		[ -e "$2/$f" ] || cat "$1/$f" >"$2/$f"
	done
}
with_tar() {
	mkdir "$2"
	(cd "$1" && tar cf - .) | (cd "$2" && tar xf -)
}
renamed() {
	cp -a "$1" "$2.new"
	mv "$2.new" "$2"
	find "$2" -exec touch -h {} +
	chmod -R u+rwX,go+rX "$2"
}
linked() {
	cp -al "$1" "$2"
}
for how in 'cp -a' 'cp -r' 'cp -rp' with_tar backwards renamed linked; do
	rm -rf "$T/copy"
	$how "$R" "$T/copy" || not_ok "$how"
	SNAP_REPOSITORY=$T/copy
	expect 0 "$how: the list" "$SNAP" snapshots --json
	same "$how: is the same, times and all" "$T/out" "$T/list"
	expect 0 "$how: latest" "$SNAP" --no-cache restore latest
	same "$how: is the latest" "$T/out" "$T/5"
	for n in 1 2 3 4 5; do
		"$SNAP" restore latest:s$n >"$T/out" 2>"$T/err"
		same "$how: snapshot $n comes back" "$T/out" "$T/$n"
	done
	expect 0 "$how: check" "$SNAP" check --read-data
	SNAP_REPOSITORY=$R
done

# The original and a copy go on beside each other, with one cache.
rm -rf "$T/copy"
cp -a "$R" "$T/copy"
noise 6 300000 >"$T/6"
noise 7 300000 >"$T/7"
expect 0 "a backup into the copy" "$SNAP" -r "$T/copy" backup --name s6 -- \
    cat "$T/6"
expect 0 "another into the original" "$SNAP" backup --name s7 -- cat "$T/7"
expect 0 "the same into the copy" "$SNAP" -r "$T/copy" backup --name s7 -- \
    cat "$T/7"
for r in "$R" "$T/copy"; do
	expect 0 "both have what they got" "$SNAP" -r "$r" restore latest
	same "as it was" "$T/out" "$T/7"
	expect 0 "and are whole" "$SNAP" -r "$r" check --read-data
done
expect 1 "the original knows nothing of the copy's" "$SNAP" restore latest:s6
expect 0 "the copy does" "$SNAP" -r "$T/copy" restore latest:s6
same "and has it" "$T/out" "$T/6"
done_testing
