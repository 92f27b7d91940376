/* SPDX-License-Identifier: PostgreSQL */
/* packout.c - see packout.h. */
#include <stdlib.h>
#include <string.h>

#include "packout.h"
#include "seal.h"
#include "store_internal.h"

struct packout {
	struct store *s;
	struct bytes obj;
	struct session *session; /* NULL until needed; locked memory */
	uint8_t kind, id[ID_LEN];
	struct pack_contents contents; /* rows and sessions grow */
	struct bytes bitmaps;          /* of the rows, one behind the other */
	size_t *bitmap_at;             /* by row; sparse ones only */
	size_t rows_cap, sessions_cap, at_cap;
};

enum snap_code
packout_new(struct store *s, uint8_t kind, const uint8_t run_id[ID_LEN],
    struct packout **out, struct snap_err *err)
{
	struct packout *p = calloc(1, sizeof *p);
	uint8_t header[HEADER_LEN];
	enum snap_code rc;

	if (p == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a pack");
	p->s = s;
	p->kind = kind;
	keys_random(p->id, ID_LEN);
	memcpy(p->contents.run_id, run_id, ID_LEN);
	bytes_init(&p->obj, TRANSPORT_SIZE_MAX);
	bytes_init(&p->bitmaps, TRANSPORT_SIZE_MAX);
	store_header(s, kind, p->id, header);
	bytes_put(&p->obj, header, HEADER_LEN);
	rc = bytes_check(&p->obj, err);
	if (rc == SNAP_OK)
		*out = p;
	else
		packout_free(p);
	return rc;
}

void
packout_free(struct packout *p)
{
	if (p == NULL)
		return;
	bytes_fini(&p->obj);
	bytes_fini(&p->bitmaps);
	pack_contents_fini(&p->contents);
	free(p->bitmap_at);
	keys_secret_free(p->session);
	free(p);
}

bool
packout_takes(const struct packout *p, const struct pack_row *row, size_t len)
{
	if (packout_size(p) + len > p->s->config.pack_size)
		return false;
	for (uint32_t i = 0; i < p->contents.n_rows; i++)
		if (p->contents.rows[i].class == row->class &&
		    memcmp(p->contents.rows[i].id, row->id, ID_LEN) == 0)
			return false;
	return true;
}

size_t
packout_size(const struct packout *p)
{
	return p->contents.n_rows == 0 ? 0 : p->obj.len;
}

static enum snap_code
session_index(struct packout *p, const struct session_row *row, uint16_t *index,
    struct snap_err *err)
{
	struct pack_contents *c = &p->contents;
	void *v = c->sessions;
	enum snap_code rc;

