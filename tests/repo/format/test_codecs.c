/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_codecs.c - every codec there and back, cut short and damaged.
 *
 * Inputs are copied into allocations of their exact size, so that a
 * sanitizer or valgrind sees a read beyond the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grown.h"
#include "samples.h"

#define LIMIT (1u << 20)

static enum snap_code
again_exact(enum sample which, struct span in, struct bytes *out)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t *p = malloc(in.len == 0 ? 1 : in.len);
	enum snap_code rc;

	assert_non_null(p);
	if (in.len != 0)
		memcpy(p, in.p, in.len);
	bytes_clear(out);
	rc = sample_again(which, span_of(p, in.len), out, &err);
	if (rc != SNAP_OK) {
		assert_int_equal(err.code, rc);
		assert_string_not_equal(err.msg, "");
	}
	free(p);
	return rc;
}

/* With one of each kind of object, encoded; `out` is for the second time. */
static void
each_sample(
    void (*fn)(enum sample which, struct bytes *made, struct bytes *out))
{
	struct bytes a, b;

	bytes_init(&a, LIMIT);
	bytes_init(&b, LIMIT);
	for (int i = 0; i < SAMPLE_COUNT; i++) {
		bytes_clear(&a);
		sample_make((enum sample)i, &a);
		assert_false(a.bad);
		fn((enum sample)i, &a, &b);
	}
	bytes_fini(&a);
	bytes_fini(&b);
}

static void
comes_again(enum sample which, struct bytes *a, struct bytes *b)
{
	assert_int_equal(again_exact(which, bytes_span(a), b), SNAP_OK);
	assert_true(span_eq(bytes_span(a), bytes_span(b)));
}

static void
what_was_encoded_decodes_and_encodes_to_the_same_bytes(void **state)
{
	(void)state;
	each_sample(comes_again);
}

/* Rows and hashes have no count: a cut between two is for their reader. */
static bool
is_boundary(enum sample which, size_t len, const struct bytes *again)
{
	return (which == SAMPLE_ROW || which == SAMPLE_DIRECTORY) &&
	       again->len == len && len != 0;
}

static void
is_corrupt_when_cut(enum sample which, struct bytes *a, struct bytes *b)
{
	for (size_t len = 0; len < a->len; len++) {
		enum snap_code rc = again_exact(which, span_of(a->p, len), b);

		if (rc == SNAP_OK)
			assert_true(is_boundary(which, len, b));
		else
			assert_int_equal(rc, SNAP_CORRUPT);
	}
}

static void
a_cut_at_any_length_is_corrupt(void **state)
{
	(void)state;
	each_sample(is_corrupt_when_cut);
}

static void
is_corrupt_with_one_more(enum sample which, struct bytes *a, struct bytes *b)
{
	bytes_u8(a, 0);
	assert_int_equal(again_exact(which, bytes_span(a), b), SNAP_CORRUPT);
}

static void
a_byte_too_many_is_corrupt(void **state)
{
	(void)state;
	each_sample(is_corrupt_with_one_more);
}

