/* SPDX-License-Identifier: PostgreSQL */
/*
 * session.c - the account token, requests with it, and what failures mean.
 *
 * A token lasts a day at most.  When the service says that it has expired, one
 * thread gets a new one while the others wait, and each asks once more; that
 * is part of the protocol, not a retry.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "b2_internal.h"

#define STATUS_OK(s) ((s) >= 200 && (s) <= 299)

/* Billing: https://www.backblaze.com/cloud-storage/transaction-pricing */
static const struct {
	const char *name;
	unsigned billed; /* 0, 1, 2: class A, B, C */
	unsigned needs;  /* enum b2_capability; 0: none */
	bool is_download;
} ops[] = {
	[B2_AUTHORIZE] = { "b2_authorize_account", 2, 0, false },
	[B2_LIST_BUCKETS] = { "b2_list_buckets", 2, B2_CAN_LIST_BUCKETS,
	    false },
	[B2_GET_UPLOAD_URL] = { "b2_get_upload_url", 0, B2_CAN_WRITE_FILES,
	    false },
	[B2_UPLOAD] = { "b2_upload_file", 0, B2_CAN_WRITE_FILES, false },
	[B2_LIST_VERSIONS] = { "b2_list_file_versions", 2, B2_CAN_LIST_FILES,
	    false },
	[B2_DOWNLOAD_BY_NAME] = { "b2_download_file_by_name", 1,
	    B2_CAN_READ_FILES, true },
	[B2_DOWNLOAD_BY_ID] = { "b2_download_file_by_id", 1, B2_CAN_READ_FILES,
	    true },
	[B2_DELETE] = { "b2_delete_file_version", 0, B2_CAN_DELETE_FILES,
	    false },
};

void
b2_count(struct b2 *b, enum b2_op op)
{
	atomic_fetch_add(&b->n_class[ops[op].billed], 1);
}

enum snap_code
b2_no_memory(struct snap_err *err)
{
	return snap_fail(err, SNAP_NOMEM, "out of memory");
}

/* ---- what failures mean */

static enum snap_code
lacks(const struct b2 *b, enum b2_op op, struct snap_err *err)
{
	const char *name =
	    b2_capability_name((enum b2_capability)ops[op].needs);

	(void)snap_fail(err, SNAP_DENIED,
	    "the application key %s has not the capability %s", b->key_id,
	    name);
	(void)snap_detail(err, "%s needs it.", ops[op].name);
	return snap_hint(err,
	    "Make a key that has: b2 key create --bucket %s NAME "
	    "listBuckets,listFiles,readFiles,writeFiles%s",
	    b->bucket,
	    ops[op].needs == B2_CAN_DELETE_FILES ? ",deleteFiles" : "");
}

enum snap_code
b2_check_right(const struct b2 *b, enum b2_op op, struct snap_err *err)
{
	if ((b->capabilities & ops[op].needs) == ops[op].needs)
		return SNAP_OK;
	return lacks(b, op, err);
}

static bool
ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static enum snap_code
capped(const struct b2_error *e, struct snap_err *err)
{
	static const struct {
		const char *code, *what;
	} caps[] = {
		{ "storage_cap_exceeded", "storage" },
		{ "download_cap_exceeded", "download" },
		{ "transaction_cap_exceeded", "transaction" },
	};
	const char *what = "a";

	for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++)
		if (strcmp(e->code, caps[i].code) == 0)
			what = caps[i].what;
	(void)snap_fail(
	    err, SNAP_IO, "the %s cap of the account is reached", what);
	return snap_hint(err,
	    "Raise it at https://secure.backblaze.com/user_caps.htm (Caps & "
	    "Alerts). Caps by the day begin anew at midnight GMT.");
}

