/* SPDX-License-Identifier: PostgreSQL */
/*
 * sign.c - AWS Signature Version 4.
 *
 * The request is written down in one canonical way, hashed, and the hash is
 * signed with a key derived from the secret, the day, the region and the
 * service.  The server does the same and compares.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "sign.h"

#define HASH_BYTES 32u
#define CANON_MAX 65536u /* bytes of a canonical request */

static const char hex_lower[] = "0123456789abcdef";

void
sign_escape(struct bytes *out, struct span text, bool keep_slash)
{
	static const char hex_upper[] = "0123456789ABCDEF";

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.p[i];

		if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		    (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		    c == '.' || c == '~' || (c == '/' && keep_slash)) {
			bytes_u8(out, c);
			continue;
		}
		bytes_u8(out, '%');
		bytes_u8(out, (uint8_t)hex_upper[c >> 4]);
		bytes_u8(out, (uint8_t)hex_upper[c & 15]);
	}
}

static int
param_cmp(const void *a, const void *b)
{
	const struct sign_param *p = a, *q = b;
	int d = strcmp(p->name, q->name);

	return d != 0 ? d : strcmp(p->value, q->value);
}

/* Names here are plain words: sorting before escaping gives the same order. */
enum snap_code
sign_query(struct bytes *out, const struct sign_param *params, size_t n,
    struct snap_err *err)
{
	struct sign_param sorted[SIGN_PARAMS_MAX];

	if (n > SIGN_PARAMS_MAX)
		return snap_fail(err, SNAP_USAGE, "too many parameters");
	if (n > 0) {
		memcpy(sorted, params, n * sizeof sorted[0]);
		qsort(sorted, n, sizeof sorted[0], param_cmp);
	}
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			bytes_u8(out, '&');
		sign_escape(out, span_str(sorted[i].name), false);
		bytes_u8(out, '=');
		sign_escape(out, span_str(sorted[i].value), false);
	}
	return bytes_check(out, err);
}

static void
to_hex(const uint8_t hash[HASH_BYTES], char out[SIGN_HASH_LEN])
{
	for (size_t i = 0; i < HASH_BYTES; i++) {
		out[2 * i] = hex_lower[hash[i] >> 4];
		out[2 * i + 1] = hex_lower[hash[i] & 15];
	}
	out[2 * HASH_BYTES] = '\0';
}

enum snap_code
sign_sha256(struct span data, char out[SIGN_HASH_LEN], struct snap_err *err)
{
	uint8_t hash[HASH_BYTES];

	if (EVP_Digest(data.p != NULL ? data.p : (const uint8_t *)"", data.len,
		hash, NULL, EVP_sha256(), NULL) != 1)
		return snap_fail(err, SNAP_IO, "libcrypto computes no SHA-256");
	to_hex(hash, out);
	return SNAP_OK;
}

void
sign_date(time_t now, char out[SIGN_DATE_LEN])
{
	struct tm tm;

	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(out, SIGN_DATE_LEN, "%Y%m%dT%H%M%SZ", &tm) == 0)
		out[0] = '\0';
}

static int
header_cmp(const void *a, const void *b)
{
	const char *p = *(const char *const *)a, *q = *(const char *const *)b;
	size_t n = strcspn(p, ":"), m = strcspn(q, ":");
	int d = memcmp(p, q, n < m ? n : m);

	return d != 0 ? d : (n > m) - (n < m);
}

/* "name:value" without outer blanks, and each run of blanks as one. */
static void
put_header(struct bytes *out, const char *header)
{
	const char *p = header + strcspn(header, ":");
	const char *end = header + strlen(header);

	bytes_put(out, header, (size_t)(p - header));
	bytes_u8(out, ':');
	if (*p == ':')
		p++;
	while (*p == ' ' || *p == '\t')
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	for (; p < end; p++) {
		bool blank = *p == ' ' || *p == '\t';

		if (blank && (p[1] == ' ' || p[1] == '\t'))
			continue;
		bytes_u8(out, blank ? ' ' : (uint8_t)*p);
	}
	bytes_u8(out, '\n');
}

