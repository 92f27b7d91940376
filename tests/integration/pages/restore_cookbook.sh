# SPDX-License-Identifier: PostgreSQL
# restore_cookbook.sh - docs/restore-cookbook.md as it is written, and what
# comes back is what was there.
. "$(dirname "$0")/../lib.sh"
. "$SRC/tests/support/page.sh"
others=
stop_all() {
	for dir in $others; do
		PG_DIR=$dir
		pg_stop
	done
}
trap 'main=$PG_DIR; stop_all; PG_DIR=$main; clean_up' EXIT
for n in 2 3; do
	pg_start || exit 1
	others="$others $PG_DIR"
	eval "server$n=$PGHOST"
done
pg_start || exit 1
page_user
init
psql -X -q -c "CREATE ROLE app LOGIN PASSWORD 'secret'"
createdb -O app shop
createdb crm
psql -X -q -d shop -v ON_ERROR_STOP=1 -c "
    SET ROLE app;
    CREATE TABLE orders (id int PRIMARY KEY, placed timestamptz, what text);
    INSERT INTO orders SELECT i, now(), md5(i::text)
	FROM generate_series(1, 20000) i;
    CREATE SCHEMA sales;
    CREATE TABLE sales.log AS SELECT i, md5(i::text) AS what
	FROM generate_series(1, 1000) i;
    CREATE TABLE sales.customers (id int PRIMARY KEY, name text);
    INSERT INTO sales.customers VALUES (1, 'one')" || exit 1
dump shop >"$T/shop"
for db in shop crm; do
	"$SNAP" -q backup -d $db || not_ok "backup of $db"
done
sleep 1.1
then=$(date +%Y-%m-%dT%H:%M:%S)
mkdir "$T/user/app"
/usr/bin/python3 - "$T/user/app/app.db" <<END
import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.execute("CREATE TABLE t AS SELECT 1 AS a")
c.commit()
END
echo "export SNAP_REPOSITORY='$SNAP_REPOSITORY'" \
    "SNAP_PASSPHRASE='$SNAP_PASSPHRASE'" >"$T/user/.profile"
[ "$(id -u)" != 0 ] || chown -R "${PG_OSUSER:-postgres}" "$T/repo" "$T/cache"
page docs/restore-cookbook.md "s|/var/lib/app|$T/user/app|
    s|2026-11-22T03:15|$then|; s|db2.example|$server2|; s|db3.example|$server3|"
for db in shop shop_copy shop_fast shop_then shop_theirs; do
	dump $db >"$T/now"
	same "$db is as it was" "$T/now" "$T/shop"
done
for n in 2 3; do
	eval "host=\$server$n"
	dump -h "$host" shop >"$T/now"
	same "and so is that of server $n" "$T/now" "$T/shop"
done
dump shop_test | sed 's/app_test/app/g' >"$T/now"
same "but for its owner also shop_test" "$T/now" "$T/shop"
dump --no-owner --no-privileges shop >"$T/want.sql"
dump --no-owner --no-privileges shop_mine >"$T/now"
same "and shop_mine" "$T/now" "$T/want.sql"
is "shop_small has no logs, but the orders" "$(psql -X -At -d shop_small -c '
    SELECT (SELECT count(*) FROM sales.log), (SELECT count(*) FROM orders)')" \
    "0|20000"
is "shop_sales has one schema" "$(psql -X -At -d shop_sales -c "
    SELECT string_agg(schemaname || '.' || tablename, ' ' ORDER BY tablename)
    FROM pg_tables WHERE schemaname IN ('public', 'sales')")" \
    "sales.customers sales.log"
is "the file has all rows" "$(wc -l <"$T/user/orders.csv")" 20001
is "so has the table that came from another" \
    "$(psql -X -At -d shop_empty -c 'SELECT count(*) FROM orders')" 20000
same "the file of tar" "$T/user/etc/hostname" /etc/hostname
done_testing
