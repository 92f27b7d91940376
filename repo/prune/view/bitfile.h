/* SPDX-License-Identifier: PostgreSQL */
/*
 * bitfile.h - sets of chunks of blocks, in a file that has no name.
 *
 * A TiB has two thousand million chunks: 256 MiB of bits.  Most sets are none
 * or all, and those take no room; the others are read and written where they
 * lie, and the system keeps in memory what it has room for.
 */
#ifndef SNAP_BITFILE_H
#define SNAP_BITFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"

/* A set is a number: these two, or a place in the file. */
#define BITS_NONE 0u
#define BITS_ALL 1u

struct bitfile {
	int fd;
	uint64_t end;
	const char *dir;
};
/* The file is made when it is needed, in `dir` (borrowed). */
void bitfile_init(struct bitfile *f, const char *dir);
void bitfile_fini(struct bitfile *f);
/* The set as a bitmap of (n + 7) / 8 bytes, n chunks in all. */
SNAP_MUST_CHECK enum snap_code bitfile_get(struct bitfile *f, uint32_t set,
    uint32_t n, uint8_t *bitmap, struct snap_err *err);
/* *set becomes what the bitmap says. */
SNAP_MUST_CHECK enum snap_code bitfile_put(struct bitfile *f, uint32_t *set,
    uint32_t n, const uint8_t *bitmap, struct snap_err *err);

/* ---- bitmaps in memory, of n bits; those behind the n-th are zero */
void bits_set(uint8_t *b, uint32_t first, uint32_t count);
uint32_t bits_count(const uint8_t *b, uint32_t n);
bool bits_get(const uint8_t *b, uint32_t i);

#endif
