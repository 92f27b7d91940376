/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_chunker.c - what a user of the chunker may rely on.
 *
 * Every stream is cut by cut_stream(), which also proves on each run that the
 * chunks have legal sizes and are, one after the other, the stream.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chunker.h"
#include "gen.h"

#define MIB ((size_t)1 << 20)
#define WHOLE SIZE_MAX /* feed: the stream at once */
#define RANDOM 0       /* feed: random sizes */

struct cuts {
	struct span stream;
	uint32_t mean;
	size_t at, n;
	size_t *ends;
};

static enum snap_code
note_cut(void *arg, struct span chunk, struct snap_err *err)
{
	struct cuts *c = arg;

	(void)err;
	assert_in_range(chunk.len, 1, c->mean * 8);
	assert_true(chunk.len <= c->stream.len - c->at);
	assert_memory_equal(c->stream.p + c->at, chunk.p, chunk.len);
	c->at += chunk.len;
	c->ends[c->n++] = c->at;
	return SNAP_OK;
}

struct how {
	enum stream_cutter cutter;
	uint32_t mean;
	uint8_t key;
	size_t feed; /* bytes, or WHOLE or RANDOM */
	int portable;
};

static struct cuts
cut_stream(const uint8_t *p, size_t len, struct how how)
{
	struct chunker_params params = { .mean = how.mean };
	struct cuts c = { .stream = span_of(p, len), .mean = how.mean };
	struct gen g = { 42 };
	struct snap_err err;
	struct chunker *ch;
	size_t fed = 0;

	memset(params.key, how.key, sizeof params.key);
	c.ends = calloc(len + 1, sizeof *c.ends);
	assert_non_null(c.ends);
	assert_int_equal(chunker_new(&params, &ch, &err), SNAP_OK);
	if (how.portable)
		chunker_force_portable(ch);
	chunker_start(ch, how.cutter);
	while (fed < len) {
		size_t n = how.feed;

		if (n == RANDOM)
			n = gen_below(&g, (size_t)1 << gen_below(&g, 18));
		if (n > len - fed)
			n = len - fed;
		assert_int_equal(
		    chunker_feed(ch, span_of(p + fed, n), note_cut, &c, &err),
		    SNAP_OK);
		fed += n;
	}
	assert_int_equal(chunker_end(ch, note_cut, &c, &err), SNAP_OK);
	assert_int_equal(c.at, len);
	chunker_free(ch);
	return c;
}

static void
assert_same_cuts(const struct cuts *a, const struct cuts *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		assert_int_equal(a->ends[i], b->ends[i]);
}

static size_t
chunk_len(const struct cuts *c, size_t i)
{
	return c->ends[i] - (i == 0 ? 0 : c->ends[i - 1]);
}

/* All feeds, both paths, both cutters: one list of cuts. */
static void
assert_independent(const uint8_t *p, size_t len, uint32_t mean)
{
	static const size_t feeds[] = { 1, 7, 100, 4096, 65536, RANDOM };
	static const enum stream_cutter cutters[] = { CUTTER_ROWS,
		CUTTER_BYTES };

	for (size_t k = 0; k < 2; k++) {
		struct how how = { cutters[k], mean, 7, WHOLE, 0 };
		struct cuts want = cut_stream(p, len, how);

		for (size_t i = 0; i < sizeof feeds / sizeof *feeds; i++) {
			for (how.portable = 0; how.portable < 2;
			     how.portable++) {
				struct cuts got;

				how.feed = feeds[i];
				got = cut_stream(p, len, how);
				assert_same_cuts(&want, &got);
				free(got.ends);
			}
		}
		free(want.ends);
	}
}

static uint8_t *
new_bytes(size_t len)
{
	uint8_t *p = malloc(len == 0 ? 1 : len);

	assert_non_null(p);
	return p;
}

static void
cuts_of_rows_do_not_depend_on_feeds_or_path(void **state)
{
	struct gen g = { 1 };
	size_t len = 100000;
	uint8_t *p = new_bytes(len);

	(void)state;
	gen_rows(&g, p, len, 20, 300);
	assert_independent(p, len, 256);
	assert_independent(p, len, 1024);
	gen_rows(&g, p, len, 1, 5000);
	assert_independent(p, len, 256);
	free(p);
}

/* Bytes of all values: NUL, CR LF and line ends at odd places. */
static void
cuts_of_random_bytes_do_not_depend_on_feeds_or_path(void **state)
{
	struct gen g = { 2 };
	size_t len = 60000;
	uint8_t *p = new_bytes(len);

	(void)state;
	gen_bytes(&g, p, len);
	assert_independent(p, len, 256);
	free(p);
}

