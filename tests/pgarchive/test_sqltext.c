/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_sqltext.c - tokens end where the server's scanner ends them, so that no
 * name, string or body of a function can pass for a statement.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sqltext.h"

#define ROOM ((size_t)1 << 20)

static char text[4096];

/* All tokens in brackets behind the letter of their kind. */
static const char *
tokens(const char *sql)
{
	static const char letters[] = ".wnsc;o";
	struct span left = span_str(sql);
	struct sql_token t;
	struct bytes b;

	bytes_init(&b, sizeof text);
	while ((t = sql_next(&left)).kind != SQL_END) {
		bytes_u8(&b, (uint8_t)letters[t.kind]);
		bytes_u8(&b, '[');
		bytes_put_span(&b, t.text);
		bytes_u8(&b, ']');
	}
	bytes_u8(&b, 0);
	assert_false(b.bad);
	memcpy(text, b.p, b.len);
	bytes_fini(&b);
	return text;
}

/* All statements, a bar behind each. */
static const char *
statements(const char *sql)
{
	struct span left = span_str(sql), s;
	struct bytes b;

	bytes_init(&b, sizeof text);
	while ((s = sql_statement(&left)).len > 0) {
		bytes_put_span(&b, s);
		bytes_u8(&b, '|');
	}
	bytes_u8(&b, 0);
	assert_false(b.bad);
	memcpy(text, b.p, b.len);
	bytes_fini(&b);
	return text;
}

static void
names_end_at_their_own_quote(void **state)
{
	(void)state;
	assert_string_equal(
	    tokens("\"a;\"\"b'--/*$$\";x"), "n[\"a;\"\"b'--/*$$\"];[;]w[x]");
	assert_string_equal(tokens("\"a\\\";"), "n[\"a\\\"];[;]");
	assert_string_equal(tokens("\"a\nb\"\"\"c"), "n[\"a\nb\"\"\"]w[c]");
	assert_string_equal(
	    tokens("s.\"T\"(i)"), "w[s]o[.]n[\"T\"]o[(]w[i]o[)]");
	assert_string_equal(
	    tokens("\xc3\xa9t_\xc3\xa9$1 x"), "w[\xc3\xa9t_\xc3\xa9$1]w[x]");
	/* Not ended: all the rest. */
	assert_string_equal(tokens("a \"b;c"), "w[a]n[\"b;c]");
}

static void
strings_end_where_the_server_ends_them(void **state)
{
	(void)state;
	assert_string_equal(tokens("'a''b;' ;"), "s['a''b;'];[;]");
	assert_string_equal(tokens("'\\' ;'"), "s['\\'];[;]s[']");
	assert_string_equal(tokens("E'\\' ;' ;"), "s[E'\\' ;'];[;]");
	assert_string_equal(tokens("e'a\\\\' x"), "s[e'a\\\\']w[x]");
	assert_string_equal(tokens("e'a''\\'';'"), "s[e'a''\\''];[;]s[']");
	/* The E of a name is none. */
	assert_string_equal(tokens("aE'\\'x"), "w[aE]s['\\']w[x]");
	/* A backslash of U& hides no quote. */
	assert_string_equal(tokens("U&'\\' x"), "w[U]o[&]s['\\']w[x]");
	assert_string_equal(tokens("U&\"\\\" x"), "w[U]o[&]n[\"\\\"]w[x]");
	assert_string_equal(tokens("B'01'X'1F'"), "w[B]s['01']w[X]s['1F']");
	assert_string_equal(tokens("E'a\\"), "s[E'a\\]");
}

static void
dollars_quote_with_the_same_tag_only(void **state)
{
	(void)state;
	assert_string_equal(tokens("$$;'$$;"), "s[$$;'$$];[;]");
	assert_string_equal(
	    tokens("$a$ $b$ $A$ $$ ;$a$ x"), "s[$a$ $b$ $A$ $$ ;$a$]w[x]");
	assert_string_equal(tokens("$a$$a$"), "s[$a$$a$]");
	assert_string_equal(
	    tokens("$\xc3\xa9$'$\xc3\xa9$"), "s[$\xc3\xa9$'$\xc3\xa9$]");
	/* A parameter, a name with dollars, a number in front of a quote. */
	assert_string_equal(tokens("$1 $2;"), "o[$]o[1]o[$]o[2];[;]");
	assert_string_equal(tokens("a$b$ ;"), "w[a$b$];[;]");
	assert_string_equal(tokens("1$a$ ;"), "o[1$a$];[;]");
	assert_string_equal(tokens("$1a$ ;"), "o[$]o[1a$];[;]");
	assert_string_equal(tokens("$a$ ; $b$"), "s[$a$ ; $b$]");
	assert_string_equal(tokens("$a-$;"), "o[$]w[a]o[-]o[$];[;]");
}

