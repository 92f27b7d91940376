/* SPDX-License-Identifier: PostgreSQL */
/* test_err.c - errors say what they were told, and never overflow. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"

static char long_text[3 * SNAP_ERR_MSG_MAX];

static void
fail_fills_in_the_code_and_the_message(void **state)
{
	struct snap_err err;

	(void)state;
	memset(&err, 'x', sizeof err);
	assert_int_equal(
	    snap_fail(&err, SNAP_BUSY, "%s is %d", "it", 3), SNAP_BUSY);
	assert_int_equal(err.code, SNAP_BUSY);
	assert_string_equal(err.msg, "it is 3");
	assert_string_equal(err.detail, "");
	assert_string_equal(err.hint, "");
}

static void
fail_errno_adds_the_text_of_errno_and_keeps_errno(void **state)
{
	struct snap_err err;

	(void)state;
	errno = ENOENT;
	assert_int_equal(
	    snap_fail_errno(&err, SNAP_NOTFOUND, "open f"), SNAP_NOTFOUND);
	assert_string_equal(err.msg, "open f: No such file or directory");
	assert_int_equal(errno, ENOENT);
}

static void
wrap_puts_context_in_front_and_keeps_the_rest(void **state)
{
	struct snap_err err;

	(void)state;
	snap_fail(&err, SNAP_IO, "write");
	snap_detail(&err, "because %d", 1);
	snap_hint(&err, "try %d", 2);
	assert_int_equal(snap_wrap(&err, "put %s", "k"), SNAP_IO);
	assert_string_equal(err.msg, "put k: write");
	assert_string_equal(err.detail, "because 1");
	assert_string_equal(err.hint, "try 2");
}

/* Arguments may be fields of the very error that is rewritten. */
static void
an_error_can_be_made_of_its_own_text(void **state)
{
	struct snap_err err;

	(void)state;
	snap_fail(&err, SNAP_IO, "inner");
	snap_fail(&err, SNAP_CORRUPT, "outer (%s)", err.msg);
	assert_string_equal(err.msg, "outer (inner)");
	snap_wrap(&err, "%s", err.msg);
	assert_string_equal(err.msg, "outer (inner): outer (inner)");
}

static void
texts_too_long_are_truncated(void **state)
{
	struct snap_err err;

	(void)state;
	memset(long_text, 'a', sizeof long_text - 1);
	snap_fail(&err, SNAP_IO, "%s", long_text);
	assert_int_equal(strlen(err.msg), SNAP_ERR_MSG_MAX - 1);
	errno = EIO;
	snap_fail_errno(&err, SNAP_IO, "%s", long_text);
	assert_int_equal(strlen(err.msg), SNAP_ERR_MSG_MAX - 1);
	snap_wrap(&err, "context");
	assert_int_equal(strlen(err.msg), SNAP_ERR_MSG_MAX - 1);
	assert_memory_equal(err.msg, "context: aaa", 12);
	snap_hint(&err, "%s", long_text);
	assert_int_equal(strlen(err.hint), SNAP_ERR_MSG_MAX - 1);
}

static void
a_missing_error_loses_only_the_text(void **state)
{
	(void)state;
	assert_int_equal(snap_fail(NULL, SNAP_BUSY, "x"), SNAP_BUSY);
	assert_int_equal(snap_fail_errno(NULL, SNAP_IO, "x"), SNAP_IO);
}

static void
every_code_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = SNAP_OK; i <= SNAP_SOURCE; i++) {
		const char *a = snap_code_name((enum snap_code)i);

		assert_string_not_equal(a, "unknown");
		for (int j = SNAP_OK; j < i; j++)
			assert_string_not_equal(
			    a, snap_code_name((enum snap_code)j));
	}
}

static void
a_duration_of_one_has_no_plural(void **state)
{
	char out[DURATION_MAX];

	(void)state;
	assert_string_equal(duration_text(1, out), "1 second");
	assert_string_equal(duration_text(60, out), "1 minute");
	assert_string_equal(duration_text(3600, out), "1 hour");
	assert_string_equal(duration_text(7200, out), "2 hours");
	assert_string_equal(duration_text(0, out), "0 seconds");
}

static void
a_duration_is_exact_in_the_largest_unit_that_divides_it(void **state)
{
	char out[DURATION_MAX];

	(void)state;
	assert_string_equal(duration_text(72 * 3600, out), "72 hours");
	assert_string_equal(duration_text(5400, out), "90 minutes");
	assert_string_equal(duration_text(3601, out), "3601 seconds");
	assert_string_equal(
	    duration_text(UINT64_MAX, out), "18446744073709551615 seconds");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fail_fills_in_the_code_and_the_message),
		cmocka_unit_test(
		    fail_errno_adds_the_text_of_errno_and_keeps_errno),
		cmocka_unit_test(wrap_puts_context_in_front_and_keeps_the_rest),
		cmocka_unit_test(an_error_can_be_made_of_its_own_text),
		cmocka_unit_test(texts_too_long_are_truncated),
		cmocka_unit_test(a_missing_error_loses_only_the_text),
		cmocka_unit_test(every_code_has_a_name_of_its_own),
		cmocka_unit_test(a_duration_of_one_has_no_plural),
		cmocka_unit_test(
		    a_duration_is_exact_in_the_largest_unit_that_divides_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
