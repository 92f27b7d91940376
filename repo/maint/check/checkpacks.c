/* SPDX-License-Identifier: PostgreSQL */
/*
 * checkpacks.c - every pack's own word about itself, and its frames.
 *
 * Packs of meta objects are small and everything hangs on them, so they are
 * always read whole; of data packs only the contents, unless asked for more.
 */
#include <stdlib.h>
#include <string.h>

#include "check_internal.h"
#include "fetch.h"
#include "keys.h"
#include "raw.h"
#include "seen.h"
#include "workers.h"

/* Whole packs in memory, at the least: while some are decoded others are on
 * their way. */
#define WHOLE_AT_ONCE 4

struct pack_job {
	struct check *c;
	uint32_t pack;
};

static enum snap_code
nomem(struct snap_err *err)
{
	return snap_fail(
	    err, SNAP_NOMEM, "not enough memory for the list of frames");
}

/* Keep the chunks that a sparse copy has: of the copy that is added next. */
static enum snap_code
add_sparse(struct check *c, struct span bitmap, struct snap_err *err)
{
	struct check_sparse *sp;

	if (c->n_sparse == c->sparse_cap) {
		size_t cap = c->sparse_cap + c->sparse_cap / 2 + 64;

		sp = realloc(c->sparse, cap * sizeof *sp);
		if (sp == NULL)
			return nomem(err);
		c->sparse = sp;
		c->sparse_cap = cap;
	}
	sp = &c->sparse[c->n_sparse];
	sp->bitmap = malloc(bitmap.len);
	if (sp->bitmap == NULL)
		return nomem(err);
	memcpy(sp->bitmap, bitmap.p, bitmap.len);
	c->n_sparse++;
	return SNAP_OK;
}

static enum snap_code
add_copy(struct check *c, uint32_t pack, const struct pack_row *r, bool bad,
    struct snap_err *err)
{
	struct blockset_entry *e;
	struct check_copy *copy;
	enum snap_code rc;
	uint32_t entry;

	rc = blockset_add(&c->blocks, r->class, r->id, &entry, err);
	if (rc != SNAP_OK)
		return rc;
	e = &c->blocks.v[entry];
	if ((e->flags & BLOCKSET_IN_PACK) == 0 && !bad &&
	    (r->flags & ROW_SPARSE) == 0) {
		e->flags |= BLOCKSET_IN_PACK | BLOCKSET_FIRST;
		e->pack = pack;
		e->n_chunks = r->n_chunks;
		return SNAP_OK;
	}
	e->flags |= BLOCKSET_IN_PACK;
	if (c->n_copies == c->copies_cap) {
		size_t cap = c->copies_cap + c->copies_cap / 2 + 1024;
		struct check_copy *v = NULL;

		if (cap <= SIZE_MAX / sizeof *v)
			v = realloc(c->copies, cap * sizeof *v);
		if (v == NULL)
			return nomem(err);
		c->copies = v;
		c->copies_cap = cap;
	}
	copy = &c->copies[c->n_copies];
	memset(copy, 0, sizeof *copy);
	copy->entry = entry;
	copy->pack = pack;
	copy->n_chunks = r->n_chunks & 0x1ffff;
	copy->bad = bad;
	copy->sparse = (r->flags & ROW_SPARSE) != 0 && r->bitmap.len != 0;
	if (copy->sparse)
		rc = add_sparse(c, r->bitmap, err);
	if (rc == SNAP_OK)
		c->n_copies++;
	return rc;
}

/* Open one frame of a pack that was read whole. */
static enum snap_code
verify_frame(struct check *c, const struct inventory_object *o,
    const struct raw_pack *p, const struct pack_row *r, struct bytes *plain,
    struct snap_err *err)
{
	struct copy copy;

	memset(&copy, 0, sizeof copy);
	memcpy(copy.pack, o->id, ID_LEN);
	copy.pack_kind = o->kind;
	copy.off = r->off;
	copy.sealed_len = r->sealed_len;
	copy.plain_len = r->plain_len;
	copy.n_chunks = r->n_chunks;
	copy.class = r->class;
	copy.codec = r->codec;
	copy.flags = r->flags;
	copy.bitmap = r->bitmap;
	copy.epoch = r->epoch;
	if (r->class == CLASS_DATA) {
		copy.session = &p->contents.sessions[r->session];
		copy.epoch = copy.session->epoch;
	}
	bytes_clear(plain);
	return store_open_copy(c->s, &copy, r->id,
	    span_of(p->object.p + r->off, r->sealed_len), plain, err);
}

static int
by_name(const void *a, const void *b)
{
	const struct pack_row *const *x = a, *const *y = b;

	if ((*x)->class != (*y)->class)
		return (*x)->class < (*y)->class ? -1 : 1;
	return memcmp((*x)->id, (*y)->id, ID_LEN);
}

