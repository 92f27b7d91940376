/* SPDX-License-Identifier: PostgreSQL */
/*
 * globals.c - roles and tablespaces, statement by statement.
 *
 * The text is pg_dumpall's; what is decided here is which of its statements
 * are meant for this server, and what is tried when it refuses one that only
 * a superuser may give in full.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgglobals.h"
#include "pgtarget_internal.h"

#define TOKENS 12
#define LABEL_MAX 200

struct pgglobals {
	struct pgglobals_opts o;
	struct pgclient pg;
	PGresult *roles, *tablespaces; /* that existed before */
	char *self;                    /* the role we are connected as */
	struct bytes later;            /* statements about it */
	size_t n_failed, n_bad_tablespaces, n_logins;
	bool has_passwords;
};

/* A statement, and what it is about. */
struct statement {
	struct span text;
	struct sql_token v[TOKENS];
	size_t n;
	enum about {
		ABOUT_SESSION,
		ABOUT_ROLE,
		ABOUT_MEMBER,
		ABOUT_TABLESPACE,
		ABOUT_OTHER
	} about;
	struct sql_token name, other; /* other: the member, the grantee */
};

static void
parse(struct span text, struct statement *s)
{
	struct span left = text;
	size_t i;

	*s = (struct statement){ .text = text, .about = ABOUT_OTHER };
	while (s->n < TOKENS && (s->v[s->n] = sql_next(&left)).kind != SQL_END)
		s->n++;
	if (s->n > 0 && (sql_is(&s->v[0], "set") || sql_is(&s->v[0], "select")))
		s->about = ABOUT_SESSION;
	if (s->n > 3 && sql_is(&s->v[0], "grant") && sql_is(&s->v[2], "to")) {
		s->about = ABOUT_MEMBER;
		s->name = s->v[1];
		s->other = s->v[3];
		return;
	}
	for (i = 0; i + 1 < s->n && s->about == ABOUT_OTHER; i++) {
		if (sql_is(&s->v[i], "role"))
			s->about = ABOUT_ROLE;
		else if (sql_is(&s->v[i], "tablespace"))
			s->about = ABOUT_TABLESPACE;
		else if (!sql_is(&s->v[i], "to") && !sql_is(&s->v[i], "from"))
			continue;
		else /* privileges on a parameter, of a role */
			s->about = ABOUT_ROLE;
		s->name = s->v[i + 1];
	}
}

static bool
is_among(const PGresult *list, const struct sql_token *name)
{
	for (int i = 0; i < PQntuples(list); i++)
		if (sql_names(name, PQgetvalue(list, i, 0)))
			return true;
	return false;
}

/* Is there a token like this in it? */
static bool
has_word(struct span text, const char *word)
{
	struct sql_token t;

	while ((t = sql_next(&text)).kind != SQL_END)
		if (sql_is(&t, word))
			return true;
	return false;
}

static bool
is_wanted(const struct pgglobals *g, const struct statement *s)
{
	bool create = sql_is(&s->v[0], "create");
	bool had;

	switch (s->about) {
	case ABOUT_ROLE:
		had = is_among(g->roles, &s->name);
		return g->o.roles != ROLES_NONE &&
		       (!had || (g->o.roles == ROLES_ALL && !create));
	case ABOUT_MEMBER:
		had = is_among(g->roles, &s->name) &&
		      is_among(g->roles, &s->other);
		return g->o.roles != ROLES_NONE &&
		       (!had || g->o.roles == ROLES_ALL);
	case ABOUT_TABLESPACE:
		return !g->o.no_tablespaces &&
		       !is_among(g->tablespaces, &s->name);
	default:
		return true;
	}
}

/* "ALTER ROLE app": never what follows. */
static void
label_of(const struct statement *s, char out[LABEL_MAX])
{
	size_t words =
	    sql_is(&s->v[0], "create") || sql_is(&s->v[0], "alter") ? 3 : 4;
	struct bytes b;

	bytes_init(&b, LABEL_MAX);
	for (size_t i = 0; i < words && i < s->n; i++) {
		bytes_put_str(&b, i == 0 ? "" : " ");
		bytes_put_span(&b, s->v[i].text);
	}
	bytes_u8(&b, 0);
	(void)snprintf(
	    out, LABEL_MAX, "%s", b.bad ? "a statement" : (const char *)b.p);
	bytes_fini(&b);
}

/* ---- what only a superuser may say */

static bool
is_high(const struct sql_token *t, bool *given)
{
	static const char *const on[] = { "superuser", "replication",
		"bypassrls" };
	static const char *const off[] = { "nosuperuser", "noreplication",
		"nobypassrls" };

	for (size_t i = 0; i < 3; i++) {
		*given = sql_is(t, on[i]);
		if (*given || sql_is(t, off[i]))
			return true;
	}
	return false;
}

/*
 * ALTER ROLE without the attributes that only a superuser gives, GRANT without
 * the one who granted; *lost gets what the role is left without.  False: it has
 * none of these.
 */
