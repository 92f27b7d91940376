/* SPDX-License-Identifier: PostgreSQL */
/*
 * patterns.c - the patterns of psql and pg_dump, resolved to OIDs.
 *
 * pg_dump gets the same patterns for the DDL, so the two must agree: "*" and
 * "?" are wildcards, a dot parts schema from name, letters are folded to
 * lower case unless double-quoted, and the rest is a regular expression.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgsource_internal.h"

/* The database in front of a pattern, folded like a name but never a regex. */
static void
pattern_database(const char *pattern, struct bytes *out)
{
	bool quoted = false;
	const char *p;

	for (p = pattern; *p != '\0' && (quoted || *p != '.'); p++) {
		if (*p == '"' && !(quoted && p[1] == '"')) {
			quoted = !quoted;
			continue;
		}
		if (*p == '"')
			p++;
		bytes_u8(out, !quoted && *p >= 'A' && *p <= 'Z'
				  ? (uint8_t)(*p - 'A' + 'a')
				  : (uint8_t)*p);
	}
	bytes_u8(out, 0);
}

/* Dots that pg_dump takes: the first of the most names a database. */
static enum snap_code
check_dots(struct pgsource *s, const char *pattern, int dots, int most,
    struct snap_err *err)
{
	struct bytes db;
	enum snap_code rc;

	if (dots > most)
		return snap_fail(err, SNAP_USAGE,
		    "improper qualified name (too many dotted names)");
	if (dots < most)
		return SNAP_OK;
	bytes_init(&db, QUERY_MAX);
	pattern_database(pattern, &db);
	rc = bytes_check(&db, err);
	if (rc == SNAP_OK && strcmp((const char *)db.p, PQdb(s->pg.conn)) != 0)
		rc = snap_fail(err, SNAP_USAGE, "this is not database %s",
		    (const char *)db.p);
	bytes_fini(&db);
	return rc;
}

void
pattern_match(struct pgclient *pg, struct bytes *sql, const char *col,
    const struct bytes *regex)
{
	char *lit = regex->bad ? NULL
			       : PQescapeLiteral(pg->conn,
				     (const char *)regex->p, regex->len - 1);

	if (lit == NULL) {
		sql->bad = true;
		return;
	}
	bytes_printf(sql, "%s OPERATOR(pg_catalog.~) %s", col, lit);
	if (pg->server_num >= 120000)
		bytes_put_str(sql, " COLLATE pg_catalog.default");
	PQfreemem(lit);
}

/* The OIDs of one pattern as "{1,2}", sorted. */
static enum snap_code
resolve_one(struct pgsource *s, const char *pattern, bool tables, char **out,
    struct snap_err *err)
{
	struct bytes schema, name, sql;
	enum snap_code rc;
	int dots;

	bytes_init(&schema, QUERY_MAX);
	bytes_init(&name, QUERY_MAX);
	bytes_init(&sql, QUERY_MAX);
	dots = pattern_regex(pattern, &schema, &name);
	rc = check_dots(s, pattern, dots, tables ? 2 : 1, err);
	if (rc != SNAP_OK)
		goto out;
	if (tables) {
		bytes_put_str(&sql,
		    "SELECT coalesce(pg_catalog.array_agg(c.oid ORDER BY"
		    " c.oid), '{}') FROM pg_catalog.pg_class c"
		    " JOIN pg_catalog.pg_namespace n"
		    " ON n.oid = c.relnamespace"
		    " WHERE c.relkind IN ('r', 'S', 'v', 'm', 'f', 'p') AND ");
		if (dots == 0)
			bytes_put_str(
			    &sql, "pg_catalog.pg_table_is_visible(c.oid)");
		else
			pattern_match(&s->pg, &sql, "n.nspname", &schema);
		bytes_put_str(&sql, " AND ");
		pattern_match(&s->pg, &sql, "c.relname", &name);
	} else {
		bytes_put_str(&sql,
		    "SELECT coalesce(pg_catalog.array_agg(n.oid ORDER BY"
		    " n.oid), '{}') FROM pg_catalog.pg_namespace n WHERE ");
		pattern_match(&s->pg, &sql, "n.nspname", &name);
	}
	/* pg_dump would take the catalogs, which no restore can. */
	bytes_put_str(&sql, " AND n.nspname !~ '^pg_'"
			    " AND n.nspname <> 'information_schema'");
	bytes_u8(&sql, 0);
	rc = bytes_check(&sql, err);
	if (rc == SNAP_OK)
		rc = conn_value(
		    &s->pg, s->pg.conn, (const char *)sql.p, out, err);
out:
	bytes_fini(&schema);
	bytes_fini(&name);
	bytes_fini(&sql);
	if (rc != SNAP_OK)
		snap_wrap(err, "pattern %s", pattern);
	return rc;
}

/* A list of patterns as one array; *out stays NULL for a list not given. */
static enum snap_code
resolve_list(struct pgsource *s, const char *const *list, bool tables,
    bool must_match, char **out, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct bytes all;
	char *one = NULL;
	size_t len;

	if (list == NULL || list[0] == NULL)
		return SNAP_OK;
	bytes_init(&all, QUERY_MAX);
	bytes_u8(&all, '{');
	for (; *list != NULL; list++) {
		rc = resolve_one(s, *list, tables, &one, err);
		if (rc != SNAP_OK)
			goto out;
		len = strlen(one);
		if (len > 2) {
			if (all.len > 1)
				bytes_u8(&all, ',');
			bytes_put(&all, one + 1, len - 2);
		} else if (must_match) {
			(void)snap_fail(err, SNAP_USAGE,
			    "no %s matches the pattern %s",
			    tables ? "table" : "schema", *list);
			rc = snap_hint(err, "In psql it is: \\%s %s",
			    tables ? "dt" : "dn", *list);
			goto out;
		}
	}
	bytes_put_str(&all, "}");
	bytes_u8(&all, 0);
	rc = bytes_check(&all, err);
	if (rc != SNAP_OK)
		goto out;
	*out = conn_strdup((const char *)all.p);
	if (*out == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
out:
	free(one);
	bytes_fini(&all);
	return rc;
}

/* Names without a schema mean what the user's own search_path shows. */
enum snap_code
patterns_resolve(struct pgsource *s, struct snap_err *err)
{
	const struct pgsource_opts *o = &s->o;
	struct selection *sel = &s->sel;
	enum snap_code rc;

	selection_free(sel);
	rc = conn_exec(&s->pg, s->pg.conn, "RESET search_path", NULL, err);
	if (rc == SNAP_OK)
		rc = resolve_list(
		    s, o->schemas, false, true, &sel->schemas, err);
	if (rc == SNAP_OK)
		rc = resolve_list(s, o->exclude_schemas, false, false,
		    &sel->exclude_schemas, err);
	if (rc == SNAP_OK)
		rc = resolve_list(s, o->tables, true, true, &sel->tables, err);
	if (rc == SNAP_OK)
		rc = resolve_list(s, o->exclude_tables, true, false,
		    &sel->exclude_tables, err);
	if (rc == SNAP_OK)
		rc = resolve_list(s, o->exclude_table_data, true, false,
		    &sel->exclude_data, err);
	if (rc == SNAP_OK)
		rc = conn_exec(&s->pg, s->pg.conn,
		    "SELECT pg_catalog.set_config('search_path', '', false)",
		    NULL, err);
	return rc;
}

void
selection_free(struct selection *sel)
{
	free(sel->schemas);
	free(sel->exclude_schemas);
	free(sel->tables);
	free(sel->exclude_tables);
	free(sel->exclude_data);
	memset(sel, 0, sizeof *sel);
}
