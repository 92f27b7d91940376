/* SPDX-License-Identifier: PostgreSQL */
/*
 * lane.c - rows by COPY, large objects by statements, each lane on its own
 * connection.
 *
 * A stream of rows is one transaction, ended only when the server took as many
 * rows as the snapshot counts.  Bytes go out without blocking, so that a
 * cancel is heard while the server is busy; and what it says is read, so that
 * neither waits for the other.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgtarget_internal.h"

#define PIECE ((size_t)64 << 10)
#define POLL_MS 100
#define WHAT_MAX 4096
#define BATCH ((size_t)512 << 10) /* of statements for large objects */

/* Until bytes can go out. */
static enum snap_code
wait_to_send(struct lane *l, struct snap_err *err)
{
	struct pollfd p = { .fd = PQsocket(l->conn),
		.events = POLLIN | POLLOUT };
	enum snap_code rc;
	int n;

	do {
		rc = conn_check(&l->t->pg, err);
		if (rc != SNAP_OK)
			return rc;
		n = poll(&p, 1, POLL_MS);
		if (n < 0 && errno != EINTR)
			return snap_fail_errno(
			    err, SNAP_SOURCE, "wait for PostgreSQL");
	} while (n <= 0);
	if ((p.revents & ~POLLOUT) != 0 && PQconsumeInput(l->conn) == 0)
		return conn_fail(
		    &l->t->pg, l->conn, NULL, "write to PostgreSQL", err);
	return SNAP_OK;
}

static enum snap_code
send_all(struct lane *l, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	int left;

	while ((left = PQflush(l->conn)) > 0 && rc == SNAP_OK)
		rc = wait_to_send(l, err);
	if (rc == SNAP_OK && left < 0)
		rc = conn_fail(
		    &l->t->pg, l->conn, NULL, "write to PostgreSQL", err);
	return rc;
}

/* The next result; NULL behind the last. */
static enum snap_code
get_result(struct lane *l, PGresult **out, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	while (rc == SNAP_OK && PQisBusy(l->conn) != 0)
		rc = conn_wait(&l->t->pg, l->conn, err);
	if (rc == SNAP_OK)
		*out = PQgetResult(l->conn);
	return rc;
}

static enum snap_code
copy_begin(struct lane *l, struct span attr, struct snap_err *err)
{
	ExecStatusType st = PGRES_COMMAND_OK;
	struct bytes sql;
	PGresult *r;
	enum snap_code rc;

	if (attr.len < 6 || memcmp(attr.p, "COPY ", 5) != 0 ||
	    attr.p[attr.len - 1] != ';')
		return snap_fail(err, SNAP_CORRUPT,
		    "a table's stream has no COPY statement");
	bytes_init(&sql, STREAM_ATTR_MAX + 64);
	bytes_put_str(&sql, "BEGIN READ WRITE;");
	bytes_put_span(&sql, attr);
	bytes_u8(&sql, 0);
	rc = bytes_check(&sql, err);
	if (rc == SNAP_OK && PQsendQuery(l->conn, (const char *)sql.p) == 0)
		rc = conn_fail(&l->t->pg, l->conn, NULL, "send COPY", err);
	bytes_fini(&sql);
	while (rc == SNAP_OK && st == PGRES_COMMAND_OK) {
		r = NULL;
		rc = get_result(l, &r, err);
		st = PQresultStatus(r);
		if (rc == SNAP_OK && st != PGRES_COMMAND_OK &&
		    st != PGRES_COPY_IN)
			rc = conn_fail(&l->t->pg, l->conn, r, "COPY", err);
		PQclear(r);
	}
	if (rc == SNAP_OK && PQsetnonblocking(l->conn, 1) != 0)
		rc = conn_fail(&l->t->pg, l->conn, NULL, "COPY", err);
	return rc;
}

static enum snap_code
copy_data(struct lane *l, struct span d, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	size_t n;
	int put;

	while (rc == SNAP_OK && d.len > 0) {
		n = d.len < PIECE ? d.len : PIECE;
		put = PQputCopyData(l->conn, (const char *)d.p, (int)n);
		if (put < 0)
			return conn_fail(&l->t->pg, l->conn, NULL,
			    "write to PostgreSQL", err);
		if (put == 0) {
			rc = wait_to_send(l, err);
			continue;
		}
		d = span_of(d.p + n, d.len - n);
		rc = send_all(l, err);
	}
	return rc;
}

/* How many rows the server says it took. */
static enum snap_code
copy_count(struct lane *l, uint64_t *rows, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	bool counted = false;
	PGresult *r = NULL;
	int end;

	while ((end = PQputCopyEnd(l->conn, NULL)) == 0 && rc == SNAP_OK)
		rc = wait_to_send(l, err);
	if (rc == SNAP_OK && end < 0)
		rc = conn_fail(&l->t->pg, l->conn, NULL, "end COPY", err);
	if (rc == SNAP_OK)
		rc = send_all(l, err);
	if (rc == SNAP_OK && PQsetnonblocking(l->conn, 0) != 0)
		rc = conn_fail(&l->t->pg, l->conn, NULL, "end COPY", err);
	while (rc == SNAP_OK && (rc = get_result(l, &r, err)) == SNAP_OK &&
	       r != NULL) {
		if (PQresultStatus(r) != PGRES_COMMAND_OK) {
			rc = conn_fail(&l->t->pg, l->conn, r, "COPY", err);
		} else {
			*rows = strtoull(PQcmdTuples(r), NULL, 10);
			counted = PQcmdTuples(r)[0] != '\0';
		}
		PQclear(r);
		r = NULL;
	}
	if (rc == SNAP_OK && !counted)
		rc = snap_fail(
		    err, SNAP_SOURCE, "the server did not count the rows");
	return rc;
}

