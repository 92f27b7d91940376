# SPDX-License-Identifier: PostgreSQL
# page.sh - the commands of docs/keys.md work, one block after the other, in one
# directory; below a block stands what its output has at least.
. "$(dirname "$0")/../lib.sh"
PAGE=$SRC/docs/keys.md

# block LANGUAGE N
block() {
	awk -v language="$1" -v number="$2" '
	    /^```/ && inside { inside = 0; next }
	    /^```/ { inside = $0 == "```" language; n += $0 == "```sh"; next }
	    inside && n == number' "$PAGE"
}

# the_slot TYPE: the id of the oldest one of a type in the file list; LABEL: of
# that label.
the_slot() {
	awk -v what="$1" '$0 ~ what { print $1; exit }' list
}

init
cd "$T" || exit 1
mkdir bin
ln -s "$SNAP" bin/snap
PATH=$T/bin:$PATH
for name in anna new; do
	(umask 077 && echo "words of $name" >"$name.pass")
done
n=0
while n=$((n + 1)) && [ -n "$(block sh $n)" ]; do
	block sh $n >block
	if grep -Eq 'OLD_CODE|ANNA' block; then
		"$SNAP" key list >list
		OLD_CODE=$(the_slot recovery-code)
		ANNA=$(the_slot Anna)
		export OLD_CODE ANNA
	fi
	expect 0 "block $n: $(head -n 1 block)" sh -e block
	block text $n | tr -s ' ' '\n' | while read -r word; do
		grep -q -e "$word" "$T/out" || echo "$word"
	done >missing
	is "prints what the page says" "$(cat missing)" ""
	case $(cat block) in
	*passwd*) SNAP_PASSPHRASE=$(cat new.pass) ;;
	esac
done
[ "$n" -gt 7 ] && ok "all blocks were tried" || not_ok "all blocks were tried"
expect 0 "the page ends with the new passphrase" \
    "$SNAP" --passphrase-file new.pass key list
is "of one person" "$(grep -c passphrase "$T/out")" 1

done_testing
