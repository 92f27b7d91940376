# SPDX-License-Identifier: PostgreSQL
# gateway.sh PROGRAM SOURCE_DIR s3tls - the gateway of an S3 over TLS is killed
# and comes back in the middle of backups and of a restore of a database, and
# so is snap itself: what is tried again succeeds, and all comes back.  The
# heavy version has 2 GiB and a store on disk, which loses its power as well.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/places.sh"
PLACE_SILENCE=20
mib=12
slow="--limit-upload 1024"
slow_down="--limit-download 512"
if [ -n "${SNAP_TEST_HEAVY:-}" ]; then
	mib=2048
	slow=
	slow_down=
	RGW_STORE=bluestore
	RGW_BYTES=17179869184
fi
place_start
pg_start || exit 1
began=$(date +%s)
tell() { # TEXT: with the seconds since the last one
	now=$(date +%s)
	echo "$1: $((now - began)) s"
	began=$now
}

if [ -n "${SNAP_TEST_HEAVY:-}" ]; then
	init
else
	STRIKE_PACK=1048576 "$SNAP_STRUCK" init --kdf-memory 8 >"$T/out" \
	    2>"$T/err" || not_ok "init with small packs"
fi
createdb shop
psql -X -q shop -c "CREATE TABLE orders (id int PRIMARY KEY, note text)" \
    -c "INSERT INTO orders SELECT i, md5(i::text) || md5((i * 3)::text)
	FROM generate_series(1, $((mib * 10500))) i" \
    -c "SELECT pg_size_pretty(pg_database_size('shop'))" >"$T/psql"
tell "a database of $(sed -n 3p "$T/psql" | tr -d ' ')"
sum() { # DATABASE
	dump "$1" | sha256sum
}
change() { # N
	psql -X -q shop -c "UPDATE orders SET note = md5(note || '$1')
	    WHERE id % 50 = $1" -c "INSERT INTO orders SELECT -i, '$1'
	    FROM generate_series($1 * 1000, $1 * 1000 + 99) i"
}
packs() {
	place_names repo data/ | wc -l
}
# at_packs N COMMAND...: as soon as the backup $pid has put so many.
at_packs() {
	want=$1
	shift
	while [ "$(packs)" -lt "$want" ]; do
		if ! kill -0 $pid 2>/dev/null; then
			not_ok "it ended before anything could befall it"
			return
		fi
		sleep 0.1
	done
	"$@"
}
# dies [NAME...]: and is missed.
dies() {
	rgw_kill "$@"
	until grep -q 'trying again' "$T/err"; do
		kill -0 $pid 2>/dev/null || break
		sleep 0.1
	done
}
gateway_again() {
	dies rgw
	rgw_gateway
}
all_again() {
	dies
	rgw_run
}
backup() { # in the background
	"$SNAP" -v $slow backup -d shop --json >"$T/out" 2>"$T/err" &
	pid=$!
}
ends() { # TEXT
	wait $pid
	is "$1" $? 0
	says "$1: by trying again" 'trying again'
	grep -q 'error: ' "$T/err" && not_ok "$1: no error" ||
	    ok "$1: no error"
}
last_id() {
	sed -n 's/^ *"id": "\([0-9a-f]*\)".*/\1/p' "$T/out" | head -n 1
}

# ---- backups
sum1=$(sum shop)
backup
at_packs 3 gateway_again
ends "a backup whose gateway dies"
id1=$(last_id)
tell "the first backup, with the time that the gateway was away"
change 1
change 2
sum2=$(sum shop)
n=$(packs)
backup
if [ -n "${SNAP_TEST_HEAVY:-}" ]; then
	at_packs $((n + 1)) all_again
	ends "a backup whose store loses its power"
else
	at_packs $((n + 1)) gateway_again
	ends "one more"
fi
id2=$(last_id)
tell "the second"
for c in 3 4 5 6 7 8; do
	change $c
done
sum3=$(sum shop)
n=$(packs)
backup
at_packs $((n + 1)) kill -9 $pid
wait $pid 2>"$T/waited"
backup
wait $pid
is "the run after one that was killed" $? 0
id3=$(last_id)
tell "the third, at the second go"

# ---- restores
# comes_back TEXT ID SUM [dies]
comes_back() {
	createdb -T template0 restored
	if [ $# = 4 ]; then
		: >"$T/script"
		"$SNAP" -v $slow_down --no-cache restore "$2" 2>"$T/err" \
		    >"$T/script" &
		pid=$!
		until [ -s "$T/script" ]; do
			kill -0 $pid 2>/dev/null || break
			sleep 0.1
		done
		gateway_again
		ends "$1: a restore whose gateway dies"
		psql -X -q -o "$T/psql" restored <"$T/script" 2>"$T/err"
		rm "$T/script"
	else
		"$SNAP" --no-cache restore "$2" 2>"$T/err" |
		    psql -X -q -o "$T/psql" restored 2>"$T/err2"
	fi
	is "$1: the database is as it was" "$(sum restored)" "$3"
	dropdb restored
	tell "$1"
}
comes_back "the first backup" "$id1" "$sum1" dies
[ -z "${SNAP_TEST_HEAVY:-}" ] || comes_back "the second" "$id2" "$sum2"
place_drop repo index/
expect 0 "repair index" "$SNAP" repair index
tell "repair index"
comes_back "the third" "$id3" "$sum3"
"$SNAP" $slow_down --no-cache check --read-data >"$T/out" 2>"$T/err" &
pid=$!
sleep 1
gateway_again
ends "a check whose gateway dies"
tell "check --read-data"
expect 0 "the list" "$SNAP" snapshots --json
is "there are three snapshots" "$(grep -c '"id":' "$T/out")" 3
done_testing
