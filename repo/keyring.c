/* SPDX-License-Identifier: PostgreSQL */
/*
 * keyring.c - behind the door of repo_keys.h.
 *
 * A slot has no room for a label: that is a note about its id, put first, so
 * that no slot is made whose owner cannot be told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyring.h"
#include "keys.h"
#include "notes.h"
#include "repo_internal.h"

#define DIGITS_MIN 4

enum snap_code
repo_may_keep_keys(struct repo *r, struct snap_err *err)
{
	if (r->store->keys->owner)
		return SNAP_OK;
	(void)snap_fail(
	    err, SNAP_DENIED, "a key file decides of no other keys");
	return snap_hint(
	    err, "Do it with the passphrase of the owner or a recovery code.");
}

static bool
is_slot(const struct repo_key *k)
{
	return k->kind == REPO_KEY_PASSPHRASE || k->kind == REPO_KEY_RECOVERY ||
	       k->kind == REPO_KEY_OTHER;
}

static enum snap_code
take_said(struct repo *r, struct repo_keys *all, struct snap_err *err)
{
	struct notes said;
	enum snap_code rc = notes_load(r->store, &said, err);

	if (rc != SNAP_OK)
		return rc;
	for (size_t i = 0; i < all->n; i++) {
		struct repo_key *k = &all->v[i];
		const struct note *n = notes_about(&said, NOTE_LABEL, k->id);
		const char *label =
		    n != NULL ? note_prop(n, NOTE_PROP_LABEL) : NULL;

		if (label != NULL && is_slot(k))
			(void)snprintf(k->name, sizeof k->name, "%s", label);
		k->is_revoked = k->kind == REPO_KEY_HOST &&
				notes_revoked(&said, k->host_id);
	}
	notes_free(&said);
	return SNAP_OK;
}

enum snap_code
repo_keys(struct repo *r, struct repo_keys *out, struct snap_err *err)
{
	struct repo_keys all;
	enum snap_code rc = repo_may_keep_keys(r, err);

	if (rc == SNAP_OK)
		rc = keyring_load(r->store, &all, err);
	if (rc != SNAP_OK)
		return rc;
	rc = take_said(r, &all, err);
	if (rc == SNAP_OK)
		*out = all;
	else
		repo_keys_free(&all);
	return rc;
}

enum snap_code
repo_key_find(const struct repo_keys *all, const char *digits,
    const struct repo_key **out, struct snap_err *err)
{
	char hex[2 * REPO_ID_LEN + 1];
	const struct repo_key *found = NULL;
	size_t len = strlen(digits);

	if (len < DIGITS_MIN)
		return snap_fail(err, SNAP_USAGE,
		    "\"%s\" has less than %d digits of an id", digits,
		    DIGITS_MIN);
	for (size_t i = 0; i < all->n; i++) {
		hex_encode(all->v[i].id, REPO_ID_LEN, hex);
		if (strncmp(hex, digits, len) != 0)
			continue;
		if (found != NULL)
			return snap_fail(err, SNAP_USAGE,
			    "several ids begin with \"%s\"", digits);
		found = &all->v[i];
	}
	if (found == NULL) {
		(void)snap_fail(err, SNAP_NOTFOUND,
		    "no slot's id begins with \"%s\"", digits);
		return snap_hint(err, "\"key list\" shows them.");
	}
	*out = found;
	return SNAP_OK;
}

enum snap_code
repo_new_slot_id(uint8_t id[REPO_ID_LEN], struct snap_err *err)
{
	if (keys_library_init(err) != SNAP_OK)
		return err->code;
	keys_random(id, REPO_ID_LEN);
	return SNAP_OK;
}

enum snap_code
repo_new_code(char out[128], uint8_t id[REPO_ID_LEN], struct snap_err *err)
{
	uint8_t *code;

	if (repo_new_slot_id(id, err) != SNAP_OK)
		return err->code;
	code = keys_secret_alloc(KEY_BYTES);
	if (code == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for keys");
	keys_random(code, KEY_BYTES);
	recovery_code_format(code, out);
	keys_secret_free(code);
	return SNAP_OK;
}

static enum snap_code
put_label(
    struct repo *r, const uint8_t *id, const char *label, struct snap_err *err)
{
	struct repo_property prop = { NOTE_PROP_LABEL, label };
	enum snap_code rc;

	if (label == NULL || *label == '\0')
		return SNAP_OK;
	if (strlen(label) >= REPO_KEY_NAME_MAX)
		return snap_fail(err, SNAP_USAGE,
		    "a label has less than %d bytes", REPO_KEY_NAME_MAX);
	rc = repo_time(r, err);
	return rc == SNAP_OK
		   ? notes_put(r->store, NOTE_LABEL, id, &prop, 1, err)
		   : rc;
}

enum snap_code
repo_key_add(struct repo *r, const struct repo_new_key *o,
    const uint8_t id[REPO_ID_LEN], struct snap_err *err)
{
	struct slot_secret with = { SLOT_PASSPHRASE, o->secret,
		SLOT_COST_DEFAULT };
	uint8_t *code = NULL;
	char text[RECOVERY_CODE_MAX] = "";
	enum snap_code rc = repo_may_keep_keys(r, err);

	if (rc != SNAP_OK)
		return rc;
	if (o->kdf_mem_kib != 0)
		with.cost.mem_kib = o->kdf_mem_kib;
	if (o->is_code) {
		with.type = SLOT_RECOVERY;
		if (o->secret.len >= sizeof text)
			return snap_fail(
			    err, SNAP_USAGE, "this is no recovery code");
		memcpy(text, o->secret.p, o->secret.len);
		code = keys_secret_alloc(KEY_BYTES);
		rc = code == NULL
			 ? snap_fail(err, SNAP_NOMEM, "no memory for keys")
			 : recovery_code_parse(text, code, err);
		keys_wipe(text, sizeof text);
		with.text = span_of(code, KEY_BYTES);
	}
	if (rc == SNAP_OK)
		rc = put_label(r, id, o->label, err);
	if (rc == SNAP_OK)
		rc = keyring_add(r->store, id, &with, err);
	keys_secret_free(code);
	return rc;
}

enum snap_code
repo_key_remove(struct repo *r, const uint8_t id[REPO_ID_LEN],
    const uint8_t *anchor, bool damaged, struct snap_err *err)
{
	enum snap_code rc = repo_may_keep_keys(r, err);

	if (anchor == NULL)
		anchor = r->store->slot_id;
	return rc == SNAP_OK
		   ? keyring_remove(r->store, id, anchor, damaged, err)
		   : rc;
}

static enum snap_code
name_is_free(struct repo *r, const char *name, struct snap_err *err)
{
	struct repo_keys all = { 0, NULL };
	enum snap_code rc = repo_keys(r, &all, err);

	for (size_t i = 0; i < all.n && rc == SNAP_OK; i++) {
		if (all.v[i].kind != REPO_KEY_HOST || all.v[i].is_revoked ||
		    strcmp(all.v[i].name, name) != 0)
			continue;
		(void)snap_fail(
		    err, SNAP_EXISTS, "there is a host \"%s\" already", name);
		rc = snap_hint(err,
		    "Choose another name, or end the old key first: key "
		    "revoke.");
	}
	repo_keys_free(&all);
	return rc;
}

enum snap_code
repo_key_file(struct repo *r, enum repo_rights rights, const char *name,
    struct bytes *file, uint8_t host_id[REPO_ID_LEN], struct snap_err *err)
{
	enum keyfile_type type =
	    rights == REPO_MAY_WRITE ? KEYFILE_HOST : KEYFILE_MAINTENANCE;
	enum snap_code rc = repo_may_keep_keys(r, err);

	if (rc == SNAP_OK && type == KEYFILE_HOST)
		rc = name_is_free(r, name, err);
	/* What is written is under the newest epoch, and only a look tells
	 * which that is where its record was lost. */
	if (rc == SNAP_OK)
		rc = repo_look_once(r, err);
	return rc == SNAP_OK
		   ? keyring_key_file(r->store, type, name, file, host_id, err)
		   : rc;
}

