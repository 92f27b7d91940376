/* SPDX-License-Identifier: PostgreSQL */
/* test_prf.c - SipHash against its authors' vector and another library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "bytes.h"
#include "prf.h"

/* Key 00..0f, message 00..0f: vector 16 of the reference implementation. */
static void
prf_of_the_reference_message_is_the_reference_vector(void **state)
{
	struct prf_key k = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };

	(void)state;
	assert_int_equal(prf16(&k, k.k0, k.k1), 0x3f2acc7f57c29bdbu);
}

static void
prf_agrees_with_libsodium(void **state)
{
	uint8_t key[16], msg[16], out[8];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		struct prf_key k;

		randombytes_buf(key, sizeof key);
		randombytes_buf(msg, sizeof msg);
		k.k0 = le64_get(key);
		k.k1 = le64_get(key + 8);
		crypto_shorthash(out, msg, sizeof msg, key);
		assert_int_equal(
		    prf16(&k, le64_get(msg), le64_get(msg + 8)), le64_get(out));
	}
}

static void
derived_words_depend_on_every_byte_of_the_key(void **state)
{
	uint8_t key[32] = { 0 };
	uint64_t base[4], w[4];

	(void)state;
	prf_derive(key, 1, base, 4);
	for (size_t i = 0; i < sizeof key; i++) {
		key[i] ^= 0x80;
		prf_derive(key, 1, w, 4);
		for (size_t j = 0; j < 4; j++)
			assert_int_not_equal(w[j], base[j]);
		key[i] ^= 0x80;
	}
}

/* Equal halves must not cancel each other out. */
static void
derived_words_of_a_key_of_zeros_differ_among_labels(void **state)
{
	const uint8_t key[32] = { 0 };
	uint64_t a[2], b[2];

	(void)state;
	prf_derive(key, 1, a, 2);
	prf_derive(key, 2, b, 2);
	assert_int_not_equal(a[0], 0);
	assert_int_not_equal(a[0], a[1]);
	assert_int_not_equal(a[0], b[0]);
	assert_int_not_equal(a[1], b[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    prf_of_the_reference_message_is_the_reference_vector),
		cmocka_unit_test(prf_agrees_with_libsodium),
		cmocka_unit_test(derived_words_depend_on_every_byte_of_the_key),
		cmocka_unit_test(
		    derived_words_of_a_key_of_zeros_differ_among_labels),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
