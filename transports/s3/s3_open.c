/* SPDX-License-Identifier: PostgreSQL */
/*
 * s3_open.c - from a URL and settings to a bucket at an endpoint.
 *
 *   s3://BUCKET[/PREFIX]            at s3.endpoint, or at AWS
 *   s3://HOST:PORT/BUCKET[/PREFIX]  a bucket's name has no colon
 *   s3:https://HOST[:PORT]/BUCKET[/PREFIX]   as restic writes it; http too
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3_internal.h"
#include "url.h"

#define DAYS_MAX 36500L
#define TEXT_MAX 512u

const char *
s3_setting(const struct transport_opts *opts, const char *name)
{
	const char *v;

	if (opts == NULL || opts->setting == NULL)
		return NULL;
	v = opts->setting(opts->arg, name);
	return v != NULL && v[0] != '\0' ? v : NULL;
}

void
s3_config_fini(struct s3_config *c)
{
	free(c->scheme);
	free(c->host);
	free(c->bucket);
	free(c->prefix);
	free(c->region);
	free(c->storage_class);
	free(c->lock_mode);
	memset(c, 0, sizeof *c);
}

static enum snap_code
set(char **out, const char *value, struct snap_err *err)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	free(*out);
	*out = copy;
	return SNAP_OK;
}

static bool
made_of(const char *text, const char *more)
{
	for (; *text != '\0'; text++)
		if (!((*text >= '0' && *text <= '9') ||
			(*text >= 'a' && *text <= 'z') ||
			(*text >= 'A' && *text <= 'Z') ||
			strchr(more, *text) != NULL))
			return false;
	return true;
}

static bool
ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

static bool
is_aws_host(const char *host)
{
	return ends_with(host, ".amazonaws.com") ||
	       ends_with(host, ".amazonaws.com.cn");
}

/* ---- the URL */

static enum snap_code
set_bucket(struct s3_config *c, const char *bucket, struct snap_err *err)
{
	size_t n = strlen(bucket);

	if (n < 3 || n > S3_BUCKET_MAX || !made_of(bucket, ".-_") ||
	    bucket[0] == '.' || strstr(bucket, "..") != NULL)
		return snap_fail(err, SNAP_USAGE,
		    "\"%.80s\" cannot be the name of a bucket", bucket);
	return set(&c->bucket, bucket, err);
}

/*
 * The prefix, from `path` on: no slash in front, one behind.  Only characters
 * that look the same escaped or not, since services differ in how they list.
 */
static enum snap_code
set_prefix(struct s3_config *c, const char *path, struct snap_err *err)
{
	char prefix[S3_PREFIX_MAX + 1];
	size_t n;

	path += strspn(path, "/");
	n = strlen(path);
	while (n > 0 && path[n - 1] == '/')
		n--;
	if (n + 2 > sizeof prefix)
		return snap_fail(
		    err, SNAP_USAGE, "the path in the URL is too long");
	memcpy(prefix, path, n);
	prefix[n] = '\0';
	if (!made_of(prefix, "._~-/"))
		return snap_fail(err, SNAP_USAGE,
		    "the path in an S3 URL has only letters, digits and "
		    ". _ ~ - /");
	if (strstr(prefix, "//") != NULL || strstr(prefix, "/./") != NULL ||
	    strstr(prefix, "..") != NULL || strncmp(prefix, "./", 2) == 0 ||
	    strcmp(prefix, ".") == 0 || ends_with(prefix, "/."))
		return snap_fail(err, SNAP_USAGE,
		    "the path in the URL has an empty part or dots");
	if (n > 0)
		memcpy(prefix + n, "/", 2);
	return set(&c->prefix, prefix, err);
}

/* "BUCKET[/PREFIX]" */
static enum snap_code
set_place(struct s3_config *c, const char *path, struct snap_err *err)
{
	char bucket[S3_BUCKET_MAX + 2];
	size_t n;
	enum snap_code rc;

	path += strspn(path, "/");
	n = strcspn(path, "/");
	if (n == 0) {
		(void)snap_fail(err, SNAP_USAGE, "the URL names no bucket");
		return snap_hint(err, "Write s3://BUCKET/PATH.");
	}
	if (n > S3_BUCKET_MAX)
		n = S3_BUCKET_MAX + 1; /* refused there */
	(void)snprintf(bucket, sizeof bucket, "%.*s", (int)n, path);
	rc = set_bucket(c, bucket, err);
	return rc == SNAP_OK ? set_prefix(c, path + strcspn(path, "/"), err)
			     : rc;
}

/* Scheme and host of an endpoint; *path is what follows, to be freed. */
static enum snap_code
set_endpoint(
    struct s3_config *c, const char *text, char **path, struct snap_err *err)
{
	char full[TEXT_MAX], host[TEXT_MAX];
	struct url u = { NULL, NULL, NULL, 0, NULL };
	bool v6, standard;
	enum snap_code rc;
	int n;

