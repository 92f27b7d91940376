/* SPDX-License-Identifier: PostgreSQL */
/* avx512.c - BLAKE2b's compression in eight lanes of 64 bits. */
#include "blake2many.h"
#include "rounds.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f")))

/* Words 8g to 8g + 7 of each lane's block, a vector per word: an 8 x 8
 * transposition in three steps. */
TARGET static inline void
load_words(const struct blake2_lanes *l, unsigned g, __m512i *m)
{
	__m512i r[8], u[8];

	for (unsigned i = 0; i < 8; i++)
		r[i] = _mm512_loadu_si512(l->block[i] + 64 * g);
	for (unsigned i = 0; i < 4; i++) {
		u[2 * i] = _mm512_unpacklo_epi64(r[2 * i], r[2 * i + 1]);
		u[2 * i + 1] = _mm512_unpackhi_epi64(r[2 * i], r[2 * i + 1]);
	}
	for (unsigned i = 0; i < 2; i++) { /* lanes 0 to 3, 4 to 7 */
		for (unsigned k = 0; k < 2; k++) {
			r[4 * i + k] = _mm512_shuffle_i64x2(
			    u[4 * i + k], u[4 * i + 2 + k], 0x88);
			r[4 * i + 2 + k] = _mm512_shuffle_i64x2(
			    u[4 * i + k], u[4 * i + 2 + k], 0xdd);
		}
	}
	for (unsigned k = 0; k < 2; k++) {
		m[k] = _mm512_shuffle_i64x2(r[k], r[4 + k], 0x88);
		m[4 + k] = _mm512_shuffle_i64x2(r[k], r[4 + k], 0xdd);
		m[2 + k] = _mm512_shuffle_i64x2(r[2 + k], r[6 + k], 0x88);
		m[6 + k] = _mm512_shuffle_i64x2(r[2 + k], r[6 + k], 0xdd);
	}
}

#define MIX(a, b, c, d, x, y)                                                  \
	do {                                                                   \
		v[a] = _mm512_add_epi64(_mm512_add_epi64(v[a], v[b]), m[x]);   \
		v[d] = _mm512_ror_epi64(_mm512_xor_si512(v[d], v[a]), 32);     \
		v[c] = _mm512_add_epi64(v[c], v[d]);                           \
		v[b] = _mm512_ror_epi64(_mm512_xor_si512(v[b], v[c]), 24);     \
		v[a] = _mm512_add_epi64(_mm512_add_epi64(v[a], v[b]), m[y]);   \
		v[d] = _mm512_ror_epi64(_mm512_xor_si512(v[d], v[a]), 16);     \
		v[c] = _mm512_add_epi64(v[c], v[d]);                           \
		v[b] = _mm512_ror_epi64(_mm512_xor_si512(v[b], v[c]), 63);     \
	} while (0)

TARGET void
blake2_compress_avx512(struct blake2_lanes *l)
{
	__m512i v[16], m[16];

	for (unsigned g = 0; g < 2; g++)
		load_words(l, g, m + 8 * g);
	for (unsigned i = 0; i < 8; i++) {
		v[i] = _mm512_load_si512(l->h[i]);
		v[8 + i] = _mm512_set1_epi64((long long)blake2_iv[i]);
	}
	v[12] = _mm512_xor_si512(v[12], _mm512_load_si512(l->t));
	v[14] = _mm512_xor_si512(v[14], _mm512_load_si512(l->f));
	ROUNDS;
	for (unsigned i = 0; i < 8; i++)
		_mm512_store_si512(
		    l->h[i], _mm512_xor_si512(_mm512_xor_si512(v[i], v[8 + i]),
				 _mm512_load_si512(l->h[i])));
}
#endif
