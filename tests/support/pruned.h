/* SPDX-License-Identifier: PostgreSQL */
/*
 * pruned.h - what prune and the key commands will leave in a repository,
 * before there are such commands: sparse blocks, key files, a second epoch.
 *
 * A failure ends the program: it would be the test's own.
 */
#ifndef SNAP_TEST_PRUNED_H
#define SNAP_TEST_PRUNED_H

#include "keyfile.h"
#include "store.h"

/* Which chunks of a block a sparse copy keeps. */
struct sparse_plan {
	uint32_t every, which; /* those with number % every == which */
	bool garble;           /* other bytes of the same lengths */
	bool forgetful;        /* of how long the others are, as a repair is */
};

/* The ids of all blocks in data packs that are there; their number. */
size_t pruned_blocks(struct store *s, uint8_t (*blocks)[ID_LEN], size_t max);
/* Put a pack with a sparse copy of each, named in a segment. */
void pruned_sparse(struct store *s, const uint8_t (*blocks)[ID_LEN], size_t n,
    const struct sparse_plan *plan);
/* Leave of every block two copies with half of its chunks each, and nothing of
 * the data packs and index segments that were there. */
void pruned_halves(struct store *s);
/* Put a pack with a full copy of each, of nonsense: what a stolen host key can
 * do.  Its rows say that they come from `origin` (NULL: they do not). */
void pruned_garbage(struct store *s, const uint8_t (*blocks)[ID_LEN], size_t n,
    const uint8_t *origin);
/* The same, as pack `id` of that kind. */
void pruned_twin(struct store *s, const uint8_t (*blocks)[ID_LEN], size_t n,
    uint8_t kind, const uint8_t id[ID_LEN]);

/* A key file, whole as it lies on a machine, and the record of its host. */
void pruned_key_file(
    struct store *s, enum keyfile_type type, struct bytes *file);
/* Put the record that begins epoch `e` for the keys of `s`, which must hold
 * them; `forge`: sign it as the epoch before. */
void pruned_begin_epoch(struct store *s, uint32_t e, bool forge);
/* Let `s` have and write under the keys of epoch `e`, and begin it. */
void pruned_rotate(struct store *s, struct span passphrase, uint32_t e);

#endif
