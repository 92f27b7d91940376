/* SPDX-License-Identifier: PostgreSQL */
/*
 * prf.h - SipHash-2-4 of 16 bytes, and what the chunker derives with it.
 *
 * Sixteen bytes is all the chunker ever hashes with it: the 128-bit XXH3 of a
 * row or a window, or a label and a counter.  XXH3 is fast but no PRF, so its
 * result never decides a cut by itself.
 */
#ifndef SNAP_PRF_H
#define SNAP_PRF_H

#include <stddef.h>
#include <stdint.h>

struct prf_key {
	uint64_t k0, k1;
};

/* SipHash-2-4 of the little-endian bytes of a, then of b. */
uint64_t prf16(const struct prf_key *k, uint64_t a, uint64_t b);

/*
 * Fill out[0..n) with words of the stream `label` (1 to 255) of a 32-byte key.
 * Labels give independent streams.
 */
void prf_derive(const uint8_t key[32], uint64_t label, uint64_t *out, size_t n);

#endif
