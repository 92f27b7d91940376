/* SPDX-License-Identifier: PostgreSQL */
/*
 * b2_json.h - what Backblaze B2 answers, with every field's type checked.
 *
 * Nothing that arrives is believed: lengths, signs and characters are bounded
 * here, so that the rest of the back-end need not ask again.  A text that is
 * not as documented is SNAP_CORRUPT, and outputs are then untouched.
 */
#ifndef SNAP_B2_JSON_H
#define SNAP_B2_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"

struct json_t; /* of jansson */

#define B2_NAME_MAX 1024 /* bytes of a file name, by the service's rules */
#define B2_ID_MAX 256    /* bytes of an id of a file, bucket or account */
#define B2_TOKEN_MAX 2048
#define B2_SHA1_HEX 40

/* What an application key may be allowed. */
enum b2_capability {
	B2_CAN_LIST_BUCKETS = 1,
	B2_CAN_LIST_FILES = 2,
	B2_CAN_READ_FILES = 4,
	B2_CAN_WRITE_FILES = 8,
	B2_CAN_DELETE_FILES = 16
};
/* The service's name of one of them. */
const char *b2_capability_name(enum b2_capability one);

/* Answer of b2_authorize_account (v3). */
struct b2_auth {
	char *account_id, *token, *api_url, *download_url;
	/* What the key is restricted to; NULL: not.  A bucket that is gone has
	 * an id and no name. */
	char *bucket_id, *bucket_name, *name_prefix;
	unsigned capabilities; /* of enum b2_capability */
};
SNAP_MUST_CHECK enum snap_code b2_auth_decode(
    struct span text, struct b2_auth *out, struct snap_err *err);
void b2_auth_fini(struct b2_auth *a); /* wipes the token */

/* Answer of b2_list_buckets, of which just the bucket `name` counts. */
struct b2_bucket {
	char *id;     /* NULL: it is not there */
	bool expires; /* a lifecycle rule that touches `prefix` deletes files */
};
SNAP_MUST_CHECK enum snap_code b2_bucket_decode(struct span text,
    const char *name, const char *prefix, struct b2_bucket *out,
    struct snap_err *err);

/* Answer of b2_get_upload_url. */
struct b2_target {
	char *url, *token;
};
SNAP_MUST_CHECK enum snap_code b2_target_decode(
    struct span text, struct b2_target *out, struct snap_err *err);
void b2_target_fini(struct b2_target *t); /* wipes */

/*
 * One version of a name.  Only what was uploaded in one piece is an object of
 * ours: a large file carries the time when it was begun, which may be long
 * before anybody could see it.
 */
struct b2_version {
	const char *name, *id; /* borrowed from what it was decoded from */
	bool is_object;
	bool is_unfinished;         /* has no content yet */
	bool sha1_known;            /* the service has compared it itself */
	char sha1[B2_SHA1_HEX + 1]; /* lower case */
	uint64_t size;
	int64_t time_ns; /* of the upload, rounded up, see b2_time() */
};

/* Answer of b2_list_file_versions: names ascending, of a name newest first. */
struct b2_page {
	struct json_t *root;
	struct b2_version *versions;
	size_t n;
	const char *next_name, *next_id; /* NULL: that was all */
};
SNAP_MUST_CHECK enum snap_code b2_page_decode(
    struct span text, struct b2_page *out, struct snap_err *err);
void b2_page_fini(struct b2_page *p);

/* Answer of b2_upload_file: the id of the new version. */
SNAP_MUST_CHECK enum snap_code b2_upload_decode(
    struct span text, char **id, struct snap_err *err);

/* The body of an answer that is an error; empty strings: it says nothing. */
struct b2_error {
	char code[64];     /* [a-z0-9_] */
	char message[256]; /* printable ASCII */
};
void b2_error_decode(struct span text, struct b2_error *out);

/*
 * The service dates uploads by the millisecond and its answers by the second.
 * So that both can be compared, and no object looks older than it is, each
 * becomes the next full second.
 */
int64_t b2_time(int64_t ns);

void b2_wipe(void *secret, size_t len);
/* Overwrites before it frees; NULL is fine. */
void b2_wipe_free(char *secret);

#endif
