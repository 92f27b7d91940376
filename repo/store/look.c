/* SPDX-License-Identifier: PostgreSQL */
/*
 * look.c - one look at the store: condemned, index, packs, in this order.
 *
 * The order is what makes it safe: l0 is taken before condemned/ is read, and
 * a pack is condemned long before it goes.  Segments are immutable, so a
 * later look reads only those that are new.
 */
#include <stdlib.h>
#include <string.h>

#include "blockindex.h"
#include "fetch.h"
#include "lists.h"
#include "rule.h"
#include "run.h"
#include "store_internal.h"
#include "warn.h"
#include "watch.h"
#include "workers.h"

#define NS_PER_S INT64_C(1000000000)
#define LOADERS_MIN 4 /* fewer segments of a disk are loaded one by one */
#define LOADED_MAX ((uint64_t)32 << 20) /* bytes of segments at once */

static int64_t
half_grace(const struct store *s)
{
	return (int64_t)s->config.grace_s * NS_PER_S / 2;
}

static bool
is_late(const struct store *s, int64_t l0, int64_t time)
{
	return l0 < 0 || l0 > INT64_MAX - half_grace(s) ||
	       time >= l0 + half_grace(s);
}

int64_t
store_time(const struct store *s, int64_t l0, int64_t listed)
{
	bool copied = !transport_time_is_visibility(s->t) || l0 < s->config_ns;

	return copied && l0 < listed ? l0 : listed;
}

bool
store_is_void(const struct store *s, int64_t l0, int64_t listed)
{
	return l0 < 0 ||
	       (is_late(s, l0, store_time(s, l0, listed)) && RULE(void));
}

static void
watch_condemned(
    struct store *s, const uint8_t *id, const uint8_t *packs, uint32_t n)
{
	if (s->watch == NULL)
		return;
	(void)pthread_mutex_lock(&s->state->lock);
	s->watch->condemned(s->watch->arg, id, packs, n);
	(void)pthread_mutex_unlock(&s->state->lock);
}

/* A list has ids without kinds. */
static enum snap_code
condemn_both(struct store *s, const uint8_t *pack, struct snap_err *err)
{
	enum snap_code rc = blockindex_condemn(s->index, OBJ_DATA, pack, err);

	return rc == SNAP_OK ? blockindex_condemn(s->index, OBJ_META, pack, err)
			     : rc;
}

static enum snap_code
apply_condemned(struct store *s, const struct listed *at, struct span body,
    struct snap_err *err)
{
	struct condemned_body c;
	enum snap_code rc;

	rc = condemned_decode(body, &c, err);
	if (rc != SNAP_OK || store_is_void(s, c.l0, at->time))
		return rc;
	for (uint32_t i = 0; i < c.n_packs && rc == SNAP_OK; i++)
		rc = condemn_both(s, c.packs + (size_t)i * ID_LEN, err);
	if (rc == SNAP_OK)
		watch_condemned(s, at->id, c.packs, c.n_packs);
	return rc;
}

/* What is not prune's word is reported and counts for nothing: prune itself
 * stops at what it cannot read, so nothing is deleted on such ground.  One
 * that the store cannot give, or that a newer version wrote, may condemn what
 * a run would refer to: store_may_write(). */
