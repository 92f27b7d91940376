/* SPDX-License-Identifier: PostgreSQL */
/*
 * blocks.c - a small table of blocks and the pool that decodes them.
 *
 * Wanted blocks stand in a queue.  A thread takes the first one, and with it
 * those behind it that lie side by side with it in the pack: one request for
 * all.  So a line that is slow, where the queue grows, is asked for much at a
 * time, and where it is empty nothing waits for anything else.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "fetch.h"
#include "workers.h"

/* Sealed bytes of all threads together; a block by itself may have more than
 * its share. */
#define IN_FLIGHT ((size_t)32 << 20)
/* Bytes that nobody wants between two blocks: a store that charges for both
 * takes about as much for them as for another request. */
#define GAP (4u << 10)

enum block_state { BLOCK_FETCHING, BLOCK_READY, BLOCK_FAILED };

struct block_ref {
	uint8_t id[ID_LEN];
	enum block_state state; /* under the lock */
	uint32_t refs;
	uint64_t used;
	struct read_block block;
	struct snap_err err;
	struct copy at; /* its first copy; of no size when there is none */
	struct block_ref *next; /* wanted; under the lock */
};

struct blocks {
	struct store *store;
	struct workers *pool;
	size_t n_fetchers;
	size_t in_flight;     /* bytes for each of them */
	pthread_mutex_t lock; /* of the states and of what is wanted; the table
			       * is one thread's */
	pthread_cond_t changed;
	struct block_ref *wanted, **wanted_end; /* a queue */
	/* Jobs in the pool that have not begun.  Each will look at the queue,
	 * so there must be as many as wanted blocks, at least. */
	size_t n_wanted, n_jobs;
	struct bytes *spare; /* buffers at rest, up to one for each thread */
	size_t n_spare;
	struct block_ref *v[BLOCKS_AHEAD_FAR + BLOCKS_KEPT];
	size_t n, n_held, n_ahead; /* n_ahead: of those held, at most */
	size_t n_kept;             /* besides, at most */
	uint64_t clock;
};

/* Blocks that are fetched together, as they lie in the pack. */
struct block_run {
	struct block_ref *v[BLOCKS_AHEAD_FAR];
	size_t n;
	size_t len; /* bytes of the pack */
};

static void
ref_free(struct block_ref *r)
{
	if (r == NULL)
		return;
	read_block_fini(&r->block);
	free(r);
}

/* Does this one follow the run in its pack, closely? */
static bool
follows(const struct block_run *run, const struct block_ref *r, size_t max)
{
	const struct copy *first = &run->v[0]->at;
	size_t end = (size_t)first->off + run->len;

	return r->at.sealed_len > 0 && r->at.off >= end &&
	       r->at.off - end <= GAP && r->at.pack_kind == first->pack_kind &&
	       memcmp(r->at.pack, first->pack, ID_LEN) == 0 &&
	       r->at.off - first->off + (size_t)r->at.sealed_len <= max;
}

/* Takes *p out of the queue. */
static void
add_to_run(struct blocks *b, struct block_run *run, struct block_ref **p)
{
	struct block_ref *r = *p;

	*p = r->next;
	if (*p == NULL)
		b->wanted_end = p;
	b->n_wanted--;
	run->v[run->n++] = r;
	run->len = r->at.off - run->v[0]->at.off + (size_t)r->at.sealed_len;
}

/* The first wanted block and its neighbours; none when another job took them
 * all.  Every processor is left its share to decode. */
static void
take_run(struct blocks *b, struct block_run *run)
{
	struct block_ref **p = &b->wanted;
	size_t share;

	run->n = 0;
	(void)pthread_mutex_lock(&b->lock);
	b->n_jobs--;
	share = b->n_wanted / b->store->n_threads + 1;
	if (b->wanted != NULL)
		add_to_run(b, run, p);
	while (*p != NULL && run->n < share)
		if (follows(run, *p, b->in_flight))
			add_to_run(b, run, p);
		else
			p = &(*p)->next;
	(void)pthread_mutex_unlock(&b->lock);
}

