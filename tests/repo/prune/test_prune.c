/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_prune.c - what prune takes, when, and what it leaves alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "life.h"
#include "repo_care.h"

static void
nothing_goes_while_all_is_needed(void **state)
{
	struct life *l = *state;
	struct repo_prune_result r;
	size_t packs;

	(void)life_backup(l);
	life_change(l, 0, 600);
	(void)life_backup(l);
	packs = life_count(l, "data/") + life_count(l, "meta/");
	for (int i = 0; i < 4; i++) {
		life_wait(l, 2);
		r = life_prune(l);
		assert_int_equal(r.n_condemned, 0);
		assert_int_equal(
		    life_count(l, "data/") + life_count(l, "meta/"), packs);
		life_must_be_whole(l);
	}
}

static void
what_only_a_forgotten_snapshot_needs_goes_a_grace_later(void **state)
{
	struct life *l = *state;
	struct repo_prune_result r;
	uint64_t before, after;

	(void)life_backup(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	life_wait(l, 2);
	before = life_bytes(l, "data/");
	life_forget(l, 0);
	r = life_prune(l);
	assert_true(r.n_condemned > 0);
	assert_int_equal(life_bytes(l, "data/"), before);
	life_must_be_whole(l);
	/* Not yet. */
	(void)life_prune(l);
	assert_int_equal(life_bytes(l, "data/"), before);
	life_wait(l, 1);
	r = life_prune(l);
	after = life_bytes(l, "data/");
	assert_true(r.n_deleted > 0 && after < before * 6 / 10);
	life_must_be_whole(l);
	/* And in the end its list. */
	assert_int_equal(life_count(l, "condemned/"), 2);
	life_wait(l, 3);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "condemned/"), 0);
	life_must_be_whole(l);
}

static void
packs_of_which_little_lives_are_written_anew(void **state)
{
	struct life *l = *state;
	struct repo_prune_result r;
	uint64_t full;

	(void)life_backup(l);
	full = life_bytes(l, "data/");
	/* Three rows of four are new, here and there. */
	for (uint32_t i = 0; i < 6000; i += 40)
		life_change(l, i, 30);
	(void)life_backup(l);
	life_wait(l, 2);
	life_forget(l, 0);
	r = life_prune(l);
	assert_true(r.n_repacked > 0);
	life_must_be_whole(l);
	life_wait(l, 1);
	(void)life_prune(l);
	life_must_be_whole(l);
	/* What lives is little more than one table. */
	assert_true(life_bytes(l, "data/") < full * 13 / 10);
	/* A backup of the same finds all of it, also in sparse blocks. */
	(void)life_backup(l);
	life_must_be_whole(l);
	assert_true(life_bytes(l, "data/") < full * 14 / 10);
}

static void
what_a_dead_run_left_goes_when_its_lease_is_over(void **state)
{
	struct life *l = *state;
	struct repo_prune_result r;
	size_t packs;

	(void)life_backup(l);
	packs = life_count(l, "data/");
	life_change(l, 0, 6000);
	(void)life_backup(l);
	/* Its run died before the confirmation. */
	life_forget(l, 1);
	life_wait(l, 2);
	(void)life_prune(l);
	life_wait(l, 2);
	r = life_prune(l);
	assert_true(r.bytes_freed > 0);
	assert_true(life_count(l, "data/") <= packs + 1);
	life_must_be_whole(l);
}

static void
a_dry_run_changes_nothing(void **state)
{
	struct repo_prune_opts o = {
		.dry_run = true, .live_percent = 60, .tmpdir = "."
	};
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_prune_result r;
	struct life *l = *state;
	size_t n;

	(void)life_backup(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	life_wait(l, 2);
	life_forget(l, 0);
	n = life_count(l, "");
	assert_int_equal(life_prune_as(l, &o, &r, &err), SNAP_OK);
	assert_true(r.n_condemned > 0 && r.bytes_condemned > 0);
	assert_int_equal(life_count(l, ""), n);
}

static void
alone_it_needs_no_grace(void **state)
{
	struct repo_prune_opts o = {
		.alone = true, .live_percent = 60, .tmpdir = "."
	};
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_prune_result r;
	struct life *l = *state;
	uint64_t before;

	(void)life_backup(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	before = life_bytes(l, "data/");
	life_forget(l, 0);
	assert_int_equal(life_prune_as(l, &o, &r, &err), SNAP_OK);
	assert_true(life_bytes(l, "data/") < before * 6 / 10);
	assert_int_equal(life_count(l, "condemned/"), 0);
	life_must_be_whole(l);
}

#define T(f) cmocka_unit_test_setup_teardown(f, life_setup, life_teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_goes_while_all_is_needed),
		T(what_only_a_forgotten_snapshot_needs_goes_a_grace_later),
		T(packs_of_which_little_lives_are_written_anew),
		T(what_a_dead_run_left_goes_when_its_lease_is_over),
		T(a_dry_run_changes_nothing),
		T(alone_it_needs_no_grace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
