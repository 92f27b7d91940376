/* SPDX-License-Identifier: PostgreSQL */
/*
 * seal.c - XChaCha20-Poly1305 with a key and a nonce for each body.
 *
 * A salt of 16 bytes goes through keyed BLAKE2b together with the name of what
 * is sealed; its 56 bytes of output are key and nonce.  So no counter is kept
 * that a crash or a second host could repeat.  The salt is random, and depends
 * on what is sealed as well: a machine that was resumed twice from one image
 * draws the same bytes twice, and must not seal two bodies alike.
 */
#include <string.h>

#include <xxhash.h>

#include "hash.h"
#include "seal.h"

#define SALT_LEN 16
#define TAG_LEN crypto_aead_xchacha20poly1305_ietf_ABYTES
#define NONCE_LEN crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define HEADER_BYTES 64
#define FRAME_AD_LEN (8 + ID_BYTES + 4 + 1 + ID_BYTES + 4 + ID_BYTES)

_Static_assert(SEAL_OVERHEAD == SALT_LEN + TAG_LEN, "overhead");
_Static_assert(
    SEALED_KEY_BYTES == KEY_BYTES + crypto_box_SEALBYTES, "sealed key");

static const uint8_t magic[8] = { 0x89, 'S', 'N', 'P', '\r', '\n', 0x1a, '\n' };

struct one_time {
	uint8_t key[KEY_BYTES];
	uint8_t nonce[NONCE_LEN];
};

_Static_assert(sizeof(struct one_time) == KEY_BYTES + NONCE_LEN, "no padding");

static void
seal_one(const struct one_time *ot, const uint8_t *salt, struct span ad,
    struct span plain, struct bytes *out)
{
	uint8_t *p;

	bytes_put(out, salt, SALT_LEN);
	p = bytes_room(out, plain.len + TAG_LEN);
	if (p == NULL)
		return; /* sticky, reported by the caller */
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(p, NULL, plain.p,
	    plain.len, ad.p, ad.len, NULL, ot->nonce, ot->key);
}

/* *out keeps its length unless the body authenticates. */
static enum snap_code
open_one(const struct one_time *ot, struct span ad, struct span sealed,
    struct bytes *out, struct snap_err *err)
{
	size_t old = out->len;
	uint8_t *p = bytes_room(out, sealed.len - SEAL_OVERHEAD);

	if (p == NULL)
		return bytes_check(out, err);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(p, NULL, NULL,
		sealed.p + SALT_LEN, sealed.len - SALT_LEN, ad.p, ad.len,
		ot->nonce, ot->key) != 0) {
		out->len = old;
		return snap_fail(
		    err, SNAP_CORRUPT, "encrypted bytes do not authenticate");
	}
	return SNAP_OK;
}

static enum snap_code
too_short(struct snap_err *err)
{
	return snap_fail(err, SNAP_CORRUPT, "encrypted bytes are cut short");
}

/* Readers take the salt as it lies there. */
static void
new_salt(const uint8_t *key, struct span ad, struct span plain, uint8_t *salt)
{
	uint8_t random[SALT_LEN] = { 0 };
	struct span parts[3] = { span_of(random, sizeof random), ad, plain };

	randombytes_buf(random, sizeof random);
	hash_parts(DOMAIN_SALT, key, parts, 3, salt, SALT_LEN);
	sodium_memzero(random, sizeof random);
}

static void
frame_key(const uint8_t *key, const struct frame_context *c,
    const uint8_t *salt, struct one_time *out)
{
	struct span parts[3] = { span_of(&c->class, 1),
		span_of(c->id, ID_BYTES), span_of(salt, SALT_LEN) };

	hash_parts(DOMAIN_FRAME, key, parts, 3, (uint8_t *)out, sizeof *out);
}

static struct span
frame_ad(const struct frame_context *c, uint8_t ad[FRAME_AD_LEN])
{
	uint8_t *p = ad;

	memcpy(p, magic, sizeof magic);
	p += sizeof magic;
	memcpy(p, c->repo_id, ID_BYTES);
	p += ID_BYTES;
	le32_put(p, c->epoch);
	p += 4;
	*p++ = c->class;
	memcpy(p, c->id, ID_BYTES);
	p += ID_BYTES;
	le32_put(p, c->plain_len);
	p += 4;
	memcpy(p, c->bitmap_hash, ID_BYTES);
	return span_of(ad, FRAME_AD_LEN);
}

void
seal_bitmap_hash(struct span bitmap, uint8_t out[ID_BYTES])
{
	if (bitmap.len == 0)
		memset(out, 0, ID_BYTES);
	else
		hash_parts(DOMAIN_BITMAP, NULL, &bitmap, 1, out, ID_BYTES);
}

enum snap_code
session_new(const struct keys *k, struct session *out, struct snap_err *err)
{
	randombytes_buf(out->id, sizeof out->id);
	out->epoch = k->epoch;
	memcpy(out->host_id, k->host_id, ID_BYTES);
	randombytes_buf(out->key, sizeof out->key);
	if (crypto_box_seal(out->sealed, out->key, KEY_BYTES, k->data_pk) != 0)
		return snap_fail(
		    err, SNAP_CORRUPT, "the data public key is no valid key");
	return SNAP_OK;
}

