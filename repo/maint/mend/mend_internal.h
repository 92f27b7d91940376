/* SPDX-License-Identifier: PostgreSQL */
/*
 * mend_internal.h - one repair of packs, and its steps.
 *
 * Nothing is deleted here.  What is good of a damaged pack goes into a new
 * one, the damaged one is condemned, and prune takes it when nothing that
 * lives depends on it any more.
 */
#ifndef SNAP_MEND_INTERNAL_H
#define SNAP_MEND_INTERNAL_H

#include <pthread.h>

#include "inventory.h"
#include "maint.h"
#include "packout.h"
#include "store.h"

/* A frame that does not verify, or whose pack is gone. */
struct mend_loss {
	uint8_t class, id[ID_LEN];
	uint32_t n_chunks;
	uint8_t n_hooks;
	uint64_t hooks[PACK_HOOKS_MAX];
	bool
	    has_origin; /* a damaged pack is there, which a new copy replaces */
	uint8_t origin_pack[ID_LEN];
	int64_t origin_time;
	uint8_t pack[ID_LEN]; /* that pack; as listed */
	int64_t time;
	bool is_replaced; /* replace.c */
	uint32_t n_has;   /* rebuild.c: chunks that are in its place */
};

struct mend {
	struct store *s;
	const uint8_t (*only)[ID_LEN]; /* packs; NULL: all */
	size_t n_only;
	struct inventory inv;
	uint8_t run_id[ID_LEN];
	pthread_mutex_t lock; /* for all below */
	struct repo_mend_result r;
	struct mend_loss *lost;
	size_t n_lost, lost_cap;
	struct mend_loss *hurt; /* in a damaged pack, whole in another */
	size_t n_hurt, hurt_cap;
	uint8_t (*condemn)[ID_LEN];
	size_t n_condemn, condemn_cap;
	/* mendout.c */
	struct packout *out[2];   /* data, meta */
	struct index_pack *named; /* put, not yet in a segment */
	size_t n_named, named_cap, named_bytes;
	int64_t named_l0, named_boot; /* when the first of them was put */
};
bool mend_is_wanted(const struct mend *m, const uint8_t pack[ID_LEN]);

/* Of the same block or meta object. */
bool mend_same(const struct mend_loss *x, const struct mend_loss *y);
/* Does a copy that prune or a repair put into this pack take the place of the
 * damaged one?  As prune judges it, also by the times of origins: these are
 * others when somebody has copied the files. */
bool mend_replaces(struct mend *m, const struct index_pack *pack,
    const struct pack_row *row, bool trusted, const struct mend_loss *l);

/* In a pack, whole: where; *unread: one that may have it could not be read.
 * What the cache has the store may have lost. */
bool mend_is_stored(struct mend *m, const struct mend_loss *l,
    struct copy *where, bool *unread);

/* ---- learn.c */
/* What is known of a pack: its rows, by itself or by the index. */
struct known {
	const struct inventory_object *o;
	struct bytes object;
	struct pack_contents contents; /* borrows from plain */
	struct bytes plain;
	bool by_itself;
	bool trusted; /* maintenance signed it: its origins count */
	bool damaged;
};
/* Its object and rows; *k is zero but for `o` and its buffers.  SNAP_IO: it can
 * not be read now, which says nothing of what is there; SNAP_NOTFOUND. */
SNAP_MUST_CHECK enum snap_code mend_learn(
    struct mend *m, struct known *k, struct snap_err *err);
/* Its own word about origins counts by its signature. */
void mend_learn_trust(struct mend *m, struct known *k);
void known_fini(struct known *k);
/* The frame of a row opens and is what its id says; *plain is for use. */
SNAP_MUST_CHECK enum snap_code mend_verify(struct mend *m,
    const struct known *k, const struct pack_row *row, struct bytes *plain,
    struct snap_err *err);

/* ---- mendout.c: what is written; called with the lock held, or alone */
SNAP_MUST_CHECK enum snap_code mendout_add(struct mend *m,
    const struct pack_row *row, const struct session_row *session,
    struct span sealed, struct snap_err *err);
/* A block made now. */
SNAP_MUST_CHECK enum snap_code mendout_seal(struct mend *m,
    const struct pack_row *row, struct span plain, struct snap_err *err);
/* Called now and then, so that no pack waits for its name too long. */
SNAP_MUST_CHECK enum snap_code mendout_tick(
    struct mend *m, struct snap_err *err);
/* All of it on the store and in the index; then the damaged packs condemned. */
SNAP_MUST_CHECK enum snap_code mendout_flush(
    struct mend *m, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code mendout_condemn(
    struct mend *m, struct snap_err *err);
void mendout_fini(struct mend *m);

/* ---- rebuild.c: lost blocks, of chunks that other blocks have */
SNAP_MUST_CHECK enum snap_code mend_rebuild(
    struct mend *m, struct snap_err *err);
/* ---- replace.c: what is whole elsewhere, in the place of what is damaged */
SNAP_MUST_CHECK enum snap_code mend_replace(
    struct mend *m, struct snap_err *err);
/* ---- remake.c: directories that are not there, of their blocks */
SNAP_MUST_CHECK enum snap_code mend_remake(
    struct mend *m, struct snap_err *err);

/* Each row of each segment's packs that are `listed`, or of those that are
 * not.  What is damaged is passed over. */
typedef enum snap_code (*mend_row_fn)(struct mend *m,
    const struct index_pack *pack, const struct pack_row *row, bool trusted,
    void *arg, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code mend_each_row(struct mend *m, bool listed,
    mend_row_fn fn, void *arg, struct snap_err *err);

#endif
