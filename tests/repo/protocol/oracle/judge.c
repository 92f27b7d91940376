/* SPDX-License-Identifier: PostgreSQL */
/* judge.c - what snapshots need, and whether it is there: see oracle.h. */
#include <stdlib.h>
#include <string.h>

#include "oracle_inside.h"
#include "readblock.h"
#include "wire.h"

void
oracle_begin(struct store *s)
{
	memset(&oracle, 0, sizeof oracle);
	oracle.s = s;
}

void
oracle_end(void)
{
	for (size_t i = 0; i < oracle.n_things; i++)
		bytes_fini(&oracle.things[i].plain);
	for (size_t i = 0; i < oracle.n_packs; i++)
		free(oracle.packs[i].rows);
	for (size_t i = 0; i < oracle.n_segments; i++)
		free(oracle.segments[i].packs);
	for (size_t i = 0; i < oracle.n_snapshots; i++)
		free(oracle.snapshots[i].refs);
	for (size_t i = 0; i < oracle.n_lists; i++)
		free(oracle.lists[i].packs);
	free(oracle.things);
	free(oracle.packs);
	free(oracle.segments);
	free(oracle.snapshots);
	free(oracle.lists);
	free(oracle.names);
	free(oracle.salts);
	free(oracle.sights);
}

int64_t
list_age(const struct olist *l)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct transport_stat st;

	store_name(OBJ_CONDEMNED_OK, l->id, name);
	if (transport_stat(wire_direct(), name, &st, &ignored) != SNAP_OK)
		return -1;
	return wire_now() - st.time_ns;
}

/* ---- acknowledged */

void
oracle_saw(const struct actor *by, uint8_t class, const uint8_t *id,
    uint64_t true_bits)
{
	uint32_t t = find_thing(class, id);
	struct osight *l;

	/* What it saw when it first referred to it. */
	for (size_t i = 0; i < oracle.n_sights; i++)
		if (oracle.sights[i].by == by && oracle.sights[i].thing == t)
			return;
	if (t == NOTHING)
		return;
	l = MORE(oracle.sights, oracle.n_sights);
	l->by = by;
	l->thing = t;
	l->true_bits = true_bits;
}

/* What cannot be read for ever keeps garbage. */
bool
oracle_believed_lies(void)
{
	return oracle.believed;
}

void
oracle_stolen(void)
{
	oracle.stolen = true;
}

bool
oracle_has_lies(void)
{
	return oracle.stolen || oracle.damaged;
}

void
oracle_acknowledged(const struct actor *by, const uint8_t id[ID_LEN])
{
	struct osnapshot *s = find_snapshot(id);

	oracle_counts.commits++;
	oracle.dirty = true;
	s->is_acknowledged = true;
	/* Somebody may have seen it, and forgotten it already. */
	if (!s->is_noted)
		s->wanted = true;
	walk_snapshot(s);
	if (s->landed >= s->l0 + LEASE || s->ok_landed >= s->ok_l0 + LEASE)
		breach("6: acknowledged, and visible too late");
	for (size_t i = 0; i < s->n_refs; i++) {
		uint64_t bits = s->refs[i].bits;

		for (size_t k = 0; k < oracle.n_sights; k++)
			if (oracle.sights[k].by == by &&
			    oracle.sights[k].thing == s->refs[i].thing)
				s->refs[i].bits &= oracle.sights[k].true_bits;
		if (s->refs[i].bits != bits) {
			oracle.believed = true;
			oracle_counts.lost_lies++;
		}
	}
}

void
oracle_forgets(const uint8_t id[ID_LEN])
{
	find_snapshot(id)->wanted = false;
	oracle_counts.forgotten++;
}

