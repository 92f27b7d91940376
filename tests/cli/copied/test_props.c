/* SPDX-License-Identifier: PostgreSQL */
/* test_props.c - what a copy of a snapshot says of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keep.h"
#include "props.h"

#define LAST_YEAR "2025-03-01T23:59:59Z"
#define TODAY INT64_C(1774000000) /* 2026-03-20T09:46:40Z */

static struct repo_property source[] = { { REPO_PROP_DATABASE, "payroll" },
	{ REPO_PROP_TIME, LAST_YEAR } };

/* The copy of `s`, which its maker, an owner, signs. */
static struct repo_snapshot
copy_of(const struct repo_snapshot *s, struct props *p)
{
	struct repo_snapshot copy = { .time_ns = (TODAY + 7) * 1000000000,
		.by_owner = true };
	struct snap_err err = SNAP_ERR_INIT;

	p->n = 0;
	assert_int_equal(props_add(p, REPO_PROP_ORIGIN, "a:b", &err), SNAP_OK);
	assert_int_equal(props_add_copied(p, s, &err), SNAP_OK);
	copy.props = p->v;
	copy.n_props = p->n;
	return copy;
}

static void
a_copy_has_the_time_that_the_store_gave_a_hosts_snapshot(void **state)
{
	struct repo_snapshot s = {
		.time_ns = TODAY * 1000000000, .props = source, .n_props = 2
	};
	struct repo_snapshot copy;
	struct props p;

	(void)state;
	copy = copy_of(&s, &p);
	assert_string_equal(
	    repo_snapshot_prop(&copy, REPO_PROP_TIME), "2026-03-20T09:46:40Z");
	assert_int_equal(plan_time(&copy), TODAY);
	assert_string_equal(
	    repo_snapshot_prop(&copy, "claimed-time"), LAST_YEAR);
	assert_string_equal(
	    repo_snapshot_prop(&copy, REPO_PROP_DATABASE), "payroll");
	props_clear(&p);
	/* One that says nothing of time has the store's as well. */
	s.n_props = 1;
	copy = copy_of(&s, &p);
	assert_int_equal(plan_time(&copy), TODAY);
	assert_null(repo_snapshot_prop(&copy, "claimed-time"));
	props_clear(&p);
}

static void
an_owners_word_about_time_is_copied(void **state)
{
	struct repo_snapshot s = { .time_ns = TODAY * 1000000000,
		.by_owner = true,
		.props = source,
		.n_props = 2 };
	struct repo_snapshot copy;
	struct props p;

	(void)state;
	copy = copy_of(&s, &p);
	assert_string_equal(
	    repo_snapshot_prop(&copy, REPO_PROP_TIME), LAST_YEAR);
	assert_null(repo_snapshot_prop(&copy, "claimed-time"));
	props_clear(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_copy_has_the_time_that_the_store_gave_a_hosts_snapshot),
		cmocka_unit_test(an_owners_word_about_time_is_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
