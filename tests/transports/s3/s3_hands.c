/* SPDX-License-Identifier: PostgreSQL */
/* s3_hands.c - see s3_hands.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "s3_hands.h"
#include "s3_internal.h"

const char *source_dir, *proxy;
static struct http *control;

int
setup(void **state)
{
	(void)state;
	env_clear();
	env_set("s3.endpoint", getenv("RGW_URL"));
	env_set("s3.create-bucket", "yes");
	return 0;
}

enum snap_code
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

struct transport *
open_store(const char *url)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;

	if (try_open(url, &t, &err) != SNAP_OK)
		fail_msg("%s: %s (%s)", url, err.msg, err.detail);
	return t;
}

void
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

void
tell_proxy(const char *path, const char *body)
{
	struct http_reply r;

	http_reply_init(&r, 1u << 20);
	ask_proxy("POST", path, body, &r);
	http_reply_fini(&r);
}

unsigned
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

struct transport *
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

void
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

void
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

int
hands_run(int argc, char **argv, int (*tests)(void))
{
	struct snap_err err = SNAP_ERR_INIT;
	int n;

	if (argc != 2)
		return 2;
	source_dir = argv[1];
	proxy = getenv("PROXY_URL");
	if (http_open(NULL, "s3", &control, &err) != SNAP_OK)
		return 2;
	n = tests();
	http_close(control);
	return n;
}
