/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_s3_trouble.c - what goes wrong with S3 ends in the right code and in
 * words that help, and never in a wrong object.
 *
 * test_s3.sh starts a gateway with the users test (two keys) and writer (no
 * rights of its own), and a proxy before it that fails as it is told.
 * test_s3_trouble SOURCE_DIR
 *
 * lint: long, since all of it is about one gateway.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fdio.h"
#include "http.h"
#include "s3_env.h"
#include "s3_internal.h"
#include "transport.h"

#define SECRET "hunter2hunter2"
#define URL "s3://snap-trouble/repo"

static const char *source_dir, *proxy;
static struct http *control;

static int
setup(void **state)
{
	(void)state;
	env_clear();
	env_set("s3.endpoint", getenv("RGW_URL"));
	env_set("s3.create-bucket", "yes");
	return 0;
}

/* ---- helpers */

static enum snap_code
try_open(const char *url, struct transport **t, struct snap_err *err)
{
	enum snap_code rc;

	*t = NULL;
	rc = transport_open(url, env_opts(1), t, err);
	/* Whatever is said, the secret is not. */
	assert_null(strstr(err->msg, SECRET));
	assert_null(strstr(err->detail, SECRET));
	assert_null(strstr(err->hint, SECRET));
	return rc;
}

static struct transport *
open_store(const char *url)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;

	if (try_open(url, &t, &err) != SNAP_OK)
		fail_msg("%s: %s (%s)", url, err.msg, err.detail);
	return t;
}

static void
assert_says(const struct snap_err *err, const char *msg, const char *hint)
{
	if (strstr(err->msg, msg) == NULL || strstr(err->hint, hint) == NULL)
		fail_msg("\"%s\" (hint \"%s\") is not about \"%s\", \"%s\"",
		    err->msg, err->hint, msg, hint);
}

static void
ask_proxy(const char *method, const char *path, const char *body,
    struct http_reply *r)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct http_request q = { .method = method };
	char url[100];

	(void)snprintf(url, sizeof url, "%s%s", proxy, path);
	q.url = url;
	q.body = span_str(body);
	assert_int_equal(http_do(control, &q, r, &err), SNAP_OK);
	assert_int_equal(r->status, 200);
}

static void
tell_proxy(const char *path, const char *body)
{
	struct http_reply r;

	http_reply_init(&r, 1u << 20);
	ask_proxy("POST", path, body, &r);
	http_reply_fini(&r);
}

/* How many requests the proxy saw that hold `what`. */
static unsigned
seen(const char *what)
{
	struct http_reply r;
	unsigned n = 0;

	http_reply_init(&r, 1u << 20);
	ask_proxy("GET", "/__log", "", &r);
	bytes_u8(&r.body, 0);
	for (const char *p = (const char *)r.body.p;
	     (p = strstr(p, what)) != NULL; p++)
		n++;
	http_reply_fini(&r);
	return n;
}

/* A store behind the proxy, with the probe done. */
static struct transport *
open_behind(const char *url)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;

	env_set("s3.endpoint", proxy);
	tell_proxy("/__clear", "");
	t = open_store(url);
	assert_int_equal(
	    transport_put(t, "warm", span_str("x"), NULL, &err), SNAP_OK);
	return t;
}

static void
assert_holds(struct transport *t, const char *name, const char *text)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes b;

	bytes_init(&b, 1u << 20);
	assert_int_equal(
	    transport_get(t, name, 0, SIZE_MAX, &b, &err), SNAP_OK);
	assert_true(span_eq(bytes_span(&b), span_str(text)));
	bytes_fini(&b);
}

/* A request of the owner's about the bucket, as ?policy. */
static void
ask_bucket(struct transport *t, const char *method, const char *what,
    const char *key, struct span body, struct bytes *out)
{
	struct s3_call call = { .method = method,
		.key = key,
		.action = "s3:Test",
		.params = { { what, "" } },
		.n_params = 1,
		.body = body };
	struct snap_err err = SNAP_ERR_INIT;
	struct http_reply r;

	http_reply_init(&r, 1u << 20);
	if (s3_do((struct s3 *)t, &call, &r, &err) != SNAP_OK)
		fail_msg("%s ?%s: %s (%s)", method, what, err.msg, err.detail);
	if (out != NULL)
		bytes_put_span(out, bytes_span(&r.body));
	http_reply_fini(&r);
}