enum snap_code
seal_not_held(const struct keys *k, uint32_t epoch, struct snap_err *err)
{
	/* Whether that is so a key file cannot tell: like what a newer version
	 * wrote, it is no reason to stop at all else. */
	return snap_fail(err, k->owner ? SNAP_CORRUPT : SNAP_UNSUPPORTED,
	    k->owner ? "it names key epoch %u, which never began"
		     : "it is under key epoch %u, which the key file lacks: "
		       "ask the owner for a new one",
	    (unsigned)epoch);
}

enum snap_code
session_open(const struct keys *k, struct session *s, struct snap_err *err)
{
	const struct epoch_keys *e = keys_of_epoch(k, s->epoch);

	if (!k->owner)
		return snap_fail(
		    err, SNAP_DENIED, "a write-only host key decrypts no rows");
	if (e == NULL)
		return seal_not_held(k, s->epoch, err);
	if (crypto_box_seal_open(s->key, s->sealed, SEALED_KEY_BYTES,
		e->data_pk, e->data_sk) != 0)
		return snap_fail(
		    err, SNAP_CORRUPT, "a session key does not authenticate");
	return SNAP_OK;
}

enum snap_code
seal_frame(const uint8_t key[KEY_BYTES], const struct frame_context *c,
    struct span plain, struct bytes *out, struct snap_err *err)
{
	uint8_t salt[SALT_LEN], bytes[FRAME_AD_LEN];
	struct span ad = frame_ad(c, bytes);
	XXH128_canonical_t sum;
	struct one_time ot;

	/* What two frames of one id can differ in is how it was compressed,
	 * which nobody chooses: BLAKE2b of that would cost too much. */
	XXH128_canonicalFromHash(&sum, XXH3_128bits(plain.p, plain.len));
	new_salt(key, ad, span_of(sum.digest, sizeof sum.digest), salt);
	frame_key(key, c, salt, &ot);
	seal_one(&ot, salt, ad, plain, out);
	sodium_memzero(&ot, sizeof ot);
	return bytes_check(out, err);
}

enum snap_code
open_frame(const uint8_t key[KEY_BYTES], const struct frame_context *c,
    struct span sealed, struct bytes *out, struct snap_err *err)
{
	uint8_t ad[FRAME_AD_LEN];
	struct one_time ot;
	enum snap_code rc;

	if (sealed.len < SEAL_OVERHEAD)
		return too_short(err);
	frame_key(key, c, sealed.p, &ot);
	rc = open_one(&ot, frame_ad(c, ad), sealed, out, err);
	sodium_memzero(&ot, sizeof ot);
	return rc;
}

/* Kind, object id and epoch lie at fixed places of the header. */
static void
body_key(const struct epoch_keys *e, const uint8_t *header, const uint8_t *salt,
    struct one_time *out)
{
	struct span parts[3] = { span_of(header + 8, 1),
		span_of(header + 16, ID_BYTES), span_of(salt, SALT_LEN) };

	hash_parts(DOMAIN_BODY, e->meta, parts, 3, (uint8_t *)out, sizeof *out);
}

static enum snap_code
body_epoch(const struct keys *k, struct span header,
    const struct epoch_keys **out, struct snap_err *err)
{
	uint32_t epoch = le32_get(header.p + 48);

	*out = keys_of_epoch(k, epoch);
	return *out == NULL ? seal_not_held(k, epoch, err) : SNAP_OK;
}

enum snap_code
seal_body(const struct keys *k, struct span header, struct span plain,
    struct bytes *out, struct snap_err *err)
{
	const struct epoch_keys *e;
	uint8_t salt[SALT_LEN];
	struct one_time ot;
	enum snap_code rc;

	if (header.len != HEADER_BYTES)
		return snap_fail(
		    err, SNAP_USAGE, "a header of %zu bytes", header.len);
	rc = body_epoch(k, header, &e, err);
	if (rc != SNAP_OK)
		return rc;
	new_salt(e->meta, header, plain, salt);
	body_key(e, header.p, salt, &ot);
	seal_one(&ot, salt, header, plain, out);
	sodium_memzero(&ot, sizeof ot);
	return bytes_check(out, err);
}

enum snap_code
open_body(const struct keys *k, struct span header, struct span sealed,
    struct bytes *out, struct snap_err *err)
{
	const struct epoch_keys *e;
	struct one_time ot;
	enum snap_code rc;

	if (sealed.len < SEAL_OVERHEAD || header.len != HEADER_BYTES)
		return too_short(err);
	rc = body_epoch(k, header, &e, err);
	if (rc != SNAP_OK)
		return rc;
	body_key(e, header.p, sealed.p, &ot);
	rc = open_one(&ot, header, sealed, out, err);
	sodium_memzero(&ot, sizeof ot);
	return rc;
}
