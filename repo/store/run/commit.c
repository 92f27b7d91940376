/* SPDX-License-Identifier: PostgreSQL */
/*
 * commit.c - index segments, and the end of a run: snapshot and its .ok.
 *
 * Only the pair is a snapshot.  A failure before the last answer leaves
 * garbage that prune collects; one after it cannot be.
 */
#include <stdlib.h>
#include <string.h>

#include "rule.h"
#include "runint.h"

#define KNOWN_MIN 4096

static enum snap_code
decode(uint8_t kind, struct span body, struct snap_err *err)
{
	struct snapshot_body *snap;
	struct index_segment seg;
	struct confirm_body c;
	enum snap_code rc;

	if (kind == OBJ_OK)
		return confirm_decode(body, &c, err);
	if (kind == OBJ_INDEX) {
		rc = index_segment_decode(body, &seg, err);
		if (rc == SNAP_OK)
			index_segment_fini(&seg);
		return rc;
	}
	snap = malloc(sizeof *snap);
	if (snap == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a snapshot");
	rc = snapshot_decode(body, snap, err);
	free(snap);
	return rc;
}

/* As packs are, it is read back before it is put: once it is acknowledged,
 * bad memory would cost the snapshot. */
static enum snap_code
check_built(struct run *r, uint8_t kind, const uint8_t *id, struct span raw,
    struct span body, struct snap_err *err)
{
	struct store_body got;
	enum snap_code rc;

	memset(&got, 0, sizeof got);
	rc = store_open_body(r->s, kind, id, raw, &got, err);
	if (rc == SNAP_OK)
		rc = span_eq(got.body.body, body)
			 ? decode(kind, got.body.body, err)
			 : snap_fail(
			       err, SNAP_CORRUPT, "it has another content");
	store_body_fini(&got);
	if (rc != SNAP_CORRUPT)
		return rc;
	(void)snap_wrap(err, "an object does not read back");
	return snap_detail(err,
	    "Nothing of it was stored. The memory or the processor of this "
	    "machine is not reliable.");
}

/* Put a body, within the lease that it names. */
static enum snap_code
put_in_time(struct run *r, uint8_t kind, const uint8_t *id, struct span body,
    int64_t l0, int64_t *time_ns, struct snap_err *err)
{
	struct heard h = { 0, local_boot(), local_real() };
	char name[TRANSPORT_NAME_MAX + 1];
	struct transport_stat st = { 0, 0 };
	struct bytes raw;
	enum snap_code rc;

	store_name(kind, id, name);
	bytes_init(&raw, TRANSPORT_SIZE_MAX);
	rc = object_build(r->s, kind, id, body,
	    kind != OBJ_INDEX || run_signs(r->s), &raw, err);
	if (rc == SNAP_OK)
		rc = check_built(r, kind, id, bytes_span(&raw), body, err);
	if (rc == SNAP_OK)
		rc = lease_check(r, l0, l0, err);
	if (rc == SNAP_OK)
		rc = transport_put(r->s->t, name, bytes_span(&raw), &st, err);
	if (rc == SNAP_OK && RULE(answers))
		rc = lease_check(r, l0, st.time_ns, err);
	if (rc == SNAP_OK) {
		h.store = st.time_ns;
		(void)pthread_mutex_lock(&r->lock);
		r->heard = h;
		(void)pthread_mutex_unlock(&r->lock);
		r->stored += raw.len;
		report_stored(r->s->report, raw.len);
		cache_put(r->s->state->cache,
		    kind == OBJ_INDEX ? CACHE_INDEX
		    : kind == OBJ_OK  ? CACHE_OK
				      : CACHE_SNAPSHOT,
		    id, bytes_span(&raw));
		*time_ns = st.time_ns;
	}
	bytes_fini(&raw);
	return rc;
}

/* The segment is on the store: readers of this process see it at once, and
 * the run relies on its own packs as on all others. */
static enum snap_code
adopt(struct run *r, const uint8_t *id, const struct index_segment *seg,
    struct snap_err *err)
{
	enum snap_code rc;

	rc = blockindex_add(r->s->index, id, seg, false, true, err);
	for (uint32_t i = 0; i < seg->n_packs && rc == SNAP_OK; i++) {
		uint32_t n = blockindex_pack(
		    r->s->index, seg->packs[i].kind, seg->packs[i].id);

		if (n == IDMAP_NONE)
			continue;
		(void)pthread_mutex_lock(&r->lock);
		rc = run_pin_pack(r, n, err);
		(void)pthread_mutex_unlock(&r->lock);
	}
	return rc;
}

/* The index knows them now, and their packs are pinned: for a first backup of
 * a TiB that is half a hundred megabytes. */
static enum snap_code
forget_known(struct run *r, struct snap_err *err)
{
	struct idset rest;
	struct usable part;
	enum snap_code rc = SNAP_OK;
	uint32_t pack;

	(void)pthread_mutex_lock(&r->lock);
	if (r->known.n >= KNOWN_MIN) {
		idset_init(&rest);
		for (size_t i = 0; i < r->known.n && rc == SNAP_OK; i++) {
			const uint8_t *k = r->known.ids[i];

			if (blockindex_heads(r->s->index, k[0], k + 1, &pack, 1,
				&part) == 0 ||
			    !part.whole)
				rc = idset_add(&rest, k[0], k + 1, err);
		}
		if (rc == SNAP_OK)
			idset_swap(&r->known, &rest);
		idset_fini(&rest);
	}
	(void)pthread_mutex_unlock(&r->lock);
	return rc;
}

static void
free_done(struct done_pack *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes_fini(&v[i].contents);
	free(v);
}

/* The segment was not put: what it would have named waits for the next one,
 * so that a run which fails leaves its packs to be found. */
static void
give_back(struct run *r, struct done_pack *v, size_t n)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	void *all;

	(void)pthread_mutex_lock(&r->lock);
	for (; n > 0; n--) {
		all = r->done;
		if (vec_room(&all, &r->done_cap, r->n_done, sizeof *r->done,
			&ignored) != SNAP_OK)
			break;
		r->done = all;
		r->done[r->n_done++] = v[n - 1]; /* moves */
	}
	(void)pthread_mutex_unlock(&r->lock);
	free_done(v, n);
}

