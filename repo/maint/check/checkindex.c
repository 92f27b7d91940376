/* SPDX-License-Identifier: PostgreSQL */
/*
 * checkindex.c - what the index says of packs against what they say.
 *
 * A segment carries the contents of its packs verbatim, so comparing is
 * comparing fingerprints.
 */
#include <stdlib.h>
#include <string.h>

#include "check_internal.h"
#include "keys.h"
#include "raw.h"

static enum snap_code
add_claim(struct check *c, const struct inventory_object *segment,
    const struct index_pack *p, struct snap_err *err)
{
	struct check_claim *claim;

	if (c->n_claims == c->claims_cap) {
		size_t cap = c->claims_cap == 0 ? 256 : c->claims_cap * 2;
		struct check_claim *v = NULL;

		if (cap <= SIZE_MAX / sizeof *v)
			v = realloc(c->claims, cap * sizeof *v);
		if (v == NULL)
			return snap_fail(err, SNAP_NOMEM,
			    "not enough memory to check the index");
		c->claims = v;
		c->claims_cap = cap;
	}
	claim = &c->claims[c->n_claims++];
	memcpy(claim->id, p->id, ID_LEN);
	claim->kind = p->kind;
	claim->missing = false;
	claim->size = p->size;
	claim->segment = segment;
	keys_fingerprint(p->contents, claim->print);
	return SNAP_OK;
}

static enum snap_code
read_segment(
    struct check *c, const struct inventory_object *o, struct snap_err *err)
{
	struct raw_segment seg;
	enum snap_code rc;

	rc = raw_get_segment(c->s, o, &seg, err);
	if (rc != SNAP_OK)
		return rc;
	c->result.bytes_read += seg.body.size;
	for (uint32_t i = 0; i < seg.segment.n_packs && rc == SNAP_OK; i++)
		rc = add_claim(c, o, &seg.segment.packs[i], err);
	raw_segment_fini(&seg);
	return rc;
}

enum snap_code
check_segments(struct check *c, struct snap_err *err)
{
	const struct inventory_object *o;
	size_t n = inventory_of(&c->inv, OBJ_INDEX, &o);
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < n && rc == SNAP_OK; i++) {
		rc = read_segment(c, &o[i], err);
		if (raw_is_damage(rc)) {
			if (!check_vanished(c, &o[i], rc))
				check_object_problem(
				    c, OBJ_INDEX, o[i].id, err);
			rc = SNAP_OK;
		}
		if (rc == SNAP_OK)
			rc = report_check(c->s->report, err);
	}
	return rc;
}

static int
pack_order(const void *a, const void *b)
{
	const struct check_claim *x = a;
	const struct check_pack *y = b;

	if (x->kind != y->o->kind)
		return x->kind < y->o->kind ? -1 : 1;
	return memcmp(x->id, y->o->id, ID_LEN);
}

/* The packs are sorted as the inventory is: by kind and id. */
static struct check_pack *
pack_of(const struct check *c, uint8_t kind, const uint8_t id[ID_LEN])
{
	struct check_claim key;

	if (c->n_packs == 0)
		return NULL;
	memcpy(key.id, id, ID_LEN);
	key.kind = kind;
	return bsearch(
	    &key, c->packs, c->n_packs, sizeof *c->packs, pack_order);
}

static enum snap_code
take_closed(struct check *c, const struct index_pack *p, struct snap_err *err)
{
	struct check_pack *pack = pack_of(c, p->kind, p->id);
	struct raw_pack raw;
	enum snap_code rc;

	if (pack == NULL || !pack->closed || pack->readable ||
	    pack->o->size != p->size)
		return SNAP_OK;
	memset(&raw, 0, sizeof raw);
	rc = pack_contents_decode(p->contents, &raw.contents, err);
	if (rc == SNAP_OK) {
		pack->readable = true;
		keys_fingerprint(p->contents, pack->print);
		rc = check_rows(c, (uint32_t)(pack - c->packs), &raw, err);
	}
	pack_contents_fini(&raw.contents);
	return raw_is_damage(rc) ? SNAP_OK : rc;
}

