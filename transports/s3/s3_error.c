/* SPDX-License-Identifier: PostgreSQL */
/*
 * s3_error.c - what an answer that is an error means, and what to do then.
 *
 * The codes are of AWS; other services use the same, some of them fewer.  An
 * unknown code is judged by the status, and shown.
 */
#include <stdio.h>
#include <string.h>

#include "s3_internal.h"
#include "xml.h"

/* ---- reading */

/* Printable bytes only: it ends up on a terminal. */
static void
take(char *out, size_t size, const char *text)
{
	size_t n = 0;

	for (; *text != '\0' && n + 1 < size; text++)
		out[n++] = *text >= ' ' && *text <= '~' ? *text : '?';
	out[n] = '\0';
}

static enum snap_code
error_element(void *arg, const char *parent, const char *name, const char *text,
    struct snap_err *err)
{
	struct s3_error *e = arg;

	(void)err;
	if (strcmp(parent, "Error") != 0)
		return SNAP_OK;
	if (strcmp(name, "Code") == 0)
		take(e->code, sizeof e->code, text);
	else if (strcmp(name, "Message") == 0)
		take(e->message, sizeof e->message, text);
	else if (strcmp(name, "Region") == 0)
		take(e->region, sizeof e->region, text);
	return SNAP_OK;
}

bool
s3_error_read(struct span body, struct s3_error *out)
{
	struct snap_err ignored;
	enum snap_code rc;

	memset(out, 0, sizeof *out);
	if (body.len == 0)
		return false;
	/* A long error is cut off: what was read before counts. */
	rc = xml_walk(body, error_element, out, &ignored);
	return (rc == SNAP_OK || rc == SNAP_CORRUPT) && out->code[0] != '\0';
}

static bool
is(const struct s3_error *e, const char *code)
{
	return strcmp(e->code, code) == 0;
}

bool
s3_error_is_expiry(const struct http_reply *r)
{
	struct s3_error e;

	if (r->status < 400 || r->status > 403 ||
	    !s3_error_read(bytes_span(&r->body), &e))
		return false;
	return is(&e, "ExpiredToken") || is(&e, "ExpiredTokenException") ||
	       is(&e, "TokenRefreshRequired");
}

/* ---- permanent errors that say what to do */

static enum snap_code
denied(const struct s3 *s, const struct s3_call *call, const struct s3_error *e,
    struct snap_err *err)
{
	(void)snap_fail(err, SNAP_DENIED,
	    "the credentials of %s may not %s in bucket %s",
	    creds_source(s->creds), call->action, s->conf.bucket);
	if (e->message[0] != '\0')
		(void)snap_detail(err, "The service says: %s", e->message);
	if (call->key != NULL)
		return snap_hint(err,
		    "Allow the action %s on arn:aws:s3:::%s/%s* (a policy is "
		    "in docs/transports.md).",
		    call->action, s->conf.bucket, s->conf.prefix);
	return snap_hint(err,
	    "Allow the action %s on arn:aws:s3:::%s (a policy is in "
	    "docs/transports.md).",
	    call->action, s->conf.bucket);
}

static enum snap_code
no_bucket(const struct s3 *s, struct snap_err *err)
{
	(void)snap_fail(err, SNAP_NOREPO, "there is no bucket %s at %s",
	    s->conf.bucket, s->conf.host);
	if (s->conf.is_aws)
		return snap_hint(err,
		    "Make it: aws s3 mb s3://%s --region %s (or: -o "
		    "s3.create-bucket=yes)",
		    s->conf.bucket, s->conf.region);
	return snap_hint(err,
	    "Make it: aws --endpoint-url %s://%s s3 mb s3://%s (or: -o "
	    "s3.create-bucket=yes)",
	    s->conf.scheme, s->conf.host, s->conf.bucket);
}

static enum snap_code
wrong_region(const struct s3 *s, const struct http_reply *r,
    const struct s3_error *e, struct snap_err *err)
{
	const char *header = http_header(r, "x-amz-bucket-region");
	char region[65];

	take(region, sizeof region, header != NULL ? header : e->region);
	if (region[0] == '\0') {
		(void)snap_fail(err, SNAP_USAGE,
		    "bucket %s is not in region %s, or has another endpoint",
		    s->conf.bucket, s->conf.region);
		return snap_hint(err, "Give both: -o s3.region=REGION -o "
				      "s3.endpoint=https://HOST");
	}
	(void)snap_fail(err, SNAP_USAGE,
	    "bucket %s is in region %s, and was asked for in %s",
	    s->conf.bucket, region, s->conf.region);
	return snap_hint(err, "-o s3.region=%s", region);
}