enum snap_code
run_put_segment(struct run *r, struct snap_err *err)
{
	struct index_segment seg;
	struct done_pack *done;
	struct bytes body;
	uint8_t id[ID_LEN];
	int64_t when = 0;
	enum snap_code rc = SNAP_OK;
	size_t n;

	memset(&seg, 0, sizeof seg);
	memcpy(seg.run_id, r->id, ID_LEN);
	keys_random(id, ID_LEN);
	bytes_init(&body, TRANSPORT_SIZE_MAX);
	(void)pthread_mutex_lock(&r->lock);
	done = r->done;
	n = r->n_done;
	r->done = NULL;
	r->n_done = r->done_cap = 0;
	seg.l0 = r->l0;
	r->segment_time = lease_now(r);
	(void)pthread_mutex_unlock(&r->lock);
	seg.n_packs = (uint32_t)n;
	seg.packs = calloc(n + 1, sizeof *seg.packs);
	if (seg.packs == NULL) {
		rc = snap_fail(err, SNAP_NOMEM, "no memory for a segment");
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		memcpy(seg.packs[i].id, done[i].id, ID_LEN);
		seg.packs[i].kind = done[i].kind;
		seg.packs[i].size = done[i].size;
		seg.packs[i].contents = bytes_span(&done[i].contents);
	}
	index_segment_encode(&seg, &body);
	rc = bytes_check(&body, err);
	if (rc == SNAP_OK)
		rc = put_in_time(
		    r, OBJ_INDEX, id, bytes_span(&body), seg.l0, &when, err);
	if (rc == SNAP_OK)
		rc = adopt(r, id, &seg, err);
	if (rc == SNAP_OK)
		rc = forget_known(r, err);
out:
	index_segment_fini(&seg);
	if (rc == SNAP_OK)
		free_done(done, n);
	else
		give_back(r, done, n);
	bytes_fini(&body);
	return rc == SNAP_OK ? rc : run_fail(r, err);
}

