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
#include "pgsource_internal.h"

#define POLL_MS 100
#define SERVICE_LINE_MAX 250

char *
src_strdup(const char *p)
{
	size_t len = strlen(p) + 1;
	char *q = malloc(len);

	if (q != NULL)
		memcpy(q, p, len);
	return q;
}

enum snap_code
src_check(struct pgsource *s, struct snap_err *err)
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

/* What a person can do about the SQLSTATEs that a dump meets in practice. */
static void
hint_for(struct pgsource *s, const char *state, struct snap_err *err)
{
	if (strcmp(state, "42501") == 0)
		snap_hint(err, "GRANT pg_read_all_data TO %s",
		    s->user != NULL ? s->user : "the user");
	else if (strcmp(state, "55P03") == 0)
		snap_hint(err, "another session holds a lock on it: wait for "
			       "it, or allow a longer lock timeout");
	else if (strcmp(state, "40001") == 0 && s->standby)
		snap_hint(err, "set hot_standby_feedback = on or raise "
			       "max_standby_streaming_delay on the standby");
	else if (strcmp(state, "42P01") == 0 || strcmp(state, "42703") == 0)
		snap_hint(err, "it was changed during the backup: run again");
	else if (err->hint[0] != '\0')
		return; /* the server's own */
	else if (strcmp(state, "54000") == 0 || strcmp(state, "53200") == 0 ||
		 strstr(err->msg, "alloc request size") != NULL)
		snap_hint(err, "one field may be too large for COPY in text: "
			       "the escaped text must stay below 1 GB");
}

