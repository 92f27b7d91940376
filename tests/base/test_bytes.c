/* SPDX-License-Identifier: PostgreSQL */
/* test_bytes.c - appends are bounded, reads checked, fields little-endian. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"

static void
what_is_put_is_read_back(void **state)
{
	struct bytes b;
	struct cursor c;
	struct snap_err err;
	uint8_t two[2];

	(void)state;
	bytes_init(&b, 4096);
	bytes_u8(&b, 0xfe);
	bytes_u16(&b, 0x1234);
	bytes_u32(&b, 0xdeadbeef);
	bytes_u64(&b, 0x0102030405060708);
	bytes_put_str(&b, "text");
	bytes_printf(&b, "%d", 42);
	bytes_zero(&b, 2);
	assert_int_equal(bytes_check(&b, &err), SNAP_OK);
	assert_memory_equal(b.p, "\xfe\x34\x12\xef\xbe\xad\xde\x08", 8);
	cursor_init(&c, bytes_span(&b));
	assert_int_equal(cursor_u8(&c), 0xfe);
	assert_int_equal(cursor_u16(&c), 0x1234);
	assert_int_equal(cursor_u32(&c), 0xdeadbeef);
	assert_int_equal(cursor_u64(&c), 0x0102030405060708);
	assert_true(span_eq(cursor_span(&c, 6), span_str("text42")));
	assert_false(cursor_done(&c));
	cursor_copy(&c, two, 2);
	assert_memory_equal(two, "\0\0", 2);
	assert_true(cursor_done(&c));
	bytes_fini(&b);
}

static void
varints_of_every_length_are_read_back(void **state)
{
	struct bytes b;
	struct cursor c;

	(void)state;
	bytes_init(&b, 4096);
	for (unsigned i = 0; i < 64; i++) {
		bytes_varint(&b, (uint64_t)1 << i);
		bytes_varint(&b, ((uint64_t)1 << i) - 1);
	}
	bytes_varint(&b, UINT64_MAX);
	cursor_init(&c, bytes_span(&b));
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(cursor_varint(&c), (uint64_t)1 << i);
		assert_int_equal(cursor_varint(&c), ((uint64_t)1 << i) - 1);
	}
	assert_int_equal(cursor_varint(&c), UINT64_MAX);
	assert_true(cursor_done(&c));
	bytes_fini(&b);
}

static void
assert_bad_varint(const char *p, size_t len)
{
	struct cursor c;

	cursor_init(&c, span_of(p, len));
	assert_int_equal(cursor_varint(&c), 0);
	assert_true(c.bad);
	assert_int_equal(cursor_u8(&c), 0);
}

static void
varints_that_are_long_or_cut_off_are_bad(void **state)
{
	(void)state;
	assert_bad_varint("", 0);
	assert_bad_varint("\x80", 1);
	assert_bad_varint("\x80\x00", 2);
	assert_bad_varint("\xff\x80\x00\x01", 4);
	assert_bad_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
	assert_bad_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x01", 11);
}

static void
a_cursor_that_overran_stays_bad_and_reads_nothing(void **state)
{
	uint8_t out[4] = { 9, 9, 9, 9 };
	struct cursor c;

	(void)state;
	cursor_init(&c, span_of("\x01\x02\x03", 3));
	assert_int_equal(cursor_u32(&c), 0);
	assert_true(c.bad);
	assert_int_equal(cursor_u8(&c), 0);
	assert_int_equal(cursor_span(&c, 1).len, 0);
	cursor_copy(&c, out, 4);
	assert_memory_equal(out, "\0\0\0\0", 4);
	assert_false(cursor_done(&c));
	cursor_init(&c, span_of("abc", 3));
	assert_int_equal(cursor_span(&c, SIZE_MAX).len, 0);
	assert_true(c.bad);
}

static void
an_empty_cursor_is_done_and_takes_empty_reads(void **state)
{
	struct cursor c;

	(void)state;
	cursor_init(&c, span_of(NULL, 0));
	assert_int_equal(cursor_span(&c, 0).len, 0);
	cursor_copy(&c, NULL, 0);
	assert_true(cursor_done(&c));
}

static void
growth_stops_at_the_bound_and_the_failure_sticks(void **state)
{
	struct snap_err err;
	struct bytes b;

	(void)state;
	bytes_init(&b, 100);
	for (int i = 0; i < 100; i++)
		bytes_u8(&b, 1);
	assert_int_equal(bytes_check(&b, &err), SNAP_OK);
	assert_int_equal(b.len, 100);
	bytes_u8(&b, 1);
	assert_int_equal(bytes_check(&b, &err), SNAP_NOMEM);
	assert_int_equal(b.len, 100);
	assert_null(bytes_room(&b, 0));
	bytes_clear(&b);
	assert_int_equal(bytes_check(&b, &err), SNAP_OK);
	assert_null(bytes_room(&b, SIZE_MAX));
	assert_int_equal(bytes_check(&b, &err), SNAP_NOMEM);
	assert_int_equal(bytes_reserve(&b, 101, &err), SNAP_NOMEM);
	bytes_fini(&b);
}

static void
reserved_bytes_do_not_move(void **state)
{
	struct snap_err err;
	struct bytes b;
	uint8_t *p;

	(void)state;
	bytes_init(&b, 1 << 20);
	assert_int_equal(bytes_reserve(&b, 5000, &err), SNAP_OK);
	assert_int_equal(b.len, 0);
	p = b.p;
	bytes_zero(&b, 5000);
	assert_ptr_equal(p, b.p);
	bytes_fini_wipe(&b);
	assert_null(b.p);
	assert_int_equal(b.len, 0);
}

static void
printed_text_of_any_length_comes_whole(void **state)
{
	struct snap_err err;
	struct bytes b;

	(void)state;
	bytes_init(&b, 1000);
	bytes_printf(&b, "%01000d", 7);
	assert_int_equal(bytes_check(&b, &err), SNAP_OK);
	assert_int_equal(b.len, 1000);
	assert_int_equal(b.p[999], '7');
	bytes_printf(&b, "x");
	assert_int_equal(bytes_check(&b, &err), SNAP_NOMEM);
	bytes_fini(&b);
}

static void
spans_are_ordered_as_bytes_shorter_first(void **state)
{
	(void)state;
	assert_true(span_cmp(span_str("a"), span_str("b")) < 0);
	assert_true(span_cmp(span_str("a"), span_str("aa")) < 0);
	assert_true(span_cmp(span_str("\xff"), span_str("a")) > 0);
	assert_int_equal(span_cmp(span_of(NULL, 0), span_str("")), 0);
	assert_true(span_eq(span_of(NULL, 0), span_str("")));
	assert_false(span_eq(span_str("a"), span_str("")));
}

static void
hex_is_lower_case_and_of_exact_length(void **state)
{
	uint8_t in[3] = { 0x00, 0xaf, 0x19 }, out[3];
	char text[7];

	(void)state;
	hex_encode(in, 3, text);
	assert_string_equal(text, "00af19");
	assert_true(hex_decode(text, out, 3));
	assert_memory_equal(in, out, 3);
	assert_false(hex_decode("00af1", out, 3));
	assert_false(hex_decode("00af190", out, 3));
	assert_false(hex_decode("00AF19", out, 3));
	assert_false(hex_decode("", out, 3));
	assert_true(hex_decode("", out, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_read_back),
		cmocka_unit_test(varints_of_every_length_are_read_back),
		cmocka_unit_test(varints_that_are_long_or_cut_off_are_bad),
		cmocka_unit_test(
		    a_cursor_that_overran_stays_bad_and_reads_nothing),
		cmocka_unit_test(an_empty_cursor_is_done_and_takes_empty_reads),
		cmocka_unit_test(
		    growth_stops_at_the_bound_and_the_failure_sticks),
		cmocka_unit_test(reserved_bytes_do_not_move),
		cmocka_unit_test(printed_text_of_any_length_comes_whole),
		cmocka_unit_test(spans_are_ordered_as_bytes_shorter_first),
		cmocka_unit_test(hex_is_lower_case_and_of_exact_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
