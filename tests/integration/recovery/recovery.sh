# SPDX-License-Identifier: PostgreSQL
# recovery.sh - docs/disaster-recovery.md works as it is written: a disaster
# for each of its situations, then its commands, pasted; they print what stands
# below them, numbers and ids apart.
. "$(dirname "$0")/../lib.sh"
. "$SRC/tests/support/page.sh"
pg_start || exit 1
PAGE=$SRC/docs/disaster-recovery.md

# blocks LANGUAGE SECTION: what stands in such blocks below that heading.
blocks() {
	awk -v language="$1" -v section="$2" '
	    /^## / { here = index($0, "## " section) == 1; seen = 1 }
	    !seen { here = section == "0" }
	    /^```/ && inside { inside = 0; next }
	    /^```/ { inside = $0 == "```" language; next }
	    inside && here' "$PAGE"
}

# A machine of its own for each situation: a HOME with the passphrase, a shell
# that says where the repository is.  What the page cannot know is replaced.
mkdir "$T/user" "$T/bin"
ln -s "$SNAP" "$T/bin/snap"
printf '%s\n' "$SNAP_PASSPHRASE" >"$T/user/.snap-passphrase"
chmod 600 "$T/user/.snap-passphrase"
paste() {
	HOME=$T/user PATH=$T/bin:$PATH sh -ec '
		unset SNAP_PASSPHRASE SNAP_REPOSITORY
		. "$1"' - "$1"
}
commands() {
	{
		blocks sh 0
		[ "$1" = 0 ] || blocks sh "$1"
	} | sed "s|sftp://backup@host.example/~/shop|$SNAP_REPOSITORY|
	    s|2026-11-22T14:10|${then:-}|"
}
situation() {
	commands "$1" >"$T/commands"
	[ -s "$T/commands" ] || not_ok "situation $1 has commands"
	paste "$T/commands" >"$T/all" 2>&1
	is "situation $1: the last command succeeds" "$?" "${2:-0}"
	blocks text "$1" >"$T/text"
	alike "$T/text" >"$T/want"
	alike "$T/all" >"$T/got"
	cp "$T/all" "$T/err"
	grep -Fxv -f "$T/got" "$T/want" >"$T/missing"
	is "situation $1 prints what the page says" "$(cat "$T/missing")" ""
}
sql() {
	psql -X -A -t -q -v ON_ERROR_STOP=1 "$@"
}

init
code=$(sed -n 's/^recovery code *//p' "$T/out")
sql -c 'CREATE ROLE shop_owner LOGIN' -c 'CREATE DATABASE shop OWNER shop_owner' \
    -c 'CREATE DATABASE crm' || exit 1
sql -d shop -c "SET ROLE shop_owner;
    CREATE SCHEMA sales;
    CREATE TABLE sales.customers (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE sales.orders (id serial PRIMARY KEY,
	customer int REFERENCES sales.customers, total numeric(10,2));
    INSERT INTO sales.customers SELECT i, 'customer ' || i
	FROM generate_series(1, 500) i;
    CREATE TABLE sales.log AS SELECT i, md5(i::text) AS what
	FROM generate_series(1, 100000) i;
    INSERT INTO sales.orders (customer, total) SELECT 1 + i % 500, i / 7.0
	FROM generate_series(1, 20000) i" || exit 1
sql -d crm -c 'CREATE TABLE calls (at timestamptz, what text)' || exit 1
backup() {
	for db in shop crm; do
		"$SNAP" -q backup -d "$db" || not_ok "backup of $db"
	done
}
backup
dump shop >"$T/shop"
dump crm >"$T/crm"
situation 0

# ---- 1
pg_stop
pg_start || exit 1
situation 1
for db in shop crm; do
	dump "$db" >"$T/now"
	same "$db is as it was" "$T/now" "$T/$db"
done

# ---- 2
dropdb shop
situation 2
dump shop >"$T/now"
same "shop is as it was" "$T/now" "$T/shop"

# ---- 3
sql -d shop -c 'TRUNCATE sales.orders'
situation 3
dump shop >"$T/now"
same "shop is as it was" "$T/now" "$T/shop"
is "the scratch database is gone" "$(sql -c "SELECT count(*) FROM pg_database
    WHERE datname = 'rescue'")" 0

# ---- 4
sleep 1.1
then=$(date +%Y-%m-%dT%H:%M:%S)
sleep 1.1
sql -d shop -c 'UPDATE sales.orders SET total = 0'
backup
situation 4
dump shop >"$T/now"
same "shop is as it was" "$T/now" "$T/shop"

# ---- 5
pack=$(find "$SNAP_REPOSITORY/data" -type f | xargs ls -S | head -n 1)
chmod u+w "$pack"
printf 'damage' | dd of="$pack" bs=1 conv=notrunc \
    seek=$(($(wc -c <"$pack") / 2)) 2>/dev/null
situation 5
dump shop_rest >"$T/now"
same "what came in part is whole, once repaired" "$T/now" "$T/shop"

# ---- the recovery code
printf '%s\n' wrong >"$T/user/.snap-passphrase"
expect 12 "a passphrase that is wrong" sh -c '
    unset SNAP_PASSPHRASE; SNAP_PASSPHRASE_FILE=$1 exec "$2" snapshots' - \
    "$T/user/.snap-passphrase" "$SNAP"
expect 0 "the recovery code opens" sh -c '
    unset SNAP_PASSPHRASE; SNAP_RECOVERY_CODE=$1 exec "$2" snapshots' - \
    "$code" "$SNAP"
done_testing