static enum snap_code
put_snapshot(struct run *r, struct snapshot_body *snap,
    const uint8_t id[ID_LEN], struct snap_err *err)
{
	struct bytes body;
	int64_t when = 0;
	enum snap_code rc;

	memcpy(snap->run_id, r->id, ID_LEN);
	snap->l0 = r->l0;
	snap->stored_bytes = r->stored;
	bytes_init(&body, TRANSPORT_SIZE_MAX);
	snapshot_encode(snap, &body);
	rc = bytes_check(&body, err);
	if (rc == SNAP_OK)
		rc = put_in_time(r, OBJ_SNAPSHOT, id, bytes_span(&body),
		    snap->l0, &when, err);
	bytes_fini(&body);
	return rc;
}

static enum snap_code
put_ok(struct run *r, const uint8_t id[ID_LEN], int64_t *when,
    struct snap_err *err)
{
	struct confirm_body c;
	struct bytes body;
	int64_t now = 0;
	enum snap_code rc;

	memcpy(c.id, id, ID_LEN);
	c.l0 = r->l0;
	bytes_init(&body, 1024);
	confirm_encode(&c, &body);
	rc = bytes_check(&body, err);
	/* Where times are of visibility, the answer to the snapshot was this
	 * check, and readers judge what comes after it. */
	if (rc == SNAP_OK && !transport_time_is_visibility(r->s->t))
		rc = transport_now(r->s->t, &now, err);
	if (rc == SNAP_OK)
		rc = lease_check(r, c.l0, now, err);
	if (rc == SNAP_OK)
		rc = put_in_time(
		    r, OBJ_OK, id, bytes_span(&body), c.l0, when, err);
	bytes_fini(&body);
	return rc;
}

/*
 * The confirmation came too late.  Where times are of visibility every reader
 * sees that; a file system's are not, so the pair is taken back.  A host that
 * may not delete leaves it, unacknowledged.
 */
static void
withdraw(struct run *r, const uint8_t id[ID_LEN])
{
	struct snap_err ignored = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];

	if (transport_time_is_visibility(r->s->t))
		return;
	store_name(OBJ_OK, id, name);
	if (transport_delete(r->s->t, name, &ignored) != SNAP_OK &&
	    ignored.code != SNAP_NOTFOUND) {
		report_log(r->s->report, REPORT_WARNING,
		    "%s was confirmed too late and cannot be taken back: it "
		    "may lack data that prune deleted meanwhile (%s)",
		    name, ignored.msg);
		return;
	}
	store_name(OBJ_SNAPSHOT, id, name);
	if (transport_delete(r->s->t, name, &ignored) != SNAP_OK &&
	    ignored.code != SNAP_NOTFOUND)
		report_log(
		    r->s->report, REPORT_WARNING, "%s: %s", name, ignored.msg);
}

/* Everything but the snapshot. */
enum snap_code
run_keep(struct run *r, struct snap_err *err)
{
	bool pending;
	enum snap_code rc;

	rc = run_check(r, err);
	if (rc == SNAP_OK)
		rc = run_flush(r, err);
	(void)pthread_mutex_lock(&r->lock);
	pending = r->n_done > 0;
	(void)pthread_mutex_unlock(&r->lock);
	return rc == SNAP_OK && pending ? run_put_segment(r, err) : rc;
}

enum snap_code
run_commit(struct run *r, struct snapshot_body *snap, uint8_t id_out[ID_LEN],
    int64_t *time_ns, struct snap_err *err)
{
	uint8_t id[ID_LEN];
	int64_t when = 0;
	enum snap_code rc;

	keys_random(id, ID_LEN);
	rc = run_keep(r, err);
	if (rc == SNAP_OK && RULE(last_look))
		rc = lease_look(r, err);
	if (rc == SNAP_OK)
		rc = run_check(r, err);
	if (rc == SNAP_OK)
		rc = put_snapshot(r, snap, id, err);
	if (rc == SNAP_OK) {
		rc = put_ok(r, id, &when, err);
		if (rc == SNAP_BUSY)
			withdraw(r, id);
	}
	if (rc != SNAP_OK)
		return run_fail(r, err);
	memcpy(id_out, id, ID_LEN);
	*time_ns = store_time(r->s, r->l0, when);
	/* It stands: nothing may be added to it. */
	(void)pthread_mutex_lock(&r->lock);
	(void)snap_fail(&r->failed, SNAP_USAGE, "the run was committed");
	(void)pthread_mutex_unlock(&r->lock);
	return SNAP_OK;
}
