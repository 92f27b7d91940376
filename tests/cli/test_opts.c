/* SPDX-License-Identifier: PostgreSQL */
/* test_opts.c - the command line becomes options, or a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cmd.h"

#define WORDS_MAX 16

struct line {
	char text[WORDS_MAX][64];
	char *argv[WORDS_MAX + 1];
	int argc;
	struct opts o;
	struct snap_err err;
};

/* Split at blanks and parse as options of `bit`. */
static enum snap_code
parse(struct line *l, unsigned bit, const char *words)
{
	size_t len;

	memset(l, 0, sizeof *l);
	while (*words != '\0') {
		len = strcspn(words, " ");
		memcpy(l->text[l->argc], words, len);
		l->argv[l->argc] = l->text[l->argc];
		l->argc++;
		words += len + strspn(words + len, " ");
	}
	return opts_parse(&l->o, bit, "backup", l->argc, l->argv, &l->err);
}

static void
letters_long_names_and_operands_mix(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(
	    parse(&l, CMD_BACKUP, "-qd one --port=5 two -j 3 --host h"),
	    SNAP_OK);
	assert_true(l.o.quiet);
	assert_string_equal(l.o.dbname, "one");
	assert_string_equal(l.o.port, "5");
	assert_string_equal(l.o.jobs, "3");
	assert_string_equal(l.o.host, "h");
	assert_int_equal(l.o.n_args, 1);
	assert_string_equal(l.o.args[0], "two");
	assert_false(l.o.has_command);
}

static void
a_letter_takes_the_rest_of_its_word(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(parse(&l, CMD_BACKUP, "-dname -wUme"), SNAP_OK);
	assert_string_equal(l.o.dbname, "name");
	assert_true(l.o.no_password);
	assert_string_equal(l.o.user, "me");
}

static void
lists_grow_and_end_with_null(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(
	    parse(&l, CMD_BACKUP, "-t a --table=b --table c"), SNAP_OK);
	assert_int_equal(l.o.tables.n, 3);
	assert_string_equal(l.o.tables.v[0], "a");
	assert_string_equal(l.o.tables.v[2], "c");
	assert_null(l.o.tables.v[3]);
}

static void
what_follows_two_dashes_is_the_command(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(
	    parse(&l, CMD_BACKUP, "--name n -- pg_dump -q --x"), SNAP_OK);
	assert_true(l.o.has_command);
	assert_false(l.o.quiet);
	assert_string_equal(l.o.command[0], "pg_dump");
	assert_string_equal(l.o.command[2], "--x");
	assert_null(l.o.command[3]);
}

static void
an_optional_argument_needs_its_equals_sign(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(parse(&l, CMD_CHECK, "--read-data"), SNAP_OK);
	assert_true(l.o.read_data);
	assert_null(l.o.read_percent);
	assert_int_equal(parse(&l, CMD_CHECK, "--read-data=5%"), SNAP_OK);
	assert_string_equal(l.o.read_percent, "5%");
	assert_int_equal(parse(&l, CMD_CHECK, "--read-data 5%"), SNAP_OK);
	assert_int_equal(l.o.n_args, 1);
}

static void
what_is_wrong_is_named(void **state)
{
	static const char *const wrong[][2] = { { "--nonsense", "nonsense" },
		{ "-d", "dbname" }, { "--quiet=yes", "quiet" },
		{ "--globals", "globals" }, { "-z", "-z" },
		{ "--db=x", "--db" } };
	struct line l;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_int_equal(
		    parse(&l, CMD_BACKUP, wrong[i][0]), SNAP_USAGE);
		assert_non_null(strstr(l.err.msg, wrong[i][1]));
		assert_non_null(strstr(l.err.hint, "help backup"));
	}
}

static void
a_list_has_an_end(void **state)
{
	char word[] = "-tx";
	char *argv[OPTS_LIST_MAX + 2];
	static struct opts o;
	struct snap_err err;
	int i;

	(void)state;
	for (i = 0; i < OPTS_LIST_MAX + 1; i++)
		argv[i] = word;
	argv[i] = NULL;
	assert_int_equal(
	    opts_parse(&o, CMD_BACKUP, "backup", i, argv, &err), SNAP_USAGE);
	assert_int_equal(o.tables.n, OPTS_LIST_MAX);
}

static void
numbers_are_decimal_and_in_range(void **state)
{
	static const char *const wrong[] = { "", " 1", "-1", "+1", "1x", "0",
		"65", "99999999999999999999999", "0x1" };
	struct snap_err err;
	unsigned long v = 7;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(
		    opts_number(wrong[i], "jobs", 1, 64, &v, &err), SNAP_USAGE);
	assert_int_equal(v, 7);
	assert_int_equal(opts_number("64", "jobs", 1, 64, &v, &err), SNAP_OK);
	assert_int_equal(v, 64);
}

static void
letters_and_names_are_unique_per_command(void **state)
{
	const struct opt *a, *b;

	(void)state;
	for (a = opts_table; a->name != NULL; a++)
		for (b = a + 1; b->name != NULL; b++) {
			assert_true(a->letter == 0 || a->letter != b->letter);
			assert_string_not_equal(a->name, b->name);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_long_names_and_operands_mix),
		cmocka_unit_test(a_letter_takes_the_rest_of_its_word),
		cmocka_unit_test(lists_grow_and_end_with_null),
		cmocka_unit_test(what_follows_two_dashes_is_the_command),
		cmocka_unit_test(an_optional_argument_needs_its_equals_sign),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(a_list_has_an_end),
		cmocka_unit_test(numbers_are_decimal_and_in_range),
		cmocka_unit_test(letters_and_names_are_unique_per_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
