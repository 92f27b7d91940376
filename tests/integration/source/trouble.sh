# SPDX-License-Identifier: PostgreSQL
# trouble.sh - servers and rights that do not allow a whole backup: each told
# by name with what to do, where it is a command that works when pasted, and
# none of them leaves a snapshot.
. "$(dirname "$0")/../lib.sh"
pg_start || exit 1
init
createdb db
psql -X -q db <<'SQL'
CREATE ROLE poor LOGIN; CREATE ROLE "Odd role" LOGIN;
CREATE TABLE open (a int); INSERT INTO open VALUES (1);
CREATE SCHEMA den; CREATE TABLE den."Shut it" (a int);
GRANT SELECT ON open TO PUBLIC; GRANT USAGE ON SCHEMA den TO PUBLIC;
CREATE TABLE victim (a int); GRANT SELECT ON victim TO PUBLIC;
SQL

# ---- the server
expect 2 "no server on this socket" "$SNAP" backup -h "$T" -d db
says "is told" 'error: .*connect'
says "with what to try" 'hint:.*psql'
expect 2 "no server on this port" "$SNAP" backup -h 127.0.0.1 -p 1 -d db
says "is told as refused" 'refused'
expect 2 "a database that is not there" "$SNAP" backup -d no_such
says "is named" '"no_such"'
expect 2 "a user who is not there" "$SNAP" backup -d db -U nobody_such
says "is named" '"nobody_such"'

# ---- pg_dump
version=$(psql -X -A -t -c 'SHOW server_version_num')
major=$((version / 10000))
minor=$((version % 10000))
# pretend VERSION: a pg_dump that says so of itself.
pretend() {
	printf '#!/bin/sh\necho "pg_dump (PostgreSQL) %s"\n' "$1" >"$T/pg_dump"
	chmod 755 "$T/pg_dump"
}
pretend $((major - 1)).99
expect 2 "a pg_dump of an older major version" \
    "$SNAP" backup -d db --pg-dump "$T/pg_dump"
says "is told with both versions" \
    "pg_dump found is $((major - 1))\\.99, but the server is $major\\.$minor"
says "and what to install" "hint:.*client-$major"
if [ "$minor" -gt 0 ]; then
	pretend $major.$((minor - 1))
	expect 2 "an older minor version" \
	    "$SNAP" backup -d db --pg-dump "$T/pg_dump"
	says "is told with both versions" \
	    "found is $major\\.$((minor - 1)), but the server is $major\\.$minor"
fi
expect 2 "a pg_dump that is not there" \
    "$SNAP" backup -d db --pg-dump "$T/nowhere"
says "is told" 'no pg_dump'
printf '#!/bin/sh\ncase $1 in --version) exec "%s/pg_dump" "$@";; esac\n%s\n' \
    "$PG_BIN" 'echo half; echo "pg_dump: error: died of it" >&2; exit 9' \
    >"$T/pg_dump"
expect 1 "a pg_dump that fails half-way" \
    "$SNAP" backup -d db --pg-dump "$T/pg_dump"
says "with its status" 'status 9'
says "and its own words" 'died of it'

# The caller's language must not hide a warning.
cat >"$T/pg_dump" <<EOF2
#!/bin/sh
case \$1 in --version) exec '$PG_BIN/pg_dump' "\$@" ;; esac
[ "\${LC_ALL-}" = C ] && word=warning || word=Warnung
[ -z "\${LANGUAGE-}\${LC_MESSAGES-}\${LANG-}" ] || word=Warnung
awk -v word="\$word" -v n="\${WARNINGS-1}" 'BEGIN { for (i = 1; i <= n; i++)
    printf "pg_dump: %s: number %d of those that somebody has to read\n", word, i
    }' >&2
exec '$PG_BIN/pg_dump' "\$@"
EOF2
for p in pg_restore pg_dumpall; do
	ln -sf "$PG_BIN/$p" "$T/$p"
done
psql -X -q db -c 'CREATE SCHEMA plain' -c 'CREATE TABLE plain.t (a int)'
warned() { # STATUS TEXT: a backup in another language
	expect "$1" "$2" env LANG=de_DE.UTF-8 LANGUAGE=de LC_ALL=de_DE.UTF-8 \
	    LC_MESSAGES=de_DE.UTF-8 "$SNAP" backup -d db -n plain \
	    --pg-dump "$T/pg_dump"
}
warned 3 "a warning of pg_dump, to a user of another language"
says "is told" 'warning: number 1 of'
# More than a snapshot has room for, and than is read at once.
WARNINGS=30000
export WARNINGS
warned 3 "very many warnings"
is "are all told" "$(grep -c 'warning: number' "$T/err")" 30000
unset WARNINGS