static struct bytes
take_buffer(struct blocks *b)
{
	struct bytes out;

	bytes_init(&out, IN_FLIGHT);
	(void)pthread_mutex_lock(&b->lock);
	if (b->n_spare > 0)
		out = b->spare[--b->n_spare];
	(void)pthread_mutex_unlock(&b->lock);
	return out;
}

static void
give_buffer(struct blocks *b, struct bytes buffer)
{
	(void)pthread_mutex_lock(&b->lock);
	b->spare[b->n_spare++] = buffer;
	(void)pthread_mutex_unlock(&b->lock);
}

static void
settle(struct blocks *b, struct block_ref *r, enum snap_code rc)
{
	(void)pthread_mutex_lock(&b->lock);
	r->state = rc == SNAP_OK ? BLOCK_READY : BLOCK_FAILED;
	(void)pthread_cond_broadcast(&b->changed);
	(void)pthread_mutex_unlock(&b->lock);
}

/* A failed block fails only who waits for it: the pool goes on. */
static enum snap_code
fetch(void *arg, void *job, struct snap_err *err)
{
	struct snap_err why = SNAP_ERR_INIT;
	enum snap_code rc = SNAP_OK;
	struct blocks *b = arg;
	struct pack_part part;
	struct block_run run;

	(void)job;
	(void)err;
	take_run(b, &run);
	if (run.n > 1) {
		part.sealed = take_buffer(b);
		rc = store_get_part(
		    b->store, &run.v[0]->at, run.len, &part, &why);
	}
	for (size_t i = 0; i < run.n; i++) {
		struct block_ref *r = run.v[i];

		if (rc != SNAP_OK)
			r->err = why;
		settle(b, r,
		    rc != SNAP_OK
			? rc
			: store_read_block(b->store, r->id,
			      run.n > 1 ? &part : NULL, &r->block, &r->err));
	}
	if (run.n > 1)
		give_buffer(b, part.sealed);
	return SNAP_OK;
}

static void
share_out(struct blocks *b, size_t n_readers)
{
	size_t n = n_readers > 1 ? n_readers : 1;
	size_t fetchers = store_n_fetchers(b->store);

	b->n_ahead = (transport_is_remote(b->store->t) ? BLOCKS_AHEAD_FAR
						       : BLOCKS_AHEAD) /
		     n;
	if (b->n_ahead < BLOCKS_LEAST)
		b->n_ahead = BLOCKS_LEAST;
	b->n_kept = BLOCKS_KEPT / n + 1;
	if (b->n_kept > BLOCKS_KEPT)
		b->n_kept = BLOCKS_KEPT;
	b->n_fetchers = n < fetchers ? fetchers / n : 1;
	b->in_flight = IN_FLIGHT / n / b->n_fetchers;
}

