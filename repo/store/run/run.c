/* SPDX-License-Identifier: PostgreSQL */
/*
 * run.c - one writer: frames into packs, packs to the store, index segments.
 *
 * The calling threads compress and seal; a frame is appended under the lock;
 * a full pack goes to the uploaders, and there are never more than two above
 * their number, which is what makes fast sources wait for slow stores.  The
 * first failure sticks: a run that lost anything can never commit.
 */
#include <stdlib.h>
#include <string.h>

#include "runint.h"

/* A disk keeps two busy; on a line of 25 ms each way they wait. */
#define UPLOADERS_NEAR 2
/* Bytes of packs and of the index together, above which there are fewer. */
#define PACKS_ROOM ((size_t)144 << 20)
#define BACKLOG 1
#define PACKS_PER_SEGMENT 12 /* 1.1 requests for each pack */
/* A look this young is as good as a new one at the begin of a run. */
#define LOOK_YOUNG INT64_C(10000000000)

enum snap_code
run_fail(struct run *r, const struct snap_err *err)
{
	(void)pthread_mutex_lock(&r->lock);
	if (r->failed.code == SNAP_OK)
		r->failed = *err;
	(void)pthread_cond_broadcast(&r->pack_gone);
	(void)pthread_mutex_unlock(&r->lock);
	return err->code;
}

enum snap_code
run_check(struct run *r, struct snap_err *err)
{
	enum snap_code rc;

	(void)pthread_mutex_lock(&r->lock);
	rc = r->failed.code;
	if (rc != SNAP_OK)
		*err = r->failed;
	(void)pthread_mutex_unlock(&r->lock);
	return rc == SNAP_OK ? report_check(r->s->report, err) : rc;
}

static enum snap_code
note_done(struct run *r, struct packbuf *p, struct snap_err *err)
{
	void *v = r->done;
	struct done_pack *d;
	enum snap_code rc;

	rc = vec_room(&v, &r->done_cap, r->n_done, sizeof *r->done, err);
	r->done = v;
	if (rc != SNAP_OK)
		return rc;
	d = &r->done[r->n_done++];
	memcpy(d->id, p->id, ID_LEN);
	d->kind = p->kind;
	d->size = (uint32_t)p->obj.len;
	d->contents = p->contents; /* moves */
	bytes_init(&p->contents, TRANSPORT_SIZE_MAX);
	return SNAP_OK;
}

/* The memory of a pack serves the next: freed and taken anew, so large pieces
 * leave holes that add up to several packs. */
static void
pack_done(struct run *r, struct packbuf *p)
{
	(void)pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < PACKS_MAX; i++)
		if (r->spare[i].p == NULL && p->obj.p != NULL) {
			r->spare[i] = p->obj;
			bytes_init(&p->obj, TRANSPORT_SIZE_MAX);
		}
	r->n_packs--;
	(void)pthread_cond_broadcast(&r->pack_gone);
	(void)pthread_mutex_unlock(&r->lock);
	packbuf_free(p);
}

/* Lock held: one that has memory, if any has. */
static struct bytes *
a_spare(struct run *r)
{
	size_t i = 0;

	while (i + 1 < PACKS_MAX && r->spare[i].p == NULL)
		i++;
	return &r->spare[i];
}

/* Verified in memory, put, and noted for the next segment. */
static enum snap_code
put_pack(struct run *r, struct packbuf *p, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct transport_stat st;
	int64_t l0;
	enum snap_code rc;

	(void)pthread_mutex_lock(&r->lock);
	l0 = r->l0;
	(void)pthread_mutex_unlock(&r->lock);
	store_name(p->kind, p->id, name);
	rc = packbuf_check(r->s, p, r->session, err);
	if (rc == SNAP_OK)
		rc =
		    transport_put(r->s->t, name, bytes_span(&p->obj), &st, err);
	if (rc == SNAP_OK)
		rc = lease_check(r, l0, st.time_ns, err);
	if (rc != SNAP_OK)
		return rc;
	r->stored += p->obj.len;
	report_stored(r->s->report, p->obj.len);
	if (p->kind == OBJ_META)
		cache_put(
		    r->s->state->cache, CACHE_META, p->id, bytes_span(&p->obj));
	(void)pthread_mutex_lock(&r->lock);
	rc = note_done(r, p, err);
	(void)pthread_mutex_unlock(&r->lock);
	return rc;
}

/* What a segment names is of little use to the next run without the
 * directories, which would die with this one while their pack fills. */
