# SPDX-License-Identifier: PostgreSQL
# badinput.sh - every kind of stored object truncated, flipped, missing,
# swapped: found, named, never used, and other snapshots still come back.
. "$(dirname "$0")/lib.sh"
R=$SNAP_REPOSITORY
noise 1 3000000 >"$T/one"
noise 2 3000000 >"$T/two"
init
"$SNAP" backup --name one -- cat "$T/one" 2>"$T/err" || not_ok "backup one"
find "$R" -type f | sort >"$T/files1"
"$SNAP" backup --name two -- cat "$T/two" 2>"$T/err" || not_ok "backup two"
find "$R" -type f | sort >"$T/files2"

# What the second backup added under a prefix, largest first.
added() {
	comm -13 "$T/files1" "$T/files2" | grep "^$R/$1" | xargs ls -S
}

flip() {
	chmod u+w "$1"
	size=$(wc -c <"$1")
	at=$((size * ${2:-1} / 2))
	byte=$(od -An -tu1 -j "$at" -N 1 "$1" | tr -d ' ')
	printf "\\$(printf %o $(((byte + 1) % 256)))" |
	    dd of="$1" bs=1 seek="$at" conv=notrunc 2>/dev/null
}

cut() {
	chmod u+w "$1"
	head -c $(($(wc -c <"$1") / 2)) "$1" >"$T/half"
	cat "$T/half" >"$1"
}

# broken WHAT FILE HOW: a copy of the repository with this damage.
broken() {
	rm -rf "$T/copy"
	cp -a "$R" "$T/copy"
	object=$T/copy/${2#"$R"/}
	chmod -R u+w "$T/copy"
	case $3 in
	flipped) flip "$object" ;;
	truncated) cut "$object" ;;
	emptied) : >"$object" ;;
	missing) rm "$object" ;;
	swapped) cat "$4" >"$object" ;;
	esac
	name=$(basename "$object" .ok)
	expect 13 "$1 $3: check finds it" "$SNAP" --no-cache -r "$T/copy" \
	    check --read-data
	# A missing index leaves no name behind, only what it would hold.
	case $1:$3 in
	index:missing) ;;
	*) says "$1 $3: check names it" "$name" ;;
	esac
	"$SNAP" --no-cache -r "$T/copy" restore latest:two \
	    >"$T/out" 2>"$T/err"
	if [ $? = 0 ]; then
		same "$1 $3: what a restore gives is right" \
		    "$T/out" "$T/two"
	else
		ok "$1 $3: a restore fails"
	fi
	expect 0 "$1 $3: the other snapshot" \
	    "$SNAP" --no-cache -r "$T/copy" restore latest:one
	same "$1 $3: comes back" "$T/out" "$T/one"
}

old() {
	grep "^$R/$1" "$T/files1" | xargs ls -S | head -n 1
}

for kind in data meta index; do
	f=$(added $kind/ | head -n 1)
	[ -n "$f" ] || {
		not_ok "the second backup put no $kind"
		continue
	}
	for how in flipped truncated emptied missing; do
		broken $kind "$f" $how
	done
	broken $kind "$f" swapped "$(old $kind/)"
done
f=$(added snapshots/ | grep -v '\.ok$' | head -n 1)
for how in flipped truncated emptied; do
	broken snapshots "$f" $how
done
broken snapshots "$f" swapped "$(old snapshots/)"

# A snapshot whose confirmation never came is none.
rm -rf "$T/copy"
cp -a "$R" "$T/copy"
rm -f "$T/copy/${f#"$R"/}.ok"
expect 1 "an unconfirmed snapshot is none" \
    "$SNAP" --no-cache -r "$T/copy" restore latest:two
expect 0 "and no error" "$SNAP" --no-cache -r "$T/copy" check

# repair index brings a lost index back.
rm -rf "$T/copy"
cp -a "$R" "$T/copy"
rm -f "$T/copy"/index/*
expect 0 "repair index" "$SNAP" --no-cache -r "$T/copy" repair index
expect 0 "after it a restore" "$SNAP" --no-cache -r "$T/copy" \
    restore latest:two
same "gives all" "$T/out" "$T/two"
expect 0 "and check is content" "$SNAP" --no-cache -r "$T/copy" check

# Keys and config.
with_copy() {
	rm -rf "$T/copy"
	cp -a "$R" "$T/copy"
	chmod -R u+w "$T/copy"
}
with_copy
for f in "$T"/copy/keys/*; do
	flip "$f"
done
expect 13 "damaged slots are not a wrong passphrase" \
    "$SNAP" --no-cache -r "$T/copy" snapshots
says "and are named" "keys"
with_copy
flip "$T/copy/config"
expect 13 "a damaged config" "$SNAP" --no-cache -r "$T/copy" snapshots
says "is named" "config"
with_copy
rm "$T/copy/config"
expect 10 "half a repository is none" "$SNAP" --no-cache -r "$T/copy" \
    snapshots
says "and is told" "config|half"
expect 1 "init does not make one of it" "$SNAP" --no-cache -r "$T/copy" \
    init --kdf-memory 8

# A damaged, foreign or unreadable cache changes nothing.
expect 0 "fill the cache" "$SNAP" restore latest:two
find "$T/cache" -type f -size +200c | while read -r f; do
	flip "$f"
done
expect 0 "a damaged cache" "$SNAP" restore latest:two
same "changes nothing" "$T/out" "$T/two"
find "$T/cache" -type f -exec sh -c 'echo junk >"$1"' - {} \;
expect 0 "a cache of junk" "$SNAP" restore latest:two
same "changes nothing" "$T/out" "$T/two"
expect 0 "also for a backup" "$SNAP" backup --name two -- cat "$T/two"
done_testing
