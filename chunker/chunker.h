/* SPDX-License-Identifier: PostgreSQL */
/*
 * chunker.h - cut a stream into chunks by content.
 *
 * Cut points are a pure function of the stream's bytes, the parameters and the
 * key: no I/O, no clock, no threads, and no dependence on how the stream was
 * divided into feeds.  The row cutter ends a chunk at a line end ('\n') where
 * a keyed hash of the whole row says so, with probability row length /
 * (mean - min); a row longer than the largest chunk gets a cut at its start
 * and at its end and the byte cutter starts afresh inside.  The byte cutter
 * lets a gear hash propose and a PRF over the window dispose (against the
 * attacks of eprint 2025/532 and 2025/558).  DESIGN.md section 2 has the why,
 * docs/format.md the exact rules.
 */
#ifndef SNAP_CHUNKER_H
#define SNAP_CHUNKER_H

#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"
#include "sink.h" /* enum stream_cutter */

#define CHUNKER_KEY_BYTES 32
#define CHUNKER_MEAN_MIN 256
#define CHUNKER_MEAN_MAX 16384

struct chunker_params {
	uint32_t mean; /* bytes, power of two, CHUNKER_MEAN_MIN..MAX; min is */
	/* mean / 4, max is mean * 8 */
	uint8_t key[CHUNKER_KEY_BYTES];
};

/* A chunk of 1 to max bytes, borrowed until the callback returns. */
typedef enum snap_code (*chunker_emit)(
    void *arg, struct span chunk, struct snap_err *err);

struct chunker;

/* Derives tables and secrets from the key (wiped by chunker_free). */
SNAP_MUST_CHECK enum snap_code chunker_new(
    const struct chunker_params *p, struct chunker **out, struct snap_err *err);
void chunker_free(struct chunker *c);
/* Start a stream; everything of an earlier one is forgotten. */
void chunker_start(struct chunker *c, enum stream_cutter cutter);
/* Feed any number of bytes; emits whole chunks as they become known. */
SNAP_MUST_CHECK enum snap_code chunker_feed(struct chunker *c, struct span data,
    chunker_emit emit, void *arg, struct snap_err *err);
/* The stream is over: emits what is left (nothing for an empty stream). */
SNAP_MUST_CHECK enum snap_code chunker_end(
    struct chunker *c, chunker_emit emit, void *arg, struct snap_err *err);

/* Force the portable path (tests): cuts must be identical. */
void chunker_force_portable(struct chunker *c);

#endif
