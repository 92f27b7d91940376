/* SPDX-License-Identifier: PostgreSQL */
/*
 * cursor.h - reads along the parent's recipe of the stream being stored.
 *
 * It says which chunk is to be expected next, so that an unchanged stream
 * gets an unchanged recipe, and whose directories to bring near.  It holds
 * two segments of the parent's recipe and is advice only: a segment that
 * cannot be read ends the cursor, not the backup.
 */
#ifndef SNAP_CURSOR_H
#define SNAP_CURSOR_H

#include "format.h"
#include "store.h"

struct cursor_pos; /* (bytes.h has the other cursor: of fields) */

SNAP_MUST_CHECK enum snap_code cursor_pos_new(
    struct store *s, struct cursor_pos **out, struct snap_err *err);
void cursor_pos_free(struct cursor_pos *c);
/* Start at the head of a parent stream (copied), or at nothing (NULL). */
void cursor_pos_start(struct cursor_pos *c, const struct stream_row *parent);
/* The chunk expected next; false when there is none.  *block is borrowed
 * until the next call. */
bool cursor_pos_expect(
    struct cursor_pos *c, const uint8_t **block, uint32_t *chunk);
/* The expected chunk was met. */
void cursor_pos_advance(struct cursor_pos *c);
/* Another chunk was met: go behind it, if the recipe here has it. */
void cursor_pos_seek(
    struct cursor_pos *c, const uint8_t block[ID_LEN], uint32_t chunk);
/*
 * Blocks whose directories will be needed soon: call until it returns NULL.
 * Borrowed until the next call.
 */
const uint8_t *cursor_pos_want(struct cursor_pos *c);

#endif
