/* SPDX-License-Identifier: PostgreSQL */
/*
 * blocks.h - decoded blocks, fetched ahead by threads and kept for reuse.
 *
 * A reader takes references in the order in which it will need the blocks and
 * gives each back after use.  At most BLOCKS_AHEAD distinct blocks are held
 * by references, BLOCKS_AHEAD_FAR where answers take long; unused ones stay
 * until their room is needed, the least recently used first.  One table is for
 * one reader: where several read at once they have shares of these numbers.
 */
#ifndef SNAP_BLOCKS_H
#define SNAP_BLOCKS_H

#include "format.h"
#include "readblock.h"

#define BLOCKS_AHEAD 64
#define BLOCKS_AHEAD_FAR 96 /* from a store behind a line */
#define BLOCKS_KEPT 32      /* besides */
#define BLOCKS_LEAST 8      /* ahead, however many share */

struct blocks;
struct block_ref;

SNAP_MUST_CHECK enum snap_code blocks_new(
    struct store *s, struct blocks **out, struct snap_err *err);
void blocks_free(struct blocks *b);
/* How many distinct blocks may be held. */
size_t blocks_ahead(const struct blocks *b);
/* A reference to block `id`, being fetched from now on.  *out = NULL while
 * too many others are held. */
SNAP_MUST_CHECK enum snap_code blocks_take(struct blocks *b,
    const uint8_t id[ID_LEN], struct block_ref **out, struct snap_err *err);
/* One more reference to the same block. */
void blocks_take_again(struct block_ref *r);
/* Waits for the block; *block is borrowed until the reference goes. */
SNAP_MUST_CHECK enum snap_code blocks_wait(struct blocks *b,
    struct block_ref *r, const struct read_block **block, struct snap_err *err);
void blocks_give(struct blocks *b, struct block_ref *r);

#endif
