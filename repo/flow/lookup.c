/* SPDX-License-Identifier: PostgreSQL */
/*
 * lookup.c - is this chunk known near here?  (DESIGN.md, section 2)
 *
 * Chunks wait in a window of about 1 MiB before they are decided.  When a
 * window is full, its unknown chunks are tried as hooks, which brings in
 * directories of moved data in time for the chunks in front of the hook; then
 * the window before it is decided: cursor, open block, near directories, else
 * new.
 */
#include <stdlib.h>
#include <string.h>

#include "chunker.h"
#include "cursor.h"
#include "lookup.h"
#include "neardirs.h"
#include "openblock.h"
#include "run.h"

#define WINDOW_BYTES (1u << 20)
#define WINDOW_CHUNKS 8192u
#define PREFETCH 12 /* chunks: as long as memory takes */

struct window {
	struct bytes data;
	uint32_t n;
	uint32_t lens[WINDOW_CHUNKS];
	uint8_t hashes[WINDOW_CHUNKS][ID_LEN];
};

struct lookup {
	const struct lane_shared *shared;
	struct chunker *chunker;
	struct cursor_pos *cursor;
	struct neardirs *near;
	struct openblock *open;
	struct recipebuild *recipe;
	struct stream_done *stream;
	struct window *filling, *waiting;
};

void
block_job_free(void *job)
{
	struct block_job *j = job;

	if (j == NULL)
		return;
	bytes_fini(&j->block_plain);
	bytes_fini(&j->dir_plain);
	free(j);
}

enum snap_code
block_job_run(void *run, void *job, struct snap_err *err)
{
	struct block_job *j = job;
	enum snap_code rc;

	rc = run_add(run, &j->block, err);
	if (rc == SNAP_OK)
		rc = run_add(run, &j->dir, err);
	block_job_free(j);
	return rc;
}

static enum snap_code
put_recipe(void *arg, struct span plain, const uint8_t id[ID_LEN],
    struct snap_err *err)
{
	struct lookup *l = arg;
	struct frame_in f;

	memset(&f, 0, sizeof f);
	f.class = CLASS_RECIPE;
	memcpy(f.id, id, ID_LEN);
	f.plain = plain;
	return run_add(l->shared->run, &f, err);
}

static struct window *
window_new(void)
{
	struct window *w = calloc(1, sizeof *w);

	if (w != NULL)
		bytes_init(&w->data, WINDOW_BYTES + (256u << 10));
	return w;
}

static void
window_free(struct window *w)
{
	if (w == NULL)
		return;
	bytes_fini(&w->data);
	free(w);
}

