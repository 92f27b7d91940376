/* SPDX-License-Identifier: PostgreSQL */
/*
 * s3_internal.h - the S3 back-end's parts.
 *
 *   s3_open.c   settings, URL, the first look at the bucket
 *   s3_call.c   one signed request
 *   s3_error.c  what an answer that is an error means
 *   s3_list.c   listings
 *   s3_put.c    the exclusive put
 *   s3.c        the rest of the operations
 *
 * Times on S3 have whole seconds, cut off.  The contract wants moments that
 * are not before what they witness, so that each time counts as the last
 * nanosecond of its second: s3_late().
 */
#ifndef SNAP_S3_INTERNAL_H
#define SNAP_S3_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>

#include "creds.h"
#include "http.h"
#include "sign.h"
#include "transport_impl.h"

#define S3_REPLY_MAX (4u << 20) /* bytes: a page of 1,000 escaped keys */
#define S3_PREFIX_MAX 512u      /* bytes */
#define S3_BUCKET_MAX 63u
#define S3_CALL_HEADERS 8u

enum s3_exclusive { S3_EXCLUSIVE_UNKNOWN, S3_EXCLUSIVE_YES, S3_EXCLUSIVE_NO };

struct s3_config {
	char *scheme, *host; /* of the endpoint; host with its port */
	bool is_aws;
	bool virtual_host;     /* bucket.host instead of host/bucket */
	char *bucket, *prefix; /* prefix: "" or "a/b/" */
	char *region;
	char *storage_class; /* NULL = the bucket's */
	char *lock_mode;     /* NULL = none; GOVERNANCE, COMPLIANCE */
	long lock_days;
	bool create_bucket;
	enum s3_exclusive exclusive; /* where it is known or said */
};

struct s3 {
	struct transport base; /* first */
	struct s3_config conf;
	struct http *http;
	struct creds *creds;
	pthread_mutex_t lock;        /* of the next; held while it is found */
	enum s3_exclusive exclusive; /* is If-None-Match honoured? */
	/* Requests as they are billed, see transport_counts. */
	_Atomic uint64_t class_a, class_b, class_c;
	_Atomic int64_t latest; /* the latest time seen, ns, as s3_late() */
};

/* One request: the bucket's when `key` is NULL. */
struct s3_call {
	const char *method;
	const char *key;    /* whole, with the prefix; not escaped */
	const char *action; /* the right it needs, as "s3:GetObject" */
	struct sign_param params[SIGN_PARAMS_MAX];
	size_t n_params;
	const char *headers[S3_CALL_HEADERS]; /* "name: value", NULL ends */
	struct span body;
	struct bytes *into;
	size_t into_max;
	int expected[3]; /* statuses that are answers, not errors; 0 ends */
};

/*
 * Ask.  SNAP_OK: a 2xx or an expected status, in r->status.  Keys that have
 * expired are renewed, once.
 */
SNAP_MUST_CHECK enum snap_code s3_do(struct s3 *s, const struct s3_call *call,
    struct http_reply *r, struct snap_err *err);

/* prefix + name, NUL-terminated, in *out. */
#define S3_KEY_MAX (S3_PREFIX_MAX + TRANSPORT_NAME_MAX + 2)
void s3_key(const struct s3 *s, const char *name, char out[S3_KEY_MAX]);

/* The error that an answer is. */
struct s3_error {
	char code[65], message[257], region[65];
};
/* False: the body is no <Error>. */
bool s3_error_read(struct span body, struct s3_error *out);
/* `sent` is our clock when it was signed, in seconds. */
enum snap_code s3_error_map(const struct s3 *s, const struct s3_call *call,
    const struct http_reply *r, int64_t sent, struct snap_err *err);
bool s3_error_is_expiry(const struct http_reply *r);

/* A page of a listing. */
struct s3_entry {
	char name[TRANSPORT_NAME_MAX + 1]; /* without the prefix */
	char etag[40];                     /* without quotes; "" = odd */
	struct transport_stat st;
};
struct s3_page {
	struct s3_entry *entry;
	size_t n, cap;
	char *token; /* of the next page; NULL = this is the last */
};
void s3_page_fini(struct s3_page *p);
SNAP_MUST_CHECK enum snap_code s3_page_read(struct span xml, const char *prefix,
    struct s3_page *out, struct snap_err *err);
/* One page of what starts with prefix + `start`, at most `max` entries. */
SNAP_MUST_CHECK enum snap_code s3_list_page(struct s3 *s, const char *start,
    const char *token, unsigned max, struct s3_page *out, struct snap_err *err);
enum snap_code s3_list(struct transport *t, const char *prefix,
    transport_list_fn fn, void *arg, struct snap_err *err);

enum snap_code s3_put(struct transport *t, const char *name, struct span data,
    struct transport_stat *st, struct snap_err *err);
enum snap_code s3_now(
    struct transport *t, int64_t *time_ns, struct snap_err *err);

/*
 * The time of an answer; SNAP_IO: it has none.  Never before a time that this
 * handle has seen: an answer's date may lag behind the object it is about,
 * for a service asks two clocks for the two.
 */
SNAP_MUST_CHECK enum snap_code s3_reply_time(struct s3 *s,
    const struct http_reply *r, int64_t *ns_out, struct snap_err *err);
int64_t s3_late(int64_t ns);

/* What is stored under `name`; SNAP_NOTFOUND. */
enum snap_code s3_head(struct s3 *s, const char *name,
    struct transport_stat *st, struct snap_err *err);

/* Settings and URL; for tests as well.  The caller frees. */
SNAP_MUST_CHECK enum snap_code s3_config_read(struct s3_config *c,
    const char *url, const struct transport_opts *opts,
    const struct creds *creds, struct snap_err *err);
void s3_config_fini(struct s3_config *c);
/* NULL: not set. */
const char *s3_setting(const struct transport_opts *opts, const char *name);

#endif
