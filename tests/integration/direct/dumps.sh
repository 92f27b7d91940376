# SPDX-License-Identifier: PostgreSQL
# dumps.sh - the databases of $SNAP_TEST_DUMPS straight into a server, over one
# connection or several: each is what pg_dump | psql makes of it.  A light run
# takes the *.sql only, over four; the zoo is in straight.sh.
. "$(dirname "$0")/direct.sh"
jobs=4
[ -z "${SNAP_TEST_HEAVY:-}" ] || jobs='1 2 4'
dumps=${SNAP_TEST_DUMPS:-/nonexistent}
[ -d "$dumps" ] || {
	echo "SNAP_TEST_DUMPS is not set: skipped"
	exit 77
}
pg_start max_locks_per_transaction=256 wal_level=logical \
    allow_in_place_tablespaces=on || exit 1
init
for f in "$dumps"/*.globals.sql; do
	[ ! -f "$f" ] || psql -X -q -f "$f" >"$T/psql" 2>&1
done
for f in "$dumps"/*.sql "$dumps"/*.dump; do
	[ -f "$f" ] || continue
	case $f in
	*.globals.sql) continue ;;
	*.sql) cat "$f" ;;
	*) [ -n "${SNAP_TEST_HEAVY:-}" ] || continue
		pg_restore -f - "$f" ;;
	esac >"$T/load"
	name=$(basename "$f" | sed 's/[^a-z0-9_].*//')
	createdb -T template0 "$name"
	psql -X -q -f "$T/load" "$name" >"$T/psql" 2>&1
	# The first dump may have an order of its own.
	createdb -T template0 "plain_$name"
	pg_dump "$name" | psql -X -q "plain_$name" >"$T/psql" 2>&1
	"$SNAP" backup -q -j 2 "$name" 2>"$T/err"
	case $? in
	0 | 3) ok "$name: backup" ;;
	*) not_ok "$name: backup" ;;
	esac
	for j in $jobs; do
		createdb -T template0 "${name}_$j"
		expect 0 "$name: restore -j $j" "$SNAP" restore \
		    "latest:$name" --dbname="${name}_$j" -j "$j"
		same_database "$name, -j $j" "plain_$name" "${name}_$j"
	done
done
done_testing
