/* SPDX-License-Identifier: PostgreSQL */
/*
 * stats.c - how much is kept, and what it takes.
 *
 * Sizes are those of the listing; blocks and chunks those of the index, each
 * block counted once however many copies there are.
 */
#include <string.h>

#include "blockset.h"
#include "inventory.h"
#include "maint.h"
#include "raw.h"
#include "snapshots.h"
#include "repo_care.h"

static void
count_stored(const struct inventory *inv, struct repo_stats *out)
{
	out->stored_other = inv->foreign_bytes;
	for (size_t i = 0; i < inv->n; i++) {
		const struct inventory_object *o = &inv->v[i];

		switch (o->kind) {
		case OBJ_DATA:
			out->stored_data += o->size;
			out->n_packs++;
			break;
		case OBJ_META:
			out->stored_meta += o->size;
			out->n_packs++;
			break;
		case OBJ_INDEX:
			out->stored_index += o->size;
			break;
		default:
			out->stored_other += o->size;
			break;
		}
	}
}

static enum snap_code
count_pack(struct blockset *blocks, struct span contents,
    struct repo_stats *out, struct snap_err *err)
{
	struct pack_contents p;
	enum snap_code rc;
	uint32_t at;

	rc = pack_contents_decode(contents, &p, err);
	if (rc != SNAP_OK)
		return rc;
	for (uint32_t i = 0; i < p.n_rows && rc == SNAP_OK; i++) {
		uint32_t before = blocks->n;

		if (p.rows[i].class != CLASS_DATA)
			continue;
		rc = blockset_add(blocks, CLASS_DATA, p.rows[i].id, &at, err);
		if (rc != SNAP_OK || blocks->n == before)
			continue;
		out->n_blocks++;
		out->n_chunks += p.rows[i].n_chunks;
		out->unique_bytes += p.rows[i].plain_len;
	}
	pack_contents_fini(&p);
	return rc;
}

static enum snap_code
count_segment(struct store *s, const struct inventory *inv,
    const struct inventory_object *o, struct blockset *blocks,
    struct repo_stats *out, struct snap_err *err)
{
	struct raw_segment seg;
	enum snap_code rc;

	rc = raw_get_segment(s, o, &seg, err);
	if (rc != SNAP_OK)
		return rc;
	for (uint32_t i = 0; i < seg.segment.n_packs && rc == SNAP_OK; i++) {
		const struct index_pack *p = &seg.segment.packs[i];

		if (p->kind == OBJ_DATA &&
		    inventory_find(inv, p->kind, p->id) != NULL)
			rc = count_pack(blocks, p->contents, out, err);
	}
	raw_segment_fini(&seg);
	return rc;
}

static enum snap_code
count_blocks(struct store *s, const struct inventory *inv,
    struct repo_stats *out, struct snap_err *err)
{
	const struct inventory_object *o;
	size_t n = inventory_of(inv, OBJ_INDEX, &o);
	char name[TRANSPORT_NAME_MAX + 1];
	struct blockset blocks;
	enum snap_code rc;

	rc = blockset_init(&blocks, err);
	for (size_t i = 0; i < n && rc == SNAP_OK; i++) {
		rc = report_check(s->report, err);
		if (rc == SNAP_OK)
			rc = count_segment(s, inv, &o[i], &blocks, out, err);
		if (raw_is_damage(rc)) {
			store_name(o[i].kind, o[i].id, name);
			report_log(s->report, REPORT_WARNING,
			    "%s: %s; its packs are not counted", name,
			    err->msg);
			rc = SNAP_OK;
		}
	}
	blockset_fini(&blocks);
	return rc;
}

enum snap_code
maint_stats(struct store *s, struct repo_stats *out, struct snap_err *err)
{
	struct repo_snapshots snaps = { .n = 0 };
	struct repo_stats st;
	struct inventory inv;
	enum snap_code rc;

	memset(&st, 0, sizeof st);
	memset(&inv, 0, sizeof inv);
	rc = snapshots_load(s, &snaps, err);
	if (rc == SNAP_OK)
		rc = inventory_load(s, &inv, err);
	if (rc != SNAP_OK)
		goto out;
	st.n_snapshots = snaps.n;
	for (size_t i = 0; i < snaps.n; i++)
		st.logical_bytes += snaps.v[i].bytes;
	count_stored(&inv, &st);
	rc = count_blocks(s, &inv, &st, err);
	if (rc == SNAP_OK)
		*out = st;
out:
	inventory_fini(&inv);
	repo_snapshots_free(&snaps);
	return rc;
}
