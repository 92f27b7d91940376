# SPDX-License-Identifier: PostgreSQL
# cat.sh - single streams of a snapshot, and rows as CSV, against what the
# server itself writes of the same tables.
. "$(dirname "$0")/../lib.sh"

pg_start
init
createdb data
psql -X -q -v ON_ERROR_STOP=1 data >/dev/null <<'SQL'
CREATE SCHEMA s;
CREATE SCHEMA "S, "".x";
CREATE TABLE ascii AS SELECT i, chr(i) AS c, 'a' || chr(i) AS ac,
    chr(i) || 'b' AS cb, chr(i) || chr(i) AS cc, '"' || chr(i) AS qc
    FROM generate_series(1, 127) i;
CREATE TABLE one (t text);
INSERT INTO one VALUES (NULL), (''), ('\.'), ('\N'), ('N'), ('\'), ('\\.'),
    ('NULL'), ('nil'), (' '), (' a '), (','), ('"'), ('""'), (E'\r'), (E'\n'),
    (E'\r\n'), (E'\t'), ('Grüße, "du" 😀'), (E'\\.\n'), (E'\n\\.'), (E'\\\n'),
    ('\x41'), ('\101'), ('#'), ('''');
CREATE TABLE two AS SELECT a.t AS a, b.t AS "b,""c" FROM one a, one b;
CREATE TABLE many (b bytea, a text[], j jsonb, n numeric, f float8,
    d timestamptz, x bool, g int GENERATED ALWAYS AS (1) STORED, h text);
INSERT INTO many VALUES ('\x000aff5c22', ARRAY['a"b', NULL, 'c,d', '\'],
    '{"k": "v,\"w\\n\""}', 1.50, 'NaN', '2020-02-02', true, DEFAULT, NULL);
ALTER TABLE many DROP COLUMN n;
CREATE TABLE none ();
INSERT INTO none DEFAULT VALUES;
INSERT INTO none DEFAULT VALUES;
CREATE TABLE empty (a int, "B" text);
CREATE TABLE s."Odd ""name"", (x) FROM" ("a ) FROM stdin;" int, ",""," text,
    "nil" text, "\." text);
INSERT INTO s."Odd ""name"", (x) FROM" VALUES (1, 'x', 'nil', '\.');
CREATE TABLE "S, "".x".inner_one ("\." int);
INSERT INTO "S, "".x".inner_one VALUES (1);
CREATE TABLE s.ascii (a int);
CREATE TABLE "Upper" (a int);
INSERT INTO "Upper" VALUES (7);
CREATE TABLE orders (a int);
CREATE TABLE wide AS SELECT repeat(chr(34) || ',x', 2000000) AS t, 1 AS i;
CREATE SEQUENCE nums;
GRANT SELECT ON orders TO PUBLIC;
SELECT lo_from_bytea(4711, '\x00010203'), lo_create(4712);
SQL
expect 0 "a database becomes a snapshot" "$SNAP" backup -d data

sql() { # WHAT: the server's own COPY
	psql -X -q -d data -c "COPY $1"
}

for t in ascii one two many none empty 's."Odd ""name"", (x) FROM"' \
    '"S, "".x".inner_one' wide; do
	q=$t
	case $t in
	*.*) ;;
	*) q=public.$t ;;
	esac
	sql "$q TO STDOUT" >"$T/want"
	expect 0 "the rows of $t" "$SNAP" cat latest "$q"
	same "as COPY writes them" "$T/out" "$T/want"
	sql "$q TO STDOUT (FORMAT csv)" >"$T/want"
	expect 0 "as CSV" "$SNAP" cat --format=csv latest "$q"
	same "they are what COPY writes" "$T/out" "$T/want"
	for null in nil '\N' ' ' '\.'; do
		sql "$q TO STDOUT (FORMAT csv, HEADER, NULL '$null')" \
		    >"$T/want"
		expect 0 "with a head and '$null' for NULL" \
		    "$SNAP" cat --format=csv --header --null="$null" latest "$q"
		same "they are that, too" "$T/out" "$T/want"
	done
done
psql -X -q -d data -c 'CREATE TABLE copy (LIKE two)'
"$SNAP" cat --format=csv latest two |
    psql -X -q -d data -c 'COPY copy FROM STDIN (FORMAT csv)'
is "CSV comes back as the same rows" "$(psql -X -A -t -d data -c \
    'SELECT count(*) FROM (TABLE two EXCEPT ALL TABLE copy) x')" 0

# ---- names
expect 0 "a table without its schema" "$SNAP" cat latest orders
expect 0 "in capitals, as SQL folds them" "$SNAP" cat latest PUBLIC.Orders
expect 0 "with capitals in its name, but without quotes" \
    "$SNAP" cat latest public.Upper
is "is that one" "$(cat "$T/out")" 7
expect 0 "with quotes where none are needed" \
    "$SNAP" cat latest '"public"."orders"'
expect 2 "a name that two schemas have" "$SNAP" cat latest ascii
says "is refused with both" 'They are: public\.ascii, s\.ascii'
expect 1 "a name that is not there" "$SNAP" cat latest public.order
says "is refused with what is near" 'Near to that are: public\.orders'
expect 1 "not in that schema" "$SNAP" cat latest s.orders
expect 1 "quotes make capitals count" "$SNAP" cat latest '"ORDERS"'
expect 1 "no name at all" "$SNAP" cat latest ''
expect 2 "CSV of what is no table" "$SNAP" cat --format=csv latest acl
expect 2 "no such format" "$SNAP" cat --format=tsv latest orders
expect 2 "a head without CSV" "$SNAP" cat --header latest orders
for null in , '"' "$(printf 'a\rb')"; do
	expect 2 "what COPY refuses for NULL" \
	    "$SNAP" cat --format=csv --null="$null" latest orders
done

# ---- what is no table
"$SNAP" restore latest >"$T/script"
for kind in pre-data post-data acl sequences; do
	expect 0 "$kind" "$SNAP" cat latest $kind
	is "is a part of the script" "$(LC_ALL=C python3 -c 'import sys
s, p = (open(f, "rb").read() for f in sys.argv[1:])
print(p in s and p != b"")' \
	    "$T/script" "$T/out")" True
done
expect 0 "the archive" "$SNAP" cat latest archive
pg_restore -l "$T/out" >"$T/toc" 2>"$T/err" && grep -q 'TABLE public orders' \
    "$T/toc" && ok "is one for pg_restore" || not_ok "is one for pg_restore"
expect 0 "globals" "$SNAP" cat latest globals
grep -q 'ROLE postgres' "$T/out" && ok "have the roles" ||
    not_ok "have the roles"
expect 0 "properties" "$SNAP" cat latest properties
grep -q 'CREATE DATABASE' "$T/out" && ok "make the database" ||
    not_ok "make the database"
printf '\000\001\002\003' >"$T/want"
for loid in 4711 0000004711; do
	expect 0 "large object $loid" "$SNAP" cat latest $loid
	same "has its bytes" "$T/out" "$T/want"
done
expect 0 "an empty one" "$SNAP" cat latest 4712
is "has none" "$(wc -c <"$T/out" | tr -d ' ')" 0
expect 1 "one that is not there" "$SNAP" cat latest 4713
noise 1 3000000 >"$T/noise"
"$SNAP" -q backup --stdin --name some/thing <"$T/noise"
expect 0 "a stream of stdin by its name" "$SNAP" cat latest:some/thing some/thing
same "comes byte for byte" "$T/out" "$T/noise"

# ---- only what is needed is read
psql -X -q -d data -c "CREATE TABLE big AS SELECT i, md5(i::text) ||
    md5((i + 1)::text) AS t FROM generate_series(1, 400000) i"
"$SNAP" -q backup -d data
gets() { # COMMAND...
	"$SNAP" --no-cache --stats "$@" 2>&1 >/dev/null |
	    sed -n 's/.* \([0-9]*\) get,.*/\1/p'
}
all=$(gets restore latest:data)
some=$(gets cat latest:data orders)
[ "$some" -lt "$all" ] && ok "one table costs $some reads, all $all" ||
    not_ok "one table costs $some reads, all $all"

# ---- nobody reads to the end
"$SNAP" cat latest:data big 2>"$T/err" | head -n 3 >"$T/out"
is "head gets its lines" "$(wc -l <"$T/out" | tr -d ' ')" 3
is "and there is no message" "$(cat "$T/err")" ""
sh -c '{ "$1" cat --format=csv latest:data big; echo $? >"$2"; } |
    head -n 1 >/dev/null' - "$SNAP" "$T/status" 2>"$T/err"
is "the status is that of a failure" "$(cat "$T/status")" 1
is "without a message" "$(cat "$T/err")" ""
if [ -w /dev/full ]; then
	expect 1 "a full disk is told" sh -c \
	    '"$1" cat latest:data big >/dev/full' - "$SNAP"
	says "with its reason" 'No space left'
fi
done_testing
