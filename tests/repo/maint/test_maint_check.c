/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_maint_check.c - each way to harm a repository is found and named, and
 * what was not harmed is not accused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "pruned.h"
#include "repo_care.h"
#include "transport_impl.h"
#include "world.h"

/* Found, with the object's name, and the snapshots that it hurts. */
static void
expect(struct world_two *t, double pct, const char *name, bool hurts_a,
    bool hurts_b)
{
	struct repo_check_result r = world_check(t->w, pct);
	char line[2 * ID_LEN + 16] = "snapshot ";

	assert_true(r.n_errors > 0);
	assert_true(world_said(t->w, name));
	memcpy(line + 9, world_hex(t->a), 2 * ID_LEN + 1);
	assert_int_equal(world_said(t->w, line), hurts_a);
	memcpy(line + 9, world_hex(t->b), 2 * ID_LEN + 1);
	assert_int_equal(world_said(t->w, line), hurts_b);
}

static void
a_sound_repository_has_no_findings(void **state)
{
	struct world_two t = world_two(state);
	struct repo_check_result r;
	struct name *v;
	size_t n;

	r = world_check(t.w, 100);
	assert_int_equal(r.n_errors, 0);
	assert_int_equal(r.n_snapshots, 2);
	assert_int_equal(r.n_blocks, 2 * WORLD_BLOCKS);
	assert_int_equal(r.n_unused_packs, 0);
	n = world_names(t.w, "data/", &v);
	free(v);
	assert_true(n >= 4);
	n += world_names(t.w, "meta/", &v);
	free(v);
	assert_int_equal(r.n_packs, n);
	assert_true(t.w->log.len == 0);
}

/* Of each get of a check one bit is another, once. */
static void
what_a_line_spoiled_is_no_finding(void **state)
{
	struct fault_rule rule = { .op = FAULT_GET, .kind = FAULT_FLIP };
	static const size_t places[] = { 0, 60, 300, SIZE_MAX };
	struct snap_err err = SNAP_ERR_INIT;
	struct world_two t = world_two(state);
	struct transport *line = t.w->t;
	uint64_t before, n;

	line->is_remote = true;
	for (double pct = 0; pct <= 100; pct += 100) {
		before = fault_calls(line, FAULT_GET);
		assert_int_equal(world_check(t.w, pct).n_errors, 0);
		n = fault_calls(line, FAULT_GET) - before;
		for (rule.nth = 1; rule.nth <= n; rule.nth++) {
			for (size_t k = 0; k < 4; k++) {
				rule.at = places[k];
				assert_int_equal(
				    fault_add(line, &rule, &err), SNAP_OK);
				assert_int_equal(
				    world_check(t.w, pct).n_errors, 0);
				fault_clear(line);
			}
		}
	}
	assert_true(t.w->log.len == 0);
}

static void
an_empty_repository_has_no_findings(void **state)
{
	struct repo_check_result r = world_check(*state, 100);

	assert_int_equal(r.n_errors, 0);
	assert_int_equal(r.n_packs, 0);
}

static void
a_flipped_bit_of_meta_data_is_always_found(void **state)
{
	struct world_two t = world_two(state);
	struct name p = world_pack_of(t.w, 1, CLASS_DIR, 0);

	world_flip(t.w, p.s, 70);
	assert_true(world_check(t.w, 0).n_errors > 0);
	assert_true(world_said(t.w, p.s));
}

static void
a_flipped_bit_of_data_is_found_by_reading_data(void **state)
{
	struct world_two t = world_two(state);
	struct name p = world_pack_of(t.w, 2, CLASS_DATA, 3);

	world_flip(t.w, p.s, 100);
	assert_int_equal(world_check(t.w, 0).n_errors, 0);
	expect(&t, 100, p.s, false, true);
}

