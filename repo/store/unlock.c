/* SPDX-License-Identifier: PostgreSQL */
/*
 * unlock.c - from a passphrase or key file to the keys: config, slots, epochs,
 * host records.
 *
 * A slot that is damaged, or of another repository, must not keep the right
 * passphrase out, so each is tried and failures are weighed at the end.  A
 * key file opens one config only, the one that it pins.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fetch.h"
#include "keyfile.h"
#include "slots.h"
#include "store_internal.h"
#include "unlock_internal.h"
#include "workers.h"

#define NS_PER_S INT64_C(1000000000)

struct question {
	enum { ASK_KEYS, ASK_CONFIG, ASK_TIME } what;
	enum snap_code rc;
	struct snap_err err;
};

static enum snap_code
note_key(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct unlock *u = arg;
	uint8_t kind, id[ID_LEN];
	struct key_object *p;
	bool too_large;

	if (!store_name_parse(name, &kind, id) || kind != OBJ_SLOT)
		return SNAP_OK;
	/* What cannot be a key by its size is not even fetched. */
	too_large = st->size > STORE_KEY_SIZE_MAX;
	u->n_bytes += too_large ? 0 : st->size;
	if (u->n == STORE_KEYS_MAX || u->n_bytes > STORE_KEYS_BYTES_MAX) {
		(void)snap_fail(err, SNAP_CORRUPT,
		    "more than %u objects, or %u MiB, under keys/",
		    STORE_KEYS_MAX, STORE_KEYS_BYTES_MAX >> 20);
		return snap_hint(err,
		    "No repository has so many keys: somebody put objects there "
		    "to be in the way. Delete what is newer than your keys.");
	}
	if (u->n == u->cap) {
		p = realloc(u->v, (u->cap + 16) * sizeof *p);
		if (p == NULL)
			return snap_fail(
			    err, SNAP_NOMEM, "no memory for slots");
		u->v = p;
		u->cap += 16;
	}
	memcpy(u->v[u->n].id, id, ID_LEN);
	u->v[u->n].time_ns = st->time_ns;
	u->v[u->n].too_large = too_large;
	u->v[u->n].unread = false;
	u->v[u->n].kind = 0;
	bytes_init(&u->v[u->n].raw, STORE_KEY_SIZE_MAX);
	u->n++;
	return SNAP_OK;
}

/* What opening begins with.  Each failure is kept: which of them counts is not
 * for the order of the answers to say. */
static enum snap_code
ask(void *arg, void *job, struct snap_err *err)
{
	struct unlock *u = arg;
	struct transport *t = u->s->t;
	struct question *q = job;

	(void)err;
	if (q->what == ASK_KEYS)
		q->rc = transport_list(t, "keys/", note_key, u, &q->err);
	else if (q->what == ASK_CONFIG)
		q->rc = store_fetch(u->s, "config", &u->config, &q->err);
	else
		q->rc = transport_stat(t, "config", &u->config_st, &q->err);
	return SNAP_OK;
}

static enum snap_code
read_config(struct unlock *u, struct snap_err *err)
{
	struct question q[] = { { .what = ASK_KEYS }, { .what = ASK_CONFIG },
		{ .what = ASK_TIME } };
	struct store *s = u->s;
	struct object o;
	enum snap_code rc;

	rc = workers_each(s->n_requests, ask, u, q,
	    transport_time_is_visibility(s->t) ? 3 : 2, sizeof *q, err);
	for (size_t i = 0; i < 3 && rc == SNAP_OK; i++)
		if ((rc = q[i].rc) != SNAP_OK)
			*err = q[i].err;
	if (rc == SNAP_NOTFOUND && u->n > 0) {
		(void)snap_fail(err, SNAP_NOREPO,
		    "the repository at %s is half initialised: it has no config",
		    transport_url(s->t));
		return snap_hint(err,
		    "If it was in use, \"key import\" puts the config back from a "
		    "paper form. If it never was, delete what is under keys/ "
		    "and run init again.");
	}
	if (rc == SNAP_NOTFOUND)
		return snap_fail(err, SNAP_NOREPO,
		    "there is no repository at %s", transport_url(s->t));
	if (rc != SNAP_OK)
		return rc;
	s->config_ns = u->config_st.time_ns;
	rc = object_parse(bytes_span(&u->config), &o, err);
	if (rc == SNAP_OK && o.header.kind != OBJ_CONFIG)
		rc = snap_fail(err, SNAP_CORRUPT, "this is no config");
	if (rc == SNAP_OK &&
	    (o.header.epoch == 0 || o.header.epoch > KEYS_EPOCHS_MAX))
		rc = snap_fail(err, SNAP_CORRUPT, "no such key epoch");
	if (rc == SNAP_OK && memcmp(o.header.id, o.header.repo_id, ID_LEN) != 0)
		rc = snap_fail(err, SNAP_CORRUPT, "it has two ids");
	if (rc == SNAP_OK)
		rc = config_decode(o.payload, &s->config, err);
	if (rc != SNAP_OK) {
		(void)snap_wrap(err, "config");
		return rc == SNAP_CORRUPT
			   ? snap_hint(err,
				 "\"key import --force\" puts it back from a "
				 "paper form.")
			   : rc;
	}
	memcpy(s->repo_id, o.header.repo_id, ID_LEN);
	keys_fingerprint(bytes_span(&u->config), s->fingerprint);
	u->epoch = o.header.epoch;
	return SNAP_OK;
}

