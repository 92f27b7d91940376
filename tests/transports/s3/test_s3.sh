#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# test_s3.sh CONTRACT SOURCE_DIR OTHER... - run the programs against a gateway
# of their own, the others with a proxy that can fail.
set -eu
contract=$1
src=$2
shift 2
. "$src/tests/support/tls.sh"
. "$src/tests/support/rgw.sh"
proxy_pid=
stop() {
	[ -z "$proxy_pid" ] || kill "$proxy_pid"
	rgw_stop
}
trap stop EXIT
trap 'exit 1' HUP INT TERM
rgw_start
rgw_user writer writerkey writersecret
radosgw-admin -n client.rgw key create --uid=test --key-type=s3 \
    --access-key=testkey2 --secret-key=testsecret >>"$RGW_DIR/admin.out" 2>&1
python3 "$src/tests/support/httpfault.py" "${RGW_URL##*:}" "$RGW_DIR/proxy" &
proxy_pid=$!
while [ ! -s "$RGW_DIR/proxy" ]; do
	kill -0 "$proxy_pid"
	sleep 0.1
done
PROXY_URL=http://127.0.0.1:$(cat "$RGW_DIR/proxy")
export PROXY_URL
for other; do
	"$other" "$src"
done
for how in http https virtual; do
	"$contract" $how
done
