/* SPDX-License-Identifier: PostgreSQL */
/*
 * raw.c - fetch, unseal and decode one object, trusting nothing about it.
 *
 * A pack under another pack's name is the case that a checksum cannot see, so
 * the id in the header is compared before anything else is believed.
 */
#include <string.h>

#include "fetch.h"
#include "inventory.h"
#include "keys.h"
#include "raw.h"
#include "seal.h"

#define TAIL_GUESS (16u << 10) /* contents and trailer mostly fit */

bool
raw_is_damage(enum snap_code rc)
{
	return rc == SNAP_CORRUPT || rc == SNAP_NOTFOUND ||
	       rc == SNAP_UNSUPPORTED || rc == SNAP_IO;
}

static enum snap_code
header_check(const struct store *s, const struct header *h, uint8_t kind,
    const uint8_t id[ID_LEN], struct snap_err *err)
{
	char hex[2 * ID_LEN + 1];

	if (memcmp(h->repo_id, s->repo_id, ID_LEN) != 0)
		return snap_fail(
		    err, SNAP_CORRUPT, "belongs to another repository");
	if (h->kind != kind || memcmp(h->id, id, ID_LEN) != 0) {
		hex_encode(h->id, ID_LEN, hex);
		return snap_fail(err, SNAP_CORRUPT,
		    "holds another object (kind '%c', id %s)", h->kind, hex);
	}
	return SNAP_OK;
}

enum snap_code
raw_get_body(struct store *s, uint8_t kind, const uint8_t id[ID_LEN],
    struct raw_body *out, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct raw_body b;
	struct object o;
	struct bytes obj;
	enum snap_code rc;

	memset(&b, 0, sizeof b);
	bytes_init(&obj, TRANSPORT_SIZE_MAX);
	bytes_init(&b.plain, TRANSPORT_SIZE_MAX);
	store_name(kind, id, name);
	rc = store_fetch(s, name, &obj, err);
	if (rc == SNAP_OK)
		rc = object_parse(bytes_span(&obj), &o, err);
	if (rc == SNAP_OK)
		rc = header_check(s, &o.header, kind, id, err);
	if (rc == SNAP_OK)
		rc = open_body(
		    s->keys, o.header_bytes, o.payload, &b.plain, err);
	if (rc == SNAP_OK)
		rc = body_unwrap(bytes_span(&b.plain), &b.body, err);
	b.size = obj.len;
	bytes_fini(&obj);
	if (rc == SNAP_OK)
		*out = b;
	else
		raw_body_fini(&b);
	return rc;
}

void
raw_body_fini(struct raw_body *b)
{
	bytes_fini(&b->plain);
}

enum snap_code
raw_get_segment(struct store *s, const struct inventory_object *o,
    struct raw_segment *out, struct snap_err *err)
{
	struct raw_segment seg;
	char hex[2 * ID_LEN + 1];
	enum snap_code rc;

	memset(&seg, 0, sizeof seg);
	rc = raw_get_body(s, OBJ_INDEX, o->id, &seg.body, err);
	if (rc != SNAP_OK)
		return rc;
	rc = index_segment_decode(seg.body.body.body, &seg.segment, err);
	if (rc != SNAP_OK) {
		raw_body_fini(&seg.body);
		return rc;
	}
	if (inventory_is_void(s, o, seg.segment.l0)) {
		hex_encode(o->id, ID_LEN, hex);
		report_log(s->report, REPORT_INFO,
		    "index/%s was put too late and is ignored", hex);
		seg.is_void = true;
		seg.segment.n_packs = 0;
	}
	*out = seg;
	return SNAP_OK;
}

void
raw_segment_fini(struct raw_segment *s)
{
	index_segment_fini(&s->segment);
	raw_body_fini(&s->body);
}

/* Append [off, end) of the pack to *out. */
static enum snap_code
get_range(struct store *s, const char *name, uint64_t off, uint64_t end,
    struct raw_pack *p, struct snap_err *err)
{
	size_t len = (size_t)(end - off);
	size_t old = p->object.len;
	enum snap_code rc;

	rc = transport_get(s->t, name, off, len, &p->object, err);
	if (rc == SNAP_OK && p->object.len - old != len)
		rc = snap_fail(err, SNAP_CORRUPT,
		    "is shorter than the store's listing says");
	p->n_read += p->object.len - old;
	return rc;
}

/* Unseal and decode; `header` are the pack's first bytes. */
static enum snap_code
open_contents(struct store *s, const struct inventory_object *o,
    struct span header, struct span sealed, struct raw_pack *p,
    struct snap_err *err)
{
	struct body body;
	struct header h;
	enum snap_code rc;

