/* SPDX-License-Identifier: PostgreSQL */
/* export.c - what opens a repository goes onto paper. */
#include <stdlib.h>
#include <string.h>

#include "keyring.h"
#include "paper.h"

static bool
is_chosen(const struct repo_key *k, const uint8_t (*slots)[ID_LEN], size_t n)
{
	/* Without its record nobody trusts what a host has backed up. */
	if (k->kind == REPO_KEY_HOST || k->kind == REPO_KEY_EPOCH)
		return true;
	for (size_t i = 0; i < n; i++)
		if (k->kind != REPO_KEY_DAMAGED &&
		    memcmp(slots[i], k->id, ID_LEN) == 0)
			return true;
	return false;
}

static enum snap_code
add_object(struct store *s, const char *name, bool is_config, struct paper *p,
    struct snap_err *err)
{
	uint8_t found[32];
	struct bytes raw;
	enum snap_code rc;

	bytes_init(&raw, STORE_KEY_SIZE_MAX);
	rc = transport_get(s->t, name, 0, SIZE_MAX, &raw, err);
	if (rc == SNAP_OK && is_config) {
		keys_fingerprint(bytes_span(&raw), found);
		if (memcmp(found, s->fingerprint, sizeof found) != 0)
			rc = snap_fail(err, SNAP_CORRUPT,
			    "it has changed since it was opened");
	}
	if (rc == SNAP_OK)
		rc = paper_add(p, bytes_span(&raw), err);
	bytes_fini(&raw);
	return rc == SNAP_OK ? rc : snap_wrap(err, "%s", name);
}

enum snap_code
keyring_export(struct store *s, const uint8_t (*slots)[ID_LEN], size_t n,
    struct bytes *out, struct snap_err *err)
{
	struct paper *p = malloc(sizeof *p);
	struct repo_keys all = { 0, NULL };
	char name[TRANSPORT_NAME_MAX + 1];
	enum snap_code rc;

	if (p == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for paper");
	paper_init(p);
	rc = add_object(s, "config", true, p, err);
	if (rc == SNAP_OK)
		rc = keyring_load(s, &all, err);
	for (size_t i = 0; i < all.n && rc == SNAP_OK; i++) {
		if (!is_chosen(&all.v[i], slots, n))
			continue;
		store_name(OBJ_SLOT, all.v[i].id, name);
		rc = add_object(s, name, false, p, err);
	}
	if (rc == SNAP_OK)
		rc = paper_write(p, out, err);
	repo_keys_free(&all);
	paper_fini(p);
	free(p);
	return rc;
}
