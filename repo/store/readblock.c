/* SPDX-License-Identifier: PostgreSQL */
/*
 * readblock.c - a data block for a restore, out of several copies if it must.
 *
 * Prune keeps of an old block only what is still needed, and two runs of it
 * may have kept different chunks.  So where no full copy is good, the good
 * sparse ones are laid over each other.  Each was held against the block's
 * directory where that can be had; the digest of the span decides in the end.
 */
#include <stdlib.h>
#include <string.h>

#include "store_internal.h"

#define COPIES_MAX 16

struct overlay {
	struct bytes plain[COPIES_MAX];
	struct block block[COPIES_MAX];
	size_t n;
	uint8_t *from; /* per chunk: copy + 1, 0 = none yet */
	uint32_t n_found;
};

static void
overlay_fini(struct overlay *o)
{
	for (size_t i = 0; i < o->n; i++) {
		block_fini(&o->block[i]);
		bytes_fini(&o->plain[i]);
	}
	free(o->from);
}

/* Take the plaintext of a sparse copy over; *plain is then empty. */
static enum snap_code
overlay_add(struct overlay *o, struct bytes *plain, struct snap_err *err)
{
	struct block *b = &o->block[o->n];
	enum snap_code rc;

	rc = block_decode(bytes_span(plain), true, b, err);
	if (rc != SNAP_OK)
		return rc;
	if (o->n > 0 &&
	    (b->n != o->block[0].n || memcmp(b->lens, o->block[0].lens,
					  b->n * sizeof *b->lens) != 0)) {
		block_fini(b);
		return snap_fail(
		    err, SNAP_CORRUPT, "its copies disagree about its chunks");
	}
	if (o->from == NULL && (o->from = calloc(b->n, 1)) == NULL) {
		block_fini(b);
		return snap_fail(err, SNAP_NOMEM, "no memory for a block");
	}
	o->plain[o->n++] = *plain;
	bytes_init(plain, BLOCK_PLAIN_MAX);
	for (uint32_t i = 0; i < b->n; i++)
		if (o->from[i] == 0 && b->offs[i] != UINT32_MAX) {
			o->from[i] = (uint8_t)o->n;
			o->n_found++;
		}
	return SNAP_OK;
}

/* What was found, as one block. */
static enum snap_code
overlay_encode(const struct overlay *o, struct bytes *plain, bool *sparse,
    struct snap_err *err)
{
	const struct block *b = &o->block[0];
	struct bytes bitmap, live;
	enum snap_code rc;

	bytes_init(&bitmap, BLOCK_CHUNKS_MAX / 8);
	bytes_init(&live, BLOCK_PLAIN_MAX);
	bytes_zero(&bitmap, ((size_t)b->n + 7) / 8);
	rc = bytes_check(&bitmap, err);
	for (uint32_t i = 0; i < b->n && rc == SNAP_OK; i++) {
		const struct block *from;

		if (o->from[i] == 0)
			continue;
		from = &o->block[o->from[i] - 1];
		bitmap.p[i / 8] |= (uint8_t)(1u << i % 8);
		bytes_put(&live, from->data.p + from->offs[i], b->lens[i]);
	}
	if (rc == SNAP_OK)
		rc = bytes_check(&live, err);
	if (rc == SNAP_OK) {
		*sparse = o->n_found < b->n;
		if (*sparse)
			block_encode_sparse(b->lens, b->n, bytes_span(&bitmap),
			    bytes_span(&live), plain);
		else
			block_encode(b->lens, b->n, bytes_span(&live), plain);
		rc = bytes_check(plain, err);
	}
	bytes_fini(&bitmap);
	bytes_fini(&live);
	return rc;
}

static bool
is_damage(enum snap_code rc)
{
	return rc == SNAP_CORRUPT || rc == SNAP_NOTFOUND;
}

enum snap_code
store_read_block(struct store *s, const uint8_t id[ID_LEN], struct bytes *plain,
    bool *sparse, struct snap_err *err)
{
	struct copy copies[COPIES_MAX];
	size_t n = store_copies(s, CLASS_DATA, id, copies, COPIES_MAX);
	struct overlay o;
	struct bytes b;
	enum snap_code rc;
	bool full = false;

	memset(&o, 0, sizeof o);
	bytes_init(&b, BLOCK_PLAIN_MAX);
	rc = n == 0 ? store_lost(s, CLASS_DATA, id, err) : SNAP_OK;
	for (size_t i = 0; i < n && !full; i++) {
		bool part = (copies[i].flags & ROW_SPARSE) != 0;

		bytes_clear(&b);
		rc = store_read_copy(s, &copies[i], id, &b, err);
		full = rc == SNAP_OK && !part;
		if (rc == SNAP_OK && part)
			rc = overlay_add(&o, &b, err);
		if (rc != SNAP_OK && !is_damage(rc))
			goto out;
		if (rc != SNAP_OK && n > 1)
			report_log(s->report, REPORT_WARNING, "%s", err->msg);
		if (o.n > 0 && o.n_found == o.block[0].n)
			break;
	}
	if (full) {
		*sparse = false;
		bytes_put_span(plain, bytes_span(&b));
		rc = bytes_check(plain, err);
	} else if (o.n > 0) {
		rc = overlay_encode(&o, plain, sparse, err);
	}
out:
	overlay_fini(&o);
	bytes_fini(&b);
	return rc;
}