	rc = header_decode(header, &h, err);
	if (rc == SNAP_OK)
		rc = header_check(s, &h, o->kind, o->id, err);
	if (rc == SNAP_OK)
		rc = open_body(s->keys, header, sealed, &p->plain, err);
	if (rc == SNAP_OK)
		rc = body_unwrap(bytes_span(&p->plain), &body, err);
	if (rc == SNAP_OK)
		rc = pack_contents_decode(body.body, &p->contents, err);
	if (rc != SNAP_OK)
		return rc;
	p->encoded = body.body;
	for (uint32_t i = 0; i < p->contents.n_rows; i++) {
		const struct pack_row *r = &p->contents.rows[i];

		if ((uint64_t)r->off + r->sealed_len > p->contents_off ||
		    (r->class == CLASS_DATA) != (o->kind == OBJ_DATA))
			return snap_fail(err, SNAP_CORRUPT,
			    "the contents do not fit the pack");
	}
	return SNAP_OK;
}

/* The end of the pack, with all of its sealed contents; *from is the place in
 * the pack that the buffer starts at. */
static enum snap_code
get_tail(struct store *s, const char *name, uint64_t size, struct raw_pack *p,
    uint64_t *from, struct snap_err *err)
{
	uint32_t len;
	enum snap_code rc;

	*from = size > TAIL_GUESS ? size - TAIL_GUESS : 0;
	rc = get_range(s, name, *from, size, p, err);
	if (rc != SNAP_OK)
		return rc;
	rc = trailer_decode(
	    span_of(p->object.p + p->object.len - TRAILER_LEN, TRAILER_LEN),
	    size, &p->contents_off, &len, err);
	if (rc != SNAP_OK || p->contents_off >= *from)
		return rc;
	bytes_clear(&p->object);
	*from = p->contents_off;
	return get_range(s, name, *from, size, p, err);
}

/* All of the pack, which has the listed size. */
static enum snap_code
get_whole(struct store *s, const char *name, uint64_t size, struct raw_pack *p,
    struct snap_err *err)
{
	enum snap_code rc = store_fetch(s, name, &p->object, err);

	p->n_read += p->object.len;
	if (rc == SNAP_OK && p->object.len != size)
		rc = snap_fail(err, SNAP_CORRUPT,
		    "has another size than the store's listing says");
	return rc;
}

static enum snap_code
get_pack_once(struct store *s, const struct inventory_object *o, bool whole,
    struct raw_pack *out, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct span header, sealed;
	struct bytes first;
	struct raw_pack p;
	uint64_t from = 0;
	uint32_t len;
	enum snap_code rc;

	memset(&p, 0, sizeof p);
	bytes_init(&p.object, TRANSPORT_SIZE_MAX);
	bytes_init(&p.plain, TRANSPORT_SIZE_MAX);
	bytes_init(&first, HEADER_LEN);
	store_name(o->kind, o->id, name);
	if (o->size < HEADER_LEN + TRAILER_LEN ||
	    o->size > TRANSPORT_SIZE_MAX) {
		rc = snap_fail(err, SNAP_CORRUPT, "has an impossible size");
		goto out;
	}
	if (whole) {
		rc = get_whole(s, name, o->size, &p, err);
		if (rc == SNAP_OK)
			rc = trailer_decode(
			    span_of(p.object.p + p.object.len - TRAILER_LEN,
				TRAILER_LEN),
			    o->size, &p.contents_off, &len, err);
	} else {
		rc = get_tail(s, name, o->size, &p, &from, err);
	}
	if (rc != SNAP_OK)
		goto out;
	header = span_of(p.object.p, HEADER_LEN);
	if (from != 0) {
		rc = transport_get(s->t, name, 0, HEADER_LEN, &first, err);
		if (rc != SNAP_OK)
			goto out;
		p.n_read += first.len;
		header = bytes_span(&first);
	}
	sealed = span_of(p.object.p + (p.contents_off - from),
	    (size_t)(o->size - TRAILER_LEN - p.contents_off));
	rc = open_contents(s, o, header, sealed, &p, err);
out:
	bytes_fini(&first);
	if (rc == SNAP_OK)
		*out = p;
	else
		raw_pack_fini(&p);
	return rc;
}

enum snap_code
raw_get_pack(struct store *s, const struct inventory_object *o, bool whole,
    struct raw_pack *out, struct snap_err *err)
{
	bool was_again = whole; /* store_fetch() did so already */
	enum snap_code rc;

	do
		rc = get_pack_once(s, o, whole, out, err);
	while (store_again(s, rc, &was_again, err));
	return rc;
}

enum snap_code
raw_pack_checksum(const struct raw_pack *p, struct snap_err *err)
{
	struct object o;

	return object_parse(bytes_span(&p->object), &o, err);
}

void
raw_pack_fini(struct raw_pack *p)
{
	pack_contents_fini(&p->contents);
	bytes_fini(&p->object);
	bytes_fini(&p->plain);
}
