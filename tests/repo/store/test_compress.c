/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_compress.c - without a level asked for, the one that suits the data.
 */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "run.h"

#define BLOCK_BYTES (300u << 10)
#define N_BLOCKS 40
#define WORDS 2000u

enum data { NUMBERS, TEXT };

static uint32_t
next(uint64_t *seed, uint32_t below)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)((*seed >> 33) % below);
}

static void
put_row(struct bytes *b, uint64_t *seed, unsigned n)
{
	bytes_printf(b, "%u\t%u\t%u.%02u\t%u\t%c\n", n, next(seed, 100000),
	    next(seed, next(seed, 500) + 1), next(seed, 100), next(seed, 6),
	    next(seed, 10) == 0 ? 'f' : 't');
}

/* One of WORDS, the first ones more often. */
static void
put_word(struct bytes *b, uint64_t *seed)
{
	uint64_t word = next(seed, next(seed, WORDS) + 1);

	for (uint32_t n = 2 + (uint32_t)word % 7; n > 0; n--)
		bytes_u8(b, (uint8_t)('a' + next(&word, 26)));
	bytes_u8(b, ' ');
}

static void
fill(struct bytes *b, enum data data, unsigned i)
{
	uint64_t seed = i;

	for (unsigned n = 0; b->len < BLOCK_BYTES; n++) {
		if (data == NUMBERS)
			put_row(b, &seed, i * 10000 + n);
		else
			put_word(b, &seed);
	}
	assert_false(b->bad);
}

/* What N_BLOCKS of `first` and then of `second` take at a level. */
static uint64_t
stored_at(int level, enum data first, enum data second)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct frame_in f;
	struct bytes b;
	struct store *s;
	struct world w;
	struct run *r;
	uint8_t id[ID_LEN];
	uint64_t stored;

	world_open(&w, 1u << 20);
	s = open_store(&w, NULL);
	s->zstd_level = level;
	assert_int_equal(run_begin(s, &r, &err), SNAP_OK);
	bytes_init(&b, 2 * BLOCK_BYTES);
	for (unsigned i = 0; i < 2 * N_BLOCKS; i++) {
		bytes_clear(&b);
		fill(&b, i < N_BLOCKS ? first : second, i + 1);
		memset(&f, 0, sizeof f);
		f.class = CLASS_RECIPE;
		f.id[0] = (uint8_t)(i + 1);
		f.plain = bytes_span(&b);
		assert_int_equal(run_add(r, &f, &err), SNAP_OK);
	}
	bytes_fini(&b);
	assert_int_equal(commit(r, id, &err), SNAP_OK);
	stored = run_stored(r);
	run_free(r);
	store_close(s);
	world_close(&w);
	return stored;
}

static void
the_level_follows_the_data(void **state)
{
	uint64_t got = stored_at(0, NUMBERS, TEXT);
	uint64_t one = stored_at(1, NUMBERS, TEXT);
	uint64_t three = stored_at(3, NUMBERS, TEXT);

	(void)state;
	assert_true(got < one - one / 50);
	assert_true(got < three - three / 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_level_follows_the_data),
	};

	return cmocka_run_group_tests_name("compression", tests, NULL, NULL);
}
