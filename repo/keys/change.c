/* SPDX-License-Identifier: PostgreSQL */
/* change.c - slots are added and removed; keyring.h has the rules. */
#include <string.h>

#include "keyring.h"

static enum snap_code
fetch(struct store *s, const uint8_t id[ID_LEN], struct bytes *raw,
    struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];

	store_name(OBJ_SLOT, id, name);
	bytes_clear(raw);
	return transport_get(s->t, name, 0, SIZE_MAX, raw, err);
}

/* As the store gives it back: does it open, and to the same secret? */
static enum snap_code
prove(struct store *s, struct span raw, const struct slot_secret *secret,
    struct snap_err *err)
{
	uint8_t *rs = keys_secret_alloc(KEY_BYTES);
	enum snap_code rc;
	struct object o;

	if (rs == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a key");
	rc = object_parse(raw, &o, err);
	if (rc == SNAP_OK)
		rc = slot_unwrap(
		    o.payload, o.header_bytes, secret->text, rs, err);
	if (rc == SNAP_OK && memcmp(rs, s->keys->rs, KEY_BYTES) != 0)
		rc = snap_fail(err, SNAP_CORRUPT, "it has another secret");
	keys_secret_free(rs);
	return rc;
}

/* What would not be tried is not made. */
static enum snap_code
check_room(struct store *s, const struct slot_cost *cost, struct snap_err *err)
{
	uint64_t mib = slot_cost_mib(cost->ops, cost->mem_kib);
	struct repo_keys all;
	enum snap_code rc = keyring_load(s, &all, err);
	size_t n = 0;

	if (rc != SNAP_OK)
		return rc;
	for (size_t i = 0; i < all.n; i++) {
		n += all.v[i].kind == REPO_KEY_PASSPHRASE;
		mib += slot_cost_mib(all.v[i].passes, all.v[i].mem_kib);
	}
	repo_keys_free(&all);
	if (n < STORE_SLOTS_MAX && mib <= STORE_SLOTS_MIB)
		return SNAP_OK;
	(void)snap_fail(err, SNAP_USAGE,
	    "there are %zu slots with a passphrase: one more would not be "
	    "tried",
	    n);
	return snap_hint(err,
	    n < STORE_SLOTS_MAX
		? "Together they cost too much: take a smaller --kdf-memory."
		: "Remove one first; \"key list\" shows them.");
}

enum snap_code
keyring_add(struct store *s, const uint8_t id[ID_LEN],
    const struct slot_secret *secret, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct snap_err ignored = SNAP_ERR_INIT;
	struct bytes obj, again;
	bool sent = false;
	enum snap_code rc;

	bytes_init(&obj, STORE_KEY_SIZE_MAX);
	bytes_init(&again, STORE_KEY_SIZE_MAX);
	store_name(OBJ_SLOT, id, name);
	rc = secret->type == SLOT_PASSPHRASE ? check_room(s, &secret->cost, err)
					     : SNAP_OK;
	if (rc == SNAP_OK)
		rc = slot_build(s->repo_id, id, secret, s->keys->rs, &obj, err);
	if (rc == SNAP_OK) {
		sent = true;
		rc = transport_put(s->t, name, bytes_span(&obj), NULL, err);
	}
	if (rc == SNAP_OK)
		rc = fetch(s, id, &again, err);
	if (rc == SNAP_OK) {
		rc = prove(s, bytes_span(&again), secret, err);
		if (rc != SNAP_OK)
			rc = snap_wrap(err, "the new slot %s", name);
	}
	/* It would look like a way in that nobody knows. */
	if (rc != SNAP_OK && sent &&
	    transport_delete(s->t, name, &ignored) != SNAP_OK)
		report_log(
		    s->report, REPORT_DEBUG, "%s: %s", name, ignored.msg);
	bytes_fini(&again);
	bytes_fini(&obj);
	return rc;
}

/* May it go, by what is there now? */
static enum snap_code
check_target(const struct repo_keys *all, const uint8_t id[ID_LEN],
    bool damaged, bool *is_code, struct snap_err *err)
{
	const struct repo_key *k = NULL;
	bool newer = false;

	for (size_t i = 0; i < all->n && k == NULL; i++)
		if (memcmp(all->v[i].id, id, ID_LEN) == 0)
			k = &all->v[i];
	if (k == NULL)
		return snap_fail(err, SNAP_NOTFOUND, "there is no such slot");
	for (size_t i = 0; i < all->n; i++)
		newer |= all->v[i].kind == REPO_KEY_RECOVERY &&
			 all->v[i].time_ns > k->time_ns;
	*is_code = k->kind == REPO_KEY_RECOVERY;
	switch (k->kind) {
	case REPO_KEY_PASSPHRASE:
		return SNAP_OK;
	case REPO_KEY_RECOVERY:
		if (newer)
			return SNAP_OK;
		(void)snap_fail(
		    err, SNAP_USAGE, "the newest recovery code is not removed");
		return snap_hint(
		    err, "Make another one first: key add --recovery-code");
	case REPO_KEY_OTHER:
	case REPO_KEY_DAMAGED:
		if (damaged)
			return SNAP_OK;
		(void)snap_fail(err, SNAP_USAGE, "%s",
		    k->kind == REPO_KEY_OTHER
			? "this slot is of a newer version"
			: "this object is damaged: what it was is not known");
		return snap_hint(err, "With --force it goes all the same.");
	case REPO_KEY_HOST:
	case REPO_KEY_EPOCH:
		break;
	}
	return snap_fail(err, SNAP_USAGE, "this is no slot");
}

/* Is there what was there, and a recovery code if one has gone? */
static enum snap_code
look_again(struct store *s, const uint8_t anchor[ID_LEN], struct span bytes,
    bool is_code, bool *left, struct snap_err *err)
{
	struct bytes now;
	struct repo_keys all;
	enum snap_code rc;

	*left = false;
	bytes_init(&now, STORE_KEY_SIZE_MAX);
	rc = fetch(s, anchor, &now, err);
	if (rc == SNAP_OK)
		*left = span_eq(bytes, bytes_span(&now));
	else if (rc == SNAP_NOTFOUND)
		rc = SNAP_OK;
	bytes_fini(&now);
	if (rc != SNAP_OK || !*left || !is_code)
		return rc;
	if ((rc = keyring_load(s, &all, err)) != SNAP_OK)
		return rc;
	*left = false;
	for (size_t i = 0; i < all.n; i++)
		*left |= all.v[i].kind == REPO_KEY_RECOVERY;
	repo_keys_free(&all);
	return SNAP_OK;
}

/* `rc`: why; it is put back, the same bytes under the same name. */
static enum snap_code
put_back(struct store *s, const char *name, struct span raw, enum snap_code rc,
    struct snap_err *err)
{
	struct snap_err why = SNAP_ERR_INIT;

