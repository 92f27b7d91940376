/* SPDX-License-Identifier: PostgreSQL */
/* test_digests.c - sums of rows, and the list that a snapshot keeps of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "digestlist.h"
#include "sink.h"

static const char rows[] = "1\tone\n2\ttwo\n\n3\t\\N\n2\ttwo\n";

static struct digest
digest_of(const char *text, size_t len, size_t piece, bool of_rows)
{
	struct digester *d = digester_new();
	struct digest out;
	size_t n;

	assert_non_null(d);
	digester_begin(d, of_rows);
	for (size_t at = 0; at < len; at += n) {
		n = len - at < piece ? len - at : piece;
		digester_data(d, span_of(text + at, n));
	}
	digester_end(d, &out);
	digester_free(d);
	return out;
}

static struct digest
of_text(const char *text)
{
	return digest_of(text, strlen(text), strlen(text) + 1, true);
}

/* However a stream is cut, and whether rows come one by one. */
static void
pieces_of_any_size_give_the_same_digest(void **state)
{
	struct digest one = { 0, 0, 0 }, d, bytes;
	const char *p = rows, *end;

	(void)state;
	for (; *p != '\0'; p = end + 1) {
		end = strchr(p, '\n');
		digest_row(&one, span_of(p, (size_t)(end - p) + 1));
	}
	bytes = digest_of(rows, sizeof rows - 1, sizeof rows, false);
	assert_int_equal(one.n, 5);
	assert_int_equal(bytes.n, sizeof rows - 1);
	for (size_t piece = 1; piece < sizeof rows; piece++) {
		d = digest_of(rows, sizeof rows - 1, piece, true);
		assert_true(digest_eq(&one, &d));
		d = digest_of(rows, sizeof rows - 1, piece, false);
		assert_true(digest_eq(&bytes, &d));
	}
}

static void
the_order_of_rows_does_not_count(void **state)
{
	struct digest a = of_text("a\nb\nc\n"), b = of_text("c\na\nb\n");

	(void)state;
	assert_true(digest_eq(&a, &b));
}

static void
slices_add_up_to_the_table(void **state)
{
	struct digest all = of_text("a\nb\nc\n"), sum = of_text("b\n");
	struct digest rest = of_text("a\nc\n");

	(void)state;
	digest_add(&sum, &rest);
	assert_true(digest_eq(&all, &sum));
}

/* What an exclusive or of the rows would not see. */
static void
a_row_that_is_there_twice_counts_twice(void **state)
{
	struct digest a = of_text("a\na\nb\n"), b = of_text("b\n");
	struct digest c = of_text("a\nb\nb\n");

	(void)state;
	a.n = b.n = c.n = 0;
	assert_false(digest_eq(&a, &b));
	assert_false(digest_eq(&a, &c));
}

static void
empty_rows_are_counted(void **state)
{
	struct digest none = of_text(""), one = of_text("\n");
	struct digest two = of_text("\n\n");

	(void)state;
	assert_int_equal(none.n, 0);
	assert_int_equal(one.n, 1);
	assert_int_equal(two.n, 2);
	assert_false(one.low == two.low && one.high == two.high);
}

/* XXH3-128 of "a\n", and of nothing, as its own vectors have it. */
static void
the_hash_is_the_one_of_the_format(void **state)
{
	struct digest_entry e = { .kind = STREAM_TABLE, .name = span_str("t") };
	struct bytes text;

	(void)state;
	bytes_init(&text, DIGESTS_MAX);
	e.sum = of_text("a\n");
	digests_begin(&text);
	digests_put(&text, &e);
	e.kind = STREAM_LARGE_OBJECT;
	e.sum = digest_of("", 0, 1, false);
	digests_put(&text, &e);
	bytes_u8(&text, 0);
	assert_string_equal((const char *)text.p,
	    "snap-digests 1\ntable 0 1 5c73e7e3dcbb0395e841f27363849a18 t\n"
	    "large-object 0 99aa06d3014798d86001c324468d497f t\n");
	bytes_fini(&text);
}

/* ---- the list */

