/* SPDX-License-Identifier: PostgreSQL */
/* b2_json.c - decode what Backblaze B2 answers. */
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "b2_json.h"

#define URL_MAX 1024
#define VALUES_MAX                                                             \
	((size_t)1 << 19) /* of a page: 5,000 versions have 200,000 */
#define NS_PER_MS 1000000
#define NS_PER_S 1000000000

static const struct {
	enum b2_capability one;
	const char *name;
} capabilities[] = {
	{ B2_CAN_LIST_BUCKETS, "listBuckets" },
	{ B2_CAN_LIST_FILES, "listFiles" },
	{ B2_CAN_READ_FILES, "readFiles" },
	{ B2_CAN_WRITE_FILES, "writeFiles" },
	{ B2_CAN_DELETE_FILES, "deleteFiles" },
};
#define N_CAPABILITIES (sizeof capabilities / sizeof capabilities[0])

const char *
b2_capability_name(enum b2_capability one)
{
	for (size_t i = 0; i < N_CAPABILITIES; i++)
		if (capabilities[i].one == one)
			return capabilities[i].name;
	return "?";
}

void
b2_wipe(void *secret, size_t len)
{
	OPENSSL_cleanse(secret, len);
}

void
b2_wipe_free(char *secret)
{
	if (secret != NULL)
		b2_wipe(secret, strlen(secret));
	free(secret);
}

int64_t
b2_time(int64_t ns)
{
	return (ns / NS_PER_S + 1) * NS_PER_S;
}

/* ---- fields */

static enum snap_code
bad(struct snap_err *err, const char *field)
{
	return snap_fail(err, SNAP_CORRUPT,
	    "the answer of the service is not as documented: %s", field);
}

/* A value of two bytes costs a hundred in memory. */
static bool
is_small(struct span text)
{
	bool quoted = false;
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.p[i];

		if (c == '"')
			quoted = !quoted;
		else if (quoted)
			i += c == '\\';
		else
			n += c == ',' || c == '[' || c == '{';
	}
	return n <= VALUES_MAX;
}

static enum snap_code
load(struct span text, json_t **out, struct snap_err *err)
{
	json_t *root = NULL;

	if (is_small(text))
		root = json_loadb((const char *)text.p, text.len,
		    JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(root)) {
		json_decref(root);
		return bad(err, "it is no JSON object");
	}
	*out = root;
	return SNAP_OK;
}

/* A string of 1 to `max` bytes; NULL: there is no such field, or not so. */
static const char *
text_of(const json_t *o, const char *field, size_t max)
{
	const json_t *v = json_object_get(o, field);
	size_t n = json_string_length(v);

	return json_is_string(v) && n > 0 && n <= max ? json_string_value(v)
						      : NULL;
}

/* Is the field absent, null, or the empty string? */
static bool
is_none(const json_t *o, const char *field)
{
	const json_t *v = json_object_get(o, field);

	return v == NULL || json_is_null(v) ||
	       (json_is_string(v) && json_string_length(v) == 0);
}

/* Only printable ASCII without blanks: it goes into a header or a URL. */
static bool
is_plain(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static enum snap_code
copy_text(const json_t *o, const char *field, size_t max, bool optional,
    char **out, struct snap_err *err)
{
	const char *s = text_of(o, field, max);

	if (optional && is_none(o, field))
		return SNAP_OK;
	if (s == NULL)
		return bad(err, field);
	*out = strdup(s);
	if (*out == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	return SNAP_OK;
}

/* As copy_text(), of something that is sent back to the service. */
static enum snap_code
copy_plain(const json_t *o, const char *field, size_t max, char **out,
    struct snap_err *err)
{
	const char *s = text_of(o, field, max);

	if (s == NULL || !is_plain(s))
		return bad(err, field);
	return copy_text(o, field, max, false, out, err);
}

/* The address of a service, without slashes at its end. */
static enum snap_code
copy_url(const json_t *o, const char *field, char **out, struct snap_err *err)
{
	enum snap_code rc = copy_plain(o, field, URL_MAX, out, err);

	if (rc != SNAP_OK)
		return rc;
	for (size_t n = strlen(*out); n > 0 && (*out)[n - 1] == '/'; n--)
		(*out)[n - 1] = '\0';
	return SNAP_OK;
}

/* ---- b2_authorize_account */

static enum snap_code
decode_capabilities(const json_t *list, unsigned *out, struct snap_err *err)
{
	unsigned found = 0;

	if (!json_is_array(list))
		return bad(err, "capabilities");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));

		if (s == NULL)
			return bad(err, "capabilities");
		for (size_t j = 0; j < N_CAPABILITIES; j++)
			if (strcmp(s, capabilities[j].name) == 0)
				found |= (unsigned)capabilities[j].one;
	}
	*out = found;
	return SNAP_OK;
}

