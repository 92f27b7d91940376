# SPDX-License-Identifier: PostgreSQL
# environment.sh - which variables reach the programs that snap starts: the
# keys of a store are nothing that PostgreSQL's own are told, while a command
# of the user's, which may fetch a secret with them, has all but snap's secrets.
. "$(dirname "$0")/../lib.sh"
pg_start || exit 1
init
createdb db
psql -X -q db -c 'CREATE TABLE t AS SELECT 1 AS a'
mkdir "$T/bin"
for p in pg_dump pg_restore pg_dumpall; do
	cat >"$T/bin/$p" <<EOF2
#!/bin/sh
env >>'$T/$p.env'
exec '$PG_BIN/$p' "\$@"
EOF2
	chmod 755 "$T/bin/$p"
done
with_secrets() {
	env AWS_ACCESS_KEY_ID=secret-id AWS_SECRET_ACCESS_KEY=secret-aws \
	    AWS_SESSION_TOKEN=secret-token \
	    AWS_CONTAINER_AUTHORIZATION_TOKEN=secret-container \
	    B2_APPLICATION_KEY_ID=secret-b2-id B2_APPLICATION_KEY=secret-b2 \
	    SNAP_B2_KEY=secret-snap-b2 SNAP_SFTP_PASSWORD=secret-sftp \
	    SNAP_SFTP_KEY_PASSPHRASE=secret-of-key \
	    SNAP_B2_KEY_COMMAND='echo secret-in-command' \
	    SNAP_FROM_PASSPHRASE=secret-from TOLD="for everybody" "$@"
}
expect 0 "a backup" with_secrets "$SNAP" backup --pg-dump "$T/bin/pg_dump" -d db
for p in pg_dump pg_restore pg_dumpall; do
	grep -q '^TOLD=for everybody$' "$T/$p.env" &&
	    ok "$p ran, with the variables of the caller" ||
	    not_ok "$p ran, with the variables of the caller"
	grep -E 'secret-|^(SNAP|AWS|B2)_' "$T/$p.env" >"$T/err" &&
	    not_ok "$p is told nothing of a store" ||
	    ok "$p is told nothing of a store"
done

# ---- what the user himself gave
expect 0 "a backup of a command" with_secrets "$SNAP" backup --name env -- env
expect 0 "and what it wrote" "$SNAP" restore latest:env
for v in AWS_ACCESS_KEY_ID=secret-id AWS_SECRET_ACCESS_KEY=secret-aws \
    AWS_SESSION_TOKEN=secret-token B2_APPLICATION_KEY=secret-b2; do
	grep -q "^$v\$" "$T/out" && ok "it has ${v%%=*}" ||
	    not_ok "it has ${v%%=*}"
done
own='secret-snap-b2|secret-sftp|secret-of-key|secret-from|correct horse'
grep -E "$own" "$T/out" >"$T/err" &&
    not_ok "and no secret of snap's" || ok "and no secret of snap's"
expect 0 "a command for the passphrase" with_secrets env -u SNAP_PASSPHRASE \
    SNAP_PASSPHRASE_COMMAND="env >'$T/command.env'; echo '$SNAP_PASSPHRASE'" \
    "$SNAP" snapshots
grep -q '^AWS_SECRET_ACCESS_KEY=secret-aws$' "$T/command.env" &&
    ok "has the caller's keys to fetch it with" ||
    not_ok "has the caller's keys to fetch it with"
grep -E "secret-snap-b2|secret-sftp|secret-of-key|secret-from" \
    "$T/command.env" >"$T/err" &&
    not_ok "and no secret of snap's as well" ||
    ok "and no secret of snap's as well"
done_testing
