/* SPDX-License-Identifier: PostgreSQL */
/* copy.c - rows that a COPY ... TO STDOUT sends, one by one. */
#include "pgsession.h"

#define CHECK_ROWS 0x3fff /* every so many: told to stop? */

static enum snap_code
copy_start(struct pgclient *s, PGconn *c, const char *sql, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	PGresult *r;

	if (PQsendQuery(c, sql) == 0)
		return conn_fail(s, c, NULL, "send COPY", err);
	while (PQisBusy(c) != 0) {
		rc = conn_wait(s, c, err);
		if (rc != SNAP_OK)
			return rc;
	}
	r = PQgetResult(c);
	if (PQresultStatus(r) != PGRES_COPY_OUT)
		rc = conn_fail(s, c, r, "COPY", err);
	PQclear(r);
	return rc;
}

static enum snap_code
copy_finish(struct pgclient *s, PGconn *c, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	PGresult *r;

	while ((r = PQgetResult(c)) != NULL) {
		if (rc == SNAP_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
			rc = conn_fail(s, c, r, "COPY", err);
		PQclear(r);
	}
	return rc;
}

enum snap_code
conn_copy_out(struct pgclient *s, PGconn *c, const char *sql, conn_row_fn fn,
    void *arg, struct snap_err *err)
{
	enum snap_code rc = copy_start(s, c, sql, err);
	uint64_t rows = 0;
	char *row;
	int n;

	while (rc == SNAP_OK) {
		n = PQgetCopyData(c, &row, 1);
		if (n == 0) {
			rc = conn_wait(s, c, err);
			continue;
		}
		if (n == -1)
			return copy_finish(s, c, err);
		if (n < 0)
			return conn_fail(s, c, NULL, "COPY", err);
		rc = fn(arg, span_of(row, (size_t)n), err);
		PQfreemem(row);
		if (rc == SNAP_OK && (++rows & CHECK_ROWS) == 0)
			rc = conn_check(s, err);
	}
	return rc;
}