static enum snap_code
read_condemned(void *arg, void *job, struct snap_err *err)
{
	const struct listed *at = job;
	struct store *s = arg;
	char name[TRANSPORT_NAME_MAX + 1];
	struct store_body b;
	enum snap_code rc;

	if (blockindex_seen(s->index, OBJ_CONDEMNED, at->id))
		return SNAP_OK;
	watch_condemned(s, at->id, NULL, 0);
	store_name(OBJ_CONDEMNED, at->id, name);
	rc = store_get_body(s, OBJ_CONDEMNED, at->id, &b, err);
	if (rc == SNAP_CORRUPT) /* perhaps only on its way to us */
		rc = store_get_body(s, OBJ_CONDEMNED, at->id, &b, err);
	if (rc == SNAP_NOTFOUND) { /* retired meanwhile: its packs are gone */
		(void)pthread_mutex_lock(&s->state->lock);
		s->state->retired = true;
		(void)pthread_mutex_unlock(&s->state->lock);
		return SNAP_OK;
	}
	if (rc == SNAP_OK) {
		if (store_body_is_maintenance(&b) || !RULE(signed_lists))
			rc = apply_condemned(s, at, b.body.body, err);
		else
			rc = snap_fail(err, SNAP_CORRUPT,
			    "%s is not signed by the owner", name);
		store_body_fini(&b);
	}
	if (rc == SNAP_CORRUPT) {
		report_log(s->report, REPORT_WARNING, "ignored: %s", err->msg);
		rc = SNAP_OK;
	}
	if (rc == SNAP_IO || rc == SNAP_UNSUPPORTED) {
		store_warn(s, "left out: %s", err->msg);
		(void)pthread_mutex_lock(&s->state->lock);
		s->state->unread = true;
		s->state->why_unread = *err;
		(void)pthread_mutex_unlock(&s->state->lock);
		return SNAP_OK; /* the next look tries again */
	}
	return rc != SNAP_OK ? rc
			     : blockindex_add_condemned(s->index, at->id, err);
}

static enum snap_code
take_segment(struct store *s, const struct listed *at, struct span raw,
    struct snap_err *err)
{
	struct index_segment seg;
	struct store_body b;
	bool trusted;
	enum snap_code rc;

	rc = store_open_body(s, OBJ_INDEX, at->id, raw, &b, err);
	if (rc != SNAP_OK)
		return rc;
	trusted = store_body_is_current(s, &b);
	rc = index_segment_decode(b.body.body, &seg, err);
	if (rc == SNAP_OK) {
		rc = blockindex_add(s->index, at->id,
		    store_is_void(s, seg.l0, at->time) ? NULL : &seg, trusted,
		    false, err);
		index_segment_fini(&seg);
	}
	store_body_fini(&b);
	return rc;
}

static enum snap_code
load_segment(void *arg, void *job, struct snap_err *err)
{
	const struct listed *at = job;
	struct store *s = arg;
	char name[TRANSPORT_NAME_MAX + 1];
	struct bytes raw;
	enum snap_code rc;

	bytes_init(&raw, TRANSPORT_SIZE_MAX);
	if (cache_get(s->state->cache, CACHE_INDEX, at->id, TRANSPORT_SIZE_MAX,
		&raw)) {
		rc = take_segment(s, at, bytes_span(&raw), err);
		if (rc != SNAP_CORRUPT && rc != SNAP_UNSUPPORTED)
			goto out;
	}
	bytes_clear(&raw);
	store_name(OBJ_INDEX, at->id, name);
	rc = store_fetch(s, name, &raw, err);
	if (rc == SNAP_OK) {
		rc = take_segment(s, at, bytes_span(&raw), err);
		if (rc == SNAP_OK)
			cache_put(s->state->cache, CACHE_INDEX, at->id,
			    bytes_span(&raw));
	}
	if (rc == SNAP_NOTFOUND) {
		rc = SNAP_OK; /* prune has merged it meanwhile */
	} else if (rc == SNAP_CORRUPT || rc == SNAP_UNSUPPORTED ||
		   rc == SNAP_IO) {
		/* What only it knows of is not found, and stored again. */
		if (rc == SNAP_IO)
			store_warn(s,
			    "%s cannot be read: %s; `repair index` rebuilds it",
			    name, err->msg);
		else if (rc == SNAP_CORRUPT)
			store_warn(s,
			    "%s is damaged; `repair index` rebuilds it", name);
		else
			store_warn(s, "left out: %s", err->msg);
		rc = blockindex_add(s->index, at->id, NULL, false, false, err);
	}
out:
	bytes_fini(&raw);
	return rc;
}

/* How many at once: what they hold in memory counts as well. */
static size_t
loaders(const struct store *s, const struct listing *l, size_t n)
{
	uint64_t most = 1;

	for (size_t i = 0; i < n; i++)
		most = l->v[i].size > most ? l->v[i].size : most;
	if (n < LOADERS_MIN && s->n_requests == 1)
		return 1;
	if (s->n_requests > s->n_threads && most <= LOADED_MAX / s->n_requests)
		return s->n_requests;
	return s->n_threads;
}

