/* SPDX-License-Identifier: PostgreSQL */
/* test_seal.c - what a sealed body is bound to, and who can open it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "seal.h"

#define LIMIT 65536
#define ROUNDS 500

static struct keys *owner;

static int
setup(void **state)
{
	static const uint8_t rs[KEY_BYTES] = { 1 }, repo[ID_BYTES] = { 2 };
	struct snap_err err;

	(void)state;
	if (keys_library_init(&err) != SNAP_OK)
		return -1;
	return keys_from_secret(rs, repo, 3, &owner, &err) == SNAP_OK ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	keys_free(owner);
	return 0;
}

static const struct frame_context context = { { 2 }, 3, 1, { 9 }, 5, { 0 } };

static enum snap_code
try_open(const struct frame_context *c, const struct bytes *sealed)
{
	struct snap_err err;
	struct bytes out;
	enum snap_code rc;

	bytes_init(&out, LIMIT);
	rc = open_frame(owner->meta, c, bytes_span(sealed), &out, &err);
	if (rc != SNAP_OK)
		assert_int_equal(out.len, 0);
	else
		assert_memory_equal(out.p, "plain", 5);
	bytes_fini(&out);
	return rc;
}

static void
a_frame_opens_only_in_the_context_it_was_sealed_in(void **state)
{
	struct frame_context c[7];
	struct snap_err err;
	struct bytes b;

	(void)state;
	bytes_init(&b, LIMIT);
	assert_int_equal(
	    seal_frame(owner->meta, &context, span_str("plain"), &b, &err),
	    SNAP_OK);
	assert_int_equal(b.len, 5 + SEAL_OVERHEAD);
	for (size_t i = 0; i < 7; i++)
		c[i] = context;
	assert_int_equal(try_open(&c[0], &b), SNAP_OK);
	c[1].repo_id[0] ^= 1;
	c[2].epoch ^= 1;
	c[3].class ^= 3;
	c[4].id[15] ^= 1;
	c[5].plain_len ^= 1;
	c[6].bitmap_hash[0] ^= 1;
	for (size_t i = 1; i < 7; i++)
		assert_int_equal(try_open(&c[i], &b), SNAP_CORRUPT);
	bytes_fini(&b);
}

static void
a_damaged_or_cut_frame_does_not_open(void **state)
{
	struct snap_err err;
	struct bytes b;

	(void)state;
	bytes_init(&b, LIMIT);
	assert_int_equal(
	    seal_frame(owner->meta, &context, span_str("plain"), &b, &err),
	    SNAP_OK);
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(try_open(&context, &b), SNAP_CORRUPT);
		b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	while (b.len-- > 0)
		assert_int_equal(try_open(&context, &b), SNAP_CORRUPT);
	b.len = 0;
	bytes_fini(&b);
}

static int
compare_salts(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static void
no_two_bodies_are_sealed_alike(void **state)
{
	static uint8_t salts[ROUNDS][16];
	struct snap_err err;
	struct bytes b, first;

	(void)state;
	bytes_init(&b, LIMIT);
	bytes_init(&first, LIMIT);
	for (size_t i = 0; i < ROUNDS; i++) {
		bytes_clear(&b);
		assert_int_equal(seal_frame(owner->meta, &context,
				     span_str("plain"), &b, &err),
		    SNAP_OK);
		memcpy(salts[i], b.p, 16);
		if (i == 0)
			bytes_put_span(&first, bytes_span(&b));
		else
			assert_memory_not_equal(first.p + 16, b.p + 16, 5);
	}
	qsort(salts, ROUNDS, 16, compare_salts);
	for (size_t i = 1; i < ROUNDS; i++)
		assert_memory_not_equal(salts[i - 1], salts[i], 16);
	bytes_fini(&b);
	bytes_fini(&first);
}

/* ---- a generator that says the same twice: a machine resumed from an image */
static const char *
same_name(void)
{
	return "the same again";
}

static uint32_t
same_number(void)
{
	return 7;
}

static void
same_bytes(void *const buf, const size_t size)
{
	memset(buf, 7, size);
}

static void
bytes_that_differ_get_other_salts_where_the_random_ones_repeat(void **state)
{
	static struct randombytes_implementation same = { same_name,
		same_number, NULL, NULL, same_bytes, NULL };
	uint8_t header[64] = { 0x89, [48] = 3 };
	struct frame_context other = context;
	struct bytes b[6];
	struct snap_err err;

	(void)state;
	for (size_t i = 0; i < 6; i++)
		bytes_init(&b[i], LIMIT);
	other.bitmap_hash[3] ^= 1;
	assert_int_equal(randombytes_set_implementation(&same), 0);
	assert_int_equal(
	    seal_frame(owner->meta, &context, span_str("plain"), &b[0], &err),
	    SNAP_OK);
	assert_int_equal(
	    seal_frame(owner->meta, &context, span_str("plaim"), &b[1], &err),
	    SNAP_OK);
	assert_int_equal(
	    seal_frame(owner->meta, &other, span_str("plain"), &b[2], &err),
	    SNAP_OK);
	assert_int_equal(seal_body(owner, span_of(header, 64),
			     span_str("plain"), &b[3], &err),
	    SNAP_OK);
	assert_int_equal(seal_body(owner, span_of(header, 64),
			     span_str("plaim"), &b[4], &err),
	    SNAP_OK);
	header[60] = 1;
	assert_int_equal(seal_body(owner, span_of(header, 64),
			     span_str("plain"), &b[5], &err),
	    SNAP_OK);
	assert_int_equal(randombytes_set_implementation(
			     &randombytes_sysrandom_implementation),
	    0);
	for (size_t i = 0; i < 6; i++)
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(b[i].p, b[k].p, 16);
	for (size_t i = 0; i < 6; i++)
		bytes_fini(&b[i]);
}

