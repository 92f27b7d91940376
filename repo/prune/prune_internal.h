/* SPDX-License-Identifier: PostgreSQL */
/* prune_internal.h - one run of prune, and its steps. */
#ifndef SNAP_PRUNE_INTERNAL_H
#define SNAP_PRUNE_INTERNAL_H

#include "prune.h"
#include "repo_care.h"
#include "view.h"

/* ---- prune.c: one run */
struct prune {
	struct store *s;
	const struct repo_prune_opts *o;
	struct repo_prune_result *r;
	uint8_t run_id[ID_LEN];
	int64_t grace, lease; /* ns: G and L */
	int64_t boot0, real0; /* local clocks at the view's l0 */
	int64_t begun_boot;   /* of the whole run */
	uint64_t repacked;    /* bytes written so far */
	struct view v;
	struct roots roots;
	struct notes notes;
	struct mover *mover;
	/* Of o->forget: 0 while a snapshot is broken, and when it was done. */
	size_t n_forget;
	/* Forgotten snapshots whose confirmation the store keeps. */
	uint8_t (*kept)[ID_LEN];
	size_t n_kept, kept_cap;
};
/* SNAP_BUSY, and what to do. */
enum snap_code prune_again(struct snap_err *err, const char *why);
/* SNAP_BUSY when half a grace has gone by since the derivation. */
SNAP_MUST_CHECK enum snap_code prune_fresh(
    const struct prune *p, struct snap_err *err);
/* ... by the store's time of an answer. */
SNAP_MUST_CHECK enum snap_code prune_in_time(
    const struct prune *p, int64_t answered, struct snap_err *err);
/* No more work is to be begun: --max-time, --max-repack-size. */
bool prune_enough(const struct prune *p);
/* Is it a pack that is deleted in this run? */
bool prune_goes(const struct prune *p, const struct view_pack *pk);
/* Put a signed object under a fresh id, in time. */
SNAP_MUST_CHECK enum snap_code prune_put(struct prune *p, uint8_t kind,
    const uint8_t id[ID_LEN], struct span body, struct snap_err *err);
/* Confirm a condemned list; another prune may have been faster. */
SNAP_MUST_CHECK enum snap_code prune_confirm(
    struct prune *p, const uint8_t list[ID_LEN], struct snap_err *err);
/* Delete one object if the derivation is fresh; what is gone already is fine,
 * what may not go is counted and told. */
SNAP_MUST_CHECK enum snap_code prune_delete(struct prune *p, uint8_t kind,
    const uint8_t id[ID_LEN], uint64_t size, struct snap_err *err);

/* ---- segout.c: index segments as they fill */
struct segout {
	struct prune *p;
	bool sign;
	struct index_pack *v; /* their contents are owned */
	size_t n, cap, bytes;
};
void segout_init(struct segout *so, struct prune *p, bool sign);
void segout_fini(struct segout *so);
/* Takes ip->contents, malloc'd, also when it fails. */
SNAP_MUST_CHECK enum snap_code segout_add(
    struct segout *so, const struct index_pack *ip, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code segout_flush(
    struct segout *so, struct snap_err *err);

/* ---- survive.c: what still lives of a pack goes into a new one */
SNAP_MUST_CHECK enum snap_code mover_new(
    struct prune *p, struct mover **out, struct snap_err *err);
void mover_free(struct mover *m);
/* *moved false: it cannot be read whole, or holds what is not what its id says,
 * and has to stay. */
SNAP_MUST_CHECK enum snap_code mover_take(struct mover *m,
    const struct view_pack *pk, bool *moved, struct snap_err *err);
/* All that was taken is put and named. */
SNAP_MUST_CHECK enum snap_code mover_flush(
    struct mover *m, struct snap_err *err);

/* ---- forget.c: snapshots that were forgotten, or are to be in this run */
/* The confirmations of those that are no roots go; where the store keeps one
 * its snapshot is a root after all. */
SNAP_MUST_CHECK enum snap_code forget_drop(
    struct prune *p, struct snap_err *err);
/* Which are to be forgotten: they are no roots of this derivation. */
void forget_choose(struct prune *p);
/* They are recorded, before anything rests on that, and their confirmations go;
 * *again: not all, so that other things live than were derived. */
SNAP_MUST_CHECK enum snap_code forget_now(
    struct prune *p, bool *again, struct snap_err *err);
/* Which stay though they are forgotten. */
void forget_tell(struct prune *p);

/* ---- sweep.c, merge.c, condemn.c, retire.c: the steps */
SNAP_MUST_CHECK enum snap_code sweep_confirm(
    struct prune *p, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code sweep_rescue(
    struct prune *p, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code merge_index(
    struct prune *p, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code sweep_packs(
    struct prune *p, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code retire_lists(
    struct prune *p, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code retire_snapshots(
    struct prune *p, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code retire_notes(
    struct prune *p, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code retire_runs(
    struct prune *p, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code retire_temporary(
    struct prune *p, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code condemn_victims(
    struct prune *p, struct snap_err *err);

#endif
