# SPDX-License-Identifier: PostgreSQL
# places.sh - the table of back-ends that the whole-program tests run on: how
# the server of each is started, where a repository lies, how its settings are
# given.  To be sourced behind lib.sh; $1 to $3 are
#   PROGRAM SOURCE_DIR local|sftp|s3|b2|s3tls|b2tls
#
#   place_start       its server, behind faultproxy.py (and, of S3, s3fault.py)
#   place_url NAME    where the repository NAME lies
#   place_names NAME PREFIX    its objects, without snap's help
#   place_drop NAME PREFIX     remove such objects, likewise
#   place_fetch, place_store   one of them, likewise
#   line JSON         settings of the line: see faultproxy.py
#   service WHAT JSON what befalls the service: see s3fault.py (WHAT: fault,
#                     clear) and b2sim.py
#
# Settings are exported as SNAP_...  Secrets, one a line, are in $T/secrets.
PLACE=$3
SUPPORT=$SRC/tests/support
PY=python3
[ ! -x /usr/bin/python3 ] || PY=/usr/bin/python3
place_pids=

# name   start        url                            names, drop
place_table() {
	cat <<-'END'
	local  start_local  $T/NAME                          files
	sftp   start_sftp   $SSHD_BASE/NAME                  files
	s3     start_s3     s3://snap-test/NAME              s3
	b2     start_b2     b2://snap-test/NAME              b2
	s3tls  start_s3tls  s3://snap-test/NAME              s3
	b2tls  start_b2tls  b2://snap-test/NAME              b2
	END
}
place_of() { # COLUMN
	place_table | awk -v p="$PLACE" -v c="$1" '$1 == p { print $c }'
}

place_stop() {
	for p in $place_pids; do
		kill "$p" 2>/dev/null && wait "$p" 2>/dev/null
	done
	place_pids=
	if [ "$PLACE" = sftp ]; then
		sshd_stop
	elif [ -n "${RGW_DIR:-}" ]; then
		rgw_stop
	fi
	clean_up
}
trap place_stop EXIT

# helper NAME COMMAND...: in the background until it is ready; what it says it
# is becomes variables.
helper() {
	name=$1
	rm -f "$T/$name.ready"
	shift
	"$PY" "$@" --ready-file "$T/$name.ready" >"$T/$name.log" 2>&1 &
	pid=$!
	place_pids="$pid $place_pids"
	until [ -f "$T/$name.ready" ]; do
		kill -0 "$pid" 2>/dev/null || {
			cat "$T/$name.log" >&2
			exit 1
		}
		sleep 0.05
	done
	. "$T/$name.ready"
}

line() {
	"$PY" "$SUPPORT/faultproxy.py" --tell "$PROXY_CONTROL" \
	    "$(echo "$1" | tr -d '\n')" \
	    >"$T/line" || not_ok "faultproxy: $(cat "$T/line")"
}

service() {
	case $PLACE in
	s3) at=http://127.0.0.1:$S3FAULT_PORT/__$1 ;;
	b2tls) at=https://localhost:$B2_PORT/sim/$1 ;;
	*) at=http://127.0.0.1:$B2_PORT/sim/$1 ;;
	esac
	curl -s -f ${TLS_AUTHORITY:+--cacert "$TLS_AUTHORITY.crt"} \
	    -o "$T/service" -d "${2:-{\}}" "$at" ||
	    not_ok "cannot tell the service: $1 $2"
}

secret() { # NAME: a new one, not to be found anywhere else
	printf '%s-%s' "$1" "$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')"
}

secret_file() { # FILE TEXT
	(umask 077 && printf '%s\n' "$2" >"$1")
	printf '%s\n' "$2" >>"$T/secrets"
}

start_local() {
	: # a directory needs no server
}

