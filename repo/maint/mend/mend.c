/* SPDX-License-Identifier: PostgreSQL */
/*
 * mend.c - read packs, keep of the damaged ones what is good.
 *
 * A frame is good if it opens and hashes to its id, which takes the data key:
 * only an owner can tell.  Good frames are moved as they are, as prune moves
 * them: their rows name the pack they come from, so that the copy makes the
 * old one redundant.
 */
#include <stdlib.h>
#include <string.h>

#include "mend_internal.h"
#include "raw.h"
#include "workers.h"

#define AT_ONCE 4 /* packs in memory */
#define COPIES 8

bool
mend_is_wanted(const struct mend *m, const uint8_t pack[ID_LEN])
{
	if (m->only == NULL)
		return true;
	for (size_t i = 0; i < m->n_only; i++)
		if (memcmp(m->only[i], pack, ID_LEN) == 0)
			return true;
	return false;
}

static enum snap_code
append(struct mend_loss **list, size_t *n, size_t *cap,
    const struct mend_loss *loss, struct snap_err *err)
{
	void *v = *list;
	enum snap_code rc;

	rc = vec_room(&v, cap, *n, sizeof **list, err);
	*list = v;
	if (rc == SNAP_OK)
		(*list)[(*n)++] = *loss;
	return rc;
}

/* ---- the segments */

static enum snap_code
each_pack(struct mend *m, const struct index_segment *seg, bool trusted,
    bool listed, mend_row_fn fn, void *arg, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	for (uint32_t i = 0; i < seg->n_packs && rc == SNAP_OK; i++) {
		const struct index_pack *ip = &seg->packs[i];
		const struct inventory_object *o =
		    inventory_find(&m->inv, ip->kind, ip->id);
		struct pack_contents c;

		if ((o != NULL && o->size == ip->size) != listed)
			continue;
		rc = pack_contents_decode(ip->contents, &c, err);
		if (rc != SNAP_OK)
			break;
		for (uint32_t k = 0; rc == SNAP_OK && k < c.n_rows; k++)
			rc = fn(m, ip, &c.rows[k], trusted, arg, err);
		pack_contents_fini(&c);
	}
	return rc;
}

enum snap_code
mend_each_row(struct mend *m, bool listed, mend_row_fn fn, void *arg,
    struct snap_err *err)
{
	const struct inventory_object *o;
	size_t n = inventory_of(&m->inv, OBJ_INDEX, &o);
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < n && rc == SNAP_OK; i++) {
		struct index_segment seg;
		struct store_body b;

		rc = report_check(m->s->report, err);
		if (rc != SNAP_OK)
			break;
		rc = store_get_body(m->s, OBJ_INDEX, o[i].id, &b, err);
		if (raw_is_damage(rc)) {
			rc = SNAP_OK; /* "repair index" tells of it */
			continue;
		}
		if (rc != SNAP_OK)
			break;
		memset(&seg, 0, sizeof seg);
		rc = index_segment_decode(b.body.body, &seg, err);
		if (rc == SNAP_OK && !inventory_is_void(m->s, &o[i], seg.l0))
			rc = each_pack(m, &seg, store_body_is_current(m->s, &b),
			    listed, fn, arg, err);
		index_segment_fini(&seg);
		store_body_fini(&b);
		if (raw_is_damage(rc))
			rc = SNAP_OK;
	}
	return rc;
}

/* ---- one pack */

/* What the disk or the line does not hand out, or a newer version wrote, may be
 * sound: it is neither lost nor condemned. */
static enum snap_code
leave_unread(struct mend *m, const struct inventory_object *o,
    const struct snap_err *why)
{
	char name[TRANSPORT_NAME_MAX + 1];

	store_name(o->kind, o->id, name);
	report_log(m->s->report, REPORT_WARNING,
	    "%s could not be read, and is left as it is: %s", name, why->msg);
	pthread_mutex_lock(&m->lock);
	m->r.n_unread++;
	pthread_mutex_unlock(&m->lock);
	return SNAP_OK;
}

/* Prune's rule: a copy of a copy has the origin of the first. */
static void
set_origin(const struct known *k, struct pack_row *row)
{
	if ((row->flags & ROW_ORIGIN) == 0 || !k->trusted) {
		memcpy(row->origin_pack, k->o->id, ID_LEN);
		row->origin_time = k->o->time_ns;
	}
	row->flags |= ROW_ORIGIN;
}

