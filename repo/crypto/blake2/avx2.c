/* SPDX-License-Identifier: PostgreSQL */
/* avx2.c - BLAKE2b's compression in four lanes of 64 bits. */
#include "blake2many.h"
#include "rounds.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))

TARGET static inline __m256i
ror32(__m256i x)
{
	return _mm256_shuffle_epi32(x, _MM_SHUFFLE(2, 3, 0, 1));
}

TARGET static inline __m256i
ror24(__m256i x)
{
	return _mm256_shuffle_epi8(x,
	    _mm256_setr_epi8(3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9,
		10, 3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10));
}

TARGET static inline __m256i
ror16(__m256i x)
{
	return _mm256_shuffle_epi8(
	    x, _mm256_setr_epi8(2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15,
		   8, 9, 2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9));
}

TARGET static inline __m256i
ror63(__m256i x)
{
	return _mm256_or_si256(
	    _mm256_srli_epi64(x, 63), _mm256_add_epi64(x, x));
}

/* Words 4g to 4g + 3 of each lane's block, a vector per word. */
TARGET static inline void
load_words(const struct blake2_lanes *l, unsigned g, __m256i *m)
{
	__m256i r[4], u[4];

	for (unsigned i = 0; i < 4; i++)
		r[i] = _mm256_loadu_si256(
		    (const __m256i *)(const void *)(l->block[i] + 32 * g));
	u[0] = _mm256_unpacklo_epi64(r[0], r[1]);
	u[1] = _mm256_unpackhi_epi64(r[0], r[1]);
	u[2] = _mm256_unpacklo_epi64(r[2], r[3]);
	u[3] = _mm256_unpackhi_epi64(r[2], r[3]);
	m[0] = _mm256_permute2x128_si256(u[0], u[2], 0x20);
	m[1] = _mm256_permute2x128_si256(u[1], u[3], 0x20);
	m[2] = _mm256_permute2x128_si256(u[0], u[2], 0x31);
	m[3] = _mm256_permute2x128_si256(u[1], u[3], 0x31);
}

#define LOAD(p) _mm256_load_si256((const __m256i *)(const void *)(p))
#define MIX(a, b, c, d, x, y)                                                  \
	do {                                                                   \
		v[a] = _mm256_add_epi64(_mm256_add_epi64(v[a], v[b]), m[x]);   \
		v[d] = ror32(_mm256_xor_si256(v[d], v[a]));                    \
		v[c] = _mm256_add_epi64(v[c], v[d]);                           \
		v[b] = ror24(_mm256_xor_si256(v[b], v[c]));                    \
		v[a] = _mm256_add_epi64(_mm256_add_epi64(v[a], v[b]), m[y]);   \
		v[d] = ror16(_mm256_xor_si256(v[d], v[a]));                    \
		v[c] = _mm256_add_epi64(v[c], v[d]);                           \
		v[b] = ror63(_mm256_xor_si256(v[b], v[c]));                    \
	} while (0)

TARGET void
blake2_compress_avx2(struct blake2_lanes *l)
{
	__m256i v[16], m[16], h;

	for (unsigned g = 0; g < 4; g++)
		load_words(l, g, m + 4 * g);
	for (unsigned i = 0; i < 8; i++) {
		v[i] = LOAD(l->h[i]);
		v[8 + i] = _mm256_set1_epi64x((long long)blake2_iv[i]);
	}
	v[12] = _mm256_xor_si256(v[12], LOAD(l->t));
	v[14] = _mm256_xor_si256(v[14], LOAD(l->f));
	ROUNDS;
	for (unsigned i = 0; i < 8; i++) {
		h = _mm256_xor_si256(
		    _mm256_xor_si256(v[i], v[8 + i]), LOAD(l->h[i]));
		_mm256_store_si256((__m256i *)(void *)l->h[i], h);
	}
}
#endif
