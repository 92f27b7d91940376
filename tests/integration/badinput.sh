# SPDX-License-Identifier: PostgreSQL
# badinput.sh - every kind of stored object truncated, flipped, missing,
# swapped, duplicated, of a newer version: found, named, never used, and other
# snapshots still come back.
. "$(dirname "$0")/lib.sh"
R=$SNAP_REPOSITORY
noise 1 3000000 >"$T/one"
noise 2 3000000 >"$T/two"
init
code=$(sed -n 's/^recovery code *//p' "$T/out")
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
	exchanged)
		cp "$object" "$T/half"
		cat "$T/copy/${4#"$R"/}" >"$object"
		cat "$T/half" >"$T/copy/${4#"$R"/}"
		;;
	newer) forge "$object" 9 2 ;;
	"of a feature") forge "$object" 12 0 0 0 128 ;;
	"of another kind") forge "$object" 8 78 ;;
	renumbered) forge "$object" 16 1 2 3 4 ;;
	"of another repository") forge "$object" 32 1 2 3 4 ;;
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
	elif [ "$1" = snapshots ]; then
		ok "$1 $3: it is no snapshot any more"
	else
		expect 13 "$1 $3: a restore says that data are damaged" \
		    "$SNAP" --no-cache -r "$T/copy" restore latest:two
		says "$1 $3: and what to do" 'hint:.*(check|repair)'
	fi
	other=latest:one
	# The damaged one is newer, and may be of the same stream.
	if [ "$1" = snapshots ]; then
		expect 13 "$1 $3: the older one is not the latest" \
		    "$SNAP" --no-cache -r "$T/copy" restore latest:one
		other=$(basename "$(old snapshots/)")
	fi
	expect 0 "$1 $3: the other snapshot" \
	    "$SNAP" --no-cache -r "$T/copy" restore "$other"
	same "$1 $3: comes back" "$T/out" "$T/one"
}

# forge OBJECT OFFSET BYTE...: with a good checksum, as its keeper could.
forge() {
	"${FORGE:?is the program made of forge.c}" "$@" || not_ok "forge $1"
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
	for how in flipped truncated emptied missing newer "of a feature" \
	    "of another kind" renumbered "of another repository"; do
		broken $kind "$f" "$how"
	done
	broken $kind "$f" swapped "$(old $kind/)"
done
f=$(added snapshots/ | grep -v '\.ok$' | head -n 1)
for how in flipped truncated emptied newer "of a feature" \
    "of another kind" renumbered "of another repository"; do
	broken snapshots "$f" "$how"
	broken snapshots "$f.ok" "$how"
done
broken snapshots "$f" swapped "$(old snapshots/)"
broken snapshots "$f.ok" swapped "$(old snapshots/).ok"

# Exchanged in pairs, which no count of objects shows.
exchanged() { # KIND FILE FILE
	rm -rf "$T/copy"
	cp -a "$R" "$T/copy"
	a=$T/copy/${2#"$R"/}
	b=$T/copy/${3#"$R"/}
	mv "$a" "$T/half"
	mv "$b" "$a"
	mv "$T/half" "$b"
	expect 13 "exchanged $1: check finds it" "$SNAP" --no-cache \
	    -r "$T/copy" check --read-data
	says "exchanged $1: and names one" "$(basename "$a" .ok)"
	says "exchanged $1: and the other" "$(basename "$b" .ok)"
	for n in one two; do
		"$SNAP" --no-cache -r "$T/copy" restore latest:$n \
		    >"$T/out" 2>"$T/err"
		if [ $? = 0 ]; then
			same "exchanged $1: $n is right" "$T/out" "$T/$n"
		else
			ok "exchanged $1: $n is not restored"
		fi
	done
}
exchanged data "$(added data/ | head -n 1)" "$(old data/)"
exchanged meta "$(added meta/ | head -n 1)" "$(old meta/)"
exchanged index "$(added index/ | head -n 1)" "$(old index/)"
exchanged snapshots "$f" "$(old snapshots/)"
exchanged confirmations "$f.ok" "$(old snapshots/).ok"

# The same bytes under a second name: found, and in nobody's way.
for kind in data meta index snapshots; do
	f2=$(added $kind/ | grep -v '\.ok$' | head -n 1)
	rm -rf "$T/copy"
	cp -a "$R" "$T/copy"
	b=$T/copy/$(dirname "${f2#"$R"/}")/$(basename "$f2" | tr 0-9a-f 1-9a-f0)
	case $kind in
	data | meta)
		hex=$(basename "$b")
		b=$T/copy/$kind/$(printf %.2s "$hex")/$hex
		mkdir -p "$(dirname "$b")"
		;;
	snapshots) cp "$f2.ok" "$b.ok" ;;
	esac
	cp "$f2" "$b"
	expect 13 "a duplicated $kind object: check finds it" \
	    "$SNAP" --no-cache -r "$T/copy" check
	says "a duplicated $kind object: and names it" "$(basename "$b")"
	for n in one two; do
		spec=latest:$n
		# It may be a damaged one that is newer than both.
		case $kind:$n in
		snapshots:one) spec=$(basename "$(old snapshots/)") ;;
		snapshots:two) spec=$(basename "$f") ;;
		esac
		expect 0 "a duplicated $kind object: $n" "$SNAP" --no-cache \
		    -r "$T/copy" restore "$spec"
		same "a duplicated $kind object: $n is right" \
		    "$T/out" "$T/$n"
	done
	expect 0 "a duplicated $kind object: and a backup" "$SNAP" \
	    --no-cache -r "$T/copy" backup --name two -- cat "$T/two"
