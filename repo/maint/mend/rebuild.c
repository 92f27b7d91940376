/* SPDX-License-Identifier: PostgreSQL */
/*
 * rebuild.c - blocks that are lost, made again of the same chunks.
 *
 * The next backup stores what was lost once more, but in blocks of its own.
 * The directory of a lost block says which chunks it had; where other blocks
 * have them the old one is put together again, under its old id, so that old
 * snapshots are whole.  Every chunk is hashed before it is used.
 */
#include <stdlib.h>
#include <string.h>

#include "mend_internal.h"
#include "readblock.h"

#define BATCH_BLOCKS 512 /* whose chunks are looked for at once */
#define NOWHERE UINT32_MAX

struct wanted {
	uint8_t hash[ID_LEN];
	uint32_t block; /* of the batch */
	uint32_t chunk;
	uint32_t source, at; /* where it was found */
};
struct source { /* a block */
	uint8_t id[ID_LEN];
	bool bad; /* it could not be read */
};
struct rebuild {
	struct mend *m;
	struct mend_loss **batch;
	struct bytes *dirs; /* of the batch; empty: unknown */
	size_t n_batch;
	struct wanted *wanted; /* sorted by hash */
	size_t n_wanted, wanted_cap;
	struct source *sources;
	size_t n_sources, sources_cap;
	struct read_block open; /* the source that was read last */
	uint32_t is_open;
};

static int
by_hash(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return memcmp(x->hash, y->hash, ID_LEN);
}

static int
by_place(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return (x->chunk > y->chunk) - (x->chunk < y->chunk);
}

static enum snap_code
want(struct rebuild *w, uint32_t block, struct snap_err *err)
{
	struct bytes *plain = &w->dirs[block];
	struct snap_err ignored = SNAP_ERR_INIT;
	enum snap_code rc = SNAP_OK;
	size_t n;

	bytes_init(plain, BLOCK_PLAIN_MAX);
	if (store_read(w->m->s, CLASS_DIR, w->batch[block]->id, plain,
		&ignored) != SNAP_OK) {
		bytes_clear(plain);
		return SNAP_OK; /* what it held cannot be told */
	}
	n = plain->len / ID_LEN;
	for (uint32_t i = 0; i < n && rc == SNAP_OK; i++) {
		void *v = w->wanted;

		rc = vec_room(
		    &v, &w->wanted_cap, w->n_wanted, sizeof *w->wanted, err);
		w->wanted = v;
		if (rc != SNAP_OK)
			break;
		memcpy(w->wanted[w->n_wanted].hash,
		    plain->p + (size_t)i * ID_LEN, ID_LEN);
		w->wanted[w->n_wanted].block = block;
		w->wanted[w->n_wanted].chunk = i;
		w->wanted[w->n_wanted].source = NOWHERE;
		w->wanted[w->n_wanted++].at = 0;
	}
	return rc;
}

static int
loss_by_id(const void *key, const void *at)
{
	const struct mend_loss *l = at;
	int d = CLASS_DATA - l->class;

	return d != 0 ? d : memcmp(key, l->id, ID_LEN);
}

static bool
is_lost(const struct mend *m, const uint8_t id[ID_LEN])
{
	return m->n_lost != 0 && bsearch(id, m->lost, m->n_lost,
				     sizeof *m->lost, loss_by_id) != NULL;
}

/* A directory of another block: which wanted chunks are in that? */
static enum snap_code
search(struct mend *m, const struct index_pack *pack,
    const struct pack_row *row, bool trusted, void *arg, struct snap_err *err)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct rebuild *w = arg;
	enum snap_code rc = SNAP_OK;
	struct wanted key;
	struct bytes plain;
	uint32_t number = NOWHERE;

	(void)pack;
	(void)trusted;
	if (row->class != CLASS_DIR || is_lost(m, row->id) ||
	    !store_has(m->s, CLASS_DATA, row->id))
		return SNAP_OK;
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	if (store_read(m->s, CLASS_DIR, row->id, &plain, &ignored) != SNAP_OK)
		bytes_clear(&plain);
	for (uint32_t i = 0; i < plain.len / ID_LEN && rc == SNAP_OK; i++) {
		struct wanted *at;

		memcpy(key.hash, plain.p + (size_t)i * ID_LEN, ID_LEN);
		at = bsearch(
		    &key, w->wanted, w->n_wanted, sizeof *w->wanted, by_hash);
		if (at == NULL || at->source != NOWHERE)
			continue;
		if (number == NOWHERE) {
			void *v = w->sources;

			rc = vec_room(&v, &w->sources_cap, w->n_sources,
			    sizeof *w->sources, err);
			w->sources = v;
			if (rc != SNAP_OK)
				break;
			number = (uint32_t)w->n_sources++;
			memcpy(w->sources[number].id, row->id, ID_LEN);
			w->sources[number].bad = false;
		}
		/* The same chunk may be wanted several times. */
		while (at > w->wanted && by_hash(at - 1, &key) == 0)
			at--;
		for (; at < w->wanted + w->n_wanted && by_hash(at, &key) == 0;
		     at++) {
			at->source = number;
			at->at = i;
		}
	}
	bytes_fini(&plain);
	return rc == SNAP_OK ? report_check(m->s->report, err) : rc;
}

