/* SPDX-License-Identifier: PostgreSQL */
/*
 * s3_put.c - the put that never replaces.
 *
 * `If-None-Match: *` lets the service decide, once and for all.  AWS honours
 * it; whether another service does is tried out before the first put of a
 * handle, on an object of our own that no listing shows.  Where it does not,
 * we look first and then put: two writers of the same name at the same moment
 * may then replace each other's bytes (docs/transports.md says what that
 * means).
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "s3_internal.h"

#define PROBE ".snap-probe" /* no valid name of an object: never listed */
#define MD5_BYTES 16u
#define DAY 86400
#define ASK_BYTES (4u << 20)
#define CLASS_BYTES 131072u /* the classes for rare access bill as much */

/* Content-MD5 wants it in base64, an ETag has it in hex. */
struct md5 {
	char base64[25], hex[33];
};

static enum snap_code
md5_of(struct span data, struct md5 *out, struct snap_err *err)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t hash[MD5_BYTES];

	if (EVP_Digest(data.p, data.len, hash, NULL, EVP_md5(), NULL) != 1) {
		(void)snap_fail(err, SNAP_IO, "libcrypto computes no MD5");
		return snap_hint(err, "S3 wants it to see bytes that changed "
				      "on their way; allow it in this system.");
	}
	(void)EVP_EncodeBlock((uint8_t *)out->base64, hash, MD5_BYTES);
	for (size_t i = 0; i < MD5_BYTES; i++) {
		out->hex[2 * i] = digits[hash[i] >> 4];
		out->hex[2 * i + 1] = digits[hash[i] & 15];
	}
	out->hex[2 * MD5_BYTES] = '\0';
	return SNAP_OK;
}

/* The headers of a put, as text. */
struct put_headers {
	char md5[64], class[128], mode[64], until[96];
};

static void
fill_headers(const struct s3_config *c, const struct md5 *md5, size_t len,
    bool exclusive, bool lasting, struct put_headers *h, const char **out)
{
	char date[SIGN_DATE_LEN];
	size_t n = 0;

	(void)snprintf(h->md5, sizeof h->md5, "content-md5: %s", md5->base64);
	out[n++] = h->md5;
	if (exclusive)
		out[n++] = "if-none-match: *";
	if (c->storage_class != NULL && len >= CLASS_BYTES) {
		(void)snprintf(h->class, sizeof h->class,
		    "x-amz-storage-class: %s", c->storage_class);
		out[n++] = h->class;
	}
	if (c->lock_mode != NULL && lasting) {
		sign_date(time(NULL) + c->lock_days * DAY, date);
		(void)snprintf(h->mode, sizeof h->mode,
		    "x-amz-object-lock-mode: %s", c->lock_mode);
		(void)snprintf(h->until, sizeof h->until,
		    "x-amz-object-lock-retain-until-date: "
		    "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ",
		    date, date + 4, date + 6, date + 9, date + 11, date + 13);
		out[n++] = h->mode;
		out[n++] = h->until;
	}
}

/* One PUT; 409 and 412 are answers, as is 501 to the probe. */
static enum snap_code
put_once(struct s3 *s, const char *name, struct span data,
    const struct md5 *md5, bool exclusive, bool lasting, struct http_reply *r,
    struct snap_err *err)
{
	char key[S3_KEY_MAX];
	struct s3_call call = { .method = "PUT",
		.key = key,
		.action = s->conf.lock_mode != NULL && lasting
			      ? "s3:PutObject (with s3:PutObjectRetention)"
			      : "s3:PutObject",
		.body = data,
		.expected = { 412, 409, lasting ? 0 : 501 } };
	struct put_headers h;
	struct s3_error e;
	enum snap_code rc;

	s3_key(s, name, key);
	fill_headers(
	    &s->conf, md5, data.len, exclusive, lasting, &h, call.headers);
	rc = s3_do(s, &call, r, err);
	/* An error may hide behind a 200 that was sent early. */
	if (rc == SNAP_OK && r->status < 300 &&
	    s3_error_read(bytes_span(&r->body), &e))
		rc = s3_error_map(s, &call, r, 0, err);
	return rc;
}

