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

#include "blake2many.h"
#include "hash.h"
#include "keys.h"

_Static_assert(SIG_BYTES == crypto_sign_BYTES, "signature");
_Static_assert(
    sizeof((struct epoch_keys *)0)->maint_sk == crypto_sign_SECRETKEYBYTES,
    "secret key");
_Static_assert(ID_BYTES == BLAKE2_OUT && KEY_BYTES == BLAKE2_KEY, "chunk hash");
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

static void
derive_epoch(const uint8_t *rs, uint32_t epoch, struct epoch_keys *e)
{
	uint8_t seed[KEY_BYTES];

	e->held = true;
	derive(rs, epoch, PURPOSE_META, e->meta);
	derive(rs, epoch, PURPOSE_DATA, seed);
	(void)crypto_box_seed_keypair(e->data_pk, e->data_sk, seed);
	derive(rs, epoch, PURPOSE_MAINT, seed);
	(void)crypto_sign_seed_keypair(e->maint_pk, e->maint_sk, seed);
	sodium_memzero(seed, sizeof seed);
}

enum snap_code
keys_from_secret(const uint8_t rs[KEY_BYTES], const uint8_t repo_id[ID_BYTES],
    uint32_t epoch, struct keys **out, struct snap_err *err)
{
	struct keys *k;

	if (epoch == 0 || epoch > KEYS_EPOCHS_MAX)
		return snap_fail(err, SNAP_UNSUPPORTED,
		    "there is no key epoch %u", (unsigned)epoch);
	k = keys_secret_alloc(sizeof *k);
	if (k == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for keys");
	k->owner = k->maintenance = true;
	memcpy(k->repo_id, repo_id, ID_BYTES);
	memcpy(k->rs, rs, KEY_BYTES);
	derive(rs, 0, PURPOSE_CHUNK, k->chunk);
	derive(rs, 0, PURPOSE_CUTTER, k->cutter);
	derive(rs, 0, PURPOSE_META_ID, k->meta_id);
	derive(rs, 0, PURPOSE_CONFIG_MAC, k->config_mac);
	for (uint32_t e = 1; e <= epoch; e++)
		derive_epoch(rs, e, &k->epochs[e - 1]);
	keys_select(k, epoch);
	*out = k;
	return SNAP_OK;
}

const struct epoch_keys *
keys_of_epoch(const struct keys *k, uint32_t epoch)
{
	if (epoch == 0 || epoch > KEYS_EPOCHS_MAX || !k->epochs[epoch - 1].held)
		return NULL;
	return &k->epochs[epoch - 1];
}

void
keys_select(struct keys *k, uint32_t epoch)
{
	const struct epoch_keys *e = keys_of_epoch(k, epoch);

	if (e == NULL)
		return;
	k->epoch = epoch;
	memcpy(k->meta, e->meta, KEY_BYTES);
	memcpy(k->data_pk, e->data_pk, sizeof k->data_pk);
	memcpy(k->maint_pk, e->maint_pk, sizeof k->maint_pk);
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
keys_chunk_hashes(const struct keys *k, const uint8_t *data,
    const uint32_t *lens, size_t n, uint8_t (*out)[ID_BYTES])
{
	const struct blake2_impl *impl = blake2_best();

	if (impl != NULL && n > 1) {
		blake2_many(impl, k->chunk, data, lens, n, out);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		keys_chunk_hash(k, span_of(data, lens[i]), out[i]);
		data += lens[i];
	}
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
	const struct epoch_keys *e = keys_of_epoch(k, k->epoch);
	const uint8_t *sk =
	    k->maintenance && e != NULL ? e->maint_sk : k->host_sk;

	(void)crypto_sign_detached(sig, NULL, msg.p, msg.len, sk);
}

bool
keys_verify(const uint8_t pk[32], struct span msg, const uint8_t sig[SIG_BYTES])
{
	return crypto_sign_verify_detached(sig, msg.p, msg.len, pk) == 0;
}
