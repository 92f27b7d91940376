/* SPDX-License-Identifier: PostgreSQL */
/*
 * view.c - what the store holds, as prune believes it.
 *
 * The order of the listings is what makes it safe: condemned/ first, then
 * (roots.c) the snapshots, then index/, then packs, so that what a snapshot
 * needs is listed behind it.  Writers' segments are not signed and whoever may
 * put objects could tell lies in one about another's pack, so there the pack's
 * own contents count; a segment that prune signed was made of those.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cached.h"
#include "raw.h"
#include "rule.h"
#include "view.h"
#include "warn.h"
#include "workers.h"

#define READERS 16

static enum snap_code
no_memory(struct snap_err *err)
{
	return snap_fail(
	    err, SNAP_NOMEM, "not enough memory for all that is stored");
}

/* ---- segments and packs, listed */

static enum snap_code
add_segment(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct view *v = arg;
	struct view_segment *seg;
	uint8_t id[ID_LEN], kind;
	void *p;

	if (!store_name_parse(name, &kind, id) || kind != OBJ_INDEX)
		return SNAP_OK;
	p = v->segments;
	if (vec_room(&p, &v->segments_cap, v->n_segments, sizeof *v->segments,
		err) != SNAP_OK)
		return err->code;
	v->segments = p;
	seg = &v->segments[v->n_segments++];
	memset(seg, 0, sizeof *seg);
	memcpy(seg->id, id, ID_LEN);
	seg->time = st->time_ns;
	if (st->time_ns > v->newest)
		v->newest = st->time_ns;
	seg->size = st->size;
	return SNAP_OK;
}

static enum snap_code
add_pack(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct view *v = arg;
	struct view_pack *pk;
	uint8_t id[ID_LEN], kind;
	void *p;

	if (!store_name_parse(name, &kind, id) ||
	    (kind != OBJ_DATA && kind != OBJ_META))
		return SNAP_OK;
	p = v->packs;
	if (vec_room(&p, &v->packs_cap, v->n_packs, sizeof *v->packs, err) !=
	    SNAP_OK)
		return err->code;
	v->packs = p;
	pk = &v->packs[v->n_packs++];
	memset(pk, 0, sizeof *pk);
	memcpy(pk->id, id, ID_LEN);
	pk->kind = kind;
	pk->time = pk->oldest = st->time_ns;
	if (st->time_ns > v->newest)
		v->newest = st->time_ns;
	/* No pack is that large: it is none, and no segment names it so. */
	pk->size = st->size > TRANSPORT_SIZE_MAX ? 0 : (uint32_t)st->size;
	return report_check(v->s->report, err);
}

static int
segment_order(const void *a, const void *b)
{
	const struct view_segment *x = a, *y = b;

	return memcmp(x->id, y->id, ID_LEN);
}

/* Twice: another prune may put a segment that a listing has passed, and then
 * delete those that it was made of before the listing comes to them. */
static enum snap_code
list_segments(struct view *v, struct snap_err *err)
{
	enum snap_code rc;
	size_t n = 0;

	rc = transport_list(v->s->t, "index/", add_segment, v, err);
	if (rc == SNAP_OK)
		rc = transport_list(v->s->t, "index/", add_segment, v, err);
	if (v->n_segments != 0)
		qsort(v->segments, v->n_segments, sizeof *v->segments,
		    segment_order);
	for (size_t i = 0; i < v->n_segments; i++)
		if (n == 0 ||
		    segment_order(&v->segments[n - 1], &v->segments[i]) != 0)
			v->segments[n++] = v->segments[i];
	v->n_segments = n;
	return rc;
}

static int
pack_order(const void *a, const void *b)
{
	const struct view_pack *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return memcmp(x->id, y->id, ID_LEN);
}

struct view_pack *
view_pack(const struct view *v, uint8_t kind, const uint8_t id[ID_LEN])
{
	struct view_pack key;

	memcpy(key.id, id, ID_LEN);
	key.kind = kind;
	return v->n_packs == 0 ? NULL
			       : bsearch(&key, v->packs, v->n_packs,
				     sizeof *v->packs, pack_order);
}

