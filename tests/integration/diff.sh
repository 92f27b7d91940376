# SPDX-License-Identifier: PostgreSQL
# diff.sh - what two snapshots differ in is said table by table, definitions
# as a diff, and no row is read for it.
. "$(dirname "$0")/lib.sh"
pg_start || exit 1
init
backup() { # DATABASE: its id in $id
	expect 0 "backup of $1" "$SNAP" backup -d "$1" --json
	id=$(sed -n 's/.*"id": "\([0-9a-f]*\)".*/\1/p' "$T/out")
}
row() { # TEXT PATTERN: a line of the last output matches
	grep -Eq -e "$2" "$T/out" && ok "$1" || {
		cp "$T/out" "$T/err"
		not_ok "$1 (no match for $2)"
	}
}

createdb shop
psql -X -q -o "$T/psql" shop <<'SQL' || not_ok "load the sample"
CREATE TABLE customers (id serial PRIMARY KEY, name text);
CREATE TABLE orders (id int PRIMARY KEY, note text);
CREATE TABLE old (id int);
CREATE TABLE "we ""ird" (id int);
INSERT INTO customers (name) SELECT md5(i::text)
    FROM generate_series(1, 20000) i;
INSERT INTO orders SELECT i, md5((i * 7)::text)
    FROM generate_series(1, 60000) i;
INSERT INTO old VALUES (1), (2);
SQL
backup shop
a=$id
backup shop
same_again=$id
psql -X -q -o "$T/psql" shop -c "UPDATE orders SET note = 'x' WHERE id < 10" \
    -c "INSERT INTO orders VALUES (0, 'new')"
backup shop
rows_only=$id
psql -X -q -o "$T/psql" shop -c "DROP TABLE old" \
    -c "CREATE TABLE fresh AS SELECT 1 AS one" \
    -c "ALTER TABLE customers ADD COLUMN phone text" \
    -c "CREATE INDEX orders_note ON orders (note)" \
    -c "SELECT nextval('customers_id_seq')" -c "GRANT SELECT ON orders TO public" \
    -c "CREATE ROLE clerk"
backup shop
b=$id

expect 0 "equal snapshots" "$SNAP" diff "$a" "$same_again"
is "have nothing to show" "$(cat "$T/out")" ''
says "are said to be equal" '0 streams are new, 0 gone, 0 changed'
expect 0 "and in JSON" "$SNAP" diff "$a" "$same_again" --json
row "likewise" '"equal": true'

expect 0 "what changed" "$SNAP" diff "$a" "$b"
row "rows of a table, and how many more" 'changed +table +60001 +\+1 .*public\.orders$'
row "a table with a new column" 'changed +table .*public\.customers$'
row "a new table" 'new +table +1 +\+1 .*public\.fresh$'
row "a table that is gone" 'gone +table +0 +-2 .*public\.old$'
row "a column, as a diff of definitions" '^\+ +phone text'
row "an index" '^\+CREATE INDEX orders_note'
row "a sequence" "^\+SELECT pg_catalog.setval\('public.customers_id_seq'.*20001"
row "a privilege" '^\+GRANT SELECT ON TABLE public.orders TO PUBLIC'
row "a role" '^\+CREATE ROLE "?clerk'
row "with names of what is compared" "^--- $(echo "$a" | cut -c 1-8)/pre-data"
grep -q 'we ""ird\|archive' "$T/out" && not_ok "what is equal is not shown" ||
    ok "what is equal is not shown"
expect 0 "the other way round" "$SNAP" diff "$b" "$a"
row "new is gone" 'gone +table .*public\.fresh$'
expect 0 "in JSON" "$SNAP" diff "$a" "$b" --json
if command -v python3 >/dev/null; then
	python3 - "$T/out" <<-'END' && ok "all of it is there" ||
	import json, sys
	d = json.load(open(sys.argv[1]))
	by = {s["name"]: s for s in d["streams"] if s["kind"] == "table"}
	assert not d["equal"] and set(by) == {"public.orders",
	    "public.customers", "public.fresh", "public.old"}, by
	assert by["public.old"]["change"] == "gone"
	assert "after" not in by["public.old"]
	assert by["public.orders"]["after"]["rows"] == 60001
	assert by["public.orders"]["before"]["rows"] == 60000
	kinds = {t["kind"] for t in d["definitions"]}
	assert {"pre-data", "post-data", "acl", "sequences",
	    "globals"} <= kinds, kinds
	END
	    not_ok "all of it is there"
fi

# Of another database, by names.
createdb other
psql -X -q -o "$T/psql" other -c "CREATE TABLE orders (id int PRIMARY KEY,
    note text)" -c "INSERT INTO orders VALUES (1, 'a')"
backup other
expect 0 "of another database" "$SNAP" diff latest:shop latest:other
row "tables are found by their names" 'changed +table +1 +-60000 .*public\.orders$'
expect 2 "two snapshots are needed" "$SNAP" diff "$a"
expect 1 "that are there" "$SNAP" diff "$a" 0000000000000000

# No row is read: without any data all but definitions can be compared.
mv "$SNAP_REPOSITORY/data" "$T/data"
expect 0 "without data, what is equal is still known" \
    "$SNAP" --no-cache diff "$a" "$same_again" --stats --json
row "to be equal" '"equal": true'
down=$(sed -n 's/.*"bytes-down": \([0-9]*\).*/\1/p' "$T/out")
expect 0 "and ls of one" "$SNAP" --no-cache ls "$a" --stats --json
one=$(sed -n 's/.*"bytes-down": \([0-9]*\).*/\1/p' "$T/out")
[ "$down" -le $((2 * one)) ] && ok "two manifests are read ($down, $one)" ||
    not_ok "two manifests are read ($down, $one)"
expect 0 "which tables have other rows, too" \
    "$SNAP" --no-cache diff "$a" "$rows_only"
row "orders has" 'changed +table +60001 .*public\.orders$'
done_testing
