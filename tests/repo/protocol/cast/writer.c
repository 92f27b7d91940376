/* SPDX-License-Identifier: PostgreSQL */
/*
 * writer.c - a backup: look, refer to what is known, store what is not, commit.
 *
 * What a run refers to is decided as repo/flow does: what it finds out about
 * what is where is advice, and the run's pin decides.
 */
#include <stdlib.h>
#include <string.h>

#include "cast.h"
#include "manifest.h"
#include "recipebuild.h"
#include "run.h"

#define STREAMS 2
#define REFS_MAX 256
#define PINNED_MAX 64

struct place {
	uint8_t block[ID_LEN];
	uint32_t chunk;
	uint8_t u;
	bool open; /* in the block that is not sealed yet */
};
struct stream {
	struct place refs[REFS_MAX];
	size_t n;
};
struct writer {
	struct actor *a;
	const struct plan *plan;
	struct store *s;
	struct run *run;
	struct stream streams[STREAMS];
	uint8_t open[BLOCK_MAX];
	uint32_t n_open;
	uint8_t pinned[PINNED_MAX][ID_LEN];
	size_t n_pinned;
	uint64_t state; /* of what it has */
};

static uint64_t
own_below(struct writer *w, uint64_t n)
{
	w->state = w->state * UINT64_C(6364136223846793005) + 1442695040888963;
	return (w->state >> 33) % n;
}

static bool
is_pinned(const struct writer *w, const uint8_t *id)
{
	for (size_t i = 0; i < w->n_pinned; i++)
		if (memcmp(w->pinned[i], id, ID_LEN) == 0)
			return true;
	return false;
}

static void
note_pinned(struct writer *w, const uint8_t *id)
{
	if (w->n_pinned < PINNED_MAX)
		memcpy(w->pinned[w->n_pinned++], id, ID_LEN);
}

/* Without the data key nobody sees that a copy is a lie; one who sees none
 * but lies refers to them. */
static void
tell_sight(struct writer *w, uint8_t class, const uint8_t *id)
{
	struct copy v[16];
	size_t n = store_copies(w->s, class, id, v, 16);
	uint64_t bits = 0;

	for (size_t i = 0; i < n; i++)
		bits |= oracle_true_bits(v[i].pack, class, id);
	if (n != 0)
		oracle_saw(w->a, class, id, bits);
}

static bool
refer(struct writer *w, struct stream *to, const struct thing *t, uint32_t i)
{
	struct place *p = &to->refs[to->n];
	struct usable part;

	if (to->n == REFS_MAX)
		return true;
	if (!run_pin(w->run, CLASS_DATA, t->id, &part) || !usable_has(&part, i))
		return false;
	if (!is_pinned(w, t->id)) {
		note_pinned(w, t->id);
		tell_sight(w, CLASS_DATA, t->id);
	}
	memcpy(p->block, t->id, ID_LEN);
	p->chunk = i;
	p->u = t->chunks[i];
	p->open = false;
	to->n++;
	return true;
}

static enum snap_code
add_block(struct writer *w, uint8_t id[ID_LEN], struct snap_err *err)
{
	uint8_t data[BLOCK_MAX][CHUNK_LEN], hashes[BLOCK_MAX][ID_LEN];
	struct directory d = { w->n_open, hashes };
	uint32_t lens[BLOCK_MAX];
	struct frame_in f;
	struct bytes plain, dir;
	enum snap_code rc;

	for (uint32_t i = 0; i < w->n_open; i++) {
		chunk_content(w->open[i], data[i]);
		lens[i] = CHUNK_LEN;
		keys_chunk_hash(
		    w->s->keys, span_of(data[i], CHUNK_LEN), hashes[i]);
	}
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	bytes_init(&dir, BLOCK_PLAIN_MAX);
	block_encode(lens, w->n_open,
	    span_of(data[0], (size_t)w->n_open * CHUNK_LEN), &plain);
	directory_encode(&d, &dir);
	keys_block_id(w->s->keys, bytes_span(&dir), id);
	memset(&f, 0, sizeof f);
	f.class = CLASS_DATA;
	memcpy(f.id, id, ID_LEN);
	f.plain = bytes_span(&plain);
	f.n_chunks = w->n_open;
	rc = run_add(w->run, &f, err);
	f.class = CLASS_DIR;
	f.plain = bytes_span(&dir);
	f.n_chunks = 0;
	if (rc == SNAP_OK)
		rc = run_add(w->run, &f, err);
	bytes_fini(&plain);
	bytes_fini(&dir);
	return rc;
}

