/* SPDX-License-Identifier: PostgreSQL */
/* creds.c - choose where the keys come from, and keep them fresh. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "creds_internal.h"
#include "fdio.h"

#define RENEW_SECONDS 300 /* before they run out */
#define PAUSE_SECONDS 30  /* after a renewal that failed */
#define PATH_BYTES 4096u
#define CONTAINER_HOST "http://169.254.170.2"
#define INSTANCE_HOST "http://169.254.169.254"

void
creds_key_fini(struct creds_key *k)
{
	profile_wipe(k->id);
	profile_wipe(k->secret);
	profile_wipe(k->token);
	memset(k, 0, sizeof *k);
}

void
creds_close(struct creds *c)
{
	if (c == NULL)
		return;
	creds_key_fini(&c->key);
	free(c->source);
	free(c->region);
	free(c->endpoint);
	free(c->profile_name);
	free(c->credentials_file);
	free(c->config_file);
	free(c->role_arn);
	free(c->session_name);
	free(c->web_token_file);
	free(c->sts_url);
	free(c->container_url);
	profile_wipe(c->container_token);
	free(c->container_token_file);
	free(c->instance_url);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

const char *
creds_region(const struct creds *c)
{
	return c->region;
}

const char *
creds_endpoint(const struct creds *c)
{
	return c->endpoint;
}

const char *
creds_source(const struct creds *c)
{
	return c->source != NULL ? c->source : "nowhere";
}

/* ---- small helpers */

static const char *
variable(const struct transport_opts *opts, const char *name)
{
	const char *v;

	if (opts == NULL || opts->variable == NULL)
		return NULL;
	v = opts->variable(opts->arg, name);
	return v != NULL && v[0] != '\0' ? v : NULL;
}

/* Set *out, freeing what was there; NULL clears it. */
static enum snap_code
set(char **out, const char *value, struct snap_err *err)
{
	char *copy = value != NULL ? strdup(value) : NULL;

	if (value != NULL && copy == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	free(*out);
	*out = copy;
	return SNAP_OK;
}

static enum snap_code set_text(
    char **out, struct snap_err *err, const char *fmt, ...) SNAP_PRINTF(3, 4);

static enum snap_code
set_text(char **out, struct snap_err *err, const char *fmt, ...)
{
	char buf[PATH_BYTES];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof buf, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof buf)
		return snap_fail(err, SNAP_USAGE, "%.100s... is too long", buf);
	return set(out, buf, err);
}

/* ---- the files */

static enum snap_code
read_file(struct profile *p, const char *name, const char *path, bool is_config,
    struct snap_err *err)
{
	struct bytes text;
	struct stat st;
	enum snap_code rc;

	if (path == NULL || stat(path, &st) != 0)
		return SNAP_OK;
	bytes_init(&text, PROFILE_FILE_MAX);
	rc = fd_slurp(path, PROFILE_FILE_MAX, &text, err);
	if (rc == SNAP_OK) {
		rc = profile_read(p, name, is_config, bytes_span(&text), err);
		if (rc != SNAP_OK)
			rc = snap_wrap(err, "%s", path);
	}
	bytes_fini_wipe(&text);
	return rc;
}

static enum snap_code
read_profile(struct creds *c, struct profile *p, struct snap_err *err)
{
	enum snap_code rc;

	rc = read_file(p, c->profile_name, c->credentials_file, false, err);
	if (rc == SNAP_OK)
		rc = read_file(p, c->profile_name, c->config_file, true, err);
	return rc;
}

static enum snap_code
file_path(char **out, const struct transport_opts *opts, const char *name,
    const char *below_home, struct snap_err *err)
{
	const char *named = variable(opts, name), *home;
	char buf[PATH_BYTES];
	int n;

	if (named != NULL)
		return set(out, named, err);
	home = variable(opts, "HOME");
	if (home == NULL)
		return SNAP_OK;
	n = snprintf(buf, sizeof buf, "%s/%s", home, below_home);
	if (n < 0 || (size_t)n >= sizeof buf)
		return SNAP_OK; /* such a home has no such file */
	return set(out, buf, err);
}

/* ---- the sources, in their order; each leaves kind alone when it is not */

static enum snap_code
from_variables(
    struct creds *c, const struct transport_opts *opts, struct snap_err *err)
{
	const char *id = variable(opts, "AWS_ACCESS_KEY_ID");
	const char *secret = variable(opts, "AWS_SECRET_ACCESS_KEY");
	enum snap_code rc;

	if (id == NULL && secret == NULL)
		return SNAP_OK;
	if (id == NULL || secret == NULL)
		return snap_fail(err, SNAP_USAGE,
		    "only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
		    "is set");
	rc = set(&c->key.id, id, err);
	if (rc == SNAP_OK)
		rc = set(&c->key.secret, secret, err);
	if (rc == SNAP_OK)
		rc = set(
		    &c->key.token, variable(opts, "AWS_SESSION_TOKEN"), err);
	if (rc == SNAP_OK)
		rc = set_text(&c->source, err, "%s", "the environment");
	if (rc == SNAP_OK)
		c->kind = CREDS_FIXED;
	return rc;
}

static enum snap_code
sts_url(
    struct creds *c, const struct transport_opts *opts, struct snap_err *err)
{
	const char *named = variable(opts, "AWS_ENDPOINT_URL_STS");

	if (named != NULL)
		return set(&c->sts_url, named, err);
	if (c->region == NULL)
		return set(&c->sts_url, "https://sts.amazonaws.com/", err);
	return set_text(&c->sts_url, err,
	    strncmp(c->region, "cn-", 3) == 0
		? "https://sts.%s.amazonaws.com.cn/"
		: "https://sts.%s.amazonaws.com/",
	    c->region);
}

static enum snap_code
from_web_identity(struct creds *c, const struct transport_opts *opts,
    const char *file, const char *role, const char *session,
    struct snap_err *err)
{
	enum snap_code rc;

	if (file == NULL || role == NULL)
		return SNAP_OK;
	rc = set(&c->web_token_file, file, err);
	if (rc == SNAP_OK)
		rc = set(&c->role_arn, role, err);
	if (rc == SNAP_OK)
		rc = set(
		    &c->session_name, session != NULL ? session : "snap", err);
	if (rc == SNAP_OK)
		rc = sts_url(c, opts, err);
	if (rc == SNAP_OK)
		rc = set_text(&c->source, err, "the web identity of %s", role);
	if (rc == SNAP_OK)
		c->kind = CREDS_WEB;
	return rc;
}

static enum snap_code
from_profile(struct creds *c, const struct transport_opts *opts,
    const struct profile *p, struct snap_err *err)
{
	if (p->key_id != NULL && p->secret != NULL) {
		c->kind = CREDS_FILE;
		return set_text(
		    &c->source, err, "profile \"%s\"", c->profile_name);
	}
	if (p->web_token_file != NULL && p->role_arn != NULL)
		return from_web_identity(c, opts, p->web_token_file,
		    p->role_arn, p->session_name, err);
	if (p->elsewhere == NULL)
		return SNAP_OK;
	(void)snap_fail(err, SNAP_UNSUPPORTED,
	    "profile \"%s\" wants its keys from elsewhere (%s)",
	    c->profile_name, p->elsewhere);
	return snap_hint(err,
	    "Let AWS's own tool fetch them: eval \"$(aws configure "
	    "export-credentials --profile %s --format env)\"",
	    c->profile_name);
}

/* A service in clear text only where the bytes stay on this machine. */
static bool
container_url_ok(const char *url)
{
	static const char *const hosts[] = { "169.254.170.2", "169.254.170.23",
		"[fd00:ec2::23]", "127.0.0.1", "[::1]", "localhost" };
	const char *host = url + 7;
	size_t n;

	if (strncmp(url, "https://", 8) == 0)
		return true;
	if (strncmp(url, "http://", 7) != 0)
		return false;
	n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
		if (n == strlen(hosts[i]) && strncmp(host, hosts[i], n) == 0 &&
		    (host[n] == '\0' || host[n] == ':' || host[n] == '/') &&
		    strchr(host, '@') == NULL)
			return true;
	return false;
}

static enum snap_code
from_container(
    struct creds *c, const struct transport_opts *opts, struct snap_err *err)
{
	const char *path =
	    variable(opts, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *url = variable(opts, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
	enum snap_code rc;

	if (path == NULL && url == NULL)
		return SNAP_OK;
	if (path != NULL && path[0] != '/')
		return snap_fail(err, SNAP_USAGE,
		    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is no path");
	if (path == NULL && !container_url_ok(url))
		return snap_fail(err, SNAP_USAGE,
		    "AWS_CONTAINER_CREDENTIALS_FULL_URI would send keys in "
		    "clear text");
	if (path != NULL)
		rc =
		    set_text(&c->container_url, err, CONTAINER_HOST "%s", path);
	else
		rc = set(&c->container_url, url, err);
	if (rc == SNAP_OK)
		rc = set(&c->container_token,
		    variable(opts, "AWS_CONTAINER_AUTHORIZATION_TOKEN"), err);
	if (rc == SNAP_OK)
		rc = set(&c->container_token_file,
		    variable(opts, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
		    err);
	if (rc == SNAP_OK)
		rc = set_text(&c->source, err, "%s",
		    "the container's credential service");
	if (rc == SNAP_OK)
		c->kind = CREDS_CONTAINER;
	return rc;
}

static enum snap_code
from_instance(
    struct creds *c, const struct transport_opts *opts, struct snap_err *err)
{
	const char *off = variable(opts, "AWS_EC2_METADATA_DISABLED");
	const char *url = variable(opts, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
	enum snap_code rc;
	size_t n;

	if (off != NULL && (strcmp(off, "true") == 0 || strcmp(off, "1") == 0))
		return SNAP_OK;
	rc = set(&c->instance_url, url != NULL ? url : INSTANCE_HOST, err);
	if (rc != SNAP_OK)
		return rc;
	n = strlen(c->instance_url);
	while (n > 0 && c->instance_url[n - 1] == '/')
		c->instance_url[--n] = '\0';
	c->kind = CREDS_INSTANCE;
	return set_text(
	    &c->source, err, "%s", "the instance's metadata service");
}

static enum snap_code
note_place(struct creds *c, const struct transport_opts *opts,
    const struct profile *p, struct snap_err *err)
{
	const char *region = variable(opts, "AWS_REGION"), *endpoint;
	enum snap_code rc;

	if (region == NULL)
		region = variable(opts, "AWS_DEFAULT_REGION");
	rc = set(&c->region, region != NULL ? region : p->region, err);
	endpoint = variable(opts, "AWS_ENDPOINT_URL_S3");
	if (endpoint == NULL)
		endpoint = variable(opts, "AWS_ENDPOINT_URL");
	if (rc == SNAP_OK)
		rc = set(&c->endpoint,
		    endpoint != NULL ? endpoint : p->endpoint, err);
	return rc;
}

static enum snap_code
find(struct creds *c, const struct transport_opts *opts, const char *setting,
    struct snap_err *err)
{
	const char *named = setting;
	struct profile p = { 0 };
	enum snap_code rc;

	if (named == NULL)
		named = variable(opts, "AWS_PROFILE");
	rc = set(&c->profile_name, named != NULL ? named : "default", err);
	if (rc == SNAP_OK)
		rc = file_path(&c->credentials_file, opts,
		    "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", err);
	if (rc == SNAP_OK)
		rc = file_path(&c->config_file, opts, "AWS_CONFIG_FILE",
		    ".aws/config", err);
	if (rc == SNAP_OK && setting == NULL)
		rc = from_variables(c, opts, err);
	/* A file that is broken does not matter to who needs none. */
	if (rc == SNAP_OK && (c->kind == CREDS_NONE || named != NULL))
		rc = read_profile(c, &p, err);
	if (rc == SNAP_OK && named != NULL && !p.found &&
	    c->kind == CREDS_NONE) {
		(void)snap_fail(
		    err, SNAP_USAGE, "there is no profile \"%s\"", named);
		rc = snap_hint(err, "Looked for in %s and %s.",
		    c->credentials_file != NULL ? c->credentials_file : "-",
		    c->config_file != NULL ? c->config_file : "-");
	}
	if (rc == SNAP_OK)
		rc = note_place(c, opts, &p, err);
	if (rc == SNAP_OK && c->kind == CREDS_NONE && setting == NULL)
		rc = from_web_identity(c, opts,
		    variable(opts, "AWS_WEB_IDENTITY_TOKEN_FILE"),
		    variable(opts, "AWS_ROLE_ARN"),
		    variable(opts, "AWS_ROLE_SESSION_NAME"), err);
	if (rc == SNAP_OK && c->kind == CREDS_NONE)
		rc = from_profile(c, opts, &p, err);
	if (rc == SNAP_OK && c->kind == CREDS_NONE)
		rc = from_container(c, opts, err);
	if (rc == SNAP_OK && c->kind == CREDS_NONE)
		rc = from_instance(c, opts, err);
	profile_fini(&p);
	return rc;
}

enum snap_code
creds_open(const struct transport_opts *opts, const char *profile,
    struct http *http, struct creds **out, struct snap_err *err)
{
	struct creds *c = calloc(1, sizeof *c);
	enum snap_code rc;

	if (c == NULL || pthread_mutex_init(&c->lock, NULL) != 0) {
		free(c);
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	}
	c->http = http;
	rc = find(c, opts, profile, err);
	if (rc == SNAP_OK)
		*out = c;
	else
		creds_close(c);
	return rc;
}

/* ---- getting them */

static enum snap_code
no_credentials(struct snap_err *err)
{
	(void)snap_fail(err, SNAP_DENIED, "no credentials for S3 found");
	return snap_hint(err,
	    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a "
	    "profile of ~/.aws/credentials: -o s3.profile=NAME");
}

static enum snap_code
from_files_again(struct creds *c, struct creds_key *out, struct snap_err *err)
{
	struct profile p = { 0 };
	enum snap_code rc = read_profile(c, &p, err);

	if (rc == SNAP_OK && (p.key_id == NULL || p.secret == NULL))
		rc = no_credentials(err);
	if (rc == SNAP_OK) {
		*out = (struct creds_key){ p.key_id, p.secret, p.token, 0 };
		p.key_id = p.secret = p.token = NULL;
	}
	profile_fini(&p);
	return rc;
}

/* With the lock held: fetch and, only if that worked, replace. */
static enum snap_code
fetch(struct creds *c, struct snap_err *err)
{
	struct creds_key k = { NULL, NULL, NULL, 0 };
	struct snap_err why = SNAP_ERR_INIT;
	enum snap_code rc;

	switch (c->kind) {
	case CREDS_FILE:
		rc = from_files_again(c, &k, err);
		break;
	case CREDS_WEB:
		rc = creds_ask_sts(c, &k, err);
		break;
	case CREDS_CONTAINER:
		rc = creds_ask_container(c, &k, err);
		break;
	case CREDS_INSTANCE:
		rc = creds_ask_instance(c, &k, &why);
		if (rc != SNAP_OK && err != NULL)
			*err = why;
		/* On most machines there is no such service at all. */
		if (rc != SNAP_OK && rc != SNAP_CANCELLED &&
		    c->key.id == NULL) {
			rc = no_credentials(err);
			(void)snap_detail(err, "%s", why.msg);
		}
		break;
	default:
		rc = no_credentials(err);
		break;
	}
	if (rc != SNAP_OK)
		return rc;
	creds_key_fini(&c->key);
	c->key = k;
	return SNAP_OK;
}

static enum snap_code
copy_key(const struct creds_key *k, struct creds_key *out, struct snap_err *err)
{
	struct creds_key copy = { NULL, NULL, NULL, k->expires };
	enum snap_code rc = set(&copy.id, k->id, err);

	if (rc == SNAP_OK)
		rc = set(&copy.secret, k->secret, err);
	if (rc == SNAP_OK)
		rc = set(&copy.token, k->token, err);
	if (rc == SNAP_OK)
		*out = copy;
	else
		creds_key_fini(&copy);
	return rc;
}

enum snap_code
creds_get(struct creds *c, struct creds_key *out, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	int64_t now = (int64_t)time(NULL);

	pthread_mutex_lock(&c->lock);
	if (c->key.id == NULL ||
	    (c->key.expires != 0 && now >= c->key.expires) ||
	    (c->key.expires != 0 && now >= c->key.expires - RENEW_SECONDS &&
		now >= c->not_before)) {
		rc = fetch(c, err);
		c->not_before = now + PAUSE_SECONDS;
	}
	/* Renewing early is a precaution: what still holds is good enough. */
	if (rc != SNAP_OK && rc != SNAP_CANCELLED && c->key.id != NULL &&
	    now < c->key.expires)
		rc = SNAP_OK;
	if (rc == SNAP_OK)
		rc = copy_key(&c->key, out, err);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

static bool
same_key(const struct creds_key *a, const struct creds_key *b)
{
	return strcmp(a->id, b->id) == 0 &&
	       strcmp(a->token != NULL ? a->token : "",
		   b->token != NULL ? b->token : "") == 0;
}

enum snap_code
creds_renew(struct creds *c, const struct creds_key *used, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	pthread_mutex_lock(&c->lock);
	if (c->key.id == NULL || same_key(&c->key, used)) {
		rc = fetch(c, err);
		if (rc == SNAP_OK && same_key(&c->key, used))
			rc = SNAP_DENIED;
	}
	pthread_mutex_unlock(&c->lock);
	if (rc != SNAP_DENIED)
		return rc;
	(void)snap_fail(err, SNAP_DENIED,
	    "the session token from %s has expired", creds_source(c));
	return snap_hint(err, "Get new credentials and start again.");
}
