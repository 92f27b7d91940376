/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_http.c - requests as they go out, answers as they come in, and every
 * way a connection can end.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "http.h"
#include "http_server.h"

#define BIG (5u << 20) /* bytes */

/* ---- the client */

static const char *settings[8][2];
static const char *proxy;
static atomic_int cancel;
static struct report report = { .cancel = &cancel };

static const char *
setting(void *arg, const char *name)
{
	(void)arg;
	for (size_t i = 0; i < 8 && settings[i][0] != NULL; i++)
		if (strcmp(settings[i][0], name) == 0)
			return settings[i][1];
	return NULL;
}

static const char *
variable(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "https_proxy") == 0 ? proxy : NULL;
}

static const struct transport_opts opts = {
	.setting = setting, .variable = variable, .report = &report
};

static int
setup(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct http *h = NULL;

	memset(settings, 0, sizeof settings);
	proxy = NULL;
	atomic_store(&cancel, 0);
	atomic_store(&server.n_connections, 0);
	atomic_store(&server.n_requests, 0);
	settings[0][0] = "s3.stall-timeout";
	settings[0][1] = "1";
	assert_int_equal(http_open(&opts, "s3", &h, &err), SNAP_OK);
	*state = h;
	return 0;
}

static int
teardown(void **state)
{
	http_close(*state);
	return 0;
}

static const char *
url_of(const char *path)
{
	static _Thread_local char url[200];

	(void)snprintf(
	    url, sizeof url, "http://127.0.0.1:%u%s", server.port, path);
	return url;
}

static enum snap_code
get(struct http *h, const char *url, struct http_reply *r, struct snap_err *err)
{
	struct http_request q = { .method = "GET", .url = url };

	return http_do(h, &q, r, err);
}

static void
a_request_goes_out_as_it_was_asked(void **state)
{
	static const char *const headers[] = { "X-One: 1", NULL };
	struct snap_err err = SNAP_ERR_INIT;
	struct http_request q = {
		.method = "PUT", .headers = headers, .body = span_str("hello")
	};
	struct http_reply r;

	serve_with("HTTP/1.1 204 No Content\r\n\r\n", KEEP);
	q.url = url_of("/a/../b//c?x=%2F");
	http_reply_init(&r, 100);
	assert_int_equal(http_do(*state, &q, &r, &err), SNAP_OK);
	assert_int_equal(r.status, 204);
	assert_non_null(
	    strstr(asked()->head, "PUT /a/../b//c?x=%2F HTTP/1.1\r\n"));
	assert_non_null(strstr(asked()->head, "\r\nX-One: 1\r\n"));
	assert_non_null(strstr(asked()->head, "\r\nContent-Length: 5\r\n"));
	assert_null(strstr(asked()->head, "Content-Type"));
	assert_null(strstr(asked()->head, "Expect"));
	assert_null(strstr(asked()->head, "Accept-Encoding"));
	assert_string_equal(asked()->body, "hello");
	q.body = span_of(NULL, 0);
	assert_int_equal(http_do(*state, &q, &r, &err), SNAP_OK);
	assert_non_null(strstr(asked()->head, "\r\nContent-Length: 0\r\n"));
	http_reply_fini(&r);
}

