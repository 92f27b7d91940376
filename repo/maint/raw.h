/* SPDX-License-Identifier: PostgreSQL */
/*
 * raw.h - objects as the store holds them now, past every cache and index.
 *
 * A check that read through a cache would find yesterday's good copy.
 */
#ifndef SNAP_RAW_H
#define SNAP_RAW_H

#include "format.h"
#include "inventory.h"
#include "store.h"

/* A failure of this sort is a finding about one object; the work goes on.
 * SNAP_IO is one, because a bad sector must not hide the rest. */
bool raw_is_damage(enum snap_code rc);

struct raw_body {
	struct bytes plain; /* owns */
	struct body body;   /* views into plain */
	uint64_t size;      /* of the object */
};
/* A small object, opened; no signature is checked. */
SNAP_MUST_CHECK enum snap_code raw_get_body(struct store *s, uint8_t kind,
    const uint8_t id[ID_LEN], struct raw_body *out, struct snap_err *err);
void raw_body_fini(struct raw_body *b);

/* An index segment; one that came too late has is_void set, and no packs. */
struct raw_segment {
	struct raw_body body; /* owns what `packs` point into */
	struct index_segment segment;
	bool is_void;
};
SNAP_MUST_CHECK enum snap_code raw_get_segment(struct store *s,
    const struct inventory_object *o, struct raw_segment *out,
    struct snap_err *err);
void raw_segment_fini(struct raw_segment *s);

struct raw_pack {
	struct bytes object; /* all of it when asked for, else its end */
	struct bytes plain;  /* of the contents */
	struct span encoded; /* the contents as an index segment has them */
	struct pack_contents contents;
	uint64_t contents_off, n_read;
};
/*
 * The contents of a pack of `size` bytes, read from itself: by ranges, or
 * with all frames (`whole`).  Rows lie within the pack.  The checksum is not
 * looked at, see raw_pack_checksum(): one flipped bit in a frame should not
 * make the other frames unreadable.
 */
SNAP_MUST_CHECK enum snap_code raw_get_pack(struct store *s,
    const struct inventory_object *o, bool whole, struct raw_pack *out,
    struct snap_err *err);
/* Only for packs read whole. */
SNAP_MUST_CHECK enum snap_code raw_pack_checksum(
    const struct raw_pack *p, struct snap_err *err);
void raw_pack_fini(struct raw_pack *p);

#endif