enum snap_code
repo_key_export(struct repo *r, const uint8_t (*slots)[REPO_ID_LEN], size_t n,
    struct bytes *out, struct snap_err *err)
{
	enum snap_code rc = repo_may_keep_keys(r, err);

	return rc == SNAP_OK ? keyring_export(r->store, slots, n, out, err)
			     : rc;
}

enum snap_code
repo_say_exported(struct repo *r, struct snap_err *err)
{
	enum snap_code rc = repo_may_keep_keys(r, err);

	if (rc == SNAP_OK)
		rc = repo_time(r, err);
	return rc == SNAP_OK
		   ? notes_put(r->store, NOTE_EXPORTED, NULL, NULL, 0, err)
		   : rc;
}

enum snap_code
repo_key_import(struct transport *t, struct span text,
    const struct repo_opts *o, bool force, struct repo_imported *out,
    struct snap_err *err)
{
	struct store_opts so;

	if (keys_library_init(err) != SNAP_OK)
		return err->code;
	repo_store_opts(o, &so);
	return keyring_import(t, text, &so, force, out, err);
}

enum snap_code
repo_revoke(struct repo *r, const uint8_t host_id[REPO_ID_LEN], size_t *n_kept,
    struct snap_err *err)
{
	struct repo_snapshots all = { .n = 0 };
	uint8_t(*ids)[REPO_ID_LEN] = NULL;
	enum snap_code rc = repo_may_keep_keys(r, err);
	size_t n = 0;

	if (rc == SNAP_OK)
		rc = repo_time(r, err);
	if (rc == SNAP_OK)
		rc = repo_snapshots(r, &all, err);
	if (rc == SNAP_OK &&
	    (ids = calloc(all.n + all.n_salvaged + 1, sizeof *ids)) == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "no memory to revoke a key");
	for (size_t i = 0; rc == SNAP_OK && i < all.n + all.n_salvaged; i++) {
		const struct repo_snapshot *s =
		    i < all.n ? &all.v[i] : &all.salvaged[i - all.n];

		if (!s->untrusted &&
		    memcmp(s->host_id, host_id, REPO_ID_LEN) == 0)
			memcpy(ids[n++], s->id, REPO_ID_LEN);
	}
	if (rc == SNAP_OK)
		rc = notes_revoke(r->store, host_id,
		    (const uint8_t(*)[REPO_ID_LEN])ids, n, err);
	if (rc == SNAP_OK)
		*n_kept = n;
	free(ids);
	repo_snapshots_free(&all);
	return rc;
}

enum snap_code
repo_rotate(struct repo *r, uint32_t *epoch, struct snap_err *err)
{
	enum snap_code rc = repo_may_keep_keys(r, err);

	/* Which epoch is the newest a look tells where its record was lost. */
	if (rc == SNAP_OK)
		rc = repo_look_once(r, err);
	if (rc == SNAP_OK)
		rc = keyring_rotate(r->store, err);
	if (rc == SNAP_OK)
		*epoch = r->store->keys->epoch;
	return rc;
}
