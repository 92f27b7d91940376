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
typedef void mutation_fn(
    void *arg, struct mem_store *mem, const struct mutation *m);
struct mutator {
	const struct ground *g;
	const struct ground *other; /* another repository */
	bool heavy;                 /* all, not a sample */
	uint64_t seed;              /* of the sample */
	/* Gets a store of its own, to keep or spoil but not to free. */
	mutation_fn *fn;
	void *arg;
	size_t n; /* done so far */
};

/* What a test program tampers with, another repository, and whether it does
 * all: made by tamper_start(), cmocka's setup of all its tests. */
extern struct ground *ground, *elsewhere;
extern bool heavy;

int tamper_start(void **state);
int tamper_finish(void **state);
/* Do everything to `o`; the sample is that of `seed`. */
void tamper_with(
    const struct object_at *o, uint64_t seed, mutation_fn *fn, void *arg);

void mutate_bits(struct mutator *mu, const struct object_at *o);
void mutate_length(struct mutator *mu, const struct object_at *o);
void mutate_identity(struct mutator *mu, const struct object_at *o);
uint64_t mutator_random(struct mutator *mu);

#endif