start_sftp() {
	. "$SUPPORT/sshd.sh"
	sshd_start || exit 1
	helper line "$SUPPORT/faultproxy.py" --target "$SSHD_PORT"
	sed "s/:$SSHD_PORT /:$PROXY_PORT /" "$SSHD_DIR/known_hosts" \
	    >"$T/known_hosts"
	SSHD_BASE=sftp://$SSHD_USER@127.0.0.1:$PROXY_PORT$SSHD_DIR/data
	secret_file "$T/key-passphrase" 'pass phrase'
	printf '%s\n' "$(sed -n 3p "$SSHD_DIR/id_pass")" >>"$T/secrets"
	SNAP_SFTP_KEY_FILE=$SSHD_DIR/id_pass
	SNAP_SFTP_KEY_PASSPHRASE_FILE=$T/key-passphrase
	SNAP_SFTP_KNOWN_HOSTS=$T/known_hosts
	SNAP_SFTP_CONNECT_TIMEOUT=${PLACE_SILENCE:-60}
	SNAP_SFTP_TIMEOUT=${PLACE_SILENCE:-60}
	unset SSH_AUTH_SOCK
	export SNAP_SFTP_KEY_FILE SNAP_SFTP_KEY_PASSPHRASE_FILE \
	    SNAP_SFTP_KNOWN_HOSTS SNAP_SFTP_CONNECT_TIMEOUT SNAP_SFTP_TIMEOUT
}

start_gateway() {
	. "$SUPPORT/tls.sh"
	. "$SUPPORT/rgw.sh"
	rgw_start || exit 1
	SNAP_S3_CREATE_BUCKET=yes
	SNAP_S3_CONNECT_TIMEOUT=${PLACE_SILENCE:-60}
	SNAP_S3_STALL_TIMEOUT=${PLACE_SILENCE:-60}
	export SNAP_S3_ENDPOINT SNAP_S3_CREATE_BUCKET SNAP_S3_CONNECT_TIMEOUT \
	    SNAP_S3_STALL_TIMEOUT
	# In a file of the AWS tools, as people have it.
	s3_secret=$(secret s3)
	secret_file "$T/s3.secret" "$s3_secret"
	rgw_user person personkey "$s3_secret" || exit 1
	(umask 077 && printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' \
	    personkey "$s3_secret" >"$T/aws")
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	AWS_SHARED_CREDENTIALS_FILE=$T/aws
}

start_s3() {
	start_gateway
	helper s3fault "$SUPPORT/s3fault.py" --target "${RGW_URL##*:}"
	helper line "$SUPPORT/faultproxy.py" --target "$S3FAULT_PORT"
	SNAP_S3_ENDPOINT=http://127.0.0.1:$PROXY_PORT
}

# Over TLS, with an authority of its own; no s3fault.py on the way.
start_s3tls() {
	start_gateway
	helper line "$SUPPORT/faultproxy.py" --target "${RGW_TLS_URL##*:}"
	SNAP_S3_ENDPOINT=https://127.0.0.1:$PROXY_PORT
	SNAP_S3_CA_FILE=$RGW_CA
	TLS_AUTHORITY=${RGW_CA%.crt}
	TLS_PORT=${RGW_TLS_URL##*:}
	export SNAP_S3_CA_FILE
}

start_b2tls() {
	. "$SUPPORT/tls.sh"
	TLS_AUTHORITY=$T/ca
	tls_authority "$T/ca" && tls_certificate "$T/server" "$T/ca" \
	    DNS:localhost || exit 1
	start_b2 --tls "$T/server.crt" "$T/server.key"
	TLS_PORT=$B2_PORT
	SNAP_B2_CA_FILE=$T/ca.crt
	export SNAP_B2_CA_FILE
}

start_b2() {
	"$PY" -c 'import b2sdk.raw_simulator' 2>/dev/null || {
		echo "python3-b2sdk is not installed: skipped"
		exit 77
	}
	helper line "$SUPPORT/faultproxy.py"
	b2_secret=$(secret b2)
	secret_file "$T/b2.key" "$b2_secret"
	helper b2 "$SUPPORT/b2sim.py" --public-port "$PROXY_PORT" \
	    --key-id person --key "$b2_secret" "$@"
	line "{\"target\": $B2_PORT}"
	service bucket '{"name": "snap-test"}'
	SNAP_B2_REALM=$B2_REALM
	SNAP_B2_KEY_ID=$B2_KEY_ID
	SNAP_B2_KEY_FILE=$T/b2.key
	SNAP_B2_CONNECT_TIMEOUT=${PLACE_SILENCE:-60}
	SNAP_B2_STALL_TIMEOUT=${PLACE_SILENCE:-60}
	unset B2_KEY
	export SNAP_B2_REALM SNAP_B2_KEY_ID SNAP_B2_KEY_FILE \
	    SNAP_B2_CONNECT_TIMEOUT SNAP_B2_STALL_TIMEOUT
}

place_start() {
	secret_file "$T/passphrase" "$(secret passphrase)"
	unset SNAP_PASSPHRASE
	SNAP_PASSPHRASE_FILE=$T/passphrase
	export SNAP_PASSPHRASE_FILE
	start=$(place_of 2)
	if [ -z "$start" ]; then
		echo "no such place: $PLACE" >&2
		exit 2
	fi
	$start
	SNAP_REPOSITORY=$(place_url repo)
}

place_url() {
	eval echo "$(place_of 3 | sed "s/NAME/$1/")"
}

# The directory of a repository on a file system of this machine.
place_dir() {
	case $PLACE in
	local) echo "$T/$1" ;;
	sftp) echo "$SSHD_DIR/data/$1" ;;
	esac
}

