/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_forgiving.c - what may fail where rows are missing is told from what may
 * not, and text that only looks like a definition gets no way out of its
 * quotes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "forgiving.h"

#define HEAD(name, type)                                                       \
	"--\n-- Name: " name "; Type: " type                                   \
	"; Schema: public; Owner: -\n--\n\n"
#define INDEX HEAD("i", "INDEX") "CREATE INDEX i ON t (a);\n\n"
#define FK HEAD("t f", "FK CONSTRAINT") "ALTER TABLE t ADD FOREIGN KEY ...;\n\n"
#define VIEW                                                                   \
	HEAD("v", "MATERIALIZED VIEW DATA") "REFRESH MATERIALIZED VIEW v;\n\n"
#define OPEN "DO $snap_k$ BEGIN EXECUTE $snap_qk$\n"
#define CLOSE                                                                  \
	"$snap_qk$; EXCEPTION WHEN OTHERS THEN RAISE WARNING USING MESSAGE "   \
	"=\n$snap_qk$left out: $snap_qk$ || SQLERRM; END $snap_k$;\n"

static void
expect(const char *sql, const char *want)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes out;

	bytes_init(&out, 1u << 20);
	assert_int_equal(
	    forgiving_sql(span_str(sql), "k", &out, &err), SNAP_OK);
	bytes_u8(&out, 0);
	assert_string_equal((const char *)out.p, want);
	bytes_fini(&out);
}

static void
foreign_keys_and_refreshes_may_fail_and_nothing_else(void **state)
{
	(void)state;
	expect("", "");
	expect("SET x = 1;\n\n" INDEX, "SET x = 1;\n\n" INDEX);
	expect("SET x = 1;\n\n" INDEX FK INDEX VIEW,
	    "SET x = 1;\n\n" INDEX OPEN FK CLOSE INDEX OPEN VIEW CLOSE);
	expect(FK FK, OPEN FK CLOSE OPEN FK CLOSE);
}

/* Between two quotes of somebody's there is an even number of ours: none. */
static void
what_is_put_in_closes_no_quote(void **state)
{
	(void)state;
	assert_null(strchr(OPEN CLOSE, '\''));
	assert_null(strchr(OPEN CLOSE, '"'));
	assert_null(strstr(OPEN CLOSE, "/*"));
	assert_null(strstr(OPEN CLOSE, "--"));
	expect("CREATE RULE r AS ... 'text\n" FK "';\n",
	    "CREATE RULE r AS ... 'text\n" OPEN FK "';\n" CLOSE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    foreign_keys_and_refreshes_may_fail_and_nothing_else),
		cmocka_unit_test(what_is_put_in_closes_no_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
