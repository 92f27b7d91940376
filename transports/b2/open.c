/* SPDX-License-Identifier: PostgreSQL */
/*
 * open.c - b2://bucket[/prefix], its settings and the application key.
 *
 * The key is asked what it may do before anything else happens, so that a key
 * for another bucket or prefix is named as such, not met as a mystery later.
 */
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "b2_internal.h"
#include "url.h"

#define REALM "https://api.backblazeb2.com"
#define KEY_MAX 512        /* bytes of a key's id or secret */
#define KEY_READ_MAX 16384 /* of what may be read for it */
#define PREFIX_MAX 800     /* bytes: a name has to fit behind it */

/* ---- URL */

static bool
bucket_ok(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if ((c < '0' || c > '9') && (c < 'a' || c > 'z') &&
		    (c < 'A' || c > 'Z') && c != '-')
			return false;
	}
	return n > 0 && n <= 63;
}

/* The path of the URL without slashes around it, and one behind. */
static enum snap_code
read_prefix(const char *path, char **out, struct snap_err *err)
{
	size_t n;
	char *s;

	path += strspn(path, "/");
	n = strlen(path);
	while (n > 0 && path[n - 1] == '/')
		n--;
	s = calloc(1, n + 2);
	if (s == NULL)
		return b2_no_memory(err);
	memcpy(s, path, n);
	if (n > 0)
		s[n] = '/';
	if (n > PREFIX_MAX || strstr(s, "//") != NULL ||
	    strchr(s, '\\') != NULL) {
		free(s);
		(void)snap_fail(err, SNAP_USAGE,
		    "the path of the URL cannot begin names at Backblaze B2");
		return snap_detail(err,
		    "It may have %d bytes, and no \"//\" or backslash.",
		    PREFIX_MAX);
	}
	*out = s;
	return SNAP_OK;
}

static enum snap_code
read_url(struct b2 *b, const char *text, struct snap_err *err)
{
	struct url u;
	json_t *utf8;
	enum snap_code rc;

	rc = url_parse(text, &u, err);
	if (rc != SNAP_OK)
		return rc;
	if (u.user != NULL || u.port != 0 || !bucket_ok(u.host)) {
		(void)snap_fail(
		    err, SNAP_USAGE, "the URL names no bucket of B2");
		rc = snap_hint(err, "Write b2://BUCKET or b2://BUCKET/PATH.");
	}
	if (rc == SNAP_OK)
		rc = read_prefix(u.path, &b->prefix, err);
	if (rc == SNAP_OK) {
		b->bucket = u.host;
		u.host = NULL;
		/* JSON can only say what is UTF-8. */
		utf8 = json_string(b->prefix);
		if (utf8 == NULL)
			rc = snap_fail(err, SNAP_USAGE,
			    "the path of the URL is not UTF-8");
		json_decref(utf8);
	}
	url_fini(&u);
	return rc;
}

/* ---- credentials */

