/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_maint_snapshots.c - only whole, timely, signed pairs are snapshots,
 * and a bad one hides no other.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "run.h"
#include "world.h"

static struct repo_snapshots
load(struct world *w)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_snapshots all;

	bytes_clear(&w->log);
	assert_int_equal(snapshots_load(w->s, &all, &err), SNAP_OK);
	return all;
}

static struct name
name_of(const uint8_t id[ID_LEN], const char *suffix)
{
	struct name n;

	(void)snprintf(
	    n.s, sizeof n.s, "snapshots/%s%s", world_hex(id), suffix);
	return n;
}

/* What is left is snapshot `id` alone. */
static void
expect_only(struct world *w, const uint8_t id[ID_LEN], size_t n_damaged)
{
	struct repo_snapshots all = load(w);

	assert_int_equal(all.n, 1);
	assert_int_equal(all.n_damaged, n_damaged);
	assert_memory_equal(all.v[0].id, id, ID_LEN);
	repo_snapshots_free(&all);
}

static void
snapshots_come_in_the_order_of_their_confirmation(void **state)
{
	struct world *w = *state;
	struct repo_snapshots all;
	uint8_t id[5][ID_LEN];

	for (uint8_t i = 0; i < 5; i++)
		world_backup(w, i, "db", id[i]);
	all = load(w);
	assert_int_equal(all.n, 5);
	for (size_t i = 0; i < 5; i++)
		assert_memory_equal(all.v[i].id, id[i], ID_LEN);
	assert_string_equal(
	    repo_snapshot_prop(&all.v[0], REPO_PROP_DATABASE), "db");
	assert_null(repo_snapshot_prop(&all.v[0], REPO_PROP_NAME));
	assert_int_equal(all.v[0].n_streams, 1);
	repo_snapshots_free(&all);
}

/* Of one second, as bucket services tell it. */
static void
among_those_of_one_time_parents_come_first(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct world *w = *state;
	char name[TRANSPORT_NAME_MAX + 1];
	struct snapshot_body snap;
	uint8_t id[9][ID_LEN];
	struct repo_snapshots all;
	struct run *run;
	int64_t when;

	memset(&snap, 0, sizeof snap);
	for (size_t i = 0; i < 9; i++) {
		assert_int_equal(store_look(w->s, &err), SNAP_OK);
		assert_int_equal(run_begin(w->s, &run, &err), SNAP_OK);
		if (i > 0)
			memcpy(snap.parent, id[i - 1], ID_LEN);
		assert_int_equal(
		    run_commit(run, &snap, id[i], &when, &err), SNAP_OK);
		run_free(run);
	}
	for (size_t i = 0; i < 9; i++) {
		store_name(OBJ_OK, id[i], name);
		assert_true(mem_store_set_object_time(
		    w->mem, name, mem_store_time(w->mem)));
	}
	all = load(w);
	assert_int_equal(all.n, 9);
	for (size_t i = 0; i < 9; i++)
		assert_memory_equal(all.v[i].id, id[i], ID_LEN);
	repo_snapshots_free(&all);
}

static void
a_damaged_half_is_named_and_hides_no_other(void **state)
{
	static const char *const halves[] = { "", ".ok" };
	struct world_two t = world_two(state);

	for (size_t i = 0; i < 2; i++) {
		struct name n = name_of(t.a, halves[i]);

		for (uint64_t off = 8; off < 200; off += 24) {
			world_flip(t.w, n.s, off);
			expect_only(t.w, t.b, 1);
			assert_true(world_said(t.w, n.s));
			world_flip(t.w, n.s, off);
		}
	}
}

static void
a_half_on_a_bad_sector_hides_no_other(void **state)
{
	static const char *const halves[] = { "", ".ok" };
	struct world_two t = world_two(state);

	for (size_t i = 0; i < 2; i++) {
		struct name n = name_of(t.a, halves[i]);
		struct fault_rule rule = { FAULT_GET, FAULT_BEFORE, SNAP_IO,
			n.s, 0, 1, 0 };
		struct snap_err err = SNAP_ERR_INIT;

		assert_int_equal(fault_add(t.w->t, &rule, &err), SNAP_OK);
		expect_only(t.w, t.b, 1);
		assert_true(world_said(t.w, world_hex(t.a)));
		fault_clear(t.w->t);
	}
}

