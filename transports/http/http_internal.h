/* SPDX-License-Identifier: PostgreSQL */
/* http_internal.h - what http.c and http_open.c share. */
#ifndef SNAP_HTTP_INTERNAL_H
#define SNAP_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>

#include "http.h"

/* One connection, in use by one thread or idle. */
struct http_conn {
	CURLM *multi;
	CURL *easy;
	struct http_conn *next;
};

struct http {
	const char *service;
	char *ca_file, *proxy, *no_proxy; /* NULL = none */
	bool insecure;
	long connect_s, stall_s;
	const struct report *report;
	pthread_mutex_t lock; /* of the two below */
	struct http_conn *idle;
	size_t n_idle;
};

struct http_conn *http_take(struct http *h); /* NULL: no memory */
void http_give(struct http *h, struct http_conn *c);
void http_conn_free(struct http_conn *c);
/* They may hold tokens. */
void http_wipe_headers(struct curl_slist *list);

bool http_is_tls(const char *url);
bool http_is_loopback(const char *url);
enum snap_code http_refuse_plain(
    const struct http *h, const char *url, struct snap_err *err);
/* What libcurl's code means; `text` is its own explanation, may be empty. */
enum snap_code http_map_error(const struct http *h,
    const struct http_request *q, int curl_code, const char *text,
    struct snap_err *err);

#endif
