/* SPDX-License-Identifier: PostgreSQL */
/*
 * readblock.h - data blocks, one by one out of what was got for several.
 */
#ifndef SNAP_READBLOCK_H
#define SNAP_READBLOCK_H

#include "store.h"

/* A data block, chunk by chunk, as a restore needs it. */
#define READ_COPIES_BATCH 16
struct read_block {
	uint32_t n, n_found;
	uint32_t *lens;
	const uint8_t **chunks;    /* NULL: no good copy has it */
	uint8_t (*hashes)[ID_LEN]; /* recomputed from these very bytes */
	struct bytes *plain;       /* what the chunks lie in */
	size_t n_plain;
	struct store *home; /* gets the memory back; NULL = the system */
};
/* A piece of a data pack: what several blocks are read from. */
struct pack_part {
	uint8_t pack[ID_LEN];
	uint32_t off;
	struct bytes sealed; /* the caller's */
};
/* Into *part: `len` bytes of the pack from `first` on.  What cannot be had in
 * one piece stays out of it, for blocks are then read one by one; failures
 * are those that would befall these as well. */
SNAP_MUST_CHECK enum snap_code store_get_part(struct store *s,
    const struct copy *first, size_t len, struct pack_part *part,
    struct snap_err *err);
/* As store_read; where no full copy is good, every chunk that some good
 * sparse copy has.  A copy that lies in `part` (NULL: none does) is not
 * fetched.  The caller frees with read_block_fini(). */
SNAP_MUST_CHECK enum snap_code store_read_block(struct store *s,
    const uint8_t id[ID_LEN], const struct pack_part *part,
    struct read_block *out, struct snap_err *err);
void read_block_fini(struct read_block *b);

#endif
