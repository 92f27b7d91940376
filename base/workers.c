/* SPDX-License-Identifier: PostgreSQL */
/*
 * workers.c - bounded queues and thread pools over POSIX threads.
 *
 * A pool is a queue plus the number of jobs that run, both under the queue's
 * one mutex: "idle" is then a single condition, and a failure reaches
 * pushers, waiters and workers by the same broadcast.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

#include "workers.h"

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t not_full, not_empty, idle;
	void **ring;
	size_t cap, head, count;
	size_t running; /* jobs of a pool that were popped and not finished */
	bool closed, failed;
	struct snap_err err; /* the first one, when failed */
};

struct workers {
	struct queue *q;
	workers_fn fn;
	void (*drop)(void *job);
	void *arg;
	size_t n_threads; /* started ones */
	pthread_t *threads;
};

static int
init_sync(struct queue *q)
{
	if (pthread_mutex_init(&q->lock, NULL) != 0)
		return -1;
	if (pthread_cond_init(&q->not_full, NULL) != 0)
		goto no_full;
	if (pthread_cond_init(&q->not_empty, NULL) != 0)
		goto no_empty;
	if (pthread_cond_init(&q->idle, NULL) != 0)
		goto no_idle;
	return 0;
no_idle:
	pthread_cond_destroy(&q->not_empty);
no_empty:
	pthread_cond_destroy(&q->not_full);
no_full:
	pthread_mutex_destroy(&q->lock);
	return -1;
}

enum snap_code
queue_new(size_t capacity, struct queue **out, struct snap_err *err)
{
	struct queue *q;

	if (capacity == 0)
		return snap_fail(err, SNAP_USAGE, "a queue needs room for one");
	q = calloc(1, sizeof *q);
	if (q == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a queue");
	q->ring = calloc(capacity, sizeof *q->ring);
	if (q->ring == NULL || init_sync(q) != 0) {
		free(q->ring);
		free(q);
		return snap_fail(err, SNAP_NOMEM, "no memory for a queue");
	}
	q->cap = capacity;
	*out = q;
	return SNAP_OK;
}

/* Take the oldest item; the caller holds the lock and saw count > 0. */
static void *
take_locked(struct queue *q)
{
	void *item = q->ring[q->head];

	q->head = q->head + 1 == q->cap ? 0 : q->head + 1;
	q->count--;
	pthread_cond_signal(&q->not_full);
	return item;
}

void
queue_free(struct queue *q, void (*drop)(void *item))
{
	if (q == NULL)
		return;
	while (q->count > 0) {
		void *item = take_locked(q);

		if (drop != NULL)
			drop(item);
	}
	pthread_cond_destroy(&q->idle);
	pthread_cond_destroy(&q->not_empty);
	pthread_cond_destroy(&q->not_full);
	pthread_mutex_destroy(&q->lock);
	free(q->ring);
	free(q);
}

/* Hand out the stored first error; the caller holds the lock. */
static enum snap_code
first_error(const struct queue *q, struct snap_err *err)
{
	if (err != NULL)
		*err = q->err;
	return q->err.code;
}

enum snap_code
queue_push(struct queue *q, void *item, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	size_t tail;

	if (item == NULL)
		return snap_fail(err, SNAP_USAGE, "a queue takes no NULL");
	pthread_mutex_lock(&q->lock);
	while (!q->failed && !q->closed && q->count == q->cap)
		pthread_cond_wait(&q->not_full, &q->lock);
	if (q->failed) {
		rc = first_error(q, err);
		goto out;
	}
	if (q->closed) {
		rc = snap_fail(err, SNAP_USAGE, "the queue is closed");
		goto out;
	}
	tail = q->cap - q->head > q->count ? q->head + q->count
					   : q->count - (q->cap - q->head);
	q->ring[tail] = item;
	q->count++;
	pthread_cond_signal(&q->not_empty);
out:
	pthread_mutex_unlock(&q->lock);
	return rc;
}

enum snap_code
queue_pop(struct queue *q, void **out, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	pthread_mutex_lock(&q->lock);
	while (!q->failed && !q->closed && q->count == 0)
		pthread_cond_wait(&q->not_empty, &q->lock);
	if (q->failed)
		rc = first_error(q, err);
	else
		*out = q->count > 0 ? take_locked(q) : NULL;
	pthread_mutex_unlock(&q->lock);
	return rc;
}

static void
wake_all(struct queue *q)
{
	pthread_cond_broadcast(&q->not_full);
	pthread_cond_broadcast(&q->not_empty);
	pthread_cond_broadcast(&q->idle);
}

void
queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	wake_all(q);
	pthread_mutex_unlock(&q->lock);
}

