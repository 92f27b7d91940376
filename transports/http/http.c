/* SPDX-License-Identifier: PostgreSQL */
/*
 * http.c - one request over libcurl.
 *
 * Each connection of the pool is a multi handle with one easy handle: only so
 * can a wait be left every 100 ms to look whether the user cancelled, and the
 * connection stays with the multi handle for the next request.  All options
 * are set anew for each request, so that none lingers.
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "http.h"
#include "http_internal.h"

#define WAIT_MS 100           /* between two looks at the cancel flag */
#define IDLE_MAX 32           /* connections kept */
#define IDLE_SECONDS 50L      /* before most servers hang up */
#define UPLOAD_CHUNK 524288L  /* bytes handed to the socket at a time */
#define SLOW_BYTES 100L       /* per second: less is a stall */
#define RETRY_AFTER_MAX 3600u /* seconds */
#define HEADS_MAX (4u * HTTP_HEADERS_MAX)
#define NS 1000000000

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global_rc;

static void
init_once(void)
{
	global_rc = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- the pool */

struct http_conn *
http_take(struct http *h)
{
	struct http_conn *c;

	pthread_mutex_lock(&h->lock);
	c = h->idle;
	if (c != NULL) {
		h->idle = c->next;
		h->n_idle--;
	}
	pthread_mutex_unlock(&h->lock);
	if (c != NULL)
		return c;
	(void)pthread_once(&once, init_once);
	c = global_rc == CURLE_OK ? calloc(1, sizeof *c) : NULL;
	if (c == NULL)
		return NULL;
	c->multi = curl_multi_init();
	c->easy = curl_easy_init();
	if (c->multi == NULL || c->easy == NULL) {
		http_conn_free(c);
		return NULL;
	}
	return c;
}

void
http_conn_free(struct http_conn *c)
{
	if (c == NULL)
		return;
	curl_easy_cleanup(c->easy);
	curl_multi_cleanup(c->multi);
	free(c);
}

void
http_give(struct http *h, struct http_conn *c)
{
	/* It points at memory of the request that is over. */
	curl_easy_reset(c->easy);
	pthread_mutex_lock(&h->lock);
	if (h->n_idle < IDLE_MAX) {
		c->next = h->idle;
		h->idle = c;
		h->n_idle++;
		c = NULL;
	}
	pthread_mutex_unlock(&h->lock);
	http_conn_free(c);
}

/* ---- the reply */

void
http_reply_init(struct http_reply *r, size_t body_max)
{
	memset(r, 0, sizeof *r);
	bytes_init(&r->body, body_max);
	bytes_init(&r->headers, HTTP_HEADERS_MAX);
}

void
http_reply_fini(struct http_reply *r)
{
	bytes_fini_wipe(&r->body);
	bytes_fini_wipe(&r->headers);
}

const char *
http_header(const struct http_reply *r, const char *name)
{
	const char *p = (const char *)r->headers.p;
	const char *end = p == NULL ? NULL : p + r->headers.len;
	size_t n = strlen(name);

	while (p < end) {
		size_t len = strlen(p);

		if (len > n && p[n] == ':' && strncasecmp(p, name, n) == 0) {
			p += n + 1;
			return p + strspn(p, " \t");
		}
		p += len + 1;
	}
	return NULL;
}

int64_t
http_date(const char *text)
{
	time_t t = curl_getdate(text, NULL);

	return t <= 0 || t > INT64_MAX / NS ? 0 : (int64_t)t * NS;
}

static void
note_times(struct http_reply *r)
{
	const char *date = http_header(r, "Date");
	const char *after = http_header(r, "Retry-After");
	int64_t at, s = 0;
	char *end;

	if (date != NULL)
		r->date_ns = http_date(date);
	if (after == NULL)
		return;
	if (after[0] >= '0' && after[0] <= '9') {
		s = strtol(after, &end, 10);
	} else {
		at = http_date(after);
		if (at != 0 && r->date_ns != 0)
			s = (at - r->date_ns) / NS;
	}
	if (s > 0)
		r->retry_after_s =
		    s > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : (unsigned)s;
}

/* ---- what libcurl calls back */

struct transfer {
	CURL *easy;
	const struct http_request *q;
	struct http_reply *r;
	size_t n_into;
	size_t n_head;     /* bytes of headers, of all heads together */
	bool head_whole;   /* the empty line behind the headers came */
	bool enough;       /* of an error page: the rest stays there */
	enum snap_code rc; /* why we stopped it; SNAP_OK: we did not */
	struct snap_err why;
	char text[CURL_ERROR_SIZE];
};

static size_t
stop(struct transfer *t, enum snap_code code, const char *msg)
{
	t->rc = snap_fail(&t->why, code, "%s", msg);
	return 0; /* less than was offered: libcurl gives up */
}

static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	struct bytes *b = &t->r->headers;
	size_t len = size * n;

	/* Some libcurls take heads of 100 without end. */
	t->n_head += len;
	if (t->n_head > HEADS_MAX)
		return stop(
		    t, SNAP_CORRUPT, "the answer has no end of headers");
	/* Of several heads, as after a 100, the last one counts. */
	if (len >= 5 && memcmp(p, "HTTP/", 5) == 0) {
		bytes_clear(b);
		t->head_whole = false;
		return len;
	}
	while (len > 0 && (p[len - 1] == '\r' || p[len - 1] == '\n' ||
			      p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	if (len == 0)
		t->head_whole = true;
	if (len == 0 || memchr(p, '\0', len) != NULL)
		return size * n;
	if (len + 1 > HTTP_HEADERS_MAX - b->len)
		return stop(
		    t, SNAP_CORRUPT, "the answer has no end of headers");
	bytes_put(b, p, len);
	bytes_u8(b, 0);
	if (b->bad)
		return stop(t, SNAP_NOMEM, "no memory for an answer");
	return size * n;
}

/* Its own sockets libcurl would leave open to programs that are started. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	int fd = socket(a->family, a->socktype, a->protocol);

	(void)arg;
	(void)purpose;
	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

/* A large object grows once, not by doubling; the length is only a promise. */
static void
make_room(struct transfer *t, struct bytes *b, size_t max)
{
	curl_off_t len = -1;

	if (t->n_into != 0 ||
	    curl_easy_getinfo(
		t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &len) != CURLE_OK)
		return;
	if (len > 0 && (uint64_t)len <= max &&
	    (uint64_t)len <= b->max - b->len) {
		struct snap_err ignored;

		(void)!bytes_reserve(b, b->len + (size_t)len, &ignored);
	}
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	struct bytes *b = &t->r->body;
	size_t len = size * n, room;
	long status = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 299) {
		/* An error page of any length says enough with its start. */
		room = b->max - b->len;
		bytes_put(b, p, len < room ? len : room);
		if (b->bad)
			return stop(t, SNAP_NOMEM, "no memory for an answer");
		t->enough = len > room;
		return t->enough ? 0 : len;
	}
	room = b->max - b->len;
	if (t->q->into != NULL) {
		b = t->q->into;
		room = t->q->into_max - t->n_into;
		make_room(t, b, t->q->into_max);
	}
	if (len > room)
		return stop(
		    t, SNAP_CORRUPT, "the answer is longer than it may be");
	t->n_into += len;
	/* Its owner may use it again: it is not to be marked as bad. */
	if (len > b->max - b->len)
		return stop(t, SNAP_NOMEM, "the buffer is too small");
	bytes_put(b, p, len);
	if (b->bad)
		return stop(t, SNAP_NOMEM, "no room for the answer");
	return len;
}

/* ---- one request */

static CURLcode
set_method(CURL *e, const struct http_request *q)
{
	bool sends =
	    strcmp(q->method, "PUT") == 0 || strcmp(q->method, "POST") == 0;
	CURLcode rc;

	if (strcmp(q->method, "HEAD") == 0)
		return curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	if (!sends)
		return curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, q->method);
	rc = curl_easy_setopt(
	    e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.len);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(e, CURLOPT_POSTFIELDS,
		    q->body.len > 0 ? (const char *)q->body.p : "");
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, q->method);
	return rc;
}

