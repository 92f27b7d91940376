# SPDX-License-Identifier: PostgreSQL
# reader.sh - docs/read-snap.py, written from docs/format.md and without a
# line of the program, restores byte for byte what the program stored.  So the
# page is enough to get backups back when the program is gone.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || {
	echo "no python3: skipped" >&2
	exit 77
}
READER=$SRC/docs/read-snap.py
reader() {
	python3 -B "$READER" "$@"
}
# restored SNAPSHOT: by the reader, each stream as a file in $T/streams.
restored() {
	rm -rf "$T/streams"
	expect 0 "the reader restores $1" \
	    reader "$SNAP_REPOSITORY" restore "$1" "$T/streams"
}
# The id of the newest snapshot.
newest() {
	"$SNAP" snapshots --json | sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p' |
	    tail -n 1
}
is "400 lines are enough" "$(($(wc -l <"$READER") <= 400))" 1

init
expect 1 "no passphrase opens it but its own" env SNAP_PASSPHRASE=wrong \
    python3 -B "$READER" "$SNAP_REPOSITORY" list
awk 'BEGIN { for (i = 0; i < 60000; i++)
    printf "%d\tname %d\t%d\n", i, i * 7919 % 10007, i % 97 }' >"$T/in1"
noise 3 2000000 >>"$T/in1"
expect 0 "a first backup" sh -c '"$1" backup --stdin --name app <"$2"' - \
    "$SNAP" "$T/in1"
first=$(newest)
# Changes here and there, and a new end: blocks of both runs are needed.
awk 'NR % 500 == 0 { $0 = $0 " changed" } { print }' "$T/in1" >"$T/in2"
noise 4 300000 >>"$T/in2"
expect 0 "a second backup" sh -c '"$1" backup --stdin --name app <"$2"' - \
    "$SNAP" "$T/in2"
second=$(newest)
# A single long row without an end, and bytes that no text has.
head -c 3000000 "$SNAP" | tr -d '\n' >"$T/in3"
expect 0 "bytes of a command" "$SNAP" backup --name prog \
    --tag "$(printf 'red\033[31m')" -- cat "$T/in3"
third=$(newest)

expect 0 "the reader lists them" reader "$SNAP_REPOSITORY" list
is "all three" "$(wc -l <"$T/out" | tr -d ' ')" 3
is "and lets no property write to a terminal" \
    "$(tr -d '\n[:print:]' <"$T/out" | wc -c | tr -d ' ')" 0
is "but shows it" "$(grep -cF 'red\x1b' "$T/out")" 1
n=0
for id in "$first" "$second" "$third"; do
	n=$((n + 1))
	restored "$id"
	same "to what went in" "$T/in$n" "$T/streams/000000-raw"
	"$SNAP" restore "$id" >"$T/ours" 2>"$T/err"
	same "and to what the program restores" "$T/ours" \
	    "$T/streams/000000-raw"
done

# A database: each table's file is what COPY says, whole slices and all.
if [ -n "$(pg_bindir)" ]; then
	pg_start || exit 1
	createdb shop
	psql -X -q shop -c "CREATE TABLE a AS SELECT i, md5(i::text) AS t
	    FROM generate_series(1, 60000) i" \
	    -c "CREATE TABLE b (x text, y bytea)" \
	    -c "INSERT INTO b VALUES (E'tab\\there', '\\x00ff'), (NULL, NULL)" \
	    -c "CREATE TABLE empty (z int)" \
	    -c "SELECT lo_from_bytea(4711, decode(repeat('00ff11', 9000),
	        'hex'))" >/dev/null
	expect 0 "a database" "$SNAP" backup -d shop
	restored "$(newest)"
	cp "$T/out" "$T/list"
	for t in a b empty; do
		psql -X -q shop -c "COPY $t TO STDOUT" | sort >"$T/rows"
		f=$(sed -n "s/^\([0-9]*-table\) .*\b$t\b.* part .*/\1/p" \
		    "$T/list")
		if [ -z "$f" ]; then
			not_ok "table $t is there"
			continue
		fi
		for part in $f; do
			cat "$T/streams/$part"
		done | sort >"$T/read"
		same "table $t" "$T/rows" "$T/read"
	done
	psql -X -q -A -t shop -c "SELECT encode(lo_get(4711), 'hex')" \
	    >"$T/rows"
	od -An -v -tx1 "$T"/streams/*-large-object | tr -d ' \n' >"$T/read"
	echo >>"$T/read"
	same "the large object" "$T/rows" "$T/read"
	# What is SQL goes into the program's script as it is.
	"$SNAP" restore latest:shop >"$T/script" 2>"$T/err" ||
	    not_ok "restore"
	grep -v '^$' "$T"/streams/*-pre-data >"$T/lines"
	is "the script has the same definitions" \
	    "$(grep -cvxFf "$T/script" "$T/lines")" 0
fi

# Without the index packs tell their contents themselves.
mv "$SNAP_REPOSITORY/index" "$T/index"
mkdir "$SNAP_REPOSITORY/index"
restored "$second"
same "without an index too" "$T/in2" "$T/streams/000000-raw"
rmdir "$SNAP_REPOSITORY/index"
mv "$T/index" "$SNAP_REPOSITORY/index"

# One byte anywhere in the rows, and the reader gives up.
find "$SNAP_REPOSITORY/data" -type f >"$T/packs"
while read -r pack; do
	chmod u+w "$pack"
	c=$(tail -c +101 "$pack" | head -c 1 | od -An -tu1 | tr -d ' ')
	# shellcheck disable=SC2059
	printf "\\$(printf %03o $(((c + 1) % 256)))" |
	    dd of="$pack" bs=1 seek=100 conv=notrunc 2>/dev/null
done <"$T/packs"
for id in "$first" "$second"; do
	rm -rf "$T/streams"
	expect 1 "a byte was changed: $id" \
	    reader "$SNAP_REPOSITORY" restore "$id" "$T/streams"
	says "is said" 'failed: '
done
done_testing
