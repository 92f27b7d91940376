# SPDX-License-Identifier: PostgreSQL
# compare.sh - all that is in a database as text that can be compared.
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }

# Schema and everything but rows, as text that can be compared.
schema_of() {
	pg_dump -s "$1" | grep -Ev '^\\(un)?restrict [A-Za-z0-9]{32,}$'
}

# Rows of all tables as sorted sets, sequences, large objects.  Leaves of a
# hash by an enum are compared as one: where the rows lie depends on OIDs.
rows_of() {
	sql "$1" <<-'SQL'
	SET search_path = ''; SET extra_float_digits = 3; SET TimeZone = 'UTC';
	SET bytea_output = hex; SET DateStyle = ISO; SET IntervalStyle = iso_8601;
	SET row_security = off; SET standard_conforming_strings = on;
	SELECT format('SELECT %L, count(*), md5(string_agg(t::text, chr(10) '
	  'ORDER BY t::text COLLATE "C")) FROM %s %I.%I t',
	  n.nspname || '.' || c.relname,
	  CASE WHEN c.relkind = 'p' THEN '' ELSE 'ONLY' END,
	  n.nspname, c.relname)
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
	AND ((c.relkind IN ('r', 'm') AND c.relispopulated
	  AND c.relname !~ '^hp[0-9]') OR (c.relkind = 'p' AND c.relname = 'hp'))
	ORDER BY n.nspname, c.relname
	\gexec
	SELECT format('SELECT %L, last_value, is_called FROM %I.%I',
	  c.relname, n.nspname, c.relname)
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind = 'S' ORDER BY n.nspname, c.relname
	\gexec
	SELECT oid, md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY 1;
	SQL
}
