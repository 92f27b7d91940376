# SPDX-License-Identifier: PostgreSQL
# objects.sh - large objects whose owners, privileges and comments pg_dump
# leaves to us: they come back on all ways.  To be sourced behind lib.sh, with a
# server that runs and a repository.

objects_sql() {
	psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"
}

objects_roles() {
	objects_sql postgres -c 'CREATE ROLE o_owner' -c 'CREATE ROLE o_third' \
	    -c 'CREATE ROLE "o ""reader"'
}

# objects_make DATABASE
objects_make() {
	createdb -T template0 "$1"
	objects_sql "$1" >"$T/psql" <<'SQL' || not_ok "make large objects"
SELECT lo_from_bytea(i, convert_to('object ' || i, 'UTF8'))
  FROM generate_series(101, 107) i;
SELECT lo_create(2147483648), lo_from_bytea(4294967295, 'the last');
-- as new ones are, but of somebody else; nobody may; and all the rest
ALTER LARGE OBJECT 102 OWNER TO o_owner;
REVOKE ALL ON LARGE OBJECT 103 FROM postgres;
ALTER LARGE OBJECT 104 OWNER TO o_owner;
REVOKE UPDATE ON LARGE OBJECT 104 FROM o_owner;
GRANT ALL ON LARGE OBJECT 105 TO PUBLIC;
GRANT SELECT ON LARGE OBJECT 105 TO o_owner WITH GRANT OPTION;
GRANT UPDATE ON LARGE OBJECT 105 TO o_owner;
SET SESSION AUTHORIZATION o_owner;
GRANT SELECT ON LARGE OBJECT 105 TO "o ""reader" WITH GRANT OPTION;
SET SESSION AUTHORIZATION "o ""reader";
GRANT SELECT ON LARGE OBJECT 105 TO o_third;
RESET SESSION AUTHORIZATION;
-- a list that says what no list says
GRANT SELECT ON LARGE OBJECT 106 TO o_third;
REVOKE SELECT ON LARGE OBJECT 106 FROM o_third;
COMMENT ON LARGE OBJECT 107 IS E'it''s \\ a\n\\connect of "quotes"';
COMMENT ON LARGE OBJECT 4294967295 IS 'the last';
CREATE TABLE pictures (id oid PRIMARY KEY);
INSERT INTO pictures SELECT oid FROM pg_largeobject_metadata;
-- Some builds of 15 number each attribute, which no other server takes.
UPDATE pg_attribute SET attoptions = NULL WHERE attrelid = 'pictures'::regclass;
SQL
	# A provider of labels is part of no package: by hand.
	objects_sql "$1" -c 'SET allow_system_table_mods = on' \
	    -c "INSERT INTO pg_seclabel VALUES
	    (107, 'pg_largeobject'::regclass, 0, 'pro', 'la''bel')"
}

# objects_image DATABASE: as one can see it.  To spell out the privileges that a
# new one has is the same as to say nothing.
objects_image() {
	objects_sql "$1" <<'SQL'
SELECT oid, lomowner::regrole, NULLIF(lomacl, acldefault('L', lomowner)),
  obj_description(oid, 'pg_largeobject'), md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY oid;
SQL
}

# objects_are TEXT DATABASE FILE
objects_are() {
	objects_image "$2" >"$T/objects"
	same "$1" "$3" "$T/objects"
	diff "$3" "$T/objects" | head -n 10
}

# objects_backup OPTION...: a database of them.
objects_backup() {
	objects_roles
	objects_make pictures
	objects_image pictures >"$T/objects.1"
	is "there are large objects" "$(wc -l <"$T/objects.1")" 10
	expect 0 "backup" "$SNAP" backup "$@" pictures
	"$SNAP" cat latest pre-data | grep '^SECURITY LABEL' >"$T/out"
	is "labels are kept" "$(cat "$T/out")" \
	    "SECURITY LABEL FOR pro ON LARGE OBJECT 107 IS 'la''bel';"
	# Nobody knows the provider: from here on without it.
	objects_sql pictures -c 'SET allow_system_table_mods = on' \
	    -c 'DELETE FROM pg_seclabel'
	expect 0 "backup" "$SNAP" backup "$@" pictures
}

# objects_by_pipe DATABASE
objects_by_pipe() {
	createdb -T template0 "$1"
	"$SNAP" restore latest 2>"$T/err" | psql -X -q -o "$T/psql" "$1"
	is "the pipe" $? 0
	objects_are "brings all back" "$1" "$T/objects.1"
}

# objects_come_back: that backup on all ways.
objects_come_back() {
	"$SNAP" cat latest archive | pg_restore -l >"$T/out"
	is "each is made once" "$(grep -c ' BLOB - ' "$T/out")" 9
	objects_by_pipe piped
	for jobs in 1 4; do
		createdb -T template0 "direct$jobs"
		expect 0 "directly, -j $jobs" \
		    "$SNAP" restore latest -d "direct$jobs" -j "$jobs"
		objects_are "brings all back" "direct$jobs" "$T/objects.1"
	done
	expect 0 "--clean drops them first" \
	    "$SNAP" restore latest -d direct4 -j 4 --clean
	objects_are "and all are there again" direct4 "$T/objects.1"
	rm -rf "$T/objects.dir"
	expect 0 "as a directory" "$SNAP" restore latest --output "$T/objects.dir"
	createdb -T template0 pg_restored
	expect 0 "which pg_restore reads" \
	    pg_restore -j 2 -d pg_restored "$T/objects.dir"
	objects_are "brings all back" pg_restored "$T/objects.1"
	expect 0 "verify" "$SNAP" verify latest -d postgres

	# A part, and what is nobody's.
	"$SNAP" restore latest -t pictures >"$T/out" 2>"$T/err"
	is "not with a table" "$(grep -ic 'large object\|lo_' "$T/out")" 0
	"$SNAP" restore latest --section=pre-data >"$T/out" 2>"$T/err"
	is "they are data, as pg_dump has it" "$(grep -c lo_put "$T/out")" 0
	createdb -T template0 sections
	for section in pre-data data post-data; do
		"$SNAP" restore latest --section=$section 2>"$T/err" |
		    psql -X -q -o "$T/psql" sections ||
		    not_ok "section $section"
	done
	objects_are "by sections" sections "$T/objects.1"
	createdb -T template0 mine
	"$SNAP" restore latest -O -x 2>"$T/err" | psql -X -q -o "$T/psql" mine
	createdb -T template0 mine2
	expect 0 "directly, no owner, no privileges" \
	    "$SNAP" restore latest -O -x -d mine2
	objects_image mine >"$T/objects.2"
	is "no owner, no privileges" "$(cut -d '|' -f 2,3 "$T/objects.2" |
	    grep '|' | sort -u)" 'postgres|'
	objects_are "directly as well" mine2 "$T/objects.2"
}
