/* SPDX-License-Identifier: PostgreSQL */
/* test_text.c - what people read is exact and harmless to a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "ui.h"

/* The right-hand sides are what pg_size_pretty() gives. */
static void
sizes_read_as_postgresql_writes_them(void **state)
{
	char out[UI_SIZE_MAX];

	(void)state;
	assert_string_equal(ui_size(0, out), "0 bytes");
	assert_string_equal(ui_size(10239, out), "10239 bytes");
	assert_string_equal(ui_size(10240, out), "10 kB");
	assert_string_equal(ui_size(10751, out), "10 kB");
	assert_string_equal(ui_size(10752, out), "11 kB");
	assert_string_equal(ui_size(10485760, out), "10 MB");
	assert_string_equal(ui_size(UINT64_C(1) << 34, out), "16 GB");
	assert_string_equal(ui_size(UINT64_MAX, out), "16384 PB");
}

static void
times_have_their_offset(void **state)
{
	char out[UI_TIME_MAX];

	(void)state;
	assert_int_equal(setenv("TZ", "IST-05:30", 1), 0);
	tzset();
	assert_string_equal(ui_time(INT64_C(1000000000000000000), out),
	    "2001-09-09T07:16:40+05:30");
}

static void
check_when(const char *text, int64_t want_at, int64_t want_ago)
{
	struct snap_err err = SNAP_ERR_INIT;
	int64_t at, ago;

	assert_int_equal(ui_when("--at", text, &at, &ago, &err), SNAP_OK);
	assert_int_equal(at, want_at * INT64_C(1000000000));
	assert_int_equal(ago, want_ago * INT64_C(1000000000));
}

static void
times_are_understood_as_they_are_shown(void **state)
{
	static const char *const wrong[] = { "", "7", "0d", "7x", "-7d", "2026",
		"2026-13-01", "2026-11-00", "2026-11-22T", "2026-11-22T24:00",
		"2026-11-22T03:15:", "2026-11-22T03:15+", "2026-11-22T03:15+1",
		"2026-11-22T03:15+01:", "2026-11-22T03:15+01:60",
		"2026-11-22T03:15ZZ", "2026-11-22T03:15Z ", "yesterday",
		"2026-11-22T3:15", "99999999999999999999d", "36501d" };
	struct snap_err err = SNAP_ERR_INIT;
	int64_t at, ago;

	(void)state;
	assert_int_equal(setenv("TZ", "IST-05:30", 1), 0);
	tzset();
	check_when("2001-09-09T07:16:40+05:30", 1000000000, 0);
	check_when("2001-09-09 07:16:40", 1000000000, 0);
	check_when("2001-09-09T07:16", 999999960, 0);
	check_when("2001-09-09T01:46:40Z", 1000000000, 0);
	check_when("2001-09-08T17:46:40-08", 1000000000, 0);
	check_when("2001-09-08T17:16:40-0830", 1000000000, 0);
	check_when("2001-09-09", 1000000000 - 7 * 3600 - 1000, 0);
	check_when("2024-02-29T00:00Z", 1709164800, 0);
	check_when("36h", 0, 36 * 3600);
	check_when("7d", 0, 7 * 86400);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(
		    ui_when("--at", wrong[i], &at, &ago, &err), SNAP_USAGE);
	/* A zone with summer time: libc's rules. */
	assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
	tzset();
	check_when("2026-07-01T12:00", 1782900000, 0);
	check_when("2026-12-01T12:00", 1796122800, 0);
}

static void
check_escape(const char *in, size_t len, const char *want)
{
	struct bytes b;

	bytes_init(&b, 1000);
	ui_escape(&b, span_of(in, len));
	assert_false(b.bad);
	assert_int_equal(b.len, strlen(want));
	assert_memory_equal(b.p, want, b.len);
	bytes_fini(&b);
}

static void
control_characters_never_reach_a_terminal(void **state)
{
	(void)state;
	check_escape("\033[2J", 4, "\\x1b[2J");
	check_escape("a\nb\177", 4, "a\\x0ab\\x7f");
	check_escape("\xc2\x9b"
		     "1m",
	    4, "\\xc2\\x9b1m");
	check_escape("gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f");
}

static void
nothing_turns_the_order_of_text(void **state)
{
	(void)state;
	check_escape("\xe2\x80\xaa|\xe2\x80\xae", 7,
	    "\\xe2\\x80\\xaa|\\xe2\\x80\\xae");
	check_escape("\xe2\x81\xa6|\xe2\x81\xa9", 7,
	    "\\xe2\\x81\\xa6|\\xe2\\x81\\xa9");
	check_escape("\xef\xbf\xbe|\xef\xbf\xbf", 7,
	    "\\xef\\xbf\\xbe|\\xef\\xbf\\xbf");
	check_escape("\xe2\x80\xa9\xe2\x80\xaf\xef\xbf\xbd", 9,
	    "\xe2\x80\xa9\xe2\x80\xaf\xef\xbf\xbd");
}

static void
bytes_that_are_no_utf8_are_shown_as_such(void **state)
{
	(void)state;
	check_escape("\xff", 1, "\\xff");
	check_escape("\xc3", 1, "\\xc3");
	check_escape("\xc0\x80", 2, "\\xc0\\x80");
	check_escape("\xed\xa0\x80", 3, "\\xed\\xa0\\x80");
	check_escape("\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_read_as_postgresql_writes_them),
		cmocka_unit_test(times_have_their_offset),
		cmocka_unit_test(times_are_understood_as_they_are_shown),
		cmocka_unit_test(control_characters_never_reach_a_terminal),
		cmocka_unit_test(nothing_turns_the_order_of_text),
		cmocka_unit_test(bytes_that_are_no_utf8_are_shown_as_such),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
