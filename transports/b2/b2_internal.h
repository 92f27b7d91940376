/* SPDX-License-Identifier: PostgreSQL */
/*
 * b2_internal.h - what the files of the B2 back-end share.
 *
 * session.c  the account token, requests, and what their failures mean
 * versions.c the versions of names
 * known.c    what is remembered of them
 * upload.c   upload URLs and one upload
 * b2.c       the operations of a transport
 * open.c     URL, settings and credentials
 */
#ifndef SNAP_B2_INTERNAL_H
#define SNAP_B2_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "b2_json.h"
#include "http.h"
#include "transport_impl.h"

#define B2_REPLY_MAX (16u << 20)  /* bytes of a listing */
#define B2_ANSWER_MAX (64u << 10) /* bytes of any other answer */
#define B2_PAGE 1000u      /* versions in a listing that are billed as one */
#define B2_LONG_PAGE 5000u /* when all are wanted anyway */
#define B2_TARGETS_MAX 64  /* upload URLs kept */
#define B2_PATH_MAX 5120u  /* bytes of a URL */

enum b2_op {
	B2_AUTHORIZE,
	B2_LIST_BUCKETS,
	B2_GET_UPLOAD_URL,
	B2_UPLOAD,
	B2_LIST_VERSIONS,
	B2_DOWNLOAD_BY_NAME,
	B2_DOWNLOAD_BY_ID,
	B2_DELETE
};

/* An account token and where it holds; several threads may still use the old
 * one while another gets a new one. */
struct b2_session {
	unsigned n_users;
	uint64_t number; /* counts authorisations */
	struct b2_auth auth;
};

/* The version of a name that counts, the oldest. */
struct b2_found {
	char *id;
	uint64_t size;
	int64_t time_ns;
	char sha1[B2_SHA1_HEX + 1];
	bool sha1_known;
	bool shadowed; /* there are newer ones, or it is hidden */
	bool suspect;  /* came with a wrong hash once */
};

struct b2_known;

struct b2 {
	struct transport base; /* first, so that a struct transport * casts */
	struct http *http;
	char *realm, *bucket, *bucket_id, *key_id;
	char *prefix; /* "", or with a slash at its end */
	char *basic;  /* the header that authorises the account; secret */
	unsigned capabilities;       /* of enum b2_capability */
	_Atomic uint64_t n_class[3]; /* requests by billing class A, B, C */
	pthread_mutex_t renewing;    /* held while a new token is got */
	pthread_mutex_t lock;        /* of all below; never while waiting */
	struct b2_session *session;
	struct b2_target targets[B2_TARGETS_MAX];
	size_t n_targets;
	struct b2_known **known; /* a table, see known.c */
};

/* ---- session.c */

struct b2_request {
	enum b2_op op;
	const char *path;    /* NULL: that of the operation */
	struct json_t *json; /* the body of a call; NULL: GET */
	const char *range;   /* a header, NULL: none */
	struct bytes *into;  /* for downloads, as in http.h */
	size_t into_max;
};

/*
 * Ask with the account's token, once more with a new one when it has expired.
 * SNAP_OK: a 2xx answer is in *r.  SNAP_NOTFOUND: 404, or the version is
 * gone; other codes as b2_refused() says.
 */
enum snap_code b2_ask(struct b2 *b, const struct b2_request *q,
    struct http_reply *r, struct snap_err *err);
/* What an answer other than 2xx means; `secret` is kept out of the message. */
enum snap_code b2_refused(const struct b2 *b, enum b2_op op,
    const struct http_reply *r, const char *secret, struct snap_err *err);
/* The key lacks a capability that the operation wants: say so, unasked. */
enum snap_code b2_check_right(
    const struct b2 *b, enum b2_op op, struct snap_err *err);
enum snap_code b2_authorize(struct b2 *b, struct snap_err *err);
void b2_session_free(struct b2_session *s);
void b2_count(struct b2 *b, enum b2_op op);
enum snap_code b2_no_memory(struct snap_err *err);

/* ---- versions.c */

/* One name of a listing, without the prefix; `f` is borrowed. */
typedef enum snap_code (*b2_found_fn)(void *arg, const char *name,
    const struct b2_found *f, struct snap_err *err);

/* All objects whose names begin with `prefix`. */
enum snap_code b2_list(struct b2 *b, const char *prefix, b2_found_fn fn,
    void *arg, struct snap_err *err);
/*
 * The version of `name` that counts; SNAP_NOTFOUND.  With `wide` the same
 * request looks at its neighbours as well, and they are remembered.  *date
 * (may be NULL) is the time of the answer.
 */
enum snap_code b2_find(struct b2 *b, const char *name, bool wide,
    struct b2_found *out, int64_t *date, struct snap_err *err);
/* Delete every version of `name`, the oldest last. */
enum snap_code b2_remove(struct b2 *b, const char *name, struct snap_err *err);
/* Delete one version; that it is gone already is SNAP_NOTFOUND. */
enum snap_code b2_remove_version(
    struct b2 *b, const char *name, const char *id, struct snap_err *err);
/* The store's time, by a listing. */
enum snap_code b2_list_nothing(
    struct b2 *b, int64_t *date, struct snap_err *err);
void b2_found_fini(struct b2_found *f);

/* ---- known.c */

/* What is remembered of names: which version counts never changes while the
 * object is there.  A copy, or false. */
bool b2_recall(struct b2 *b, const char *name, struct b2_found *out);
void b2_remember(struct b2 *b, const char *name, const struct b2_found *f);
void b2_forget(struct b2 *b, const char *name);
/* A put of `name` ended without our knowing how. */
void b2_note_doubt(struct b2 *b, const char *name);
bool b2_in_doubt(struct b2 *b, const char *name);
void b2_known_free(struct b2_known **table);

/* ---- upload.c */

/* Store a new version; *id is the caller's. */
enum snap_code b2_upload(struct b2 *b, const char *name, struct span data,
    const char *sha1, char **id, struct snap_err *err);
/* The store's time, by asking for an upload URL, which costs nothing. */
enum snap_code b2_new_target(
    struct b2 *b, struct b2_target *out, int64_t *date, struct snap_err *err);
void b2_keep_target(struct b2 *b, struct b2_target *t); /* takes it over */

/* ---- b2.c */

extern const struct transport_ops b2_ops;
void b2_free(struct b2 *b);
/* Percent-encode `s` for a URL or a header; '/' stays. */
void b2_escape(struct bytes *out, const char *s);

#endif
