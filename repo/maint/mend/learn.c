/* SPDX-License-Identifier: PostgreSQL */
/*
 * learn.c - what a pack holds, as far as that can be told: by itself, else by
 * what of the index proves true.
 */
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "mend_internal.h"
#include "raw.h"

#define READS 3 /* of a pack, before it is said that it cannot be read */

void
known_fini(struct known *k)
{
	pack_contents_fini(&k->contents);
	bytes_fini(&k->plain);
	bytes_fini(&k->object);
}

enum snap_code
mend_verify(struct mend *m, const struct known *k, const struct pack_row *row,
    struct bytes *plain, struct snap_err *err)
{
	struct copy c;

	if ((uint64_t)row->off + row->sealed_len > k->object.len ||
	    (row->class == CLASS_DATA) != (k->o->kind == OBJ_DATA))
		return snap_fail(err, SNAP_CORRUPT, "a frame is cut off");
	store_copy_of_row(k->o->id, k->o->kind, row,
	    row->class == CLASS_DATA ? &k->contents.sessions[row->session]
				     : NULL,
	    &c);
	bytes_clear(plain);
	return store_open_copy(m->s, &c, row->id,
	    span_of(k->object.p + row->off, row->sealed_len), plain, err);
}

/* A word of the index about the pack: it counts if more of it is true than of
 * those before.  A host that was broken into may have put it. */
static enum snap_code
weigh(struct mend *m, struct known *k, struct span contents, bool trusted,
    uint32_t *best, struct snap_err *err)
{
	struct known one = *k;
	struct bytes plain;
	enum snap_code rc;
	uint32_t n = 0;

	bytes_init(&one.plain, TRANSPORT_SIZE_MAX);
	bytes_init(&plain, BLOCK_PLAIN_MAX + (64u << 10));
	memset(&one.contents, 0, sizeof one.contents);
	bytes_put_span(&one.plain, contents);
	rc = bytes_check(&one.plain, err);
	if (rc == SNAP_OK)
		rc = pack_contents_decode(
		    bytes_span(&one.plain), &one.contents, err);
	for (uint32_t i = 0; rc == SNAP_OK && i < one.contents.n_rows; i++) {
		rc = mend_verify(m, &one, &one.contents.rows[i], &plain, err);
		n += rc == SNAP_OK;
		rc = raw_is_damage(rc) ? SNAP_OK : rc;
	}
	if (rc == SNAP_OK &&
	    (k->plain.len == 0 || n > *best || (n == *best && trusted))) {
		struct known old = *k;

		*k = one; /* moves, but for the object */
		k->trusted = trusted;
		*best = n;
		one = old;
	}
	pack_contents_fini(&one.contents);
	bytes_fini(&one.plain);
	bytes_fini(&plain);
	return raw_is_damage(rc) ? SNAP_OK : rc;
}

/* The contents that segments have of a pack that cannot say them; none: then
 * nothing is known of it. */
static enum snap_code
ask_index(struct mend *m, struct known *k, struct snap_err *err)
{
	const struct inventory_object *o;
	size_t n = inventory_of(&m->inv, OBJ_INDEX, &o);
	struct snap_err ignored = SNAP_ERR_INIT;
	enum snap_code rc = SNAP_OK;
	uint32_t best = 0;

	for (size_t i = 0; i < n && rc == SNAP_OK; i++) {
		struct index_segment seg;
		struct store_body b;

		if (store_get_body(m->s, OBJ_INDEX, o[i].id, &b, &ignored) !=
		    SNAP_OK)
			continue;
		memset(&seg, 0, sizeof seg);
		if (index_segment_decode(b.body.body, &seg, &ignored) !=
		    SNAP_OK)
			seg.n_packs = 0;
		for (uint32_t j = 0; j < seg.n_packs && rc == SNAP_OK; j++)
			if (seg.packs[j].kind == k->o->kind &&
			    memcmp(seg.packs[j].id, k->o->id, ID_LEN) == 0)
				rc = weigh(m, k, seg.packs[j].contents,
				    store_body_is_current(m->s, &b), &best,
				    err);
		index_segment_fini(&seg);
		store_body_fini(&b);
	}
	return rc;
}

static enum snap_code
learn_once(struct mend *m, struct known *k, struct snap_err *err)
{
	struct raw_pack raw;
	char name[TRANSPORT_NAME_MAX + 1];
	struct object o;
	enum snap_code rc;

	rc = raw_get_pack(m->s, k->o, true, &raw, err);
	if (rc == SNAP_OK) {
		k->damaged = raw_pack_checksum(&raw, err) != SNAP_OK;
		k->object = raw.object; /* moves */
		k->plain = raw.plain;
		k->contents = raw.contents;
		k->by_itself = true;
		return SNAP_OK;
	}
	/* A read that fails says nothing of what is there. */
	if (rc == SNAP_NOTFOUND || rc == SNAP_IO || !raw_is_damage(rc))
		return rc;
	k->damaged = true;
	store_name(k->o->kind, k->o->id, name);
	bytes_clear(&k->object);
	rc = store_fetch(m->s, name, &k->object, err);
	if (rc == SNAP_NOTFOUND || rc == SNAP_IO)
		return rc;
	/* Nor does what is whole, and only too new for us. */
	if (rc == SNAP_OK &&
	    object_parse(bytes_span(&k->object), &o, err) == SNAP_UNSUPPORTED)
		return SNAP_UNSUPPORTED;
	return raw_is_damage(rc) || rc == SNAP_OK ? ask_index(m, k, err) : rc;
}

enum snap_code
mend_learn(struct mend *m, struct known *k, struct snap_err *err)
{
	enum snap_code rc = SNAP_IO;

	for (int i = 0; rc == SNAP_IO && i < READS; i++)
		rc = learn_once(m, k, err);
	return rc;
}

void
mend_learn_trust(struct mend *m, struct known *k)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct store_body b;

	if (!k->by_itself || store_get_contents(m->s, k->o->kind, k->o->id,
				 k->o->size, &b, &ignored) != SNAP_OK)
		return;
	k->trusted = store_body_is_current(m->s, &b);
	store_body_fini(&b);
}