static enum snap_code
list_packs(struct view *v, struct snap_err *err)
{
	enum snap_code rc;
	size_t n = 0;

	rc = transport_list(v->s->t, "data/", add_pack, v, err);
	if (rc == SNAP_OK)
		rc = transport_list(v->s->t, "meta/", add_pack, v, err);
	if (v->n_packs != 0)
		qsort(v->packs, v->n_packs, sizeof *v->packs, pack_order);
	for (size_t i = 0; i < v->n_packs; i++)
		if (n == 0 || pack_order(&v->packs[n - 1], &v->packs[i]) != 0)
			v->packs[n++] = v->packs[i];
	v->n_packs = n;
	return rc;
}

/* ---- copies */

/* Whose word it is where copies come from. */
enum origins {
	ORIGINS_CLAIMED, /* anybody's: it counts for nothing */
	ORIGINS_OLD,     /* of an epoch that is over: it may keep a copy */
	ORIGINS_TRUE
};

static enum origins
origins_by(struct view *v, const struct store_body *b)
{
	if (store_body_is_current(v->s, b))
		return ORIGINS_TRUE;
	return store_body_is_maintenance(b) ? ORIGINS_OLD : ORIGINS_CLAIMED;
}

static enum snap_code
add_extra(struct view *v, struct view_pack *pk, const struct pack_row *r,
    enum origins by, uint32_t *number, struct snap_err *err)
{
	struct view_extra *x;
	void *p;

	p = v->extras;
	if (vec_room(&p, &v->extras_cap, v->n_extras, sizeof *v->extras, err) !=
	    SNAP_OK)
		return err->code;
	v->extras = p;
	x = &v->extras[v->n_extras];
	memset(x, 0, sizeof *x);
	x->bits = BITS_ALL;
	if ((r->flags & ROW_ORIGIN) != 0 &&
	    (by == ORIGINS_TRUE || !RULE(signed_origin))) {
		x->has_origin = true;
		memcpy(x->origin, r->origin_pack, ID_LEN);
		x->origin_time = r->origin_time;
	}
	if ((r->flags & ROW_ORIGIN) != 0 && r->origin_time < pk->oldest &&
	    (by != ORIGINS_CLAIMED || !RULE(signed_origin)))
		pk->oldest = r->origin_time;
	*number = (uint32_t)v->n_extras++;
	if ((r->flags & ROW_SPARSE) != 0)
		return bitfile_put(
		    &v->bits, &x->bits, r->n_chunks, r->bitmap.p, err);
	return SNAP_OK;
}

static enum snap_code
add_copy(struct view *v, uint32_t pack, const struct pack_row *r,
    enum origins by, struct snap_err *err)
{
	struct view_copy *c;
	enum snap_code rc = SNAP_OK;
	void *p;

	p = v->copies;
	if (vec_room(&p, &v->copies_cap, v->n_copies, sizeof *v->copies, err) !=
	    SNAP_OK)
		return err->code;
	v->copies = p;
	c = &v->copies[v->n_copies];
	memset(c, 0, sizeof *c);
	memcpy(c->id, r->id, ID_LEN);
	c->class = r->class;
	c->pack = pack;
	c->n_chunks = r->class == CLASS_DATA ? r->n_chunks : 0;
	c->sealed_len = r->sealed_len;
	c->live = BITS_NONE;
	c->extra = NOWHERE;
	if (r->flags != 0)
		rc = add_extra(v, &v->packs[pack], r, by, &c->extra, err);
	if (rc == SNAP_OK)
		v->n_copies++;
	return rc;
}

void
view_print(struct span contents, uint8_t print[ID_LEN])
{
	uint8_t sum[32];

	keys_fingerprint(contents, sum);
	memcpy(print, sum, ID_LEN);
}

static enum snap_code
add_contents(struct view *v, struct view_pack *pk, struct span contents,
    enum origins by, struct snap_err *err)
{
	uint32_t number = (uint32_t)(pk - v->packs);
	struct pack_contents pc;
	enum snap_code rc;