/* ---- opening */

static void
wrong_keys_are_told_apart(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;

	(void)state;
	env_var("AWS_SECRET_ACCESS_KEY", SECRET);
	assert_int_equal(try_open(URL, &t, &err), SNAP_DENIED);
	assert_says(
	    &err, "does not belong to its access key", "AWS_SECRET_ACCESS_KEY");
	env_var("AWS_ACCESS_KEY_ID", "AKIANOBODY");
	assert_int_equal(try_open(URL, &t, &err), SNAP_DENIED);
	assert_says(&err, "does not know the access key", "AWS_ACCESS_KEY_ID");
	assert_non_null(strstr(err.msg, "the environment"));
	env_var("AWS_SESSION_TOKEN", SECRET);
	assert_int_not_equal(try_open(URL, &t, &err), SNAP_OK);
}

static void
a_missing_bucket_is_not_made_unasked(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;

	(void)state;
	env_set("s3.create-bucket", NULL);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
		    try_open("s3://snap-nowhere/a", &t, &err), SNAP_NOREPO);
		assert_says(
		    &err, "no bucket snap-nowhere", "s3 mb s3://snap-nowhere");
	}
}

static void
an_untrusted_certificate_is_refused(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;

	(void)state;
	env_set("s3.endpoint", getenv("RGW_TLS_URL"));
	assert_int_equal(try_open(URL, &t, &err), SNAP_DENIED);
	assert_says(&err, "certificate of 127.0.0.1", "s3.ca-file=FILE");
	env_set("s3.ca-file", "/dev/null");
	assert_int_equal(try_open(URL, &t, &err), SNAP_USAGE);
	env_set("s3.ca-file", getenv("RGW_CA"));
	transport_close(open_store(URL));
}

static void
clear_text_stays_on_this_machine(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;

	(void)state;
	env_set("s3.endpoint", "http://s3.example.invalid");
	assert_int_equal(try_open(URL, &t, &err), SNAP_USAGE);
	assert_says(&err, "without encryption", "s3.insecure=yes");
}

/* ---- settings of a put */

