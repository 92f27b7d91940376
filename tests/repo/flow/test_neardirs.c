/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_neardirs.c - the table of near chunks against a list that is searched
 * from its end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "neardirs.h"

#define CAP 12u
#define ROUNDS 3000
#define CHUNKS 60u

struct known {
	uint8_t id[ID_LEN];
	uint8_t (*hashes)[ID_LEN];
	uint32_t n;
	uint64_t added, used;
};

static uint32_t
draw(uint64_t *x, uint32_t below)
{
	*x = *x * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(*x >> 33) % below;
}

/* Few lines, few tags: what differs beyond them is told by the bytes alone. */
static void
make_hash(uint64_t *x, uint8_t out[ID_LEN])
{
	memset(out, 0, ID_LEN);
	out[0] = (uint8_t)draw(x, 40);
	out[8] = (uint8_t)draw(x, 3);
	out[12] = (uint8_t)draw(x, 3);
}

static void
make_directory(uint64_t *x, uint32_t n, struct directory *d)
{
	d->n = n;
	d->hashes = malloc((size_t)n * ID_LEN);
	assert_non_null(d->hashes);
	for (uint32_t i = 0; i < n; i++)
		make_hash(x, d->hashes[i]);
}

/* Of the same hash: the newest directory, its first chunk. */
static const struct known *
search(const struct known *v, const uint8_t *hash, uint32_t *chunk)
{
	const struct known *best = NULL;

	for (uint32_t k = 0; k < CAP; k++)
		for (uint32_t i = v[k].n; i-- > 0;)
			if (memcmp(v[k].hashes[i], hash, ID_LEN) == 0 &&
			    (best == NULL || v[k].added >= best->added)) {
				best = &v[k];
				*chunk = i;
			}
	return best;
}

static void
forget(struct known *k)
{
	free(k->hashes);
	memset(k, 0, sizeof *k);
}

static void
add(struct neardirs *n, struct known *v, uint64_t *x, uint64_t now)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct directory d;
	uint32_t to = 0, slot;

	for (uint32_t k = 0; k < CAP; k++)
		if (v[k].used < v[to].used)
			to = k;
	forget(&v[to]);
	make_directory(x, 1 + draw(x, CHUNKS), &d);
	v[to].n = d.n;
	v[to].hashes = malloc((size_t)d.n * ID_LEN);
	assert_non_null(v[to].hashes);
	memcpy(v[to].hashes, d.hashes, (size_t)d.n * ID_LEN);
	v[to].added = v[to].used = now;
	memcpy(v[to].id, &now, sizeof now);
	assert_int_equal(
	    neardirs_add(n, v[to].id, &d, false, &slot, &err), SNAP_OK);
	assert_null(d.hashes);
}

/* About half of its chunks may be found no more. */
static void
limit(struct neardirs *n, uint32_t slot, struct known *k, uint64_t *x)
{
	uint8_t bitmap[(CHUNKS + 7) / 8];
	uint32_t bits = draw(x, k->n + 1);
	bool any = false;

	for (size_t i = 0; i < sizeof bitmap; i++)
		bitmap[i] = (uint8_t)draw(x, 256);
	neardirs_limit(n, slot, bitmap, bits);
	for (uint32_t i = 0; i < k->n; i++)
		if (i >= bits || (bitmap[i / 8] >> i % 8 & 1) == 0)
			memset(k->hashes[i], 0xff, ID_LEN);
		else
			any |= k->hashes[i][0] != 0xff;
	if (!any)
		forget(k);
}

static void
what_is_found_is_what_a_search_finds(void **state)
{
	struct known v[CAP];
	struct snap_err err = SNAP_ERR_INIT;
	struct neardirs *n = NULL;
	uint64_t x = 1;

	(void)state;
	memset(v, 0, sizeof v);
	assert_int_equal(neardirs_new(CAP, CHUNKS, &n, &err), SNAP_OK);
	for (uint64_t now = 1; now < ROUNDS; now++) {
		struct known *k = &v[draw(&x, CAP)];
		uint32_t what = draw(&x, 5), slot = neardirs_slot(n, k->id);

		assert_int_equal(slot != NEARDIRS_NONE, k->n != 0);
		if (what == 0 && k->n != 0) {
			neardirs_drop(n, slot);
			forget(k);
		} else if (what == 1 && k->n != 0) {
			neardirs_touch(n, slot);
			k->used = now;
		} else if (what == 2 && k->n != 0) {
			limit(n, slot, k, &x);
		} else {
			add(n, v, &x, now);
		}
		for (unsigned i = 0; i < 50; i++) {
			const struct known *want;
			struct place p = { 0, 0 };
			uint8_t hash[ID_LEN];
			uint32_t chunk = 0;

			make_hash(&x, hash);
			want = search(v, hash, &chunk);
			assert_int_equal(
			    neardirs_find(n, hash, &p), want != NULL);
			if (want == NULL)
				continue;
			assert_memory_equal(
			    neardirs_id(n, p.slot), want->id, ID_LEN);
			assert_int_equal(p.chunk, chunk);
		}
	}
	for (uint32_t k = 0; k < CAP; k++)
		forget(&v[k]);
	neardirs_free(n);
}

/* Directories of the largest size: fewer stay, and all of their chunks. */
static void
a_table_that_is_full_drops_whole_directories(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct neardirs *n = NULL;
	uint32_t slot, stay = 0;
	uint64_t x = 1;

	(void)state;
	assert_int_equal(neardirs_new(CAP, 1, &n, &err), SNAP_OK);
	for (unsigned round = 1; round <= CAP; round++) {
		uint8_t id[ID_LEN] = { (uint8_t)round };
		struct directory d;

		make_directory(&x, BLOCK_CHUNKS_MAX, &d);
		for (uint32_t i = 0; i < d.n; i++)
			for (unsigned b = 0; b < ID_LEN; b++)
				d.hashes[i][b] = (uint8_t)draw(&x, 256);
		assert_int_equal(
		    neardirs_add(n, id, &d, false, &slot, &err), SNAP_OK);
	}
	for (unsigned round = 1; round <= CAP; round++) {
		uint8_t id[ID_LEN] = { (uint8_t)round };

		stay += neardirs_slot(n, id) != NEARDIRS_NONE;
		assert_true(stay == 0 || neardirs_slot(n, id) != NEARDIRS_NONE);
	}
	assert_in_range(stay, 1, CAP - 1);
	neardirs_free(n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_found_is_what_a_search_finds),
		cmocka_unit_test(a_table_that_is_full_drops_whole_directories),
	};

	return cmocka_run_group_tests_name(
	    "near directories", tests, NULL, NULL);
}
