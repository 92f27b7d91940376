/* SPDX-License-Identifier: PostgreSQL */
/* test_policy.c - settings of a policy, read, refused and told; the picture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "retention.h"

static void
tell(void *arg, const char *name, const char *value)
{
	bytes_printf(arg, "%s=%s ", name, value);
}

static void
settings_are_told_as_they_were_given(void **state)
{
	static const char *const set[][2] = { { "keep-yearly", "all" },
		{ "keep-last", "3" }, { "keep-hourly", "0" },
		{ "keep-daily", "7" }, { "keep-weekly", "100000" },
		{ "keep-within", "1y2w3h" }, { "keep-tag", "gold" },
		{ "keep-tag", "b,c" }, { "timezone", "Europe/Berlin" } };
	struct retain_policy p;
	struct snap_err err;
	struct bytes b;

	(void)state;
	memset(&p, 0, sizeof p);
	bytes_init(&b, 4096);
	retain_policy_each(&p, tell, &b);
	assert_int_equal(b.len, 0);
	for (size_t i = 0; i < sizeof set / sizeof set[0]; i++)
		assert_int_equal(
		    retain_policy_set(&p, set[i][0], set[i][1], &err), SNAP_OK);
	retain_policy_each(&p, tell, &b);
	bytes_u8(&b, 0);
	assert_string_equal((char *)b.p,
	    "keep-last=3 keep-daily=7 keep-weekly=100000 keep-yearly=all "
	    "keep-within=1y14d3h keep-tag=gold,b,c timezone=Europe/Berlin ");
	bytes_fini(&b);
}

static void
what_makes_no_sense_is_refused_and_changes_nothing(void **state)
{
	static const char *const bad[][2] = { { "keep-daily", "" },
		{ "keep-daily", "-1" }, { "keep-daily", "7d" },
		{ "keep-daily", " 7" }, { "keep-daily", "100001" },
		{ "keep-daily", "99999999999999999999" }, { "keep-within", "" },
		{ "keep-within", "14" }, { "keep-within", "d" },
		{ "keep-within", "14d3d" }, { "keep-within", "14x" },
		{ "keep-within", "-1d" }, { "keep-within", "1d " },
		{ "keep-tag", "" }, { "timezone", "" } };
	struct retain_policy p, none;
	struct snap_err err;
	char tags[RETAIN_TAGS_MAX + 1];

	(void)state;
	memset(&p, 0, sizeof p);
	memset(&none, 0, sizeof none);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (retain_policy_set(&p, bad[i][0], bad[i][1], &err) !=
		    SNAP_USAGE)
			fail_msg("%s=%s", bad[i][0], bad[i][1]);
		assert_memory_equal(&p, &none, sizeof p);
	}
	memset(tags, 'x', sizeof tags - 1);
	tags[sizeof tags - 1] = '\0';
	assert_int_equal(
	    retain_policy_set(&p, "keep-tag", tags, &err), SNAP_USAGE);
	assert_int_equal(
	    retain_policy_set(&p, "timezone", tags, &err), SNAP_USAGE);
	assert_int_equal(
	    retain_policy_set(&p, "keep-minutely", "3", &err), SNAP_NOTFOUND);
	assert_int_equal(
	    retain_policy_set(&p, "daily", "3", &err), SNAP_NOTFOUND);
	assert_memory_equal(&p, &none, sizeof p);
	assert_true(retain_policy_is_empty(&p));
}

static void
any_rule_makes_a_policy_a_zone_does_not(void **state)
{
	static const char *const set[][2] = { { "keep-last", "1" },
		{ "keep-yearly", "all" }, { "keep-within", "1h" },
		{ "keep-tag", "x" } };
	struct retain_policy p;
	struct snap_err err;

	(void)state;
	for (size_t i = 0; i < sizeof set / sizeof set[0]; i++) {
		memset(&p, 0, sizeof p);
		assert_int_equal(
		    retain_policy_set(&p, set[i][0], set[i][1], &err), SNAP_OK);
		assert_false(retain_policy_is_empty(&p));
	}
	memset(&p, 0, sizeof p);
	assert_int_equal(
	    retain_policy_set(&p, "timezone", "UTC", &err), SNAP_OK);
	assert_true(retain_policy_is_empty(&p));
}

static void
the_picture_has_a_line_for_each_month_and_a_sign_for_each_day(void **state)
{
	struct retain_policy p;
	struct snap_err err;
	struct bytes b;

	(void)state;
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	memset(&p, 0, sizeof p);
	bytes_init(&b, 65536);
	assert_int_equal(
	    retain_policy_set(&p, "keep-daily", "7", &err), SNAP_OK);
	assert_int_equal(
	    retain_policy_set(&p, "keep-weekly", "4", &err), SNAP_OK);
	assert_int_equal(
	    retain_policy_set(&p, "keep-monthly", "3", &err), SNAP_OK);
	/* Wednesday, 11 March 2026. */
	retain_picture(&p, INT64_C(1773230400), &b);
	bytes_u8(&b, 0);
	assert_string_equal((char *)b.p,
	    "2026-01  ..............................M\n"
	    "2026-02  .....................W.....M\n"
	    "2026-03  W...DDDWDDM\n");
	bytes_fini(&b);
}

#define T(f) cmocka_unit_test(f)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(settings_are_told_as_they_were_given),
		T(what_makes_no_sense_is_refused_and_changes_nothing),
		T(any_rule_makes_a_policy_a_zone_does_not),
		T(the_picture_has_a_line_for_each_month_and_a_sign_for_each_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