static void
large_bodies_go_both_ways(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	/* The server may still read it when the test is over. */
	static char text[BIG + 200];
	const size_t n = BIG;
	struct http_request q = { .method = "PUT" };
	struct http_reply r;
	struct bytes into;
	int head;

	head = snprintf(
	    text, 200, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", n);
	memset(text + head, 'z', n);
	text[(size_t)head + n] = '\0';
	serve_with(text, KEEP);
	q.url = url_of("/");
	q.body = span_of(text + head, n);
	bytes_init(&into, n);
	q.into = &into;
	q.into_max = n;
	http_reply_init(&r, 100);
	assert_int_equal(http_do(*state, &q, &r, &err), SNAP_OK);
	assert_int_equal(asked()->n_body, n);
	assert_true(span_eq(bytes_span(&into), q.body));
	assert_int_equal(r.body.len, 0);
	/* One byte less of room: by the bound it is damage, by the buffer not.
	 */
	bytes_clear(&into);
	q.into_max = n - 1;
	assert_int_equal(http_do(*state, &q, &r, &err), SNAP_CORRUPT);
	bytes_fini(&into);
	bytes_init(&into, n - 1);
	q.into_max = n;
	assert_int_equal(http_do(*state, &q, &r, &err), SNAP_NOMEM);
	assert_false(into.bad);
	bytes_fini(&into);
	http_reply_fini(&r);
}

static void
headers_are_found_and_dates_read(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct http_reply r;

	serve_with("HTTP/1.1 100 Continue\r\nX-Old: 1\r\n\r\n"
		   "HTTP/1.1 503 Busy\r\nDate: Sat, 21 Nov 2026 19:31:34 "
		   "GMT\r\nretry-AFTER:  12 \r\nX-A: b\r\nX-Ab:\r\n"
		   "Content-Length: 4\r\n\r\nbusy",
	    KEEP);
	http_reply_init(&r, 3);
	assert_int_equal(get(*state, url_of("/"), &r, &err), SNAP_OK);
	assert_int_equal(r.status, 503);
	assert_int_equal(r.retry_after_s, 12);
	assert_true(r.date_ns == 1795289494000000000);
	assert_string_equal(http_header(&r, "x-a"), "b");
	assert_string_equal(http_header(&r, "X-AB"), "");
	assert_null(http_header(&r, "X-Old"));
	assert_null(http_header(&r, "X"));
	/* An error's body is cut to its bound. */
	assert_true(span_eq(bytes_span(&r.body), span_str("bus")));
	serve_with("HTTP/1.1 429 X\r\nDate: Sat, 21 Nov 2026 19:31:34 GMT"
		   "\r\nRetry-After: Sat, 21 Nov 2026 19:32:34 GMT\r\n"
		   "Content-Length: 0\r\n\r\n",
	    KEEP);
	assert_int_equal(get(*state, url_of("/"), &r, &err), SNAP_OK);
	assert_int_equal(r.retry_after_s, 60);
	serve_with("HTTP/1.1 429 X\r\nRetry-After: 99999999\r\n"
		   "Content-Length: 0\r\n\r\n",
	    KEEP);
	assert_int_equal(get(*state, url_of("/"), &r, &err), SNAP_OK);
	assert_int_equal(r.retry_after_s, 3600);
	assert_true(r.date_ns == 0);
	http_reply_fini(&r);
}

static void
a_redirect_is_an_answer(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct http_reply r;

	serve_with("HTTP/1.1 301 Moved\r\nLocation: /other\r\n"
		   "Content-Length: 0\r\n\r\n",
	    KEEP);
	http_reply_init(&r, 100);
	assert_int_equal(get(*state, url_of("/"), &r, &err), SNAP_OK);
	assert_int_equal(r.status, 301);
	assert_int_equal(atomic_load(&server.n_requests), 1);
	http_reply_fini(&r);
}

static void
a_connection_is_used_again(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct http_reply r;

	serve_with("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", KEEP);
	http_reply_init(&r, 100);
	for (int i = 0; i < 5; i++)
		assert_int_equal(get(*state, url_of("/"), &r, &err), SNAP_OK);
	assert_int_equal(atomic_load(&server.n_requests), 5);
	assert_int_equal(atomic_load(&server.n_connections), 1);
	http_reply_fini(&r);
}

static void *
ask_often(void *arg)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct http_reply r;
	size_t failed = 0;

	http_reply_init(&r, 100);
	for (int i = 0; i < 20; i++)
		if (get(arg, url_of("/"), &r, &err) != SNAP_OK ||
		    r.body.len != 1)
			failed++;
	http_reply_fini(&r);
	return (void *)(uintptr_t)failed;
}

