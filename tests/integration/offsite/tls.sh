# SPDX-License-Identifier: PostgreSQL
# tls.sh PROGRAM SOURCE_DIR s3tls|b2tls - a repository behind TLS with an
# authority of its own; and certificates that nobody should trust: each is one
# clear error at once, for trying again would not make it better, and the
# secret of the store is not sent.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/places.sh"
place_start
service_name=${PLACE%tls}
noise 1 3000000 >"$T/1"
init
expect 0 "a backup over TLS" "$SNAP" backup --name f -- cat "$T/1"
expect 0 "and a restore" "$SNAP" --no-cache restore latest
same "which is what was backed up" "$T/out" "$T/1"
expect 0 "and a check" "$SNAP" check --read-data
place_names repo | grep -q '^config$' && ok "it lies on the store" ||
    not_ok "it lies on the store"

# refused STATUS TEXT PATTERN HINT [ARGUMENT...]: at the first attempt.
refused() {
	status=$1
	text=$2
	pattern=$3
	hint=$4
	shift 4
	expect "$status" "$text" "$SNAP" --no-cache "$@" restore latest
	says "$text: the error says so" "error: .*$pattern"
	says "$text: and what to do" "$hint"
	is "$text: one error" "$(grep -c 'error: ' "$T/err")" 1
	grep -q 'trying again' "$T/err" && not_ok "$text: tried once" ||
	    ok "$text: tried once"
}

# Behind the same address stands another server, which notes what it is told.
impostor() { # CERTIFICATE
	[ -z "${impostor_pid:-}" ] || kill "$impostor_pid"
	set -- "$1" "$("$PY" -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')"
	openssl s_server -accept "127.0.0.1:$2" -cert "$1.crt" -key "$1.key" \
	    -quiet >>"$T/told" 2>"$T/s_server" </dev/zero &
	impostor_pid=$!
	place_pids="$impostor_pid $place_pids"
	until "$PY" -c "import socket
socket.create_connection((\"127.0.0.1\", $2))" 2>/dev/null; do
		kill -0 "$impostor_pid" || exit 1
		sleep 0.05
	done
	line "{\"target\": $2, \"drop\": true}"
}
tls_authority "$T/other" || exit 1
tls_certificate "$T/foreign" "$T/other" DNS:localhost,IP:127.0.0.1 || exit 1
tls_certificate "$T/old" "$TLS_AUTHORITY" DNS:localhost,IP:127.0.0.1 -1 ||
    exit 1
tls_certificate "$T/named" "$TLS_AUTHORITY" DNS:other.example || exit 1
ca="$service_name.ca-file"
impostor "$T/foreign"
refused 1 "of another authority" "not trusted" "$ca"
impostor "$T/old"
refused 1 "expired" "has expired" "clock"
impostor "$T/named"
refused 1 "of another name" "for another name" "name that is in the certificate"
is "nothing was said to them" "$(wc -c <"$T/told" | tr -d ' ')" 0
kill "$impostor_pid"
line "{\"target\": $TLS_PORT, \"drop\": true}"
: >"$T/empty"
refused 2 "an authority's file without any" "cannot be read" PEM \
    -o "$ca=$T/empty"
refused 2 "an authority's file that is not there" "cannot be read" PEM \
    -o "$ca=$T/none"
unset SNAP_S3_CA_FILE SNAP_B2_CA_FILE
refused 1 "an authority that this machine does not know" "not trusted" "$ca"
# Who listens there without TLS.
case $service_name in
s3) line "{\"target\": ${RGW_URL##*:}, \"drop\": true}" ;;
b2)
	helper plain "$SUPPORT/s3fault.py" --target 1
	line "{\"target\": $S3FAULT_PORT, \"drop\": true}"
	;;
esac
refused 1 "no TLS at all" "does not speak TLS" "port"
line "{\"target\": $TLS_PORT, \"drop\": true}"
expect 0 "and all is well with the right one" "$SNAP" \
    -o "$ca=$TLS_AUTHORITY.crt" check
done_testing