/* Rows just below, at and above max, where every rule meets every other. */
static void
cuts_of_rows_around_the_largest_chunk_do_not_depend_on_feeds(void **state)
{
	struct gen g = { 3 };
	size_t max = 256 * 8, at = 0, len = 80 * max;
	uint8_t *p = new_bytes(len);

	(void)state;
	while (at < len) {
		size_t kind = gen_below(&g, 4), n;

		n = kind == 0   ? 1 + gen_below(&g, 40)
		    : kind == 1 ? max - 2 + gen_below(&g, 5)
		    : kind == 2 ? max * 2 - 2 + gen_below(&g, 5)
				: 1 + gen_below(&g, 400);
		if (n > len - at)
			n = len - at;
		gen_text(&g, p + at, n);
		p[at + n - 1] = '\n';
		at += n;
	}
	assert_independent(p, len, 256);
	free(p);
}

static void
every_short_stream_is_cut_alike_by_both_paths(void **state)
{
	uint8_t p[2060];
	struct gen g = { 4 };

	(void)state;
	for (size_t len = 0; len <= sizeof p; len += len < 300 ? 1 : 11) {
		struct how how = { CUTTER_ROWS, 256, 7, WHOLE, 0 };
		struct cuts a, b;

		gen_text(&g, p, sizeof p);
		if (len > 0 && len % 2 == 0)
			p[len - 1] = '\n';
		a = cut_stream(p, len, how);
		how.portable = 1;
		how.feed = 1;
		b = cut_stream(p, len, how);
		assert_same_cuts(&a, &b);
		free(a.ends);
		free(b.ends);
	}
}

static void
an_empty_stream_has_no_chunks(void **state)
{
	struct how how = { CUTTER_ROWS, 512, 7, WHOLE, 0 };
	struct cuts c = cut_stream((const uint8_t *)"", 0, how);

	(void)state;
	assert_int_equal(c.n, 0);
	free(c.ends);
}

static void
a_stream_without_final_newline_keeps_its_last_bytes(void **state)
{
	struct how how = { CUTTER_ROWS, 512, 7, RANDOM, 0 };
	struct cuts c = cut_stream((const uint8_t *)"a\nb\nc", 5, how);

	(void)state;
	assert_int_equal(c.n, 1);
	assert_int_equal(c.ends[0], 5);
	free(c.ends);
}

static void
row_chunks_end_at_line_ends(void **state)
{
	struct how how = { CUTTER_ROWS, 512, 7, RANDOM, 0 };
	size_t len = MIB;
	uint8_t *p = new_bytes(len);
	struct gen g = { 5 };
	struct cuts c;

	(void)state;
	gen_rows(&g, p, len, 2, 2000);
	for (size_t i = 0; i < len; i += 977)
		p[i] = p[i] == '\n' ? '\n' : '\0';
	c = cut_stream(p, len, how);
	for (size_t i = 0; i + 1 < c.n; i++)
		assert_int_equal(p[c.ends[i] - 1], '\n');
	free(c.ends);
	free(p);
}

/* A chunk shorter than min only where the next row does not fit. */
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

/* A hash of the last 64 bytes alone would never cut these rows. */
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

/*
 * Behind an inserted or shortened long row everything is cut as before, and
 * the row's own chunks do not depend on what stands around it.
 */
static void
a_row_longer_than_max_is_cut_off_at_both_ends(void **state)
{
	struct how how = { CUTTER_ROWS, 512, 7, RANDOM, 0 };
	size_t head = 1000, big = 50001, tail = 3000;
	uint8_t *p = new_bytes(head + big + tail);
	struct cuts whole, row, rest;
	struct gen g = { 10 };
	size_t i = 0;

	(void)state;
	gen_rows(&g, p, head, 50, 90);
	p[head - 1] = '\n';
	gen_text(&g, p + head, big);
	p[head + big - 1] = '\n';
	gen_rows(&g, p + head + big, tail, 50, 90);
	whole = cut_stream(p, head + big + tail, how);
	row = cut_stream(p + head, big, how);
	rest = cut_stream(p + head + big, tail, how);
	while (whole.ends[i] < head)
		i++;
	assert_int_equal(whole.ends[i++], head);
	assert_true(row.n > 20);
	for (size_t j = 0; j < row.n; j++)
		assert_int_equal(whole.ends[i++], head + row.ends[j]);
	for (size_t j = 0; j < rest.n; j++)
		assert_int_equal(whole.ends[i++], head + big + rest.ends[j]);
	assert_int_equal(i, whole.n);
	free(whole.ends);
	free(row.ends);
	free(rest.ends);
	free(p);
}

