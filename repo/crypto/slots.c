/* SPDX-License-Identifier: PostgreSQL */
/*
 * slots.c - the repository secret wrapped under what a person keeps.
 *
 * A checksum tells damage before any work is done; then the commitment, made
 * of key bytes that encrypt nothing, tells a wrong passphrase; what fails
 * after that was damaged or forged.  A recovery code has 256 bits, so no slow
 * hash is spent on it.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "hash.h"
#include "slots.h"

#define SLOT_VERSION 1
#define SALT_LEN crypto_pwhash_SALTBYTES
#define NONCE_LEN crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_LEN crypto_aead_xchacha20poly1305_ietf_ABYTES
#define OPS_MAX 64
#define MEM_KIB_MIN (8u << 10)
#define MEM_KIB_MAX (4u << 20)

/* Byte places in the body; docs/format.md, "Slots". */
#define AT_OPS 4
#define AT_MEM 8
#define AT_SALT 12
#define AT_COMMIT (AT_SALT + SALT_LEN)
#define AT_NONCE (AT_COMMIT + 32)
#define AT_WRAPPED (AT_NONCE + NONCE_LEN)
#define AT_SUM (AT_WRAPPED + KEY_BYTES + TAG_LEN)
#define SUM_LEN 16
#define SLOT_LEN (AT_SUM + SUM_LEN)
#define HEADER_BYTES 64

_Static_assert(SLOT_LEN == 148 && SLOT_LEN <= SLOT_BODY_MAX, "slot layout");

struct slot_keys {
	uint8_t kek[KEY_BYTES];
	uint8_t commit[KEY_BYTES];
};

static enum snap_code
cost_check(const struct slot_cost *c, enum snap_code code, struct snap_err *err)
{
	if (c->ops < 1 || c->ops > OPS_MAX || c->mem_kib < MEM_KIB_MIN ||
	    c->mem_kib > MEM_KIB_MAX)
		return snap_fail(err, code,
		    "Argon2id with %u passes over %u KiB is out of bounds",
		    (unsigned)c->ops, (unsigned)c->mem_kib);
	return SNAP_OK;
}

/*
 * The memory of this machine, or of the container; UINT64_MAX: not known.  Who
 * takes more is ended by the system without a word.
 */
static uint64_t
machine_kib(void)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	uint64_t kib = UINT64_MAX;
	unsigned long long v;
	struct bytes text;

#if defined(_SC_PHYS_PAGES)
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	if (pages > 0 && page > 0)
		kib = (uint64_t)pages * ((uint64_t)page >> 10);
#endif
	bytes_init(&text, 64);
	if (fd_slurp("/sys/fs/cgroup/memory.max", 32, &text, &ignored) ==
	    SNAP_OK) {
		bytes_u8(&text, 0); /* a number, or "max" */
		v = text.bad ? 0 : strtoull((const char *)text.p, NULL, 10);
		kib = v != 0 && v >> 10 < kib ? v >> 10 : kib;
	}
	bytes_fini(&text);
	return kib;
}

static enum snap_code
too_little(uint32_t need_kib, uint64_t there_kib, struct snap_err *err)
{
	(void)snap_fail(err, SNAP_NOMEM,
	    "no memory for Argon2id: %lu MiB are needed",
	    (unsigned long)(need_kib >> 10));
	if (there_kib < need_kib)
		return snap_detail(err, "This machine has %lu MiB.",
		    (unsigned long)(there_kib >> 10));
	return snap_detail(err, "The system gives no more to this process.");
}

