/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_chunker.c - whatever the stream and the feeds, both paths cut alike,
 * chunks have 1 to max bytes, and put together they are the stream.
 *
 * The first bytes choose: mean, cutter, seed of the feed sizes; the rest is
 * the stream, said four times over if bit 7 of the first byte is set, so that
 * small inputs reach the rules for long rows.
 */
#include <stdlib.h>
#include <string.h>

#include "chunker.h"

#define MUST(x)                                                                \
	do {                                                                   \
		if (!(x))                                                      \
			abort();                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	const uint8_t *stream;
	size_t len, at, max;
	size_t *ends;
	size_t n;
};

static enum snap_code
see(void *arg, struct span chunk, struct snap_err *err)
{
	struct seen *s = arg;

	(void)err;
	MUST(chunk.len >= 1 && chunk.len <= s->max);
	MUST(chunk.len <= s->len - s->at);
	MUST(memcmp(s->stream + s->at, chunk.p, chunk.len) == 0);
	s->at += chunk.len;
	s->ends[s->n++] = s->at;
	return SNAP_OK;
}

static void
cut(struct chunker *c, enum stream_cutter cutter, uint32_t seed, struct seen *s)
{
	struct snap_err err;
	size_t fed = 0;

	chunker_start(c, cutter);
	while (fed < s->len) {
		size_t n = s->len;

		if (seed != 0) {
			seed = seed * 1664525u + 1013904223u;
			n = seed >> 8 >> (seed >> 28);
		}
		if (n > s->len - fed)
			n = s->len - fed;
		MUST(chunker_feed(c, span_of(s->stream + fed, n), see, s,
			 &err) == SNAP_OK);
		fed += n;
	}
	MUST(chunker_end(c, see, s, &err) == SNAP_OK);
	MUST(s->at == s->len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct chunker_params params = { .mean = CHUNKER_MEAN_MIN };
	struct seen a = { 0 }, b = { 0 };
	enum stream_cutter cutter;
	struct chunker *c = NULL;
	struct snap_err err;
	uint8_t *stream;
	size_t times;

	if (size < 3)
		return 0;
	params.mean <<= data[0] & 3;
	cutter = (data[0] & 4) != 0 ? CUTTER_BYTES : CUTTER_ROWS;
	times = (data[0] & 0x80) != 0 ? 4 : 1;
	memset(params.key, data[1], sizeof params.key);
	a.len = (size - 3) * times;
	a.max = params.mean * 8;
	stream = malloc(a.len + 1);
	a.ends = calloc(a.len + 1, sizeof *a.ends);
	b.ends = calloc(a.len + 1, sizeof *b.ends);
	MUST(stream != NULL && a.ends != NULL && b.ends != NULL);
	for (size_t i = 0; i < times && size > 3; i++)
		memcpy(stream + i * (size - 3), data + 3, size - 3);
	a.stream = b.stream = stream;
	b.len = a.len;
	b.max = a.max;

	MUST(chunker_new(&params, &c, &err) == SNAP_OK);
	cut(c, cutter, 0, &a);
	chunker_force_portable(c);
	cut(c, cutter, (uint32_t)data[2] + 1, &b);
	MUST(a.n == b.n);
	MUST(a.n == 0 || memcmp(a.ends, b.ends, a.n * sizeof *a.ends) == 0);

	chunker_free(c);
	free(b.ends);
	free(a.ends);
	free(stream);
	return 0;
}