# ---- rights
# pasted: what the hint says, run by a superuser.
pasted() {
	sed -n 's/.*hint: //p' "$T/err" >"$T/hint"
	psql -X -q -v ON_ERROR_STOP=1 -f "$T/hint" db >"$T/psql" 2>&1 &&
	    ok "$1" || not_ok "$1"
}
expect 2 "a table without the right to read it" "$SNAP" backup -d db -U poor
says "is named" 'table den\."Shut it"'
says "with the GRANT" 'hint: GRANT'
pasted "which can be pasted"
expect 0 "and is enough" "$SNAP" backup -d db -U poor
n=$(n_snapshots)
psql -X -q db -c 'ALTER TABLE den."Shut it" ENABLE ROW LEVEL SECURITY'
expect 2 "row security for who cannot bypass it" "$SNAP" backup -d db -U poor
says "the table is named" 'row security .*den\."Shut it"'
pasted "with a hint that can be pasted"
expect 0 "and is enough" "$SNAP" backup -d db -U poor
expect 2 "for a role with an odd name" "$SNAP" backup -d db -U 'Odd role'
pasted "the GRANT can be pasted as well"
expect 2 "then row security again" "$SNAP" backup -d db -U 'Odd role'
pasted "and its cure"
expect 0 "and that is enough" "$SNAP" backup -d db -U 'Odd role'
is "only what was whole is a snapshot" "$(n_snapshots)" $((n + 2))
n=$((n + 2))

# ---- locks
# hold SQL: a session that does so and waits; let_go ends it.
hold() {
	mkfifo "$T/fifo"
	psql -X -q -A -t -o "$T/pid" db <"$T/fifo" >"$T/psql" 2>&1 &
	holder=$!
	exec 5>"$T/fifo"
	printf '%s\n' "$1" 'SELECT pg_backend_pid();' >&5
	until [ -s "$T/pid" ]; do sleep 0.05; done
}
let_go() {
	exec 5>&-
	wait "$holder"
	rm -f "$T/fifo" "$T/pid"
}
hold 'BEGIN; LOCK TABLE den."Shut it";'
expect 1 "a locked table" "$SNAP" backup -d db --lock-wait-timeout 300
says "is named, and who has it" \
    "den\\.\"Shut it\" is locked by process $(cat "$T/pid")"
says "with the SQLSTATE" 55P03
says "and what to do" 'hint: wait'
("$SNAP" backup -d db 2>"$T/err"; echo $? >"$T/status") 5>&- &
waiter=$!
until [ "$(psql -X -A -t db -c 'SELECT count(*) FROM pg_locks
    WHERE NOT granted')" != 0 ]; do sleep 0.05; done
let_go
wait "$waiter"
is "a lock that is let go in time does not matter" "$(cat "$T/status")" 0
is "and only that one is a snapshot" "$(n_snapshots)" $((n + 1))
n=$((n + 1))

# ---- dropped: in the moment before pg_dump wants its lock
cat >"$T/pg_dump" <<EOF2
#!/bin/sh
case \$1 in --version) exec '$PG_BIN/pg_dump' "\$@" ;; esac
if [ ! -e '$T/dropping' ]; then
	: >'$T/dropping'
	psql -X -q db -c 'DROP TABLE victim' >/dev/null 2>&1 </dev/null &
	until [ "\$(psql -X -A -t db -c 'SELECT count(*) FROM pg_locks
	    WHERE NOT granted')" != 0 ]; do sleep 0.05; done
fi
exec '$PG_BIN/pg_dump' "\$@"
EOF2
for p in pg_restore pg_dumpall; do
	ln -s "$PG_BIN/$p" "$T/$p"
done
expect 0 "a table is dropped while the snapshot is taken" \
    "$SNAP" backup -d db --pg-dump "$T/pg_dump"
[ -e "$T/dropping" ] && ok "it was tried" || not_ok "it was tried"
createdb -T template0 copy
"$SNAP" restore latest 2>"$T/err" | psql -X -q copy >"$T/psql" 2>>"$T/err"
is "what was taken can be restored" "$?" 0
dump db >"$T/a"
dump copy >"$T/b"
same "and is the database without that table" "$T/a" "$T/b"
is "it is gone" "$(psql -X -A -t copy -c "SELECT count(*) FROM pg_class
    WHERE relname = 'victim'")" 0
done_testing