uint64_t
oracle_true_bits(
    const uint8_t pack[ID_LEN], uint8_t class, const uint8_t id[ID_LEN])
{
	const struct opack *p = find_pack(pack);
	uint32_t t = find_thing(class, id);
	uint64_t bits = 0;

	for (size_t i = 0; p != NULL && i < p->n_rows; i++)
		if (p->rows[i].thing == t && p->rows[i].good)
			bits |= p->rows[i].bits;
	return bits;
}

size_t
oracle_things(const struct thing **out)
{
	*out = oracle.things;
	return oracle.n_things;
}

size_t
oracle_n_wanted(void)
{
	size_t n = 0;

	for (size_t i = 0; i < oracle.n_snapshots; i++)
		n += oracle.snapshots[i].wanted;
	return n;
}

bool
oracle_some_snapshot(uint8_t id[ID_LEN], const struct ref **refs, size_t *n)
{
	size_t left = oracle_n_wanted();

	if (left == 0)
		return false;
	left = sim_below(left);
	for (size_t i = 0; i < oracle.n_snapshots; i++) {
		const struct osnapshot *s = &oracle.snapshots[i];

		if (!s->wanted || left-- != 0)
			continue;
		memcpy(id, s->id, ID_LEN);
		*refs = s->refs;
		*n = s->n_refs;
		return true;
	}
	return false;
}

static const char *const classes[] = { "", "block", "directory", "recipe",
	"manifest" };

/* ---- is it there */

bool
is_named(const struct opack *p)
{
	for (size_t i = 0; i < oracle.n_segments; i++) {
		const struct osegment *s = &oracle.segments[i];

		if (!s->exists || s->is_void)
			continue;
		for (size_t k = 0; k < s->n_packs; k++)
			if (s->packs[k].size == p->size &&
			    memcmp(s->packs[k].id, p->id, ID_LEN) == 0)
				return true;
	}
	return false;
}

static void
check_snapshot(const struct osnapshot *s, const bool *named)
{
	char hex[2 * ID_LEN + 1];

	hex_encode(s->id, 4, hex);
	if (!s->exists || !s->has_ok) {
		breach("2: acknowledged snapshot %s is gone", hex);
		return;
	}
	for (size_t i = 0; i < s->n_refs; i++) {
		const struct ref *r = &s->refs[i];
		uint64_t missing = r->bits;

		for (size_t p = 0; p < oracle.n_packs && missing != 0; p++)
			for (size_t k = 0;
			     named[p] && k < oracle.packs[p].n_rows; k++)
				if (oracle.packs[p].rows[k].thing == r->thing &&
				    oracle.packs[p].rows[k].good)
					missing &=
					    ~oracle.packs[p].rows[k].bits;
		if (missing != 0)
			breach("2: snapshot %s lacks chunks %#llx of a %s", hex,
			    (unsigned long long)missing,
			    classes[oracle.things[r->thing].class]);
	}
}

/* Forgotten or not, it stands for every reader. */
static bool
is_kept(const struct osnapshot *s)
{
	return s->is_acknowledged && !s->was_taken && s->exists && s->has_ok;
}

void
oracle_check(void)
{
	bool *named;

	if (!oracle.dirty)
		return;
	oracle.dirty = false;
	named = calloc(oracle.n_packs + 1, sizeof *named);
	if (named == NULL)
		abort();
	for (size_t i = 0; i < oracle.n_packs; i++)
		named[i] = oracle.packs[i].exists && is_named(&oracle.packs[i]);
	for (size_t i = 0; i < oracle.n_snapshots; i++)
		if (oracle.snapshots[i].wanted || is_kept(&oracle.snapshots[i]))
			check_snapshot(&oracle.snapshots[i], named);
	free(named);
}

/* ---- is it condemned */

static bool
is_condemned(const uint8_t *id)
{
	for (size_t i = 0; i < oracle.n_lists; i++) {
		const struct olist *l = &oracle.lists[i];

		for (size_t k = 0;
		     l->exists && l->is_signed && !l->is_void && k < l->n_packs;
		     k++)
			if (memcmp(l->packs[k], id, ID_LEN) == 0)
				return true;
	}
	return false;
}

