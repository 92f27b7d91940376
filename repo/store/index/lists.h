/* SPDX-License-Identifier: PostgreSQL */
/*
 * lists.h - what the store lists for a look, asked for in few round trips.
 *
 * A look takes l0 and the snapshots, then what is condemned and the segments,
 * then the packs.  Only this order matters (DESIGN 5): l0 is from before
 * condemned/ was read, what a listed snapshot needs is listed behind it, and
 * the packs behind the segments, lest one of a merged segment is missed.  What
 * lies on one step is asked for at once.
 *
 * None of that needs keys, so while a passphrase is turned into one, which
 * takes as long as the answers, a thread asks ahead.
 */
#ifndef SNAP_LISTS_H
#define SNAP_LISTS_H

#include "cached.h"
#include "store_internal.h"

struct look_lists {
	int64_t l0, boot; /* store and local time of its begin */
	struct listing condemned, index;
};
void look_lists_fini(struct look_lists *l);
/* l0, condemned/, index/; the packs go into the index, as of a look that
 * has begun there.  `snapshots` as well unless NULL. */
SNAP_MUST_CHECK enum snap_code look_lists_read(struct store *s,
    struct look_lists *l, struct listing *snapshots, struct snap_err *err);
/* The same for condemned/ alone: where everything else was seen before.  l->l0
 * and l->boot are the caller's. */
SNAP_MUST_CHECK enum snap_code look_lists_condemned(
    struct store *s, struct look_lists *l, struct snap_err *err);
/* index/ and the packs once more. */
SNAP_MUST_CHECK enum snap_code look_lists_again(
    struct store *s, struct look_lists *l, struct snap_err *err);

/* Ask for everything a command begins with, in a thread; nothing happens where
 * it would gain nothing.  s->index is there. */
struct ahead;
void ahead_start(struct store *s, bool look);
/* What it heard of a look, or of snapshots/, once; false: ask the store. */
bool ahead_look(struct store *s, struct look_lists *out);
void ahead_free(struct store *s);

#endif