enum snap_code
blocks_new(struct store *s, struct blocks **out, struct snap_err *err)
{
	struct blocks *b = calloc(1, sizeof *b);
	enum snap_code rc;

	if (b == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for blocks");
	b->store = s;
	b->wanted_end = &b->wanted;
	share_out(b, s->n_readers);
	b->spare = calloc(b->n_fetchers, sizeof *b->spare);
	if (b->spare == NULL || pthread_mutex_init(&b->lock, NULL) != 0) {
		free(b->spare);
		free(b);
		return snap_fail(err, SNAP_NOMEM, "no memory for blocks");
	}
	if (pthread_cond_init(&b->changed, NULL) != 0) {
		pthread_mutex_destroy(&b->lock);
		free(b->spare);
		free(b);
		return snap_fail(err, SNAP_NOMEM, "cannot make a lock");
	}
	rc = workers_new(
	    b->n_fetchers, b->n_ahead, fetch, NULL, b, &b->pool, err);
	if (rc != SNAP_OK) {
		blocks_free(b);
		return rc;
	}
	*out = b;
	return SNAP_OK;
}

void
blocks_free(struct blocks *b)
{
	if (b == NULL)
		return;
	workers_free(b->pool);
	for (size_t i = 0; i < b->n; i++)
		ref_free(b->v[i]);
	while (b->n_spare > 0)
		bytes_fini(&b->spare[--b->n_spare]);
	free(b->spare);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

size_t
blocks_ahead(const struct blocks *b)
{
	return b->n_ahead;
}

/* Where a new block may go: a fresh place, or the oldest unused one's. */
static struct block_ref **
place_for_new(struct blocks *b)
{
	struct block_ref **oldest = NULL;

	if (b->n < b->n_ahead + b->n_kept)
		return &b->v[b->n++];
	for (size_t i = 0; i < b->n; i++)
		if (b->v[i]->refs == 0 &&
		    (oldest == NULL || b->v[i]->used < (*oldest)->used))
			oldest = &b->v[i];
	if (oldest != NULL) {
		ref_free(*oldest);
		*oldest = NULL;
	}
	return oldest;
}

/* Into the queue, and somebody to look at it. */
static enum snap_code
want(struct blocks *b, struct block_ref *r, struct snap_err *err)
{
	bool more;

	if (store_copies(b->store, CLASS_DATA, r->id, &r->at, 1) == 0)
		memset(&r->at, 0, sizeof r->at);
	(void)pthread_mutex_lock(&b->lock);
	*b->wanted_end = r;
	b->wanted_end = &r->next;
	more = b->n_jobs < ++b->n_wanted;
	if (more)
		b->n_jobs++;
	(void)pthread_mutex_unlock(&b->lock);
	return more ? workers_push(b->pool, b, err) : SNAP_OK;
}

enum snap_code
blocks_take(struct blocks *b, const uint8_t id[ID_LEN], struct block_ref **out,
    struct snap_err *err)
{
	struct block_ref *r, **place;

	for (size_t i = 0; i < b->n; i++) {
		r = b->v[i];
		if (memcmp(r->id, id, ID_LEN) != 0)
			continue;
		if (r->refs == 0 && b->n_held == b->n_ahead) {
			*out = NULL;
			return SNAP_OK;
		}
		if (r->refs++ == 0)
			b->n_held++;
		*out = r;
		return SNAP_OK;
	}
	*out = NULL;
	if (b->n_held == b->n_ahead)
		return SNAP_OK;
	r = calloc(1, sizeof *r);
	if (r == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a block");
	memcpy(r->id, id, ID_LEN);
	r->refs = 1;
	/* Unused blocks are never being fetched: a reference outlives its
	 * fetch, because blocks_give() waits for it. */
	place = place_for_new(b);
	*place = r;
	b->n_held++;
	if (want(b, r, err) != SNAP_OK) /* the pool failed: so will all */
		return err->code;
	*out = r;
	return SNAP_OK;
}

void
blocks_take_again(struct block_ref *r)
{
	r->refs++;
}

static enum block_state
wait_for(struct blocks *b, struct block_ref *r)
{
	enum block_state state;

	pthread_mutex_lock(&b->lock);
	while ((state = r->state) == BLOCK_FETCHING)
		pthread_cond_wait(&b->changed, &b->lock);
	pthread_mutex_unlock(&b->lock);
	return state;
}

enum snap_code
blocks_wait(struct blocks *b, struct block_ref *r,
    const struct read_block **block, struct snap_err *err)
{
	if (wait_for(b, r) == BLOCK_FAILED) {
		*err = r->err;
		return err->code;
	}
	*block = &r->block;
	return SNAP_OK;
}

void
blocks_give(struct blocks *b, struct block_ref *r)
{
	if (--r->refs > 0)
		return;
	(void)wait_for(b, r);
	r->used = ++b->clock;
	b->n_held--;
}
