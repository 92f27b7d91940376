# SPDX-License-Identifier: PostgreSQL
# golden.sh - repositories of format version 1, made once and kept: every later
# program, and the independent reader, list, check and restore them.
#
# v1 is what the commands make.  v1-rare has what only later ones will: see
# rare.c, which also makes one now.  The format is frozen: these stay as they
# are.  MAKE=1 made them, and makes those of a later version.
. "$2/tests/integration/lib.sh"
HERE=$2/tests/integration/golden
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
rows 0 >"$T/1"
rows 1 >"$T/2"
bytes >"$T/3"
if [ -n "${MAKE:-}" ]; then
	SNAP_REPOSITORY=$HERE/v1
	"$SNAP" init --kdf-memory 8 | sed -n 's/.*\([0-9A-Z-]\{69\}\).*/\1/p' \
	    >"$HERE/v1.code"
	backup rows "$T/1"
	backup rows "$T/2"
	backup bytes "$T/3"
	"$RARE" "$HERE/v1-rare" "$T/1" "$T/2" "$T/3"
	exit
fi

# reads NAME DIRECTORY: in a copy, everything is there and right.
reads() {
	SNAP_REPOSITORY=$T/$1
	[ "$2" = "$SNAP_REPOSITORY" ] || cp -R "$2" "$SNAP_REPOSITORY"
	chmod -R u+rwX,go-rwx "$SNAP_REPOSITORY"
	expect 0 "$1: is listed" "$SNAP" snapshots --json
	ids=$(sed -n 's/.*"id": *"\([0-9a-f]*\)".*/\1/p' "$T/out")
	is "$1: with all its snapshots" "$(echo "$ids" | wc -l | tr -d ' ')" 3
	expect 0 "$1: is sound" "$SNAP" check --read-data
	n=0
	for id in $ids; do
		n=$((n + 1))
		expect 0 "$1: snapshot $n is restored" "$SNAP" restore "$id"
		same "$1: as it was" "$T/$n" "$T/out"
		command -v python3 >/dev/null || continue
		rm -rf "$T/streams"
		expect 0 "$1: the independent reader restores it" python3 -B \
		    "$SRC/docs/read-snap.py" "$SNAP_REPOSITORY" \
		    restore "$id" "$T/streams"
		same "$1: and finds the same" "$T/$n" "$T/streams/000000-raw"
	done
	before=$(store_size)
	backup rows "$T/2"
	added=$(($(store_size) - before))
	[ "$added" -lt "$3" ] &&
	    ok "$1: what is known is found again ($added bytes)" ||
	    not_ok "$1: what is known is found again ($added bytes)"
	is "$1: and stands beside the others" "$(n_snapshots)" 4
	expect 12 "$1: another passphrase" env SNAP_PASSPHRASE=other \
	    "$SNAP" snapshots
}
reads v1 "$HERE/v1" 8192
expect 0 "the recovery code opens it too" env -u SNAP_PASSPHRASE \
    SNAP_RECOVERY_CODE="$(cat "$HERE/v1.code")" "$SNAP" snapshots
# A writer refers to whole blocks only, so what is sparse is stored again.
reads v1-rare "$HERE/v1-rare" 65536
expect 0 "a rare one is made now" "$RARE" "$T/rare-now" "$T/1" "$T/2" "$T/3"
reads rare-now "$T/rare-now" 65536
done_testing
