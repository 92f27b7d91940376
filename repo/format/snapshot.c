/* SPDX-License-Identifier: PostgreSQL */
/*
 * snapshot.c - the commit and its confirmation.
 *
 * Facts every reader needs have fields; everything a person wants to know
 * later (database, versions, collations) is a property, so that a new fact
 * needs no new format.
 */
#include <string.h>

#include "codec.h"

void
snapshot_encode(const struct snapshot_body *s, struct bytes *out)
{
	bytes_u8(out, s->type);
	bytes_put(out, s->run_id, ID_LEN);
	bytes_put(out, s->parent, ID_LEN);
	bytes_put(out, s->root, ID_LEN);
	bytes_u64(out, (uint64_t)s->l0);
	bytes_varint(out, s->bytes);
	bytes_varint(out, s->new_bytes);
	bytes_varint(out, s->stored_bytes);
	bytes_varint(out, s->rows);
	bytes_varint(out, s->n_streams);
	codec_put_props(out, s->props, s->n_props);
}

enum snap_code
snapshot_decode(struct span in, struct snapshot_body *out, struct snap_err *err)
{
	struct snapshot_body s;
	struct cursor c;

	memset(&s, 0, sizeof s);
	cursor_init(&c, in);
	s.type = cursor_u8(&c);
	cursor_copy(&c, s.run_id, ID_LEN);
	cursor_copy(&c, s.parent, ID_LEN);
	cursor_copy(&c, s.root, ID_LEN);
	s.l0 = (int64_t)cursor_u64(&c);
	s.bytes = codec_max(&c, INT64_MAX);
	s.new_bytes = codec_max(&c, INT64_MAX);
	s.stored_bytes = codec_max(&c, INT64_MAX);
	s.rows = codec_max(&c, INT64_MAX);
	s.n_streams = codec_max(&c, INT64_MAX);
	codec_props(&c, s.props, &s.n_props);
	if (s.type > SNAPSHOT_SALVAGE)
		c.bad = true;
	if (!cursor_done(&c))
		return codec_corrupt(&c, in, "a snapshot", err);
	*out = s;
	return SNAP_OK;
}

void
confirm_encode(const struct confirm_body *c, struct bytes *out)
{
	bytes_put(out, c->id, ID_LEN);
	bytes_u64(out, (uint64_t)c->l0);
}

enum snap_code
confirm_decode(struct span in, struct confirm_body *out, struct snap_err *err)
{
	struct confirm_body b;
	struct cursor c;

	cursor_init(&c, in);
	cursor_copy(&c, b.id, ID_LEN);
	b.l0 = (int64_t)cursor_u64(&c);
	if (!cursor_done(&c))
		return codec_corrupt(&c, in, "a confirmation", err);
	*out = b;
	return SNAP_OK;
}