/* The bytes of one chunk, out of the block that was found to have it. */
static bool
chunk_of(struct rebuild *w, const struct wanted *c, struct span *out)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct source *from;

	if (c->source == NOWHERE || w->sources[c->source].bad)
		return false;
	if (w->is_open != c->source) {
		from = &w->sources[c->source];
		read_block_fini(&w->open);
		memset(&w->open, 0, sizeof w->open);
		w->is_open = NOWHERE;
		from->bad = store_read_block(w->m->s, from->id, NULL, &w->open,
				&ignored) != SNAP_OK;
		if (from->bad)
			return false;
		w->is_open = c->source;
	}
	if (c->at >= w->open.n || w->open.chunks[c->at] == NULL ||
	    memcmp(w->open.hashes[c->at], c->hash, ID_LEN) != 0)
		return false;
	*out = span_of(w->open.chunks[c->at], w->open.lens[c->at]);
	return true;
}

/* One that sparse copies of the block itself have. */
static bool
own_chunk(
    const struct read_block *own, const struct wanted *c, struct span *out)
{
	if (c->chunk >= own->n || own->chunks[c->chunk] == NULL ||
	    memcmp(own->hashes[c->chunk], c->hash, ID_LEN) != 0)
		return false;
	*out = span_of(own->chunks[c->chunk], own->lens[c->chunk]);
	return true;
}

/* What was found of one block. */
struct found {
	uint32_t n, n_found; /* chunks; of them, those that are there */
	uint32_t n_own;      /* and those that the block itself still has */
	uint32_t *lens;
	uint8_t *bitmap;
	struct bytes data;
};

static struct span
bitmap_of(const struct found *f)
{
	return span_of(f->bitmap, ((size_t)f->n + 7) / 8);
}

/* Full when all chunks were found, else sparse. */
static enum snap_code
write_block(struct rebuild *w, const struct mend_loss *loss,
    const struct found *f, struct snap_err *err)
{
	struct pack_row row;
	struct bytes plain;
	enum snap_code rc;

	memset(&row, 0, sizeof row);
	row.class = CLASS_DATA;
	memcpy(row.id, loss->id, ID_LEN);
	row.n_chunks = f->n;
	row.n_hooks = loss->n_hooks;
	memcpy(row.hooks, loss->hooks, sizeof row.hooks);
	if (loss->has_origin) {
		row.flags |= ROW_ORIGIN;
		memcpy(row.origin_pack, loss->origin_pack, ID_LEN);
		row.origin_time = loss->origin_time;
	}
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	if (f->n_found == f->n) {
		block_encode(f->lens, f->n, bytes_span(&f->data), &plain);
	} else {
		row.flags |= ROW_SPARSE;
		row.bitmap = bitmap_of(f);
		block_encode_sparse(
		    f->lens, f->n, row.bitmap, bytes_span(&f->data), &plain);
	}
	rc = bytes_check(&plain, err);
	if (rc == SNAP_OK)
		rc = mendout_seal(w->m, &row, bytes_span(&plain), err);
	bytes_fini(&plain);
	return rc;
}

/* In the place of each damaged copy that has no better one yet. */
static enum snap_code
write_blocks(struct rebuild *w, const struct mend_loss *loss,
    const struct found *f, struct snap_err *err)
{
	const struct mend_loss *end = w->m->lost + w->m->n_lost, *l;
	enum snap_code rc = SNAP_OK;
	bool any = false;

	for (l = loss; l < end && mend_same(l, loss) && rc == SNAP_OK; l++) {
		if (f->n_found <= (l->has_origin ? l->n_has : f->n_own))
			continue;
		any = true;
		rc = write_block(w, l, f, err);
	}
	w->m->r.n_rebuilt += any && f->n_found == f->n;
	return rc;
}

/* `c`: the chunks of one block, in order. */
static void
gather(struct rebuild *w, const struct wanted *c, struct found *f)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct read_block own;
	struct span chunk;

	if (store_read_block(w->m->s, w->batch[c->block]->id, NULL, &own,
		&ignored) != SNAP_OK)
		memset(&own, 0, sizeof own);
	f->n_own = own.n_found;
	for (uint32_t i = 0; i < f->n; i++) {
		f->lens[i] = 1; /* of what is not there nobody asks */
		if (!own_chunk(&own, &c[i], &chunk) &&
		    !chunk_of(w, &c[i], &chunk))
			continue;
		f->lens[i] = (uint32_t)chunk.len;
		bytes_put_span(&f->data, chunk);
		f->bitmap[i / 8] |= (uint8_t)(1u << i % 8);
		f->n_found++;
	}
	read_block_fini(&own);
}

