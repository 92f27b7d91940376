/* SPDX-License-Identifier: PostgreSQL */
/*
 * blockset.h - what is known of each (class, id): the subject of a check.
 */
#ifndef SNAP_BLOCKSET_H
#define SNAP_BLOCKSET_H

#include "format.h"

#define BLOCKSET_NONE UINT32_MAX

enum {                          /* flags */
	BLOCKSET_GOOD = 1,      /* a readable, indexed copy exists */
	BLOCKSET_FULL = 2,      /* and one such copy has all chunks */
	BLOCKSET_UNINDEXED = 4, /* a copy no index segment names */
	BLOCKSET_USED = 8,      /* some snapshot needs it */
	BLOCKSET_WALKED = 16,   /* meta: it and all below it are fine */
	BLOCKSET_TRIED = 32,    /* a read through the index was tried */
	BLOCKSET_IN_PACK = 64,  /* some pack that could be read has it */
	BLOCKSET_FIRST = 128    /* its first copy is full and verified */
};

struct blockset_entry { /* 32 bytes, for there are millions */
	uint8_t id[ID_LEN];
	uint32_t n_chunks;
	uint32_t pack;   /* the caller's: that of the first copy */
	uint32_t bitmap; /* chunks of all good sparse copies, or NONE */
	uint8_t class, flags;
};
struct blockset {
	struct blockset_entry *v;
	uint32_t n, cap;
	uint8_t **bitmaps; /* owned */
	uint32_t n_bitmaps, bitmaps_cap;
	uint32_t *slots; /* open addressing over v; BLOCKSET_NONE = free */
	uint32_t n_slots;
	uint64_t seed;
};
SNAP_MUST_CHECK enum snap_code blockset_init(
    struct blockset *b, struct snap_err *err);
void blockset_fini(struct blockset *b);
/* Its number, BLOCKSET_NONE when unknown. */
uint32_t blockset_find(
    const struct blockset *b, uint8_t class, const uint8_t id[ID_LEN]);
/* Find or add. */
SNAP_MUST_CHECK enum snap_code blockset_add(struct blockset *b, uint8_t class,
    const uint8_t id[ID_LEN], uint32_t *at, struct snap_err *err);
/* A good copy with these chunks (len 0: all n_chunks). */
SNAP_MUST_CHECK enum snap_code blockset_good(struct blockset *b, uint32_t at,
    uint32_t n_chunks, struct span bitmap, struct snap_err *err);
/* True when good copies hold chunks [first, first + count). */
bool blockset_has(
    const struct blockset *b, uint32_t at, uint32_t first, uint32_t count);

#endif
