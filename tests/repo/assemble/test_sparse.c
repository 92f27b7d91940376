/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_sparse.c - blocks of which only parts are left come back whole when
 * the parts make a whole, and fail when they do not.
 *
 * Prune comes later than the format it writes, so the test plays it: each
 * block of a backup is taken apart into sparse copies in packs of their own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"
#include "names.h"
#include "pruned.h"
#include "repo_care.h"
#include "store.h"

#define LIMIT (32u << 20)
#define BLOCKS_MAX 64

struct world {
	struct mem_store *mem;
	struct transport *t;
	struct bytes rows;
	uint8_t blocks[BLOCKS_MAX][ID_LEN];
	size_t n_blocks;
};

static void
ok(enum snap_code rc, const struct snap_err *err)
{
	if (rc != SNAP_OK)
		fail_msg("%s (%s)", err->msg, err->detail);
}

static struct repo *
door(struct world *w, bool for_reading)
{
	struct repo_opts o = { .passphrase = span_str("secret"),
		.for_reading = for_reading,
		.n_threads = 2 };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;

	ok(repo_open(w->t, &o, &r, &err), &err);
	return r;
}

static struct store *
inside(struct world *w)
{
	struct store_opts o;
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = NULL;

	memset(&o, 0, sizeof o);
	o.passphrase = span_str("secret");
	o.n_threads = 2;
	ok(store_open(w->t, &o, &s, &err), &err);
	ok(store_look(s, &err), &err);
	return s;
}

static void
back_up(struct world *w)
{
	struct stream_meta m = { .kind = STREAM_TABLE,
		.cutter = CUTTER_ROWS,
		.name = span_str("t"),
		.attr = span_str("COPY t FROM stdin;") };
	struct repo_backup_opts o = { .n_lanes = 1, .database = "db" };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_snapshot out;
	struct repo_backup *b;
	struct repo *r = door(w, false);
	struct sink *s;

	ok(repo_backup_begin(r, &o, &b, &err), &err);
	s = repo_backup_lane(b, 0);
	ok(sink_begin(s, &m, &err), &err);
	ok(sink_data(s, bytes_span(&w->rows), &err), &err);
	ok(sink_end(s, 1, &err), &err);
	ok(repo_backup_commit(b, NULL, 0, &out, &err), &err);
	repo_snapshot_fini(&out);
	repo_close(r);
}

static int
setup(void **state)
{
	struct repo_params p = { .kdf_mem_kib = 8192,
		.block_size = 64 << 10,
		.pack_size = 4 << 20 };
	struct repo_opts o = { .passphrase = span_str("secret") };
	struct snap_err err = SNAP_ERR_INIT;
	struct world *w = calloc(1, sizeof *w);
	uint8_t id[REPO_ID_LEN];
	uint64_t x = 88172645463325252u;
	struct store *s;
	char code[128];

	assert_non_null(w);
	ok(mem_store_new(&w->mem, &err), &err);
	ok(transport_open_mem(w->mem, &w->t, &err), &err);
	ok(repo_init(w->t, &p, &o, code, id, &err), &err);
	bytes_init(&w->rows, LIMIT);
	for (unsigned i = 0; i < 8000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bytes_printf(
		    &w->rows, "%u\tsome name %llx\n", i, (unsigned long long)x);
	}
	assert_false(w->rows.bad);
	back_up(w);
	s = inside(w);
	w->n_blocks = pruned_blocks(s, w->blocks, BLOCKS_MAX);
	store_close(s);
	assert_true(w->n_blocks > 2);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	bytes_fini(&w->rows);
	transport_close(w->t);
	mem_store_free(w->mem);
	free(w);
	return 0;
}

static void
put_sparse(struct world *w, const struct sparse_plan *plan)
{
	struct store *s = inside(w);

	pruned_sparse(
	    s, (const uint8_t(*)[ID_LEN])w->blocks, w->n_blocks, plan);
	store_close(s);
}

struct kill_list {
	struct world *w;
	struct name *v;
	size_t n;
};

static void
list(struct world *w, const char *prefix, struct kill_list *k)
{
	k->w = w;
	k->n = names_below(w->t, prefix, &k->v);
}

static void
remove_all(struct kill_list *k)
{
	for (size_t i = 0; i < k->n; i++)
		assert_true(mem_store_remove(k->w->mem, k->v[i].s));
	free(k->v);
}

struct compare {
	struct sink sink;
	struct span want;
	size_t off;
};

static enum snap_code
cmp_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	(void)s;
	(void)m;
	(void)err;
	return SNAP_OK;
}

static enum snap_code
cmp_data(struct sink *s, struct span d, struct snap_err *err)
{
	struct compare *c = (struct compare *)s;

	(void)err;
	assert_true(d.len <= c->want.len - c->off);
	assert_memory_equal(d.p, c->want.p + c->off, d.len);
	c->off += d.len;
	return SNAP_OK;
}

static enum snap_code
cmp_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	(void)s;
	(void)rows;
	(void)err;
	return SNAP_OK;
}