/* Was it moved by an earlier repair, which condemned its pack? */
static bool
is_elsewhere(struct mend *m, const struct known *k, const struct pack_row *row)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct copy copies[COPIES];
	struct bytes plain;
	bool good = false;
	size_t n;

	n = store_copies(m->s, row->class, row->id, copies, COPIES);
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	for (size_t i = 0; i < n && !good; i++) {
		if (copies[i].condemned ||
		    (copies[i].flags & ROW_SPARSE) !=
			(row->flags & ROW_SPARSE) ||
		    (copies[i].pack_kind == k->o->kind &&
			memcmp(copies[i].pack, k->o->id, ID_LEN) == 0))
			continue;
		bytes_clear(&plain);
		good = store_read_copy(m->s, &copies[i], row->id, &plain,
			   &ignored) == SNAP_OK;
	}
	bytes_fini(&plain);
	return good;
}

static enum snap_code
lose_row(struct mend *m, const struct known *k, const struct pack_row *row,
    bool hurt_only, struct snap_err *err)
{
	struct pack_row r = *row;
	struct mend_loss loss;

	memset(&loss, 0, sizeof loss);
	memcpy(loss.pack, k->o->id, ID_LEN);
	loss.time = k->o->time_ns;
	set_origin(k, &r);
	loss.class = r.class;
	memcpy(loss.id, r.id, ID_LEN);
	loss.n_chunks = r.n_chunks;
	loss.n_hooks = r.n_hooks;
	memcpy(loss.hooks, r.hooks, sizeof loss.hooks);
	loss.has_origin = true;
	memcpy(loss.origin_pack, r.origin_pack, ID_LEN);
	loss.origin_time = r.origin_time;
	if (hurt_only)
		return append(&m->hurt, &m->n_hurt, &m->hurt_cap, &loss, err);
	return append(&m->lost, &m->n_lost, &m->lost_cap, &loss, err);
}

/* A list has ids without kinds: it would condemn the other one as well. */
static bool
has_twin(
    const struct mend *m, const struct inventory_object *o, const char *name)
{
	uint8_t other = o->kind == OBJ_DATA ? OBJ_META : OBJ_DATA;
	char twin[TRANSPORT_NAME_MAX + 1];

	if (inventory_find(&m->inv, other, o->id) == NULL)
		return false;
	store_name(other, o->id, twin);
	report_log(m->s->report, REPORT_WARNING,
	    "%s is not condemned, for %s has the same id: delete the one that "
	    "is no pack of this repository",
	    name, twin);
	return true;
}

/* A pack of which something is bad: the lock is held. */
static enum snap_code
salvage_pack(struct mend *m, const struct known *k, const bool *bad,
    struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	bool condemned = store_is_condemned(m->s, k->o->kind, k->o->id);
	enum snap_code rc = SNAP_OK;
	void *v = m->condemn;
	uint32_t n_bad = 0;

	for (uint32_t i = 0; i < k->contents.n_rows && rc == SNAP_OK; i++) {
		struct pack_row row = k->contents.rows[i];

		n_bad += bad[i];
		if (bad[i]) {
			rc = lose_row(m, k, &row, false, err);
			continue;
		}
		if (condemned && is_elsewhere(m, k, &row)) {
			if ((row.flags & ROW_SPARSE) == 0)
				rc = lose_row(m, k, &row, true, err);
			continue;
		}
		set_origin(k, &row);
		rc = mendout_add(m, &row,
		    row.class == CLASS_DATA ? &k->contents.sessions[row.session]
					    : NULL,
		    span_of(k->object.p + row.off, row.sealed_len), err);
		m->r.n_moved += rc == SNAP_OK;
	}
	store_name(k->o->kind, k->o->id, name);
	report_log(m->s->report, REPORT_WARNING,
	    "%s is damaged: %lu of %lu frames are lost", name,
	    (unsigned long)n_bad, (unsigned long)k->contents.n_rows);
	m->r.n_damaged++;
	if (rc != SNAP_OK || condemned || has_twin(m, k->o, name))
		return rc;
	rc = vec_room(
	    &v, &m->condemn_cap, m->n_condemn, sizeof *m->condemn, err);
	m->condemn = v;
	if (rc == SNAP_OK)
		memcpy(m->condemn[m->n_condemn++], k->o->id, ID_LEN);
	return rc;
}

