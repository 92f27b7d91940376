/* SPDX-License-Identifier: PostgreSQL */
/* revoke.c - `key revoke` and `key rotate`: what ends the word of a key. */
#include <inttypes.h>
#include <string.h>

#include "key_cmd.h"
#include "ui.h"

#define PREFIX_MIN 4

/* By its name, or else by the first digits of its id. */
static bool
is_meant(const struct repo_key *k, const char *what, bool by_id)
{
	char hex[2 * REPO_ID_LEN + 1];
	size_t len = strlen(what);

	if (k->kind != REPO_KEY_HOST)
		return false;
	if (!by_id)
		return !k->is_revoked && strcmp(k->name, what) == 0;
	hex_encode(k->host_id, REPO_ID_LEN, hex);
	return len >= PREFIX_MIN && strncmp(hex, what, len) == 0;
}

static enum snap_code
find_host(const struct repo_keys *all, const char *what,
    const struct repo_key **out, struct snap_err *err)
{
	const struct repo_key *found = NULL;

	for (int by_id = 0; by_id < 2 && found == NULL; by_id++)
		for (size_t i = 0; i < all->n; i++) {
			const struct repo_key *k = &all->v[i];

			if (!is_meant(k, what, by_id != 0))
				continue;
			/* After a rotation a host has several records. */
			if (found != NULL && memcmp(found->host_id, k->host_id,
						 REPO_ID_LEN) != 0)
				return snap_fail(err, SNAP_USAGE,
				    "more than one host is meant by \"%s\"",
				    what);
			found = k;
		}
	if (found == NULL) {
		(void)snap_fail(
		    err, SNAP_NOTFOUND, "there is no host \"%s\"", what);
		return snap_hint(
		    err, "\"%s key list\" shows them.", SNAP_PROGRAM_NAME);
	}
	*out = found;
	return SNAP_OK;
}

static enum snap_code
show_revoked(const struct cli *c, const struct place *s,
    const struct repo_key *k, size_t n_kept, struct snap_err *err)
{
	char hex[2 * REPO_ID_LEN + 1];
	json_t *root;

	hex_encode(k->host_id, REPO_ID_LEN, hex);
	if (c->o.json) {
		root = place_json(s);
		json_put_text(root, "name", span_str(k->name));
		json_put_text(root, "host-id", span_str(hex));
		json_put_u64(root, "snapshots", n_kept);
		return json_print(root, err);
	}
	ui_info("revoked the key of the host \"%s\" (%.8s): the %zu snapshots "
		"that it has made hold on, what it makes from now on is "
		"untrusted",
	    k->name, hex, n_kept);
	ui_info("take its access to the store away as well: it can still read "
		"names and sizes there, and stand in the way");
	return SNAP_OK;
}

enum snap_code
key_revoke(struct cli *c, struct place *s, struct snap_err *err)
{
	struct repo_keys all = { 0, NULL };
	const struct repo_key *k = NULL;
	size_t n_kept = 0;
	enum snap_code rc;

	if (c->o.n_args < 2) {
		(void)snap_fail(err, SNAP_USAGE, "which host's key?");
		return snap_hint(err, "%s key revoke NAME", SNAP_PROGRAM_NAME);
	}
	if ((rc = key_open(c, s, err)) == SNAP_OK &&
	    (rc = repo_keys(s->repo, &all, err)) == SNAP_OK &&
	    (rc = find_host(&all, c->o.args[1], &k, err)) == SNAP_OK &&
	    (rc = repo_revoke(s->repo, k->host_id, &n_kept, err)) == SNAP_OK)
		rc = show_revoked(c, s, k, n_kept, err);
	repo_keys_free(&all);
	return rc;
}

enum snap_code
key_rotate(struct cli *c, struct place *s, struct snap_err *err)
{
	uint32_t epoch = 0;
	enum snap_code rc;
	json_t *root;

	if ((rc = key_open(c, s, err)) != SNAP_OK)
		return rc;
	rc = repo_rotate(s->repo, &epoch, err);
	if (rc != SNAP_OK) {
		if (epoch == 0 && err->hint[0] == '\0')
			(void)snap_hint(
			    err, "Nothing is lost; give the command again.");
		return rc;
	}
	if (c->o.json) {
		root = place_json(s);
		json_put_u64(root, "epoch", epoch);
		return json_print(root, err);
	}
	ui_info("key epoch %" PRIu32 " has begun", epoch);
	ui_info("every machine with a key file needs a new one: revoke the old "
		"key of its host, add a new one, bring it there");
	return SNAP_OK;
}