static enum snap_code
commit(struct lane *l, struct snap_err *err)
{
	PGresult *r = NULL;
	enum snap_code rc = conn_exec(&l->t->pg, l->conn, "COMMIT", &r, err);

	if (rc == SNAP_OK && strcmp(PQcmdStatus(r), "COMMIT") != 0)
		rc = snap_fail(err, SNAP_SOURCE,
		    "the server answered COMMIT with %s", PQcmdStatus(r));
	PQclear(r);
	return rc;
}

static void
count_streams(struct lane *l, size_t streams, size_t objects, uint64_t rows)
{
	struct pgtarget_progress *p = &l->t->progress;

	pthread_mutex_lock(&l->t->lock);
	p->n_streams += streams;
	p->n_large_objects += objects;
	p->rows += rows;
	pthread_mutex_unlock(&l->t->lock);
}

static enum snap_code
copy_end(struct lane *l, uint64_t want, struct snap_err *err)
{
	uint64_t rows = 0;
	enum snap_code rc = copy_count(l, &rows, err);

	if (rc == SNAP_OK && rows != want)
		rc = snap_fail(err, SNAP_SOURCE,
		    "the server took %" PRIu64 " rows of %" PRIu64, rows, want);
	if (rc == SNAP_OK) {
		target_touch(l->t);
		rc = commit(l, err);
	}
	if (rc == SNAP_OK)
		count_streams(l, 1, 0, rows);
	return rc;
}

/* ---- large objects */

/* One implicit transaction for all that wait. */
static enum snap_code
lo_run(struct lane *l, struct snap_err *err)
{
	enum snap_code rc = bytes_check(&l->sql, err);

	if (rc != SNAP_OK || l->sql.len == 0)
		return rc;
	bytes_u8(&l->sql, 0);
	rc = bytes_check(&l->sql, err);
	target_touch(l->t);
	if (rc == SNAP_OK)
		rc = conn_exec(
		    &l->t->pg, l->conn, (const char *)l->sql.p, NULL, err);
	bytes_clear(&l->sql);
	return rc;
}

static enum snap_code
lo_data(struct lane *l, struct span d, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	size_t n;

	while (rc == SNAP_OK && d.len > 0) {
		n = losql_data(&l->lo, d, &l->sql);
		d = span_of(d.p + n, d.len - n);
		if (l->sql.len >= BATCH)
			rc = lo_run(l, err);
	}
	return rc;
}

/* One that has no bytes has to be there all the same. */
static enum snap_code
lo_end(struct lane *l, struct snap_err *err)
{
	bytes_printf(
	    &l->sql, "SELECT pg_catalog.lo_get(%s, 0, 0);\n", l->lo.loid);
	losql_end(&l->lo, &l->sql);
	l->n_waiting++;
	return l->sql.len >= BATCH ? lo_run(l, err) : bytes_check(&l->sql, err);
}

/* ---- the sink */

static enum snap_code
lane_fail(struct lane *l, enum snap_code rc, struct snap_err *err)
{
	if (rc == SNAP_OK || rc == SNAP_CANCELLED || l->what.bad)
		return rc;
	return snap_wrap(err, "%.*s", (int)l->what.len,
	    l->what.p != NULL ? (const char *)l->what.p : "");
}

/* An extension's own table, which is not there without it. */
static enum snap_code
is_left_out(struct lane *l, struct span name, bool *out, struct snap_err *err)
{
	char *lit = PQescapeLiteral(l->conn, (const char *)name.p, name.len);
	char *value = NULL;
	struct bytes sql;
	enum snap_code rc;

	bytes_init(&sql, QUERY_MAX);
	sql.bad = lit == NULL;
	bytes_printf(&sql, "SELECT pg_catalog.to_regclass(%s) IS NULL",
	    lit != NULL ? lit : "");
	bytes_u8(&sql, 0);
	rc = bytes_check(&sql, err);
	if (rc == SNAP_OK)
		rc = conn_value(
		    &l->t->pg, l->conn, (const char *)sql.p, &value, err);
	*out = rc == SNAP_OK && strcmp(value, "t") == 0;
	free(value);
	PQfreemem(lit);
	bytes_fini(&sql);
	return rc;
}

static void
tell_left_out(struct lane *l)
{
	report_log(l->t->pg.o.report, REPORT_WARNING,
	    "%.*s is left out with its extension", (int)l->what.len,
	    l->what.p != NULL ? (const char *)l->what.p : "");
	pthread_mutex_lock(&l->t->lock);
	l->t->progress.n_left_out++;
	pthread_mutex_unlock(&l->t->lock);
}