enum snap_code
b2_auth_decode(struct span text, struct b2_auth *out, struct snap_err *err)
{
	struct b2_auth a = { 0 };
	const json_t *api;
	json_t *root = NULL;
	enum snap_code rc;

	rc = load(text, &root, err);
	if (rc != SNAP_OK)
		return rc;
	api = json_object_get(json_object_get(root, "apiInfo"), "storageApi");
	if (!json_is_object(api)) {
		rc = bad(err, "apiInfo.storageApi");
		goto out;
	}
	rc = copy_plain(root, "accountId", B2_ID_MAX, &a.account_id, err);
	if (rc == SNAP_OK)
		rc = copy_plain(
		    root, "authorizationToken", B2_TOKEN_MAX, &a.token, err);
	if (rc == SNAP_OK)
		rc = copy_url(api, "apiUrl", &a.api_url, err);
	if (rc == SNAP_OK)
		rc = copy_url(api, "downloadUrl", &a.download_url, err);
	if (rc == SNAP_OK && !is_none(api, "bucketId"))
		rc = copy_plain(api, "bucketId", B2_ID_MAX, &a.bucket_id, err);
	if (rc == SNAP_OK)
		rc = copy_text(
		    api, "bucketName", B2_NAME_MAX, true, &a.bucket_name, err);
	if (rc == SNAP_OK)
		rc = copy_text(
		    api, "namePrefix", B2_NAME_MAX, true, &a.name_prefix, err);
	if (rc == SNAP_OK)
		rc = decode_capabilities(
		    json_object_get(api, "capabilities"), &a.capabilities, err);
out:
	json_decref(root);
	if (rc == SNAP_OK)
		*out = a;
	else
		b2_auth_fini(&a);
	return rc;
}

void
b2_auth_fini(struct b2_auth *a)
{
	b2_wipe_free(a->token);
	free(a->account_id);
	free(a->api_url);
	free(a->download_url);
	free(a->bucket_id);
	free(a->bucket_name);
	free(a->name_prefix);
	memset(a, 0, sizeof *a);
}

/* ---- b2_list_buckets */

/* Does one of the rules hide or delete what begins with `prefix`? */
static bool
rules_expire(const json_t *rules, const char *prefix)
{
	for (size_t i = 0; i < json_array_size(rules); i++) {
		const json_t *rule = json_array_get(rules, i);
		const char *p =
		    json_string_value(json_object_get(rule, "fileNamePrefix"));
		size_t n;

		if (is_none(rule, "daysFromHidingToDeleting") &&
		    is_none(rule, "daysFromUploadingToHiding"))
			continue;
		if (p == NULL)
			return true;
		n = strlen(p) < strlen(prefix) ? strlen(p) : strlen(prefix);
		if (strncmp(p, prefix, n) == 0)
			return true;
	}
	return false;
}

enum snap_code
b2_bucket_decode(struct span text, const char *name, const char *prefix,
    struct b2_bucket *out, struct snap_err *err)
{
	struct b2_bucket found = { NULL, false };
	json_t *root = NULL, *list;
	enum snap_code rc;

	rc = load(text, &root, err);
	if (rc != SNAP_OK)
		return rc;
	list = json_object_get(root, "buckets");
	if (!json_is_array(list))
		rc = bad(err, "buckets");
	for (size_t i = 0; rc == SNAP_OK && i < json_array_size(list); i++) {
		const json_t *b = json_array_get(list, i);
		const char *s = text_of(b, "bucketName", B2_NAME_MAX);

		if (s == NULL)
			rc = bad(err, "bucketName");
		else if (strcmp(s, name) == 0 && found.id == NULL) {
			rc = copy_plain(
			    b, "bucketId", B2_ID_MAX, &found.id, err);
			found.expires = rules_expire(
			    json_object_get(b, "lifecycleRules"), prefix);
		}
	}
	json_decref(root);
	if (rc == SNAP_OK)
		*out = found;
	else
		free(found.id);
	return rc;
}

/* ---- b2_get_upload_url, b2_upload_file */

enum snap_code
b2_target_decode(struct span text, struct b2_target *out, struct snap_err *err)
{
	struct b2_target t = { NULL, NULL };
	json_t *root = NULL;
	enum snap_code rc;

	rc = load(text, &root, err);
	if (rc != SNAP_OK)
		return rc;
	rc = copy_plain(root, "uploadUrl", B2_TOKEN_MAX, &t.url, err);
	if (rc == SNAP_OK)
		rc = copy_plain(
		    root, "authorizationToken", B2_TOKEN_MAX, &t.token, err);
	json_decref(root);
	if (rc == SNAP_OK)
		*out = t;
	else
		b2_target_fini(&t);
	return rc;
}

void
b2_target_fini(struct b2_target *t)
{
	b2_wipe_free(t->url); /* it names the token's place */
	b2_wipe_free(t->token);
	t->url = NULL;
	t->token = NULL;
}