static void
threads_do_not_wait_for_each_other(void **state)
{
	pthread_t id[8];
	void *failed;

	serve_with("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", KEEP);
	for (int i = 0; i < 8; i++)
		assert_int_equal(
		    pthread_create(&id[i], NULL, ask_often, *state), 0);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(id[i], &failed), 0);
		assert_null(failed);
	}
	assert_true(atomic_load(&server.n_connections) <= 8);
}

static void
broken_answers_are_transient(void **state)
{
	static const struct {
		const char *answer;
		enum ending ending;
	} broken[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", CLOSE },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", RESET },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		    CLOSE },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		    CLOSE },
		{ "HTTP/1.1 200 OK\r\nContent-Le", CLOSE },
		{ "", CLOSE },
		{ "", RESET },
		{ "", SILENT },
	};
	struct snap_err err = SNAP_ERR_INIT;
	time_t begin = time(NULL);
	struct http_reply r;

	http_reply_init(&r, 100);
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		serve_with(broken[i].answer, broken[i].ending);
		if (get(*state, url_of("/"), &r, &err) != SNAP_TRANSIENT)
			fail_msg(
			    "answer %zu: status %d, %s", i, r.status, err.msg);
		assert_string_not_equal(err.detail, "");
	}
	serve_with("220 mail.example.org ESMTP\r\n", CLOSE);
	assert_int_equal(get(*state, url_of("/"), &r, &err), SNAP_IO);
	assert_non_null(strstr(err.hint, "port"));
	assert_int_equal(
	    get(*state, "http://127.0.0.1:1/", &r, &err), SNAP_TRANSIENT);
	assert_non_null(strstr(err.msg, "cannot connect to 127.0.0.1"));
	assert_int_equal(
	    get(*state, "http://no.such.host.invalid.localhost./", &r, &err),
	    SNAP_USAGE);
	assert_true(time(NULL) - begin < 60);
	http_reply_fini(&r);
}

static void
endless_headers_are_cut_off(void **state)
{
	static const char line[] = "X-More: of the same, and then some\r\n";
	static char head[2 * HTTP_HEADERS_MAX];
	struct snap_err err = SNAP_ERR_INIT;
	struct http_reply r;
	size_t n;

	n = (size_t)snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n");
	for (; n + sizeof line < sizeof head; n += sizeof line - 1)
		memcpy(head + n, line, sizeof line);
	serve_with(head, CLOSE);
	http_reply_init(&r, 100);
	assert_int_equal(get(*state, url_of("/"), &r, &err), SNAP_CORRUPT);
	http_reply_fini(&r);
}

static void *
cancel_soon(void *arg)
{
	const struct timespec wait = { 0, 200000000 };

	(void)arg;
	(void)nanosleep(&wait, NULL);
	atomic_store(&cancel, 1);
	return NULL;
}

static void
the_user_may_cancel_a_silent_server(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct http_reply r;
	struct http *h = NULL;
	pthread_t id;

	(void)state;
	settings[0][1] = "600";
	assert_int_equal(http_open(&opts, "s3", &h, &err), SNAP_OK);
	serve_with("", SILENT);
	http_reply_init(&r, 100);
	assert_int_equal(pthread_create(&id, NULL, cancel_soon, NULL), 0);
	assert_int_equal(get(h, url_of("/"), &r, &err), SNAP_CANCELLED);
	assert_int_equal(pthread_join(id, NULL), 0);
	http_reply_fini(&r);
	http_close(h);
}

