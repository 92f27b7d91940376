/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_chunker_golden.c - cuts written down once.
 *
 * A chunker that cuts elsewhere finds nothing again in a repository that
 * exists.  So these figures never change; another way to cut is another value
 * of stream_cutter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chunker.h"
#include "gen.h"

#define GOLDEN_BYTES 300000

struct golden {
	enum stream_cutter cutter;
	uint32_t mean;
	size_t first[6]; /* ends of the first chunks */
	size_t n;        /* chunks in all */
	uint64_t sum;    /* FNV-1a over all ends */
};

struct found {
	size_t first[6], n, at;
	uint64_t sum;
};

/* Key 00 01 .. 1f, rows of 10 to 300 bytes, then one of 20,000. */
static const struct golden golden[] = {
	{ CUTTER_ROWS, 256, { 214, 450, 588, 711, 1008, 1220 }, 1338,
	    0x70936937d9aad3e4u },
	{ CUTTER_ROWS, 512, { 214, 588, 1008, 1461, 1857, 2129 }, 739,
	    0x2ae81b648851ac26u },
	{ CUTTER_ROWS, 4096, { 3686, 5580, 13251, 16733, 21585, 23271 }, 80,
	    0x839234fde0199e36u },
	{ CUTTER_ROWS, 16384, { 5580, 13251, 23271, 29614, 33761, 43118 }, 23,
	    0x94e8b4baa9062381u },
	{ CUTTER_BYTES, 256, { 120, 240, 879, 952, 1815, 2014 }, 1163,
	    0x9fbc5a08393824e5u },
	{ CUTTER_BYTES, 512, { 297, 952, 2451, 2811, 3272, 4085 }, 588,
	    0x3ce96184fef1614eu },
	{ CUTTER_BYTES, 16384, { 30969, 45534, 66451, 70880, 76846, 101537 },
	    19, 0x797b35746dd5f158u },
};

static enum snap_code
note(void *arg, struct span chunk, struct snap_err *err)
{
	struct found *f = arg;

	(void)err;
	f->at += chunk.len;
	if (f->n < 6)
		f->first[f->n] = f->at;
	f->n++;
	f->sum = (f->sum ^ f->at) * 0x100000001b3u;
	return SNAP_OK;
}

static struct found
cut(const struct golden *g, const uint8_t *stream)
{
	struct found f = { .sum = 0xcbf29ce484222325u };
	struct chunker_params params = { .mean = g->mean };
	struct snap_err err;
	struct chunker *c;

	for (size_t i = 0; i < sizeof params.key; i++)
		params.key[i] = (uint8_t)i;
	assert_int_equal(chunker_new(&params, &c, &err), SNAP_OK);
	chunker_start(c, g->cutter);
	assert_int_equal(
	    chunker_feed(c, span_of(stream, GOLDEN_BYTES), note, &f, &err),
	    SNAP_OK);
	assert_int_equal(chunker_end(c, note, &f, &err), SNAP_OK);
	chunker_free(c);
	return f;
}

static void
cuts_are_those_of_the_first_release(void **state)
{
	uint8_t *p = malloc(GOLDEN_BYTES);
	struct gen g = { 2026 };

	(void)state;
	assert_non_null(p);
	gen_rows(&g, p, GOLDEN_BYTES, 10, 300);
	gen_text(&g, p + GOLDEN_BYTES - 20000, 19999);
	p[GOLDEN_BYTES - 1] = '\n';
	for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
		struct found f = cut(&golden[i], p);

		assert_memory_equal(f.first, golden[i].first, sizeof f.first);
		assert_int_equal(f.n, golden[i].n);
		assert_int_equal(f.sum, golden[i].sum);
	}
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_are_those_of_the_first_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
