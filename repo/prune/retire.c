/* SPDX-License-Identifier: PostgreSQL */
/*
 * retire.c - what is left when packs are gone: lists that condemned them,
 * halves of snapshots that never came to stand, notes about what is no more,
 * and what killed puts left.
 */
#include <stdlib.h>
#include <string.h>

#include "prune_internal.h"
#include "rule.h"

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
	return l->ok_time >= 0 && (age >= 3 * p->grace || !RULE(retire_age)) &&
	       (!is_needed(&p->v, l) || !RULE(retire_gone));
}

/* What has to go first, if there is such a thing, and then the rest.  That
 * stays as well when the store keeps the first. */
struct pair {
	uint8_t kind[2];
	bool there[2];
	uint64_t size[2];
};

static enum snap_code
delete_pair(struct prune *p, const uint8_t id[ID_LEN], const struct pair *pair,
    struct snap_err *err)
{
	uint64_t denied = p->r->n_denied;
	enum snap_code rc = SNAP_OK;

	for (int i = 0; i < 2 && rc == SNAP_OK && p->r->n_denied == denied; i++)
		if (pair->there[i])
			rc = prune_delete(
			    p, pair->kind[i], id, pair->size[i], err);
	return rc;
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
		/* A confirmation that does not count may be in the way of one
		 * that does. */
		struct pair pair = { { OBJ_CONDEMNED, OBJ_CONDEMNED_OK },
			{ l->time >= 0 && !(l->ok_void && !l->is_void),
			    l->ok_time >= 0 },
			{ 0, 0 } };

		if (list_is_over(p, l))
			rc = delete_pair(p, l->id, &pair, err);
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
		/* A snapshot without its confirmation is none; the other way
		 * round it would look like a loss. */
		struct pair pair = { { OBJ_OK, OBJ_SNAPSHOT },
			{ r->has_ok, r->has_snapshot },
			{ r->ok_size, r->snapshot_size } };

		/* A confirmation that is still there was refused already. */
		if (r->state == ROOT_FORGOTTEN && r->has_ok && !p->o->dry_run)
			continue;
		if (r->state != ROOT_FORGOTTEN &&
		    (r->state != ROOT_GARBAGE || p->v.l0 - when < p->grace))
			continue;
		rc = delete_pair(p, r->id, &pair, err);
	}
	return rc;
}

/* Is a half of this snapshot still there? */
static bool
is_there(const struct roots *r, const uint8_t id[ID_LEN])
{
	size_t from = 0, to = r->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		int order = memcmp(r->v[mid].id, id, ID_LEN);

		if (order == 0)
			return true;
		if (order < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return false;
}

/* Of a forget record: is one that it names still there? */
static bool
names_one(const struct roots *r, const struct note *n)
{
	const char *list = note_prop(n, NOTE_PROP_SNAPSHOTS);
	uint8_t id[ID_LEN];

	while (note_next_id(&list, id))
		if (is_there(r, id))
			return true;
	return false;
}

static bool
any_stands(const struct roots *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].state == ROOT_STANDS)
			return true;
	return false;
}

/*
 * A forget record is over when nothing is left of what it names; but without
 * any snapshot it is the proof that there need be none.  It stays for its time
 * also when nobody else writes now: other machines remember what they saw.
 * Another note is when a newer one speaks of the same, or its snapshot is gone.
 * The newest about what is there stays for ever, whatever it says: an older one
 * that somebody puts again must not count.
 */
static bool
note_is_over(const struct prune *p, const struct note *n, bool stands)
{
	static const uint8_t repository[ID_LEN];
	const struct note *last;

	int64_t stays = 3 * (n->type == NOTE_FORGET ? 2 * p->lease : p->grace);

	if (n->time_ns > p->v.l0 - stays || !n->maintenance)
		return false;
	switch (n->type) {
	case NOTE_FORGET:
		return stands && !names_one(&p->roots, n);
	case NOTE_VERDICT:
	case NOTE_TAGS:
	case NOTE_PIN:
		if (!is_there(&p->roots, n->subject))
			return true;
		break;
	case NOTE_POLICY:
		if (memcmp(n->subject, repository, ID_LEN) != 0)
			return false;
		break;
	default:
		return false;
	}
	/* A weak one is what a rotation that died will sign anew. */
	last = notes_about(&p->notes, n->type, n->subject);
	return last != NULL && last != n;
}

enum snap_code
retire_notes(struct prune *p, struct snap_err *err)
{
	bool stands = any_stands(&p->roots);
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < p->notes.n && rc == SNAP_OK; i++)
		if (note_is_over(p, &p->notes.v[i], stands))
			rc =
			    prune_delete(p, OBJ_NOTE, p->notes.v[i].id, 0, err);
	return rc;
}

/* A broken machine may leave one each hour, and nothing rests on any. */
enum snap_code
retire_runs(struct prune *p, struct snap_err *err)
{
	const int64_t stays = RUN_DAYS * INT64_C(86400) * 1000000000;
	struct runs runs = { 0, NULL };
	enum snap_code rc = runs_list(p->s, &runs, err);

	for (size_t i = 0; i < runs.n && rc == SNAP_OK; i++)
		if (i >= RUNS_MAX || runs.v[i].time_ns < p->v.l0 - stays)
			rc = prune_delete(p, OBJ_RUN, runs.v[i].id, 0, err);
	free(runs.v);
	return rc;
}

enum snap_code
retire_temporary(struct prune *p, struct snap_err *err)
{
	struct transport_swept swept = { 0, 0 };
	enum snap_code rc = prune_fresh(p, err);

	if (rc == SNAP_OK)
		rc = transport_sweep(
		    p->s->t, p->v.l0 - p->grace, p->o->dry_run, &swept, err);
	p->r->n_deleted += swept.n;
	p->r->bytes_freed += swept.bytes;
	/* Who may not remove them may still prune. */
	if (rc == SNAP_DENIED) {
		report_log(p->s->report, REPORT_INFO, "%s", err->msg);
		rc = SNAP_OK;
	}
	return rc;
}
