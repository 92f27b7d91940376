/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_runs.c - blocks that lie side by side come in one request, and what
 * befalls one of them, or the request, befalls no other.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "harness.h"
#include "transport_impl.h"

#define PACK (4u << 20)
#define BLOCKS 60
/* More than one block of the harness takes, less than two. */
#define ONE_BLOCK (16u << 10)
/* Each of the threads may be under way with one block before others stand
 * behind it; of what is left each takes its share. */
#define REQUESTS_MAX 24

/* Sees the ranges of what is read from data packs, holds them back until all
 * blocks are wanted, and fails those of several blocks. */
struct spy {
	struct transport base;
	struct transport *inner;
	pthread_mutex_t lock;
	pthread_cond_t opened;
	bool open;
	enum snap_code joint; /* what becomes of them */
	bool spoil;           /* a byte in the middle of each */
	unsigned n, n_joint;
};

static enum snap_code
spy_get(struct transport *t, const char *name, uint64_t off, size_t len,
    struct bytes *out, struct snap_err *err)
{
	struct spy *y = (struct spy *)t;
	enum snap_code rc = SNAP_OK;
	size_t at = out->len + len / 2;

	if (strncmp(name, "data/", 5) == 0) {
		(void)pthread_mutex_lock(&y->lock);
		while (!y->open)
			(void)pthread_cond_wait(&y->opened, &y->lock);
		y->n++;
		if (len > ONE_BLOCK) {
			y->n_joint++;
			rc = y->joint;
		}
		(void)pthread_mutex_unlock(&y->lock);
	}
	if (rc != SNAP_OK)
		return snap_fail(err, rc, "not today");
	rc = inner_get(y->inner, name, off, len, out, err);
	if (rc == SNAP_OK && y->spoil && len != SIZE_MAX && len > ONE_BLOCK)
		out->p[at] ^= 1;
	return rc;
}

static enum snap_code
spy_list(struct transport *t, const char *prefix, transport_list_fn fn,
    void *arg, struct snap_err *err)
{
	return inner_list(((struct spy *)t)->inner, prefix, fn, arg, err);
}

static enum snap_code
spy_stat(struct transport *t, const char *name, struct transport_stat *st,
    struct snap_err *err)
{
	return inner_stat(((struct spy *)t)->inner, name, st, err);
}

static enum snap_code
spy_now(struct transport *t, int64_t *time_ns, struct snap_err *err)
{
	return inner_now(((struct spy *)t)->inner, time_ns, err);
}

static void
spy_close(struct transport *t)
{
	struct spy *y = (struct spy *)t;

	transport_close(y->inner);
	(void)pthread_cond_destroy(&y->opened);
	(void)pthread_mutex_destroy(&y->lock);
	free(y);
}

static struct spy *
spy_new(struct world *w)
{
	static const struct transport_ops ops = { .get = spy_get,
		.stat = spy_stat,
		.list = spy_list,
		.now = spy_now,
		.close = spy_close };
	struct snap_err err = SNAP_ERR_INIT;
	struct spy *y = calloc(1, sizeof *y);

	assert_non_null(y);
	assert_int_equal(pthread_mutex_init(&y->lock, NULL), 0);
	assert_int_equal(pthread_cond_init(&y->opened, NULL), 0);
	assert_int_equal(transport_open_mem(w->mem, &y->inner, &err), SNAP_OK);
	assert_int_equal(
	    transport_base_init(&y->base, &ops, "spy://", &err), SNAP_OK);
	return y;
}

/* Reads blocks 0, step, ... with all of them wanted before the first comes.
 * The result of each; every one that came was right. */
static void
read_all(
    struct world *w, struct spy *y, unsigned step, enum snap_code rc[BLOCKS])
{
	struct store *s = open_on(w, &y->base, "secret", NULL);
	struct snap_err err = SNAP_ERR_INIT;
	struct block_ref *refs[BLOCKS];
	const struct read_block *got;
	struct blocks *b = NULL;
	struct made m;

	assert_int_equal(store_look(s, &err), SNAP_OK);
	assert_int_equal(blocks_new(s, &b, &err), SNAP_OK);
	for (unsigned i = 0; i < BLOCKS; i += step) {
		make_block(s, i, &m);
		assert_int_equal(
		    blocks_take(b, m.f.id, &refs[i], &err), SNAP_OK);
		assert_non_null(refs[i]);
		made_fini(&m);
	}
	(void)pthread_mutex_lock(&y->lock);
	y->open = true;
	(void)pthread_cond_broadcast(&y->opened);
	(void)pthread_mutex_unlock(&y->lock);
	for (unsigned i = 0; i < BLOCKS; i += step) {
		rc[i] = blocks_wait(b, refs[i], &got, &err);
		if (rc[i] == SNAP_OK)
			assert_int_equal(got->n_found, got->n);
		blocks_give(b, refs[i]);
	}
	blocks_free(b);
	store_close(s);
}

static void
all_were(enum snap_code want, const enum snap_code rc[BLOCKS])
{
	for (unsigned i = 0; i < BLOCKS; i++)
		assert_int_equal(rc[i], want);
}