static enum snap_code
load_segments(struct store *s, struct listing *l, struct snap_err *err)
{
	size_t n = 0;

	/* Those known are only marked; the others move to the front. */
	for (size_t i = 0; i < l->n; i++)
		if (!blockindex_seen(s->index, OBJ_INDEX, l->v[i].id))
			l->v[n++] = l->v[i];
	return workers_each(
	    loaders(s, l, n), load_segment, s, l->v, n, sizeof *l->v, err);
}

/* Where segments disagree about a pack, the pack's own contents decide. */
static enum snap_code
settle(struct store *s, const struct pack *p, struct snap_err *err)
{
	struct index_pack truth;
	struct store_body b;
	enum snap_code rc;

	rc = store_get_contents(s, p->kind, p->id, p->listed_size, &b, err);
	if (rc == SNAP_OK) {
		memcpy(truth.id, p->id, ID_LEN);
		truth.kind = p->kind;
		truth.size = p->listed_size;
		truth.contents = b.body.body;
		rc = blockindex_settle(
		    s->index, &truth, store_body_is_current(s, &b), err);
		store_body_fini(&b);
	}
	if (rc == SNAP_CORRUPT || rc == SNAP_NOTFOUND ||
	    rc == SNAP_UNSUPPORTED || rc == SNAP_IO || rc == SNAP_DENIED) {
		report_log(s->report, REPORT_WARNING,
		    "index segments disagree about a pack: %s", err->msg);
		/* A host may have no right to read data, and then cannot tell
		 * which of them lies: it does not build on that pack. */
		rc = rc == SNAP_DENIED
			 ? blockindex_condemn(s->index, p->kind, p->id, err)
			 : SNAP_OK;
	}
	return rc;
}

/* Of ids, and of structs listed, which begin with one. */
static int
by_id(const void *a, const void *b)
{
	return memcmp(a, b, ID_LEN);
}

/* The list is sorted. */
static bool
keep_segment(void *arg, const uint8_t *id)
{
	const struct listing *l = arg;

	return l->n > 0 && bsearch(id, l->v, l->n, sizeof *l->v, by_id) != NULL;
}

static bool
keep_pack(void *arg, const uint8_t *id)
{
	return blockindex_knows_pack(arg, OBJ_META, id);
}

/* What is no condemned list (or no segment) is left out. */
static void
keep_kind(struct listing *l, uint8_t kind)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].kind == kind)
			l->v[n++] = l->v[i];
	l->n = n;
}

static enum snap_code
read_all_condemned(struct store *s, struct look_lists *l, struct snap_err *err)
{
	s->state->unread = s->state->retired = false;
	keep_kind(&l->condemned, OBJ_CONDEMNED);
	return workers_each(s->n_requests, read_condemned, s, l->condemned.v,
	    l->condemned.n, sizeof *l->condemned.v, err);
}

static enum snap_code
look_in_order(struct store *s, struct look_lists *l, struct snap_err *err)
{
	struct listing *index = &l->index;
	struct pack p;
	enum snap_code rc;

	rc = read_all_condemned(s, l, err);
	/* Its packs may have gone since they were listed, and it with them. */
	if (rc == SNAP_OK && s->state->retired)
		rc = look_lists_again(s, l, err);
	if (rc != SNAP_OK)
		return rc;
	/* Before load_segments(), which reorders the list. */
	keep_kind(index, OBJ_INDEX);
	if (index->n > 0)
		qsort(index->v, index->n, sizeof *index->v, by_id);
	cache_prune(s->state->cache, CACHE_INDEX, keep_segment, index);
	rc = load_segments(s, index, err);
	if (rc != SNAP_OK)
		return rc;
	blockindex_look_done(s->index);
	if (s->watch != NULL)
		s->watch->looked(s->watch->arg);
	while (rc == SNAP_OK && blockindex_dispute(s->index, &p))
		rc = settle(s, &p, err);
	if (rc == SNAP_OK)
		cache_prune(s->state->cache, CACHE_META, keep_pack, s->index);
	return rc;
}

