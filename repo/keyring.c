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
