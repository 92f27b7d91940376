/* SPDX-License-Identifier: PostgreSQL */
/*
 * upload.c - upload URLs, and one upload.
 *
 * A place to upload to is handed out with a token of its own, serves one
 * upload at a time, and may be gone at any moment: with 401 or 503 the service
 * says "elsewhere, please", which happens every day.  So each worker takes one
 * from a stack, asks for a new one when there is none, and gives it back only
 * after a success.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "b2_internal.h"

enum snap_code
b2_new_target(
    struct b2 *b, struct b2_target *out, int64_t *date, struct snap_err *err)
{
	struct b2_request q = { .op = B2_GET_UPLOAD_URL };
	struct http_reply r;
	enum snap_code rc;

	http_reply_init(&r, B2_ANSWER_MAX);
	q.json = json_pack("{s:s}", "bucketId", b->bucket_id);
	rc = q.json != NULL ? b2_ask(b, &q, &r, err) : b2_no_memory(err);
	json_decref(q.json);
	if (rc == SNAP_OK)
		rc = b2_target_decode(bytes_span(&r.body), out, err);
	if (rc == SNAP_OK && date != NULL)
		*date = r.date_ns;
	http_reply_fini(&r);
	return rc;
}

void
b2_keep_target(struct b2 *b, struct b2_target *t)
{
	pthread_mutex_lock(&b->lock);
	if (b->n_targets < B2_TARGETS_MAX) {
		b->targets[b->n_targets++] = *t;
		t->url = t->token = NULL;
	}
	pthread_mutex_unlock(&b->lock);
	b2_target_fini(t);
}

static bool
take_target(struct b2 *b, struct b2_target *out)
{
	bool found;

	pthread_mutex_lock(&b->lock);
	found = b->n_targets > 0;
	if (found)
		*out = b->targets[--b->n_targets];
	pthread_mutex_unlock(&b->lock);
	return found;
}

static enum snap_code
send(struct b2 *b, const struct b2_target *t, const char *name,
    struct span data, const char *sha1, struct http_reply *r,
    struct snap_err *err)
{
	char token[B2_TOKEN_MAX + 32], hash[B2_SHA1_HEX + 32];
	const char *headers[] = { token, hash, NULL, NULL, NULL };
	struct http_request q = { .method = "POST",
		.url = t->url,
		.headers = headers,
		.body = data };
	struct bytes file;
	enum snap_code rc;

	bytes_init(&file, B2_PATH_MAX);
	bytes_put_str(&file, "X-Bz-File-Name: ");
	b2_escape(&file, b->prefix);
	b2_escape(&file, name);
	bytes_u8(&file, 0);
	rc = bytes_check(&file, err);
	if (rc == SNAP_OK) {
		(void)snprintf(
		    token, sizeof token, "Authorization: %s", t->token);
		(void)snprintf(
		    hash, sizeof hash, "X-Bz-Content-Sha1: %s", sha1);
		headers[2] = (const char *)file.p;
		headers[3] = "Content-Type: application/octet-stream";
		b2_count(b, B2_UPLOAD);
		rc = http_do(b->http, &q, r, err);
		b2_wipe(token, sizeof token);
	}
	bytes_fini(&file);
	return rc;
}

enum snap_code
b2_upload(struct b2 *b, const char *name, struct span data, const char *sha1,
    char **id, struct snap_err *err)
{
	struct b2_target t = { NULL, NULL };
	struct http_reply r;
	enum snap_code rc;
	bool again = false;

	rc = b2_check_right(b, B2_UPLOAD, err);
	if (rc != SNAP_OK)
		return rc;
	http_reply_init(&r, B2_ANSWER_MAX);
	for (;;) {
		/* When one is dead, the others of the stack may be as well. */
		if (again || !take_target(b, &t))
			rc = b2_new_target(b, &t, NULL, err);
		if (rc == SNAP_OK)
			rc = send(b, &t, name, data, sha1, &r, err);
		if (rc != SNAP_OK || (r.status >= 200 && r.status <= 299))
			break;
		rc = b2_refused(b, B2_UPLOAD, &r, t.token, err);
		if (again || (r.status != 503 &&
				 (r.status != 401 || rc != SNAP_TRANSIENT)))
			break;
		b2_target_fini(&t);
		again = true;
		rc = SNAP_OK;
	}
	if (rc == SNAP_OK)
		rc = b2_upload_decode(bytes_span(&r.body), id, err);
	if (rc == SNAP_OK)
		b2_keep_target(b, &t);
	b2_target_fini(&t);
	http_reply_fini(&r);
	return rc;
}
