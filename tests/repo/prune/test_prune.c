/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_prune.c - what prune takes, when, and what it leaves alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
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
	/* And in the end, three graces after it came, its list. */
	life_wait(l, 1);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "condemned/"), 2);
	life_wait(l, 1);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "condemned/"), 0);
	life_must_be_whole(l);
}

static void
what_is_young_is_left_alone(void **state)
{
	struct life *l = *state;

	(void)life_backup(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	life_forget(l, 0);
	assert_int_equal(life_prune(l).n_condemned, 0);
	mem_store_advance(l->mem, LIFE_GRACE * 9 / 10);
	assert_int_equal(life_prune(l).n_condemned, 0);
	mem_store_advance(l->mem, LIFE_GRACE / 5);
	assert_true(life_prune(l).n_condemned > 0);
	/* Its age counts from the confirmation. */
	mem_store_advance(l->mem, LIFE_GRACE * 9 / 10);
	assert_int_equal(life_prune(l).bytes_freed, 0);
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
	/* And of what is sparse all lives: once is enough. */
	life_wait(l, 2);
	assert_int_equal(life_prune(l).n_repacked, 0);
	/* A backup of the same finds all of it, also in sparse blocks. */
	full = life_bytes(l, "data/");
	(void)life_backup(l);
	life_must_be_whole(l);
	assert_int_equal(life_bytes(l, "data/"), full);
	/* What they lack any more is stored again, and only that. */
	life_change(l, 0, 600);
	(void)life_backup(l);
	life_must_be_whole(l);
	assert_in_range(life_bytes(l, "data/"), full + 1, full * 13 / 10);
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

static void
what_cannot_be_read_keeps_all_that_was_there_when_it_came(void **state)
{
	struct life *l = *state;
	struct repo_prune_result r;
	char name[80], hex[33];
	size_t broken;

	(void)life_backup(l);
	life_change(l, 0, 6000);
	broken = life_backup(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	life_wait(l, 2);
	hex_encode(l->v[broken].id, REPO_ID_LEN, hex);
	(void)snprintf(name, sizeof name, "snapshots/%s", hex);
	assert_true(mem_store_flip(l->mem, name, 100, 1));
	life_forget(l, 0);
	r = life_prune(l);
	assert_int_equal(r.n_broken, 1);
	assert_int_equal(r.n_condemned, 0);
	assert_true(life_said(l, "cannot be read"));
	/* Mended, it is as it was. */
	assert_true(mem_store_flip(l->mem, name, 100, 1));
	life_must_be_whole(l);
	r = life_prune(l);
	assert_int_equal(r.n_broken, 0);
	assert_true(r.n_condemned > 0);
	life_must_be_whole(l);
}

static void
a_snapshot_that_was_taken_away_keeps_its_packs(void **state)
{
	struct life *l = *state;
	struct repo_prune_result r;
	char name[80], hex[33];

	(void)life_backup(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	life_wait(l, 2);
	hex_encode(l->v[0].id, REPO_ID_LEN, hex);
	(void)snprintf(name, sizeof name, "snapshots/%s", hex);
	assert_true(mem_store_remove(l->mem, name));
	r = life_prune(l);
	assert_int_equal(r.n_broken, 1);
	assert_int_equal(r.n_condemned, 0);
	/* Until somebody says that it is not wanted. */
	life_forget(l, 0);
	r = life_prune(l);
	assert_int_equal(r.n_broken, 0);
	assert_true(r.n_condemned > 0);
}

/* Snapshot n as it is on the store now; put_back() frees it. */
struct pair {
	char name[2][80];
	struct bytes half[2];
};

static void
take_pair(struct life *l, size_t n, struct pair *p)
{
	static const char *const suffix[] = { "", ".ok" };
	struct snap_err err = SNAP_ERR_INIT;
	char hex[33];

	hex_encode(l->v[n].id, REPO_ID_LEN, hex);
	for (int i = 0; i < 2; i++) {
		(void)snprintf(p->name[i], sizeof p->name[i], "snapshots/%s%s",
		    hex, suffix[i]);
		bytes_init(&p->half[i], 1u << 20);
		assert_int_equal(transport_get(l->t, p->name[i], 0, SIZE_MAX,
				     &p->half[i], &err),
		    SNAP_OK);
	}
}

static void
put_back(struct life *l, struct pair *p)
{
	struct snap_err err = SNAP_ERR_INIT;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(transport_put(l->t, p->name[i],
				     bytes_span(&p->half[i]), NULL, &err),
		    SNAP_OK);
		bytes_fini(&p->half[i]);
	}
}

static void
a_forgotten_snapshot_that_reappears_goes_again(void **state)
{
	struct life *l = *state;
	struct pair p;

	(void)life_backup(l);
	(void)life_backup(l);
	take_pair(l, 0, &p);
	life_forget(l, 0);
	assert_int_equal(life_count(l, "snapshots/"), 2);
	put_back(l, &p);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "snapshots/"), 2);
}

/* As a writer does whose look was from before the list. */
static void
what_lives_again_is_rescued_from_condemned_packs(void **state)
{
	struct repo_prune_result r;
	struct life *l = *state;
	char note[TRANSPORT_NAME_MAX + 1];
	struct pair p;

	l->like_files = true;
	(void)life_backup(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	life_wait(l, 2);
	take_pair(l, 0, &p);
	life_forget(l, 0);
	r = life_prune(l);
	assert_true(r.n_condemned > 0);
	life_first(l, "notes/", note);
	assert_true(mem_store_remove(l->mem, note));
	put_back(l, &p);
	l->v[0].forgotten = false;
	life_wait(l, 1);
	r = life_prune(l);
	assert_true(r.n_rescued > 0);
	life_must_be_whole(l);
	/* Then the old packs may go, and their list. */
	life_wait(l, 4);
	r = life_prune(l);
	assert_true(r.n_deleted > 0);
	assert_int_equal(r.n_rescued, 0);
	life_must_be_whole(l);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "condemned/"), 0);
	life_must_be_whole(l);
}