done

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
for how in "9 2" "12 0 0 0 128"; do
	with_copy
	forge "$T/copy/config" $how
	expect 1 "a config of a newer format ($how)" \
	    "$SNAP" --no-cache -r "$T/copy" snapshots
	says "is told" 'newer version'
	says "and what to do" 'hint:'
	with_copy
	for f in "$T"/copy/keys/*; do
		forge "$f" $how
	done
	expect 1 "slots of a newer format ($how)" \
	    "$SNAP" --no-cache -r "$T/copy" snapshots
	says "are told" 'newer version'
done
with_copy
forge "$T/copy/config" 66 9
expect 13 "a config with other parameters does not verify" \
    "$SNAP" --no-cache -r "$T/copy" snapshots
with_copy
set -- "$T"/copy/keys/*
is "there are two slots" $# 2
mv "$1" "$T/half"
mv "$2" "$1"
mv "$T/half" "$2"
expect 13 "swapped slots are damage, not a wrong passphrase" \
    "$SNAP" --no-cache -r "$T/copy" snapshots
says "and are named" "keys/$(basename "$1")"
# One slot damaged, the other good: the passphrase decides what is told.
for f in "$T"/repo/keys/*; do
	with_copy
	flip "$T/copy/keys/$(basename "$f")"
	"$SNAP" --no-cache -r "$T/copy" snapshots >"$T/out" 2>"$T/err"
	case $? in
	0) ok "a damaged slot of the other kind does not matter" ;;
	13) says "a damaged slot is named" "keys/$(basename "$f")" ;;
	*) not_ok "a damaged slot" ;;
	esac
	env SNAP_PASSPHRASE=wrong "$SNAP" --no-cache -r "$T/copy" snapshots \
	    >"$T/out" 2>"$T/err"
	case $? in
	12) says "a wrong passphrase is told" 'wrong passphrase' ;;
	13) says "that it could not be tried is told" \
	    "keys/$(basename "$f")" ;;
	*) not_ok "a wrong passphrase beside a damaged slot" ;;
	esac
done
for how in truncated emptied; do
	with_copy
	for f in "$T"/copy/keys/*; do
		case $how in
		truncated) cut "$f" ;;
		emptied) : >"$f" ;;
		esac
	done
	expect 13 "slots $how are no wrong passphrase" \
	    "$SNAP" --no-cache -r "$T/copy" snapshots
	says "and are named" "keys/"
	with_copy
	case $how in
	truncated) cut "$T/copy/config" ;;
	emptied) : >"$T/copy/config" ;;
	esac
	expect 13 "a config $how" "$SNAP" --no-cache -r "$T/copy" snapshots
	says "is named" "config"
done
# Without one of them the other still opens it.
for f in "$R"/keys/*; do
	with_copy
	rm "$T/copy/keys/$(basename "$f")"
	"$SNAP" --no-cache -r "$T/copy" snapshots >"$T/out" 2>"$T/err"
	by_passphrase=$?
	env -u SNAP_PASSPHRASE SNAP_RECOVERY_CODE="$code" "$SNAP" --no-cache \
	    -r "$T/copy" snapshots >"$T/out" 2>"$T/err"
	is "a missing slot leaves the other" "$by_passphrase $?" \
	    "$([ "$by_passphrase" = 0 ] && echo "0 12" || echo "12 0")"
done
with_copy
set -- "$T"/copy/keys/*
dup=$T/copy/keys/$(basename "$1" | tr 0-9a-f 1-9a-f0)
cp "$1" "$dup"
expect 0 "a duplicated slot is in nobody's way" "$SNAP" --no-cache \
    -r "$T/copy" restore latest:one
same "and all is right" "$T/out" "$T/one"
expect 13 "but check finds it" "$SNAP" --no-cache -r "$T/copy" check
says "and names it" "$(basename "$dup")"
with_copy
rm -r "$T/copy/keys"
expect 13 "a repository without slots" "$SNAP" --no-cache -r "$T/copy" \
    snapshots
says "is damage and told" 'slot'
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

# ---- settings of the store
expect 0 "a setting that the store does not need" "$SNAP" \
    -o s3.region=nowhere -o sftp.password-file=/nowhere snapshots
expect 2 "a setting that there is not" "$SNAP" -o s3.regoin=x snapshots
says "is called by its name" 's3.regoin'
says "and the hint lists them" 'help settings'
expect 0 "which it does" "$SNAP" help settings
grep -q 's3.region ' "$T/out" && ok "with that one" ||
    not_ok "with that one"
expect 2 "a secret as a setting" "$SNAP" -o sftp.password=hush snapshots
says "is none" 'no setting .sftp.password.'
grep -q hush "$T/err" && not_ok "and is not repeated" ||
    ok "and is not repeated"
expect 2 "a setting without a value" "$SNAP" -o s3.region= snapshots
expect 2 "a setting without a name" "$SNAP" -o =x snapshots
SNAP_B2_KEY=hush expect 0 "a child does not see a store's secret" "$SNAP" \
    backup --name environment -- env
"$SNAP" restore latest:environment >"$T/out"
grep -q hush "$T/out" && not_ok "in its environment" ||
    ok "in its environment"
done_testing
