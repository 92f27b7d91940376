# SPDX-License-Identifier: PostgreSQL
# sqlite.sh - databases of SQLite, beside applications that write to them.
. "$(dirname "$0")/../lib.sh"

if ! command -v sqlite3 >/dev/null || ! command -v python3 >/dev/null; then
	echo "no sqlite3 or python3: skipped" >&2
	exit 77
fi
writer=
finish() {
	[ -z "$writer" ] || kill "$writer" 2>/dev/null
	clean_up
}
trap finish EXIT
mkdir "$T/tmp" "$T/app" "$T/back"
TMPDIR=$T/tmp
export TMPDIR
db=$T/app/shop.db

# An application: moves money between accounts, so that the sum tells whether
# a copy is of one state; each commit also adds a row to a log.
cat >"$T/app.py" <<'EOF'
import sqlite3, sys, random
path, mode, size, page = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
db = sqlite3.connect(path, timeout=600, isolation_level=None)
db.execute('PRAGMA page_size=' + page)
db.execute('PRAGMA journal_mode=' + mode)
db.execute('PRAGMA synchronous=OFF')
db.execute('CREATE TABLE account (id INTEGER PRIMARY KEY, v INT, note TEXT)')
db.execute('CREATE TABLE log (id INTEGER PRIMARY KEY, a INT, b INT)')
random.seed(1)
db.execute('BEGIN')
db.executemany('INSERT INTO account VALUES (?, 1000, ?)',
    ((i, '%0160x' % random.getrandbits(640)) for i in range(size)))
db.execute('COMMIT')
print('ready', flush=True)
while len(sys.argv) > 5:
    a, b = random.randrange(size), random.randrange(size)
    db.execute('BEGIN IMMEDIATE')
    db.execute('UPDATE account SET v = v - 1 WHERE id = ?', (a,))
    db.execute('UPDATE account SET v = v + 1 WHERE id = ?', (b,))
    db.execute('INSERT INTO log (a, b) VALUES (?, ?)', (a, b))
    db.execute('COMMIT')
EOF

# start MODE: the application, until it has made its tables.
start() {
	rm -f "$db"*
	mkfifo "$T/ready"
	python3 "$T/app.py" "$db" "$1" 20000 4096 forever >"$T/ready" &
	writer=$!
	read -r _ <"$T/ready"
	rm "$T/ready"
}
stop() {
	kill "$writer"
	wait "$writer" 2>/dev/null
	writer=
}
ask() {
	sqlite3 -batch -bail "$1" "$2" 2>&1
}
# whole TEXT FILE: money is neither made nor lost, and the log fits the rows.
whole() {
	is "$1: SQLite finds it whole" "$(ask "$2" 'PRAGMA integrity_check')" ok
	is "$1: it is of one state" "$(ask "$2" \
	    'SELECT sum(v) - 1000 * count(*) FROM account')" 0
	is "$1: and has all of that state" "$(ask "$2" "SELECT count(*) FROM
	    account JOIN (SELECT id, sum(d) AS d FROM (SELECT a AS id, -1 AS d
	    FROM log UNION ALL SELECT b, 1 FROM log) GROUP BY id) USING (id)
	    WHERE v <> 1000 + d")" 0
}
nothing_left() {
	is "$1" "$(ls -A "$T/tmp" "$2" | grep -v ':$' | grep -v '^$')" "${3:-}"
}

init
for mode in wal delete; do
	start $mode
	for n in 1 2 3; do
		expect 0 "$mode: a database that is written to, time $n" \
		    "$SNAP" backup --sqlite "$db"
	done
	kill -0 "$writer" && ok "$mode: the application goes on" ||
	    not_ok "$mode: the application goes on"
	# A writer that is stopped at a bad moment is not waited for.
	stop
	expect 0 "$mode: back" \
	    "$SNAP" restore --sqlite-to "$T/back/$mode.db" latest:shop.db
	is "$mode: nothing goes to stdout" "$(cat "$T/out")" ""
	whole "$mode" "$T/back/$mode.db"
	is "$mode: is kept" "$(ask "$T/back/$mode.db" 'PRAGMA journal_mode')" \
	    $mode
	is "$mode: for its owner only" \
	    "$(stat -c %a "$T/back/$mode.db")" 600
	rm -f "$T/back/"*