static CURLcode
set_tls_and_proxy(CURL *e, const struct http *h, const struct http_request *q)
{
	bool proxied = h->proxy != NULL && !q->local_service &&
		       http_is_tls(q->url) && !http_is_loopback(q->url);
	CURLcode rc = CURLE_OK;

#define SET(option, value)                                                     \
	if (rc == CURLE_OK)                                                    \
	rc = curl_easy_setopt(e, option, value)
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (h->ca_file != NULL) {
		SET(CURLOPT_CAINFO, h->ca_file);
		SET(CURLOPT_CAPATH, NULL);
	}
	/* An empty string, for NULL would look into the environment. */
	SET(CURLOPT_PROXY, proxied ? h->proxy : "");
	SET(CURLOPT_NOPROXY, h->no_proxy != NULL ? h->no_proxy : "");
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	return rc;
}

static CURLcode
set_options(struct http *h, struct transfer *t, struct curl_slist *headers)
{
	const struct http_request *q = t->q;
	CURL *e = t->easy;
	CURLcode rc = CURLE_OK;

	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_ERRORBUFFER, t->text);
#if LIBCURL_VERSION_NUM >= 0x075500
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
	SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	SET(CURLOPT_URL, q->url);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_HTTP09_ALLOWED, 0L);
	SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
	SET(CURLOPT_USERAGENT, "snap");
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_MAXAGE_CONN, IDLE_SECONDS);
	SET(CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_CHUNK);
	SET(CURLOPT_BUFFERSIZE, UPLOAD_CHUNK);
	SET(CURLOPT_CONNECTTIMEOUT,
	    q->limit_s != 0 && (long)q->limit_s < h->connect_s
		? (long)q->limit_s
		: h->connect_s);
	SET(CURLOPT_TIMEOUT, (long)q->limit_s);
	SET(CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
	SET(CURLOPT_LOW_SPEED_TIME, h->stall_s);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, t);
	if (rc == CURLE_OK)
		rc = set_tls_and_proxy(e, h, q);
	return rc == CURLE_OK ? set_method(e, q) : rc;
