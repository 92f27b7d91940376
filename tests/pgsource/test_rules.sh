#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# One test for each rule of docs/postgresql.md that a round trip of one
# database at rest does not hold: settings that bend text, order, and what
# others do in the moment between two steps.
. "$(dirname "$0")/common.sh"

# Tables of more than a quarter of this are scanned in step with others.
pg_start shared_buffers=1MB || exit 1

# ---- a script in place of pg_dump that first runs $PG_DIR/between
mkdir "$PG_DIR/bin"
cat >"$PG_DIR/bin/pg_dump" <<EOF2
#!/bin/sh
case \$1 in --version) ;; *)
	if [ -e '$PG_DIR/between' ]; then
		mv '$PG_DIR/between' '$PG_DIR/begun'
		sh '$PG_DIR/begun' >'$PG_DIR/begun.log' 2>&1 </dev/null
	fi ;;
esac
exec '$PG_BIN/pg_dump' "\$@"
EOF2
chmod 755 "$PG_DIR/bin/pg_dump"
for p in pg_restore pg_dumpall; do
	ln -s "$PG_BIN/$p" "$PG_DIR/bin/$p"
done

# rows_in DIR STREAM: what INDEX counts, over all slices.
rows_in() {
	awk -v n="$2" '$2 == 5 && substr($0, index($0, $6)) == n { s += $4; k++ }
	    END { print k ? s : "none" }' "$PG_DIR/$1/INDEX"
}
# restored DB: DB through the tool into DB_copy; its psql in $PG_DIR/log.
restored() {
	createdb -T template0 "$1_copy"
	shift_db=$1
	shift
	"$TOOL" "$@" "$shift_db" 2>"$PG_DIR/log" |
	    psql -X -q "${shift_db}_copy" >/dev/null 2>>"$PG_DIR/log"
}

# ---- settings: no stream depends on what a database or a role sets
createdb pins
sql pins <<'SQL'
CREATE TABLE v (f float8, d timestamptz, da date, i interval, b bytea,
  c regclass, t text DEFAULT E'back\\slash', n text);
INSERT INTO v VALUES (0.1::float8 + 0.2, '2001-02-03 04:05:06+00', '2001-02-03',
  '-1 year 2 days 03:04', '\x00ff', 'v', E'a\\b', 'é €');
COMMENT ON TABLE v IS 'é €';
CREATE TABLE tz (t timestamptz) PARTITION BY RANGE (t);
CREATE TABLE tz1 PARTITION OF tz FOR VALUES FROM ('2001-01-01 00:00+00')
  TO ('2002-01-01 00:00+00');
CREATE TABLE bi (b bytea) PARTITION BY LIST (b);
CREATE TABLE bi1 PARTITION OF bi FOR VALUES IN ('\x00ff');
CREATE VIEW w AS SELECT timestamptz '2001-01-01 00:00+00' AS t,
  E'it''s a \\ and a ' || chr(10) AS x, '\x00ff'::bytea AS b;
COMMENT ON VIEW w IS E'back\\slash';
SQL
streams() { # DIR: the streams of tables and definitions
	"$TOOL" -d "$PG_DIR/$1" pins 2>"$PG_DIR/log" || cat "$PG_DIR/log"
	awk '$2 == 3 || $2 == 4 || $2 == 5 || $2 == 8 { print $1, $6 }' \
	    "$PG_DIR/$1/INDEX" | while read -r n name; do
		echo "== $name"
		# The archive has the database's own settings in it.
		[ "$name" = archive ] || cat "$PG_DIR/$1/$n"
	done >"$PG_DIR/$1.all"
}
streams plain
check "names in rows have their schema" \
    grep -q "$(printf '\tpublic.v\t')" "$PG_DIR/plain.all"
for set in "DateStyle='SQL, DMY'" "IntervalStyle=sql_standard" \
    "TimeZone='America/New_York'" "bytea_output=escape" \
    "extra_float_digits='-3'" "standard_conforming_strings=off" \
    "search_path=public" "quote_all_identifiers=on" "xmlbinary=hex" \
    "default_transaction_isolation=serializable" \
    "default_transaction_read_only=on" \
    "client_min_messages=debug1" "row_security=on" \
    "escape_string_warning=off" "transform_null_equals=on" \
    "default_transaction_deferrable=on" "client_encoding=LATIN1"; do
	sql postgres -c "ALTER DATABASE pins SET ${set%%=*} = ${set#*=}"
	rm -rf "$PG_DIR/set"
	streams set
	check "$set changes no stream" cmp "$PG_DIR/plain.all" "$PG_DIR/set.all"
	sql postgres -c 'ALTER DATABASE pins RESET ALL' \
	    -c 'SET default_transaction_read_only = off'