static bool
put_modest(const struct statement *s, struct bytes *out, struct bytes *lost)
{
	struct span left = s->text;
	bool given, changed = false;
	struct sql_token t;
	size_t i = 0;

	for (; (t = sql_next(&left)).kind != SQL_END; i++) {
		if (s->about == ABOUT_ROLE && i > 2 && is_high(&t, &given)) {
			changed = true;
			if (given) {
				bytes_u8(lost, ' ');
				bytes_put_span(lost, t.text);
			}
			continue;
		}
		if (s->about == ABOUT_MEMBER && i > 3 &&
		    sql_is(&t, "granted")) {
			changed = true;
			(void)sql_next(&left); /* BY */
			(void)sql_next(&left);
			continue;
		}
		bytes_put_str(out, i == 0 ? "" : " ");
		bytes_put_span(out, t.text);
	}
	return changed;
}

/* Refused as it is: once more, without what may have been too much. */
static enum snap_code
run_modest(struct pgglobals *g, const struct statement *s, struct snap_err *err)
{
	struct snap_err again = SNAP_ERR_INIT;
	struct bytes sql, lost;
	char label[LABEL_MAX];
	enum snap_code rc = err->code;

	bytes_init(&sql, QUERY_MAX);
	bytes_init(&lost, QUERY_MAX);
	if (put_modest(s, &sql, &lost) && !sql.bad &&
	    conn_exec_span(&g->pg, g->pg.conn, bytes_span(&sql), &again) ==
		SNAP_OK) {
		rc = SNAP_OK;
		bytes_u8(&lost, 0);
		if (lost.len > 1 && !lost.bad) {
			label_of(s, label);
			g->n_failed++;
			report_log(g->pg.o.report, REPORT_WARNING,
			    "%s: left out, as only a superuser can give "
			    "it:%s",
			    label, (const char *)lost.p);
		}
	}
	bytes_fini_wipe(&sql);
	bytes_fini(&lost);
	return rc;
}

/* ---- tablespaces */

/* The directory that the map has for it, or NULL. */
static const char *
mapped(const struct pgglobals *g, const struct sql_token *name)
{
	const char *const *m = g->o.tablespace_map;
	struct bytes b;
	const char *to = NULL;

	bytes_init(&b, QUERY_MAX);
	sql_fold(name, &b);
	for (; m != NULL && *m != NULL && to == NULL && !b.bad; m++)
		if (strlen(*m) > b.len && (*m)[b.len] == '=' &&
		    memcmp(*m, b.p, b.len) == 0)
			to = *m + b.len + 1;
	bytes_fini(&b);
	return to;
}

/* CREATE TABLESPACE at another place: the string is the last of it. */
static void
put_location(struct pgglobals *g, const struct statement *s, const char *to,
    struct bytes *out)
{
	char *lit = PQescapeLiteral(g->pg.conn, to, strlen(to));
	struct span left = s->text;
	struct sql_token t;
	size_t i = 0;

	for (; (t = sql_next(&left)).kind != SQL_END; i++) {
		bytes_put_str(out, i == 0 ? "" : " ");
		if (t.kind != SQL_STRING)
			bytes_put_span(out, t.text);
		else if (lit != NULL)
			bytes_put_str(out, lit);
		else
			out->bad = true;
	}
	PQfreemem(lit);
}

static enum snap_code
run_tablespace(
    struct pgglobals *g, const struct statement *s, struct snap_err *err)
{
	const char *to = mapped(g, &s->name);
	enum snap_code rc;
	struct bytes sql;

	if (!sql_is(&s->v[0], "create"))
		return conn_exec_span(&g->pg, g->pg.conn, s->text, err);
	bytes_init(&sql, QUERY_MAX);
	if (to != NULL)
		put_location(g, s, to, &sql);
	rc = bytes_check(&sql, err);
	if (rc == SNAP_OK)
		rc = conn_exec_span(&g->pg, g->pg.conn,
		    to != NULL ? bytes_span(&sql) : s->text, err);
	bytes_fini(&sql);
	g->n_bad_tablespaces += rc != SNAP_OK;
	return rc;
}

/* A name in the map that is none of theirs is most likely a slip. */
static enum snap_code
check_map(struct pgglobals *g, struct span text, struct snap_err *err)
{
	const char *const *m = g->o.tablespace_map;
	struct span left, one;
	struct statement s;
	const char *eq;
	bool found;

	for (; m != NULL && *m != NULL; m++) {
		eq = strstr(*m, "=/");
		if (eq == NULL)
			return snap_fail(err, SNAP_USAGE,
			    "tablespace-map: \"%s\" is not NAME=/DIRECTORY",
			    *m);
		left = text;
		found = false;
		while (!found && (one = sql_statement(&left)).len > 0) {
			parse(one, &s);
			found = s.about == ABOUT_TABLESPACE &&
				sql_is(&s.v[0], "create") &&
				mapped(g, &s.name) == eq + 1;
		}
		if (!found)
			return snap_fail(err, SNAP_USAGE,
			    "tablespace-map: there is no tablespace \"%.*s\"",
			    (int)(eq - *m), *m);
	}
	return SNAP_OK;
}