static enum snap_code
clock_off(const struct http_reply *r, int64_t sent, struct snap_err *err)
{
	int64_t off = r->date_ns / 1000000000 - sent;
	char by[DURATION_MAX];

	if (r->date_ns == 0)
		(void)snap_fail(err, SNAP_IO,
		    "the clock of this machine differs too much from the "
		    "service's");
	else
		(void)snap_fail(err, SNAP_IO,
		    "the clock of this machine is %s %s the service's",
		    duration_text((uint64_t)(off < 0 ? -off : off), by),
		    off < 0 ? "ahead of" : "behind");
	return snap_hint(err, "Set the clock, for example: timedatectl "
			      "set-ntp true");
}

static enum snap_code
bad_key(const struct s3 *s, const struct s3_error *e, struct snap_err *err)
{
	const char *from = creds_source(s->creds);

	if (is(e, "InvalidAccessKeyId"))
		(void)snap_fail(err, SNAP_DENIED,
		    "%s does not know the access key from %s", s->conf.host,
		    from);
	else if (is(e, "SignatureDoesNotMatch"))
		(void)snap_fail(err, SNAP_DENIED,
		    "the secret key from %s does not belong to its access key",
		    from);
	else
		(void)snap_fail(err, SNAP_DENIED,
		    "the session token from %s is expired or invalid", from);
	return snap_hint(err,
	    "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
	    "AWS_SESSION_TOKEN, or the profile (-o s3.profile=NAME).");
}

static enum snap_code
request_refused(
    const struct s3 *s, const struct s3_error *e, struct snap_err *err)
{
	bool about_lock = s->conf.lock_mode != NULL &&
			  (strstr(e->message, "Object Lock") != NULL ||
			      strstr(e->message, "ObjectLock") != NULL ||
			      is(e, "InvalidRequest"));

	(void)snap_fail(
	    err, SNAP_USAGE, "the service refuses the request (%s)", e->code);
	if (e->message[0] != '\0')
		(void)snap_detail(err, "The service says: %s", e->message);
	if (is(e, "InvalidStorageClass") ||
	    (is(e, "InvalidArgument") && s->conf.storage_class != NULL))
		return snap_hint(err,
		    "Leave s3.storage-class out, or name one that the service "
		    "has.");
	if (about_lock)
		return snap_hint(err,
		    "s3.object-lock-mode needs a bucket that was made with "
		    "object lock.");
	return SNAP_USAGE;
}

/* ---- the table */

enum meaning {
	M_UNKNOWN,
	M_DENIED,
	M_NO_BUCKET,
	M_NOT_FOUND,
	M_REGION,
	M_CLOCK,
	M_KEY,
	M_REFUSED,
	M_TRANSIENT,
	M_FULL,
	M_ARCHIVED,
	M_UNSUPPORTED
};