done
export PGDATESTYLE=German PGTZ=Asia/Tokyo PGGEQO=off PGCLIENTENCODING=LATIN1
rm -rf "$PG_DIR/set"
streams set
check "nor does the environment" cmp "$PG_DIR/plain.all" "$PG_DIR/set.all"
unset PGDATESTYLE PGTZ PGGEQO PGCLIENTENCODING
sql postgres -c 'ALTER DATABASE pins SET idle_in_transaction_session_timeout = 200'
echo 'sleep 1' >"$PG_DIR/between"
check "a session that waits for pg_dump is not ended" \
    "$TOOL" -P "$PG_DIR/bin/pg_dump" -d "$PG_DIR/idle" pins

# ---- order: a scan that another one left half-way starts at the start
createdb scans
sql scans -c "CREATE TABLE s AS SELECT i, repeat('x', 200) AS t
    FROM generate_series(1, 30000) i"
sql scans >/dev/null <<'SQL'
BEGIN; DECLARE c CURSOR FOR SELECT * FROM s;
MOVE 15000 IN c; COMMIT;
SQL
"$TOOL" -d "$PG_DIR/scan" scans
n=$(awk '$2 == 5 { print $1 }' "$PG_DIR/scan/INDEX")
check "rows are in the order of the heap" \
    [ "$(head -n 1 "$PG_DIR/scan/$n" | cut -f1)" = 1 ]
# Rows of children are not their parent's, in slices either.
sql scans -c 'CREATE TABLE child () INHERITS (s)' \
    -c 'INSERT INTO child SELECT * FROM s LIMIT 500'
"$TOOL" -d "$PG_DIR/inh" -b 100 scans
check "slices of a parent are without its children" \
    [ "$(rows_in inh public.s)" = 30000 ]
check "which have theirs" [ "$(rows_in inh public.child)" = 500 ]

# A query in place of a table, and a planner that likes parallel plans.
createdb query
sql query <<'SQL'
CREATE EXTENSION citext; CREATE TABLE conf (i int);
INSERT INTO conf SELECT generate_series(1, 50000);
ALTER EXTENSION citext ADD TABLE conf;
UPDATE pg_extension SET extconfig = ARRAY['conf'::regclass::oid],
  extcondition = ARRAY['WHERE i > 0'] WHERE extname = 'citext';
ALTER DATABASE query SET parallel_setup_cost = 0;
ALTER DATABASE query SET parallel_tuple_cost = 0;
ALTER DATABASE query SET min_parallel_table_scan_size = 0;
SQL
check "this query would be parallel" sh -c 'psql -X -A -t "$0" \
    -c "EXPLAIN SELECT i FROM conf WHERE i > 0" | grep -q Gather' query
"$TOOL" -d "$PG_DIR/query" query
n=$(awk '$2 == 5 { print $1 }' "$PG_DIR/query/INDEX")
seq 1 50000 >"$PG_DIR/want"
check "its rows keep their order" cmp "$PG_DIR/want" "$PG_DIR/query/$n"
"$TOOL" -d "$PG_DIR/query1" -b 1 -j 2 query
check "and come once, where tables are cut into slices" \
    [ "$(rows_in query1 public.conf)" = 50000 ]

# ---- columns: by name on both sides, where a restore orders them otherwise
createdb cols
sql cols <<'SQL'
CREATE TABLE p (a text, b text);
CREATE TABLE c (x text) INHERITS (p);
CREATE TABLE c2 (b text, a text, x text); ALTER TABLE c2 INHERIT p;
ALTER TABLE p ADD z text; INSERT INTO p VALUES ('a', 'b', 'z'); INSERT INTO c (a, b, x, z)
  VALUES ('a', 'b', 'x', 'z');
INSERT INTO c2 (a, b, x, z) VALUES ('a', 'b', 'x', 'z');
CREATE TABLE gen (a int, g int GENERATED ALWAYS AS (a * 2) STORED, b int);
INSERT INTO gen (a, b) VALUES (1, 5);
CREATE TABLE no (); INSERT INTO no DEFAULT VALUES;
SQL
restored cols
check "columns of children: psql reads them" [ $? = 0 ]
sql cols_copy -c "SELECT a || b || x || z FROM c UNION ALL
    SELECT a || b || x || z FROM c2" >"$PG_DIR/got"