static void
swapped_snapshots_are_both_refused(void **state)
{
	struct world_two t = world_two(state);
	struct repo_snapshots all;

	world_swap(t.w, name_of(t.a, "").s, name_of(t.b, "").s);
	all = load(t.w);
	assert_int_equal(all.n, 0);
	assert_int_equal(all.n_damaged, 2);
	repo_snapshots_free(&all);
}

static void
a_confirmation_confirms_only_its_own(void **state)
{
	struct world_two t = world_two(state);

	world_copy(t.w, name_of(t.b, ".ok").s, name_of(t.a, ".ok").s);
	expect_only(t.w, t.b, 1);
}

static void
an_unconfirmed_snapshot_is_none(void **state)
{
	struct world_two t = world_two(state);

	assert_true(mem_store_remove(t.w->mem, name_of(t.a, ".ok").s));
	expect_only(t.w, t.b, 0);
}

static void
a_lost_snapshot_is_told_by_its_confirmation(void **state)
{
	struct world_two t = world_two(state);

	assert_true(mem_store_remove(t.w->mem, name_of(t.a, "").s));
	expect_only(t.w, t.b, 1);
	assert_true(world_said(t.w, name_of(t.a, "").s));
}

/* Damaged in any way: the newest still has its time. */
static void
the_time_of_a_damaged_snapshot_is_known(void **state)
{
	struct world_two t = world_two(state);
	struct repo_snapshots all;
	int64_t time_b;

	t.w->like_files = true; /* the object says it, the file does not */
	world_reopen(t.w);
	all = load(t.w);
	assert_int_equal(all.n, 2);
	time_b = all.v[1].time_ns;
	assert_true(time_b > all.v[0].time_ns);
	repo_snapshots_free(&all);
	for (int lost = 0; lost < 2; lost++) {
		if (lost)
			assert_true(
			    mem_store_remove(t.w->mem, name_of(t.b, "").s));
		else
			world_flip(t.w, name_of(t.b, "").s, 100);
		all = load(t.w);
		assert_int_equal(all.n_damaged, 1);
		assert_memory_equal(all.damaged_id, t.b, ID_LEN);
		assert_int_equal(all.damaged_ns, time_b);
		repo_snapshots_free(&all);
	}
	world_flip(t.w, name_of(t.a, ".ok").s, 100);
	all = load(t.w);
	assert_int_equal(all.n_damaged, 2);
	assert_true(all.damaged_ns >= time_b);
	repo_snapshots_free(&all);
}

static void
one_confirmed_after_its_lease_is_void(void **state)
{
	static const int64_t lease = INT64_C(1800) * 1000000000;
	struct world_two t = world_two(state);
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	struct name ok;

	ok = name_of(t.a, ".ok");
	assert_int_equal(transport_stat(t.w->t, ok.s, &st, &err), SNAP_OK);
	assert_true(
	    mem_store_set_object_time(t.w->mem, ok.s, st.time_ns + lease));
	expect_only(t.w, t.b, 0);
	assert_true(world_said(t.w, world_hex(t.a)));
}

static void
put_pair(
    struct world *w, const uint8_t id[ID_LEN], uint8_t type, bool is_signed)
{
	static struct snapshot_body body;
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	struct confirm_body ok;
	struct bytes plain;

	bytes_init(&plain, 1u << 20);
	memset(&body, 0, sizeof body);
	body.type = type;
	body.l0 = w->s->l0;
	snapshot_encode(&body, &plain);
	assert_int_equal(store_put_body(w->s, OBJ_SNAPSHOT, id,
			     bytes_span(&plain), is_signed, &st, &err),
	    SNAP_OK);
	bytes_clear(&plain);
	memcpy(ok.id, id, ID_LEN);
	ok.l0 = w->s->l0;
	confirm_encode(&ok, &plain);
	assert_int_equal(store_put_body(w->s, OBJ_OK, id, bytes_span(&plain),
			     true, &st, &err),
	    SNAP_OK);
	bytes_fini(&plain);
}

