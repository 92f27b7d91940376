/* SPDX-License-Identifier: PostgreSQL */
/*
 * asserts.c - what the user says has to be true, run by psql.
 *
 * A row of a result says it in its last column; what is in front of that is
 * for people.  NULL is not true.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgverify_internal.h"

#define SAID_MAX 200 /* bytes of a line that are shown */

static bool
is_false(struct span line)
{
	return line.len > 0 && line.p[line.len - 1] == 'f' &&
	       (line.len == 1 || line.p[line.len - 2] == '|');
}

static void
judge(struct pgverify *v, const char *path, struct span out)
{
	size_t n = 0;

	while (out.len > 0) {
		const uint8_t *end = memchr(out.p, '\n', out.len);
		struct span line = span_of(
		    out.p, end != NULL ? (size_t)(end - out.p) : out.len);

		n++;
		v->count.n_assertions++;
		if (is_false(line))
			verify_found(v, 0, span_str(path),
			    "line %zu of its results is false: %.*s", n,
			    (int)(line.len < SAID_MAX ? line.len : SAID_MAX),
			    (const char *)line.p);
		out = span_of(out.p + line.len, out.len - line.len);
		if (out.len > 0)
			out = span_of(out.p + 1, out.len - 1);
	}
}

/*
 * A status of 1 or 3 is the file's, and 2 that of a connection that was lost;
 * but for one that was lost between two statements psql ends with 3 as well.
 */
static bool
is_of_file(struct pgverify *v, const struct snap_err *err)
{
	static const char *const lost[] = { " failed with status 2",
		"terminating connection", "closed the connection",
		"connection to server was lost" };
	struct snap_err ignored;
	PGconn *c = NULL;
	enum snap_code rc;

	if (err->code != SNAP_SOURCE ||
	    strstr(err->msg, " failed with status ") == NULL)
		return false;
	for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++)
		if (strstr(err->msg, lost[i]) != NULL ||
		    strstr(err->detail, lost[i]) != NULL)
			return false;
	rc = verify_take(v, &c, &ignored);
	if (rc == SNAP_OK)
		rc = conn_exec(&v->pg, c, "SELECT 1", NULL, &ignored);
	verify_give(v, c);
	return rc == SNAP_OK;
}

static enum snap_code
run_psql(struct pgverify *v, const struct pgtool *psql, const char *path,
    struct bytes *out, struct snap_err *err)
{
	struct pgclient there = v->pg;
	struct args a = { NULL, 0, 0, false };
	struct bytes conninfo;
	enum snap_code rc;

	there.database = v->name;
	bytes_init(&conninfo, QUERY_MAX);
	rc = conn_string(&there, &conninfo, err);
	if (rc != SNAP_OK)
		goto out;
	args_add(&a, psql->path, "");
	args_add(&a, "-XAtq", "");
	args_add(&a, "--no-password", "");
	args_add(&a, "--set=ON_ERROR_STOP=1", "");
	args_add(&a, "--pset=null=f", "");
	args_add(&a, "--file=", path);
	args_add(&a, "--dbname=", (const char *)conninfo.p);
	rc = a.bad ? snap_fail(err, SNAP_NOMEM, "out of memory")
		   : child_output(&there, a.v, -1, -1, true, out, err);
out:
	args_free(&a);
	bytes_fini(&conninfo);
	return rc;
}

enum snap_code
pgverify_assert(struct pgverify *v, const char *path,
    struct pgverify_count *out, struct snap_err *err)
{
	struct pgtool_want want = {
		.program = "psql", .path = v->o.psql, .because = "the server is"
	};
	struct pgtool psql = { NULL, NULL, 0 };
	struct bytes text;
	enum snap_code rc;

	bytes_init(&text, QUERY_MAX);
	rc = tools_find(&v->pg, &want, &psql, err);
	if (rc == SNAP_OK)
		rc = run_psql(v, &psql, path, &text, err);
	if (rc == SNAP_OK) {
		judge(v, path, bytes_span(&text));
	} else if (is_of_file(v, err)) {
		verify_found(v, 0, span_str(path), "%s",
		    err->detail[0] != '\0' ? err->detail : err->msg);
		rc = SNAP_OK;
	}
	tools_free(&psql);
	bytes_fini(&text);
	*out = v->count;
	return rc;
}
