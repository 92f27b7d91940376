/* SPDX-License-Identifier: PostgreSQL */
/*
 * creds_net.c - keys from a service: STS, a container's agent, the metadata
 * service of an instance.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "creds_internal.h"
#include "fdio.h"
#include "sign.h"
#include "xml.h"

#define ANSWER_SECONDS 5u /* a service on this machine or next to it */
#define INSTANCE_SECONDS 2u
#define TOKEN_FILE_MAX 65536u

static enum snap_code
check_key(struct creds_key *k, struct snap_err *err)
{
	const char *const parts[] = { k->id, k->secret, k->token };

	if (k->id == NULL || k->secret == NULL || k->id[0] == '\0' ||
	    k->secret[0] == '\0') {
		creds_key_fini(k);
		return snap_fail(
		    err, SNAP_CORRUPT, "the answer holds no credentials");
	}
	/* They become part of a header: a line end would make another one. */
	for (size_t i = 0; i < 3; i++)
		for (const char *p = parts[i]; p != NULL && *p != '\0'; p++)
			if (*p <= ' ' || *p > '~') {
				creds_key_fini(k);
				return snap_fail(err, SNAP_CORRUPT,
				    "the credentials hold odd characters");
			}
	return SNAP_OK;
}

/* ---- decoding */

