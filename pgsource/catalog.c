/* SPDX-License-Identifier: PostgreSQL */
/*
 * catalog.c - which tables hold rows of ours, and how to copy each.
 *
 * The rules are pg_dump's: plain tables and leaf partitions only, members of
 * extensions only when the extension says so, columns by name and never the
 * dropped or generated ones.  Names are quoted by the server.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgsource_internal.h"

bool
include_everything(const struct pgsource *s)
{
	return s->sel.schemas == NULL && s->sel.tables == NULL;
}

static void
put_any(struct bytes *b, const char *what, const char *col, const char *oids)
{
	bytes_printf(
	    b, " %s %s = ANY ('%s'::pg_catalog.oid[])", what, col, oids);
}

/* pg_dump's selectDumpableTable(): -t beats -n and -N, -T beats all. */
void
catalog_filter(const struct pgsource *s, struct bytes *b)
{
	const struct selection *sel = &s->sel;

	bytes_put_str(b, " (n.nspname !~ '^pg_' AND"
			 " n.nspname <> 'information_schema'");
	if (sel->tables != NULL)
		put_any(b, "AND", "c.oid", sel->tables);
	else if (sel->schemas != NULL)
		put_any(b, "AND", "n.oid", sel->schemas);
	if (sel->tables == NULL && sel->exclude_schemas != NULL)
		put_any(b, "AND NOT", "n.oid", sel->exclude_schemas);
	if (sel->exclude_tables != NULL)
		put_any(b, "AND NOT", "c.oid", sel->exclude_tables);
	bytes_put_str(b, ")");
}

/* Configuration tables follow their extension, which -n and -t leave out. */
static void
put_config_filter(const struct pgsource *s, struct bytes *b)
{
	const struct selection *sel = &s->sel;

	bytes_printf(b, " (e.oid IS NOT NULL AND (%s",
	    include_everything(s) ? "true" : "false");
	if (sel->tables != NULL)
		put_any(b, "OR", "c.oid", sel->tables);
	if (sel->schemas != NULL)
		put_any(b, "OR", "n.oid", sel->schemas);
	bytes_put_str(b, ")");
	if (sel->exclude_tables != NULL)
		put_any(b, "AND NOT", "c.oid", sel->exclude_tables);
	if (sel->exclude_schemas != NULL)
		put_any(b, "AND NOT", "n.oid", sel->exclude_schemas);
	bytes_put_str(b, ")");
}

/*
 * Leaf partitions whose rows a restore must route again from the topmost
 * table: hashes of enums (and of what may contain them) depend on OIDs, which
 * differ in the restored database.
 */
static const char with_routed[] =
    "WITH RECURSIVE up(leaf, rel) AS ("
    " SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits i"
    " JOIN pg_catalog.pg_class k ON k.oid = i.inhrelid"
    " WHERE k.relispartition AND k.relkind = 'r'"
    " UNION ALL SELECT up.leaf, i.inhparent FROM up"
    " JOIN pg_catalog.pg_class k ON k.oid = up.rel AND k.relispartition"
    " JOIN pg_catalog.pg_inherits i ON i.inhrelid = up.rel),"
    " unsafe(rel) AS (SELECT DISTINCT p.partrelid"
    " FROM pg_catalog.pg_partitioned_table p"
    " JOIN pg_catalog.pg_opclass o ON o.oid = ANY (p.partclass)"
    " JOIN pg_catalog.pg_opfamily f ON f.oid = o.opcfamily"
    " WHERE p.partstrat = 'h' AND f.opfname IN ('enum_ops', 'array_ops',"
    " 'record_ops', 'range_ops', 'multirange_ops')),"
    " routed(leaf, root) AS (SELECT u.leaf, t.rel FROM up t"
    " JOIN pg_catalog.pg_class k ON k.oid = t.rel AND NOT k.relispartition"
    " JOIN (SELECT DISTINCT up.leaf FROM up JOIN unsafe"
    " ON unsafe.rel = up.rel) u ON u.leaf = t.leaf),";

/*
 * Depth of foreign keys among configuration tables: these keys exist before
 * the rows do, so the referenced table has to come first.
 */
