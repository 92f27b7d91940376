/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_run_records.c - what runs leave behind them: who may say it, who pays
 * for it, and when it goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "life.h"
#include "names.h"
#include "notes.h"
#include "pruned.h"
#include "repo_notes.h"
#include "repo_runs.h"

#define must(call) assert_int_equal(call, SNAP_OK)
#define LIMIT (1u << 20)
#define ALL SIZE_MAX
#define DAY_HOURS 24

static void
say(struct life *l, const char *message)
{
	const struct repo_property props[] = { { REPO_RUN_COMMAND, "check" },
		{ REPO_RUN_MESSAGE, message },
		{ REPO_RUN_OUTCOME, "failure" } };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = life_open(l);

	must(repo_say_run(r, props, 3, &err));
	repo_close(r);
}

/* What they say, oldest first, separated by blanks. */
static void
expect(struct life *l, size_t max, const char *want, size_t n_older)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = life_open(l);
	struct repo_runs runs;
	struct bytes got;

	bytes_init(&got, LIMIT);
	must(repo_runs(r, max, &runs, &err));
	for (size_t i = 0; i < runs.n; i++)
		bytes_printf(&got, "%s%s", i > 0 ? " " : "",
		    repo_run_prop(&runs.v[i], REPO_RUN_MESSAGE));
	bytes_u8(&got, 0);
	assert_string_equal((const char *)got.p, want);
	assert_int_equal(runs.n_older, n_older);
	bytes_fini(&got);
	repo_runs_free(&runs);
	repo_close(r);
}

static void
make_host(struct life *l, struct bytes *file)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct store_opts so;
	struct store *s;

	memset(&so, 0, sizeof so);
	so.passphrase = span_str(LIFE_PASSPHRASE);
	so.n_threads = 1;
	must(store_open(l->t, &so, &s, &err));
	bytes_init(file, LIMIT);
	pruned_key_file(s, KEYFILE_HOST, file);
	store_close(s);
}

static void
the_newest_that_are_asked_for_come_oldest_first(void **state)
{
	struct life *l = *state;

	expect(l, ALL, "", 0);
	say(l, "one");
	life_wait(l, 1);
	say(l, "two");
	life_wait(l, 1);
	say(l, "three");
	expect(l, ALL, "one two three", 0);
	expect(l, 2, "two three", 1);
	assert_int_equal(life_count(l, "notes/"), 0);
	life_must_be_whole(l);
}

static void
a_host_may_say_so_and_its_name_is_with_it(void **state)
{
	struct life *l = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_runs runs;
	struct bytes file;
	struct repo *r;

	make_host(l, &file);
	say(l, "owner's");
	life_wait(l, 1);
	l->key_file = bytes_span(&file);
	say(l, "host's");
	expect(l, ALL, "owner's host's", 0); /* he may read them as well */
	l->key_file = span_of(NULL, 0);
	r = life_open(l);
	must(repo_runs(r, ALL, &runs, &err));
	assert_int_equal(runs.n, 2);
	assert_true(runs.v[0].by_owner);
	assert_string_equal(runs.v[0].signer, "owner");
	assert_false(runs.v[1].by_owner);
	assert_string_not_equal(runs.v[1].signer, "owner");
	assert_true(runs.v[0].time_ns < runs.v[1].time_ns);
	repo_runs_free(&runs);
	repo_close(r);
	bytes_fini_wipe(&file);
}

/* They cannot even be asked for: who lists, backs up and restores needs none.
 */