static void
a_storage_class_is_for_large_objects(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	uint8_t *p = calloc(1, 131072);

	(void)state;
	assert_non_null(p);
	env_set("s3.storage-class", "NO_SUCH_CLASS");
	t = open_store(URL);
	assert_int_equal(
	    transport_put(t, "class/a", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(
	    transport_put(t, "class/b", span_of(p, 131072), NULL, &err),
	    SNAP_USAGE);
	assert_says(&err, "refuses", "s3.storage-class");
	transport_close(t);
	env_set("s3.storage-class", "STANDARD_IA");
	t = open_store(URL);
	assert_int_equal(
	    transport_put(t, "class/c", span_of(p, 131072), NULL, &err),
	    SNAP_OK);
	transport_close(t);
	free(p);
}

static void
object_lock_keeps_what_was_put(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	struct bytes b;

	(void)state;
	env_set("s3.object-lock-mode", "governance");
	env_set("s3.object-lock-days", "30");
	t = open_store("s3://snap-locked/repo");
	assert_int_equal(
	    transport_put(t, "data/1", span_str("x"), NULL, &err), SNAP_OK);
	bytes_init(&b, 10000);
	ask_bucket(t, "GET", "retention", "repo/data/1", span_str(""), &b);
	bytes_u8(&b, 0);
	assert_non_null(strstr((const char *)b.p, "GOVERNANCE"));
	bytes_fini(&b);
	/* The name is free, the bytes are not gone: that is the bucket's. */
	assert_int_equal(transport_delete(t, "data/1", &err), SNAP_OK);
	transport_close(t);
	t = open_store(URL);
	assert_int_equal(
	    transport_put(t, "data/1", span_str("x"), NULL, &err), SNAP_USAGE);
	assert_says(&err, "refuses", "made with object lock");
	transport_close(t);
}

static void
without_if_none_match_nothing_is_replaced_either(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	struct transport *t;

	(void)state;
	env_set("s3.if-none-match", "no");
	t = open_store(URL);
	assert_int_equal(
	    transport_put(t, "plain/a", span_str("old"), &st, &err), SNAP_OK);
	assert_true(st.time_ns > 0);
	assert_int_equal(
	    transport_put(t, "plain/a", span_str("new"), NULL, &err),
	    SNAP_EXISTS);
	assert_int_equal(
	    transport_put(t, "plain/a", span_str("older"), NULL, &err),
	    SNAP_EXISTS);
	assert_int_equal(
	    transport_put(t, "plain/a", span_str("old"), &st, &err), SNAP_OK);
	assert_holds(t, "plain/a", "old");
	transport_close(t);
}

static void
the_first_put_finds_out_about_if_none_match(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = open_behind("s3://snap-trouble/probe");

	(void)state;
	assert_int_equal(((struct s3 *)t)->exclusive, S3_EXCLUSIVE_YES);
	assert_true(seen("PUT /snap-trouble/probe/.snap-probe") <= 2);
	transport_close(t);
	tell_proxy("/__fault",
	    "{\"method\":\"PUT\",\"path\":\"snap-probe\",\"status\":501,"
	    "\"code\":\"NotImplemented\"}");
	t = open_store("s3://snap-trouble/probe2");
	assert_int_equal(
	    transport_put(t, "a", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(((struct s3 *)t)->exclusive, S3_EXCLUSIVE_NO);
	assert_int_equal(
	    transport_put(t, "a", span_str("y"), NULL, &err), SNAP_EXISTS);
	transport_close(t);
}

/* ---- faults on the way */

static void
a_busy_service_is_asked_again_later(void **state)
{
	static const struct {
		int status;
		const char *code;
	} busy[] = { { 503, "SlowDown" }, { 500, "InternalError" },
		{ 429, "TooManyRequests" }, { 408, "RequestTimeout" },
		{ 400, "RequestTimeout" }, { 502, "X" }, { 504, "X" } };
	struct transport *t = open_behind(URL);
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	char rule[200];

	(void)state;
	for (size_t i = 0; i < sizeof busy / sizeof busy[0]; i++) {
		(void)snprintf(rule, sizeof rule,
		    "{\"status\":%d,\"code\":\"%s\",\"retry_after\":7}",
		    busy[i].status, busy[i].code);
		tell_proxy("/__fault", rule);
		assert_int_equal(
		    transport_put(t, "busy", span_str("x"), NULL, &err),
		    SNAP_TRANSIENT);
		assert_int_equal(err.retry_after_s, 7);
		assert_int_equal(
		    transport_stat(t, "busy", &st, &err), SNAP_NOTFOUND);
	}
	/* Also where there is no body to tell. */
	tell_proxy("/__fault", "{\"method\":\"HEAD\",\"status\":503}");
	assert_int_equal(transport_stat(t, "busy", &st, &err), SNAP_TRANSIENT);
	tell_proxy("/__fault", "{\"error_in_200\":true}");
	assert_int_equal(transport_put(t, "busy", span_str("x"), NULL, &err),
	    SNAP_TRANSIENT);
	tell_proxy("/__fault", "{\"error_in_200\":true}");
	assert_int_equal(
	    transport_list(t, "", NULL, NULL, &err), SNAP_TRANSIENT);
	transport_close(t);
}

static void
a_put_whose_answer_was_lost_succeeds_again(void **state)
{
	struct transport *t = open_behind(URL);
	struct snap_err err = SNAP_ERR_INIT;
	enum snap_code rc;

	(void)state;
	tell_proxy("/__fault", "{\"method\":\"PUT\",\"lose_reply\":true}");
	rc = transport_put(t, "lost/1", span_str("x"), NULL, &err);
	/* libcurl may have asked again over another connection. */
	assert_true(rc == SNAP_TRANSIENT || rc == SNAP_OK);
	assert_int_equal(seen("PUT /snap-trouble/repo/lost/1"),
	    rc == SNAP_TRANSIENT ? 1 : 2);
	assert_holds(t, "lost/1", "x");
	assert_int_equal(
	    transport_put(t, "lost/1", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(
	    transport_put(t, "lost/1", span_str("y"), NULL, &err), SNAP_EXISTS);
	/* A conflict that leaves nothing behind is none of ours. */
	tell_proxy("/__fault", "{\"method\":\"PUT\",\"status\":409,"
			       "\"code\":\"ConditionalRequestConflict\"}");
	assert_int_equal(transport_put(t, "lost/2", span_str("x"), NULL, &err),
	    SNAP_TRANSIENT);
	transport_close(t);
}

static void
what_breaks_on_the_way_is_transient(void **state)
{
	static const char *const faults[] = {
		"{\"method\":\"GET\",\"truncate\":3}",
		"{\"method\":\"GET\",\"reset\":true}",
		"{\"method\":\"GET\",\"hang\":true}",
	};
	struct transport *t;
	struct snap_err err = SNAP_ERR_INIT;
	time_t begin = time(NULL);
	struct bytes b;

	(void)state;
	env_set("s3.stall-timeout", "1");
	t = open_behind(URL);
	assert_int_equal(
	    transport_put(t, "broken", span_str("0123456789"), NULL, &err),
	    SNAP_OK);
	bytes_init(&b, 100);
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		tell_proxy("/__fault", faults[i]);
		assert_int_equal(
		    transport_get(t, "broken", 0, SIZE_MAX, &b, &err),
		    SNAP_TRANSIENT);
		assert_int_equal(b.len, 0);
	}
	assert_true(time(NULL) - begin < 60);
	assert_holds(t, "broken", "0123456789");
	bytes_fini(&b);
	transport_close(t);
	env_set("s3.endpoint", "http://127.0.0.1:1");
	assert_int_equal(try_open(URL, &t, &err), SNAP_TRANSIENT);
	assert_says(&err, "cannot connect to 127.0.0.1", "");
}

static void
a_date_that_lags_does_not_make_a_put_look_early(void **state)
{
	struct transport *t = open_behind(URL);
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat put, seen_st;
	int64_t now;

	(void)state;
	tell_proxy("/__fault",
	    "{\"method\":\"PUT\",\"date\":\"Sat, 01 Feb 2020 00:00:00 GMT\"}");
	assert_int_equal(
	    transport_put(t, "late", span_str("x"), &put, &err), SNAP_OK);
	assert_int_equal(transport_stat(t, "late", &seen_st, &err), SNAP_OK);
	assert_true(put.time_ns >= seen_st.time_ns);
	tell_proxy("/__fault",
	    "{\"method\":\"HEAD\",\"date\":\"Sat, 01 Feb 2020 00:00:00 GMT\"}");
	assert_int_equal(transport_now(t, &now, &err), SNAP_OK);
	assert_true(now >= put.time_ns);
	transport_close(t);
}

static void
the_user_need_not_wait_for_a_silent_service(void **state)
{
	struct transport *t = open_behind(URL);
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;

	(void)state;
	env_cancel();
	tell_proxy("/__clear", "");
	tell_proxy("/__fault", "{\"hang\":true}");
	assert_int_equal(transport_stat(t, "x", &st, &err), SNAP_CANCELLED);
	transport_close(t);
}

/* ---- keys that change */

static void
keys_come_from_services_and_are_renewed(void **state)
{
	char url[100], token[] = "test-token-XXXXXX";
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	struct transport *t;
	int fd = mkstemp(token);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, "web+token/=\n", 12), 0);
	assert_int_equal(close(fd), 0);
	env_var("AWS_ACCESS_KEY_ID", NULL);
	env_var("AWS_SECRET_ACCESS_KEY", NULL);
	env_set("s3.endpoint", proxy);
	tell_proxy("/__clear", "");
	/* A container's service, with its token. */
	(void)snprintf(url, sizeof url, "%s/__creds", proxy);
	env_var("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
	assert_int_equal(try_open(URL, &t, &err), SNAP_DENIED);
	env_var("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token");
	t = open_store(URL);
	/* Refused as expired in mid-work: others are fetched, once. */
	tell_proxy("/__fault",
	    "{\"method\":\"PUT\",\"status\":400,\"count\":9,"
	    "\"code\":\"ExpiredToken\",\"key\":\"testkey\"}");
	assert_int_equal(
	    transport_put(t, "renew/1", span_str("x"), NULL, &err), SNAP_OK);
	/* A HEAD cannot say so: it is asked again in another way. */
	tell_proxy("/__fault", "{\"method\":\"HEAD\",\"status\":400}");
	assert_int_equal(transport_stat(t, "renew/1", &st, &err), SNAP_OK);
	tell_proxy("/__fault", "{\"status\":400,\"code\":\"ExpiredToken\","
			       "\"path\":\"renew\",\"count\":9}");
	assert_int_equal(transport_put(t, "renew/2", span_str("x"), NULL, &err),
	    SNAP_DENIED);
	assert_says(&err, "expired", "");
	transport_close(t);
	env_var("AWS_CONTAINER_CREDENTIALS_FULL_URI", NULL);
	/* Web identity at STS. */
	tell_proxy("/__clear", "");
	(void)snprintf(url, sizeof url, "%s/__sts", proxy);
	env_var("AWS_ENDPOINT_URL_STS", url);
	env_var("AWS_WEB_IDENTITY_TOKEN_FILE", token);
	env_var("AWS_ROLE_ARN", "arn:aws:iam::1:role/y");
	assert_int_equal(try_open(URL, &t, &err), SNAP_DENIED);
	assert_says(&err, "STS", "trusts the identity");
	env_var("AWS_ROLE_ARN", "arn:aws:iam::1:role/x");
	transport_close(open_store(URL));
	env_var("AWS_ROLE_ARN", NULL);
	/* An instance's metadata, about to run out each time. */
	env_var("AWS_EC2_METADATA_DISABLED", NULL);
	env_var("AWS_EC2_METADATA_SERVICE_ENDPOINT", proxy);
	tell_proxy("/__clear", "");
	tell_proxy("/__valid/60", "");
	t = open_store(URL);
	assert_int_equal(transport_stat(t, "none", &st, &err), SNAP_NOTFOUND);
	transport_close(t);
	assert_int_equal(unlink(token), 0);
}

/* ---- rights */

/* The policy `name` of the manual for the user writer, as a bucket's. */
static void
set_policy(struct transport *owner, const char *name)
{
	static const struct {
		const char *from, *to;
	} swap[] = { { "BUCKET", "snap-trouble" }, { "PATH", "roles" },
		{ "\"Effect\": \"Allow\",",
		    "\"Effect\": \"Allow\", \"Principal\": {\"AWS\": "
		    "[\"arn:aws:iam:::user/writer\"]}," } };
	struct snap_err err = SNAP_ERR_INIT;
	char path[4096], mark[64];
	struct bytes manual, policy;
	const char *p, *end;

	(void)snprintf(path, sizeof path, "%s/docs/transports.md", source_dir);
	(void)snprintf(mark, sizeof mark, "<!-- policy: %s -->", name);
	bytes_init(&manual, 1u << 20);
	bytes_init(&policy, 1u << 16);
	assert_int_equal(fd_slurp(path, 1u << 20, &manual, &err), SNAP_OK);
	bytes_u8(&manual, 0);
	p = strstr((const char *)manual.p, mark);
	assert_non_null(p);
	p = strstr(p, "```json\n") + strlen("```json\n");
	end = strstr(p, "```");
	while (p < end) {
		size_t i;

		for (i = 0; i < 3; i++)
			if (strncmp(p, swap[i].from, strlen(swap[i].from)) == 0)
				break;
		if (i < 3) {
			bytes_put_str(&policy, swap[i].to);
			p += strlen(swap[i].from);
		} else
			bytes_u8(&policy, (uint8_t)*p++);
	}
	ask_bucket(owner, "PUT", "policy", NULL, bytes_span(&policy), NULL);
	bytes_fini(&manual);
	bytes_fini(&policy);
}

static struct transport *
open_as_writer(struct transport *owner, const char *policy)
{
	set_policy(owner, policy);
	env_var("AWS_ACCESS_KEY_ID", "writerkey");
	env_var("AWS_SECRET_ACCESS_KEY", "writersecret");
	return open_store("s3://snap-trouble/roles");
}

static void
the_manuals_policies_do_what_they_say(void **state)
{
	static const char *const stored[] = { "config", "keys/1", "data/ab/1",
		"meta/ab/1", "index/1", "snapshots/1", "condemned/1",
		"notes/1" };
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *owner, *t;
	struct transport_stat st;
	struct bytes b;
	int64_t now;

	(void)state;
	owner = open_store("s3://snap-trouble/roles");
	for (size_t i = 0; i < sizeof stored / sizeof stored[0]; i++)
		assert_int_equal(
		    transport_put(owner, stored[i], span_str("x"), NULL, &err),
		    SNAP_OK);
	bytes_init(&b, 100);

	t = open_as_writer(owner, "write-only");
	assert_int_equal(transport_now(t, &now, &err), SNAP_OK);
	assert_int_equal(
	    transport_put(t, "data/ab/2", span_str("y"), NULL, &err), SNAP_OK);
	/* Ceph lets who put an object read it, as AWS's older buckets do: the
	 * rest is about the owner's. */
	assert_int_equal(
	    transport_get(t, "data/ab/1", 0, SIZE_MAX, &b, &err), SNAP_DENIED);
	assert_says(&err, "may not s3:GetObject", "s3:GetObject");
	assert_says(&err, "", "on arn:aws:s3:::snap-trouble/roles/");
	assert_int_equal(
	    transport_stat(t, "data/ab/1", &st, &err), SNAP_DENIED);
	/* As after a lost answer: known by its MD5, without reading. */
	assert_int_equal(
	    transport_put(t, "data/ab/1", span_str("x"), NULL, &err), SNAP_OK);
	assert_int_equal(
	    transport_put(t, "data/ab/1", span_str("z"), NULL, &err),
	    SNAP_EXISTS);
	assert_holds(t, "meta/ab/1", "x");
	assert_int_equal(transport_delete(t, "meta/ab/1", &err), SNAP_DENIED);
	assert_says(&err, "may not s3:DeleteObject", "s3:DeleteObject");
	assert_int_equal(
	    transport_put(t, "keys/2", span_str("y"), NULL, &err), SNAP_DENIED);
	assert_says(&err, "may not s3:PutObject", "s3:PutObject");
	transport_close(t);

	t = open_as_writer(owner, "prune");
	assert_holds(t, "data/ab/1", "x");
	assert_int_equal(transport_delete(t, "data/ab/1", &err), SNAP_OK);
	assert_int_equal(
	    transport_put(t, "condemned/2", span_str("y"), NULL, &err),
	    SNAP_OK);
	assert_int_equal(transport_delete(t, "keys/1", &err), SNAP_DENIED);
	assert_int_equal(transport_delete(t, "config", &err), SNAP_DENIED);
	transport_close(t);

	t = open_as_writer(owner, "full");
	assert_int_equal(transport_delete(t, "keys/1", &err), SNAP_OK);
	assert_int_equal(transport_delete(t, "config", &err), SNAP_OK);
	transport_close(t);

	/* Without any: even looking is refused, and says what is missing. */
	env_var("AWS_ACCESS_KEY_ID", NULL);
	env_var("AWS_SECRET_ACCESS_KEY", NULL);
	ask_bucket(owner, "DELETE", "policy", NULL, span_str(""), NULL);
	env_var("AWS_ACCESS_KEY_ID", "writerkey");
	env_var("AWS_SECRET_ACCESS_KEY", "writersecret");
	assert_int_equal(
	    try_open("s3://snap-trouble/roles", &t, &err), SNAP_DENIED);
	assert_says(&err, "may not s3:ListBucket", "s3:ListBucket");
	bytes_fini(&b);
	transport_close(owner);
}

int
main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		T(wrong_keys_are_told_apart),
		T(a_missing_bucket_is_not_made_unasked),
		T(an_untrusted_certificate_is_refused),
		T(clear_text_stays_on_this_machine),
		T(a_storage_class_is_for_large_objects),
		T(object_lock_keeps_what_was_put),
		T(without_if_none_match_nothing_is_replaced_either),
		T(the_first_put_finds_out_about_if_none_match),
		T(a_busy_service_is_asked_again_later),
		T(a_put_whose_answer_was_lost_succeeds_again),
		T(what_breaks_on_the_way_is_transient),
		T(a_date_that_lags_does_not_make_a_put_look_early),
		T(the_user_need_not_wait_for_a_silent_service),
		T(keys_come_from_services_and_are_renewed),
		T(the_manuals_policies_do_what_they_say),
	};
	struct snap_err err = SNAP_ERR_INIT;
	int n;

	if (argc != 2)
		return 2;
	source_dir = argv[1];
	proxy = getenv("PROXY_URL");
	if (http_open(NULL, "s3", &control, &err) != SNAP_OK)
		return 2;
	n = cmocka_run_group_tests(tests, NULL, NULL);
	http_close(control);
	return n;
}
