/* SPDX-License-Identifier: PostgreSQL */
/*
 * replace.c - what is damaged in one pack and whole in another.
 *
 * A backup may store a lost block, or a recipe, anew under the same id.  A copy
 * of a writer replaces no other, so a prune would try for ever to rescue the
 * damaged one.  An owner has opened both, and puts a copy of the whole one in
 * the place of the damaged one: with its origin.  So also where an earlier
 * repair did, and times are others now, since somebody copied the files.
 */
#include <stdlib.h>
#include <string.h>

#include "mend_internal.h"
#include "raw.h"

static int
by_id(const struct mend_loss *l, uint8_t class, const uint8_t *id)
{
	return l->class != class ? l->class - class : memcmp(l->id, id, ID_LEN);
}

/* The first that is not before (class, id): they are sorted. */
static size_t
first_of(const struct mend *m, uint8_t class, const uint8_t *id)
{
	size_t lo = 0, hi = m->n_hurt;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (by_id(&m->hurt[mid], class, id) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int
in_order(const void *a, const void *b)
{
	const struct mend_loss *l = b;

	return by_id(a, l->class, l->id);
}

bool
mend_replaces(struct mend *m, const struct index_pack *pack,
    const struct pack_row *row, bool trusted, const struct mend_loss *l)
{
	const struct inventory_object *o =
	    inventory_find(&m->inv, pack->kind, pack->id);

	return trusted && o != NULL && (row->flags & ROW_ORIGIN) != 0 &&
	       !store_is_condemned(m->s, pack->kind, pack->id) &&
	       memcmp(row->origin_pack, l->origin_pack, ID_LEN) == 0 &&
	       row->origin_time == l->origin_time &&
	       (o->time_ns > l->time ||
		   (o->time_ns == l->time &&
		       memcmp(o->id, l->pack, ID_LEN) > 0));
}

/* A copy that an earlier repair made, or a prune. */
static enum snap_code
note_replaced(struct mend *m, const struct index_pack *pack,
    const struct pack_row *row, bool trusted, void *arg, struct snap_err *err)
{
	(void)arg;
	(void)err;
	if ((row->flags & ROW_SPARSE) != 0)
		return SNAP_OK;
	for (size_t i = first_of(m, row->class, row->id);
	     i < m->n_hurt && by_id(&m->hurt[i], row->class, row->id) == 0;
	     i++) {
		struct mend_loss *l = &m->hurt[i];

		l->is_replaced |= mend_replaces(m, pack, row, trusted, l);
	}
	return SNAP_OK;
}

static enum snap_code
replace(struct mend *m, const struct mend_loss *l, struct snap_err *err)
{
	struct session_row session;
	struct bytes sealed, plain;
	char name[TRANSPORT_NAME_MAX + 1];
	struct pack_row row;
	struct copy c;
	enum snap_code rc;
	bool unread;

	if (!mend_is_stored(m, l, &c, &unread))
		return SNAP_OK;
	bytes_init(&sealed, TRANSPORT_SIZE_MAX);
	bytes_init(&plain, BLOCK_PLAIN_MAX + (64u << 10));
	memset(&row, 0, sizeof row);
	row.class = l->class;
	memcpy(row.id, l->id, ID_LEN);
	row.plain_len = c.plain_len;
	row.codec = c.codec;
	row.epoch = l->class == CLASS_DATA ? 0 : c.epoch;
	row.n_chunks = c.n_chunks;
	row.n_hooks = l->n_hooks;
	memcpy(row.hooks, l->hooks, sizeof row.hooks);
	row.flags = ROW_ORIGIN;
	memcpy(row.origin_pack, l->origin_pack, ID_LEN);
	row.origin_time = l->origin_time;
	if (c.session != NULL) /* the index may be loaded anew meanwhile */
		session = *c.session;
	store_name(c.pack_kind, c.pack, name);
	rc = transport_get(m->s->t, name, c.off, c.sealed_len, &sealed, err);
	if (rc == SNAP_OK)
		rc = store_open_copy(
		    m->s, &c, l->id, bytes_span(&sealed), &plain, err);
	if (rc == SNAP_OK) {
		rc = mendout_add(m, &row, c.session != NULL ? &session : NULL,
		    bytes_span(&sealed), err);
		m->r.n_moved += rc == SNAP_OK;
	} else if (raw_is_damage(rc) || rc == SNAP_NOTFOUND) {
		rc = SNAP_OK; /* the next repair tells of it */
	}
	bytes_fini(&sealed);
	bytes_fini(&plain);
	return rc;
}

enum snap_code
mend_replace(struct mend *m, struct snap_err *err)
{
	enum snap_code rc;

	if (m->n_hurt == 0)
		return SNAP_OK;
	qsort(m->hurt, m->n_hurt, sizeof *m->hurt, in_order);
	rc = mend_each_row(m, true, note_replaced, NULL, err);
	for (size_t i = 0; i < m->n_hurt && rc == SNAP_OK; i++) {
		if (!m->hurt[i].is_replaced)
			rc = replace(m, &m->hurt[i], err);
		if (rc == SNAP_OK)
			rc = report_check(m->s->report, err);
	}
	return rc;
}