static void
a_body_is_bound_to_every_byte_of_its_header(void **state)
{
	uint8_t header[64] = { 0x89, [48] = 3 };
	struct bytes b, out;
	struct snap_err err;

	(void)state;
	bytes_init(&b, LIMIT);
	bytes_init(&out, LIMIT);
	assert_int_equal(
	    seal_body(owner, span_of(header, 64), span_str("plain"), &b, &err),
	    SNAP_OK);
	for (size_t i = 0; i < 64; i++) {
		header[i] ^= 1;
		assert_int_equal(open_body(owner, span_of(header, 64),
				     bytes_span(&b), &out, &err),
		    SNAP_CORRUPT);
		header[i] ^= 1;
	}
	assert_int_equal(out.len, 0);
	assert_int_equal(
	    open_body(owner, span_of(header, 64), bytes_span(&b), &out, &err),
	    SNAP_OK);
	assert_true(span_eq(bytes_span(&out), span_str("plain")));
	assert_int_equal(
	    seal_body(owner, span_of(header, 63), span_str("plain"), &b, &err),
	    SNAP_USAGE);
	bytes_fini(&b);
	bytes_fini(&out);
}

static void
a_host_key_seals_sessions_that_only_an_owner_opens(void **state)
{
	struct keys *host = keys_secret_alloc(sizeof *host);
	struct session s, again;
	struct snap_err err;

	(void)state;
	assert_non_null(host);
	assert_false(host->owner);
	host->epoch = 3;
	memcpy(host->data_pk, owner->data_pk, sizeof host->data_pk);
	assert_int_equal(session_new(host, &s, &err), SNAP_OK);
	again = s;
	memset(again.key, 0, sizeof again.key);
	assert_int_equal(session_open(host, &again, &err), SNAP_DENIED);
	assert_int_equal(session_open(owner, &again, &err), SNAP_OK);
	assert_memory_equal(again.key, s.key, KEY_BYTES);
	again.sealed[40] ^= 1;
	assert_int_equal(session_open(owner, &again, &err), SNAP_CORRUPT);
	again.epoch = 4;
	assert_int_equal(session_open(owner, &again, &err), SNAP_CORRUPT);
	keys_free(host);
}

static void
a_signature_is_of_one_message_and_one_key(void **state)
{
	uint8_t sig[SIG_BYTES];

	(void)state;
	keys_sign(owner, span_str("message"), sig);
	assert_true(keys_verify(owner->maint_pk, span_str("message"), sig));
	assert_false(keys_verify(owner->maint_pk, span_str("massage"), sig));
	assert_false(keys_verify(owner->data_pk, span_str("message"), sig));
	sig[63] ^= 1;
	assert_false(keys_verify(owner->maint_pk, span_str("message"), sig));
}

/* Deduplication must survive a rotation; secrecy of new data needs one. */
static void
a_rotation_changes_the_sealing_keys_and_not_the_names(void **state)
{
	static const uint8_t rs[KEY_BYTES] = { 1 }, repo[ID_BYTES] = { 2 };
	struct keys *k = NULL;
	struct snap_err err;

	(void)state;
	assert_int_equal(keys_from_secret(rs, repo, 4, &k, &err), SNAP_OK);
	assert_memory_equal(k->chunk, owner->chunk, KEY_BYTES);
	assert_memory_equal(k->cutter, owner->cutter, KEY_BYTES);
	assert_memory_equal(k->meta_id, owner->meta_id, KEY_BYTES);
	assert_memory_equal(k->config_mac, owner->config_mac, KEY_BYTES);
	assert_memory_not_equal(k->meta, owner->meta, KEY_BYTES);
	assert_memory_not_equal(k->data_pk, owner->data_pk, 32);
	assert_memory_not_equal(k->maint_pk, owner->maint_pk, 32);
	keys_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_frame_opens_only_in_the_context_it_was_sealed_in),
		cmocka_unit_test(a_damaged_or_cut_frame_does_not_open),
		cmocka_unit_test(no_two_bodies_are_sealed_alike),
		cmocka_unit_test(
		    bytes_that_differ_get_other_salts_where_the_random_ones_repeat),
		cmocka_unit_test(a_body_is_bound_to_every_byte_of_its_header),
		cmocka_unit_test(
		    a_host_key_seals_sessions_that_only_an_owner_opens),
		cmocka_unit_test(a_signature_is_of_one_message_and_one_key),
		cmocka_unit_test(
		    a_rotation_changes_the_sealing_keys_and_not_the_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