static enum snap_code
seal(struct writer *w, struct snap_err *err)
{
	uint8_t id[ID_LEN];
	enum snap_code rc;

	if (w->n_open == 0)
		return SNAP_OK;
	rc = add_block(w, id, err);
	w->n_open = 0;
	note_pinned(w, id);
	for (size_t i = 0; i < STREAMS; i++)
		for (size_t k = 0; k < w->streams[i].n; k++)
			if (w->streams[i].refs[k].open) {
				w->streams[i].refs[k].open = false;
				memcpy(w->streams[i].refs[k].block, id, ID_LEN);
			}
	return rc;
}

/* Store a chunk, or find it. */
static enum snap_code
take_chunk(struct writer *w, struct stream *to, uint8_t u, struct snap_err *err)
{
	const struct thing *things;
	size_t n = oracle_things(&things), from = n == 0 ? 0 : sim_below(n);
	struct place *p;
	unsigned tries = 0;

	for (size_t k = 0; k < n && tries < 4; k++) {
		const struct thing *t = &things[(from + k) % n];

		for (uint32_t i = 0; t->class == CLASS_DATA && i < t->n; i++)
			if (t->chunks[i] == u && tries++ < 4 &&
			    refer(w, to, t, i))
				return SNAP_OK;
	}
	if (to->n == REFS_MAX)
		return SNAP_OK;
	p = &to->refs[to->n++];
	p->open = true;
	p->u = u;
	p->chunk = w->n_open;
	w->open[w->n_open++] = u;
	return w->n_open == BLOCK_MAX || own_below(w, 10) < 4 ? seal(w, err)
							      : SNAP_OK;
}

/* Its source takes its time; the run keeps its lease. */
static enum snap_code
linger(struct writer *w, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	uint64_t n = 1;

	if (sim_chance(w->plan->pause_permille))
		n += sim_below(w->plan->max_pauses + 1);
	else if (!sim_chance(300))
		return SNAP_OK;
	for (uint64_t i = 0; i < n && rc == SNAP_OK; i++) {
		if (n > 1)
			sim_sleep((int64_t)sim_below(LEASE / 5));
		rc = run_tick(w->run, err);
	}
	return rc;
}

/* The recipe of a snapshot that is there, as far as it can be used. */
static void
take_over(struct writer *w, struct stream *to)
{
	const struct thing *things;
	const struct ref *refs;
	uint8_t id[ID_LEN];
	size_t n;

	(void)oracle_things(&things);
	if (!oracle_some_snapshot(id, &refs, &n))
		return;
	for (size_t k = 0; k < n; k++) {
		const struct thing *t = &things[refs[k].thing];

		for (uint32_t i = 0; t->class == CLASS_DATA && i < t->n; i++)
			if ((refs[k].bits >> i & 1) != 0)
				(void)refer(w, to, t, i);
	}
}

static uint32_t
block_number(struct recipe *r, const uint8_t *id)
{
	uint32_t i = 0;

	while (i < r->n_blocks && memcmp(r->blocks[i], id, ID_LEN) != 0)
		i++;
	if (i == r->n_blocks)
		memcpy(r->blocks[r->n_blocks++], id, ID_LEN);
	return i;
}

static void
make_recipe(struct writer *w, const struct stream *from, struct bytes *plain,
    uint8_t digest[ID_LEN])
{
	uint8_t blocks[REFS_MAX][ID_LEN], hashes[REFS_MAX][ID_LEN];
	uint8_t content[CHUNK_LEN];
	struct extent extents[REFS_MAX];
	struct recipe_span span = { .bytes = from->n * CHUNK_LEN };
	struct recipe r = { 0, 1, 0, blocks, &span, extents };

	for (size_t i = 0; i < from->n; i++) {
		const struct place *p = &from->refs[i];
		struct extent *last = &extents[r.n_extents];
		uint32_t b = block_number(&r, p->block);

		chunk_content(p->u, content);
		keys_chunk_hash(
		    w->s->keys, span_of(content, CHUNK_LEN), hashes[i]);
		if (r.n_extents != 0 && last[-1].block == b &&
		    last[-1].first + last[-1].count == p->chunk)
			last[-1].count++;
		else
			extents[r.n_extents++] =
			    (struct extent){ b, p->chunk, 1 };
	}
	span.n_extents = r.n_extents;
	keys_digest(
	    w->s->keys, span_of(hashes[0], from->n * ID_LEN), span.digest);
	keys_digest(w->s->keys, span_of(span.digest, ID_LEN), digest);
	recipe_encode(&r, plain);
}