	if (pk->read)
		return SNAP_OK;
	rc = pack_contents_decode(contents, &pc, err);
	if (rc != SNAP_OK)
		return rc;
	memcpy(pk->run, pc.run_id, ID_LEN);
	view_print(contents, pk->print);
	for (uint32_t i = 0; i < pc.n_rows && rc == SNAP_OK; i++) {
		rc = add_copy(v, number, &pc.rows[i], by, err);
		pk->bytes += pc.rows[i].sealed_len;
	}
	pk->read = true;
	pk->trusted = by == ORIGINS_TRUE;
	pack_contents_fini(&pc);
	return rc;
}

static enum snap_code
add_missing(struct view *v, const uint8_t id[ID_LEN], struct snap_err *err)
{
	void *p = v->missing;
	enum snap_code rc;

	rc = vec_room(
	    &p, &v->missing_cap, v->n_missing, sizeof *v->missing, err);
	v->missing = p;
	if (rc == SNAP_OK)
		memcpy(v->missing[v->n_missing++], id, ID_LEN);
	return rc;
}

/* Which packs it names; of a segment that prune signed, also what they hold. */
static enum snap_code
take_segment(struct view *v, struct view_segment *seg,
    const struct index_segment *is, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	memcpy(seg->run, is->run_id, ID_LEN);
	seg->n_packs = is->n_packs;
	seg->packs = calloc((size_t)is->n_packs + 1, sizeof *seg->packs);
	if (seg->packs == NULL)
		return no_memory(err);
	for (uint32_t i = 0; i < is->n_packs && rc == SNAP_OK; i++) {
		const struct index_pack *ip = &is->packs[i];
		struct view_pack *pk = view_pack(v, ip->kind, ip->id);

		if (pk == NULL || pk->size != ip->size) {
			seg->stale = true;
			rc = add_missing(v, ip->id, err);
			continue;
		}
		pk->named = true;
		seg->packs[seg->n_listed++] = (uint32_t)(pk - v->packs);
		if (seg->trusted || !RULE(own_contents))
			rc = add_contents(
			    v, pk, ip->contents, ORIGINS_TRUE, err);
	}
	return rc;
}

static enum snap_code
read_segment(struct view *v, struct view_segment *seg, struct snap_err *err)
{
	struct index_segment is;
	struct store_body b;
	char hex[2 * ID_LEN + 1];
	enum snap_code rc;

	rc = report_check(v->s->report, err);
	if (rc == SNAP_OK)
		rc = cached_get(v->s, OBJ_INDEX, seg->id, seg->size, &b, err);
	if (raw_is_damage(rc)) {
		hex_encode(seg->id, ID_LEN, hex);
		store_warn(v->s, "index/%s cannot be read: %s", hex, err->msg);
		seg->damaged = true;
		return SNAP_OK;
	}
	if (rc != SNAP_OK)
		return rc;
	rc = index_segment_decode(b.body.body, &is, err);
	if (rc == SNAP_OK) {
		seg->is_void = store_is_void(v->s, is.l0, seg->time);
		seg->trusted = store_body_is_current(v->s, &b);
		seg->is_old = !seg->trusted && store_body_is_maintenance(&b);
		if (!seg->is_void)
			rc = take_segment(v, seg, &is, err);
		index_segment_fini(&is);
	} else if (rc == SNAP_CORRUPT) {
		seg->damaged = true;
		rc = SNAP_OK;
	}
	store_body_fini(&b);
	return rc;
}

/* ---- packs that only writers named: what they say themselves */

struct readers {
	struct view *v;
	pthread_mutex_t lock;
};

