/* SPDX-License-Identifier: PostgreSQL */
/*
 * repair.c - an index for packs that have lost theirs.
 *
 * Packs carry their own contents, so the index is only a faster copy of what
 * they say.  New segments are put beside the old ones; nothing is deleted.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "inventory.h"
#include "keys.h"
#include "maint.h"
#include "raw.h"
#include "workers.h"

#define SECOND_NS INT64_C(1000000000)
#define SEGMENT_GOAL (8u << 20) /* an encoded segment has at most 16 MiB */
#define BATCH_PACKS 4096

struct repair {
	struct store *s;
	struct inventory inv;
	bool *known; /* by place in the inventory: some segment names it */
	uint8_t run_id[ID_LEN];
	pthread_mutex_t lock; /* for all below */
	struct index_pack batch[BATCH_PACKS];
	uint32_t n_batch;
	size_t batch_bytes;
	uint64_t n_added;
};

/* Called with the lock held, or alone. */
static enum snap_code
flush(struct repair *r, struct snap_err *err)
{
	int64_t lease = (int64_t)r->s->config.grace_s * SECOND_NS / 2;
	struct index_segment seg;
	struct transport_stat st;
	enum snap_code rc;

	if (r->n_batch == 0)
		return SNAP_OK;
	memset(&seg, 0, sizeof seg);
	memcpy(seg.run_id, r->run_id, ID_LEN);
	seg.l0 = r->s->l0;
	seg.n_packs = r->n_batch;
	seg.packs = r->batch;
	/* Unsigned, as runs put them: whatever a host wrote into its packs
	 * about where copies come from would be maintenance's word else. */
	rc = store_put_segment(r->s, &seg, false, &st, err);
	if (rc == SNAP_OK && st.time_ns - seg.l0 >= lease)
		rc = snap_fail(err, SNAP_BUSY,
		    "reading the packs took longer than half the grace "
		    "time; run it again for the rest");
	if (rc == SNAP_OK)
		r->n_added += r->n_batch;
	for (uint32_t i = 0; i < r->n_batch; i++)
		free((void *)(uintptr_t)r->batch[i].contents.p);
	r->n_batch = 0;
	r->batch_bytes = 0;
	return rc;
}

/* Called with the lock held. */
static enum snap_code
add_pack(struct repair *r, const struct inventory_object *o,
    struct span encoded, struct snap_err *err)
{
	struct index_pack *p;
	enum snap_code rc;
	uint8_t *copy;

	if (r->n_batch == BATCH_PACKS ||
	    r->batch_bytes + encoded.len > SEGMENT_GOAL) {
		rc = flush(r, err);
		if (rc != SNAP_OK)
			return rc;
	}
	copy = malloc(encoded.len == 0 ? 1 : encoded.len);
	if (copy == NULL)
		return snap_fail(err, SNAP_NOMEM,
		    "not enough memory for the contents of a pack");
	if (encoded.len != 0)
		memcpy(copy, encoded.p, encoded.len);
	p = &r->batch[r->n_batch++];
	memcpy(p->id, o->id, ID_LEN);
	p->kind = o->kind;
	p->size = (uint32_t)o->size;
	p->contents = span_of(copy, encoded.len);
	r->batch_bytes += encoded.len;
	return SNAP_OK;
}

/* `job` points into the inventory. */
static enum snap_code
read_pack(void *arg, void *job, struct snap_err *err)
{
	const struct inventory_object *o = job;
	char name[TRANSPORT_NAME_MAX + 1];
	struct repair *r = arg;
	struct raw_pack pack;
	enum snap_code rc;

	rc = report_check(r->s->report, err);
	if (rc == SNAP_OK)
		rc = raw_get_pack(r->s, o, false, &pack, err);
	if (raw_is_damage(rc)) {
		store_name(o->kind, o->id, name);
		report_log(r->s->report, REPORT_WARNING,
		    "%s: %s; it stays out of the index", name, err->msg);
		return SNAP_OK;
	}
	if (rc != SNAP_OK)
		return rc;
	pthread_mutex_lock(&r->lock);
	rc = add_pack(r, o, pack.encoded, err);
	pthread_mutex_unlock(&r->lock);
	raw_pack_fini(&pack);
	return rc;
}