	if (transport_put(s->t, name, raw, NULL, &why) != SNAP_OK) {
		(void)snap_fail(err, why.code,
		    "%s was removed, what else opens is not known, and it "
		    "could not be put back: %s",
		    name, why.msg);
		return snap_hint(err,
		    "See with \"key list\" what is left; if anything opens, "
		    "add a slot.");
	}
	if (rc != SNAP_OK)
		return snap_wrap(err, "%s was put back", name);
	(void)snap_fail(err, SNAP_BUSY,
	    "%s was put back: somebody else removed a slot at the same time",
	    name);
	return snap_hint(err, "Look with \"key list\", then try again.");
}

enum snap_code
keyring_remove(struct store *s, const uint8_t id[ID_LEN],
    const uint8_t anchor[ID_LEN], bool damaged, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	bool is_code = false, left = false;
	struct bytes old, mine;
	struct repo_keys all = { 0, NULL };
	struct snap_err why = SNAP_ERR_INIT;
	enum snap_code rc, looked;

	if (memcmp(id, anchor, ID_LEN) == 0)
		return snap_fail(
		    err, SNAP_USAGE, "a slot is not removed by its own secret");
	bytes_init(&old, STORE_KEY_SIZE_MAX);
	bytes_init(&mine, STORE_KEY_SIZE_MAX);
	store_name(OBJ_SLOT, id, name);
	if ((rc = keyring_load(s, &all, err)) != SNAP_OK ||
	    (rc = check_target(&all, id, damaged, &is_code, err)) != SNAP_OK ||
	    (rc = fetch(s, id, &old, err)) != SNAP_OK)
		goto out;
	rc = fetch(s, anchor, &mine, err);
	if (rc == SNAP_NOTFOUND)
		rc = snap_fail(err, SNAP_BUSY,
		    "the slot that opened the repository was removed "
		    "meanwhile");
	if (rc == SNAP_OK)
		rc = report_check(s->report, err);
	if (rc != SNAP_OK)
		goto out;
	rc = transport_delete(s->t, name, err);
	if (rc == SNAP_DENIED) {
		(void)snap_hint(err,
		    "The slot stays, and still opens the repository: remove it "
		    "with credentials that may delete.");
		goto out;
	}
	/* Also after a failure: perhaps only the answer was lost. */
	looked = look_again(s, anchor, bytes_span(&mine), is_code, &left, &why);
	if (!left) {
		*err = why;
		rc = put_back(s, name, bytes_span(&old), looked, err);
	} else if (rc == SNAP_NOTFOUND) {
		rc = SNAP_OK; /* somebody else removed it as well */
	}
out:
	repo_keys_free(&all);
	bytes_fini(&mine);
	bytes_fini(&old);
	return rc;
}
