/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_regex.c - patterns against names.  That PostgreSQL agrees is the
 * business of test_agree.sh; here is what holds without a server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "pattern.h"
#include "regex.h"

#define ROOM ((size_t)1 << 16)

/* -1 = not a pattern */
static int
matches(const char *pattern, struct span name, bool utf8)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes schema, text;
	struct regex *r = NULL;
	int yes = -1;

	bytes_init(&schema, ROOM);
	bytes_init(&text, ROOM);
	(void)pattern_regex(pattern, &schema, &text);
	if (regex_new(span_of(text.p, text.len - 1), utf8, &r, &err) == SNAP_OK)
		yes = regex_match(r, name);
	else
		assert_int_equal(err.code, SNAP_USAGE);
	regex_free(r);
	bytes_fini(&schema);
	bytes_fini(&text);
	return yes;
}

static void
wildcards_and_quotes_mean_what_they_mean_in_psql(void **state)
{
	static const struct {
		const char *pattern, *name;
		int yes;
	} cases[] = {
		{ "orders", "orders", 1 },
		{ "orders", "orders2", 0 },
		{ "orders", "my_orders", 0 },
		{ "ORDERS", "orders", 1 },
		{ "\"ORDERS\"", "orders", 0 },
		{ "o*s", "orders", 1 },
		{ "o*s", "os", 1 },
		{ "o?s", "os", 0 },
		{ "o?s", "o\ns", 1 },
		{ "\"o*s\"", "o*s", 1 },
		{ "\"o*s\"", "orders", 0 },
		{ "y[0-9]+", "y10", 1 },
		{ "y[0-9]+", "y", 0 },
		{ "y[^0-9]", "yx", 1 },
		{ "y[^0-9]", "y1", 0 },
		{ "y[^]a]", "yb", 1 },
		{ "y[^]a]", "y]", 0 },
		{ "y[[:digit:][:upper:]]", "yX", 1 },
		{ "y[a-]", "y-", 1 },
		{ "a|b", "b", 1 },
		{ "a|b", "ab", 0 },
		{ "(a|b)(c|d|)", "bd", 1 },
		{ "(a|b)(c|d|)", "a", 1 },
		{ "a{2}", "aa", 1 },
		{ "a{2}", "a", 0 },
		{ "a{2,}", "aaaa", 1 },
		{ "a{1,2}b", "aaab", 0 },
		{ "(ab){0}", "", 1 },
		{ "(ab){0,1}c", "abc", 1 },
		{ "a{b", "a{b", 1 },
		{ "\\d\\D", "12", 1 }, /* folded */
		{ "[\\d]", "5", 1 },
		{ "\\w+", "a_1", 1 },
		{ "\\x41", "A", 1 },
		{ "a$b", "a$b", 1 },
		{ "^a", "a", 1 },
		{ "a^b", "ab", 0 },
		{ "x[]", "x[]", 1 },
		{ "", "", 1 },
		{ "+", "+", -1 },
		{ "(", "(", -1 },
		{ "a)", "a)", -1 },
		{ "a{2,1}", "a", -1 },
		{ "a{256}", "a", -1 },
		{ "a++", "a", -1 },
		{ "[b-a]", "a", -1 },
		{ "[[:none:]]", "a", -1 },
		{ "a\\", "a", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (matches(cases[i].pattern, span_str(cases[i].name), true) !=
		    cases[i].yes)
			fail_msg("%s on %s", cases[i].pattern, cases[i].name);
}

static void
a_character_is_one_of_the_encoding(void **state)
{
	(void)state;
	assert_int_equal(matches("?", span_str("\xc3\xa4"), true), 1);
	assert_int_equal(matches("?", span_str("\xc3\xa4"), false), 0);
	assert_int_equal(matches("??", span_str("\xc3\xa4"), false), 1);
	assert_int_equal(
	    matches("[\xc3\xa4-\xc3\xb6]", span_str("\xc3\xa5"), true), 1);
	assert_int_equal(matches("?", span_str("\xf0\x9f\x90\x98"), true), 1);
	/* Bytes that are none stay apart, and nothing is read behind them. */
	assert_int_equal(matches("???", span_str("\xff\xc3\xe2"), true), 1);
	assert_int_equal(matches("\xff", span_str("\xff"), true), 1);
}

/* A backtracking matcher would not come back from these. */
static void
no_pattern_takes_long(void **state)
{
	static char name[2000];
	static const char *const bad[] = { "((a|a)+)+b", "(a|aa)+c",
		"(a*)*(a*)*(a*)*(a*)*b", "((a{1,9}){1,9}){1,9}b" };

	(void)state;
	memset(name, 'a', sizeof name);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_true(
		    matches(bad[i], span_of(name, sizeof name), true) <= 0);
	assert_int_equal(
	    matches("((a{200}){200}){200}", span_str("a"), true), -1);
	memset(name, '(', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_int_equal(matches(name, span_str("a"), true), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    wildcards_and_quotes_mean_what_they_mean_in_psql),
		cmocka_unit_test(a_character_is_one_of_the_encoding),
		cmocka_unit_test(no_pattern_takes_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
