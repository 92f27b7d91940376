/* SPDX-License-Identifier: PostgreSQL */
/*
 * fetch.h - objects got over a line that may spoil them.
 *
 * What a line without TLS spoiled is whole when it comes again; what is damaged
 * where it lies is not.  So from a store behind a line, what does not verify is
 * got once more before it is called damaged.
 */
#ifndef SNAP_FETCH_H
#define SNAP_FETCH_H

#include "store.h"

/* A whole object, appended to *out, held against its own checksum: when that
 * is wrong it was got twice, and what it is then is for who opens it to say. */
SNAP_MUST_CHECK enum snap_code store_fetch(
    struct store *s, const char *name, struct bytes *out, struct snap_err *err);
/* For ranges, which only their seal can judge: true once, after damage. */
bool store_again(struct store *s, enum snap_code rc, bool *was_again,
    const struct snap_err *err);

/* How many threads are to make requests that need little work: more than there
 * are processors, for on a line of 25 ms each way each waits for 50 ms. */
#define STORE_FETCHERS 16
static inline size_t
store_n_fetchers(const struct store *s)
{
	return s->n_threads > STORE_FETCHERS ? s->n_threads : STORE_FETCHERS;
}

#endif
