/* SPDX-License-Identifier: PostgreSQL */
/*
 * retire.c - what is left when packs are gone: lists that condemned them, and
 * halves of snapshots that never came to stand.
 */
#include <stdlib.h>
#include <string.h>

#include "prune_internal.h"

static bool
is_listed(const struct view *v, const uint8_t id[ID_LEN])
{
	return view_pack(v, OBJ_DATA, id) != NULL ||
	       view_pack(v, OBJ_META, id) != NULL;
}

static int
by_id(const void *a, const void *b)
{
	return memcmp(a, b, ID_LEN);
}

/* Is one of its packs still there, or named by a segment?  Condemned is for
 * ever while that is so. */
static bool
is_needed(const struct view *v, const struct view_list *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (is_listed(v, l->packs[i]) ||
		    (v->n_missing != 0 &&
			bsearch(l->packs[i], v->missing, v->n_missing,
			    sizeof *v->missing, by_id) != NULL))
			return true;
	return false;
}

static bool
list_is_over(const struct prune *p, const struct view_list *l)
{
	int64_t age = p->v.l0 - (l->ok_time > l->time ? l->ok_time : l->time);

	if (l->is_void || l->ok_void || l->time < 0)
		return age >= p->grace;
	return l->ok_time >= 0 && age >= 3 * p->grace && !is_needed(&p->v, l);
}

enum snap_code
retire_lists(struct prune *p, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	if (p->v.n_missing != 0)
		qsort(
		    p->v.missing, p->v.n_missing, sizeof *p->v.missing, by_id);
	for (size_t i = 0; i < p->v.n_lists && rc == SNAP_OK; i++) {
		const struct view_list *l = &p->v.lists[i];

		if (!list_is_over(p, l))
			continue;
		/* A confirmation that does not count may be in the way of one
		 * that does. */
		if (l->time >= 0 && !(l->ok_void && !l->is_void))
			rc = prune_delete(p, OBJ_CONDEMNED, l->id, 0, err);
		if (rc == SNAP_OK && l->ok_time >= 0)
			rc = prune_delete(p, OBJ_CONDEMNED_OK, l->id, 0, err);
	}
	return rc;
}

enum snap_code
retire_snapshots(struct prune *p, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < p->roots.n && rc == SNAP_OK; i++) {
		const struct root *r = &p->roots.v[i];
		int64_t when = r->snapshot_time > r->ok_time ? r->snapshot_time
							     : r->ok_time;

		if (r->state != ROOT_FORGOTTEN &&
		    (r->state != ROOT_GARBAGE || p->v.l0 - when < p->grace))
			continue;
		/* A snapshot without its confirmation is none; the other way
		 * round it would look like a loss. */
		if (r->has_ok)
			rc = prune_delete(p, OBJ_OK, r->id, r->ok_size, err);
		if (rc == SNAP_OK && r->has_snapshot)
			rc = prune_delete(
			    p, OBJ_SNAPSHOT, r->id, r->snapshot_size, err);
	}
	return rc;
}
