/* SPDX-License-Identifier: PostgreSQL */
/*
 * sequences.c - the state of every sequence as setval() calls.
 *
 * pg_dump's data section would bring them only together with the rows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgsource_internal.h"

#define BATCH 200
#define MANY "500" /* sequences; from here on pg_dump shall not read them */

/* Those of pg_dump: selected themselves, or owned by a selected table. */
static void
put_list(const struct pgsource *s, struct bytes *b)
{
	bytes_put_str(b,
	    "WITH sel AS (SELECT c.oid FROM pg_catalog.pg_class c"
	    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	    " WHERE");
	catalog_filter(s, b);
	bytes_put_str(b,
	    ") SELECT pg_catalog.format('%I.%I', n.nspname, c.relname),"
	    " pg_catalog.quote_literal("
	    "pg_catalog.format('%I.%I', n.nspname, c.relname)),"
	    " c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery()"
	    " FROM pg_catalog.pg_class c"
	    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	    " WHERE c.relkind = 'S' AND c.relpersistence <> 't'"
	    " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'");
	if (s->sel.exclude_data != NULL)
		bytes_printf(b, " AND NOT c.oid = ANY ('%s'::pg_catalog.oid[])",
		    s->sel.exclude_data);
	bytes_put_str(b,
	    " AND (c.oid IN (SELECT oid FROM sel) OR EXISTS (SELECT 1"
	    " FROM pg_catalog.pg_depend d WHERE d.classid ="
	    " 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid"
	    " AND d.refclassid = d.classid AND d.refobjsubid > 0"
	    " AND d.deptype IN ('a', 'i')"
	    " AND d.refobjid IN (SELECT oid FROM sel)))"
	    " AND (NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d"
	    " WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
	    " AND d.objid = c.oid AND d.deptype = 'e')");
	if (include_everything(s))
		bytes_put_str(b,
		    " OR EXISTS (SELECT 1 FROM pg_catalog.pg_extension e"
		    " WHERE c.oid = ANY (e.extconfig))");
	bytes_put_str(b,
	    ") ORDER BY 3, pg_catalog.format('%I.%I', n.nspname, c.relname)"
	    " COLLATE \"C\"");
	bytes_u8(b, 0);
}

/*
 * pg_dump reads each sequence, although only its data section needs that, and
 * so locks each: with our own locks that is too much for the lock table of a
 * server whose tables all have one.  --exclude-table-data keeps it from it;
 * but a materialized view that a pattern hits would lose its REFRESH.  So a
 * pattern is what sequences are called where nothing else matters has such a
 * name, and else a list.  Few sequences are left alone, as pg_dump has to
 * resolve each pattern.
 */
enum snap_code
sequences_patterns(struct pgsource *s, PGresult **out, struct snap_err *err)
{
	static const char sql[] =
	    "WITH s AS (SELECT '\"' || pg_catalog.replace(n.nspname, '\"',"
	    " '\"\"') || '\".' AS schema, '\"' || pg_catalog.replace("
	    "c.relname, '\"', '\"\"') || '\"' AS name,"
	    " c.relname ~ '_seq$' AND NOT EXISTS (SELECT 1"
	    " FROM pg_catalog.pg_class m WHERE m.relkind = 'm' AND"
	    " m.relnamespace = n.oid AND m.relname ~ '_seq$') AS usual,"
	    " c.oid FROM pg_catalog.pg_class c"
	    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	    " WHERE c.relkind = 'S' AND c.relpersistence <> 't'),"
	    " l AS (SELECT schema, name, pg_catalog.row_number() OVER"
	    " (PARTITION BY schema ORDER BY oid) / 100 AS batch"
	    " FROM s WHERE NOT usual),"
	    " p AS (SELECT schema || '*_seq' FROM s WHERE usual"
	    " GROUP BY schema UNION ALL"
	    " SELECT schema || '(' || pg_catalog.string_agg(name, '|') || ')'"
	    " FROM l GROUP BY schema, batch)"
	    " SELECT * FROM p WHERE (SELECT pg_catalog.count(*) FROM s) > " MANY
	    " LIMIT 100"; /* of a command line */

	return conn_exec(&s->pg, s->pg.conn, sql, out, err);
}

