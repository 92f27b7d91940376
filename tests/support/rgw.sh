# SPDX-License-Identifier: PostgreSQL
# rgw.sh - a throw-away S3: one Ceph monitor, one OSD and a RADOS gateway on
# loopback, for shell tests: `. tls.sh` and `. rgw.sh`, rgw_start, and rgw_stop
# in a trap.
#
# rgw_start exports RGW_URL (and RGW_TLS_URL, RGW_CA), and the variables that
# S3 clients read: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION; no
# file of the user and no metadata service is asked.  Ports are free ones, so
# that tests may run side by side.  Exit status 77 (skipped) without Ceph.
#
#   RGW_STORE=memstore   in memory (default), or bluestore: survives rgw_kill
#   RGW_BYTES=N          how much it can hold (4 GiB)

rgw_ports() { # N: so many free ports
	python3 -c '
import socket, sys
s = [socket.socket() for i in range(int(sys.argv[1]))]
for x in s:
    x.bind(("127.0.0.1", 0))
print(*[x.getsockname()[1] for x in s])' "$1"
}

rgw_conf() { # MON_PORT HTTP_PORT TLS_PORT
	cat <<END
[global]
fsid = $RGW_FSID
mon_host = v2:127.0.0.1:$1
public_network = 127.0.0.0/8
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv6 = false
ms_bind_msgr1 = false
# without cephx this gateway's start never ends
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
keyring = $RGW_DIR/keyring
run_dir = $RGW_DIR
admin_socket = $RGW_DIR/\$name.asok
crash_dir = $RGW_DIR
log_file = $RGW_DIR/\$name.log
log_to_stderr = false
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_warn_on_pool_no_redundancy = false
mon_data_avail_crit = 1
mon_data_avail_warn = 2
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
[mon]
mon_data = $RGW_DIR/mon
[osd]
osd_data = $RGW_DIR/osd
osd_objectstore = ${RGW_STORE:-memstore}
osd_class_update_on_start = false
osd_mclock_skip_benchmark = true
memstore_device_bytes = ${RGW_BYTES:-4294967296}
bluestore_block_size = ${RGW_BYTES:-4294967296}
bluestore_block_db_create = false
bluestore_block_wal_create = false
[client]
rgw_data = $RGW_DIR/rgw
rgw_frontends = beast endpoint=127.0.0.1:$2 ssl_endpoint=127.0.0.1:$3 ssl_certificate=$RGW_DIR/server.crt ssl_private_key=$RGW_DIR/server.key
rgw_dns_name = s3.localhost
rgw_thread_pool_size = 64
rgw_num_rados_handles = 1
rgw_rados_pool_pg_num_min = 8
rgw_run_sync_thread = false
rgw_enable_usage_log = false
rgw_enable_ops_log = false
END
}

rgw_spawn() { # NAME COMMAND...: in the background, its id in NAME.pid
	name=$1
	shift
	"$@" >"$RGW_DIR/$name.out" 2>&1 </dev/null &
	echo $! >"$RGW_DIR/$name.pid"
}

rgw_alive() { # NAME
	[ -s "$RGW_DIR/$1.pid" ] && kill -0 "$(cat "$RGW_DIR/$1.pid")" 2>/dev/null
}

rgw_wait() { # NAME COMMAND...: until it succeeds, or NAME dies
	name=$1
	shift
	until "$@" >"$RGW_DIR/wait.out" 2>&1; do
		if ! rgw_alive "$name"; then
			echo "$name died:" >&2
			tail -n 5 "$RGW_DIR/$name.out" "$RGW_DIR/wait.out" >&2
			return 1
		fi
		sleep 0.1
	done
}

rgw_osd_up() {
	ceph --connect-timeout 5 osd stat 2>/dev/null | grep -q '1 up'
}

rgw_answers() {
	curl -s -m 5 -o "$RGW_DIR/curl.out" "$RGW_URL/"
}

rgw_user() { # NAME KEY SECRET
	radosgw-admin -n client.rgw user create --uid="$1" --display-name="$1" \
	    --access-key="$2" --secret-key="$3" >>"$RGW_DIR/admin.out" 2>&1
}

