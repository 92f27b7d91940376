/* SPDX-License-Identifier: PostgreSQL */
/* manifest.c - rows in order of kind, name and part; see manifest.h. */
#include <stdlib.h>
#include <string.h>

#include "manifest.h"
#include "run.h"

#define PARTS_MAX 1000000u
/* A few bytes of zstd become megabytes of rows: whoever may back up must not
 * take the memory of whoever reads.  A million tables have a quarter of it. */
#define STREAMS_MAX ((size_t)1 << 22)
#define ROWS_BYTES_MAX ((size_t)1 << 30)
/* One row in 64 ends a part. */
#define PART_END_MASK 63u

static int
row_cmp(
    const struct stream_row *a, uint8_t kind, struct span name, uint32_t part)
{
	int d;

	if (a->kind != kind)
		return a->kind < kind ? -1 : 1;
	if ((d = span_cmp(a->name, name)) != 0)
		return d;
	return a->part < part ? -1 : a->part > part;
}

static int
done_cmp(const void *a, const void *b)
{
	const struct stream_done *x = *(struct stream_done *const *)a;
	const struct stream_done *y = *(struct stream_done *const *)b;

	return row_cmp(&x->row, y->row.kind, y->row.name, y->row.part);
}

static enum snap_code
put_meta(struct store *s, struct run *run, struct bytes *plain,
    uint8_t id[ID_LEN], struct snap_err *err)
{
	struct frame_in f;
	enum snap_code rc;

	if ((rc = bytes_check(plain, err)) != SNAP_OK)
		return rc;
	memset(&f, 0, sizeof f);
	f.class = CLASS_MANIFEST;
	f.plain = bytes_span(plain);
	keys_meta_id(s->keys, f.class, f.plain, f.id);
	memcpy(id, f.id, ID_LEN);
	return run_add(run, &f, err);
}

static bool
ends_part(const struct store *s, const struct stream_row *r)
{
	uint8_t h[ID_LEN];

	keys_digest(s->keys, r->name, h);
	return (h[0] & PART_END_MASK) == 0;
}

static enum snap_code
too_many(enum snap_code code, struct snap_err *err)
{
	return snap_fail(err, code,
	    "more streams than a snapshot may have, or longer names");
}

enum snap_code
manifest_write(struct store *s, struct run *run, struct stream_done **v,
    size_t n, uint8_t root[ID_LEN], struct snap_err *err)
{
	struct bytes part, ids, news, plain;
	struct manifest_root m = { 0 };
	enum snap_code rc = SNAP_OK;
	uint8_t id[ID_LEN];
	uint32_t rows = 0;
	size_t all = 0;

	bytes_init(&part, BLOCK_PLAIN_MAX);
	bytes_init(&ids, BLOCK_PLAIN_MAX);
	bytes_init(&news, BLOCK_PLAIN_MAX);
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	qsort(v, n, sizeof *v, done_cmp);
	for (size_t i = 0; i < n && rc == SNAP_OK; i++) {
		if (i > 0 && done_cmp(&v[i - 1], &v[i]) == 0) {
			rc = snap_fail(err, SNAP_USAGE,
			    "two streams are named \"%.*s\"",
			    (int)v[i]->row.name.len,
			    (const char *)v[i]->row.name.p);
			break;
		}
		stream_row_encode(&v[i]->row, &part);
		rows++;
		if (v[i]->new_bytes > 0) {
			bytes_varint(&news, i);
			bytes_varint(&news, v[i]->new_bytes);
			m.n_new++;
		}
		if (i + 1 < n && !ends_part(s, &v[i]->row) &&
		    rows < MANIFEST_PART_ROWS_MAX && part.len < (8u << 20))
			continue;
		all += part.len;
		rc = i < STREAMS_MAX && all <= ROWS_BYTES_MAX
			 ? put_meta(s, run, &part, id, err)
			 : too_many(SNAP_USAGE, err);
		bytes_put(&ids, id, ID_LEN);
		m.n_parts++;
		bytes_clear(&part);
		rows = 0;
	}
	if (rc == SNAP_OK)
		rc = bytes_check(&ids, err);
	if (rc == SNAP_OK)
		rc = bytes_check(&news, err);
	if (rc == SNAP_OK) {
		m.parts = ids.p;
		m.news = bytes_span(&news);
		manifest_root_encode(&m, &plain);
		rc = put_meta(s, run, &plain, root, err);
	}
	bytes_fini(&part);
	bytes_fini(&ids);
	bytes_fini(&news);
	bytes_fini(&plain);
	return rc;
}

static enum snap_code
add_row(struct manifest *m, size_t *cap, const struct stream_row *r,
    struct snap_err *err)
{
	size_t n = m->m.n;

	if (n > 0) {
		const struct stream_row *p = &m->rows[n - 1];

		if (row_cmp(p, r->kind, r->name, r->part) >= 0)
			return snap_fail(
			    err, SNAP_CORRUPT, "streams out of order");
	}
	if (n == STREAMS_MAX)
		return too_many(SNAP_CORRUPT, err);
	if (n == *cap) {
		size_t bigger = n == 0 ? 64 : n * 2;
		void *p = realloc(m->rows, bigger * sizeof *m->rows);

		if (p == NULL)
			return snap_fail(err, SNAP_NOMEM, "too many streams");
		m->rows = p;
		p = realloc(m->m.v, bigger * sizeof *m->m.v);
		if (p == NULL)
			return snap_fail(err, SNAP_NOMEM, "too many streams");
		m->m.v = p;
		*cap = bigger;
	}
	m->rows[n] = *r;
	m->m.v[n] = (struct repo_stream){ .kind = r->kind,
		.cutter = r->cutter,
		.part = r->part,
		.name = r->name,
		.attr = r->attr,
		.bytes = r->bytes,
		.rows = r->rows };
	memcpy(m->m.v[n].digest, r->digest, ID_LEN);
	m->m.n++;
	return SNAP_OK;
}