/* ---- is If-None-Match honoured? */

/* The first round may make the object; the second must then be refused. */
static enum snap_code
probe(struct s3 *s, enum s3_exclusive *out, struct snap_err *err)
{
	static const char text[] = "snap tried If-None-Match here\n";
	struct span data = span_of(text, sizeof text - 1);
	struct http_reply r;
	struct md5 md5;
	enum snap_code rc;

	rc = md5_of(data, &md5, err);
	http_reply_init(&r, S3_REPLY_MAX);
	*out = S3_EXCLUSIVE_NO;
	for (int i = 0; rc == SNAP_OK && i < 2; i++) {
		rc = put_once(s, PROBE, data, &md5, true, false, &r, err);
		if (rc == SNAP_OK && r.status == 501)
			break;
		if (rc == SNAP_OK && r.status >= 400) {
			*out = S3_EXCLUSIVE_YES;
			break;
		}
	}
	http_reply_fini(&r);
	return rc;
}

static enum snap_code
find_exclusive(struct s3 *s, enum s3_exclusive *out, struct snap_err *err)
{
	enum s3_exclusive found;
	enum snap_code rc = SNAP_OK;

	pthread_mutex_lock(&s->lock);
	found = s->exclusive;
	if (found == S3_EXCLUSIVE_UNKNOWN) {
		rc = probe(s, &found, err);
		if (rc == SNAP_OK)
			s->exclusive = found;
	}
	pthread_mutex_unlock(&s->lock);
	*out = found;
	if (rc == SNAP_OK)
		return SNAP_OK;
	(void)snap_wrap(
	    err, "try out If-None-Match on %s%s", s->conf.prefix, PROBE);
	/* A service may refuse the header in words of its own. */
	if (rc == SNAP_IO || rc == SNAP_USAGE || rc == SNAP_UNSUPPORTED)
		(void)snap_hint(err, "If the service does not know it: -o "
				     "s3.if-none-match=no");
	return rc;
}

/* ---- what is there already? */

/* Without the right to read: by size and MD5, as the listing has them. */
static enum snap_code
compare_listed(struct s3 *s, const char *name, struct span data,
    const struct md5 *md5, bool *same, struct snap_err *err)
{
	struct s3_page page = { NULL, 0, 0, NULL };
	enum snap_code rc = s3_list_page(s, name, NULL, 1, &page, err);

	if (rc != SNAP_OK)
		return rc;
	if (page.n == 0 || strcmp(page.entry[0].name, name) != 0)
		rc = snap_fail(err, SNAP_NOTFOUND, "no such object");
	else
		*same = page.entry[0].st.size == data.len &&
			strcmp(page.entry[0].etag, md5->hex) == 0;
	s3_page_fini(&page);
	return rc;
}

static enum snap_code
compare_bytes(struct s3 *s, const char *name, struct span data, bool *same,
    int64_t *now, struct snap_err *err)
{
	char key[S3_KEY_MAX];
	struct bytes there;
	struct s3_call call = { .method = "GET",
		.key = key,
		.action = "s3:GetObject",
		.into = &there,
		.into_max = data.len };
	struct http_reply r;
	enum snap_code rc;

	s3_key(s, name, key);
	bytes_init(&there, data.len);
	http_reply_init(&r, S3_REPLY_MAX);
	rc = s3_do(s, &call, &r, err);
	if (rc == SNAP_OK) {
		*same = span_eq(bytes_span(&there), data);
		rc = s3_reply_time(s, &r, now, err);
	}
	/* Longer than ours, so not ours. */
	if (rc == SNAP_CORRUPT) {
		*same = false;
		rc = SNAP_OK;
	}
	bytes_fini(&there);
	http_reply_fini(&r);
	return rc;
}