static enum snap_code
end_stream(
    struct writer *w, size_t which, struct stream_done *d, struct snap_err *err)
{
	static const char *const names[STREAMS] = { "public.a", "public.b" };
	const struct stream *from = &w->streams[which];
	struct frame_in f;
	struct bytes plain;
	enum snap_code rc;

	memset(d, 0, sizeof *d);
	d->row.kind = STREAM_TABLE;
	d->row.cutter = CUTTER_ROWS;
	d->row.name = span_str(names[which]);
	d->row.attr = span_str("COPY");
	d->row.bytes = from->n * CHUNK_LEN;
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	bytes_init(&d->segments, BLOCK_PLAIN_MAX);
	make_recipe(w, from, &plain, d->row.digest);
	memset(&f, 0, sizeof f);
	f.class = CLASS_RECIPE;
	f.plain = bytes_span(&plain);
	keys_meta_id(w->s->keys, f.class, f.plain, f.id);
	rc = run_add(w->run, &f, err);
	bytes_put(&d->segments, f.id, ID_LEN);
	d->row.n_segments = 1;
	d->row.segments = d->segments.p;
	bytes_fini(&plain);
	return rc;
}

static enum snap_code
end_run(struct writer *w, uint8_t id[ID_LEN], struct snap_err *err)
{
	struct stream_done done[STREAMS], *v[STREAMS];
	struct snapshot_body *snap = calloc(1, sizeof *snap);
	enum snap_code rc = SNAP_OK;
	int64_t when;
	size_t n = 0;

	if (snap == NULL)
		abort();
	for (size_t i = 0; i < STREAMS && rc == SNAP_OK; i++) {
		if (w->streams[i].n == 0)
			continue;
		rc = end_stream(w, i, &done[n], err);
		v[n] = &done[n];
		n++;
	}
	if (rc == SNAP_OK)
		rc = manifest_write(w->s, w->run, v, n, snap->root, err);
	if (rc == SNAP_OK)
		rc = run_commit(w->run, snap, id, &when, err);
	for (size_t i = 0; i < n; i++)
		bytes_fini(&done[i].segments);
	free(snap);
	return rc;
}

static enum snap_code
work(struct writer *w, struct snap_err *err)
{
	const struct plan *p = w->plan;
	const struct thing *things;
	enum snap_code rc;
	uint8_t id[ID_LEN];
	size_t n;

	rc = store_look(w->s, err);
	if (rc == SNAP_OK)
		rc = run_begin(w->s, &w->run, err);
	if (rc != SNAP_OK)
		return rc;
	if (sim_chance(p->reuse_permille))
		take_over(w, &w->streams[0]);
	for (unsigned i = 0; i < p->n_chunks && rc == SNAP_OK; i++) {
		rc = take_chunk(
		    w, &w->streams[1], (uint8_t)own_below(w, p->universe), err);
		if (rc == SNAP_OK)
			rc = linger(w, err);
	}
	for (unsigned i = 0; i < p->lasts && rc == SNAP_OK; i++) {
		sim_sleep(LEASE / 10);
		rc = run_tick(w->run, err);
	}
	if (rc == SNAP_OK)
		rc = seal(w, err);
	if (rc == SNAP_OK)
		rc = end_run(w, id, err);
	if (p->acknowledged != NULL)
		*p->acknowledged = rc == SNAP_OK;
	if (rc != SNAP_OK)
		return rc;
	n = oracle_things(&things);
	for (size_t i = 0; i < n; i++)
		tell_sight(w, things[i].class, things[i].id);
	oracle_acknowledged(w->a, id);
	return rc;
}

void
play_writer(struct actor *a)
{
	struct writer *w = calloc(1, sizeof *w);
	struct snap_err err = SNAP_ERR_INIT;
	enum snap_code rc;

	if (w == NULL)
		abort();
	w->a = a;
	/* What it confirmed too late it can take back. */
	a->unlocked = true;
	w->plan = a->arg;
	w->state = w->plan->seed;
	w->s = cast_enter(a, w->plan->key);
	rc = work(w, &err);
	if (rc != SNAP_OK && !a->crashed)
		oracle_counts.refused++;
	sim_trace("ends: %s", rc == SNAP_OK ? "acknowledged" : err.msg);
	run_free(w->run);
	cast_leave(w->s);
	free(w);
	free(a->arg);
}
