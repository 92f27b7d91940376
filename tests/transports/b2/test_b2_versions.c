/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_b2_versions.c - who may write only cannot make us read anything else.
 *
 * The other client here has a key that may write: it adds versions to names
 * and hides them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "b2_harness.h"

/* With another client of ours, which has put nothing itself. */
static int
setup(void **state)
{
	struct b2_fixture *f;

	(void)b2_setup(state);
	f = *state;
	f->fresh = b2_store_must_open(f->s);
	return 0;
}

static enum snap_code
put(struct transport *t, const char *name, const char *text)
{
	struct snap_err err = SNAP_ERR_INIT;

	return transport_put(t, name, span_str(text), NULL, &err);
}

static enum snap_code
keep_stat(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	(void)name;
	(void)err;
	assert_int_equal(((struct transport_stat *)arg)->time_ns, 0);
	*(struct transport_stat *)arg = *st;
	return SNAP_OK;
}

/* By every way of looking at it, and it alone. */
static void
must_hold(struct transport *t, const char *name, const char *text)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st = { 0, 0 }, listed = { 0, 0 };
	struct bytes b;
	size_t n = strlen(text);

	bytes_init(&b, 1000);
	if (transport_get(t, name, 0, SIZE_MAX, &b, &err) != SNAP_OK)
		fail_msg("%s (%s)", err.msg, err.detail);
	assert_true(span_eq(bytes_span(&b), span_str(text)));
	bytes_clear(&b);
	assert_int_equal(transport_get(t, name, 1, n - 1, &b, &err), SNAP_OK);
	assert_true(span_eq(bytes_span(&b), span_str(text + 1)));
	assert_int_equal(transport_stat(t, name, &st, &err), SNAP_OK);
	assert_int_equal(st.size, n);
	assert_int_equal(
	    transport_list(t, name, keep_stat, &listed, &err), SNAP_OK);
	assert_int_equal(listed.size, n);
	assert_int_equal(listed.time_ns, st.time_ns);
	bytes_fini(&b);
}

static void
others(struct b2_fixture *f, const char *name, const char *more)
{
	(void)b2_sim(NULL, "version", "{'bucket': '%s', 'name': 'p/%s', %s}",
	    f->s->bucket, name, more);
}

static void
a_hidden_name_is_still_there(void **state)
{
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;

	b2_must_put(f->t, "a", "true");
	others(f, "a", "'action': 'hide'");
	must_hold(f->t, "a", "true");
	must_hold(f->fresh, "a", "true");
	assert_int_equal(put(f->fresh, "a", "true"), SNAP_OK);
	assert_int_equal(put(f->fresh, "a", "else"), SNAP_EXISTS);
	/* Those that came too late are away again. */
	assert_int_equal(b2_sim_versions(f->s, "a"), 2);
	assert_int_equal(transport_delete(f->t, "a", &err), SNAP_OK);
	assert_int_equal(b2_sim_versions(f->s, "a"), 0);
	assert_int_equal(transport_delete(f->t, "a", &err), SNAP_NOTFOUND);
}

static void
a_newer_version_shadows_nothing(void **state)
{
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;

	b2_must_put(f->t, "a", "true");
	others(f, "a", "'text': 'false!'");
	must_hold(f->t, "a", "true");
	must_hold(f->fresh, "a", "true");
	/* Also when it was there before anything was remembered. */
	others(f, "b", "'text': 'first'");
	others(f, "b", "'text': 'second!'");
	must_hold(f->t, "b", "first");
	others(f, "b", "'text': '3'");
	must_hold(f->t, "b", "first");
	must_hold(f->fresh, "b", "first");
	/* And when what is remembered is of a time before it. */
	b2_must_put(f->t, "c", "true");
	must_hold(f->fresh, "c", "true");
	others(f, "c", "'text': 'lies'");
	must_hold(f->fresh, "c", "true");
	assert_int_equal(put(f->t, "c", "lies"), SNAP_EXISTS);
	assert_int_equal(transport_delete(f->t, "a", &err), SNAP_OK);
	assert_int_equal(transport_delete(f->t, "b", &err), SNAP_OK);
	assert_int_equal(transport_delete(f->t, "c", &err), SNAP_OK);
	assert_int_equal(b2_sim("files", "stats", "{}"), 0);
}

static void
a_larger_version_in_front_leaves_nothing_of_it(void **state)
{
	static char big[3000001];
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes b;

	memset(big, 'x', sizeof big - 1);
	b2_must_put(f->t, "a", big);
	others(f, "a", "'text': 'y', 'repeat': 4000000");
	bytes_init(&b, sizeof big);
	assert_int_equal(
	    transport_get(f->t, "a", 0, SIZE_MAX, &b, &err), SNAP_OK);
	assert_true(span_eq(bytes_span(&b), span_str(big)));
	bytes_fini(&b);
}