static enum snap_code
mend_pack(void *arg, void *job, struct snap_err *err)
{
	struct mend *m = arg;
	struct known k = { .o = job };
	struct bytes plain;
	bool *bad = NULL;
	enum snap_code rc;

	if ((k.o->kind != OBJ_DATA && k.o->kind != OBJ_META) ||
	    !mend_is_wanted(m, k.o->id))
		return SNAP_OK;
	bytes_init(&k.object, TRANSPORT_SIZE_MAX);
	bytes_init(&k.plain, TRANSPORT_SIZE_MAX);
	bytes_init(&plain, BLOCK_PLAIN_MAX + (64u << 10));
	rc = report_check(m->s->report, err);
	if (rc == SNAP_OK)
		rc = mend_learn(m, &k, err);
	if (rc == SNAP_IO || rc == SNAP_UNSUPPORTED) {
		rc = leave_unread(m, k.o, err);
		goto out;
	}
	if (rc != SNAP_OK)
		goto out;
	report_done(m->s->report, k.object.len);
	bad = calloc((size_t)k.contents.n_rows + 1, sizeof *bad);
	if (bad == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "not enough memory");
	for (uint32_t i = 0; i < k.contents.n_rows && rc == SNAP_OK; i++) {
		rc = mend_verify(m, &k, &k.contents.rows[i], &plain, err);
		if (raw_is_damage(rc)) {
			bad[i] = k.damaged = true;
			rc = SNAP_OK;
		}
	}
	if (rc == SNAP_OK && k.damaged)
		mend_learn_trust(m, &k);
	pthread_mutex_lock(&m->lock);
	m->r.n_packs++;
	m->r.bytes_read += k.object.len;
	if (rc == SNAP_OK && k.damaged)
		rc = salvage_pack(m, &k, bad, err);
	if (rc == SNAP_OK)
		rc = mendout_tick(m, err);
	pthread_mutex_unlock(&m->lock);
out:
	if (rc == SNAP_NOTFOUND)
		rc = SNAP_OK; /* pruned meanwhile */
	free(bad);
	bytes_fini(&plain);
	known_fini(&k);
	return rc;
}

/* ---- packs that are gone */

static enum snap_code
lose_missing(struct mend *m, const struct index_pack *pack,
    const struct pack_row *row, bool trusted, void *arg, struct snap_err *err)
{
	struct mend_loss loss;

	(void)trusted;
	(void)arg;
	if (!mend_is_wanted(m, pack->id))
		return SNAP_OK;
	memset(&loss, 0, sizeof loss);
	loss.class = row->class;
	memcpy(loss.id, row->id, ID_LEN);
	loss.n_chunks = row->n_chunks;
	loss.n_hooks = row->n_hooks;
	memcpy(loss.hooks, row->hooks, sizeof loss.hooks);
	return append(&m->lost, &m->n_lost, &m->lost_cap, &loss, err);
}

/* Copies in several packs: those that say what they replace first. */
static int
loss_order(const void *a, const void *b)
{
	const struct mend_loss *x = a, *y = b;
	int d = x->class - y->class;

	if (d == 0)
		d = memcmp(x->id, y->id, ID_LEN);
	if (d == 0)
		d = y->has_origin - x->has_origin;
	return d != 0 ? d : memcmp(x->origin_pack, y->origin_pack, ID_LEN);
}

/* Is it a loss of its own beside the last one of the same block?  A new copy
 * takes the place of all of one origin that are older. */
static bool
is_another(struct mend_loss *last, const struct mend_loss *l)
{
	if (!l->has_origin)
		return false;
	if (memcmp(last->origin_pack, l->origin_pack, ID_LEN) != 0)
		return true;
	if (l->time > last->time) {
		last->time = l->time;
		memcpy(last->pack, l->pack, ID_LEN);
	}
	return false;
}

bool
mend_same(const struct mend_loss *x, const struct mend_loss *y)
{
	return x->class == y->class && memcmp(x->id, y->id, ID_LEN) == 0;
}

