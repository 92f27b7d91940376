/* SPDX-License-Identifier: PostgreSQL */
/* test_report.c - NULL is silence, counters add up, cancelling is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report.h"

struct heard {
	enum report_level level;
	char line[64];
};

static void
hear(void *arg, enum report_level level, const char *line)
{
	struct heard *h = arg;

	h->level = level;
	(void)snprintf(h->line, sizeof h->line, "%s", line);
}

static void
a_missing_report_is_silence(void **state)
{
	struct snap_err err;

	(void)state;
	report_log(NULL, REPORT_INFO, "x");
	report_done(NULL, 1);
	report_new(NULL, 1);
	report_stored(NULL, 1);
	report_stream(NULL);
	assert_int_equal(report_check(NULL, &err), SNAP_OK);
}

static void
log_lines_reach_the_one_who_listens(void **state)
{
	struct heard h = { REPORT_DEBUG, "" };
	struct report r = { .log = hear, .arg = &h };

	(void)state;
	report_log(&r, REPORT_WARNING, "%d rows", 5);
	assert_int_equal(h.level, REPORT_WARNING);
	assert_string_equal(h.line, "5 rows");
}

static void
counters_add_up_and_do_not_mix(void **state)
{
	struct report r = { .log = NULL };

	(void)state;
	report_done(&r, 10);
	report_done(&r, 5);
	report_new(&r, 3);
	report_stored(&r, 2);
	report_stream(&r);
	assert_int_equal(r.bytes_done, 15);
	assert_int_equal(r.bytes_new, 3);
	assert_int_equal(r.bytes_stored, 2);
	assert_int_equal(r.n_streams, 1);
}

static void
cancelling_is_seen_as_an_error(void **state)
{
	atomic_int flag = 0;
	struct report r = { .cancel = &flag };
	struct snap_err err;

	(void)state;
	assert_int_equal(report_check(&r, &err), SNAP_OK);
	flag = 1;
	assert_true(report_cancelled(&r));
	assert_int_equal(report_check(&r, &err), SNAP_CANCELLED);
	assert_string_equal(err.msg, "cancelled");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_report_is_silence),
		cmocka_unit_test(log_lines_reach_the_one_who_listens),
		cmocka_unit_test(counters_add_up_and_do_not_mix),
		cmocka_unit_test(cancelling_is_seen_as_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
