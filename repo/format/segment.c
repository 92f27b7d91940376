/* SPDX-License-Identifier: PostgreSQL */
/*
 * segment.c - index segments and condemned lists: who is there, who goes.
 *
 * A segment carries the contents of its packs verbatim, so the index and a
 * pack can be compared byte by byte, and one decoder serves both.
 */
#include <stdlib.h>
#include <string.h>

#include "codec.h"

#define PACK_MIN (ID_LEN + 1 + 4 + 1)

void
index_segment_encode(const struct index_segment *s, struct bytes *out)
{
	bytes_put(out, s->run_id, ID_LEN);
	bytes_u64(out, (uint64_t)s->l0);
	bytes_varint(out, s->n_packs);
	for (uint32_t i = 0; i < s->n_packs; i++) {
		bytes_put(out, s->packs[i].id, ID_LEN);
		bytes_u8(out, s->packs[i].kind);
		bytes_u32(out, s->packs[i].size);
		codec_put_str(out, s->packs[i].contents);
	}
}

enum snap_code
index_segment_decode(
    struct span in, struct index_segment *out, struct snap_err *err)
{
	struct index_segment s;
	enum snap_code rc;
	struct cursor c;

	memset(&s, 0, sizeof s);
	cursor_init(&c, in);
	cursor_copy(&c, s.run_id, ID_LEN);
	s.l0 = (int64_t)cursor_u64(&c);
	s.n_packs = codec_count(&c, PACK_MIN, UINT32_MAX);
	s.packs = codec_alloc(s.n_packs, sizeof *s.packs);
	if (s.packs == NULL)
		return codec_nomem(err);
	for (uint32_t i = 0; i < s.n_packs && !c.bad; i++) {
		struct index_pack *p = &s.packs[i];

		cursor_copy(&c, p->id, ID_LEN);
		p->kind = cursor_u8(&c);
		p->size = cursor_u32(&c);
		p->contents = codec_str(&c, SIZE_MAX);
		if (p->kind != OBJ_DATA && p->kind != OBJ_META)
			c.bad = true;
	}
	rc = codec_done(&c, in, "an index segment", err);
	if (rc == SNAP_OK)
		*out = s;
	else
		index_segment_fini(&s);
	return rc;
}

void
index_segment_fini(struct index_segment *s)
{
	free(s->packs);
	memset(s, 0, sizeof *s);
}

void
condemned_encode(const struct condemned_body *c, struct bytes *out)
{
	bytes_u64(out, (uint64_t)c->l0);
	bytes_varint(out, c->n_packs);
	bytes_put(out, c->packs, (size_t)c->n_packs * ID_LEN);
	bytes_varint(out, c->n_segments);
	bytes_put(out, c->segments, (size_t)c->n_segments * ID_LEN);
	bytes_varint(out, c->n_snapshots);
	bytes_put(out, c->snapshots, (size_t)c->n_snapshots * ID_LEN);
}

enum snap_code
condemned_decode(
    struct span in, struct condemned_body *out, struct snap_err *err)
{
	struct condemned_body b;
	struct cursor c;

	cursor_init(&c, in);
	b.l0 = (int64_t)cursor_u64(&c);
	b.n_packs = codec_count(&c, ID_LEN, UINT32_MAX);
	b.packs = codec_ids(&c, b.n_packs);
	b.n_segments = codec_count(&c, ID_LEN, UINT32_MAX);
	b.segments = codec_ids(&c, b.n_segments);
	b.n_snapshots = codec_count(&c, ID_LEN, UINT32_MAX);
	b.snapshots = codec_ids(&c, b.n_snapshots);
	if (!cursor_done(&c))
		return codec_corrupt(&c, in, "a condemned list", err);
	*out = b;
	return SNAP_OK;
}