/* A world with BLOCKS blocks in one pack. */
static void
fill(struct world *w)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[ID_LEN];
	struct store *s;

	world_open(w, PACK);
	s = open_store(w, NULL);
	assert_int_equal(backup(s, 0, BLOCKS, id, &err), SNAP_OK);
	store_close(s);
	assert_int_equal(count_names(w->t, "data/"), 1);
}

/* Changes a byte in the first copy of a block. */
static void
damage(struct world *w, unsigned n)
{
	struct store *s = open_store(w, NULL);
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct copy c;
	struct made m;

	assert_int_equal(store_look(s, &err), SNAP_OK);
	make_block(s, n, &m);
	assert_true(store_copies(s, CLASS_DATA, m.f.id, &c, 1) == 1);
	made_fini(&m);
	store_name(c.pack_kind, c.pack, name);
	assert_true(mem_store_flip(w->mem, name, c.off + c.sealed_len / 2, 1));
	store_close(s);
}

static struct spy *
filled(struct world *w)
{
	fill(w);
	return spy_new(w);
}

static void
gone(struct world *w, struct spy *y)
{
	transport_close(&y->base);
	world_close(w);
}

static void
neighbours_come_in_one_request(void **state)
{
	enum snap_code rc[BLOCKS];
	struct spy *y;
	struct world w;

	(void)state;
	y = filled(&w);
	read_all(&w, y, 1, rc);
	all_were(SNAP_OK, rc);
	assert_in_range(y->n, 1, REQUESTS_MAX);
	gone(&w, y);
}

static void
what_lies_between_is_not_read(void **state)
{
	enum snap_code rc[BLOCKS];
	struct spy *y;
	struct world w;

	(void)state;
	y = filled(&w);
	read_all(&w, y, 2, rc);
	assert_int_equal(y->n, BLOCKS / 2);
	assert_int_equal(y->n_joint, 0);
	gone(&w, y);
}

static void
blocks_that_cannot_come_together_come_alone(void **state)
{
	static const enum snap_code codes[] = { SNAP_IO, SNAP_CORRUPT,
		SNAP_NOTFOUND };
	enum snap_code rc[BLOCKS];
	struct spy *y;
	struct world w;

	(void)state;
	fill(&w);
	for (size_t i = 0; i < 3; i++) {
		y = spy_new(&w);
		y->joint = codes[i];
		read_all(&w, y, 1, rc);
		all_were(SNAP_OK, rc);
		assert_true(y->n_joint > 0);
		transport_close(&y->base);
	}
	world_close(&w);
}

/* It was tried again for as long as it may be: not once more for each. */
static void
a_dead_line_is_not_asked_again_for_each_block(void **state)
{
	enum snap_code rc[BLOCKS];
	unsigned n_failed = 0;
	struct spy *y;
	struct world w;

	(void)state;
	y = filled(&w);
	y->joint = SNAP_TRANSIENT;
	read_all(&w, y, 1, rc);
	for (unsigned i = 0; i < BLOCKS; i++)
		n_failed += rc[i] == SNAP_TRANSIENT;
	assert_true(n_failed >= BLOCKS - REQUESTS_MAX);
	assert_in_range(y->n, 1, REQUESTS_MAX);
	gone(&w, y);
}

static void
what_a_line_spoiled_is_got_once_more_alone(void **state)
{
	enum snap_code rc[BLOCKS];
	struct spy *y;
	struct world w;

	(void)state;
	y = filled(&w);
	y->spoil = true;
	read_all(&w, y, 1, rc);
	all_were(SNAP_OK, rc);
	assert_true(y->n_joint > 0);
	assert_in_range(y->n, 1, 2 * REQUESTS_MAX);
	gone(&w, y);
}

static void
a_damaged_block_fails_alone(void **state)
{
	enum snap_code rc[BLOCKS];
	struct spy *y;
	struct world w;

	(void)state;
	fill(&w);
	damage(&w, BLOCKS - 5);
	y = spy_new(&w);
	read_all(&w, y, 1, rc);
	for (unsigned i = 0; i < BLOCKS; i++)
		assert_int_equal(
		    rc[i], i == BLOCKS - 5 ? SNAP_CORRUPT : SNAP_OK);
	assert_in_range(y->n, 1, REQUESTS_MAX + 1);
	gone(&w, y);
}

static void
a_damaged_block_comes_from_where_it_lies_besides(void **state)
{
	enum snap_code rc[BLOCKS];
	struct spy *y;
	struct world w;

	(void)state;
	world_twice(&w, PACK, BLOCKS);
	for (unsigned i = BLOCKS - 9; i < BLOCKS - 5; i++)
		damage(&w, i);
	y = spy_new(&w);
	read_all(&w, y, 1, rc);
	all_were(SNAP_OK, rc);
	assert_true(w.warnings >= 4);
	assert_in_range(y->n, 1, REQUESTS_MAX + 8);
	gone(&w, y);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_come_in_one_request),
		cmocka_unit_test(what_lies_between_is_not_read),
		cmocka_unit_test(blocks_that_cannot_come_together_come_alone),
		cmocka_unit_test(a_dead_line_is_not_asked_again_for_each_block),
		cmocka_unit_test(what_a_line_spoiled_is_got_once_more_alone),
		cmocka_unit_test(a_damaged_block_fails_alone),
		cmocka_unit_test(
		    a_damaged_block_comes_from_where_it_lies_besides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