static void
a_flipped_bit_in_any_part_of_a_data_pack_is_found(void **state)
{
	static const uint64_t from_end[] = { 1, 20, 30, 47, 48, 60, 100 };
	struct world_two t = world_two(state);
	struct name p = world_pack_of(t.w, 1, CLASS_DATA, 0);
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;

	assert_int_equal(transport_stat(t.w->t, p.s, &st, &err), SNAP_OK);
	for (size_t i = 0; i < sizeof from_end / sizeof *from_end; i++) {
		world_flip(t.w, p.s, st.size - from_end[i]);
		assert_true(world_check(t.w, 100).n_errors > 0);
		assert_true(world_said(t.w, p.s));
		world_flip(t.w, p.s, st.size - from_end[i]);
	}
	for (uint64_t off = 0; off < HEADER_LEN; off += 7) {
		world_flip(t.w, p.s, off);
		assert_true(world_check(t.w, 0).n_errors > 0);
		assert_true(world_said(t.w, p.s));
		world_flip(t.w, p.s, off);
	}
	assert_int_equal(world_check(t.w, 100).n_errors, 0);
}

/* The index has the same contents, so a restore does not miss anything. */
static void
a_pack_that_lost_its_contents_hurts_no_snapshot_that_the_index_saves(
    void **state)
{
	struct world_two t = world_two(state);
	struct name p = world_pack_of(t.w, 1, CLASS_DATA, 0);
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;

	assert_int_equal(transport_stat(t.w->t, p.s, &st, &err), SNAP_OK);
	world_flip(t.w, p.s, st.size - TRAILER_LEN - 1);
	expect(&t, 0, p.s, false, false);
	assert_true(world_readable(t.w, 1));
}

static void
a_truncated_pack_is_found(void **state)
{
	struct world_two t = world_two(state);
	struct name p = world_pack_of(t.w, 1, CLASS_DATA, 0);
	static const uint64_t sizes[] = { 30000, 100, 63, 1, 0 };

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		assert_true(mem_store_truncate(t.w->mem, p.s, sizes[i]));
		expect(&t, 0, p.s, true, false);
	}
}

static void
a_missing_pack_is_found_and_hurts_only_its_snapshot(void **state)
{
	struct world_two t = world_two(state);
	struct name p = world_pack_of(t.w, 2, CLASS_DATA, 0);

	assert_true(mem_store_remove(t.w->mem, p.s));
	expect(&t, 0, p.s, false, true);
	assert_true(world_readable(t.w, 1));
}

/* A segment that names one pack which nobody has. */
static void
put_segment(struct world *w, int64_t l0)
{
	struct pack_contents none = { .n_rows = 0 };
	struct snap_err err = SNAP_ERR_INIT;
	struct index_segment seg;
	struct index_pack pack;
	struct bytes contents, body;
	uint8_t id[ID_LEN];

	bytes_init(&contents, 4096);
	bytes_init(&body, 4096);
	pack_contents_encode(&none, &contents);
	memset(&pack, 0, sizeof pack);
	keys_random(pack.id, ID_LEN);
	keys_random(id, ID_LEN);
	pack.kind = OBJ_DATA;
	pack.size = 1000;
	pack.contents = bytes_span(&contents);
	memset(&seg, 0, sizeof seg);
	seg.l0 = l0;
	seg.n_packs = 1;
	seg.packs = &pack;
	index_segment_encode(&seg, &body);
	assert_int_equal(store_put_body(w->s, OBJ_INDEX, id, bytes_span(&body),
			     false, NULL, &err),
	    SNAP_OK);
	bytes_fini(&contents);
	bytes_fini(&body);
}

/* On a file system such is left by who slept while prune went by. */
static void
packs_that_no_snapshot_needs_are_missed_without_a_finding(void **state)
{
	struct world_two t = world_two(state);
	struct world *w = t.w;

	w->like_files = true;
	world_reopen(w);
	put_segment(w, mem_store_time(w->mem));
	assert_int_equal(world_check(w, 100).n_errors, 0);
	assert_true(world_said(w, "missing and not needed, index/"));
	/* Where a snapshot lacks something all of them are told. */
	assert_true(
	    mem_store_remove(w->mem, world_pack_of(w, 1, CLASS_DATA, 0).s));
	assert_true(world_check(w, 100).n_errors > 2);
	assert_false(world_readable(w, 1));
}

static void
a_missing_meta_pack_is_found_and_hurts_its_snapshot(void **state)
{
	struct world_two t = world_two(state);
	struct name p = world_pack_of(t.w, 1, CLASS_DIR, 0);

	assert_true(mem_store_remove(t.w->mem, p.s));
	expect(&t, 0, p.s, true, false);
}

