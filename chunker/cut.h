/* SPDX-License-Identifier: PostgreSQL */
/*
 * cut.h - what the parts of the chunker share.
 *
 * A cutter is asked for one cut at a time, and sees the bytes from the start
 * of the current chunk.  With max + 1 of them it always knows, so the chunker
 * never holds back more than that.
 */
#ifndef SNAP_CUT_H
#define SNAP_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chunker.h"
#include "prf.h"

#define CUT_SECRET_BYTES 192 /* the size of XXH3's own secret */
#define CUT_WINDOW 64        /* bytes a 64-bit gear hash remembers */
#define CUT_GEAR_ACCEPT (UINT64_MAX / 6)

/* All of it derived from the repository's key: a secret. */
struct cut_keys {
	uint64_t row_secret[CUT_SECRET_BYTES / 8]; /* as little-endian bytes */
	uint64_t window_secret[CUT_SECRET_BYTES / 8];
	struct prf_key row_prf, window_prf;
	uint64_t gear[256];
};

struct cut_state {
	struct cut_keys keys;
	size_t min, mean, max;
	uint64_t row_unit;  /* threshold of a row, per byte of it */
	uint64_t gear_mask; /* high bits that are 0 where gear proposes */
	enum stream_cutter cutter;
	bool long_row; /* the chunk starts in a row longer than max */
	/* Offsets into the chunk, so that no byte is looked at twice. */
	size_t row_at; /* start of the first row not yet tested */
	size_t seen;   /* bytes searched for line ends or gear-hashed */
	uint64_t gear_hash;
};

/*
 * Where the chunk that starts at p ends, 1 to max, or 0 if len bytes do not
 * say.  `final`: no byte follows them.  After a cut the state is that of the
 * next chunk.
 */
typedef size_t (*cut_find)(
    struct cut_state *s, const uint8_t *p, size_t len, bool final);
size_t cut_find_fast(
    struct cut_state *s, const uint8_t *p, size_t len, bool final);
size_t cut_find_plain(
    struct cut_state *s, const uint8_t *p, size_t len, bool final);

#endif
