/* SPDX-License-Identifier: PostgreSQL */
/*
 * damage.c - bytes that rot on the store: which snapshots may lack something
 * by that, and what a repair must not leave behind: see oracle.h.
 *
 * What no other pack has when a frame rots is lost, and no snapshot is asked
 * for it, not even one that refers to it later: its writer could not know.
 * So is what only such copies have as the damaged one was to replace: prune
 * reads no data to decide, and lets them go.  All else has to come back as
 * ever, and what is made again must stay.
 */
#include <string.h>

#include "oracle_inside.h"

/* Chunks of which some pack that is there, and named, has a true copy. */
static uint64_t
covered(uint32_t thing)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < oracle.n_packs; i++) {
		const struct opack *p = &oracle.packs[i];

		for (size_t k = 0; p->exists && k < p->n_rows; k++)
			if (p->rows[k].thing == thing && p->rows[k].good &&
			    (p->rows[k].bits & ~bits) != 0 && is_named(p))
				bits |= p->rows[k].bits;
	}
	return bits;
}

/* Chunks of the row that a damaged copy of it has as well, which prune or a
 * repair made of it or of what it was made of.  By their metadata alone the
 * row's pack is the one that may go, and is perhaps on its way. */
static uint64_t
replaced(const struct opack *p, const struct orow *row)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < oracle.n_packs; i++) {
		const struct opack *q = &oracle.packs[i];

		for (size_t k = 0; q != p && q->exists && k < q->n_rows; k++)
			if (q->rows[k].thing == row->thing &&
			    q->rows[k].is_made && !q->rows[k].good &&
			    q->landed >= p->landed &&
			    memcmp(q->rows[k].origin, row->origin, ID_LEN) == 0)
				bits |= q->rows[k].bits;
	}
	return bits;
}

/* Chunks of which some copy is true that has to last. */
static uint64_t
lasting(uint32_t thing)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < oracle.n_packs; i++) {
		const struct opack *p = &oracle.packs[i];

		for (size_t k = 0; p->exists && k < p->n_rows; k++)
			if (p->rows[k].thing == thing && p->rows[k].good &&
			    is_named(p))
				bits |=
				    p->rows[k].bits & ~replaced(p, &p->rows[k]);
	}
	return bits;
}

bool
will_last(uint32_t thing)
{
	return lasting(thing) != 0;
}

void
excuse(struct osnapshot *s)
{
	bool lost = false;

	for (size_t i = 0; i < s->n_refs; i++) {
		struct ref *r = &s->refs[i];

		if (!oracle.things[r->thing].damaged)
			continue;
		r->bits &= lasting(r->thing);
		lost |=
		    r->bits == 0 && oracle.things[r->thing].class != CLASS_DATA;
	}
	/* What only a lost recipe refers to nobody can know. */
	if (lost)
		walk_again(s);
}

bool
oracle_is_damaged(void)
{
	return oracle.damaged;
}

/* A byte of it is another from now on: which. */
static void
damage(struct opack *p, struct orow *row, char name[TRANSPORT_NAME_MAX + 1],
    uint64_t *off)
{
	row->good = false;
	p->damaged = oracle.damaged = oracle.dirty = true;
	/* A prune cannot tell what lives when it cannot read that. */
	oracle.believed |= p->kind == OBJ_META;
	oracle.things[row->thing].damaged = true;
	oracle_counts.damaged++;
	for (size_t i = 0; i < oracle.n_snapshots; i++)
		excuse(&oracle.snapshots[i]);
	store_name(p->kind, p->id, name);
	*off = row->off + sim_below(row->len);
}

bool
oracle_damages(char name[TRANSPORT_NAME_MAX + 1], uint64_t *off)
{
	size_t from, n = oracle.n_packs;
	struct orow *row = NULL;
	struct opack *p = NULL;

	from = n == 0 ? 0 : sim_below(n);
	for (size_t i = 0; i < n && row == NULL; i++) {
		p = &oracle.packs[(from + i) % n];
		if (!p->exists || p->n_rows == 0 ||
		    (p->kind == OBJ_META && !sim_chance(200)))
			continue;
		row = &p->rows[sim_below(p->n_rows)];
		if (!row->good || row->thing == NOTHING)
			row = NULL;
	}
	if (row == NULL)
		return false;
	damage(p, row, name, off);
	return true;
}

/* Has an older pack a good copy of it? */
static bool
is_older_one(const struct opack *p, uint32_t thing)
{
	for (size_t i = 0; i < oracle.n_packs; i++) {
		const struct opack *q = &oracle.packs[i];

		for (size_t k = 0; q->exists && k < q->n_rows; k++)
			if (q->rows[k].thing == thing && q->rows[k].good &&
			    q->landed < p->landed)
				return true;
	}
	return false;
}

bool
oracle_damages_newer(char name[TRANSPORT_NAME_MAX + 1], uint64_t *off)
{
	for (size_t i = 0; i < oracle.n_packs; i++) {
		struct opack *p = &oracle.packs[i];

		for (size_t k = 0;
		     p->exists && p->kind == OBJ_DATA && k < p->n_rows; k++)
			if (p->rows[k].good &&
			    is_older_one(p, p->rows[k].thing)) {
				damage(p, &p->rows[k], name, off);
				return true;
			}
	}
	return false;
}

bool
oracle_is_whole(void)
{
	for (size_t i = 0; i < oracle.n_snapshots; i++)
		if (oracle.snapshots[i].wanted &&
		    lacks_something(&oracle.snapshots[i]))
			return false;
	return true;
}

bool
lacks_something(const struct osnapshot *s)
{
	for (size_t i = 0; i < s->n_refs; i++)
		if (oracle.things[s->refs[i].thing].damaged &&
		    (s->refs[i].all & ~covered(s->refs[i].thing)) != 0)
			return true;
	return false;
}

/* Some copy that nothing is wrong with has all of it. */
static bool
is_whole_elsewhere(const struct opack *not_here, const struct orow *r)
{
	for (size_t i = 0; i < oracle.n_packs; i++) {
		const struct opack *p = &oracle.packs[i];

		for (size_t k = 0;
		     p != not_here && p->exists && !p->damaged && k < p->n_rows;
		     k++)
			if (p->rows[k].thing == r->thing && p->rows[k].good &&
			    p->rows[k].bits == (r->bits | p->rows[k].bits) &&
			    is_named(p))
				return true;
	}
	return false;
}

/* Prune tries for ever to rescue what is damaged, and lets no copy go of what
 * it needs of that: one of a thief stays as well. */
bool
may_stay(const struct opack *p)
{
	for (size_t i = 0; i < oracle.n_packs; i++) {
		const struct opack *q = &oracle.packs[i];

		for (size_t k = 0; q->exists && q->damaged && k < q->n_rows;
		     k++)
			for (size_t j = 0; j < p->n_rows; j++)
				if (p->rows[j].thing == q->rows[k].thing &&
				    !is_whole_elsewhere(q, &q->rows[k]))
					return true;
	}
	return false;
}
