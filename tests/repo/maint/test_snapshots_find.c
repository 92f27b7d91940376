/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_snapshots_find.c - which snapshot a word means, and which is a parent.
 */
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "snapshots.h"

static struct repo_property shop[] = { { "database", "shop" },
	{ "system-identifier", "1" } };
static struct repo_property shop2[] = { { "database", "shop" },
	{ "system-identifier", "2" } };
static struct repo_property stream[] = { { "name", "dump" } };

static struct repo_snapshot v[3];
static const struct repo_snapshots all = { .n = 3, .v = v };

static int
setup(void **state)
{
	(void)state;
	memset(v, 0, sizeof v);
	memset(v[0].id, 0xab, sizeof v[0].id);
	memset(v[1].id, 0xab, sizeof v[1].id);
	v[1].id[2] = 0xac; /* ababac... */
	memset(v[2].id, 0xcd, sizeof v[2].id);
	v[0].props = shop;
	v[0].n_props = 2;
	v[1].props = shop2;
	v[1].n_props = 2;
	v[2].props = stream;
	v[2].n_props = 1;
	return 0;
}

static enum snap_code
find(const char *spec, const struct repo_snapshot **s)
{
	struct snap_err err = SNAP_ERR_INIT;

	*s = NULL;
	return snapshots_find(&all, spec, s, &err);
}

static void
latest_is_the_newest_or_the_newest_of_a_name(void **state)
{
	const struct repo_snapshot *s;

	(void)state;
	assert_int_equal(find("latest", &s), SNAP_OK);
	assert_ptr_equal(s, &v[2]);
	assert_int_equal(find("latest:shop", &s), SNAP_OK);
	assert_ptr_equal(s, &v[1]);
	assert_int_equal(find("latest:dump", &s), SNAP_OK);
	assert_ptr_equal(s, &v[2]);
	assert_int_equal(find("latest:nothing", &s), SNAP_NOTFOUND);
}

static void
latest_is_a_whole_one_while_there_is_one(void **state)
{
	static struct repo_property part[] = { { "database", "shop" },
		{ "selection", "--table=c" } };
	const struct repo_snapshot *s;

	(void)state;
	v[1].props = v[2].props = part;
	v[1].n_props = v[2].n_props = 2;
	assert_int_equal(find("latest", &s), SNAP_OK);
	assert_ptr_equal(s, &v[0]);
	assert_int_equal(find("latest:shop", &s), SNAP_OK);
	assert_ptr_equal(s, &v[0]);
	v[0].props = stream;
	v[0].n_props = 1;
	assert_int_equal(find("latest:shop", &s), SNAP_OK);
	assert_ptr_equal(s, &v[2]);
	assert_int_equal(find("cdcd", &s), SNAP_OK);
	assert_ptr_equal(s, &v[2]);
}

static void
a_prefix_must_be_long_enough_and_unique(void **state)
{
	const struct repo_snapshot *s;

	(void)state;
	assert_int_equal(find("cdcd", &s), SNAP_OK);
	assert_ptr_equal(s, &v[2]);
	assert_int_equal(find("ababac", &s), SNAP_OK);
	assert_ptr_equal(s, &v[1]);
	assert_int_equal(find("abababababababababababababababab", &s), SNAP_OK);
	assert_ptr_equal(s, &v[0]);
	assert_int_equal(find("abab", &s), SNAP_USAGE);
	assert_int_equal(find("cdc", &s), SNAP_USAGE);
	assert_int_equal(find("", &s), SNAP_USAGE);
	assert_int_equal(find("CDCD", &s), SNAP_USAGE);
	assert_int_equal(
	    find("abababababababababababababababab0", &s), SNAP_USAGE);
	assert_int_equal(find("0123", &s), SNAP_NOTFOUND);
}

static void
nothing_is_found_where_there_is_nothing(void **state)
{
	static const struct repo_snapshots none = { .n_damaged = 2 };
	struct snap_err err = SNAP_ERR_INIT;
	const struct repo_snapshot *s;

	(void)state;
	assert_int_equal(
	    snapshots_find(&none, "latest", &s, &err), SNAP_NOTFOUND);
	assert_non_null(strstr(err.detail, "2 damaged"));
}

static void
an_older_one_is_not_the_latest_of_a_damaged_one(void **state)
{
	struct repo_snapshots some = all;
	struct snap_err err = SNAP_ERR_INIT;
	const struct repo_snapshot *s = NULL;

	(void)state;
	v[0].time_ns = 10;
	v[1].time_ns = 20;
	v[2].time_ns = 30;
	some.n_damaged = 1;
	some.damaged_ns = 29;
	memset(some.damaged_id, 0xee, sizeof some.damaged_id);
	assert_int_equal(snapshots_find(&some, "latest", &s, &err), SNAP_OK);
	assert_ptr_equal(s, &v[2]);
	/* It may have been one of this database. */
	s = NULL;
	assert_int_equal(
	    snapshots_find(&some, "latest:shop", &s, &err), SNAP_CORRUPT);
	assert_null(s);
	assert_non_null(strstr(err.msg, "eeeeeeee"));
	some.damaged_ns = 30;
	assert_int_equal(
	    snapshots_find(&some, "latest", &s, &err), SNAP_CORRUPT);
	assert_int_equal(snapshots_find(&some, "cdcd", &s, &err), SNAP_OK);
	assert_ptr_equal(s, &v[2]);
}

static void
a_parent_is_of_the_same_cluster_else_of_the_same_name(void **state)
{
	(void)state;
	assert_ptr_equal(snapshots_parent(&all, "1", "shop", NULL), &v[0]);
	assert_ptr_equal(snapshots_parent(&all, "2", "shop", NULL), &v[1]);
	assert_ptr_equal(snapshots_parent(&all, "3", "shop", NULL), &v[1]);
	assert_ptr_equal(snapshots_parent(&all, NULL, NULL, "dump"), &v[2]);
	assert_null(snapshots_parent(&all, "1", "other", NULL));
	assert_null(snapshots_parent(&all, NULL, NULL, "shop"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    latest_is_the_newest_or_the_newest_of_a_name, setup),
		cmocka_unit_test_setup(
		    latest_is_a_whole_one_while_there_is_one, setup),
		cmocka_unit_test_setup(
		    a_prefix_must_be_long_enough_and_unique, setup),
		cmocka_unit_test_setup(
		    nothing_is_found_where_there_is_nothing, setup),
		cmocka_unit_test_setup(
		    an_older_one_is_not_the_latest_of_a_damaged_one, setup),
		cmocka_unit_test_setup(
		    a_parent_is_of_the_same_cluster_else_of_the_same_name,
		    setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