static enum snap_code
lane_begin(struct sink *base, const struct stream_meta *m, struct snap_err *err)
{
	struct lane *l = (struct lane *)base;
	struct span name = m->name;
	enum snap_code rc = SNAP_OK;

	if (l->kind != 0)
		return snap_fail(err, SNAP_USAGE, "streams out of order");
	bytes_clear(&l->what);
	l->skips = false;
	/* " 0 public.a" is a table whose place among others matters. */
	if (name.len > 0 && name.p[0] == ' ') {
		const uint8_t *p = memchr(name.p + 1, ' ', name.len - 1);

		if (p != NULL)
			name =
			    span_of(p + 1, name.len - (size_t)(p + 1 - name.p));
	}
	bytes_put_str(
	    &l->what, m->kind == STREAM_TABLE ? "table " : "large object ");
	bytes_put_span(&l->what, name);
	if (m->part > 0)
		bytes_printf(&l->what, ", slice %" PRIu32, m->part + 1);
	if (m->kind == STREAM_TABLE && l->t->n_out > 0)
		rc = is_left_out(l, name, &l->skips, err);
	if (rc == SNAP_OK && l->skips)
		tell_left_out(l);
	else if (rc == SNAP_OK && m->kind == STREAM_TABLE)
		rc = copy_begin(l, m->attr, err);
	else if (rc == SNAP_OK && m->kind == STREAM_LARGE_OBJECT)
		rc = losql_begin(&l->lo, m->name, err);
	else if (rc == SNAP_OK)
		rc = snap_fail(err, SNAP_UNSUPPORTED,
		    "a stream of kind %u holds no rows", m->kind);
	if (rc == SNAP_OK)
		l->kind = m->kind;
	return lane_fail(l, rc, err);
}

static enum snap_code
lane_data(struct sink *base, struct span d, struct snap_err *err)
{
	struct lane *l = (struct lane *)base;

	if (l->kind == 0)
		return snap_fail(err, SNAP_USAGE, "data outside a stream");
	if (l->skips)
		return SNAP_OK;
	return lane_fail(l,
	    l->kind == STREAM_TABLE ? copy_data(l, d, err) : lo_data(l, d, err),
	    err);
}

static enum snap_code
lane_end(struct sink *base, uint64_t rows, struct snap_err *err)
{
	struct lane *l = (struct lane *)base;
	enum snap_code rc;

	if (l->kind == 0)
		return snap_fail(err, SNAP_USAGE, "end outside a stream");
	rc = l->skips                  ? SNAP_OK
	     : l->kind == STREAM_TABLE ? copy_end(l, rows, err)
				       : lo_end(l, err);
	if (rc == SNAP_OK)
		l->kind = 0;
	return lane_fail(l, rc, err);
}

static const struct sink_ops lane_ops = { lane_begin, lane_data, lane_end };

/* ---- lanes */

void
lane_fini(struct lane *l)
{
	if (l->t == NULL)
		return;
	if (l->conn != l->t->pg.conn)
		PQfinish(l->conn);
	bytes_fini(&l->what);
	bytes_fini(&l->sql);
	losql_fini(&l->lo);
	l->t = NULL;
}

static enum snap_code
lane_init(struct pgtarget *t, struct lane *l, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	l->base.ops = &lane_ops;
	l->t = t;
	bytes_init(&l->what, WHAT_MAX);
	bytes_init(&l->sql, BATCH + 8 * LOSQL_CHUNK);
	losql_init(&l->lo);
	if (l == &t->lanes[0]) {
		l->conn = t->pg.conn;
		return SNAP_OK;
	}
	rc = conn_again(&t->pg, &l->conn, err);
	if (rc == SNAP_OK)
		rc = conn_pin(&t->pg, l->conn, err);
	if (rc == SNAP_OK)
		rc = target_pin(t, l->conn, err);
	return rc;
}

enum snap_code
pgtarget_lane_take(struct pgtarget *t, struct sink **out, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct lane *l = NULL;
	size_t i;

	pthread_mutex_lock(&t->lock);
	for (i = 0; i < t->o.jobs && l == NULL; i++)
		if (!t->lanes[i].taken)
			l = &t->lanes[i];
	if (l != NULL)
		l->taken = true;
	pthread_mutex_unlock(&t->lock);
	if (l == NULL)
		return snap_fail(err, SNAP_USAGE, "more lanes than jobs");
	if (l->t == NULL)
		rc = lane_init(t, l, err);
	if (rc == SNAP_OK)
		*out = &l->base;
	return rc;
}

enum snap_code
pgtarget_lane_give(struct pgtarget *t, struct sink *lane, struct snap_err *err)
{
	struct lane *l = (struct lane *)lane;
	enum snap_code rc = lo_run(l, err);

	if (rc == SNAP_OK)
		count_streams(l, 0, l->n_waiting, 0);
	l->n_waiting = 0;
	pthread_mutex_lock(&t->lock);
	l->taken = false;
	pthread_mutex_unlock(&t->lock);
	return lane_fail(l, rc, err);
}
