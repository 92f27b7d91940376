/* SPDX-License-Identifier: PostgreSQL */
/*
 * merge.c - the index anew: without what goes, and few large segments for many
 * small ones.
 *
 * What prune signs was read from the packs themselves, so later runs need not
 * read them again.  A segment younger than a grace is a lease and stays.  New
 * ones are all there before the first old one goes.
 */
#include <stdlib.h>
#include <string.h>

#include "cached.h"
#include "prune_internal.h"
#include "rule.h"

#define SMALL (1u << 20) /* bytes of a segment */
#define MANY 8           /* small or unsigned ones, that are worth merging */

struct merge {
	struct prune *p;
	bool *done; /* by pack: a new segment has the truth about it */
	struct segout own, other; /* signed; and what prune cannot vouch for */
};

static enum snap_code
copy_of(struct span s, struct index_pack *ip, struct snap_err *err)
{
	uint8_t *p = malloc(s.len == 0 ? 1 : s.len);

	if (p == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for the index");
	if (s.len != 0)
		memcpy(p, s.p, s.len);
	ip->contents = span_of(p, s.len);
	return SNAP_OK;
}

/* Where a copy comes from is the maintenance key's word alone. */
static bool
has_origins(struct span contents)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct pack_contents pc;
	bool has = false;

	if (pack_contents_decode(contents, &pc, &ignored) != SNAP_OK)
		return true;
	for (uint32_t i = 0; i < pc.n_rows; i++)
		has |= (pc.rows[i].flags & ROW_ORIGIN) != 0;
	pack_contents_fini(&pc);
	return has;
}

/* A pack that a segment names goes into a new one, as it says itself. */
static enum snap_code
carry(struct merge *m, const struct view_segment *seg, struct view_pack *pk,
    const struct index_pack *claim, struct snap_err *err)
{
	struct index_pack ip = *claim;
	struct segout *to = &m->own;
	uint8_t print[ID_LEN];
	struct store_body b;
	enum snap_code rc;

	view_print(claim->contents, print);
	if (seg->trusted || pk->unreadable ||
	    memcmp(print, pk->print, ID_LEN) == 0) {
		if (!seg->trusted &&
		    (pk->unreadable ||
			(has_origins(claim->contents) && !pk->trusted)))
			to = &m->other;
		rc = copy_of(claim->contents, &ip, err);
	} else {
		rc = store_get_contents(
		    m->p->s, pk->kind, pk->id, pk->size, &b, err);
		if (rc != SNAP_OK)
			return rc;
		if (!store_body_is_current(m->p->s, &b) &&
		    has_origins(b.body.body))
			to = &m->other;
		rc = copy_of(b.body.body, &ip, err);
		store_body_fini(&b);
	}
	return rc == SNAP_OK ? segout_add(to, &ip, err) : rc;
}

/* What was there when it was listed is read now, or was in a cache. */
static enum snap_code
overtaken(enum snap_code rc, struct snap_err *err)
{
	return rc == SNAP_NOTFOUND
		   ? prune_again(err, "another prune deleted what this one "
				      "was about to read")
		   : rc;
}

static enum snap_code
rewrite(struct merge *m, const struct view_segment *seg, struct snap_err *err)
{
	struct prune *p = m->p;
	struct index_segment is;
	struct store_body b;
	enum snap_code rc;

	rc = cached_get(p->s, OBJ_INDEX, seg->id, seg->size, &b, err);
	if (rc != SNAP_OK)
		return overtaken(rc, err);
	memset(&is, 0, sizeof is);
	rc = index_segment_decode(b.body.body, &is, err);
	for (uint32_t i = 0; rc == SNAP_OK && i < is.n_packs; i++) {
		struct view_pack *pk =
		    view_pack(&p->v, is.packs[i].kind, is.packs[i].id);

		if (pk == NULL || pk->size != is.packs[i].size ||
		    m->done[pk - p->v.packs] || prune_goes(p, pk))
			continue;
		/* Of one that cannot say itself what it holds each word may be
		 * the true one, also the second in the same segment. */
		m->done[pk - p->v.packs] = !pk->unreadable;
		rc = overtaken(carry(m, seg, pk, &is.packs[i], err), err);
	}
	index_segment_fini(&is);
	store_body_fini(&b);
	return rc;
}

/* Names it a pack that goes now? */
static void
mark_stale(const struct prune *p, struct view_segment *seg)
{
	for (uint32_t i = 0; i < seg->n_listed; i++)
		if (prune_goes(p, &p->v.packs[seg->packs[i]]))
			seg->stale = true;
}

static bool
is_small(const struct view_segment *seg)
{
	return !seg->trusted || seg->size < SMALL;
}

/* Old enough to be touched, and there is a reason to. */
static bool
is_due(const struct prune *p, const struct view_segment *seg, bool many)
{
	if ((p->v.l0 - seg->time < p->grace && RULE(young_segments)) ||
	    seg->damaged)
		return false;
	return seg->is_void || seg->stale || seg->is_old || seg->n_packs == 0 ||
	       (many && is_small(seg));
}

static enum snap_code
put_anew(struct merge *m, bool many, struct snap_err *err)
{
	struct prune *p = m->p;
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < p->v.n_segments && rc == SNAP_OK; i++) {
		const struct view_segment *seg = &p->v.segments[i];

		rc = report_check(p->s->report, err);
		if (rc == SNAP_OK && is_due(p, seg, many) && !seg->is_void &&
		    seg->n_packs != 0)
			rc = rewrite(m, seg, err);
	}
	if (rc == SNAP_OK)
		rc = segout_flush(&m->own, err);
	return rc == SNAP_OK ? segout_flush(&m->other, err) : rc;
}

enum snap_code
merge_index(struct prune *p, struct snap_err *err)
{
	struct merge m = { .p = p };
	enum snap_code rc = SNAP_OK;
	bool many;
	size_t n_small = 0;

	for (size_t i = 0; i < p->v.n_segments; i++) {
		struct view_segment *seg = &p->v.segments[i];

		if (seg->is_void || seg->damaged || seg->n_packs == 0)
			continue;
		mark_stale(p, seg);
		if (p->v.l0 - seg->time >= p->grace && is_small(seg))
			n_small++;
	}
	many = n_small >= MANY;
	m.done = calloc(p->v.n_packs + 1, sizeof *m.done);
	if (m.done == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "no memory for the index");
	segout_init(&m.own, p, true);
	segout_init(&m.other, p, false);
	if (rc == SNAP_OK && RULE(index_first))
		rc = put_anew(&m, many, err);
	for (size_t i = 0; i < p->v.n_segments && rc == SNAP_OK; i++) {
		const struct view_segment *seg = &p->v.segments[i];

		if (is_due(p, seg, many))
			rc =
			    prune_delete(p, OBJ_INDEX, seg->id, seg->size, err);
	}
	segout_fini(&m.own);
	segout_fini(&m.other);
	free(m.done);
	return rc;
}
