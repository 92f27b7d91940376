/* SPDX-License-Identifier: PostgreSQL */
/* stage.h - how scripted schedules are told. */
#ifndef SNAP_TEST_STAGE_H
#define SNAP_TEST_STAGE_H

#include "schedule.h"

#define MANY 200 /* chunks that there are */
#define SMALL 8  /* chunks of a snapshot, in one pack */
#define LARGE 60 /* in several */

struct actor *comes(void (*play)(struct actor *a), void *arg);
struct actor *writer(uint64_t seed, unsigned n);
struct actor *pruner(void);

/* One step of it; time goes on when it waits. */
void step(struct actor *a);
/* It goes on alone until it is about to do that, as "put snapshots/"; false: it
 * has ended. */
bool until(struct actor *a, const char *what);
/* ... to confirm its snapshot. */
void until_confirms(struct actor *w);
/* ... to put a confirmed condemned list's second half. */
void until_confirms_list(struct actor *p);
void finish(struct actor *a);
/* Percents of a grace go by. */
void later(int percent);

/* From the begin to the end: a snapshot of what `seed` has; ... */
void backup(uint64_t seed);
void prune(void);
void forget(void); /* the newest */
void steal(enum theft what);
/* There is a snapshot again that nobody wants; its packs are old enough. */
void garbage(void);
/* Somebody has found what the first one stored, and is about to commit. */
struct actor *reuser(void);
/* The object of the newest snapshot. */
void name_of(
    const char *prefix, const char *suffix, char out[TRANSPORT_NAME_MAX + 1]);

#endif
