/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_endless.c - services that never come to an end: error pages, heads and
 * listings.  Each is given up with a message, after a bounded amount.
 *
 * Without the bounds these tests do not end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http.h"
#include "http_server.h"
#include "transport_impl.h"

#define KEY "0123456789abcdef0123456789abcdef01234567"

static char endpoint[64];

static const char *
find(const char *const all[][2], size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i][0], name) == 0)
			return all[i][1];
	return NULL;
}

static const char *
setting(void *arg, const char *name)
{
	static const char *const all[][2] = { { "s3.endpoint", endpoint },
		{ "s3.style", "path" }, { "s3.region", "here" },
		{ "b2.realm", endpoint } };

	(void)arg;
	return find(all, sizeof all / sizeof all[0], name);
}

static const char *
variable(void *arg, const char *name)
{
	static const char *const all[][2] = { { "AWS_ACCESS_KEY_ID", "id" },
		{ "AWS_SECRET_ACCESS_KEY", KEY },
		{ "B2_APPLICATION_KEY_ID", "id" },
		{ "B2_APPLICATION_KEY", KEY } };

	(void)arg;
	return find(all, sizeof all / sizeof all[0], name);
}

static const struct transport_opts opts = { .setting = setting,
	.variable = variable };

static enum snap_code
ask(struct http_reply *r, struct snap_err *err)
{
	struct http_request q = { .method = "GET", .url = endpoint };
	struct http *h = NULL;
	enum snap_code rc;

	assert_int_equal(http_open(&opts, "s3", &h, err), SNAP_OK);
	http_reply_init(r, 1000);
	rc = http_do(h, &q, r, err);
	http_close(h);
	return rc;
}

static void
an_error_page_without_end_is_an_error_page(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct http_reply r;

	(void)state;
	serve_without_end(
	    "HTTP/1.1 503 Slow Down\r\n\r\n", "busy, busy, busy, busy\n");
	assert_int_equal(ask(&r, &err), SNAP_OK);
	assert_int_equal(r.status, 503);
	assert_int_equal(r.body.len, 1000);
	assert_memory_equal(r.body.p, "busy, ", 6);
	http_reply_fini(&r);
}

static void
an_answer_without_end_is_refused(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct http_reply r;

	(void)state;
	serve_without_end("HTTP/1.1 200 OK\r\n\r\n", "more and more\n");
	assert_int_equal(ask(&r, &err), SNAP_CORRUPT);
	http_reply_fini(&r);
}

static void
heads_without_end_are_refused(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct http_reply r;

	(void)state;
	serve_without_end(
	    "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n");
	assert_int_equal(ask(&r, &err), SNAP_CORRUPT);
	assert_string_equal(err.msg, "the answer has no end of headers");
	http_reply_fini(&r);
	serve_without_end("HTTP/1.1 200 OK\r\n", "X-More: of the same\r\n");
	assert_int_equal(ask(&r, &err), SNAP_CORRUPT);
	http_reply_fini(&r);
}

