/* SPDX-License-Identifier: PostgreSQL */
/* test_text.c - what pgsource makes of patterns and of pg_dump's text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pgsource_internal.h"

static void
expect(const char *pattern, int dots, const char *schema, const char *name)
{
	struct bytes s, n;

	bytes_init(&s, 4096);
	bytes_init(&n, 4096);
	assert_int_equal(pattern_regex(pattern, &s, &n), dots);
	assert_string_equal((char *)n.p, name);
	if (schema != NULL)
		assert_string_equal((char *)s.p, schema);
	bytes_fini(&s);
	bytes_fini(&n);
}

static void
wildcards_become_regular_expressions(void **state)
{
	(void)state;
	expect("ab*c?", 0, NULL, "^(ab.*c.)$");
	expect("a|b[0-9]", 0, NULL, "^(a|b[0-9])$");
	expect("cost$", 0, NULL, "^(cost\\$)$");
}

static void
letters_are_folded_unless_quoted(void **state)
{
	(void)state;
	expect("AbC", 0, NULL, "^(abc)$");
	expect("\"AbC\"d", 0, NULL, "^(AbCd)$");
	expect("\"a\"\"b\"", 0, NULL, "^(a\"b)$");
}

static void
an_unquoted_dot_parts_schema_from_name(void **state)
{
	(void)state;
	expect("S*.t", 1, "^(s.*)$", "^(t)$");
	expect("\"a.b\"", 0, NULL, "^(a\\.b)$");
	expect("d.s.t", 2, "^(s)$", "^(t)$");
}

static void
quoted_specials_are_literal(void **state)
{
	(void)state;
	expect("\"*?|\\\"", 0, NULL, "^(\\*\\?\\|\\\\)$");
}

static void
clean(const char *in, const char *want)
{
	struct bytes b;

	bytes_init(&b, 65536);
	bytes_put_str(&b, in);
	child_clean_sql(&b);
	bytes_u8(&b, 0);
	assert_false(b.bad);
	assert_string_equal((char *)b.p, want);
	bytes_fini(&b);
}

static void
restrict_lines_of_pg_dump_are_removed(void **state)
{
	(void)state;
	clean("--\n-- PostgreSQL database dump\n--\n\n\\restrict AbC\n\n"
	      "-- Dumped from database version 15\n\nSET a;\n\n"
	      "\\unrestrict AbC\n\n",
	    "--\n-- PostgreSQL database dump\n--\n\n\n\nSET a;\n\n\n");
}

static void
what_older_servers_refuse_is_removed(void **state)
{
	(void)state;
	clean(
	    "--\n\n\\restrict k\nSET a;\nSET transaction_timeout = 0;\nSET b;\n"
	    "\\unrestrict k\n",
	    "--\n\nSET a;\nSET b;\n");
	clean("SET a;\nCREATE 'b\nSET transaction_timeout = 0;\n",
	    "SET a;\nCREATE 'b\nSET transaction_timeout = 0;\n");
}

static void
lines_alike_in_a_body_stay(void **state)
{
	static const char body[] = "SET a;\n\\restrict x\n-- Dumped from\n"
				   "\\unrestrict x\n";

	(void)state;
	clean(body, body);
	clean("\\restrict k\nSET a;\n\\unrestrict x\n-- Dumped by\n"
	      "\\unrestrict k\n",
	    "SET a;\n\\unrestrict x\n-- Dumped by\n");
}

static void
text_without_an_end_is_no_trouble(void **state)
{
	(void)state;
	clean("", "");
	clean("\\restrict k", "");
	clean("--", "--");
}

static void
the_time_in_an_archive_is_a_constant(void **state)
{
	uint8_t a[64] = "PGDMP\1\16\0\4\10\1";
	struct snap_err err;
	struct bytes b;
	size_t i;

	(void)state;
	memset(a + 16, 0x5a, sizeof a - 16);
	bytes_init(&b, 4096);
	bytes_put(&b, a, sizeof a);
	assert_int_equal(ddl_patch_time(&b, &err), SNAP_OK);
	for (i = 16; i < 16 + 35; i++)
		assert_true(b.p[i] != 0x5a);
	assert_int_equal(b.p[51], 0x5a);
	assert_int_equal(b.p[16 + 5 * 5 + 1], 100);
	b.len = 50;
	assert_int_equal(ddl_patch_time(&b, &err), SNAP_SOURCE);
	b.p[0] = 'x';
	assert_int_equal(ddl_patch_time(&b, &err), SNAP_SOURCE);
	bytes_fini(&b);
}

static void
connect(const char *in, const char *want)
{
	struct bytes b;

	bytes_init(&b, 65536);
	bytes_put_str(&b, in);
	ddl_drop_connect(&b);
	bytes_u8(&b, 0);
	assert_false(b.bad);
	assert_string_equal((char *)b.p, want);
	bytes_fini(&b);
}

static void
commands_of_psql_go_but_look_alikes_in_strings_stay(void **state)
{
	(void)state;
	connect("CREATE DATABASE a;\n\\connect a\n\\encoding SQL_ASCII\n"
		"SET transaction_timeout = 0;\nSET b;\n"
		"\\encoding UTF8\n",
	    "CREATE DATABASE a;\nSET b;\n\\encoding UTF8\n");
	connect(
	    "COMMENT ON DATABASE a IS 'it''s\n\\connect b\n''\n\\connect c\n"
	    "\\encoding SQL_ASCII\n\"';\n\\connect d\n",
	    "COMMENT ON DATABASE a IS 'it''s\n\\connect b\n''\n\\connect c\n"
	    "\\encoding SQL_ASCII\n\"';\n");
	connect(
	    "ALTER DATABASE a OWNER TO \"'\n\\connect b\n\";\n\\connect d\n",
	    "ALTER DATABASE a OWNER TO \"'\n\\connect b\n\";\n");
	/* A name in a comment opens nothing, nor does one of \connect. */
	connect("-- Name: it's; Type: DATABASE\n\\connect \"dbname='it''s'\"\n"
		"SET 'a--'; -- \"\n\\connect b",
	    "-- Name: it's; Type: DATABASE\nSET 'a--'; -- \"\n");
	connect(
	    "\\connect -reuse-previous=on \"dbname='it\n\\connect x\nSET b;\n",
	    "SET b;\n");
}

static void
versions_of_tools_are_understood(void **state)
{
	(void)state;
	assert_int_equal(
	    tools_version("pg_dump (PostgreSQL) 15.20 (Debian 1)"), 150020);
	assert_int_equal(tools_version("pg_dump (PostgreSQL) 18beta1"), 180000);
	assert_int_equal(tools_version("pg_dump (PostgreSQL) 9.6.24"), -1);
	assert_int_equal(tools_version("hello"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wildcards_become_regular_expressions),
		cmocka_unit_test(letters_are_folded_unless_quoted),
		cmocka_unit_test(an_unquoted_dot_parts_schema_from_name),
		cmocka_unit_test(quoted_specials_are_literal),
		cmocka_unit_test(restrict_lines_of_pg_dump_are_removed),
		cmocka_unit_test(what_older_servers_refuse_is_removed),
		cmocka_unit_test(lines_alike_in_a_body_stay),
		cmocka_unit_test(text_without_an_end_is_no_trouble),
		cmocka_unit_test(the_time_in_an_archive_is_a_constant),
		cmocka_unit_test(
		    commands_of_psql_go_but_look_alikes_in_strings_stay),
		cmocka_unit_test(versions_of_tools_are_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
