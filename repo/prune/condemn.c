/* SPDX-License-Identifier: PostgreSQL */
/*
 * condemn.c - what is to go: packs that nothing needs, and those of which too
 * little lives, when that has been moved.
 */
#include <stdlib.h>
#include <string.h>

#include "prune_internal.h"
#include "rule.h"

#define SMALL_AGE (INT64_C(7) * 86400 * SECOND_NS)
#define SMALL_MANY 4 /* packs, that are worth making one */
#define LIST_MAX 65536

struct victims {
	struct prune *p;
	uint8_t (*ids)[ID_LEN];
	size_t n, cap;
};

static int
by_run(const void *a, const void *b)
{
	return memcmp(a, b, ID_LEN);
}

/* The runs that have put a segment within a grace: sorted, owned. */
static enum snap_code
living_runs(const struct prune *p, uint8_t (**runs)[ID_LEN], size_t *n,
    struct snap_err *err)
{
	*n = 0;
	*runs = calloc(p->v.n_segments + 1, sizeof **runs);
	if (*runs == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for runs");
	for (size_t i = 0; i < p->v.n_segments; i++)
		if (p->v.l0 - p->v.segments[i].time < p->grace && RULE(leases))
			memcpy((*runs)[(*n)++], p->v.segments[i].run, ID_LEN);
	if (*n != 0)
		qsort(*runs, *n, sizeof **runs, by_run);
	return SNAP_OK;
}

/* May it be touched at all: by its age, its run, and what is broken. */
static bool
is_free(const struct prune *p, const struct view_pack *pk,
    const uint8_t (*runs)[ID_LEN], size_t n_runs)
{
	if (pk->condemned || pk->unreadable ||
	    pk->oldest <= p->roots.broken_time ||
	    (p->v.l0 - pk->time < p->grace && RULE(young_packs)))
		return false;
	return n_runs == 0 ||
	       bsearch(pk->run, runs, n_runs, sizeof *runs, by_run) == NULL;
}

/*
 * Whoever may put objects can give a pack the id of one of the other kind, and
 * a list condemns both.  So only what nobody needs may lie beside a victim.
 */
static bool
may_go(const struct prune *p, const struct view_pack *pk,
    const uint8_t (*runs)[ID_LEN], size_t n_runs)
{
	uint8_t other = pk->kind == OBJ_DATA ? OBJ_META : OBJ_DATA;
	const struct view_pack *twin = view_pack(&p->v, other, pk->id);
	char name[TRANSPORT_NAME_MAX + 1], beside[TRANSPORT_NAME_MAX + 1];

	if (twin == NULL ||
	    (is_free(p, twin, runs, n_runs) && twin->n_need == 0))
		return true;
	store_name(pk->kind, pk->id, name);
	store_name(other, pk->id, beside);
	report_log(p->s->report, REPORT_WARNING,
	    "%s stays, for %s has the same id: delete the one that is no pack "
	    "of this repository",
	    name, beside);
	return false;
}

static bool
is_small(const struct prune *p, const struct view_pack *pk)
{
	return pk->size < p->s->config.pack_size / 4 &&
	       p->v.l0 - pk->time >= SMALL_AGE;
}

/* Is so little of it alive that the rest is worth being written anew? */
static bool
is_sparse(const struct prune *p, const struct view_pack *pk)
{
	bool owner = p->s->keys->owner && pk->kind == OBJ_DATA;
	uint64_t left = owner ? pk->need_bytes : pk->whole_bytes;

	return left * 100 < pk->bytes * p->o->live_percent;
}

static enum snap_code
add_victim(struct victims *vs, const struct view_pack *pk, struct snap_err *err)
{
	void *v = vs->ids;
	enum snap_code rc;

	rc = vec_room(&v, &vs->cap, vs->n, sizeof *vs->ids, err);
	vs->ids = v;
	if (rc != SNAP_OK)
		return rc;
	memcpy(vs->ids[vs->n++], pk->id, ID_LEN);
	vs->p->r->n_condemned++;
	vs->p->r->bytes_condemned += pk->size;
	return SNAP_OK;
}

/* Garbage that stays for now. */
static void
count_kept(struct prune *p, const struct view_pack *pk)
{
	if (pk->condemned)
		return;
	if (pk->n_need == 0)
		p->r->bytes_young += pk->size;
	else
		p->r->bytes_beside += pk->bytes - pk->need_bytes;
}

/* Where its copies come from was said under a key epoch that is over, so moved
 * once more they would seem to be no older than the pack.  Not while there is a
 * snapshot of the time between: should it be unreadable some day, what is as
 * old as it has to stay. */
static bool
hides_age(const struct prune *p, const struct view_pack *pk)
{
	for (size_t i = 0; i < p->roots.n && !pk->trusted; i++) {
		const struct root *r = &p->roots.v[i];
		int64_t when = r->snapshot_time > r->ok_time ? r->snapshot_time
							     : r->ok_time;

		if (when >= pk->oldest && when < pk->time)
			return true;
	}
	return false;
}

static enum snap_code
choose(struct victims *vs, const uint8_t (*runs)[ID_LEN], size_t n_runs,
    struct snap_err *err)
{
	struct prune *p = vs->p;
	size_t n_small[2] = { 0, 0 };
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < p->v.n_packs; i++) {
		const struct view_pack *pk = &p->v.packs[i];

		if (is_free(p, pk, runs, n_runs) && pk->n_need != 0 &&
		    is_small(p, pk))
			n_small[pk->kind == OBJ_META]++;
	}
	for (size_t i = 0; i < p->v.n_packs && rc == SNAP_OK; i++) {
		const struct view_pack *pk = &p->v.packs[i];
		bool moved = true;

		if (!is_free(p, pk, runs, n_runs)) {
			count_kept(p, pk);
			continue;
		}
		if (pk->n_need != 0) {
			bool small =
			    is_small(p, pk) &&
			    n_small[pk->kind == OBJ_META] >= SMALL_MANY;

			if ((!small && !is_sparse(p, pk)) || hides_age(p, pk) ||
			    prune_enough(p)) {
				count_kept(p, pk);
				continue;
			}
		}
		if (!may_go(p, pk, runs, n_runs)) {
			count_kept(p, pk);
			continue;
		}
		if (pk->n_need != 0) {
			rc = mover_take(p->mover, pk, &moved, err);
			p->r->n_repacked += moved ? 1 : 0;
		}
		if (rc == SNAP_OK && moved)
			rc = add_victim(vs, pk, err);
	}
	return rc;
}

