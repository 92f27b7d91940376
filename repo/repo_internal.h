/* SPDX-License-Identifier: PostgreSQL */
/*
 * repo_internal.h - what is behind the door: an open store, and whether it
 * was looked at yet.
 */
#ifndef SNAP_REPO_INTERNAL_H
#define SNAP_REPO_INTERNAL_H

#include "repo.h"
#include "store.h"

struct recall_seen;
struct repo {
	struct store *store;
	bool for_reading;
	bool looked; /* condemned, index and packs were read once */
	struct recall_seen *seen; /* what the store has shown */
};

void repo_store_opts(const struct repo_opts *opts, struct store_opts *out);
/* Look once: listing snapshots must not cost reading the index. */
SNAP_MUST_CHECK enum snap_code repo_look_once(
    struct repo *r, struct snap_err *err);
/* The store's time, for what rests on no more than that. */
SNAP_MUST_CHECK enum snap_code repo_time(struct repo *r, struct snap_err *err);

#endif