static const char with_config[] =
    " config(rel, ext, cond) AS (SELECT x.rel, e.oid, e.extcondition[x.i]"
    " FROM pg_catalog.pg_extension e,"
    " pg_catalog.unnest(e.extconfig) WITH ORDINALITY x(rel, i)),"
    " fk(rel, ref) AS (SELECT DISTINCT k.conrelid, k.confrelid"
    " FROM pg_catalog.pg_constraint k"
    " JOIN config a ON a.rel = k.conrelid"
    " JOIN config b ON b.rel = k.confrelid"
    " WHERE k.contype = 'f' AND k.conrelid <> k.confrelid),"
    " depth(rel, d) AS (SELECT ref, 0 FROM fk"
    " UNION SELECT fk.rel, depth.d + 1 FROM depth"
    " JOIN fk ON fk.ref = depth.rel WHERE depth.d < 9)"
    " SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname),"
    " (SELECT pg_catalog.max(d) FROM depth WHERE depth.rel = c.oid),"
    " (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', '"
    " ORDER BY a.attnum) FROM pg_catalog.pg_attribute a"
    " WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped";

/* Whether a table that is just being dropped can be read is not known: its
 * lock will tell. */
static void
put_query(const struct pgsource *s, bool with_sizes, struct bytes *b)
{
	const char *heap =
	    s->pg.server_num >= 120000
		? "(SELECT m.amname = 'heap' FROM pg_catalog.pg_am m"
		  " WHERE m.oid = c.relam)"
		: "true";

	bytes_put_str(b, with_routed);
	bytes_put_str(b, with_config);
	if (s->pg.server_num >= 120000)
		bytes_put_str(b, " AND a.attgenerated = ''");
	bytes_put_str(b,
	    "),"
	    " (SELECT pg_catalog.format('%I.%I', rn.nspname, rc.relname)"
	    " FROM routed JOIN pg_catalog.pg_class rc ON rc.oid = routed.root"
	    " JOIN pg_catalog.pg_namespace rn ON rn.oid = rc.relnamespace"
	    " WHERE routed.leaf = c.oid");
	if (s->sel.tables != NULL)
		put_any(b, "AND", "rc.oid", s->sel.tables);
	else if (s->sel.schemas != NULL)
		put_any(b, "AND", "rn.oid", s->sel.schemas);
	bytes_printf(b,
	    "), g.cond, c.relfilenode, %s, %s, %s,"
	    " coalesce(pg_catalog.has_table_privilege(c.oid, 'SELECT') AND"
	    " pg_catalog.has_schema_privilege(n.oid, 'USAGE'), true),"
	    " pg_catalog.row_security_active(c.oid), c.relpersistence = 'u'"
	    " FROM pg_catalog.pg_class c"
	    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	    " LEFT JOIN pg_catalog.pg_depend e0 ON e0.classid ="
	    " 'pg_catalog.pg_class'::pg_catalog.regclass"
	    " AND e0.objid = c.oid AND e0.objsubid = 0 AND e0.deptype = 'e'"
	    " LEFT JOIN config g ON g.rel = c.oid"
	    " LEFT JOIN pg_catalog.pg_extension e ON e.oid = g.ext"
	    " WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND ((e0.objid"
	    " IS NULL AND",
	    with_sizes ? "pg_catalog.pg_table_size(c.oid)" : "0",
	    with_sizes ? "pg_catalog.pg_relation_size(c.oid) / pg_catalog."
			 "current_setting('block_size')::pg_catalog.int8"
		       : "0",
	    heap);
	catalog_filter(s, b);
	bytes_put_str(b, ") OR");
	put_config_filter(s, b);
	bytes_put_str(b, ")");
	if (s->sel.exclude_data != NULL)
		put_any(b, "AND NOT", "c.oid", s->sel.exclude_data);
	bytes_u8(b, 0);
}

static bool
is_true(const PGresult *r, int row, int col)
{
	return PQgetvalue(r, row, col)[0] == 't';
}

