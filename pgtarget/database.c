/* SPDX-License-Identifier: PostgreSQL */
/*
 * database.c - the database itself, made as the stored properties say.
 *
 * CREATE DATABASE, its owner and its comment come first.  Settings, limits of
 * connections and privileges could be in the way of the restore itself: they
 * come when all else is done.
 */
#include <stdlib.h>
#include <string.h>

#include "pgtarget_internal.h"

#define WORDS 8

/* The first words of a statement. */
struct words {
	struct sql_token v[WORDS];
	size_t n;
};

static void
words_of(struct span statement, struct words *w)
{
	for (w->n = 0; w->n < WORDS; w->n++)
		if ((w->v[w->n] = sql_next(&statement)).kind == SQL_END)
			break;
}

/* Does it begin so?  "*" stands for any one token. */
static bool
begins(const struct words *w, const char *const *with)
{
	size_t i;

	for (i = 0; with[i] != NULL; i++)
		if (i >= w->n ||
		    (strcmp(with[i], "*") != 0 && !sql_is(&w->v[i], with[i])))
			return false;
	return true;
}

static bool
is_create(const struct words *w)
{
	static const char *const with[] = { "create", "database", NULL };

	return begins(w, with);
}

static bool
is_owner(const struct words *w)
{
	static const char *const with[] = { "alter", "database", "*", "owner",
		NULL };

	return begins(w, with);
}

static bool
is_comment(const struct words *w)
{
	static const char *const with[] = { "comment", "on", "database", NULL };

	return begins(w, with);
}

static bool
is_privilege(const struct words *w)
{
	return w->n > 0 &&
	       (sql_is(&w->v[0], "grant") || sql_is(&w->v[0], "revoke"));
}

/* What pg_restore puts before everything: the session has its own. */
static bool
is_session(const struct words *w)
{
	return w->n > 0 && (sql_is(&w->v[0], "set") ||
			       (sql_is(&w->v[0], "select") && w->n > 3 &&
				   sql_is(&w->v[3], "set_config")));
}

static void
put_ident(struct pgtarget *t, const char *name, struct bytes *out)
{
	char *quoted = PQescapeIdentifier(t->pg.conn, name, strlen(name));

	if (quoted == NULL)
		out->bad = true;
	else
		bytes_put_str(out, quoted);
	PQfreemem(quoted);
}

/*
 * The statement, of the database of that name (NULL: its own), and without a
 * tablespace where none shall be.
 */
static void
put_statement(
    struct pgtarget *t, struct span s, const char *name, struct bytes *out)
{
	bool after_database = false, done = false, skip = false;
	struct sql_token token;
	const uint8_t *from = s.p;

	while ((token = sql_next(&s)).kind != SQL_END) {
		if (after_database && !done && name != NULL) {
			bytes_put(out, from, (size_t)(token.text.p - from));
			put_ident(t, name, out);
			from = token.text.p + token.text.len;
			done = true;
		} else if (t->o.no_tablespaces &&
			   sql_is(&token, "tablespace")) {
			bytes_put(out, from, (size_t)(token.text.p - from));
			skip = true;
		} else if (skip && token.kind != SQL_OTHER) { /* "= name" */
			from = token.kind == SQL_SEMICOLON
				   ? token.text.p
				   : token.text.p + token.text.len;
			skip = false;
		}
		after_database = sql_is(&token, "database");
	}
	bytes_put(out, from, (size_t)(s.p - from));
	bytes_u8(out, '\n');
}