static void
answer(char *out, size_t room, const char *body)
{
	(void)snprintf(out, room,
	    "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 19:31:34 GMT\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    strlen(body), body);
}

/* Pages without an entry; the token is another one each time. */
static void
s3_page(const char *head, unsigned n, char *out, size_t room)
{
	char body[400];

	(void)head;
	(void)snprintf(body, sizeof body,
	    "<ListBucketResult><IsTruncated>true</IsTruncated>"
	    "<NextContinuationToken>t%u</NextContinuationToken>"
	    "</ListBucketResult>",
	    n);
	answer(out, room, body);
}

/* All versions are of one name. */
static void
b2_page(const char *head, unsigned n, char *out, size_t room)
{
	char body[1200];

	if (strstr(head, "b2_authorize_account") != NULL)
		(void)snprintf(body, sizeof body,
		    "{\"accountId\":\"a\",\"authorizationToken\":\"t\","
		    "\"apiInfo\":{\"storageApi\":{\"apiUrl\":\"%s\","
		    "\"downloadUrl\":\"%s\",\"absoluteMinimumPartSize\":5,"
		    "\"recommendedPartSize\":5,\"capabilities\":["
		    "\"listBuckets\",\"listFiles\",\"readFiles\"],"
		    "\"bucketId\":\"b\",\"bucketName\":\"bucket\"}}}",
		    endpoint, endpoint);
	else if (strstr(head, "b2_list_buckets") != NULL)
		(void)snprintf(body, sizeof body,
		    "{\"buckets\":[{\"bucketId\":\"b\",\"bucketName\":"
		    "\"bucket\",\"bucketType\":\"allPrivate\","
		    "\"lifecycleRules\":[]}]}");
	else
		(void)snprintf(body, sizeof body,
		    "{\"files\":[{\"action\":\"upload\",\"fileName\":"
		    "\"p/config\",\"fileId\":\"f%u\",\"contentLength\":3,"
		    "\"contentSha1\":\"none\",\"uploadTimestamp\":"
		    "1700000000000}],\"nextFileName\":\"p/config\","
		    "\"nextFileId\":\"f%u\"}",
		    n, n);
	answer(out, room, body);
}

static enum snap_code
count(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	size_t *n = arg;

	(void)name;
	(void)st;
	(void)err;
	++*n;
	return SNAP_OK;
}

static void
list(const char *url,
    void (*make)(const char *head, unsigned n, char *out, size_t room))
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = NULL;
	unsigned before;
	size_t n = 0;

	serve_made(make);
	if (transport_open(url, &opts, &t, &err) != SNAP_OK)
		fail_msg("%s (%s)", err.msg, err.detail);
	before = atomic_load(&server.n_requests);
	assert_int_equal(transport_list(t, "", count, &n, &err), SNAP_CORRUPT);
	assert_string_equal(err.msg, "list : the listing has no end");
	assert_int_equal(n, 0);
	assert_in_range(atomic_load(&server.n_requests) - before,
	    TRANSPORT_BARREN_MAX, TRANSPORT_BARREN_MAX + 10);
	transport_close(t);
}

static void
pages_of_s3_without_end_are_given_up(void **state)
{
	(void)state;
	list("s3://bucket/p", s3_page);
}

static void
versions_of_b2_without_end_are_given_up(void **state)
{
	(void)state;
	list("b2://bucket/p", b2_page);
}

/* ---- a store of names without end */

static enum snap_code
list_on(struct transport *t, const char *prefix, transport_list_fn fn,
    void *arg, struct snap_err *err)
{
	static const struct transport_stat st = { UINT64_MAX, 1 };
	enum snap_code rc = SNAP_OK;

	(void)t;
	(void)prefix;
	while (rc == SNAP_OK)
		rc = fn(arg, "data/00", &st, err);
	return rc;
}

static void
names_without_end_are_given_up(void **state)
{
	static const struct transport_ops ops = { .list = list_on };
	struct snap_err err = SNAP_ERR_INIT;
	struct transport t;
	size_t n = 0;

	(void)state;
	assert_int_equal(transport_base_init(&t, &ops, "mem:", &err), SNAP_OK);
	assert_int_equal(
	    transport_list(&t, "data/", count, &n, &err), SNAP_CORRUPT);
	assert_string_equal(err.msg, "list data/: the listing has no end");
	assert_int_equal(n, TRANSPORT_LISTED_MAX);
	transport_base_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_page_without_end_is_an_error_page),
		cmocka_unit_test(an_answer_without_end_is_refused),
		cmocka_unit_test(heads_without_end_are_refused),
		cmocka_unit_test(pages_of_s3_without_end_are_given_up),
		cmocka_unit_test(versions_of_b2_without_end_are_given_up),
		cmocka_unit_test(names_without_end_are_given_up),
	};

	start_server();
	(void)snprintf(
	    endpoint, sizeof endpoint, "http://127.0.0.1:%u", server.port);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
