# SPDX-License-Identifier: PostgreSQL
# endless.sh TRY - a server whose directories have no end: each listing ends
# all the same, with an error, and in bounded memory.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
try=$1
. "$here/../../support/sshd.sh"
trap sshd_stop EXIT
trap 'exit 1' HUP INT TERM
bad=0

# Sanitizers take terabytes of addresses.
small() {
	(
		nm -D "$try" 2>/dev/null | grep -q '__asan\|__tsan' ||
		    ulimit -v 400000
		exec "$@"
	)
}

SSHD_BARE=1
for kind in junk empty file directory; do
	serve="Subsystem sftp /usr/bin/python3 $here/endless.py $kind"
	if [ -z "${SSHD_PID:-}" ]; then
		sshd_start "$serve"
	else
		sshd_halt
		sshd_again "$serve"
	fi
	out=$SSHD_DIR/out
	if small "$try" HOME="$SSHD_DIR" "sftp.known-hosts=$SSHD_DIR/known_hosts" \
	    "sftp.key-file=$SSHD_DIR/id_ed25519" "$SSHD_URL/store" list \
	    >"$out" 2>&1; then
		echo "NOT OK: $kind: the listing ended well"
		bad=1
	elif ! grep -q '^corrupt: .*the listing has no end' "$out"; then
		echo "NOT OK: $kind:"
		tail -n 5 "$out"
		bad=1
	else
		echo "ok: $kind"
	fi
done
exit $bad
