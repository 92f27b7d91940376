/* SPDX-License-Identifier: PostgreSQL */
/*
 * lane.h - one parallel path of a backup: bytes in, blocks and recipes out.
 *
 * A lane is a sink for one producer thread and a thread of its own that cuts,
 * hashes and looks up.  It has one open block, its own cursor and its own
 * near directories; full blocks go to the backup's pool of workers, which
 * compress, seal and store.
 */
#ifndef SNAP_LANE_H
#define SNAP_LANE_H

#include "hooks.h"
#include "manifest.h"
#include "recipebuild.h"
#include "sink.h"
#include "run.h"
#include "store.h"
#include "workers.h"

/* What the lanes of one backup share. */
struct lane_shared {
	struct store *store;
	struct run *run;
	struct hooks *hooks;
	struct workers *pool;          /* takes struct block_job */
	const struct manifest *parent; /* NULL = none */
	uint32_t near_dirs;            /* directories a lane keeps */
	/* Takes over a finished stream; any thread. */
	void (*done)(void *arg, struct stream_done *d);
	/* A lane failed: stop the others. */
	void (*fail)(void *arg, const struct snap_err *err);
	void *arg;
};

/* A sealed block on its way to the store. */
struct block_job {
	struct frame_in block, dir; /* plain spans point into the below */
	struct bytes block_plain, dir_plain;
};
void block_job_free(void *job);
SNAP_MUST_CHECK enum snap_code block_job_run(
    void *run, void *job, struct snap_err *err);

struct lane;

SNAP_MUST_CHECK enum snap_code lane_new(
    const struct lane_shared *shared, struct lane **out, struct snap_err *err);
struct sink *lane_sink(struct lane *l);
/* Make the producer's and the lane's next call fail with this. */
void lane_stop(struct lane *l, const struct snap_err *err);
/* No more input: wait for the thread, then seal the open block. */
SNAP_MUST_CHECK enum snap_code lane_finish(
    struct lane *l, struct snap_err *err);
/* Stop its thread.  One that fails stops the other lanes: join all of them
 * before the first is freed. */
void lane_join(struct lane *l);
void lane_free(struct lane *l); /* joins first */

#endif
