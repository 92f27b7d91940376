/* SPDX-License-Identifier: PostgreSQL */
/*
 * oracle.h - knows all that ever was on the store, and says when one of the
 * invariants of the protocol (docs/prune.md) does not hold.
 *
 * It opens what is put with the owner's keys, decides by the content which
 * copies are true, and from then on only counts.
 */
#ifndef SNAP_TEST_ORACLE_H
#define SNAP_TEST_ORACLE_H

#include "sim.h"
#include "store.h"

#define CHUNK_LEN 64
#define BLOCK_MAX 6 /* chunks */

/* Chunk number `u` of all that writers can have: its first byte is u. */
void chunk_content(uint8_t u, uint8_t out[CHUNK_LEN]);

/* A block or meta object whose content was seen. */
struct thing {
	uint8_t class, id[ID_LEN];
	uint32_t n; /* chunks of a block */
	uint8_t chunks[BLOCK_MAX];
	struct bytes plain; /* of others */
	bool damaged;       /* once, some copy of it */
};
struct ref { /* of a snapshot */
	uint32_t thing;
	uint64_t bits; /* chunks of a block; 1 */
	uint64_t all;  /* also those that may be lost */
};

/* `s`: the owner's, on wire_direct(); it must have looked at nothing. */
void oracle_begin(struct store *s);
void oracle_end(void);
/* Also what only a scripted schedule can know. */
void oracle_must(bool that, const char *what);
/* After each step. */
void oracle_check(void);
/* The first breach, or NULL. */
const char *oracle_breach(void);

/* A run said that it stands.  What of it the run could see only lies of is
 * not asked for: oracle_saw(). */
void oracle_acknowledged(const struct actor *by, const uint8_t id[ID_LEN]);
/* `by` could see true copies of these chunks alone: if it refers to others, to
 * lies. */
void oracle_saw(const struct actor *by, uint8_t class, const uint8_t *id,
    uint64_t true_bits);
bool oracle_believed_lies(void);
/* A key was stolen: there may be lies, of which check complains. */
void oracle_stolen(void);
/* Or damage. */
bool oracle_has_lies(void);
bool oracle_is_damaged(void);
/* A byte of a frame of a pack that is there is to be another: which; false:
 * there is none.  What no other copy has snapshots may lack from now on. */
bool oracle_damages(char name[TRANSPORT_NAME_MAX + 1], uint64_t *off);
/* The same of data of which an older pack has a good copy. */
bool oracle_damages_newer(char name[TRANSPORT_NAME_MAX + 1], uint64_t *off);
/* Nothing wanted lacks anything, by whatever damage. */
bool oracle_is_whole(void);
/* From now on nobody needs it. */
void oracle_forgets(const uint8_t id[ID_LEN]);
/* The chunks of which that pack holds true copies. */
uint64_t oracle_true_bits(
    const uint8_t pack[ID_LEN], uint8_t class, const uint8_t id[ID_LEN]);

/* ---- what actors choose from */
size_t oracle_things(const struct thing **out);
/* An acknowledged snapshot that is still wanted, by chance; its id and what it
 * refers to. */
bool oracle_some_snapshot(
    uint8_t id[ID_LEN], const struct ref **refs, size_t *n);
size_t oracle_n_wanted(void);
const uint8_t *oracle_newest(void); /* of those; NULL: there is none */

/* ---- at the end */
/* NULL: all garbage is gone (9). */
const char *oracle_untidy(void);
/* Everything wanted comes back through a reader's eyes. */
void oracle_must_restore(struct store *fresh);

struct oracle_counts {
	unsigned commits, refused, deleted, condemned, rescued, retired;
	unsigned kept, denied; /* by the store */
	unsigned forgotten, crashed, prunes, prunes_failed, lost_lies;
	unsigned damaged, mended, rebuilt, repairs;
};
extern struct oracle_counts oracle_counts;

#endif
