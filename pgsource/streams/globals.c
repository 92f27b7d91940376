/* SPDX-License-Identifier: PostgreSQL */
/*
 * globals.c - roles and tablespaces of the cluster, by pg_dumpall.
 *
 * They belong to no database, but a restore elsewhere needs them.  Password
 * hashes are readable for few; without that right the rest is still worth
 * having, and a warning says what is missing.
 */
#include <stdlib.h>
#include <string.h>

#include "pgsource_internal.h"

enum snap_code
globals_dump(struct pgsource *s, struct sink *sink, struct snap_err *err)
{
	char globals[] = "--globals-only", quiet[] = "--no-password";
	char hidden[] = "--no-role-passwords";
	char *program = NULL, *dbname = NULL, *db = NULL, *readable = NULL;
	char *argv[7] = { NULL };
	struct bytes conninfo, text, tmp;
	enum snap_code rc;
	size_t n = 0;

	bytes_init(&conninfo, QUERY_MAX);
	bytes_init(&tmp, QUERY_MAX);
	bytes_init(&text, DDL_MAX);
	rc = conn_value(&s->pg, s->pg.conn,
	    "SELECT pg_catalog.has_table_privilege("
	    "'pg_catalog.pg_authid', 'SELECT')",
	    &readable, err);
	if (rc == SNAP_OK)
		rc = conn_string(&s->pg, &conninfo, err);
	if (rc != SNAP_OK)
		goto out;
	bytes_printf(&tmp, "%spg_dumpall", s->tool.dir);
	bytes_u8(&tmp, 0);
	program = tmp.bad ? NULL : conn_strdup((const char *)tmp.p);
	bytes_clear(&tmp);
	bytes_printf(&tmp, "--dbname=%s", (const char *)conninfo.p);
	bytes_u8(&tmp, 0);
	dbname = tmp.bad ? NULL : conn_strdup((const char *)tmp.p);
	bytes_clear(&tmp);
	/* A name with "=" would be read as a conninfo string; so be it one. */
	bytes_put_str(&tmp, "--database=dbname=");
	conn_quote(&tmp, PQdb(s->pg.conn));
	bytes_u8(&tmp, 0);
	db = tmp.bad ? NULL : conn_strdup((const char *)tmp.p);
	if (program == NULL || dbname == NULL || db == NULL) {
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
		goto out;
	}
	argv[n++] = program;
	argv[n++] = globals;
	argv[n++] = quiet;
	argv[n++] = dbname;
	argv[n++] = db;
	if (s->o.no_role_passwords || readable[0] != 't')
		argv[n++] = hidden;
	if (!s->o.no_role_passwords && readable[0] != 't')
		src_warn(s,
		    "%s may not read pg_authid: the passwords of the "
		    "roles are left out",
		    s->pg.user);
	rc = child_output(&s->pg, argv, -1, -1, true, &text, err);
	if (rc != SNAP_OK)
		goto out;
	child_clean_sql(&text);
	rc = push_stream(
	    sink, STREAM_GLOBALS, "globals", bytes_span(&text), err);
out:
	free(program);
	free(dbname);
	free(db);
	free(readable);
	bytes_fini(&conninfo);
	bytes_fini(&tmp);
	bytes_fini_wipe(&text);
	if (rc != SNAP_OK && rc != SNAP_CANCELLED)
		snap_wrap(err, "roles and tablespaces");
	return rc;
}
