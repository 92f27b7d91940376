/* SPDX-License-Identifier: PostgreSQL */
/* s3_call.c - one signed request. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "s3_internal.h"

#define TOKEN_MAX 16384u /* bytes of a session token's header */

int64_t
s3_late(int64_t ns)
{
	return ns + 999999999;
}

enum snap_code
s3_reply_time(struct s3 *s, const struct http_reply *r, int64_t *ns_out,
    struct snap_err *err)
{
	const char *modified = http_header(r, "Last-Modified");
	int64_t ns = modified != NULL ? http_date(modified) : 0, before;

	if (r->date_ns == 0)
		return snap_fail(
		    err, SNAP_IO, "the service sends no date with its answer");
	if (ns < r->date_ns)
		ns = r->date_ns;
	ns = s3_late(ns);
	before = atomic_load(&s->latest);
	while (before < ns &&
	       !atomic_compare_exchange_weak(&s->latest, &before, ns))
		;
	*ns_out = before < ns ? ns : before;
	return SNAP_OK;
}

void
s3_key(const struct s3 *s, const char *name, char out[S3_KEY_MAX])
{
	/* Both were checked; what does not fit cannot be. */
	(void)snprintf(out, S3_KEY_MAX, "%s%s", s->conf.prefix, name);
}

/* What a request consists of, as text; all of it is freed at once. */
struct request {
	struct bytes host, path, query, url, auth, token;
	char date[SIGN_DATE_LEN], hash[SIGN_HASH_LEN];
	char date_header[64], hash_header[128];
	const char *headers[SIGN_HEADERS_MAX + 2];
	size_t n_headers;
};

static void
request_init(struct request *q)
{
	memset(q, 0, sizeof *q);
	bytes_init(&q->host, 1024);
	bytes_init(&q->path, 8192);
	bytes_init(&q->query, 32768);
	bytes_init(&q->url, 65536);
	bytes_init(&q->auth, 8192);
	bytes_init(&q->token, TOKEN_MAX);
}

static void
request_fini(struct request *q)
{
	bytes_fini(&q->host);
	bytes_fini(&q->path);
	bytes_fini(&q->query);
	bytes_fini(&q->url);
	bytes_fini(&q->auth);
	bytes_fini_wipe(&q->token);
}

/* Host, path, query and from them the URL. */
static enum snap_code
make_url(struct request *q, const struct s3_config *c,
    const struct s3_call *call, struct snap_err *err)
{
	enum snap_code rc;

	bytes_put_str(&q->host, "host: ");
	if (c->virtual_host)
		bytes_printf(&q->host, "%s.", c->bucket);
	bytes_put_str(&q->host, c->host);
	bytes_u8(&q->host, 0);
	bytes_u8(&q->path, '/');
	if (!c->virtual_host) {
		bytes_put_str(&q->path, c->bucket);
		if (call->key != NULL)
			bytes_u8(&q->path, '/');
	}
	if (call->key != NULL)
		sign_escape(&q->path, span_str(call->key), true);
	bytes_u8(&q->path, 0);
	rc = sign_query(&q->query, call->params, call->n_params, err);
	bytes_u8(&q->query, 0);
	if (rc == SNAP_OK)
		rc = bytes_check(&q->host, err);
	if (rc == SNAP_OK)
		rc = bytes_check(&q->path, err);
	if (rc == SNAP_OK)
		rc = bytes_check(&q->query, err);
	if (rc != SNAP_OK)
		return rc;
	bytes_printf(&q->url, "%s://%s%s%s%s", c->scheme,
	    (const char *)q->host.p + strlen("host: "), (const char *)q->path.p,
	    call->n_params > 0 ? "?" : "", (const char *)q->query.p);
	bytes_u8(&q->url, 0);
	return bytes_check(&q->url, err);
}

static enum snap_code
add(struct request *q, const char *header, struct snap_err *err)
{
	if (q->n_headers == SIGN_HEADERS_MAX)
		return snap_fail(err, SNAP_USAGE, "too many headers");
	q->headers[q->n_headers++] = header;
	return SNAP_OK;
}

