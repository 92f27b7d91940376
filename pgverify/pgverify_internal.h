/* SPDX-License-Identifier: PostgreSQL */
/* pgverify_internal.h - what the files of this folder share. */
#ifndef SNAP_PGVERIFY_INTERNAL_H
#define SNAP_PGVERIFY_INTERNAL_H

#include <pthread.h>

#include "pgsession.h"
#include "pgverify.h"

#define JOBS_MAX 64

struct pgverify {
	struct pgverify_opts o;
	struct pgclient pg; /* its connection is to another database */
	char name[64];
	PGconn *conns[JOBS_MAX]; /* to the scratch database */
	bool taken[JOBS_MAX];
	pthread_mutex_t lock; /* of `taken`, of findings and counts */
	struct pgverify_count count;
};

/* scratch.c */
/* A connection to the scratch database, pinned; give it back. */
SNAP_MUST_CHECK enum snap_code verify_take(
    struct pgverify *v, PGconn **out, struct snap_err *err);
void verify_give(struct pgverify *v, PGconn *c);
void verify_found(struct pgverify *v, uint8_t kind, struct span name,
    const char *fmt, ...) SNAP_PRINTF(4, 5);
/* Is what failed something that is not there, or not as it should be? */
bool verify_is_missing(const struct snap_err *err);

/* rows.c */
SNAP_MUST_CHECK enum snap_code rows_compare(struct pgverify *v,
    struct pgverify_rows *rows, size_t n, struct snap_err *err);

/* others.c */
SNAP_MUST_CHECK enum snap_code sequences_compare(struct pgverify *v, PGconn *c,
    const struct digests *d, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code objects_compare(struct pgverify *v, PGconn *c,
    const struct digests *d, struct snap_err *err);

#endif
