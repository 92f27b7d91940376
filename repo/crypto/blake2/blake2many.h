/* SPDX-License-Identifier: PostgreSQL */
/*
 * blake2many.h - keyed BLAKE2b-128 of many short messages side by side.
 *
 * A chunk is four blocks of BLAKE2b (RFC 7693), whose rounds hardly use a
 * wide processor.  So several messages are hashed in the lanes of vector
 * registers; the digests are those of any BLAKE2b with the same key.
 */
#ifndef SNAP_BLAKE2MANY_H
#define SNAP_BLAKE2MANY_H

#include <stddef.h>
#include <stdint.h>

#define BLAKE2_LANES 8
#define BLAKE2_BLOCK 128
#define BLAKE2_KEY 32
#define BLAKE2_OUT 16

/* One state per lane, transposed: word after word. */
struct blake2_lanes {
	_Alignas(64) uint64_t h[8][BLAKE2_LANES];
	_Alignas(64) uint64_t t[BLAKE2_LANES]; /* bytes so far */
	_Alignas(64) uint64_t f[BLAKE2_LANES]; /* all ones: the last block */
	const uint8_t *block[BLAKE2_LANES];    /* BLAKE2_BLOCK bytes each */
};

/* One way to compress a block in each of the first n_lanes lanes. */
struct blake2_impl {
	const char *name;
	unsigned n_lanes;
	void (*compress)(struct blake2_lanes *l);
};

/* The best way this processor has; NULL = none, use libsodium. */
const struct blake2_impl *blake2_best(void);
/* One by name if this processor has it, for tests; else NULL. */
const struct blake2_impl *blake2_by_name(const char *name);

/*
 * Hash `n` messages that lie one behind the other from `data` on, message i
 * being lens[i] > 0 bytes long.
 */
void blake2_many(const struct blake2_impl *impl, const uint8_t key[BLAKE2_KEY],
    const uint8_t *data, const uint32_t *lens, size_t n,
    uint8_t (*out)[BLAKE2_OUT]);

/* avx2.c, avx512.c; only for processors that have them. */
extern const uint64_t blake2_iv[8];
void blake2_compress_avx2(struct blake2_lanes *l);
void blake2_compress_avx512(struct blake2_lanes *l);

#endif