rgw_make() {
	RGW_FSID=$(cat /proc/sys/kernel/random/uuid)
	set -- $(rgw_ports 3)
	RGW_URL=http://127.0.0.1:$2
	RGW_TLS_URL=https://127.0.0.1:$3
	tls_authority "$RGW_DIR/ca" && tls_certificate "$RGW_DIR/server" \
	    "$RGW_DIR/ca" DNS:localhost,DNS:s3.localhost,DNS:*.s3.localhost,IP:127.0.0.1
	rgw_conf "$@" >"$RGW_DIR/ceph.conf"
	mkdir -p "$RGW_DIR/mon" "$RGW_DIR/osd" "$RGW_DIR/rgw"
	{
		ceph-authtool --create-keyring "$RGW_DIR/keyring" --gen-key \
		    -n mon. --cap mon 'allow *'
		for who in client.admin client.rgw osd.0; do
			ceph-authtool "$RGW_DIR/keyring" --gen-key -n $who \
			    --cap mon 'allow *' --cap osd 'allow *'
		done
		monmaptool --create --fsid "$RGW_FSID" \
		    --addv a "[v2:127.0.0.1:$1]" "$RGW_DIR/monmap"
		ceph-mon -i a --mkfs --monmap "$RGW_DIR/monmap" \
		    --keyring "$RGW_DIR/keyring"
	} >"$RGW_DIR/make.out" 2>&1
}

# The daemons, in their order; also after rgw_kill when the store is bluestore.
rgw_run() {
	rgw_spawn mon ceph-mon -i a -f
	rgw_wait mon ceph --connect-timeout 5 mon stat
	if [ ! -e "$RGW_DIR/osd/whoami" ]; then
		osd=$(cat /proc/sys/kernel/random/uuid)
		ceph osd new "$osd" 0 >>"$RGW_DIR/make.out" 2>&1
		ceph-osd -i 0 --mkfs --osd-uuid "$osd" >>"$RGW_DIR/make.out" 2>&1
	fi
	rgw_spawn osd ceph-osd -i 0 -f
	rgw_wait osd rgw_osd_up
	if [ ! -e "$RGW_DIR/made" ]; then
		rgw_user test testkey testsecret
		# A storage class is seen only by a gateway that starts after.
		for c in zonegroup zone; do
			data=
			[ $c = zonegroup ] || data=--data-pool=default.rgw.buckets.data
			radosgw-admin -n client.rgw $c placement add \
			    --rgw-$c default --placement-id default-placement \
			    --storage-class STANDARD_IA $data \
			    >>"$RGW_DIR/admin.out" 2>&1
		done
		: >"$RGW_DIR/made"
	fi
	rgw_gateway
}

rgw_gateway() {
	rgw_spawn rgw radosgw -n client.rgw -f
	rgw_wait rgw rgw_answers
}

rgw_start() {
	for p in radosgw ceph-mon ceph-osd ceph radosgw-admin curl openssl python3; do
		command -v $p >/dev/null || {
			echo "no $p installed: skipped" >&2
			exit 77
		}
	done
	RGW_DIR=$(mktemp -d "${TMPDIR:-/tmp}/snap-rgw-XXXXXX")
	CEPH_CONF=$RGW_DIR/ceph.conf
	RGW_CA=$RGW_DIR/ca.crt
	export CEPH_CONF
	rgw_make && rgw_run || {
		tail -n 20 "$RGW_DIR"/*.out >&2
		return 1
	}
	AWS_ACCESS_KEY_ID=testkey
	AWS_SECRET_ACCESS_KEY=testsecret
	AWS_REGION=default
	AWS_SHARED_CREDENTIALS_FILE=$RGW_DIR/none
	AWS_CONFIG_FILE=$RGW_DIR/none
	AWS_EC2_METADATA_DISABLED=true
	export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION RGW_URL \
	    RGW_TLS_URL RGW_CA AWS_SHARED_CREDENTIALS_FILE AWS_CONFIG_FILE \
	    AWS_EC2_METADATA_DISABLED
}

# rgw_kill [NAME...]: the gateway "rgw", or without a name all.  That is as a
# power cut: what is in memory is gone, bluestore is not.
rgw_kill() {
	[ $# -gt 0 ] || set -- rgw osd mon
	for name; do
		! rgw_alive $name || kill -KILL "$(cat "$RGW_DIR/$name.pid")"
	done
	for name; do
		while rgw_alive $name; do
			sleep 0.02
		done
		rm -f "$RGW_DIR/$name.pid"
	done
}

rgw_stop() {
	[ -n "${RGW_DIR:-}" ] || return 0
	# Nobody wants to keep anything: no need to wait for a clean end.
	rgw_kill 2>/dev/null
	rm -rf "$RGW_DIR"
	RGW_DIR=
}
