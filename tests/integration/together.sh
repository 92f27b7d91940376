# SPDX-License-Identifier: PostgreSQL
# together.sh - several at once in one repository, each with its own cache or
# all with the same; and caches that are foreign, stale, damaged, in the way or
# not there: all results are the same.
. "$(dirname "$0")/lib.sh"
R=$SNAP_REPOSITORY
for n in 1 2 3; do
	noise $n 2000000 >"$T/$n"
	# Most of it is common to all three.
	noise 9 6000000 >>"$T/$n"
done
init

# run NAME FILE CACHE: in the background, its status in $T/status.NAME
run() {
	XDG_CACHE_HOME=$3 "$SNAP" -q backup --name "$1" -- cat "$2" \
	    2>"$T/err.$1"
	echo $? >"$T/status.$1"
}
for round in 1 2 3; do
	rm -f "$T"/status.*
	run a "$T/1" "$T/cache.a" &
	run b "$T/2" "$T/cache.b" &
	run c "$T/3" "$T/cache.a" &
	while [ ! -s "$T/status.a" ] || [ ! -s "$T/status.b" ] ||
	    [ ! -s "$T/status.c" ]; do
		"$SNAP" --no-cache check >"$T/out" 2>"$T/err" ||
		    not_ok "round $round: a check beside them"
	done
	wait
	is "round $round: all succeed" "$(cat "$T"/status.? | tr -d '\n')" 000
	i=1
	for n in a b c; do
		cp "$T/err.$n" "$T/err"
		expect 0 "round $round: $n comes back" "$SNAP" \
		    restore latest:$n
		same "round $round: as it was" "$T/out" "$T/$i"
		i=$((i + 1))
	done
	is "round $round: all are there" "$(n_snapshots)" $((3 * round))
done
expect 0 "check --read-data" "$SNAP" check --read-data
says "finds nothing" 'no errors'

# ---- caches
size=$(store_size)
fill_cache() {
	rm -rf "$T/cache"
	"$SNAP" restore latest:a >"$T/out" 2>"$T/err" || not_ok "fill the cache"
}
# unchanged TEXT [ENVIRONMENT...]: restores, checks and backs up as ever.
unchanged() {
	cache=$1
	shift
	for n in a b; do
		expect 0 "$cache: restore $n" env "$@" "$SNAP" restore latest:$n
		[ $n = a ] && same "$cache: a" "$T/out" "$T/1" ||
		    same "$cache: b" "$T/out" "$T/2"
	done
	expect 0 "$cache: check" env "$@" "$SNAP" check
	expect 0 "$cache: backup" env "$@" "$SNAP" backup --name a -- cat "$T/1"
	grown=$(($(store_size) - size))
	size=$(store_size)
	[ "$grown" -lt 65536 ] && ok "$cache: finds all again ($grown)" ||
	    not_ok "$cache: finds all again ($grown)"
}
files() {
	find "$T/cache" -type f
}
fill_cache
[ "$(files | wc -l)" -gt 1 ] && ok "there is a cache to spoil" ||
    not_ok "there is a cache to spoil"
unchanged "a good cache"
files | while read -r f; do
	head -c $(($(wc -c <"$f") / 2)) "$f" >"$T/half"
	cat "$T/half" >"$f"
done
unchanged "truncated files"
fill_cache
files | while read -r f; do
	printf 'damage' | dd of="$f" bs=1 conv=notrunc seek=200 2>/dev/null
done
unchanged "damaged files"
fill_cache
files | while read -r f; do
	head -c 70000000 /dev/zero >"$f"
	break
done
unchanged "a file that is far too large"
fill_cache
set -- $(files)
mv "$1" "$T/half"
mv "$2" "$1"
mv "$T/half" "$2"
unchanged "exchanged files"
fill_cache
for f in $(files); do
	rm "$f"
	mkfifo "$f"
done
unchanged "pipes instead of files"
fill_cache
for f in $(files); do
	rm "$f"
	mkdir "$f"
done
unchanged "directories instead of files"
fill_cache
for f in $(files); do
	rm "$f"
	ln -s /dev/zero "$f"
done
unchanged "links to what never ends"
fill_cache
find "$T/cache" -depth -type d -name index -exec rm -r {} \; \
    -exec touch {} \;
unchanged "a file in the place of a directory"
rm -rf "$T/cache"
touch "$T/cache"
unchanged "a file in the place of the cache"
rm -f "$T/cache"
unchanged "no cache"
unchanged "nowhere to put one" XDG_CACHE_HOME= HOME=
unchanged "a place that cannot be made" SNAP_CACHE_DIR=/proc/none
unchanged "a device" SNAP_CACHE_DIR=/dev/null

# Of another repository with the same names in it, and of a day ago.
init "$T/other"
"$SNAP" -r "$T/other" -q backup --name a -- cat "$T/3"
fill_cache
for d in "$T"/cache/*/*; do
	[ "$(find "$d" -type f | wc -l)" -gt 0 ] || continue
	cp -r "$d" "$T/stale"
done
"$SNAP" -r "$T/other" restore latest >"$T/out" 2>"$T/err"
mine=$(ls -d "$T"/cache/*/* | head -n 1)
for d in "$T"/cache/*/*; do
	[ "$d" = "$mine" ] || cp -r "$mine"/* "$d"
done
unchanged "another repository's"
rm -rf "$T/cache"/*/*/*
for d in "$T"/cache/*/*; do
	cp -r "$T/stale"/* "$d"
done
unchanged "a stale one"

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null &&
    id nobody >/dev/null 2>&1; then
	chmod 755 "$T"
	chmod -R a+rX "$R" "$T/cache"
	chmod a+r "$T/1"
	expect 0 "somebody else's cache" setpriv --reuid=nobody \
	    --regid="$(id -g nobody)" --clear-groups -- \
	    "$SNAP" restore latest:a
	same "changes nothing" "$T/out" "$T/1"
	chmod -R go-rwx "$T/cache"
	expect 0 "one that is closed" setpriv --reuid=nobody \
	    --regid="$(id -g nobody)" --clear-groups -- \
	    "$SNAP" restore latest:a
	same "changes nothing" "$T/out" "$T/1"
fi
done_testing
