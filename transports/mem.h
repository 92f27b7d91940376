/* SPDX-License-Identifier: PostgreSQL */
/*
 * mem.h - a store in memory: for tests, and to try what is not stored yet.
 *
 * A struct mem_store outlives its handles and is shared by them, as a bucket
 * is by its clients, so several "hosts" can be played in one process.  Its
 * clock stands still but for what the test, or the step per request, moves.
 * The mem_store_*() calls below act behind the back of all handles, as a
 * hostile or failing store would.
 */
#ifndef SNAP_MEM_H
#define SNAP_MEM_H

#include <stdbool.h>

#include "transport.h"

/* Where a fresh store's clock starts: a day in 2001, in ns. */
#define MEM_TIME_START INT64_C(1000000000000000000)

struct mem_store;

SNAP_MUST_CHECK enum snap_code mem_store_new(
    struct mem_store **out, struct snap_err *err);
void mem_store_free(struct mem_store *s); /* after all its handles; NULL ok */
/* A copy of objects and clock, e.g. to go on from a point of a crash. */
SNAP_MUST_CHECK enum snap_code mem_store_clone(
    struct mem_store *s, struct mem_store **out, struct snap_err *err);

/* Another handle on the store; close it with transport_close(). */
SNAP_MUST_CHECK enum snap_code transport_open_mem(
    struct mem_store *s, struct transport **out, struct snap_err *err);

int64_t mem_store_time(struct mem_store *s);
void mem_store_set_time(struct mem_store *s, int64_t time_ns);
void mem_store_advance(struct mem_store *s, int64_t by_ns);
/* Added before each put and each transport_now(); 1 ns at first. */
void mem_store_set_step(struct mem_store *s, int64_t step_ns);

size_t mem_store_count(struct mem_store *s); /* objects */
/* Replace or create an object as no client could; a new one gets the clock's
 * time, an old one keeps its own. */
SNAP_MUST_CHECK enum snap_code mem_store_overwrite(struct mem_store *s,
    const char *name, struct span data, struct snap_err *err);
/* Each false when there is no such object (or byte). */
bool mem_store_flip(
    struct mem_store *s, const char *name, uint64_t off, uint8_t xor_mask);
bool mem_store_truncate(struct mem_store *s, const char *name, uint64_t size);
bool mem_store_set_object_time(
    struct mem_store *s, const char *name, int64_t time_ns);
bool mem_store_remove(struct mem_store *s, const char *name);

#endif
