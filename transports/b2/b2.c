/* SPDX-License-Identifier: PostgreSQL */
/*
 * b2.c - the operations of a transport on Backblaze B2.
 *
 * A put uploads a version and then looks whether it is the oldest of its name:
 * that alone makes it exclusive, and one request before it, to see whether the
 * name is free, would buy nothing for names that are random.  Only after a put
 * that ended in the dark is that asked first, lest the same bytes are sent
 * twice.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "b2_internal.h"

void
b2_escape(struct bytes *out, const char *s)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		    (c >= 'A' && c <= 'Z') || strchr("/-._~", c) != NULL) {
			bytes_u8(out, c);
		} else {
			bytes_u8(out, '%');
			bytes_u8(out, (uint8_t)digits[c >> 4]);
			bytes_u8(out, (uint8_t)digits[c & 15]);
		}
	}
}

static enum snap_code
sha1_of(struct span data, char hex[B2_SHA1_HEX + 1], struct snap_err *err)
{
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (EVP_Digest(data.p, data.len, md, &n, EVP_sha1(), NULL) != 1 ||
	    n != B2_SHA1_HEX / 2)
		return snap_fail(err, SNAP_IO,
		    "the cryptographic library cannot compute a SHA-1");
	hex_encode(md, n, hex);
	return SNAP_OK;
}

/* ---- get */

/* Bytes [off, off + n) of the version, appended; by name it is asked for only
 * while no other version is known, and then what comes must be that one. */
static enum snap_code
fetch_one(struct b2 *b, const char *name, const struct b2_found *f,
    bool by_name, uint64_t off, size_t n, struct bytes *out,
    struct snap_err *err)
{
	struct b2_request q = { .op = by_name ? B2_DOWNLOAD_BY_NAME
					      : B2_DOWNLOAD_BY_ID,
		.into = out,
		.into_max = n };
	size_t before = out->len;
	struct http_reply r;
	struct bytes path;
	char range[64];
	const char *id;
	enum snap_code rc;

	http_reply_init(&r, B2_ANSWER_MAX);
	bytes_init(&path, B2_PATH_MAX);
	if (by_name) {
		bytes_printf(&path, "/file/%s/", b->bucket);
		b2_escape(&path, b->prefix);
		b2_escape(&path, name);
	} else {
		bytes_put_str(
		    &path, "/b2api/v3/b2_download_file_by_id?fileId=");
		b2_escape(&path, f->id);
	}
	bytes_u8(&path, 0);
	rc = bytes_check(&path, err);
	q.path = (const char *)path.p;
	(void)snprintf(range, sizeof range, "Range: bytes=%llu-%llu",
	    (unsigned long long)off, (unsigned long long)(off + n - 1));
	if (off != 0 || n != f->size)
		q.range = range;
	if (rc == SNAP_OK)
		rc = b2_ask(b, &q, &r, err);
	id = http_header(&r, "X-Bz-File-Id");
	/* One in front of it may be longer, or end before the range. */
	if (by_name && rc == SNAP_CORRUPT)
		rc = snap_fail(err, SNAP_NOTFOUND, "another version in front");
	if (rc == SNAP_OK && (id == NULL || strcmp(id, f->id) != 0))
		rc = snap_fail(err, SNAP_NOTFOUND, "another version in front");
	if (rc == SNAP_OK && (r.status != (q.range != NULL ? 206 : 200) ||
				 out->len - before != n))
		rc = snap_fail(err, SNAP_CORRUPT,
		    "the service sent %zu bytes with status %d, asked for %zu",
		    out->len - before, r.status, n);
	if (rc != SNAP_OK)
		out->len = before;
	bytes_fini(&path);
	http_reply_fini(&r);
	return rc;
}

/*
 * What comes with the wrong hash is asked for once more, by whoever is told
 * that it was transient: then it is the object that is wrong.
 */
static enum snap_code
check_sha1(struct b2 *b, const char *name, struct b2_found *f, struct span data,
    struct snap_err *err)
{
	char sha1[B2_SHA1_HEX + 1];
	enum snap_code rc;
	bool same;

