/* SPDX-License-Identifier: PostgreSQL */
/*
 * udiff.c - Myers' greedy algorithm on lines.
 *
 * It goes along the shortest way from one text to the other and remembers how
 * far it came with each number of edits, which takes memory by their square;
 * beyond a bound what is left is told as taken out and put in as a whole.
 */
#include <stdlib.h>
#include <string.h>

#include "udiff.h"

#define CONTEXT 3
#define EDITS_MAX 2000 /* 16 MiB of memory */
#define NO_NEWLINE "\\ No newline at end of file\n"

struct text {
	struct span *v; /* lines with their ends */
	size_t n;
};

struct edit { /* lines of a taken out, and of b put in, from there on */
	size_t a, b, n_a, n_b;
};

struct udiff {
	struct text a, b;
	struct edit *v;
	size_t n, cap;
};

static enum snap_code
split(struct span s, struct text *out, struct snap_err *err)
{
	size_t cap = 0;

	out->v = NULL;
	out->n = 0;
	while (s.len > 0) {
		const uint8_t *e = memchr(s.p, '\n', s.len);
		size_t len = e == NULL ? s.len : (size_t)(e - s.p) + 1;
		void *v = out->v;
		enum snap_code rc;

		rc = vec_room(&v, &cap, out->n, sizeof *out->v, err);
		out->v = v;
		if (rc != SNAP_OK)
			return rc;
		out->v[out->n++] = span_of(s.p, len);
		s.p += len;
		s.len -= len;
	}
	return SNAP_OK;
}

/* In rising order; what touches the one before becomes part of it. */
static enum snap_code
add_edit(struct udiff *d, size_t a, size_t b, size_t n_a, size_t n_b,
    struct snap_err *err)
{
	struct edit *last = d->n == 0 ? NULL : &d->v[d->n - 1];
	void *v = d->v;
	enum snap_code rc;

	if (n_a == 0 && n_b == 0)
		return SNAP_OK;
	if (last != NULL && last->a + last->n_a == a &&
	    last->b + last->n_b == b) {
		last->n_a += n_a;
		last->n_b += n_b;
		return SNAP_OK;
	}
	rc = vec_room(&v, &d->cap, d->n, sizeof *d->v, err);
	d->v = v;
	if (rc == SNAP_OK)
		d->v[d->n++] = (struct edit){ a, b, n_a, n_b };
	return rc;
}

/* Diagonals of each number of edits lie one behind the other: of `e` edits
 * those from -e to e. */
static int32_t *
reach_of(int32_t *all, int32_t e, int32_t k)
{
	return &all[(size_t)e * (size_t)e + (size_t)(k + e)];
}

/* Was the last edit on the way to diagonal k one that puts a line in? */
static bool
puts_in(int32_t *all, int32_t e, int32_t k)
{
	if (k == -e)
		return true;
	if (k == e)
		return false;
	return *reach_of(all, e - 1, k - 1) < *reach_of(all, e - 1, k + 1);
}

/* The edits of the way that ends on diagonal k after e edits, first to last. */
static enum snap_code
go_back(struct udiff *d, int32_t *all, int32_t e, int32_t k, size_t from,
    struct snap_err *err)
{
	struct edit *way = calloc((size_t)e + 1, sizeof *way);
	enum snap_code rc = SNAP_OK;
	int32_t i;

	if (way == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (i = e; i > 0; i--) {
		bool in = puts_in(all, i, k);
		int32_t before = in ? k + 1 : k - 1;
		int32_t x = *reach_of(all, i - 1, before);

		way[i].a = from + (size_t)x;
		way[i].b = from + (size_t)(x - before);
		way[i].n_a = in ? 0 : 1;
		way[i].n_b = in ? 1 : 0;
		k = before;
	}
	for (i = 1; i <= e && rc == SNAP_OK; i++)
		rc = add_edit(
		    d, way[i].a, way[i].b, way[i].n_a, way[i].n_b, err);
	free(way);
	return rc;
}

/* How far one comes on diagonal k with e edits, and along all that is equal. */
static int32_t
walk(const struct udiff *d, int32_t *all, int32_t e, int32_t k, size_t from,
    size_t n, size_t m)
{
	int32_t x = 0, y;

	if (e > 0)
		x = puts_in(all, e, k) ? *reach_of(all, e - 1, k + 1)
				       : *reach_of(all, e - 1, k - 1) + 1;
	y = x - k;
	while (y >= 0 && (size_t)x < n && (size_t)y < m &&
	       span_eq(d->a.v[from + (size_t)x], d->b.v[from + (size_t)y])) {
		x++;
		y++;
	}
	*reach_of(all, e, k) = x;
	return x;
}

/* What is between `from` and the ends. */
static enum snap_code
compare(struct udiff *d, size_t from, size_t end_a, size_t end_b,
    struct snap_err *err)
{
	size_t n = end_a - from, m = end_b - from;
	int32_t most = n + m < EDITS_MAX ? (int32_t)(n + m) : EDITS_MAX;
	int32_t *all = NULL, x;
	enum snap_code rc;