static enum snap_code
rebuild_block(
    struct rebuild *w, const struct wanted *c, uint32_t n, struct snap_err *err)
{
	struct found f = { .n = n };
	enum snap_code rc;

	f.bitmap = calloc(1, ((size_t)n + 7) / 8);
	f.lens = calloc(n, sizeof *f.lens);
	bytes_init(&f.data, BLOCK_PLAIN_MAX);
	if (f.bitmap == NULL || f.lens == NULL) {
		rc = snap_fail(err, SNAP_NOMEM, "not enough memory");
	} else {
		gather(w, c, &f);
		rc = bytes_check(&f.data, err);
	}
	if (rc == SNAP_OK)
		rc = write_blocks(w, w->batch[c->block], &f, err);
	bytes_fini(&f.data);
	free(f.bitmap);
	free(f.lens);
	return rc;
}

static enum snap_code
rebuild_batch(struct rebuild *w, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	uint32_t n;

	w->n_wanted = w->n_sources = 0;
	for (uint32_t i = 0; i < w->n_batch && rc == SNAP_OK; i++)
		rc = want(w, i, err);
	if (rc == SNAP_OK && w->n_wanted > 0) {
		qsort(w->wanted, w->n_wanted, sizeof *w->wanted, by_hash);
		rc = mend_each_row(w->m, true, search, w, err);
		qsort(w->wanted, w->n_wanted, sizeof *w->wanted, by_place);
	}
	for (size_t i = 0; i < w->n_wanted && rc == SNAP_OK; i += n) {
		for (n = 1; i + n < w->n_wanted &&
			    w->wanted[i + n].block == w->wanted[i].block;)
			n++;
		rc = rebuild_block(w, &w->wanted[i], n, err);
	}
	for (size_t i = 0; i < w->n_batch; i++)
		bytes_fini(&w->dirs[i]);
	read_block_fini(&w->open);
	memset(&w->open, 0, sizeof w->open);
	w->is_open = NOWHERE;
	return rc;
}

/* The first loss that is of this block. */
static struct mend_loss *
first_loss(const struct mend *m, const uint8_t id[ID_LEN])
{
	struct mend_loss *l = m->n_lost == 0 ? NULL
					     : bsearch(id, m->lost, m->n_lost,
						   sizeof *m->lost, loss_by_id);

	while (l != NULL && l > m->lost && mend_same(l - 1, l))
		l--;
	return l;
}

/* What an earlier repair, or a prune, has put in the place of a lost one. */
static enum snap_code
note_has(struct mend *m, const struct index_pack *pack,
    const struct pack_row *row, bool trusted, void *arg, struct snap_err *err)
{
	struct mend_loss *end = m->lost + m->n_lost, *l;
	uint32_t n = 0;

	(void)arg;
	(void)err;
	if (row->class != CLASS_DATA || (row->flags & ROW_SPARSE) == 0 ||
	    (l = first_loss(m, row->id)) == NULL)
		return SNAP_OK;
	for (uint32_t i = 0; i < row->n_chunks; i++)
		n += row->bitmap.p[i / 8] >> i % 8 & 1;
	for (const struct mend_loss *first = l; l < end && mend_same(l, first);
	     l++)
		if (n > l->n_has && mend_replaces(m, pack, row, trusted, l))
			l->n_has = n;
	return SNAP_OK;
}

enum snap_code
mend_rebuild(struct mend *m, struct snap_err *err)
{
	struct rebuild w = { .m = m, .is_open = NOWHERE };
	enum snap_code rc = SNAP_OK;

	w.batch = calloc(BATCH_BLOCKS, sizeof *w.batch);
	w.dirs = calloc(BATCH_BLOCKS, sizeof *w.dirs);
	if (w.batch == NULL || w.dirs == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "not enough memory");
	if (rc == SNAP_OK && m->n_lost != 0)
		rc = mend_each_row(m, true, note_has, NULL, err);
	for (size_t i = 0; i < m->n_lost && rc == SNAP_OK; i++) {
		if (m->lost[i].class == CLASS_DATA &&
		    (i == 0 || !mend_same(&m->lost[i - 1], &m->lost[i])))
			w.batch[w.n_batch++] = &m->lost[i];
		if (w.n_batch < BATCH_BLOCKS &&
		    (i + 1 < m->n_lost || w.n_batch == 0))
			continue;
		rc = rebuild_batch(&w, err);
		w.n_batch = 0;
	}
	free(w.batch);
	free(w.dirs);
	free(w.wanted);
	free(w.sources);
	return rc;
}