static enum snap_code
load_part(struct store *s, struct manifest *m, size_t *cap,
    const uint8_t id[ID_LEN], struct snap_err *err)
{
	struct bytes *b = &m->parts[m->n_parts++];
	struct stream_row row;
	enum snap_code rc;
	struct cursor c;

	bytes_init(b, BLOCK_PLAIN_MAX);
	rc = store_read(s, CLASS_MANIFEST, id, b, err);
	m->n_bytes += b->len;
	if (rc == SNAP_OK && m->n_bytes > ROWS_BYTES_MAX)
		return too_many(SNAP_CORRUPT, err);
	cursor_init(&c, bytes_span(b));
	while (rc == SNAP_OK && c.left > 0) {
		rc = stream_row_decode(&c, &row, err);
		if (rc == SNAP_OK)
			rc = add_row(m, cap, &row, err);
	}
	return rc;
}

static enum snap_code
load_news(
    struct manifest *m, const struct manifest_root *root, struct snap_err *err)
{
	struct cursor c;

	cursor_init(&c, root->news);
	for (uint32_t i = 0; i < root->n_new && !c.bad; i++) {
		uint64_t ordinal = cursor_varint(&c);
		uint64_t bytes = cursor_varint(&c);

		if (!c.bad && ordinal < m->m.n)
			m->m.v[ordinal].new_bytes = bytes;
	}
	return c.bad ? snap_fail(err, SNAP_CORRUPT, "a manifest's root")
		     : SNAP_OK;
}

/* Of a part that is damaged: leave it out, if that is wanted. */
static enum snap_code
load_some(struct store *s, struct manifest *m, size_t *cap,
    const uint8_t id[ID_LEN], size_t *n_lost, struct snap_err *err)
{
	size_t before = m->m.n;
	enum snap_code rc = load_part(s, m, cap, id, err);

	if (n_lost == NULL ||
	    (rc != SNAP_CORRUPT && rc != SNAP_NOTFOUND && rc != SNAP_IO))
		return rc;
	m->m.n = before;
	m->n_bytes -= m->parts[--m->n_parts].len;
	bytes_fini(&m->parts[m->n_parts]);
	++*n_lost;
	return SNAP_OK;
}

/* n_lost NULL: there may not be any. */
static enum snap_code
load_all(struct store *s, const uint8_t root_id[ID_LEN], struct manifest **out,
    size_t *n_lost, struct snap_err *err)
{
	struct manifest *m = calloc(1, sizeof *m);
	struct manifest_root root;
	enum snap_code rc;
	struct bytes plain;
	size_t cap = 0;

	if (m == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a manifest");
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	rc = store_read(s, CLASS_MANIFEST, root_id, &plain, err);
	if (rc == SNAP_OK)
		rc = manifest_root_decode(bytes_span(&plain), &root, err);
	if (rc != SNAP_OK)
		goto out;
	m->parts = calloc((size_t)root.n_parts + 1, sizeof *m->parts);
	if (m->parts == NULL || root.n_parts > PARTS_MAX) {
		rc = snap_fail(err, SNAP_NOMEM, "no memory for a manifest");
		goto out;
	}
	for (uint32_t i = 0; i < root.n_parts && rc == SNAP_OK; i++)
		rc = load_some(
		    s, m, &cap, root.parts + (size_t)i * ID_LEN, n_lost, err);
	/* Which stream a number means is not known without all parts. */
	if (rc == SNAP_OK && (n_lost == NULL || *n_lost == 0))
		rc = load_news(m, &root, err);
out:
	bytes_fini(&plain);
	if (rc != SNAP_OK) {
		manifest_free(m);
		return snap_wrap(err, "read the manifest");
	}
	m->m.internal = m;
	*out = m;
	return SNAP_OK;
}

enum snap_code
manifest_load(struct store *s, const uint8_t root[ID_LEN],
    struct manifest **out, struct snap_err *err)
{
	return load_all(s, root, out, NULL, err);
}

enum snap_code
manifest_load_rest(struct store *s, const uint8_t root[ID_LEN],
    struct manifest **out, size_t *n_lost, struct snap_err *err)
{
	*n_lost = 0;
	return load_all(s, root, out, n_lost, err);
}

void
manifest_free(struct manifest *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->n_parts; i++)
		bytes_fini(&m->parts[i]);
	free(m->parts);
	free(m->rows);
	free(m->m.v);
	free(m);
}

const struct stream_row *
manifest_find(
    const struct manifest *m, uint8_t kind, struct span name, uint32_t part)
{
	size_t lo = 0, hi = m->m.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (row_cmp(&m->rows[mid], kind, name, part) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return NULL;
	const struct stream_row *r = &m->rows[lo - 1];
	return r->kind == kind && span_eq(r->name, name) ? r : NULL;
}
