/* SPDX-License-Identifier: PostgreSQL */
/* creds_internal.h - what the parts of the credential chain share. */
#ifndef SNAP_CREDS_INTERNAL_H
#define SNAP_CREDS_INTERNAL_H

#include <pthread.h>

#include "creds.h"
#include "profile.h"

#define CREDS_REPLY_MAX 65536u /* bytes of a credential service's answer */

enum creds_kind {
	CREDS_NONE,
	CREDS_FIXED,
	CREDS_FILE,
	CREDS_WEB,
	CREDS_CONTAINER,
	CREDS_INSTANCE
};

struct creds {
	enum creds_kind kind;
	struct http *http;
	const struct report *report;
	char *source; /* for messages */
	char *region, *endpoint;
	char *profile_name, *credentials_file, *config_file;
	char *role_arn, *session_name, *web_token_file, *sts_url;
	char *container_url, *container_token, *container_token_file;
	char *instance_url;
	pthread_mutex_t lock; /* of what follows */
	struct creds_key key; /* id NULL: not fetched yet */
	int64_t not_before;   /* do not renew early again, seconds */
};

/* Ask a service.  They fill *out, which is empty before. */
SNAP_MUST_CHECK enum snap_code creds_ask_sts(
    struct creds *c, struct creds_key *out, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code creds_ask_container(
    struct creds *c, struct creds_key *out, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code creds_ask_instance(
    struct creds *c, struct creds_key *out, struct snap_err *err);

/* Decode their answers, which are not trusted. */
SNAP_MUST_CHECK enum snap_code creds_read_sts(
    struct span xml, struct creds_key *out, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code creds_read_json(
    struct span json, struct creds_key *out, struct snap_err *err);

#endif