	n = snprintf(full, sizeof full, "%s%s",
	    strstr(text, "://") == NULL ? "https://" : "", text);
	if (n < 0 || (size_t)n >= sizeof full)
		return snap_fail(err, SNAP_USAGE, "the endpoint is too long");
	rc = url_parse(full, &u, err);
	if (rc == SNAP_OK && strcmp(u.scheme, "https") != 0 &&
	    strcmp(u.scheme, "http") != 0)
		rc = snap_fail(err, SNAP_USAGE,
		    "an endpoint starts with https:// (or http://)");
	if (rc == SNAP_OK && u.user != NULL) {
		(void)snap_fail(
		    err, SNAP_USAGE, "an endpoint has no user and no password");
		rc = snap_hint(err, "Keys go into AWS_ACCESS_KEY_ID and "
				    "AWS_SECRET_ACCESS_KEY.");
	}
	v6 = rc == SNAP_OK && strchr(u.host, ':') != NULL;
	if (rc == SNAP_OK && !made_of(u.host, v6 ? ":." : ".-_"))
		rc = snap_fail(
		    err, SNAP_USAGE, "the host of the endpoint is none");
	if (rc == SNAP_OK) {
		for (char *p = u.host; *p != '\0'; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p - 'A' + 'a');
		/* As libcurl sends it, since the signature covers it. */
		standard =
		    u.port == 0 ||
		    u.port == (strcmp(u.scheme, "https") == 0 ? 443u : 80u);
		(void)snprintf(host, sizeof host, "%s%s%s", v6 ? "[" : "",
		    u.host, v6 ? "]" : "");
		if (!standard)
			(void)snprintf(host + strlen(host),
			    sizeof host - strlen(host), ":%u", u.port);
		c->is_aws = is_aws_host(u.host);
		rc = set(&c->scheme, u.scheme, err);
	}
	if (rc == SNAP_OK)
		rc = set(&c->host, host, err);
	if (rc == SNAP_OK) {
		*path = u.path;
		u.path = NULL;
	}
	url_fini(&u);
	return rc;
}

/* False in *found: the URL names no endpoint. */
static enum snap_code
read_url(
    struct s3_config *c, const char *url, bool *found, struct snap_err *err)
{
	const char *rest = url + strlen("s3:");
	const char *host = rest + 2;
	char *path = NULL;
	enum snap_code rc;
	size_t n;

	*found = true;
	if (strncmp(rest, "//", 2) != 0) {
		rc = set_endpoint(c, rest, &path, err);
	} else {
		n = strcspn(host, "/");
		if (memchr(host, '@', n) != NULL) {
			(void)snap_fail(err, SNAP_USAGE,
			    "an S3 URL has no user and no password");
			return snap_hint(err,
			    "Keys go into AWS_ACCESS_KEY_ID and "
			    "AWS_SECRET_ACCESS_KEY.");
		}
		if (memchr(host, ':', n) == NULL) {
			*found = false;
			return set_place(c, host, err);
		}
		rc = set_endpoint(c, host, &path, err);
	}
	if (rc == SNAP_OK)
		rc = set_place(c, path, err);
	free(path);
	return rc;
}

/* ---- settings */

static enum snap_code
set_region(struct s3_config *c, const struct transport_opts *opts,
    const struct creds *creds, struct snap_err *err)
{
	const char *region = s3_setting(opts, "s3.region");
	char from_host[64];

	if (region == NULL && creds != NULL)
		region = creds_region(creds);
	if (region == NULL && c->is_aws && c->host != NULL &&
	    strncmp(c->host, "s3.", 3) == 0) {
		size_t n = strcspn(c->host + 3, ".");

		if (n < sizeof from_host && c->host[3 + n] == '.' &&
		    strncmp(c->host + 3, "amazonaws", n) != 0) {
			memcpy(from_host, c->host + 3, n);
			from_host[n] = '\0';
			region = from_host;
		}
	}
	if (region == NULL)
		region = "us-east-1";
	if (!made_of(region, "-_") || strlen(region) > 63)
		return snap_fail(
		    err, SNAP_USAGE, "\"%.80s\" is no region", region);
	return set(&c->region, region, err);
}

static enum snap_code
find_endpoint(struct s3_config *c, const struct transport_opts *opts,
    const struct creds *creds, struct snap_err *err)
{
	const char *named = s3_setting(opts, "s3.endpoint");
	char *path = NULL, aws[TEXT_MAX];
	enum snap_code rc;

	if (named == NULL && creds != NULL)
		named = creds_endpoint(creds);
	if (named == NULL) {
		/* The region is needed for the host, and checked by it. */
		rc = set_region(c, opts, creds, err);
		if (rc != SNAP_OK)
			return rc;
		(void)snprintf(aws, sizeof aws, "https://s3.%s.amazonaws.com%s",
		    c->region, strncmp(c->region, "cn-", 3) == 0 ? ".cn" : "");
		named = aws;
	}
	rc = set_endpoint(c, named, &path, err);
	if (rc == SNAP_OK && path[strspn(path, "/")] != '\0')
		rc = snap_fail(
		    err, SNAP_USAGE, "s3.endpoint has a path behind its host");
	free(path);
	return rc;
}

