/* SPDX-License-Identifier: PostgreSQL */
/*
 * bytes.c - byte strings and little-endian fields.
 *
 * All growth passes through grow() and all reading through take(), so the
 * bounds are checked at two places only.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define BYTES_FIRST_CAP 64

struct span
span_of(const void *p, size_t len)
{
	struct span s = { p, len };

	return s;
}

struct span
span_str(const char *s)
{
	return span_of(s, strlen(s));
}

bool
span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

int
span_cmp(struct span a, struct span b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int d = n == 0 ? 0 : memcmp(a.p, b.p, n);

	if (d != 0)
		return d;
	return a.len < b.len ? -1 : a.len > b.len;
}

bool
span_starts(struct span s, const char *with)
{
	size_t n = strlen(with);

	return s.len >= n && memcmp(s.p, with, n) == 0;
}

struct span
span_line(struct span s)
{
	const uint8_t *e = s.len > 0 ? memchr(s.p, '\n', s.len) : NULL;

	return e == NULL ? s : span_of(s.p, (size_t)(e - s.p) + 1);
}

void
bytes_init(struct bytes *b, size_t max)
{
	b->p = NULL;
	b->len = b->cap = 0;
	b->max = max;
	b->bad = false;
}

void
bytes_fini(struct bytes *b)
{
	free(b->p);
	bytes_init(b, b->max);
}

/* Through a volatile pointer: nobody reads the zeros, yet they must be put. */
void
bytes_fini_wipe(struct bytes *b)
{
	volatile uint8_t *p = b->p;

	for (size_t i = 0; i < b->cap; i++)
		p[i] = 0;
	bytes_fini(b);
}

void
bytes_clear(struct bytes *b)
{
	b->len = 0;
	b->bad = false;
}

struct span
bytes_span(const struct bytes *b)
{
	return span_of(b->p, b->len);
}

/* Doubles, so that n appends copy O(n) bytes, but never beyond max. */
static bool
grow(struct bytes *b, size_t cap)
{
	size_t want;
	uint8_t *p;

	if (cap <= b->cap)
		return true;
	if (cap > b->max)
		return false;
	want = b->cap == 0 ? BYTES_FIRST_CAP : b->cap;
	if (want > b->max / 2)
		want = b->max;
	else if (b->cap != 0)
		want *= 2;
	if (want < cap)
		want = cap;
	p = realloc(b->p, want);
	if (p == NULL)
		return false;
	b->p = p;
	b->cap = want;
	return true;
}

uint8_t *
bytes_room(struct bytes *b, size_t len)
{
	size_t old = b->len;

	if (b->bad)
		return NULL;
	if (len > SIZE_MAX - old || !grow(b, old + len) ||
	    (b->p == NULL && !grow(b, 1))) {
		b->bad = true;
		return NULL;
	}
	b->len = old + len;
	return b->p + old;
}

void
bytes_put(struct bytes *b, const void *p, size_t len)
{
	uint8_t *at;

	if (len == 0)
		return;
	at = bytes_room(b, len);
	if (at != NULL)
		memcpy(at, p, len);
}

void
bytes_put_span(struct bytes *b, struct span s)
{
	bytes_put(b, s.p, s.len);
}

void
bytes_put_str(struct bytes *b, const char *s)
{
	bytes_put(b, s, strlen(s));
}

/* Formatted aside: vsnprintf() adds a NUL for which max may leave no room. */
void
bytes_printf(struct bytes *b, const char *fmt, ...)
{
	char small[256], *big = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof small, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->bad = true;
		return;
	}
	if ((size_t)n < sizeof small) {
		bytes_put(b, small, (size_t)n);
		return;
	}
	big = malloc((size_t)n + 1);
	if (big == NULL) {
		b->bad = true;
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(big, (size_t)n + 1, fmt, ap);
	va_end(ap);
	bytes_put(b, big, (size_t)n);
	free(big);
}

void
bytes_u8(struct bytes *b, uint8_t v)
{
	bytes_put(b, &v, 1);
}

void
bytes_u16(struct bytes *b, uint16_t v)
{
	uint8_t le[2] = { (uint8_t)v, (uint8_t)(v >> 8) };

	bytes_put(b, le, sizeof le);
}

void
bytes_u32(struct bytes *b, uint32_t v)
{
	uint8_t le[4];

	le32_put(le, v);
	bytes_put(b, le, sizeof le);
}

void
bytes_u64(struct bytes *b, uint64_t v)
{
	uint8_t le[8];

	le64_put(le, v);
	bytes_put(b, le, sizeof le);
}

