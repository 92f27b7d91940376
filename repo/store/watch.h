/* SPDX-License-Identifier: PostgreSQL */
/*
 * watch.h - who wants to know what the store has shown, whoever asked it.
 *
 * So that a machine can compare it with what it remembers, and no request is
 * made twice for that.
 */
#ifndef SNAP_WATCH_H
#define SNAP_WATCH_H

#include "store.h"

struct repo_snapshot;
struct repo_snapshots;

struct store_watch {
	void *arg;
	/* A listing of all snapshots; what of them was listed and does not
	 * stand, as it is damaged or void, is in `others`. */
	void (*snapshots)(void *arg, const struct repo_snapshots *all,
	    const uint8_t (*others)[ID_LEN], size_t n_others);
	/* One that was made just now. */
	void (*added)(void *arg, const struct repo_snapshot *one);
	/* A condemned list that is listed, and again with its packs when it
	 * was read and counts.  One at a time, from any thread. */
	void (*condemned)(void *arg, const uint8_t id[ID_LEN],
	    const uint8_t *packs, uint32_t n);
	/* A look has come to its end. */
	void (*looked)(void *arg);
};

/* Did the newest look find a pack of this name? */
bool store_lists_pack(struct store *s, const uint8_t id[ID_LEN]);

#endif
