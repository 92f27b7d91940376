#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# What goes wrong is named, with its SQLSTATE and what to do; and a TRUNCATE
# or ALTER TABLE at the wrong moment costs no rows.
. "$(dirname "$0")/common.sh"

pg_start || exit 1
createdb db
sql db <<'SQL'
CREATE ROLE poor LOGIN; CREATE ROLE reader LOGIN;
GRANT pg_read_all_data TO reader;
CREATE TABLE open (a int); INSERT INTO open VALUES (1);
GRANT SELECT ON open TO poor;
CREATE TABLE shut (a int);
SQL

# told NAME PATTERN ARGS...: it fails and says PATTERN.
told() {
	name=$1 pattern=$2
	shift 2
	if "$TOOL" -d "$PG_DIR/none" "$@" 2>"$PG_DIR/log"; then
		fail "$name: status"
	else
		check "$name" grep -q -- "$pattern" "$PG_DIR/log"
	fi
}
told "no server" 'connect to PostgreSQL' -h "$PG_DIR/nowhere" db
told "no such database" 'database "nix" does not exist' nix
told "a table without the right: named" 'read table public.shut$' -U poor db
told "with the GRANT" 'hint: GRANT pg_read_all_data TO poor' -U poor db
told "with the SQLSTATE" 'SQLSTATE 42501' -U poor db
told "a pattern that matches nothing" 'no table matches the pattern nix*' \
    -t 'nix*' db
told "a pg_dump that is not there" 'found no pg_dump' -P /nonexistent/d db

printf '#!/bin/sh\necho "pg_dump (PostgreSQL) 10.1"\n' >"$PG_DIR/old"
chmod 755 "$PG_DIR/old"
told "an old pg_dump" 'the newest pg_dump found is 10.1' -P "$PG_DIR/old" db

# What a snapshot keeps of very many warnings, and of the words of a failure.
cat >"$PG_DIR/wordy" <<EOF2
#!/bin/sh
case \$1 in --version) exec '$PG_BIN/pg_dump' "\$@" ;; esac
awk 'BEGIN { for (i = 1; i <= 30000; i++)
    print "pg_dump: warning: number " i " of those to be read" }' >&2
[ ! -e '$PG_DIR/die' ] || { echo 'pg_dump: error: the reason' >&2; exit 1; }
exec '$PG_BIN/pg_dump' "\$@"
EOF2
chmod 755 "$PG_DIR/wordy"
for p in pg_restore pg_dumpall; do
	ln -s "$PG_BIN/$p" "$PG_DIR/$p"
done
"$TOOL" -v -d "$PG_DIR/w" -P "$PG_DIR/wordy" db 2>"$PG_DIR/log"
check "very many warnings do not end a backup" [ $? = 0 ]
check "the first are kept" \
    grep -q '^warnings=pg_dump: warning: number 1 of' "$PG_DIR/log"
last=$(grep '^pg_dump: warning' "$PG_DIR/log" | tail -n 1 |
    sed 's/.*number \([0-9]*\) .*/\1/')
check "and the rest is counted" \
    grep -q "^\.\.\. and $((30000 - last)) more\$" "$PG_DIR/log"
touch "$PG_DIR/die"
told "many words before the reason" 'detail: .*the reason' \
    -P "$PG_DIR/wordy" db

"$TOOL" -U reader -v -d "$PG_DIR/r" db 2>"$PG_DIR/log"
check "pg_read_all_data is enough" [ -s "$PG_DIR/r/INDEX" ]
sql db -c 'GRANT SELECT ON shut TO poor'
"$TOOL" -U poor -d "$PG_DIR/r" db 2>"$PG_DIR/log"
check "who cannot read the passwords is warned" \
    grep -q 'passwords of the roles are left out' "$PG_DIR/log"

sql db -c 'CREATE TABLE sec (a int); ALTER TABLE sec ENABLE ROW LEVEL SECURITY'
told "row security: named" 'rows of table public.sec' -U reader db
told "with the cure" 'ALTER ROLE reader BYPASSRLS' -U reader db
sql db -c 'DROP TABLE sec'

mkfifo "$PG_DIR/fifo"
psql -X -q db <"$PG_DIR/fifo" >/dev/null 2>&1 &
holder=$!
exec 5>"$PG_DIR/fifo"
echo 'BEGIN; LOCK TABLE shut;' >&5
while [ "$(sql -c "SELECT count(*) FROM pg_locks WHERE granted AND
    mode = 'AccessExclusiveLock'" db)" = 0 ]; do :; done
told "a locked table: the SQLSTATE" 'SQLSTATE 55P03' -l 200 db
exec 5>&-
wait "$holder"

# pg_dump's race: TRUNCATE, ALTER, CREATE and DROP all the time.
sql db -c "CREATE TABLE churn AS SELECT i FROM generate_series(1, 100) i"
cat >"$PG_DIR/churn.sql" <<'SQL'
BEGIN; TRUNCATE churn; INSERT INTO churn SELECT generate_series(1, 100);
COMMIT;
BEGIN; ALTER TABLE churn ALTER i TYPE bigint; COMMIT;
BEGIN; ALTER TABLE churn ALTER i TYPE int; COMMIT;
ALTER TABLE churn ADD COLUMN j int; ALTER TABLE churn DROP COLUMN j;
SELECT pg_sleep(0.5);
SQL
( while [ ! -e "$PG_DIR/enough" ]; do
	psql -X -q -f "$PG_DIR/churn.sql" db >/dev/null 2>&1
done ) &
writer=$!
bad=0
for i in 1 2 3 4 5 6; do
	rm -rf "$PG_DIR/c"
	"$TOOL" -d "$PG_DIR/c" db 2>"$PG_DIR/log" || {
		cat "$PG_DIR/log"
		bad=1
	}
	[ "$(awk '/ public.churn$/ { print $4 }' "$PG_DIR/c/INDEX")" = 100 ] ||
	    bad=1
done
touch "$PG_DIR/enough"
wait "$writer"
check "no rows are lost while tables are rewritten" [ "$bad" = 0 ]
check "serializable deferrable works" "$TOOL" -x -d "$PG_DIR/x" db

# The plan of a slice is a TID range scan, also where parallel is cheap.
sql db -c 'ALTER DATABASE db SET parallel_setup_cost = 0'
sql db -c 'ALTER DATABASE db SET parallel_tuple_cost = 0'
sql db -c 'ALTER DATABASE db SET min_parallel_table_scan_size = 0'
sql db -c 'CREATE TABLE ord AS SELECT i FROM generate_series(1, 200000) i'
"$TOOL" -t ord -b 100 -j 3 -d "$PG_DIR/o" db
awk '$2 == 5 { print $1 }' "$PG_DIR/o/INDEX" | while read -r n; do
	cat "$PG_DIR/o/$n"
done >"$PG_DIR/rows"
seq 1 200000 >"$PG_DIR/want"
check "slices are whole and in order" cmp "$PG_DIR/want" "$PG_DIR/rows"
done_testing
