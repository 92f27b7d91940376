/* SPDX-License-Identifier: PostgreSQL */
/*
 * keys.h - every key of a repository, in locked memory.
 *
 * All come from the repository secret RS (docs/format.md, "Keys") by
 * crypto_kdf with an epoch number.  A key file (keyfile.h) holds the subset
 * that can write and list but decrypts no row: then `owner` is false and the
 * secret halves are absent.  An owner's has RS itself as well, for the slots
 * that are made later.  What is written is under the newest epoch, what
 * is read may be under any that is held.  Secrets never leave this struct; it
 * is wiped on free.
 */
#ifndef SNAP_KEYS_H
#define SNAP_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"

#define KEY_BYTES 32
#define ID_BYTES 16
#define SIG_BYTES 64
#define SEALED_KEY_BYTES 80 /* crypto_box_seal of 32 bytes */

/* Epochs are numbered from 1; a rotation is a rare event. */
#define KEYS_EPOCHS_MAX 64

struct epoch_keys {
	bool held;
	uint8_t meta[KEY_BYTES];
	uint8_t data_pk[32], maint_pk[32];
	uint8_t data_sk[32];  /* owners */
	uint8_t maint_sk[64]; /* owners and maintenance key files */
};

struct keys {
	bool owner;       /* derived from RS: can decrypt rows */
	bool maintenance; /* can sign for prune; true for owners */
	uint32_t epoch;   /* the newest: what is written is under it */
	uint8_t repo_id[ID_BYTES];
	uint8_t chunk[KEY_BYTES];  /* keyed BLAKE2b of chunks and directories */
	uint8_t cutter[KEY_BYTES]; /* the chunker's key */
	uint8_t meta[KEY_BYTES];   /* seals meta frames and small objects */
	uint8_t meta_id[KEY_BYTES]; /* names recipes and manifests; digests */
	uint8_t data_pk[32];
	uint8_t maint_pk[32];
	uint8_t host_id[ID_BYTES]; /* zero unless a write-only host */
	uint8_t host_pk[32], host_sk[64];
	uint8_t config_mac[KEY_BYTES];             /* owners only */
	uint8_t rs[KEY_BYTES]; /* owners only: new slots wrap it */
	struct epoch_keys epochs[KEYS_EPOCHS_MAX]; /* of epoch i + 1 */
};

/* Once per process before anything else; SNAP_IO when libsodium refuses. */
SNAP_MUST_CHECK enum snap_code keys_library_init(struct snap_err *err);
/* Random bytes that an attacker cannot guess. */
void keys_random(void *out, size_t len);
void keys_wipe(void *p, size_t len);
/* Locked memory of `len` bytes for secrets; NULL when there is none. */
void *keys_secret_alloc(size_t len);
void keys_secret_free(void *p);

/* All keys of an owner from RS, up to `epoch`; SNAP_UNSUPPORTED for one
 * beyond KEYS_EPOCHS_MAX or 0.  *out in locked memory: keys_free(). */
SNAP_MUST_CHECK enum snap_code keys_from_secret(const uint8_t rs[KEY_BYTES],
    const uint8_t repo_id[ID_BYTES], uint32_t epoch, struct keys **out,
    struct snap_err *err);
void keys_free(struct keys *k);
/* What of an epoch is held; NULL = nothing. */
const struct epoch_keys *keys_of_epoch(const struct keys *k, uint32_t epoch);
/* The newest epoch's keys become those that are written under. */
void keys_select(struct keys *k, uint32_t epoch);

/* The 16-byte keyed hashes the format is made of. */
void keys_chunk_hash(
    const struct keys *k, struct span chunk, uint8_t out[ID_BYTES]);
/* Of `n` chunks that lie one behind the other, chunk i lens[i] > 0 bytes
 * long: several at once where the processor can. */
void keys_chunk_hashes(const struct keys *k, const uint8_t *data,
    const uint32_t *lens, size_t n, uint8_t (*out)[ID_BYTES]);
/* Block id = hash of its directory's plaintext. */
void keys_block_id(
    const struct keys *k, struct span directory, uint8_t out[ID_BYTES]);
/* Id of a recipe or manifest: hash of class and plaintext. */
void keys_meta_id(const struct keys *k, uint8_t class, struct span plain,
    uint8_t out[ID_BYTES]);
/* Digest over a series of 16-byte hashes (spans, streams). */
void keys_digest(
    const struct keys *k, struct span hashes, uint8_t out[ID_BYTES]);

/* MAC of the config (owners) and its unkeyed fingerprint (host pins). */
void keys_config_mac(const struct keys *k, struct span config, uint8_t out[32]);
void keys_fingerprint(struct span data, uint8_t out[32]); /* BLAKE2b-256 */

/* Sign as this writer (owner, maintenance: the maintenance key of the newest
 * epoch); check a signature by pk. */
void keys_sign(const struct keys *k, struct span msg, uint8_t sig[SIG_BYTES]);
SNAP_MUST_CHECK bool keys_verify(
    const uint8_t pk[32], struct span msg, const uint8_t sig[SIG_BYTES]);

#endif