#undef SET
}

/* A line end in a value would make a header of its rest. */
static bool
headers_ok(const struct http_request *q)
{
	for (size_t i = 0; q->headers != NULL && q->headers[i] != NULL; i++)
		if (strpbrk(q->headers[i], "\r\n") != NULL)
			return false;
	return true;
}

/* The caller's headers, and away with what libcurl adds by itself. */
static struct curl_slist *
make_headers(const struct http_request *q)
{
	static const char *const unwanted[] = {
		"Accept:", "Expect:", "Content-Type:"
	};
	struct curl_slist *list = NULL, *longer;
	bool has_type = false;

	for (size_t i = 0; q->headers != NULL && q->headers[i] != NULL; i++) {
		has_type |=
		    strncasecmp(q->headers[i], "Content-Type:", 13) == 0;
		longer = curl_slist_append(list, q->headers[i]);
		if (longer == NULL)
			goto fail;
		list = longer;
	}
	for (size_t i = 0; i < 3 - (has_type ? 1u : 0u); i++) {
		longer = curl_slist_append(list, unwanted[i]);
		if (longer == NULL)
			goto fail;
		list = longer;
	}
	return list;
fail:
	http_wipe_headers(list);
	return NULL;
}

/* Run it to its end or until cancelled; the code of the transfer. */
static CURLcode
run(struct http *h, struct http_conn *c, struct transfer *t)
{
	CURLcode rc = CURLE_OBSOLETE20; /* none yet */
	CURLMcode mrc;
	CURLMsg *msg;
	int running = 1, left;

	mrc = curl_multi_add_handle(c->multi, c->easy);
	if (mrc != CURLM_OK)
		return CURLE_OUT_OF_MEMORY;
	while (rc == CURLE_OBSOLETE20) {
		mrc = curl_multi_perform(c->multi, &running);
		while ((msg = curl_multi_info_read(c->multi, &left)) != NULL)
			if (msg->msg == CURLMSG_DONE)
				rc = msg->data.result;
		if (rc != CURLE_OBSOLETE20)
			break;
		if (mrc != CURLM_OK || running == 0)
			rc = CURLE_OUT_OF_MEMORY;
		else if (report_check(h->report, &t->why) != SNAP_OK) {
			t->rc = SNAP_CANCELLED;
			rc = CURLE_ABORTED_BY_CALLBACK;
		} else
			(void)curl_multi_poll(c->multi, NULL, 0, WAIT_MS, NULL);
	}
	(void)curl_multi_remove_handle(c->multi, c->easy);
	return rc;
}

/*
 * A broken connection must not kill the program: TLS writes without
 * MSG_NOSIGNAL.  The signal is held back in this thread and swallowed.
 */
static CURLcode
run_without_sigpipe(struct http *h, struct http_conn *c, struct transfer *t)
{
	static const struct timespec now = { 0, 0 };
	sigset_t pipe_only, before, pending;
	bool was_pending;
	CURLcode rc;

	(void)sigemptyset(&pipe_only);
	(void)sigaddset(&pipe_only, SIGPIPE);
	(void)sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE) == 1;
	(void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
	rc = run(h, c, t);
	(void)sigpending(&pending);
	if (!was_pending && sigismember(&pending, SIGPIPE) == 1)
		(void)sigtimedwait(&pipe_only, NULL, &now);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

enum snap_code
http_do(struct http *h, const struct http_request *q, struct http_reply *r,
    struct snap_err *err)
{
	struct transfer t = { .q = q, .r = r, .rc = SNAP_OK };
	struct curl_slist *headers;
	struct http_conn *c;
	CURLcode crc;
	long status = 0;

	if (!q->local_service && !http_url_safe(h, q->url))
		return http_refuse_plain(h, q->url, err);
	if (!headers_ok(q))
		return snap_fail(err, SNAP_USAGE, "a header with a line end");
	r->status = 0;
	r->date_ns = 0;
	r->retry_after_s = 0;
	bytes_clear(&r->body);
	bytes_clear(&r->headers);
	c = http_take(h);
	headers = c != NULL ? make_headers(q) : NULL;
	if (headers == NULL) {
		http_conn_free(c);
		return snap_fail(err, SNAP_NOMEM, "no memory for a request");
	}
	t.easy = c->easy;
	crc = set_options(h, &t, headers);
	if (crc == CURLE_OK)
		crc = run_without_sigpipe(h, c, &t);
	(void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	http_wipe_headers(headers);
	http_give(h, c);
	if (t.rc != SNAP_OK) {
		if (err != NULL)
			*err = t.why;
		return t.rc;
	}
	if (crc != CURLE_OK && !t.enough)
		return http_map_error(h, q, (int)crc, t.text, err);
	/* libcurl takes a connection that ends in a header for an answer. */
	if (!t.head_whole)
		return http_map_error(
		    h, q, (int)CURLE_PARTIAL_FILE, "no end of headers", err);
	r->status = (int)status;
	note_times(r);
	return SNAP_OK;
}