/* Of what the snapshot needs, these chunks of a thing are in no pack that is
 * named and not condemned. */
static uint64_t
uncovered(uint32_t thing, uint64_t bits)
{
	for (size_t p = 0; p < oracle.n_packs && bits != 0; p++) {
		const struct opack *k = &oracle.packs[p];

		for (size_t r = 0; k->exists && r < k->n_rows; r++)
			if (k->rows[r].thing == thing && k->rows[r].good &&
			    (k->rows[r].bits & bits) != 0 && is_named(k) &&
			    !is_condemned(k->id))
				bits &= ~k->rows[r].bits;
	}
	return bits;
}

/* Was it there, to be seen by a look at l0, as something that keeps packs? */
static bool
was_root(const struct osnapshot *s, int64_t l0)
{
	if (!s->exists || s->landed >= l0 || s->landed >= s->l0 + LEASE ||
	    (s->is_noted && (!is_kept(s) || s->ok_landed >= l0)))
		return false;
	return s->has_ok ? s->ok_landed < s->ok_l0 + LEASE
			 : l0 - s->landed < GRACE / 2;
}

/* What its writer can have seen the truth of: of one that has not said that it
 * stands nobody knows which that is. */
static uint64_t
meant(const struct osnapshot *s, uint32_t thing, uint64_t bits)
{
	for (size_t i = 0; i < oracle.n_sights && !s->is_acknowledged; i++)
		if (oracle.sights[i].thing == thing)
			bits &= oracle.sights[i].true_bits;
	return bits;
}

/* Of one pack, for one root. */
static void
check_condemned(const struct opack *p, const struct osnapshot *s)
{
	for (size_t r = 0; r < p->n_rows; r++)
		for (size_t j = 0; p->rows[r].good && j < s->n_refs; j++) {
			uint32_t t = p->rows[r].thing;
			uint64_t bits =
			    meant(s, t, p->rows[r].bits & s->refs[j].bits);

			/* The new copy of a repair may rot as well. */
			if (t == s->refs[j].thing &&
			    !oracle.things[t].damaged &&
			    uncovered(t, bits) != 0)
				breach("9: the only %s that a snapshot needs "
				       "is condemned",
				    classes[oracle.things[t].class]);
		}
}

void
check_list(const struct olist *l, int64_t l0)
{
	for (size_t i = 0; i < oracle.n_snapshots; i++) {
		struct osnapshot *s = &oracle.snapshots[i];

		if (!was_root(s, l0))
			continue;
		walk_snapshot(s);
		for (size_t k = 0; k < l->n_packs; k++) {
			const struct opack *p = find_pack(l->packs[k]);

			/* What nobody could refer to is not meant. */
			if (p != NULL && is_named(p))
				check_condemned(p, s);
		}
	}
}

/* ---- the end */

static bool
stands(const struct osnapshot *s)
{
	return s->exists && s->has_ok && !s->is_noted &&
	       !(wire_visible() && (s->landed >= s->l0 + LEASE ||
				       s->ok_landed >= s->ok_l0 + LEASE));
}

/* Does some snapshot need some of it? */
static bool
is_live(const struct opack *p)
{
	for (size_t i = 0; i < oracle.n_snapshots; i++) {
		const struct osnapshot *s = &oracle.snapshots[i];

		if (!stands(s))
			continue;
		for (size_t k = 0; k < s->n_refs; k++)
			for (size_t r = 0; r < p->n_rows; r++) {
				const struct thing *t, *u;

				if (p->rows[r].thing == NOTHING)
					continue;
				t = &oracle.things[p->rows[r].thing];
				u = &oracle.things[s->refs[k].thing];
				if ((t == u && (p->rows[r].bits &
						   s->refs[k].all) != 0) ||
				    (t->class == CLASS_DIR &&
					u->class == CLASS_DATA &&
					memcmp(t->id, u->id, ID_LEN) == 0))
					return true;
			}
	}
	return false;
}

