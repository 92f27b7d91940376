/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_paper.c - any text as a paper form: what is read can be written and read
 * again.
 */
#include <stdlib.h>
#include <string.h>

#include "paper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
again(const struct paper *p)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct paper *q = malloc(sizeof *q);
	struct bytes text;

	bytes_init(&text, PAPER_TEXT_MAX);
	if (q == NULL || paper_write(p, &text, &err) != SNAP_OK ||
	    paper_read(bytes_span(&text), q, &err) != SNAP_OK || q->n != p->n)
		abort();
	for (size_t i = 0; i < p->n; i++)
		if (!span_eq(
			bytes_span(&p->v[i].raw), bytes_span(&q->v[i].raw)))
			abort();
	paper_fini(q);
	free(q);
	bytes_fini(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct paper *p = malloc(sizeof *p);

	if (p == NULL)
		return 0;
	if (paper_read(span_of(data, size), p, &err) == SNAP_OK) {
		again(p);
		paper_fini(p);
	}
	free(p);
	return 0;
}
