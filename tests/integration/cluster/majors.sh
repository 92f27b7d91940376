# SPDX-License-Identifier: PostgreSQL
# majors.sh PROGRAM SOURCE_DIR - from one major version of PostgreSQL to
# another, by the pipe, directly, and whole clusters.  SNAP_TEST_MAJORS names
# the directory that tests/support/majors.sh has filled.
if [ ! -d "${SNAP_TEST_MAJORS:-/none}/17" ]; then
	echo "no other major versions of PostgreSQL are here (SNAP_TEST_MAJORS," \
	    "tests/support/majors.sh): skipped"
	exit 77
fi
. "$2/tests/integration/lib.sh"
. "$SRC/tests/support/compare.sh"
. "$SRC/tests/integration/objects.sh"
OLD_PATH=$PATH
HERE=$(pg_bindir)
NEWEST=$SNAP_TEST_MAJORS/17/usr/lib/postgresql/17/bin

# bin_of MAJOR
bin_of() {
	case $HERE in
	*/"$1"/bin) echo "$HERE" ;;
	*) echo "$SNAP_TEST_MAJORS/$1/usr/lib/postgresql/$1/bin" ;;
	esac
}

# server MAJOR: a fresh one, alone.
server() {
	pg_stop
	PATH=$OLD_PATH
	PG_BINDIR=$(bin_of "$1")
	pg_start max_locks_per_transaction=256 wal_level=logical || exit 1
	is "this is PostgreSQL $1" \
	    "$(sql postgres -c 'SHOW server_version' | sed 's/\..*//')" "$1"
}

# image DATABASE FILE: what a database sets is no matter of the others.  Some
# builds of 15 number each attribute (pg_attver).
image() {
	( PATH=$NEWEST:$PATH
	PGOPTIONS='-c standard_conforming_strings=on'
	export PGOPTIONS
	schema_of "$1" | grep -v -e '^SET ' -e '(pg_attver=' >"$2.schema" )
	rows_of "$1" >"$2.rows" 2>&1
}

# same_image TEXT DATABASE: its rows are those of the source.  Definitions
# change with the version; they are what the old pg_dump and psql make there.
same_image() {
	image "$2" "$T/image"
	same "$1: definitions" "$T/reference.schema" "$T/image.schema"
	diff "$T/reference.schema" "$T/image.schema" | head -n 20
	same "$1: rows, sequences, large objects" "$T/source.rows" \
	    "$T/image.rows"
	diff "$T/source.rows" "$T/image.rows" | head -n 20
}

# pair OLD NEW
pair() {
	echo "# from $1 to $2"
	SNAP_REPOSITORY=$T/repo-$1-$2
	init
	server "$1"
	sql postgres -c "CREATE ROLE keeper LOGIN PASSWORD 'x'" -c "CREATE ROLE extra" \
	    -c 'GRANT keeper TO extra'
	createdb zoo
	# What this version does not know yet is left out.  A subscription
	# would be two of one name in the target.
	sed -e '/ON_ERROR_STOP/d' -e '/SUBSCRIPTION/d' \
	    "$SRC/tests/pgsource/zoo.sql" | psql -X -q -d zoo >/dev/null 2>&1
	image zoo "$T/source"
	[ "$(wc -l <"$T/source.rows")" -gt 30 ] || not_ok "there is a zoo"
	pg_dump zoo >"$T/reference.sql"
	expect 0 "backup of $1" "$SNAP" backup -j 2 --all
	server "$2"
	sql postgres -c 'CREATE ROLE keeper' -c 'CREATE ROLE extra'
	createdb reference
	psql -X -q -d reference -f "$T/reference.sql" >/dev/null 2>&1
	image reference "$T/reference"
	[ "$(wc -l <"$T/reference.schema")" -gt 500 ] ||
	    not_ok "there is something to compare with"
	createdb piped
	"$SNAP" restore latest:zoo 2>"$T/err" | psql -X -q piped >"$T/out" 2>>"$T/err"
	is "the pipe into $2" $? 0
	same_image "by the pipe" piped
	createdb direct
	expect 0 "directly into $2" "$SNAP" restore latest:zoo -d direct -j 2
	same_image "directly" direct
	server "$2"
	expect 0 "the whole cluster into $2" \
	    "$SNAP" restore --all latest -d postgres -j 2
	same_image "of the cluster" zoo
	is "roles as well" "$(sql postgres -c "SELECT rolpassword IS NOT NULL
	    AND pg_has_role('extra', 'keeper', 'MEMBER') FROM pg_authid
	    WHERE rolname = 'keeper'")" t
}

pair 13 15
pair 15 17
pair 13 17

# What pg_dump 17 keeps in the section of the data, of a server of its own
# version and of an older one.
server 17
SNAP_REPOSITORY=$T/repo-17
init
objects_backup
objects_come_back
createdb many
sql many -c 'SELECT count(lo_create(i)) FROM generate_series(1, 20000) i' \
    >"$T/psql"
expect 0 "many are backed up" "$SNAP" backup many
createdb many2
cat >>"$PG_DIR/data/postgresql.conf" <<CONF
max_locks_per_transaction = 64
CONF
pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -w -t 600 -l "$PG_DIR/server.log" \
    restart >/dev/null
expect 0 "and restored by a server as it comes" "$SNAP" restore latest -d many2
is "all of them" "$(sql many2 -c 'SELECT count(*) FROM
    pg_largeobject_metadata')" 20000
server 15
SNAP_REPOSITORY=$T/repo-15
init
objects_backup --pg-dump "$NEWEST/pg_dump"
objects_by_pipe again
expect 1 "pg_restore 17 is not let near an older server" \
    "$SNAP" restore latest -d again --clean --pg-restore "$NEWEST/pg_restore"
says "and what does it is said" 'by the pipe'
objects_are "nothing was dropped" again "$T/objects.1"
server 17
objects_roles
objects_come_back
done_testing
