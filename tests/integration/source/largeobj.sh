# SPDX-License-Identifier: PostgreSQL
# largeobj.sh - many large objects, a sparse one of 200 MB, empty ones, owners
# without rights, privileges and comments: all come back.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../objects.sh"
pg_start max_locks_per_transaction=64 || exit 1
init
createdb lo
psql -X -q -o "$T/psql" lo <<'SQL' 2>"$T/err" || not_ok "make large objects"
\set ON_ERROR_STOP on
CREATE ROLE keeper; CREATE ROLE reader LOGIN;
SELECT count(lo_from_bytea(i, convert_to('object ' || i, 'UTF8')))
  FROM generate_series(100001, 109990) i;
SELECT lo_create(i) FROM generate_series(109991, 110000) i;
-- sparse: a byte before, one in, and three after holes
SELECT lo_from_bytea(200, 'a');
SELECT lo_put(200, 100000000, 'middle'), lo_put(200, 209715197, 'end');
SELECT lo_from_bytea(201, ''), lo_put(201, 5000, 'only behind a hole');
-- not a whole number of pages, and exactly one and sixteen of them
SELECT lo_from_bytea(202, decode(repeat('00ff5c0a27', 1000), 'hex')),
  lo_from_bytea(203, convert_to(repeat('p', 2048), 'UTF8')),
  lo_from_bytea(204, convert_to(repeat('q', 32768), 'UTF8')),
  lo_from_bytea(4294967295, 'the last');
-- ends in zeros, of which some are a whole chunk of the script
SELECT lo_from_bytea(205, decode(repeat('00', 65536), 'hex')),
  lo_from_bytea(206, decode(repeat('00', 70000), 'hex')),
  lo_from_bytea(207, decode(repeat('00', 1), 'hex'));
ALTER LARGE OBJECT 201 OWNER TO keeper;
ALTER LARGE OBJECT 202 OWNER TO keeper;
REVOKE ALL ON LARGE OBJECT 202 FROM keeper;
GRANT SELECT ON LARGE OBJECT 202 TO reader;
GRANT ALL ON LARGE OBJECT 203 TO PUBLIC;
GRANT SELECT ON LARGE OBJECT 203 TO keeper WITH GRANT OPTION;
COMMENT ON LARGE OBJECT 202 IS E'owned by one who\nmay not \\! read it';
COMMENT ON LARGE OBJECT 110000 IS 'empty';
SQL
# Owner, privileges, comment and bytes of every one.
content() {
	psql -X -A -t -v ON_ERROR_STOP=1 "$1" <<'SQL'
SELECT oid, lomowner::regrole, lomacl, obj_description(oid, 'pg_largeobject'),
  length(lo_get(oid)), md5(lo_get(oid)) FROM pg_largeobject_metadata
  ORDER BY oid;
SQL
}
content lo >"$T/a"
is "there are many" "$(psql -X -A -t lo -c 'SELECT count(*)
    FROM pg_largeobject_metadata')" 10009
expect 0 "backup" "$SNAP" backup -d lo
"$SNAP" ls latest >"$T/out"
is "one stream each" "$(grep -c '^large' "$T/out")" 10009
createdb -T template0 target
"$SNAP" restore latest 2>"$T/err" | psql -X -q target >"$T/psql" 2>"$T/err"
is "one transaction is too much for a small lock table" "$?" 3
value=$(sed -n 's/.*max_locks_per_transaction to \([0-9]*\).*/\1/p' "$T/err")
is "and nothing is there" \
    "$(psql -X -A -t target -c 'SELECT count(*) FROM pg_largeobject_metadata')" 0
"$SNAP" restore --no-transaction latest 2>"$T/err" |
    psql -X -q target >"$T/psql" 2>"$T/err"
is "without a transaction psql succeeds" "$?" 0
content target >"$T/b"
same "owners, privileges, comments and bytes come back" "$T/a" "$T/b"
pages=$(psql -X -A -t target -c 'SELECT count(*) FROM pg_largeobject
    WHERE loid = 200')
[ "$pages" -lt 100 ] && ok "and holes stay holes ($pages pages)" ||
    not_ok "and holes stay holes ($pages pages)"
(cd "$PG_DIR" && pg_as "$PG_BIN/pg_ctl" -D "$PG_DIR/data" -w restart \
    -l "$PG_DIR/server.log" -o "-c max_locks_per_transaction=$value") \
    >/dev/null || not_ok "restart"
createdb -T template0 target2
"$SNAP" restore latest 2>"$T/err" | psql -X -q target2 >"$T/psql" 2>"$T/err"
is "with the value of the hint one transaction is enough" "$?" 0
content target2 >"$T/b"
same "and all come back" "$T/a" "$T/b"

# ---- pages that overlap would be put together wrongly
createdb bent
psql -X -q -o "$T/psql" bent <<'SQL' || not_ok "bend a page"
\set ON_ERROR_STOP on
SELECT lo_from_bytea(300, convert_to(repeat('p', 4096), 'UTF8'));
SET allow_system_table_mods = on;
UPDATE pg_largeobject SET data = convert_to(repeat('x', 3000), 'UTF8')
  WHERE loid = 300 AND pageno = 0;
SQL
expect 1 "a page that is longer than pages are" "$SNAP" backup -d bent
says "is told by object and place" 'large object 300 at byte 2048'

# ---- the reader: pg_read_all_data sees what nobody granted to it
psql -X -q lo -c 'CREATE ROLE backup LOGIN' \
    -c 'GRANT pg_read_all_data TO backup'
expect 0 "pg_read_all_data reads them all" "$SNAP" backup -d lo -U backup
"$SNAP" ls latest >"$T/out"
is "also those of an owner without rights" "$(grep -c '^large' "$T/out")" 10009
n=$(n_snapshots)
expect 1 "who may not read pg_largeobject" "$SNAP" backup -d lo -U reader
says "is told" 'pg_largeobject'
says "with the GRANT" 'hint: GRANT'
is "and there is no snapshot" "$(n_snapshots)" "$n"

# ---- a pg_dump that does not say what it is to be with them, as from version
# 17 on, which keeps that in the section of the data
mkdir "$T/bin"
for program in pg_dump pg_restore pg_dumpall; do
	ln -s "$PG_BIN/$program" "$T/bin/$program"
done
rm "$T/bin/pg_dump"
printf '#!/bin/sh\nexec "%s" "$@" --no-blobs\n' "$PG_BIN/pg_dump" \
    >"$T/bin/pg_dump"
chmod 755 "$T/bin/pg_dump"
objects_backup --pg-dump "$T/bin/pg_dump"
objects_come_back
done_testing
