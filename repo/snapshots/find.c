/* SPDX-License-Identifier: PostgreSQL */
/*
 * find.c - from what a person or a backup says to one snapshot.
 *
 * Ages are compared by the store's time only: hosts' clocks differ.
 */
#include <string.h>

#include "snapshots.h"

#define PREFIX_MIN 4

const char *
repo_snapshot_prop(const struct repo_snapshot *s, const char *key)
{
	for (size_t i = 0; i < s->n_props; i++)
		if (strcmp(s->props[i].key, key) == 0)
			return s->props[i].value;
	return NULL;
}

static bool
has_prop(const struct repo_snapshot *s, const char *key, const char *value)
{
	const char *v = repo_snapshot_prop(s, key);

	if (v == NULL || value == NULL)
		return v == value;
	return strcmp(v, value) == 0;
}

static bool
same_prop(const struct repo_snapshot *a, const struct repo_snapshot *b,
    const char *key)
{
	return has_prop(a, key, repo_snapshot_prop(b, key));
}

/* Not of the same cluster: that too is what its writer says. */
const struct repo_snapshot *
repo_snapshot_of_another(
    const struct repo_snapshots *all, const struct repo_snapshot *s)
{
	size_t i = all->n;

	while (i > 0 && memcmp(all->v[i - 1].id, s->id, REPO_ID_LEN) != 0)
		i--;
	for (i = i > 0 ? i - 1 : 0; i > 0; i--) {
		const struct repo_snapshot *before = &all->v[i - 1];

		if (same_prop(before, s, REPO_PROP_DATABASE) &&
		    same_prop(before, s, REPO_PROP_NAME) &&
		    same_prop(before, s, REPO_PROP_SELECTION))
			return strcmp(before->signer, s->signer) != 0 ? before
								      : NULL;
	}
	return NULL;
}

static enum snap_code
find_latest(const struct repo_snapshots *all, const char *of,
    const struct repo_snapshot **out, struct snap_err *err)
{
	const struct repo_snapshot *partial = NULL;

	/* A part of a database is nobody's backup of it. */
	for (size_t i = all->n; i-- > 0;) {
		const struct repo_snapshot *s = &all->v[i];

		if (of != NULL && !has_prop(s, REPO_PROP_DATABASE, of) &&
		    !has_prop(s, REPO_PROP_NAME, of))
			continue;
		if (repo_snapshot_prop(s, REPO_PROP_SELECTION) == NULL) {
			*out = s;
			return SNAP_OK;
		}
		if (partial == NULL)
			partial = s;
	}
	if (partial != NULL) {
		*out = partial;
		return SNAP_OK;
	}
	if (of != NULL)
		(void)snap_fail(err, SNAP_NOTFOUND,
		    "there is no snapshot of a database or stream \"%s\"", of);
	else
		(void)snap_fail(err, SNAP_NOTFOUND, "there is no snapshot");
	return snap_hint(err, "See what there is: snapshots");
}

/* Silence would let somebody restore yesterday without knowing. */
static enum snap_code
refuse_older(const struct repo_snapshots *all, const struct repo_snapshot *s,
    struct snap_err *err)
{
	char hex[2 * REPO_ID_LEN + 1];

	if (all->n_damaged == 0 || all->damaged_ns < s->time_ns)
		return SNAP_OK;
	hex_encode(all->damaged_id, REPO_ID_LEN, hex);
	(void)snap_fail(err, SNAP_CORRUPT,
	    "a newer snapshot %s is damaged, so the latest is not known", hex);
	return snap_hint(err, "Name one by its id, see: snapshots");
}

static enum snap_code
find_prefix(const struct repo_snapshots *all, const char *spec,
    const struct repo_snapshot **out, struct snap_err *err)
{
	const struct repo_snapshot *found = NULL;
	char hex[2 * REPO_ID_LEN + 1];
	size_t len = strlen(spec);

	if (strspn(spec, "0123456789abcdef") != len || len < PREFIX_MIN ||
	    len > 2 * REPO_ID_LEN) {
		(void)snap_fail(
		    err, SNAP_USAGE, "\"%s\" does not name a snapshot", spec);
		return snap_hint(err,
		    "Give at least %d digits of an id, \"latest\" or "
		    "\"latest:DATABASE\".",
		    PREFIX_MIN);
	}
	for (size_t i = 0; i < all->n + all->n_salvaged; i++) {
		const struct repo_snapshot *s =
		    i < all->n ? &all->v[i] : &all->salvaged[i - all->n];

		hex_encode(s->id, REPO_ID_LEN, hex);
		if (strncmp(hex, spec, len) != 0)
			continue;
		if (found != NULL)
			return snap_fail(err, SNAP_USAGE,
			    "more than one snapshot id begins with \"%s\"",
			    spec);
		found = s;
	}
	if (found == NULL) {
		(void)snap_fail(err, SNAP_NOTFOUND,
		    "there is no snapshot whose id begins with \"%s\"", spec);
		return snap_hint(err, "See what there is: snapshots");
	}
	*out = found;
	return SNAP_OK;
}

enum snap_code
snapshots_find(const struct repo_snapshots *all, const char *spec,
    const struct repo_snapshot **out, struct snap_err *err)
{
	const struct repo_snapshot *found = NULL;
	bool latest = true;
	enum snap_code rc;

	if (strcmp(spec, "latest") == 0)
		rc = find_latest(all, NULL, &found, err);
	else if (strncmp(spec, "latest:", 7) == 0)
		rc = find_latest(all, spec + 7, &found, err);
	else {
		rc = find_prefix(all, spec, &found, err);
		latest = false;
	}
	if (rc == SNAP_OK && latest)
		rc = refuse_older(all, found, err);
	if (rc == SNAP_OK)
		*out = found;
	if (rc == SNAP_NOTFOUND && all->n_damaged != 0)
		rc = snap_detail(err,
		    "%zu damaged snapshots were left out; see the warnings.",
		    all->n_damaged);
	return rc;
}

const struct repo_snapshot *
snapshots_parent(const struct repo_snapshots *all,
    const char *system_identifier, const char *database, const char *name)
{
	const struct repo_snapshot *second = NULL;

	for (size_t i = all->n; i-- > 0;) {
		const struct repo_snapshot *s = &all->v[i];

		if (!has_prop(s, REPO_PROP_DATABASE, database) ||
		    !has_prop(s, REPO_PROP_NAME, name))
			continue;
		if (has_prop(s, REPO_PROP_SYSTEM, system_identifier))
			return s;
		if (second == NULL)
			second = s;
	}
	return second;
}