static bool
table_read(struct table *t, const PGresult *r, int i)
{
	const char *rank = PQgetvalue(r, i, 2);
	size_t len;

	t->oid = conn_strdup(PQgetvalue(r, i, 0));
	t->name = conn_strdup(PQgetvalue(r, i, 1));
	t->cols = conn_strdup(PQgetvalue(r, i, 3));
	t->target = conn_strdup(
	    PQgetisnull(r, i, 4) ? PQgetvalue(r, i, 1) : PQgetvalue(r, i, 4));
	t->cond = conn_strdup(PQgetvalue(r, i, 5));
	t->filenode = conn_strdup(PQgetvalue(r, i, 6));
	t->size = strtoull(PQgetvalue(r, i, 7), NULL, 10);
	t->blocks = strtoull(PQgetvalue(r, i, 8), NULL, 10);
	t->heap = is_true(r, i, 9);
	t->can_read = is_true(r, i, 10);
	t->row_security = is_true(r, i, 11);
	t->unlogged = is_true(r, i, 12);
	if (t->name == NULL)
		return false;
	len = strlen(t->name) + strlen(rank) + 3;
	t->stream = malloc(len);
	if (t->stream == NULL)
		return false;
	/* A space sorts before any identifier, so ranked ones come first. */
	if (rank[0] != '\0')
		(void)snprintf(t->stream, len, " %s %s", rank, t->name);
	else
		(void)snprintf(t->stream, len, "%s", t->name);
	return t->oid != NULL && t->cols != NULL && t->target != NULL &&
	       t->cond != NULL && t->filenode != NULL;
}

static int
by_stream(const void *a, const void *b)
{
	const struct table *x = a, *y = b;

	return strcmp(x->stream, y->stream);
}

void
tables_trim(struct tables *t, size_t n)
{
	for (; t->n > n; t->n--) {
		struct table *v = &t->v[t->n - 1];

		free(v->oid);
		free(v->name);
		free(v->stream);
		free(v->cols);
		free(v->target);
		free(v->cond);
		free(v->filenode);
		free(v->sums);
	}
}

void
tables_free(struct tables *t)
{
	tables_trim(t, 0);
	free(t->v);
	t->v = NULL;
}

enum snap_code
catalog_tables(struct pgsource *s, bool with_sizes, struct tables *out,
    struct snap_err *err)
{
	struct tables t = { NULL, 0 };
	PGresult *r = NULL;
	struct bytes sql;
	enum snap_code rc;
	int i, n;

	bytes_init(&sql, QUERY_MAX);
	put_query(s, with_sizes, &sql);
	rc = bytes_check(&sql, err);
	if (rc == SNAP_OK)
		rc =
		    conn_exec(&s->pg, s->pg.conn, (const char *)sql.p, &r, err);
	if (rc != SNAP_OK) {
		snap_wrap(err, "list the tables");
		goto out;
	}
	n = PQntuples(r);
	t.v = calloc((size_t)n + 1, sizeof *t.v);
	for (i = 0; t.v != NULL && i < n; i++) {
		t.n++;
		if (!table_read(&t.v[i], r, i))
			break;
	}
	if (t.v == NULL || i < n) {
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
		goto out;
	}
	qsort(t.v, t.n, sizeof *t.v, by_stream);
	tables_free(out);
	*out = t;
	t.v = NULL;
	t.n = 0;
out:
	tables_free(&t);
	PQclear(r);
	bytes_fini(&sql);
	return rc;
}

enum snap_code
catalog_check(struct pgsource *s, const struct tables *t, struct snap_err *err)
{
	const struct table *bad = NULL;
	size_t i, n = 0;

	for (i = 0; i < t->n; i++) {
		if (t->v[i].can_read)
			continue;
		bad = bad == NULL ? &t->v[i] : bad;
		n++;
	}
	if (bad != NULL) {
		if (n > 1)
			snap_fail(err, SNAP_SOURCE,
			    "no right to read table %s (and %zu more)",
			    bad->name, n - 1);
		else
			snap_fail(err, SNAP_SOURCE, "no right to read table %s",
			    bad->name);
		snap_detail(err, "SQLSTATE 42501");
		if (s->pg.server_num >= 140000)
			return snap_hint(
			    err, "GRANT pg_read_all_data TO %s", s->pg.user);
		return snap_hint(err,
		    "GRANT USAGE on its schema and GRANT SELECT ON %s TO %s",
		    bad->name, s->pg.user);
	}
	for (i = 0; i < t->n; i++) {
		if (!t->v[i].row_security)
			continue;
		snap_fail(err, SNAP_SOURCE,
		    "row security hides rows of table %s from %s", t->v[i].name,
		    s->pg.user);
		snap_detail(err, "SQLSTATE 42501");
		return snap_hint(err, "ALTER ROLE %s BYPASSRLS", s->pg.user);
	}
	return SNAP_OK;
}