enum snap_code
b2_upload_decode(struct span text, char **id, struct snap_err *err)
{
	json_t *root = NULL;
	enum snap_code rc;

	rc = load(text, &root, err);
	if (rc != SNAP_OK)
		return rc;
	rc = copy_plain(root, "fileId", B2_ID_MAX, id, err);
	json_decref(root);
	return rc;
}

/* ---- b2_list_file_versions */

/* "<40 hex>", or "unverified:<40 hex>" when the uploader gave none; of large
 * files it is "none". */
static bool
decode_sha1(const char *s, struct b2_version *v)
{
	static const char unverified[] = "unverified:";
	size_t n = sizeof unverified - 1;

	v->sha1_known = strncmp(s, unverified, n) != 0;
	if (!v->sha1_known)
		s += n;
	if (strlen(s) != B2_SHA1_HEX)
		return false;
	for (size_t i = 0; i < B2_SHA1_HEX; i++) {
		char c = s[i];

		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
			return false;
		v->sha1[i] = c;
	}
	v->sha1[B2_SHA1_HEX] = '\0';
	return true;
}

static enum snap_code
decode_version(const json_t *o, struct b2_version *v, struct snap_err *err)
{
	const json_t *size = json_object_get(o, "contentLength");
	const json_t *time = json_object_get(o, "uploadTimestamp");
	const char *action = text_of(o, "action", B2_ID_MAX);
	const char *sha1 = json_string_value(json_object_get(o, "contentSha1"));

	memset(v, 0, sizeof *v);
	v->name = text_of(o, "fileName", B2_NAME_MAX);
	if (v->name == NULL)
		return bad(err, "fileName");
	if (action == NULL)
		return bad(err, "action");
	v->is_unfinished = strcmp(action, "start") == 0;
	if (strcmp(action, "folder") == 0)
		return SNAP_OK;
	v->id = text_of(o, "fileId", B2_ID_MAX);
	if (v->id == NULL || !is_plain(v->id))
		return bad(err, "fileId");
	if (!json_is_integer(time) || json_integer_value(time) < 0 ||
	    json_integer_value(time) > INT64_MAX / NS_PER_MS - NS_PER_S)
		return bad(err, "uploadTimestamp");
	v->time_ns = b2_time((int64_t)json_integer_value(time) * NS_PER_MS);
	if (strcmp(action, "upload") != 0 && strcmp(action, "copy") != 0)
		return SNAP_OK;
	if (!json_is_integer(size) || json_integer_value(size) < 0)
		return bad(err, "contentLength");
	v->size = (uint64_t)json_integer_value(size);
	v->is_object = sha1 != NULL && decode_sha1(sha1, v);
	return SNAP_OK;
}

enum snap_code
b2_page_decode(struct span text, struct b2_page *out, struct snap_err *err)
{
	struct b2_page p = { NULL, NULL, 0, NULL, NULL };
	const json_t *files;
	enum snap_code rc;

	rc = load(text, &p.root, err);
	if (rc != SNAP_OK)
		return rc;
	files = json_object_get(p.root, "files");
	if (!json_is_array(files)) {
		rc = bad(err, "files");
		goto out;
	}
	p.n = json_array_size(files);
	p.versions = calloc(p.n > 0 ? p.n : 1, sizeof *p.versions);
	if (p.versions == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
	for (size_t i = 0; rc == SNAP_OK && i < p.n; i++)
		rc = decode_version(
		    json_array_get(files, i), &p.versions[i], err);
	if (rc == SNAP_OK && !is_none(p.root, "nextFileName")) {
		p.next_name = text_of(p.root, "nextFileName", B2_NAME_MAX);
		p.next_id = text_of(p.root, "nextFileId", B2_ID_MAX);
		if (p.next_name == NULL)
			rc = bad(err, "nextFileName");
		else if (p.next_id == NULL && !is_none(p.root, "nextFileId"))
			rc = bad(err, "nextFileId");
	}
out:
	if (rc == SNAP_OK)
		*out = p;
	else
		b2_page_fini(&p);
	return rc;
}

void
b2_page_fini(struct b2_page *p)
{
	json_decref(p->root);
	free(p->versions);
	memset(p, 0, sizeof *p);
}

/* ---- errors */

void
b2_error_decode(struct span text, struct b2_error *out)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	json_t *root = NULL;
	const char *s;
	size_t n = 0;

	memset(out, 0, sizeof *out);
	/* A proxy in between answers with a page: the status says it all. */
	if (load(text, &root, &ignored) != SNAP_OK)
		return;
	s = text_of(root, "code", sizeof out->code - 1);
	for (; s != NULL && *s != '\0'; s++)
		out->code[n++] =
		    (*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') ? *s
									 : '_';
	s = json_string_value(json_object_get(root, "message"));
	for (n = 0; s != NULL && *s != '\0' && n < sizeof out->message - 1; s++)
		out->message[n++] = *s >= ' ' && *s <= '~' ? *s : '?';
	json_decref(root);
}
