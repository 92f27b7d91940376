/* SPDX-License-Identifier: PostgreSQL */
/*
 * harness.c - cut a generated stream and collect where.
 *
 * note_cut() proves on each run that the chunks have legal sizes and are, one
 * after the other, the stream.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gen.h"
#include "harness.h"

enum snap_code
note_cut(void *arg, struct span chunk, struct snap_err *err)
{
	struct cuts *c = arg;

	(void)err;
	assert_in_range(chunk.len, 1, c->mean * 8);
	assert_true(chunk.len <= c->stream.len - c->at);
	assert_memory_equal(c->stream.p + c->at, chunk.p, chunk.len);
	c->at += chunk.len;
	c->ends[c->n++] = c->at;
	return SNAP_OK;
}

struct cuts
cut_stream(const uint8_t *p, size_t len, struct how how)
{
	struct chunker_params params = { .mean = how.mean };
	struct cuts c = { .stream = span_of(p, len), .mean = how.mean };
	struct gen g = { 42 };
	struct snap_err err;
	struct chunker *ch;
	size_t fed = 0;

	memset(params.key, how.key, sizeof params.key);
	c.ends = calloc(len + 1, sizeof *c.ends);
	assert_non_null(c.ends);
	assert_int_equal(chunker_new(&params, &ch, &err), SNAP_OK);
	if (how.portable)
		chunker_force_portable(ch);
	chunker_start(ch, how.cutter);
	while (fed < len) {
		size_t n = how.feed;

		if (n == RANDOM)
			n = gen_below(&g, (size_t)1 << gen_below(&g, 18));
		if (n > len - fed)
			n = len - fed;
		assert_int_equal(
		    chunker_feed(ch, span_of(p + fed, n), note_cut, &c, &err),
		    SNAP_OK);
		fed += n;
	}
	assert_int_equal(chunker_end(ch, note_cut, &c, &err), SNAP_OK);
	assert_int_equal(c.at, len);
	chunker_free(ch);
	return c;
}

void
assert_same_cuts(const struct cuts *a, const struct cuts *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		assert_int_equal(a->ends[i], b->ends[i]);
}

size_t
chunk_len(const struct cuts *c, size_t i)
{
	return c->ends[i] - (i == 0 ? 0 : c->ends[i - 1]);
}

uint8_t *
new_bytes(size_t len)
{
	uint8_t *p = malloc(len == 0 ? 1 : len);

	assert_non_null(p);
	return p;
}
