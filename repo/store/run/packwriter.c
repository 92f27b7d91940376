/* SPDX-License-Identifier: PostgreSQL */
/*
 * packwriter.c - one pack in memory: filled, finished, decoded again.
 *
 * Bad memory or a bug in compression would otherwise be found at the restore.
 * So before a pack is put everything in it is read back as a reader would,
 * and held against a checksum taken of the plaintext when it came in.
 */
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "runint.h"

#define PACK_SLACK (64u << 10)  /* contents and trailer */
#define CHUNK_SLACK (64u << 10) /* by which most blocks exceed their size */

enum snap_code
packbuf_new(struct store *s, uint8_t kind, struct bytes *spare,
    struct packbuf **out, struct snap_err *err)
{
	struct packbuf *p = calloc(1, sizeof *p);
	uint8_t header[HEADER_LEN];
	enum snap_code rc;

	if (p == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a pack");
	p->kind = kind;
	p->epoch = s->keys->epoch;
	keys_random(p->id, ID_LEN);
	bytes_init(&p->obj, TRANSPORT_SIZE_MAX);
	bytes_init(&p->contents, TRANSPORT_SIZE_MAX);
	store_header(s, kind, p->id, header);
	if (spare->p != NULL) {
		p->obj = *spare; /* moves */
		bytes_clear(&p->obj);
		bytes_init(spare, TRANSPORT_SIZE_MAX);
	}
	/* At once: growing would copy it, and take twice as much. */
	rc = bytes_reserve(&p->obj, s->config.pack_size + PACK_SLACK, err);
	bytes_put(&p->obj, header, HEADER_LEN);
	if (rc == SNAP_OK)
		rc = bytes_check(&p->obj, err);
	if (rc == SNAP_OK)
		*out = p;
	else
		packbuf_free(p);
	return rc;
}

void
packbuf_free(struct packbuf *p)
{
	if (p == NULL)
		return;
	bytes_fini(&p->obj);
	bytes_fini(&p->contents);
	free(p->rows);
	free(p->sums);
	free(p);
}

/* Zeros would show to everybody where a frame ends. */
void
pack_noise(struct bytes *obj, size_t n)
{
	uint8_t *p = bytes_room(obj, n);

	if (p != NULL && n > 0)
		keys_random(p, n);
}

static struct frame_sum
sum_of(struct span plain)
{
	XXH128_hash_t h = XXH3_128bits(plain.p, plain.len);
	struct frame_sum s = { h.low64, h.high64 };

	return s;
}

enum snap_code
packbuf_add(struct packbuf *p, const struct frame_in *f, uint8_t codec,
    struct span sealed, struct snap_err *err)
{
	void *rows = p->rows, *sums = p->sums;
	struct pack_row *r;
	enum snap_code rc;

	rc = vec_room(&rows, &p->rows_cap, p->n, sizeof *p->rows, err);
	p->rows = rows;
	if (rc == SNAP_OK) {
		rc = vec_room(&sums, &p->sums_cap, p->n, sizeof *p->sums, err);
		p->sums = sums;
	}
	if (rc != SNAP_OK)
		return rc;
	pack_noise(
	    &p->obj, (PACK_ALIGN - p->obj.len % PACK_ALIGN) % PACK_ALIGN);
	r = &p->rows[p->n];
	memset(r, 0, sizeof *r);
	r->class = f->class;
	r->codec = codec;
	memcpy(r->id, f->id, ID_LEN);
	r->off = (uint32_t)p->obj.len;
	r->sealed_len = (uint32_t)sealed.len;
	r->plain_len = (uint32_t)f->plain.len;
	r->n_chunks = f->n_chunks;
	if (f->class == CLASS_DATA) {
		r->n_hooks = (uint8_t)f->n_hooks;
		memcpy(r->hooks, f->hooks, sizeof r->hooks);
	} else {
		r->epoch = p->epoch;
	}
	p->sums[p->n] = sum_of(f->plain);
	bytes_put_span(&p->obj, sealed);
	rc = bytes_check(&p->obj, err);
	if (rc == SNAP_OK)
		p->n++;
	return rc;
}

void
session_to_row(const struct session *s, struct session_row *row)
{
	memcpy(row->id, s->id, ID_LEN);
	row->epoch = s->epoch;
	memcpy(row->host_id, s->host_id, ID_LEN);
	memcpy(row->sealed_key, s->sealed, SEALED_KEY_BYTES);
}

/* Filler lies between the frames and the contents, and looks like both. */
static void
pad_to(struct bytes *obj, size_t rest)
{
	uint64_t total = padme((uint64_t)obj->len + rest);

	pack_noise(obj, (size_t)(total - obj->len - rest));
}

enum snap_code
pack_seal(struct store *s, struct bytes *obj, struct span contents, bool sign,
    bool pad, struct snap_err *err)
{
	uint8_t header[HEADER_LEN];
	struct bytes wrapped;
	enum snap_code rc = SNAP_OK;
	size_t off;

	bytes_init(&wrapped, TRANSPORT_SIZE_MAX);
	/* A copy, for obj moves when it grows. */
	memcpy(header, obj->p, HEADER_LEN);
	if (sign)
		rc = body_sign(
		    s, span_of(header, HEADER_LEN), contents, &wrapped, err);
	else
		body_wrap(contents, NULL, NULL, &wrapped);
	if (rc == SNAP_OK)
		rc = bytes_check(&wrapped, err);
	if (rc == SNAP_OK && pad)
		pad_to(obj, wrapped.len + SEAL_OVERHEAD + TRAILER_LEN);
	if (rc == SNAP_OK)
		rc = bytes_check(obj, err);
	off = obj->len;
	if (rc == SNAP_OK)
		rc = seal_body(s->keys, span_of(header, HEADER_LEN),
		    bytes_span(&wrapped), obj, err);
	if (rc == SNAP_OK) {
		object_finish(obj, off);
		rc = bytes_check(obj, err);
	}
	bytes_fini(&wrapped);
	return rc;
}

/* A host says what is its own: when its key was stolen, that tells what is not
 * to be believed.  The maintenance key would vouch for more. */
bool
run_signs(const struct store *s)
{
	return !s->keys->maintenance;
}

enum snap_code
packbuf_finish(struct store *s, struct packbuf *p,
    const struct session *session, const uint8_t run_id[ID_LEN], bool pad,
    struct snap_err *err)
{
	struct session_row row;
	struct pack_contents pc;
	enum snap_code rc;

