/* SPDX-License-Identifier: PostgreSQL */
/*
 * object.c - small sealed objects, signed or not, put and got.
 *
 * The header is associated data of what is sealed, so an object that was
 * moved to another name, kind or repository does not open.
 */
#include <stdio.h>
#include <string.h>

#include "cached.h"
#include "fetch.h"
#include "signed.h"
#include "store_internal.h"

bool
store_again(struct store *s, enum snap_code rc, bool *was_again,
    const struct snap_err *err)
{
	if ((rc != SNAP_CORRUPT && rc != SNAP_UNSUPPORTED) || *was_again ||
	    !transport_is_remote(s->t))
		return false;
	*was_again = true;
	report_log(
	    s->report, REPORT_INFO, "%s; getting it once more", err->msg);
	return true;
}

enum snap_code
store_fetch(
    struct store *s, const char *name, struct bytes *out, struct snap_err *err)
{
	struct snap_err why = SNAP_ERR_INIT;
	bool was_again = false;
	size_t old = out->len;
	enum snap_code rc, whole;
	struct object o;

	do {
		out->len = old;
		rc = transport_get(s->t, name, 0, SIZE_MAX, out, err);
		if (rc != SNAP_OK)
			return rc;
		whole = object_parse(
		    out->len == old ? span_of(NULL, 0)
				    : span_of(out->p + old, out->len - old),
		    &o, &why);
		if (whole != SNAP_OK)
			(void)snap_wrap(&why, "%s", name);
	} while (store_again(s, whole, &was_again, &why));
	return SNAP_OK;
}

void
store_header(const struct store *s, uint8_t kind, const uint8_t id[ID_LEN],
    uint8_t out[HEADER_LEN])
{
	struct header h;

	memset(&h, 0, sizeof h);
	h.kind = kind;
	memcpy(h.id, id, ID_LEN);
	memcpy(h.repo_id, s->repo_id, ID_LEN);
	h.epoch = s->keys->epoch;
	header_encode(&h, out);
}

enum snap_code
body_sign(struct store *s, struct span header, struct span body,
    struct bytes *plain, struct snap_err *err)
{
	uint8_t sig[SIG_BYTES];
	struct bytes msg;
	enum snap_code rc;

	bytes_init(&msg, SIZE_MAX);
	signed_message(header, body, &msg);
	rc = bytes_check(&msg, err);
	if (rc == SNAP_OK) {
		keys_sign(s->keys, bytes_span(&msg), sig);
		body_wrap(body, s->keys->host_id, sig, plain);
	}
	bytes_fini(&msg);
	return rc;
}

enum snap_code
object_build(struct store *s, uint8_t kind, const uint8_t id[ID_LEN],
    struct span body, bool sign, struct bytes *raw, struct snap_err *err)
{
	uint8_t header[HEADER_LEN];
	enum snap_code rc = SNAP_OK;
	struct bytes plain;

	bytes_init(&plain, TRANSPORT_SIZE_MAX);
	store_header(s, kind, id, header);
	bytes_clear(raw);
	bytes_put(raw, header, HEADER_LEN);
	if (sign)
		rc = body_sign(
		    s, span_of(header, HEADER_LEN), body, &plain, err);
	else
		body_wrap(body, NULL, NULL, &plain);
	if (rc == SNAP_OK)
		rc = bytes_check(&plain, err);
	if (rc == SNAP_OK)
		rc = seal_body(s->keys, span_of(header, HEADER_LEN),
		    bytes_span(&plain), raw, err);
	if (rc == SNAP_OK) {
		object_finish(raw, HEADER_LEN);
		rc = bytes_check(raw, err);
	}
	bytes_fini(&plain);
	return rc;
}

enum snap_code
store_put_body(struct store *s, uint8_t kind, const uint8_t id[ID_LEN],
    struct span body, bool sign, struct transport_stat *st,
    struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct bytes raw;
	enum snap_code rc;

	store_name(kind, id, name);
	bytes_init(&raw, TRANSPORT_SIZE_MAX);
	rc = object_build(s, kind, id, body, sign, &raw, err);
	if (rc == SNAP_OK)
		rc = transport_put(s->t, name, bytes_span(&raw), st, err);
	bytes_fini(&raw);
	return rc;
}

enum snap_code
store_find(struct store *s, uint8_t kind, const uint8_t id[ID_LEN],
    struct transport_stat *st, bool *there, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	enum snap_code rc;

	store_name(kind, id, name);
	rc = transport_stat(s->t, name, st, err);
	*there = rc == SNAP_OK;
	return rc == SNAP_NOTFOUND ? SNAP_OK : rc;
}

#define SEGMENT_MAX (16u << 20)

enum snap_code
store_put_segment(struct store *s, const struct index_segment *seg, bool sign,
    struct transport_stat *st, struct snap_err *err)
{
	uint8_t id[ID_LEN];
	struct bytes body;
	enum snap_code rc;

	bytes_init(&body, SEGMENT_MAX);
	index_segment_encode(seg, &body);
	keys_random(id, sizeof id);
	rc = bytes_check(&body, err);
	if (rc == SNAP_OK)
		rc = store_put_body(
		    s, OBJ_INDEX, id, bytes_span(&body), sign, st, err);
	bytes_fini(&body);
	return rc;
}

