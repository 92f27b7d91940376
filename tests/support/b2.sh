# SPDX-License-Identifier: PostgreSQL
# b2.sh [--tls] COMMAND... - run a command beside a B2 of its own.
#
# Starts b2sim.py on a free port of the loopback, and ends it with the command.
# In the environment: B2_REALM, B2_KEY_ID, B2_KEY.  With --tls it speaks TLS
# with a certificate of its own authority, which is in $B2_CA_FILE.
# Exit status 77: python3-b2sdk is not there; else the command's.
here=$(cd "$(dirname "$0")" && pwd)
tls=
if [ "$1" = --tls ]; then
	tls=yes
	shift
fi
# Debian's own python knows Debian's packages; another one may come first.
python=
for p in /usr/bin/python3 python3; do
	"$p" -c 'import b2sdk.raw_simulator' 2>/dev/null && python=$p && break
done
if [ -z "$python" ]; then
	echo "skipped: python3-b2sdk is not installed"
	exit 77
fi

tmp=$(mktemp -d) || exit 1
pid=
finish() {
	[ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2>/dev/null
	rm -rf "$tmp"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

if [ -n "$tls" ]; then
	. "$here/tls.sh"
	tls_authority "$tmp/ca" && tls_certificate "$tmp/server" "$tmp/ca" \
	    DNS:localhost,IP:127.0.0.1 || exit 1
	"$python" "$here/b2sim.py" --ready-file "$tmp/ready" \
	    --tls "$tmp/server.crt" "$tmp/server.key" >"$tmp/log" 2>&1 &
	export B2_CA_FILE="$tmp/ca.crt"
else
	"$python" "$here/b2sim.py" --ready-file "$tmp/ready" >"$tmp/log" 2>&1 &
fi
pid=$!
until [ -f "$tmp/ready" ]; do
	kill -0 "$pid" 2>/dev/null || {
		cat "$tmp/log"
		exit 1
	}
	sleep 0.05
done
. "$tmp/ready"
export B2_REALM B2_KEY_ID B2_KEY
"$@"
status=$?
# A mistake of the simulator is one of the test.
if grep -q Traceback "$tmp/log"; then
	cat "$tmp/log"
	[ $status -ne 0 ] || status=1
fi
exit $status
