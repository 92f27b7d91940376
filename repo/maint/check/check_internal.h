/* SPDX-License-Identifier: PostgreSQL */
/*
 * check_internal.h - what the steps of one check share.
 *
 * The order matters.  Snapshots are listed first and packs last, so that a
 * backup that ends meanwhile looks like garbage, not like a hole.
 */
#ifndef SNAP_CHECK_INTERNAL_H
#define SNAP_CHECK_INTERNAL_H

#include <pthread.h>

#include "blockset.h"
#include "inventory.h"
#include "raw.h"
#include "repo_care.h"
#include "store.h"

#define PRINT_LEN 32 /* of a fingerprint */

struct check_pack {
	const struct inventory_object *o;
	uint8_t print[PRINT_LEN]; /* of its own contents */
	bool whole;               /* to be read with all frames */
	bool readable;            /* its contents are */
	bool closed;              /* the store does not let us read it */
	bool gone;                /* deleted behind the listing */
	bool indexed;             /* by a segment that agrees with them */
	bool bad;                 /* something about it was found */
	uint32_t n_used;          /* frames that snapshots need */
};
/* One row of one pack; the first of a block, when there is nothing special
 * about it, is with the block (BLOCKSET_FIRST). */
struct check_copy {
	uint32_t entry, pack;
	uint32_t n_chunks : 17;
	uint32_t bad : 1;    /* its frame was read and does not verify */
	uint32_t sparse : 1; /* its chunks are in `sparse` */
};
struct check_sparse { /* of each sparse copy, in their order */
	uint8_t *bitmap;
};
struct check_claim { /* what a segment says of a pack */
	uint8_t id[ID_LEN], kind;
	bool missing; /* there is no such pack */
	uint32_t size;
	uint8_t print[PRINT_LEN];
	const struct inventory_object *segment;
};

struct check {
	struct store *s;
	const struct repo_check_opts *opts;
	struct repo_check_result result;
	struct inventory inv;
	struct repo_snapshots snaps;
	struct check_pack *packs;
	size_t n_packs;
	struct check_claim *claims;
	size_t n_claims, claims_cap;
	pthread_mutex_t lock; /* for all below, while workers run */
	struct blockset blocks;
	struct check_copy *copies;
	size_t n_copies, copies_cap;
	struct check_sparse *sparse;
	size_t n_sparse, sparse_cap;
};

/* A finding: a warning, and counted. */
void check_problem(struct check *c, const char *fmt, ...) SNAP_PRINTF(2, 3);
/* A finding about a stored object; the name is put in front. */
void check_object_problem(struct check *c, uint8_t kind,
    const uint8_t id[ID_LEN], const struct snap_err *err);
/* Nothing of ours leaves a name without its object: what was listed and is not
 * there any more a prune has deleted beside us.  Then it is as if it had not
 * been listed, which is told in no warning; who needed it, tells. */
bool check_vanished(struct check *c, const struct inventory_object *o,
    enum snap_code rc);

/* checkpacks.c: read packs; fills packs, blocks, copies. */
SNAP_MUST_CHECK enum snap_code check_packs(
    struct check *c, struct snap_err *err);
/* ... with the rows of one. */
SNAP_MUST_CHECK enum snap_code check_rows(struct check *c, uint32_t at,
    const struct raw_pack *p, struct snap_err *err);
/* checkindex.c: read segments into claims, then hold them against packs. */
SNAP_MUST_CHECK enum snap_code check_segments(
    struct check *c, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code check_index(
    struct check *c, struct snap_err *err);
/* Of packs that we may not read: what the first segment says that names it. */
SNAP_MUST_CHECK enum snap_code check_closed(
    struct check *c, struct snap_err *err);
/* Behind the walk, which found `n_hurts`: packs that segments miss. */
void check_missing(struct check *c, uint64_t n_hurts);
/* checkwalk.c: every snapshot down to its chunks; marks what is used. */
SNAP_MUST_CHECK enum snap_code check_walk(
    struct check *c, struct snap_err *err);

#endif
