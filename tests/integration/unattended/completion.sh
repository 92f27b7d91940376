#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# completion.sh PROGRAM SOURCE_DIR - shells take the words they are offered, and
# what they offer are commands, options and words that there are.
. "$2/tests/integration/lib.sh"
for shell in bash zsh fish; do
	expect 0 "words for $shell" "$SNAP" help --completion=$shell
	cp "$T/out" "$T/words.$shell"
	if command -v $shell >/dev/null; then
		expect 0 "$shell takes them" $shell -n "$T/words.$shell"
		[ ! -s "$T/err" ] && ok "without a word" || not_ok "without a word"
	else
		echo "skipped: there is no $shell"
	fi
done
expect 2 "no other shell" "$SNAP" help --completion=tcsh
# offered WORD...: what bash offers for the last of them.
offered() {
	bash -c '. "$0"
COMP_WORDS=(snap "$@")
COMP_CWORD=$#
compopt() { :; }
_snap
echo "${COMPREPLY[@]}"' "$T/words.bash" "$@"
}
is "a command" "$(offered ver)" "verify version"
is "behind an option" "$(offered --quiet unp)" "unpin"
is "an option" "$(offered prune --keep-y)" "--keep-yearly="
is "no option of another command" "$(offered prune --sqlite)" ""
is "a word" "$(offered policy s)" "show set"
is "a snapshot" "$(offered restore la)" "latest"
if command -v fish >/dev/null; then
	is "fish" "$(fish -c "source '$T/words.fish'; complete -C 'snap unp'" |
	    cut -f 1)" "unpin"
fi
done_testing
