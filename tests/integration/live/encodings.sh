# SPDX-License-Identifier: PostgreSQL
# encodings.sh - databases that are not UTF-8: bytes outside ASCII in names,
# rows, comments and large objects come back as they were, and a restore into
# another encoding is converted by the server.
. "$(dirname "$0")/live.sh"
pg_start || exit 1
init

# Rows, sequences and large objects of a database, in its own bytes.
contents() {
	psql -X -q -A -t -d "$1" <<-'SQL'
	SET client_encoding = 'SQL_ASCII'; SET bytea_output = hex;
	SELECT format('SELECT %L, t::text FROM ONLY %I.%I t '
	    'ORDER BY t::text COLLATE "C"', c.relname, n.nspname, c.relname)
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_'
	    AND n.nspname <> 'information_schema'
	ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
	\gexec
	SELECT format('SELECT %L, last_value, is_called FROM %I.%I',
	    c.relname, n.nspname, c.relname)
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind = 'S' ORDER BY c.relname COLLATE "C"
	\gexec
	SELECT oid, lo_get(oid), obj_description(oid, 'pg_largeobject')
	FROM pg_largeobject_metadata ORDER BY oid;
	SQL
}

# back TEXT SOURCE ENCODING: restore into a new database of that encoding,
# compare dumps and contents in the bytes of the source.
n_back=0
back() {
	n_back=$((n_back + 1))
	target=back$n_back
	createdb -T template0 -E "$3" --locale=C "$target"
	"$SNAP" restore "latest:$2" 2>"$T/err" |
	    psql -X -q -o "$T/psql" "$target" 2>>"$T/err"
	is "$1: psql reads it" "$?" 0
	own=$(ask "$2" 'SHOW server_encoding')
	dump -E "$own" "$2" >"$T/a"
	dump -E "$own" "$target" >"$T/b"
	same "$1: the dumps are equal" "$T/a" "$T/b"
	cmp -s "$T/a" "$T/b" || diff -a "$T/a" "$T/b" | head -n 20
	if [ "$own" = "$3" ]; then
		contents "$2" >"$T/a" 2>&1
		contents "$target" >"$T/b" 2>&1
		same "$1: rows, sequences, large objects are equal" \
		    "$T/a" "$T/b"
		grep -q ERROR "$T/a" && not_ok "$1: contents can be read"
	fi
	is "$1: there are rows" "$(ask "$target" 'SELECT count(*) FROM t2')" \
	    120000
}

# The same script for all of them; \344 and the like are put in by the shell.
# fill DATABASE ENCODING A O U: A, O, U are three letters in that encoding.
fill() {
	createdb -T template0 -E "$2" --locale=C "$1"
	cat >"$T/fill.sql" <<-SQL
	SET client_encoding = '$2';
	CREATE SCHEMA "s$5";
	CREATE TABLE t1 (id serial PRIMARY KEY, "$3$4" text DEFAULT '$5',
	    b bytea, "char" "char");
	COMMENT ON TABLE t1 IS 'what $3 and $4 are; \\! touch $5';
	COMMENT ON COLUMN t1."$3$4" IS '$5';
	INSERT INTO t1 ("$3$4", b) SELECT repeat('$3$4$5', i), '\\xe4f600ff'
	    FROM generate_series(1, 300) i;
	INSERT INTO t1 ("$3$4") VALUES (E'$3\\t$4\\n\\\\N\\\\.\\r$5'), (NULL), ('');
	CREATE TABLE t2 (big text);
	INSERT INTO t2 SELECT repeat('$3' || i || '$5', 9)
	    FROM generate_series(1, 120000) i;
	CREATE TABLE "s$5"."$3 ""$4""" AS SELECT '$4'::text AS "$5";
	ALTER TABLE "s$5"."$3 ""$4""" ADD CHECK ("$5" <> '$3');
	CREATE VIEW "v$4" AS SELECT "$3$4" FROM t1 WHERE "$3$4" LIKE '%$5%';
	CREATE MATERIALIZED VIEW "m$4" AS SELECT * FROM "v$4";
	CREATE FUNCTION "f$3"() RETURNS text LANGUAGE sql
	    AS 'SELECT ''$3$4$5''::text';
	CREATE TYPE "e$3" AS ENUM ('$3', '$4');
	CREATE SEQUENCE "q$5"; SELECT setval('"q$5"', 4711);
	SELECT lo_from_bytea(77, '\\x00e4f6fcff0a5c2e');
	COMMENT ON LARGE OBJECT 77 IS 'object $3';
	CREATE INDEX "i$4" ON t1 (("$3$4" || '$5')) WHERE "$3$4" <> '$4';
	SQL
	psql -X -q -o "$T/psql" -v ON_ERROR_STOP=1 -f "$T/fill.sql" "$1" \
	    2>"$T/err" || not_ok "fill $1"
}
A=$(printf '\344') O=$(printf '\366') U=$(printf '\374')

