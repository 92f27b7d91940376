/* SPDX-License-Identifier: PostgreSQL */
/*
 * forget.c - snapshots that somebody does not want any more.
 *
 * The record comes first: a snapshot that it names is no root for prune, and
 * one that reappears, as a delayed put may bring it back, goes again.
 */
#include <stdlib.h>
#include <string.h>

#include "notes.h"

/* A property holds a mebibyte; 33 characters for each id. */
#define IDS_MAX 20000

static enum snap_code
record(struct store *s, enum note_type type, const uint8_t *subject,
    const uint8_t (*ids)[ID_LEN], size_t n, struct snap_err *err)
{
	struct repo_property prop = { NOTE_PROP_SNAPSHOTS, NULL };
	char *list = malloc(n * (2 * ID_LEN + 1) + 1);
	enum snap_code rc;

	if (list == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a record");
	list[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		hex_encode(ids[i], ID_LEN, list + i * (2 * ID_LEN + 1));
		list[i * (2 * ID_LEN + 1) + 2 * ID_LEN] =
		    i + 1 < n ? ',' : '\0';
	}
	prop.value = list;
	rc = notes_put(s, type, subject, &prop, 1, err);
	free(list);
	return rc;
}

static enum snap_code
drop(struct store *s, uint8_t kind, const uint8_t id[ID_LEN],
    struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	enum snap_code rc;

	store_name(kind, id, name);
	rc = transport_delete(s->t, name, err);
	return rc == SNAP_NOTFOUND ? SNAP_OK : rc;
}

enum snap_code
notes_record_forgotten(struct store *s, const uint8_t (*ids)[ID_LEN], size_t n,
    struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	size_t part;

	for (; n > 0 && rc == SNAP_OK; ids += part, n -= part) {
		part = n < IDS_MAX ? n : IDS_MAX;
		rc = record(s, NOTE_FORGET, NULL, ids, part, err);
	}
	return rc;
}

enum snap_code
notes_revoke(struct store *s, const uint8_t host[ID_LEN],
    const uint8_t (*ids)[ID_LEN], size_t n, struct snap_err *err)
{
	enum snap_code rc;
	size_t part;

	do {
		part = n < IDS_MAX ? n : IDS_MAX;
		rc = record(s, NOTE_REVOKED, host, ids, part, err);
		ids += part;
		n -= part;
	} while (n > 0 && rc == SNAP_OK);
	return rc;
}

enum snap_code
notes_forget(struct store *s, const uint8_t (*ids)[ID_LEN], size_t n,
    struct snap_err *err)
{
	enum snap_code rc = notes_record_forgotten(s, ids, n, err);
	struct snap_err kept = SNAP_ERR_INIT;

	/* The confirmation first: without it there is no snapshot, without the
	 * other half it would look like a loss. */
	for (size_t i = 0; i < n && rc == SNAP_OK; i++) {
		rc = drop(s, OBJ_OK, ids[i], err);
		if (rc == SNAP_OK)
			rc = drop(s, OBJ_SNAPSHOT, ids[i], err);
		if (rc == SNAP_DENIED) {
			kept = *err;
			rc = SNAP_OK;
		}
	}
	if (rc != SNAP_OK || kept.code == SNAP_OK)
		return rc;
	*err = kept;
	return snap_hint(err,
	    "It is recorded: what the store keeps comes back until it may go, "
	    "and each prune tries that.");
}
