/* SPDX-License-Identifier: PostgreSQL */
/*
 * prf.c - SipHash-2-4 for messages of exactly 16 bytes.
 *
 * Written out here, not taken from a library: it runs once per row, and the
 * fixed length leaves ten rounds without a loop or a branch.
 */
#include "prf.h"
#include "bytes.h"

#define SECOND_HALF ((uint64_t)1 << 63)

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t
rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void
sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 = rotl(s->v2, 32);
}

static inline void
sip_word(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	sip_round(s);
	s->v0 ^= m;
}

uint64_t
prf16(const struct prf_key *k, uint64_t a, uint64_t b)
{
	struct sip s = {
		k->k0 ^ 0x736f6d6570736575u,
		k->k1 ^ 0x646f72616e646f6du,
		k->k0 ^ 0x6c7967656e657261u,
		k->k1 ^ 0x7465646279746573u,
	};

	sip_word(&s, a);
	sip_word(&s, b);
	sip_word(&s, (uint64_t)16 << 56); /* the length, and no bytes left */
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

/* Both halves of the key count: the sum is random if either half is. */
void
prf_derive(const uint8_t key[32], uint64_t label, uint64_t *out, size_t n)
{
	struct prf_key a = { le64_get(key), le64_get(key + 8) };
	struct prf_key b = { le64_get(key + 16), le64_get(key + 24) };

	for (size_t i = 0; i < n; i++)
		out[i] =
		    prf16(&a, label, i) ^ prf16(&b, label | SECOND_HALF, i);
}
