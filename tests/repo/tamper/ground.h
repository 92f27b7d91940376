/* SPDX-License-Identifier: PostgreSQL */
/*
 * ground.h - the repository that is tampered with: every kind of object is in
 * it, most of them twice, and which snapshots rest on each of them is known.
 */
#ifndef SNAP_TEST_GROUND_H
#define SNAP_TEST_GROUND_H

#include "format.h"
#include "mem.h"
#include "repo.h"

#define GROUND_SNAPS 5
#define GROUND_STREAMS 2
#define GROUND_STAGES 12
#define GROUND_ALL ((1u << GROUND_SNAPS) - 1)
#define GROUND_PASSPHRASE "pw"

struct object_at {
	char name[TRANSPORT_NAME_MAX + 1];
	char hex[2 * ID_LEN + 1]; /* what names it in a message */
	uint8_t kind;             /* as its header says */
	int64_t time;
	struct bytes raw;
	uint8_t *filler;    /* per byte: 1 = random, and nobody's; packs only */
	uint32_t needed_by; /* bit i: snapshot i rests on it */
};
struct expected {
	struct repo_snapshot snap; /* its time is an object store's */
	int64_t time_of_files;     /* its time as on a file system */
	struct bytes streams[GROUND_STREAMS];
};
struct ground {
	struct mem_store *mem; /* never changed: cloned */
	/* As it was after each step; the last is `mem`. */
	struct mem_store *stages[GROUND_STAGES];
	size_t n_stages;
	uint32_t stands[GROUND_STAGES]; /* the snapshots made by then */
	char code[128];
	struct bytes key_file; /* of the host that made snapshot 2 */
	struct expected snaps[GROUND_SNAPS]; /* in the order of their times */
	struct object_at *objects;
	size_t n_objects;
};

/* The same `seed`, the same rows; ids and keys are random all the same.  A
 * failure ends the program. */
struct ground *ground_new(uint64_t seed);
void ground_free(struct ground *g);
/* Ends the program when rc is a failure. */
void must(enum snap_code rc, const struct snap_err *err);

#endif