static enum snap_code
by_status(const struct b2 *b, enum b2_op op, const struct http_reply *r,
    const struct b2_error *e, struct snap_err *err)
{
	switch (r->status) {
	case 400:
		/* Bytes that changed on their way may arrive well next time. */
		if (op == B2_UPLOAD && strstr(e->message, "Sha1") != NULL)
			return snap_fail(err, SNAP_TRANSIENT,
			    "the bytes changed on their way to the service");
		/* Two used one upload URL: it is dropped by now. */
		if (op == B2_UPLOAD && strcmp(e->code, "auth_token_limit") == 0)
			return snap_fail(err, SNAP_TRANSIENT,
			    "the upload URL is in use elsewhere");
		if (op == B2_DELETE &&
		    (strcmp(e->code, "file_not_present") == 0 ||
			strcmp(e->code, "no_such_file") == 0))
			return snap_fail(err, SNAP_NOTFOUND, "it is not there");
		break;
	case 401:
		if (ends_in(e->code, "_auth_token"))
			return snap_fail(err, SNAP_TRANSIENT,
			    "the service refuses the token it has just given");
		if ((b->capabilities & ops[op].needs) != ops[op].needs)
			return lacks(b, op, err);
		return snap_fail(err, SNAP_DENIED,
		    "the application key %s may not do that", b->key_id);
	case 403:
		if (ends_in(e->code, "cap_exceeded"))
			return capped(e, err);
		return snap_fail(err, SNAP_DENIED, "the service denies it");
	case 404:
		return snap_fail(err, SNAP_NOTFOUND, "it is not there");
	case 416:
		return snap_fail(err, SNAP_CORRUPT, "the object is too short");
	case 408:
	case 429:
		return snap_fail(err, SNAP_TRANSIENT,
		    r->status == 408 ? "the service waited too long for us"
				     : "the service is asked too much");
	default:
		if (r->status >= 500)
			return snap_fail(err, SNAP_TRANSIENT,
			    "the service is not able to answer");
		break;
	}
	return snap_fail(
	    err, SNAP_IO, "the service refuses it with status %d", r->status);
}

enum snap_code
b2_refused(const struct b2 *b, enum b2_op op, const struct http_reply *r,
    const char *secret, struct snap_err *err)
{
	struct b2_error e;
	enum snap_code rc;

	b2_error_decode(bytes_span(&r->body), &e);
	/* Some messages repeat the token they complain of. */
	if ((secret != NULL && strstr(e.message, secret) != NULL) ||
	    strstr(e.message, "token ") != NULL)
		e.message[0] = '\0';
	rc = by_status(b, op, r, &e, err);
	(void)snap_detail(err, "%s: status %d%s%s%s%s.", ops[op].name,
	    r->status, e.code[0] != '\0' ? ", " : "", e.code,
	    e.message[0] != '\0' ? ": " : "", e.message);
	if (rc == SNAP_TRANSIENT && err != NULL)
		err->retry_after_s = r->retry_after_s;
	return rc;
}

/* ---- the session */

void
b2_session_free(struct b2_session *s)
{
	if (s == NULL)
		return;
	b2_auth_fini(&s->auth);
	free(s);
}

static struct b2_session *
take_session(struct b2 *b)
{
	struct b2_session *s;

	pthread_mutex_lock(&b->lock);
	s = b->session;
	s->n_users++;
	pthread_mutex_unlock(&b->lock);
	return s;
}

static void
drop_session(struct b2 *b, struct b2_session *s)
{
	bool last;

	pthread_mutex_lock(&b->lock);
	last = --s->n_users == 0;
	pthread_mutex_unlock(&b->lock);
	if (last)
		b2_session_free(s);
}

static enum snap_code
unknown_key(
    const struct b2 *b, const struct http_reply *r, struct snap_err *err)
{
	struct b2_error e;

	b2_error_decode(bytes_span(&r->body), &e);
	(void)snap_fail(err, SNAP_DENIED,
	    "the service does not accept the application key %s", b->key_id);
	(void)snap_detail(
	    err, "b2_authorize_account: status %d, %s.", r->status, e.code);
	return snap_hint(err,
	    "Check the key's id (b2.key-id) and its secret (b2.key); it may "
	    "have been deleted, or its time be over.");
}

