/* SPDX-License-Identifier: PostgreSQL */
/*
 * hooklist.c - a sorted list with a table of where each prefix begins.
 *
 * A fingerprint has 32 to 44 bits: a false one costs the needless read of a
 * directory.  It is a bijection of the hook's bits that cannot be helped to
 * collide by more than what it is short of 64, and equal ones are searched in
 * logarithmic time, so hooks chosen by an enemy cost no more than others.
 */
#include <stdlib.h>
#include <string.h>

#include "hooklist.h"
#include "idmap.h"

#define LOW_BITS_MIN 20u
#define LOW_BITS_MAX 32u
#define RADIX_MIN 48 /* fewer are sorted by insertion */
#define ITEMS_PER_PREFIX 8
#define HIGH_BITS_MAX 22u

void
hooklist_init(struct hooklist *h)
{
	memset(h, 0, sizeof *h);
	h->max = HOOKLIST_MAX;
	h->low_bits = LOW_BITS_MIN;
}

void
hooklist_fini(struct hooklist *h)
{
	free(h->v);
	free(h->first);
	hooklist_init(h);
}

/* Hooks are minima, only their low bits are random; this spreads them over
 * all 64 (the finish of MurmurHash3). */
static uint64_t
mixed(uint64_t x)
{
	x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

/* Sampling looks at bits that every width of the fingerprint has. */
static bool
is_sampled(const struct hooklist *h, uint64_t item)
{
	return (item >> LOW_BITS_MAX & ((UINT64_C(1) << h->sampled) - 1)) == 0;
}

/* One bit of the fingerprints goes to the entries. */
static void
widen(struct hooklist *h)
{
	uint64_t low = (UINT64_C(1) << h->low_bits) - 1;

	for (size_t i = 0; i < h->n; i++)
		h->v[i] = (h->v[i] >> (h->low_bits + 1)) << (h->low_bits + 1) |
			  (h->v[i] & low);
	h->low_bits++;
}

/* The order stays, and with it what is sorted; the table does not fit. */
static void
thin_out(struct hooklist *h)
{
	size_t n = 0, n_sorted = 0;

	h->sampled++;
	for (size_t i = 0; i < h->n; i++) {
		if (!is_sampled(h, h->v[i]))
			continue;
		h->v[n++] = h->v[i];
		n_sorted += i < h->n_sorted;
	}
	h->n = n;
	h->n_sorted = n_sorted;
	h->high_bits = 0;
}

enum snap_code
hooklist_add(
    struct hooklist *h, uint64_t hook, uint32_t entry, struct snap_err *err)
{
	uint64_t item = mixed(hook);
	void *v = h->v;
	enum snap_code rc;

	if (!is_sampled(h, item))
		return SNAP_OK;
	while (h->low_bits < LOW_BITS_MAX && entry >> h->low_bits != 0)
		widen(h);
	if (h->n >= h->max && h->sampled < LOW_BITS_MAX - 1)
		thin_out(h);
	if (!is_sampled(h, item))
		return SNAP_OK;
	rc = vec_room(&v, &h->cap, h->n, sizeof *h->v, err);
	h->v = v;
	if (rc == SNAP_OK)
		h->v[h->n++] = (item >> h->low_bits) << h->low_bits | entry;
	return rc;
}

static void
insertion_sort(uint64_t *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		uint64_t x = v[i];
		size_t at = i;

		for (; at > 0 && v[at - 1] > x; at--)
			v[at] = v[at - 1];
		v[at] = x;
	}
}

/* In place (American flag sort), for qsort() may take as much memory again;
 * at most eight levels deep. */
static void
radix_sort(uint64_t *v, size_t n, unsigned shift)
{
	size_t next[256], end[256], at = 0;

	if (n < RADIX_MIN) {
		insertion_sort(v, n);
		return;
	}
	memset(end, 0, sizeof end);
	for (size_t i = 0; i < n; i++)
		end[v[i] >> shift & 255]++;
	for (size_t d = 0; d < 256; d++) {
		next[d] = at;
		at += end[d];
		end[d] = at;
	}
	for (size_t d = 0; d < 256; d++)
		while (next[d] < end[d]) {
			uint64_t x = v[next[d]];
			size_t to = x >> shift & 255;

			v[next[d]] = v[next[to]];
			v[next[to]++] = x;
		}
	if (shift == 0)
		return;
	for (size_t d = 0; d < 256; d++) {
		size_t from = d == 0 ? 0 : end[d - 1];

		radix_sort(v + from, end[d] - from, shift - 8);
	}
}

void
hooklist_sort(struct hooklist *h)
{
	unsigned bits = 1;
	size_t at = 0;

	radix_sort(h->v, h->n, 56);
	h->n_sorted = h->n;
	while (bits < HIGH_BITS_MAX && h->n >> bits > ITEMS_PER_PREFIX)
		bits++;
	free(h->first);
	h->first = malloc((((size_t)1 << bits) + 1) * sizeof *h->first);
	h->high_bits = h->first == NULL ? 0 : bits;
	if (h->first == NULL)
		return; /* only slower */
	for (size_t p = 0; p <= (size_t)1 << bits; p++) {
		while (at < h->n && h->v[at] >> (64 - bits) < p)
			at++;
		h->first[p] = (uint32_t)at;
	}
}

size_t
hooklist_find(
    const struct hooklist *h, uint64_t hook, uint32_t *out, size_t max)
{
	uint64_t item = mixed(hook) >> h->low_bits;
	size_t from = 0, to = h->n_sorted, n = 0;

	if (h->high_bits != 0) {
		size_t p = (size_t)(mixed(hook) >> (64 - h->high_bits));

		from = h->first[p];
		to = h->first[p + 1];
	}
	/* The end of those that are not above it. */
	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (h->v[mid] >> h->low_bits <= item)
			from = mid + 1;
		else
			to = mid;
	}
	for (; n < max && to > 0 && h->v[to - 1] >> h->low_bits == item; to--)
		out[n++] = (uint32_t)(h->v[to - 1] &
				      ((UINT64_C(1) << h->low_bits) - 1));
	return n;
}
