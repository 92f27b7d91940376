/* SPDX-License-Identifier: PostgreSQL */
/* test_recorded.c - values of sequences out of a stream of setval() calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "recorded.h"

#define CALL(name, rest) "SELECT pg_catalog.setval(" name ", " rest ");\n"

static enum snap_code
lines_of(const char *sql, struct bytes *out)
{
	struct snap_err err = SNAP_ERR_INIT;
	enum snap_code rc;

	bytes_clear(out);
	rc = recorded_sequences(span_str(sql), out, &err);
	bytes_u8(out, 0);
	return rc;
}

static void
calls_become_lines_whatever_the_names_are(void **state)
{
	struct bytes b;

	(void)state;
	bytes_init(&b, DIGESTS_MAX);
	assert_int_equal(lines_of(CALL("'public.s'", "7, true")
				      CALL("'a.\"it''s\n\"'", "-9, false")
					  CALL("E'a.\"b\\\\c\"'", "0, true"),
			     &b),
	    SNAP_OK);
	assert_string_equal((const char *)b.p, "sequence 7 t public.s\n"
					       "sequence -9 f a.\"it's\\n\"\n"
					       "sequence 0 t a.\"b\\\\c\"\n");
	assert_int_equal(lines_of("", &b), SNAP_OK);
	bytes_fini(&b);
}

static void
other_text_is_refused(void **state)
{
	static const char *const bad[] = { "SELECT 1;\n", CALL("s", "7, true"),
		CALL("'s", "7, true"), CALL("'s'", "7, maybe"),
		CALL("'s'", "x, true"), CALL("'s'", ", true"),
		CALL("''", "7, true"), CALL("E's\\n'", "7, true"),
		"SELECT pg_catalog.setval('s', 7, true)" };
	struct bytes b;

	(void)state;
	bytes_init(&b, DIGESTS_MAX);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(lines_of(bad[i], &b), SNAP_CORRUPT);
	bytes_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_become_lines_whatever_the_names_are),
		cmocka_unit_test(other_text_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