/* An epoch whose record was lost goes on all the same: whoever could take a
 * record away would else take owners back to keys that they had given up.
 * At the first look, when nobody writes yet. */
static bool
catch_up(struct store *s)
{
	uint32_t seen = s->state->epoch_seen;

	if (!s->keys->owner || seen <= s->keys->epoch)
		return false;
	report_log(s->report, REPORT_WARNING,
	    "key epoch %u is in use, but its record under keys/ is lost or "
	    "damaged",
	    (unsigned)seen);
	s->state->lost_epoch = seen;
	s->state->epoch_ns = INT64_MAX;
	keys_select(s->keys, seen);
	return true;
}

enum snap_code
store_may_write(struct store *s, struct snap_err *err)
{
	if (!s->state->unread)
		return SNAP_OK;
	*err = s->state->why_unread;
	return err->code;
}

uint32_t
store_lost_epoch(const struct store *s)
{
	return s->state->lost_epoch;
}

/* Forget the index and load it once more, all of it. */
static enum snap_code
look_anew(struct store *s, struct look_lists *l, struct snap_err *err)
{
	struct blockindex *full = NULL;
	enum snap_code rc;

	if (blockindex_new(&full, err) != SNAP_OK)
		return err->code;
	blockindex_free(s->index);
	s->index = full;
	rc = look_lists_again(s, l, err);
	return rc == SNAP_OK ? look_in_order(s, l, err) : rc;
}

enum snap_code
store_look(struct store *s, struct snap_err *err)
{
	struct look_lists l;
	enum snap_code rc = SNAP_OK;

	memset(&l, 0, sizeof l);
	if (!ahead_look(s, &l))
		rc = look_lists_read(s, &l, NULL, err);
	if (rc == SNAP_OK)
		rc = look_in_order(s, &l, err);
	/* A sparse block is judged by its directory, so where there is one even
	 * who only reads needs them.  And a key that was over was believed. */
	if (rc == SNAP_OK && ((s->state->look_boot == 0 && catch_up(s)) ||
				 (s->index->lean && s->index->has_sparse)))
		rc = look_anew(s, &l, err);
	if (rc == SNAP_OK) {
		s->l0 = l.l0;
		s->state->look_boot = l.boot;
	}
	look_lists_fini(&l);
	return rc;
}

enum snap_code
store_look_condemned(struct store *s, int64_t l0, struct snap_err *err)
{
	struct look_lists l;
	enum snap_code rc;

	memset(&l, 0, sizeof l);
	rc = look_lists_condemned(s, &l, err);
	if (rc == SNAP_OK)
		rc = read_all_condemned(s, &l, err);
	if (rc == SNAP_OK)
		s->l0 = l0;
	look_lists_fini(&l);
	return rc;
}

size_t
store_copies(struct store *s, uint8_t class, const uint8_t id[ID_LEN],
    struct copy *out, size_t max)
{
	return blockindex_copies(s->index, class, id, NULL, out, max);
}

size_t
store_copies_after(struct store *s, uint8_t class, const uint8_t id[ID_LEN],
    const struct copy *last, struct copy *out, size_t max)
{
	return blockindex_copies(s->index, class, id, last, out, max);
}

bool
store_lists_pack(struct store *s, const uint8_t id[ID_LEN])
{
	return blockindex_knows_pack(s->index, OBJ_DATA, id) ||
	       blockindex_knows_pack(s->index, OBJ_META, id);
}

bool
store_is_condemned(struct store *s, uint8_t kind, const uint8_t pack[ID_LEN])
{
	return blockindex_is_condemned(s->index, kind, pack);
}

bool
store_has(struct store *s, uint8_t class, const uint8_t id[ID_LEN])
{
	struct copy c;

	return blockindex_copies(s->index, class, id, NULL, &c, 1) == 1 &&
	       !c.condemned && (c.flags & ROW_SPARSE) == 0;
}

void
store_hooks_sort(struct store *s)
{
	blockindex_hooks_sort(s->index);
}

bool
store_hook(struct store *s, uint64_t hook, uint8_t block_id[ID_LEN])
{
	return blockindex_hook(s->index, hook, block_id);
}
