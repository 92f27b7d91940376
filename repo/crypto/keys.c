/* SPDX-License-Identifier: PostgreSQL */
/*
 * keys.c - from the repository secret to every key, and the keyed hashes.
 *
 * What names things (chunks, meta objects, cuts, the config's MAC) is derived
 * with epoch 0 for ever: a rotation of the other keys must not make the next
 * backup store everything again.
 */
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "keys.h"

_Static_assert(SIG_BYTES == crypto_sign_BYTES, "signature");
_Static_assert(sizeof((struct keys *)0)->maint_sk == crypto_sign_SECRETKEYBYTES,
    "secret key");
_Static_assert(KEY_BYTES == crypto_kdf_KEYBYTES, "kdf");

/* Low half of a subkey id; the high half is the epoch.  Part of the format. */
enum purpose {
	PURPOSE_CHUNK = 1,
	PURPOSE_CUTTER = 2,
	PURPOSE_META = 3,
	PURPOSE_META_ID = 4,
	PURPOSE_CONFIG_MAC = 5,
	PURPOSE_DATA = 6,
	PURPOSE_MAINT = 7
};

enum snap_code
keys_library_init(struct snap_err *err)
{
	if (sodium_init() < 0)
		return snap_fail(err, SNAP_IO, "libsodium refuses to start");
	return SNAP_OK;
}

void
keys_random(void *out, size_t len)
{
	randombytes_buf(out, len);
}

void
keys_wipe(void *p, size_t len)
{
	if (len != 0)
		sodium_memzero(p, len);
}

void *
keys_secret_alloc(size_t len)
{
	void *p = sodium_malloc(len);

	if (p != NULL)
		memset(p, 0, len);
	return p;
}

void
keys_secret_free(void *p)
{
	sodium_free(p);
}

void
hash_parts(const char *domain, const uint8_t *key, const struct span *parts,
    size_t n, uint8_t *out, size_t out_len)
{
	uint8_t person[crypto_generichash_blake2b_PERSONALBYTES] = { 0 };
	crypto_generichash_blake2b_state st;

	memcpy(person, domain, strnlen(domain, sizeof person));
	(void)crypto_generichash_blake2b_init_salt_personal(
	    &st, key, key == NULL ? 0 : KEY_BYTES, out_len, NULL, person);
	for (size_t i = 0; i < n; i++)
		if (parts[i].len != 0)
			(void)crypto_generichash_blake2b_update(
			    &st, parts[i].p, parts[i].len);
	(void)crypto_generichash_blake2b_final(&st, out, out_len);
	sodium_memzero(&st, sizeof st);
}

static void
derive(const uint8_t *rs, uint32_t epoch, enum purpose purpose, uint8_t *out)
{
	/* It fails only for lengths that are fixed here. */
	(void)crypto_kdf_derive_from_key(out, KEY_BYTES,
	    (uint64_t)epoch << 32 | (uint32_t)purpose, "snapkeys", rs);
}

enum snap_code
keys_from_secret(const uint8_t rs[KEY_BYTES], const uint8_t repo_id[ID_BYTES],
    uint32_t epoch, struct keys **out, struct snap_err *err)
{
	struct keys *k = keys_secret_alloc(sizeof *k);
	uint8_t seed[KEY_BYTES];

	if (k == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for keys");
	k->owner = true;
	k->epoch = epoch;
	memcpy(k->repo_id, repo_id, ID_BYTES);
	derive(rs, 0, PURPOSE_CHUNK, k->chunk);
	derive(rs, 0, PURPOSE_CUTTER, k->cutter);
	derive(rs, 0, PURPOSE_META_ID, k->meta_id);
	derive(rs, 0, PURPOSE_CONFIG_MAC, k->config_mac);
	derive(rs, epoch, PURPOSE_META, k->meta);
	derive(rs, epoch, PURPOSE_DATA, seed);
	(void)crypto_box_seed_keypair(k->data_pk, k->data_sk, seed);
	derive(rs, epoch, PURPOSE_MAINT, seed);
	(void)crypto_sign_seed_keypair(k->maint_pk, k->maint_sk, seed);
	sodium_memzero(seed, sizeof seed);
	*out = k;
	return SNAP_OK;
}

void
keys_free(struct keys *k)
{
	keys_secret_free(k);
}

/* The hot one: no domain, the key has no other plain use, so that any keyed
 * BLAKE2b, a multi-lane one too, computes it. */
void
keys_chunk_hash(const struct keys *k, struct span chunk, uint8_t out[ID_BYTES])
{
	(void)crypto_generichash_blake2b(
	    out, ID_BYTES, chunk.p, chunk.len, k->chunk, KEY_BYTES);
}

void
keys_block_id(
    const struct keys *k, struct span directory, uint8_t out[ID_BYTES])
{
	hash_parts(DOMAIN_DIRECTORY, k->chunk, &directory, 1, out, ID_BYTES);
}

void
keys_meta_id(const struct keys *k, uint8_t class, struct span plain,
    uint8_t out[ID_BYTES])
{
	struct span parts[2] = { span_of(&class, 1), plain };

	hash_parts(DOMAIN_META_ID, k->meta_id, parts, 2, out, ID_BYTES);
}

void
keys_digest(const struct keys *k, struct span hashes, uint8_t out[ID_BYTES])
{
	hash_parts(DOMAIN_DIGEST, k->meta_id, &hashes, 1, out, ID_BYTES);
}

void
keys_config_mac(const struct keys *k, struct span config, uint8_t out[32])
{
	hash_parts(DOMAIN_CONFIG, k->config_mac, &config, 1, out, 32);
}

void
keys_fingerprint(struct span data, uint8_t out[32])
{
	(void)crypto_generichash_blake2b(out, 32, data.p, data.len, NULL, 0);
}

void
keys_sign(const struct keys *k, struct span msg, uint8_t sig[SIG_BYTES])
{
	const uint8_t *sk = k->owner ? k->maint_sk : k->host_sk;

	(void)crypto_sign_detached(sig, NULL, msg.p, msg.len, sk);
}

bool
keys_verify(const uint8_t pk[32], struct span msg, const uint8_t sig[SIG_BYTES])
{
	return crypto_sign_verify_detached(sig, msg.p, msg.len, pk) == 0;
}
