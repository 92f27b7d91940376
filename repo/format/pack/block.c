/* SPDX-License-Identifier: PostgreSQL */
/*
 * block.c - blocks of chunks, and the directories that list their hashes.
 *
 * A sparse block keeps the numbering of the full one, so recipes that name
 * its chunks stay true after prune threw the dead ones away.
 */
#include <stdlib.h>
#include <string.h>

#include "codec.h"

/* n lengths, none of them 0; their sum, 0 and a bad cursor when too much. */
static uint64_t
read_lens(struct cursor *c, uint32_t n, uint32_t *lens)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n && !c->bad; i++) {
		lens[i] = (uint32_t)codec_max(c, BLOCK_PLAIN_MAX);
		sum += lens[i];
		if (lens[i] == 0 || sum > BLOCK_PLAIN_MAX)
			c->bad = true;
	}
	return sum;
}

void
directory_encode(const struct directory *d, struct bytes *out)
{
	bytes_put(out, d->hashes, (size_t)d->n * ID_LEN);
}

enum snap_code
directory_decode(struct span in, struct directory *out, struct snap_err *err)
{
	size_t n = in.len / ID_LEN;

	if (in.len % ID_LEN != 0 || n == 0 || n > BLOCK_CHUNKS_MAX)
		return snap_fail(
		    err, SNAP_CORRUPT, "%zu bytes are not a directory", in.len);
	out->hashes = malloc(in.len);
	if (out->hashes == NULL)
		return codec_nomem(err);
	memcpy(out->hashes, in.p, in.len);
	out->n = (uint32_t)n;
	return SNAP_OK;
}

void
directory_fini(struct directory *d)
{
	free(d->hashes);
	memset(d, 0, sizeof *d);
}

void
block_encode_sparse(const uint32_t *lens, uint32_t n, struct span bitmap,
    struct span live, struct bytes *out)
{
	bytes_varint(out, n);
	bytes_put_span(out, bitmap);
	for (uint32_t i = 0; i < n; i++)
		bytes_varint(out, lens[i]);
	bytes_put_span(out, live);
}

void
block_encode(
    const uint32_t *lens, uint32_t n, struct span data, struct bytes *out)
{
	block_encode_sparse(lens, n, span_of(NULL, 0), data, out);
}

enum snap_code
block_decode(
    struct span in, bool sparse, struct block *out, struct snap_err *err)
{
	struct block b = { 0, NULL, NULL, { NULL, 0 }, { NULL, 0 } };
	enum snap_code rc;
	struct cursor c;
	uint32_t off = 0;

	cursor_init(&c, in);
	b.n = codec_count(&c, 1, BLOCK_CHUNKS_MAX);
	b.lens = codec_alloc(b.n, sizeof *b.lens);
	b.offs = codec_alloc(b.n, sizeof *b.offs);
	if (b.lens == NULL || b.offs == NULL) {
		rc = codec_nomem(err);
		goto out;
	}
	if (sparse) {
		b.bitmap = cursor_span(&c, ((size_t)b.n + 7) / 8);
		if (!c.bad && !codec_bitmap_ok(b.bitmap, b.n))
			c.bad = true;
	}
	(void)read_lens(&c, b.n, b.lens);
	for (uint32_t i = 0; i < b.n && !c.bad; i++) {
		bool live = !sparse || codec_bit(b.bitmap, i);

		b.offs[i] = live ? off : UINT32_MAX;
		off += live ? b.lens[i] : 0;
	}
	b.data = cursor_span(&c, off);
	if (b.n == 0)
		c.bad = true;
	rc = codec_done(&c, in, "a block", err);
out:
	if (rc == SNAP_OK)
		*out = b;
	else
		block_fini(&b);
	return rc;
}

void
block_fini(struct block *b)
{
	free(b->lens);
	free(b->offs);
	memset(b, 0, sizeof *b);
}
