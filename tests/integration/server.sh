# SPDX-License-Identifier: PostgreSQL
# server.sh - a server that is away, refuses, or lets us see only a part.
. "$(dirname "$0")/lib.sh"
pg_start || exit 1
init
createdb shop
psql -X -q shop -c "CREATE TABLE open (a int)" \
    -c "CREATE TABLE secret (a int)" \
    -c "CREATE TABLE \"x \\! touch y\" AS SELECT generate_series(1, 1000) a" \
    -c "CREATE ROLE reader LOGIN" -c "GRANT SELECT ON open TO reader" \
    -c "GRANT SELECT ON \"x \\! touch y\" TO reader"

expect 2 "a connection refused" "$SNAP" backup -h "$T" -d shop
says "is told" 'error:'
expect 2 "a database that is not there" "$SNAP" backup -d no_such_database
says "is named" 'no_such_database'
expect 2 "a table without rights" "$SNAP" backup -d shop -U reader
says "is named" 'secret'
says "and the hint is a GRANT" 'hint:.*GRANT'
expect 2 "a pattern that matches nothing" "$SNAP" backup -d shop -t nope
is "none of them left a snapshot" "$(n_snapshots)" 0
expect 0 "a URI" "$SNAP" backup -d "postgresql:///shop?host=$PG_DIR"
expect 0 "no JSON but data on stdout" "$SNAP" backup -d shop --json
grep -q '"schema": "snap.v1"' "$T/out" && ok "with its schema" ||
    not_ok "with its schema"

# A restore into a database that is not empty must change nothing.
createdb target
psql -X -q target -c "CREATE TABLE open (b text)"
dump target >"$T/a"
"$SNAP" restore latest 2>/dev/null | psql -X -q target >/dev/null 2>&1
[ $? != 0 ] && ok "a clash makes psql fail" || not_ok "a clash makes psql fail"
dump target >"$T/b"
same "and changes nothing" "$T/a" "$T/b"

# Damage found in the middle of a restore poisons the script.
psql -X -q shop -c "CREATE TABLE big AS
    SELECT i, md5(i::text) FROM generate_series(1, 400000) i"
find "$SNAP_REPOSITORY/data" -type f | sort >"$T/old"
expect 0 "a larger table" "$SNAP" backup -d shop
find "$SNAP_REPOSITORY/data" -type f | sort >"$T/new"
pack=$(comm -13 "$T/old" "$T/new" | xargs ls -S | head -n 1)
chmod u+w "$pack"
printf 'damage' | dd of="$pack" bs=1 conv=notrunc \
    seek=$(($(wc -c <"$pack") / 2)) 2>/dev/null
dropdb target
createdb target
dump target >"$T/a"
("$SNAP" restore latest 2>"$T/err"; echo $? >"$T/status") |
    psql -X -q target >/dev/null 2>&1
[ $? != 0 ] && ok "damage makes psql fail" || not_ok "damage makes psql fail"
is "and the restore" "$(cat "$T/status")" 13
dump target >"$T/b"
same "and changes nothing" "$T/a" "$T/b"
[ ! -e y ] && ok "no name was run as a command" ||
    not_ok "no name was run as a command"
done_testing
