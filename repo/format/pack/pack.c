/* SPDX-License-Identifier: PostgreSQL */
/*
 * pack.c - what lies in a pack, and under which session keys.
 *
 * Frames lie one behind the other, so a row's offset is coded as difference
 * from the end of the row before and costs one byte.
 */
#include <stdlib.h>
#include <string.h>

#include "codec.h"

#define SESSION_LEN (ID_LEN + 4 + ID_LEN + 80)
#define ROW_MIN (4 + ID_LEN + 5)
#define SEALED_MIN 32 /* salt and tag of a frame */
#define SEALED_MAX (BLOCK_PLAIN_MAX + (64u << 10))

static void
put_row(const struct pack_row *r, uint64_t expected, struct bytes *out)
{
	bytes_u8(out, r->class);
	bytes_u8(out, r->codec);
	bytes_u8(out, r->flags);
	bytes_varint(out, r->class == CLASS_DATA ? r->session : r->epoch);
	bytes_put(out, r->id, ID_LEN);
	bytes_varint(out, codec_zigzag((int64_t)r->off - (int64_t)expected));
	bytes_varint(out, r->sealed_len);
	bytes_varint(out, r->plain_len);
	bytes_varint(out, r->n_chunks);
	bytes_varint(out, r->n_hooks);
	for (size_t i = 0; i < r->n_hooks && i < PACK_HOOKS_MAX; i++)
		bytes_u64(out, r->hooks[i]);
	if ((r->flags & ROW_SPARSE) != 0)
		bytes_put_span(out, r->bitmap);
	if ((r->flags & ROW_ORIGIN) != 0) {
		bytes_put(out, r->origin_pack, ID_LEN);
		bytes_u64(out, (uint64_t)r->origin_time);
	}
}

void
pack_contents_encode(const struct pack_contents *p, struct bytes *out)
{
	uint64_t expected = HEADER_LEN;

	bytes_put(out, p->run_id, ID_LEN);
	bytes_varint(out, p->n_sessions);
	for (uint32_t i = 0; i < p->n_sessions; i++) {
		bytes_put(out, p->sessions[i].id, ID_LEN);
		bytes_u32(out, p->sessions[i].epoch);
		bytes_put(out, p->sessions[i].host_id, ID_LEN);
		bytes_put(out, p->sessions[i].sealed_key,
		    sizeof p->sessions[i].sealed_key);
	}
	bytes_varint(out, p->n_rows);
	for (uint32_t i = 0; i < p->n_rows; i++) {
		const struct pack_row *r = &p->rows[i];

		if (r->n_hooks > PACK_HOOKS_MAX)
			out->bad = true;
		put_row(r, expected, out);
		expected = (uint64_t)r->off + r->sealed_len;
	}
}

static bool
row_ok(const struct pack_row *r, uint32_t n_sessions)
{
	if (r->class < CLASS_DATA || r->class > CLASS_MANIFEST ||
	    r->codec > CODEC_ZSTD || r->plain_len == 0 ||
	    (r->flags & ~(ROW_SPARSE | ROW_ORIGIN)) != 0)
		return false;
	if (r->class == CLASS_DATA)
		return r->session < n_sessions && r->n_chunks != 0;
	return r->epoch != 0 && (r->flags & ROW_SPARSE) == 0;
}

static void
read_row(struct cursor *c, uint64_t expected, uint32_t n_sessions,
    struct pack_row *r)
{
	int64_t off;

	r->class = cursor_u8(c);
	r->codec = cursor_u8(c);
	r->flags = cursor_u8(c);
	if (r->class == CLASS_DATA)
		r->session = (uint16_t)codec_max(c, UINT16_MAX);
	else
		r->epoch = (uint32_t)codec_max(c, UINT32_MAX);
	cursor_copy(c, r->id, ID_LEN);
	/* Both terms are below 2^33, so the sum is safe. */
	off =
	    codec_unzigzag(codec_max(c, UINT64_C(1) << 33)) + (int64_t)expected;
	r->sealed_len = (uint32_t)codec_max(c, SEALED_MAX);
	r->plain_len = (uint32_t)codec_max(c, BLOCK_PLAIN_MAX);
	r->n_chunks = (uint32_t)codec_max(c, BLOCK_CHUNKS_MAX);
	r->n_hooks = (uint8_t)codec_max(c, PACK_HOOKS_MAX);
	for (size_t i = 0; i < r->n_hooks; i++)
		r->hooks[i] = cursor_u64(c);
	if (c->bad || off < HEADER_LEN || r->sealed_len < SEALED_MIN ||
	    off + r->sealed_len > UINT32_MAX || !row_ok(r, n_sessions)) {
		c->bad = true;
		return;
	}
	r->off = (uint32_t)off;
	if ((r->flags & ROW_SPARSE) != 0) {
		r->bitmap = cursor_span(c, ((size_t)r->n_chunks + 7) / 8);
		if (!c->bad && !codec_bitmap_ok(r->bitmap, r->n_chunks))
			c->bad = true;
	}
	if ((r->flags & ROW_ORIGIN) != 0) {
		cursor_copy(c, r->origin_pack, ID_LEN);
		r->origin_time = (int64_t)cursor_u64(c);
	}
}

static void
read_sessions(struct cursor *c, struct pack_contents *p)
{
	for (uint32_t i = 0; i < p->n_sessions; i++) {
		cursor_copy(c, p->sessions[i].id, ID_LEN);
		p->sessions[i].epoch = cursor_u32(c);
		cursor_copy(c, p->sessions[i].host_id, ID_LEN);
		cursor_copy(c, p->sessions[i].sealed_key,
		    sizeof p->sessions[i].sealed_key);
	}
}

enum snap_code
pack_contents_decode(
    struct span in, struct pack_contents *out, struct snap_err *err)
{
	uint64_t expected = HEADER_LEN;
	struct pack_contents p;
	enum snap_code rc;
	struct cursor c;

	memset(&p, 0, sizeof p);
	cursor_init(&c, in);
	cursor_copy(&c, p.run_id, ID_LEN);
	p.n_sessions = codec_count(&c, SESSION_LEN, UINT16_MAX);
	p.sessions = codec_alloc(p.n_sessions, sizeof *p.sessions);
	if (p.sessions == NULL) {
		rc = codec_nomem(err);
		goto out;
	}
	read_sessions(&c, &p);
	p.n_rows = codec_count(&c, ROW_MIN, UINT32_MAX);
	p.rows = codec_alloc(p.n_rows, sizeof *p.rows);
	if (p.rows == NULL) {
		rc = codec_nomem(err);
		goto out;
	}
	for (uint32_t i = 0; i < p.n_rows && !c.bad; i++) {
		read_row(&c, expected, p.n_sessions, &p.rows[i]);
		expected = (uint64_t)p.rows[i].off + p.rows[i].sealed_len;
	}
	rc = codec_done(&c, in, "the contents of a pack", err);
out:
	if (rc == SNAP_OK)
		*out = p;
	else
		pack_contents_fini(&p);
	return rc;
}

void
pack_contents_fini(struct pack_contents *p)
{
	free(p->sessions);
	free(p->rows);
	memset(p, 0, sizeof *p);
}
