/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_maint_copy.c - a repository that was copied, and one whose times tell
 * when an object became visible: only there may a reader judge by them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "repo_care.h"
#include "run.h"
#include "world.h"

#define SNAPSHOTS 4
#define YEAR (INT64_C(365) * 86400 * 1000000000)

/* As on a file system, where whatever touches a file renews its time. */
static void
like_files(struct world *w)
{
	w->like_files = true;
	world_reopen(w);
}

/* What `cp` does to times: all of them new, in the order of the copying, here
 * the last object first. */
static void
touch_all(struct world *w, int64_t later)
{
	struct name *names;
	size_t n = world_names(w, "", &names);

	mem_store_advance(w->mem, later);
	for (size_t i = n; i-- > 0;)
		assert_true(mem_store_set_object_time(w->mem, names[i].s,
		    mem_store_time(w->mem) + (int64_t)(n - i)));
	mem_store_advance(w->mem, (int64_t)n);
	free(names);
}

static void
expect_order(struct world *w, uint8_t (*id)[ID_LEN], size_t n)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_snapshots all;

	assert_int_equal(snapshots_load(w->s, &all, &err), SNAP_OK);
	assert_int_equal(all.n, n);
	assert_int_equal(all.n_damaged, 0);
	for (size_t i = 0; i < n; i++)
		assert_memory_equal(all.v[i].id, id[i], ID_LEN);
	repo_snapshots_free(&all);
}

static void
keeps_snapshots_and_their_order(struct world *w)
{
	static const int64_t later[] = { 1, 1000000000, YEAR, 30 * YEAR };
	uint8_t id[SNAPSHOTS][ID_LEN];
	struct repo_check_result r;

	for (uint8_t i = 0; i < SNAPSHOTS; i++)
		world_backup(w, i, "db", id[i]);
	for (size_t k = 0; k < sizeof later / sizeof later[0]; k++) {
		touch_all(w, later[k]);
		world_reopen(w);
		expect_order(w, id, SNAPSHOTS);
		r = world_check(w, 100);
		assert_int_equal(r.n_errors, 0);
		assert_int_equal(r.n_snapshots, SNAPSHOTS);
		assert_int_equal(r.n_unused_packs, 0);
		for (uint8_t i = 0; i < SNAPSHOTS; i++)
			assert_true(world_readable(w, i));
	}
}

static void
a_copy_keeps_its_snapshots_and_their_order(void **state)
{
	like_files(*state);
	keeps_snapshots_and_their_order(*state);
}

/* There the times are of the copying, and config is younger than all l0. */
static void
so_does_a_copy_in_a_bucket(void **state)
{
	keeps_snapshots_and_their_order(*state);
}

static void
a_copy_takes_further_snapshots(void **state)
{
	struct world *w = *state;
	uint8_t id[3][ID_LEN];

	like_files(w);
	world_backup(w, 1, "db", id[0]);
	world_backup(w, 2, "db", id[1]);
	touch_all(w, YEAR);
	world_reopen(w);
	world_backup(w, 3, "db", id[2]);
	expect_order(w, id, 3);
	assert_int_equal(world_check(w, 100).n_errors, 0);
}

static void
where_times_are_of_visibility_late_ones_are_void(void **state)
{
	struct world *w = *state;
	uint8_t id[ID_LEN];

	world_backup(w, 1, "db", id);
	touch_all(w, YEAR);
	/* Nobody but a copy makes config younger than what rests on it. */
	assert_true(
	    mem_store_set_object_time(w->mem, "config", MEM_TIME_START));
	world_reopen(w);
	expect_order(w, NULL, 0);
	assert_true(world_said(w, "too late"));
}

/* A host may write what l0 it likes; the store's time bounds what it gains. */
static void
a_time_is_never_after_that_of_the_store(void **state)
{
	struct world *w = *state;

	int64_t t = w->s->config_ns;

	assert_int_equal(store_time(w->s, t + 50, t + 70), t + 70);
	assert_int_equal(store_time(w->s, t + 5000, t + 70), t + 70);
	assert_int_equal(store_time(w->s, t - 50, t + 70), t - 50);
	assert_int_equal(store_time(w->s, t - 50, t - 70), t - 70);
	like_files(w);
	assert_int_equal(store_time(w->s, 50, 70), 50);
	assert_int_equal(store_time(w->s, 5000, 70), 70);
	assert_true(store_is_void(w->s, -1, 70));
	assert_false(store_is_void(w->s, 50, 50 + YEAR));
}

static enum snap_code
sleep_at_ok(void *arg, enum fault_op op, const char *name, struct snap_err *err)
{
	struct world *w = arg;
	size_t len = strlen(name);

	(void)err;
	if (op == FAULT_PUT && len > 3 && strcmp(name + len - 3, ".ok") == 0)
		mem_store_advance(w->mem, YEAR);
	return SNAP_OK;
}

/* The snapshot itself was in time, its confirmation came a year late. */
static void
late_backup(struct world *w, enum snap_code *rc)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct snapshot_body snap;
	uint8_t id[ID_LEN];
	struct run *r;
	int64_t when;

	memset(&snap, 0, sizeof snap);
	assert_int_equal(run_begin(w->s, &r, &err), SNAP_OK);
	fault_set_hook(w->t, sleep_at_ok, w);
	*rc = run_commit(r, &snap, id, &when, &err);
	fault_clear(w->t);
	run_free(r);
}

static void
a_late_confirmation_is_withdrawn_by_its_writer_on_a_file_system(void **state)
{
	struct world *w = *state;
	struct name *names;
	enum snap_code rc;

	like_files(w);
	late_backup(w, &rc);
	assert_int_equal(rc, SNAP_BUSY);
	assert_int_equal(world_names(w, "snapshots/", &names), 0);
	free(names);
	expect_order(w, NULL, 0);
}

static void
a_late_confirmation_is_left_void_elsewhere(void **state)
{
	struct world *w = *state;
	struct name *names;
	enum snap_code rc;

	late_backup(w, &rc);
	assert_int_equal(rc, SNAP_BUSY);
	assert_int_equal(world_names(w, "snapshots/", &names), 2);
	free(names);
	expect_order(w, NULL, 0);
}

int
main(void)
{
#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(a_copy_keeps_its_snapshots_and_their_order),
		T(so_does_a_copy_in_a_bucket),
		T(a_copy_takes_further_snapshots),
		T(where_times_are_of_visibility_late_ones_are_void),
		T(a_time_is_never_after_that_of_the_store),
		T(a_late_confirmation_is_withdrawn_by_its_writer_on_a_file_system),
		T(a_late_confirmation_is_left_void_elsewhere),
	};

	return cmocka_run_group_tests_name("copies", tests, NULL, NULL);
}
