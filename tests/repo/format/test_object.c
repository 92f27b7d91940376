/* SPDX-License-Identifier: PostgreSQL */
/* test_object.c - the shell around an object: header, trailer, padding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format.h"

#define LIMIT 65536

static void
make(struct bytes *b, size_t before, size_t contents)
{
	struct header h = { OBJ_DATA, 0, { 1, 2, 3 }, { 4, 5 }, 7 };
	uint8_t head[HEADER_LEN];

	bytes_init(b, LIMIT);
	header_encode(&h, head);
	bytes_put(b, head, sizeof head);
	bytes_zero(b, before);
	for (size_t i = 0; i < contents; i++)
		bytes_u8(b, (uint8_t)(i + 1));
	object_finish(b, HEADER_LEN + before);
	assert_false(b->bad);
}

static void
an_object_gives_back_header_and_contents(void **state)
{
	struct snap_err err;
	struct object o;
	struct bytes b;

	(void)state;
	make(&b, 10, 5);
	assert_int_equal(b.len, HEADER_LEN + 15 + TRAILER_LEN);
	assert_int_equal(object_parse(bytes_span(&b), &o, &err), SNAP_OK);
	assert_int_equal(o.header.kind, OBJ_DATA);
	assert_int_equal(o.header.epoch, 7);
	assert_int_equal(o.header.id[2], 3);
	assert_int_equal(o.header.repo_id[1], 5);
	assert_int_equal(o.payload.len, 15);
	assert_int_equal(o.contents.len, 5);
	assert_int_equal(o.contents.p[0], 1);
	bytes_fini(&b);
}

static void
only_packs_have_anything_before_their_contents(void **state)
{
	static const char kinds[] = "CKHEISOXYNF";
	uint8_t head[HEADER_LEN];
	struct snap_err err;
	struct object o;
	struct bytes b;

	(void)state;
	for (size_t i = 0; kinds[i] != 0; i++)
		for (size_t before = 0; before < 2; before++) {
			struct header h = { (uint8_t)kinds[i], 0, { 1 }, { 2 },
				1 };

			bytes_init(&b, LIMIT);
			header_encode(&h, head);
			bytes_put(&b, head, sizeof head);
			bytes_zero(&b, before + 9);
			object_finish(&b, HEADER_LEN + before);
			assert_int_equal(object_parse(bytes_span(&b), &o, &err),
			    before == 0 ? SNAP_OK : SNAP_CORRUPT);
			bytes_fini(&b);
		}
}

static void
any_flipped_bit_or_cut_of_an_object_is_refused(void **state)
{
	struct snap_err err;
	struct object o;
	struct bytes b;

	(void)state;
	make(&b, 3, 40);
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		enum snap_code rc;

		b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		rc = object_parse(bytes_span(&b), &o, &err);
		assert_true(rc == SNAP_CORRUPT || rc == SNAP_UNSUPPORTED);
		b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < b.len; len++) {
		uint8_t *p = malloc(len == 0 ? 1 : len);

		assert_non_null(p);
		memcpy(p, b.p, len);
		assert_int_equal(
		    object_parse(span_of(p, len), &o, &err), SNAP_CORRUPT);
		free(p);
	}
	bytes_fini(&b);
}

static void
a_trailer_alone_tells_where_the_contents_lie(void **state)
{
	struct snap_err err;
	uint64_t off;
	uint32_t len;
	struct bytes b;
	struct span t;

	(void)state;
	make(&b, 100, 20);
	t = span_of(b.p + b.len - TRAILER_LEN, TRAILER_LEN);
	assert_int_equal(trailer_decode(t, b.len, &off, &len, &err), SNAP_OK);
	assert_int_equal(off, HEADER_LEN + 100);
	assert_int_equal(len, 20);
	assert_int_equal(
	    trailer_decode(t, b.len + 1, &off, &len, &err), SNAP_CORRUPT);
	bytes_fini(&b);
}

static void
a_newer_version_or_an_unknown_feature_is_unsupported(void **state)
{
	struct header h = { OBJ_NOTE, 0, { 0 }, { 0 }, 0 }, got;
	uint8_t head[HEADER_LEN];
	struct snap_err err;

	(void)state;
	header_encode(&h, head);
	head[9] = 2;
	assert_int_equal(
	    header_decode(span_of(head, 64), &got, &err), SNAP_UNSUPPORTED);
	h.incompat = 4;
	header_encode(&h, head);
	assert_int_equal(
	    header_decode(span_of(head, 64), &got, &err), SNAP_UNSUPPORTED);
	h.incompat = 0;
	h.kind = 'Z';
	header_encode(&h, head);
	assert_int_equal(
	    header_decode(span_of(head, 64), &got, &err), SNAP_CORRUPT);
}

static void
rot_is_not_taken_for_a_newer_version(void **state)
{
	struct snap_err err;
	struct object o;
	struct bytes b;

	(void)state;
	make(&b, 10, 5);
	b.p[b.len - TRAILER_LEN + 20] ^= 2; /* the trailer's version */
	assert_int_equal(object_parse(bytes_span(&b), &o, &err), SNAP_CORRUPT);
	b.p[b.len - TRAILER_LEN + 20] ^= 2;
	b.p[9] ^= 2; /* the header's */
	assert_int_equal(object_parse(bytes_span(&b), &o, &err), SNAP_CORRUPT);
	b.len -= TRAILER_LEN;
	object_finish(&b, HEADER_LEN + 10);
	assert_int_equal(
	    object_parse(bytes_span(&b), &o, &err), SNAP_UNSUPPORTED);
	bytes_fini(&b);
}

