/* SPDX-License-Identifier: PostgreSQL */
/*
 * neardirs.h - the directories that one lane holds in memory, and the chunks
 * in them (the locality cache of Data Domain, FAST'08).
 *
 * Keeps the `cap` most recently used directories.  Slots are stable while a
 * directory stays; a slot number is valid only together with its id.
 */
#ifndef SNAP_NEARDIRS_H
#define SNAP_NEARDIRS_H

#include "format.h"

#define NEARDIRS_NONE UINT32_MAX

struct neardirs;

/* Where a chunk lies. */
struct place {
	uint32_t slot, chunk;
};

/* For `cap` directories of about `chunks` each: fewer if they have more. */
SNAP_MUST_CHECK enum snap_code neardirs_new(
    uint32_t cap, uint32_t chunks, struct neardirs **out, struct snap_err *err);
void neardirs_free(struct neardirs *n);
/* The slot of a block's directory, or NEARDIRS_NONE. */
uint32_t neardirs_slot(const struct neardirs *n, const uint8_t id[ID_LEN]);
/* Takes over *d (emptied) as most recently used; may drop the oldest ones. */
SNAP_MUST_CHECK enum snap_code neardirs_add(struct neardirs *n,
    const uint8_t id[ID_LEN], struct directory *d, bool pinned,
    uint32_t *slot_out, struct snap_err *err);
/* A chunk of this hash; false when none is near. */
bool neardirs_find(
    const struct neardirs *n, const uint8_t hash[ID_LEN], struct place *out);
/* This one will be looked for soon. */
void neardirs_prefetch(const struct neardirs *n, const uint8_t hash[ID_LEN]);
/* Is chunk `chunk` of slot `slot` this one, and to be found? */
bool neardirs_is(
    const struct neardirs *n, struct place p, const uint8_t hash[ID_LEN]);
const uint8_t *neardirs_id(const struct neardirs *n, uint32_t slot);
/* Only the chunks in a bitmap of `n_bits` bits may be found any more; dropped if it
 * has none of them. */
void neardirs_limit(
    struct neardirs *n, uint32_t slot, const uint8_t *bitmap, uint32_t n_bits);
/* The run has pinned this block and may refer to it. */
bool neardirs_pinned(const struct neardirs *n, uint32_t slot);
void neardirs_set_pinned(struct neardirs *n, uint32_t slot);
/* Most recently used again. */
void neardirs_touch(struct neardirs *n, uint32_t slot);
/* Forget one directory: its block may not be referred to. */
void neardirs_drop(struct neardirs *n, uint32_t slot);

#endif