enum snap_code
conn_fail(struct pgsource *s, PGconn *c, const PGresult *r, const char *what,
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
	hint_for(s, state, err);
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
connect_once(const struct pgsource_opts *o, const char *password, PGconn **out,
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
	val[n++] = o->dbname;
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

enum snap_code
conn_open(const struct pgsource_opts *o, PGconn **out, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	char line[SNAP_ERR_MSG_MAX / 2];
	char *password = NULL;
	PGconn *c = NULL;

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

/*
 * The parameters with which s->conn was made, but of the one server it
 * reached: with several hosts in the conninfo a second connection could
 * otherwise meet another server, where the snapshot does not exist.
 */
static const char *
param_value(struct pgsource *s, const PQconninfoOption *p)
{
	if (p->val == NULL || p->val[0] == '\0' ||
	    strcmp(p->keyword, "service") == 0 ||
	    strcmp(p->keyword, "servicefile") == 0 ||
	    strcmp(p->keyword, "client_encoding") == 0 ||
	    strcmp(p->keyword, "replication") == 0)
		return NULL;
	if (strcmp(p->keyword, "host") == 0)
		return PQhost(s->conn);
	if (strcmp(p->keyword, "hostaddr") == 0)
		return PQhostaddr(s->conn);
	if (strcmp(p->keyword, "port") == 0)
		return PQport(s->conn);
	if (strcmp(p->keyword, "dbname") == 0)
		return PQdb(s->conn);
	return p->val;
}

enum snap_code
conn_again(struct pgsource *s, PGconn **out, struct snap_err *err)
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
		val[n] = param_value(s, p);
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

void
conn_quote(struct bytes *b, const char *v)
{
	bytes_u8(b, '\'');
	for (; *v != '\0'; v++) {
		if (*v == '\'' || *v == '\\')
			bytes_u8(b, '\\');
		bytes_u8(b, (uint8_t)*v);
	}
	bytes_u8(b, '\'');
}

/*
 * Secrets but the password, which has a variable of its own: pg_dump gets
 * them as a service file.  libpq cuts white space off its lines' ends and
 * reads no more than 255 bytes of one.
 */
enum snap_code
conn_service(struct pgsource *s, struct bytes *out, struct snap_err *err)
{
	PQconninfoOption *all = PQconninfo(s->conn), *p;
	enum snap_code rc = SNAP_OK;
	const char *v;
	size_t len;

	if (all == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (p = all; rc == SNAP_OK && p->keyword != NULL; p++) {
		v = param_value(s, p);
		if (v == NULL || p->dispchar[0] != '*' ||
		    strcmp(p->keyword, "password") == 0)
			continue;
		len = strlen(v);
		if (strpbrk(v, "\r\n") != NULL || strchr(" \t", v[len - 1]) ||
		    len + strlen(p->keyword) > SERVICE_LINE_MAX) {
			rc = snap_fail(err, SNAP_SOURCE,
			    "pg_dump cannot be given this %s", p->keyword);
			snap_detail(err,
			    "It is longer than %d bytes, has a "
			    "line end, or ends in white space.",
			    SERVICE_LINE_MAX);
			snap_hint(err, "choose another %s", p->keyword);
			break;
		}
		bytes_printf(out, "%s%s=%s\n", out->len == 0 ? "[snap]\n" : "",
		    p->keyword, v);
	}
	PQconninfoFree(all);
	return rc == SNAP_OK ? bytes_check(out, err) : rc;
}

enum snap_code
conn_string(struct pgsource *s, struct bytes *out, struct snap_err *err)
{
	PQconninfoOption *all = PQconninfo(s->conn), *p;
	struct bytes options, service;
	enum snap_code rc;
	const char *v;

	if (all == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	bytes_init(&options, QUERY_MAX);
	bytes_init(&service, QUERY_MAX);
	rc = conn_service(s, &service, err);
	if (service.len > 0)
		bytes_put_str(out, "service=snap ");
	bytes_fini_wipe(&service);
	for (p = all; p->keyword != NULL; p++) {
		v = param_value(s, p);
		if (v == NULL || p->dispchar[0] == '*')
			continue;
		if (strcmp(p->keyword, "options") == 0) {
			bytes_put_str(&options, v);
			bytes_u8(&options, ' ');
			continue;
		}
		bytes_printf(out, "%s=", p->keyword);
		conn_quote(out, v);
		bytes_u8(out, ' ');
	}
	PQconninfoFree(all);
	/* pg_dump leaves these as the database or role sets them. */
	bytes_put_str(&options, "-c standard_conforming_strings=on "
				"-c quote_all_identifiers=off "
				"-c statement_timeout=0 "
				"-c bytea_output=hex -c TimeZone=UTC");
	bytes_u8(&options, 0);
	bytes_put_str(out, "options=");
	if (!options.bad)
		conn_quote(out, (const char *)options.p);
	bytes_u8(out, 0);
	if (options.bad)
		out->bad = true;
	bytes_fini(&options);
	return rc == SNAP_OK ? bytes_check(out, err) : rc;
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
conn_wait(struct pgsource *s, PGconn *c, struct snap_err *err)
{
	struct pollfd p = { .fd = PQsocket(c), .events = POLLIN };
	int n;

	if (PQstatus(c) != CONNECTION_OK)
		return conn_fail(s, c, NULL, "read from PostgreSQL", err);
	for (;;) {
		if (src_check(s, err) != SNAP_OK) {
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
conn_exec(struct pgsource *s, PGconn *c, const char *sql, PGresult **out,
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
conn_value(struct pgsource *s, PGconn *c, const char *sql, char **out,
    struct snap_err *err)
{
	PGresult *r = NULL;
	char *v;
	enum snap_code rc = conn_exec(s, c, sql, &r, err);

	if (rc != SNAP_OK)
		return rc;
	v = src_strdup(PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "");
	PQclear(r);
	if (v == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	free(*out);
	*out = v;
	return SNAP_OK;
}

/*
 * What a database or a role may set, and what would change bytes or end the
 * session, is set here for every connection; docs/postgresql.md says why.
 */
enum snap_code
conn_pin(struct pgsource *s, PGconn *c, struct snap_err *err)
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