enum snap_code
check_closed(struct check *c, struct snap_err *err)
{
	const struct inventory_object *o;
	size_t n = inventory_of(&c->inv, OBJ_INDEX, &o), n_closed = 0;
	struct raw_segment seg;
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < c->n_packs; i++)
		n_closed += c->packs[i].closed;
	if (n_closed == 0)
		return SNAP_OK;
	report_log(c->s->report, REPORT_INFO,
	    "the store does not let us read %zu data packs: what the index "
	    "says of them is taken for true",
	    n_closed);
	for (size_t i = 0; i < n && rc == SNAP_OK; i++) {
		rc = raw_get_segment(c->s, &o[i], &seg, err);
		if (raw_is_damage(rc)) { /* told before */
			rc = SNAP_OK;
			continue;
		}
		for (uint32_t k = 0; rc == SNAP_OK && k < seg.segment.n_packs;
		     k++)
			rc = take_closed(c, &seg.segment.packs[k], err);
		if (rc == SNAP_OK)
			rc = report_check(c->s->report, err);
		raw_segment_fini(&seg);
	}
	return rc;
}

static int
claim_order(const void *a, const void *b)
{
	const struct check_claim *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return memcmp(x->id, y->id, ID_LEN);
}

/* One claim; a missing pack is told once however many segments name it. */
static void
check_claim(struct check *c, struct check_claim *claim, bool again)
{
	char name[TRANSPORT_NAME_MAX + 1], seg[TRANSPORT_NAME_MAX + 1];
	struct snap_err err = SNAP_ERR_INIT;
	struct check_pack *p = pack_of(c, claim->kind, claim->id);
	struct transport_stat st;

	store_name(claim->kind, claim->id, name);
	store_name(OBJ_INDEX, claim->segment->id, seg);
	if (p == NULL) {
		/* A run beside us may have put it behind our listing's back. */
		claim->missing = !again && transport_stat(c->s->t, name, &st,
					       &err) == SNAP_NOTFOUND;
		return;
	}
	claim->missing = !again && p->gone;
	if (!p->readable)
		return; /* told when it was read */
	if (p->o->size != claim->size ||
	    memcmp(p->print, claim->print, PRINT_LEN) != 0) {
		check_problem(
		    c, "%s: its contents are not what %s says", name, seg);
		return;
	}
	p->indexed = true;
}

/* Ids are random: one of the two was put there to be in the way. */
static void
check_twins(struct check *c)
{
	char name[TRANSPORT_NAME_MAX + 1], twin[TRANSPORT_NAME_MAX + 1];

	for (size_t i = 0; i < c->n_packs; i++) {
		const struct inventory_object *o = c->packs[i].o;

		if (o->kind != OBJ_DATA ||
		    inventory_find(&c->inv, OBJ_META, o->id) == NULL)
			continue;
		store_name(o->kind, o->id, name);
		store_name(OBJ_META, o->id, twin);
		check_problem(c,
		    "%s: has the same id as %s: one of them is no pack of "
		    "this repository",
		    name, twin);
	}
}

enum snap_code
check_index(struct check *c, struct snap_err *err)
{
	bool again = false;

	check_twins(c);
	if (c->n_claims != 0)
		qsort(c->claims, c->n_claims, sizeof *c->claims, claim_order);
	for (size_t i = 0; i < c->n_claims; i++) {
		again = i != 0 &&
			claim_order(&c->claims[i - 1], &c->claims[i]) == 0;
		check_claim(c, &c->claims[i], again);
	}
	return report_check(c->s->report, err);
}

/*
 * Who slept beyond its lease on a file system puts its segment all the same.
 * What that names may have been pruned meanwhile, and no writer builds on a
 * pack that is not listed: it is told, but is no finding, until a snapshot
 * lacks something.
 */
void
check_missing(struct check *c, uint64_t n_hurts)
{
	char name[TRANSPORT_NAME_MAX + 1], seg[TRANSPORT_NAME_MAX + 1];

	for (size_t i = 0; i < c->n_claims; i++) {
		const struct check_claim *claim = &c->claims[i];

		if (!claim->missing)
			continue;
		if (n_hurts == 0 &&
		    pack_of(c, claim->kind, claim->id) != NULL)
			continue; /* gone since it was listed */
		store_name(claim->kind, claim->id, name);
		store_name(OBJ_INDEX, claim->segment->id, seg);
		if (n_hurts == 0)
			report_log(c->s->report, REPORT_WARNING,
			    "%s: missing and not needed, %s names it", name,
			    seg);
		else
			check_problem(c, "%s: missing, %s names it", name, seg);
	}
}
