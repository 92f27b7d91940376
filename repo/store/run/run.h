/* SPDX-License-Identifier: PostgreSQL */
/*
 * run.h - one writer's run, from its first look to the commit (DESIGN 5).
 */
#ifndef SNAP_RUN_H
#define SNAP_RUN_H

#include "store.h"

/* Local elapsed time in ns: with sleep, and the wall clock's. */
int64_t local_boot(void);
int64_t local_real(void);

struct run; /* a writer's session, packs, lease, pins */
SNAP_MUST_CHECK enum snap_code run_begin(
    struct store *s, struct run **out, struct snap_err *err);
/*
 * Add a frame.  Compresses, seals, appends to the open data or meta pack, and
 * puts the pack (verified in memory first) when it is full; blocks when too
 * many packs wait.  (class, id) known to this run or the store already: does
 * nothing.  hooks: data blocks only.  Called from many threads.
 */
struct frame_in {
	uint8_t class;
	uint8_t id[ID_LEN];
	struct span plain;
	uint32_t n_chunks, n_hooks;
	uint64_t hooks[PACK_HOOKS_MAX];
};
SNAP_MUST_CHECK enum snap_code run_add(
    struct run *r, const struct frame_in *f, struct snap_err *err);
/* Of (class, id), what may be referred to; false: nothing, and the caller
 * stores it anew.  After run_pin() this run relies on all of it. */
SNAP_MUST_CHECK bool run_may_pin(struct run *r, uint8_t class,
    const uint8_t id[ID_LEN], struct usable *part);
SNAP_MUST_CHECK bool run_pin(struct run *r, uint8_t class,
    const uint8_t id[ID_LEN], struct usable *part);
/* Called now and then by the flow: looks again and renews the lease when due;
 * SNAP_BUSY when the run has become too old to commit safely. */
SNAP_MUST_CHECK enum snap_code run_tick(struct run *r, struct snap_err *err);
/* Last packs, index, snapshot, check, .ok; SNAP_OK only if all in time. */
SNAP_MUST_CHECK enum snap_code run_commit(struct run *r,
    struct snapshot_body *snap, uint8_t id_out[ID_LEN], int64_t *time_ns,
    struct snap_err *err);
/* Last packs and index without a snapshot: all that was added is for others to
 * use. */
SNAP_MUST_CHECK enum snap_code run_keep(struct run *r, struct snap_err *err);
/* Bytes put on the store so far. */
uint64_t run_stored(const struct run *r);
/* Also the abort: packs that were put stay, named for the next run. */
void run_free(struct run *r);

#endif
