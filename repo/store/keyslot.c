/* SPDX-License-Identifier: PostgreSQL */
/*
 * keyslot.c - slots as objects: made, and tried.
 *
 * Anybody who can create objects can plant slots, and what trying one takes is
 * written in it.  So there are bounds of what is tried at all; what a slot
 * costs as a rule comes before what is dear; and the older before the newer,
 * for who can only create cannot be older than what is there.
 */
#include <stdlib.h>
#include <string.h>

#include "slots.h"
#include "store_internal.h"
#include "unlock_internal.h"

/* MiB written.  What init can make at most, and eight times the default. */
#define DEAR_MIB (4096u * SLOT_PASSES_DEFAULT)
#define ORDINARY_MIB (8u * (SLOT_MEM_KIB_DEFAULT >> 10) * SLOT_PASSES_DEFAULT)

#define SLOT_EPOCH 1 /* RS has none; the header says what init says */

enum snap_code
slot_build(const uint8_t repo_id[ID_LEN], const uint8_t id[ID_LEN],
    const struct slot_secret *secret, const uint8_t rs[KEY_BYTES],
    struct bytes *obj, struct snap_err *err)
{
	uint8_t header[HEADER_LEN];
	struct header h;
	enum snap_code rc;

	memset(&h, 0, sizeof h);
	h.kind = OBJ_SLOT;
	memcpy(h.id, id, ID_LEN);
	memcpy(h.repo_id, repo_id, ID_LEN);
	h.epoch = SLOT_EPOCH;
	header_encode(&h, header);
	bytes_put(obj, header, HEADER_LEN);
	rc = slot_wrap(secret->type, secret->text, &secret->cost,
	    span_of(header, HEADER_LEN), rs, obj, err);
	if (rc != SNAP_OK)
		return rc;
	object_finish(obj, HEADER_LEN);
	return bytes_check(obj, err);
}

struct slot_try {
	size_t at; /* in u->v */
	uint8_t id[ID_LEN];
	int64_t time_ns;
	struct slot_cost cost;
};

/* 0: of ours, 1: ours if somebody wanted it so, 2: nobody's. */
static int
class_of(const struct slot_try *t)
{
	uint64_t mib = slot_cost_mib(t->cost.ops, t->cost.mem_kib);

	return mib <= ORDINARY_MIB ? 0 : mib <= DEAR_MIB ? 1 : 2;
}

static int
by_turn(const void *a, const void *b)
{
	const struct slot_try *x = a, *y = b;
	int c = class_of(x), d = class_of(y);

	if (c != d)
		return c - d;
	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return memcmp(x->id, y->id, ID_LEN);
}

/* Into the order in which to try them; of how many it is to be done. */
static size_t
slot_order(struct slot_try *v, size_t n)
{
	uint64_t mib = 0;
	size_t n_paid = 0;

	if (n != 0)
		qsort(v, n, sizeof *v, by_turn);
	for (size_t i = 0; i < n; i++) {
		n_paid += v[i].cost.ops != 0;
		mib += slot_cost_mib(v[i].cost.ops, v[i].cost.mem_kib);
		if (n_paid > STORE_SLOTS_MAX || mib > STORE_SLOTS_MIB ||
		    class_of(&v[i]) == 2)
			return i;
	}
	return n;
}

static bool
config_genuine(const struct unlock *u, const struct keys *k)
{
	size_t end = u->config.len - TRAILER_LEN - CONFIG_MAC_LEN;
	uint8_t mac[32], diff = 0;

	keys_config_mac(k, span_of(u->config.p, end), mac);
	for (size_t i = 0; i < sizeof mac; i++)
		diff |= (uint8_t)(mac[i] ^ u->s->config.mac[i]);
	return diff == 0;
}

/* One slot; SNAP_OK with u->s->keys set when it was the one. */
static enum snap_code
try_slot(struct unlock *u, struct key_object *ko, struct snap_err *err)
{
	struct keys *k = NULL;
	struct object o;
	enum snap_code rc;

	rc = object_parse(bytes_span(&ko->raw), &o, err);
	if (rc == SNAP_OK)
		rc = slot_unwrap(
		    o.payload, o.header_bytes, u->secret, u->rs, err);
	if (rc == SNAP_WRONG_KEY) {
		u->n_denied++;
		return SNAP_OK;
	}
	if (rc == SNAP_NOMEM) { /* another one may take less */
		u->n_poor++;
		u->poor = *err;
		return SNAP_OK;
	}
	if (rc == SNAP_CORRUPT || rc == SNAP_UNSUPPORTED)
		return unlock_note_bad(u, ko, err);
	/* Of all epochs there may be: the record that begins one can be lost,
	 * and what is under its keys must not be lost with it. */
	if (rc == SNAP_OK)
		rc = keys_from_secret(
		    u->rs, u->s->repo_id, KEYS_EPOCHS_MAX, &k, err);
	if (rc != SNAP_OK)
		return rc;
	if (config_genuine(u, k)) {
		u->s->keys = k;
		memcpy(u->s->slot_id, ko->id, ID_LEN);
	} else {
		u->n_mac++;
		keys_free(k);
	}
	return SNAP_OK;
}