static enum snap_code
put_directories(struct run *r, struct snap_err *err)
{
	struct packbuf *meta;
	enum snap_code rc;

	(void)pthread_mutex_lock(&r->lock);
	meta = r->open[1];
	r->open[1] = NULL;
	(void)pthread_mutex_unlock(&r->lock);
	if (meta == NULL)
		return SNAP_OK;
	rc = packbuf_finish(r->s, meta, r->session, r->id, true, err);
	if (rc == SNAP_OK)
		rc = put_pack(r, meta, err);
	pack_done(r, meta);
	return rc;
}

/* One thread at a time: another one's segment would name what the directories
 * that are being put belong to.  The last packs of a run share a segment. */
static bool
segment_is_due(struct run *r)
{
	bool due;

	(void)pthread_mutex_lock(&r->lock);
	due = !r->naming &&
	      r->n_done >= PACKS_PER_SEGMENT + (r->ending ? PACKS_MAX : 0);
	r->naming |= due;
	(void)pthread_mutex_unlock(&r->lock);
	return due;
}

static enum snap_code
upload(void *arg, void *job, struct snap_err *err)
{
	struct packbuf *p = job;
	struct run *r = arg;
	enum snap_code rc;

	rc = put_pack(r, p, err);
	if (rc == SNAP_OK && segment_is_due(r)) {
		rc = put_directories(r, err);
		if (rc == SNAP_OK)
			rc = run_put_segment(r, err);
		(void)pthread_mutex_lock(&r->lock);
		r->naming = false;
		(void)pthread_mutex_unlock(&r->lock);
	}
	pack_done(r, p);
	return rc == SNAP_OK ? rc : run_fail(r, err);
}

static void
drop_pack(void *job)
{
	packbuf_free(job);
}

/* Whoever has an index of a TiB has no room for as many packs. */
static unsigned
uploaders(const struct store *s)
{
	size_t index = s->index->entries_cap * sizeof *s->index->entries;
	size_t packs = UPLOADERS_NEAR + 2;

	if (s->n_requests == 1)
		return UPLOADERS_NEAR;
	while (packs < PACKS_MAX &&
	       index + (packs + 1) * s->config.pack_size <= PACKS_ROOM)
		packs++;
	return (unsigned)packs - 2;
}

static enum snap_code
run_new(struct store *s, struct run **out, struct snap_err *err)
{
	struct run *r = calloc(1, sizeof *r);

	if (r == NULL || pthread_mutex_init(&r->lock, NULL) != 0)
		goto no_memory;
	if (pthread_mutex_init(&r->look_lock, NULL) != 0) {
		(void)pthread_mutex_destroy(&r->lock);
		goto no_memory;
	}
	if (pthread_cond_init(&r->pack_gone, NULL) != 0) {
		(void)pthread_mutex_destroy(&r->lock);
		(void)pthread_mutex_destroy(&r->look_lock);
		goto no_memory;
	}
	r->s = s;
	idset_init(&r->known);
	for (size_t i = 0; i < PACKS_MAX; i++)
		bytes_init(&r->spare[i], TRANSPORT_SIZE_MAX);
	keys_random(r->id, ID_LEN);
	*out = r;
	return SNAP_OK;
no_memory:
	free(r);
	return snap_fail(err, SNAP_NOMEM, "no memory for a run");
}

enum snap_code
run_begin(struct store *s, struct run **out, struct snap_err *err)
{
	int64_t boot = local_boot(), real = local_real();
	struct run *r = NULL;
	enum snap_code rc;

	rc = run_new(s, &r, err);
	if (rc != SNAP_OK)
		return rc;
	r->session = keys_secret_alloc(sizeof *r->session);
	if (r->session == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "no memory for a key");
	if (rc == SNAP_OK && s->state->look_boot != 0 &&
	    boot - s->state->look_boot < LOOK_YOUNG) {
		real -= boot - s->state->look_boot;
		boot = s->state->look_boot;
	} else if (rc == SNAP_OK) {
		rc = store_look(s, err);
	}
	if (rc == SNAP_OK)
		rc = store_may_write(s, err);
	/* After the look, which may find a newer epoch. */
	if (rc == SNAP_OK)
		rc = session_new(s->keys, r->session, err);
	if (rc == SNAP_OK) {
		lease_begin(r, boot, real);
		r->n_uploaders = uploaders(s);
		rc = workers_new(r->n_uploaders, BACKLOG, upload, drop_pack, r,
		    &r->uploaders, err);
	}
	if (rc == SNAP_OK)
		*out = r;
	else
		run_free(r);
	return rc;
}