static void
swapped_packs_are_both_found(void **state)
{
	struct world_two t = world_two(state);
	struct name a = world_pack_of(t.w, 1, CLASS_DATA, 0);
	struct name b = world_pack_of(t.w, 2, CLASS_DATA, 0);

	world_swap(t.w, a.s, b.s);
	expect(&t, 0, a.s, true, true);
	assert_true(world_said(t.w, b.s));
}

static void
a_pack_under_a_second_name_is_found(void **state)
{
	struct world_two t = world_two(state);
	struct name p = world_pack_of(t.w, 1, CLASS_DATA, 0);
	static const char other[] = "data/ab/ab000000000000000000000000000001";

	world_copy(t.w, p.s, other);
	expect(&t, 0, other, false, false);
}

static void
a_damaged_index_segment_is_found_and_its_snapshot_named(void **state)
{
	struct world_two t = world_two(state);
	struct name *v;
	size_t n = world_names(t.w, "index/", &v);

	assert_true(n >= 2);
	for (size_t i = 0; i < n; i++) {
		world_flip(t.w, v[i].s, 90);
		assert_true(world_check(t.w, 0).n_errors > 0);
		assert_true(world_said(t.w, v[i].s));
		world_flip(t.w, v[i].s, 90);
	}
	assert_int_equal(world_check(t.w, 0).n_errors, 0);
	free(v);
}

static void
a_missing_index_hurts_and_tells_what_to_do(void **state)
{
	struct world_two t = world_two(state);
	struct name *v;
	size_t n = world_names(t.w, "index/", &v);

	for (size_t i = 0; i < n; i++)
		assert_true(mem_store_remove(t.w->mem, v[i].s));
	free(v);
	expect(&t, 0, "repair index", true, true);
}

static void
an_index_segment_under_a_second_name_is_found(void **state)
{
	struct world_two t = world_two(state);
	struct name p = world_one(t.w, "index/", 0);
	static const char other[] = "index/ab000000000000000000000000000001";

	world_copy(t.w, p.s, other);
	expect(&t, 0, other, false, false);
}

static void
a_damaged_snapshot_is_found_and_named(void **state)
{
	struct world_two t = world_two(state);
	static const char *const suffixes[] = { "", ".ok" };

	for (size_t i = 0; i < 2; i++) {
		char name[64] = "snapshots/";

		memcpy(name + 10, world_hex(t.a), 2 * ID_LEN + 1);
		memcpy(name + 10 + 2 * ID_LEN, suffixes[i],
		    strlen(suffixes[i]) + 1);
		world_flip(t.w, name, 90);
		assert_int_equal(world_check(t.w, 0).n_errors, 1);
		assert_true(world_said(t.w, name));
		world_flip(t.w, name, 90);
	}
}

static void
a_damaged_slot_or_config_is_found_and_named(void **state)
{
	struct world_two t = world_two(state);
	struct name *v;
	size_t n = world_names(t.w, "keys/", &v);

	assert_true(n >= 2);
	for (size_t i = 0; i < n; i++) {
		world_flip(t.w, v[i].s, 80);
		expect(&t, 0, v[i].s, false, false);
		world_flip(t.w, v[i].s, 80);
	}
	world_swap(t.w, v[0].s, v[1].s);
	expect(&t, 0, v[0].s, false, false);
	free(v);
	world_flip(t.w, "config", 80);
	expect(&t, 0, "config", false, false);
}

/* Sealed as only a holder of keys can, but not signed. */
static void
an_unsigned_note_or_list_is_found_and_named(void **state)
{
	static const uint8_t kinds[] = { OBJ_NOTE, OBJ_RUN, OBJ_CONDEMNED,
		OBJ_CONDEMNED_OK };
	struct world_two t = world_two(state);
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	uint8_t id[ID_LEN] = { 0 };

	for (size_t i = 0; i < sizeof kinds; i++)
		for (unsigned sign = 0; sign < 2; sign++) {
			id[0]++;
			store_name(kinds[i], id, name);
			assert_int_equal(
			    store_put_body(t.w->s, kinds[i], id,
				span_str("words"), sign == 1, NULL, &err),
			    SNAP_OK);
			assert_int_equal(
			    world_check(t.w, kinds[i] == OBJ_RUN ? 100 : 0)
				.n_errors,
			    1 - sign);
			assert_true(sign == 1 || world_said(t.w, name));
			assert_true(mem_store_remove(t.w->mem, name));
		}
}

