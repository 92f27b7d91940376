/* SPDX-License-Identifier: PostgreSQL */
/*
 * rotate.c - a new key epoch, and what is to hold on in it.
 *
 * The record that begins it comes last: who dies before has put what nobody
 * takes for the newest word yet, and the next rotation finds it.  Then what
 * others said of the old epoch meanwhile is signed anew as well.  Two at once
 * begin the same epoch, twice.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keyring.h"
#include "notes.h"

struct host {
	uint8_t id[ID_LEN], pk[32];
	uint32_t epoch;
	char name[REPO_KEY_NAME_MAX];
};
struct hosts {
	struct store *s;
	struct host *v;
	size_t n, cap;
};

/* What is no record of a host that counts is left as it is. */
static enum snap_code
add_host(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct hosts *l = arg;
	struct snap_err ignored = SNAP_ERR_INIT;
	uint8_t id[ID_LEN], kind;
	struct host_body body;
	struct store_body b;
	void *p = l->v;
	enum snap_code rc = SNAP_OK;

	(void)st;
	if (!store_name_parse(name, &kind, id) || kind != OBJ_SLOT ||
	    store_get_body(l->s, OBJ_HOST, id, &b, &ignored) != SNAP_OK)
		return ignored.code == SNAP_NOMEM
			   ? snap_fail(err, SNAP_NOMEM, "no memory for hosts")
			   : SNAP_OK;
	if (store_body_is_current(l->s, &b) &&
	    host_decode(b.body.body, &body, &ignored) == SNAP_OK) {
		rc = vec_room(&p, &l->cap, l->n, sizeof *l->v, err);
		l->v = p;
		if (rc == SNAP_OK) {
			struct host *h = &l->v[l->n++];

			memset(h, 0, sizeof *h);
			memcpy(h->id, body.host_id, ID_LEN);
			memcpy(h->pk, body.pk, sizeof h->pk);
			h->epoch = b.epoch;
			if (body.name.len != 0)
				memcpy(h->name, body.name.p, body.name.len);
		}
	}
	store_body_fini(&b);
	return rc;
}

static bool
host_is_said(const struct hosts *l, const struct host *h, uint32_t epoch)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].epoch >= epoch &&
		    memcmp(l->v[i].id, h->id, ID_LEN) == 0)
			return true;
	return false;
}

static enum snap_code
sign_hosts(struct store *s, uint32_t old, uint32_t new, struct snap_err *err)
{
	struct hosts l = { .s = s };
	enum snap_code rc;

	keys_select(s->keys, old);
	rc = transport_list(s->t, "keys/", add_host, &l, err);
	keys_select(s->keys, new);
	for (size_t i = 0; i < l.n && rc == SNAP_OK; i++)
		if (!host_is_said(&l, &l.v[i], new))
			rc = keyring_put_host(
			    s, l.v[i].id, l.v[i].pk, l.v[i].name, err);
	free(l.v);
	return rc;
}

static bool
same_props(const struct note *a, const struct note *b)
{
	bool same = a->n_props == b->n_props;

	for (size_t i = 0; i < a->n_props && same; i++)
		same = strcmp(a->props[i].key, b->props[i].key) == 0 &&
		       strcmp(a->props[i].value, b->props[i].value) == 0;
	return same;
}

static bool
note_is_said(const struct notes *all, const struct note *n, uint32_t epoch)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct note *o = &all->v[i];

		if (o->maintenance && o->epoch >= epoch && o->type == n->type &&
		    o->l0 == n->l0 &&
		    memcmp(o->subject, n->subject, ID_LEN) == 0 &&
		    same_props(o, n))
			return true;
	}
	return false;
}

/* Of several words about the same the newest, but each that forgets or revokes.
 */
static bool
note_holds(const struct notes *all, const struct note *n)
{
	return n->maintenance && !n->is_weak &&
	       (n->type == NOTE_FORGET || n->type == NOTE_REVOKED ||
		   notes_about(all, n->type, n->subject) == n);
}

static enum snap_code
sign_notes(struct store *s, uint32_t old, uint32_t new, struct snap_err *err)
{
	struct notes all = { .n = 0 };
	enum snap_code rc;

	keys_select(s->keys, old);
	rc = notes_load(s, &all, err);
	keys_select(s->keys, new);
	for (size_t i = 0; i < all.n && rc == SNAP_OK; i++)
		if (note_holds(&all, &all.v[i]) &&
		    !note_is_said(&all, &all.v[i], new))
			rc = notes_put_again(s, &all.v[i], err);
	notes_free(&all);
	return rc;
}

static enum snap_code
begin_epoch(struct store *s, struct snap_err *err)
{
	struct epoch_body e = { .epoch = s->keys->epoch,
		.began = (int64_t)time(NULL) };
	uint8_t id[ID_LEN];
	struct bytes body;
	enum snap_code rc;

	memcpy(e.data_pk, s->keys->data_pk, sizeof e.data_pk);
	memcpy(e.maint_pk, s->keys->maint_pk, sizeof e.maint_pk);
	bytes_init(&body, STORE_KEY_SIZE_MAX);
	epoch_encode(&e, &body);
	keys_random(id, sizeof id);
	rc = bytes_check(&body, err);
	if (rc == SNAP_OK)
		rc = store_put_body(
		    s, OBJ_EPOCH, id, bytes_span(&body), true, NULL, err);
	bytes_fini(&body);
	return rc;
}

static enum snap_code
sign_all(struct store *s, uint32_t old, uint32_t new, struct snap_err *err)
{
	enum snap_code rc = sign_hosts(s, old, new, err);

	return rc == SNAP_OK ? sign_notes(s, old, new, err) : rc;
}

enum snap_code
keyring_rotate(struct store *s, struct snap_err *err)
{
	uint32_t old = s->keys->epoch, new = old + 1;
	bool begun = false;
	enum snap_code rc;

	if (new > KEYS_EPOCHS_MAX) {
		(void)snap_fail(err, SNAP_UNSUPPORTED,
		    "there were %d key epochs: there are no more",
		    KEYS_EPOCHS_MAX);
		return snap_hint(
		    err, "Make a new repository and copy into it: copy.");
	}
	rc = sign_all(s, old, new, err);
	if (rc == SNAP_OK) {
		rc = begin_epoch(s, err);
		begun = rc == SNAP_OK;
	}
	if (rc == SNAP_OK)
		rc = sign_all(s, old, new, err);
	keys_select(s->keys, begun ? new : old);
	return rc;
}