/* Under b->renewing, or while nobody else knows of *b. */
enum snap_code
b2_authorize(struct b2 *b, struct snap_err *err)
{
	const char *headers[] = { b->basic, NULL };
	struct http_request q = { .method = "GET", .headers = headers };
	struct b2_session *s = NULL, *old;
	struct http_reply r;
	char url[B2_PATH_MAX];
	enum snap_code rc;

	http_reply_init(&r, B2_ANSWER_MAX);
	(void)snprintf(url, sizeof url, "%s/b2api/v3/%s", b->realm,
	    ops[B2_AUTHORIZE].name);
	q.url = url;
	b2_count(b, B2_AUTHORIZE);
	rc = http_do(b->http, &q, &r, err);
	if (rc != SNAP_OK)
		goto out;
	if (r.status == 401)
		rc = unknown_key(b, &r, err);
	else if (!STATUS_OK(r.status))
		rc = b2_refused(b, B2_AUTHORIZE, &r, NULL, err);
	if (rc != SNAP_OK)
		goto out;
	s = calloc(1, sizeof *s);
	if (s == NULL) {
		rc = b2_no_memory(err);
		goto out;
	}
	s->n_users = 1;
	rc = b2_auth_decode(bytes_span(&r.body), &s->auth, err);
	if (rc != SNAP_OK)
		goto out;
	pthread_mutex_lock(&b->lock);
	old = b->session;
	s->number = old != NULL ? old->number + 1 : 0;
	b->session = s;
	s = NULL;
	pthread_mutex_unlock(&b->lock);
	if (old != NULL)
		drop_session(b, old);
out:
	b2_session_free(s);
	http_reply_fini(&r);
	return rc == SNAP_OK ? rc : snap_wrap(err, "log in to Backblaze B2");
}

/* A new token, when no other thread has got one since `number`. */
static enum snap_code
renew(struct b2 *b, uint64_t number, struct snap_err *err)
{
	struct b2_session *s;
	enum snap_code rc = SNAP_OK;
	bool is_old;

	pthread_mutex_lock(&b->renewing);
	s = take_session(b);
	is_old = s->number == number;
	drop_session(b, s);
	if (is_old)
		rc = b2_authorize(b, err);
	pthread_mutex_unlock(&b->renewing);
	return rc;
}

/* ---- requests */

static bool
has_expired(const struct http_reply *r)
{
	struct b2_error e;

	if (r->status != 401)
		return false;
	b2_error_decode(bytes_span(&r->body), &e);
	return strcmp(e.code, "expired_auth_token") == 0 ||
	       strcmp(e.code, "bad_auth_token") == 0;
}

static enum snap_code
send(struct b2 *b, const struct b2_request *q, const struct b2_session *s,
    const char *body, struct http_reply *r, struct snap_err *err)
{
	const char *headers[4] = { NULL };
	char token[B2_TOKEN_MAX + 32], url[B2_PATH_MAX];
	struct http_request h = { .headers = headers };
	size_t n = 0;
	enum snap_code rc;

	(void)snprintf(token, sizeof token, "Authorization: %s", s->auth.token);
	headers[n++] = token;
	if (body != NULL)
		headers[n++] = "Content-Type: application/json";
	if (q->range != NULL)
		headers[n++] = q->range;
	if (q->path != NULL)
		(void)snprintf(url, sizeof url, "%s%s",
		    ops[q->op].is_download ? s->auth.download_url
					   : s->auth.api_url,
		    q->path);
	else
		(void)snprintf(url, sizeof url, "%s/b2api/v3/%s",
		    s->auth.api_url, ops[q->op].name);
	h.method = body != NULL ? "POST" : "GET";
	h.url = url;
	if (body != NULL)
		h.body = span_str(body);
	h.into = q->into;
	h.into_max = q->into_max;
	b2_count(b, q->op);
	rc = http_do(b->http, &h, r, err);
	b2_wipe(token, sizeof token);
	return rc;
}

enum snap_code
b2_ask(struct b2 *b, const struct b2_request *q, struct http_reply *r,
    struct snap_err *err)
{
	struct b2_session *s = NULL;
	char *body = NULL;
	enum snap_code rc;

	rc = b2_check_right(b, q->op, err);
	if (rc == SNAP_OK && q->json != NULL) {
		body = json_dumps(q->json, JSON_COMPACT);
		if (body == NULL)
			rc = b2_no_memory(err);
	}
	for (int attempt = 0; rc == SNAP_OK; attempt++) {
		if (s != NULL)
			drop_session(b, s);
		s = take_session(b);
		rc = send(b, q, s, body, r, err);
		if (rc != SNAP_OK || STATUS_OK(r->status))
			break;
		if (attempt > 0 || !has_expired(r)) {
			rc = b2_refused(b, q->op, r, s->auth.token, err);
			break;
		}
		rc = renew(b, s->number, err);
	}
	if (s != NULL)
		drop_session(b, s);
	free(body);
	return rc;
}