/* A run that ends without a commit: what it put is found by the next one if
 * a segment names it, and of use with its directories, of which some may have
 * come behind the last segment.  On a full disk the room of the pack that did
 * not fit is enough for that. */
static void
leave_packs(struct run *r)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	enum snap_code rc;

	if (r->n_done == 0 && (r->stored == 0 || r->open[1] == NULL))
		return;
	rc = put_directories(r, &ignored);
	if (run_put_segment(r, &ignored) != SNAP_OK || rc != SNAP_OK)
		report_log(r->s->report, REPORT_DEBUG,
		    "not all that was stored can be used again: %s",
		    ignored.msg);
}

void
run_free(struct run *r)
{
	if (r == NULL)
		return;
	workers_free(r->uploaders);
	leave_packs(r);
	packbuf_free(r->open[0]);
	packbuf_free(r->open[1]);
	for (size_t i = 0; i < PACKS_MAX; i++)
		bytes_fini(&r->spare[i]);
	for (size_t i = 0; i < r->n_done; i++)
		bytes_fini(&r->done[i].contents);
	free(r->done);
	free(r->pins);
	idset_fini(&r->known);
	keys_secret_free(r->session);
	(void)pthread_cond_destroy(&r->pack_gone);
	(void)pthread_mutex_destroy(&r->lock);
	(void)pthread_mutex_destroy(&r->look_lock);
	free(r);
}

uint64_t
run_stored(const struct run *r)
{
	return r->stored;
}

/* Lock held. */
enum snap_code
run_pin_pack(struct run *r, uint32_t number, struct snap_err *err)
{
	size_t need = (size_t)number / 8 + 1;
	uint8_t *p;

	if (need > r->pins_len) {
		need += need / 2;
		p = realloc(r->pins, need);
		if (p == NULL)
			return snap_fail(err, SNAP_NOMEM, "no memory for pins");
		memset(p + r->pins_len, 0, need - r->pins_len);
		r->pins = p;
		r->pins_len = need;
	}
	r->pins[number / 8] |= (uint8_t)(1u << number % 8);
	return SNAP_OK;
}

/* Lock held: between the judgement and the pin no look may pass judgement on
 * the pins. */
static bool
judge(struct run *r, uint8_t class, const uint8_t *id, bool pin,
    struct usable *part)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	size_t n;

	if (idset_has(&r->known, class, id)) {
		part->whole = true;
		return true;
	}
	n = blockindex_heads(r->s->index, class, id, r->heads, HEADS_MAX, part);
	for (size_t i = 0; i < n && pin; i++)
		if (run_pin_pack(r, r->heads[i], &ignored) != SNAP_OK)
			return false;
	return n > 0;
}

bool
run_may_pin(
    struct run *r, uint8_t class, const uint8_t id[ID_LEN], struct usable *part)
{
	bool ok;

	(void)pthread_mutex_lock(&r->lock);
	ok = judge(r, class, id, false, part);
	(void)pthread_mutex_unlock(&r->lock);
	return ok;
}

bool
run_pin(
    struct run *r, uint8_t class, const uint8_t id[ID_LEN], struct usable *part)
{
	bool ok;

	(void)pthread_mutex_lock(&r->lock);
	ok = judge(r, class, id, true, part);
	(void)pthread_mutex_unlock(&r->lock);
	return ok;
}

/* True when the caller has to store it, and nobody else will. */
static enum snap_code
claim(struct run *r, const struct frame_in *f, bool *mine, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct usable part;

	(void)pthread_mutex_lock(&r->lock);
	*mine = !judge(r, f->class, f->id, false, &part) || !part.whole ||
		!judge(r, f->class, f->id, true, &part);
	if (*mine)
		rc = idset_add(&r->known, f->class, f->id, err);
	(void)pthread_mutex_unlock(&r->lock);
	return rc;
}

static enum snap_code
send(struct run *r, struct packbuf *p, bool last, struct snap_err *err)
{
	enum snap_code rc;

	rc = packbuf_finish(r->s, p, r->session, r->id, last, err);
	if (rc == SNAP_OK)
		rc = workers_push(r->uploaders, p, err);
	if (rc != SNAP_OK)
		packbuf_free(p);
	return rc;
}

