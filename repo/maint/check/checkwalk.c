/* SPDX-License-Identifier: PostgreSQL */
/*
 * checkwalk.c - from each snapshot down to the chunks it needs.
 *
 * What was found whole below one snapshot is not walked again for the next,
 * so the work grows with what is different.  What was found broken is: every
 * snapshot that it hurts has to be named.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_internal.h"
#include "raw.h"

#define COPIES_BATCH 8
#define STREAMS_MAX 100 /* lines per snapshot */

struct walk {
	struct check *c;
	const struct repo_snapshot *snap;
	uint64_t n_hurts, n_streams;
	/* The stream being walked, kind 0 outside of any, and what was found of
	 * it. */
	struct repo_damage now;
	char first[SNAP_ERR_MSG_MAX];
};

/* A printable form of the stream, for messages. */
static void
name_stream(const struct repo_damage *d, char *out, size_t room)
{
	size_t n = 0;

	if (d->kind == 0) {
		(void)snprintf(out, room, "its list of streams");
		return;
	}
	n = (size_t)snprintf(
	    out, room, "%s \"", d->kind == STREAM_TABLE ? "table" : "stream");
	for (size_t i = 0; i < d->name.len && n + 24 < room; i++) {
		uint8_t ch = d->name.p[i];

		out[n++] = ch < 0x20 || ch == 0x7f ? '?' : (char)ch;
	}
	out[n++] = '"';
	out[n] = '\0';
	if (d->part != 0)
		(void)snprintf(out + n, room - n, " (slice %lu)",
		    (unsigned long)d->part + 1);
}

/* One line for all that the stream lacks, whatever there is of it. */
static void
tell_stream(struct walk *w)
{
	char snap[2 * ID_LEN + 1], stream[160], more[48] = "";

	if (w->now.n == 0)
		return;
	w->now.snapshot = w->snap;
	w->now.what = w->first;
	if (w->c->opts->damage != NULL)
		w->c->opts->damage(w->c->opts->arg, &w->now);
	if (++w->n_streams <= STREAMS_MAX) {
		hex_encode(w->snap->id, ID_LEN, snap);
		name_stream(&w->now, stream, sizeof stream);
		if (w->now.n > 1)
			(void)snprintf(more, sizeof more, "; and %llu more",
			    (unsigned long long)w->now.n - 1);
		check_problem(w->c, "snapshot %s: %s: %s%s", snap, stream,
		    w->first, more);
	}
	w->now.n = 0;
}

/* This snapshot cannot be restored whole. */
static void
hurt(
    struct walk *w, const char *what, const uint8_t id[ID_LEN], const char *why)
{
	char hex[2 * ID_LEN + 1];

	w->n_hurts++;
	if (w->now.n++ > 0)
		return;
	hex_encode(id, ID_LEN, hex);
	(void)snprintf(w->first, sizeof w->first, "%s %s %s", what, hex, why);
}

/* ... and where it ought to be. */
static void
hurt_object(struct walk *w, uint8_t class, const uint8_t id[ID_LEN],
    const char *what, const char *why)
{
	char name[TRANSPORT_NAME_MAX + 1], text[TRANSPORT_NAME_MAX + 64];
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes ignored;
	struct copy copy;

	if (w->now.n > 0) {
		hurt(w, what, id, why);
		return;
	}
	if (store_copies(w->c->s, class, id, &copy, 1) == 1) {
		store_name(copy.pack_kind, copy.pack, name);
		(void)snprintf(text, sizeof text, "%s (%s)", why, name);
		hurt(w, what, id, text);
		return;
	}
	bytes_init(&ignored, BLOCK_PLAIN_MAX);
	if (store_read(w->c->s, class, id, &ignored, &err) == SNAP_CORRUPT) {
		(void)snprintf(text, sizeof text, "is lost (%.100s)", err.msg);
		why = text;
	}
	hurt(w, what, id, why);
	bytes_fini(&ignored);
}

/*
 * A pack whose own contents are damaged can still be read through the index;
 * then a restore works, and the snapshot is not to be accused.  Tried once.
 */
