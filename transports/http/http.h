/* SPDX-License-Identifier: PostgreSQL */
/*
 * http.h - one HTTP request and its answer, for the back-ends that speak it.
 *
 * HTTP/1.1 over a small pool of kept connections.  Certificates are verified,
 * always; redirects are never followed; http:// is for loopback unless the
 * user asked for more; neither the environment nor any file of the user is
 * read.  Nothing is tried again and nothing is logged.
 *
 * A handle may be used by several threads at once.
 */
#ifndef SNAP_HTTP_H
#define SNAP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"
#include "transport.h"

#define HTTP_HEADERS_MAX 65536u /* bytes of an answer's headers */

struct http;

/*
 * `service`, as "s3" or "b2", is put in front of the settings that are asked
 * for, and named in hints; it must outlive the handle, as must opts->report:
 *   .ca-file          trust these authorities instead of the system's
 *   .insecure         yes: http:// to other hosts than loopback
 *   .connect-timeout  seconds, TLS included (15)
 *   .stall-timeout    seconds without progress, or without an answer (60)
 * The variables https_proxy and no_proxy (also in capitals) hold for https://.
 * Errors: SNAP_USAGE (a setting), SNAP_NOMEM.
 */
SNAP_MUST_CHECK enum snap_code http_open(const struct transport_opts *opts,
    const char *service, struct http **out, struct snap_err *err);
void http_close(struct http *h); /* NULL is fine */

struct http_request {
	const char *method; /* GET, HEAD, PUT, POST, DELETE */
	const char *url;    /* http:// or https://, escaped as it is sent */
	/* "Name: value", NULL at the end; NULL: none.  A Host and, with a
	 * body, a Content-Length are sent anyway. */
	const char *const *headers;
	struct span body; /* PUT and POST send one, be it empty */
	/* Where the body of a 2xx answer is appended, at most `into_max` bytes;
	 * NULL: to the reply, as that of every other answer. */
	struct bytes *into;
	size_t into_max;
	/* A metadata service: http:// to any host, and past any proxy. */
	bool local_service;
	unsigned limit_s; /* for the whole request; 0 = only the stall limit */
};

struct http_reply {
	int status;
	struct bytes body;      /* bounded at birth */
	struct bytes headers;   /* "Name: value" and a NUL, each */
	int64_t date_ns;        /* of the header Date; 0 = none */
	unsigned retry_after_s; /* of Retry-After, at most an hour; 0 = none */
};

/* May be used for one request after the other. */
void http_reply_init(struct http_reply *r, size_t body_max);
void http_reply_fini(struct http_reply *r); /* wipes: it may hold secrets */

/*
 * SNAP_OK means an answer, whatever its status.  Everything the network does
 * is SNAP_TRANSIENT: not resolved, refused, reset, cut short, timed out.
 * SNAP_DENIED: the certificate is not trusted.  SNAP_IO: it speaks something
 * else than HTTP or TLS.  SNAP_CORRUPT: the body of a 2xx is larger than its
 * bound (that of another status is cut off).  SNAP_NOMEM: `into` is full.
 * SNAP_CANCELLED.  SNAP_USAGE: a URL that may not be.  After an error the
 * outcome on the server is unknown, and what was appended to `into` is for the
 * caller to drop.
 */
SNAP_MUST_CHECK enum snap_code http_do(struct http *h,
    const struct http_request *q, struct http_reply *r, struct snap_err *err);

/* The value of the first header of that name, any case; NULL = none. */
const char *http_header(const struct http_reply *r, const char *name);

/* A date as in the headers Date and Last-Modified, as ns; 0 = not readable. */
int64_t http_date(const char *text);

/* May `url` be asked in clear text?  https, loopback, or so wished. */
bool http_url_safe(const struct http *h, const char *url);

#endif