static void
comments_nest_and_lines_end(void **state)
{
	(void)state;
	assert_string_equal(
	    tokens("/* /* ; */ ' */x"), "c[/* /* ; */ ' */]w[x]");
	assert_string_equal(tokens("/*/ ; */x"), "c[/*/ ; */]w[x]");
	assert_string_equal(tokens("/***/x/**/"), "c[/***/]w[x]c[/**/]");
	assert_string_equal(tokens("a--b;\nc"), "w[a]c[--b;]w[c]");
	assert_string_equal(tokens("--b\rc"), "c[--b]w[c]");
	assert_string_equal(
	    tokens("1-/* ' */-2"), "o[1]o[-]c[/* ' */]o[-]o[2]");
	assert_string_equal(tokens("/* /* */ ;"), "c[/* /* */ ;]");
}

static void
statements_end_at_semicolons_of_their_own(void **state)
{
	(void)state;
	assert_string_equal(statements("a;b"), "a;|b|");
	assert_string_equal(
	    statements("-- x;\n/* ; */ a ';' \";\" $$;$$ -- ;\n;b;"),
	    "a ';' \";\" $$;$$ -- ;\n;|b;|");
	assert_string_equal(
	    statements("CREATE RULE r AS ON INSERT TO t DO (DELETE FROM a; "
		       "SELECT ')');x"),
	    "CREATE RULE r AS ON INSERT TO t DO (DELETE FROM a; "
	    "SELECT ')');|x|");
	assert_string_equal(
	    statements("CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a "
		       "THEN 'end' ELSE \"end\" END; SELECT 2; END;x;"),
	    "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a "
	    "THEN 'end' ELSE \"end\" END; SELECT 2; END;|x;|");
	assert_string_equal(statements("begin /* */ Atomic a; end; b"),
	    "begin /* */ Atomic a; end;|b|");
	assert_string_equal(
	    statements("BEGIN; ATOMIC; x"), "BEGIN;|ATOMIC;|x|");
	assert_string_equal(statements(" \t\n-- nothing"), "");
	assert_string_equal(statements(");;"), ");|;|");
}

static void
names_come_out_and_go_back(void **state)
{
	static const char *const cases[][2] = { { "Name", "name" },
		{ "\"Na\"\"me\"", "Na\"me" }, { "\"\"\"\"", "\"" },
		{ "\xc3\x89T\xc3\x89", "\xc3\x89t\xc3\x89" },
		{ "\"a;'\"", "a;'" } };
	struct span left;
	struct sql_token t;
	struct bytes b, back;

	(void)state;
	bytes_init(&b, ROOM);
	bytes_init(&back, ROOM);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		left = span_str(cases[i][0]);
		t = sql_next(&left);
		bytes_clear(&b);
		sql_fold(&t, &b);
		assert_true(span_eq(bytes_span(&b), span_str(cases[i][1])));
		bytes_clear(&back);
		sql_quote(bytes_span(&b), &back);
		left = bytes_span(&back);
		t = sql_next(&left);
		assert_int_equal(t.kind, SQL_NAME);
		assert_int_equal(left.len, 0);
		bytes_clear(&b);
		sql_fold(&t, &b);
		assert_true(span_eq(bytes_span(&b), span_str(cases[i][1])));
	}
	left = span_str("to TO \"to\" too");
	t = sql_next(&left);
	assert_true(sql_is(&t, "to"));
	t = sql_next(&left);
	assert_true(sql_is(&t, "to"));
	t = sql_next(&left);
	assert_false(sql_is(&t, "to"));
	t = sql_next(&left);
	assert_false(sql_is(&t, "to"));
	bytes_fini(&b);
	bytes_fini(&back);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_end_at_their_own_quote),
		cmocka_unit_test(strings_end_where_the_server_ends_them),
		cmocka_unit_test(dollars_quote_with_the_same_tag_only),
		cmocka_unit_test(comments_nest_and_lines_end),
		cmocka_unit_test(statements_end_at_semicolons_of_their_own),
		cmocka_unit_test(names_come_out_and_go_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