static const struct {
	const char *code;
	enum meaning meaning;
} table[] = {
	{ "AccessDenied", M_DENIED },
	{ "AllAccessDisabled", M_DENIED },
	{ "AccountProblem", M_DENIED },
	{ "NoSuchBucket", M_NO_BUCKET },
	{ "NoSuchKey", M_NOT_FOUND },
	{ "PermanentRedirect", M_REGION },
	{ "TemporaryRedirect", M_TRANSIENT }, /* a bucket made just now */
	{ "AuthorizationHeaderMalformed", M_REGION },
	{ "IllegalLocationConstraintException", M_REGION },
	{ "IncorrectEndpoint", M_REGION },
	{ "RequestTimeTooSkewed", M_CLOCK },
	{ "InvalidAccessKeyId", M_KEY },
	{ "SignatureDoesNotMatch", M_KEY },
	{ "ExpiredToken", M_KEY },
	{ "ExpiredTokenException", M_KEY },
	{ "InvalidToken", M_KEY },
	{ "TokenRefreshRequired", M_KEY },
	{ "InvalidRequest", M_REFUSED },
	{ "InvalidArgument", M_REFUSED },
	{ "InvalidStorageClass", M_REFUSED },
	{ "InvalidRetentionPeriod", M_REFUSED },
	{ "InvalidBucketName", M_REFUSED },
	{ "ObjectLockConfigurationNotFoundError", M_REFUSED },
	{ "SlowDown", M_TRANSIENT },
	{ "SlowDownRead", M_TRANSIENT },
	{ "SlowDownWrite", M_TRANSIENT },
	{ "InternalError", M_TRANSIENT },
	{ "ServiceUnavailable", M_TRANSIENT },
	{ "Busy", M_TRANSIENT },
	{ "RequestTimeout", M_TRANSIENT },
	{ "OperationAborted", M_TRANSIENT },
	{ "ConditionalRequestConflict", M_TRANSIENT },
	{ "IncompleteBody", M_TRANSIENT },
	/* Bytes that changed on their way. */
	{ "BadDigest", M_TRANSIENT },
	{ "XAmzContentSHA256Mismatch", M_TRANSIENT },
	{ "QuotaExceeded", M_FULL },
	{ "XMinioStorageFull", M_FULL },
	{ "InsufficientStorage", M_FULL },
	{ "InvalidObjectState", M_ARCHIVED },
	{ "NotImplemented", M_UNSUPPORTED },
};

static enum meaning
meaning_of(const struct s3_error *e, const struct s3_call *call, int status)
{
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (is(e, table[i].code))
			return table[i].meaning;
	switch (status) {
	case 301:
	case 307:
		return M_REGION;
	case 401:
	case 403:
		return M_DENIED;
	case 404:
		return call->key != NULL ? M_NOT_FOUND : M_NO_BUCKET;
	case 408:
	case 425:
	case 429:
		return M_TRANSIENT;
	case 501:
		return M_UNSUPPORTED;
	case 507:
		return M_FULL;
	default:
		return status >= 500 ? M_TRANSIENT : M_UNKNOWN;
	}
}

/* The code and what the service says, behind a message of ours. */
static enum snap_code
plain(enum snap_code code, const char *what, int status,
    const struct s3_error *e, struct snap_err *err)
{
	(void)snap_fail(err, code, "%s (%d%s%s)", what, status,
	    e->code[0] != '\0' ? " " : "", e->code);
	if (e->message[0] != '\0')
		(void)snap_detail(err, "The service says: %s", e->message);
	return code;
}

enum snap_code
s3_error_map(const struct s3 *s, const struct s3_call *call,
    const struct http_reply *r, int64_t sent, struct snap_err *err)
{
	struct s3_error e;

	(void)s3_error_read(bytes_span(&r->body), &e);
	/* A HEAD has no body: the header alone tells. */
	if (e.code[0] == '\0' && r->status == 400 &&
	    http_header(r, "x-amz-bucket-region") != NULL)
		return wrong_region(s, r, &e, err);
	switch (meaning_of(&e, call, r->status)) {
	case M_DENIED:
		return denied(s, call, &e, err);
	case M_NO_BUCKET:
		return no_bucket(s, err);
	case M_NOT_FOUND:
		return snap_fail(err, SNAP_NOTFOUND, "no such object");
	case M_REGION:
		return wrong_region(s, r, &e, err);
	case M_CLOCK:
		return clock_off(r, sent, err);
	case M_KEY:
		return bad_key(s, &e, err);
	case M_REFUSED:
		return request_refused(s, &e, err);
	case M_TRANSIENT:
		(void)plain(SNAP_TRANSIENT, "the service is busy or failed",
		    r->status, &e, err);
		if (err != NULL)
			err->retry_after_s = r->retry_after_s;
		return SNAP_TRANSIENT;
	case M_FULL:
		(void)plain(SNAP_IO, "the store is full", r->status, &e, err);
		return snap_hint(err, "Raise the quota of the bucket or of "
				      "its user, or prune.");
	case M_ARCHIVED:
		(void)plain(SNAP_IO,
		    "the object is archived and has to be "
		    "restored first",
		    r->status, &e, err);
		return snap_hint(err, "Use a storage class that can be read "
				      "at once.");
	case M_UNSUPPORTED:
		return plain(SNAP_UNSUPPORTED, "the service cannot do that",
		    r->status, &e, err);
	default:
		return plain(SNAP_IO, "the service refuses the request",
		    r->status, &e, err);
	}
}
