# SPDX-License-Identifier: PostgreSQL
# each.sh - tables, views and sequences, each alone into an empty database; in a
# heavy run all of the zoo and of the dumps in $SNAP_TEST_DUMPS.
. "$(dirname "$0")/../lib.sh"
HERE=$(cd "$(dirname "$0")" && pwd)
command -v python3 >/dev/null || exit 77
pg_start max_locks_per_transaction=256 || exit 1
init

# each DATABASE [RELATION...]: of what a whole restore makes of it.
each() {
	db=$1
	shift
	createdb -T template0 "again_$db"
	"$SNAP" -q backup -d "$db" 2>"$T/err"
	"$SNAP" restore "latest:$db" 2>>"$T/err" |
	    psql -X -q -o "$T/psql" "again_$db" 2>>"$T/err"
	is "$db comes back whole" "$?" 0
	"$SNAP" -q backup -d "again_$db" 2>"$T/err"
	expect 0 "$db: each relation alone" \
	    python3 "$HERE/each.py" "$SNAP" "again_$db" "$@"
	cat "$T/out"
	[ -z "${SNAP_TEST_HEAVY:-}" ] || cat "$T/err"
}

psql -X -q -c 'CREATE ROLE keeper'
createdb -T template0 zoo
psql -X -q -o "$T/psql" -f "$SRC/tests/pgsource/zoo.sql" zoo 2>"$T/err" ||
    not_ok "load the zoo"
# Names with all that means something to psql, SQL, a shell, or a list of -L.
nl='
'
evil="e\"v'i${nl}\\! touch x${nl}12; l\\ \$\$ -- /* =; \`touch x\` %s"
mkdir "$T/cwd"
cd "$T/cwd" || exit 1
createdb -T template0 evil
psql -X -q -v "n=$evil" -v "m=$evil ü" -v "k=$evil k" -o "$T/psql" evil <<'SQL' 2>"$T/err" ||
\set ON_ERROR_STOP on
CREATE SCHEMA :"n"; CREATE SCHEMA :"m";
CREATE TYPE :"m".:"n" AS ENUM (:'n', 'b');
CREATE TABLE :"n".:"n" (:"n" serial PRIMARY KEY, :"m" :"m".:"n", x text
  DEFAULT :'n', CONSTRAINT :"k" CHECK (x <> :'m'));
CREATE TABLE :"n".:"m" (a int REFERENCES :"n".:"n", :"n" text);
CREATE INDEX :"k" ON :"n".:"m" (:"n");
INSERT INTO :"n".:"n" (:"m") VALUES (:'n'), ('b');
INSERT INTO :"n".:"m" VALUES (1, E'\\.\n\\! touch x');
COMMENT ON TABLE :"n".:"n" IS :'m'; COMMENT ON INDEX :"n".:"k" IS :'n';
CREATE FUNCTION :"m".:"n"() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN RETURN NEW; END';
CREATE TRIGGER :"n" BEFORE INSERT ON :"n".:"m" FOR EACH ROW
  EXECUTE FUNCTION :"m".:"n"();
CREATE POLICY :"m" ON :"n".:"m" USING (a > 0);
CREATE VIEW :"m".:"m" AS SELECT * FROM :"n".:"n";
CREATE SEQUENCE :"m".s; SELECT setval(format('%I.s', :'m')::regclass, 42);
SQL
	not_ok "load evil names"
each evil
[ -z "$(find "$T/cwd" -name x)" ] && ok "no name was a command" ||
    not_ok "a name was a command"

if [ -z "${SNAP_TEST_HEAVY:-}" ]; then
	each zoo '"Odd ""schema"".é"."T.%b"' public.ident public.vals \
	    public.pt_a public.hp0 public.chi public.fk_a public.trig \
	    public.v1 public.a_second
	done_testing
fi
each zoo
dumps=${SNAP_TEST_DUMPS:-/nonexistent}
for f in "$dumps"/*.globals.sql; do
	[ ! -f "$f" ] || psql -X -q -f "$f" >"$T/psql" 2>&1
done
for f in "$dumps"/*.sql "$dumps"/*.dump; do
	name=$(basename "$f" | sed 's/[^a-z0-9_].*//')
	[ -f "$f" ] || continue
	case $f in
	*.globals.sql) continue ;;
	*.sql) cat "$f" ;;
	*) pg_restore -f - "$f" ;;
	esac >"$T/load"
	createdb -T template0 "dump_$name"
	psql -X -q -f "$T/load" "dump_$name" >"$T/psql" 2>&1
	each "dump_$name"
done
done_testing