	session_to_row(session, &row);
	memset(&pc, 0, sizeof pc);
	memcpy(pc.run_id, run_id, ID_LEN);
	pc.n_sessions = p->kind == OBJ_DATA ? 1 : 0;
	pc.sessions = &row;
	pc.n_rows = (uint32_t)p->n;
	pc.rows = p->rows;
	pack_contents_encode(&pc, &p->contents);
	rc = bytes_check(&p->contents, err);
	return rc == SNAP_OK ? pack_seal(s, &p->obj, bytes_span(&p->contents),
				   run_signs(s), pad, err)
			     : rc;
}

static enum snap_code
wrong(struct snap_err *err)
{
	(void)snap_fail(
	    err, SNAP_CORRUPT, "a pack did not decode to what went into it");
	return snap_detail(err, "Nothing of it was stored. The memory or the "
				"processor of this machine is not reliable.");
}

static enum snap_code
check_frames(struct store *s, const struct packbuf *p,
    const struct session *session, struct snap_err *err)
{
	const uint8_t *key = p->kind == OBJ_DATA ? session->key : s->keys->meta;
	struct frame_sum sum;
	struct bytes plain;
	enum snap_code rc = SNAP_OK;

	scratch_take(
	    s, s->config.block_size + CHUNK_SLACK, BLOCK_PLAIN_MAX, &plain);
	for (size_t i = 0; i < p->n && rc == SNAP_OK; i++) {
		const struct pack_row *r = &p->rows[i];
		struct frame_place f = { r->class, r->codec, r->id,
			session->epoch, r->plain_len, { NULL, 0 } };

		bytes_clear(&plain);
		rc = frame_open(s, key, &f,
		    span_of(p->obj.p + r->off, r->sealed_len), &plain, err);
		if (rc == SNAP_NOMEM)
			break;
		sum = sum_of(bytes_span(&plain));
		if (rc != SNAP_OK || sum.lo != p->sums[i].lo ||
		    sum.hi != p->sums[i].hi)
			rc = wrong(err);
	}
	scratch_give(s, &plain);
	return rc;
}

enum snap_code
pack_read_back(struct store *s, struct span obj, struct span contents,
    struct snap_err *err)
{
	struct body body;
	struct bytes plain;
	struct object o;
	enum snap_code rc;

	bytes_init(&plain, TRANSPORT_SIZE_MAX);
	rc = object_parse(obj, &o, err);
	if (rc == SNAP_OK)
		rc =
		    open_body(s->keys, o.header_bytes, o.contents, &plain, err);
	if (rc == SNAP_OK)
		rc = body_unwrap(bytes_span(&plain), &body, err);
	if (rc == SNAP_OK && !span_eq(body.body, contents))
		rc = SNAP_CORRUPT;
	if (rc != SNAP_OK && rc != SNAP_NOMEM)
		rc = wrong(err);
	bytes_fini(&plain);
	return rc;
}

enum snap_code
packbuf_check(struct store *s, const struct packbuf *p,
    const struct session *session, struct snap_err *err)
{
	enum snap_code rc;

	rc = pack_read_back(
	    s, bytes_span(&p->obj), bytes_span(&p->contents), err);
	return rc == SNAP_OK ? check_frames(s, p, session, err) : rc;
}
