/* SPDX-License-Identifier: PostgreSQL */
/*
 * mutate.h - all that is done to one object, one thing after the other.
 *
 * Each is done twice where that makes a difference: as rot does it, which
 * the checksum finds, and as a keeper of the store would, who mends it.
 */
#ifndef SNAP_TEST_MUTATE_H
#define SNAP_TEST_MUTATE_H

#include "ground.h"

#define TOUCHED_MAX 2

struct mutation {
	char what[96];
	const struct object_at *touched[TOUCHED_MAX];
	size_t n_touched;
	/* Instead of an object of the ground: one that is new, in hex. */
	char added[2 * ID_LEN + 1];
	bool deletes, both_halves; /* the latter: a snapshot with its .ok */
	bool filler_only;          /* with a good checksum: nobody can tell */
	uint32_t may_suffer;       /* the snapshots that rest on them */
};
struct mutator {
	const struct ground *g;
	const struct ground *other; /* another repository */
	bool heavy;                 /* all, not a sample */
	uint64_t seed;              /* of the sample */
	/* Gets a store of its own, to keep or spoil but not to free. */
	void (*fn)(void *arg, struct mem_store *mem, const struct mutation *m);
	void *arg;
	size_t n; /* done so far */
};

void mutate_bits(struct mutator *mu, const struct object_at *o);
void mutate_length(struct mutator *mu, const struct object_at *o);
void mutate_identity(struct mutator *mu, const struct object_at *o);
uint64_t mutator_random(struct mutator *mu);

#endif
