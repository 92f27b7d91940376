# SPDX-License-Identifier: PostgreSQL
# strange.sh - names that are commands, fields of a size that few meet, tables
# of nothing: all comes back, and what cannot is told and leaves no snapshot.
. "$(dirname "$0")/../lib.sh"
pg_start || exit 1
init
mkdir "$T/cwd"
cd "$T/cwd" || exit 1 # where a command that got through would leave its mark

# Names with all that means something to psql, a shell, libpq or SQL.
nl='
'
evil="e\"v'i${nl}\\! touch x${nl}l\\ \$\$ -- /* =; \`touch x\` %s"
evil2="$evil 1%d:x :'n'	é"
conninfo() {
	printf "dbname='"
	printf %s "$1" | sed "s/[\\\\']/\\\\&/g"
	printf "'"
}
# A name in the environment is not parsed, one behind -d is.
psql -X -q -v "n=$evil" -v "m=$evil2" <<'SQL' 2>"$T/err" || not_ok "database"
\set ON_ERROR_STOP on
CREATE ROLE :"m";
CREATE DATABASE :"n" TEMPLATE template0;
CREATE DATABASE :"m" TEMPLATE template0;
COMMENT ON DATABASE :"n" IS :'n';
SQL
PGDATABASE=$evil psql -X -q -v "n=$evil" -v "m=$evil2" -o "$T/psql" <<'SQL' \
    2>"$T/err" || not_ok "load"
\set ON_ERROR_STOP on
CREATE SCHEMA :"n" AUTHORIZATION :"m";
COMMENT ON SCHEMA :"n" IS :'n';
SET search_path = :"n";
CREATE TABLE :"n" (:"n" text DEFAULT :'n', :"m" int,
  CONSTRAINT :"n" CHECK (:"n" <> 'no'), CONSTRAINT :"m" UNIQUE (:"m"));
INSERT INTO :"n" VALUES (:'n', 1), (E'\\.', 2), (E'\n\\.\n', 3),
  (E'\\! touch x', 4), ('\restrict x', 5), (NULL, NULL);
COMMENT ON TABLE :"n" IS :'n';
COMMENT ON COLUMN :"n".:"n" IS :'m';
COMMENT ON CONSTRAINT :"n" ON :"n" IS :'n';
ALTER TABLE :"n" OWNER TO :"m";
GRANT SELECT ON :"n" TO PUBLIC;
CREATE TYPE e AS ENUM (:'n', 'b');
CREATE DOMAIN d AS text CONSTRAINT :"n" CHECK (VALUE <> :'n');
COMMENT ON CONSTRAINT :"n" ON DOMAIN d IS :'n';
CREATE TABLE p (:"m" e, x text) PARTITION BY HASH (:"m");
CREATE TABLE p0 PARTITION OF p FOR VALUES WITH (MODULUS 1, REMAINDER 0);
INSERT INTO p VALUES (:'n', :'n');
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $f$ SELECT '
\! touch x
\q
' $f$;
CREATE SEQUENCE s; SELECT setval('s', 42);
CREATE VIEW v AS SELECT :"n" FROM :"n";
CREATE MATERIALIZED VIEW mv AS SELECT :"n" FROM :"n";
CREATE POLICY :"n" ON :"n" USING (true);
SELECT lo_from_bytea(1234567, 'x');
COMMENT ON LARGE OBJECT 1234567 IS :'n';
SQL
expect 3 "a database whose names are commands" \
    "$SNAP" backup -d "$(conninfo "$evil")"
says "what psql and pg_restore cannot name is warned of" \
    'name has a line end.*properties are left out'
"$SNAP" restore latest 2>"$T/err" |
    PGDATABASE=$evil2 psql -X -q >"$T/psql" 2>>"$T/err"
is "psql reads it" "$?" 0
dump "$(conninfo "$evil")" >"$T/a"
dump "$(conninfo "$evil2")" >"$T/b"
same "it comes back the same" "$T/a" "$T/b"
[ "$(grep -c 'touch x' "$T/a")" -gt 20 ] && ok "with all those names" ||
    not_ok "with all those names"