static void
fail_locked(struct queue *q, const struct snap_err *err)
{
	if (!q->failed) {
		q->err = *err;
		/* A failure without a code would read as success later. */
		if (q->err.code == SNAP_OK)
			q->err.code = SNAP_CANCELLED;
		q->failed = true;
	}
	wake_all(q);
}

void
queue_fail(struct queue *q, const struct snap_err *err)
{
	pthread_mutex_lock(&q->lock);
	fail_locked(q, err);
	pthread_mutex_unlock(&q->lock);
}

static void *
worker_main(void *p)
{
	struct workers *w = p;
	struct queue *q = w->q;

	pthread_mutex_lock(&q->lock);
	for (;;) {
		struct snap_err err = SNAP_ERR_INIT;
		enum snap_code rc;
		void *job;

		while (!q->failed && !q->closed && q->count == 0)
			pthread_cond_wait(&q->not_empty, &q->lock);
		if (q->failed || q->count == 0)
			break;
		job = take_locked(q);
		q->running++;
		pthread_mutex_unlock(&q->lock);
		rc = w->fn(w->arg, job, &err);
		pthread_mutex_lock(&q->lock);
		q->running--;
		if (rc != SNAP_OK) {
			err.code = rc;
			fail_locked(q, &err);
		}
		if (q->running == 0)
			pthread_cond_broadcast(&q->idle);
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

/*
 * Signals are for the threads of the program, so that its system calls get
 * their EINTR; the workers start with all of them blocked.
 */
static enum snap_code
start_threads(struct workers *w, size_t n, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (w->n_threads < n) {
		if (pthread_create(
			&w->threads[w->n_threads], NULL, worker_main, w) != 0) {
			rc = snap_fail(err, SNAP_NOMEM, "start a thread");
			break;
		}
		w->n_threads++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

enum snap_code
workers_new(size_t n_threads, size_t backlog, workers_fn fn,
    void (*drop)(void *job), void *arg, struct workers **out,
    struct snap_err *err)
{
	enum snap_code rc;
	struct workers *w;

	if (n_threads == 0)
		return snap_fail(err, SNAP_USAGE, "a pool needs a thread");
	w = calloc(1, sizeof *w);
	if (w == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a pool");
	w->fn = fn;
	w->drop = drop;
	w->arg = arg;
	w->threads = calloc(n_threads, sizeof *w->threads);
	if (w->threads == NULL) {
		rc = snap_fail(err, SNAP_NOMEM, "no memory for a pool");
		goto out;
	}
	rc = queue_new(backlog == 0 ? 1 : backlog, &w->q, err);
	if (rc != SNAP_OK)
		goto out;
	rc = start_threads(w, n_threads, err);
	if (rc != SNAP_OK)
		goto out;
	*out = w;
	w = NULL;
out:
	workers_free(w);
	return rc;
}

enum snap_code
workers_push(struct workers *w, void *job, struct snap_err *err)
{
	return queue_push(w->q, job, err);
}

/* Of a failed pool only the running jobs are awaited: no others will run. */
enum snap_code
workers_wait(struct workers *w, struct snap_err *err)
{
	struct queue *q = w->q;
	enum snap_code rc = SNAP_OK;

	pthread_mutex_lock(&q->lock);
	while (q->running > 0 || (q->count > 0 && !q->failed))
		pthread_cond_wait(&q->idle, &q->lock);
	if (q->failed)
		rc = first_error(q, err);
	pthread_mutex_unlock(&q->lock);
	return rc;
}

void
workers_fail(struct workers *w, const struct snap_err *err)
{
	queue_fail(w->q, err);
}

void
workers_free(struct workers *w)
{
	static const struct snap_err freed = { SNAP_CANCELLED,
		"the pool was freed", "", "", 0 };

	if (w == NULL)
		return;
	if (w->q != NULL)
		queue_fail(w->q, &freed);
	for (size_t i = 0; i < w->n_threads; i++)
		pthread_join(w->threads[i], NULL);
	queue_free(w->q, w->drop);
	free(w->threads);
	free(w);
}

enum snap_code
workers_each(size_t n_threads, workers_fn fn, void *arg, void *v, size_t n,
    size_t size, struct snap_err *err)
{
	struct workers *w = NULL;
	unsigned char *p = v;
	enum snap_code rc = SNAP_OK;

	if (n_threads > n)
		n_threads = n;
	if (n_threads <= 1) {
		for (size_t i = 0; i < n && rc == SNAP_OK; i++)
			rc = fn(arg, p + i * size, err);
		return rc;
	}
	rc = workers_new(n_threads, n_threads, fn, NULL, arg, &w, err);
	if (rc != SNAP_OK)
		return rc;
	for (size_t i = 0; i < n && rc == SNAP_OK; i++)
		rc = workers_push(w, p + i * size, err);
	if (rc == SNAP_OK)
		rc = workers_wait(w, err);
	workers_free(w);
	return rc;
}
