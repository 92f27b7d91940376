# SPDX-License-Identifier: PostgreSQL
# params.sh - what reached libpq reaches pg_dump, pg_dumpall and the other
# connections as well: TLS with an encrypted key, passwords, options, several
# hosts; and no secret is ever an argument or in a message.
. "$(dirname "$0")/../lib.sh"
command -v openssl >/dev/null || {
	echo "no openssl: skipped"
	exit 77
}
pg_start || exit 1
init

# ---- the server: TLS on the loopback, only for who has the certificate
D=$PG_DIR/data
mkdir "$T/tls"
ca() { # NAME SUBJECT [OPENSSL OPTIONS]: a key and a certificate by our CA
	name=$1 subject=$2
	shift 2
	openssl req -new -newkey rsa:2048 -keyout "$T/tls/$name.key" \
	    -out "$T/tls/$name.csr" -subj "/CN=$subject" "$@" 2>/dev/null &&
	    openssl x509 -req -in "$T/tls/$name.csr" -CA "$T/tls/ca.crt" \
		-CAkey "$T/tls/ca.key" -CAcreateserial -days 2 \
		-out "$T/tls/$name.crt" 2>/dev/null
}
secret='s3cr3t of key=#1'
password="p4ssw0rd' \\of=role"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/tls/ca.key" -days 2 \
    -out "$T/tls/ca.crt" -subj /CN=authority 2>/dev/null || not_ok "CA"
