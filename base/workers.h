/* SPDX-License-Identifier: PostgreSQL */
/*
 * workers.h - bounded queues between threads, and a pool that runs jobs.
 *
 * Both remember the first failure: `*_fail()` stores it, wakes everybody, and
 * every later call returns that same error.  So the first error wins and
 * stops the whole pipeline without anybody waiting for a dead neighbour.
 */
#ifndef SNAP_WORKERS_H
#define SNAP_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* A bounded FIFO of pointers.  Ownership of an item moves with it. */
struct queue;

SNAP_MUST_CHECK enum snap_code queue_new(
    size_t capacity, struct queue **out, struct snap_err *err);
/* Items still inside are handed to `drop` (may be NULL). */
void queue_free(struct queue *q, void (*drop)(void *item));
/* Blocks while full.  On failure the item stays the caller's. */
SNAP_MUST_CHECK enum snap_code queue_push(
    struct queue *q, void *item, struct snap_err *err);
/* Blocks while empty.  *out = NULL after queue_close() and the last item. */
SNAP_MUST_CHECK enum snap_code queue_pop(
    struct queue *q, void **out, struct snap_err *err);
void queue_close(struct queue *q); /* no more pushes; pops drain */
void queue_fail(struct queue *q, const struct snap_err *err);

/*
 * A pool of n_threads that runs fn(arg, job) for each pushed job, at most
 * `backlog` of them waiting (workers_push blocks).  `fn` owns the job.  A
 * job that fails makes the pool fail; waiting jobs then go to `drop`.
 * Jobs may push to other pools, never to their own.
 */
struct workers;
typedef enum snap_code (*workers_fn)(
    void *arg, void *job, struct snap_err *err);

SNAP_MUST_CHECK enum snap_code workers_new(size_t n_threads, size_t backlog,
    workers_fn fn, void (*drop)(void *job), void *arg, struct workers **out,
    struct snap_err *err);
/* On failure the job stays the caller's. */
SNAP_MUST_CHECK enum snap_code workers_push(
    struct workers *w, void *job, struct snap_err *err);
/* Wait until all jobs pushed so far have run; the pool's first error. */
SNAP_MUST_CHECK enum snap_code workers_wait(
    struct workers *w, struct snap_err *err);
void workers_fail(struct workers *w, const struct snap_err *err);
void workers_free(struct workers *w); /* drops waiting jobs, joins */

/*
 * fn(arg, element) for each of the n elements of `size` bytes at `v`, at most
 * n_threads at once; with one thread (or element) here and in their order.
 * The first failure; what had not begun by then is left out.
 */
SNAP_MUST_CHECK enum snap_code workers_each(size_t n_threads, workers_fn fn,
    void *arg, void *v, size_t n, size_t size, struct snap_err *err);

#endif