static void
an_unsigned_snapshot_is_refused(void **state)
{
	struct world *w = *state;
	uint8_t id[ID_LEN] = { 7 }, b[ID_LEN];

	world_backup(w, 2, "b", b);
	put_pair(w, id, SNAPSHOT_NORMAL, false);
	expect_only(w, b, 1);
	assert_true(world_said(w, "not signed"));
}

static void
a_salvaged_snapshot_is_not_taken_for_a_whole_one(void **state)
{
	struct world *w = *state;
	uint8_t id[ID_LEN] = { 7 }, b[ID_LEN];
	struct snap_err err = SNAP_ERR_INIT;
	const struct repo_snapshot *found;
	struct repo_snapshots all;

	world_backup(w, 2, "b", b);
	put_pair(w, id, SNAPSHOT_SALVAGE, true);
	expect_only(w, b, 0);
	all = load(w);
	assert_int_equal(all.n_salvaged, 1);
	assert_true(all.salvaged[0].salvaged);
	assert_memory_equal(all.salvaged[0].id, id, ID_LEN);
	assert_int_equal(snapshots_find(&all, "latest", &found, &err), SNAP_OK);
	assert_memory_equal(found->id, b, ID_LEN);
	assert_null(snapshots_parent(&all, NULL, NULL, NULL));
	/* By its id, and only so. */
	assert_int_equal(
	    snapshots_find(&all, world_hex(id), &found, &err), SNAP_OK);
	assert_true(found->salvaged);
	repo_snapshots_free(&all);
}

static void
a_store_that_fails_is_an_error_and_no_short_list(void **state)
{
	struct world *w = *state;
	uint8_t a[ID_LEN];

	world_backup(w, 1, "a", a);
	for (uint64_t i = 1;; i++) {
		struct fault_rule rule = { FAULT_ANY, FAULT_BEFORE,
			SNAP_TRANSIENT, NULL, i, 1, 0 };
		struct snap_err err = SNAP_ERR_INIT;
		struct repo_snapshots all;

		fault_clear(w->t);
		assert_int_equal(fault_add(w->t, &rule, &err), SNAP_OK);
		if (snapshots_load(w->s, &all, &err) == SNAP_OK) {
			assert_int_equal(all.n, 1);
			assert_int_equal(i, 4); /* list, .ok, snapshot */
			repo_snapshots_free(&all);
			break;
		}
	}
}

static uint64_t
n_gets(const struct world *w)
{
	struct transport_counts n;

	transport_counts(w->t, &n);
	return n.get;
}

static void
expect_without_a_get(struct world *w, size_t n)
{
	uint64_t before = n_gets(w);
	struct repo_snapshots all = load(w);

	assert_int_equal(n_gets(w) - before, 0);
	assert_int_equal(all.n, n);
	assert_int_equal(all.n_damaged, 0);
	repo_snapshots_free(&all);
}

/* As the cache lays it out. */
static bool
is_cached(const struct world *w, const char *folder, const uint8_t id[ID_LEN])
{
	char path[200];

	(void)snprintf(path, sizeof path, "%s/%s/%s/%s", w->cache_dir,
	    world_hex(w->s->repo_id), folder, world_hex(id));
	return access(path, F_OK) == 0;
}

static void
with_cache(struct world *w, char *dir)
{
	assert_non_null(mkdtemp(dir));
	w->cache_dir = dir;
	world_reopen(w);
}

static void
without_cache(struct world *w)
{
	char cmd[100];

	(void)snprintf(cmd, sizeof cmd, "rm -rf %s", w->cache_dir);
	assert_int_equal(system(cmd), 0);
}

