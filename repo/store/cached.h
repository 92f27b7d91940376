/* SPDX-License-Identifier: PostgreSQL */
/*
 * cached.h - snapshots and their confirmations through the local cache.
 *
 * There are two for each backup ever made, and every command wants them all.
 * They never change, and what the cache has is verified as what the store
 * sends; but it hides that the store's own copy is damaged, so check does not
 * come this way.
 */
#ifndef SNAP_CACHED_H
#define SNAP_CACHED_H

#include "store.h"

/* What the store lists below one name. */
struct listed {
	uint8_t id[ID_LEN], kind;
	uint64_t size;
	int64_t time;
};
struct listing {
	struct listed *v;
	size_t n, cap;
};
void listing_fini(struct listing *l);
/* All under snapshots/; *out is the caller's, also after a failure. */
SNAP_MUST_CHECK enum snap_code snapshots_list(
    struct store *s, struct listing *out, struct snap_err *err);
/* As store_get_body() for OBJ_SNAPSHOT, OBJ_OK and OBJ_INDEX: from the cache if
 * what is there verifies and has the size that was listed, else from the store.
 */
SNAP_MUST_CHECK enum snap_code cached_get(struct store *s, uint8_t kind,
    const uint8_t id[ID_LEN], uint64_t size, struct store_body *out,
    struct snap_err *err);
/* Those for which listed() says no leave the cache. */
void cached_prune(
    struct store *s, bool (*listed)(void *arg, const uint8_t *id), void *arg);

#endif
