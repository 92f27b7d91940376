/* SPDX-License-Identifier: PostgreSQL */
/*
 * hosts.c - key files for machines that must not read rows.
 *
 * The record of a host comes before its file: a file without a record would
 * make backups that nobody trusts, a record without a file does nothing.
 */
#include <string.h>

#include "keyfile.h"
#include "keyring.h"

static bool
is_name(const char *name)
{
	size_t len = strlen(name);

	for (const char *p = name; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	/* As which snapshots of an owner are shown. */
	return len > 0 && len <= KEYFILE_NAME_MAX && strcmp(name, "owner") != 0;
}

enum snap_code
keyring_put_host(struct store *s, const uint8_t host_id[ID_LEN],
    const uint8_t pk[32], const char *name, struct snap_err *err)
{
	struct host_body host = { .epoch = s->keys->epoch,
		.name = span_str(name) };
	uint8_t id[ID_LEN];
	struct bytes body;
	enum snap_code rc;

	memcpy(host.host_id, host_id, ID_LEN);
	memcpy(host.pk, pk, sizeof host.pk);
	bytes_init(&body, STORE_KEY_SIZE_MAX);
	host_encode(&host, &body);
	keys_random(id, sizeof id);
	rc = bytes_check(&body, err);
	if (rc == SNAP_OK)
		rc = store_put_body(
		    s, OBJ_HOST, id, bytes_span(&body), true, NULL, err);
	bytes_fini(&body);
	return rc;
}

static enum snap_code
as_object(const struct keys *k, struct span payload, struct bytes *file,
    struct snap_err *err)
{
	struct header h = { .kind = OBJ_KEYFILE, .epoch = k->epoch };
	uint8_t header[HEADER_LEN];

	memcpy(h.id, k->host_id, ID_LEN);
	memcpy(h.repo_id, k->repo_id, ID_LEN);
	header_encode(&h, header);
	bytes_put(file, header, HEADER_LEN);
	bytes_put_span(file, payload);
	object_finish(file, HEADER_LEN);
	return bytes_check(file, err);
}

enum snap_code
keyring_key_file(struct store *s, enum keyfile_type type, const char *name,
    struct bytes *file, uint8_t host_id[ID_LEN], struct snap_err *err)
{
	struct keys *k = NULL;
	struct bytes payload;
	enum snap_code rc;

	if (!is_name(name))
		return snap_fail(err, SNAP_USAGE,
		    "a name has 1 to %d bytes, no control characters, and is "
		    "not \"owner\"",
		    KEYFILE_NAME_MAX);
	/* At full size at once: growing would leave copies behind. */
	bytes_init(&payload, KEYFILE_PAYLOAD_MAX);
	rc = bytes_reserve(&payload, KEYFILE_PAYLOAD_MAX, err);
	if (rc == SNAP_OK)
		rc = bytes_reserve(file, KEYFILE_MAX, err);
	if (rc == SNAP_OK)
		rc = keyfile_make(s->keys, type, s->fingerprint, span_str(name),
		    &k, &payload, err);
	if (rc == SNAP_OK)
		rc = as_object(k, bytes_span(&payload), file, err);
	if (rc == SNAP_OK && type == KEYFILE_HOST)
		rc = keyring_put_host(s, k->host_id, k->host_pk, name, err);
	if (rc == SNAP_OK)
		memcpy(host_id, k->host_id, ID_LEN);
	keys_free(k);
	bytes_fini_wipe(&payload);
	return rc;
}
