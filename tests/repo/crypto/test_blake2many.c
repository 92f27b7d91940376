/* SPDX-License-Identifier: PostgreSQL */
/* test_blake2many.c - the digests of many lanes are those of libsodium. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "blake2many.h"

#define MAX_N 300
#define MAX_LEN 5000

static const char *const names[] = { "avx2", "avx512" };

static void
same_as_libsodium(const uint32_t *lens, size_t n)
{
	uint8_t(*got)[BLAKE2_OUT] = calloc(n + 1, sizeof *got);
	const struct blake2_impl *impl;
	uint8_t key[BLAKE2_KEY], want[BLAKE2_OUT], *data;
	size_t total = 0, at;

	for (size_t i = 0; i < n; i++)
		total += lens[i];
	data = malloc(total + 1); /* exact, for the address sanitizer */
	assert_non_null(got);
	assert_non_null(data);
	randombytes_buf(data, total);
	randombytes_buf(key, sizeof key);
	for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
		impl = blake2_by_name(names[k]);
		if (impl == NULL)
			continue;
		memset(got, 0xee, (n + 1) * sizeof *got);
		blake2_many(impl, key, data, lens, n, got);
		at = 0;
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(
			    crypto_generichash_blake2b(want, sizeof want,
				data + at, lens[i], key, sizeof key),
			    0);
			assert_memory_equal(got[i], want, sizeof want);
			at += lens[i];
		}
		for (size_t i = 0; i < BLAKE2_OUT; i++)
			assert_int_equal(got[n][i], 0xee);
	}
	free(data);
	free(got);
}

static void
every_length_around_the_blocks_is_hashed_right(void **state)
{
	uint32_t lens[600];

	(void)state;
	for (uint32_t i = 0; i < 600; i++)
		lens[i] = i + 1;
	same_as_libsodium(lens, 600);
}

static void
any_number_of_messages_is_hashed_right(void **state)
{
	uint32_t lens[40] = { 0 };

	(void)state;
	for (size_t n = 0; n <= 40; n++) {
		for (size_t i = 0; i < n; i++)
			lens[i] = 1 + randombytes_uniform(400);
		same_as_libsodium(lens, n);
	}
}

static void
random_batches_are_hashed_right(void **state)
{
	uint32_t lens[MAX_N];

	(void)state;
	for (int round = 0; round < 50; round++) {
		size_t n = 1 + randombytes_uniform(MAX_N);

		for (size_t i = 0; i < n; i++)
			lens[i] =
			    1 + randombytes_uniform(i % 7 == 0 ? MAX_LEN : 700);
		same_as_libsodium(lens, n);
	}
}

static void
the_best_one_is_one_of_them(void **state)
{
	const struct blake2_impl *best = blake2_best();

	(void)state;
	assert_null(blake2_by_name("no such"));
	if (best == NULL)
		print_message("no vector unit that is known here\n");
	else
		assert_ptr_equal(best, blake2_by_name(best->name));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_length_around_the_blocks_is_hashed_right),
		cmocka_unit_test(any_number_of_messages_is_hashed_right),
		cmocka_unit_test(random_batches_are_hashed_right),
		cmocka_unit_test(the_best_one_is_one_of_them),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