static enum snap_code
no_slot(const struct unlock *u, struct snap_err *err)
{
	const char *what =
	    u->type == SLOT_RECOVERY ? "recovery code" : "passphrase";

	if (u->n_mac > 0)
		return snap_fail(err, SNAP_CORRUPT,
		    "config does not verify: it was changed");
	if (u->n_foreign > 0 && u->n_foreign == u->n_bad && u->n_denied == 0)
		return snap_fail(err, SNAP_CORRUPT,
		    "config and the objects under keys/ are of different "
		    "repositories");
	if (u->n_poor > 0) {
		*err = u->poor;
		(void)snap_wrap(
		    err, "%zu key slots could not be tried", u->n_poor);
		if (u->n_denied > 0)
			(void)snap_detail(
			    err, "The %s opens none of the others.", what);
		return snap_hint(err,
		    "Open it with a recovery code, which takes no memory, or "
		    "on another machine; there \"key passwd --kdf-memory\" "
		    "makes it less.");
	}
	if (u->n_denied > 0) {
		(void)snap_fail(err, SNAP_WRONG_KEY, "wrong %s", what);
		if (u->n_bad + u->n_left > 0)
			(void)snap_detail(err,
			    "%zu key slots are damaged or too dear and were "
			    "not tried.",
			    u->n_bad + u->n_left);
		return SNAP_WRONG_KEY;
	}
	if (u->n_bad > 0) {
		*err = u->bad;
		return err->code;
	}
	if (u->n == 0) {
		(void)snap_fail(err, SNAP_CORRUPT,
		    "there are no key slots under keys/: they were lost");
		return snap_hint(
		    err, "\"key import\" puts them back from a paper form.");
	}
	return snap_fail(
	    err, SNAP_WRONG_KEY, "the repository has no slot for a %s", what);
}

/* Those of the kind of secret that is at hand, but for one that shall go. */
static bool
is_to_try(
    const struct unlock *u, const struct key_object *ko, struct slot_try *out)
{
	struct snap_err why = SNAP_ERR_INIT;
	char hex[2 * ID_LEN + 1];
	struct object o;

	if (ko->kind != OBJ_SLOT)
		return false;
	hex_encode(ko->id, ID_LEN, hex);
	if (u->not_slot != NULL &&
	    strncmp(hex, u->not_slot, strlen(u->not_slot)) == 0)
		return false;
	memset(out, 0, sizeof *out);
	memcpy(out->id, ko->id, ID_LEN);
	out->time_ns = ko->time_ns;
	return object_parse(bytes_span(&ko->raw), &o, &why) == SNAP_OK &&
	       slot_check(o.payload, o.header_bytes, &out->cost, &why) ==
		   SNAP_OK &&
	       slot_type(o.payload) == (int)u->type;
}

enum snap_code
unlock_by_slots(struct unlock *u, struct snap_err *err)
{
	struct slot_try *v = calloc(u->n + 1, sizeof *v);
	size_t n = 0, n_tries;
	enum snap_code rc = SNAP_OK;

	if (v == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for slots");
	for (size_t i = 0; i < u->n; i++)
		if (is_to_try(u, &u->v[i], &v[n]))
			v[n++].at = i;
	n_tries = slot_order(v, n);
	u->n_left = n - n_tries;
	if (u->n_left > 0)
		report_log(u->s->report, REPORT_WARNING,
		    "%zu key slots are not tried: trying one would take too "
		    "long, or they are too many (\"key list\")",
		    u->n_left);
	for (size_t i = 0; i < n_tries && rc == SNAP_OK && u->s->keys == NULL;
	     i++) {
		rc = report_check(u->s->report, err);
		if (rc == SNAP_OK)
			rc = try_slot(u, &u->v[v[i].at], err);
	}
	free(v);
	return rc == SNAP_OK && u->s->keys == NULL ? no_slot(u, err) : rc;
}