/* Who was admitted in an epoch signs in it, and in those before.  Of several
 * records of a host any may be the true one: who stole a maintenance key can
 * put more under its epoch, and must displace nobody. */
static const struct host_record *
host_that_signed(const struct store_state *st, uint32_t epoch,
    const struct body *b, struct span msg)
{
	const struct host_record *found = NULL;

	for (size_t i = 0; i < st->n_hosts; i++) {
		const struct host_record *h = &st->hosts[i];

		if (memcmp(b->signer_id, h->id, ID_LEN) == 0 &&
		    h->epoch >= epoch &&
		    (found == NULL || h->epoch > found->epoch) &&
		    keys_verify(h->pk, msg, b->sig))
			found = h;
	}
	return found;
}

/* Only a valid signature is taken for one; by whom, the caller looks.  Memory
 * that ran out is no invalid signature: a condemned list must not go unread. */
static enum snap_code
judge_signature(struct store *s, struct span header, struct store_body *out,
    struct snap_err *err)
{
	static const uint8_t maintenance[ID_LEN];
	const struct epoch_keys *e = keys_of_epoch(s->keys, out->epoch);
	const struct body *b = &out->body;
	struct bytes msg;
	enum snap_code rc;

	out->trusted = false;
	out->host = NULL;
	if (!b->is_signed)
		return SNAP_OK;
	bytes_init(&msg, SIZE_MAX);
	signed_message(header, b->body, &msg);
	rc = bytes_check(&msg, err);
	if (rc == SNAP_OK && memcmp(b->signer_id, maintenance, ID_LEN) != 0) {
		out->host =
		    host_that_signed(s->state, out->epoch, b, bytes_span(&msg));
		out->trusted = out->host != NULL;
	} else if (rc == SNAP_OK) {
		out->trusted = e != NULL && keys_verify(e->maint_pk,
						bytes_span(&msg), b->sig);
	}
	bytes_fini(&msg);
	return rc;
}

bool
store_body_is_maintenance(const struct store_body *b)
{
	static const uint8_t maintenance[ID_LEN];

	return b->trusted &&
	       memcmp(b->body.signer_id, maintenance, ID_LEN) == 0;
}

static enum snap_code
check_header(struct store *s, const struct header *h, uint8_t kind,
    const uint8_t *id, struct snap_err *err)
{
	if (h->kind != kind || memcmp(h->id, id, ID_LEN) != 0)
		return snap_fail(
		    err, SNAP_CORRUPT, "another object lies under this name");
	if (memcmp(h->repo_id, s->repo_id, ID_LEN) != 0)
		return snap_fail(
		    err, SNAP_CORRUPT, "it belongs to another repository");
	return SNAP_OK;
}

uint32_t
store_epoch(struct store *s)
{
	uint32_t newest;

	(void)pthread_mutex_lock(&s->state->lock);
	newest = s->state->epoch_seen;
	(void)pthread_mutex_unlock(&s->state->lock);
	return newest > s->keys->epoch ? newest : s->keys->epoch;
}

int64_t
store_epoch_time(const struct store *s)
{
	return s->state->epoch_ns;
}

bool
store_body_is_current(struct store *s, const struct store_body *b)
{
	return store_body_is_maintenance(b) && b->epoch >= store_epoch(s);
}

bool
store_body_was_current(
    struct store *s, const struct store_body *b, int64_t came)
{
	return store_body_is_current(s, b) ||
	       (store_body_is_maintenance(b) && came < s->state->epoch_ns);
}

void
store_signer(struct store *s, const struct store_body *b, int64_t came,
    char *out, size_t size)
{
	bool is_old = b->host != NULL ? b->host->epoch < store_epoch(s)
				      : !store_body_was_current(s, b, came);

	(void)snprintf(out, size, "%s%s",
	    b->host != NULL ? b->host->name : "owner",
	    is_old ? " (old key)" : "");
}

bool
store_same_signer(const struct store_body *a, const struct store_body *b)
{
	return a->body.is_signed && b->body.is_signed &&
	       memcmp(a->body.signer_id, b->body.signer_id, ID_LEN) == 0;
}

bool
store_has_hosts(const struct store *s)
{
	return s->state->n_hosts > 0;
}

/* A segment or condemned list that authenticates under an epoch's key shows
 * that the epoch was begun; a rotation puts all else before that. */
static void
note_epoch(struct store_state *st, uint8_t kind, uint32_t epoch)
{
	if (kind != OBJ_INDEX && kind != OBJ_CONDEMNED)
		return;
	(void)pthread_mutex_lock(&st->lock);
	if (epoch > st->epoch_seen)
		st->epoch_seen = epoch;
	(void)pthread_mutex_unlock(&st->lock);
}

static enum snap_code
open_sealed(struct store *s, struct span header, struct span sealed,
    struct store_body *out, struct snap_err *err)
{
	enum snap_code rc;