/* Left empty when it cannot be a key: try_slot() says so. */
static enum snap_code
fetch_key(void *arg, void *job, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct key_object *ko = job;
	struct unlock *u = arg;
	enum snap_code rc;

	if (ko->too_large)
		return SNAP_OK;
	store_name(OBJ_SLOT, ko->id, name);
	rc = store_fetch(u->s, name, &ko->raw, err);
	if (rc == SNAP_IO) { /* one bad sector; another slot may open */
		report_log(u->s->report, REPORT_WARNING, "key slot %s: %s",
		    name, err->msg);
		ko->unread = true;
		(void)pthread_mutex_lock(&u->s->state->lock);
		u->unread = *err;
		(void)pthread_mutex_unlock(&u->s->state->lock);
	}
	if (rc == SNAP_NOTFOUND || rc == SNAP_CORRUPT || rc == SNAP_IO) {
		bytes_clear(&ko->raw);
		rc = SNAP_OK;
	}
	return rc;
}

/* Is this what its name says, a slot, record of a host or of an epoch? */
static enum snap_code
parse_key(const struct store *s, const uint8_t *id, struct span raw,
    struct object *o, struct snap_err *err)
{
	enum snap_code rc = object_parse(raw, o, err);

	if (rc != SNAP_OK)
		return rc;
	if (memcmp(o->header.id, id, ID_LEN) != 0 ||
	    (o->header.kind != OBJ_SLOT && o->header.kind != OBJ_HOST &&
		o->header.kind != OBJ_EPOCH))
		return snap_fail(
		    err, SNAP_CORRUPT, "another object lies under this name");
	if (memcmp(o->header.repo_id, s->repo_id, ID_LEN) != 0)
		return snap_fail(
		    err, SNAP_CORRUPT, "it belongs to another repository");
	return SNAP_OK;
}

enum snap_code
unlock_note_bad(
    struct unlock *u, const struct key_object *ko, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];

	if (err->code != SNAP_CORRUPT && err->code != SNAP_UNSUPPORTED)
		return err->code;
	store_name(OBJ_SLOT, ko->id, name);
	(void)snap_wrap(err, "key slot %s", name);
	report_log(u->s->report, REPORT_WARNING, "%s", err->msg);
	u->n_bad++;
	u->bad = *err;
	return SNAP_OK;
}

/* Each is told when it is damaged, whether or not it is needed today. */
static enum snap_code
look_at_key(struct unlock *u, struct key_object *ko, struct snap_err *err)
{
	struct object o;
	enum snap_code rc;

	if (ko->unread) { /* told already */
		u->n_bad++;
		u->bad = u->unread;
		return SNAP_OK;
	}
	memset(&o, 0, sizeof o);
	rc = parse_key(u->s, ko->id, bytes_span(&ko->raw), &o, err);
	if (rc == SNAP_OK && o.header.kind == OBJ_SLOT) {
		rc = slot_check(o.payload, o.header_bytes, NULL, err);
		if (rc == SNAP_UNSUPPORTED) { /* for others to open */
			report_log(u->s->report, REPORT_INFO, "%s", err->msg);
			return SNAP_OK;
		}
	}
	if (o.header.kind != 0 &&
	    memcmp(o.header.repo_id, u->s->repo_id, ID_LEN) != 0)
		u->n_foreign++;
	if (rc != SNAP_OK)
		return unlock_note_bad(u, ko, err);
	ko->kind = o.header.kind;
	return SNAP_OK;
}

/* Does this object begin the epoch of its header, and did its owner say so?
 * Only who has RS can make one, for the keys that seal and sign it are new. */
static enum snap_code
epoch_genuine(struct store *s, const uint8_t *id, struct span raw,
    struct epoch_body *e, struct snap_err *why)
{
	const struct epoch_keys *k;
	struct store_body b;
	enum snap_code rc;

