/* SPDX-License-Identifier: PostgreSQL */
/*
 * gen.c - SplitMix64 and what is made of it.  Not rand(): golden vectors need
 * bytes that no C library may change.
 */
#include "gen.h"

uint64_t
gen_u64(struct gen *g)
{
	uint64_t z = g->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

size_t
gen_below(struct gen *g, size_t n)
{
	return (size_t)(gen_u64(g) % n);
}

void
gen_bytes(struct gen *g, uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)gen_u64(g);
}

void
gen_text(struct gen *g, uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)('a' + gen_below(g, 26));
}

void
gen_rows(struct gen *g, uint8_t *p, size_t len, size_t lo, size_t hi)
{
	size_t at = 0;

	while (at < len) {
		size_t n = lo + gen_below(g, hi - lo + 1);

		if (n > len - at) {
			gen_text(g, p + at, len - at);
			return;
		}
		gen_text(g, p + at, n - 1);
		p[at + n - 1] = '\n';
		at += n;
	}
}
