/* SPDX-License-Identifier: PostgreSQL */
/*
 * forget.c - snapshots that go by a policy, in the run that takes what they
 * leave.
 *
 * They are no roots of the derivation, and are recorded as forgotten before
 * anything is done by it: who dies in between has forgotten them or nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "prune_internal.h"

static int
by_id(const void *key, const void *root)
{
	return memcmp(key, ((const struct root *)root)->id, ID_LEN);
}

void
forget_choose(struct prune *p)
{
	if (p->n_forget != 0)
		p->r->n_forgotten = 0;
	for (size_t i = 0; i < p->n_forget && p->roots.n != 0; i++) {
		struct root *root = bsearch(p->o->forget[i], p->roots.v,
		    p->roots.n, sizeof *p->roots.v, by_id);

		/* What cannot be read somebody has to name; what was pinned
		 * since the plan was made stays. */
		if (root == NULL || root->state != ROOT_STANDS ||
		    notes_pinned(&p->notes, root->id))
			continue;
		root->state = ROOT_FORGOTTEN;
		p->r->n_forgotten++;
	}
}

enum snap_code
forget_record(struct prune *p, struct snap_err *err)
{
	enum snap_code rc = prune_fresh(p, err);
	uint8_t(*ids)[ID_LEN];
	size_t n = 0;

	if (rc != SNAP_OK || p->n_forget == 0 || p->o->dry_run)
		return rc;
	ids = calloc(p->n_forget, sizeof *ids);
	if (ids == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory to forget");
	for (size_t i = 0; i < p->n_forget && p->roots.n != 0; i++) {
		const struct root *root = bsearch(p->o->forget[i], p->roots.v,
		    p->roots.n, sizeof *p->roots.v, by_id);

		if (root != NULL && root->state == ROOT_FORGOTTEN)
			memcpy(ids[n++], root->id, ID_LEN);
	}
	if (n != 0)
		rc = notes_record_forgotten(
		    p->s, (const uint8_t(*)[ID_LEN])ids, n, err);
	free(ids);
	p->n_forget = rc == SNAP_OK ? 0 : p->n_forget; /* once */
	return rc;
}