static void
a_store_that_lists_no_snapshot_is_not_believed(void **state)
{
	struct repo_prune_opts o = { .live_percent = 60, .tmpdir = "." };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_prune_result r;
	struct life *l = *state;
	char name[80], hex[33];
	size_t n;

	(void)life_backup(l);
	life_wait(l, 2);
	hex_encode(l->v[0].id, REPO_ID_LEN, hex);
	(void)snprintf(name, sizeof name, "snapshots/%s", hex);
	assert_true(mem_store_remove(l->mem, name));
	(void)snprintf(name, sizeof name, "snapshots/%s.ok", hex);
	assert_true(mem_store_remove(l->mem, name));
	n = life_count(l, "");
	assert_int_equal(life_prune_as(l, &o, &r, &err), SNAP_CORRUPT);
	assert_int_equal(life_count(l, ""), n);
	o.no_snapshots = true;
	assert_int_equal(life_prune_as(l, &o, &r, &err), SNAP_OK);
	assert_true(r.n_condemned > 0);
}

static void
clocks_that_are_wrong_stop_it(void **state)
{
	struct repo_prune_opts o = { .live_percent = 60, .tmpdir = "." };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_prune_result r;
	struct life *l = *state;
	size_t n;

	(void)life_backup(l);
	(void)life_backup(l);
	life_forget(l, 0);
	life_wait(l, 2);
	n = life_count(l, "");
	/* This machine's, and then the store's, which was an hour ahead. */
	o.now_ns = mem_store_time(l->mem) - 11 * INT64_C(60000000000);
	assert_int_equal(life_prune_as(l, &o, &r, &err), SNAP_BUSY);
	o.now_ns = mem_store_time(l->mem);
	(void)life_backup(l);
	mem_store_set_time(l->mem, mem_store_time(l->mem) - LIFE_GRACE);
	o.now_ns -= LIFE_GRACE;
	assert_int_equal(life_prune_as(l, &o, &r, &err), SNAP_BUSY);
	assert_true(life_count(l, "") > n);
}

static void
many_small_segments_become_one(void **state)
{
	struct life *l = *state;
	size_t before;

	for (uint32_t i = 0; i < 12; i++) {
		life_change(l, i * 500, 100);
		(void)life_backup(l);
	}
	before = life_count(l, "index/");
	assert_true(before >= 12);
	life_wait(l, 2);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "index/"), 1);
	life_must_be_whole(l);
	/* As it is signed, no pack is read again. */
	(void)life_prune(l);
	assert_int_equal(life_count(l, "index/"), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, life_setup, life_teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_goes_while_all_is_needed),
		T(what_only_a_forgotten_snapshot_needs_goes_a_grace_later),
		T(what_is_young_is_left_alone),
		T(packs_of_which_little_lives_are_written_anew),
		T(what_a_dead_run_left_goes_when_its_lease_is_over),
		T(a_dry_run_changes_nothing),
		T(alone_it_needs_no_grace),
		T(what_cannot_be_read_keeps_all_that_was_there_when_it_came),
		T(a_snapshot_that_was_taken_away_keeps_its_packs),
		T(a_forgotten_snapshot_that_reappears_goes_again),
		T(what_lives_again_is_rescued_from_condemned_packs),
		T(a_store_that_lists_no_snapshot_is_not_believed),
		T(clocks_that_are_wrong_stop_it),
		T(many_small_segments_become_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
