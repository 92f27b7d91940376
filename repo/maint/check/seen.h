/* SPDX-License-Identifier: PostgreSQL */
/*
 * seen.h - which packs a check on this machine has read whole, and when.
 *
 * A file in the cache: who loses it begins anew.
 */
#ifndef SNAP_SEEN_H
#define SNAP_SEEN_H

#include "store.h"

#define SEEN_NEVER INT64_MIN

struct seen_pack {
	uint8_t id[ID_LEN];
	int64_t time; /* the store's, ns */
};
struct seen {
	struct seen_pack *v; /* sorted by id */
	size_t n, cap;
};
/* What cannot be read counts for nothing. */
void seen_load(const struct store *s, struct seen *out);
void seen_fini(struct seen *seen);
int64_t seen_when(const struct seen *seen, const uint8_t id[ID_LEN]);
SNAP_MUST_CHECK enum snap_code seen_add(struct seen *seen,
    const uint8_t id[ID_LEN], int64_t time, struct snap_err *err);
/* Without a cache: nothing is kept. */
SNAP_MUST_CHECK enum snap_code seen_save(
    const struct store *s, struct seen *seen, struct snap_err *err);

#endif
