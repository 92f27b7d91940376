/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgverify.h - a scratch database, held against what a backup had recorded.
 *
 * The order of use: pgverify_open() thinks of a name; somebody restores into a
 * new database of that name (pgtarget); pgverify_compare() and
 * pgverify_assert() say what is not as it should be; pgverify_drop() drops it,
 * also after a failure or a cancel.
 */
#ifndef SNAP_PGVERIFY_H
#define SNAP_PGVERIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "digestlist.h"
#include "pgclient.h"

struct pgverify_finding {
	uint8_t kind;     /* of a stream; 0 = an assertion */
	struct span name; /* of the table, sequence, large object or file */
	const char *what; /* "its 7 rows are not those that were recorded" */
};

struct pgverify_opts {
	struct pgclient_opts server; /* which database to connect to first */
	size_t jobs;                 /* connections that compare, 1 to 64 */
	const char *psql;            /* path; NULL = find one */
	/* Told of each finding, one at a time, from any thread. */
	void (*found)(void *arg, const struct pgverify_finding *f);
	void *arg;
};

/* A stream of rows: into what it was restored, and what it was. */
struct pgverify_rows {
	struct span copy; /* "COPY target (columns) FROM stdin;" */
	struct digest sum;
};

struct pgverify_count { /* what was compared, and of it is different */
	size_t n_tables, n_sequences, n_large_objects, n_assertions;
	size_t n_differ;
	uint64_t rows;
};

struct pgverify;

/* Connect.  SNAP_SOURCE, SNAP_NOMEM. */
SNAP_MUST_CHECK enum snap_code pgverify_open(
    const struct pgverify_opts *o, struct pgverify **out, struct snap_err *err);
void pgverify_close(struct pgverify *v);
/* "snap_verify_0123456789abcdef", in which nothing has to be quoted. */
const char *pgverify_database(const struct pgverify *v);
/* Of the server, as PQserverVersion() has it. */
int pgverify_server(const struct pgverify *v);
/*
 * Compare the scratch database.  `rows` are put in another order.  SNAP_OK
 * when that could be done: look at the counts.
 */
SNAP_MUST_CHECK enum snap_code pgverify_compare(struct pgverify *v,
    struct pgverify_rows *rows, size_t n, const struct digests *others,
    struct pgverify_count *out, struct snap_err *err);
/*
 * Run a file by psql in the scratch database: an error in it, and each row of
 * a result whose last column is false or NULL, is a finding.
 */
SNAP_MUST_CHECK enum snap_code pgverify_assert(struct pgverify *v,
    const char *path, struct pgverify_count *out, struct snap_err *err);
/* Whatever was cancelled, and if it is there. */
SNAP_MUST_CHECK enum snap_code pgverify_drop(
    struct pgverify *v, struct snap_err *err);
/* Did a server refuse what it was given: rows that break a rule? */
bool pgverify_is_of_data(const struct snap_err *err);

#endif