	rc = sha1_of(data, sha1, err);
	if (rc != SNAP_OK)
		return rc;
	same = strcmp(sha1, f->sha1) == 0;
	if (!same && f->suspect)
		return snap_fail(err, SNAP_CORRUPT,
		    "the bytes have not the SHA-1 they were stored with");
	if (f->suspect == same) {
		f->suspect = !same;
		b2_remember(b, name, f);
	}
	if (same)
		return SNAP_OK;
	return snap_fail(err, SNAP_TRANSIENT,
	    "the bytes came with another SHA-1 than they were stored with");
}

static enum snap_code
fetch(struct b2 *b, const char *name, struct b2_found *f, uint64_t off,
    size_t n, struct bytes *out, struct snap_err *err)
{
	size_t before = out->len;
	enum snap_code rc = SNAP_NOTFOUND;

	if (out->max - before < n)
		return snap_fail(err, SNAP_NOMEM, "no room for the bytes");
	if (!f->shadowed) {
		rc = fetch_one(b, name, f, true, off, n, out, err);
		if (rc == SNAP_NOTFOUND)
			f->shadowed = true;
	}
	if (rc == SNAP_NOTFOUND && f->shadowed) {
		rc = fetch_one(b, name, f, false, off, n, out, err);
		if (rc == SNAP_OK)
			b2_remember(b, name, f);
	}
	/* A hash that nobody has compared proves nothing. */
	if (rc == SNAP_OK && off == 0 && n == f->size && f->sha1_known)
		rc = check_sha1(b, name, f, span_of(out->p + before, n), err);
	return rc;
}

static enum snap_code
b2_get(struct transport *t, const char *name, uint64_t off, size_t len,
    struct bytes *out, struct snap_err *err)
{
	struct b2 *b = (struct b2 *)t;
	struct b2_found f = { 0 };
	size_t n = 0;
	bool known;
	enum snap_code rc;

	rc = b2_check_right(b, B2_DOWNLOAD_BY_NAME, err);
	if (rc != SNAP_OK)
		return rc;
	/* What is remembered may be of an object that was deleted since, and
	 * the name be in use again: only bytes prove that it is there. */
	known = b2_recall(b, name, &f) &&
		transport_range(f.size, off, len, &n, err) == SNAP_OK && n > 0;
	if (known)
		rc = fetch(b, name, &f, off, n, out, err);
	if (known && rc != SNAP_NOTFOUND)
		goto out;
	b2_found_fini(&f);
	b2_forget(b, name);
	rc = b2_find(b, name, true, &f, NULL, err);
	if (rc == SNAP_OK)
		rc = transport_range(f.size, off, len, &n, err);
	if (rc == SNAP_OK && n > 0)
		rc = fetch(b, name, &f, off, n, out, err);
out:
	b2_found_fini(&f);
	return rc;
}

/* ---- put */