/* No program of ours puts two copies into one pack, but to be in the way. */
static enum snap_code
check_twice(struct check *c, const struct inventory_object *o,
    const struct raw_pack *p, struct snap_err *err)
{
	const struct pack_row **rows =
	    malloc(((size_t)p->contents.n_rows + 1) * sizeof *rows);
	char name[TRANSPORT_NAME_MAX + 1];
	uint32_t n = 0;

	if (rows == NULL)
		return nomem(err);
	for (uint32_t i = 0; i < p->contents.n_rows; i++)
		rows[i] = &p->contents.rows[i];
	qsort(rows, p->contents.n_rows, sizeof *rows, by_name);
	for (uint32_t i = 1; i < p->contents.n_rows; i++)
		n += by_name(&rows[i - 1], &rows[i]) == 0;
	free(rows);
	store_name(o->kind, o->id, name);
	if (n != 0)
		check_problem(c,
		    "%s: has %lu frames under names that it has already", name,
		    (unsigned long)n);
	return SNAP_OK;
}

enum snap_code
check_rows(struct check *c, uint32_t at, const struct raw_pack *p,
    struct snap_err *err)
{
	struct check_pack *pack = &c->packs[at];
	enum snap_code rc = check_twice(c, pack->o, p, err);
	struct bytes plain;

	bytes_init(&plain, BLOCK_PLAIN_MAX + (64u << 10));
	for (uint32_t i = 0; i < p->contents.n_rows && rc == SNAP_OK; i++) {
		const struct pack_row *r = &p->contents.rows[i];
		bool bad = false;

		if (pack->whole)
			rc = verify_frame(c, pack->o, p, r, &plain, err);
		if (raw_is_damage(rc)) {
			check_object_problem(
			    c, pack->o->kind, pack->o->id, err);
			pack->bad = bad = true;
			rc = SNAP_OK;
		}
		if (rc != SNAP_OK)
			break;
		pthread_mutex_lock(&c->lock);
		rc = add_copy(c, at, r, bad, err);
		pthread_mutex_unlock(&c->lock);
		if (rc == SNAP_OK)
			rc = report_check(c->s->report, err);
	}
	bytes_fini(&plain);
	return rc;
}

static enum snap_code
check_pack(void *arg, void *p, struct snap_err *err)
{
	struct pack_job *job = p;
	struct check *c = job->c;
	struct check_pack *pack = &c->packs[job->pack];
	struct raw_pack raw;
	enum snap_code rc;

	(void)arg;
	rc = report_check(c->s->report, err);
	if (rc == SNAP_OK)
		rc = raw_get_pack(c->s, pack->o, pack->whole, &raw, err);
	if (rc == SNAP_DENIED && pack->o->kind == OBJ_DATA && !pack->whole) {
		pack->closed = true;
		rc = SNAP_OK;
		goto out;
	}
	if (check_vanished(c, pack->o, rc)) {
		pack->gone = true;
		pthread_mutex_lock(&c->lock);
		c->result.n_packs--;
		c->result.n_read_packs -=
		    pack->whole && pack->o->kind == OBJ_DATA;
		pthread_mutex_unlock(&c->lock);
		rc = SNAP_OK;
		goto out;
	}
	if (rc != SNAP_OK)
		goto out;
	pack->readable = true;
	keys_fingerprint(raw.encoded, pack->print);
	report_done(c->s->report, raw.n_read);
	pthread_mutex_lock(&c->lock);
	c->result.bytes_read += raw.n_read;
	pthread_mutex_unlock(&c->lock);
	if (pack->whole && raw_pack_checksum(&raw, err) != SNAP_OK) {
		check_object_problem(c, pack->o->kind, pack->o->id, err);
		pack->bad = true;
	}
	rc = check_rows(c, job->pack, &raw, err);
	raw_pack_fini(&raw);
out:
	if (raw_is_damage(rc)) {
		check_object_problem(c, pack->o->kind, pack->o->id, err);
		pack->bad = true;
		rc = SNAP_OK;
	}
	free(job);
	return rc;
}

struct turn {
	size_t pack;
	int64_t when; /* it was read last */
	uint64_t lot; /* between those of one time */
};

static int
turn_order(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	if (x->when != y->when)
		return x->when < y->when ? -1 : 1;
	return (x->lot > y->lot) - (x->lot < y->lot);
}

/* Mark which data packs are to be read whole: those first that were not read
 * for longest, so that daily checks of a few per cent see everything in time,
 * also by lot where nothing is remembered. */
