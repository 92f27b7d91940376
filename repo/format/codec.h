/* SPDX-License-Identifier: PostgreSQL */
/*
 * codec.h - what the decoders of this folder share.
 *
 * Each count is bounded by the bytes that are left before anything of that
 * size is allocated: a few hostile bytes never cost much memory.  Private to
 * repo/format.
 */
#ifndef SNAP_CODEC_H
#define SNAP_CODEC_H

#include "format.h"

/* "<what> is damaged at byte N", N where the cursor stopped in `in`. */
SNAP_MUST_CHECK enum snap_code codec_corrupt(const struct cursor *c,
    struct span in, const char *what, struct snap_err *err);
/* The end of a decoder: SNAP_OK only when all was read. */
SNAP_MUST_CHECK enum snap_code codec_done(const struct cursor *c,
    struct span in, const char *what, struct snap_err *err);
/* A varint of at most `max`; beyond it the cursor goes bad. */
uint64_t codec_max(struct cursor *c, uint64_t max);
/* A count of items that take at least `unit` bytes each. */
uint32_t codec_count(struct cursor *c, size_t unit, uint32_t max);
/* n ids, borrowed; NULL when n is 0 or they are not there. */
const uint8_t *codec_ids(struct cursor *c, uint32_t n);
/* Length and bytes. */
struct span codec_str(struct cursor *c, size_t max);
void codec_put_str(struct bytes *out, struct span s);
/* Small numbers of either sign in one byte: 0, -1, 1, -2 ... */
uint64_t codec_zigzag(int64_t v);
int64_t codec_unzigzag(uint64_t v);
/* n * size zeroed bytes, at least one; NULL = no memory. */
void *codec_alloc(size_t n, size_t size);
SNAP_MUST_CHECK enum snap_code codec_nomem(struct snap_err *err);
/* Bit i of a bitmap; whether only its first n bits are used. */
bool codec_bit(struct span bitmap, uint32_t i);
bool codec_bitmap_ok(struct span bitmap, uint32_t n);
/* Properties, strictly ascending by key. */
void codec_put_props(
    struct bytes *out, const struct property *props, uint32_t n);
void codec_props(struct cursor *c, struct property *props, uint32_t *n);

#endif
