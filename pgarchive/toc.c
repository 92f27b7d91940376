/* SPDX-License-Identifier: PostgreSQL */
/*
 * toc.c - the head of a custom archive, read without pg_restore.
 *
 *   "PGDMP", major, minor, revision, size of an int, size of an offset, format
 *   (1 = custom); compression (an int; 1.15: a byte), seven ints of time;
 *   database, version of the server, of pg_dump; number of entries.
 *   Entry: dump id, has data; catalog's oid and row's oid as text; tag, desc;
 *   section; SQL to make, to drop, to copy; schema, tablespace; 1.14: access
 *   method; 1.16: kind of relation (an int); owner, "with oids"; dependencies
 *   as text up to an absent string; one byte and an offset of its data.
 *
 * An int is a byte, not zero = negative, and its bytes, the least significant
 * first; a string is an int and so many bytes, a negative one = absent.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "toc.h"

#define FORMAT_CUSTOM 1
#define MINOR_MIN 12
#define MINOR_MAX 16
#define INT_MAX_BYTES 8
#define ENTRY_INTS 12

struct reader {
	struct cursor c;
	size_t int_size, offset_size;
	uint8_t minor;
};

static int32_t
read_int(struct reader *r)
{
	bool negative = cursor_u8(&r->c) != 0;
	uint64_t v = 0;

	for (size_t i = 0; i < r->int_size; i++)
		v |= (uint64_t)cursor_u8(&r->c) << (8 * i);
	if (v > INT32_MAX) {
		r->c.bad = true;
		return 0;
	}
	return negative ? -(int32_t)v : (int32_t)v;
}

static struct span
read_str(struct reader *r)
{
	struct span none = { NULL, 0 };
	int32_t len = read_int(r);

	if (len < 0 || r->c.bad)
		return none;
	/* An empty one is there, an absent one is not. */
	if (len == 0)
		return span_str("");
	return cursor_span(&r->c, (size_t)len);
}

/* A positive decimal number, or -1. */
static int32_t
number(struct span s)
{
	int32_t v = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || v > (INT32_MAX - 9) / 10)
			return -1;
		v = v * 10 + (s.p[i] - '0');
	}
	return s.len == 0 ? -1 : v;
}

static enum snap_code
broken(const char *what, struct snap_err *err)
{
	return snap_fail(
	    err, SNAP_CORRUPT, "not an archive of pg_dump: %s", what);
}

static enum snap_code
read_head(struct reader *r, struct toc *t, struct snap_err *err)
{
	struct span magic = cursor_span(&r->c, 5);
	uint8_t major = cursor_u8(&r->c);

	r->minor = cursor_u8(&r->c);
	(void)cursor_u8(&r->c); /* revision */
	r->int_size = cursor_u8(&r->c);
	r->offset_size = cursor_u8(&r->c);
	if (r->c.bad || !span_eq(magic, span_str("PGDMP")))
		return broken("no head", err);
	if (major != 1 || r->minor < MINOR_MIN || r->minor > MINOR_MAX) {
		(void)snap_fail(err, SNAP_UNSUPPORTED,
		    "the snapshot's archive has version %u.%u, known are "
		    "1.%d to 1.%d",
		    major, r->minor, MINOR_MIN, MINOR_MAX);
		return snap_hint(err, "Use a newer version of this program.");
	}
	if (cursor_u8(&r->c) != FORMAT_CUSTOM)
		return broken("another format", err);
	if (r->int_size < 2 || r->int_size > INT_MAX_BYTES ||
	    r->offset_size < 1 || r->offset_size > INT_MAX_BYTES)
		return broken("sizes", err);
	if (r->minor >= 15)
		(void)cursor_u8(&r->c);
	else
		(void)read_int(r);
	for (int i = 0; i < 7; i++)
		(void)read_int(r);
	t->minor = r->minor;
	t->int_size = r->int_size;
	t->offset_size = r->offset_size;
	t->database = read_str(r);
	t->server_version = read_str(r);
	t->dump_version = read_str(r);
	return r->c.bad ? broken("its head ends early", err) : SNAP_OK;
}

/* Dependencies are dump ids until all entries are known. */
struct pool {
	size_t *v;
	size_t n, cap;
};

static enum snap_code
read_deps(struct reader *r, struct pool *pool, size_t *n, struct snap_err *err)
{
	enum snap_code rc;
	struct span s;
	int32_t id;

	for (*n = 0; s = read_str(r), s.p != NULL; (*n)++) {
		id = number(s);
		if (id < 0)
			return broken("a dependency is no number", err);
		rc = vec_room((void **)&pool->v, &pool->cap, pool->n,
		    sizeof *pool->v, err);
		if (rc != SNAP_OK)
			return rc;
		pool->v[pool->n++] = (size_t)id;
	}
	return SNAP_OK;
}