bool
mend_is_stored(
    struct mend *m, const struct mend_loss *l, struct copy *where, bool *unread)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct copy copies[COPIES], last;
	struct bytes plain;
	bool good = false;
	enum snap_code rc;
	size_t n;

	*unread = false;
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	n = store_copies(m->s, l->class, l->id, copies, COPIES);
	while (n > 0 && !good) {
		for (size_t i = 0; i < n && !good; i++) {
			if ((copies[i].flags & ROW_SPARSE) != 0)
				continue;
			bytes_clear(&plain);
			rc = store_read_copy(
			    m->s, &copies[i], l->id, &plain, &ignored);
			*unread |= rc == SNAP_IO;
			good = rc == SNAP_OK;
			if (good)
				*where = copies[i];
		}
		last = copies[n - 1];
		n = store_copies_after(
		    m->s, l->class, l->id, &last, copies, COPIES);
	}
	bytes_fini(&plain);
	return good;
}

/* What some copy has after all is not lost.  A directory is never a loss. */
static enum snap_code
forget_found(struct mend *m, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct copy where;
	bool unread;
	size_t n = 0;

	if (m->n_lost != 0)
		qsort(m->lost, m->n_lost, sizeof *m->lost, loss_order);
	for (size_t i = 0; i < m->n_lost && rc == SNAP_OK; i++) {
		const struct mend_loss *l = &m->lost[i];

		if (n > 0 && mend_same(&m->lost[n - 1], l)) {
			if (is_another(&m->lost[n - 1], l))
				m->lost[n++] = *l;
			continue;
		}
		if (mend_is_stored(m, l, &where, &unread)) {
			if (l->has_origin)
				rc = append(
				    &m->hurt, &m->n_hurt, &m->hurt_cap, l, err);
			continue;
		}
		if (unread)
			continue; /* in a pack that is left as it is */
		m->r.n_lost += l->class != CLASS_DIR;
		m->lost[n++] = *l;
	}
	m->n_lost = n;
	return rc;
}

static enum snap_code
mend_all(struct mend *m, struct snap_err *err)
{
	enum snap_code rc;

	rc = store_look(m->s, err);
	if (rc == SNAP_OK)
		rc = store_may_write(m->s, err);
	if (rc == SNAP_OK)
		rc = inventory_load(m->s, &m->inv, err);
	if (rc == SNAP_OK)
		rc = workers_each(AT_ONCE, mend_pack, m, m->inv.v, m->inv.n,
		    sizeof *m->inv.v, err);
	if (rc == SNAP_OK)
		rc = mend_each_row(m, false, lose_missing, NULL, err);
	if (rc != SNAP_OK)
		return rc;
	rc = forget_found(m, err);
	if (rc == SNAP_OK)
		rc = mend_rebuild(m, err);
	if (rc == SNAP_OK)
		rc = mend_replace(m, err);
	if (rc == SNAP_OK)
		rc = mendout_flush(m, err);
	if (rc == SNAP_OK)
		rc = mendout_condemn(m, err);
	if (rc == SNAP_OK)
		rc = store_look(m->s, err);
	if (rc == SNAP_OK && m->only == NULL)
		rc = mend_remake(m, err);
	return rc;
}

enum snap_code
maint_repair_packs(struct store *s, const uint8_t (*only)[ID_LEN],
    size_t n_only, struct repo_mend_result *out, struct snap_err *err)
{
	struct mend m = { .s = s, .only = only, .n_only = n_only };
	enum snap_code rc;

	if (!s->keys->owner || !s->keys->maintenance)
		return snap_fail(err, SNAP_DENIED,
		    "only the owner can tell what is damaged, and condemn it");
	if (pthread_mutex_init(&m.lock, NULL) != 0)
		return snap_fail(err, SNAP_NOMEM, "no memory for a lock");
	keys_random(m.run_id, sizeof m.run_id);
	rc = mend_all(&m, err);
	if (rc == SNAP_OK)
		*out = m.r;
	mendout_fini(&m);
	inventory_fini(&m.inv);
	free(m.lost);
	free(m.hurt);
	free(m.condemn);
	pthread_mutex_destroy(&m.lock);
	return rc;
}
