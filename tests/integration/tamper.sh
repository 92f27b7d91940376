# SPDX-License-Identifier: PostgreSQL
# tamper.sh - the whole program on files that were tampered with: kinds of
# objects that badinput.sh has none of, and things that are no files.
#
# tests/repo/tamper does all of it without the program, thousands of times;
# this is a sample of each kind, larger with SNAP_TEST_HEAVY.  The repository is
# the golden one in which every kind is.
. "$(dirname "$0")/lib.sh"
SNAP_PASSPHRASE='a golden passphrase'
GOLD=$T/gold
cp -R "$SRC/tests/integration/golden/v1-rare" "$GOLD"
chmod -R u+rwX,go-rwx "$GOLD"
SNAP_REPOSITORY=$GOLD
expect 0 "the repository is sound" "$SNAP" check --read-data
"$SNAP" snapshots --json >"$T/out" 2>"$T/err" || not_ok "snapshots"
ids=$(sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p' "$T/out")
is "with three snapshots" "$(echo "$ids" | wc -l | tr -d ' ')" 3
for id in $ids; do
	"$SNAP" restore "$id" >"$T/$id" 2>"$T/err" || not_ok "restore $id"
done
SNAP_REPOSITORY=$T/copy

kind_of() {
	dd if="$1" bs=1 skip=8 count=1 2>/dev/null
}

# look WHAT NAME: each snapshot comes back as it was, or fails and gives
# nothing false; the check names the object; nothing else is said of success.
look() {
	good=0
	for id in $ids; do
		"$SNAP" --no-cache restore "$id" \
		    >"$T/out" 2>"$T/err"
		case $? in
		0)
			good=$((good + 1))
			cmp -s "$T/out" "$T/$id" ||
			    not_ok "$1: restored, and false"
			;;
		1 | 10 | 12 | 13)
			size=$(wc -c <"$T/out")
			head -c "$size" "$T/$id" | cmp -s - "$T/out" ||
			    not_ok "$1: failed, with false bytes"
			[ -s "$T/err" ] || not_ok "$1: failed in silence"
			;;
		*) not_ok "$1: status of the restore" ;;
		esac
	done
	"$SNAP" --no-cache check --read-data >"$T/out" 2>"$T/err"
	status=$?
}

# found WHAT NAME LEAST: as look, the check names it, and so many come back.
found() {
	look "$1"
	case $status in
	1 | 10 | 13)
		grep -q "$2" "$T/err" || not_ok "$1: the check names it"
		;;
	*) not_ok "$1: status of the check is $status" ;;
	esac
	[ "$good" -ge "$3" ] && ok "$1: found, $good of 3 come back" ||
	    not_ok "$1: only $good of 3 come back"
}

fresh() {
	rm -rf "$T/copy"
	cp -R "$GOLD" "$T/copy"
}

flip() { # FILE OFFSET
	byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
	printf "\\$(printf %o $((byte ^ 1)))" |
	    dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

done_kinds=
for file in $(cd "$GOLD" && find . -type f | sed 's,^\./,,' | sort); do
	kind=$(kind_of "$GOLD/$file")
	case $done_kinds in *"$kind"*) continue ;; esac
	done_kinds=$done_kinds$kind
	name=$(basename "$file" .ok)
	size=$(wc -c <"$GOLD/$file")
	# How many come back whatever is done to one of them.
	case $kind in
	E | X | Y | N) least=3 ;;
	S | O | H) least=2 ;;
	*) least=0 ;;
	esac
	bytes="9 $((size - 28))"
	lengths=64
	[ -z "${SNAP_TEST_HEAVY:-}" ] || {
		bytes="$bytes 0 8 20 40 52 70 $((size - 48)) $((size - 20))
		    $((size - 1))"
		lengths="$lengths 0 1 $((size / 2)) $((size - 1))"
	}
	for at in $bytes; do
		fresh
		flip "$T/copy/$file" "$at"
		found "kind $kind, byte $at" "$name" $least
	done
	for len in $lengths; do
		fresh
		head -c "$len" "$GOLD/$file" >"$T/copy/$file"
		found "kind $kind, $len bytes of it" "$name" $least
	done
	fresh
	cat "$GOLD/$file" >>"$T/copy/$file"
	found "kind $kind, twice as long" "$name" $least
	fresh
	cat "$GOLD/config" >"$T/copy/$file"
	[ "$kind" = C ] ||
	    found "kind $kind, replaced by the config" "$name" $least
	# What is no file is no object; nobody waits for it or follows it.
	for odd in directory pipe link; do
		fresh
		rm "$T/copy/$file"
		case $odd in
		directory) mkdir "$T/copy/$file" ;;
		pipe) mkfifo "$T/copy/$file" ;;
		link) ln -s "$GOLD/$file" "$T/copy/$file" ;;
		esac
		look "kind $kind, a $odd"
		case $status in
		0 | 1 | 10 | 12 | 13)
			ok "kind $kind, a $odd: $good of 3 come back"
			;;
		*) not_ok "kind $kind, a $odd: status $status of the check" ;;
		esac
	done
done
is "of all kinds" "$(echo "$done_kinds" | sed 's/./&\n/g' | sort | tr -d '\n')" \
    CDEHIKMNORSXY
done_testing
