/* SPDX-License-Identifier: PostgreSQL */
/*
 * digest.c - see digest.h.
 *
 * COPY writes a line end within a value as \n, so in its text every line end is
 * that of a row.
 */
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "digest.h"

struct digester {
	XXH3_state_t *state; /* of what is not whole yet */
	struct digest sum;
	bool rows, open; /* open: something is in `state` */
};

static void
sum_hash(struct digest *d, XXH128_hash_t h)
{
	d->low += h.low64;
	d->high += h.high64 + (d->low < h.low64);
}

void
digest_row(struct digest *d, struct span row)
{
	sum_hash(d, XXH3_128bits(row.p, row.len));
	d->n++;
}

void
digest_add(struct digest *d, const struct digest *more)
{
	d->low += more->low;
	d->high += more->high + (d->low < more->low);
	d->n += more->n;
}

bool
digest_eq(const struct digest *a, const struct digest *b)
{
	return a->n == b->n && a->high == b->high && a->low == b->low;
}

struct digester *
digester_new(void)
{
	struct digester *d = calloc(1, sizeof *d);

	if (d == NULL)
		return NULL;
	d->state = XXH3_createState();
	if (d->state == NULL) {
		free(d);
		return NULL;
	}
	return d;
}

void
digester_free(struct digester *d)
{
	if (d == NULL)
		return;
	(void)XXH3_freeState(d->state);
	free(d);
}

void
digester_begin(struct digester *d, bool rows)
{
	memset(&d->sum, 0, sizeof d->sum);
	d->rows = rows;
	d->open = false;
	(void)XXH3_128bits_reset(d->state);
}

/* The row that is in `state` is whole. */
static void
end_row(struct digester *d)
{
	sum_hash(&d->sum, XXH3_128bits_digest(d->state));
	d->sum.n++;
	d->open = false;
	(void)XXH3_128bits_reset(d->state);
}

static void
rows_data(struct digester *d, struct span s)
{
	const uint8_t *end;
	size_t n;

	for (; s.len > 0; s = span_of(s.p + n, s.len - n)) {
		end = memchr(s.p, '\n', s.len);
		n = end != NULL ? (size_t)(end - s.p) + 1 : s.len;
		if (end != NULL && !d->open) {
			digest_row(&d->sum, span_of(s.p, n));
			continue;
		}
		(void)XXH3_128bits_update(d->state, s.p, n);
		d->open = true;
		if (end != NULL)
			end_row(d);
	}
}

void
digester_data(struct digester *d, struct span s)
{
	if (d->rows) {
		rows_data(d, s);
		return;
	}
	(void)XXH3_128bits_update(d->state, s.p, s.len);
	d->sum.n += s.len;
}

void
digester_end(struct digester *d, struct digest *out)
{
	XXH128_hash_t h;

	if (d->rows && d->open)
		end_row(d);
	if (!d->rows) {
		h = XXH3_128bits_digest(d->state);
		d->sum.high = h.high64;
		d->sum.low = h.low64;
	}
	*out = d->sum;
}
