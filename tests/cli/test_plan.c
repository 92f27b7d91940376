/* SPDX-License-Identifier: PostgreSQL */
/* test_plan.c - the time by which a policy judges is nobody's claim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "keep.h"

#define STORE_S 1700000000
#define CLAIMED_S 946684800 /* 2000-01-01 */
#define SECOND_NS INT64_C(1000000000)

static int64_t
time_of(bool by_owner, bool is_copy, const char *claim)
{
	struct repo_property props[] = { { REPO_PROP_ORIGIN, "a:b" },
		{ REPO_PROP_TIME, claim } };
	struct repo_snapshot s = { .time_ns = STORE_S * SECOND_NS,
		.by_owner = by_owner,
		.n_props = is_copy ? 2 : 1,
		.props = is_copy ? props : props + 1 };

	return plan_time(&s);
}

static void
only_an_owner_s_copy_has_the_time_of_its_original(void **state)
{
	static const char past[] = "2000-01-01T00:00:00Z",
			  future[] = "2199-01-01T00:00:00Z";

	(void)state;
	assert_int_equal(time_of(true, true, past), CLAIMED_S);
	assert_int_equal(time_of(true, false, past), STORE_S);
	assert_int_equal(time_of(false, true, past), STORE_S);
	assert_int_equal(time_of(false, false, future), STORE_S);
	assert_int_equal(time_of(false, true, future), STORE_S);
}

static void
a_time_that_is_none_is_the_store_s(void **state)
{
	static const char *const odd[] = { "", "now", "2000-01-01",
		"2000-13-01T00:00:00Z", "2000-01-01T00:00:00Zx",
		"-200-01-01T00:00:00Z" };

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		assert_int_equal(time_of(true, true, odd[i]), STORE_S);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    only_an_owner_s_copy_has_the_time_of_its_original),
		cmocka_unit_test(a_time_that_is_none_is_the_store_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
