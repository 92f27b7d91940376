/* SPDX-License-Identifier: PostgreSQL */
/*
 * object.c - the shell around every object: header, trailer, padding.
 *
 * The XXH3 in the trailer is against rot, so that whoever keeps the store can
 * scrub it without a key.  It proves nothing against an adversary: what is
 * sealed inside does.
 */
#include <string.h>

#include <xxhash.h>

#include "codec.h"

#define AT_KIND 8
#define AT_VERSION 9
#define AT_INCOMPAT 12
#define AT_ID 16
#define AT_REPO 32
#define AT_EPOCH 48
#define AT_ZERO 52
#define TRAILER_VERSION 1
#define TRAILER_HASHED 24 /* of its bytes, those before the hash */
#define FLAG_SIGNED 1u
#define SIGNER_LEN 16
#define SIGNATURE_LEN 64
#define BODY_PREFIX 8 /* length and flags */

static const uint8_t magic[8] = { 0x89, 'S', 'N', 'P', '\r', '\n', 0x1a, '\n' };
static const char end_magic[] = "SNAPEND\n";
static const char kinds[] = "CKHEDMISOXYNRF";

void
header_encode(const struct header *h, uint8_t out[HEADER_LEN])
{
	memset(out, 0, HEADER_LEN);
	memcpy(out, magic, sizeof magic);
	out[AT_KIND] = h->kind;
	out[AT_VERSION] = FORMAT_VERSION;
	le32_put(out + AT_INCOMPAT, h->incompat);
	memcpy(out + AT_ID, h->id, ID_LEN);
	memcpy(out + AT_REPO, h->repo_id, ID_LEN);
	le32_put(out + AT_EPOCH, h->epoch);
}

static enum snap_code
newer(struct snap_err *err)
{
	return snap_hint(err, "Use a newer version of this program.");
}

bool
object_begins(struct span in)
{
	return in.len >= sizeof magic && memcmp(in.p, magic, sizeof magic) == 0;
}

enum snap_code
header_decode(struct span in, struct header *out, struct snap_err *err)
{
	const uint8_t *p = in.p;
	uint8_t zero = 0;

	if (in.len < HEADER_LEN || !object_begins(in))
		return snap_fail(err, SNAP_CORRUPT,
		    "no object of a repository: wrong first bytes");
	if (p[AT_VERSION] > FORMAT_VERSION || le32_get(p + AT_INCOMPAT) != 0) {
		(void)snap_fail(err, SNAP_UNSUPPORTED,
		    "the object was written by a newer version");
		(void)snap_detail(err,
		    "It has format version %u and feature bits %#x.",
		    (unsigned)p[AT_VERSION],
		    (unsigned)le32_get(p + AT_INCOMPAT));
		return newer(err);
	}
	for (size_t i = AT_ZERO; i < HEADER_LEN; i++)
		zero |= p[i];
	if (p[AT_VERSION] == 0 || zero != 0 || p[AT_KIND] == 0 ||
	    strchr(kinds, p[AT_KIND]) == NULL)
		return snap_fail(
		    err, SNAP_CORRUPT, "the header of an object is damaged");
	out->kind = p[AT_KIND];
	out->incompat = 0;
	memcpy(out->id, p + AT_ID, ID_LEN);
	memcpy(out->repo_id, p + AT_REPO, ID_LEN);
	out->epoch = le32_get(p + AT_EPOCH);
	return SNAP_OK;
}

void
object_finish(struct bytes *obj, uint64_t contents_off)
{
	XXH128_canonical_t sum;

	if (obj->bad)
		return;
	if (contents_off < HEADER_LEN || contents_off > obj->len ||
	    obj->len - contents_off > UINT32_MAX) {
		obj->bad = true;
		return;
	}
	bytes_u64(obj, (uint64_t)obj->len + TRAILER_LEN);
	bytes_u64(obj, contents_off);
	bytes_u32(obj, (uint32_t)(obj->len - 16 - contents_off));
	bytes_u32(obj, TRAILER_VERSION);
	if (obj->bad)
		return;
	XXH128_canonicalFromHash(&sum, XXH3_128bits(obj->p, obj->len));
	bytes_put(obj, sum.digest, sizeof sum.digest);
	bytes_put(obj, end_magic, sizeof end_magic - 1);
}

static enum snap_code
cut_short(struct snap_err *err)
{
	return snap_fail(err, SNAP_CORRUPT,
	    "the object is cut short: its end mark is missing");
}

