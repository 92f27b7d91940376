/* SPDX-License-Identifier: PostgreSQL */
/*
 * props.c - what a snapshot records about its source, and the warnings for
 * what the user of the backup cannot see.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgsource_internal.h"

#define MAX_PROPS 24
#define WARNINGS_MAX ((size_t)1 << 18) /* bytes of text in a snapshot */

void
src_warn(struct pgsource *s, const char *fmt, ...)
{
	char line[SNAP_ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	report_log(s->pg.o.report, REPORT_WARNING, "%s", line);
	pthread_mutex_lock(&s->lock);
	/* All are counted, and what the snapshot keeps are the first ones. */
	if (s->n_warnings == s->n_kept &&
	    s->warnings.len + strlen(line) < WARNINGS_MAX) {
		bytes_printf(
		    &s->warnings, "%s%s", s->n_warnings == 0 ? "" : "\n", line);
		s->n_kept++;
	}
	s->n_warnings++;
	pthread_mutex_unlock(&s->lock);
}

static enum snap_code
add(struct pgsource *s, const char *key, const char *value,
    struct snap_err *err)
{
	char *copy = conn_strdup(value);

	if (copy != NULL && s->props == NULL)
		s->props = calloc(MAX_PROPS, sizeof *s->props);
	if (copy == NULL || s->props == NULL || s->n_props == MAX_PROPS) {
		free(copy);
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	}
	s->props[s->n_props].key = key;
	s->props[s->n_props++].value = copy;
	return SNAP_OK;
}

void
props_free(struct pgsource *s)
{
	size_t i;

	for (i = 0; i < s->n_props; i++)
		free((void *)(uintptr_t)s->props[i].value);
	free(s->props);
	s->props = NULL;
	s->n_props = 0;
}

static const struct query {
	const char *key, *sql;
	int since;     /* server version */
	bool may_fail; /* a right or a function that not everybody has */
} queries[] = {
	{ "collation-versions",
	    "SELECT pg_catalog.string_agg(v, ', ' ORDER BY v) FROM (SELECT"
	    " DISTINCT collprovider::text || ' ' || collversion AS v FROM"
	    " pg_catalog.pg_collation WHERE collversion IS NOT NULL) x",
	    100000, true },
	{ "database", "SELECT pg_catalog.current_database()", 0, false },
	{ "encoding", "SELECT pg_catalog.current_setting('server_encoding')", 0,
	    false },
	{ "extensions",
	    "SELECT pg_catalog.string_agg(extname || ' ' || extversion, ', '"
	    " ORDER BY extname) FROM pg_catalog.pg_extension",
	    0, false },
	{ "locale",
	    "SELECT datcollate || ' ' || datctype FROM pg_catalog.pg_database"
	    " WHERE datname = pg_catalog.current_database()",
	    0, true },
	{ "lsn",
	    "SELECT CASE WHEN pg_catalog.pg_is_in_recovery()"
	    " THEN pg_catalog.pg_last_wal_replay_lsn()"
	    " ELSE pg_catalog.pg_current_wal_lsn() END",
	    0, true },
	/* One entry per relation that is created, and one per large object,
	 * function, type and operator that is given its owner. */
	{ "restore-locks",
	    "WITH e AS (SELECT classid, objid FROM pg_catalog.pg_depend"
	    " WHERE deptype = 'e')"
	    " SELECT (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class"
	    " WHERE oid >= 16384) + (SELECT pg_catalog.count(*) FROM"
	    " pg_catalog.pg_largeobject_metadata) + (SELECT"
	    " pg_catalog.count(*) FROM pg_catalog.pg_proc WHERE oid >= 16384"
	    " AND (1255, oid) NOT IN (SELECT classid, objid FROM e)) +"
	    " (SELECT pg_catalog.count(*) FROM pg_catalog.pg_type"
	    " WHERE oid >= 16384 AND typrelid = 0 AND typcategory <> 'A'"
	    " AND (1247, oid) NOT IN (SELECT classid, objid FROM e)) +"
	    " (SELECT pg_catalog.count(*) FROM pg_catalog.pg_operator"
	    " WHERE oid >= 16384"
	    " AND (2617, oid) NOT IN (SELECT classid, objid FROM e))",
	    0, false },
	{ "server-version",
	    "SELECT pg_catalog.current_setting('server_version')", 0, false },
	{ "snapshot-time",
	    "SELECT pg_catalog.to_char(pg_catalog.now() AT TIME ZONE 'UTC',"
	    " 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
	    0, false },
	{ "timeline",
	    "SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()", 0,
	    true },
};

/* A query that may fail would abort the snapshot's transaction. */
static enum snap_code
ask(struct pgsource *s, const struct query *q, char **v, struct snap_err *err)
{
	struct snap_err why = SNAP_ERR_INIT;
	enum snap_code rc;

	if (!q->may_fail)
		return conn_value(&s->pg, s->pg.conn, q->sql, v, err);
	rc = conn_exec(&s->pg, s->pg.conn, "SAVEPOINT snap", NULL, err);
	if (rc != SNAP_OK)
		return rc;
	rc = conn_value(&s->pg, s->pg.conn, q->sql, v, &why);
	if (rc == SNAP_OK)
		return conn_exec(
		    &s->pg, s->pg.conn, "RELEASE SAVEPOINT snap", NULL, err);
	if (PQstatus(s->pg.conn) != CONNECTION_OK) {
		*err = why;
		return rc;
	}
	return conn_exec(&s->pg, s->pg.conn,
	    "ROLLBACK TO SAVEPOINT snap; RELEASE SAVEPOINT snap", NULL, err);
}

/* What pg_dump leaves out for those who may not see it, without a word. */
static enum snap_code
warn_invisible(struct pgsource *s, struct snap_err *err)
{
	char *v = NULL;
	enum snap_code rc;

	rc = conn_value(&s->pg, s->pg.conn,
	    "SELECT rolsuper FROM pg_catalog.pg_roles"
	    " WHERE rolname = current_user",
	    &v, err);
	if (rc != SNAP_OK || v[0] == 't')
		goto out;
	rc = conn_value(&s->pg, s->pg.conn,
	    "SELECT pg_catalog.count(subdbid) FROM pg_catalog.pg_subscription"
	    " WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database"
	    " WHERE datname = pg_catalog.current_database())",
	    &v, err);
	if (rc == SNAP_OK && strcmp(v, "0") != 0)
		src_warn(s, "subscriptions are left out: only a superuser "
			    "can dump them");
	if (rc == SNAP_OK)
		rc = conn_value(&s->pg, s->pg.conn,
		    "SELECT pg_catalog.count(*) FROM"
		    " pg_catalog.pg_user_mappings WHERE umoptions IS NULL",
		    &v, err);
	if (rc == SNAP_OK && strcmp(v, "0") != 0)
		src_warn(s,
		    "options of %s user mappings may be left out: "
		    "%s cannot see them",
		    v, s->pg.user);
out:
	free(v);
	return rc;
}

/* In the snapshot's transaction, before rows are copied. */
enum snap_code
props_collect(struct pgsource *s, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	char *v = NULL;
	size_t i;

	props_free(s);
	for (i = 0; i < sizeof queries / sizeof queries[0]; i++) {
		if (s->pg.server_num < queries[i].since)
			continue;
		rc = ask(s, &queries[i], &v, err);
		if (rc == SNAP_OK && v != NULL)
			rc = add(s, queries[i].key, v, err);
		free(v);
		v = NULL;
		if (rc != SNAP_OK)
			return snap_wrap(err, "%s", queries[i].key);
	}
	return warn_invisible(s, err);
}

static int
by_key(const void *a, const void *b)
{
	const struct pgsource_property *x = a, *y = b;

	return strcmp(x->key, y->key);
}

/* At the end: what only the end knows; then in order. */
enum snap_code
props_finish(struct pgsource *s, struct snap_err *err)
{
	char text[32];
	enum snap_code rc;

	(void)snprintf(text, sizeof text, "%d.%d", s->tool.num / 10000,
	    s->tool.num % 10000);
	rc = add(s, "pg-dump-version", text, err);
	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)s->sysid);
	if (rc == SNAP_OK)
		rc = add(s, "system-identifier", text, err);
	if (rc == SNAP_OK && s->n_warnings > 0) {
		if (s->n_warnings > s->n_kept)
			bytes_printf(&s->warnings, "\n... and %zu more",
			    s->n_warnings - s->n_kept);
		bytes_u8(&s->warnings, 0);
		rc = bytes_check(&s->warnings, err);
		if (rc == SNAP_OK)
			rc = add(
			    s, "warnings", (const char *)s->warnings.p, err);
	}
	if (rc == SNAP_OK)
		qsort(s->props, s->n_props, sizeof *s->props, by_key);
	return rc;
}