check "and each value is in its column" \
    [ "$(tr '\n' ' ' <"$PG_DIR/got")" = 'abxz abxz ' ]
check "generated columns are made again" \
    [ "$(sql cols_copy -c 'SELECT * FROM gen')" = '1|2|5' ]

# ---- hashes that depend on OIDs, however deep the enum is
createdb hash
sql hash <<'SQL'
CREATE TYPE e AS ENUM ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
CREATE TYPE pair AS (n int, v e);
CREATE TYPE er AS RANGE (subtype = e);
CREATE DOMAIN de AS e;
SQL
for t in e 'e[]' pair er de; do
	name=$(echo "h_$t" | tr -d '[]')_$(echo "$t" | wc -c | tr -d ' ')
	sql hash <<SQL
CREATE TABLE $name (k $t, i int) PARTITION BY HASH (k);
CREATE TABLE ${name}_0 PARTITION OF $name FOR VALUES
  WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE ${name}_1 PARTITION OF $name FOR VALUES
  WITH (MODULUS 2, REMAINDER 1) PARTITION BY RANGE (i);
CREATE TABLE ${name}_1a PARTITION OF ${name}_1 DEFAULT;
SQL
	case $t in
	e | de) v='v' ;;
	'e[]') v='ARRAY[v, v]' ;;
	pair) v='ROW(1, v)::pair' ;;
	er) v="er(v, 'h', '[]')" ;;
	esac
	sql hash -c "INSERT INTO $name SELECT $v, 1
	    FROM unnest(enum_range(NULL::e)) v"
done
# A range over an enum below a hash of a plain type: nothing to route.
sql hash <<'SQL'
CREATE TABLE plain (k int, v e) PARTITION BY HASH (k);
CREATE TABLE plain_0 PARTITION OF plain FOR VALUES WITH (MODULUS 1, REMAINDER 0);
INSERT INTO plain VALUES (1, 'a');
SQL
restored hash
check "hashes of enums: psql reads them" [ $? = 0 ]
for t in h_e_2 h_e_4 h_pair_5 h_er_3 h_de_3; do
	check "$t: all rows are there" \
	    [ "$(sql hash_copy -c "SELECT count(*) FROM $t")" = 8 ]
done

# ---- a restore by an owner who is no superuser and took rights from himself
sql postgres -c 'CREATE ROLE owner LOGIN CREATEDB' \
    -c 'CREATE ROLE guest LOGIN'
createdb -O owner own
sql -U owner own <<'SQL'
CREATE SCHEMA mine;
CREATE TABLE mine.t (a int); INSERT INTO mine.t VALUES (1), (2);
REVOKE ALL ON mine.t FROM owner; GRANT SELECT ON mine.t TO guest;
CREATE TABLE mine.u (a int); INSERT INTO mine.u VALUES (3);
CREATE MATERIALIZED VIEW mine.m AS SELECT a FROM mine.u;
GRANT SELECT ON mine.m TO guest;
SQL
createdb -O owner own_copy
"$TOOL" own 2>"$PG_DIR/log" |
    psql -X -q -U owner own_copy >/dev/null 2>"$PG_DIR/log"
check "an owner without rights restores his rows" [ $? = 0 ]
same own own_copy "by the owner"

