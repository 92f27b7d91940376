/* SPDX-License-Identifier: PostgreSQL */
/* needs.c - what a snapshot needs, from its manifest down: see oracle.h. */
#include <stdlib.h>

#include "oracle_inside.h"

static void
add_ref(struct osnapshot *s, uint8_t class, const uint8_t *id, uint64_t bits)
{
	uint32_t t = find_thing(class, id);
	struct ref *r;

	if (t == NOTHING) {
		breach("2: a snapshot refers to what was never stored");
		return;
	}
	for (size_t i = 0; i < s->n_refs; i++)
		if (s->refs[i].thing == t) {
			s->refs[i].bits |= bits;
			s->refs[i].all |= bits;
			return;
		}
	r = MORE(s->refs, s->n_refs);
	r->thing = t;
	r->bits = r->all = bits;
}

static struct span
plain_of(struct osnapshot *s, uint8_t class, const uint8_t *id)
{
	uint32_t t = find_thing(class, id);

	if (t != NOTHING && oracle.things[t].damaged && !will_last(t))
		return span_of(NULL, 0);
	add_ref(s, class, id, 1);
	return t == NOTHING ? span_of(NULL, 0)
			    : bytes_span(&oracle.things[t].plain);
}

static void
walk_recipe(struct osnapshot *s, struct span plain)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct recipe r;

	if (plain.len == 0)
		return; /* lost */
	if (recipe_decode(plain, &r, &err) != SNAP_OK) {
		breach("2: a recipe: %s", err.msg);
		return;
	}
	for (uint32_t i = 0; i < r.n_extents; i++) {
		const struct extent *e = &r.extents[i];
		uint64_t ones = (UINT64_C(1) << e->count) - 1;

		add_ref(s, CLASS_DATA, r.blocks[e->block], ones << e->first);
	}
	recipe_fini(&r);
}

static void
walk_part(struct osnapshot *s, struct span plain)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct stream_row row;
	struct cursor c;

	cursor_init(&c, plain);
	while (c.left != 0) {
		if (stream_row_decode(&c, &row, &err) != SNAP_OK) {
			breach("2: a manifest: %s", err.msg);
			return;
		}
		if (row.inline_recipe.len != 0)
			walk_recipe(s, row.inline_recipe);
		for (uint32_t i = 0; i < row.n_segments; i++)
			walk_recipe(s, plain_of(s, CLASS_RECIPE,
					   row.segments + (size_t)i * ID_LEN));
	}
}

static void
walk(struct osnapshot *s)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct manifest_root root;
	struct span plain;

	plain = plain_of(s, CLASS_MANIFEST, s->root);
	if (plain.len == 0)
		return; /* lost */
	if (manifest_root_decode(plain, &root, &err) != SNAP_OK) {
		breach("2: a manifest's root: %s", err.msg);
		return;
	}
	for (uint32_t i = 0; i < root.n_parts; i++)
		walk_part(s, plain_of(s, CLASS_MANIFEST,
				 root.parts + (size_t)i * ID_LEN));
}

void
walk_snapshot(struct osnapshot *s)
{
	if (s->is_walked)
		return;
	s->is_walked = true;
	walk(s);
	excuse(s);
}

void
walk_again(struct osnapshot *s)
{
	struct ref *old = s->refs;
	size_t n_old = s->n_refs;

	s->refs = NULL;
	s->n_refs = 0;
	walk(s);
	for (size_t i = 0; i < n_old; i++) {
		uint64_t bits = 0;

		for (size_t k = 0; k < s->n_refs; k++)
			if (s->refs[k].thing == old[i].thing)
				bits = s->refs[k].bits;
		old[i].bits &= bits;
	}
	free(s->refs);
	s->refs = old;
	s->n_refs = n_old;
}
