/* SPDX-License-Identifier: PostgreSQL */
/*
 * plain.c - the cutters byte by byte, as docs/chunking.md words them.
 *
 * The measure of fast.c: it starts every chunk anew, remembers nothing but
 * long_row, and shares neither loop nor arithmetic with it beyond the hashes.
 */
#include <xxhash.h>

#include "cut.h"

static uint64_t
keyed_hash(const uint64_t *secret, const struct prf_key *prf, const uint8_t *p,
    size_t len)
{
	XXH128_canonical_t be;
	uint64_t hi = 0, lo = 0;

	XXH128_canonicalFromHash(
	    &be, XXH3_128bits_withSecret(p, len, secret, CUT_SECRET_BYTES));
	for (unsigned i = 0; i < 8; i++) {
		hi = hi << 8 | be.digest[i];
		lo = lo << 8 | be.digest[8 + i];
	}
	return prf16(prf, lo, hi);
}

/* Cut behind the row that is the last n bytes before p? */
static bool
row_rule(const struct cut_state *s, const uint8_t *p, size_t n)
{
	uint64_t span = s->mean - s->min;

	return n >= span || keyed_hash(s->keys.row_secret, &s->keys.row_prf,
				p - n, n) < n * (UINT64_MAX / span);
}

/* Cut before p, where at least min bytes of the chunk lie behind? */
static bool
byte_rule(const struct cut_state *s, const uint8_t *p)
{
	uint64_t h = 0;

	for (size_t i = CUT_WINDOW; i > 0; i--)
		h = h * 2 + s->keys.gear[*(p - i)];
	/* Gear proposes in 8 of mean places, the hash takes one in six. */
	return h <= UINT64_MAX / (s->mean / 8) &&
	       keyed_hash(s->keys.window_secret, &s->keys.window_prf,
		   p - CUT_WINDOW, CUT_WINDOW) < CUT_GEAR_ACCEPT;
}

static size_t
plain_bytes(struct cut_state *s, const uint8_t *p, size_t len, bool final)
{
	for (size_t n = 1; n <= len; n++) {
		bool row_ends = s->long_row && p[n - 1] == '\n';

		if (row_ends)
			s->long_row = false;
		if (row_ends || n == s->max ||
		    (n >= s->min && byte_rule(s, p + n)))
			return n;
	}
	return final ? len : 0;
}

static size_t
plain_rows(struct cut_state *s, const uint8_t *p, size_t len, bool final)
{
	size_t row = 0; /* offset of the current row */

	for (size_t n = 1; n <= len; n++) {
		if (n > s->max && row > 0)
			return row;
		if (n > s->max) {
			s->long_row = true;
			return plain_bytes(s, p, len, final);
		}
		if (p[n - 1] != '\n')
			continue;
		if (n >= s->min && row_rule(s, p + n, n - row))
			return n;
		row = n;
	}
	return final ? len : 0;
}

size_t
cut_find_plain(struct cut_state *s, const uint8_t *p, size_t len, bool final)
{
	if (s->cutter == CUTTER_ROWS && !s->long_row)
		return plain_rows(s, p, len, final);
	return plain_bytes(s, p, len, final);
}
