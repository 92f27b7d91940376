/* SPDX-License-Identifier: PostgreSQL */
/*
 * forget.c - snapshots that go by a policy, in the run that takes what they
 * leave; and those that the store does not let go.
 *
 * They are no roots of the derivation, and are recorded as forgotten before
 * anything is done by it: who dies in between has forgotten them or nothing.
 * But as long as its confirmation is there a snapshot stands for every reader.
 * So confirmations are deleted before a derivation counts, and whose the store
 * keeps, as under an object lock, is a root like others until it may go.
 */
#include <stdlib.h>
#include <string.h>

#include "prune_internal.h"
#include "rule.h"

static int
by_id(const void *key, const void *root)
{
	return memcmp(key, ((const struct root *)root)->id, ID_LEN);
}

static struct root *
find(const struct prune *p, const uint8_t id[ID_LEN])
{
	return p->roots.n == 0 ? NULL
			       : bsearch(id, p->roots.v, p->roots.n,
				     sizeof *p->roots.v, by_id);
}

void
forget_choose(struct prune *p)
{
	if (p->n_forget != 0)
		p->r->n_forgotten = 0;
	for (size_t i = 0; i < p->n_forget; i++) {
		struct root *root = find(p, p->o->forget[i]);

		/* What cannot be read somebody has to name; what was pinned
		 * since the plan was made stays. */
		if (root == NULL || root->state != ROOT_STANDS ||
		    notes_pinned(&p->notes, root->id))
			continue;
		root->state = ROOT_FORGOTTEN;
		p->r->n_forgotten++;
	}
}

static enum snap_code
record(struct prune *p, struct snap_err *err)
{
	uint8_t(*ids)[ID_LEN] = calloc(p->n_forget, sizeof *ids);
	enum snap_code rc = SNAP_OK;
	size_t n = 0;

	if (ids == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory to forget");
	for (size_t i = 0; i < p->n_forget; i++) {
		const struct root *root = find(p, p->o->forget[i]);

		if (root != NULL && root->state == ROOT_FORGOTTEN)
			memcpy(ids[n++], root->id, ID_LEN);
	}
	if (n != 0)
		rc = notes_record_forgotten(
		    p->s, (const uint8_t(*)[ID_LEN])ids, n, err);
	free(ids);
	return rc;
}

/* Each is asked for once in a run. */
static bool
is_kept(const struct prune *p, const uint8_t id[ID_LEN])
{
	for (size_t i = 0; i < p->n_kept; i++)
		if (memcmp(p->kept[i], id, ID_LEN) == 0)
			return true;
	return false;
}

static enum snap_code
drop_confirmation(struct prune *p, struct root *root, struct snap_err *err)
{
	uint64_t denied = p->r->n_denied;
	void *v = p->kept;
	enum snap_code rc;

	rc = vec_room(&v, &p->kept_cap, p->n_kept, sizeof *p->kept, err);
	p->kept = v;
	if (rc == SNAP_OK)
		rc = prune_delete(p, OBJ_OK, root->id, root->ok_size, err);
	if (rc == SNAP_OK && p->r->n_denied != denied)
		memcpy(p->kept[p->n_kept++], root->id, ID_LEN);
	else if (rc == SNAP_OK)
		root->has_ok = false;
	return rc;
}

enum snap_code
forget_drop(struct prune *p, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < p->roots.n && rc == SNAP_OK; i++) {
		struct root *root = &p->roots.v[i];

		if (root->state != ROOT_FORGOTTEN || !root->has_ok ||
		    p->o->dry_run)
			continue;
		if (!is_kept(p, root->id))
			rc = drop_confirmation(p, root, err);
		if (rc == SNAP_OK && root->has_ok && RULE(kept))
			rc = roots_keep(&p->roots, root, p->s, err);
	}
	return rc;
}

enum snap_code
forget_now(struct prune *p, bool *again, struct snap_err *err)
{
	size_t n = p->n_kept;
	enum snap_code rc = prune_fresh(p, err);

	*again = false;
	if (rc != SNAP_OK || p->n_forget == 0 || p->o->dry_run)
		return rc;
	rc = record(p, err);
	if (rc != SNAP_OK)
		return rc;
	p->n_forget = 0; /* once */
	rc = forget_drop(p, err);
	*again = p->n_kept != n;
	return rc;
}

void
forget_tell(struct prune *p)
{
	char hex[2 * ID_LEN + 1];

	for (size_t i = 0; i < p->roots.n; i++) {
		const struct root *root = &p->roots.v[i];

		if (root->state != ROOT_KEPT)
			continue;
		p->r->n_kept++;
		hex_encode(root->id, ID_LEN, hex);
		report_log(p->s->report, REPORT_INFO,
		    "snapshot %s is forgotten, but the store keeps its "
		    "confirmation: what it needs stays until that may go",
		    hex);
		if (root->why[0] != '\0')
			report_log(p->s->report, REPORT_WARNING,
			    "it cannot be read (%s): no pack goes that was "
			    "there when it came",
			    root->why);
	}
}
