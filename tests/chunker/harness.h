/* SPDX-License-Identifier: PostgreSQL */
/* harness.h - cut a stream in some way and collect where. */
#ifndef SNAP_TEST_HARNESS_H
#define SNAP_TEST_HARNESS_H

#include "chunker.h"

#define MIB ((size_t)1 << 20)
#define WHOLE SIZE_MAX /* feed: the stream at once */
#define RANDOM 0       /* feed: random sizes */

struct cuts {
	struct span stream;
	uint32_t mean;
	size_t at, n;
	size_t *ends;
};

struct how {
	enum stream_cutter cutter;
	uint32_t mean;
	uint8_t key;
	size_t feed; /* bytes, or WHOLE or RANDOM */
	int portable;
};

/* A chunker_emit for a struct cuts; fails the test on an illegal chunk. */
enum snap_code note_cut(void *arg, struct span chunk, struct snap_err *err);
/* The ends are the caller's to free. */
struct cuts cut_stream(const uint8_t *p, size_t len, struct how how);
void assert_same_cuts(const struct cuts *a, const struct cuts *b);
size_t chunk_len(const struct cuts *c, size_t i);
uint8_t *new_bytes(size_t len);

#endif