static enum snap_code
choose(struct check *c, const struct seen *seen, size_t n, struct snap_err *err)
{
	int64_t since = c->opts->for_ns != 0 ? c->s->l0 - c->opts->for_ns
					     : c->opts->since_ns;
	struct turn *turns;
	size_t want;
	double share;

	if (!c->opts->read_data || n == 0)
		return SNAP_OK;
	share = c->opts->data_percent / 100 * (double)n;
	want = (size_t)share;
	if (want < n && (double)want < share)
		want++;
	turns = malloc(n * sizeof *turns);
	if (turns == NULL)
		return snap_fail(
		    err, SNAP_NOMEM, "not enough memory to choose packs");
	for (size_t i = 0; i < n; i++) {
		turns[i].pack = i;
		turns[i].when = seen_when(seen, c->packs[i].o->id);
		keys_random(&turns[i].lot, sizeof turns[i].lot);
	}
	qsort(turns, n, sizeof *turns, turn_order);
	for (size_t i = 0; i < want; i++) {
		if (since != 0 && turns[i].when >= since)
			break;
		c->packs[turns[i].pack].whole = true;
		c->result.n_read_packs++;
	}
	free(turns);
	return SNAP_OK;
}

/* What was read now, and what is still known of the others. */
static enum snap_code
remember(
    struct check *c, const struct seen *seen, size_t n, struct snap_err *err)
{
	struct seen now = { NULL, 0, 0 };
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < n && rc == SNAP_OK; i++) {
		const struct check_pack *p = &c->packs[i];
		int64_t when = seen_when(seen, p->o->id);

		if (p->gone)
			continue;
		if (p->whole)
			when = p->bad ? SEEN_NEVER : c->s->l0;
		if (when != SEEN_NEVER)
			rc = seen_add(&now, p->o->id, when, err);
	}
	if (rc == SNAP_OK)
		rc = seen_save(c->s, &now, err);
	seen_fini(&now);
	if (rc == SNAP_OK || rc == SNAP_NOMEM)
		return rc;
	report_log(c->s->report, REPORT_WARNING,
	    "what was read is not remembered: %s", err->msg);
	return SNAP_OK;
}

static void
drop_job(void *job)
{
	free(job);
}

/* All packs that are to be read whole, or all others. */
static enum snap_code
run_jobs(struct check *c, bool whole, size_t n_threads, struct snap_err *err)
{
	struct workers *w = NULL;
	enum snap_code rc;

	rc = workers_new(
	    n_threads, n_threads * 2, check_pack, drop_job, NULL, &w, err);
	for (size_t i = 0; i < c->n_packs && rc == SNAP_OK; i++) {
		struct pack_job *job;

		if (c->packs[i].whole != whole)
			continue;
		job = malloc(sizeof *job);
		if (job == NULL) {
			rc = snap_fail(
			    err, SNAP_NOMEM, "not enough memory for a job");
			break;
		}
		job->c = c;
		job->pack = (uint32_t)i;
		rc = workers_push(w, job, err);
		if (rc != SNAP_OK)
			free(job);
	}
	if (rc == SNAP_OK)
		rc = workers_wait(w, err);
	workers_free(w);
	return rc;
}

enum snap_code
check_packs(struct check *c, struct snap_err *err)
{
	const struct inventory_object *data, *meta;
	size_t n_data = inventory_of(&c->inv, OBJ_DATA, &data);
	size_t n_meta = inventory_of(&c->inv, OBJ_META, &meta);
	struct seen seen;
	enum snap_code rc;

	c->n_packs = n_data + n_meta;
	c->result.n_packs = c->n_packs;
	if (c->n_packs == 0)
		return SNAP_OK;
	if (c->n_packs > UINT32_MAX)
		return snap_fail(err, SNAP_NOMEM, "too many packs");
	c->packs = calloc(c->n_packs, sizeof *c->packs);
	if (c->packs == NULL)
		return snap_fail(
		    err, SNAP_NOMEM, "not enough memory for the list of packs");
	for (size_t i = 0; i < n_data; i++)
		c->packs[i].o = &data[i];
	for (size_t i = 0; i < n_meta; i++) {
		c->packs[n_data + i].o = &meta[i];
		c->packs[n_data + i].whole = true;
	}
	seen_load(c->s, &seen);
	rc = choose(c, &seen, n_data, err);
	if (rc == SNAP_OK)
		rc = run_jobs(c, false, store_n_fetchers(c->s), err);
	if (rc == SNAP_OK)
		rc = run_jobs(c, true,
		    c->s->n_threads > WHOLE_AT_ONCE ? c->s->n_threads
						    : WHOLE_AT_ONCE,
		    err);
	if (rc == SNAP_OK && c->opts->read_data)
		rc = remember(c, &seen, n_data, err);
	seen_fini(&seen);
	return rc;
}
