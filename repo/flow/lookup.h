/* SPDX-License-Identifier: PostgreSQL */
/*
 * lookup.h - what a lane's thread does: cut, hash, look up, collect.
 *
 * Single-threaded; see lane.h for the thread around it.
 */
#ifndef SNAP_LOOKUP_H
#define SNAP_LOOKUP_H

#include "lane.h"

struct lookup;

/* `shared` is borrowed for the lookup's life. */
SNAP_MUST_CHECK enum snap_code lookup_new(const struct lane_shared *shared,
    struct lookup **out, struct snap_err *err);
void lookup_free(struct lookup *l);
/* Takes over *d; gives it to shared->done() at the end of the stream. */
SNAP_MUST_CHECK enum snap_code lookup_begin(
    struct lookup *l, struct stream_done *d, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code lookup_data(
    struct lookup *l, struct span data, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code lookup_end(
    struct lookup *l, uint64_t rows, struct snap_err *err);
/* All streams were ended: close the open block, if it has anything. */
SNAP_MUST_CHECK enum snap_code lookup_finish(
    struct lookup *l, struct snap_err *err);

#endif
