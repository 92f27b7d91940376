# SPDX-License-Identifier: PostgreSQL
# opaque.sh - looks only at the stored objects, as a provider would: nothing
# of rows, names or lengths is there, nothing compresses, two repositories of
# the same data have no bytes in common, and an unchanged stream adds little.
. "$(dirname "$0")/lib.sh"
R=$SNAP_REPOSITORY
yes 'a row that says PLAINTEXT-MARKER many times' | head -n 100000 >"$T/in"
noise 5 1000000 >>"$T/in"
init
init "$T/other"
for r in "$R" "$T/other"; do
	"$SNAP" -r "$r" backup --name NAME-MARKER --tag TAG-MARKER -- \
	    cat "$T/in" 2>"$T/err" || not_ok "backup"
done
for word in PLAINTEXT-MARKER NAME-MARKER TAG-MARKER 'battery staple' \
    "$(hostname)" "$(head -c 40 "$T/in")" "$(tail -n 2 "$T/in" | head -n 1)"; do
	# A short word would be met by chance.
	[ "${#word}" -ge 7 ] || continue
	if grep -rqF -e "$word" "$R" "$T/cache"; then
		not_ok "\"$word\" is in clear"
	else
		ok "\"$word\" is nowhere"
	fi
done

# The body of an object, without its clear header and trailer.
body() {
	tail -c +65 "$1" | head -c $(($(wc -c <"$1") - 112))
}
for f in $(find "$R/data" "$R/meta" "$R/index" "$R/snapshots" -type f); do
	body "$f" >"$T/body"
	a=$(wc -c <"$T/body")
	b=$(gzip -9 -c "$T/body" | wc -c)
	[ "$b" -ge "$a" ] || not_ok "${f#"$R"/} compresses from $a to $b"
done
ok "bodies were tried with gzip"

if command -v python3 >/dev/null; then
	expect 0 "what is in clear is what docs/format.md says" \
	    python3 -B "$(dirname "$0")/opaque.py" "$R" "$T/other"
	is "sizes are padded, and two repositories share nothing" \
	    "$(head -n 5 "$T/out")" ""
	# The comparison can find something: a repository against itself.
	python3 -B "$(dirname "$0")/opaque.py" "$R" "$R" >"$T/out"
	grep -q shares "$T/out" && ok "which would be seen" ||
	    not_ok "which would be seen"
else
	echo "no python3: only whole lines are compared" >&2
fi
lines() {
	for f in $(find "$1/data" "$1/meta" "$1/index" "$1/snapshots" \
	    -type f); do
		body "$f" | od -An -v -tx1
	done | grep -E '^( [0-9a-f]{2}){16}$' | sort -u
}
lines "$R" >"$T/a"
lines "$T/other" >"$T/b"
[ "$(wc -l <"$T/a")" -gt 1000 ] && ok "there is something to compare" ||
    not_ok "there is something to compare"
is "no sixteen bytes at the same place" "$(comm -12 "$T/a" "$T/b" | wc -l |
    tr -d ' ')" 0

before=$(store_size)
expect 0 "the same once more" "$SNAP" backup --name NAME-MARKER \
    --tag TAG-MARKER -- cat "$T/in"
added=$(($(store_size) - before))
[ "$added" -lt 65536 ] && ok "adds $added bytes" ||
    not_ok "adds $added bytes, not less than 64 KiB"

find "$R" "$T/cache" ! -perm -u=r -o -perm /077 | grep -q . &&
    not_ok "others can look into the repository" ||
    ok "nobody else can look into repository and cache"
done_testing