/* The name that CREATE DATABASE gives. */
static enum snap_code
stored_name(struct pgtarget *t, char **out, struct snap_err *err)
{
	struct span left = bytes_span(&t->properties), s;
	enum snap_code rc = SNAP_NOTFOUND;
	struct bytes name;
	struct words w;

	bytes_init(&name, QUERY_MAX);
	while ((s = sql_statement(&left)).len > 0) {
		words_of(s, &w);
		if (!is_create(&w) || w.n < 3)
			continue;
		sql_fold(&w.v[2], &name);
		bytes_u8(&name, 0);
		rc = bytes_check(&name, err);
		break;
	}
	if (rc == SNAP_NOTFOUND)
		snap_fail(err, rc,
		    "the snapshot does not say how to create its database");
	if (rc == SNAP_OK && (*out = conn_strdup((const char *)name.p)) == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
	bytes_fini(&name);
	return rc;
}

static enum snap_code
refuse_existing(struct pgtarget *t, const char *name, struct snap_err *err)
{
	if (strcmp(name, PQdb(t->pg.conn)) == 0) {
		(void)snap_fail(err, SNAP_USAGE,
		    "--create cannot make database %s while connected to it",
		    name);
		return snap_hint(err,
		    "Let --dbname name another database to connect to first, "
		    "as postgres.");
	}
	if (t->o.clean)
		return SNAP_OK;
	(void)snap_fail(err, SNAP_EXISTS, "database %s exists already", name);
	return snap_hint(err, "With --clean it is dropped first.");
}

static enum snap_code
run(struct pgtarget *t, struct bytes *sql, struct snap_err *err)
{
	enum snap_code rc = bytes_check(sql, err);

	if (rc == SNAP_OK)
		rc = conn_exec_span(&t->pg, t->pg.conn, bytes_span(sql), err);
	bytes_clear(sql);
	return rc;
}

/* "\encoding SQL_ASCII" is a line of its own, of psql's: older snapshots have
 * it for names that are hard to connect to. */
static struct span
without_meta(struct span s)
{
	const uint8_t *end;

	if (s.p[0] != '\\')
		return s;
	end = memchr(s.p, '\n', s.len);
	return end == NULL ? span_of(s.p, 0)
			   : span_of(end, s.len - (size_t)(end - s.p));
}

/* Those of now, and the others into t->later. */
static enum snap_code
run_properties(struct pgtarget *t, struct snap_err *err)
{
	struct span left = bytes_span(&t->properties), s;
	enum snap_code rc = SNAP_OK;
	struct bytes sql;
	struct words w;

	bytes_init(&sql, QUERY_MAX);
	while (rc == SNAP_OK && (s = sql_statement(&left)).len > 0) {
		s = without_meta(s);
		words_of(s, &w);
		if (w.n == 0 || is_session(&w) ||
		    (is_owner(&w) && t->o.no_owner) ||
		    (is_privilege(&w) && t->o.no_privileges) ||
		    (is_create(&w) && !t->o.create))
			continue;
		if (is_create(&w) || is_owner(&w) || is_comment(&w)) {
			put_statement(t, s, t->o.database, &sql);
			rc = run(t, &sql, err);
		} else {
			put_statement(t, s, t->o.database, &t->later);
		}
	}
	bytes_fini(&sql);
	return rc;
}

enum snap_code
database_set(struct pgtarget *t, struct snap_err *err)
{
	target_phase(t, PGTARGET_DATABASE);
	t->progress.untouched = false;
	return run_properties(t, err);
}

/* Another connection, to that database, in place of the first. */
static enum snap_code
move_to(struct pgtarget *t, const char *name, struct snap_err *err)
{
	PGconn *c = NULL;
	enum snap_code rc;

	t->pg.database = name;
	rc = conn_again(&t->pg, &c, err);
	t->pg.database = NULL;
	if (rc == SNAP_OK)
		rc = conn_pin(&t->pg, c, err);
	if (rc == SNAP_OK)
		rc = target_pin(t, c, err);
	if (rc != SNAP_OK) {
		PQfinish(c);
		return snap_wrap(err, "database %s", name);
	}
	PQfinish(t->pg.conn);
	t->pg.conn = c;
	return SNAP_OK;
}

enum snap_code
database_find(struct pgtarget *t, bool *is_there, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	if (t->name == NULL && t->o.database == NULL)
		rc = stored_name(t, &t->name, err);
	else if (t->name == NULL &&
		 (t->name = conn_strdup(t->o.database)) == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
	return rc == SNAP_OK ? conn_has_database(&t->pg, t->name, is_there, err) : rc;
}

enum snap_code
database_make(struct pgtarget *t, struct snap_err *err)
{
	bool is_there = false;
	struct bytes sql;
	enum snap_code rc;

	rc = database_find(t, &is_there, err);
	if (rc == SNAP_OK && is_there)
		rc = refuse_existing(t, t->name, err);
	if (rc != SNAP_OK)
		return rc;
	target_phase(t, PGTARGET_DATABASE);
	bytes_init(&sql, QUERY_MAX);
	t->progress.untouched = false;
	if (is_there) {
		bytes_put_str(&sql, "DROP DATABASE ");
		put_ident(t, t->name, &sql);
		rc = run(t, &sql, err);
		t->progress.untouched = rc != SNAP_OK;
	}
	if (rc == SNAP_OK)
		rc = run_properties(t, err);
	if (rc == SNAP_OK)
		rc = move_to(t, t->name, err);
	else
		snap_wrap(err, "make database %s", t->name);
	bytes_fini(&sql);
	return rc;
}

enum snap_code
database_finish(struct pgtarget *t, struct snap_err *err)
{
	struct span left = bytes_span(&t->later), s;
	enum snap_code rc = bytes_check(&t->later, err);
	struct bytes sql;

	bytes_init(&sql, QUERY_MAX);
	while (rc == SNAP_OK && (s = sql_statement(&left)).len > 0) {
		bytes_put_span(&sql, s);
		rc = run(t, &sql, err);
	}
	bytes_fini(&sql);
	if (rc != SNAP_OK)
		snap_wrap(err, "settings of the database");
	return rc;
}
