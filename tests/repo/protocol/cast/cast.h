/* SPDX-License-Identifier: PostgreSQL */
/*
 * cast.h - who acts on the repository of a schedule, with the real code: those
 * that make backups, prune, forget and repair; and a stolen host.
 */
#ifndef SNAP_TEST_CAST_H
#define SNAP_TEST_CAST_H

#include "oracle.h"
#include "sim.h"
#include "wire.h"

enum cast_key { KEY_OWNER, KEY_HOST, KEY_MAINTENANCE };

/* A repository is made once, and each schedule begins with a copy of it. */
void cast_make(void);
void cast_unmake(void);
struct mem_store *cast_fresh(void);
struct store *cast_open(
    struct transport *t, enum cast_key key, struct report *report);
/* An actor's machine: its store, opened without a step, and its way there. */
struct store *cast_enter(struct actor *a, enum cast_key key);
void cast_leave(struct store *s);

/* What a writer does; the arg of its actor, which frees it. */
struct plan {
	enum cast_key key;
	unsigned n_chunks;       /* of all that there are, that it has */
	unsigned universe;       /* how many there are */
	unsigned reuse_permille; /* takes over a snapshot that is there */
	unsigned pause_permille; /* after a chunk its source is slow */
	unsigned max_pauses;     /* so many times LEASE / 5 at most */
	unsigned lasts;          /* so many times LEASE / 10, before the end */
	uint64_t seed; /* what it has: who has the same seed has the same */
	bool *acknowledged; /* may be NULL */
};
void play_writer(struct actor *a);

#define FORGET_MAX 4
struct keeping {
	enum cast_key key;
	uint8_t forget[FORGET_MAX][ID_LEN]; /* in this run */
	size_t n_forget;
	bool no_snapshots;
	unsigned live_percent;
	bool *done; /* may be NULL: it did all, and found nothing broken */
	bool *idle; /* may be NULL: it wrote no pack */
};
void play_pruner(struct actor *a);
/* arg: the id of the one that it forgets; NULL: some. */
void play_forgetter(struct actor *a);
void play_repairer(struct actor *a);
/* Of packs.  arg: a bool, is all done and was before?  May be NULL. */
void play_mender(struct actor *a);
/* arg: a theft; NULL: something. */
enum theft { GARBAGE, GARBAGE_OF_PRUNE, LIE, LIST, WORD, KEY };
void play_thief(struct actor *a);

#endif
