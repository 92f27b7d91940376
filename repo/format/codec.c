/* SPDX-License-Identifier: PostgreSQL */
/*
 * codec.c - pieces that several object families are made of.
 */
#include <stdlib.h>
#include <string.h>

#include "codec.h"

#define PROPERTY_KEY_MAX 64
#define PROPERTY_VALUE_MAX (1u << 20)

enum snap_code
codec_corrupt(const struct cursor *c, struct span in, const char *what,
    struct snap_err *err)
{
	size_t at = c->p == NULL ? 0 : (size_t)(c->p - in.p);

	return snap_fail(err, SNAP_CORRUPT, "%s is damaged at byte %zu of %zu",
	    what, at, in.len);
}

enum snap_code
codec_done(const struct cursor *c, struct span in, const char *what,
    struct snap_err *err)
{
	return cursor_done(c) ? SNAP_OK : codec_corrupt(c, in, what, err);
}

uint64_t
codec_max(struct cursor *c, uint64_t max)
{
	uint64_t v = cursor_varint(c);

	if (v <= max)
		return v;
	c->bad = true;
	return 0;
}

uint32_t
codec_count(struct cursor *c, size_t unit, uint32_t max)
{
	uint32_t n = (uint32_t)codec_max(c, max);

	if (c->bad || n <= c->left / unit)
		return n;
	c->bad = true;
	return 0;
}

const uint8_t *
codec_ids(struct cursor *c, uint32_t n)
{
	if (n > c->left / ID_LEN)
		c->bad = true;
	if (n == 0 || c->bad)
		return NULL;
	return cursor_span(c, (size_t)n * ID_LEN).p;
}

struct span
codec_str(struct cursor *c, size_t max)
{
	uint64_t len = codec_max(c, max);

	return cursor_span(c, (size_t)len);
}

void
codec_put_str(struct bytes *out, struct span s)
{
	bytes_varint(out, s.len);
	bytes_put_span(out, s);
}

uint64_t
codec_zigzag(int64_t v)
{
	return v < 0 ? ~((uint64_t)v << 1) : (uint64_t)v << 1;
}

int64_t
codec_unzigzag(uint64_t v)
{
	int64_t half = (int64_t)(v >> 1);

	return (v & 1) != 0 ? -half - 1 : half;
}

void *
codec_alloc(size_t n, size_t size)
{
	return calloc(n == 0 ? 1 : n, size);
}

enum snap_code
codec_nomem(struct snap_err *err)
{
	return snap_fail(err, SNAP_NOMEM, "no memory to decode an object");
}

bool
codec_bit(struct span bitmap, uint32_t i)
{
	return (bitmap.p[i / 8] >> (i % 8) & 1) != 0;
}

bool
codec_bitmap_ok(struct span bitmap, uint32_t n)
{
	if (bitmap.len != ((size_t)n + 7) / 8)
		return false;
	return n % 8 == 0 || bitmap.p[n / 8] >> (n % 8) == 0;
}

void
codec_put_props(struct bytes *out, const struct property *props, uint32_t n)
{
	/* The reader's bounds: nothing may be written that it refuses. */
	if (n > PROPERTIES_MAX)
		out->bad = true;
	bytes_varint(out, n);
	for (uint32_t i = 0; i < n && !out->bad; i++) {
		if (props[i].key.len == 0 ||
		    props[i].key.len > PROPERTY_KEY_MAX ||
		    props[i].value.len > PROPERTY_VALUE_MAX ||
		    (i != 0 && span_cmp(props[i - 1].key, props[i].key) >= 0))
			out->bad = true;
		codec_put_str(out, props[i].key);
		codec_put_str(out, props[i].value);
	}
}

void
codec_props(struct cursor *c, struct property *props, uint32_t *n)
{
	*n = codec_count(c, 2, PROPERTIES_MAX);
	for (uint32_t i = 0; i < *n && !c->bad; i++) {
		props[i].key = codec_str(c, PROPERTY_KEY_MAX);
		props[i].value = codec_str(c, PROPERTY_VALUE_MAX);
		if (props[i].key.len == 0 ||
		    (i != 0 && span_cmp(props[i - 1].key, props[i].key) >= 0))
			c->bad = true;
	}
}
