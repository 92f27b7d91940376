/* SPDX-License-Identifier: PostgreSQL */
/*
 * scratch.c - the database that is made to be looked at and dropped.
 *
 * Its name is random, so that two verifications, and what somebody else has,
 * never meet.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "pgverify_internal.h"

#define NAME_PREFIX SNAP_PROGRAM_NAME "_verify_"
#define NAME_BYTES 8

static enum snap_code
make_name(struct pgverify *v, struct snap_err *err)
{
	uint8_t raw[NAME_BYTES];
	char hex[2 * NAME_BYTES + 1];
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	size_t n;

	if (fd < 0 || fd_read_exact(fd, raw, sizeof raw) != 0) {
		if (fd >= 0)
			close(fd);
		return snap_fail_errno(err, SNAP_IO, "draw a random name");
	}
	close(fd);
	hex_encode(raw, sizeof raw, hex);
	(void)snprintf(v->name, sizeof v->name, "%.32s%s", NAME_PREFIX, hex);
	/* The program may have been given any name. */
	for (n = 0; v->name[n] != '\0'; n++)
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_",
			v->name[n]) == NULL ||
		    (n == 0 && v->name[n] <= '9'))
			v->name[n] = '_';
	return SNAP_OK;
}

enum snap_code
pgverify_open(
    const struct pgverify_opts *o, struct pgverify **out, struct snap_err *err)
{
	struct pgverify *v;
	enum snap_code rc;

	if (o->jobs < 1 || o->jobs > JOBS_MAX)
		return snap_fail(
		    err, SNAP_USAGE, "jobs: from 1 to %d", JOBS_MAX);
	v = calloc(1, sizeof *v);
	if (v == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	v->o = *o;
	pthread_mutex_init(&v->lock, NULL);
	v->pg = (struct pgclient){ .o = o->server, .arg = v };
	rc = make_name(v, err);
	if (rc == SNAP_OK)
		rc = conn_open(&v->pg, err);
	if (rc == SNAP_OK)
		*out = v;
	else
		pgverify_close(v);
	return rc;
}

static void
close_scratch(struct pgverify *v)
{
	for (size_t i = 0; i < JOBS_MAX; i++) {
		PQfinish(v->conns[i]);
		v->conns[i] = NULL;
	}
}

void
pgverify_close(struct pgverify *v)
{
	if (v == NULL)
		return;
	close_scratch(v);
	conn_close(&v->pg);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

const char *
pgverify_database(const struct pgverify *v)
{
	return v->name;
}

int
pgverify_server(const struct pgverify *v)
{
	return v->pg.server_num;
}

/* ---- connections */

static void
give(struct pgverify *v, size_t i)
{
	pthread_mutex_lock(&v->lock);
	v->taken[i] = false;
	pthread_mutex_unlock(&v->lock);
}

enum snap_code
verify_take(struct pgverify *v, PGconn **out, struct snap_err *err)
{
	struct pgclient there = v->pg; /* the other database, the same server */
	enum snap_code rc = SNAP_OK;
	size_t i;

	pthread_mutex_lock(&v->lock);
	for (i = 0; i < JOBS_MAX && v->taken[i]; i++)
		;
	if (i < JOBS_MAX)
		v->taken[i] = true;
	pthread_mutex_unlock(&v->lock);
	if (i == JOBS_MAX)
		return snap_fail(err, SNAP_USAGE, "too many connections");
	if (v->conns[i] == NULL) {
		there.database = v->name;
		rc = conn_again(&there, &v->conns[i], err);
		if (rc == SNAP_OK)
			rc = conn_pin(&there, v->conns[i], err);
	}
	if (rc == SNAP_OK)
		*out = v->conns[i];
	else
		give(v, i);
	return rc;
}

void
verify_give(struct pgverify *v, PGconn *c)
{
	for (size_t i = 0; c != NULL && i < JOBS_MAX; i++)
		if (v->conns[i] == c)
			give(v, i);
}

/* ---- what is found */

void
verify_found(
    struct pgverify *v, uint8_t kind, struct span name, const char *fmt, ...)
{
	char what[SNAP_ERR_MSG_MAX];
	struct pgverify_finding f = { kind, name, what };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&v->lock);
	v->count.n_differ++;
	if (v->o.found != NULL)
		v->o.found(v->o.arg, &f);
	pthread_mutex_unlock(&v->lock);
}

/* Class 42: no such table, no such column, no right. */
bool
verify_is_missing(const struct snap_err *err)
{
	return err->code == SNAP_SOURCE &&
	       strncmp(conn_sqlstate(err), "42", 2) == 0;
}

/* Class 22: a value that is none; 23: a constraint. */
bool
pgverify_is_of_data(const struct snap_err *err)
{
	const char *state = conn_sqlstate(err);

	return err->code == SNAP_SOURCE &&
	       (strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0);
}

enum snap_code
pgverify_compare(struct pgverify *v, struct pgverify_rows *rows, size_t n,
    const struct digests *others, struct pgverify_count *out,
    struct snap_err *err)
{
	PGconn *c = NULL;
	enum snap_code rc;

	rc = rows_compare(v, rows, n, err);
	if (rc == SNAP_OK)
		rc = verify_take(v, &c, err);
	if (rc == SNAP_OK)
		rc = sequences_compare(v, c, others, err);
	if (rc == SNAP_OK)
		rc = objects_compare(v, c, others, err);
	verify_give(v, c);
	*out = v->count;
	return rc;
}

/* ---- the end */

/* Each by itself: what cannot be done shows when the database is dropped. */
static void
try_sql(struct pgclient *pg, PGconn *c, const char *sql)
{
	struct snap_err ignored;

	(void)!conn_exec(pg, c, sql, NULL, &ignored);
}

/*
 * A restored subscription would keep its database from being dropped; its slot
 * is another server's, and not ours to drop.
 */
static void
drop_subscriptions(struct pgverify *v, struct pgclient *pg)
{
	static const char list[] =
	    "SELECT pg_catalog.quote_ident(subname)"
	    " FROM pg_catalog.pg_subscription WHERE subdbid = (SELECT oid"
	    " FROM pg_catalog.pg_database"
	    " WHERE datname = pg_catalog.current_database())";
	struct snap_err ignored;
	PGresult *r = NULL;
	PGconn *c = NULL;
	struct bytes sql;

	pg->database = v->name;
	if (conn_again(pg, &c, &ignored) != SNAP_OK ||
	    conn_exec(pg, c, list, &r, &ignored) != SNAP_OK)
		goto out;
	for (int i = 0; i < PQntuples(r); i++) {
		static const char *const how[] = {
			"ALTER SUBSCRIPTION %s DISABLE",
			"ALTER SUBSCRIPTION %s SET (slot_name = NONE)",
			"DROP SUBSCRIPTION %s"
		};

		for (size_t k = 0; k < sizeof how / sizeof how[0]; k++) {
			const char *at = strstr(how[k], "%s");

			bytes_init(&sql, QUERY_MAX);
			bytes_put(&sql, how[k], (size_t)(at - how[k]));
			bytes_put_str(&sql, PQgetvalue(r, i, 0));
			bytes_put_str(&sql, at + 2);
			bytes_u8(&sql, 0);
			if (!sql.bad)
				try_sql(pg, c, (const char *)sql.p);
			bytes_fini(&sql);
		}
	}
out:
	PQclear(r);
	PQfinish(c);
	pg->database = NULL;
}

/*
 * By a connection of its own, which no cancel reaches.  Sessions may still be
 * there, of a child that was told to end, say: they are ended.
 */
enum snap_code
pgverify_drop(struct pgverify *v, struct snap_err *err)
{
	struct pgclient pg = v->pg;
	char sql[256];
	PGconn *c = NULL;
	char *n = NULL;
	enum snap_code rc;

	close_scratch(v);
	pg.o.report = NULL;
	atomic_init(&pg.stop, 0);
	rc = conn_again(&pg, &c, err);
	if (rc != SNAP_OK)
		return rc;
	(void)snprintf(sql, sizeof sql,
	    "SELECT pg_catalog.count(*) FROM pg_catalog.pg_database"
	    " WHERE datname = '%s'",
	    v->name);
	rc = conn_value(&pg, c, sql, &n, err);
	if (rc != SNAP_OK || strcmp(n, "0") == 0)
		goto out;
	drop_subscriptions(v, &pg);
	(void)snprintf(
	    sql, sizeof sql, "ALTER DATABASE %s IS_TEMPLATE false", v->name);
	try_sql(&pg, c, sql);
	(void)snprintf(sql, sizeof sql,
	    "SELECT pg_catalog.pg_terminate_backend(pid)"
	    " FROM pg_catalog.pg_stat_activity WHERE datname = '%s'",
	    v->name);
	try_sql(&pg, c, sql);
	(void)snprintf(sql, sizeof sql, "DROP DATABASE %s%s", v->name,
	    v->pg.server_num >= 130000 ? " WITH (FORCE)" : "");
	rc = conn_exec(&pg, c, sql, NULL, err);
out:
	free(n);
	PQfinish(c);
	return rc;
}
