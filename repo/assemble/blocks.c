/* SPDX-License-Identifier: PostgreSQL */
/* blocks.c - a small table of blocks and the pool that decodes them. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "workers.h"

/* More than processors: on a line of 25 ms each way a block takes 50 ms of
 * waiting and few of work. */
#define FETCHERS 16

enum block_state { BLOCK_FETCHING, BLOCK_READY, BLOCK_FAILED };

struct block_ref {
	uint8_t id[ID_LEN];
	enum block_state state; /* under the lock */
	uint32_t refs;
	uint64_t used;
	struct read_block block;
	struct snap_err err;
};

struct blocks {
	struct store *store;
	struct workers *pool;
	pthread_mutex_t
	    lock; /* of the states only; the table is one thread's */
	pthread_cond_t changed;
	struct block_ref *v[BLOCKS_KEPT];
	size_t n, n_held;
	uint64_t clock;
};

static void
ref_free(struct block_ref *r)
{
	if (r == NULL)
		return;
	read_block_fini(&r->block);
	free(r);
}

/* A failed block fails only who waits for it: the pool goes on. */
static enum snap_code
fetch(void *arg, void *job, struct snap_err *err)
{
	struct blocks *b = arg;
	struct block_ref *r = job;
	enum snap_code rc =
	    store_read_block(b->store, r->id, &r->block, &r->err);

	(void)err;
	pthread_mutex_lock(&b->lock);
	r->state = rc == SNAP_OK ? BLOCK_READY : BLOCK_FAILED;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
	return SNAP_OK;
}

enum snap_code
blocks_new(struct store *s, struct blocks **out, struct snap_err *err)
{
	struct blocks *b = calloc(1, sizeof *b);
	enum snap_code rc;

	if (b == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for blocks");
	b->store = s;
	if (pthread_mutex_init(&b->lock, NULL) != 0) {
		free(b);
		return snap_fail(err, SNAP_NOMEM, "cannot make a lock");
	}
	if (pthread_cond_init(&b->changed, NULL) != 0) {
		pthread_mutex_destroy(&b->lock);
		free(b);
		return snap_fail(err, SNAP_NOMEM, "cannot make a lock");
	}
	rc = workers_new(s->n_threads > FETCHERS ? s->n_threads : FETCHERS,
	    BLOCKS_AHEAD, fetch, NULL, b, &b->pool, err);
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
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

/* Where a new block may go: a fresh place, or the oldest unused one's. */
static struct block_ref **
place_for_new(struct blocks *b)
{
	struct block_ref **oldest = NULL;

	if (b->n < BLOCKS_KEPT)
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

enum snap_code
blocks_take(struct blocks *b, const uint8_t id[ID_LEN], struct block_ref **out,
    struct snap_err *err)
{
	struct block_ref *r, **place;
	enum snap_code rc;

	for (size_t i = 0; i < b->n; i++) {
		r = b->v[i];
		if (memcmp(r->id, id, ID_LEN) != 0)
			continue;
		if (r->refs == 0 && b->n_held == BLOCKS_AHEAD) {
			*out = NULL;
			return SNAP_OK;
		}
		if (r->refs++ == 0)
			b->n_held++;
		*out = r;
		return SNAP_OK;
	}
	*out = NULL;
	if (b->n_held == BLOCKS_AHEAD)
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
	rc = workers_push(b->pool, r, err);
	if (rc != SNAP_OK) {
		r->state = BLOCK_FAILED;
		r->err = *err;
		return rc;
	}
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
