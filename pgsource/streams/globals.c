/* SPDX-License-Identifier: PostgreSQL */
/*
 * globals.c - roles and tablespaces of the cluster, by pg_dumpall.
 *
 * They belong to no database, but a restore elsewhere needs them.  Password
 * hashes are readable for few; without that right the rest is still worth
 * having, and a warning says what is missing.
 */
#include <stdlib.h>

#include "pgsource_internal.h"

/* A word for each that child_output() is given. */
static enum snap_code
globals_args(struct pgclient *pg, const struct pgtool *tool, bool no_passwords,
    struct args *a, struct snap_err *err)
{
	struct bytes conninfo, db;
	enum snap_code rc;

	bytes_init(&conninfo, QUERY_MAX);
	bytes_init(&db, QUERY_MAX);
	rc = conn_string(pg, &conninfo, err);
	if (rc != SNAP_OK)
		goto out;
	/* A name with "=" would be read as a conninfo string; so be it one. */
	bytes_put_str(&db, "--database=dbname=");
	conn_quote(&db, PQdb(pg->conn));
	bytes_u8(&db, 0);
	if ((rc = bytes_check(&db, err)) != SNAP_OK)
		goto out;
	args_add(a, tool->dir, "pg_dumpall");
	args_add(a, "--globals-only", "");
	args_add(a, "--no-password", "");
	args_add(a, "--dbname=", (const char *)conninfo.p);
	args_add(a, (const char *)db.p, "");
	if (no_passwords)
		args_add(a, "--no-role-passwords", "");
	if (a->bad)
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
out:
	bytes_fini(&conninfo);
	bytes_fini(&db);
	return rc;
}

enum snap_code
globals_read(struct pgclient *pg, const struct pgtool *tool, bool no_passwords,
    bool *hidden, struct bytes *out, struct snap_err *err)
{
	struct args a = { NULL, 0, 0, false };
	char *readable = NULL;
	enum snap_code rc;

	rc = conn_value(pg, pg->conn,
	    "SELECT pg_catalog.has_table_privilege("
	    "'pg_catalog.pg_authid', 'SELECT')",
	    &readable, err);
	if (rc == SNAP_OK) {
		*hidden = !no_passwords && readable[0] != 't';
		rc = globals_args(pg, tool, no_passwords || *hidden, &a, err);
	}
	if (rc == SNAP_OK)
		rc = child_output(pg, a.v, -1, -1, true, out, err);
	if (rc == SNAP_OK)
		child_clean_sql(out);
	free(readable);
	args_free(&a);
	if (rc != SNAP_OK && rc != SNAP_CANCELLED)
		snap_wrap(err, "roles and tablespaces");
	return rc;
}

enum snap_code
globals_dump(struct pgsource *s, struct sink *sink, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct bytes text;
	bool hidden = false;

	if (s->o.globals != NULL)
		return push_stream(
		    sink, STREAM_GLOBALS, "globals", *s->o.globals, err);
	bytes_init(&text, DDL_MAX);
	rc = globals_read(
	    &s->pg, &s->tool, s->o.no_role_passwords, &hidden, &text, err);
	if (rc == SNAP_OK && hidden)
		src_warn(s, GLOBALS_HIDDEN, s->pg.user);
	if (rc == SNAP_OK)
		rc = push_stream(
		    sink, STREAM_GLOBALS, "globals", bytes_span(&text), err);
	bytes_fini_wipe(&text);
	return rc;
}
