/* SPDX-License-Identifier: PostgreSQL */
/*
 * readblock.c - a data block, out of several copies if it must.
 *
 * Prune keeps of an old block only what is still needed, and two runs of it
 * may have kept different chunks.  So where no full copy is good, the good
 * sparse ones are laid over each other.  Each is held against the block's
 * directory where that can be had; the digest of the span decides in the end.
 */
#include <stdlib.h>
#include <string.h>

#include "store_internal.h"

void
read_block_fini(struct read_block *b)
{
	for (size_t i = 0; i < b->n_plain; i++) {
		if (b->home != NULL)
			scratch_give(b->home, &b->plain[i]);
		else
			bytes_fini(&b->plain[i]);
	}
	free(b->plain);
	free(b->lens);
	free(b->chunks);
	free(b->hashes);
	memset(b, 0, sizeof *b);
}

static enum snap_code
mismatch(struct snap_err *err)
{
	return snap_fail(err, SNAP_CORRUPT, "its content has another id");
}

/* A full block names itself. */
static enum snap_code
check_full(struct store *s, const struct read_block *b, const uint8_t *id,
    struct snap_err *err)
{
	struct directory d = { b->n, b->hashes };
	uint8_t got[ID_LEN];
	struct bytes enc;
	enum snap_code rc;

	bytes_init(&enc, BLOCK_PLAIN_MAX);
	directory_encode(&d, &enc);
	rc = bytes_check(&enc, err);
	if (rc == SNAP_OK) {
		keys_block_id(s->keys, bytes_span(&enc), got);
		if (memcmp(got, id, ID_LEN) != 0)
			rc = mismatch(err);
	}
	bytes_fini(&enc);
	return rc;
}

/* A sparse one is held against its directory when that can be had. */
static enum snap_code
check_sparse(struct store *s, const struct read_block *b, const uint8_t *id,
    struct snap_err *err)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct directory known = { 0, NULL };
	enum snap_code rc = SNAP_OK;
	struct bytes dir;

	bytes_init(&dir, BLOCK_PLAIN_MAX);
	if (store_read(s, CLASS_DIR, id, &dir, &ignored) != SNAP_OK ||
	    directory_decode(bytes_span(&dir), &known, &ignored) != SNAP_OK)
		goto out;
	if (known.n != b->n)
		rc = mismatch(err);
	for (uint32_t i = 0; i < b->n && rc == SNAP_OK; i++)
		if (b->chunks[i] != NULL &&
		    memcmp(known.hashes[i], b->hashes[i], ID_LEN) != 0)
			rc = mismatch(err);
out:
	directory_fini(&known);
	bytes_fini(&dir);
	return rc;
}

/* Point at the chunks of a decoded block and hash them. */
static enum snap_code
hash_chunks(struct store *s, struct block *d, struct read_block *b,
    struct snap_err *err)
{
	b->n = d->n;
	b->lens = d->lens; /* moves */
	d->lens = NULL;
	b->chunks = calloc((size_t)d->n + 1, sizeof *b->chunks);
	b->hashes = calloc((size_t)d->n + 1, sizeof *b->hashes);
	if (b->chunks == NULL || b->hashes == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a block");
	for (uint32_t i = 0; i < b->n; i++) {
		if (d->offs[i] == UINT32_MAX)
			continue;
		b->chunks[i] = d->data.p + d->offs[i];
		b->n_found++;
		if (d->bitmap.len > 0)
			keys_chunk_hash(s->keys,
			    span_of(b->chunks[i], b->lens[i]), b->hashes[i]);
	}
	if (d->bitmap.len == 0)
		keys_chunk_hashes(s->keys, d->data.p, b->lens, b->n, b->hashes);
	return SNAP_OK;
}

enum snap_code
block_verify(struct store *s, const struct copy *c, const uint8_t id[ID_LEN],
    struct span plain, struct read_block *out, struct snap_err *err)
{
	bool sparse = (c->flags & ROW_SPARSE) != 0;
	struct block d;
	enum snap_code rc;