/* ---- all of them */

/* Refused by the server; the connection still stands. */
static enum snap_code
refused(struct pgglobals *g, const struct statement *s, enum snap_code rc,
    struct snap_err *err)
{
	char label[LABEL_MAX];

	if (rc != SNAP_SOURCE || PQstatus(g->pg.conn) != CONNECTION_OK)
		return rc;
	if (run_modest(g, s, err) == SNAP_OK)
		return SNAP_OK;
	label_of(s, label);
	report_log(g->pg.o.report, REPORT_WARNING, "%s: %s", label,
	    strncmp(err->msg, "query: ", 7) == 0 ? err->msg + 7 : err->msg);
	g->n_failed++;
	return SNAP_OK;
}

static enum snap_code
run_one(struct pgglobals *g, const struct statement *s, struct snap_err *err)
{
	enum snap_code rc;

	rc = s->about == ABOUT_TABLESPACE
		 ? run_tablespace(g, s, err)
		 : conn_exec_span(&g->pg, g->pg.conn, s->text, err);
	return rc == SNAP_OK ? rc : refused(g, s, rc, err);
}

static enum snap_code
take(struct pgglobals *g, const struct statement *s, struct snap_err *err)
{
	bool password = has_word(s->text, "password");

	g->has_passwords |= s->about == ABOUT_ROLE && password;
	if (!is_wanted(g, s))
		return SNAP_OK;
	g->n_logins += s->about == ABOUT_ROLE && sql_is(&s->v[0], "alter") &&
		       has_word(s->text, "login");
	if (s->about == ABOUT_ROLE && sql_names(&s->name, g->self)) {
		bytes_put_span(&g->later, s->text);
		bytes_u8(&g->later, '\n');
		return bytes_check(&g->later, err);
	}
	return run_one(g, s, err);
}

enum snap_code
pgglobals_apply(struct pgglobals *g, struct span text, struct snap_err *err)
{
	enum snap_code rc = check_map(g, text, err);
	struct statement s;
	struct span one;

	while (rc == SNAP_OK && (one = sql_statement(&text)).len > 0) {
		parse(one, &s);
		rc = take(g, &s, err);
	}
	if (rc == SNAP_OK && g->n_bad_tablespaces > 0) {
		rc = snap_fail(err, SNAP_SOURCE,
		    "%zu tablespace%s could not be made", g->n_bad_tablespaces,
		    g->n_bad_tablespaces == 1 ? "" : "s");
		(void)snap_hint(err,
		    "--tablespace-map=NAME=/DIRECTORY says where, an empty "
		    "directory of the server's user; --no-tablespaces goes "
		    "without.");
	}
	return rc;
}

enum snap_code
pgglobals_finish(struct pgglobals *g, struct snap_err *err)
{
	struct span left = bytes_span(&g->later), one;
	enum snap_code rc = SNAP_OK;
	struct statement s;

	while (rc == SNAP_OK && (one = sql_statement(&left)).len > 0) {
		parse(one, &s);
		rc = run_one(g, &s, err);
	}
	return rc;
}

size_t
pgglobals_n_failed(const struct pgglobals *g)
{
	return g->n_failed;
}

size_t
pgglobals_n_without_password(const struct pgglobals *g)
{
	return g->has_passwords ? 0 : g->n_logins;
}

enum snap_code
pgglobals_has_database(
    struct pgglobals *g, const char *name, bool *out, struct snap_err *err)
{
	return conn_has_database(&g->pg, name, out, err);
}

enum snap_code
pgglobals_open(const struct pgglobals_opts *opts, struct pgglobals **out,
    struct snap_err *err)
{
	struct pgglobals *g = calloc(1, sizeof *g);
	enum snap_code rc;

	if (g == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	g->o = *opts;
	bytes_init(&g->later, DDL_MAX);
	g->pg = (struct pgclient){ .o = opts->server };
	rc = conn_open(&g->pg, err);
	if (rc == SNAP_OK && g->pg.standby)
		rc = snap_fail(err, SNAP_SOURCE,
		    "the server is a standby: nothing can be written there");
	if (rc == SNAP_OK)
		rc = conn_value(
		    &g->pg, g->pg.conn, "SELECT current_user", &g->self, err);
	if (rc == SNAP_OK)
		rc = conn_exec(&g->pg, g->pg.conn,
		    "SELECT rolname FROM pg_catalog.pg_roles", &g->roles, err);
	if (rc == SNAP_OK)
		rc = conn_exec(&g->pg, g->pg.conn,
		    "SELECT spcname FROM pg_catalog.pg_tablespace",
		    &g->tablespaces, err);
	if (rc != SNAP_OK)
		pgglobals_close(g);
	else
		*out = g;
	return rc;
}

void
pgglobals_close(struct pgglobals *g)
{
	if (g == NULL)
		return;
	PQclear(g->roles);
	PQclear(g->tablespaces);
	free(g->self);
	bytes_fini_wipe(&g->later);
	conn_close(&g->pg);
	free(g);
}