/* Lock held, and open[which] NULL: wait until there may be one more pack, or
 * make it. */
static enum snap_code
one_more(struct run *r, int which, struct snap_err *err)
{
	enum snap_code rc;

	if (r->failed.code != SNAP_OK) {
		*err = r->failed;
		return err->code;
	}
	if (r->n_packs >= r->n_uploaders + 2) {
		(void)pthread_cond_wait(&r->pack_gone, &r->lock);
		return SNAP_OK;
	}
	rc = packbuf_new(r->s, which == 0 ? OBJ_DATA : OBJ_META, a_spare(r),
	    &r->open[which], err);
	if (rc == SNAP_OK)
		r->n_packs++;
	return rc;
}

/* Append to the open pack; one that is full is put. */
static enum snap_code
append(struct run *r, const struct frame_in *f, uint8_t codec,
    struct span sealed, struct snap_err *err)
{
	int which = f->class == CLASS_DATA ? 0 : 1;
	enum snap_code rc = SNAP_OK;
	bool done = false;

	(void)pthread_mutex_lock(&r->lock);
	while (rc == SNAP_OK && !done) {
		struct packbuf *p = r->open[which];

		if (p == NULL) {
			rc = one_more(r, which, err);
		} else if (p->n > 0 &&
			   p->obj.len + sealed.len > r->s->config.pack_size) {
			r->open[which] = NULL;
			(void)pthread_mutex_unlock(&r->lock);
			rc = send(r, p, false, err);
			(void)pthread_mutex_lock(&r->lock);
		} else {
			rc = packbuf_add(p, f, codec, sealed, err);
			done = true;
		}
	}
	(void)pthread_mutex_unlock(&r->lock);
	return rc;
}

static enum snap_code
store_frame(struct run *r, const struct frame_in *f, struct snap_err *err)
{
	struct frame_place place = { f->class, CODEC_RAW, f->id,
		r->session->epoch, (uint32_t)f->plain.len, { NULL, 0 } };
	const uint8_t *key =
	    f->class == CLASS_DATA ? r->session->key : r->s->keys->meta;
	struct bytes packed, sealed;
	enum snap_code rc;
	size_t room;

	/* What zstd may need for what does not compress. */
	room = f->plain.len + f->plain.len / 128 + 1024;
	scratch_take(r->s, room, SIZE_MAX, &packed);
	scratch_take(r->s, room, TRANSPORT_SIZE_MAX, &sealed);
	rc = frame_compress(r->s, f->plain, &packed, &place.codec, err);
	if (rc == SNAP_OK)
		rc = frame_seal(
		    r->s, key, &place, bytes_span(&packed), &sealed, err);
	scratch_give(r->s, &packed);
	if (rc == SNAP_OK)
		rc = append(r, f, place.codec, bytes_span(&sealed), err);
	scratch_give(r->s, &sealed);
	return rc;
}

enum snap_code
run_add(struct run *r, const struct frame_in *f, struct snap_err *err)
{
	bool mine = false;
	enum snap_code rc;

	if (f->class < CLASS_DATA || f->class > CLASS_MANIFEST ||
	    f->plain.len == 0 || f->plain.len > BLOCK_PLAIN_MAX ||
	    f->n_hooks > PACK_HOOKS_MAX || f->n_chunks > BLOCK_CHUNKS_MAX ||
	    (f->class == CLASS_DATA && f->n_chunks == 0))
		return snap_fail(
		    err, SNAP_USAGE, "no such frame can be stored");
	rc = run_check(r, err);
	if (rc == SNAP_OK)
		rc = claim(r, f, &mine, err);
	if (rc == SNAP_OK && mine)
		rc = store_frame(r, f, err);
	return rc == SNAP_OK ? rc : run_fail(r, err);
}

/* The last packs, padded, and all that waited. */
enum snap_code
run_flush(struct run *r, struct snap_err *err)
{
	struct packbuf *last[2];
	enum snap_code rc = SNAP_OK;

	(void)pthread_mutex_lock(&r->lock);
	r->ending = true;
	memcpy(last, r->open, sizeof last);
	r->open[0] = r->open[1] = NULL;
	(void)pthread_mutex_unlock(&r->lock);
	for (size_t i = 0; i < 2; i++) {
		if (last[i] != NULL && rc == SNAP_OK)
			rc = send(r, last[i], true, err);
		else
			packbuf_free(last[i]);
	}
	return rc == SNAP_OK ? workers_wait(r->uploaders, err) : rc;
}
