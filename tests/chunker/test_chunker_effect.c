/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_chunker_effect.c - what the cuts are good for: sizes near the target,
 * and little that is new where little changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gen.h"
#include "harness.h"

static void
row_chunks_are_not_shorter_than_min_without_need(void **state)
{
	struct how how = { CUTTER_ROWS, 512, 7, WHOLE, 0 };
	size_t len = MIB;
	uint8_t *p = new_bytes(len);
	struct gen g = { 6 };
	struct cuts c;

	(void)state;
	gen_rows(&g, p, len, 20, 1000);
	c = cut_stream(p, len, how);
	for (size_t i = 0; i + 1 < c.n; i++)
		assert_in_range(chunk_len(&c, i), 128, 4096);
	free(c.ends);
	free(p);
}

static void
byte_chunks_are_not_shorter_than_min(void **state)
{
	struct how how = { CUTTER_BYTES, 512, 7, RANDOM, 0 };
	size_t len = MIB;
	uint8_t *p = new_bytes(len);
	struct gen g = { 7 };
	struct cuts c;

	(void)state;
	gen_bytes(&g, p, len);
	c = cut_stream(p, len, how);
	for (size_t i = 0; i + 1 < c.n; i++)
		assert_in_range(chunk_len(&c, i), 128, 4096);
	assert_in_range(len / c.n, 430, 600);
	free(c.ends);
	free(p);
}

static void
the_mean_is_near_its_target_whatever_the_row_length(void **state)
{
	static const size_t rows[] = { 20, 50, 125, 191, 250, 500, 1000, 2000 };
	size_t len = 2 * MIB;
	uint8_t *p = new_bytes(len);
	struct gen g = { 8 };

	(void)state;
	for (uint32_t mean = 512; mean <= 4096; mean *= 8) {
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			struct how how = { CUTTER_ROWS, mean, 7, WHOLE, 0 };
			size_t want = rows[i] > mean ? rows[i] : mean, got;
			struct cuts c;

			gen_rows(&g, p, len, rows[i] - rows[i] / 4,
			    rows[i] + rows[i] / 4);
			c = cut_stream(p, len, how);
			got = len / c.n;
			assert_in_range(got, want * 6 / 10, want * 13 / 10);
			free(c.ends);
		}
	}
	free(p);
}

static void
rows_with_a_long_constant_tail_are_cut_at_the_mean(void **state)
{
	struct how how = { CUTTER_ROWS, 512, 7, WHOLE, 0 };
	size_t row = 125, n = 8000;
	uint8_t *p = new_bytes(row * n);
	struct gen g = { 9 };
	struct cuts c;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		memset(p + i * row, '0', row);
		gen_text(&g, p + i * row, 25);
		p[i * row + row - 1] = '\n';
	}
	c = cut_stream(p, row * n, how);
	assert_in_range(row * n / c.n, 380, 640);
	free(c.ends);
	free(p);
}

static void
constant_bytes_stay_within_the_bounds(void **state)
{
	size_t len = 200000;
	uint8_t *p = new_bytes(len);

	(void)state;
	for (int v = 0; v < 256; v += v == 9 ? 1 : 51) {
		memset(p, v, len);
		for (uint8_t key = 1; key < 20; key++) {
			struct how how = { key % 2 ? CUTTER_ROWS : CUTTER_BYTES,
				256, key, RANDOM, 0 };
			struct cuts c = cut_stream(p, len, how);

			assert_true(c.n >= len / 2048);
			free(c.ends);
		}
	}
	free(p);
}

static size_t
percent_shared(const struct cuts *a, const struct cuts *b)
{
	size_t j = 0, same = 0;

	for (size_t i = 0; i < a->n; i++) {
		while (j < b->n && b->ends[j] < a->ends[i])
			j++;
		if (j < b->n && b->ends[j] == a->ends[i])
			same++;
	}
	return same * 100 / a->n;
}