/* Values of the paper's definition, computed by hand. */
static void
padme_pads_by_at_most_twelve_per_cent(void **state)
{
	(void)state;
	assert_int_equal(padme(0), 0);
	assert_int_equal(padme(1), 1);
	assert_int_equal(padme(9), 10);
	assert_int_equal(padme(100), 104);
	assert_int_equal(padme(1000), 1024);
	assert_int_equal(padme(65537), 67584);
	for (uint64_t n = 2; n < 100000; n++) {
		uint64_t p = padme(n);

		assert_true(p >= n && p * 100 <= n * 112 + 100);
		assert_true(padme(p) == p);
	}
	assert_true(padme(UINT64_MAX) == UINT64_MAX);
}

static void
what_is_signed_names_the_header_too(void **state)
{
	struct bytes a, b;

	(void)state;
	bytes_init(&a, LIMIT);
	bytes_init(&b, LIMIT);
	signed_message(span_str("head"), span_str("body"), &a);
	signed_message(span_str("haed"), span_str("body"), &b);
	assert_int_equal(a.len, 16 + 8);
	assert_false(span_eq(bytes_span(&a), bytes_span(&b)));
	bytes_fini(&a);
	bytes_fini(&b);
}

static void
an_unsigned_body_says_so(void **state)
{
	struct snap_err err;
	struct body body;
	struct bytes b;

	(void)state;
	bytes_init(&b, LIMIT);
	body_wrap(span_str("text"), NULL, NULL, &b);
	assert_int_equal(body_unwrap(bytes_span(&b), &body, &err), SNAP_OK);
	assert_false(body.is_signed);
	assert_null(body.sig);
	assert_true(span_eq(body.body, span_str("text")));
	bytes_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_gives_back_header_and_contents),
		cmocka_unit_test(
		    only_packs_have_anything_before_their_contents),
		cmocka_unit_test(
		    any_flipped_bit_or_cut_of_an_object_is_refused),
		cmocka_unit_test(a_trailer_alone_tells_where_the_contents_lie),
		cmocka_unit_test(
		    a_newer_version_or_an_unknown_feature_is_unsupported),
		cmocka_unit_test(rot_is_not_taken_for_a_newer_version),
		cmocka_unit_test(padme_pads_by_at_most_twelve_per_cent),
		cmocka_unit_test(what_is_signed_names_the_header_too),
		cmocka_unit_test(an_unsigned_body_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