static uint32_t
rescue(struct walk *w, uint32_t at, uint8_t class, const uint8_t id[ID_LEN])
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct blockset *b = &w->c->blocks;
	struct copy copies[COPIES_BATCH], last;
	enum snap_code rc = SNAP_OK;
	struct bytes plain;
	size_t n;

	if (at == BLOCKSET_NONE)
		rc = blockset_add(b, class, id, &at, &ignored);
	if (rc != SNAP_OK || (b->v[at].flags & BLOCKSET_TRIED) != 0)
		return at;
	b->v[at].flags |= BLOCKSET_TRIED;
	n = store_copies(w->c->s, class, id, copies, COPIES_BATCH);
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	while (n > 0) {
		for (size_t i = 0; i < n; i++) {
			const struct copy *c = &copies[i];

			bytes_clear(&plain);
			rc = store_read_copy(w->c->s, c, id, &plain, &ignored);
			if (rc == SNAP_OK)
				rc = blockset_good(
				    b, at, c->n_chunks, c->bitmap, &ignored);
		}
		last = copies[n - 1];
		n = store_copies_after(
		    w->c->s, class, id, &last, copies, COPIES_BATCH);
	}
	bytes_fini(&plain);
	return at;
}

/* The entry when a good copy is there, else BLOCKSET_NONE and a finding. */
static uint32_t
need(struct walk *w, uint8_t class, const uint8_t id[ID_LEN], const char *what)
{
	struct blockset *b = &w->c->blocks;
	uint32_t at = blockset_find(b, class, id);

	if (at == BLOCKSET_NONE || (b->v[at].flags & BLOCKSET_GOOD) == 0)
		at = rescue(w, at, class, id);
	if (at == BLOCKSET_NONE) {
		hurt_object(w, class, id, what, "is missing");
		return at;
	}
	b->v[at].flags |= BLOCKSET_USED;
	if ((b->v[at].flags & BLOCKSET_GOOD) != 0)
		return at;
	if ((b->v[at].flags & BLOCKSET_UNINDEXED) != 0)
		hurt(w, what, id,
		    "is in no index segment; \"repair index\" adds it");
	else if ((b->v[at].flags & BLOCKSET_IN_PACK) != 0)
		hurt_object(w, class, id, what, "is damaged");
	else
		hurt_object(
		    w, class, id, what, "is in no pack that can be read");
	return BLOCKSET_NONE;
}

/* Plaintext of a meta object; *there is false when that was a finding. */
static enum snap_code
get_meta(struct walk *w, uint8_t class, const uint8_t id[ID_LEN],
    const char *what, struct bytes *plain, bool *there, struct snap_err *err)
{
	enum snap_code rc;

	*there = false;
	rc = store_read(w->c->s, class, id, plain, err);
	if (raw_is_damage(rc)) {
		hurt(w, what, id, "cannot be read");
		return SNAP_OK;
	}
	*there = rc == SNAP_OK;
	return rc;
}

/* Every extent must lie in a block that has its chunks. */
static enum snap_code
walk_recipe(struct walk *w, struct span plain, const uint8_t id[ID_LEN],
    struct snap_err *err)
{
	struct blockset *b = &w->c->blocks;
	uint32_t *at = NULL, dir;
	struct recipe r;
	enum snap_code rc;

	rc = recipe_decode(plain, &r, err);
	if (rc != SNAP_OK) {
		if (!raw_is_damage(rc))
			return rc;
		hurt(w, "recipe", id, "does not decode");
		return SNAP_OK;
	}
	at = malloc(r.n_blocks == 0 ? 1 : r.n_blocks * sizeof *at);
	if (at == NULL) {
		rc = snap_fail(
		    err, SNAP_NOMEM, "not enough memory for a recipe");
		goto out;
	}
	for (uint32_t i = 0; i < r.n_blocks; i++) {
		at[i] = need(w, CLASS_DATA, r.blocks[i], "block");
		dir = blockset_find(b, CLASS_DIR, r.blocks[i]);
		if (dir != BLOCKSET_NONE)
			b->v[dir].flags |= BLOCKSET_USED;
	}
	for (uint32_t i = 0; i < r.n_extents; i++) {
		const struct extent *e = &r.extents[i];

		if (e->block >= r.n_blocks)
			hurt(w, "recipe", id, "is inconsistent");
		else if (at[e->block] != BLOCKSET_NONE &&
			 !blockset_has(b, at[e->block], e->first, e->count))
			hurt(w, "block", r.blocks[e->block],
			    "lacks chunks that are needed");
	}
out:
	free(at);
	recipe_fini(&r);
	return rc;
}

static enum snap_code
walk_segment(struct walk *w, const uint8_t id[ID_LEN], struct snap_err *err)
{
	uint32_t at = need(w, CLASS_RECIPE, id, "recipe");
	uint64_t before = w->n_hurts;
	struct bytes plain;
	enum snap_code rc;
	bool there;

	if (at == BLOCKSET_NONE ||
	    (w->c->blocks.v[at].flags & BLOCKSET_WALKED) != 0)
		return SNAP_OK;
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	rc = get_meta(w, CLASS_RECIPE, id, "recipe", &plain, &there, err);
	if (rc == SNAP_OK && there)
		rc = walk_recipe(w, bytes_span(&plain), id, err);
	if (rc == SNAP_OK && w->n_hurts == before)
		w->c->blocks.v[at].flags |= BLOCKSET_WALKED;
	bytes_fini(&plain);
	return rc;
}