static void
put_names(struct bytes *out, const char *const *sorted, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			bytes_u8(out, ';');
		bytes_put(out, sorted[i], strcspn(sorted[i], ":"));
	}
}

/* The hash of the canonical request. */
static enum snap_code
canonical_hash(const struct sign_request *r, const char *const *sorted,
    char out[SIGN_HASH_LEN], struct snap_err *err)
{
	struct bytes b;
	enum snap_code rc;

	bytes_init(&b, CANON_MAX);
	bytes_put_str(&b, r->method);
	bytes_u8(&b, '\n');
	bytes_put_str(&b, r->path);
	bytes_u8(&b, '\n');
	bytes_put_str(&b, r->query);
	bytes_u8(&b, '\n');
	for (size_t i = 0; i < r->n_headers; i++)
		put_header(&b, sorted[i]);
	bytes_u8(&b, '\n');
	put_names(&b, sorted, r->n_headers);
	bytes_u8(&b, '\n');
	bytes_put_str(&b, r->payload_hash);
	rc = bytes_check(&b, err);
	if (rc == SNAP_OK)
		rc = sign_sha256(bytes_span(&b), out, err);
	bytes_fini_wipe(&b); /* it holds a session token */
	return rc;
}

static bool
hmac(struct span key, struct span text, uint8_t out[HASH_BYTES])
{
	unsigned len = 0;

	return key.len <= INT32_MAX &&
	       HMAC(EVP_sha256(), key.p, (int)key.len, text.p, text.len, out,
		   &len) != NULL &&
	       len == HASH_BYTES;
}

/* The chain of keys that ends in one for this day, region and service. */
static bool
signing_key(const struct sign_request *r, uint8_t key[HASH_BYTES])
{
	struct span day = span_of(r->date, 8), k = span_of(key, HASH_BYTES);
	struct bytes first;
	bool ok;

	bytes_init(&first, CANON_MAX);
	bytes_put_str(&first, "AWS4");
	bytes_put_str(&first, r->secret);
	ok = !first.bad && hmac(bytes_span(&first), day, key) &&
	     hmac(k, span_str(r->region), key) &&
	     hmac(k, span_str(r->service), key) &&
	     hmac(k, span_str("aws4_request"), key);
	bytes_fini_wipe(&first);
	return ok;
}

enum snap_code
sign_make(const struct sign_request *r, struct bytes *out, struct snap_err *err)
{
	const char *sorted[SIGN_HEADERS_MAX];
	uint8_t key[HASH_BYTES], mac[HASH_BYTES];
	char hash[SIGN_HASH_LEN];
	struct bytes text;
	enum snap_code rc;

	if (r->n_headers > SIGN_HEADERS_MAX ||
	    strlen(r->date) != SIGN_DATE_LEN - 1)
		return snap_fail(err, SNAP_USAGE, "a request not to be signed");
	memcpy(sorted, r->headers, r->n_headers * sizeof sorted[0]);
	qsort(sorted, r->n_headers, sizeof sorted[0], header_cmp);
	rc = canonical_hash(r, sorted, hash, err);
	if (rc != SNAP_OK)
		return rc;
	bytes_init(&text, CANON_MAX);
	bytes_printf(&text, "AWS4-HMAC-SHA256\n%s\n%.8s/%s/%s/aws4_request\n%s",
	    r->date, r->date, r->region, r->service, hash);
	rc = bytes_check(&text, err);
	if (rc == SNAP_OK &&
	    (!signing_key(r, key) ||
		!hmac(span_of(key, HASH_BYTES), bytes_span(&text), mac)))
		rc = snap_fail(err, SNAP_IO, "libcrypto computes no HMAC");
	OPENSSL_cleanse(key, sizeof key);
	bytes_fini(&text);
	if (rc != SNAP_OK)
		return rc;
	to_hex(mac, hash);
	bytes_printf(out,
	    "Authorization: AWS4-HMAC-SHA256 "
	    "Credential=%s/%.8s/%s/%s/aws4_request, SignedHeaders=",
	    r->key_id, r->date, r->region, r->service);
	put_names(out, sorted, r->n_headers);
	bytes_printf(out, ", Signature=%s", hash);
	return bytes_check(out, err);
}