done
nothing_left "no temporary file is left" "$T/back"

# ---- what it is called
expect 0 "the list" "$SNAP" snapshots
grep -q 'shop.db (sqlite)' "$T/out" && ok "says what it is" ||
    not_ok "says what it is"
expect 0 "ls" "$SNAP" ls latest:shop.db
grep -q '^sqlite .*shop.db$' "$T/out" && ok "as well" || not_ok "as well"
expect 0 "as JSON" "$SNAP" snapshots --json shop.db
grep -q '"sqlite-page-size": "4096"' "$T/out" && ok "with its page size" ||
    not_ok "with its page size"
expect 0 "another name" "$SNAP" backup --name till --sqlite "$db"
expect 0 "is what it is found by" \
    "$SNAP" restore --sqlite-to "$T/back/till.db" latest:till
"$SNAP" cat latest:till till >"$T/raw"
same "its bytes are those that cat writes" "$T/back/till.db" "$T/raw"
sqlite3 "$db" .dump >"$T/want"
sqlite3 "$T/back/till.db" .dump >"$T/got"
same "at rest nothing is different" "$T/got" "$T/want"

# ---- strange files
for odd in ':memory:' 'file:a?mode=memory' "$(printf 'a\nb')" '%41 ?#&' '-x'; do
	(cd "$T/app" && cp "$db" "./$odd" &&
	    "$SNAP" -q backup --sqlite="$odd" &&
	    "$SNAP" -q restore latest:"$odd" --sqlite-to="$odd.new" &&
	    cmp -s -- "./$odd.new" "$T/back/till.db") 2>"$T/err" &&
	    ok "a file called $odd" || not_ok "a file called $odd"
	rm -f "$T/app/$odd"*
done
: >"$T/app/empty.db"
expect 0 "a database without anything" "$SNAP" backup --sqlite "$T/app/empty.db"
expect 0 "comes back" "$SNAP" restore --sqlite-to "$T/back/e" latest:empty.db
is "as one" "$(ask "$T/back/e" 'SELECT count(*) FROM sqlite_master')" 0
python3 "$T/app.py" "$T/app/large.db" delete 20000 65536 >/dev/null
expect 0 "large pages" "$SNAP" backup --sqlite "$T/app/large.db"
expect 0 "come back" "$SNAP" restore --sqlite-to "$T/back/l" latest:large.db
whole "large pages" "$T/back/l"
python3 "$T/app.py" "$T/app/small.db" wal 2000 512 >/dev/null
expect 0 "small pages" "$SNAP" backup --sqlite "$T/app/small.db"
expect 0 "come back" "$SNAP" restore --sqlite-to "$T/back/s" latest:small.db
whole "small pages" "$T/back/s"
# An index that only the application can read.
python3 - "$T/app/own.db" <<'EOF'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.create_collation('own', lambda a, b: (a < b) - (a > b))
db.execute('CREATE TABLE t (a TEXT COLLATE own)')
db.execute('CREATE INDEX i ON t (a)')
db.executemany('INSERT INTO t VALUES (?)', [('a',), ('b',), ('c',)])
db.commit()
EOF
expect 0 "a collation of the application" "$SNAP" backup --sqlite "$T/app/own.db"
expect 0 "comes back" "$SNAP" restore --sqlite-to "$T/back/own" latest:own.db
is "with its rows" "$(ask "$T/back/own" 'SELECT count(*) FROM t')" 3
# A crash in WAL mode: what is in the log only counts.
cp "$T/app/small.db" "$T/app/crash.db"
python3 - "$T/app/crash.db" <<'EOF'
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute('CREATE TABLE late (a INT)')
db.execute('INSERT INTO late VALUES (42)')
db.commit()
os._exit(0)
EOF
before=$(cat "$T/app/crash.db" "$T/app/crash.db-wal" | cksum)
expect 0 "a database whose user crashed" "$SNAP" backup --sqlite "$T/app/crash.db"
is "stays as it is" \
    "$(cat "$T/app/crash.db" "$T/app/crash.db-wal" | cksum)" "$before"
