/* SPDX-License-Identifier: PostgreSQL */
/*
 * blake2many.c - which message is in which lane.
 *
 * A lane whose message is done takes the next one at once, so messages of any
 * lengths keep all lanes busy until the last few.
 */
#include <string.h>

#include <sodium.h>

#include "blake2many.h"
#include "bytes.h"

/* Parameter block, first word: digest, key, fanout 1, depth 1. */
#define PARAMS                                                                 \
	((uint64_t)BLAKE2_OUT | (uint64_t)BLAKE2_KEY << 8 |                    \
	    UINT64_C(0x01010000))
#define NOBODY SIZE_MAX

const uint64_t blake2_iv[8] = { UINT64_C(0x6a09e667f3bcc908),
	UINT64_C(0xbb67ae8584caa73b), UINT64_C(0x3c6ef372fe94f82b),
	UINT64_C(0xa54ff53a5f1d36f1), UINT64_C(0x510e527fade682d1),
	UINT64_C(0x9b05688c2b3e6c1f), UINT64_C(0x1f83d9abfb41bd6b),
	UINT64_C(0x5be0cd19137e2179) };

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
static const struct blake2_impl avx512 = { "avx512", 8,
	blake2_compress_avx512 };
static const struct blake2_impl avx2 = { "avx2", 4, blake2_compress_avx2 };

const struct blake2_impl *
blake2_by_name(const char *name)
{
	__builtin_cpu_init();
	if (strcmp(name, avx512.name) == 0 && __builtin_cpu_supports("avx512f"))
		return &avx512;
	if (strcmp(name, avx2.name) == 0 && __builtin_cpu_supports("avx2"))
		return &avx2;
	return NULL;
}
#else
const struct blake2_impl *
blake2_by_name(const char *name)
{
	(void)name;
	return NULL;
}
#endif

const struct blake2_impl *
blake2_best(void)
{
	const struct blake2_impl *impl = blake2_by_name("avx512");

	return impl != NULL ? impl : blake2_by_name("avx2");
}

/* The messages of a batch, and who of them is where. */
struct batch {
	const struct blake2_impl *impl;
	struct blake2_lanes l;
	uint64_t keyed[8]; /* the state behind the key's block */
	struct {
		const uint8_t *at;
		size_t left;
		size_t message; /* NOBODY = idle */
		uint8_t tail[BLAKE2_BLOCK];
	} lane[BLAKE2_LANES];
	const uint8_t *next;
	const uint32_t *lens;
	size_t n, n_begun, n_done;
};

/* The key is the first block of every message: compress it once. */
static void
absorb_key(struct batch *b, const uint8_t key[BLAKE2_KEY])
{
	uint8_t block[BLAKE2_BLOCK] = { 0 };

	memcpy(block, key, BLAKE2_KEY);
	for (unsigned i = 0; i < b->impl->n_lanes; i++) {
		b->l.block[i] = block;
		b->l.t[i] = BLAKE2_BLOCK;
		b->l.f[i] = 0;
		for (unsigned w = 0; w < 8; w++)
			b->l.h[w][i] = blake2_iv[w] ^ (w == 0 ? PARAMS : 0);
	}
	b->impl->compress(&b->l);
	for (unsigned w = 0; w < 8; w++)
		b->keyed[w] = b->l.h[w][0];
	sodium_memzero(block, sizeof block);
}

static void
next_message(struct batch *b, unsigned i)
{
	if (b->n_begun == b->n) {
		b->lane[i].message = NOBODY;
		b->l.block[i] = b->lane[i].tail; /* whatever is there */
		return;
	}
	b->lane[i].message = b->n_begun;
	b->lane[i].at = b->next;
	b->lane[i].left = b->lens[b->n_begun];
	b->next += b->lens[b->n_begun];
	b->n_begun++;
	b->l.t[i] = BLAKE2_BLOCK;
	for (unsigned w = 0; w < 8; w++)
		b->l.h[w][i] = b->keyed[w];
}

/* Point lane i at its next block. */
static void
next_block(struct batch *b, unsigned i)
{
	size_t left = b->lane[i].left;

	if (b->lane[i].message == NOBODY)
		return;
	if (left > BLAKE2_BLOCK) {
		b->l.block[i] = b->lane[i].at;
		b->l.f[i] = 0;
		b->l.t[i] += BLAKE2_BLOCK;
		b->lane[i].at += BLAKE2_BLOCK;
		b->lane[i].left -= BLAKE2_BLOCK;
		return;
	}
	memcpy(b->lane[i].tail, b->lane[i].at, left);
	memset(b->lane[i].tail + left, 0, BLAKE2_BLOCK - left);
	b->l.block[i] = b->lane[i].tail;
	b->l.f[i] = UINT64_MAX;
	b->l.t[i] += left;
	b->lane[i].left = 0;
}

static void
put_digest(struct batch *b, unsigned i, uint8_t *out)
{
	le64_put(out, b->l.h[0][i]);
	le64_put(out + 8, b->l.h[1][i]);
}

void
blake2_many(const struct blake2_impl *impl, const uint8_t key[BLAKE2_KEY],
    const uint8_t *data, const uint32_t *lens, size_t n,
    uint8_t (*out)[BLAKE2_OUT])
{
	struct batch b;

	b.impl = impl;
	b.next = data;
	b.lens = lens;
	b.n = n;
	b.n_begun = b.n_done = 0;
	absorb_key(&b, key);
	for (unsigned i = 0; i < impl->n_lanes; i++) {
		memset(b.lane[i].tail, 0, BLAKE2_BLOCK);
		next_message(&b, i);
	}
	while (b.n_done < n) {
		for (unsigned i = 0; i < impl->n_lanes; i++)
			next_block(&b, i);
		impl->compress(&b.l);
		for (unsigned i = 0; i < impl->n_lanes; i++) {
			if (b.lane[i].message == NOBODY || b.lane[i].left > 0)
				continue;
			put_digest(&b, i, out[b.lane[i].message]);
			b.n_done++;
			next_message(&b, i);
		}
	}
	sodium_memzero(&b, sizeof b);
}