static const struct digest_entry entries[] = {
	{ .kind = STREAM_SEQUENCES,
	    .name = { (const uint8_t *)"public.s", 8 },
	    .value = INT64_MIN },
	{ .kind = STREAM_SEQUENCES,
	    .name = { (const uint8_t *)"public.r", 8 },
	    .value = INT64_MAX,
	    .called = true },
	{ .kind = STREAM_LARGE_OBJECT,
	    .name = { (const uint8_t *)"0000016442", 10 },
	    .sum = { UINT64_MAX, UINT64_MAX, 0 } },
	{ .kind = STREAM_TABLE,
	    .part = UINT32_MAX,
	    .name = { (const uint8_t *)" 0 public.\"a b\\\nc\"", 18 },
	    .sum = { 3, 1, 2 } },
	{ .kind = STREAM_TABLE,
	    .part = 7,
	    .name = { (const uint8_t *)" 0 public.\"a b\\\nc\"", 18 },
	    .sum = { 0, 0, 0 } },
};
#define N_ENTRIES (sizeof entries / sizeof entries[0])

static void
what_is_written_comes_back_in_order(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct digests list = { NULL, 0, 0, { 0 } };
	struct bytes text;

	(void)state;
	bytes_init(&text, DIGESTS_MAX);
	digests_begin(&text);
	for (size_t i = 0; i < N_ENTRIES; i++)
		digests_put(&text, &entries[i]);
	assert_int_equal(digests_decode(&text, &list, &err), SNAP_OK);
	assert_int_equal(list.n, N_ENTRIES);
	assert_int_equal(list.v[0].part, 7);
	for (size_t i = 0; i < N_ENTRIES; i++) {
		const struct digest_entry *e = &entries[i], *got;

		got = digests_find(&list, e->kind, e->name, e->part);
		assert_non_null(got);
		assert_true(span_eq(got->name, e->name));
		if (e->kind == STREAM_SEQUENCES) {
			assert_true(got->value == e->value);
			assert_true(got->called == e->called);
		} else {
			assert_true(digest_eq(&got->sum, &e->sum));
		}
	}
	assert_null(digests_find(&list, STREAM_TABLE, span_str("public.s"), 0));
	digests_free(&list);
	bytes_fini(&text);
}

static enum snap_code
decode(const char *s)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct digests list = { NULL, 0, 0, { 0 } };
	struct bytes text;
	enum snap_code rc;

	bytes_init(&text, DIGESTS_MAX);
	bytes_put_str(&text, s);
	rc = digests_decode(&text, &list, &err);
	digests_free(&list);
	bytes_fini(&text);
	return rc;
}

#define HEAD "snap-digests 1\n"
#define SUM "00000000000000000000000000000001"

static void
half_a_list_and_other_text_are_refused(void **state)
{
	static const char *const bad[] = { "", "\n", "snap-digests", "x\n",
		HEAD "table 0 1 " SUM " t", HEAD "table 0 1 " SUM " \n",
		HEAD "table 0 1 " SUM "\n", HEAD "table 00 1 " SUM " t\n",
		HEAD "table 4294967296 1 " SUM " t\n",
		HEAD "table 0 18446744073709551616 " SUM " t\n",
		HEAD "table 0 1 " SUM "0 t\n", HEAD "table 0 -1 " SUM " t\n",
		HEAD "table 0 1 0000000000000000000000000000000X t\n",
		HEAD "table 0 1 " SUM " t\\\n", HEAD "table 0 1 " SUM " t\\x\n",
		HEAD "sequence 9223372036854775808 t s\n",
		HEAD "sequence -9223372036854775809 t s\n",
		HEAD "sequence -0 t s\n", HEAD "sequence 1 x s\n",
		HEAD "sequence 1 t s\nsequence 2 t s\n" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(decode(bad[i]), SNAP_CORRUPT);
	assert_int_equal(decode(HEAD), SNAP_OK);
}

static void
a_newer_list_is_no_damage_and_a_new_sort_of_line_is_passed_over(void **state)
{
	(void)state;
	assert_int_equal(decode("snap-digests 2\n"), SNAP_UNSUPPORTED);
	assert_int_equal(decode(HEAD "planet 1 2 3\n"), SNAP_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_any_size_give_the_same_digest),
		cmocka_unit_test(the_order_of_rows_does_not_count),
		cmocka_unit_test(slices_add_up_to_the_table),
		cmocka_unit_test(a_row_that_is_there_twice_counts_twice),
		cmocka_unit_test(empty_rows_are_counted),
		cmocka_unit_test(the_hash_is_the_one_of_the_format),
		cmocka_unit_test(what_is_written_comes_back_in_order),
		cmocka_unit_test(half_a_list_and_other_text_are_refused),
		cmocka_unit_test(
		    a_newer_list_is_no_damage_and_a_new_sort_of_line_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