/* Which listed packs have a segment that can be read and names them so. */
static enum snap_code
mark_known(struct repair *r, struct snap_err *err)
{
	const struct inventory_object *o, *p;
	size_t n = inventory_of(&r->inv, OBJ_INDEX, &o);
	char name[TRANSPORT_NAME_MAX + 1];
	struct raw_segment seg;
	enum snap_code rc;

	for (size_t i = 0; i < n; i++) {
		rc = report_check(r->s->report, err);
		if (rc == SNAP_OK)
			rc = raw_get_segment(r->s, &o[i], &seg, err);
		if (raw_is_damage(rc)) {
			store_name(o[i].kind, o[i].id, name);
			report_log(r->s->report, REPORT_WARNING,
			    "%s: %s; its packs are indexed anew", name,
			    err->msg);
			continue;
		}
		if (rc != SNAP_OK)
			return rc;
		for (uint32_t k = 0; k < seg.segment.n_packs; k++) {
			const struct index_pack *ip = &seg.segment.packs[k];

			p = inventory_find(&r->inv, ip->kind, ip->id);
			if (p != NULL && p->size == ip->size)
				r->known[p - r->inv.v] = true;
		}
		raw_segment_fini(&seg);
	}
	return SNAP_OK;
}

static enum snap_code
index_unknown(struct repair *r, struct snap_err *err)
{
	size_t n_threads = store_n_fetchers(r->s);
	struct workers *w = NULL;
	enum snap_code rc;

	rc = workers_new(n_threads, n_threads * 2, read_pack, NULL, r, &w, err);
	for (size_t i = 0; i < r->inv.n && rc == SNAP_OK; i++) {
		uint8_t kind = r->inv.v[i].kind;

		if ((kind == OBJ_DATA || kind == OBJ_META) && !r->known[i])
			rc = workers_push(w, &r->inv.v[i], err);
	}
	if (rc == SNAP_OK)
		rc = workers_wait(w, err);
	workers_free(w);
	if (rc == SNAP_OK)
		rc = flush(r, err);
	return rc;
}

enum snap_code
maint_repair_index(
    struct store *s, uint64_t *n_packs_added, struct snap_err *err)
{
	struct repair *r;
	enum snap_code rc;

	r = calloc(1, sizeof *r);
	if (r == NULL)
		return snap_fail(
		    err, SNAP_NOMEM, "not enough memory to repair the index");
	if (pthread_mutex_init(&r->lock, NULL) != 0) {
		free(r);
		return snap_fail(err, SNAP_NOMEM, "no memory for a lock");
	}
	r->s = s;
	keys_random(r->run_id, sizeof r->run_id);
	/* The look gives the new segments the l0 that they rest on. */
	rc = store_look(s, err);
	if (rc == SNAP_OK)
		rc = inventory_load(s, &r->inv, err);
	if (rc != SNAP_OK)
		goto out;
	r->known = calloc(r->inv.n + 1, sizeof *r->known);
	if (r->known == NULL) {
		rc = snap_fail(
		    err, SNAP_NOMEM, "not enough memory to repair the index");
		goto out;
	}
	rc = mark_known(r, err);
	if (rc == SNAP_OK)
		rc = index_unknown(r, err);
	if (rc == SNAP_OK && r->n_added != 0)
		rc = store_look(s, err);
	if (rc == SNAP_OK)
		*n_packs_added = r->n_added;
out:
	for (uint32_t i = 0; i < r->n_batch; i++)
		free((void *)(uintptr_t)r->batch[i].contents.p);
	inventory_fini(&r->inv);
	free(r->known);
	pthread_mutex_destroy(&r->lock);
	free(r);
	return rc;
}