"$SNAP" restore --globals latest 2>"$T/err" |
    psql -X -q >"$T/psql" 2>>"$T/err"
expect 0 "a pattern can name it" "$SNAP" ls latest
expect 3 "a pattern can name such a schema" "$SNAP" backup \
    -d "$(conninfo "$evil")" -n "\"$(printf %s "$evil" | sed 's/"/""/g')\""
createdb -T template0 'a=b'
expect 0 "a name that looks like a conninfo string" \
    "$SNAP" backup -d "dbname='a=b'"
[ -z "$(find "$T/cwd" "$PG_DIR" -name x)" ] && ok "no name was a command" ||
    not_ok "no name was a command"

# ---- tables without columns, and an empty database
createdb -T template0 none
psql -X -q none <<'SQL'
CREATE TABLE nothing (); INSERT INTO nothing SELECT FROM generate_series(1, 7);
CREATE TABLE gone (a int, b text); INSERT INTO gone SELECT generate_series(1, 9);
ALTER TABLE gone DROP COLUMN a; ALTER TABLE gone DROP COLUMN b;
CREATE TABLE made (g int GENERATED ALWAYS AS (7) STORED);
INSERT INTO made SELECT FROM generate_series(1, 5);
SQL
createdb -T template0 void
for db in none void; do
	createdb -T template0 "${db}2"
	expect 0 "$db: backup" "$SNAP" backup -d "$db"
	"$SNAP" restore latest 2>"$T/err" |
	    psql -X -q "${db}2" >"$T/psql" 2>>"$T/err"
	is "$db: restore" "$?" 0
	dump "$db" >"$T/a"
	dump "${db}2" >"$T/b"
	same "$db: comes back" "$T/a" "$T/b"
done
is "rows without columns are counted" "$(psql -X -A -t none2 -c 'SELECT
    (SELECT count(*) FROM nothing), (SELECT count(*) FROM gone),
    (SELECT count(*) FROM made)')" '7|9|5'

# ---- a field of 300 MB, and one whose text is beyond 1 GB
createdb -T template0 large
psql -X -q large <<'SQL'
CREATE TABLE large (id int, v text); ALTER TABLE large ALTER v
  SET STORAGE EXTERNAL;
INSERT INTO large SELECT 1, string_agg(md5(i::text), '')
  FROM generate_series(1, 9830400) i;
SQL
measure=
[ ! -x /usr/bin/time ] || measure='/usr/bin/time -v'
# shellcheck disable=SC2086
expect 0 "a field of 300 MB" $measure "$SNAP" backup -d large
grep 'Maximum resident' "$T/err"
createdb -T template0 large2
# shellcheck disable=SC2086
$measure "$SNAP" restore latest 2>"$T/err" |
    psql -X -q large2 >"$T/psql" 2>"$T/psql.err"
is "psql reads it" "$?" 0
grep 'Maximum resident' "$T/err"
psql -X -A -t large -c 'SELECT length(v), md5(v) FROM large' >"$T/a"
psql -X -A -t large2 -c 'SELECT length(v), md5(v) FROM large' >"$T/b"
same "and it is the same" "$T/a" "$T/b"
is "and that large" "$(cut -d'|' -f1 "$T/a")" 314572800
# The server needs two gigabytes to make the other one.
if [ "$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo 2>/dev/null ||
    echo 0)" -lt 4000000 ]; then
	echo "too little memory to go on"
	done_testing
fi
n=$(n_snapshots)
psql -X -q large -c 'CREATE TABLE "too Large" (b bytea)' -c "INSERT INTO
    \"too Large\" SELECT convert_to(repeat('x', 600000000), 'UTF8')"
expect 1 "a field whose text is beyond 1 GB" "$SNAP" backup -d large
says "its table is named" 'public."too Large"'
says "with the server's own words" 'invalid memory alloc|out of memory|string'
says "and a hint" 'hint:.*field.*1 GB'
is "and there is no snapshot" "$(n_snapshots)" "$n"
done_testing