	if (n == 0 || m == 0 || n > INT32_MAX / 2 || m > INT32_MAX / 2)
		return add_edit(d, from, from, n, m, err);
	all = malloc(((size_t)most + 1) * ((size_t)most + 1) * sizeof *all);
	if (all == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (int32_t e = 0; e <= most; e++)
		for (int32_t k = -e; k <= e; k += 2) {
			x = walk(d, all, e, k, from, n, m);
			if ((size_t)x < n || x - k < (int32_t)m)
				continue;
			rc = go_back(d, all, e, k, from, err);
			free(all);
			return rc;
		}
	free(all);
	return add_edit(d, from, from, n, m, err);
}

static void
put_line(struct bytes *out, char mark, struct span line)
{
	bytes_u8(out, (uint8_t)mark);
	bytes_put_span(out, line);
	if (line.p[line.len - 1] != '\n')
		bytes_put_str(out, "\n" NO_NEWLINE);
}

/* "-3,4", or without the count when that is 1, as diff -u has it. */
static void
put_range(struct bytes *out, char mark, size_t from, size_t n)
{
	bytes_printf(out, "%c%zu", mark, n == 0 ? from : from + 1);
	if (n != 1)
		bytes_printf(out, ",%zu", n);
}

/* Edits first to last - 1 with what is around and between them. */
static void
put_hunk(const struct udiff *d, size_t first, size_t last, struct bytes *out)
{
	const struct edit *e = &d->v[first], *z = &d->v[last - 1];
	size_t before = e->a < CONTEXT ? e->a : CONTEXT;
	size_t end = z->a + z->n_a + CONTEXT, at = e->a - before;

	if (end > d->a.n)
		end = d->a.n;
	bytes_put_str(out, "@@ ");
	put_range(out, '-', at, end - at);
	bytes_u8(out, ' ');
	put_range(out, '+', e->b - before,
	    before + (z->b + z->n_b - e->b) + (end - z->a - z->n_a));
	bytes_put_str(out, " @@\n");
	for (size_t i = first; i < last; i++) {
		e = &d->v[i];
		for (; at < e->a; at++)
			put_line(out, ' ', d->a.v[at]);
		for (; at < e->a + e->n_a; at++)
			put_line(out, '-', d->a.v[at]);
		for (size_t b = e->b; b < e->b + e->n_b; b++)
			put_line(out, '+', d->b.v[b]);
	}
	for (; at < end; at++)
		put_line(out, ' ', d->a.v[at]);
}

enum snap_code
udiff(struct span a, struct span b, struct bytes *out, struct snap_err *err)
{
	struct udiff d = { .v = NULL };
	size_t from = 0, end_a, end_b, last;
	enum snap_code rc;

	rc = split(a, &d.a, err);
	if (rc == SNAP_OK)
		rc = split(b, &d.b, err);
	end_a = d.a.n;
	end_b = d.b.n;
	while (rc == SNAP_OK && from < end_a && from < end_b &&
	       span_eq(d.a.v[from], d.b.v[from]))
		from++;
	while (rc == SNAP_OK && end_a > from && end_b > from &&
	       span_eq(d.a.v[end_a - 1], d.b.v[end_b - 1])) {
		end_a--;
		end_b--;
	}
	if (rc == SNAP_OK)
		rc = compare(&d, from, end_a, end_b, err);
	for (size_t i = 0; i < d.n && rc == SNAP_OK; i = last) {
		for (last = i + 1;
		     last < d.n &&
		     d.v[last].a - (d.v[last - 1].a + d.v[last - 1].n_a) <=
			 2 * CONTEXT;)
			last++;
		put_hunk(&d, i, last, out);
		rc = bytes_check(out, err);
	}
	free(d.a.v);
	free(d.b.v);
	free(d.v);
	return rc;
}