enum snap_code
lookup_new(
    const struct lane_shared *shared, struct lookup **out, struct snap_err *err)
{
	struct lookup *l = calloc(1, sizeof *l);
	struct chunker_params p;
	enum snap_code rc;

	if (l == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a lane");
	l->shared = shared;
	l->filling = window_new();
	l->waiting = window_new();
	p.mean = shared->store->config.chunk_mean;
	memcpy(p.key, shared->store->keys->cutter, sizeof p.key);
	rc = chunker_new(&p, &l->chunker, err);
	keys_wipe(&p, sizeof p);
	if (rc == SNAP_OK && (l->filling == NULL || l->waiting == NULL))
		rc = snap_fail(err, SNAP_NOMEM, "no memory for a lane");
	if (rc == SNAP_OK)
		rc = cursor_pos_new(shared->store, &l->cursor, err);
	if (rc == SNAP_OK)
		rc = neardirs_new(shared->near_dirs,
		    shared->store->config.block_size /
			shared->store->config.chunk_mean,
		    &l->near, err);
	if (rc == SNAP_OK)
		rc = openblock_new(
		    shared->store->config.block_size, &l->open, err);
	if (rc == SNAP_OK)
		rc = recipebuild_new(
		    shared->store->keys, put_recipe, l, &l->recipe, err);
	if (rc != SNAP_OK) {
		lookup_free(l);
		return rc;
	}
	*out = l;
	return SNAP_OK;
}

void
lookup_free(struct lookup *l)
{
	if (l == NULL)
		return;
	chunker_free(l->chunker);
	cursor_pos_free(l->cursor);
	neardirs_free(l->near);
	openblock_free(l->open);
	recipebuild_free(l->recipe);
	stream_done_free(l->stream);
	window_free(l->filling);
	window_free(l->waiting);
	free(l);
}

/* Bring a directory near.  One that cannot be had only costs matches. */
static void
load_directory(struct lookup *l, const uint8_t id[ID_LEN])
{
	struct snap_err err = SNAP_ERR_INIT;
	struct directory d;
	struct usable part;
	struct bytes plain;
	uint8_t own[ID_LEN];
	uint32_t slot;

	memcpy(own, id, ID_LEN);
	slot = neardirs_slot(l->near, own);
	if (slot != NEARDIRS_NONE) {
		neardirs_touch(l->near, slot);
		return;
	}
	/* Chunks that are gone must not hide where they are still. */
	if (!run_may_pin(l->shared->run, CLASS_DATA, own, &part))
		return;
	memset(&d, 0, sizeof d);
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	if (store_read(l->shared->store, CLASS_DIR, own, &plain, &err) ==
		SNAP_OK &&
	    directory_decode(bytes_span(&plain), &d, &err) == SNAP_OK &&
	    neardirs_add(l->near, own, &d, false, &slot, &err) == SNAP_OK) {
		if (!part.whole)
			neardirs_limit(l->near, slot, part.bitmap, part.n);
	} else
		report_log(l->shared->store->report, REPORT_DEBUG,
		    "directory not used: %s", err.msg);
	directory_fini(&d);
	bytes_fini(&plain);
}

static void
load_wanted(struct lookup *l)
{
	const uint8_t *id;

	while ((id = cursor_pos_want(l->cursor)) != NULL)
		load_directory(l, id);
}

static void
try_hooks(struct lookup *l, const struct window *w)
{
	uint8_t block[ID_LEN];
	struct place p;

	for (uint32_t i = 0; i < w->n; i++) {
		if (w->n - i > PREFETCH)
			neardirs_prefetch(l->near, w->hashes[i + PREFETCH]);
		if (!neardirs_find(l->near, w->hashes[i], &p) &&
		    hooks_find(l->shared->hooks, w->hashes[i], block))
			load_directory(l, block);
	}
}

/* May the recipe refer to this chunk?  Pins its block, or forgets it. */
static bool
usable(struct lookup *l, struct place p, const uint8_t hash[ID_LEN])
{
	struct usable part;

	if (!neardirs_pinned(l->near, p.slot)) {
		if (!run_pin(l->shared->run, CLASS_DATA,
			neardirs_id(l->near, p.slot), &part)) {
			neardirs_drop(l->near, p.slot);
			return false;
		}
		neardirs_set_pinned(l->near, p.slot);
		if (!part.whole)
			neardirs_limit(l->near, p.slot, part.bitmap, part.n);
	}
	neardirs_touch(l->near, p.slot);
	return neardirs_is(l->near, p, hash);
}

/* The place of a known chunk: the cursor's own, if it is there, else any. */
static bool
find_known(struct lookup *l, const uint8_t hash[ID_LEN], struct place *out,
    bool *expected)
{
	const uint8_t *block;
	struct place at;
	uint32_t chunk;

	*expected = false;
	if (!neardirs_find(l->near, hash, out))
		return false;
	if (!cursor_pos_expect(l->cursor, &block, &chunk))
		return true;
	if (memcmp(neardirs_id(l->near, out->slot), block, ID_LEN) != 0) {
		at.slot = neardirs_slot(l->near, block);
		at.chunk = chunk;
		if (at.slot == NEARDIRS_NONE || !neardirs_is(l->near, at, hash))
			return true;
	} else {
		at = (struct place){ out->slot, chunk };
		if (!neardirs_is(l->near, at, hash))
			return true;
	}
	*out = at;
	*expected = true;
	return true;
}

static enum snap_code seal_open_block(struct lookup *l, struct snap_err *err);

static enum snap_code
store_new(struct lookup *l, struct span data, const uint8_t hash[ID_LEN],
    struct snap_err *err)
{
	enum snap_code rc;
	uint32_t chunk;

	rc = openblock_add(l->open, data, hash, &chunk, err);
	if (rc == SNAP_OK)
		rc = recipebuild_chunk(
		    l->recipe, NULL, chunk, (uint32_t)data.len, hash, err);
	if (rc != SNAP_OK)
		return rc;
	l->stream->new_bytes += data.len;
	report_new(l->shared->store->report, data.len);
	return openblock_full(l->open) ? seal_open_block(l, err) : SNAP_OK;
}

static enum snap_code
decide(struct lookup *l, struct span data, const uint8_t hash[ID_LEN],
    struct snap_err *err)
{
	uint32_t len = (uint32_t)data.len, chunk;
	struct place p;
	bool expected;

	bool known = find_known(l, hash, &p, &expected);
	if (!expected) {
		chunk = openblock_find(l->open, hash);
		if (chunk != UINT32_MAX)
			return recipebuild_chunk(
			    l->recipe, NULL, chunk, len, hash, err);
	}
	if (!known || !usable(l, p, hash))
		return store_new(l, data, hash, err);
	const uint8_t *block = neardirs_id(l->near, p.slot);
	if (expected)
		cursor_pos_advance(l->cursor);
	else
		cursor_pos_seek(l->cursor, block, p.chunk);
	return recipebuild_chunk(l->recipe, block, p.chunk, len, hash, err);
}

static enum snap_code
decide_window(struct lookup *l, struct window *w, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	size_t off = 0;

	for (uint32_t i = 0; i < w->n && rc == SNAP_OK; i++) {
		if (w->n - i > PREFETCH)
			neardirs_prefetch(l->near, w->hashes[i + PREFETCH]);
		rc = decide(
		    l, span_of(w->data.p + off, w->lens[i]), w->hashes[i], err);
		off += w->lens[i];
	}
	w->n = 0;
	bytes_clear(&w->data);
	return rc;
}

/* The filling window is full: look ahead in it, decide the one before. */
static enum snap_code
turn_window(struct lookup *l, struct snap_err *err)
{
	struct window *w = l->filling;
	enum snap_code rc;

	keys_chunk_hashes(
	    l->shared->store->keys, w->data.p, w->lens, w->n, w->hashes);
	load_wanted(l);
	try_hooks(l, w);
	rc = decide_window(l, l->waiting, err);
	l->filling = l->waiting;
	l->waiting = w;
	return rc;
}

static enum snap_code
take_chunk(void *arg, struct span chunk, struct snap_err *err)
{
	struct lookup *l = arg;
	struct window *w = l->filling;
	enum snap_code rc;

	bytes_put_span(&w->data, chunk);
	if ((rc = bytes_check(&w->data, err)) != SNAP_OK)
		return rc;
	w->lens[w->n] = (uint32_t)chunk.len;
	w->n++;
	if (w->data.len < WINDOW_BYTES && w->n < WINDOW_CHUNKS)
		return SNAP_OK;
	return turn_window(l, err);
}

enum snap_code
lookup_begin(struct lookup *l, struct stream_done *d, struct snap_err *err)
{
	const struct stream_row *parent = NULL;

	if (l->stream != NULL) {
		stream_done_free(d);
		return lookup_finish(l, err);
	}
	l->stream = d;
	if (l->shared->parent != NULL)
		parent = manifest_find(
		    l->shared->parent, d->row.kind, d->row.name, d->row.part);
	chunker_start(l->chunker, (enum stream_cutter)d->row.cutter);
	cursor_pos_start(l->cursor, parent);
	recipebuild_start(l->recipe, d);
	return SNAP_OK;
}

enum snap_code
lookup_data(struct lookup *l, struct span data, struct snap_err *err)
{
	if (l->stream == NULL)
		return snap_fail(err, SNAP_USAGE, "data outside of a stream");
	return chunker_feed(l->chunker, data, take_chunk, l, err);
}

enum snap_code
lookup_end(struct lookup *l, uint64_t rows, struct snap_err *err)
{
	enum snap_code rc;

	if (l->stream == NULL)
		return snap_fail(err, SNAP_USAGE, "the end of no stream");
	rc = chunker_end(l->chunker, take_chunk, l, err);
	if (rc == SNAP_OK)
		rc = turn_window(l, err);
	if (rc == SNAP_OK)
		rc = decide_window(l, l->waiting, err);
	if (rc == SNAP_OK)
		rc = recipebuild_end(l->recipe, err);
	if (rc != SNAP_OK)
		return rc;
	l->stream->row.rows = rows;
	l->shared->done(l->shared->arg, l->stream);
	l->stream = NULL;
	return SNAP_OK;
}

static enum snap_code
make_job(struct lookup *l, struct block_job **out, struct snap_err *err)
{
	const struct directory *dir = openblock_directory(l->open);
	struct block_job *j = calloc(1, sizeof *j);
	enum snap_code rc;

	if (j == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a block");
	bytes_init(&j->block_plain, BLOCK_PLAIN_MAX);
	bytes_init(&j->dir_plain, BLOCK_PLAIN_MAX);
	block_encode(openblock_lens(l->open), dir->n, openblock_data(l->open),
	    &j->block_plain);
	directory_encode(dir, &j->dir_plain);
	rc = bytes_check(&j->block_plain, err);
	if (rc == SNAP_OK)
		rc = bytes_check(&j->dir_plain, err);
	if (rc != SNAP_OK) {
		block_job_free(j);
		return rc;
	}
	j->block.class = CLASS_DATA;
	j->dir.class = CLASS_DIR;
	j->block.plain = bytes_span(&j->block_plain);
	j->dir.plain = bytes_span(&j->dir_plain);
	j->block.n_chunks = dir->n;
	j->block.n_hooks = hooks_choose(dir, j->block.hooks);
	keys_block_id(l->shared->store->keys, j->dir.plain, j->block.id);
	memcpy(j->dir.id, j->block.id, ID_LEN);
	*out = j;
	return SNAP_OK;
}

/* The sealed block's directory stays near: its chunks will come again. */
static enum snap_code
keep_directory(
    struct lookup *l, const struct block_job *j, struct snap_err *err)
{
	struct directory d;
	enum snap_code rc;
	uint32_t slot;

	slot = neardirs_slot(l->near, j->block.id);
	if (slot != NEARDIRS_NONE) {
		neardirs_set_pinned(l->near, slot);
		return SNAP_OK;
	}
	memset(&d, 0, sizeof d);
	rc = directory_decode(j->dir.plain, &d, err);
	if (rc == SNAP_OK)
		rc = neardirs_add(l->near, j->block.id, &d, true, &slot, err);
	directory_fini(&d);
	return rc;
}

static enum snap_code
seal_open_block(struct lookup *l, struct snap_err *err)
{
	struct block_job *j = NULL;
	uint8_t id[ID_LEN];
	enum snap_code rc;

	if (openblock_empty(l->open))
		return SNAP_OK;
	if ((rc = make_job(l, &j, err)) != SNAP_OK)
		return rc;
	memcpy(id, j->block.id, ID_LEN);
	rc = keep_directory(l, j, err);
	hooks_add(l->shared->hooks, id, j->block.hooks, j->block.n_hooks);
	openblock_reset(l->open);
	if (rc == SNAP_OK)
		rc = recipebuild_sealed(l->recipe, id, err);
	if (rc == SNAP_OK)
		rc = workers_push(l->shared->pool, j, err);
	if (rc != SNAP_OK)
		block_job_free(j);
	return rc;
}

enum snap_code
lookup_finish(struct lookup *l, struct snap_err *err)
{
	if (l->stream != NULL)
		return snap_fail(err, SNAP_USAGE,
		    "stream %.*s was begun and not ended",
		    (int)l->stream->row.name.len,
		    (const char *)l->stream->row.name.p);
	return seal_open_block(l, err);
}