static const char *
untidy_segment(const struct osegment *s)
{
	if (s->exists && (s->is_void || s->n_packs == 0))
		return "9: a segment without a purpose stays";
	for (size_t k = 0; s->exists && k < s->n_packs; k++) {
		const struct opack *p = find_pack(s->packs[k].id);

		if (p == NULL || !p->exists)
			return "9: a segment names what is gone";
	}
	return NULL;
}

/* As long as it names one that has to. */
static bool
list_may_stay(const struct olist *l)
{
	for (size_t i = 0; i < l->n_packs; i++) {
		const struct opack *p = find_pack(l->packs[i]);

		if (p != NULL && p->exists && may_stay(p))
			return true;
	}
	return false;
}

const char *
oracle_untidy(void)
{
	const char *why = NULL;

	for (size_t i = 0; i < oracle.n_snapshots; i++) {
		struct osnapshot *s = &oracle.snapshots[i];

		if (stands(s))
			walk_snapshot(s);
		else if (s->exists || s->has_ok)
			return "9: half of a snapshot stays";
		/* Nothing goes that was there when it came. */
		if (stands(s) && lacks_something(s))
			return NULL;
	}
	for (size_t i = 0; i < oracle.n_lists; i++)
		if ((oracle.lists[i].exists || oracle.lists[i].has_ok) &&
		    !list_may_stay(&oracle.lists[i]))
			return "9: a condemned list stays";
	for (size_t i = 0; i < oracle.n_segments && why == NULL; i++)
		why = untidy_segment(&oracle.segments[i]);
	for (size_t i = 0; i < oracle.n_packs && why == NULL; i++) {
		const struct opack *p = &oracle.packs[i];

		if (p->exists && !is_named(p))
			why = "9: an orphan pack stays";
		else if (p->exists && !is_live(p))
			why = "9: a dead pack stays";
		else if (p->exists && p->damaged && !may_stay(p))
			why = "9: a damaged pack stays that nothing needs";
	}
	return why;
}

static void
restore_block(struct store *s, const struct thing *t, uint64_t bits)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t want[CHUNK_LEN];
	struct read_block b;

	if (store_read_block(s, t->id, NULL, &b, &err) != SNAP_OK) {
		breach("2: a block does not come back: %s", err.msg);
		return;
	}
	for (uint32_t i = 0; i < t->n; i++) {
		chunk_content(t->chunks[i], want);
		if ((bits >> i & 1) != 0 &&
		    (i >= b.n || b.chunks[i] == NULL ||
			memcmp(b.chunks[i], want, CHUNK_LEN) != 0))
			breach("2: a chunk does not come back");
	}
	read_block_fini(&b);
}

void
oracle_must_restore(struct store *fresh)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes plain;

	bytes_init(&plain, BLOCK_PLAIN_MAX);
	for (size_t i = 0; i < oracle.n_snapshots; i++) {
		const struct osnapshot *s = &oracle.snapshots[i];

		for (size_t k = 0; s->wanted && k < s->n_refs; k++) {
			const struct thing *t =
			    &oracle.things[s->refs[k].thing];

			bytes_clear(&plain);
			if (s->refs[k].bits == 0)
				continue;
			if (t->class == CLASS_DATA)
				restore_block(fresh, t, s->refs[k].bits);
			else if (store_read(fresh, t->class, t->id, &plain,
				     &err) != SNAP_OK)
				breach("2: a meta object does not come back: "
				       "%s",
				    err.msg);
		}
	}
	bytes_fini(&plain);
}

const uint8_t *
oracle_newest(void)
{
	for (size_t i = oracle.n_snapshots; i-- > 0;)
		if (oracle.snapshots[i].wanted)
			return oracle.snapshots[i].id;
	return NULL;
}
