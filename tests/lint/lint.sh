# SPDX-License-Identifier: PostgreSQL
# lint.sh SOURCE_DIR - the rules of CONTRIBUTING.md that a script can
# check.  Prints every breach and fails when there was one.
cd "$1" || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
: >"$tmp/found"

find base chunker digests retention transports pgclient pgarchive pgsource pgtarget pgverify sqlite repo cli \
    tests docs scripts packaging .ci CMakeLists.txt README.md CONTRIBUTING.md -type f -print 2>/dev/null |
    grep -v '/corpus/' | sort >"$tmp/all"
grep '\.[ch]$' "$tmp/all" >"$tmp/c"
grep -v '^tests/' "$tmp/c" >"$tmp/product"
grep -E '\.([ch]|sh|py|md|txt)$|^scripts/|^packaging/|^\.ci/' "$tmp/all" >"$tmp/text"

# breach TEXT: each line of stdin is a place where it happens.
breach() {
	sed "s|^|$1: |" >>"$tmp/found"
}

# ---- the licence comes first
while read -r f; do
	head -n 1 "$f" | grep -q '^/\* SPDX-License-Identifier: PostgreSQL \*/$' ||
	    echo "$f"
done <"$tmp/c" | breach "no SPDX line at the start"
grep -E '\.(sh|py)$|CMakeLists\.txt$|^scripts/[^.]*$|^packaging/([^.]*$|.*\.(cmake|yaml)$)|^\.ci/' "$tmp/all" |
while read -r f; do
	head -n 2 "$f" | grep -q 'SPDX-License-Identifier: PostgreSQL' ||
	    echo "$f"
done | breach "no SPDX line at the start"

# ---- sizes
grep -vE '\.(md|txt)$' "$tmp/text" | while read -r f; do
	lines=$(wc -l <"$f")
	case $f in
	*.h) max=200 ;;
	*) max=600 ;;
	esac
	[ "$lines" -le "$max" ] || head -n 20 "$f" | grep -q 'lint: long' ||
	    echo "$f: $lines lines"
done | breach "file too long"
sed 's|/[^/]*$||' "$tmp/c" | uniq -c | awk '$1 > 12 { print $2 ": " $1 " files" }' |
    breach "folder too full"
# A function is what stands between a brace in the first column and the next
# closing one; "lint: long" near it is a written exception.
xargs awk 'FNR == 1 { start = 0; excuse = 0 }
/lint: long/ { excuse = FNR }
/^\{/ { start = FNR }
/^\}/ && start {
	if (FNR - start > 100 && !(excuse && start - excuse < 15))
		print FILENAME ":" start ": " FNR - start " lines"
	start = 0
}' <"$tmp/c" | breach "function too long"
xargs awk 'length($0) > 0 {
	line = $0
	gsub(/\t/, "        ", line)
	if (length(line) > 90)
		print FILENAME ":" FNR
}' <"$tmp/c" | breach "line too long"

# ---- words that do not belong here
xargs grep -nE '\b(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets|strncpy)[[:space:]]*\(' \
    <"$tmp/c" | breach "banned function"
xargs grep -nE '\b(printf|puts|putchar|perror|exit|abort|getenv)[[:space:]]*\(' \
    <"$tmp/product" |
    grep -vE '^cli/|^pgsource/[a-z/]*\.c:.*getenv|[[:alnum:]_](printf|exit|abort)[[:space:]]*\(' |
    breach "libraries do not print, exit or read the environment"
# Written so that this file does not find itself.
xargs grep -nE 'TO''DO|FIX''ME|XX''X:' <"$tmp/text" | breach "unfinished"
xargs grep -nE '[[:space:]]+$' <"$tmp/text" | breach "trailing white space"
xargs grep -nE '/ho''me/|/ro''ot/' <"$tmp/text" | breach "path of one machine"

# ---- who may include whom, as far as CMake does not already refuse it
xargs grep -nE '#include[[:space:]]+"[^"]*/' <"$tmp/c" |
    breach "include by bare name"
grep -E '_internal\.h$' "$tmp/product" | while read -r h; do
	dir=$(dirname "$h")
	base=$(basename "$h")
	xargs grep -ln "#include \"$base\"" <"$tmp/product" |
	    grep -v "^$dir/" | sed "s|$| includes $h|"
done | breach "private header"
xargs grep -nE '#include <(sodium|zstd|xxhash|libpq-fe|jansson|curl|libssh2|openssl|expat|ini\.h|sqlite3|qrencode)' \
    <"$tmp/product" |
    grep -vE '^repo/crypto/[^:]*:.*sodium|^repo/[^:]*:.*(zstd|xxhash)|^(chunker|digests)/[^:]*:.*xxhash|^pg(client|source|target)/[^:]*:.*libpq|^cli/[^:]*:.*jansson|^cli/tell/[^:]*:.*curl|^cli/config/[^:]*:.*ini\.h|^sqlite/[^:]*:.*sqlite3|^cli/term/[^:]*:.*qrencode|^transports/http/[^:]*:.*curl|^transports/(sftp|ssh)/[^:]*:.*(libssh2|openssl)|^transports/(s3|b2)/[^:]*:.*(openssl|expat|ini\.h|jansson)' |
    breach "third-party header in the wrong folder"

# ---- what the documentation points to is there
grep '\.md$' "$tmp/all" | while read -r f; do
	grep -oE '\]\([^)#: ]+[)#]' "$f" | sed 's/^](//; s/.$//' |
	    while read -r to; do
		[ -e "$(dirname "$f")/$to" ] || echo "$f: $to"
	    done
done | breach "link to nothing"

# The tour: its files are there, and each function is defined in some file.
grep -oE '`[a-z0-9_]+(/[a-z0-9_.]+)+`' docs/architecture.md | tr -d '`' | sort -u |
    while read -r f; do
	[ -e "$f" ] || echo "$f"
done | breach "docs/architecture.md tours what is not there"
xargs grep -ohE '^[a-z0-9_]+\(' <"$tmp/product" | sort -u >"$tmp/defined"
grep -oE '`[a-z0-9_]+\(\)`' docs/architecture.md | tr -d '`)' | sort -u |
    grep -Fxv -f "$tmp/defined" |
    breach "docs/architecture.md tours what is not there"

if [ -s "$tmp/found" ]; then
	cat "$tmp/found"
	echo "$(wc -l <"$tmp/found") breaches"
	exit 1
fi
echo "$(wc -l <"$tmp/c") C files, $(wc -l <"$tmp/text") texts: clean"
