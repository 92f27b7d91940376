/* SPDX-License-Identifier: PostgreSQL */
/*
 * list.c - what lies under keys/ now.
 *
 * It is read anew each time: another machine may have added or removed a slot
 * since the repository was opened.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyring.h"
#include "keyslot.h"

struct listing {
	struct repo_key *v;
	size_t n, cap;
};

static enum snap_code
collect(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct listing *l = arg;
	uint8_t id[ID_LEN], kind;
	struct repo_key *k;
	void *p = l->v;
	enum snap_code rc;

	if (!store_name_parse(name, &kind, id) || kind != OBJ_SLOT)
		return SNAP_OK;
	if (l->n == STORE_KEYS_MAX)
		return snap_fail(err, SNAP_CORRUPT,
		    "more than %u objects under keys/", STORE_KEYS_MAX);
	rc = vec_room(&p, &l->cap, l->n, sizeof *l->v, err);
	l->v = p;
	if (rc != SNAP_OK)
		return rc;
	k = &l->v[l->n++];
	memset(k, 0, sizeof *k);
	memcpy(k->id, id, ID_LEN);
	k->time_ns = st->time_ns;
	k->kind = REPO_KEY_DAMAGED;
	return SNAP_OK;
}

static enum snap_code
take_slot(struct store *s, const struct object *o, struct repo_key *k,
    struct snap_err *why)
{
	struct slot_cost cost = { 0, 0 };
	enum snap_code rc = slot_check(o->payload, o->header_bytes, &cost, why);

	if (rc == SNAP_UNSUPPORTED) {
		k->kind = REPO_KEY_OTHER;
		return SNAP_OK;
	}
	if (rc != SNAP_OK)
		return rc;
	k->kind = slot_type(o->payload) == SLOT_PASSPHRASE ? REPO_KEY_PASSPHRASE
							   : REPO_KEY_RECOVERY;
	k->passes = cost.ops;
	k->mem_kib = cost.mem_kib;
	k->is_current = memcmp(k->id, s->slot_id, ID_LEN) == 0;
	return SNAP_OK;
}

/* store_check_key() has found that it is genuine. */
static enum snap_code
take_signed(struct store *s, uint8_t kind, struct span raw, struct repo_key *k,
    struct snap_err *why)
{
	struct store_body b;
	struct host_body h;
	struct epoch_body e;
	enum snap_code rc = store_open_body(s, kind, k->id, raw, &b, why);

	if (rc != SNAP_OK)
		return rc;
	if (kind == OBJ_HOST)
		rc = host_decode(b.body.body, &h, why);
	else
		rc = epoch_decode(b.body.body, &e, why);
	if (rc == SNAP_OK && kind == OBJ_HOST) {
		k->kind = REPO_KEY_HOST;
		memcpy(k->host_id, h.host_id, ID_LEN);
		k->epoch = h.epoch;
		(void)snprintf(k->name, sizeof k->name, "%.*s", (int)h.name.len,
		    (const char *)h.name.p);
	} else if (rc == SNAP_OK) {
		k->kind = REPO_KEY_EPOCH;
		k->epoch = e.epoch;
	}
	store_body_fini(&b);
	return rc;
}

/* SNAP_NOTFOUND: it went meanwhile.  What is wrong with it is no failure. */
static enum snap_code
look_at(struct store *s, struct repo_key *k, struct bytes *raw,
    struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct snap_err why = SNAP_ERR_INIT;
	struct object o;
	enum snap_code rc;

	store_name(OBJ_SLOT, k->id, name);
	bytes_clear(raw);
	rc = transport_get(s->t, name, 0, SIZE_MAX, raw, &why);
	if (rc == SNAP_OK)
		rc = store_check_key(s, k->id, bytes_span(raw), &why);
	if (rc == SNAP_OK)
		rc = object_parse(bytes_span(raw), &o, &why);
	if (rc == SNAP_OK)
		rc = o.header.kind == OBJ_SLOT ? take_slot(s, &o, k, &why)
					       : take_signed(s, o.header.kind,
						     bytes_span(raw), k, &why);
	if (rc == SNAP_CORRUPT || rc == SNAP_UNSUPPORTED || rc == SNAP_IO) {
		(void)snprintf(k->name, sizeof k->name, "%.*s",
		    REPO_KEY_NAME_MAX - 1, why.msg);
		rc = SNAP_OK;
	}
	if (rc != SNAP_OK)
		*err = why;
	return rc;
}

static int
by_kind(const void *a, const void *b)
{
	const struct repo_key *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return memcmp(x->id, y->id, ID_LEN);
}

enum snap_code
keyring_load(struct store *s, struct repo_keys *out, struct snap_err *err)
{
	struct listing l = { NULL, 0, 0 };
	struct bytes raw;
	enum snap_code rc;
	size_t n = 0;

	bytes_init(&raw, STORE_KEY_SIZE_MAX);
	rc = transport_list(s->t, "keys/", collect, &l, err);
	for (size_t i = 0; i < l.n && rc == SNAP_OK; i++) {
		struct repo_key k = l.v[i];

		rc = look_at(s, &k, &raw, err);
		if (rc == SNAP_OK)
			l.v[n++] = k;
		else if (rc == SNAP_NOTFOUND)
			rc = SNAP_OK;
		if (rc == SNAP_OK)
			rc = report_check(s->report, err);
	}
	bytes_fini(&raw);
	if (rc != SNAP_OK) {
		free(l.v);
		return rc;
	}
	if (n != 0)
		qsort(l.v, n, sizeof *l.v, by_kind);
	out->n = n;
	out->v = l.v;
	return SNAP_OK;
}

void
repo_keys_free(struct repo_keys *k)
{
	free(k->v);
	memset(k, 0, sizeof *k);
}