static enum snap_code
read_entry(struct reader *r, struct toc_entry *e, struct pool *pool,
    struct snap_err *err)
{
	enum snap_code rc;
	const uint8_t *start = r->c.p;
	int32_t section;

	e->id = read_int(r);
	(void)read_int(r); /* has data */
	(void)read_str(r); /* oid of the catalog */
	(void)read_str(r); /* of its row */
	e->tag = read_str(r);
	e->desc = read_str(r);
	section = read_int(r);
	e->defn = read_str(r);
	e->drop = read_str(r);
	(void)read_str(r); /* COPY statement */
	e->schema = read_str(r);
	(void)read_str(r); /* tablespace */
	if (r->minor >= 14)
		(void)read_str(r); /* access method */
	if (r->minor >= 16)
		(void)read_int(r); /* kind of relation */
	e->owner = read_str(r);
	(void)read_str(r); /* with oids */
	if ((rc = read_deps(r, pool, &e->n_deps, err)) != SNAP_OK)
		return rc;
	if (!r->c.bad)
		e->raw = span_of(start, (size_t)(r->c.p - start));
	(void)cursor_u8(&r->c);
	(void)cursor_span(&r->c, r->offset_size);
	if (r->c.bad)
		return broken("an entry ends early", err);
	if (e->id <= 0 || section < TOC_NONE || section > TOC_POST_DATA ||
	    e->tag.p == NULL || e->desc.p == NULL)
		return broken("an entry makes no sense", err);
	e->section = (uint8_t)section;
	return SNAP_OK;
}

struct by_id {
	int32_t id;
	size_t at;
};

static int
cmp_id(const void *a, const void *b)
{
	const struct by_id *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int
cmp_size(const void *a, const void *b)
{
	const size_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* From dump ids to indexes; what is not in the archive is left out, as a
 * schema that every database has. */
static enum snap_code
resolve(struct toc *t, struct pool *pool, struct snap_err *err)
{
	struct by_id *ids = calloc(t->n + 1, sizeof *ids), key, *hit;
	size_t in = 0, out = 0, first, i, j;

	if (ids == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (i = 0; i < t->n; i++)
		ids[i] = (struct by_id){ t->v[i].id, i };
	qsort(ids, t->n, sizeof *ids, cmp_id);
	for (i = 1; i < t->n; i++)
		if (ids[i].id == ids[i - 1].id) {
			free(ids);
			return broken("two entries of one number", err);
		}
	for (i = 0; i < t->n; i++) {
		struct toc_entry *e = &t->v[i];
		size_t end = in + e->n_deps;

		for (first = out; in < end; in++) {
			key.id = (int32_t)pool->v[in];
			hit = bsearch(&key, ids, t->n, sizeof *ids, cmp_id);
			if (hit != NULL)
				pool->v[out++] = hit->at;
		}
		if (out > first)
			qsort(pool->v + first, out - first, sizeof *pool->v,
			    cmp_size);
		for (j = first, e->n_deps = 0; j < out; j++)
			if (j == first || pool->v[j] != pool->v[j - 1])
				pool->v[first + e->n_deps++] = pool->v[j];
		out = first + e->n_deps;
		e->deps = out > first ? pool->v + first : NULL;
	}
	free(ids);
	return SNAP_OK;
}

enum snap_code
toc_parse(struct span archive, struct toc **out, struct snap_err *err)
{
	struct toc *t = calloc(1, sizeof *t);
	struct pool pool = { NULL, 0, 0 };
	struct reader r = { .minor = 0 };
	enum snap_code rc;
	int32_t n;

	if (t == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	cursor_init(&r.c, archive);
	if ((rc = read_head(&r, t, err)) != SNAP_OK)
		goto out;
	t->head = span_of(archive.p, archive.len - r.c.left);
	n = read_int(&r);
	/* Before it is believed: each has more ints than that. */
	if (r.c.bad || n < 0 ||
	    (size_t)n > r.c.left / (ENTRY_INTS * (1 + r.int_size))) {
		rc = broken("the number of entries", err);
		goto out;
	}
	t->v = calloc((size_t)n + 1, sizeof *t->v);
	if (t->v == NULL) {
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
		goto out;
	}
	while (rc == SNAP_OK && t->n < (size_t)n)
		if ((rc = read_entry(&r, &t->v[t->n], &pool, err)) == SNAP_OK)
			t->n++;
	for (size_t i = 0; i < pool.n; i++)
		if (pool.v[i] > (size_t)t->max_id)
			t->max_id = (int32_t)pool.v[i];
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].id > t->max_id)
			t->max_id = t->v[i].id;
	if (rc == SNAP_OK)
		rc = resolve(t, &pool, err);
	t->deps = pool.v;
out:
	if (rc != SNAP_OK)
		toc_free(t);
	else
		*out = t;
	return rc;
}

void
toc_free(struct toc *t)
{
	if (t == NULL)
		return;
	free(t->v);
	free(t->deps);
	free(t);
}
