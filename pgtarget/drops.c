/* SPDX-License-Identifier: PostgreSQL */
/*
 * drops.c - what is there goes before it is made again.
 */
#include <stdlib.h>
#include <string.h>

#include "pgtarget_internal.h"

/* pg_restore's psql command and settings, which come first. */
static bool
is_session(struct span s)
{
	struct sql_token first = sql_next(&s);

	return first.kind == SQL_OTHER || sql_is(&first, "set");
}

/* What is made has a comment above it that names it; what is dropped has not,
 * and comes first. */
static bool
is_made(struct span all, struct span s)
{
	static const char mark[] = "\n--\n-- Name: ";
	const uint8_t *p = all.p;

	for (; p + sizeof mark - 1 <= s.p; p++)
		if (memcmp(p, mark, sizeof mark - 1) == 0)
			return true;
	return false;
}

static enum snap_code
exec(struct pgtarget *t, const char *sql, struct snap_err *err)
{
	return conn_exec(&t->pg, t->pg.conn, sql, NULL, err);
}

/* One after the other; those that failed take the place of all.  In a
 * transaction each can be undone on its own. */
static enum snap_code
drop_each(struct pgtarget *t, bool whole, struct span *list, size_t *n,
    struct snap_err *first, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	size_t i, n_failed = 0;
	struct bytes sql;

	bytes_init(&sql, QUERY_MAX);
	for (i = 0; rc == SNAP_OK && i < *n; i++) {
		bytes_clear(&sql);
		bytes_put_str(&sql, whole ? "SAVEPOINT one;" : "");
		bytes_put_span(&sql, list[i]);
		bytes_put_str(&sql, whole ? "RELEASE one" : "");
		bytes_u8(&sql, 0);
		rc = bytes_check(&sql, err);
		if (rc == SNAP_OK)
			rc = exec(t, (const char *)sql.p, err);
		if (rc == SNAP_OK || conn_sqlstate(err)[0] == '\0')
			continue; /* or the connection is gone */
		if (n_failed == 0)
			*first = *err;
		list[n_failed++] = list[i];
		rc = whole ? exec(t, "ROLLBACK TO one", err) : SNAP_OK;
	}
	if (rc == SNAP_OK)
		*n = n_failed;
	bytes_fini(&sql);
	return rc;
}

/* The statements of a script that drop something. */
static enum snap_code
list_drops(
    struct span left, struct span **list, size_t *n, struct snap_err *err)
{
	struct span before, s;
	size_t cap = 0;

	for (;;) {
		before = left;
		s = sql_statement(&left);
		if (s.len == 0 || is_made(before, s))
			return SNAP_OK;
		if (is_session(s))
			continue;
		if (vec_room((void **)list, &cap, *n, sizeof s, err) != SNAP_OK)
			return err->code;
		(*list)[(*n)++] = s;
	}
}

/* Those that failed are tried again while that helps: some can only go when
 * others have gone, such as the primary key of a partition. */
static enum snap_code
drop_all(struct pgtarget *t, bool whole, struct span *list, size_t n,
    struct snap_err *err)
{
	struct snap_err first = SNAP_ERR_INIT;
	enum snap_code rc = SNAP_OK;
	size_t before;

	do {
		before = n;
		rc = drop_each(t, whole, list, &n, &first, err);
	} while (rc == SNAP_OK && n > 0 && n < before);
	if (rc == SNAP_OK && n > 0) {
		*err = first;
		rc = err->code;
	}
	return rc;
}

/* DROP SUBSCRIPTION talks to the other server, in no transaction. */
static bool
may_be_whole(const struct span *list, size_t n)
{
	struct sql_token what;
	struct span s;

	for (size_t i = 0; i < n; i++) {
		s = list[i];
		(void)sql_next(&s); /* DROP */
		what = sql_next(&s);
		if (sql_is(&what, "subscription"))
			return false;
	}
	return true;
}

/* What pg_restore --clean drops, before it makes anything. */
static enum snap_code
read_drops(struct pgtarget *t, struct bytes *text, struct snap_err *err)
{
	static const char *const options[] = { "--clean", "--if-exists",
		"--file=-", NULL };
	enum snap_code rc = SNAP_OK;
	struct bytes list;

	bytes_init(&list, DDL_MAX);
	if (t->o.part != NULL)
		pgarchive_drops(t->o.part, &list);
	rc = bytes_check(&list, err);
	/* An empty list would be taken for none given. */
	if (rc == SNAP_OK && (t->o.part == NULL || list.len > 0))
		rc = child_pg_restore(&t->pg, t->tool.dir, t->archive, options,
		    t->o.part != NULL ? &list : NULL, text, err);
	bytes_fini(&list);
	return rc;
}

/*
 * Each on its own, as a transaction of all would need as many locks.  Of a
 * part, whose database may be in use, it is one transaction where the locks
 * suffice: what cannot be dropped then stops it with nothing changed.
 */
enum snap_code
definitions_drop(struct pgtarget *t, struct snap_err *err)
{
	struct span *list = NULL;
	bool whole = false;
	size_t n = 0;
	struct bytes text;
	enum snap_code rc;

	bytes_init(&text, DDL_MAX);
	rc = read_drops(t, &text, err);
	if (rc == SNAP_OK)
		rc = list_drops(bytes_span(&text), &list, &n, err);
	if (rc == SNAP_OK)
		rc = extensions_spare(t, list, &n, err);
	if (rc == SNAP_OK && t->o.part != NULL && may_be_whole(list, n))
		rc = definitions_locks_fit(t, &whole, err);
	if (rc == SNAP_OK && whole)
		rc = exec(t, "BEGIN", err);
	t->progress.untouched &= rc != SNAP_OK || n == 0 || whole;
	if (rc == SNAP_OK)
		rc = drop_all(t, whole, list, n, err);
	if (rc == SNAP_OK && whole) {
		t->progress.untouched &= n == 0;
		rc = exec(t, "COMMIT", err);
	}
	if (rc != SNAP_OK && rc != SNAP_CANCELLED)
		snap_wrap(err, "drop what is there");
	free(list);
	bytes_fini(&text);
	return rc;
}
