/* SPDX-License-Identifier: PostgreSQL */
/*
 * fast.c - the cutters as they run: memchr() finds line ends, XXH3 hashes
 * rows where they lie, and what was looked at is not looked at again.
 */
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "cut.h"

/* Whether the chunk ends behind this row. */
static inline bool
row_says_cut(const struct cut_state *s, const uint8_t *row, size_t len)
{
	XXH128_hash_t h;

	if (len >= s->mean - s->min)
		return true;
	h = XXH3_128bits_withSecret(
	    row, len, s->keys.row_secret, CUT_SECRET_BYTES);
	return prf16(&s->keys.row_prf, h.low64, h.high64) <
	       s->row_unit * (uint64_t)len;
}

static bool
window_says_cut(const struct cut_state *s, const uint8_t *end)
{
	XXH128_hash_t h = XXH3_128bits_withSecret(end - CUT_WINDOW, CUT_WINDOW,
	    s->keys.window_secret, CUT_SECRET_BYTES);

	return prf16(&s->keys.window_prf, h.low64, h.high64) < CUT_GEAR_ACCEPT;
}

/* The next chunk has not been looked at. */
static size_t
cut_at(struct cut_state *s, size_t at)
{
	s->row_at = s->seen = 0;
	s->gear_hash = 0;
	return at;
}

/* Gear-hash [seen, lim); the cut the rules give there, or 0. */
static size_t
gear_scan(struct cut_state *s, const uint8_t *p, size_t lim)
{
	const uint64_t *gear = s->keys.gear;
	uint64_t h = s->gear_hash;
	size_t i = s->seen;

	/* No cut before min, so only its last window is worth hashing. */
	if (i < s->min - CUT_WINDOW)
		i = s->min - CUT_WINDOW;
	for (; i < lim && i < s->min - 1; i++)
		h = (h << 1) + gear[p[i]];
	while (i < lim) {
		h = (h << 1) + gear[p[i]];
		i++;
		if ((h & s->gear_mask) == 0 && window_says_cut(s, p + i))
			return i;
	}
	s->gear_hash = h;
	s->seen = lim;
	return lim == s->max ? lim : 0;
}

static size_t
find_bytes(struct cut_state *s, const uint8_t *p, size_t len, bool final)
{
	size_t lim = len < s->max ? len : s->max;
	bool row_ends = false;
	size_t at;

	if (s->long_row && lim > s->seen) {
		const uint8_t *nl = memchr(p + s->seen, '\n', lim - s->seen);

		if (nl != NULL) {
			row_ends = true;
			lim = (size_t)(nl - p) + 1;
		}
	}
	at = gear_scan(s, p, lim);
	if (at == 0 && (row_ends || final))
		at = lim;
	if (at == 0)
		return 0;
	if (row_ends && at == lim)
		s->long_row = false;
	return cut_at(s, at);
}

static size_t
find_rows(struct cut_state *s, const uint8_t *p, size_t len, bool final)
{
	size_t lim = len < s->max ? len : s->max;
	size_t row = s->row_at, seen = s->seen;

	while (seen < lim) {
		const uint8_t *nl = memchr(p + seen, '\n', lim - seen);
		size_t end;

		if (nl == NULL)
			break;
		end = (size_t)(nl - p) + 1;
		if (end == s->max ||
		    (end >= s->min && row_says_cut(s, p + row, end - row)))
			return cut_at(s, end);
		row = seen = end;
	}
	s->row_at = row;
	s->seen = lim;
	if (len > s->max) { /* the row at `row` does not fit this chunk */
		if (row > 0)
			return cut_at(s, row);
		s->long_row = true;
		s->seen = 0;
		return find_bytes(s, p, len, final);
	}
	return final ? cut_at(s, len) : 0;
}

size_t
cut_find_fast(struct cut_state *s, const uint8_t *p, size_t len, bool final)
{
	if (s->cutter == CUTTER_ROWS && !s->long_row)
		return find_rows(s, p, len, final);
	return find_bytes(s, p, len, final);
}
