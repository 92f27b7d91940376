/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_maint_scrub.c - what is found without a key, and which data is read
 * first when not all of it is.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "fdio.h"
#include "repo_care.h"
#include "world.h"

static struct repo_scrub_result
scrub(struct world *w)
{
	struct repo_scrub_result r = { 0 };
	struct snap_err err = SNAP_ERR_INIT;

	bytes_clear(&w->log);
	assert_int_equal(maint_scrub(w->t, &w->report, &r, &err), SNAP_OK);
	return r;
}

static void
a_flipped_bit_is_found_in_each_object_without_a_key(void **state)
{
	struct world_two t = world_two(state);
	struct name *v;
	size_t n = world_names(t.w, "", &v);

	assert_int_equal(scrub(t.w).n_errors, 0);
	assert_int_equal(scrub(t.w).n_objects, n);
	for (size_t i = 0; i < n; i++) {
		uint64_t at[3] = { 20, v[i].st.size / 2, v[i].st.size - 20 };

		for (size_t k = 0; k < 3; k++) {
			world_flip(t.w, v[i].s, at[k]);
			assert_int_equal(scrub(t.w).n_errors, 1);
			assert_true(world_said(t.w, v[i].s));
			world_flip(t.w, v[i].s, at[k]);
		}
	}
	assert_int_equal(scrub(t.w).n_errors, 0);
	free(v);
}

static void
an_object_in_the_place_of_another_is_found_without_a_key(void **state)
{
	struct world_two t = world_two(state);
	struct name a = world_one(t.w, "data/", 0);
	struct name b = world_one(t.w, "data/", 1);

	world_swap(t.w, a.s, b.s);
	assert_int_equal(scrub(t.w).n_errors, 2);
	assert_true(world_said(t.w, a.s));
	assert_true(world_said(t.w, b.s));
}

static void
an_empty_store_is_no_repository_to_scrub(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_scrub_result r;
	struct mem_store *mem;
	struct transport *t;

	(void)state;
	assert_int_equal(mem_store_new(&mem, &err), SNAP_OK);
	assert_int_equal(transport_open_mem(mem, &t, &err), SNAP_OK);
	assert_int_equal(maint_scrub(t, NULL, &r, &err), SNAP_NOREPO);
	transport_close(t);
	mem_store_free(mem);
}

/* ---- what is remembered */

static char dir[] = "test-scrub-XXXXXX";

static int
with_cache(void **state)
{
	struct world *w;

	(void)snprintf(dir, sizeof dir, "test-scrub-XXXXXX");
	if (mkdtemp(dir) == NULL || world_setup(state) != 0)
		return -1;
	w = *state;
	w->cache_dir = dir;
	world_reopen(w);
	return 0;
}

static int
without_cache(void **state)
{
	char cmd[sizeof dir + 16];

	(void)snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	(void)!system(cmd);
	return world_teardown(state);
}

static struct repo_check_result
read_part(struct world *w, double percent, int64_t since_ns)
{
	struct repo_check_opts o = {
		.read_data = true, .data_percent = percent, .since_ns = since_ns
	};
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_check_result r;

	bytes_clear(&w->log);
	world_reopen(w);
	assert_int_equal(maint_check(w->s, &o, &r, &err), SNAP_OK);
	return r;
}

static size_t
n_data(struct world *w)
{
	struct name *v;
	size_t n = world_names(w, "data/", &v);

	free(v);
	return n;
}

static void
checks_of_a_part_read_everything_in_turn(void **state)
{
	struct world_two t = world_two(state);
	size_t n = n_data(t.w);
	double one = 100.0 / (double)n;
	struct name last;

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(read_part(t.w, one, 0).n_read_packs, 1);
		/* What is left is what no check has read. */
		if (i == n / 2)
			assert_int_equal(
			    read_part(t.w, 100, 1).n_read_packs, n - i - 1);
	}
	assert_int_equal(read_part(t.w, 100, 1).n_read_packs, 0);
	assert_int_equal(read_part(t.w, 100, INT64_MAX).n_read_packs, n);
	/* What is damaged does not count as read. */
	last = world_one(t.w, "data/", n - 1);
	world_flip(t.w, last.s, 100);
	assert_true(read_part(t.w, 100, 0).n_errors > 0);
	assert_int_equal(read_part(t.w, 100, 1).n_read_packs, 1);
	assert_true(world_said(t.w, last.s));
}

static void
a_memory_that_is_lost_or_spoiled_means_that_nothing_was_read(void **state)
{
	struct world_two t = world_two(state);
	struct snap_err err = SNAP_ERR_INIT;
	size_t n = n_data(t.w);
	struct bytes file;
	char path[512];

	(void)read_part(t.w, 100, 0);
	assert_int_equal(read_part(t.w, 100, 1).n_read_packs, 0);
	assert_non_null(t.w->s->cache_dir);
	(void)snprintf(path, sizeof path, "%s/checked", t.w->s->cache_dir);
	bytes_init(&file, 1u << 20);
	assert_int_equal(fd_slurp(path, 1u << 20, &file, &err), SNAP_OK);
	file.p[20] ^= 1; /* a time */
	assert_int_equal(fd_replace(path, bytes_span(&file), &err), SNAP_OK);
	bytes_fini(&file);
	assert_int_equal(read_part(t.w, 100, 1).n_read_packs, n);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(read_part(t.w, 100, 1).n_read_packs, n);
	/* Something else in its place. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(read_part(t.w, 100, 1).n_read_packs, n);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(read_part(t.w, 100, 1).n_read_packs, n);
	assert_int_equal(read_part(t.w, 100, 1).n_errors, 0);
	assert_int_equal(rmdir(path), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
#define C(f) cmocka_unit_test_setup_teardown(f, with_cache, without_cache)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_flipped_bit_is_found_in_each_object_without_a_key),
		T(an_object_in_the_place_of_another_is_found_without_a_key),
		T(an_empty_store_is_no_repository_to_scrub),
		C(checks_of_a_part_read_everything_in_turn),
		C(a_memory_that_is_lost_or_spoiled_means_that_nothing_was_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
