/* SPDX-License-Identifier: PostgreSQL */
/*
 * openblock.h - the new chunks a lane collects until they make a block.
 */
#ifndef SNAP_OPENBLOCK_H
#define SNAP_OPENBLOCK_H

#include "format.h"

#define OPENBLOCK_CHUNKS_MAX 16384u

struct openblock;

SNAP_MUST_CHECK enum snap_code openblock_new(
    uint32_t block_size, struct openblock **out, struct snap_err *err);
void openblock_free(struct openblock *b);
/* The number of a chunk of this hash, or UINT32_MAX. */
uint32_t openblock_find(const struct openblock *b, const uint8_t hash[ID_LEN]);
/* Append a chunk; returns its number in *chunk.  Not when full. */
SNAP_MUST_CHECK enum snap_code openblock_add(struct openblock *b,
    struct span data, const uint8_t hash[ID_LEN], uint32_t *chunk,
    struct snap_err *err);
bool openblock_full(const struct openblock *b);
bool openblock_empty(const struct openblock *b);
/* Views of what was collected, valid until the next add or reset. */
const struct directory *openblock_directory(const struct openblock *b);
const uint32_t *openblock_lens(const struct openblock *b);
struct span openblock_data(const struct openblock *b);
void openblock_reset(struct openblock *b);

#endif