static enum snap_code
stretch(enum slot_type type, struct span secret, const struct slot_cost *cost,
    const uint8_t *salt, struct slot_keys *out, struct snap_err *err)
{
	struct span part = span_of(salt, SALT_LEN);
	uint64_t there;

	if (type == SLOT_RECOVERY) {
		hash_parts(DOMAIN_RECOVERY, secret.p, &part, 1, (uint8_t *)out,
		    sizeof *out);
		return SNAP_OK;
	}
	there = machine_kib();
	if ((uint64_t)cost->mem_kib * 1024 > SIZE_MAX ||
	    cost->mem_kib > there ||
	    crypto_pwhash((uint8_t *)out, sizeof *out, (const char *)secret.p,
		secret.len, salt, cost->ops, (size_t)cost->mem_kib * 1024,
		crypto_pwhash_ALG_ARGON2ID13) != 0)
		return too_little(cost->mem_kib, there, err);
	return SNAP_OK;
}

static void
commitment(const struct slot_keys *sk, uint8_t out[32])
{
	struct span part = span_of(sk->commit, sizeof sk->commit);

	hash_parts(DOMAIN_COMMIT, NULL, &part, 1, out, 32);
}

/* `body`: without the sum itself, which is the end of every slot. */
static void
checksum(struct span header, struct span body, uint8_t out[SUM_LEN])
{
	struct span parts[2] = { header, body };

	hash_parts(DOMAIN_SLOT, NULL, parts, 2, out, SUM_LEN);
}

/* Header and the slot's own clear fields. */
static struct span
slot_ad(struct span header, const uint8_t *body,
    uint8_t ad[HEADER_BYTES + AT_COMMIT])
{
	memcpy(ad, header.p, HEADER_BYTES);
	memcpy(ad + HEADER_BYTES, body, AT_COMMIT);
	return span_of(ad, HEADER_BYTES + AT_COMMIT);
}

static enum snap_code
request_check(enum slot_type type, struct span secret, struct span header,
    struct snap_err *err)
{
	if (header.len != HEADER_BYTES)
		return snap_fail(
		    err, SNAP_USAGE, "a header of %zu bytes", header.len);
	if (type == SLOT_RECOVERY && secret.len != KEY_BYTES)
		return snap_fail(err, SNAP_USAGE,
		    "a recovery code of %zu bytes", secret.len);
	if (type == SLOT_PASSPHRASE && secret.len == 0)
		return snap_fail(err, SNAP_USAGE, "an empty passphrase");
	return SNAP_OK;
}

enum snap_code
slot_wrap(enum slot_type type, struct span secret, const struct slot_cost *cost,
    struct span header, const uint8_t rs[KEY_BYTES], struct bytes *body,
    struct snap_err *err)
{
	uint8_t b[SLOT_LEN] = { 0 }, ad[HEADER_BYTES + AT_COMMIT];
	struct slot_keys *sk = NULL;
	struct span a;
	enum snap_code rc;

	rc = request_check(type, secret, header, err);
	if (rc == SNAP_OK && type == SLOT_PASSPHRASE)
		rc = cost_check(cost, SNAP_USAGE, err);
	if (rc != SNAP_OK)
		goto out;
	sk = keys_secret_alloc(sizeof *sk);
	if (sk == NULL) {
		rc = snap_fail(err, SNAP_NOMEM, "no memory for a key");
		goto out;
	}
	b[0] = (uint8_t)type;
	b[1] = SLOT_VERSION;
	if (type == SLOT_PASSPHRASE) {
		le32_put(b + AT_OPS, cost->ops);
		le32_put(b + AT_MEM, cost->mem_kib);
	}
	randombytes_buf(b + AT_SALT, SALT_LEN);
	rc = stretch(type, secret, cost, b + AT_SALT, sk, err);
	if (rc != SNAP_OK)
		goto out;
	commitment(sk, b + AT_COMMIT);
	randombytes_buf(b + AT_NONCE, NONCE_LEN);
	a = slot_ad(header, b, ad);
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(b + AT_WRAPPED, NULL,
	    rs, KEY_BYTES, a.p, a.len, NULL, b + AT_NONCE, sk->kek);
	checksum(header, span_of(b, AT_SUM), b + AT_SUM);
	bytes_put(body, b, sizeof b);
	rc = bytes_check(body, err);
out:
	keys_secret_free(sk);
	return rc;
}

