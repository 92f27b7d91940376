#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# manual.sh PROGRAM SOURCE_DIR MAN_DIR LINES - the manual pages are whole, groff
# and mandoc have nothing to say about them, docs/exit-codes.md says the same,
# and each command line that is shown anywhere is one.
. "$2/tests/integration/lib.sh"
man=$3
lines=$4
name=$("$SNAP" version | cut -d ' ' -f 1)
"$SNAP" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' >"$T/commands"
[ "$(wc -l <"$T/commands")" -gt 20 ] && ok "commands" || not_ok "commands"

# ---- a page of each, with all that help says
: >"$T/lacks"
while read -r c; do
	page=$man/$name-$c.1
	for part in NAME SYNOPSIS OPTIONS 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
		grep -q "^\.SH $part" "$page" || echo "$page: no $part"
	done
	"$SNAP" help "$c" | sed '/^Examples:/,$d' |
	    grep -oE '^ +(-.,)? +--[a-z0-9-]+' | grep -oE '[a-z0-9-]+$' |
	    while read -r o; do
		o=$(echo "$o" | sed 's/^--//; s/-/\\\\-/g')
		grep -q "^\(\\\\fB.*, \)\?\\\\fB\\\\-\\\\-$o\\\\fR" "$page" ||
		    echo "$page: no $o"
	done
	grep -q "^\.BR $name.\?-$c (1)" "$man/$name.1" ||
	    echo "$man/$name.1: no $c"
done <"$T/commands" >"$T/lacks" 2>&1
is "every command and option is in the pages" "$(cat "$T/lacks")" ""
for f in "$man"/*; do
	grep -oE '^\.BR [a-z.\-]+ \([157]\)' "$f" | tr -d '\\' |
	    while read -r _ to n; do
		[ -e "$man/$to.$(echo "$n" | tr -d '()')" ] || echo "$f: $to"
	done
done >"$T/lacks"
is "what they point to is there" "$(cat "$T/lacks")" ""

# ---- the tools that show them
if command -v groff >/dev/null; then
	for f in "$man"/*; do
		groff -man -ww -Tutf8 "$f" 2>&1 >/dev/null
	done >"$T/lacks"
	is "groff has no warning" "$(cat "$T/lacks")" ""
fi
if command -v mandoc >/dev/null; then
	# A date would differ from build to build.
	mandoc -Tlint -Wwarning "$man"/* | grep -v 'missing date' >"$T/lacks"
	is "mandoc has none" "$(cat "$T/lacks")" ""
fi

# ---- exit statuses are the same in both places
sed -n '/^| status/,/^$/p' "$SRC/docs/exit-codes.md" | tail -n +3 | grep . |
    sed -E 's/\[([^]]*)\]\([^)]*\)/\1/g; s/`//g; s/^\| *//; s/ *\|$//; s/ \| /\t/' \
	>"$T/statuses"
awk '/^\.SH/ { on = /STATUSES/; next }
on && /^\.B / { sub(/^\.B /, ""); status = $0; next }
on && !/^\./ { print status "\t" $0 }' "$man/$name-exit-codes.7" |
    sed "s/\\\\\\([-&]\\)/\\1/g; s/\\\\(aq/'/g; s/$name/snap/g" >"$T/said"
is "the statuses of docs/exit-codes.md" "$(cat "$T/statuses")" "$(cat "$T/said")"

# ---- command lines: of help, those that stand alone in a text, and in passing
while read -r c; do
	"$SNAP" help "$c" | sed -n "/^Examples:/,\$ s|^  $name|help $c\t$name|p"
done <"$T/commands" >"$T/lines"
is "help of each command has an example" \
    "$(cut -f 1 "$T/lines" | uniq | cut -d ' ' -f 2)" "$(cat "$T/commands")"
( cd "$SRC" && awk '
/^```/ { fence = !fence && $0 == "```sh"; text = ""; next }
{ text = text $0 }
/\\$/ { sub(/\\$/, "", text); next }
fence || text ~ /^    / { print FILENAME ":" FNR "\t" text }
{ text = "" }' README.md CONTRIBUTING.md docs/*.md ) >>"$T/lines"
( cd "$SRC" && grep -noE '`snap [a-z][^`]*`' README.md CONTRIBUTING.md docs/*.md |
    sed -E 's/^([^:]*:[0-9]*):`(.*)`$/-\1\t\2/; s/[\\][|]/|/g' ) >>"$T/lines"
[ "$name" = snap ] || sed -i "s/snap /$name /g" "$T/lines"
"$lines" <"$T/lines" >"$T/err"
is "every command line that is shown is one" $? 0
cat "$T/err"
[ "$(sed -n '$ s/ commands//p' "$T/err")" -ge 200 ] && ok "there are many" ||
    not_ok "there are many"
done_testing