/* A bucket as part of a host name has to be one label of it. */
static bool
bucket_is_label(const char *bucket)
{
	for (const char *p = bucket; *p != '\0'; p++)
		if ((*p >= 'A' && *p <= 'Z') || *p == '.' || *p == '_')
			return false;
	return bucket[0] != '-' && !ends_with(bucket, "-");
}

static enum snap_code
set_style(struct s3_config *c, const struct transport_opts *opts,
    struct snap_err *err)
{
	const char *style = s3_setting(opts, "s3.style");

	if (style == NULL || strcmp(style, "auto") == 0)
		c->virtual_host = c->is_aws && bucket_is_label(c->bucket);
	else if (strcmp(style, "virtual") == 0)
		c->virtual_host = true;
	else if (strcmp(style, "path") != 0)
		return snap_fail(err, SNAP_USAGE,
		    "s3.style is \"auto\", \"path\" or \"virtual\"");
	return SNAP_OK;
}

static enum snap_code
set_class(struct s3_config *c, const struct transport_opts *opts,
    struct snap_err *err)
{
	const char *class = s3_setting(opts, "s3.storage-class");

	if (class == NULL)
		return SNAP_OK;
	if (!made_of(class, "_-") || strlen(class) > 63)
		return snap_fail(
		    err, SNAP_USAGE, "\"%.80s\" is no storage class", class);
	if (strcmp(class, "GLACIER") == 0 ||
	    strcmp(class, "DEEP_ARCHIVE") == 0) {
		(void)snap_fail(err, SNAP_USAGE,
		    "objects of storage class %s cannot be read at once",
		    class);
		return snap_hint(err, "GLACIER_IR and STANDARD_IA can.");
	}
	return set(&c->storage_class, class, err);
}

static enum snap_code
set_lock(struct s3_config *c, const struct transport_opts *opts,
    struct snap_err *err)
{
	const char *mode = s3_setting(opts, "s3.object-lock-mode");
	const char *days = s3_setting(opts, "s3.object-lock-days");
	char *end;

	if (mode == NULL && days == NULL)
		return SNAP_OK;
	if (mode == NULL || days == NULL)
		return snap_fail(err, SNAP_USAGE,
		    "s3.object-lock-mode and s3.object-lock-days go together");
	c->lock_days = strtol(days, &end, 10);
	if (days[0] < '0' || days[0] > '9' || *end != '\0' ||
	    c->lock_days < 1 || c->lock_days > DAYS_MAX)
		return snap_fail(err, SNAP_USAGE,
		    "s3.object-lock-days is a number from 1 to %ld", DAYS_MAX);
	if (strcmp(mode, "governance") == 0 || strcmp(mode, "GOVERNANCE") == 0)
		return set(&c->lock_mode, "GOVERNANCE", err);
	if (strcmp(mode, "compliance") == 0 || strcmp(mode, "COMPLIANCE") == 0)
		return set(&c->lock_mode, "COMPLIANCE", err);
	return snap_fail(err, SNAP_USAGE,
	    "s3.object-lock-mode is \"governance\" or \"compliance\"");
}

static enum snap_code
yes_no(const struct transport_opts *opts, const char *name, bool *out,
    struct snap_err *err)
{
	const char *v = s3_setting(opts, name);

	if (v == NULL)
		return SNAP_OK;
	*out = strcmp(v, "yes") == 0;
	if (!*out && strcmp(v, "no") != 0)
		return snap_fail(
		    err, SNAP_USAGE, "%s is \"yes\" or \"no\"", name);
	return SNAP_OK;
}

/* AWS is known to keep its word; elsewhere the first put finds out. */
static enum snap_code
set_exclusive(struct s3_config *c, const struct transport_opts *opts,
    struct snap_err *err)
{
	const char *v = s3_setting(opts, "s3.if-none-match");
	bool yes = false;
	enum snap_code rc;

	c->exclusive = c->is_aws ? S3_EXCLUSIVE_YES : S3_EXCLUSIVE_UNKNOWN;
	if (v == NULL || strcmp(v, "auto") == 0)
		return SNAP_OK;
	rc = yes_no(opts, "s3.if-none-match", &yes, err);
	c->exclusive = yes ? S3_EXCLUSIVE_YES : S3_EXCLUSIVE_NO;
	return rc;
}

enum snap_code
s3_config_read(struct s3_config *c, const char *url,
    const struct transport_opts *opts, const struct creds *creds,
    struct snap_err *err)
{
	bool found = false;
	enum snap_code rc = read_url(c, url, &found, err);

	if (rc == SNAP_OK && !found)
		rc = find_endpoint(c, opts, creds, err);
	if (rc == SNAP_OK)
		rc = set_region(c, opts, creds, err);
	if (rc == SNAP_OK)
		rc = set_style(c, opts, err);
	if (rc == SNAP_OK)
		rc = set_class(c, opts, err);
	if (rc == SNAP_OK)
		rc = set_lock(c, opts, err);
	if (rc == SNAP_OK)
		rc = set_exclusive(c, opts, err);
	if (rc == SNAP_OK)
		rc = yes_no(opts, "s3.create-bucket", &c->create_bucket, err);
	return rc;
}
