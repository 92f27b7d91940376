/* SPDX-License-Identifier: PostgreSQL */
/*
 * chunker.c - keys, the feed, and what must wait for more bytes.
 *
 * A chunk that lies in one feed is emitted from there.  Only one that spans
 * feeds is put together in `held`, which max + 1 bytes are enough for: then
 * every cutter knows where it ends.
 */
#include <stdlib.h>
#include <string.h>

#include "cut.h"

/* The labels of the streams of prf_derive(); part of the format. */
enum label {
	LABEL_ROW_SECRET = 1,
	LABEL_ROW_PRF,
	LABEL_GEAR,
	LABEL_WINDOW_SECRET,
	LABEL_WINDOW_PRF
};

struct chunker {
	struct cut_state cut;
	cut_find find;
	size_t n_held, cap;
	uint8_t held[];
};

/* XXH3 takes its secret as bytes: the same ones on every machine. */
static void
derive_secret(const uint8_t *key, uint64_t label, uint64_t *secret)
{
	prf_derive(key, label, secret, CUT_SECRET_BYTES / 8);
	for (size_t i = 0; i < CUT_SECRET_BYTES / 8; i++)
		le64_put((uint8_t *)&secret[i], secret[i]);
}

static void
derive_prf(const uint8_t *key, uint64_t label, struct prf_key *out)
{
	uint64_t w[2];

	prf_derive(key, label, w, 2);
	out->k0 = w[0];
	out->k1 = w[1];
	explicit_bzero(w, sizeof w);
}

static void
derive_keys(const uint8_t *key, struct cut_keys *k)
{
	derive_secret(key, LABEL_ROW_SECRET, k->row_secret);
	derive_prf(key, LABEL_ROW_PRF, &k->row_prf);
	prf_derive(key, LABEL_GEAR, k->gear, 256);
	derive_secret(key, LABEL_WINDOW_SECRET, k->window_secret);
	derive_prf(key, LABEL_WINDOW_PRF, &k->window_prf);
}

enum snap_code
chunker_new(
    const struct chunker_params *p, struct chunker **out, struct snap_err *err)
{
	struct cut_state *s;
	struct chunker *c;
	size_t cap;

	if (p->mean < CHUNKER_MEAN_MIN || p->mean > CHUNKER_MEAN_MAX ||
	    (p->mean & (p->mean - 1)) != 0)
		return snap_fail(err, SNAP_USAGE,
		    "mean chunk size %u is not a power of two from %d to %d",
		    (unsigned)p->mean, CHUNKER_MEAN_MIN, CHUNKER_MEAN_MAX);
	cap = (size_t)p->mean * 8 + 1;
	c = calloc(1, sizeof *c + cap);
	if (c == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a chunker");
	c->cap = cap;
	c->find = cut_find_fast;
	s = &c->cut;
	s->mean = p->mean;
	s->min = s->mean / 4;
	s->max = s->mean * 8;
	s->row_unit = UINT64_MAX / (s->mean - s->min);
	/* mean / 8 is a power of two: as many high bits as it has zeros. */
	s->gear_mask = ~(UINT64_MAX / (s->mean / 8));
	derive_keys(p->key, &s->keys);
	chunker_start(c, CUTTER_BYTES);
	*out = c;
	return SNAP_OK;
}

void
chunker_free(struct chunker *c)
{
	if (c == NULL)
		return;
	explicit_bzero(&c->cut.keys, sizeof c->cut.keys);
	free(c);
}

void
chunker_start(struct chunker *c, enum stream_cutter cutter)
{
	struct cut_state *s = &c->cut;

	s->cutter = cutter;
	s->long_row = false;
	s->row_at = s->seen = 0;
	s->gear_hash = 0;
	c->n_held = 0;
}

/*
 * Complete the chunk whose start is held with bytes of *d.  It may end before
 * bytes that are held already (a row that does not fit): those stay.
 */
static enum snap_code
feed_held(struct chunker *c, struct span *d, chunker_emit emit, void *arg,
    struct snap_err *err)
{
	size_t room = c->cap - c->n_held;
	size_t take = d->len < room ? d->len : room;
	size_t used, at;

	memcpy(c->held + c->n_held, d->p, take);
	at = c->find(&c->cut, c->held, c->n_held + take, false);
	if (at > 0) {
		enum snap_code rc = emit(arg, span_of(c->held, at), err);

		if (rc != SNAP_OK)
			return rc;
	}
	if (at == 0) {
		c->n_held += take;
		used = take;
	} else if (at < c->n_held) {
		memmove(c->held, c->held + at, c->n_held - at);
		c->n_held -= at;
		used = 0;
	} else {
		used = at - c->n_held;
		c->n_held = 0;
	}
	d->p += used;
	d->len -= used;
	return SNAP_OK;
}

enum snap_code
chunker_feed(struct chunker *c, struct span data, chunker_emit emit, void *arg,
    struct snap_err *err)
{
	enum snap_code rc;
	size_t at;

	while (c->n_held > 0 && data.len > 0) {
		rc = feed_held(c, &data, emit, arg, err);
		if (rc != SNAP_OK)
			return rc;
	}
	while (data.len > 0 &&
	       (at = c->find(&c->cut, data.p, data.len, false)) > 0) {
		rc = emit(arg, span_of(data.p, at), err);
		if (rc != SNAP_OK)
			return rc;
		data.p += at;
		data.len -= at;
	}
	if (data.len > 0) { /* at most max: with more there was a cut */
		memcpy(c->held, data.p, data.len);
		c->n_held = data.len;
	}
	return SNAP_OK;
}

enum snap_code
chunker_end(
    struct chunker *c, chunker_emit emit, void *arg, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	size_t done = 0;

	while (done < c->n_held && rc == SNAP_OK) {
		size_t at =
		    c->find(&c->cut, c->held + done, c->n_held - done, true);

		rc = emit(arg, span_of(c->held + done, at), err);
		done += at;
	}
	chunker_start(c, c->cut.cutter);
	return rc;
}

void
chunker_force_portable(struct chunker *c)
{
	c->find = cut_find_plain;
}