/* Shape, checksum and bounds of a slot from the store. */
static enum snap_code
slot_read(struct span body, struct span header, struct slot_cost *cost,
    struct snap_err *err)
{
	uint8_t sum[SUM_LEN];
	int type = slot_type(body);

	if (body.len < 2 + SUM_LEN || header.len != HEADER_BYTES)
		return snap_fail(err, SNAP_CORRUPT,
		    "the key slot is damaged: no slot in %zu bytes", body.len);
	checksum(header, span_of(body.p, body.len - SUM_LEN), sum);
	if (sodium_memcmp(sum, body.p + body.len - SUM_LEN, SUM_LEN) != 0)
		return snap_fail(err, SNAP_CORRUPT,
		    "the key slot is damaged: wrong checksum");
	if (type == 0 || body.p[1] != SLOT_VERSION)
		return snap_fail(err, SNAP_UNSUPPORTED,
		    "the key slot was written by a newer version");
	if (body.len != SLOT_LEN)
		return snap_fail(err, SNAP_CORRUPT,
		    "the key slot is damaged: it has %zu bytes", body.len);
	/* Whatever stands there, a code costs nothing. */
	if (type != SLOT_PASSPHRASE)
		return SNAP_OK;
	cost->ops = le32_get(body.p + AT_OPS);
	cost->mem_kib = le32_get(body.p + AT_MEM);
	return cost_check(cost, SNAP_CORRUPT, err);
}

enum snap_code
slot_check(struct span body, struct span header, struct slot_cost *cost,
    struct snap_err *err)
{
	struct slot_cost own = { 0, 0 };

	return slot_read(body, header, cost != NULL ? cost : &own, err);
}

enum snap_code
slot_unwrap(struct span body, struct span header, struct span secret,
    uint8_t rs[KEY_BYTES], struct snap_err *err)
{
	uint8_t ad[HEADER_BYTES + AT_COMMIT], commit[32];
	struct slot_cost cost = { 0, 0 };
	struct slot_keys *sk = NULL;
	enum slot_type type;
	enum snap_code rc;
	struct span a;

	rc = slot_read(body, header, &cost, err);
	if (rc != SNAP_OK)
		goto out;
	type = (enum slot_type)body.p[0];
	if (request_check(type, secret, header, err) != SNAP_OK) {
		/* Cannot be what the slot was made with. */
		rc = snap_fail(err, SNAP_WRONG_KEY, "wrong %s",
		    type == SLOT_RECOVERY ? "recovery code" : "passphrase");
		goto out;
	}
	sk = keys_secret_alloc(sizeof *sk);
	if (sk == NULL) {
		rc = snap_fail(err, SNAP_NOMEM, "no memory for a key");
		goto out;
	}
	rc = stretch(type, secret, &cost, body.p + AT_SALT, sk, err);
	if (rc != SNAP_OK)
		goto out;
	commitment(sk, commit);
	if (sodium_memcmp(commit, body.p + AT_COMMIT, sizeof commit) != 0) {
		rc = snap_fail(err, SNAP_WRONG_KEY, "wrong %s",
		    type == SLOT_RECOVERY ? "recovery code" : "passphrase");
		goto out;
	}
	a = slot_ad(header, body.p, ad);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(rs, NULL, NULL,
		body.p + AT_WRAPPED, KEY_BYTES + TAG_LEN, a.p, a.len,
		body.p + AT_NONCE, sk->kek) != 0)
		rc = snap_fail(err, SNAP_CORRUPT,
		    "the key slot is damaged: the secret does not authenticate");
out:
	keys_secret_free(sk);
	return rc;
}

int
slot_type(struct span body)
{
	if (body.len < 2 ||
	    (body.p[0] != SLOT_PASSPHRASE && body.p[0] != SLOT_RECOVERY))
		return 0;
	return body.p[0];
}