/* Is what counts under the name ours, or the same bytes? */
static enum snap_code
compare(struct b2 *b, const char *name, struct b2_found *f, struct span data,
    const char *sha1, struct snap_err *err)
{
	struct bytes there;
	enum snap_code rc = SNAP_OK;
	bool same = f->size == data.len && strcmp(f->sha1, sha1) == 0;

	/* A hash that nobody has compared may be any text. */
	if (same && !f->sha1_known && data.len > 0) {
		bytes_init(&there, data.len);
		rc = fetch(b, name, f, 0, data.len, &there, err);
		same = rc == SNAP_OK && span_eq(bytes_span(&there), data);
		bytes_fini(&there);
	}
	if (rc == SNAP_OK && !same)
		rc = snap_fail(err, SNAP_EXISTS,
		    "an object with other bytes has that name");
	return rc;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static enum snap_code
b2_put(struct transport *t, const char *name, struct span data,
    struct transport_stat *st, struct snap_err *err)
{
	struct b2 *b = (struct b2 *)t;
	struct b2_found f = { 0 };
	struct snap_err ignored = SNAP_ERR_INIT;
	char sha1[B2_SHA1_HEX + 1], *id = NULL;
	int64_t date = 0;
	enum snap_code rc;

	rc = sha1_of(data, sha1, err);
	if (rc != SNAP_OK)
		return rc;
	if (b2_in_doubt(b, name)) {
		rc = b2_find(b, name, false, &f, &date, err);
		if (rc != SNAP_OK && rc != SNAP_NOTFOUND)
			return rc;
	}
	if (f.id == NULL) {
		rc = b2_upload(b, name, data, sha1, &id, err);
		if (rc == SNAP_OK)
			rc = b2_find(b, name, false, &f, &date, err);
		/* Stored, but not to be seen? */
		if (rc == SNAP_NOTFOUND)
			rc = snap_fail(err, SNAP_TRANSIENT,
			    "what was uploaded is not listed");
		if (rc == SNAP_TRANSIENT || rc == SNAP_CANCELLED)
			b2_note_doubt(b, name);
	}
	if (rc == SNAP_OK)
		rc = compare(b, name, &f, data, sha1, err);
	/* Ours came too late: away with it.  Who may not delete leaves it;
	 * nobody will read it. */
	if (id != NULL && f.id != NULL && strcmp(id, f.id) != 0 &&
	    b2_check_right(b, B2_DELETE, &ignored) == SNAP_OK)
		(void)b2_remove_version(b, name, id, &ignored);
	if (rc == SNAP_OK) {
		st->size = data.len;
		st->time_ns = later(f.time_ns, b2_time(date));
	}
	b2_found_fini(&f);
	free(id);
	return rc;
}

/* ---- the others */

static enum snap_code
b2_stat(struct transport *t, const char *name, struct transport_stat *st,
    struct snap_err *err)
{
	struct b2_found f = { 0 };
	enum snap_code rc;

	rc = b2_find((struct b2 *)t, name, false, &f, NULL, err);
	if (rc != SNAP_OK)
		return rc;
	st->size = f.size;
	st->time_ns = f.time_ns;
	b2_found_fini(&f);
	return SNAP_OK;
}

struct listing {
	transport_list_fn fn;
	void *arg;
};

static enum snap_code
list_one(
    void *arg, const char *name, const struct b2_found *f, struct snap_err *err)
{
	const struct listing *l = arg;
	struct transport_stat st = { f->size, f->time_ns };

	return l->fn(l->arg, name, &st, err);
}

static enum snap_code
b2_list_op(struct transport *t, const char *prefix, transport_list_fn fn,
    void *arg, struct snap_err *err)
{
	struct listing l = { fn, arg };

	return b2_list((struct b2 *)t, prefix, list_one, &l, err);
}

static enum snap_code
b2_delete(struct transport *t, const char *name, struct snap_err *err)
{
	return b2_remove((struct b2 *)t, name, err);
}

/* An upload URL is free and will be of use; who may not write pays for a
 * listing. */
static enum snap_code
b2_now(struct transport *t, int64_t *time_ns, struct snap_err *err)
{
	struct b2 *b = (struct b2 *)t;
	struct b2_target target = { NULL, NULL };
	int64_t date = 0;
	enum snap_code rc;

	if (b2_check_right(b, B2_UPLOAD, err) == SNAP_OK) {
		rc = b2_new_target(b, &target, &date, err);
		if (rc == SNAP_OK)
			b2_keep_target(b, &target);
	} else {
		rc = b2_list_nothing(b, &date, err);
	}
	if (rc != SNAP_OK)
		return rc;
	if (date == 0)
		return snap_fail(
		    err, SNAP_IO, "the service does not say what time it is");
	*time_ns = b2_time(date);
	return SNAP_OK;
}

static void
b2_counts(const struct transport *t, struct transport_counts *out)
{
	const struct b2 *b = (const struct b2 *)t;

	out->class_a = atomic_load(&b->n_class[0]);
	out->class_b = atomic_load(&b->n_class[1]);
	out->class_c = atomic_load(&b->n_class[2]);
}

void
b2_free(struct b2 *b)
{
	if (b == NULL)
		return;
	for (size_t i = 0; i < b->n_targets; i++)
		b2_target_fini(&b->targets[i]);
	b2_session_free(b->session);
	b2_known_free(b->known);
	http_close(b->http);
	b2_wipe_free(b->basic);
	free(b->realm);
	free(b->bucket);
	free(b->bucket_id);
	free(b->key_id);
	free(b->prefix);
	(void)pthread_mutex_destroy(&b->renewing);
	(void)pthread_mutex_destroy(&b->lock);
	free(b);
}

static void
b2_close(struct transport *t)
{
	b2_free((struct b2 *)t);
}

const struct transport_ops b2_ops = {
	.put = b2_put,
	.get = b2_get,
	.stat = b2_stat,
	.list = b2_list_op,
	.del = b2_delete,
	.now = b2_now,
	.counts = b2_counts,
	.close = b2_close,
};
