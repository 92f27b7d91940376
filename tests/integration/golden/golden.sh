# SPDX-License-Identifier: PostgreSQL
# golden.sh - a repository of format version 1, made once and kept: every
# later program lists, checks and restores it, and adds to it.
#
# Only a correction before the format is frozen may replace it: remove v1/ and
# run this with MAKE=1.
. "$2/tests/integration/lib.sh"
V1=$(dirname "$0")/v1
SNAP_PASSPHRASE='a golden passphrase'
# What went in: rows, rows with changes, bytes without line ends.
rows() { # DAY
	awk -v day="$1" 'BEGIN { for (i = 0; i < 3000; i++)
	    printf "%d\tname %d\t%d\n", i, i * 7919 % 10007,
	        i % 40 == day ? day : 0 }'
}
bytes() {
	awk 'BEGIN { for (i = 0; i < 20000; i++)
	    printf "%c", 33 + i * i % 89 }'
}
backup() { # NAME FILE
	"$SNAP" backup --name "$1" -- cat "$2" 2>"$T/err" || not_ok "backup"
}
rows 0 >"$T/rows0"
rows 1 >"$T/rows1"
bytes >"$T/bytes"
if [ -n "${MAKE:-}" ]; then
	SNAP_REPOSITORY=$V1
	"$SNAP" init --kdf-memory 8 | sed -n 's/.*\([0-9A-Z-]\{69\}\).*/\1/p' \
	    >"$T/code"
	backup rows "$T/rows0"
	backup rows "$T/rows1"
	backup bytes "$T/bytes"
	cp "$T/code" "$V1.code"
	exit
fi
[ -d "$V1" ] || {
	not_ok "the golden repository is there"
	done_testing
}
cp -R "$V1" "$SNAP_REPOSITORY"
chmod -R u+rwX,go-rwx "$SNAP_REPOSITORY"
expect 0 "it is listed" "$SNAP" snapshots --json
cp "$T/out" "$T/list"
is "with all its snapshots" "$(grep -c '"id":' "$T/list")" 3
expect 0 "it is sound" "$SNAP" check --read-data
ids=$(sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p' "$T/list")
for pair in 1:rows0 2:rows1 3:bytes; do
	id=$(echo "$ids" | sed -n "${pair%%:*}p")
	expect 0 "snapshot ${pair%%:*} is restored" "$SNAP" restore "$id"
	same "as it was" "$T/${pair#*:}" "$T/out"
done
expect 12 "another passphrase" env SNAP_PASSPHRASE=other "$SNAP" snapshots
expect 0 "the recovery code opens it too" env -u SNAP_PASSPHRASE \
    SNAP_RECOVERY_CODE="$(cat "$V1.code")" "$SNAP" snapshots
before=$(store_size)
backup rows "$T/rows1"
added=$(($(store_size) - before))
[ "$added" -lt 8192 ] && ok "what is known is found again ($added bytes)" ||
    not_ok "what is known is found again ($added bytes)"
is "and stands beside the others" "$(n_snapshots)" 4
if command -v python3 >/dev/null; then
	expect 0 "the independent reader reads it" python3 -B \
	    "$SRC/docs/snap-reader.py" "$SNAP_REPOSITORY" \
	    restore "$(echo "$ids" | sed -n 2p)" "$T/streams"
	same "and finds the same" "$T/rows1" "$T/streams/000000-raw"
fi
done_testing
