/* SPDX-License-Identifier: PostgreSQL */
/*
 * note.c - what is said after the commit, and about keys: the public records
 * of hosts and epochs.
 */
#include <string.h>

#include "codec.h"

#define HOST_NAME_BYTES_MAX 255

void
note_encode(const struct note_body *n, struct bytes *out)
{
	bytes_u16(out, n->type);
	bytes_put(out, n->subject, ID_LEN);
	bytes_u64(out, (uint64_t)n->l0);
	codec_put_props(out, n->props, n->n_props);
}

enum snap_code
note_decode(struct span in, struct note_body *out, struct snap_err *err)
{
	struct note_body n;
	struct cursor c;

	memset(&n, 0, sizeof n);
	cursor_init(&c, in);
	n.type = cursor_u16(&c);
	cursor_copy(&c, n.subject, ID_LEN);
	n.l0 = (int64_t)cursor_u64(&c);
	codec_props(&c, n.props, &n.n_props);
	if (!cursor_done(&c))
		return codec_corrupt(&c, in, "a note", err);
	*out = n;
	return SNAP_OK;
}

void
host_encode(const struct host_body *h, struct bytes *out)
{
	bytes_put(out, h->host_id, ID_LEN);
	bytes_put(out, h->pk, sizeof h->pk);
	bytes_u32(out, h->epoch);
	codec_put_str(out, h->name);
}

enum snap_code
host_decode(struct span in, struct host_body *out, struct snap_err *err)
{
	struct host_body h;
	struct cursor c;

	cursor_init(&c, in);
	cursor_copy(&c, h.host_id, ID_LEN);
	cursor_copy(&c, h.pk, sizeof h.pk);
	h.epoch = cursor_u32(&c);
	h.name = codec_str(&c, HOST_NAME_BYTES_MAX);
	if (!cursor_done(&c))
		return codec_corrupt(&c, in, "the record of a host", err);
	*out = h;
	return SNAP_OK;
}

void
epoch_encode(const struct epoch_body *e, struct bytes *out)
{
	bytes_u32(out, e->epoch);
	bytes_put(out, e->data_pk, sizeof e->data_pk);
	bytes_put(out, e->maint_pk, sizeof e->maint_pk);
	bytes_u64(out, (uint64_t)e->began);
}

enum snap_code
epoch_decode(struct span in, struct epoch_body *out, struct snap_err *err)
{
	struct epoch_body e;
	struct cursor c;

	cursor_init(&c, in);
	e.epoch = cursor_u32(&c);
	cursor_copy(&c, e.data_pk, sizeof e.data_pk);
	cursor_copy(&c, e.maint_pk, sizeof e.maint_pk);
	e.began = (int64_t)cursor_u64(&c);
	if (!cursor_done(&c))
		return codec_corrupt(&c, in, "the record of an epoch", err);
	*out = e;
	return SNAP_OK;
}
