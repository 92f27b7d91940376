/* SPDX-License-Identifier: PostgreSQL */
/* bench_chunker.c - bytes per second of one processor through the cutters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chunker.h"
#include "gen.h"

#define BENCH_BYTES ((size_t)64 << 20)
#define ROUNDS 5

static enum snap_code
count(void *arg, struct span chunk, struct snap_err *err)
{
	size_t *n = arg;

	(void)err;
	*n += chunk.len > 0;
	return SNAP_OK;
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The best round: the others were disturbed. */
static int
bench(const uint8_t *p, size_t row, enum stream_cutter cutter, uint32_t mean,
    size_t feed)
{
	struct chunker_params params = { .mean = mean, .key = { 1 } };
	struct snap_err err;
	struct chunker *c;
	double best = 1e9;
	size_t n = 0;

	if (chunker_new(&params, &c, &err) != SNAP_OK)
		return -1;
	for (int r = 0; r < ROUNDS; r++) {
		double t = now();

		n = 0;
		chunker_start(c, cutter);
		for (size_t at = 0; at < BENCH_BYTES; at += feed) {
			size_t len = BENCH_BYTES - at;

			if (chunker_feed(c,
				span_of(p + at, len < feed ? len : feed), count,
				&n, &err) != SNAP_OK)
				return -1;
		}
		if (chunker_end(c, count, &n, &err) != SNAP_OK)
			return -1;
		t = now() - t;
		best = t < best ? t : best;
	}
	printf("%-5s row %4zu mean %5u feed %7zu: %5.2f GB/s, chunk %zu\n",
	    cutter == CUTTER_ROWS ? "rows" : "bytes", row, (unsigned)mean, feed,
	    (double)BENCH_BYTES / best / 1e9, BENCH_BYTES / n);
	chunker_free(c);
	return 0;
}

int
main(void)
{
	static const size_t rows[] = { 30, 60, 100, 191, 400, 1000 };
	uint8_t *p = malloc(BENCH_BYTES);
	struct gen g = { 1 };
	int rc = 0;

	if (p == NULL)
		return 1;
	for (size_t i = 0; i < sizeof rows / sizeof *rows && rc == 0; i++) {
		gen_rows(&g, p, BENCH_BYTES, rows[i] * 3 / 4, rows[i] * 5 / 4);
		rc = bench(p, rows[i], CUTTER_ROWS, 512, 1 << 20);
		rc |= bench(p, rows[i], CUTTER_ROWS, 512, rows[i]);
		rc |= bench(p, rows[i], CUTTER_ROWS, 1024, 1 << 20);
	}
	rc |= bench(p, 0, CUTTER_BYTES, 512, 1 << 20);
	rc |= bench(p, 0, CUTTER_BYTES, 4096, 1 << 20);
	free(p);
	return rc == 0 ? 0 : 1;
}
