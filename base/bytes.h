/* SPDX-License-Identifier: PostgreSQL */
/*
 * bytes.h - borrowed and owned byte strings, and little-endian fields.
 *
 * struct span borrows; struct bytes owns, grows, and is bounded by the limit
 * given at birth.  Writers append little-endian fields.  struct cursor reads
 * them with bounds checked: once it overran it is `bad` and stays bad, reads
 * zeros and empty spans, so a decoder checks once at its end.
 */
#ifndef SNAP_BYTES_H
#define SNAP_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct span {
	const uint8_t *p; /* may be NULL when len is 0 */
	size_t len;
};

struct span span_of(const void *p, size_t len);
struct span span_str(const char *s);
bool span_eq(struct span a, struct span b);
int span_cmp(struct span a, struct span b); /* as memcmp, shorter first */
bool span_starts(struct span s, const char *with);
struct span span_line(struct span s); /* the first one, with its newline */

struct bytes {
	uint8_t *p;
	size_t len, cap;
	size_t max; /* bytes; growing beyond fails with SNAP_NOMEM */
	bool bad;   /* an append failed: sticky, checked with bytes_check() */
};

void bytes_init(struct bytes *b, size_t max);
void bytes_fini(struct bytes *b);      /* frees; b may be used again */
void bytes_fini_wipe(struct bytes *b); /* for what held secrets */
void bytes_clear(struct bytes *b);     /* len = 0, memory kept, bad reset */
struct span bytes_span(const struct bytes *b);

/*
 * Appends.  They return nothing: a failed one sets b->bad, and
 * bytes_check() says so once for a whole series.
 */
void bytes_put(struct bytes *b, const void *p, size_t len);
void bytes_put_span(struct bytes *b, struct span s);
void bytes_put_str(struct bytes *b, const char *s); /* without the NUL */
void bytes_printf(struct bytes *b, const char *fmt, ...) SNAP_PRINTF(2, 3);
void bytes_u8(struct bytes *b, uint8_t v);
void bytes_u16(struct bytes *b, uint16_t v);
void bytes_u32(struct bytes *b, uint32_t v);
void bytes_u64(struct bytes *b, uint64_t v);
void bytes_varint(struct bytes *b, uint64_t v); /* LEB128, 1..10 bytes */
void bytes_zero(struct bytes *b, size_t len);
/* Room for `len` more bytes, appended with undefined content; NULL = bad. */
uint8_t *bytes_room(struct bytes *b, size_t len);
/* Make sure of capacity without changing len. */
SNAP_MUST_CHECK enum snap_code bytes_reserve(
    struct bytes *b, size_t cap, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code bytes_check(
    const struct bytes *b, struct snap_err *err);

struct cursor {
	const uint8_t *p;
	size_t left;
	bool bad;
};

void cursor_init(struct cursor *c, struct span s);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
uint64_t cursor_varint(struct cursor *c); /* shortest form only, else bad */
struct span cursor_span(struct cursor *c, size_t len); /* borrowed */
void cursor_copy(struct cursor *c, void *out, size_t len);
/* True when all was read and nothing overran. */
bool cursor_done(const struct cursor *c);

/* Fixed-offset little-endian access for code that knows its bounds. */
uint16_t le16_get(const uint8_t *p);
uint32_t le32_get(const uint8_t *p);
uint64_t le64_get(const uint8_t *p);
void le32_put(uint8_t *p, uint32_t v);
void le64_put(uint8_t *p, uint64_t v);

/* Lower-case hex: `out` gets 2 * len characters and a NUL. */
void hex_encode(const uint8_t *p, size_t len, char *out);
/* Exactly 2 * len lower-case hex digits, then a NUL; false otherwise. */
SNAP_MUST_CHECK bool hex_decode(const char *s, uint8_t *out, size_t len);

/* Vectors: room in *p, malloc'd or NULL, for one more of `item` bytes behind
 * `n`; grows by half.  SNAP_NOMEM leaves all as it was. */
SNAP_MUST_CHECK enum snap_code vec_room(
    void **p, size_t *cap, size_t n, size_t item, struct snap_err *err);

#endif