	for (uint32_t i = 0; i < c->n_sessions; i++)
		if (memcmp(&c->sessions[i], row, sizeof *row) == 0) {
			*index = (uint16_t)i;
			return SNAP_OK;
		}
	rc = vec_room(
	    &v, &p->sessions_cap, c->n_sessions, sizeof *c->sessions, err);
	c->sessions = v;
	if (rc != SNAP_OK)
		return rc;
	if (c->n_sessions == UINT16_MAX)
		return snap_fail(err, SNAP_NOMEM, "a pack of too many runs");
	c->sessions[c->n_sessions] = *row;
	*index = (uint16_t)c->n_sessions++;
	return SNAP_OK;
}

enum snap_code
packout_add(struct packout *p, const struct pack_row *row,
    const struct session_row *session, struct span sealed, struct snap_err *err)
{
	struct pack_contents *c = &p->contents;
	void *rows = c->rows, *at = p->bitmap_at;
	struct pack_row *r;
	enum snap_code rc;

	rc = vec_room(&rows, &p->rows_cap, c->n_rows, sizeof *c->rows, err);
	c->rows = rows;
	if (rc == SNAP_OK)
		rc = vec_room(
		    &at, &p->at_cap, c->n_rows, sizeof *p->bitmap_at, err);
	p->bitmap_at = at;
	if (rc != SNAP_OK)
		return rc;
	r = &c->rows[c->n_rows];
	*r = *row;
	if (session != NULL)
		rc = session_index(p, session, &r->session, err);
	if (rc != SNAP_OK)
		return rc;
	pack_noise(
	    &p->obj, (PACK_ALIGN - p->obj.len % PACK_ALIGN) % PACK_ALIGN);
	r->off = (uint32_t)p->obj.len;
	r->sealed_len = (uint32_t)sealed.len;
	p->bitmap_at[c->n_rows] = p->bitmaps.len;
	bytes_put_span(&p->bitmaps, row->bitmap);
	bytes_put_span(&p->obj, sealed);
	rc = bytes_check(&p->bitmaps, err);
	if (rc == SNAP_OK)
		rc = bytes_check(&p->obj, err);
	if (rc == SNAP_OK)
		c->n_rows++;
	return rc;
}

static enum snap_code
own_session(struct packout *p, struct snap_err *err)
{
	if (p->session != NULL)
		return SNAP_OK;
	p->session = keys_secret_alloc(sizeof *p->session);
	if (p->session == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a key");
	return session_new(p->s->keys, p->session, err);
}

enum snap_code
packout_seal(struct packout *p, const struct pack_row *row, struct span plain,
    struct snap_err *err)
{
	struct session_row own;
	struct bytes packed, sealed, again;
	struct frame_place place;
	struct pack_row r = *row;
	enum snap_code rc;

	bytes_init(&packed, TRANSPORT_SIZE_MAX);
	bytes_init(&sealed, TRANSPORT_SIZE_MAX);
	bytes_init(&again, BLOCK_PLAIN_MAX);
	rc = own_session(p, err);
	if (rc == SNAP_OK)
		rc = frame_compress(p->s, plain, &packed, &r.codec, err);
	if (rc != SNAP_OK)
		goto out;
	r.plain_len = (uint32_t)plain.len;
	place.class = CLASS_DATA;
	place.codec = r.codec;
	place.id = r.id;
	place.epoch = p->session->epoch;
	place.plain_len = r.plain_len;
	place.bitmap = r.bitmap;
	rc = frame_seal(
	    p->s, p->session->key, &place, bytes_span(&packed), &sealed, err);
	/* What replaces an original is opened again before it is believed. */
	if (rc == SNAP_OK)
		rc = frame_open(p->s, p->session->key, &place,
		    bytes_span(&sealed), &again, err);
	if (rc == SNAP_OK && !span_eq(bytes_span(&again), plain))
		rc = snap_fail(
		    err, SNAP_CORRUPT, "a block does not read back as written");
	if (rc != SNAP_OK)
		goto out;
	session_to_row(p->session, &own);
	rc = packout_add(p, &r, &own, bytes_span(&sealed), err);
out:
	bytes_fini(&packed);
	bytes_fini(&sealed);
	bytes_fini(&again);
	return rc;
}

/* The contents, signed and sealed, and the trailer. */
static enum snap_code
finish(struct packout *p, struct bytes *encoded, struct snap_err *err)
{
	enum snap_code rc;

	for (uint32_t i = 0; i < p->contents.n_rows && p->bitmaps.len > 0; i++)
		p->contents.rows[i].bitmap.p = p->bitmaps.p + p->bitmap_at[i];
	pack_contents_encode(&p->contents, encoded);
	rc = bytes_check(encoded, err);
	if (rc == SNAP_OK)
		rc = pack_seal(
		    p->s, &p->obj, bytes_span(encoded), true, true, err);
	if (rc == SNAP_OK)
		rc = pack_read_back(
		    p->s, bytes_span(&p->obj), bytes_span(encoded), err);
	return rc;
}

enum snap_code
packout_put(struct packout *p, struct index_pack *ip, int64_t *time_ns,
    struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct transport_stat st;
	struct bytes encoded;
	enum snap_code rc;

	bytes_init(&encoded, TRANSPORT_SIZE_MAX);
	store_name(p->kind, p->id, name);
	rc = finish(p, &encoded, err);
	if (rc == SNAP_OK)
		rc =
		    transport_put(p->s->t, name, bytes_span(&p->obj), &st, err);
	if (rc != SNAP_OK) {
		bytes_fini(&encoded);
		return rc;
	}
	report_stored(p->s->report, p->obj.len);
	memcpy(ip->id, p->id, ID_LEN);
	ip->kind = p->kind;
	ip->size = (uint32_t)p->obj.len;
	ip->contents = bytes_span(&encoded); /* moves */
	*time_ns = st.time_ns;
	return SNAP_OK;
}
