/* SPDX-License-Identifier: PostgreSQL */
/*
 * seal.h - the only place that encrypts and decrypts.
 *
 * One rule for nonces: key and nonce of a sealed body come by keyed BLAKE2b
 * from (secret, context, 16 bytes stored with it: random, and hashed with the
 * body), so one key seals one body.  Sealed form: salt[16] | ciphertext | tag[16].
 */
#ifndef SNAP_SEAL_H
#define SNAP_SEAL_H

#include "keys.h"

#define SEAL_OVERHEAD 32 /* salt and tag */

/* What a frame is bound to (associated data), not the pack it lies in. */
struct frame_context {
	uint8_t repo_id[ID_BYTES];
	uint32_t epoch;
	uint8_t class;                 /* enum frame_class in format.h */
	uint8_t id[ID_BYTES];          /* block id or meta id */
	uint32_t plain_len;            /* bytes before compression */
	uint8_t bitmap_hash[ID_BYTES]; /* zero when the block is full */
};

/* The failure to open what is under an epoch that is not held: an owner holds
 * all, so for him SNAP_CORRUPT; else SNAP_UNSUPPORTED. */
enum snap_code seal_not_held(
    const struct keys *k, uint32_t epoch, struct snap_err *err);

/* The bitmap_hash of a sparse block; zeros for an empty bitmap (full). */
void seal_bitmap_hash(struct span bitmap, uint8_t out[ID_BYTES]);

/* A run's session key: random, sealed to the data public key. */
struct session {
	uint8_t id[ID_BYTES];
	uint32_t epoch;
	uint8_t host_id[ID_BYTES];
	uint8_t sealed[SEALED_KEY_BYTES];
	uint8_t key[KEY_BYTES]; /* clear; locked memory is the caller's care */
};
SNAP_MUST_CHECK enum snap_code session_new(
    const struct keys *k, struct session *out, struct snap_err *err);
/* Fill key from sealed, of any epoch: owners only, else SNAP_DENIED;
 * SNAP_CORRUPT. */
SNAP_MUST_CHECK enum snap_code session_open(
    const struct keys *k, struct session *s, struct snap_err *err);

/* Seal/open a frame under a session key (data) or keys.meta (meta).
 * Appends to *out.  Open: SNAP_CORRUPT when it does not authenticate. */
SNAP_MUST_CHECK enum snap_code seal_frame(const uint8_t key[KEY_BYTES],
    const struct frame_context *c, struct span plain, struct bytes *out,
    struct snap_err *err);
SNAP_MUST_CHECK enum snap_code open_frame(const uint8_t key[KEY_BYTES],
    const struct frame_context *c, struct span sealed, struct bytes *out,
    struct snap_err *err);

/* The body of an object, or the contents of a pack: under the meta key of the
 * epoch in the object's 64-byte header, and bound to it (kind and object id
 * are in it). */
SNAP_MUST_CHECK enum snap_code seal_body(const struct keys *k,
    struct span header, struct span plain, struct bytes *out,
    struct snap_err *err);
SNAP_MUST_CHECK enum snap_code open_body(const struct keys *k,
    struct span header, struct span sealed, struct bytes *out,
    struct snap_err *err);

#endif
