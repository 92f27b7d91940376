/* SPDX-License-Identifier: PostgreSQL */
/* schedule.h - who comes when, and what goes wrong. */
#ifndef SNAP_TEST_SCHEDULE_H
#define SNAP_TEST_SCHEDULE_H

#include "cast.h"

/* A schedule of `seed`; the first breach into out, false: there was one. */
bool schedule_random(uint64_t seed, unsigned steps, char out[256]);

/* ---- parts of it, for those that are scripted */
void schedule_begin(uint64_t seed, bool visible);
/* Everybody goes on until all have ended; time goes on when it must. */
void schedule_drain(void);
/* Prune alone, as time goes on, and see that all garbage went. */
void schedule_finish(void);
bool schedule_end(char out[256]);
/* Of each block all copies but the oldest rot. */
void schedule_rot_newer(void);

struct plan *plan_new(
    enum cast_key key, uint64_t seed, unsigned n_chunks, unsigned universe);
struct keeping *keeping_new(enum cast_key key, unsigned live_percent);

#endif
