#!/bin/sh
# SPDX-License-Identifier: PostgreSQL
# test_agree.sh AGREE_TOOL - random patterns mean to us what they mean to
# PostgreSQL.  SNAP_TEST_SEED chooses others.
TOOL=$1
. "$(dirname "$0")/../support/pg.sh"
trap pg_stop EXIT
trap 'exit 1' INT TERM
pg_start || exit 1
seed=${SNAP_TEST_SEED:-1}
count=20000
[ -z "${SNAP_TEST_HEAVY:-}" ] || count=1000000
"$TOOL" "$seed" "$count" >"$PG_DIR/ours" || exit 1
psql -X -q -A -t -v ON_ERROR_STOP=1 -v "file=$PG_DIR/ours" >"$PG_DIR/out" <<'SQL' || exit 1
CREATE TABLE ours (regex text, name text, ours bool);
\set copy '\\copy ours FROM ' :'file'
:copy
CREATE FUNCTION theirs(name text, regex text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
  RETURN name OPERATOR(pg_catalog.~) regex COLLATE pg_catalog.default;
EXCEPTION WHEN invalid_regular_expression THEN RETURN NULL;
END $$;
SELECT count(*) FILTER (WHERE ours), count(*) FILTER (WHERE NOT ours),
  count(*) FILTER (WHERE ours IS NULL) FROM ours;
SELECT format('%L on %L: ours %s, theirs %s', regex, name,
  coalesce(ours::text, 'invalid'), coalesce(theirs(name, regex)::text, 'invalid'))
FROM ours WHERE theirs(name, regex) IS DISTINCT FROM ours LIMIT 20;
SQL
head -n 1 "$PG_DIR/out"
if [ "$(wc -l <"$PG_DIR/out")" = 1 ] &&
    grep -Eq '^[0-9]{3,}\|[0-9]{3,}\|[0-9]{3,}$' "$PG_DIR/out"; then
	echo "ok - $count patterns, seed $seed"
	exit 0
fi
echo "FAILED - seed $seed"
cat "$PG_DIR/out"
exit 1
