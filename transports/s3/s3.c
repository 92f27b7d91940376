/* SPDX-License-Identifier: PostgreSQL */
/* s3.c - get, stat, delete and the clock of a store on S3. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3_internal.h"

#define RANGE_MAX ((uint64_t)1 << 62) /* beyond, no object can be */

static bool
number(const char *text, char end, uint64_t *out)
{
	uint64_t v = 0;

	if (text == NULL || *text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (v > UINT64_MAX / 10 - 1)
			return false;
		v = v * 10 + (uint64_t)(*text - '0');
	}
	*out = v;
	return *text == end;
}

/* ---- stat */

/* A HEAD that is refused has no body: a GET of one byte says why. */
static enum snap_code
explain(struct s3 *s, const char *key, struct snap_err *err)
{
	struct s3_call call = { .method = "GET",
		.key = key,
		.action = "s3:GetObject",
		.headers = { "range: bytes=0-0" },
		.expected = { 416 } };
	struct http_reply r;
	enum snap_code rc;

	/* A service that ignores the range is cut off and that is fine. */
	http_reply_init(&r, 65536);
	rc = s3_do(s, &call, &r, err);
	http_reply_fini(&r);
	return rc == SNAP_CORRUPT ? SNAP_OK : rc;
}

static enum snap_code
head(struct s3 *s, const struct s3_call *call, struct http_reply *r,
    struct snap_err *err)
{
	enum snap_code rc = s3_do(s, call, r, err);

	if (r->status != 400 && r->status != 403)
		return rc;
	rc = explain(s, call->key, err);
	/* It works by now: keys were renewed on the way. */
	return rc == SNAP_OK ? s3_do(s, call, r, err) : rc;
}

enum snap_code
s3_head(struct s3 *s, const char *name, struct transport_stat *st,
    struct snap_err *err)
{
	char key[S3_KEY_MAX];
	struct s3_call call = {
		.method = "HEAD", .key = key, .action = "s3:GetObject"
	};
	const char *modified;
	struct http_reply r;
	enum snap_code rc;
	int64_t ns = 0, ignored;

	s3_key(s, name, key);
	http_reply_init(&r, S3_REPLY_MAX);
	rc = head(s, &call, &r, err);
	if (rc == SNAP_OK) {
		modified = http_header(&r, "Last-Modified");
		if (modified != NULL)
			ns = http_date(modified);
		if (ns == 0 ||
		    !number(http_header(&r, "Content-Length"), '\0', &st->size))
			rc = snap_fail(err, SNAP_CORRUPT,
			    "the service gives no size or time");
		st->time_ns = s3_late(ns);
	}
	if (rc == SNAP_OK)
		rc = s3_reply_time(s, &r, &ignored, err);
	http_reply_fini(&r);
	return rc;
}

static enum snap_code
s3_stat(struct transport *t, const char *name, struct transport_stat *st,
    struct snap_err *err)
{
	return s3_head((struct s3 *)t, name, st, err);
}

/* ---- get */

/* Whether [off, off + len) may be read at all is for the size to say. */
static enum snap_code
by_size(struct s3 *s, const char *name, uint64_t off, size_t len,
    struct snap_err *err)
{
	struct transport_stat st;
	size_t n;
	enum snap_code rc = s3_head(s, name, &st, err);

	if (rc == SNAP_OK)
		rc = transport_range(st.size, off, len, &n, err);
	if (rc == SNAP_OK && n > 0)
		rc = snap_fail(err, SNAP_CORRUPT,
		    "the service refuses a range that it has");
	return rc;
}

/* "bytes 3-6/10": does it start at `off`, and how large is the object? */
static bool
content_range(const struct http_reply *r, uint64_t off, uint64_t *size)
{
	const char *p = http_header(r, "Content-Range"), *slash;
	uint64_t first;

	if (p == NULL || strncmp(p, "bytes ", 6) != 0 ||
	    !number(p + 6, '-', &first) || first != off)
		return false;
	slash = strchr(p, '/');
	return slash != NULL && number(slash + 1, '\0', size);
}