static enum snap_code
make_headers(struct request *q, const struct s3_call *call,
    const struct creds_key *key, struct snap_err *err)
{
	enum snap_code rc = add(q, (const char *)q->host.p, err);

	(void)snprintf(
	    q->date_header, sizeof q->date_header, "x-amz-date: %s", q->date);
	(void)snprintf(q->hash_header, sizeof q->hash_header,
	    "x-amz-content-sha256: %s", q->hash);
	if (rc == SNAP_OK)
		rc = add(q, q->date_header, err);
	if (rc == SNAP_OK)
		rc = add(q, q->hash_header, err);
	if (rc == SNAP_OK && key->token != NULL) {
		bytes_printf(&q->token, "x-amz-security-token: %s", key->token);
		bytes_u8(&q->token, 0);
		rc = bytes_check(&q->token, err);
		if (rc == SNAP_OK)
			rc = add(q, (const char *)q->token.p, err);
	}
	for (size_t i = 0;
	     rc == SNAP_OK && i < S3_CALL_HEADERS && call->headers[i] != NULL;
	     i++)
		rc = add(q, call->headers[i], err);
	return rc;
}

static enum snap_code
sign(struct request *q, const struct s3 *s, const struct s3_call *call,
    const struct creds_key *key, struct snap_err *err)
{
	struct sign_request r = { .method = call->method,
		.path = (const char *)q->path.p,
		.query = (const char *)q->query.p,
		.headers = q->headers,
		.n_headers = q->n_headers,
		.payload_hash = q->hash,
		.date = q->date,
		.region = s->conf.region,
		.service = "s3",
		.key_id = key->id,
		.secret = key->secret };
	enum snap_code rc = sign_make(&r, &q->auth, err);

	bytes_u8(&q->auth, 0);
	if (rc == SNAP_OK)
		rc = bytes_check(&q->auth, err);
	if (rc == SNAP_OK)
		q->headers[q->n_headers] = (const char *)q->auth.p;
	return rc;
}

static bool
is_answer(const struct s3_call *call, int status)
{
	if (status >= 200 && status <= 299)
		return true;
	for (size_t i = 0; i < 3; i++)
		if (call->expected[i] != 0 && call->expected[i] == status)
			return true;
	return false;
}

/* A listing is a GET of the bucket, and billed as a put. */
static void
count(struct s3 *s, const struct s3_call *call)
{
	bool reads = strcmp(call->method, "HEAD") == 0 ||
		     (strcmp(call->method, "GET") == 0 && call->key != NULL);

	if (strcmp(call->method, "DELETE") == 0)
		atomic_fetch_add(&s->class_c, 1);
	else
		atomic_fetch_add(reads ? &s->class_b : &s->class_a, 1);
}

/* Once, with these keys; *sent is our clock when it was signed. */
static enum snap_code
ask(struct s3 *s, const struct s3_call *call, const struct creds_key *key,
    struct http_reply *r, int64_t *sent, struct snap_err *err)
{
	struct http_request hq = { .method = call->method,
		.body = call->body,
		.into = call->into,
		.into_max = call->into_max };
	struct request q;
	enum snap_code rc;
	time_t now;

	count(s, call);
	request_init(&q);
	rc = make_url(&q, &s->conf, call, err);
	/* Hashing takes its time: the clock is read behind it. */
	if (rc == SNAP_OK)
		rc = sign_sha256(call->body, q.hash, err);
	now = time(NULL);
	*sent = (int64_t)now;
	sign_date(now, q.date);
	if (rc == SNAP_OK)
		rc = make_headers(&q, call, key, err);
	if (rc == SNAP_OK)
		rc = sign(&q, s, call, key, err);
	if (rc == SNAP_OK) {
		hq.url = (const char *)q.url.p;
		hq.headers = q.headers;
		rc = http_do(s->http, &hq, r, err);
	}
	request_fini(&q);
	return rc;
}

enum snap_code
s3_do(struct s3 *s, const struct s3_call *call, struct http_reply *r,
    struct snap_err *err)
{
	size_t before = call->into != NULL ? call->into->len : 0;
	struct creds_key key = { NULL, NULL, NULL, 0 };
	enum snap_code rc = SNAP_OK;
	int64_t sent = 0;

	for (int round = 0; round < 2; round++) {
		rc = creds_get(s->creds, &key, err);
		if (rc == SNAP_OK)
			rc = ask(s, call, &key, r, &sent, err);
		if (rc != SNAP_OK || round == 1 || !s3_error_is_expiry(r))
			break;
		rc = creds_renew(s->creds, &key, err);
		if (rc != SNAP_OK)
			break;
		creds_key_fini(&key);
		if (call->into != NULL)
			call->into->len = before;
	}
	creds_key_fini(&key);
	if (rc != SNAP_OK || is_answer(call, r->status))
		return rc;
	return s3_error_map(s, call, r, sent, err);
}
