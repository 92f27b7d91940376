/* SPDX-License-Identifier: PostgreSQL */
/*
 * sign.h - AWS Signature Version 4, over the headers of a request.
 *
 * Done here because libcurl's own signer, in the versions in use, sorts no
 * query and hashes no payload.  A pure function: it knows no clock.
 */
#ifndef SNAP_SIGN_H
#define SNAP_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "bytes.h"
#include "err.h"

#define SIGN_HASH_LEN 65 /* SHA-256 in hex, with its NUL */
#define SIGN_DATE_LEN 17 /* YYYYMMDDTHHMMSSZ, with its NUL */
#define SIGN_HEADERS_MAX 24u
#define SIGN_PARAMS_MAX 8u

struct sign_param {
	const char *name, *value; /* not escaped */
};

/* Percent-escape as AWS has it: all but A-Z a-z 0-9 - _ . ~ (and "/"). */
void sign_escape(struct bytes *out, struct span text, bool keep_slash);
/* The query as it is signed and as it has to be sent: sorted, escaped. */
SNAP_MUST_CHECK enum snap_code sign_query(struct bytes *out,
    const struct sign_param *params, size_t n, struct snap_err *err);

SNAP_MUST_CHECK enum snap_code sign_sha256(
    struct span data, char out[SIGN_HASH_LEN], struct snap_err *err);
/* "" for a time that is none. */
void sign_date(time_t now, char out[SIGN_DATE_LEN]);

struct sign_request {
	const char *method;
	const char *path;  /* escaped, from its first "/" on */
	const char *query; /* of sign_query(); "" = none */
	/* "name: value", names in lower case; all of them are signed.  Host,
	 * x-amz-date and x-amz-content-sha256 have to be among them. */
	const char *const *headers;
	size_t n_headers;
	const char *payload_hash;
	const char *date; /* of sign_date() */
	const char *region, *service;
	const char *key_id, *secret;
};

/* Append "Authorization: ..." to *out. */
SNAP_MUST_CHECK enum snap_code sign_make(
    const struct sign_request *r, struct bytes *out, struct snap_err *err);

#endif
