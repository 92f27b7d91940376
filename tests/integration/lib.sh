# SPDX-License-Identifier: PostgreSQL
# lib.sh - what the whole-program tests share.  Usage of each of them:
#   sh NAME.sh PROGRAM SOURCE_DIR
# A test counts its failures and goes on, so that one run shows them all.

SNAP=$1
SRC=$2
. "$SRC/tests/support/pg.sh"

T=$(mktemp -d "${TMPDIR:-/tmp}/snap-test-XXXXXX")
failures=0
unset SNAP_PASSPHRASE_FILE SNAP_PASSPHRASE_COMMAND SNAP_RECOVERY_CODE
unset SNAP_CACHE_DIR
SNAP_PASSPHRASE='correct horse battery staple'
SNAP_REPOSITORY=$T/repo
SNAP_CONFIG= # none, whatever this machine has
XDG_CACHE_HOME=$T/cache
SNAP_STATE_DIR= # nowhere: most tests take repositories back on purpose
export SNAP_PASSPHRASE SNAP_REPOSITORY SNAP_CONFIG XDG_CACHE_HOME SNAP_STATE_DIR

clean_up() {
	pg_stop
	rm -rf "$T"
}
trap clean_up EXIT
trap 'exit 143' INT TERM HUP

ok() {
	echo "ok: $1"
}

# not_ok TEXT: with what the last command said.
not_ok() {
	echo "NOT OK: $1"
	[ ! -s "$T/err" ] || sed 's/^/    /' "$T/err" | tail -n 15
	failures=$((failures + 1))
}

# expect STATUS TEXT COMMAND...: its stdout goes to $T/out, stderr to $T/err.
expect() {
	want=$1
	text=$2
	shift 2
	"$@" >"$T/out" 2>"$T/err"
	got=$?
	if [ "$got" = "$want" ]; then
		ok "$text"
	else
		not_ok "$text (status $got, not $want)"
	fi
}

# says TEXT PATTERN: the last command's messages match.
says() {
	if grep -Eq -e "$2" "$T/err"; then
		ok "$1"
	else
		not_ok "$1 (no match for $2)"
	fi
}

# same TEXT FILE FILE
same() {
	if cmp -s "$2" "$3"; then
		ok "$1"
	else
		not_ok "$1"
	fi
}

is() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1 (\"$2\" is not \"$3\")"
	fi
}

# The smallest key derivation, so that many short runs stay short.
init() {
	expect 0 "init ${1:-$SNAP_REPOSITORY}" \
	    "$SNAP" -r "${1:-$SNAP_REPOSITORY}" init --kdf-memory 8
}

store_size() {
	find "${1:-$SNAP_REPOSITORY}" -type f -exec cat {} + | wc -c
}

n_snapshots() {
	"$SNAP" snapshots --json 2>/dev/null | grep -c '"id":'
}

# Bytes that no compressor shrinks and that are the same in every run.
noise() { # SEED BYTES
	awk -v seed="$1" -v n="$2" 'BEGIN { srand(seed)
	    for (i = 0; i < n; i += 8)
		printf "%07x\n", int(rand() * 268435456) }' | head -c "$2"
}

# A database as pg_dump sees it, without what is new in every run.
dump() {
	pg_dump "$@" | LC_ALL=C sed -e '/^\\restrict /d' -e '/^\\unrestrict /d'
}

done_testing() {
	if [ "$failures" -ne 0 ]; then
		echo "$failures failed"
		exit 1
	fi
	echo "all passed"
	exit 0
}