static void
another_key_cuts_elsewhere(void **state)
{
	size_t len = MIB;
	uint8_t *p = new_bytes(len);
	struct gen g = { 12 };

	(void)state;
	gen_rows(&g, p, len, 20, 60);
	for (int k = CUTTER_ROWS; k <= CUTTER_BYTES; k++) {
		struct how how = { (enum stream_cutter)k, 512, 1, WHOLE, 0 };
		struct cuts a = cut_stream(p, len, how), b;

		how.key = 2;
		b = cut_stream(p, len, how);
		assert_in_range(
		    percent_shared(&a, &b), 0, k == CUTTER_ROWS ? 20 : 2);
		free(a.ends);
		free(b.ends);
	}
	free(p);
}

static int
cmp_u64(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return x < y ? -1 : x > y;
}

static uint64_t *
chunk_sums(const struct cuts *c)
{
	uint64_t *sums = calloc(c->n, sizeof *sums);
	size_t at = 0;

	assert_non_null(sums);
	for (size_t i = 0; i < c->n; i++) {
		sums[i] = 0xcbf29ce484222325u;
		for (; at < c->ends[i]; at++)
			sums[i] = (sums[i] ^ c->stream.p[at]) * 0x100000001b3u;
	}
	return sums;
}

static size_t
permille_new(const struct cuts *a, const struct cuts *b)
{
	uint64_t *old = chunk_sums(a), *now = chunk_sums(b);
	size_t fresh = 0;

	qsort(old, a->n, sizeof *old, cmp_u64);
	for (size_t i = 0; i < b->n; i++) {
		if (bsearch(&now[i], old, a->n, sizeof *old, cmp_u64) == NULL)
			fresh += chunk_len(b, i);
	}
	free(old);
	free(now);
	return fresh * 1000 / b->stream.len;
}

static void
one_percent_of_changed_rows_makes_a_few_percent_new(void **state)
{
	struct how how = { CUTTER_ROWS, 512, 7, RANDOM, 0 };
	size_t row = 191, n = 40000;
	uint8_t *p = new_bytes(row * n), *q = new_bytes(row * n);
	struct gen g = { 13 };
	struct cuts a, b;

	(void)state;
	gen_rows(&g, p, row * n, row, row);
	memcpy(q, p, row * n);
	for (size_t i = 0; i < n / 100; i++)
		gen_text(&g, q + gen_below(&g, n) * row + 20, 10);
	a = cut_stream(p, row * n, how);
	b = cut_stream(q, row * n, how);
	assert_in_range(permille_new(&a, &b), 20, 58);
	free(a.ends);
	free(b.ends);
	free(p);
	free(q);
}

static void
bytes_inserted_into_a_byte_stream_cost_two_chunks(void **state)
{
	struct how how = { CUTTER_BYTES, 512, 7, RANDOM, 0 };
	size_t len = MIB;
	uint8_t *p = new_bytes(len), *q = new_bytes(len + 3);
	struct gen g = { 14 };
	struct cuts a, b;

	(void)state;
	gen_bytes(&g, p, len);
	memcpy(q, p, len / 2);
	memcpy(q + len / 2, "new", 3);
	memcpy(q + len / 2 + 3, p + len / 2, len / 2);
	a = cut_stream(p, len, how);
	b = cut_stream(q, len + 3, how);
	assert_in_range(permille_new(&a, &b), 0, 8);
	free(a.ends);
	free(b.ends);
	free(p);
	free(q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    row_chunks_are_not_shorter_than_min_without_need),
		cmocka_unit_test(byte_chunks_are_not_shorter_than_min),
		cmocka_unit_test(
		    the_mean_is_near_its_target_whatever_the_row_length),
		cmocka_unit_test(
		    rows_with_a_long_constant_tail_are_cut_at_the_mean),
		cmocka_unit_test(constant_bytes_stay_within_the_bounds),
		cmocka_unit_test(another_key_cuts_elsewhere),
		cmocka_unit_test(
		    one_percent_of_changed_rows_makes_a_few_percent_new),
		cmocka_unit_test(
		    bytes_inserted_into_a_byte_stream_cost_two_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