static void
one_giant_row_is_cut_by_its_bytes(void **state)
{
	struct how rows = { CUTTER_ROWS, 512, 7, RANDOM, 0 };
	struct how bytes = { CUTTER_BYTES, 512, 7, WHOLE, 0 };
	size_t len = MIB;
	uint8_t *p = new_bytes(len);
	struct gen g = { 11 };
	struct cuts a, b;

	(void)state;
	gen_text(&g, p, len);
	a = cut_stream(p, len, rows);
	b = cut_stream(p, len, bytes);
	assert_same_cuts(&a, &b);
	assert_in_range(len / a.n, 430, 600);
	free(a.ends);
	free(b.ends);
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

/* How many ends the two have in common, per hundred of a's. */
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

/* FNV-1a: good enough to tell the chunks of one test apart. */
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

/* Per thousand bytes of b: how many are in chunks that a does not have. */
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

/* The promise of the whole program, in the small. */
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

static enum snap_code
refuse(void *arg, struct span chunk, struct snap_err *err)
{
	(void)arg;
	(void)chunk;
	return snap_fail(err, SNAP_IO, "no more");
}

static void
a_refused_chunk_stops_the_feed_with_its_error(void **state)
{
	struct chunker_params params = { .mean = 256 };
	struct gen g = { 15 };
	uint8_t p[9000];
	struct snap_err err;
	struct chunker *c;

	(void)state;
	gen_rows(&g, p, sizeof p, 30, 60);
	assert_int_equal(chunker_new(&params, &c, &err), SNAP_OK);
	chunker_start(c, CUTTER_ROWS);
	assert_int_equal(
	    chunker_feed(c, span_of(p, sizeof p), refuse, NULL, &err), SNAP_IO);
	assert_string_equal(err.msg, "no more");
	chunker_free(c);
}

static void
a_started_stream_forgets_the_one_before(void **state)
{
	struct chunker_params params = { .mean = 256 };
	struct cuts c = { .mean = 256 };
	size_t ends[4];
	struct snap_err err;
	struct chunker *ch;

	(void)state;
	c.stream = span_str("kept\n");
	c.ends = ends;
	assert_int_equal(chunker_new(&params, &ch, &err), SNAP_OK);
	chunker_start(ch, CUTTER_ROWS);
	assert_int_equal(
	    chunker_feed(ch, span_str("lost"), note_cut, &c, &err), SNAP_OK);
	chunker_start(ch, CUTTER_ROWS);
	assert_int_equal(
	    chunker_feed(ch, c.stream, note_cut, &c, &err), SNAP_OK);
	assert_int_equal(chunker_end(ch, note_cut, &c, &err), SNAP_OK);
	assert_int_equal(c.n, 1);
	chunker_free(ch);
}

static void
a_mean_that_is_no_power_of_two_in_range_is_refused(void **state)
{
	static const uint32_t bad[] = { 0, 1, 128, 257, 768, 32768,
		UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct chunker_params params = { .mean = bad[i] };
		struct chunker *c = NULL;
		struct snap_err err;

		assert_int_equal(chunker_new(&params, &c, &err), SNAP_USAGE);
		assert_null(c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_of_rows_do_not_depend_on_feeds_or_path),
		cmocka_unit_test(
		    cuts_of_random_bytes_do_not_depend_on_feeds_or_path),
		cmocka_unit_test(
		    cuts_of_rows_around_the_largest_chunk_do_not_depend_on_feeds),
		cmocka_unit_test(every_short_stream_is_cut_alike_by_both_paths),
		cmocka_unit_test(an_empty_stream_has_no_chunks),
		cmocka_unit_test(
		    a_stream_without_final_newline_keeps_its_last_bytes),
		cmocka_unit_test(row_chunks_end_at_line_ends),
		cmocka_unit_test(
		    row_chunks_are_not_shorter_than_min_without_need),
		cmocka_unit_test(byte_chunks_are_not_shorter_than_min),
		cmocka_unit_test(
		    the_mean_is_near_its_target_whatever_the_row_length),
		cmocka_unit_test(
		    rows_with_a_long_constant_tail_are_cut_at_the_mean),
		cmocka_unit_test(a_row_longer_than_max_is_cut_off_at_both_ends),
		cmocka_unit_test(one_giant_row_is_cut_by_its_bytes),
		cmocka_unit_test(constant_bytes_stay_within_the_bounds),
		cmocka_unit_test(another_key_cuts_elsewhere),
		cmocka_unit_test(
		    one_percent_of_changed_rows_makes_a_few_percent_new),
		cmocka_unit_test(
		    bytes_inserted_into_a_byte_stream_cost_two_chunks),
		cmocka_unit_test(a_refused_chunk_stops_the_feed_with_its_error),
		cmocka_unit_test(a_started_stream_forgets_the_one_before),
		cmocka_unit_test(
		    a_mean_that_is_no_power_of_two_in_range_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