static enum snap_code
walk_row(struct walk *w, const struct stream_row *row,
    const uint8_t part[ID_LEN], struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	tell_stream(w); /* of the list, before */
	w->now.kind = row->kind;
	w->now.part = row->part;
	w->now.name = row->name;
	if (row->inline_recipe.len != 0)
		rc = walk_recipe(w, row->inline_recipe, part, err);
	for (uint32_t i = 0; i < row->n_segments && rc == SNAP_OK; i++)
		rc = walk_segment(w, row->segments + (size_t)i * ID_LEN, err);
	tell_stream(w);
	w->now.kind = 0;
	return rc;
}

static enum snap_code
walk_part(struct walk *w, const uint8_t id[ID_LEN], struct snap_err *err)
{
	uint32_t at = need(w, CLASS_MANIFEST, id, "part of the manifest");
	uint64_t before = w->n_hurts;
	struct stream_row row;
	struct bytes plain;
	struct cursor cur;
	enum snap_code rc;
	bool there;

	if (at == BLOCKSET_NONE ||
	    (w->c->blocks.v[at].flags & BLOCKSET_WALKED) != 0)
		return SNAP_OK;
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	rc = get_meta(
	    w, CLASS_MANIFEST, id, "part of the manifest", &plain, &there, err);
	if (rc != SNAP_OK || !there)
		goto out;
	cursor_init(&cur, bytes_span(&plain));
	while (cur.left != 0 && rc == SNAP_OK) {
		rc = stream_row_decode(&cur, &row, err);
		if (raw_is_damage(rc)) {
			hurt(w, "part of the manifest", id, "does not decode");
			rc = SNAP_OK;
			break;
		}
		if (rc == SNAP_OK)
			rc = walk_row(w, &row, id, err);
		if (rc == SNAP_OK)
			rc = report_check(w->c->s->report, err);
	}
	if (rc == SNAP_OK && w->n_hurts == before)
		w->c->blocks.v[at].flags |= BLOCKSET_WALKED;
out:
	bytes_fini(&plain);
	return rc;
}

static enum snap_code
walk_root(struct walk *w, struct snap_err *err)
{
	const uint8_t *id = w->snap->root;
	struct manifest_root root;
	struct bytes plain;
	enum snap_code rc;
	bool there;

	if (need(w, CLASS_MANIFEST, id, "manifest") == BLOCKSET_NONE)
		return SNAP_OK;
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	rc = get_meta(w, CLASS_MANIFEST, id, "manifest", &plain, &there, err);
	if (rc != SNAP_OK || !there)
		goto out;
	rc = manifest_root_decode(bytes_span(&plain), &root, err);
	if (raw_is_damage(rc)) {
		hurt(w, "manifest", id, "does not decode");
		rc = SNAP_OK;
		goto out;
	}
	for (uint32_t i = 0; i < root.n_parts && rc == SNAP_OK; i++)
		rc = walk_part(w, root.parts + (size_t)i * ID_LEN, err);
out:
	bytes_fini(&plain);
	return rc;
}

static enum snap_code
walk_snapshot(struct check *c, const struct repo_snapshot *snap, struct walk *w,
    struct snap_err *err)
{
	char hex[2 * ID_LEN + 1];
	enum snap_code rc;

	memset(w, 0, sizeof *w);
	w->c = c;
	w->snap = snap;
	rc = walk_root(w, err);
	tell_stream(w);
	if (rc != SNAP_OK || w->n_streams <= STREAMS_MAX)
		return rc;
	hex_encode(snap->id, ID_LEN, hex);
	check_problem(c, "snapshot %s: %llu more streams, which --json names",
	    hex, (unsigned long long)(w->n_streams - STREAMS_MAX));
	return SNAP_OK;
}

enum snap_code
check_walk(struct check *c, struct snap_err *err)
{
	struct walk *w = malloc(sizeof *w);
	enum snap_code rc = SNAP_OK;

	if (w == NULL)
		return snap_fail(err, SNAP_NOMEM, "not enough memory");
	for (size_t i = 0; i < c->snaps.n && rc == SNAP_OK; i++)
		rc = walk_snapshot(c, &c->snaps.v[i], w, err);
	for (size_t i = 0; i < c->snaps.n_salvaged && rc == SNAP_OK; i++)
		if (!c->snaps.salvaged[i].untrusted)
			rc = walk_snapshot(c, &c->snaps.salvaged[i], w, err);
	free(w);
	return rc;
}