static void
a_mark_without_an_object_is_no_object(void **state)
{
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;

	others(f, "a", "'text': 'x', 'large': true");
	assert_int_equal(transport_stat(f->t, "a", &st, &err), SNAP_NOTFOUND);
	b2_must_put(f->t, "a", "true");
	must_hold(f->fresh, "a", "true");
	others(f, "b", "'action': 'hide'");
	assert_int_equal(transport_stat(f->t, "b", &st, &err), SNAP_NOTFOUND);
	assert_int_equal(transport_delete(f->t, "b", &err), SNAP_NOTFOUND);
	b2_must_put(f->t, "b", "true");
	must_hold(f->fresh, "b", "true");
}

static void
a_large_file_begun_earlier_does_not_come_first(void **state)
{
	struct b2_fixture *f = *state;

	b2_must_put(f->t, "a", "true");
	others(f, "a", "'text': 'false', 'large': true, 'time': 1000");
	must_hold(f->t, "a", "true");
	must_hold(f->fresh, "a", "true");
}

static void
bytes_are_compared_where_nobody_vouches_for_a_hash(void **state)
{
	struct b2_fixture *f = *state;
	long n;

	others(f, "a", "'text': 'one', 'unverified': true");
	n = b2_sim_calls("b2_download_file_by_id");
	assert_int_equal(put(f->t, "a", "one"), SNAP_OK);
	assert_int_equal(b2_sim_calls("b2_download_file_by_id"), n + 1);
	assert_int_equal(put(f->t, "a", "two"), SNAP_EXISTS);
	must_hold(f->fresh, "a", "one");
}

static void
a_thousand_versions_do_not_bury_the_first(void **state)
{
	struct b2_fixture *f = *state;
	struct transport_stat st;
	struct snap_err err = SNAP_ERR_INIT;

	b2_must_put(f->t, "d/a", "true");
	b2_must_put(f->t, "d/b", "next");
	others(f, "d/a", "'text': 'no', 'count': 1100");
	must_hold(f->fresh, "d/a", "true");
	must_hold(f->fresh, "d/b", "next");
	assert_int_equal(put(f->fresh, "d/a", "true"), SNAP_OK);
	(void)b2_sim(NULL, "page", "{'max': 250}");
	must_hold(f->t, "d/a", "true");
	/* What uploaders say of files may be too much for one answer. */
	(void)b2_sim(NULL, "page", "{'max': 10000, 'pad': 20000}");
	assert_int_equal(transport_stat(f->t, "d/a", &st, &err), SNAP_OK);
	assert_int_equal(st.size, 4);
	assert_int_equal(transport_delete(f->fresh, "d/a", &err), SNAP_OK);
	assert_int_equal(b2_sim_versions(f->s, "d/a"), 0);
	must_hold(f->t, "d/b", "next");
}

static void
what_was_deleted_and_put_anew_elsewhere_is_read_anew(void **state)
{
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes b;

	bytes_init(&b, 100);
	b2_must_put(f->t, "a", "old");
	must_hold(f->fresh, "a", "old");
	assert_int_equal(transport_delete(f->t, "a", &err), SNAP_OK);
	assert_int_equal(
	    transport_get(f->fresh, "a", 0, SIZE_MAX, &b, &err), SNAP_NOTFOUND);
	b2_must_put(f->t, "b", "short");
	must_hold(f->fresh, "b", "short");
	assert_int_equal(transport_delete(f->t, "b", &err), SNAP_OK);
	b2_must_put(f->t, "b", "much longer");
	must_hold(f->fresh, "b", "much longer");
	bytes_fini(&b);
}

static enum snap_code
never(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	(void)arg;
	(void)st;
	return snap_fail(err, SNAP_CORRUPT, "%s is listed", name);
}

static void
foreign_names_are_nobodys_business(void **state)
{
	static const char *const names[] = { "UPPER", "a b", ".hidden",
		"a/.tmp", "\xc3\xa4", "x..y" };
	struct b2_fixture *f = *state;
	struct snap_err err = SNAP_ERR_INIT;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		others(f, names[i], "'text': 'x'");
	/* Beside our path, not below it. */
	(void)b2_sim(NULL, "version",
	    "{'bucket': '%s', 'name': 'pq', 'text': 'x'}", f->s->bucket);
	assert_int_equal(transport_list(f->t, "", never, NULL, &err), SNAP_OK);
	b2_must_put(f->t, "aa", "true");
	must_hold(f->fresh, "aa", "true");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, b2_teardown)
	const struct CMUnitTest tests[] = {
		T(a_hidden_name_is_still_there),
		T(a_newer_version_shadows_nothing),
		T(a_larger_version_in_front_leaves_nothing_of_it),
		T(a_mark_without_an_object_is_no_object),
		T(a_large_file_begun_earlier_does_not_come_first),
		T(bytes_are_compared_where_nobody_vouches_for_a_hash),
		T(a_thousand_versions_do_not_bury_the_first),
		T(what_was_deleted_and_put_anew_elsewhere_is_read_anew),
		T(foreign_names_are_nobodys_business),
	};
#undef T
	return cmocka_run_group_tests_name("b2 versions", tests, NULL, NULL);
}
