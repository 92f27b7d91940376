/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgcluster.c - the databases of a server, its roles and tablespaces.
 *
 * What pg_dumpall passes over without a word, a database that takes no
 * connections or that a broken DROP left behind, is a warning here: somebody
 * may believe it to be in the backup.
 */
#include <stdlib.h>
#include <string.h>

#include "pgcluster.h"
#include "pgsource_internal.h"

struct reading {
	const struct pgcluster_opts *o;
	struct pgclient pg;
	struct pgtool tool;
	struct pgcluster *c;
};

static void
warn_line(void *arg, const char *line)
{
	struct reading *r = arg;

	report_log(r->pg.o.report, REPORT_WARNING, "%s", line);
	r->c->n_warnings++;
}

static enum snap_code
reach(struct reading *r, struct snap_err *err)
{
	struct snap_err again = SNAP_ERR_INIT;
	enum snap_code rc;

	if (pgclient_names_database(r->o->server.dbname))
		return conn_open(&r->pg, err);
	r->pg.o.database = "postgres";
	rc = conn_open(&r->pg, err);
	if (rc != SNAP_SOURCE)
		return rc;
	r->pg.o.database = "template1";
	return conn_open(&r->pg, &again) == SNAP_OK ? SNAP_OK : rc;
}

/* A condition for each pattern that excludes. */
static enum snap_code
put_excluded(struct reading *r, struct bytes *sql, struct snap_err *err)
{
	const char *const *p = r->o->exclude;
	struct bytes schema, name;
	enum snap_code rc = SNAP_OK;

	bytes_init(&schema, QUERY_MAX);
	bytes_init(&name, QUERY_MAX);
	for (; rc == SNAP_OK && p != NULL && *p != NULL; p++) {
		if (pattern_regex(*p, &schema, &name) > 0) {
			rc = snap_fail(err, SNAP_USAGE,
			    "pattern %s: the name of a database has no dot",
			    *p);
			(void)snap_hint(
			    err, "Put the name into double quotes.");
			break;
		}
		bytes_put_str(sql, " AND NOT ");
		pattern_match(&r->pg, sql, "datname", &name);
	}
	bytes_fini(&schema);
	bytes_fini(&name);
	return rc;
}

static enum snap_code
take_databases(struct reading *r, const PGresult *list, struct snap_err *err)
{
	int i, n = PQntuples(list);
	struct pgcluster *c = r->c;

	c->databases = calloc((size_t)n + 1, sizeof *c->databases);
	if (c->databases == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (i = 0; i < n; i++) {
		const char *name = PQgetvalue(list, i, 0);
		const char *state = PQgetvalue(list, i, 1);

		if (*state != '\0') {
			report_log(r->pg.o.report, REPORT_WARNING,
			    "database \"%s\" %s: it is left out", name, state);
			c->n_warnings++;
			continue;
		}
		c->databases[c->n_databases] = conn_strdup(name);
		if (c->databases[c->n_databases] == NULL)
			return snap_fail(err, SNAP_NOMEM, "out of memory");
		c->n_databases++;
	}
	return SNAP_OK;
}

static enum snap_code
list_databases(struct reading *r, struct snap_err *err)
{
	PGresult *list = NULL;
	struct bytes sql;
	enum snap_code rc;

	bytes_init(&sql, QUERY_MAX);
	bytes_put_str(&sql,
	    "SELECT datname, CASE WHEN datconnlimit = -2 THEN"
	    " 'is left over from a DROP that broke off'"
	    " WHEN NOT datallowconn THEN 'allows no connections' ELSE '' END"
	    " FROM pg_catalog.pg_database WHERE datname <> 'template0'");
	rc = put_excluded(r, &sql, err);
	bytes_put_str(&sql, " ORDER BY datname");
	bytes_u8(&sql, 0);
	if (rc == SNAP_OK)
		rc = bytes_check(&sql, err);
	if (rc == SNAP_OK)
		rc = conn_exec(
		    &r->pg, r->pg.conn, (const char *)sql.p, &list, err);
	if (rc == SNAP_OK)
		rc = take_databases(r, list, err);
	PQclear(list);
	bytes_fini(&sql);
	return rc;
}

static enum snap_code
read_globals(struct reading *r, struct snap_err *err)
{
	struct pgtool_want want = { .program = "pg_dump",
		.path = r->o->pg_dump,
		.at_least = r->pg.server_num,
		.because = "the server is" };
	bool hidden = false;
	enum snap_code rc;

	rc = tools_find(&r->pg, &want, &r->tool, err);
	if (rc == SNAP_OK)
		rc = globals_read(&r->pg, &r->tool, r->o->no_role_passwords,
		    &hidden, &r->c->globals, err);
	if (rc == SNAP_OK && hidden) {
		report_log(
		    r->pg.o.report, REPORT_WARNING, GLOBALS_HIDDEN, r->pg.user);
		r->c->n_warnings++;
	}
	return rc;
}

enum snap_code
pgcluster_read(const struct pgcluster_opts *opts, struct pgcluster *out,
    struct snap_err *err)
{
	struct pgcluster c = { .system_identifier = 0 };
	struct reading r = { .o = opts, .c = &c };
	enum snap_code rc;

	bytes_init(&c.globals, DDL_MAX);
	r.pg = (struct pgclient){
		.o = opts->server, .arg = &r, .warn = warn_line
	};
	if ((rc = reach(&r, err)) != SNAP_OK)
		goto out;
	c.system_identifier = server_identity(&r.pg);
	if ((rc = list_databases(&r, err)) == SNAP_OK)
		rc = read_globals(&r, err);
out:
	conn_close(&r.pg);
	tools_free(&r.tool);
	if (rc == SNAP_OK)
		*out = c;
	else
		pgcluster_fini(&c);
	return rc;
}

void
pgcluster_fini(struct pgcluster *c)
{
	for (size_t i = 0; i < c->n_databases; i++)
		free(c->databases[i]);
	free(c->databases);
	bytes_fini_wipe(&c->globals);
	*c = (struct pgcluster){ .system_identifier = 0 };
}