static void
nobody_else_asks_for_them(void **state)
{
	const struct fault_rule rule = { .kind = FAULT_BEFORE,
		.code = SNAP_IO,
		.prefix = "runs/",
		.times = FAULT_FOREVER };
	struct life *l = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_notes *said;
	struct bytes file;
	struct repo *r;

	make_host(l, &file); /* with hosts a listing asks for all notes */
	say(l, "one");
	must(transport_open_fault(l->t, &l->t, &err));
	must(fault_add(l->t, &rule, &err));
	(void)life_backup(l);
	life_must_restore(l, 0);
	r = life_open(l);
	must(repo_notes(r, &said, &err));
	assert_int_equal(repo_notes_damaged(said), 0);
	repo_notes_free(said);
	repo_close(r);
	fault_clear(l->t);
	bytes_fini_wipe(&file);
}

static void
one_that_is_damaged_is_named_and_left_out(void **state)
{
	struct life *l = *state;
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct repo_runs runs;
	struct bytes b;
	struct repo *r;

	say(l, "one");
	life_first(l, "runs/", name);
	life_wait(l, 1);
	say(l, "two");
	bytes_init(&b, LIMIT);
	must(transport_get(l->t, name, 0, SIZE_MAX, &b, &err));
	b.p[b.len / 2] ^= 1;
	must(mem_store_overwrite(l->mem, name, bytes_span(&b), &err));
	r = life_open(l);
	must(repo_runs(r, ALL, &runs, &err));
	assert_int_equal(runs.n_damaged, 1);
	repo_runs_free(&runs);
	repo_close(r);
	assert_true(life_said(l, name));
	expect(l, ALL, "two", 0);
	bytes_fini(&b);
}

/* A host can put what it likes: its size is known before it is read. */
static void
one_that_is_too_large_is_not_even_fetched(void **state)
{
	struct life *l = *state;
	static char text[RUN_SIZE_MAX + 1];
	const struct repo_property prop = { REPO_RUN_MESSAGE, text };
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct repo_runs runs;
	struct repo *r;

	/* So that it is not compressed to nothing. */
	for (size_t i = 0; i < sizeof text - 1; i++)
		text[i] = (char)('!' + (i * i * 31 + i / 7) % 90);
	r = life_open(l);
	must(repo_say_run(r, &prop, 1, &err));
	must(repo_runs(r, ALL, &runs, &err));
	assert_int_equal(runs.n, 0);
	assert_int_equal(runs.n_damaged, 1);
	repo_runs_free(&runs);
	repo_close(r);
	life_first(l, "runs/", name);
	assert_true(life_said(l, name));
	assert_true(life_said(l, "larger than a record can be"));
}

static void
prune_takes_them_after_four_hundred_days(void **state)
{
	struct life *l = *state;

	(void)life_backup(l);
	say(l, "one");
	life_wait(l, 10 * DAY_HOURS);
	say(l, "two");
	life_wait(l, (RUN_DAYS - 10) * DAY_HOURS - 1);
	(void)life_prune(l);
	expect(l, ALL, "one two", 0);
	life_wait(l, 1);
	(void)life_prune(l);
	expect(l, ALL, "two", 0);
	life_must_be_whole(l);
}

static void
prune_leaves_the_newest_when_they_are_many(void **state)
{
	struct life *l = *state;
	const struct repo_property prop = { REPO_RUN_MESSAGE, "many" };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r;

	(void)life_backup(l);
	say(l, "one");
	say(l, "two");
	life_wait(l, 1);
	r = life_open(l);
	for (size_t i = 0; i < RUNS_MAX; i++)
		must(repo_say_run(r, &prop, 1, &err));
	repo_close(r);
	assert_int_equal(life_count(l, "runs/"), RUNS_MAX + 2);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "runs/"), RUNS_MAX);
	expect(l, 2, "many many", RUNS_MAX - 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, life_setup, life_teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_newest_that_are_asked_for_come_oldest_first),
		T(a_host_may_say_so_and_its_name_is_with_it),
		T(nobody_else_asks_for_them),
		T(one_that_is_damaged_is_named_and_left_out),
		T(one_that_is_too_large_is_not_even_fetched),
		T(prune_takes_them_after_four_hundred_days),
		T(prune_leaves_the_newest_when_they_are_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
