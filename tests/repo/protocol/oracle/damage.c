/* SPDX-License-Identifier: PostgreSQL */
/*
 * damage.c - bytes that rot on the store: which snapshots may lack something
 * by that, and what a repair must not leave behind: see oracle.h.
 *
 * What no other pack has when a frame rots is lost, and no snapshot is asked
 * for it, not even one that refers to it later: its writer could not know.
 * All else has to come back as ever, and what is made again must stay.
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

bool
is_there(uint32_t thing)
{
	return covered(thing) != 0;
}

void
excuse(struct osnapshot *s)
{
	bool lost = false;

	for (size_t i = 0; i < s->n_refs; i++) {
		struct ref *r = &s->refs[i];

		if (!oracle.things[r->thing].damaged)
			continue;
		r->bits &= covered(r->thing);
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

void
oracle_unreadable(const char *name)
{
	uint8_t kind, id[ID_LEN];
	struct opack *p;

	if (!store_name_parse(name, &kind, id))
		return;
	p = find_pack(id);
	if (p != NULL)
		p->unread = true;
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

bool
may_stay(const struct opack *p)
{
	if (!p->damaged)
		return false;
	for (size_t i = 0; i < p->n_rows; i++)
		if (!is_whole_elsewhere(p, &p->rows[i]))
			return true;
	return false;
}
