# SPDX-License-Identifier: PostgreSQL
# moved.sh - the same rows at another place are not stored again: renamed and
# reordered tables, rewritten ones, a new cluster, another database, host or
# cache, no parent.  The goal of DESIGN is 3 % of the bytes, the bound 20 %.
. "$(dirname "$0")/../lib.sh"
GOAL=30 # per mille
pg_start || exit 1
createdb orig
for day in 0 1 2; do
	psql -qX -v day=$day -v scale=0.02 -f "$SRC/tests/bench/evolve.sql" \
	    orig >/dev/null || not_ok "day $day"
done
createdb -T orig shop
init
expect 0 "a first backup" "$SNAP" backup -d shop
cp -a "$T/repo" "$T/first"
cp -a "$T/cache" "$T/first.cache"

# again TEXT COMMAND...: back up with the first repository; what was new?
again() {
	text=$1
	shift
	expect 0 "$text" "$@"
	new=$(sed -n 's/^ *"new-bytes": \([0-9]*\).*/\1/p' "$T/out" | head -n 1)
	all=$(sed -n 's/^ *"bytes": \([0-9]*\).*/\1/p' "$T/out" | head -n 1)
	mille=$((${new:-999999999} * 1000 / ${all:-1}))
	[ "$mille" -lt "$GOAL" ] && ok "$text: $new of $all bytes are new" ||
	    not_ok "$text: $new of $all bytes are new"
	rm -rf "$T/repo" "$T/cache"
	cp -a "$T/first" "$T/repo"
	cp -a "$T/first.cache" "$T/cache"
}
fresh() {
	dropdb shop
	createdb -T orig shop
}
sql() {
	psql -qX -v ON_ERROR_STOP=1 "$@" >"$T/sql" 2>&1 || {
		cat "$T/sql"
		not_ok "psql $*"
	}
}

again "nothing moved" "$SNAP" backup --json -d shop
rm -rf "$T/cache"
again "the cache is lost" "$SNAP" backup --json -d shop
rm -f "$T/repo/snapshots/"*
again "the parent is gone" "$SNAP" backup --json -d shop
rm -f "$T/repo/snapshots/"*
rm -rf "$T/cache"
again "parent and cache are gone" "$SNAP" backup --json -d shop -j 3
createdb -T orig other
again "a database copied under another name" "$SNAP" backup --json -d other

# The new names sort the other way round.
sql shop -c "DO \$\$ DECLARE t record; BEGIN
    FOR t IN SELECT relname, row_number() OVER (ORDER BY relname DESC) n
	FROM pg_class WHERE relnamespace = 'shop'::regnamespace
	AND relkind IN ('r', 'p') LOOP
    EXECUTE format('ALTER TABLE shop.%I RENAME TO %I', t.relname,
	chr(96 + t.n::int) || '_new'); END LOOP; END \$\$"
again "tables renamed and in another order" "$SNAP" backup --json -d shop
fresh
sql shop -c 'VACUUM FULL'
again "VACUUM FULL" "$SNAP" backup --json -d shop
fresh
sql shop -c 'CLUSTER shop.customers USING customers_pkey' \
    -c 'CLUSTER shop.events USING events_pkey' \
    -c 'CLUSTER shop.documents USING documents_pkey'
again "CLUSTER" "$SNAP" backup --json -d shop
fresh
sql shop -c 'ALTER SCHEMA shop RENAME TO market'
again "a schema renamed" "$SNAP" backup --json -d shop

# Another cluster on another host, which has no cache.
pg_dump orig >"$T/orig.sql"
pg_stop
pg_start || exit 1
createdb shop
sql shop -f "$T/orig.sql"
rm -rf "$T/cache"
again "a new cluster, another host" "$SNAP" backup --json -d shop
done_testing
