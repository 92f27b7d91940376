#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# A database, through pgsource and sqlscript into psql, equals what
# pg_dump | psql makes of it.  $SNAP_TEST_DUMPS: a directory with more dumps
# (NAME.sql, NAME.dump, NAME.globals.sql first).
. "$(dirname "$0")/common.sh"

pg_start max_locks_per_transaction=256 wal_level=logical \
    allow_in_place_tablespaces=on || exit 1

count=0
# roundtrip DB ARGS...
roundtrip() {
	db=$1
	shift
	# A subscription keeps a database from being dropped: new names.
	count=$((count + 1))
	ours=${db}_ours$count
	theirs=${db}_theirs$count
	createdb "$ours" && createdb "$theirs" || exit 1
	pg_dump "$db" >"$PG_DIR/theirs.sql"
	psql -X -q "$theirs" <"$PG_DIR/theirs.sql" >/dev/null 2>&1
	check "$db $*: dump" \
	    sh -c '"$@" >"$0"' "$PG_DIR/ours.sql" "$TOOL" "$@" "$db"
	psql -X -q "$ours" <"$PG_DIR/ours.sql" \
	    >/dev/null 2>"$PG_DIR/log" || {
		fail "$db $*: psql reads it"
		head -5 "$PG_DIR/log"
	}
	same "$theirs" "$ours" "$db $*"
}

sql -c 'CREATE ROLE keeper' postgres
createdb zoo
sql -f "$HERE/zoo.sql" zoo >/dev/null || exit 1
roundtrip zoo
roundtrip zoo -j 3 -b 16
roundtrip zoo -o

# The same database gives the same streams, sliced or not.
"$TOOL" -d "$PG_DIR/one" -b 16 -j 2 zoo
"$TOOL" -d "$PG_DIR/two" -b 16 zoo
check "an unchanged database gives identical streams" \
    diff -r "$PG_DIR/one" "$PG_DIR/two"
check "a large table is cut into slices" \
    grep -q '^[0-9]* 5 3 .* public.big$' "$PG_DIR/one/INDEX"
check "no stream has a restrict line of pg_dump's" \
    sh -c '! grep -Eq "^.(un)?restrict [A-Za-z0-9]{40,}" "$0"/*' "$PG_DIR/one"
n=$(awk '$2 == 3 { print $1 }' "$PG_DIR/one/INDEX")
check "pg_restore reads the archive with its constant time" \
    sh -c 'pg_restore -l "$0" | grep -q "TABLE public vals"' "$PG_DIR/one/$n"
n=$(awk '$2 == 1 { print $1 }' "$PG_DIR/one/INDEX")
check "the properties have the database's settings" \
    grep -q 'ALTER DATABASE zoo SET "*DateStyle' "$PG_DIR/one/$n"
n=$(awk '$2 == 2 { print $1 }' "$PG_DIR/one/INDEX")
check "the globals have the roles" grep -q 'CREATE ROLE keeper' "$PG_DIR/one/$n"

# A hostile column name did nothing, and psql -1 commits what is whole.
check "no command of the database ran" [ ! -e x ]
createdb one
"$TOOL" zoo | psql -X -q -1 one >/dev/null 2>&1
same zoo_theirs1 one "psql -1"

# Extension configuration with a foreign key: the referenced table is first.
createdb conf
sql conf <<'SQL'
CREATE EXTENSION citext;
CREATE TABLE z_ref (id int PRIMARY KEY); INSERT INTO z_ref VALUES (1), (2);
CREATE TABLE a_fk (id int REFERENCES z_ref); INSERT INTO a_fk VALUES (1);
CREATE TABLE hidden (id int);
ALTER EXTENSION citext ADD TABLE z_ref; ALTER EXTENSION citext ADD TABLE a_fk;
ALTER EXTENSION citext ADD TABLE hidden;
UPDATE pg_extension SET extconfig = ARRAY['z_ref'::regclass::oid,
  'a_fk'::regclass::oid], extcondition = ARRAY['WHERE id > 1', '']
WHERE extname = 'citext';
SQL
"$TOOL" -d "$PG_DIR/conf" conf
awk '$2 == 5 { $1 = $2 = $3 = $5 = ""; print }' "$PG_DIR/conf/INDEX" |
    tr -s ' ' >"$PG_DIR/order"
printf ' 1 0 public.z_ref\n 1 1 public.a_fk\n' >"$PG_DIR/want"
check "configuration tables: only theirs, filtered, referenced ones first" \
    cmp "$PG_DIR/want" "$PG_DIR/order"

# Filters: definitions and rows agree with pg_dump's.
for f in '-t vals -t sq_*' '-n den' '-T w* -N den' '-t "select"' \
    '-t pu*.[pc]?i*' '-D big'; do
	set -f
	# shellcheck disable=SC2086
	set -- $f
	set +f
	"$TOOL" -d "$PG_DIR/f" "$@" zoo
	awk '$2 == 5' "$PG_DIR/f/INDEX" | cut -d' ' -f6- | grep -v Odd |
	    sort >"$PG_DIR/got"
	opts=$(echo "$f" | sed 's/-D /--exclude-table-data=/')
	set -f
	# shellcheck disable=SC2086
	pg_dump -Fc $opts zoo | pg_restore -l | grep ' TABLE DATA ' | grep -v Odd |
	    awk '{ print $6 "." $7 }' | sort >"$PG_DIR/want"
	set +f
	sed 's/"//g' "$PG_DIR/got" | cut -d' ' -f1 | sort >"$PG_DIR/got2"
	check "filter $f: pg_dump's tables" cmp "$PG_DIR/want" "$PG_DIR/got2"
	rm -r "$PG_DIR/f"
done

for d in ${SNAP_TEST_DUMPS:+"$SNAP_TEST_DUMPS"/*.globals.sql}; do
	[ ! -f "$d" ] || psql -X -q -f "$d" postgres >/dev/null 2>&1
done
for d in ${SNAP_TEST_DUMPS:+"$SNAP_TEST_DUMPS"/*.sql \
    "$SNAP_TEST_DUMPS"/*.dump}; do
	case $d in *.globals.sql | *'*'*) continue ;; esac
	name=x_$(basename "${d%.*}")
	createdb "$name"
	case $d in
	*.sql) psql -X -q -f "$d" "$name" >/dev/null 2>&1 ;;
	*) pg_restore -d "$name" "$d" >/dev/null 2>&1 ;;
	esac
	psql -X -q -c "ALTER DATABASE $name
	    RESET default_transaction_read_only" postgres
	roundtrip "$name" -j 2
done
done_testing
