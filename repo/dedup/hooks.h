/* SPDX-License-Identifier: PostgreSQL */
/*
 * hooks.h - a sparse sample of all chunks: which block holds this one?
 *
 * The hooks of a block are the first 8 bytes of the smallest chunk hash in
 * each PACK_HOOKS_MAXth of its chunks (Sparse Indexing, FAST'09, with minima
 * instead of a mask, so that a block of a few tiny tables and the edge of a
 * large one have hooks as well).  They bring in directories of data that
 * moved, was renamed or lies in another database.
 * A wrong answer costs a needless read of a directory, never a wrong match.
 * Thread-safe.
 */
#ifndef SNAP_HOOKS_H
#define SNAP_HOOKS_H

#include "format.h"
#include "store.h"

struct hooks;

/* All hooks of the store's index. */
SNAP_MUST_CHECK enum snap_code hooks_new(
    struct store *s, struct hooks **out, struct snap_err *err);
void hooks_free(struct hooks *h);
/* The block that probably holds the chunk of this hash. */
bool hooks_find(
    struct hooks *h, const uint8_t hash[ID_LEN], uint8_t block_out[ID_LEN]);
/* A block of this run.  Memory that is not to be had costs matches only. */
void hooks_add(struct hooks *h, const uint8_t block[ID_LEN],
    const uint64_t *hooks, uint32_t n);
/* Choose the hooks of a block; returns their number. */
uint32_t hooks_choose(const struct directory *d, uint64_t out[PACK_HOOKS_MAX]);

#endif