	bytes_init(&out->plain, TRANSPORT_SIZE_MAX);
	rc = open_body(s->keys, header, sealed, &out->plain, err);
	if (rc == SNAP_OK)
		rc = body_unwrap(bytes_span(&out->plain), &out->body, err);
	out->epoch = le32_get(header.p + 48);
	if (rc == SNAP_OK)
		rc = judge_signature(s, header, out, err);
	if (rc != SNAP_OK)
		bytes_fini(&out->plain);
	else
		note_epoch(s->state, header.p[8], out->epoch);
	return rc;
}

enum snap_code
store_open_body(struct store *s, uint8_t kind, const uint8_t id[ID_LEN],
    struct span raw, struct store_body *out, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct object o;
	enum snap_code rc;

	rc = object_parse(raw, &o, err);
	if (rc == SNAP_OK)
		rc = check_header(s, &o.header, kind, id, err);
	if (rc == SNAP_OK)
		rc = open_sealed(s, o.header_bytes, o.contents, out, err);
	if (rc != SNAP_OK) {
		store_name(kind, id, name);
		return snap_wrap(err, "%s", name);
	}
	return SNAP_OK;
}

enum snap_code
store_get_body(struct store *s, uint8_t kind, const uint8_t id[ID_LEN],
    struct store_body *out, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct bytes raw;
	enum snap_code rc;

	store_name(kind, id, name);
	bytes_init(&raw, TRANSPORT_SIZE_MAX);
	rc = store_fetch(s, name, &raw, err);
	if (rc == SNAP_OK)
		rc = store_open_body(s, kind, id, bytes_span(&raw), out, err);
	bytes_fini(&raw);
	return rc;
}

enum snap_code
cached_get(struct store *s, uint8_t kind, const uint8_t id[ID_LEN],
    uint64_t size, struct store_body *out, struct snap_err *err)
{
	enum cache_kind as = kind == OBJ_OK      ? CACHE_OK
			     : kind == OBJ_INDEX ? CACHE_INDEX
						 : CACHE_SNAPSHOT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct bytes raw;
	enum snap_code rc;

	bytes_init(&raw, TRANSPORT_SIZE_MAX);
	if (cache_get(s->state->cache, as, id, TRANSPORT_SIZE_MAX, &raw) &&
	    raw.len == size) {
		rc = store_open_body(s, kind, id, bytes_span(&raw), out, err);
		if (rc == SNAP_OK)
			goto out;
	}
	bytes_clear(&raw);
	store_name(kind, id, name);
	rc = store_fetch(s, name, &raw, err);
	if (rc == SNAP_OK)
		rc = store_open_body(s, kind, id, bytes_span(&raw), out, err);
	if (rc == SNAP_OK)
		cache_put(s->state->cache, as, id, bytes_span(&raw));
out:
	bytes_fini(&raw);
	return rc;
}

void
cached_prune(
    struct store *s, bool (*listed)(void *arg, const uint8_t *id), void *arg)
{
	cache_prune(s->state->cache, CACHE_SNAPSHOT, listed, arg);
	cache_prune(s->state->cache, CACHE_OK, listed, arg);
}

void
store_body_fini(struct store_body *b)
{
	bytes_fini(&b->plain);
	memset(&b->body, 0, sizeof b->body);
	b->trusted = false;
}

static enum snap_code
contents_once(struct store *s, uint8_t kind, const uint8_t *id, uint64_t size,
    struct store_body *out, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct bytes head, tail;
	struct header h;
	uint64_t off = 0;
	uint32_t len = 0;
	enum snap_code rc;

	store_name(kind, id, name);
	bytes_init(&head, HEADER_LEN);
	bytes_init(&tail, TRANSPORT_SIZE_MAX);
	if (size < HEADER_LEN + TRAILER_LEN || size > TRANSPORT_SIZE_MAX) {
		rc = snap_fail(err, SNAP_CORRUPT, "no pack has this size");
		goto out;
	}
	rc = transport_get(
	    s->t, name, size - TRAILER_LEN, TRAILER_LEN, &tail, err);
	if (rc == SNAP_OK)
		rc = trailer_decode(bytes_span(&tail), size, &off, &len, err);
	bytes_clear(&tail);
	if (rc == SNAP_OK)
		rc = transport_get(s->t, name, 0, HEADER_LEN, &head, err);
	if (rc == SNAP_OK)
		rc = header_decode(bytes_span(&head), &h, err);
	if (rc == SNAP_OK)
		rc = check_header(s, &h, kind, id, err);
	if (rc == SNAP_OK)
		rc = transport_get(s->t, name, off, len, &tail, err);
	if (rc == SNAP_OK)
		rc = open_sealed(
		    s, bytes_span(&head), bytes_span(&tail), out, err);
out:
	bytes_fini(&head);
	bytes_fini(&tail);
	return rc == SNAP_OK ? rc : snap_wrap(err, "%s", name);
}

enum snap_code
store_get_contents(struct store *s, uint8_t kind, const uint8_t id[ID_LEN],
    uint64_t size, struct store_body *out, struct snap_err *err)
{
	bool was_again = false;
	enum snap_code rc;

	do
		rc = contents_once(s, kind, id, size, out, err);
	while (store_again(s, rc, &was_again, err));
	return rc;
}
