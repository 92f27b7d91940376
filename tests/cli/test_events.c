/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_events.c - snapshots and records become runs: none has what is another's.
 * What a host says comes from here, for no host says what a test needs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "history.h"
#include "run.h"

static struct repo_run said;
enum snap_code __wrap_repo_runs(
    struct repo *r, size_t max, struct repo_runs *out, struct snap_err *err);
void __wrap_repo_runs_free(struct repo_runs *runs);

enum snap_code
__wrap_repo_runs(
    struct repo *r, size_t max, struct repo_runs *out, struct snap_err *err)
{
	(void)r;
	(void)max;
	(void)err;
	*out = (struct repo_runs){ .n = 1, .v = &said };
	return SNAP_OK;
}

void
__wrap_repo_runs_free(struct repo_runs *runs)
{
	*runs = (struct repo_runs){ .n = 0 };
}

static char id[] = "0123456789abcdef0123456789abcdef";
static struct repo_property of_blog[] = { { REPO_PROP_DATABASE, "blog" },
	{ RUN_PROP_ID, id } };

static void
load(struct history *h, const struct opts *only)
{
	struct repo_snapshot one = { .time_ns = 1,
		.by_owner = true,
		.signer = "owner",
		.n_props = 2,
		.props = of_blog };
	static struct repo_snapshot kept;
	struct place s = PLACE_INIT;
	struct snap_err err = SNAP_ERR_INIT;

	kept = one;
	s.all.n = 1;
	s.all.v = &kept;
	*h = (struct history){ .n = 0 };
	assert_int_equal(history_load(h, &s, only, 10, &err), SNAP_OK);
}

static void
say(const char *signer, struct repo_property *props, size_t n)
{
	said = (struct repo_run){ .time_ns = 2, .n_props = n, .props = props };
	said.by_owner = strcmp(signer, "owner") == 0;
	(void)snprintf(said.signer, sizeof said.signer, "%s", signer);
}

static void
what_is_left_out_leaves_nothing(void **state)
{
	static struct repo_property failed[] = { { REPO_RUN_COMMAND, "backup" },
		{ REPO_RUN_OUTCOME, "failure" }, { REPO_RUN_SOURCE, "shop" } };
	char name[] = "shop", *names[] = { name };
	struct opts only = { .n_args = 1, .args = names };
	struct history h;

	(void)state;
	say("owner", failed, 3);
	load(&h, &only);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.v[0].end, EVENT_FAILED);
	assert_null(h.v[0].snapshot);
	assert_int_equal(h.v[0].run.len, 0);
	history_free(&h);
}

static void
only_who_made_it_says_how_it_went(void **state)
{
	static struct repo_property warned[] = { { REPO_RUN_COMMAND, "backup" },
		{ REPO_RUN_OUTCOME, "warning" }, { REPO_RUN_ID, id } };
	struct opts all = { .n_args = 0 };
	struct history h;

	(void)state;
	say("db7", warned, 3);
	load(&h, &all);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.v[0].end, EVENT_OK);
	assert_null(h.v[0].record);
	assert_int_equal(h.v[1].end, EVENT_WARNING);
	history_free(&h);
	say("owner", warned, 3);
	load(&h, &all);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.v[0].end, EVENT_WARNING);
	history_free(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_out_leaves_nothing),
		cmocka_unit_test(only_who_made_it_says_how_it_went),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