/* The list, and when it is acknowledged its confirmation, from which on its
 * age counts. */
static enum snap_code
put_list(struct victims *vs, size_t from, size_t n, struct snap_err *err)
{
	struct condemned_body c;
	uint8_t id[ID_LEN];
	struct bytes body;
	enum snap_code rc;

	memset(&c, 0, sizeof c);
	c.l0 = vs->p->v.l0;
	c.n_packs = (uint32_t)n;
	c.packs = vs->ids[from];
	keys_random(id, sizeof id);
	bytes_init(&body, TRANSPORT_SIZE_MAX);
	condemned_encode(&c, &body);
	rc = bytes_check(&body, err);
	if (rc == SNAP_OK)
		rc =
		    prune_put(vs->p, OBJ_CONDEMNED, id, bytes_span(&body), err);
	bytes_fini(&body);
	return rc == SNAP_OK ? prune_confirm(vs->p, id, err) : rc;
}

enum snap_code
condemn_victims(struct prune *p, struct snap_err *err)
{
	struct victims vs = { .p = p };
	uint8_t(*runs)[ID_LEN] = NULL;
	enum snap_code rc;
	size_t n_runs;

	rc = living_runs(p, &runs, &n_runs, err);
	if (rc == SNAP_OK)
		rc = choose(&vs, (const uint8_t(*)[ID_LEN])runs, n_runs, err);
	/* What survives is indexed before anything is condemned. */
	if (rc == SNAP_OK && RULE(survivors_first))
		rc = mover_flush(p->mover, err);
	for (size_t i = 0; i < vs.n && rc == SNAP_OK; i += LIST_MAX)
		rc = put_list(
		    &vs, i, vs.n - i < LIST_MAX ? vs.n - i : LIST_MAX, err);
	free(runs);
	free(vs.ids);
	return rc;
}