static void
clear_text_is_for_loopback_only(void **state)
{
	static const char *const safe[] = { "http://127.0.0.1/",
		"http://127.9.9.9:80/", "http://localhost/", "http://[::1]:9/",
		"http://b.s3.localhost/", "https://example.org/",
		"HTTP://LOCALHOST/" };
	static const char *const unsafe[] = { "http://example.org/",
		"http://127.0.0.1.example.org/", "http://localhost.org/",
		"http://127.0.0.1@example.org/",
		"http://127.0.0.1:80@example.org/",
		"http://example.org\\@127.0.0.1/", "http://10.0.0.1/",
		"http://127.1/", "http://[::2]/", "http://", "ftp://127.0.0.1/",
		"file:///etc/passwd", "" };
	struct snap_err err = SNAP_ERR_INIT;
	struct http *h = NULL;
	struct http_reply r;

	http_reply_init(&r, 100);
	for (size_t i = 0; i < sizeof safe / sizeof safe[0]; i++)
		assert_true(http_url_safe(*state, safe[i]));
	for (size_t i = 0; i < sizeof unsafe / sizeof unsafe[0]; i++) {
		assert_false(http_url_safe(*state, unsafe[i]));
		assert_int_equal(get(*state, unsafe[i], &r, &err), SNAP_USAGE);
	}
	http_reply_fini(&r);
	settings[1][0] = "s3.insecure";
	settings[1][1] = "yes";
	assert_int_equal(http_open(&opts, "s3", &h, &err), SNAP_OK);
	assert_true(http_url_safe(h, "http://example.org/"));
	assert_false(http_url_safe(h, "ftp://127.0.0.1/"));
	http_close(h);
}

static void
a_header_cannot_bring_another_along(void **state)
{
	static const char *const headers[] = { "X: a\r\nY: b", NULL };
	struct http_request q = { .method = "GET", .headers = headers };
	struct snap_err err = SNAP_ERR_INIT;
	struct http_reply r;

	q.url = url_of("/");
	http_reply_init(&r, 100);
	assert_int_equal(http_do(*state, &q, &r, &err), SNAP_USAGE);
	assert_int_equal(atomic_load(&server.n_requests), 0);
	http_reply_fini(&r);
}

static void
a_proxy_is_for_https_elsewhere(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct http_reply r;
	struct http *h = NULL;
	char url[100];

	(void)state;
	(void)snprintf(
	    url, sizeof url, "http://user:hunter2@127.0.0.1:%u", server.port);
	proxy = url;
	assert_int_equal(http_open(&opts, "s3", &h, &err), SNAP_OK);
	serve_with("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", KEEP);
	http_reply_init(&r, 100);
	assert_int_equal(
	    get(h, "https://s3.example.invalid/", &r, &err), SNAP_TRANSIENT);
	assert_non_null(
	    strstr(asked()->head, "CONNECT s3.example.invalid:443 "));
	assert_null(strstr(err.msg, "hunter2"));
	assert_null(strstr(err.detail, "hunter2"));
	/* Loopback is asked directly. */
	assert_int_equal(get(h, url_of("/"), &r, &err), SNAP_OK);
	assert_non_null(strstr(asked()->head, "GET / "));
	http_reply_fini(&r);
	http_close(h);
}

static void
settings_are_checked(void **state)
{
	static const char *const bad[][2] = { { "s3.insecure", "maybe" },
		{ "s3.stall-timeout", "0" }, { "s3.stall-timeout", "1m" },
		{ "s3.connect-timeout", "-1" } };
	struct snap_err err = SNAP_ERR_INIT;
	struct http *h = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		settings[0][0] = bad[i][0];
		settings[0][1] = bad[i][1];
		assert_int_equal(http_open(&opts, "s3", &h, &err), SNAP_USAGE);
		assert_non_null(strstr(err.msg, bad[i][0]));
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_request_goes_out_as_it_was_asked),
		T(large_bodies_go_both_ways),
		T(headers_are_found_and_dates_read),
		T(a_redirect_is_an_answer),
		T(a_connection_is_used_again),
		T(threads_do_not_wait_for_each_other),
		T(broken_answers_are_transient),
		T(endless_headers_are_cut_off),
		T(the_user_may_cancel_a_silent_server),
		T(clear_text_is_for_loopback_only),
		T(a_header_cannot_bring_another_along),
		T(a_proxy_is_for_https_elsewhere),
		T(settings_are_checked),
	};

	start_server();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