static void
packs_of_a_crashed_run_are_no_damage(void **state)
{
	struct world_two t = world_two(state);
	struct repo_check_result r;

	world_crashed_backup(t.w, 9);
	r = world_check(t.w, 100);
	assert_int_equal(r.n_errors, 0);
	assert_true(r.n_unused_packs > 0);
}

/* Its pack's own contents are damaged, so the index has to find the block, and
 * it knows twenty copies of nonsense that come first. */
static void
a_block_behind_many_bad_copies_hurts_no_snapshot(void **state)
{
	struct world *w = *state;
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t a[ID_LEN], blocks[WORLD_BLOCKS][ID_LEN];
	char name[TRANSPORT_NAME_MAX + 1];
	struct transport_stat st;
	struct copy good;

	world_backup(w, 1, "one", a);
	assert_int_equal(
	    pruned_blocks(w->s, blocks, WORLD_BLOCKS), WORLD_BLOCKS);
	assert_int_equal(
	    store_copies(w->s, CLASS_DATA, blocks[0], &good, 1), 1);
	store_name(good.pack_kind, good.pack, name);
	for (size_t i = 0; i < 20; i++)
		pruned_garbage(w->s, (const uint8_t(*)[ID_LEN])blocks, 1, NULL);
	assert_int_equal(transport_stat(w->t, name, &st, &err), SNAP_OK);
	assert_true(mem_store_set_object_time(w->mem, name, INT64_MAX / 2));
	world_flip(w, name, st.size - 60);
	world_reopen(w);
	assert_true(world_check(w, 100).n_errors > 20);
	assert_true(world_said(w, name));
	assert_false(world_said(w, "snapshot "));
}

/* What hangs below a manifest that cannot be read is needed all the same. */
static void
no_pack_is_called_unused_where_something_is_broken(void **state)
{
	struct world_two t = world_two(state);
	struct repo_check_result r;
	struct name *v;
	size_t n;

	world_crashed_backup(t.w, 9);
	n = world_names(t.w, "meta/", &v);
	for (size_t i = 0; i < n; i++)
		assert_true(mem_store_remove(t.w->mem, v[i].s));
	free(v);
	r = world_check(t.w, 0);
	assert_true(r.n_errors > 0);
	assert_int_equal(r.n_unused_packs, 0);
}

/* A backup may be at it, until the grace time is over. */
static void
a_lost_confirmation_is_found_in_time(void **state)
{
	struct world_two t = world_two(state);
	struct repo_check_result r;
	char ok[TRANSPORT_NAME_MAX + 1], snap[TRANSPORT_NAME_MAX + 1];

	store_name(OBJ_OK, t.a, ok);
	store_name(OBJ_SNAPSHOT, t.a, snap);
	assert_true(mem_store_remove(t.w->mem, ok));
	r = world_check(t.w, 0);
	assert_int_equal(r.n_errors, 0);
	assert_int_equal(r.n_snapshots, 1);
	mem_store_advance(t.w->mem, INT64_C(3600) * 1000000000);
	r = world_check(t.w, 0);
	assert_int_equal(r.n_errors, 1);
	assert_true(world_said(t.w, snap));
	assert_true(world_said(t.w, "confirmation was lost"));
}

static void
a_lone_half_of_a_snapshot_is_read(void **state)
{
	struct world_two t = world_two(state);
	char ok[TRANSPORT_NAME_MAX + 1], snap[TRANSPORT_NAME_MAX + 1];
	struct repo_check_result r;

	store_name(OBJ_OK, t.a, ok);
	store_name(OBJ_SNAPSHOT, t.a, snap);
	assert_true(mem_store_remove(t.w->mem, ok));
	world_flip(t.w, snap, 100);
	r = world_check(t.w, 0);
	assert_int_equal(r.n_errors, 1);
	assert_true(world_said(t.w, snap));
}