enum snap_code
trailer_decode(struct span in, uint64_t total, uint64_t *contents_off,
    uint32_t *contents_len, struct snap_err *err)
{
	const uint8_t *p = in.p;
	uint64_t off;
	uint32_t len;

	if (in.len != TRAILER_LEN || memcmp(p + TRAILER_LEN - 8, end_magic, 8))
		return cut_short(err);
	if (le32_get(p + 20) > TRAILER_VERSION) {
		(void)snap_fail(err, SNAP_UNSUPPORTED,
		    "the object was written by a newer version");
		return newer(err);
	}
	off = le64_get(p + 8);
	len = le32_get(p + 16);
	if (le64_get(p) != total || le32_get(p + 20) != TRAILER_VERSION ||
	    total < HEADER_LEN + TRAILER_LEN || off < HEADER_LEN ||
	    off > total - TRAILER_LEN || total - TRAILER_LEN - off != len)
		return snap_fail(err, SNAP_CORRUPT,
		    "the trailer of an object is damaged, or not of its size");
	*contents_off = off;
	*contents_len = len;
	return SNAP_OK;
}

enum snap_code
object_parse(struct span in, struct object *out, struct snap_err *err)
{
	XXH128_canonical_t sum;
	enum snap_code rc;
	uint64_t off = 0;
	uint32_t len = 0;
	size_t at;

	if (in.len < HEADER_LEN + TRAILER_LEN)
		return snap_fail(err, SNAP_CORRUPT,
		    "no object has as few as %zu bytes", in.len);
	at = in.len - TRAILER_LEN;
	/* First, so that rot is not taken for a newer version. */
	if (memcmp(in.p + in.len - 8, end_magic, 8) != 0)
		return cut_short(err);
	XXH128_canonicalFromHash(&sum, XXH3_128bits(in.p, at + TRAILER_HASHED));
	if (memcmp(sum.digest, in.p + at + TRAILER_HASHED, sizeof sum.digest))
		return snap_fail(
		    err, SNAP_CORRUPT, "the object is damaged: wrong checksum");
	rc = trailer_decode(
	    span_of(in.p + at, TRAILER_LEN), in.len, &off, &len, err);
	if (rc != SNAP_OK)
		return rc;
	rc = header_decode(span_of(in.p, HEADER_LEN), &out->header, err);
	if (rc != SNAP_OK)
		return rc;
	if (off != HEADER_LEN && out->header.kind != OBJ_DATA &&
	    out->header.kind != OBJ_META)
		return snap_fail(err, SNAP_CORRUPT,
		    "there is more in the object than its contents");
	out->header_bytes = span_of(in.p, HEADER_LEN);
	out->payload = span_of(in.p + HEADER_LEN, at - HEADER_LEN);
	out->contents = span_of(in.p + off, len);
	return SNAP_OK;
}

/* Padmé (Nikitin et al. 2019): at most 12 % more, O(log log n) bits leak. */
uint64_t
padme(uint64_t len)
{
	unsigned e = 0, s = 0;
	uint64_t mask;

	if (len < 2)
		return len;
	while (e < 63 && len >> (e + 1) != 0)
		e++;
	while (e >> s != 0)
		s++;
	mask = ((uint64_t)1 << (e - s)) - 1;
	return len > UINT64_MAX - mask ? len : (len + mask) & ~mask;
}

void
body_wrap(struct span body, const uint8_t *signer_id, const uint8_t *sig,
    struct bytes *out)
{
	size_t used = BODY_PREFIX + body.len;

	if (body.len > UINT32_MAX) {
		out->bad = true;
		return;
	}
	bytes_u32(out, (uint32_t)body.len);
	bytes_u32(out, signer_id != NULL ? FLAG_SIGNED : 0);
	bytes_put_span(out, body);
	if (signer_id != NULL) {
		bytes_put(out, signer_id, SIGNER_LEN);
		bytes_put(out, sig, SIGNATURE_LEN);
		used += SIGNER_LEN + SIGNATURE_LEN;
	}
	bytes_zero(out, (size_t)padme(used) - used);
}

enum snap_code
body_unwrap(struct span plain, struct body *out, struct snap_err *err)
{
	struct body b = { { NULL, 0 }, false, NULL, NULL };
	struct cursor c;
	uint32_t len, flags;
	uint8_t zero = 0;
	size_t used;

	cursor_init(&c, plain);
	len = cursor_u32(&c);
	flags = cursor_u32(&c);
	b.body = cursor_span(&c, len);
	b.is_signed = flags == FLAG_SIGNED;
	if (b.is_signed) {
		b.signer_id = cursor_span(&c, SIGNER_LEN).p;
		b.sig = cursor_span(&c, SIGNATURE_LEN).p;
	}
	used = plain.len - c.left;
	if (c.bad || (flags & ~FLAG_SIGNED) != 0 || padme(used) != plain.len)
		return codec_corrupt(&c, plain, "the body of an object", err);
	while (c.left != 0)
		zero |= cursor_u8(&c);
	if (zero != 0)
		return codec_corrupt(&c, plain, "the body of an object", err);
	*out = b;
	return SNAP_OK;
}

void
signed_message(struct span header_bytes, struct span body, struct bytes *out)
{
	static const char domain[16] = "snap-signed-v1";

	bytes_put(out, domain, sizeof domain);
	bytes_put_span(out, header_bytes);
	bytes_put_span(out, body);
}
