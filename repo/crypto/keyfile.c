/* SPDX-License-Identifier: PostgreSQL */
/*
 * keyfile.c - keys for a machine that must not read what it backs up.
 *
 * It holds the meta key of every epoch, for without the index and the
 * condemned lists nobody can write safely, but no data secret key of any.
 */
#include <string.h>

#include "hash.h"
#include "keyfile.h"

#define KEYFILE_VERSION 1
#define SEED_LEN crypto_sign_SEEDBYTES

_Static_assert(SEED_LEN == KEY_BYTES, "seed");

static void
put_epoch(const struct epoch_keys *e, uint32_t epoch, enum keyfile_type type,
    struct bytes *out)
{
	bytes_u32(out, epoch);
	bytes_put(out, e->meta, KEY_BYTES);
	bytes_put(out, e->data_pk, sizeof e->data_pk);
	bytes_put(out, e->maint_pk, sizeof e->maint_pk);
	/* The first half of libsodium's secret key is its seed. */
	if (type == KEYFILE_MAINTENANCE)
		bytes_put(out, e->maint_sk, SEED_LEN);
}

enum snap_code
keyfile_make(const struct keys *owner, enum keyfile_type type,
    const uint8_t fingerprint[32], struct span name, struct keys **host,
    struct bytes *out, struct snap_err *err)
{
	uint8_t id[ID_BYTES] = { 0 }, seed[SEED_LEN] = { 0 };
	size_t n = 0, old = out->len;
	enum snap_code rc;

	if (!owner->owner || name.len > KEYFILE_NAME_MAX)
		return snap_fail(err, SNAP_DENIED,
		    "only an owner can make a key file, with a short name");
	if (type == KEYFILE_HOST) {
		randombytes_buf(id, sizeof id);
		randombytes_buf(seed, sizeof seed);
	}
	bytes_u8(out, (uint8_t)type);
	bytes_u8(out, KEYFILE_VERSION);
	bytes_u16(out, 0);
	bytes_put(out, id, sizeof id);
	bytes_put(out, fingerprint, 32);
	bytes_put(out, owner->chunk, KEY_BYTES);
	bytes_put(out, owner->cutter, KEY_BYTES);
	bytes_put(out, owner->meta_id, KEY_BYTES);
	bytes_put(out, seed, sizeof seed);
	sodium_memzero(seed, sizeof seed);
	/* Owners hold the keys of epochs that have not begun, too. */
	for (uint32_t e = 1; e <= owner->epoch; e++)
		n += keys_of_epoch(owner, e) != NULL;
	bytes_varint(out, n);
	for (uint32_t e = 1; e <= owner->epoch; e++)
		if (keys_of_epoch(owner, e) != NULL)
			put_epoch(keys_of_epoch(owner, e), e, type, out);
	bytes_varint(out, name.len);
	bytes_put_span(out, name);
	rc = bytes_check(out, err);
	if (rc == SNAP_OK) {
		uint8_t pinned[32];

		rc = keyfile_open(span_of(out->p + old, out->len - old),
		    owner->repo_id, host, pinned, err);
	}
	return rc;
}

static void
read_epochs(struct cursor *c, struct keys *k)
{
	uint64_t n = cursor_varint(c);
	uint32_t newest = 0;

	if (n == 0 || n > KEYS_EPOCHS_MAX)
		c->bad = true;
	for (uint64_t i = 0; i < n && !c->bad; i++) {
		uint32_t epoch = cursor_u32(c);
		uint8_t seed[SEED_LEN];
		struct epoch_keys *e;

		/* Ascending, so that there is one spelling only. */
		if (epoch <= newest || epoch > KEYS_EPOCHS_MAX) {
			c->bad = true;
			return;
		}
		newest = epoch;
		e = &k->epochs[epoch - 1];
		e->held = true;
		cursor_copy(c, e->meta, KEY_BYTES);
		cursor_copy(c, e->data_pk, sizeof e->data_pk);
		cursor_copy(c, e->maint_pk, sizeof e->maint_pk);
		if (!k->maintenance)
			continue;
		cursor_copy(c, seed, sizeof seed);
		(void)crypto_sign_seed_keypair(e->maint_pk, e->maint_sk, seed);
		sodium_memzero(seed, sizeof seed);
	}
	if (!c->bad)
		keys_select(k, newest);
}

enum snap_code
keyfile_open(struct span payload, const uint8_t repo_id[ID_BYTES],
    struct keys **out, uint8_t fingerprint[32], struct snap_err *err)
{
	struct keys *k = keys_secret_alloc(sizeof *k);
	uint8_t type, version, seed[SEED_LEN], pinned[32];
	struct cursor c;

	if (k == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for keys");
	cursor_init(&c, payload);
	type = cursor_u8(&c);
	version = cursor_u8(&c);
	if (!c.bad && version > KEYFILE_VERSION) {
		keys_free(k);
		return snap_fail(err, SNAP_UNSUPPORTED,
		    "the key file was written by a newer version");
	}
	if (version == 0 || cursor_u16(&c) != 0 ||
	    (type != KEYFILE_HOST && type != KEYFILE_MAINTENANCE))
		c.bad = true;
	k->maintenance = type == KEYFILE_MAINTENANCE;
	memcpy(k->repo_id, repo_id, ID_BYTES);
	cursor_copy(&c, k->host_id, ID_BYTES);
	cursor_copy(&c, pinned, sizeof pinned);
	cursor_copy(&c, k->chunk, KEY_BYTES);
	cursor_copy(&c, k->cutter, KEY_BYTES);
	cursor_copy(&c, k->meta_id, KEY_BYTES);
	cursor_copy(&c, seed, sizeof seed);
	if (type == KEYFILE_HOST)
		(void)crypto_sign_seed_keypair(k->host_pk, k->host_sk, seed);
	else if (!sodium_is_zero(k->host_id, ID_BYTES) ||
		 !sodium_is_zero(seed, sizeof seed))
		c.bad = true;
	sodium_memzero(seed, sizeof seed);
	read_epochs(&c, k);
	if (cursor_varint(&c) != c.left || c.left > KEYFILE_NAME_MAX)
		c.bad = true;
	if (c.bad) {
		keys_free(k);
		return snap_fail(err, SNAP_CORRUPT, "the key file is damaged");
	}
	memcpy(fingerprint, pinned, sizeof pinned);
	*out = k;
	return SNAP_OK;
}