expect 0 "comes back" "$SNAP" restore --sqlite-to "$T/back/c" latest:crash.db
is "with what was in its log" "$(ask "$T/back/c" 'TABLE late' 2>&1 ||
    true)$(ask "$T/back/c" 'SELECT a FROM late')" "$(ask "$T/back/c" \
    'TABLE late' 2>&1 || true)42"
cp "$T/app/small.db" "$T/app/quiet.db"
expect 0 "one that nobody uses" "$SNAP" backup --sqlite "$T/app/quiet.db"
is "gets no files beside it" "$(ls "$T/app" | grep -c '^quiet')" 1

# ---- no database
n=$(n_snapshots)
expect 2 "a file that is not there" "$SNAP" backup --sqlite "$T/app/none.db"
says "is told by name" 'none.db: No such file'
[ -e "$T/app/none.db" ] && not_ok "and not made" || ok "and not made"
noise 1 100000 >"$T/app/noise"
expect 2 "a file of something else" "$SNAP" backup --sqlite "$T/app/noise"
says "is told" 'not a database'
expect 2 "a directory" "$SNAP" backup --sqlite "$T/app"
expect 2 "a name that ends in a slash" "$SNAP" backup --sqlite "$T/app/"
expect 2 "two sources" "$SNAP" backup --sqlite "$db" --stdin --name x
expect 2 "two others" "$SNAP" backup --sqlite "$db" -d postgres
# Somebody holds it for longer than we wait.
mkfifo "$T/go"
python3 - "$db" "$T/go" <<'EOF' &
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute('BEGIN EXCLUSIVE')
open(sys.argv[2], 'w').write('x')
open(sys.argv[2], 'r').read()
EOF
holder=$!
cat "$T/go" >/dev/null
expect 2 "a database that somebody holds" \
    "$SNAP" backup --lock-wait-timeout 200 --sqlite "$db"
says "is told, with what can be done" 'hint: .*--lock-wait-timeout'
echo >"$T/go"
wait $holder
is "none of these made a snapshot" "$(n_snapshots)" "$n"

# ---- what is there already
echo mine >"$T/back/mine"
expect 1 "a file that is there" \
    "$SNAP" restore --sqlite-to "$T/back/mine" latest:till
says "is not replaced" 'hint: --overwrite'
is "by itself" "$(cat "$T/back/mine")" mine
expect 0 "but when it is asked for" \
    "$SNAP" restore --overwrite --sqlite-to "$T/back/mine" latest:till
same "then it is" "$T/back/mine" "$T/raw"
expect 1 "a directory is never replaced" \
    "$SNAP" restore --overwrite --sqlite-to "$T/back" latest:till
for log in -wal -journal; do
	rm -f "$T/back/mine"*
	cp "$T/app/crash.db-wal" "$T/back/mine$log"
	expect 1 "another one's $log" \
	    "$SNAP" restore --sqlite-to "$T/back/mine" latest:till
	says "would spoil the new one" "mine$log is there"
	expect 0 "and goes" \
	    "$SNAP" restore --overwrite --sqlite-to "$T/back/mine" latest:till
	[ -e "$T/back/mine$log" ] && not_ok "with --overwrite" ||
	    ok "with --overwrite"
done
# One that is in use, in the mode in which that can be seen.
start wal
before=$(ls -i "$db")
expect 11 "a database in use" \
    "$SNAP" restore --overwrite --sqlite-to "$db" latest:till
