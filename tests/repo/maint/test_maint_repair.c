/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_maint_repair.c - an index that was lost comes back from the packs; and
 * what the figures of stats add up to.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "blockindex.h"
#include "pruned.h"
#include "repo_care.h"
#include "world.h"

static uint64_t
repair(struct world *w)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint64_t n = 12345;

	bytes_clear(&w->log);
	assert_int_equal(maint_repair_index(w->s, &n, &err), SNAP_OK);
	return n;
}

static size_t
count(struct world *w, const char *prefix)
{
	struct name *v;
	size_t n = world_names(w, prefix, &v);

	free(v);
	return n;
}

static void
remove_index(struct world *w)
{
	struct name *v;
	size_t n = world_names(w, "index/", &v);

	for (size_t i = 0; i < n; i++)
		assert_true(mem_store_remove(w->mem, v[i].s));
	free(v);
}

static void
a_deleted_index_is_rebuilt_from_the_packs(void **state)
{
	struct world_two t = world_two(state);

	remove_index(t.w);
	world_reopen(t.w);
	assert_false(world_readable(t.w, 1));
	assert_int_equal(
	    repair(t.w), count(t.w, "data/") + count(t.w, "meta/"));
	assert_true(world_readable(t.w, 1));
	world_reopen(t.w);
	assert_true(world_readable(t.w, 1));
	assert_true(world_readable(t.w, 2));
	assert_int_equal(world_check(t.w, 100).n_errors, 0);
}

static void
a_sound_index_is_left_alone(void **state)
{
	struct world *w = *state;
	uint8_t a[ID_LEN];
	size_t n;

	world_backup(w, 1, "one", a);
	n = mem_store_count(w->mem);
	assert_int_equal(repair(w), 0);
	assert_int_equal(mem_store_count(w->mem), n);
}

static void
a_damaged_segment_is_replaced_and_reported(void **state)
{
	struct world *w = *state;
	struct name *v;
	uint8_t a[ID_LEN];
	size_t n;

	world_backup(w, 1, "one", a);
	n = world_names(w, "index/", &v);
	for (size_t i = 0; i < n; i++)
		world_flip(w, v[i].s, 100);
	world_reopen(w);
	assert_false(world_readable(w, 1));
	assert_true(repair(w) > 0);
	for (size_t i = 0; i < n; i++)
		assert_true(world_said(w, v[i].s));
	world_reopen(w);
	assert_true(world_readable(w, 1));
	assert_int_equal(repair(w), 0);
	free(v);
}

static void
a_damaged_pack_stays_out_and_the_others_come_back(void **state)
{
	struct world_two t = world_two(state);
	struct name p;
	size_t n;

	p = world_pack_of(t.w, 1, CLASS_DATA, 0);
	n = count(t.w, "data/") + count(t.w, "meta/");
	remove_index(t.w);
	assert_true(mem_store_truncate(t.w->mem, p.s, 5000));
	world_reopen(t.w);
	assert_int_equal(repair(t.w), n - 1);
	assert_true(world_said(t.w, p.s));
	assert_false(world_readable(t.w, 1));
	assert_true(world_readable(t.w, 2));
}

static void
a_repair_that_fails_half_way_can_be_repeated(void **state)
{
	struct world *w = *state;
	uint8_t a[ID_LEN];

	world_backup(w, 1, "one", a);
	remove_index(w);
	for (uint64_t i = 1;; i++) {
		struct fault_rule rule = { FAULT_ANY, FAULT_BEFORE,
			SNAP_TRANSIENT, NULL, i, 1, 0 };
		struct snap_err err = SNAP_ERR_INIT;
		uint64_t n = 12345;

		world_reopen(w);
		assert_int_equal(fault_add(w->t, &rule, &err), SNAP_OK);
		if (maint_repair_index(w->s, &n, &err) == SNAP_OK)
			break;
		assert_int_equal(n, 12345);
		assert_true(i < 1000);
	}
	world_reopen(w);
	assert_true(world_readable(w, 1));
	assert_int_equal(world_check(w, 100).n_errors, 0);
}

/* A stolen host key says that its nonsense comes from the good copy's pack, as
 * only prune may; rebuilding the index does not make that prune's word. */
static void
a_repair_does_not_vouch_for_what_a_host_wrote(void **state)
{
	struct world *w = *state;
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t a[ID_LEN], blocks[WORLD_BLOCKS][ID_LEN];
	struct usable part;
	uint32_t packs[8];
	struct copy good;

	world_backup(w, 1, "one", a);
	assert_int_equal(
	    pruned_blocks(w->s, blocks, WORLD_BLOCKS), WORLD_BLOCKS);
	assert_int_equal(
	    store_copies(w->s, CLASS_DATA, blocks[0], &good, 1), 1);
	pruned_garbage(w->s, (const uint8_t(*)[ID_LEN])blocks, 1, good.pack);
	remove_index(w);
	world_reopen(w);
	assert_true(repair(w) > 0);
	world_reopen(w);
	assert_int_equal(store_look(w->s, &err), SNAP_OK);
	assert_int_equal(blockindex_heads(w->s->index, CLASS_DATA, blocks[0],
			     packs, 8, &part),
	    2);
	assert_true(world_readable(w, 1));
}

static void
stats_count_each_block_once(void **state)
{
	struct world *w = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_stats st;
	uint8_t a[ID_LEN];

	world_backup(w, 1, "one", a);
	world_backup(w, 1, "one", a);
	assert_int_equal(maint_stats(w->s, &st, &err), SNAP_OK);
	assert_int_equal(st.n_snapshots, 2);
	assert_int_equal(st.n_blocks, WORLD_BLOCKS);
	assert_int_equal(st.n_chunks, WORLD_BLOCKS * 5);
	assert_int_equal(st.logical_bytes, 2 * WORLD_BLOCKS * 15000);
	assert_true(st.unique_bytes >= WORLD_BLOCKS * 15000);
	assert_true(st.unique_bytes < WORLD_BLOCKS * 15100);
	assert_int_equal(st.n_packs, count(w, "data/") + count(w, "meta/"));
	assert_true(st.stored_data >= WORLD_BLOCKS * 15000);
	assert_true(st.stored_meta > 0 && st.stored_index > 0);
	assert_true(st.stored_other > 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_deleted_index_is_rebuilt_from_the_packs),
		T(a_sound_index_is_left_alone),
		T(a_damaged_segment_is_replaced_and_reported),
		T(a_damaged_pack_stays_out_and_the_others_come_back),
		T(a_repair_that_fails_half_way_can_be_repeated),
		T(a_repair_does_not_vouch_for_what_a_host_wrote),
		T(stats_count_each_block_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
