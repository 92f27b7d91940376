/* SPDX-License-Identifier: PostgreSQL */
/*
 * config.c - the parameters of a repository, fixed when it is made.
 *
 * The bounds are those of the chunker and of a decoder's memory: a config is
 * read before its MAC can be checked.
 */
#include "codec.h"

#define CHUNK_MEAN_MIN 256u
#define CHUNK_MEAN_MAX (16u << 10)
#define BLOCK_SIZE_MAX (16u << 20)
#define PACK_SIZE_MAX (32u << 20) /* an object is at most twice that */

void
config_encode(const struct config *c, struct bytes *out)
{
	bytes_u32(out, c->chunk_mean);
	bytes_u32(out, c->block_size);
	bytes_u32(out, c->pack_size);
	bytes_u32(out, c->grace_s);
	bytes_u32(out, c->slice_blocks);
	bytes_u64(out, c->created);
	bytes_put(out, c->mac, sizeof c->mac);
}

enum snap_code
config_decode(struct span in, struct config *out, struct snap_err *err)
{
	struct config v;
	struct cursor c;

	cursor_init(&c, in);
	v.chunk_mean = cursor_u32(&c);
	v.block_size = cursor_u32(&c);
	v.pack_size = cursor_u32(&c);
	v.grace_s = cursor_u32(&c);
	v.slice_blocks = cursor_u32(&c);
	v.created = cursor_u64(&c);
	cursor_copy(&c, v.mac, sizeof v.mac);
	if (v.chunk_mean < CHUNK_MEAN_MIN || v.chunk_mean > CHUNK_MEAN_MAX ||
	    v.block_size < v.chunk_mean || v.block_size > BLOCK_SIZE_MAX ||
	    v.pack_size < v.chunk_mean || v.pack_size > PACK_SIZE_MAX)
		c.bad = true;
	if (!cursor_done(&c))
		return codec_corrupt(&c, in, "the config", err);
	*out = v;
	return SNAP_OK;
}