fill latin LATIN1 "$A" "$O" "$U"
fill ascii SQL_ASCII "$A" "$O" "$U"
# Not even a sequence of UTF-8; what client_encoding cannot name.
psql -X -q -o "$T/psql" ascii -c "SET client_encoding = 'SQL_ASCII'" \
    -c "INSERT INTO t1 (\"$A$O\") VALUES (E'\\200\\377\\303('), ('ä')"
fill utf UTF8 ä ö ü
for db in latin ascii utf; do
	for jobs in 1 3; do
		expect 0 "$db -j $jobs: backup" \
		    "$SNAP" backup -d "$db" -j "$jobs"
		own=$(ask "$db" 'SHOW server_encoding')
		back "$db -j $jobs" "$db" "$own"
	done
	expect 0 "$db: ls writes JSON" "$SNAP" ls --json latest:"$db"
	if command -v python3 >/dev/null; then
		python3 -c 'import json, sys; json.load(open(sys.argv[1],
		    encoding="utf-8"))' "$T/out" 2>"$T/err" &&
		    ok "$db: which is JSON" || not_ok "$db: which is JSON"
	fi
done
back "LATIN1 into UTF8" latin UTF8
is "the letters are the same" "$(ask "back$n_back" \
    "SELECT left(\"äö\", 3) FROM t1 WHERE id = 1")" äöü
back "UTF8 into LATIN1" utf LATIN1

# What the other encoding cannot hold fails, and nothing is left behind.
psql -X -q utf -c "INSERT INTO t1 (\"äö\") VALUES ('₤ ☃')"
expect 0 "a letter that LATIN1 has not" "$SNAP" backup -d utf
createdb -T template0 -E LATIN1 --locale=C none
dump none >"$T/a"
"$SNAP" restore latest:utf 2>"$T/err" |
    psql -X -q -o "$T/psql" none 2>>"$T/err"
is "makes psql fail" "$?" 3
says "with its reason" 'has no equivalent in encoding "LATIN1"'
dump none >"$T/b"
same "and changes nothing" "$T/a" "$T/b"

# Names in patterns are in the database's own bytes, as with pg_dump.
expect 0 "a pattern outside ASCII" "$SNAP" backup -d latin -n "s$U"
part=$("$SNAP" snapshots --json latin |
    sed -n 's/.*"id": "\([0-9a-f]*\)".*/\1/p' | tail -n 1)
expect 0 "selects" "$SNAP" ls "$part"
is "what it names" "$(grep -ac '^table ' "$T/out")" \
    "$(pg_dump -a -n "s$U" latin | grep -ac '^COPY ')"

# A database whose own name is not ASCII.
createdb "größe"
psql -X -q "größe" -c "CREATE TABLE t (a int)"
expect 0 "a name outside ASCII" "$SNAP" backup -d "größe"
for encoding in UTF8 LATIN1; do
	createdb "named$encoding"
	"$SNAP" restore "latest:größe" 2>"$T/err" |
	    PGCLIENTENCODING=$encoding psql -X -q -o "$T/psql" \
	    "named$encoding" 2>>"$T/err"
	is "is no trouble for a psql that speaks $encoding" "$?" 0
done
done_testing
