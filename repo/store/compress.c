/* SPDX-License-Identifier: PostgreSQL */
/*
 * compress.c - zstd: its contexts, and which level suits the data.
 *
 * Contexts are large, so they rest in a pool instead of belonging to threads
 * that come and go.
 *
 * A higher level is always slower and by no means always smaller: on rows of
 * numbers level 1 makes 6 to 10 % less of it than level 3, whose short matches
 * cost more than the digits they replace, at half the time; on text it is the
 * other way round.  So where no level was asked for, now and then a block is
 * compressed with each of 1 to 3, and those behind it with the one that did
 * best, until the data look different.
 */
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "store_internal.h"

#define POOL_MAX 64
#define LEVEL_SMALL 3         /* of what is too small to be tried */
#define TRY_BYTES (64u << 10) /* the least that is */
#define LEVEL_MAX 3
#define TRY_EVERY 32  /* blocks from trial to trial, ... */
#define TRY_SOON 8    /* ... when the data look different */
#define SLACK 256     /* 1/SLACK more is not worth a slower level */
#define CHANGE 0.0625 /* that far off: these are other data */

/* Compression, and what it found out about its data. */
struct squeezer {
	ZSTD_CCtx *c;
	int level;
	unsigned left;   /* blocks until the next trial */
	double expected; /* what a byte of plaintext became at the trial */
};

struct ctx_pool {
	pthread_mutex_t lock;
	struct squeezer c[POOL_MAX];
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
		(void)ZSTD_freeCCtx(p->c[--p->n_c].c);
	while (p->n_d > 0)
		(void)ZSTD_freeDCtx(p->d[--p->n_d]);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

static struct squeezer
take_c(struct ctx_pool *p)
{
	struct squeezer q = { NULL, LEVEL_SMALL, 0, 0 };

	(void)pthread_mutex_lock(&p->lock);
	if (p->n_c > 0)
		q = p->c[--p->n_c];
	(void)pthread_mutex_unlock(&p->lock);
	if (q.c == NULL)
		q.c = ZSTD_createCCtx();
	return q;
}

static void
give_c(struct ctx_pool *p, struct squeezer q)
{
	if (q.c == NULL)
		return;
	(void)pthread_mutex_lock(&p->lock);
	if (p->n_c < POOL_MAX) {
		p->c[p->n_c++] = q;
		q.c = NULL;
	}
	(void)pthread_mutex_unlock(&p->lock);
	(void)ZSTD_freeCCtx(q.c);
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

/* zstd's result, as below: of the level that did best, which is kept. */
static size_t
try_levels(struct squeezer *q, uint8_t *to, size_t room, struct span in)
{
	size_t n[LEVEL_MAX + 1] = { 0 }, least = SIZE_MAX;
	int before = q->level, best = 1;

	/* The level in use comes last: it mostly stays, and so its output. */
	for (int i = 1; i <= LEVEL_MAX; i++) {
		int level = i < before ? i : i + 1;

		if (i == LEVEL_MAX)
			level = before;
		n[level] =
		    ZSTD_compressCCtx(q->c, to, room, in.p, in.len, level);
		if (ZSTD_isError(n[level]))
			return n[level];
		least = n[level] < least ? n[level] : least;
	}
	while (n[best] - least > least / SLACK)
		best++;
	q->level = best;
	q->left = TRY_EVERY;
	q->expected = (double)n[best] / (double)in.len;
	if (best == before)
		return n[best];
	return ZSTD_compressCCtx(q->c, to, room, in.p, in.len, best);
}

/* The compressed size, or an error of zstd's. */
static size_t
squeeze(struct squeezer *q, uint8_t *to, size_t room, struct span in)
{
	double got;
	size_t n;

	if (in.len < TRY_BYTES)
		return ZSTD_compressCCtx(
		    q->c, to, room, in.p, in.len, LEVEL_SMALL);
	if (q->left == 0)
		return try_levels(q, to, room, in);
	n = ZSTD_compressCCtx(q->c, to, room, in.p, in.len, q->level);
	got = (double)n / (double)in.len;
	q->left--;
	if (q->left > TRY_SOON && (got > q->expected * (1 + CHANGE) ||
				      got < q->expected * (1 - CHANGE)))
		q->left = TRY_SOON;
	return n;
}

enum snap_code
frame_compress(struct store *s, struct span plain, struct bytes *out,
    uint8_t *codec, struct snap_err *err)
{
	struct squeezer q = take_c(s->state->contexts);
	uint8_t *to = bytes_room(out, ZSTD_compressBound(plain.len));
	size_t n;

	if (q.c == NULL || to == NULL) {
		give_c(s->state->contexts, q);
		return snap_fail(err, SNAP_NOMEM, "no memory to compress");
	}
	if (s->zstd_level != 0)
		n = ZSTD_compressCCtx(
		    q.c, to, out->len, plain.p, plain.len, s->zstd_level);
	else
		n = squeeze(&q, to, out->len, plain);
	give_c(s->state->contexts, q);
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

enum snap_code
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
