/* SPDX-License-Identifier: PostgreSQL */
/*
 * salvage.c - the intact streams of a damaged snapshot as one of their own.
 *
 * No data is read or written: the new manifest names the recipes of the old.
 * It is a writer's run like every other, so all that it refers to is pinned
 * first, and prune knows of it.
 */
#include <stdlib.h>
#include <string.h>

#include "salvage.h"
#include "snapshots.h"

#define LOST_MAX (512u << 10) /* bytes of names; a property holds 1 MiB */

struct salvage {
	struct store *s;
	struct run *run;
	const struct manifest *m;
	const bool *lost;
	struct stream_done *done; /* of the intact ones */
	struct stream_done **v;
	size_t n;
};

/* Are all chunks there that the recipe takes of block `which`? */
static bool
has_all(const struct usable *part, const struct recipe *r, uint32_t which)
{
	for (uint32_t i = 0; i < r->n_extents && !part->whole; i++) {
		const struct extent *e = &r->extents[i];

		for (uint32_t k = 0; k < e->count && e->block == which; k++)
			if (!usable_has(part, e->first + k))
				return false;
	}
	return true;
}

/* Its blocks may be referred to once more. */
static enum snap_code
pin_recipe(struct salvage *w, struct span plain, struct snap_err *err)
{
	struct usable part;
	enum snap_code rc;
	struct recipe r;

	rc = recipe_decode(plain, &r, err);
	if (rc != SNAP_OK)
		return rc;
	for (uint32_t i = 0; i < r.n_blocks && rc == SNAP_OK; i++)
		if (!run_pin(w->run, CLASS_DATA, r.blocks[i], &part) ||
		    !has_all(&part, &r, i))
			rc = snap_fail(err, SNAP_BUSY,
			    "a block that it needs is being pruned");
	recipe_fini(&r);
	return rc;
}

static enum snap_code
pin_stream(
    struct salvage *w, const struct stream_row *row, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct usable part;
	struct bytes plain;

	bytes_init(&plain, BLOCK_PLAIN_MAX);
	if (row->inline_recipe.len != 0)
		rc = pin_recipe(w, row->inline_recipe, err);
	for (uint32_t i = 0; i < row->n_segments && rc == SNAP_OK; i++) {
		const uint8_t *id = row->segments + (size_t)i * ID_LEN;

		bytes_clear(&plain);
		if (!run_pin(w->run, CLASS_RECIPE, id, &part))
			rc = snap_fail(err, SNAP_BUSY,
			    "a recipe that it needs is being pruned");
		if (rc == SNAP_OK)
			rc = store_read(w->s, CLASS_RECIPE, id, &plain, err);
		if (rc == SNAP_OK)
			rc = pin_recipe(w, bytes_span(&plain), err);
		if (rc == SNAP_OK)
			rc = run_tick(w->run, err);
	}
	bytes_fini(&plain);
	if (rc != SNAP_OK)
		(void)snap_wrap(err, "stream %.*s", (int)row->name.len,
		    (const char *)row->name.p);
	if (rc == SNAP_BUSY && err->hint[0] == '\0')
		return snap_hint(err, "First: \"repair packs\".");
	return rc;
}

static enum snap_code
take_streams(
    struct salvage *w, struct snapshot_body *body, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	w->done = calloc(w->m->m.n + 1, sizeof *w->done);
	w->v = calloc(w->m->m.n + 1, sizeof *w->v);
	if (w->done == NULL || w->v == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for streams");
	for (size_t i = 0; i < w->m->m.n && rc == SNAP_OK; i++) {
		const struct stream_row *row = &w->m->rows[i];

		if (w->lost[i])
			continue;
		rc = pin_stream(w, row, err);
		w->done[w->n].row = *row; /* borrows from the manifest */
		w->v[w->n] = &w->done[w->n];
		w->n++;
		body->bytes += row->bytes;
		body->rows += row->rows;
	}
	body->n_streams = w->n;
	return rc;
}

/* One name a line, slices once. */
static void
name_lost(const struct salvage *w, bool list_damaged, struct bytes *out)
{
	for (size_t i = 0; i < w->m->m.n; i++) {
		const struct repo_stream *st = &w->m->m.v[i];

		if (!w->lost[i] ||
		    (i > 0 && w->lost[i - 1] && st[-1].kind == st->kind &&
			span_eq(st[-1].name, st->name)))
			continue;
		if (out->len + st->name.len > LOST_MAX) {
			bytes_put_str(out, "...\n");
			break;
		}
		bytes_put_span(out, st->name);
		bytes_u8(out, '\n');
	}
	if (list_damaged)
		bytes_put_str(out, "...\n");
}

static int
prop_cmp(const void *a, const void *b)
{
	return span_cmp(((const struct property *)a)->key,
	    ((const struct property *)b)->key);
}

/* Those of the old one, and what makes it another. */
static enum snap_code
describe(const struct repo_snapshot *of, const char *hex, struct span lost,
    struct snapshot_body *body, struct snap_err *err)
{
	if (of->n_props + 2 > PROPERTIES_MAX)
		return snap_fail(
		    err, SNAP_NOMEM, "%zu properties", of->n_props);
	for (size_t i = 0; i < of->n_props; i++) {
		body->props[i].key = span_str(of->props[i].key);
		body->props[i].value = span_str(of->props[i].value);
	}
	body->n_props = (uint32_t)of->n_props;
	body->props[body->n_props].key = span_str(REPO_PROP_LOST);
	body->props[body->n_props++].value = lost;
	body->props[body->n_props].key = span_str(REPO_PROP_SALVAGED);
	body->props[body->n_props++].value = span_str(hex);
	qsort(body->props, body->n_props, sizeof *body->props, prop_cmp);
	return SNAP_OK;
}

enum snap_code
salvage_write(struct store *s, const struct repo_snapshot *of,
    const struct manifest *m, const bool *lost, bool list_damaged,
    struct repo_snapshot *out, struct snap_err *err)
{
	struct snapshot_body *body = calloc(1, sizeof *body);
	struct salvage w = { .s = s, .m = m, .lost = lost };
	char hex[2 * ID_LEN + 1];
	uint8_t id[ID_LEN] = { 0 };
	struct bytes names;
	int64_t time_ns = 0;
	enum snap_code rc;

	hex_encode(of->id, ID_LEN, hex);
	bytes_init(&names, 2 * LOST_MAX);
	if (body == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "no memory for a snapshot");
	else
		rc = run_begin(s, &w.run, err);
	if (rc == SNAP_OK)
		rc = take_streams(&w, body, err);
	if (rc == SNAP_OK && w.n == 0)
		rc = snap_fail(err, SNAP_NOTFOUND, "nothing is left of it");
	name_lost(&w, list_damaged, &names);
	if (rc == SNAP_OK)
		rc = bytes_check(&names, err);
	if (rc == SNAP_OK)
		rc = describe(of, hex, bytes_span(&names), body, err);
	if (rc == SNAP_OK)
		rc = manifest_write(s, w.run, w.v, w.n, body->root, err);
	if (rc == SNAP_OK) {
		body->type = SNAPSHOT_SALVAGE;
		memcpy(body->parent, of->id, ID_LEN);
		rc = snapshots_describe(body, id, 0, out, err);
	}
	if (rc == SNAP_OK) {
		rc = run_commit(w.run, body, id, &time_ns, err);
		memcpy(out->id, id, ID_LEN);
		out->time_ns = time_ns;
		if (rc != SNAP_OK)
			repo_snapshot_fini(out);
	}
	run_free(w.run);
	free(w.done);
	free(w.v);
	free(body);
	bytes_fini(&names);
	return rc;
}