# ---- what fires on definitions comes after all of them
createdb event
sql event <<'SQL'
CREATE TABLE t (a int); INSERT INTO t VALUES (1);
GRANT SELECT ON t TO PUBLIC;
CREATE MATERIALIZED VIEW m AS SELECT a FROM t;
CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'no definitions here'; END $$;
CREATE EVENT TRIGGER et ON ddl_command_start EXECUTE FUNCTION no();
SQL
restored event
check "an enabled event trigger: psql reads it" [ $? = 0 ]
check "and it is there, and enabled" [ "$(sql event_copy -c 'SELECT evtenabled
    FROM pg_event_trigger')" = O ]

# ---- one snapshot for all, whatever happens after it
createdb live
sql live -c "CREATE TABLE l1 AS SELECT i, md5(i::text) AS t
    FROM generate_series(1, 150000) i" \
    -c 'CREATE TABLE l2 AS SELECT * FROM l1' \
    -c 'CREATE TABLE small AS SELECT 1 AS a' \
    -c 'CREATE SEQUENCE sq' -c "SELECT lo_from_bytea(77, 'x')"
cat >"$PG_DIR/between" <<'EOF2'
psql -X -q live -c 'INSERT INTO l1 SELECT * FROM l1 LIMIT 1000' \
    -c 'INSERT INTO l2 SELECT * FROM l2 LIMIT 1000' \
    -c 'INSERT INTO small VALUES (2)' -c 'CREATE TABLE late (a int)' \
    -c "SELECT lo_from_bytea(78, 'y')"
EOF2
check "others write after the snapshot" "$TOOL" -P "$PG_DIR/bin/pg_dump" \
    -d "$PG_DIR/live" -j 3 live
check "and did" [ "$(sql live -c 'SELECT count(*) FROM small')" = 2 ]
for t in l1 l2; do
	check "$t: no later row, on any connection" \
	    [ "$(rows_in live public.$t)" = 150000 ]
done
check "nor in a small table" [ "$(rows_in live public.small)" = 1 ]
check "nor a later table" [ "$(rows_in live public.late)" = none ]
n=$(awk '$2 == 4 { print $1 }' "$PG_DIR/live/INDEX")
check "nor its definition" sh -c '! grep -q late "$0"' "$PG_DIR/live/$n"
check "nor a later large object" \
    sh -c '! grep -q 0000000078 "$0"' "$PG_DIR/live/INDEX"

# ---- a session in $PG_DIR/fifo whose transaction we end when it suits us
hold() { # DB SQL
	rm -f "$PG_DIR/held"
	mkfifo "$PG_DIR/fifo"
	psql -X -q -A -t -o "$PG_DIR/held" "$1" <"$PG_DIR/fifo" \
	    >"$PG_DIR/held.log" 2>&1 &
	holder=$!
	exec 5>"$PG_DIR/fifo"
	printf '%s\n' "BEGIN; $2; SELECT 1;" >&5
	until [ -s "$PG_DIR/held" ]; do sleep 0.05; done
}
let_go() {
	echo 'COMMIT;' >&5
	exec 5>&-
	wait "$holder"
	rm -f "$PG_DIR/fifo"
}
waits() { # DB: until somebody waits for a lock there
	until [ "$(sql "$1" -c 'SELECT count(*) FROM pg_locks
	    WHERE NOT granted')" != 0 ]; do sleep 0.05; done
}

# A table made after the list, before the snapshot, would not be locked: a
# TRUNCATE would take its rows without a word.
createdb fresh
sql fresh -c 'CREATE TABLE door (a int)'
hold fresh 'LOCK TABLE door'
echo "PGOPTIONS='-c lock_timeout=1s' psql -X -q fresh -c 'TRUNCATE fresh'" \
    >"$PG_DIR/between"
"$TOOL" -P "$PG_DIR/bin/pg_dump" -d "$PG_DIR/fresh" fresh 5>&- \
    2>"$PG_DIR/log" &
tool=$!
waits fresh
sql fresh -c 'CREATE TABLE fresh AS SELECT generate_series(1, 10) AS a'
let_go
wait "$tool"
check "a table made in between" [ $? = 0 ]
check "is locked: the TRUNCATE failed" \
    grep -q 'lock timeout' "$PG_DIR/begun.log"
check "and has its rows" [ "$(rows_in fresh public.fresh)" = 10 ]

# The same for who waits longer than the database lets a statement.
sql postgres -c "ALTER DATABASE fresh SET statement_timeout = '1s'" \
    -c "ALTER DATABASE fresh SET lock_timeout = '1s'"
hold fresh "SET statement_timeout = 0; LOCK TABLE door"
"$TOOL" -d "$PG_DIR/patient" fresh 5>&- 2>"$PG_DIR/log" &
tool=$!
waits fresh
sleep 1.5
let_go
wait "$tool"
check "timeouts of the database do not end a wait" [ $? = 0 ]
sql postgres -c 'ALTER DATABASE fresh RESET ALL'

# An ALTER TABLE that waits for our lock, and another connection of ours
# behind it: a circle that the server does not see.  It has to be let through.
sql live -c 'CREATE TABLE zz_last (a int)'
hold live 'LOCK TABLE zz_last'
"$TOOL" -j 2 -d "$PG_DIR/circle" live 5>&- 2>"$PG_DIR/log" &
tool=$!
waits live
PGOPTIONS='-c lock_timeout=60s' psql -X -q -c 'ALTER TABLE l1 ADD x int' \
    live 5>&- >"$PG_DIR/alter.log" 2>&1 &
alter=$!
until [ "$(sql live -c 'SELECT count(*) FROM pg_locks
    WHERE NOT granted')" = 2 ]; do sleep 0.05; done
let_go
wait "$tool"
check "an ALTER TABLE between two connections" [ $? = 0 ]
wait "$alter"
check "is let through" [ $? = 0 ]
n=$(awk '$2 == 4 { print $1 }' "$PG_DIR/circle/INDEX")
check "and is in the backup" grep -q '^    x integer' "$PG_DIR/circle/$n"

# A rewrite that commits while we wait for its table.
hold fresh 'TRUNCATE fresh; INSERT INTO fresh SELECT generate_series(1, 7)'
"$TOOL" -d "$PG_DIR/rewrite" fresh 5>&- 2>"$PG_DIR/log" &
tool=$!
waits fresh
let_go
wait "$tool"
check "a table that was rewritten while we waited" [ $? = 0 ]
check "has its new rows" [ "$(rows_in rewrite public.fresh)" = 7 ]

# Row security that came after the rights were looked at.
sql fresh -c 'CREATE ROLE reader LOGIN' \
    -c 'GRANT pg_read_all_data TO reader'
hold fresh 'ALTER TABLE fresh ENABLE ROW LEVEL SECURITY'
"$TOOL" -U reader -d "$PG_DIR/rls" fresh 5>&- 2>"$PG_DIR/log" &
tool=$!
waits fresh
let_go
wait "$tool"
check "row security that came late is an error, not a loss" [ $? != 0 ]
check "and names the table" grep -q 'public.fresh' "$PG_DIR/log"
check "with its SQLSTATE" grep -q '42501' "$PG_DIR/log"

# ---- psql's own commands are shut out, where psql can do that
"$TOOL" event >"$PG_DIR/script" 2>"$PG_DIR/log"
"$TOOL" event 2>"$PG_DIR/log" | grep -a "'restrict" >"$PG_DIR/key2"
grep -a "'restrict" "$PG_DIR/script" >"$PG_DIR/key1"
check "the key is there" [ -s "$PG_DIR/key1" ]
check "and another in each script" \
    sh -c '! cmp -s "$0" "$1"' "$PG_DIR/key1" "$PG_DIR/key2"
awk -v mark="$PG_DIR/mark" '{ print }
    $0 == ":snap_r" { print "\\! touch " mark }' "$PG_DIR/script" \
    >"$PG_DIR/evil"
# As one of these versions psql takes itself for, with its \restrict or not.
for v in 120099-no 130021-no 130022-yes 140018-no 140019-yes 150013-no \
    150014-yes 160009-no 160010-yes 170005-no 170006-yes 180000-yes; do
	createdb -T template0 evil
	rm -f "$PG_DIR/mark"
	psql -X -q -v "VERSION_NUM=${v%-*}" evil <"$PG_DIR/evil" \
	    >/dev/null 2>"$PG_DIR/log"
	status=$?
	case $v in
	*-yes) check "psql ${v%-*} refuses a command of its own" \
	    [ "$status" = 3 ] && [ ! -e "$PG_DIR/mark" ] ;;
	*) check "psql ${v%-*} is not sent what it does not know" \
	    [ "$status" = 0 ] && [ -e "$PG_DIR/mark" ] ;;
	esac || fail "psql ${v%-*}: the mark"
	dropdb evil
done

# ---- what a role without rights cannot see is told
createdb blind
sql blind <<'SQL'
CREATE SUBSCRIPTION sub CONNECTION 'host=/nonexistent dbname=x'
  PUBLICATION p WITH (connect = false, slot_name = NONE);
CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE USER MAPPING FOR owner SERVER files;
SQL
"$TOOL" -U reader -d "$PG_DIR/blind" blind 2>"$PG_DIR/log"
check "subscriptions left out are told" \
    grep -q 'warning: subscriptions are left out' "$PG_DIR/log"
check "and options of user mappings" \
    grep -q 'warning: options of 1 user mappings' "$PG_DIR/log"
"$TOOL" -U reader -d "$PG_DIR/blind" pins 2>"$PG_DIR/log"
check "but not where there are none" \
    sh -c '! grep -q "subscriptions\|mappings" "$0"' "$PG_DIR/log"
done_testing
