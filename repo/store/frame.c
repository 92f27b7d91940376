/* SPDX-License-Identifier: PostgreSQL */
/*
 * frame.c - one frame: compressed, sealed, and back.
 *
 * zstd contexts are large, so they rest in a pool instead of belonging to
 * threads that come and go.  Opened session keys rest in a ring of locked
 * memory: opening one costs as much as decrypting a block.
 */
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "store_internal.h"

#define POOL_MAX 64

struct ctx_pool {
	pthread_mutex_t lock;
	ZSTD_CCtx *c[POOL_MAX];
	ZSTD_DCtx *d[POOL_MAX];
	size_t n_c, n_d;
};

enum snap_code
ctx_pool_new(struct ctx_pool **out, struct snap_err *err)
{
	struct ctx_pool *p = calloc(1, sizeof *p);

	if (p == NULL || pthread_mutex_init(&p->lock, NULL) != 0) {
		free(p);
		return snap_fail(err, SNAP_NOMEM, "no memory for contexts");
	}
	*out = p;
	return SNAP_OK;
}

void
ctx_pool_free(struct ctx_pool *p)
{
	if (p == NULL)
		return;
	while (p->n_c > 0)
		(void)ZSTD_freeCCtx(p->c[--p->n_c]);
	while (p->n_d > 0)
		(void)ZSTD_freeDCtx(p->d[--p->n_d]);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

static ZSTD_CCtx *
take_c(struct ctx_pool *p)
{
	ZSTD_CCtx *c = NULL;

	(void)pthread_mutex_lock(&p->lock);
	if (p->n_c > 0)
		c = p->c[--p->n_c];
	(void)pthread_mutex_unlock(&p->lock);
	return c != NULL ? c : ZSTD_createCCtx();
}

static void
give_c(struct ctx_pool *p, ZSTD_CCtx *c)
{
	(void)pthread_mutex_lock(&p->lock);
	if (p->n_c < POOL_MAX) {
		p->c[p->n_c++] = c;
		c = NULL;
	}
	(void)pthread_mutex_unlock(&p->lock);
	(void)ZSTD_freeCCtx(c);
}

static ZSTD_DCtx *
take_d(struct ctx_pool *p)
{
	ZSTD_DCtx *d = NULL;

	(void)pthread_mutex_lock(&p->lock);
	if (p->n_d > 0)
		d = p->d[--p->n_d];
	(void)pthread_mutex_unlock(&p->lock);
	return d != NULL ? d : ZSTD_createDCtx();
}

static void
give_d(struct ctx_pool *p, ZSTD_DCtx *d)
{
	(void)pthread_mutex_lock(&p->lock);
	if (p->n_d < POOL_MAX) {
		p->d[p->n_d++] = d;
		d = NULL;
	}
	(void)pthread_mutex_unlock(&p->lock);
	(void)ZSTD_freeDCtx(d);
}

enum snap_code
frame_compress(struct store *s, struct span plain, struct bytes *out,
    uint8_t *codec, struct snap_err *err)
{
	ZSTD_CCtx *c = take_c(s->state->contexts);
	uint8_t *to = bytes_room(out, ZSTD_compressBound(plain.len));
	size_t n;

	if (c == NULL || to == NULL) {
		if (c != NULL)
			give_c(s->state->contexts, c);
		return snap_fail(err, SNAP_NOMEM, "no memory to compress");
	}
	n = ZSTD_compressCCtx(
	    c, to, out->len, plain.p, plain.len, s->zstd_level);
	give_c(s->state->contexts, c);
	if (ZSTD_isError(n))
		return snap_fail(
		    err, SNAP_IO, "compress: %s", ZSTD_getErrorName(n));
	*codec = CODEC_ZSTD;
	out->len = n;
	if (n >= plain.len) {
		*codec = CODEC_RAW;
		bytes_clear(out);
		bytes_put_span(out, plain);
	}
	return bytes_check(out, err);
}

static enum snap_code
frame_decompress(struct store *s, struct span in, uint32_t plain_len,
    struct bytes *plain, struct snap_err *err)
{
	ZSTD_DCtx *d = take_d(s->state->contexts);
	size_t old = plain->len, n;
	uint8_t *to = bytes_room(plain, plain_len);

	if (d == NULL || to == NULL) {
		if (d != NULL)
			give_d(s->state->contexts, d);
		return snap_fail(err, SNAP_NOMEM, "no memory to decompress");
	}
	n = ZSTD_decompressDCtx(d, to, plain_len, in.p, in.len);
	give_d(s->state->contexts, d);
	if (!ZSTD_isError(n) && n == plain_len)
		return SNAP_OK;
	plain->len = old;
	return snap_fail(err, SNAP_CORRUPT, "compressed bytes do not decode");
}

static void
context_of(
    struct store *s, const struct frame_place *f, struct frame_context *c)
{
	memset(c, 0, sizeof *c);
	memcpy(c->repo_id, s->repo_id, ID_LEN);
	c->epoch = f->epoch;
	c->class = f->class;
	memcpy(c->id, f->id, ID_LEN);
	c->plain_len = f->plain_len;
	seal_bitmap_hash(f->bitmap, c->bitmap_hash);
}

enum snap_code
frame_seal(struct store *s, const uint8_t *key, const struct frame_place *f,
    struct span in, struct bytes *out, struct snap_err *err)
{
	struct frame_context c;

	context_of(s, f, &c);
	return seal_frame(key, &c, in, out, err);
}

enum snap_code
frame_open(struct store *s, const uint8_t *key, const struct frame_place *f,
    struct span sealed, struct bytes *plain, struct snap_err *err)
{
	struct frame_context c;
	struct bytes mid;
	enum snap_code rc;

	if (f->plain_len > BLOCK_PLAIN_MAX)
		return snap_fail(err, SNAP_CORRUPT, "a frame too large");
	context_of(s, f, &c);
	bytes_init(&mid, BLOCK_PLAIN_MAX + (64u << 10));
	rc = open_frame(key, &c, sealed, &mid, err);
	if (rc != SNAP_OK)
		goto out;
	if (f->codec == CODEC_ZSTD) {
		rc = frame_decompress(
		    s, bytes_span(&mid), f->plain_len, plain, err);
	} else if (mid.len != f->plain_len) {
		rc = snap_fail(err, SNAP_CORRUPT, "a frame of wrong length");
	} else {
		bytes_put_span(plain, bytes_span(&mid));
		rc = bytes_check(plain, err);
	}
out:
	bytes_fini(&mid);
	return rc;
}

static bool
find_session(struct store_state *st, const uint8_t *sealed, uint8_t *key)
{
	bool found = false;

	(void)pthread_mutex_lock(&st->lock);
	for (size_t i = 0; i < st->n_sessions && !found; i++)
		if (memcmp(st->sessions[i].sealed, sealed, SEALED_KEY_BYTES) ==
		    0) {
			memcpy(key, st->sessions[i].key, KEY_BYTES);
			found = true;
		}
	(void)pthread_mutex_unlock(&st->lock);
	return found;
}

enum snap_code
session_key(struct store *s, const struct session_row *row,
    uint8_t key[KEY_BYTES], struct snap_err *err)
{
	struct store_state *st = s->state;
	struct open_session *to;
	struct session open;
	enum snap_code rc;

	if (row == NULL)
		return snap_fail(err, SNAP_CORRUPT, "no session is named");
	if (find_session(st, row->sealed_key, key))
		return SNAP_OK;
	memset(&open, 0, sizeof open);
	memcpy(open.id, row->id, ID_LEN);
	open.epoch = row->epoch;
	memcpy(open.host_id, row->host_id, ID_LEN);
	memcpy(open.sealed, row->sealed_key, SEALED_KEY_BYTES);
	rc = session_open(s->keys, &open, err);
	if (rc == SNAP_OK) {
		memcpy(key, open.key, KEY_BYTES);
		(void)pthread_mutex_lock(&st->lock);
		to = &st->sessions[st->next_session];
		st->next_session = (st->next_session + 1) % SESSIONS_KEPT;
		if (st->n_sessions < SESSIONS_KEPT)
			st->n_sessions++;
		memcpy(to->sealed, row->sealed_key, SEALED_KEY_BYTES);
		memcpy(to->key, open.key, KEY_BYTES);
		(void)pthread_mutex_unlock(&st->lock);
	}
	keys_wipe(&open, sizeof open);
	return rc;
}