says "is told" 'shop.db is in use'
is "and not replaced" "$(ls -i "$db")" "$before"
stop
is "nothing is left beside it" "$(ls "$T/app" | grep -c 'snap-')" 0
expect 2 "a snapshot of something else" sh -c '"$1" -q backup --name other \
    -- echo x && "$1" restore --sqlite-to "$2" latest:other' - "$SNAP" \
    "$T/back/other"
expect 2 "--overwrite alone" "$SNAP" restore --overwrite latest:till
expect 2 "with options of a script" \
    "$SNAP" restore --globals --sqlite-to "$T/back/x" latest:till

# ---- damage, full disks, signals
rm -f "$T/back/"*
python3 - "$T/app/till.db" "$T/raw" <<'EOF'
import sys
b = bytearray(open(sys.argv[2], 'rb').read())
for at in range(3 * 4096, len(b), 8192):
    b[at:at + 64] = b'\xff' * 64
open(sys.argv[1], 'wb').write(b)
EOF
expect 0 "a database that is damaged" "$SNAP" backup --sqlite "$T/app/till.db"
expect 13 "does not become one again" \
    "$SNAP" restore --sqlite-to "$T/back/x" latest:till.db
says "and it is told that it was so before" 'detail:.*when it was backed up'
nothing_left "nothing is left of it" "$T/back"
expect 0 "its bytes can be had" "$SNAP" restore latest:till.db
same "all of them" "$T/out" "$T/app/till.db"
expect 1 "a disk that is full" sh -c 'ulimit -f 1000
    "$1" restore --sqlite-to "$2" latest:till' - "$SNAP" "$T/back/x"
says "is told" 'File too large'
nothing_left "nothing is left there either" "$T/back"
expect 1 "a full TMPDIR" sh -c 'ulimit -f 1000
    "$1" backup --sqlite "$2"' - "$SNAP" "$db"
says "is told with a way out" 'hint: .*TMPDIR'
nothing_left "and nothing is left" "$T/back"
# The pause is of the line and not of the machine: 64 KiB/s make all of it
# last long, whatever this one is like.
for sig in TERM HUP; do
	"$SNAP" --no-cache --limit-download=64 restore --sqlite-to "$T/back/x" \
	    latest:till 2>"$T/err" &
	pid=$!
	until [ -n "$(ls -A "$T/back")" ]; do
		kill -0 $pid || break
		sleep 0.1
	done
	kill -$sig $pid
	wait $pid
	[ $? -gt 128 ] && ok "SIG$sig ends it" || not_ok "SIG$sig ends it"
	nothing_left "and nothing is left" "$T/back"
done

# ---- one page of a hundred
python3 - "$T/app/big.db" <<'EOF'
import random, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
random.seed(7)
db.execute('CREATE TABLE t (id INTEGER PRIMARY KEY, v INT, note TEXT)')
db.execute('BEGIN')
db.executemany('INSERT INTO t VALUES (?, 0, ?)',
    ((i, '%0200x' % random.getrandbits(800)) for i in range(100000)))
db.execute('COMMIT')
EOF
pages=$(ask "$T/app/big.db" 'PRAGMA page_count')
"$SNAP" -q backup --sqlite "$T/app/big.db"
first=$(store_size)
"$SNAP" -q backup --sqlite "$T/app/big.db"
again=$(store_size)
[ $((again - first)) -lt 65536 ] && ok "unchanged: $((again - first)) bytes" ||
    not_ok "unchanged: $((again - first)) bytes"
python3 - "$T/app/big.db" "$pages" <<'EOF'
import random, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
random.seed(8)
db.execute('BEGIN')
for i in range(int(sys.argv[2]) // 100):
    db.execute('UPDATE t SET v = 7 WHERE id = ?', (random.randrange(100000),))
db.execute('COMMIT')
EOF
"$SNAP" -q backup --sqlite "$T/app/big.db"
grown=$(($(store_size) - again))
size=$(($(wc -c <"$T/app/big.db")))
permille=$((grown * 1000 / size))
[ $permille -lt 10 ] && ok "1 % of the pages costs $permille/1000 of it" ||
    not_ok "1 % of the pages costs $permille/1000 of it"
done_testing