	rc = store_open_body(s, OBJ_EPOCH, id, raw, &b, why);
	if (rc != SNAP_OK)
		return rc;
	if (!store_body_is_maintenance(&b))
		rc = snap_fail(why, SNAP_CORRUPT, "it is not signed");
	else
		rc = epoch_decode(b.body.body, e, why);
	if (rc == SNAP_OK) {
		k = keys_of_epoch(s->keys, e->epoch);
		if (k == NULL || b.epoch != e->epoch ||
		    memcmp(k->data_pk, e->data_pk, sizeof e->data_pk) != 0 ||
		    memcmp(k->maint_pk, e->maint_pk, sizeof e->maint_pk) != 0)
			rc = snap_fail(why, SNAP_CORRUPT, "it has other keys");
	}
	store_body_fini(&b);
	return rc;
}

/* Where times are not of visibility a copy of the repository renews this one:
 * then more is believed to be older, which who can make files there could as
 * well have by dating it back. */
static void
take_epoch(struct unlock *u, const struct epoch_body *e, int64_t listed,
    uint32_t *newest)
{
	struct store_state *st = u->s->state;
	bool is_time = e->began >= 0 && e->began < INT64_MAX / NS_PER_S;
	int64_t since = listed;

	if (transport_time_is_visibility(u->s->t))
		since = store_time(
		    u->s, is_time ? (e->began + 1) * NS_PER_S : 0, listed);
	if (e->epoch > *newest || (e->epoch == *newest && since < st->epoch_ns))
		st->epoch_ns = since;
	if (e->epoch > *newest)
		*newest = e->epoch;
}

/*
 * Owners write under the newest epoch that was begun.  Holders of a key file
 * know the epochs that are in it; whether what seems to begin another one does
 * they cannot tell.
 */
static enum snap_code
read_epochs(struct unlock *u, struct snap_err *err)
{
	struct keys *keys = u->s->keys;
	struct snap_err why = SNAP_ERR_INIT;
	uint32_t newest = keys->owner ? u->epoch : keys->epoch;
	struct epoch_body e;
	enum snap_code rc;
	struct object o;

	u->s->state->epoch_ns = INT64_MAX;
	for (size_t i = 0; i < u->n; i++) {
		struct key_object *ko = &u->v[i];
		struct span raw = bytes_span(&ko->raw);

		if (ko->kind != OBJ_EPOCH ||
		    object_parse(raw, &o, &why) != SNAP_OK)
			continue;
		if (!keys->owner &&
		    keys_of_epoch(keys, o.header.epoch) == NULL) {
			report_log(u->s->report, REPORT_INFO,
			    "perhaps the repository has key epoch %u, which "
			    "the key file lacks: the owner knows, and makes "
			    "a new one",
			    (unsigned)o.header.epoch);
			continue;
		}
		rc = epoch_genuine(u->s, ko->id, raw, &e, &why);
		if (rc == SNAP_NOMEM) {
			*err = why;
			return rc;
		}
		if (rc == SNAP_OK)
			take_epoch(u, &e, ko->time_ns, &newest);
		else
			report_log(u->s->report, REPORT_WARNING,
			    "record of a key epoch: %s", why.msg);
	}
	if (keys->owner)
		keys_select(keys, newest);
	return SNAP_OK;
}

/* What the owner signed of a host. */
static enum snap_code
host_genuine(struct store *s, const uint8_t *id, struct span raw,
    struct host_record *out, struct snap_err *why)
{
	struct store_body b;
	struct host_body h;
	enum snap_code rc = store_open_body(s, OBJ_HOST, id, raw, &b, why);

	if (rc != SNAP_OK)
		return rc;
	if (!store_body_is_maintenance(&b))
		rc = snap_fail(why, SNAP_CORRUPT, "it is not signed");
	else
		rc = host_decode(b.body.body, &h, why);
	if (rc == SNAP_OK) {
		memcpy(out->id, h.host_id, ID_LEN);
		memcpy(out->pk, h.pk, sizeof out->pk);
		out->epoch = h.epoch;
		(void)snprintf(out->name, sizeof out->name, "%.*s",
		    (int)h.name.len, (const char *)h.name.p);
		if (h.epoch != b.epoch)
			rc = snap_fail(
			    why, SNAP_CORRUPT, "it is of another key epoch");
	}
	store_body_fini(&b);
	return rc;
}

/* Public records of hosts, as the owner signed them; damaged ones are
 * reported, and what they signed is then not trusted.  Which of several of a
 * host counts is said when something is signed by it: object.c. */
