/* SPDX-License-Identifier: PostgreSQL */
/*
 * conn.c - connections: opened as psql does, pinned so that the same rows
 * always give the same bytes, and never waiting deaf to a cancel.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dial.h"
#include "pgsession.h"

#define POLL_MS 100

char *
conn_strdup(const char *p)
{
	size_t len = strlen(p) + 1;
	char *q = malloc(len);

	if (q != NULL)
		memcpy(q, p, len);
	return q;
}

enum snap_code
conn_check(struct pgclient *s, struct snap_err *err)
{
	if (atomic_load(&s->stop) != 0)
		return snap_fail(err, SNAP_CANCELLED, "cancelled");
	return report_check(s->o.report, err);
}

/* libpq's message in one line: it may end in newlines, hold more, and indent
 * by tabs. */
static void
one_line(const char *in, char *out, size_t size)
{
	size_t n = 0;

	for (; *in != '\0' && n + 1 < size; in++)
		out[n++] = *in > '\0' && *in < ' ' ? ' ' : *in;
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

enum snap_code
conn_fail(struct pgclient *s, PGconn *c, const PGresult *r, const char *what,
    struct snap_err *err)
{
	const char *state = NULL, *text = NULL, *hint = NULL;
	char line[SNAP_ERR_MSG_MAX / 2];
	enum snap_code code = SNAP_SOURCE;

	if (r != NULL) {
		state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
		text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
		if (text == NULL)
			text = PQresultErrorMessage(r);
		hint = PQresultErrorField(r, PG_DIAG_MESSAGE_HINT);
	}
	if (text == NULL || text[0] == '\0')
		text = PQerrorMessage(c);
	one_line(text, line, sizeof line);
	if (state != NULL && strcmp(state, "57014") == 0 &&
	    report_cancelled(s->o.report))
		code = SNAP_CANCELLED;
	snap_fail(err, code, "%s: %s", what, line);
	if (state == NULL) {
		snap_hint(err, "%s",
		    s->standby
			? "a standby may end sessions for its recovery: see "
			  "its log, max_standby_streaming_delay and "
			  "hot_standby_feedback"
			: "the server's log may say why");
		return snap_detail(err, "the connection failed");
	}
	snap_detail(err, "SQLSTATE %s", state);
	if (hint != NULL) {
		one_line(hint, line, sizeof line);
		snap_hint(err, "%s", line);
	}
	if (s->hint != NULL)
		s->hint(s->arg, state, err);
	return code;
}

/* The SQLSTATE that conn_fail() left in the detail, or "". */
const char *
conn_sqlstate(const struct snap_err *err)
{
	static const char mark[] = "SQLSTATE ";

	if (strncmp(err->detail, mark, sizeof mark - 1) != 0)
		return "";
	return err->detail + sizeof mark - 1;
}

/* libpq's own one writes to standard error. */
static void
on_notice(void *report, const char *text)
{
	char line[SNAP_ERR_MSG_MAX / 2];

	one_line(text, line, sizeof line);
	report_log(report, REPORT_DEBUG, "%s", line);
}

static enum snap_code
connect_once(const struct pgclient_opts *o, const char *password, PGconn **out,
    struct snap_err *err)
{
	const char *key[8], *val[8];
	struct conn_params p = { key, val, 1 };
	size_t n = 0;

	key[n] = "host";
	val[n++] = o->host;
	key[n] = "port";
	val[n++] = o->port;
	key[n] = "user";
	val[n++] = o->user;
	key[n] = "password";
	val[n++] = password;
	/* Last, because a conninfo string in it overrides what came before. */
	key[n] = "dbname";
	val[n++] = o->dbname == NULL && o->database != NULL ? "" : o->dbname;
	/* Only the first of that keyword is ever taken for such a string. */
	key[n] = "dbname";
	val[n++] = o->database;
	key[n] = "fallback_application_name";
	val[n++] = SNAP_PROGRAM_NAME;
	key[n] = NULL;
	val[n] = NULL;
	return conn_dial(o->report, &p, out, err);
}

static void
free_secret(char *p)
{
	volatile char *v = p;

	if (p == NULL)
		return;
	while (*v != '\0')
		*v++ = '\0';
	free(p);
}

/* What libpq says of a string that it cannot read is a piece of it, which may be
 * of the password; so is the port of a URI whose password has a slash. */
static enum snap_code
check_conninfo(const char *dbname, struct snap_err *err)
{
	PQconninfoOption *all, *p;
	bool good;

	if (dbname == NULL || (strchr(dbname, '=') == NULL &&
				  strncmp(dbname, "postgres://", 11) != 0 &&
				  strncmp(dbname, "postgresql://", 13) != 0))
		return SNAP_OK;
	all = PQconninfoParse(dbname, NULL);
	good = all != NULL;
	for (p = all; p != NULL && p->keyword != NULL; p++)
		if (strcmp(p->keyword, "port") == 0 && p->val != NULL)
			good &= strspn(p->val, "0123456789,") == strlen(p->val);
	PQconninfoFree(all);
	if (good)
		return SNAP_OK;
	(void)snap_fail(err, SNAP_SOURCE,
	    "connect to PostgreSQL: the connection string is malformed, or "
	    "has a parameter that libpq does not know");
	return snap_hint(err,
	    "It is KEY=VALUE KEY=VALUE, or postgresql://USER@HOST:PORT/DBNAME "
	    "with %%XX for signs that have a meaning there; a password is best "
	    "in ~/.pgpass.");
}

static enum snap_code
connect_first(const struct pgclient_opts *o, PGconn **out, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	char line[SNAP_ERR_MSG_MAX / 2];
	char *password = NULL;
	PGconn *c = NULL;

	if (check_conninfo(o->dbname, err) != SNAP_OK)
		return err->code;
	if (o->password_prompt > 0 && o->ask_password != NULL)
		password = o->ask_password(o->ask_arg, "Password: ");
	if ((rc = report_check(o->report, err)) != SNAP_OK)
		goto out;
	if ((rc = connect_once(o, password, &c, err)) != SNAP_OK)
		goto out;
	if (PQstatus(c) != CONNECTION_OK && password == NULL &&
	    PQconnectionNeedsPassword(c) != 0 && o->password_prompt >= 0 &&
	    o->ask_password != NULL) {
		PQfinish(c);
		c = NULL;
		password = o->ask_password(o->ask_arg, "Password: ");
		if ((rc = report_check(o->report, err)) != SNAP_OK)
			goto out;
		if ((rc = connect_once(o, password, &c, err)) != SNAP_OK)
			goto out;
	}
	if (PQstatus(c) == CONNECTION_OK) {
		PQsetNoticeProcessor(c, on_notice, o->report);
		*out = c;
		c = NULL;
		goto out;
	}
	one_line(PQerrorMessage(c), line, sizeof line);
	rc = snap_fail(err, SNAP_SOURCE, "connect to PostgreSQL: %s", line);
	if (PQconnectionNeedsPassword(c) != 0)
		snap_hint(err, "put the password into ~/.pgpass");
	else
		snap_hint(err, "test it with: psql -h %s -p %s -l",
		    PQhost(c) != NULL && PQhost(c)[0] != '\0' ? PQhost(c)
							      : "HOST",
		    PQport(c) != NULL && PQport(c)[0] != '\0' ? PQport(c)
							      : "5432");
out:
	PQfinish(c);
	free_secret(password);
	return rc;
}

enum snap_code
conn_again(struct pgclient *s, PGconn **out, struct snap_err *err)
{
	const char *key[CONN_PARAMS + 1], *val[CONN_PARAMS + 1];
	struct conn_params params = { key, val, 0 };
	PQconninfoOption *all = PQconninfo(s->conn), *p;
	enum snap_code rc = SNAP_OK;
	size_t n = 0;
	PGconn *c = NULL;

	if (all == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (p = all; p->keyword != NULL && n < CONN_PARAMS; p++) {
		val[n] = conn_param(s, p);
		if (val[n] != NULL)
			key[n++] = p->keyword;
	}
	key[n] = NULL;
	val[n] = NULL;
	rc = conn_dial(s->o.report, &params, &c, err);
	if (rc != SNAP_OK)
		goto out;
	if (PQstatus(c) != CONNECTION_OK) {
		rc = conn_fail(s, c, NULL, "open another connection", err);
		snap_hint(err, "use fewer jobs, or raise max_connections");
		PQfinish(c);
	} else {
		PQsetNoticeProcessor(c, on_notice, s->o.report);
		*out = c;
	}
out:
	PQconninfoFree(all);
	return rc;
}

static void
cancel_query(PGconn *c)
{
	PGcancel *cancel = PQgetCancel(c);
	char buf[256];

	if (cancel == NULL)
		return;
	(void)PQcancel(cancel, buf, (int)sizeof buf);
	PQfreeCancel(cancel);
}

/*
 * The last bytes of a connection may hold the server's reason for closing it:
 * so a loss is told only when the caller has looked at them and waits again.
 */
enum snap_code
conn_wait(struct pgclient *s, PGconn *c, struct snap_err *err)
{
	struct pollfd p = { .fd = PQsocket(c), .events = POLLIN };
	int n;

	if (PQstatus(c) != CONNECTION_OK)
		return conn_fail(s, c, NULL, "read from PostgreSQL", err);
	for (;;) {
		if (conn_check(s, err) != SNAP_OK) {
			cancel_query(c);
			return err->code;
		}
		n = poll(&p, 1, POLL_MS);
		if (n < 0 && errno != EINTR)
			return snap_fail_errno(
			    err, SNAP_SOURCE, "wait for PostgreSQL");
		if (n > 0)
			break;
	}
	if (PQconsumeInput(c) == 0 && PQstatus(c) == CONNECTION_OK)
		return conn_fail(s, c, NULL, "read from PostgreSQL", err);
	return SNAP_OK;
}

enum snap_code
conn_exec(struct pgclient *s, PGconn *c, const char *sql, PGresult **out,
    struct snap_err *err)
{
	PGresult *last = NULL, *r;
	ExecStatusType st;
	enum snap_code rc;

	if (PQsendQuery(c, sql) == 0)
		return conn_fail(s, c, NULL, "send a query", err);
	for (;;) {
		while (PQisBusy(c) != 0) {
			rc = conn_wait(s, c, err);
			if (rc != SNAP_OK) {
				PQclear(last);
				return rc;
			}
		}
		r = PQgetResult(c);
		if (r == NULL)
			break;
		/* The first error explains; what follows is its echo. */
		if (last != NULL && PQresultStatus(last) == PGRES_FATAL_ERROR) {
			PQclear(r);
			continue;
		}
		PQclear(last);
		last = r;
	}
	st = last != NULL ? PQresultStatus(last) : PGRES_FATAL_ERROR;
	if (st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK) {
		rc = conn_fail(s, c, last, "query", err);
		PQclear(last);
		return rc;
	}
	if (out != NULL)
		*out = last;
	else
		PQclear(last);
	return SNAP_OK;
}

enum snap_code
conn_exec_span(
    struct pgclient *s, PGconn *c, struct span sql, struct snap_err *err)
{
	struct bytes text;
	enum snap_code rc;

	/* The server would not be told what stands behind it. */
	if (sql.len > 0 && memchr(sql.p, 0, sql.len) != NULL)
		return snap_fail(
		    err, SNAP_CORRUPT, "a statement has a NUL in it");
	/* At full size at once: growing would leave copies behind. */
	bytes_init(&text, QUERY_MAX);
	rc = bytes_reserve(&text, sql.len + 1, err);
	bytes_put_span(&text, sql);
	bytes_u8(&text, 0);
	if (rc == SNAP_OK)
		rc = conn_exec(s, c, (const char *)text.p, NULL, err);
	bytes_fini_wipe(&text);
	return rc;
}

enum snap_code
conn_value(struct pgclient *s, PGconn *c, const char *sql, char **out,
    struct snap_err *err)
{
	PGresult *r = NULL;
	char *v;
	enum snap_code rc = conn_exec(s, c, sql, &r, err);

	if (rc != SNAP_OK)
		return rc;
	v = conn_strdup(PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "");
	PQclear(r);
	if (v == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	free(*out);
	*out = v;
	return SNAP_OK;
}

enum snap_code
conn_has_database(
    struct pgclient *s, const char *name, bool *out, struct snap_err *err)
{
	char *lit = PQescapeLiteral(s->conn, name, strlen(name)), *v = NULL;
	struct bytes sql;
	enum snap_code rc;

	bytes_init(&sql, QUERY_MAX);
	if (lit == NULL)
		sql.bad = true;
	else
		bytes_printf(&sql,
		    "SELECT pg_catalog.count(*) FROM pg_catalog.pg_database"
		    " WHERE datname = %s",
		    lit);
	bytes_u8(&sql, 0);
	rc = bytes_check(&sql, err);
	if (rc == SNAP_OK)
		rc = conn_value(s, s->conn, (const char *)sql.p, &v, err);
	if (rc == SNAP_OK)
		*out = strcmp(v, "0") != 0;
	free(v);
	PQfreemem(lit);
	bytes_fini(&sql);
	return rc;
}

/*
 * What a database or a role may set, and what would change bytes or end the
 * session, is set here for every connection; docs/postgresql.md says why.
 */
enum snap_code
conn_pin(struct pgclient *s, PGconn *c, struct snap_err *err)
{
	static const char base[] =
	    "SELECT pg_catalog.set_config('search_path', '', false);"
	    "SET DateStyle = ISO; SET IntervalStyle = postgres;"
	    "SET TimeZone = 'UTC'; SET bytea_output = hex;"
	    "SET extra_float_digits = 3;"
	    "SET standard_conforming_strings = on;"
	    "SET synchronize_seqscans = off; SET row_security = off;"
	    "SET quote_all_identifiers = off;"
	    "SET max_parallel_workers_per_gather = 0;"
	    "SET enable_tidscan = on;"
	    "SET client_min_messages = warning;"
	    "SET statement_timeout = 0; SET lock_timeout = 0;"
	    "SET idle_in_transaction_session_timeout = 0;";
	int v = PQserverVersion(c);
	enum snap_code rc = conn_exec(s, c, base, NULL, err);

	if (rc == SNAP_OK && v >= 110000)
		rc = conn_exec(s, c, "SET jit = off", NULL, err);
	if (rc == SNAP_OK && v >= 140000)
		rc = conn_exec(s, c, "SET idle_session_timeout = 0", NULL, err);
	if (rc == SNAP_OK && v >= 170000)
		rc = conn_exec(s, c, "SET transaction_timeout = 0", NULL, err);
	if (rc != SNAP_OK)
		return snap_wrap(err, "pin the session's settings");
	/* The database's own encoding: no conversion can lose anything. */
	if (PQsetClientEncoding(c, PQparameterStatus(c, "server_encoding")) !=
	    0)
		return conn_fail(s, c, NULL, "set client_encoding", err);
	return SNAP_OK;
}

/* What is asked once of each server. */
static enum snap_code
ask_server(struct pgclient *s, struct snap_err *err)
{
	char *v = NULL;
	enum snap_code rc;

	s->server_num = PQserverVersion(s->conn);
	if (s->server_num < 100000)
		return snap_fail(err, SNAP_UNSUPPORTED,
		    "the server is older than PostgreSQL 10");
	rc = conn_pin(s, s->conn, err);
	if (rc == SNAP_OK)
		rc = conn_value(s, s->conn,
		    "SELECT pg_catalog.pg_is_in_recovery()", &v, err);
	if (rc == SNAP_OK)
		s->standby = v[0] == 't';
	free(v);
	if (rc == SNAP_OK)
		rc = conn_value(s, s->conn,
		    "SELECT pg_catalog.current_setting('server_encoding')",
		    &s->encoding, err);
	if (rc == SNAP_OK)
		rc = conn_value(s, s->conn,
		    "SELECT pg_catalog.quote_ident(current_user)", &s->user,
		    err);
	return rc;
}

enum snap_code
conn_open(struct pgclient *s, struct snap_err *err)
{
	struct bytes service;
	enum snap_code rc = connect_first(&s->o, &s->conn, err);

	/* Whether children can be given them: better now than in the middle. */
	bytes_init(&service, QUERY_MAX);
	if (rc == SNAP_OK)
		rc = conn_service(s, &service, err);
	bytes_fini_wipe(&service);
	if (rc == SNAP_OK)
		rc = ask_server(s, err);
	if (rc != SNAP_OK)
		conn_close(s);
	return rc;
}

void
conn_close(struct pgclient *s)
{
	PQfinish(s->conn);
	s->conn = NULL;
	free(s->encoding);
	s->encoding = NULL;
	free(s->user);
	s->user = NULL;
}