/* As SQL, and what it is to be when that was run. */
static void
put_value(
    struct pgsource *s, const PGresult *list, const PGresult *r, int i, int row)
{
	struct digest_entry e = { .kind = STREAM_SEQUENCES,
		.called = PQgetvalue(r, row, 1)[0] == 't',
		.name = span_str(PQgetvalue(list, i, 0)),
		.value = strtoll(PQgetvalue(r, row, 0), NULL, 10) };

	bytes_printf(&s->setvals, "SELECT pg_catalog.setval(%s, %s, %s);\n",
	    PQgetvalue(list, i, 1), PQgetvalue(r, row, 0),
	    e.called ? "true" : "false");
	digests_put(&s->digests, &e);
}

static enum snap_code
put_batch(struct pgsource *s, const PGresult *list, int from, int to,
    struct snap_err *err)
{
	PGresult *r = NULL;
	struct bytes sql;
	enum snap_code rc;
	int i;

	bytes_init(&sql, QUERY_MAX);
	for (i = from; i < to; i++)
		bytes_printf(&sql, "%sSELECT last_value, is_called FROM %s",
		    i == from ? "" : " UNION ALL ", PQgetvalue(list, i, 0));
	bytes_u8(&sql, 0);
	rc = bytes_check(&sql, err);
	/* Only rolling back gives their locks back before the end; and a
	 * conflict on a standby ends the session, not only the query, where a
	 * savepoint stands. */
	if (rc == SNAP_OK)
		rc = conn_exec(&s->pg, s->pg.conn, "SAVEPOINT seq", NULL, err);
	if (rc == SNAP_OK)
		rc =
		    conn_exec(&s->pg, s->pg.conn, (const char *)sql.p, &r, err);
	if (rc == SNAP_OK)
		rc = conn_exec(&s->pg, s->pg.conn,
		    "ROLLBACK TO SAVEPOINT seq; RELEASE SAVEPOINT seq", NULL,
		    err);
	if (rc == SNAP_OK && PQntuples(r) != to - from)
		rc = snap_fail(err, SNAP_SOURCE, "a sequence has no row");
	for (i = from; rc == SNAP_OK && i < to; i++)
		put_value(s, list, r, i, i - from);
	if (rc != SNAP_OK)
		snap_wrap(err, "read sequences %s to %s",
		    PQgetvalue(list, from, 0), PQgetvalue(list, to - 1, 0));
	PQclear(r);
	bytes_fini(&sql);
	return rc;
}

/* On a standby unlogged ones have no state; they are the last of the list. */
static int
n_readable(const PGresult *list)
{
	int n = PQntuples(list);

	while (n > 0 && PQgetvalue(list, n - 1, 2)[0] == 't')
		n--;
	return n;
}

enum snap_code
sequences_take(struct pgsource *s, struct snap_err *err)
{
	struct bytes sql;
	enum snap_code rc;
	int i, n = 0, to;

	PQclear(s->sequences);
	s->sequences = NULL;
	bytes_clear(&s->setvals);
	digests_begin(&s->digests);
	bytes_init(&sql, QUERY_MAX);
	put_list(s, &sql);
	rc = bytes_check(&sql, err);
	if (rc == SNAP_OK)
		rc = conn_exec(&s->pg, s->pg.conn, (const char *)sql.p,
		    &s->sequences, err);
	if (rc == SNAP_OK)
		n = n_readable(s->sequences);
	for (i = 0; rc == SNAP_OK && i < n; i = to) {
		to = i + BATCH < n ? i + BATCH : n;
		rc = put_batch(s, s->sequences, i, to, err);
	}
	if (rc == SNAP_OK)
		rc = bytes_check(&s->setvals, err);
	bytes_fini(&sql);
	return rc;
}

enum snap_code
sequences_dump(struct pgsource *s, struct sink *sink, struct snap_err *err)
{
	int i = n_readable(s->sequences);

	for (; i < PQntuples(s->sequences); i++)
		src_warn(s,
		    "unlogged sequence %s cannot be read on a standby: its "
		    "value is left out",
		    PQgetvalue(s->sequences, i, 0));
	return push_stream(
	    sink, STREAM_SEQUENCES, "sequences", bytes_span(&s->setvals), err);
}
