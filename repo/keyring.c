/* SPDX-License-Identifier: PostgreSQL */
/* keyring.c - behind the door of repo_keys.h. */
#include <stdlib.h>
#include <string.h>

#include "keyring.h"
#include "keys.h"
#include "repo_internal.h"

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

enum snap_code
repo_keys(struct repo *r, struct repo_keys *out, struct snap_err *err)
{
	enum snap_code rc = repo_may_keep_keys(r, err);

	return rc == SNAP_OK ? keyring_load(r->store, out, err) : rc;
}

void
repo_keys_free(struct repo_keys *k)
{
	free(k->v);
	memset(k, 0, sizeof *k);
}

static enum snap_code
name_is_free(struct repo *r, const char *name, struct snap_err *err)
{
	struct repo_keys all = { 0, NULL };
	enum snap_code rc = repo_keys(r, &all, err);

	for (size_t i = 0; i < all.n && rc == SNAP_OK; i++) {
		if (all.v[i].kind != REPO_KEY_HOST ||
		    strcmp(all.v[i].name, name) != 0)
			continue;
		rc = snap_fail(
		    err, SNAP_EXISTS, "there is a host \"%s\" already", name);
		(void)snap_hint(err, "Choose another name.");
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