static void
stands_flips(enum sample which, struct bytes *a, struct bytes *b)
{
	for (size_t bit = 0; bit < a->len * 8; bit++) {
		enum snap_code rc;

		a->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		rc = again_exact(which, bytes_span(a), b);
		if (rc == SNAP_OK)
			assert_true(span_eq(bytes_span(a), bytes_span(b)));
		else
			assert_int_equal(rc, SNAP_CORRUPT);
		a->p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* A flip is refused or changes a value; it never has two spellings. */
static void
a_flipped_bit_never_crashes_nor_decodes_to_other_bytes(void **state)
{
	(void)state;
	each_sample(stands_flips);
}

static void
a_huge_count_in_few_bytes_is_refused_before_it_is_allocated(void **state)
{
	static const uint8_t huge[] = { 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2 };
	struct bytes in, out;

	(void)state;
	bytes_init(&in, LIMIT);
	bytes_init(&out, LIMIT);
	for (int i = SAMPLE_DIRECTORY; i <= SAMPLE_ROOT; i++)
		assert_int_equal(again_exact((enum sample)i,
				     span_of(huge, sizeof huge), &out),
		    SNAP_CORRUPT);
	bytes_zero(&in, ID_LEN);
	bytes_put(&in, huge, sizeof huge);
	assert_int_equal(
	    again_exact(SAMPLE_PACK, bytes_span(&in), &out), SNAP_CORRUPT);
	bytes_fini(&in);
	bytes_fini(&out);
}

/* Put a number in the place of each byte, and of each eight. */
static void
stands_lengths(enum sample which, struct bytes *a, struct bytes *b)
{
	static const uint64_t huge[] = { INT32_MAX, UINT32_MAX - 1, UINT32_MAX,
		UINT64_C(1) << 32, INT64_MAX, UINT64_C(1) << 63,
		UINT64_MAX - 15, UINT64_MAX };
	struct bytes in;

	bytes_init(&in, 2 * LIMIT);
	for (size_t i = 0; i < 2 * sizeof huge / sizeof huge[0] * a->len; i++) {
		uint64_t v = huge[i / 2 % (sizeof huge / sizeof huge[0])];
		size_t at = i / (2 * sizeof huge / sizeof huge[0]), n = 1;
		enum snap_code rc;

		bytes_clear(&in);
		bytes_put(&in, a->p, at);
		if (i % 2 == 0) {
			bytes_varint(&in, v);
		} else {
			bytes_u64(&in, v);
			n = a->len - at < 8 ? a->len - at : 8;
		}
		bytes_put(&in, a->p + at + n, a->len - at - n);
		assert_false(in.bad);
		rc = again_exact(which, bytes_span(&in), b);
		if (rc == SNAP_OK)
			assert_true(span_eq(bytes_span(&in), bytes_span(b)));
		else
			assert_int_equal(rc, SNAP_CORRUPT);
	}
	bytes_fini(&in);
}

/* What does not fit is refused before memory is asked for. */
static void
lengths_near_2_to_the_32_and_64_take_no_memory(void **state)
{
	(void)state;
	grown_begin();
	each_sample(stands_lengths);
	assert_in_range(grown_mib(), 0, 16);
}

static void
going_to_another_block_and_back_costs_few_bytes(void **state)
{
	static uint8_t ids[2][ID_LEN];
	struct extent e[300];
	struct recipe_span s = { 1, 0, 300, { 0 } };
	struct recipe r = { 2, 1, 300, ids, &s, e };
	struct bytes b;

	(void)state;
	/* Every seventh chunk was changed and lies in the other block. */
	for (uint32_t i = 0; i < 300; i += 2) {
		e[i] = (struct extent){ 0, i / 2 * 7, 6 };
		e[i + 1] = (struct extent){ 1, i / 2, 1 };
	}
	bytes_init(&b, LIMIT);
	recipe_encode(&r, &b);
	assert_false(b.bad);
	assert_true(b.len <= 64 + 300 * 3);
	bytes_fini(&b);
}

static void
properties_out_of_order_are_corrupt(void **state)
{
	struct note_body n;
	struct snap_err err;
	struct bytes b;

	(void)state;
	memset(&n, 0, sizeof n);
	n.n_props = 2;
	n.props[0].key = span_str("b");
	n.props[1].key = span_str("a");
	bytes_init(&b, LIMIT);
	note_encode(&n, &b);
	assert_int_equal(note_decode(bytes_span(&b), &n, &err), SNAP_CORRUPT);
	bytes_fini(&b);
}

static void
a_bitmap_with_bits_beyond_the_chunks_is_corrupt(void **state)
{
	static const uint8_t lens[] = { 1, 1, 1 };
	uint8_t in[8] = { 3, 0x0d };
	struct snap_err err;
	struct block b;

	(void)state;
	memcpy(in + 2, lens, sizeof lens);
	assert_int_equal(
	    block_decode(span_of(in, 7), true, &b, &err), SNAP_CORRUPT);
	in[1] = 5;
	assert_int_equal(block_decode(span_of(in, 7), true, &b, &err), SNAP_OK);
	assert_int_equal(b.offs[0], 0);
	assert_true(b.offs[1] == UINT32_MAX);
	assert_int_equal(b.offs[2], 1);
	block_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_was_encoded_decodes_and_encodes_to_the_same_bytes),
		cmocka_unit_test(a_cut_at_any_length_is_corrupt),
		cmocka_unit_test(a_byte_too_many_is_corrupt),
		cmocka_unit_test(
		    a_flipped_bit_never_crashes_nor_decodes_to_other_bytes),
		cmocka_unit_test(
		    a_huge_count_in_few_bytes_is_refused_before_it_is_allocated),
		cmocka_unit_test(
		    lengths_near_2_to_the_32_and_64_take_no_memory),
		cmocka_unit_test(
		    going_to_another_block_and_back_costs_few_bytes),
		cmocka_unit_test(properties_out_of_order_are_corrupt),
		cmocka_unit_test(
		    a_bitmap_with_bits_beyond_the_chunks_is_corrupt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
