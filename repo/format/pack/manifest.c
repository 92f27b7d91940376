/* SPDX-License-Identifier: PostgreSQL */
/*
 * manifest.c - the streams of a snapshot: parts of rows below a root.
 *
 * Where parts end depends on names only, so a part whose streams did not
 * change encodes to the same bytes, has the same id and is stored once.
 */
#include <string.h>

#include "codec.h"

void
stream_row_encode(const struct stream_row *r, struct bytes *out)
{
	bytes_u8(out, r->kind);
	bytes_u8(out, r->cutter);
	bytes_varint(out, r->part);
	codec_put_str(out, r->name);
	codec_put_str(out, r->attr);
	bytes_varint(out, r->bytes);
	bytes_varint(out, r->rows);
	bytes_put(out, r->digest, ID_LEN);
	codec_put_str(out, r->inline_recipe);
	if (r->inline_recipe.len != 0)
		return;
	bytes_varint(out, r->n_segments);
	bytes_put(out, r->segments, (size_t)r->n_segments * ID_LEN);
}

enum snap_code
stream_row_decode(
    struct cursor *c, struct stream_row *out, struct snap_err *err)
{
	struct span in = span_of(c->p, c->left);
	struct stream_row r;

	memset(&r, 0, sizeof r);
	r.kind = cursor_u8(c);
	r.cutter = cursor_u8(c);
	r.part = (uint32_t)codec_max(c, UINT32_MAX);
	r.name = codec_str(c, STREAM_NAME_MAX);
	r.attr = codec_str(c, STREAM_ATTR_MAX);
	r.bytes = codec_max(c, INT64_MAX);
	r.rows = codec_max(c, INT64_MAX);
	cursor_copy(c, r.digest, ID_LEN);
	r.inline_recipe = codec_str(c, MANIFEST_INLINE_MAX);
	if (r.inline_recipe.len == 0) {
		r.n_segments = codec_count(c, ID_LEN, BLOCK_PLAIN_MAX);
		r.segments = codec_ids(c, r.n_segments);
	}
	if (r.kind == 0 || r.cutter == 0 || r.name.len == 0)
		c->bad = true;
	if (c->bad)
		return codec_corrupt(c, in, "a row of a manifest", err);
	*out = r;
	return SNAP_OK;
}

void
manifest_root_encode(const struct manifest_root *m, struct bytes *out)
{
	bytes_varint(out, m->n_parts);
	bytes_put(out, m->parts, (size_t)m->n_parts * ID_LEN);
	bytes_varint(out, m->n_new);
	bytes_put_span(out, m->news);
}

enum snap_code
manifest_root_decode(
    struct span in, struct manifest_root *out, struct snap_err *err)
{
	struct manifest_root m;
	struct cursor c;

	cursor_init(&c, in);
	m.n_parts = codec_count(&c, ID_LEN, BLOCK_PLAIN_MAX);
	m.parts = codec_ids(&c, m.n_parts);
	m.n_new = codec_count(&c, 2, BLOCK_PLAIN_MAX);
	m.news = span_of(c.p, c.left);
	for (uint32_t i = 0; i < m.n_new && !c.bad; i++) {
		(void)codec_max(&c, UINT32_MAX);
		(void)codec_max(&c, INT64_MAX);
	}
	if (!cursor_done(&c))
		return codec_corrupt(&c, in, "a manifest", err);
	*out = m;
	return SNAP_OK;
}