/* Whole and right, or a failure; wrong bytes fail the test. */
static enum snap_code
read_back(struct world *w)
{
	static const struct sink_ops ops = { cmp_begin, cmp_data, cmp_end };
	struct compare c = { { &ops }, bytes_span(&w->rows), 0 };
	const struct repo_snapshot *snap;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = door(w, true);
	struct repo_snapshots all;
	struct repo_manifest *m;
	enum snap_code rc;

	ok(repo_snapshots(r, &all, &err), &err);
	ok(repo_snapshot_find(&all, "latest", &snap, &err), &err);
	ok(repo_manifest(r, snap, &m, &err), &err);
	rc = repo_read(r, m, NULL, NULL, &c.sink, &err);
	if (rc == SNAP_OK)
		assert_int_equal(c.off, c.want.len);
	repo_manifest_free(m);
	repo_snapshots_free(&all);
	repo_close(r);
	return rc;
}

/* How many errors a check of everything finds. */
static uint64_t
check(struct world *w)
{
	struct repo_check_opts o = { .read_data = true, .data_percent = 100 };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = door(w, true);
	struct repo_check_result res;

	ok(repo_check(r, &o, &res, &err), &err);
	repo_close(r);
	return res.n_errors;
}

static void
two_halves_of_every_block_make_a_whole(void **state)
{
	static const struct sparse_plan even = { 2, 0, false, false },
					odd = { 2, 1, false, false };
	struct kill_list full;

	list(*state, "data/", &full);
	put_sparse(*state, &even);
	put_sparse(*state, &odd);
	remove_all(&full);
	assert_int_equal(read_back(*state), SNAP_OK);
	/* That a segment still names packs nobody needs is no finding. */
	assert_int_equal(check(*state), 0);
}

/* As a repair leaves what it made again of a block, and a prune the rest. */
static void
a_half_that_does_not_know_how_long_the_other_is_will_do(void **state)
{
	static const struct sparse_plan even = { 2, 0, false, true },
					odd = { 2, 1, false, false };
	struct kill_list full;

	list(*state, "data/", &full);
	put_sparse(*state, &even);
	put_sparse(*state, &odd);
	remove_all(&full);
	assert_int_equal(read_back(*state), SNAP_OK);
	assert_int_equal(check(*state), 0);
}

static void
a_single_sparse_copy_with_every_chunk_will_do(void **state)
{
	static const struct sparse_plan all = { 1, 0, false, false };
	struct kill_list full;

	list(*state, "data/", &full);
	put_sparse(*state, &all);
	remove_all(&full);
	assert_int_equal(read_back(*state), SNAP_OK);
}

static void
a_chunk_in_no_copy_fails_the_restore(void **state)
{
	static const struct sparse_plan a = { 3, 0, false, false },
					b = { 3, 1, false, false };
	struct kill_list full;

	list(*state, "data/", &full);
	put_sparse(*state, &a);
	put_sparse(*state, &b);
	remove_all(&full);
	assert_int_equal(read_back(*state), SNAP_CORRUPT);
}

static void
garbage_beside_the_truth_is_stepped_over(void **state)
{
	static const struct sparse_plan garbage = { 1, 0, true, false },
					even = { 2, 0, false, false },
					odd = { 2, 1, false, false };
	struct kill_list full;

	list(*state, "data/", &full);
	put_sparse(*state, &garbage);
	put_sparse(*state, &even);
	put_sparse(*state, &odd);
	remove_all(&full);
	assert_int_equal(read_back(*state), SNAP_OK);
}

static void
garbage_alone_never_leaves(void **state)
{
	static const struct sparse_plan garbage = { 1, 0, true, false };
	struct kill_list full;

	list(*state, "data/", &full);
	put_sparse(*state, &garbage);
	remove_all(&full);
	assert_int_equal(read_back(*state), SNAP_CORRUPT);
	assert_true(check(*state) > 0);
}

/* A full copy that is damaged does not hide the sparse ones. */
static void
sparse_copies_stand_in_for_a_damaged_full_one(void **state)
{
	static const struct sparse_plan even = { 2, 0, false, false },
					odd = { 2, 1, false, false };
	struct world *w = *state;
	struct kill_list full;

	list(w, "data/", &full);
	put_sparse(w, &even);
	put_sparse(w, &odd);
	for (size_t i = 0; i < full.n; i++)
		assert_true(
		    mem_store_flip(w->mem, full.v[i].s, HEADER_LEN + 40, 1));
	free(full.v);
	assert_int_equal(read_back(w), SNAP_OK);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(two_halves_of_every_block_make_a_whole),
		TEST(a_half_that_does_not_know_how_long_the_other_is_will_do),
		TEST(a_single_sparse_copy_with_every_chunk_will_do),
		TEST(a_chunk_in_no_copy_fails_the_restore),
		TEST(garbage_beside_the_truth_is_stepped_over),
		TEST(garbage_alone_never_leaves),
		TEST(sparse_copies_stand_in_for_a_damaged_full_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