static const char *
ask(const char *(*fn)(void *arg, const char *name), void *arg, const char *name)
{
	const char *value = fn == NULL ? NULL : fn(arg, name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

/* Where the two parts of a key are looked for: settings first. */
static enum snap_code
read_key(struct b2 *b, const struct transport_opts *o, struct bytes *key,
    struct snap_err *err)
{
	const char *id = ask(o->setting, o->arg, "b2.key-id");
	const char *known_id =
	    ask(o->variable, o->arg, "B2_APPLICATION_KEY_ID");
	const char *known = ask(o->variable, o->arg, "B2_APPLICATION_KEY");
	char prompt[128];
	enum snap_code rc = SNAP_NOTFOUND;

	if (id == NULL)
		id = known_id;
	if (id == NULL) {
		(void)snap_fail(err, SNAP_USAGE, "no application key is given");
		return snap_hint(err,
		    "Give its id with -o b2.key-id=ID and the key with "
		    "-o b2.key-file=FILE or -o b2.key-command=COMMAND, or both "
		    "as $B2_APPLICATION_KEY_ID and $B2_APPLICATION_KEY.");
	}
	if (strlen(id) > KEY_MAX || strpbrk(id, ": \t\r\n") != NULL)
		return snap_fail(
		    err, SNAP_USAGE, "b2.key-id is no id of a key");
	b->key_id = strdup(id);
	if (b->key_id == NULL)
		return b2_no_memory(err);
	if (o->secret != NULL)
		rc = o->secret(o->arg, "b2.key", NULL, key, err);
	/* A key in the environment belongs to the id beside it. */
	if (rc == SNAP_NOTFOUND && known != NULL &&
	    (known_id == NULL || strcmp(known_id, id) == 0)) {
		bytes_put_str(key, known);
		rc = SNAP_OK;
	}
	if (rc == SNAP_NOTFOUND && o->secret != NULL) {
		(void)snprintf(
		    prompt, sizeof prompt, "Application key of %.80s: ", id);
		rc = o->secret(o->arg, "b2.key", prompt, key, err);
	}
	if (rc == SNAP_NOTFOUND) {
		(void)snap_fail(
		    err, SNAP_USAGE, "the application key %s is not given", id);
		return snap_hint(err,
		    "Give it with -o b2.key-file=FILE or "
		    "-o b2.key-command=COMMAND, or as $B2_APPLICATION_KEY.");
	}
	return rc == SNAP_OK ? bytes_check(key, err) : rc;
}

/* The header "Authorization: Basic ..." of id and key. */
static enum snap_code
make_basic(struct b2 *b, const struct bytes *key, struct snap_err *err)
{
	static const char start[] = "Authorization: Basic ";
	struct bytes pair;
	enum snap_code rc;
	size_t n = sizeof start - 1;

	bytes_init(&pair, (size_t)2 * KEY_MAX + 1);
	bytes_put_str(&pair, b->key_id);
	bytes_u8(&pair, ':');
	bytes_put_span(&pair, bytes_span(key));
	rc = bytes_check(&pair, err);
	if (key->len == 0 || key->len > KEY_MAX)
		rc = snap_fail(err, SNAP_USAGE,
		    key->len == 0 ? "the application key is empty"
				  : "b2.key is too long for a key");
	if (rc == SNAP_OK) {
		b->basic = calloc(1, n + 4 * (pair.len / 3 + 1) + 1);
		if (b->basic == NULL)
			rc = b2_no_memory(err);
	}
	if (rc == SNAP_OK) {
		memcpy(b->basic, start, n);
		(void)EVP_EncodeBlock(
		    (unsigned char *)b->basic + n, pair.p, (int)pair.len);
	}
	bytes_fini_wipe(&pair);
	return rc;
}

static enum snap_code
read_settings(
    struct b2 *b, const struct transport_opts *o, struct snap_err *err)
{
	const char *realm = ask(o->setting, o->arg, "b2.realm");
	struct bytes key;
	size_t n;
	enum snap_code rc;

	if (realm == NULL)
		realm = REALM;
	n = strlen(realm);
	while (n > 0 && realm[n - 1] == '/')
		n--;
	if (n > B2_NAME_MAX)
		return snap_fail(err, SNAP_USAGE, "b2.realm is too long");
	b->realm = calloc(1, n + 1);
	if (b->realm == NULL)
		return b2_no_memory(err);
	memcpy(b->realm, realm, n);
	bytes_init(&key, KEY_READ_MAX);
	rc = read_key(b, o, &key, err);
	while (rc == SNAP_OK && key.len > 0 &&
	       (key.p[key.len - 1] == '\n' || key.p[key.len - 1] == '\r'))
		key.len--;
	if (rc == SNAP_OK)
		rc = make_basic(b, &key, err);
	bytes_fini_wipe(&key);
	return rc;
}

/* ---- what the key may do, and where */

static enum snap_code
check_restrictions(
    const struct b2 *b, const struct b2_auth *a, struct snap_err *err)
{
	const char *only = a->name_prefix;

	if (a->bucket_id != NULL &&
	    (a->bucket_name == NULL ||
		strcmp(a->bucket_name, b->bucket) != 0)) {
		if (a->bucket_name == NULL)
			return snap_fail(err, SNAP_DENIED,
			    "the application key %s is for a bucket that is "
			    "gone",
			    b->key_id);
		(void)snap_fail(err, SNAP_DENIED,
		    "the application key %s is for the bucket %.64s only",
		    b->key_id, a->bucket_name);
		return snap_hint(err,
		    "Use b2://%.64s, or a key for the bucket %s.",
		    a->bucket_name, b->bucket);
	}
	if (only != NULL && strncmp(b->prefix, only, strlen(only)) != 0) {
		(void)snap_fail(err, SNAP_DENIED,
		    "the application key %s is for names that begin with "
		    "\"%.200s\" only",
		    b->key_id, only);
		return snap_hint(err, "Use b2://%s/%.200s", b->bucket, only);
	}
	return b2_check_right(b, B2_LIST_VERSIONS, err);
}

/*
 * A rule that deletes versions because newer ones came, or because a name was
 * hidden, deletes the very ones that count.
 */
static enum snap_code
check_bucket(const struct b2 *b, const struct b2_bucket *found, bool create,
    struct snap_err *err)
{
	if (found->id == NULL) {
		(void)snap_fail(
		    err, SNAP_NOREPO, "there is no bucket %s", b->bucket);
		return snap_hint(
		    err, "Make it: b2 bucket create %s allPrivate", b->bucket);
	}
	if (!found->expires || !create)
		return SNAP_OK;
	(void)snap_fail(err, SNAP_UNSUPPORTED,
	    "a lifecycle rule of the bucket %s deletes files", b->bucket);
	(void)snap_detail(
	    err, "Whoever may only write could so have backups deleted.");
	return snap_hint(err,
	    "Let it keep all versions: b2 bucket update "
	    "--lifecycle-rules \"[]\" %s",
	    b->bucket);
}

static enum snap_code
find_bucket(struct b2 *b, bool create, struct snap_err *err)
{
	const struct b2_auth *a = &b->session->auth;
	struct b2_request q = { .op = B2_LIST_BUCKETS };
	struct b2_bucket found = { NULL, false };
	struct http_reply r;
	enum snap_code rc;

	if (a->bucket_id != NULL) {
		b->bucket_id = strdup(a->bucket_id);
		if (b->bucket_id == NULL)
			return b2_no_memory(err);
		/* The rules can be seen only with one more right. */
		if (!create || (b->capabilities & B2_CAN_LIST_BUCKETS) == 0)
			return SNAP_OK;
	}
	http_reply_init(&r, B2_ANSWER_MAX);
	q.json = json_pack(
	    "{s:s, s:s}", "accountId", a->account_id, "bucketName", b->bucket);
	rc = q.json != NULL ? b2_ask(b, &q, &r, err) : b2_no_memory(err);
	json_decref(q.json);
	if (rc == SNAP_OK)
		rc = b2_bucket_decode(
		    bytes_span(&r.body), b->bucket, b->prefix, &found, err);
	http_reply_fini(&r);
	if (rc == SNAP_OK)
		rc = check_bucket(b, &found, create, err);
	if (rc == SNAP_OK && b->bucket_id == NULL) {
		b->bucket_id = found.id;
		found.id = NULL;
	}
	free(found.id);
	return rc;
}

enum snap_code
transport_open_b2(const char *url, const struct transport_opts *opts,
    struct transport **out, struct snap_err *err)
{
	struct b2 *b = calloc(1, sizeof *b);
	enum snap_code rc;

	if (b == NULL)
		return b2_no_memory(err);
	if (pthread_mutex_init(&b->lock, NULL) != 0) {
		free(b);
		return b2_no_memory(err);
	}
	if (pthread_mutex_init(&b->renewing, NULL) != 0) {
		(void)pthread_mutex_destroy(&b->lock);
		free(b);
		return b2_no_memory(err);
	}
	for (size_t i = 0; i < 3; i++)
		atomic_init(&b->n_class[i], 0);
	rc = transport_base_init(&b->base, &b2_ops, url, err);
	if (rc == SNAP_OK)
		rc = read_url(b, url, err);
	if (rc == SNAP_OK)
		rc = http_open(opts, "b2", &b->http, err);
	if (rc == SNAP_OK)
		rc = read_settings(b, opts, err);
	if (rc == SNAP_OK)
		rc = b2_authorize(b, err);
	if (rc == SNAP_OK) {
		b->capabilities = b->session->auth.capabilities;
		rc = check_restrictions(b, &b->session->auth, err);
	}
	if (rc == SNAP_OK)
		rc = find_bucket(b, opts->create != 0, err);
	if (rc == SNAP_OK) {
		*out = &b->base;
		return SNAP_OK;
	}
	transport_base_fini(&b->base);
	b2_free(b);
	return rc;
}
