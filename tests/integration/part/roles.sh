# SPDX-License-Identifier: PostgreSQL
# roles.sh - with --role-map a database is as if other roles had made it, on each
# way back, on a server that has the old ones no more.
. "$(dirname "$0")/../lib.sh"
pg_start || exit 1
init

# made DATABASE OWNER READER OTHER
made() {
	createdb -T template0 "$1"
	psql -X -q -v ON_ERROR_STOP=1 -v db="$1" -v owner="$2" -v reader="$3" \
	    -v other="$4" -o "$T/psql" "$1" <<'SQL' 2>"$T/err" || not_ok "make $1"
ALTER DATABASE :"db" OWNER TO :"owner";
REVOKE ALL ON DATABASE :"db" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"db" TO :"reader";
ALTER ROLE :"reader" IN DATABASE :"db" SET work_mem = '7MB';
CREATE SCHEMA s AUTHORIZATION :"owner";
GRANT USAGE ON SCHEMA s TO :"reader", :"other";
CREATE TABLE s.t (a int, "TO" text);
ALTER TABLE s.t OWNER TO :"owner";
INSERT INTO s.t SELECT i, 'TO "Reader";' FROM generate_series(1, 100) i;
REVOKE DELETE ON s.t FROM :"owner";
GRANT SELECT ON s.t TO :"reader" WITH GRANT OPTION;
SET SESSION AUTHORIZATION :"reader";
GRANT SELECT ON s.t TO :"other";
RESET SESSION AUTHORIZATION;
GRANT UPDATE ("TO") ON s.t TO :"other";
CREATE POLICY "TO" ON s.t FOR SELECT TO :"reader", :"other"
  USING ("TO" <> ') TO plain_old');
CREATE FUNCTION s.f("from" text, "to" text DEFAULT 'TO plain_old')
  RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT ''TO plain_old''';
ALTER FUNCTION s.f OWNER TO :"owner";
REVOKE ALL ON FUNCTION s.f FROM PUBLIC;
GRANT EXECUTE ON FUNCTION s.f TO :"reader";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA s
  GRANT SELECT ON TABLES TO :"reader", :"other";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner"
  REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE FOREIGN DATA WRAPPER w; CREATE SERVER f FOREIGN DATA WRAPPER w;
GRANT USAGE ON FOREIGN SERVER f TO :"reader";
CREATE USER MAPPING FOR :"reader" SERVER f OPTIONS (user 'plain_old');
CREATE USER MAPPING FOR PUBLIC SERVER f;
SELECT lo_from_bytea(77, 'x');
ALTER LARGE OBJECT 77 OWNER TO :"owner";
GRANT SELECT ON LARGE OBJECT 77 TO :"reader";
SQL
}
# of DATABASE OPTION...: what it is, whatever its name.
of() {
	db=$1
	shift
	dump "$@" "$db" | sed "s/\\b$db\\b/THIS/g"
}
psql -X -q <<'SQL' || not_ok "roles"
CREATE ROLE "old ""Own"; CREATE ROLE "Reader"; CREATE ROLE plain_old;
CREATE ROLE "new=own"; CREATE ROLE "the ""new"; CREATE ROLE plain_new;
CREATE ROLE unused;
SQL
made src 'old "Own' Reader plain_old
made want 'new=own' 'the "new' plain_new
made less 'new=own' plain_new plain_new
expect 0 "backup" "$SNAP" backup src
dropdb src
psql -X -q -c 'DROP ROLE "old ""Own", "Reader", plain_old' ||
    not_ok "the old roles are gone"
of want >"$T/want"
of want -C -s >"$T/want.c"
for way in pipe direct output; do
	set -- --role-map='"old ""Own"="new=own"' \
	    --role-map='"Reader"="the ""new"' --role-map=Plain_OLD=plain_new
	createdb -T template0 "$way"
	case $way in
	pipe)
		"$SNAP" restore latest "$@" 2>"$T/err" >"$T/script" &&
		    psql -X -q -o "$T/psql" pipe <"$T/script" 2>"$T/err"
		is "the pipe" "$?" 0
		;;
	direct)
		expect 0 "straight into a server" \
		    "$SNAP" restore latest --dbname=direct -j 2 "$@"
		;;
	*)
		expect 0 "a directory" \
		    "$SNAP" restore latest --output "$T/dir" "$@"
		expect 0 "that pg_restore takes" \
		    pg_restore -e -j 2 -d output "$T/dir"
		;;
	esac
	of "$way" >"$T/is"
	same "$way: as if the new ones had made it" "$T/want" "$T/is"
done
expect 0 "--create" "$SNAP" restore latest --dbname=postgres --create "$@"
of src -C -s >"$T/is"
same "the database with its settings as well" "$T/want.c" "$T/is"
dropdb src
expect 0 "--properties" "$SNAP" restore latest --properties "$@"
psql -X -q -d postgres -f "$T/out" >"$T/psql" 2>"$T/err"
is "run" "$?" 0
"$SNAP" restore latest "$@" 2>"$T/err" | psql -X -q -o "$T/psql" src
of src -C -s >"$T/is"
same "and filled are the same" "$T/want.c" "$T/is"
grep -v '^\\' "$T/dir/properties.sql" >"$T/1"
grep -v '^\\' "$T/out" | grep -Fvxf "$T/1" | grep -cE 'ROLE|OWNER|GRANT' >"$T/n"
is "the directory has the same properties" "$(cat "$T/n")" 0
# Of a part.
psql -X -q -c 'DROP TABLE s.t' direct
expect 0 "a lost table" "$SNAP" restore latest --dbname=direct -t s.t "$@"
of direct >"$T/is"
same "belongs to whom it ought to" "$T/want" "$T/is"

# Two become one.
set -- --role-map='"old ""Own"="new=own"' --role-map='"Reader"=plain_new' \
    --role-map=plain_old=plain_new
createdb -T template0 one
expect 0 "two roles become one" "$SNAP" restore latest --dbname=one "$@"
is "named once" "$(psql -X -A -t -d one -c \
    "SELECT polroles::regrole[] FROM pg_policy")" '{plain_new}'
is "with the privileges of both" "$(psql -X -A -t -d one -c \
    "SELECT has_table_privilege('plain_new', 's.t', 'SELECT') AND
    has_column_privilege('plain_new', 's.t', 'TO', 'UPDATE')")" t

# Slips.
expect 2 "a role that nobody knows" "$SNAP" restore latest "$@" \
    --role-map=reader=plain_new
says "is named" 'knows no role "reader"'
says "with those that are" \
    'hint: It knows .*old "Own.*Reader.*plain_old|hint: It knows .*Reader'
grep -q 'RAISE EXCEPTION' "$T/out" && ok "psql fails too" ||
    not_ok "psql fails too"
expect 2 "in a directory as well" "$SNAP" restore latest --output "$T/none" \
    --role-map=reader=plain_new
[ ! -e "$T/none" ] && ok "nothing is made" || not_ok "nothing is made"
expect 0 "a role without a thing is known" "$SNAP" restore latest \
    --role-map=unused=x
for bad in a =a a= '"a=b' a=b=c public=a a=PUBLIC '""=a'; do
	expect 2 "no map: $bad" "$SNAP" restore latest --role-map="$bad"
	says "and it is shown" 'role-map: '
done
expect 2 "two names of one" "$SNAP" restore latest --role-map=plain_old=a \
    --role-map=plain_old=b
for bad in --globals --all; do
	expect 2 "not with $bad" "$SNAP" restore latest -d postgres $bad "$@"
done
done_testing