static void
a_snapshot_in_the_cache_is_not_fetched_again(void **state)
{
	char dir[] = "test-snapshots-XXXXXX";
	struct world *w = *state;
	struct repo_snapshots all;
	uint8_t id[3][ID_LEN];

	world_backup(w, 1, "a", id[0]); /* by somebody else */
	with_cache(w, dir);
	world_backup(w, 2, "b", id[1]);
	world_backup(w, 3, "c", id[2]);
	all = load(w);
	repo_snapshots_free(&all);
	world_reopen(w);
	expect_without_a_get(w, 3);
	/* What was forgotten leaves the cache as well. */
	assert_true(is_cached(w, "snapshots", id[1]));
	assert_true(is_cached(w, "ok", id[1]));
	assert_true(mem_store_remove(w->mem, name_of(id[1], ".ok").s));
	assert_true(mem_store_remove(w->mem, name_of(id[1], "").s));
	expect_without_a_get(w, 2);
	assert_false(is_cached(w, "snapshots", id[1]));
	assert_false(is_cached(w, "ok", id[1]));
	assert_true(is_cached(w, "snapshots", id[2]));
	without_cache(w);
}

static void
damage_that_the_cache_hides_is_found_by_a_check(void **state)
{
	static const char *const halves[] = { "", ".ok" };
	char dir[] = "test-snapshots-XXXXXX";
	struct world_two t;

	with_cache(*state, dir);
	t = world_two(state);
	for (size_t i = 0; i < 2; i++) {
		struct name n = name_of(t.a, halves[i]);

		world_flip(t.w, n.s, 100);
		expect_without_a_get(t.w, 2);
		assert_true(world_check(t.w, 0).n_errors > 0);
		assert_true(world_said(t.w, n.s));
		world_flip(t.w, n.s, 100);
		assert_int_equal(world_check(t.w, 0).n_errors, 0);
	}
	without_cache(t.w);
}

/* Of another size it is not what was cached. */
static void
a_snapshot_that_grew_is_fetched_and_refused(void **state)
{
	static const char *const halves[] = { "", ".ok" };
	char dir[] = "test-snapshots-XXXXXX";
	struct snap_err err = SNAP_ERR_INIT;
	struct world *w = *state;
	struct transport_stat st;
	uint8_t id[2][ID_LEN], left[ID_LEN];
	struct bytes raw;

	with_cache(w, dir);
	world_backup(w, 1, "a", id[0]);
	world_backup(w, 2, "b", id[1]);
	world_backup(w, 3, "c", left);
	for (size_t i = 0; i < 2; i++) {
		struct name n = name_of(id[i], halves[i]);

		bytes_init(&raw, 1u << 20);
		assert_int_equal(
		    transport_get(w->t, n.s, 0, SIZE_MAX, &raw, &err), SNAP_OK);
		bytes_u8(&raw, 0);
		assert_true(mem_store_remove(w->mem, n.s));
		assert_int_equal(
		    transport_put(w->t, n.s, bytes_span(&raw), &st, &err),
		    SNAP_OK);
		bytes_fini(&raw);
	}
	expect_only(w, left, 2);
	without_cache(w);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(snapshots_come_in_the_order_of_their_confirmation),
		T(among_those_of_one_time_parents_come_first),
		T(a_damaged_half_is_named_and_hides_no_other),
		T(a_half_on_a_bad_sector_hides_no_other),
		T(swapped_snapshots_are_both_refused),
		T(a_confirmation_confirms_only_its_own),
		T(an_unconfirmed_snapshot_is_none),
		T(a_lost_snapshot_is_told_by_its_confirmation),
		T(the_time_of_a_damaged_snapshot_is_known),
		T(one_confirmed_after_its_lease_is_void),
		T(an_unsigned_snapshot_is_refused),
		T(a_salvaged_snapshot_is_not_taken_for_a_whole_one),
		T(a_store_that_fails_is_an_error_and_no_short_list),
		T(a_snapshot_in_the_cache_is_not_fetched_again),
		T(damage_that_the_cache_hides_is_found_by_a_check),
		T(a_snapshot_that_grew_is_fetched_and_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