static enum snap_code
read_hosts(struct unlock *u, struct snap_err *err)
{
	struct store_state *st = u->s->state;
	struct snap_err why = SNAP_ERR_INIT;
	struct host_record h;
	enum snap_code rc;

	st->hosts = calloc(u->n + 1, sizeof *st->hosts);
	if (st->hosts == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for hosts");
	for (size_t i = 0; i < u->n; i++) {
		if (u->v[i].kind != OBJ_HOST)
			continue;
		rc = host_genuine(
		    u->s, u->v[i].id, bytes_span(&u->v[i].raw), &h, &why);
		if (rc == SNAP_NOMEM) {
			*err = why;
			return rc;
		}
		if (rc == SNAP_OK)
			st->hosts[st->n_hosts++] = h;
		else /* under keys that it lacks a key file cannot judge */
			report_log(u->s->report,
			    rc == SNAP_UNSUPPORTED ? REPORT_DEBUG
						   : REPORT_WARNING,
			    "host record: %s", why.msg);
	}
	return SNAP_OK;
}

static enum snap_code
open_key_file(struct unlock *u, struct span raw, struct snap_err *err)
{
	uint8_t pinned[32];
	struct object o;
	enum snap_code rc;

	rc = object_parse(raw, &o, err);
	if (rc == SNAP_OK && o.header.kind != OBJ_KEYFILE)
		rc = snap_fail(err, SNAP_CORRUPT, "this is no key file");
	if (rc == SNAP_OK &&
	    memcmp(o.header.repo_id, u->s->repo_id, ID_LEN) != 0)
		rc =
		    snap_fail(err, SNAP_DENIED, "it is for another repository");
	if (rc == SNAP_OK)
		rc = keyfile_open(
		    o.payload, u->s->repo_id, &u->s->keys, pinned, err);
	if (rc != SNAP_OK)
		return snap_wrap(err, "key file");
	if (memcmp(pinned, u->s->fingerprint, sizeof pinned) != 0)
		return snap_fail(err, SNAP_CORRUPT,
		    "config is not the one that the key file was made for");
	return SNAP_OK;
}

static enum snap_code
take_secret(struct unlock *u, const struct store_opts *o, struct snap_err *err)
{
	char text[RECOVERY_CODE_MAX];
	enum snap_code rc;

	u->type = SLOT_PASSPHRASE;
	u->secret = o->passphrase;
	if (!o->is_recovery_code)
		return SNAP_OK;
	if (o->passphrase.len >= sizeof text)
		return snap_fail(err, SNAP_USAGE, "this is no recovery code");
	if (o->passphrase.len > 0)
		memcpy(text, o->passphrase.p, o->passphrase.len);
	text[o->passphrase.len] = '\0';
	rc = recovery_code_parse(text, u->rs + KEY_BYTES, err);
	keys_wipe(text, sizeof text);
	u->type = SLOT_RECOVERY;
	u->secret = span_of(u->rs + KEY_BYTES, KEY_BYTES);
	return rc;
}

enum snap_code
store_unlock(struct store *s, const struct store_opts *o, struct snap_err *err)
{
	struct unlock u;
	enum snap_code rc;

	memset(&u, 0, sizeof u);
	u.s = s;
	u.not_slot = o->not_slot;
	bytes_init(&u.config, STORE_KEY_SIZE_MAX);
	u.rs = keys_secret_alloc(2 * KEY_BYTES);
	if (u.rs == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for keys");
	rc = read_config(&u, err);
	if (rc == SNAP_OK)
		rc = workers_each(
		    s->n_requests, fetch_key, &u, u.v, u.n, sizeof *u.v, err);
	for (size_t i = 0; i < u.n && rc == SNAP_OK; i++)
		rc = look_at_key(&u, &u.v[i], err);
	if (rc == SNAP_OK)
		rc = o->key_file.len > 0 ? open_key_file(&u, o->key_file, err)
					 : take_secret(&u, o, err);
	if (rc == SNAP_OK && s->keys == NULL)
		rc = unlock_by_slots(&u, err);
	if (rc == SNAP_OK) {
		rc = read_epochs(&u, err);
		if (rc == SNAP_OK)
			rc = read_hosts(&u, err);
	}
	for (size_t i = 0; i < u.n; i++)
		bytes_fini(&u.v[i].raw);
	free(u.v);
	bytes_fini(&u.config);
	keys_secret_free(u.rs);
	return rc;
}

enum snap_code
store_check_key(struct store *s, const uint8_t id[ID_LEN], struct span raw,
    struct snap_err *err)
{
	struct object o;
	struct epoch_body epoch;
	struct host_record host;
	enum snap_code rc;

	rc = parse_key(s, id, raw, &o, err);
	if (rc != SNAP_OK)
		return rc;
	if (o.header.kind == OBJ_SLOT) {
		rc = slot_check(o.payload, o.header_bytes, NULL, err);
		return rc == SNAP_UNSUPPORTED ? SNAP_OK : rc;
	}
	if (o.header.kind == OBJ_HOST)
		return host_genuine(s, id, raw, &host, err);
	/* The keys of an epoch that it lacks a key file cannot judge. */
	if (keys_of_epoch(s->keys, o.header.epoch) == NULL && !s->keys->owner)
		return SNAP_OK;
	return epoch_genuine(s, id, raw, &epoch, err);
}
