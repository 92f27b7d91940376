/* SPDX-License-Identifier: PostgreSQL */
/*
 * sweep.c - what was condemned a grace ago: rescued or deleted.
 *
 * A writer that did not see the list may have referred to a condemned pack, and
 * its snapshot then shows in this derivation.  So for a live chunk with a
 * condemned head no copy of it goes in this run, and that head is copied; when
 * the copy is indexed nothing needs the condemned one, and the next run
 * deletes it.
 */
#include <string.h>

#include "prune_internal.h"
#include "rule.h"

enum snap_code
sweep_confirm(struct prune *p, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < p->v.n_lists && rc == SNAP_OK; i++) {
		const struct view_list *l = &p->v.lists[i];

		if (l->time >= 0 && !l->is_void && l->ok_time < 0)
			rc = prune_confirm(p, l->id, err);
	}
	return rc;
}

/* No copy of what the n copies are of goes in this run. */
static void
spare(struct view *v, const struct view_copy *first, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v->packs[first[i].pack].aged = false;
}

/* All packs that hold a copy of something with a condemned head. */
static enum snap_code
spare_rescued(struct prune *p, struct snap_err *err)
{
	static uint8_t bitmap[BLOCK_CHUNKS_MAX / 8];
	struct view *v = &p->v;
	enum snap_code rc = SNAP_OK;
	size_t n;

	for (size_t i = 0; i < v->n_copies && rc == SNAP_OK; i += n) {
		struct view_copy *first = &v->copies[i];
		bool rescued = false;
		uint32_t need;

		(void)view_find(v, first->class, first->id, &n);
		if (first->live == BITS_NONE)
			continue;
		for (size_t k = 0; k < n && rc == SNAP_OK; k++) {
			if (!v->packs[first[k].pack].condemned)
				continue;
			rc = live_need(v, first, n, k, bitmap, &need, err);
			rescued |= rc == SNAP_OK && need != 0;
		}
		if (rescued && RULE(spare))
			spare(v, first, n);
	}
	return rc;
}

enum snap_code
sweep_rescue(struct prune *p, struct snap_err *err)
{
	struct view *v = &p->v;
	enum snap_code rc;
	bool moved;

	if (!RULE(rescue))
		return SNAP_OK;
	rc = spare_rescued(p, err);
	for (size_t i = 0; i < v->n_packs && rc == SNAP_OK; i++) {
		if (!v->packs[i].condemned || v->packs[i].n_need == 0)
			continue;
		rc = mover_take(p->mover, &v->packs[i], &moved, err);
		if (rc == SNAP_OK && moved)
			p->r->n_rescued++;
	}
	return rc == SNAP_OK ? mover_flush(p->mover, err) : rc;
}

enum snap_code
sweep_packs(struct prune *p, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < p->v.n_packs && rc == SNAP_OK; i++) {
		struct view_pack *pk = &p->v.packs[i];

		if (!prune_goes(p, pk))
			continue;
		rc = prune_delete(p, pk->kind, pk->id, pk->size, err);
	}
	return rc;
}