void
bytes_varint(struct bytes *b, uint64_t v)
{
	uint8_t out[10];
	size_t n = 0;

	while (v >= 0x80) {
		out[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	out[n++] = (uint8_t)v;
	bytes_put(b, out, n);
}

void
bytes_zero(struct bytes *b, size_t len)
{
	uint8_t *at = len == 0 ? NULL : bytes_room(b, len);

	if (at != NULL)
		memset(at, 0, len);
}

enum snap_code
bytes_reserve(struct bytes *b, size_t cap, struct snap_err *err)
{
	if (grow(b, cap))
		return SNAP_OK;
	if (cap > b->max)
		return snap_fail(err, SNAP_NOMEM,
		    "%zu bytes do not fit the bound of %zu bytes", cap, b->max);
	return snap_fail(err, SNAP_NOMEM, "no memory for %zu bytes", cap);
}

enum snap_code
bytes_check(const struct bytes *b, struct snap_err *err)
{
	if (!b->bad)
		return SNAP_OK;
	return snap_fail(err, SNAP_NOMEM,
	    "no memory, or more than the bound of %zu bytes", b->max);
}

void
cursor_init(struct cursor *c, struct span s)
{
	c->p = s.p;
	c->left = s.len;
	c->bad = false;
}

/* The next len bytes, or NULL and bad for ever. */
static const uint8_t *
take(struct cursor *c, size_t len)
{
	const uint8_t *p = c->p;

	if (c->bad || len > c->left) {
		c->bad = true;
		c->left = 0;
		return NULL;
	}
	if (len != 0) { /* p may be NULL, which no sum may start from */
		c->p += len;
		c->left -= len;
	}
	return p;
}

uint8_t
cursor_u8(struct cursor *c)
{
	const uint8_t *p = take(c, 1);

	return p == NULL ? 0 : *p;
}

uint16_t
cursor_u16(struct cursor *c)
{
	const uint8_t *p = take(c, 2);

	return p == NULL ? 0 : le16_get(p);
}

uint32_t
cursor_u32(struct cursor *c)
{
	const uint8_t *p = take(c, 4);

	return p == NULL ? 0 : le32_get(p);
}

uint64_t
cursor_u64(struct cursor *c)
{
	const uint8_t *p = take(c, 8);

	return p == NULL ? 0 : le64_get(p);
}

uint64_t
cursor_varint(struct cursor *c)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t b;

	do {
		b = cursor_u8(c);
		/* The tenth byte holds one bit; a last byte of 0 is padding. */
		if (c->bad || (shift == 63 && b > 1) ||
		    (shift != 0 && b == 0)) {
			(void)take(c, SIZE_MAX);
			c->bad = true;
			return 0;
		}
		v |= (uint64_t)(b & 0x7f) << shift;
		shift += 7;
	} while ((b & 0x80) != 0);
	return v;
}

struct span
cursor_span(struct cursor *c, size_t len)
{
	const uint8_t *p = take(c, len);

	return p == NULL ? span_of(NULL, 0) : span_of(p, len);
}

void
cursor_copy(struct cursor *c, void *out, size_t len)
{
	const uint8_t *p = take(c, len);

	if (len == 0)
		return;
	if (p == NULL)
		memset(out, 0, len);
	else
		memcpy(out, p, len);
}

bool
cursor_done(const struct cursor *c)
{
	return !c->bad && c->left == 0;
}

uint16_t
le16_get(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t
le32_get(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

uint64_t
le64_get(const uint8_t *p)
{
	return le32_get(p) | (uint64_t)le32_get(p + 4) << 32;
}

void
le32_put(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void
le64_put(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void
hex_encode(const uint8_t *p, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * len] = '\0';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool
hex_decode(const char *s, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int hi = hex_digit(s[2 * i]);
		int lo = hi < 0 ? -1 : hex_digit(s[2 * i + 1]);

		if (lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return s[2 * len] == '\0';
}

enum snap_code
vec_room(void **p, size_t *cap, size_t n, size_t item, struct snap_err *err)
{
	size_t want;
	void *q;

	if (n < *cap)
		return SNAP_OK;
	want = *cap + *cap / 2 + 16;
	if (n >= UINT32_MAX - 1 || want > SIZE_MAX / item)
		return snap_fail(err, SNAP_NOMEM, "too many items");
	q = realloc(*p, want * item);
	if (q == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a list");
	*p = q;
	*cap = want;
	return SNAP_OK;
}
