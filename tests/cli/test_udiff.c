/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_udiff.c - a diff says how one text becomes the other: applied by hand it
 * does, and it is as short as it can be.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "udiff.h"

#define TEXT_MAX (4u << 20)

static void
expect(const char *a, const char *b, const char *want)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes out;

	bytes_init(&out, TEXT_MAX);
	assert_int_equal(udiff(span_str(a), span_str(b), &out, &err), SNAP_OK);
	bytes_u8(&out, 0);
	assert_string_equal((const char *)out.p, want);
	bytes_fini(&out);
}

static void
it_looks_as_that_of_diff(void **state)
{
	(void)state;
	expect("", "", "");
	expect("a\nb\n", "a\nb\n", "");
	expect("", "a\n", "@@ -0,0 +1 @@\n+a\n");
	expect("a\n", "", "@@ -1 +0,0 @@\n-a\n");
	expect("a\nb\nc\n", "a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
	expect(
	    "a\nb\nc\n", "x\ny\nc\n", "@@ -1,3 +1,3 @@\n-a\n-b\n+x\n+y\n c\n");
	expect("a\nb\nc\nd\ne\nf\ng\n", "b\nc\nd\ne\nf\ng\nh\n",
	    "@@ -1,7 +1,7 @@\n-a\n b\n c\n d\n e\n f\n g\n+h\n");
	expect("a\n1\n2\n3\n4\n5\n6\n7\nb\n", "x\n1\n2\n3\n4\n5\n6\n7\ny\n",
	    "@@ -1,4 +1,4 @@\n-a\n+x\n 1\n 2\n 3\n"
	    "@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+y\n");
	expect(
	    "a", "a\n", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
}

/* Follow the hunks; what comes out must be b.  Returns how many lines are put
 * in and taken out. */
static size_t
apply(const char *a, struct span diff, struct bytes *out)
{
	size_t line = 0, n_edits = 0;

	while (diff.len > 0) {
		const char *nl = memchr(diff.p, '\n', diff.len);
		size_t len = (size_t)(nl - (const char *)diff.p) + 1;
		const char *text = (const char *)diff.p;
		size_t from, count = 1;

		if (text[0] == '@') {
			assert_true(
			    sscanf(text, "@@ -%zu,%zu", &from, &count) >= 1);
			for (from -= count != 0; line < from; line++) {
				size_t n = strcspn(a, "\n") + 1;

				bytes_put(out, a, n);
				a += n;
			}
		} else {
			n_edits += text[0] != ' ';
			if (text[0] != '+') {
				assert_memory_equal(a, text + 1, len - 1);
				a += len - 1;
				line++;
			}
			if (text[0] != '-')
				bytes_put(out, text + 1, len - 1);
		}
		diff.p += len;
		diff.len -= len;
	}
	bytes_put_str(out, a);
	return n_edits;
}

static size_t
round_trip(const char *a, const char *b)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes diff, out;
	size_t n;

	bytes_init(&diff, TEXT_MAX);
	bytes_init(&out, TEXT_MAX);
	assert_int_equal(udiff(span_str(a), span_str(b), &diff, &err), SNAP_OK);
	bytes_u8(&diff, 0); /* sscanf() wants strings */
	n = apply(a, span_of(diff.p, diff.len - 1), &out);
	assert_int_equal(out.len, strlen(b));
	assert_memory_equal(
	    out.len == 0 ? "" : (const char *)out.p, b, out.len);
	bytes_fini(&diff);
	bytes_fini(&out);
	return n;
}

/* The longest common subsequence by the book. */
static size_t
fewest(const char *a, const char *b)
{
	static size_t t[64][64];
	size_t n = strlen(a) / 2, m = strlen(b) / 2;

	for (size_t i = 0; i <= n; i++)
		for (size_t j = 0; j <= m; j++) {
			if (i == 0 || j == 0)
				t[i][j] = i + j;
			else if (a[2 * i - 2] == b[2 * j - 2])
				t[i][j] = t[i - 1][j - 1];
			else
				t[i][j] = 1 + (t[i - 1][j] < t[i][j - 1]
						      ? t[i - 1][j]
						      : t[i][j - 1]);
		}
	return t[n][m];
}

static void
any_two_texts_become_each_other_by_the_fewest_lines(void **state)
{
	char a[128], b[128];

	(void)state;
	srand(1);
	for (int i = 0; i < 20000; i++) {
		int n = rand() % 40, m = rand() % 40, letters = 1 + rand() % 5;

		for (int k = 0; k < n; k++)
			memcpy(a + 2 * k,
			    (char[2]){ (char)('a' + rand() % letters), '\n' },
			    2);
		for (int k = 0; k < m; k++)
			memcpy(b + 2 * k,
			    (char[2]){ (char)('a' + rand() % letters), '\n' },
			    2);
		a[2 * n] = b[2 * m] = '\0';
		assert_int_equal(round_trip(a, b), fewest(a, b));
	}
}

static void
texts_with_nothing_in_common_are_told_whole(void **state)
{
	struct bytes a, b;

	(void)state;
	bytes_init(&a, TEXT_MAX);
	bytes_init(&b, TEXT_MAX);
	for (int i = 0; i < 5000; i++) {
		bytes_printf(&a, "a%d\n", i);
		bytes_printf(&b, "b%d\n", i);
	}
	bytes_u8(&a, 0);
	bytes_u8(&b, 0);
	assert_int_equal(
	    round_trip((const char *)a.p, (const char *)b.p), 10000);
	bytes_fini(&a);
	bytes_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_looks_as_that_of_diff),
		cmocka_unit_test(
		    any_two_texts_become_each_other_by_the_fewest_lines),
		cmocka_unit_test(texts_with_nothing_in_common_are_told_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