static enum snap_code
read_contents(void *arg, void *job, struct snap_err *err)
{
	struct readers *r = arg;
	struct view *v = r->v;
	struct view_pack *pk = job;
	char name[TRANSPORT_NAME_MAX + 1];
	struct store_body b;
	enum snap_code rc;

	rc = report_check(v->s->report, err);
	if (rc == SNAP_OK)
		rc = store_get_contents(
		    v->s, pk->kind, pk->id, pk->size, &b, err);
	(void)pthread_mutex_lock(&r->lock);
	if (rc == SNAP_OK) {
		rc = add_contents(v, pk, b.body.body, origins_by(v, &b), err);
		store_body_fini(&b);
	}
	if (raw_is_damage(rc)) {
		store_name(pk->kind, pk->id, name);
		store_warn(
		    v->s, "%s cannot be read, and stays: %s", name, err->msg);
		pk->unreadable = true;
		rc = SNAP_OK;
	}
	(void)pthread_mutex_unlock(&r->lock);
	return rc;
}

static enum snap_code
read_packs(struct view *v, struct snap_err *err)
{
	struct readers r = { .v = v };
	struct workers *w = NULL;
	enum snap_code rc;

	if (pthread_mutex_init(&r.lock, NULL) != 0)
		return no_memory(err);
	rc = workers_new(READERS, READERS, read_contents, NULL, &r, &w, err);
	for (size_t i = 0; i < v->n_packs && rc == SNAP_OK; i++)
		if (v->packs[i].named && !v->packs[i].read)
			rc = workers_push(w, &v->packs[i], err);
	if (rc == SNAP_OK)
		rc = workers_wait(w, err);
	workers_free(w);
	(void)pthread_mutex_destroy(&r.lock);
	return rc;
}

static int
copy_order(const void *a, const void *b)
{
	const struct view_copy *x = a, *y = b;
	int order;

	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	order = memcmp(x->id, y->id, ID_LEN);
	return order != 0 ? order : (x->pack > y->pack) - (x->pack < y->pack);
}

/* What a segment names that cannot be read looks like an orphan, and a block of
 * it like one of which there is but a copy that somebody else put.  So packs
 * stay that were there when it came, until another segment names them. */
static void
keep_unnamed(struct view *v)
{
	int64_t newest = -1;

	for (size_t i = 0; i < v->n_segments; i++)
		if (v->segments[i].damaged && v->segments[i].time > newest)
			newest = v->segments[i].time;
	for (size_t i = 0; i < v->n_packs && RULE(unnamed); i++)
		if (!v->packs[i].named && v->packs[i].time <= newest)
			v->packs[i].unreadable = true;
}

enum snap_code
view_load(struct view *v, int64_t grace, struct snap_err *err)
{
	enum snap_code rc;

	rc = list_segments(v, err);
	if (rc == SNAP_OK)
		rc = list_packs(v, err);
	if (rc != SNAP_OK)
		return rc;
	view_mark_condemned(v, grace);
	for (size_t i = 0; i < v->n_segments && rc == SNAP_OK; i++)
		rc = read_segment(v, &v->segments[i], err);
	if (rc == SNAP_OK)
		rc = read_packs(v, err);
	if (rc == SNAP_OK)
		keep_unnamed(v);
	if (rc == SNAP_OK && v->n_copies != 0)
		qsort(v->copies, v->n_copies, sizeof *v->copies, copy_order);
	return rc;
}

void
view_fini(struct view *v)
{
	for (size_t i = 0; i < v->n_lists; i++)
		free(v->lists[i].packs);
	free(v->lists);
	free(v->copies);
	free(v->extras);
	free(v->packs);
	for (size_t i = 0; i < v->n_segments; i++)
		free(v->segments[i].packs);
	free(v->segments);
	free(v->missing);
	bitfile_fini(&v->bits);
	memset(v, 0, sizeof *v);
}

struct view_copy *
view_find(struct view *v, uint8_t class, const uint8_t id[ID_LEN], size_t *n)
{
	size_t from = 0, to = v->n_copies;
	struct view_copy key;

	key.class = class;
	memcpy(key.id, id, ID_LEN);
	key.pack = 0;
	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (copy_order(&v->copies[mid], &key) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	for (*n = 0; from + *n < v->n_copies; (*n)++) {
		const struct view_copy *c = &v->copies[from + *n];

		if (c->class != class || memcmp(c->id, id, ID_LEN) != 0)
			break;
	}
	return *n == 0 ? NULL : &v->copies[from];
}
