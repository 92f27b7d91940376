/* SPDX-License-Identifier: PostgreSQL */
/*
 * conninfo.c - the parameters of a connection, for others like it: of ours and
 * of children, who get no secret among their arguments.
 */
#include <string.h>

#include "dial.h"
#include "pgsession.h"

#define SERVICE_LINE_MAX 250

/*
 * The parameters with which s->conn was made, but of the one server it
 * reached: with several hosts in the conninfo a second connection could
 * otherwise meet another server, where the snapshot does not exist.
 */
const char *
conn_param(struct pgclient *s, const PQconninfoOption *p)
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
		return s->database != NULL ? s->database : PQdb(s->conn);
	return p->val;
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
conn_service(struct pgclient *s, struct bytes *out, struct snap_err *err)
{
	PQconninfoOption *all = PQconninfo(s->conn), *p;
	enum snap_code rc = SNAP_OK;
	const char *v;
	size_t len;

	if (all == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (p = all; rc == SNAP_OK && p->keyword != NULL; p++) {
		v = conn_param(s, p);
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

/*
 * A parameter as libpq has it anyway.  An older libpq, of an older server's
 * pg_dump, may not know it and would refuse all.  Two that each knows stay, as
 * a variable of the environment could say something else.
 */
static bool
is_default(const PQconninfoOption *p)
{
	return p->compiled != NULL && strcmp(p->val, p->compiled) == 0 &&
	       strcmp(p->keyword, "port") != 0 &&
	       strcmp(p->keyword, "sslmode") != 0;
}

enum snap_code
conn_string(struct pgclient *s, struct bytes *out, struct snap_err *err)
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
		v = conn_param(s, p);
		if (v == NULL || p->dispchar[0] == '*' || is_default(p))
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
	if (s->child_settings != NULL)
		bytes_printf(&options, " %s", s->child_settings);
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

bool
pgclient_names_database(const char *dbname)
{
	PQconninfoOption *all, *p;
	bool named = false;

	if (dbname == NULL)
		return false;
	if (strchr(dbname, '=') == NULL &&
	    strncmp(dbname, "postgres://", 11) != 0 &&
	    strncmp(dbname, "postgresql://", 13) != 0)
		return true;
	all = PQconninfoParse(dbname, NULL);
	for (p = all; p != NULL && p->keyword != NULL; p++)
		named |= strcmp(p->keyword, "dbname") == 0 && p->val != NULL;
	PQconninfoFree(all);
	return named;
}