# rc ARGUMENT...: rclone as s3:, with the same credentials.
rc() {
	env -u AWS_CA_BUNDLE RCLONE_CONFIG="$T/rclone.conf" \
	    RCLONE_CONFIG_S3_TYPE=s3 RCLONE_CONFIG_S3_PROVIDER=Ceph \
	    RCLONE_CONFIG_S3_ACCESS_KEY_ID=personkey \
	    RCLONE_CONFIG_S3_SECRET_ACCESS_KEY="${s3_secret:-}" \
	    RCLONE_CONFIG_S3_ENDPOINT="${RGW_URL:-}" \
	    RCLONE_CONFIG_B2_TYPE=b2 RCLONE_CONFIG_B2_ACCOUNT="${B2_KEY_ID:-}" \
	    RCLONE_CONFIG_B2_KEY="${b2_secret:-}" \
	    RCLONE_CONFIG_B2_ENDPOINT="http://127.0.0.1:${B2_PORT:-0}" \
	    rclone "$@"
}
rgw_do() { # METHOD PATH?QUERY [OPTION...]: as the person, past all that makes faults
	method=$1
	url=$RGW_URL$2
	shift 2
	curl -s -f -X "$method" --aws-sigv4 aws:amz:default:s3 \
	    -u "personkey:$s3_secret" \
	    -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@" "$url"
}
place_names() {
	case $(place_of 4) in
	files) (cd "$(place_dir "$1")" && find "${2:-.}" -type f ! -name '.*') ;;
	s3) rgw_do GET "/snap-test?list-type=2&prefix=$1%2F$(echo "$2" |
	    sed 's|/|%2F|g')" | grep -o '<Key>[^<]*' | sed "s|<Key>$1/||" ;;
	b2)
		service names "{\"name\": \"snap-test\", \"prefix\": \"$1/$2\"}"
		grep -o "\"$1/[^\"]*" "$T/service" | sed "s|\"$1/||"
		;;
	esac
}
# One object's bytes, and others in their place.
place_fetch() { # NAME OBJECT
	case $(place_of 4) in
	files) cat "$(place_dir "$1")/$2" ;;
	s3) rgw_do GET "/snap-test/$1/$2" ;;
	b2) rc cat "b2:snap-test/$1/$2" ;;
	esac
}
place_store() { # NAME OBJECT FILE
	case $(place_of 4) in
	files) cat "$3" >"$(place_dir "$1")/$2" ;;
	s3) rgw_do PUT "/snap-test/$1/$2" -T "$3" ;;
	b2) # of two versions the first one counts
		place_drop "$1" "$2"
		rc copyto "$3" "b2:snap-test/$1/$2"
		;;
	esac
}
place_drop() {
	for o in $(place_names "$1" "$2"); do
		case $(place_of 4) in
		files) rm "$(place_dir "$1")/$o" ;;
		s3) rgw_do DELETE "/snap-test/$1/$o" ;;
		b2) service drop \
		    "{\"name\": \"snap-test\", \"prefix\": \"$1/$o\"}" ;;
		esac
	done
}