/* The whole object came: keep of it what was asked for. */
static enum snap_code
cut(struct bytes *out, size_t before, uint64_t off, size_t len,
    struct snap_err *err)
{
	size_t n;
	enum snap_code rc =
	    transport_range(out->len - before, off, len, &n, err);

	if (rc != SNAP_OK)
		return rc;
	if (n > 0 && off > 0)
		memmove(out->p + before, out->p + before + (size_t)off, n);
	out->len = before + n;
	return SNAP_OK;
}

static enum snap_code
s3_get(struct transport *t, const char *name, uint64_t off, size_t len,
    struct bytes *out, struct snap_err *err)
{
	struct s3 *s = (struct s3 *)t;
	char key[S3_KEY_MAX], range[80];
	struct s3_call call = { .method = "GET",
		.key = key,
		.action = "s3:GetObject",
		.into = out,
		.into_max = TRANSPORT_SIZE_MAX,
		.expected = { 416 } };
	size_t before = out->len, n;
	struct http_reply r;
	enum snap_code rc;
	uint64_t size;

	if (len == 0 || off > RANGE_MAX ||
	    (len != SIZE_MAX && len > TRANSPORT_SIZE_MAX))
		return by_size(s, name, off, len, err);
	s3_key(s, name, key);
	if (len != SIZE_MAX)
		(void)snprintf(range, sizeof range, "range: bytes=%llu-%llu",
		    (unsigned long long)off,
		    (unsigned long long)(off + len - 1));
	else
		(void)snprintf(range, sizeof range, "range: bytes=%llu-",
		    (unsigned long long)off);
	if (off > 0 || len != SIZE_MAX)
		call.headers[0] = range;
	http_reply_init(&r, S3_REPLY_MAX);
	rc = s3_do(s, &call, &r, err);
	if (rc == SNAP_OK && r.status == 416)
		rc = by_size(s, name, off, len, err);
	else if (rc == SNAP_OK && r.status != 206)
		rc = cut(out, before, off, len, err);
	else if (rc == SNAP_OK && !content_range(&r, off, &size))
		rc = snap_fail(
		    err, SNAP_CORRUPT, "the service sent another range");
	else if (rc == SNAP_OK) {
		rc = transport_range(size, off, len, &n, err);
		if (rc == SNAP_OK && out->len - before != n)
			rc = snap_fail(err, SNAP_CORRUPT,
			    "the service sent %zu bytes of %zu",
			    out->len - before, n);
	}
	http_reply_fini(&r);
	return rc;
}

/* ---- delete and the clock */

static enum snap_code
s3_del(struct transport *t, const char *name, struct snap_err *err)
{
	struct s3 *s = (struct s3 *)t;
	char key[S3_KEY_MAX];
	struct s3_call call = {
		.method = "DELETE", .key = key, .action = "s3:DeleteObject"
	};
	struct transport_stat st;
	struct http_reply r;
	enum snap_code rc;

	/* S3 deletes what is not there with the same answer. */
	rc = s3_head(s, name, &st, err);
	if (rc != SNAP_OK)
		return rc;
	s3_key(s, name, key);
	http_reply_init(&r, S3_REPLY_MAX);
	rc = s3_do(s, &call, &r, err);
	http_reply_fini(&r);
	return rc;
}

enum snap_code
s3_now(struct transport *t, int64_t *time_ns, struct snap_err *err)
{
	struct s3 *s = (struct s3 *)t;
	struct s3_call call = { .method = "HEAD", .action = "s3:ListBucket" };
	struct s3_page page = { NULL, 0, 0, NULL };
	struct http_reply r;
	enum snap_code rc;

	http_reply_init(&r, S3_REPLY_MAX);
	rc = s3_do(s, &call, &r, err);
	/* As with explain(): a listing says why, and may renew the keys. */
	if (r.status == 400 || r.status == 403) {
		rc = s3_list_page(s, "", NULL, 1, &page, err);
		s3_page_fini(&page);
		if (rc == SNAP_OK)
			rc = s3_do(s, &call, &r, err);
	}
	if (rc == SNAP_OK)
		rc = s3_reply_time(s, &r, time_ns, err);
	http_reply_fini(&r);
	return rc;
}