ca server localhost -nodes || not_ok "server's certificate"
ca client tls -passout "pass:$secret" || not_ok "client's certificate"
chmod 600 "$T"/tls/*.key
grep -q ENCRYPTED "$T/tls/client.key" && ok "the key is encrypted" ||
    not_ok "the key is encrypted"
cp "$T/tls/server.crt" "$T/tls/server.key" "$T/tls/ca.crt" "$D/"
cp "$D/pg_hba.conf" "$T/pg_hba.conf"
{
	echo 'hostssl all tls 127.0.0.1/32 cert'
	echo 'local all pw scram-sha-256'
	echo 'local all all trust'
} >"$T/hba"
cat "$T/hba" >"$D/pg_hba.conf"
[ "$(id -u)" != 0 ] || chown "${PG_OSUSER:-postgres}" "$D"/server.* "$D/ca.crt"
psql -X -q <<'SQL'
CREATE ROLE tls LOGIN; GRANT pg_read_all_data TO tls;
CREATE ROLE pw LOGIN; GRANT pg_read_all_data TO pw;
CREATE ROLE second;
ALTER SYSTEM SET ssl = on; ALTER SYSTEM SET ssl_ca_file = 'ca.crt';
ALTER SYSTEM SET listen_addresses = '127.0.0.1';
CREATE DATABASE db;
SQL
psql -X -q -v "p=$password" -c '\set ON_ERROR_STOP on' -f - <<'SQL'
ALTER ROLE pw PASSWORD :'p';
SQL
psql -X -q db <<'SQL'
CREATE SCHEMA den; CREATE TABLE den.only (a int); INSERT INTO den.only VALUES (7);
CREATE TABLE large AS SELECT i, md5(i::text) FROM generate_series(1, 200000) i;
CREATE TABLE large2 AS SELECT i, md5(i::text) FROM generate_series(1, 200000) i;
GRANT USAGE ON SCHEMA den TO second;
GRANT SELECT ON den.only, large, large2 TO second;
SQL
for try in 1 2 3 4 5; do
	PGPORT=$(awk -v s="$$$try" 'BEGIN { srand(s)
	    print 20000 + int(rand() * 12000) }')
	(cd "$PG_DIR" && pg_as "$PG_BIN/pg_ctl" -D "$D" -w -l \
	    "$PG_DIR/server.log" -o "-p $PGPORT" restart >/dev/null) && break
done
export PGPORT

# ---- pg_dump & Co. by way of a script that notes their arguments
mkdir "$T/bin"
for p in pg_dump pg_restore pg_dumpall; do
	cat >"$T/bin/$p" <<EOF2
#!/bin/sh
tr '\\0' '\\n' </proc/\$\$/cmdline >>'$T/args'
echo "\${PGPASSWORD-unset}" >>'$T/env'
exec '$PG_BIN/$p' "\$@"
EOF2
	chmod 755 "$T/bin/$p"
done
backup() {
	rm -f "$T/args" "$T/env"
	"$SNAP" backup --pg-dump "$T/bin/pg_dump" "$@"
}
# No secret went where others can see it, and something was looked at.
discreet() {
	cat "$T/args" "$T/err" "$T/out" >"$T/seen"
	if [ -r "/proc/$$/cmdline" ]; then
		[ "$(grep -c -e '--dbname=' "$T/args")" -ge 2 ] &&
		    ok "$1: arguments were seen" ||
		    not_ok "$1: arguments were seen"
	fi
	grep -q -e s3cr3t -e p4ssw0rd "$T/seen" &&
	    not_ok "$1: a secret is among arguments or messages" ||
	    ok "$1: no secret among arguments and messages"
}
argued() { # TEXT PATTERN
	[ ! -r "/proc/$$/cmdline" ] || grep -q -e "$2" "$T/args" &&
	    ok "$1" || not_ok "$1"
}

# ---- TLS; everything comes from a service file
cat >"$T/service" <<EOF2
[tls]
host=localhost
hostaddr=127.0.0.1
port=$PGPORT
user=tls
dbname=db
sslmode=verify-full
sslrootcert=$T/tls/ca.crt
sslcert=$T/tls/client.crt
sslkey=$T/tls/client.key
sslpassword=$secret
EOF2
tls() {
	env -u PGHOST -u PGUSER -u PGPORT -u PGDATABASE \
	    PGSERVICEFILE="$T/service" "$@"
}
run_tls() {
	rm -f "$T/args" "$T/env"
	tls "$SNAP" backup --pg-dump "$T/bin/pg_dump" "$@"
}
is "the server has no plain TCP" "$(tls env PGSERVICE=tls PGSSLMODE=disable \
    psql -X -A -t -d 'service=tls sslmode=disable' -c 'SELECT 1' 2>&1 |
    grep -c 'no encryption')" 1
expect 0 "TLS with an encrypted key, from a service" \
    run_tls -d service=tls -j 2
discreet "TLS"
argued "pg_dump checks the server's certificate" "sslmode='verify-full'"
expect 0 "the same by PGSERVICE" env PGSERVICE=tls PGSERVICEFILE="$T/service" \
    env -u PGHOST -u PGUSER -u PGPORT -u PGDATABASE "$SNAP" backup
is "nothing is left in the temporary directory" \
    "$(find /tmp "${TMPDIR:-/tmp}" -maxdepth 1 -name 'snap-*' -type f \
	-newer "$T/service" -exec grep -l s3cr3t {} + 2>/dev/null)" ""
expect 2 "a wrong passphrase" run_tls -d "service=tls sslpassword=wr0ng"
says "is told as the key's" 'private key'
n=$(n_snapshots)
ca odd tls -passout 'pass:s3cr3t with end ' || not_ok "another certificate"
chmod 600 "$T/tls/odd.key"
expect 2 "a passphrase that a service file cannot hold" run_tls -d "service=tls
    sslcert=$T/tls/odd.crt sslkey=$T/tls/odd.key
    sslpassword='s3cr3t with end '"
says "is refused by name" 'cannot be given this sslpassword'
says "with what to do" 'hint: choose another'
grep -q s3cr3t "$T/err" && not_ok "but not shown" || ok "but not shown"
is "and there is no snapshot" "$(n_snapshots)" "$n"
cp "$T/tls/client.crt" "$T/tls/other.crt"
expect 2 "an unknown authority" \
    run_tls -d "service=tls sslrootcert=$T/tls/other.crt"

# ---- passwords
expect 0 "a password from the environment" \
    env PGUSER=pw PGPASSWORD="$password" "$SNAP" backup \
    --pg-dump "$T/bin/pg_dump" -d db -j 2
discreet "PGPASSWORD"
printf '%s:%s:*:pw:%s\n' "$(echo "$PG_DIR" | sed 's/:/\\:/g')" "$PGPORT" \
    "$(printf %s "$password" | sed 's/[\\:]/\\&/g')" >"$T/pgpass"
chmod 600 "$T/pgpass"
rm -f "$T/env"
expect 0 "a password from a file" \
    env PGUSER=pw PGPASSFILE="$T/pgpass" "$SNAP" backup \
    --pg-dump "$T/bin/pg_dump" -d db -j 2
discreet "PGPASSFILE"
expect 0 "a password in a conninfo string" backup -d "dbname=db user=pw
    password='$(printf %s "$password" | sed "s/[\\\\']/\\\\&/g")'" -j 2
discreet "conninfo"
grep -q p4ssw0rd "$T/env" && ok "pg_dump has it from its environment" ||
    not_ok "pg_dump has it from its environment"
expect 2 "a wrong password" env PGUSER=pw PGPASSWORD="wrong p4ssw0rd" \
    "$SNAP" backup -d db
says "is told" 'password authentication failed'
grep -q p4ssw0rd "$T/err" && not_ok "but not shown" || ok "but not shown"
expect 2 "no password, and nobody to ask" env PGUSER=pw "$SNAP" backup -w -d db
says "with what to do" 'hint:.*pgpass'
is "none of them left a snapshot" "$(n_snapshots)" $((n + 3))

# ---- options, several hosts
expect 2 "a table outside the search_path" backup -d db -t only
expect 0 "options in the conninfo" \
    backup -d "dbname=db options='-c search_path=den'" -t only
expect 0 "PGOPTIONS" env PGOPTIONS='-c search_path=den' "$SNAP" backup \
    -d db -t only
expect 3 "a role by an option" backup -d "dbname=db options='-c role=second'"
says "is the one whose rights count" 'second may not read pg_authid'
expect 0 "a host that is not there, and one that is" backup -j 2 \
    -d "host=$T,$PG_DIR port=1,$PGPORT dbname=db
	target_session_attrs=read-write"
argued "pg_dump is led to the one that answered" \
    "host='$PG_DIR' .*port='$PGPORT'"
argued "and asks the same of it" "target_session_attrs='read-write'"
expect 2 "no host is a standby" \
    backup -d "host=$PG_DIR,$PG_DIR dbname=db target_session_attrs=standby"
expect 2 "an unknown parameter" backup -d 'dbname=db nonsense=1'
says "is refused" 'connection string is malformed, or has a parameter that libpq'
grep -q nonsense "$T/err" && not_ok "it may be a piece of a password" ||
    ok "but not repeated: it may be a piece of a password"
done_testing