static enum snap_code
set_once(char **field, const char *text, struct snap_err *err)
{
	if (*field != NULL)
		return SNAP_OK;
	*field = strdup(text);
	if (*field == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	return SNAP_OK;
}

static enum snap_code
sts_element(void *arg, const char *parent, const char *name, const char *text,
    struct snap_err *err)
{
	struct creds_key *k = arg;
	int64_t ns;

	if (strcmp(parent, "Credentials") != 0)
		return SNAP_OK;
	if (strcmp(name, "AccessKeyId") == 0)
		return set_once(&k->id, text, err);
	if (strcmp(name, "SecretAccessKey") == 0)
		return set_once(&k->secret, text, err);
	if (strcmp(name, "SessionToken") == 0)
		return set_once(&k->token, text, err);
	if (strcmp(name, "Expiration") == 0 && xml_time(text, &ns))
		k->expires = ns / 1000000000;
	return SNAP_OK;
}

enum snap_code
creds_read_sts(struct span xml, struct creds_key *out, struct snap_err *err)
{
	struct creds_key k = { NULL, NULL, NULL, 0 };
	enum snap_code rc = xml_walk(xml, sts_element, &k, err);

	if (rc == SNAP_OK)
		rc = check_key(&k, err);
	if (rc == SNAP_OK)
		*out = k;
	else
		creds_key_fini(&k);
	return rc;
}

enum snap_code
creds_read_json(struct span json, struct creds_key *out, struct snap_err *err)
{
	struct creds_key k = { NULL, NULL, NULL, 0 };
	const char *id, *secret, *token, *expires;
	enum snap_code rc = SNAP_OK;
	json_t *root;
	int64_t ns;

	root = json_loadb(json.p != NULL ? (const char *)json.p : "", json.len,
	    JSON_REJECT_DUPLICATES, NULL);
	id = json_string_value(json_object_get(root, "AccessKeyId"));
	secret = json_string_value(json_object_get(root, "SecretAccessKey"));
	token = json_string_value(json_object_get(root, "Token"));
	expires = json_string_value(json_object_get(root, "Expiration"));
	if (id != NULL)
		rc = set_once(&k.id, id, err);
	if (rc == SNAP_OK && secret != NULL)
		rc = set_once(&k.secret, secret, err);
	if (rc == SNAP_OK && token != NULL)
		rc = set_once(&k.token, token, err);
	if (expires != NULL && xml_time(expires, &ns))
		k.expires = ns / 1000000000;
	json_decref(root);
	if (rc == SNAP_OK)
		rc = check_key(&k, err);
	if (rc == SNAP_OK)
		*out = k;
	else
		creds_key_fini(&k);
	return rc;
}

/* ---- asking */

/* One request; another status than 200 is an error that names `what`. */
static enum snap_code
ask(struct creds *c, const struct http_request *q, const char *what,
    struct http_reply *r, struct snap_err *err)
{
	enum snap_code rc = http_do(c->http, q, r, err);

	if (rc != SNAP_OK)
		return snap_wrap(err, "credentials from %s", what);
	if (r->status == 200)
		return SNAP_OK;
	rc =
	    r->status == 429 || r->status >= 500 ? SNAP_TRANSIENT : SNAP_DENIED;
	(void)snap_fail(err, rc, "%s gives no credentials: it answered %d",
	    what, r->status);
	if (err != NULL)
		err->retry_after_s = r->retry_after_s;
	return rc;
}

/* A file with a token in it, trimmed. */
static enum snap_code
read_token(const char *path, struct bytes *out, struct snap_err *err)
{
	enum snap_code rc = fd_slurp(path, TOKEN_FILE_MAX, out, err);

	while (rc == SNAP_OK && out->len > 0 && out->p[out->len - 1] <= ' ')
		out->len--;
	if (rc == SNAP_OK && out->len == 0)
		rc = snap_fail(err, SNAP_DENIED, "%s is empty", path);
	return rc;
}

enum snap_code
creds_ask_sts(struct creds *c, struct creds_key *out, struct snap_err *err)
{
	static const char *const headers[] = {
		"Content-Type: application/x-www-form-urlencoded",
		"Accept: application/xml", NULL
	};
	struct http_request q = { .method = "POST",
		.url = c->sts_url,
		.headers = headers,
		.limit_s = 30 };
	struct bytes token, form;
	struct http_reply r;
	enum snap_code rc;

	bytes_init(&token, TOKEN_FILE_MAX);
	bytes_init(&form, 4u * TOKEN_FILE_MAX);
	http_reply_init(&r, CREDS_REPLY_MAX);
	rc = read_token(c->web_token_file, &token, err);
	if (rc == SNAP_OK) {
		bytes_put_str(
		    &form, "Action=AssumeRoleWithWebIdentity&RoleArn=");
		sign_escape(&form, span_str(c->role_arn), false);
		bytes_put_str(&form, "&RoleSessionName=");
		sign_escape(&form, span_str(c->session_name), false);
		bytes_put_str(&form, "&Version=2011-06-15&WebIdentityToken=");
		sign_escape(&form, bytes_span(&token), false);
		rc = bytes_check(&form, err);
	}
	if (rc == SNAP_OK) {
		q.body = bytes_span(&form);
		rc = ask(c, &q, "STS", &r, err);
	}
	if (rc == SNAP_DENIED)
		(void)snap_hint(err,
		    "Check that the role %s trusts the identity of the token "
		    "in %s.",
		    c->role_arn, c->web_token_file);
	if (rc == SNAP_OK)
		rc = creds_read_sts(bytes_span(&r.body), out, err);
	bytes_fini_wipe(&token);
	bytes_fini_wipe(&form);
	http_reply_fini(&r);
	return rc;
}

enum snap_code
creds_ask_container(
    struct creds *c, struct creds_key *out, struct snap_err *err)
{
	const char *headers[2] = { NULL, NULL };
	struct http_request q = { .method = "GET",
		.url = c->container_url,
		.headers = headers,
		.local_service = true,
		.limit_s = ANSWER_SECONDS };
	struct bytes header;
	struct http_reply r;
	enum snap_code rc = SNAP_OK;

	bytes_init(&header, 2u * TOKEN_FILE_MAX);
	http_reply_init(&r, CREDS_REPLY_MAX);
	bytes_put_str(&header, "Authorization: ");
	if (c->container_token_file != NULL)
		rc = read_token(c->container_token_file, &header, err);
	else if (c->container_token != NULL)
		bytes_put_str(&header, c->container_token);
	bytes_u8(&header, 0);
	if (rc == SNAP_OK)
		rc = bytes_check(&header, err);
	if (rc == SNAP_OK && strpbrk((const char *)header.p, "\r\n") != NULL)
		rc = snap_fail(err, SNAP_USAGE,
		    "the container's authorization token has a line end");
	if (c->container_token_file != NULL || c->container_token != NULL)
		headers[0] = (const char *)header.p;
	if (rc == SNAP_OK)
		rc = ask(c, &q, "the container's service", &r, err);
	if (rc == SNAP_OK)
		rc = creds_read_json(bytes_span(&r.body), out, err);
	bytes_fini_wipe(&header);
	http_reply_fini(&r);
	return rc;
}

/* The name of the instance's role: the first line, as part of a path. */
static enum snap_code
role_name(const struct http_reply *r, struct bytes *url, struct snap_err *err)
{
	size_t n = 0;

	while (n < r->body.len && r->body.p[n] > ' ')
		n++;
	if (n == 0)
		return snap_fail(err, SNAP_DENIED, "the instance has no role");
	sign_escape(url, span_of(r->body.p, n), false);
	bytes_u8(url, 0);
	return bytes_check(url, err);
}

enum snap_code
creds_ask_instance(struct creds *c, struct creds_key *out, struct snap_err *err)
{
	static const char path[] =
	    "/latest/meta-data/iam/security-credentials/";
	static const char what[] = "the instance's metadata service";
	const char *ttl[] = { "X-aws-ec2-metadata-token-ttl-seconds: 21600",
		NULL };
	const char *headers[2] = { NULL, NULL };
	struct http_request q = { .method = "PUT",
		.headers = ttl,
		.local_service = true,
		.limit_s = INSTANCE_SECONDS };
	struct bytes url, token;
	struct http_reply r;
	enum snap_code rc;

	bytes_init(&url, 4096);
	bytes_init(&token, CREDS_REPLY_MAX + 64);
	http_reply_init(&r, CREDS_REPLY_MAX);
	bytes_printf(&url, "%s/latest/api/token", c->instance_url);
	bytes_u8(&url, 0);
	rc = bytes_check(&url, err);
	if (rc != SNAP_OK)
		goto out;
	q.url = (const char *)url.p;
	rc = ask(c, &q, what, &r, err);
	if (rc != SNAP_OK)
		goto out;
	bytes_put_str(&token, "X-aws-ec2-metadata-token: ");
	for (size_t i = 0; i < r.body.len && r.body.p[i] > ' '; i++)
		bytes_u8(&token, r.body.p[i]);
	bytes_u8(&token, 0);
	bytes_clear(&url);
	bytes_printf(&url, "%s%s", c->instance_url, path);
	bytes_u8(&url, 0);
	rc = bytes_check(&token, err);
	if (rc == SNAP_OK)
		rc = bytes_check(&url, err);
	if (rc != SNAP_OK)
		goto out;
	headers[0] = (const char *)token.p;
	q.method = "GET";
	q.headers = headers;
	q.url = (const char *)url.p;
	rc = ask(c, &q, what, &r, err);
	if (rc != SNAP_OK)
		goto out;
	url.len--; /* its NUL */
	rc = role_name(&r, &url, err);
	if (rc != SNAP_OK)
		goto out;
	q.url = (const char *)url.p;
	rc = ask(c, &q, what, &r, err);
	if (rc == SNAP_OK)
		rc = creds_read_json(bytes_span(&r.body), out, err);
out:
	bytes_fini(&url);
	bytes_fini_wipe(&token);
	http_reply_fini(&r);
	return rc;
}