/* ---- open and close */

static void
s3_free(struct s3 *s)
{
	creds_close(s->creds);
	http_close(s->http);
	s3_config_fini(&s->conf);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

static void
s3_close(struct transport *t)
{
	s3_free((struct s3 *)t);
}

static void
s3_counts(const struct transport *t, struct transport_counts *out)
{
	const struct s3 *s = (const struct s3 *)t;

	out->class_a = atomic_load(&s->class_a);
	out->class_b = atomic_load(&s->class_b);
	out->class_c = atomic_load(&s->class_c);
}

static const struct transport_ops s3_ops = {
	.put = s3_put,
	.get = s3_get,
	.stat = s3_stat,
	.list = s3_list,
	.del = s3_del,
	.now = s3_now,
	.counts = s3_counts,
	.close = s3_close,
};

static enum snap_code
make_bucket(struct s3 *s, struct snap_err *err)
{
	char body[512];
	struct s3_call call = { .method = "PUT", .action = "s3:CreateBucket" };
	struct http_reply r;
	enum snap_code rc;

	body[0] = '\0';
	/* Elsewhere the region is but a word in the signature. */
	if (s->conf.is_aws && strcmp(s->conf.region, "us-east-1") != 0)
		(void)snprintf(body, sizeof body,
		    "<CreateBucketConfiguration xmlns=\"http://"
		    "s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>"
		    "%s</LocationConstraint></CreateBucketConfiguration>",
		    s->conf.region);
	call.body = span_str(body);
	if (s->conf.lock_mode != NULL)
		call.headers[0] = "x-amz-bucket-object-lock-enabled: true";
	http_reply_init(&r, S3_REPLY_MAX);
	rc = s3_do(s, &call, &r, err);
	http_reply_fini(&r);
	return rc == SNAP_OK ? SNAP_OK : snap_wrap(err, "make the bucket");
}

/* The first request: whatever is wrong with keys, clock, region or bucket
 * comes out here, where an error has a body. */
static enum snap_code
look(struct s3 *s, const struct transport_opts *opts, struct snap_err *err)
{
	struct s3_page page = { NULL, 0, 0, NULL };
	enum snap_code rc = s3_list_page(s, "", NULL, 1, &page, err);

	s3_page_fini(&page);
	if (rc == SNAP_NOREPO && opts->create && s->conf.create_bucket)
		rc = make_bucket(s, err);
	return rc;
}

enum snap_code
transport_open_s3(const char *url, const struct transport_opts *opts,
    struct transport **out, struct snap_err *err)
{
	struct s3 *s = calloc(1, sizeof *s);
	enum snap_code rc;

	if (s == NULL || pthread_mutex_init(&s->lock, NULL) != 0) {
		free(s);
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	}
	rc = http_open(opts, "s3", &s->http, err);
	if (rc == SNAP_OK)
		rc = creds_open(opts, s3_setting(opts, "s3.profile"), s->http,
		    &s->creds, err);
	if (rc == SNAP_OK)
		rc = s3_config_read(&s->conf, url, opts, s->creds, err);
	if (rc == SNAP_OK)
		rc = transport_base_init(&s->base, &s3_ops, url, err);
	if (rc != SNAP_OK) {
		s3_free(s);
		return rc;
	}
	s->exclusive = s->conf.exclusive;
	rc = look(s, opts, err);
	if (rc != SNAP_OK) {
		transport_close(&s->base);
		return rc;
	}
	*out = &s->base;
	return SNAP_OK;
}
