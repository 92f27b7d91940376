/* SPDX-License-Identifier: PostgreSQL */
/* test_hooklist.c - the sorted list of hooks: found, the newest first, and
 * bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hooklist.h"

#define MANY 1200000u

static uint64_t
hook(uint32_t i)
{
	return (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static void
fill(struct hooklist *h, uint32_t from, uint32_t to)
{
	struct snap_err err = SNAP_ERR_INIT;

	for (uint32_t i = from; i < to; i++)
		assert_int_equal(hooklist_add(h, hook(i), i, &err), SNAP_OK);
}

static uint32_t
count_found(const struct hooklist *h, uint32_t from, uint32_t to)
{
	uint32_t got, n = 0;

	for (uint32_t i = from; i < to; i++)
		n += hooklist_find(h, hook(i), &got, 1) == 1 && got == i;
	return n;
}

/* Also when entries need more bits than there were at first. */
static void
every_hook_is_found_after_sorting(void **state)
{
	struct hooklist h;

	(void)state;
	hooklist_init(&h);
	assert_int_equal(count_found(&h, 0, 10), 0);
	fill(&h, 0, 1000);
	assert_int_equal(count_found(&h, 0, 1000), 0);
	hooklist_sort(&h);
	assert_int_equal(count_found(&h, 0, 1000), 1000);
	assert_int_equal(count_found(&h, 1000, 100000), 0);
	fill(&h, 1000, MANY);
	hooklist_sort(&h);
	assert_int_equal(count_found(&h, 0, MANY), MANY);
	assert_int_equal(count_found(&h, MANY, MANY + 100000), 0);
	hooklist_fini(&h);
}

static void
the_newest_block_with_a_hook_comes_first(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct hooklist h;
	uint32_t got[4];

	(void)state;
	hooklist_init(&h);
	fill(&h, 0, 500);
	for (uint32_t i = 500; i < 506; i++)
		assert_int_equal(hooklist_add(&h, hook(7), i, &err), SNAP_OK);
	hooklist_sort(&h);
	assert_int_equal(hooklist_find(&h, hook(7), got, 4), 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(got[i], 505 - i);
	assert_int_equal(hooklist_find(&h, hook(8), got, 4), 1);
	hooklist_fini(&h);
}

/* A sample stays, of old and new ones alike. */
static void
more_than_the_most_are_thinned_out(void **state)
{
	struct hooklist h;
	uint32_t old, new;

	(void)state;
	hooklist_init(&h);
	h.max = 10000;
	fill(&h, 0, 20000);
	hooklist_sort(&h);
	fill(&h, 20000, 40000);
	/* What was sorted is still found. */
	assert_true(count_found(&h, 0, 20000) > 1500);
	hooklist_sort(&h);
	assert_true(h.n <= h.max);
	assert_true(h.n > h.max / 4);
	old = count_found(&h, 0, 20000);
	new = count_found(&h, 20000, 40000);
	assert_int_equal(old + new, h.n);
	assert_true(old > 1500 && new > 1500);
	hooklist_fini(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_hook_is_found_after_sorting),
		cmocka_unit_test(the_newest_block_with_a_hook_comes_first),
		cmocka_unit_test(more_than_the_most_are_thinned_out),
	};

	return cmocka_run_group_tests_name("hooklist", tests, NULL, NULL);
}
