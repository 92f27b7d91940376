/* SPDX-License-Identifier: PostgreSQL */
/*
 * creds.h - where the keys for S3 come from, in the order of AWS's own tools.
 *
 *  1. the environment, unless a profile was asked for by a setting
 *  2. web identity (a token file and a role, exchanged at STS)
 *  3. the profile of the credentials and config files
 *  4. a container's credential service
 *  5. the instance's metadata service, version 2
 *
 * The first that is configured is used; if it then fails, so does the call:
 * nobody should work with other rights than he meant to.  Keys that run out
 * are fetched again five minutes before they do.
 *
 * May be used by several threads at once.
 */
#ifndef SNAP_CREDS_H
#define SNAP_CREDS_H

#include <stdint.h>

#include "err.h"
#include "http.h"
#include "transport.h"

struct creds;

struct creds_key {
	char *id, *secret;
	char *token;     /* NULL = none */
	int64_t expires; /* seconds since the epoch; 0 = never */
};
void creds_key_fini(struct creds_key *k); /* wipes */

/*
 * Reads variables and files, asks nobody.  `profile` is the setting s3.profile
 * or NULL; `http` must outlive the handle.  SNAP_USAGE: a file or a profile
 * that was named is not there.
 */
SNAP_MUST_CHECK enum snap_code creds_open(const struct transport_opts *opts,
    const char *profile, struct http *http, struct creds **out,
    struct snap_err *err);
void creds_close(struct creds *c); /* NULL is fine */

/* What goes along with the keys; NULL = nothing said.  Borrowed. */
const char *creds_region(const struct creds *c);
const char *creds_endpoint(const struct creds *c);
/* "the environment", "profile x": for messages; borrowed. */
const char *creds_source(const struct creds *c);

/* A copy of the keys, fetched anew when they are about to run out.
 * SNAP_DENIED: there are none.  SNAP_TRANSIENT: a service did not answer. */
SNAP_MUST_CHECK enum snap_code creds_get(
    struct creds *c, struct creds_key *out, struct snap_err *err);
/* `used` was refused as expired: fetch others unless that was done meanwhile.
 * SNAP_DENIED: this source has no others. */
SNAP_MUST_CHECK enum snap_code creds_renew(
    struct creds *c, const struct creds_key *used, struct snap_err *err);

#endif
