/* SPDX-License-Identifier: PostgreSQL */
/*
 * renamed.c - definitions while names in them mean other schemas.
 *
 * Those names hold for one transaction only, so it is not pg_restore that
 * talks to the server: it writes the SQL, which runs here statement by
 * statement, so that an error can be told with the one that it is about.
 */
#include <stdio.h>

#include "pgtarget_internal.h"

#define SHOWN 200 /* characters of a statement */

static enum snap_code
run_one(struct pgtarget *t, struct span s, struct snap_err *err)
{
	char shown[SHOWN + 1];
	enum snap_code rc = conn_exec_span(&t->pg, t->pg.conn, s, err);
	size_t i;

	if (rc == SNAP_OK || rc == SNAP_CANCELLED)
		return rc;
	for (i = 0; i < SHOWN && i + 1 < s.len; i++)
		shown[i] = s.p[i] < ' ' ? ' ' : (char)s.p[i];
	shown[i] = '\0';
	return snap_wrap(err, "%s", shown);
}

static enum snap_code
run_all(struct pgtarget *t, struct span left, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct span s;

	while (rc == SNAP_OK && (s = sql_statement(&left)).len > 0)
		rc = run_one(t, s, err);
	return rc;
}

/* What pg_restore makes of a part, appended; counted into *n. */
static enum snap_code
read_part(struct pgtarget *t, enum pgarchive_part part, struct bytes *text,
    size_t *n, struct snap_err *err)
{
	const char *options[4] = { "--file=-" };
	struct bytes list, sql;
	enum snap_code rc;
	size_t k = 1;

	if (t->o.no_owner)
		options[k++] = "--no-owner";
	if (t->o.no_tablespaces)
		options[k++] = "--no-tablespaces";
	bytes_init(&list, DDL_MAX);
	bytes_init(&sql, DDL_MAX);
	pgarchive_list(t->o.part, part, &list);
	for (size_t i = 0; i < list.len; i++)
		*n += list.p[i] == '\n';
	rc = bytes_check(&list, err);
	/* An empty list would be taken for none given. */
	if (rc == SNAP_OK && list.len > 0)
		rc = child_pg_restore(
		    &t->pg, t->tool.dir, t->archive, options, &list, &sql, err);
	bytes_put_span(text, bytes_span(&sql));
	bytes_fini(&list);
	bytes_fini(&sql);
	return rc == SNAP_OK ? bytes_check(text, err) : rc;
}

static enum snap_code
run_between(struct pgtarget *t, struct span before, struct span text, size_t n,
    struct snap_err *err)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	enum snap_code rc =
	    conn_exec(&t->pg, t->pg.conn, "BEGIN READ WRITE", NULL, err);

	if (rc == SNAP_OK)
		rc = run_all(t, before, err);
	if (rc == SNAP_OK)
		rc = run_all(t, text, err);
	if (rc == SNAP_OK)
		rc = run_all(t, t->o.renames.after, err);
	if (rc == SNAP_OK) {
		/* What becomes of it nobody may be able to say. */
		target_touch(t);
		rc = conn_exec(&t->pg, t->pg.conn, "COMMIT", NULL, err);
	} else {
		(void)!conn_exec(
		    &t->pg, t->pg.conn, "ROLLBACK", NULL, &ignored);
	}
	t->progress.n_definitions += n;
	t->progress.n_failed += rc != SNAP_OK;
	return rc;
}

enum snap_code
renamed_pre(struct pgtarget *t, struct snap_err *err)
{
	enum snap_code rc;
	struct bytes text;
	size_t n = 0;

	bytes_init(&text, DDL_MAX);
	rc = read_part(t, PGARCHIVE_PRE_DATA, &text, &n, err);
	if (rc == SNAP_OK)
		rc = run_between(
		    t, t->o.renames.before, bytes_span(&text), n, err);
	bytes_fini(&text);
	return rc;
}

enum snap_code
renamed_post(struct pgtarget *t, struct snap_err *err)
{
	enum snap_code rc;
	struct bytes text;
	size_t n = 0;

	bytes_init(&text, DDL_MAX);
	bytes_put_span(&text, bytes_span(&t->sequences));
	rc = read_part(t, PGARCHIVE_POST_DATA, &text, &n, err);
	if (rc == SNAP_OK)
		rc = read_part(t, PGARCHIVE_LAST, &text, &n, err);
	if (rc == SNAP_OK && text.len > 0)
		rc = run_between(
		    t, t->o.renames.again, bytes_span(&text), n, err);
	bytes_fini(&text);
	return rc;
}