/*
 * SNAP_OK: our very bytes are there, and *now is the time of seeing them.
 * SNAP_EXISTS, SNAP_NOTFOUND.
 */
static enum snap_code
compare(struct s3 *s, const char *name, struct span data, const struct md5 *md5,
    int64_t *now, struct snap_err *err)
{
	bool same = false;
	enum snap_code rc = compare_bytes(s, name, data, &same, now, err);

	if (rc == SNAP_DENIED) {
		rc = compare_listed(s, name, data, md5, &same, err);
		if (rc == SNAP_OK && same)
			rc = s3_now(&s->base, now, err);
	}
	if (rc == SNAP_OK && !same)
		rc = snap_fail(err, SNAP_EXISTS,
		    "an object with other bytes has that name");
	return rc;
}

/* ---- the put */

/* Is something there?  Who may not read may perhaps list. */
static enum snap_code
look(struct s3 *s, const char *name, struct snap_err *err)
{
	struct s3_page page = { NULL, 0, 0, NULL };
	struct transport_stat st;
	enum snap_code rc = s3_head(s, name, &st, err);

	if (rc != SNAP_DENIED)
		return rc;
	rc = s3_list_page(s, name, NULL, 1, &page, err);
	if (rc == SNAP_OK &&
	    (page.n == 0 || strcmp(page.entry[0].name, name) != 0))
		rc = snap_fail(err, SNAP_NOTFOUND, "no such object");
	s3_page_fini(&page);
	return rc;
}

/*
 * The answer to a put does not say which time the object got, and its own date
 * may be a second behind it.  What is small is asked for: by the times of
 * index segments and snapshots readers judge, not by those of packs.
 */
static enum snap_code
time_of_put(struct s3 *s, const char *name, const struct http_reply *r,
    struct transport_stat *st, struct snap_err *err)
{
	struct transport_stat there;
	struct snap_err why = SNAP_ERR_INIT;
	enum snap_code rc = SNAP_OK;

	if (st->size <= ASK_BYTES)
		rc = s3_head(s, name, &there, &why);
	/* Who may not read it has to do with the date. */
	if (rc != SNAP_OK && rc != SNAP_DENIED && rc != SNAP_NOTFOUND) {
		if (err != NULL)
			*err = why;
		return rc;
	}
	return s3_reply_time(s, r, &st->time_ns, err);
}

enum snap_code
s3_put(struct transport *t, const char *name, struct span data,
    struct transport_stat *st, struct snap_err *err)
{
	const struct s3_call refused = { .action = "s3:PutObject", .key = "" };
	struct s3 *s = (struct s3 *)t;
	enum s3_exclusive exclusive;
	struct http_reply r;
	enum snap_code rc;
	struct md5 md5;

	rc = md5_of(data, &md5, err);
	if (rc == SNAP_OK)
		rc = find_exclusive(s, &exclusive, err);
	if (rc != SNAP_OK)
		return rc;
	st->size = data.len;
	if (exclusive == S3_EXCLUSIVE_NO) {
		rc = look(s, name, err);
		if (rc == SNAP_OK)
			rc = compare(s, name, data, &md5, &st->time_ns, err);
		if (rc != SNAP_NOTFOUND)
			return rc;
	}
	http_reply_init(&r, S3_REPLY_MAX);
	rc = put_once(
	    s, name, data, &md5, exclusive == S3_EXCLUSIVE_YES, true, &r, err);
	if (rc == SNAP_OK && r.status < 300)
		rc = time_of_put(s, name, &r, st, err);
	else if (rc == SNAP_OK) {
		rc = compare(s, name, data, &md5, &st->time_ns, err);
		if (rc == SNAP_NOTFOUND && r.status == 412)
			rc = snap_fail(err, SNAP_TRANSIENT,
			    "the name was taken, and is free now");
		else if (rc == SNAP_NOTFOUND)
			rc = s3_error_map(s, &refused, &r, 0, err);
	}
	http_reply_fini(&r);
	return rc;
}