	memset(out, 0, sizeof *out);
	rc = block_decode(plain, sparse, &d, err);
	if (rc != SNAP_OK)
		return rc;
	rc = hash_chunks(s, &d, out, err);
	if (rc == SNAP_OK && sparse && !span_eq(d.bitmap, c->bitmap))
		rc = mismatch(err);
	if (rc == SNAP_OK)
		rc = sparse ? check_sparse(s, out, id, err)
			    : check_full(s, out, id, err);
	block_fini(&d);
	if (rc != SNAP_OK)
		read_block_fini(out);
	return rc;
}

static enum snap_code
read_one(struct store *s, const struct copy *c, const uint8_t *id,
    const struct pack_part *part, struct read_block *out, struct snap_err *err)
{
	struct bytes plain;
	enum snap_code rc;

	memset(out, 0, sizeof *out);
	scratch_take(s, c->plain_len, BLOCK_PLAIN_MAX, &plain);
	rc = copy_get(s, c, id, part, &plain, err);
	if (rc == SNAP_OK)
		rc = block_verify(s, c, id, bytes_span(&plain), out, err);
	if (rc != SNAP_OK) {
		scratch_give(s, &plain);
		return copy_name(c, id, err);
	}
	out->home = s;
	out->plain = malloc(sizeof *out->plain);
	if (out->plain == NULL) {
		bytes_fini(&plain);
		read_block_fini(out);
		return snap_fail(err, SNAP_NOMEM, "no memory for a block");
	}
	out->plain[out->n_plain++] = plain;
	return SNAP_OK;
}

/* Lay `more` over what is there, which takes it over if it has new chunks. */
static enum snap_code
overlay(struct read_block *b, struct read_block *more, struct snap_err *err)
{
	uint32_t before = b->n_found;
	struct bytes *v;
	bool same;

	if (b->n == 0) {
		*b = *more;
		memset(more, 0, sizeof *more);
		return SNAP_OK;
	}
	/* How long a chunk is that it lacks a copy need not know. */
	same = b->n == more->n;
	for (uint32_t i = 0; same && i < b->n; i++)
		same = b->chunks[i] == NULL || more->chunks[i] == NULL ||
		       b->lens[i] == more->lens[i];
	if (!same)
		return snap_fail(
		    err, SNAP_CORRUPT, "its copies disagree about its chunks");
	v = realloc(b->plain, (b->n_plain + 1) * sizeof *v);
	if (v == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a block");
	b->plain = v;
	for (uint32_t i = 0; i < b->n; i++) {
		if (b->chunks[i] != NULL || more->chunks[i] == NULL)
			continue;
		b->chunks[i] = more->chunks[i];
		b->lens[i] = more->lens[i];
		memcpy(b->hashes[i], more->hashes[i], ID_LEN);
		b->n_found++;
	}
	if (b->n_found == before)
		return SNAP_OK;
	b->plain[b->n_plain++] = more->plain[0];
	more->n_plain = 0;
	return SNAP_OK;
}

static bool
whole(const struct read_block *b)
{
	return b->n != 0 && b->n_found == b->n;
}

/* A block being put together. */
struct gathering {
	struct store *s;
	const uint8_t *id;
	const struct pack_part *part;
	struct read_block *out;
	enum snap_code bad; /* of the last copy that was */
};

/* Add what copies[i] of `n` have, until nothing is missing.  Returns a
 * failure that is not a copy's. */
static enum snap_code
read_batch(struct gathering *g, const struct copy *copies, size_t n,
    struct snap_err *err)
{
	struct read_block one;
	enum snap_code rc;

	for (size_t i = 0; i < n && !whole(g->out); i++) {
		rc = read_one(g->s, &copies[i], g->id, g->part, &one, err);
		if (rc == SNAP_OK) {
			rc = overlay(g->out, &one, err);
			read_block_fini(&one);
		}
		if (rc == SNAP_OK)
			continue;
		if (!copy_is_bad(rc))
			return rc;
		if (n > 1 || g->bad != SNAP_OK || g->out->n != 0)
			report_log(
			    g->s->report, REPORT_WARNING, "%s", err->msg);
		g->bad = rc;
	}
	return SNAP_OK;
}

enum snap_code
store_read_block(struct store *s, const uint8_t id[ID_LEN],
    const struct pack_part *part, struct read_block *out, struct snap_err *err)
{
	struct gathering g = { s, id, part, out, SNAP_OK };
	struct copy copies[READ_COPIES_BATCH], last;
	enum snap_code rc = SNAP_OK;
	size_t n;

	memset(out, 0, sizeof *out);
	n = store_copies(s, CLASS_DATA, id, copies, READ_COPIES_BATCH);
	if (n == 0)
		return store_lost(s, CLASS_DATA, id, err);
	while (rc == SNAP_OK && n > 0 && !whole(out)) {
		rc = read_batch(&g, copies, n, err);
		last = copies[n - 1];
		n = store_copies_after(
		    s, CLASS_DATA, id, &last, copies, READ_COPIES_BATCH);
	}
	if (rc == SNAP_OK && out->n == 0)
		rc = g.bad;
	if (rc != SNAP_OK)
		read_block_fini(out);
	return rc;
}