static void
a_share_of_the_data_is_read_when_asked(void **state)
{
	struct world_two t = world_two(state);
	uint64_t none, some, all;

	none = world_check(t.w, 0).bytes_read;
	some = world_check(t.w, 0.001).bytes_read;
	all = world_check(t.w, 100).bytes_read;
	assert_true(none < some);
	assert_true(some < all);
}

static void
a_share_of_nothing_or_too_much_is_refused(void **state)
{
	struct world *w = *state;
	static const double bad[] = { 0, -1, 100.5 };
	struct repo_check_result r;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct repo_check_opts o = { .read_data = true,
			.data_percent = bad[i] };
		struct snap_err err = SNAP_ERR_INIT;

		assert_int_equal(maint_check(w->s, &o, &r, &err), SNAP_USAGE);
	}
}

/* A store that fails is no clean bill of health. */
static void
a_check_never_passes_over_a_failed_request(void **state)
{
	struct world_two t = world_two(state);
	struct repo_check_opts o = { .read_data = true, .data_percent = 100 };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_check_result r;
	uint64_t n_calls;

	n_calls = fault_calls(t.w->t, FAULT_ANY);
	assert_int_equal(maint_check(t.w->s, &o, &r, &err), SNAP_OK);
	n_calls = fault_calls(t.w->t, FAULT_ANY) - n_calls;
	assert_true(n_calls > 10);
	for (uint64_t i = 1; i <= n_calls; i++) {
		struct fault_rule rule = { FAULT_ANY, FAULT_BEFORE,
			SNAP_TRANSIENT, NULL, i, 1, 0 };
		enum snap_code rc;

		world_reopen(t.w);
		assert_int_equal(fault_add(t.w->t, &rule, &err), SNAP_OK);
		memset(&r, 0, sizeof r);
		rc = maint_check(t.w->s, &o, &r, &err);
		assert_true(rc != SNAP_OK || r.n_errors != 0);
	}
}

static void
a_cancelled_check_stops(void **state)
{
	struct world_two t = world_two(state);
	struct repo_check_opts o = { .read_data = false };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_check_result r;

	atomic_store(&t.w->cancel, 1);
	assert_int_equal(maint_check(t.w->s, &o, &r, &err), SNAP_CANCELLED);
	atomic_store(&t.w->cancel, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_sound_repository_has_no_findings),
		T(what_a_line_spoiled_is_no_finding),
		T(an_empty_repository_has_no_findings),
		T(a_flipped_bit_of_meta_data_is_always_found),
		T(a_flipped_bit_of_data_is_found_by_reading_data),
		T(a_flipped_bit_in_any_part_of_a_data_pack_is_found),
		T(a_pack_that_lost_its_contents_hurts_no_snapshot_that_the_index_saves),
		T(a_truncated_pack_is_found),
		T(a_missing_pack_is_found_and_hurts_only_its_snapshot),
		T(packs_that_no_snapshot_needs_are_missed_without_a_finding),
		T(a_missing_meta_pack_is_found_and_hurts_its_snapshot),
		T(swapped_packs_are_both_found),
		T(a_pack_under_a_second_name_is_found),
		T(a_damaged_index_segment_is_found_and_its_snapshot_named),
		T(a_missing_index_hurts_and_tells_what_to_do),
		T(an_index_segment_under_a_second_name_is_found),
		T(a_damaged_snapshot_is_found_and_named),
		T(a_damaged_slot_or_config_is_found_and_named),
		T(an_unsigned_note_or_list_is_found_and_named),
		T(packs_of_a_crashed_run_are_no_damage),
		T(a_block_behind_many_bad_copies_hurts_no_snapshot),
		T(no_pack_is_called_unused_where_something_is_broken),
		T(a_lost_confirmation_is_found_in_time),
		T(a_lone_half_of_a_snapshot_is_read),
		T(a_share_of_the_data_is_read_when_asked),
		T(a_share_of_nothing_or_too_much_is_refused),
		T(a_check_never_passes_over_a_failed_request),
		T(a_cancelled_check_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
