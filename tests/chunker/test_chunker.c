/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_chunker.c - cuts are a function of the bytes: not of the feeds, not of
 * the path, not of what went before.
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
	size_t max = 256 * 8, at = 0, len = 30 * max;
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
/* A hash of the last 64 bytes alone would never cut these rows. */
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
an_empty_row_before_a_long_one_is_a_chunk(void **state)
{
	struct how how = { CUTTER_ROWS, 256, 7, WHOLE, 0 };
	uint8_t p[3000];
	struct gen g = { 16 };
	struct cuts c;

	(void)state;
	gen_text(&g, p, sizeof p);
	p[0] = '\n';
	c = cut_stream(p, sizeof p, how);
	assert_int_equal(c.ends[0], 1);
	free(c.ends);
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

/* How many ends the two have in common, per hundred of a's. */
/* FNV-1a: good enough to tell the chunks of one test apart. */
/* Per thousand bytes of b: how many are in chunks that a does not have. */
/* The promise of the whole program, in the small. */
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

/* The first stream breaks off inside a long row, where line ends cut. */
static void
a_stream_cut_off_in_a_long_row_does_not_mark_the_next(void **state)
{
	struct chunker_params params = { .mean = 256 };
	struct cuts c = { .mean = 256 };
	uint8_t p[5000];
	size_t ends[5000];
	struct gen g = { 17 };
	struct snap_err err;
	struct chunker *ch;

	(void)state;
	gen_text(&g, p, sizeof p);
	c.stream = span_of(p, sizeof p);
	c.ends = ends;
	assert_int_equal(chunker_new(&params, &ch, &err), SNAP_OK);
	chunker_start(ch, CUTTER_ROWS);
	assert_int_equal(
	    chunker_feed(ch, c.stream, note_cut, &c, &err), SNAP_OK);
	chunker_start(ch, CUTTER_ROWS);
	c = (struct cuts){ .mean = 256, .ends = ends };
	c.stream = span_str("a\nb\nc\n");
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
		cmocka_unit_test(a_row_longer_than_max_is_cut_off_at_both_ends),
		cmocka_unit_test(an_empty_row_before_a_long_one_is_a_chunk),
		cmocka_unit_test(one_giant_row_is_cut_by_its_bytes),
		cmocka_unit_test(a_refused_chunk_stops_the_feed_with_its_error),
		cmocka_unit_test(a_started_stream_forgets_the_one_before),
		cmocka_unit_test(
		    a_stream_cut_off_in_a_long_row_does_not_mark_the_next),
		cmocka_unit_test(
		    a_mean_that_is_no_power_of_two_in_range_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
