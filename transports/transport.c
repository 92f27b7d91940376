/* SPDX-License-Identifier: PostgreSQL */
/*
 * transport.c - the door in front of all back-ends.
 *
 * Arguments are checked, requests counted and messages given their context
 * here, once, so that a back-end is nothing but its store.  What a back-end
 * hands back is checked too as far as it can be: the store is not trusted.
 */
#include <stdlib.h>
#include <string.h>

#include "transport_impl.h"

static bool
part_start_ok(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

bool
transport_prefix_ok(const char *prefix)
{
	size_t i;

	for (i = 0; prefix[i] != '\0'; i++) {
		char c = prefix[i];
		bool first = i == 0 || prefix[i - 1] == '/';

		if (i >= TRANSPORT_NAME_MAX)
			return false;
		if (part_start_ok(c))
			continue;
		/* Only letters and digits start a part: "/x", "a//b" and
		 * "a/.b" end here. */
		if (first || (c != '/' && c != '.' && c != '-'))
			return false;
		if (c == '.' && prefix[i - 1] == '.')
			return false;
	}
	return true;
}

bool
transport_name_ok(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && transport_prefix_ok(name) && name[len - 1] != '/';
}

static enum snap_code
check_name(const char *name, struct snap_err *err)
{
	if (name != NULL && transport_name_ok(name))
		return SNAP_OK;
	return snap_fail(err, SNAP_USAGE, "invalid object name \"%.200s\"",
	    name != NULL ? name : "");
}

enum snap_code
transport_base_init(struct transport *t, const struct transport_ops *ops,
    const char *url, struct snap_err *err)
{
	t->ops = ops;
	atomic_init(&t->n_put, 0);
	atomic_init(&t->n_get, 0);
	atomic_init(&t->n_stat, 0);
	atomic_init(&t->n_list, 0);
	atomic_init(&t->n_del, 0);
	atomic_init(&t->bytes_up, 0);
	atomic_init(&t->bytes_down, 0);
	t->time_is_visibility = true;
	t->is_remote = strstr(url, "://") != NULL;
	t->url = strdup(url);
	if (t->url == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	return SNAP_OK;
}

void
transport_base_fini(struct transport *t)
{
	free(t->url);
	t->url = NULL;
}

enum snap_code
transport_range(uint64_t size, uint64_t off, size_t len, size_t *n_out,
    struct snap_err *err)
{
	uint64_t n;

	if (off > size || (len != SIZE_MAX && len > size - off)) {
		(void)snap_fail(err, SNAP_CORRUPT, "the object is too short");
		return snap_detail(err,
		    "It has %llu bytes, wanted were %llu from offset %llu.",
		    (unsigned long long)size,
		    (unsigned long long)(len == SIZE_MAX ? 0 : len),
		    (unsigned long long)off);
	}
	n = len == SIZE_MAX ? size - off : len;
	if (n > TRANSPORT_SIZE_MAX) {
		(void)snap_fail(err, SNAP_CORRUPT, "the object is too large");
		return snap_detail(err,
		    "It has %llu bytes, objects have at most %u.",
		    (unsigned long long)size, TRANSPORT_SIZE_MAX);
	}
	*n_out = (size_t)n;
	return SNAP_OK;
}

enum snap_code
transport_open(const char *url, const struct transport_opts *opts,
    struct transport **out, struct snap_err *err)
{
	static const struct transport_opts defaults = { .create = 0 };
	const char *sep;

	if (url == NULL || url[0] == '\0')
		return snap_fail(err, SNAP_USAGE, "empty repository URL");
	if (opts == NULL)
		opts = &defaults;
	if (strncmp(url, "s3://", 5) == 0 || strncmp(url, "s3:http", 7) == 0)
		return transport_open_s3(url, opts, out, err);
	if (strncmp(url, "b2://", 5) == 0)
		return transport_open_b2(url, opts, out, err);
	if (strncmp(url, "sftp://", 7) == 0)
		return transport_open_sftp(url, opts, out, err);
	sep = strstr(url, "://");
	/* A path may hold "://" further on, but a scheme holds no slash. */
	if (sep == NULL || memchr(url, '/', (size_t)(sep - url)) != NULL)
		return transport_open_local(url, opts, out, err);
	if (sep == url)
		return snap_fail(err, SNAP_USAGE, "URL without a scheme");
	/* The rest of the URL may hold a password: it stays out of this. */
	(void)snap_fail(err, SNAP_USAGE,
	    "repositories at %.*s:// are not supported",
	    (int)(sep - url > 32 ? 32 : sep - url), url);
	return snap_hint(err,
	    "Give the path of a directory, or sftp://USER@HOST/PATH, "
	    "s3://BUCKET/PATH or b2://BUCKET/PATH.");
}

void
transport_close(struct transport *t)
{
	if (t == NULL)
		return;
	transport_base_fini(t);
	t->ops->close(t);
}

enum snap_code
inner_put(struct transport *t, const char *name, struct span data,
    struct transport_stat *st, struct snap_err *err)
{
	enum snap_code rc;

	atomic_fetch_add(&t->n_put, 1);
	rc = t->ops->put(t, name, data, st, err);
	if (rc == SNAP_OK)
		atomic_fetch_add(&t->bytes_up, data.len);
	return rc;
}

enum snap_code
inner_get(struct transport *t, const char *name, uint64_t off, size_t len,
    struct bytes *out, struct snap_err *err)
{
	size_t before = out->len;
	enum snap_code rc;

	atomic_fetch_add(&t->n_get, 1);
	rc = t->ops->get(t, name, off, len, out, err);
	if (rc == SNAP_OK)
		atomic_fetch_add(&t->bytes_down, out->len - before);
	else
		out->len = before;
	return rc;
}

enum snap_code
inner_stat(struct transport *t, const char *name, struct transport_stat *st,
    struct snap_err *err)
{
	atomic_fetch_add(&t->n_stat, 1);
	return t->ops->stat(t, name, st, err);
}

enum snap_code
inner_list(struct transport *t, const char *prefix, transport_list_fn fn,
    void *arg, struct snap_err *err)
{
	atomic_fetch_add(&t->n_list, 1);
	return t->ops->list(t, prefix, fn, arg, err);
}

enum snap_code
inner_del(struct transport *t, const char *name, struct snap_err *err)
{
	atomic_fetch_add(&t->n_del, 1);
	return t->ops->del(t, name, err);
}

enum snap_code
inner_now(struct transport *t, int64_t *time_ns, struct snap_err *err)
{
	atomic_fetch_add(&t->n_stat, 1);
	return t->ops->now(t, time_ns, err);
}

enum snap_code
transport_put(struct transport *t, const char *name, struct span data,
    struct transport_stat *st_out, struct snap_err *err)
{
	struct transport_stat st = { 0, 0 };
	enum snap_code rc;

	rc = check_name(name, err);
	if (rc != SNAP_OK)
		return rc;
	if (data.len > TRANSPORT_SIZE_MAX)
		return snap_fail(err, SNAP_USAGE,
		    "put %s: %zu bytes are more than an object may have", name,
		    data.len);
	if (data.p == NULL && data.len > 0)
		return snap_fail(err, SNAP_USAGE, "put %s: no bytes", name);
	if (data.p == NULL)
		data.p = (const uint8_t *)"";

	rc = inner_put(t, name, data, &st, err);
	if (rc != SNAP_OK)
		return snap_wrap(err, "put %s", name);
	if (st_out != NULL)
		*st_out = st;
	return SNAP_OK;
}

enum snap_code
transport_get(struct transport *t, const char *name, uint64_t off, size_t len,
    struct bytes *out, struct snap_err *err)
{
	size_t before;
	enum snap_code rc;

	rc = check_name(name, err);
	if (rc == SNAP_OK)
		rc = bytes_check(out, err);
	if (rc != SNAP_OK)
		return rc;
	before = out->len;
	rc = inner_get(t, name, off, len, out, err);
	if (rc == SNAP_OK && len != SIZE_MAX && out->len - before != len)
		rc = snap_fail(err, SNAP_CORRUPT,
		    "the store sent %zu bytes, asked for %zu",
		    out->len - before, len);
	if (rc != SNAP_OK) {
		out->len = before;
		return snap_wrap(err, "get %s", name);
	}
	return SNAP_OK;
}

enum snap_code
transport_stat(struct transport *t, const char *name,
    struct transport_stat *out, struct snap_err *err)
{
	struct transport_stat st = { 0, 0 };
	enum snap_code rc;

	rc = check_name(name, err);
	if (rc != SNAP_OK)
		return rc;
	rc = inner_stat(t, name, &st, err);
	if (rc != SNAP_OK)
		return snap_wrap(err, "stat %s", name);
	*out = st;
	return SNAP_OK;
}

struct filter {
	const char *prefix;
	size_t prefix_len, n;
	transport_list_fn fn;
	void *arg;
	bool stopped; /* the caller's fn failed: its message is its own */
};

enum snap_code
transport_no_end(struct snap_err *err)
{
	return snap_fail(err, SNAP_CORRUPT, "the listing has no end");
}

static enum snap_code
filter_entry(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct filter *f = arg;
	enum snap_code rc;

	if (++f->n > TRANSPORT_LISTED_MAX)
		return transport_no_end(err);
	if (!transport_name_ok(name) ||
	    strncmp(name, f->prefix, f->prefix_len) != 0)
		return SNAP_OK;
	rc = f->fn(f->arg, name, st, err);
	f->stopped = rc != SNAP_OK;
	return rc;
}

enum snap_code
transport_list(struct transport *t, const char *prefix, transport_list_fn fn,
    void *arg, struct snap_err *err)
{
	struct filter f = { prefix, 0, 0, fn, arg, false };
	enum snap_code rc;

	if (prefix == NULL || !transport_prefix_ok(prefix))
		return snap_fail(err, SNAP_USAGE,
		    "invalid object name prefix \"%.200s\"",
		    prefix != NULL ? prefix : "");
	f.prefix_len = strlen(prefix);
	rc = inner_list(t, prefix, filter_entry, &f, err);
	if (rc != SNAP_OK && !f.stopped)
		return snap_wrap(err, "list %s", prefix);
	return rc;
}

enum snap_code
transport_delete(struct transport *t, const char *name, struct snap_err *err)
{
	enum snap_code rc;

	rc = check_name(name, err);
	if (rc != SNAP_OK)
		return rc;
	rc = inner_del(t, name, err);
	if (rc != SNAP_OK)
		return snap_wrap(err, "delete %s", name);
	return SNAP_OK;
}

enum snap_code
inner_sweep(struct transport *t, int64_t before_ns, bool dry_run,
    struct transport_swept *out, struct snap_err *err)
{
	return t->ops->sweep == NULL
		   ? SNAP_OK
		   : t->ops->sweep(t, before_ns, dry_run, out, err);
}

enum snap_code
transport_space(struct transport *t, struct transport_space *out,
    struct snap_err *err)
{
	if (t->ops->space == NULL)
		return snap_fail(err, SNAP_UNSUPPORTED,
		    "such a store does not say how much room it has");
	if (t->ops->space(t, out, err) != SNAP_OK)
		return snap_wrap(err, "ask for room");
	return SNAP_OK;
}

enum snap_code
transport_sweep(struct transport *t, int64_t before_ns, bool dry_run,
    struct transport_swept *out, struct snap_err *err)
{
	if (inner_sweep(t, before_ns, dry_run, out, err) != SNAP_OK)
		return snap_wrap(err, "sweep temporary files");
	return SNAP_OK;
}

bool
transport_is_temporary(const char *leaf, size_t len)
{
	static const char begin[] = ".tmp-";
	size_t n = sizeof begin - 1;

	if (len != n + 16 || memcmp(leaf, begin, n) != 0)
		return false;
	for (; n < len; n++)
		if (!((leaf[n] >= '0' && leaf[n] <= '9') ||
			(leaf[n] >= 'a' && leaf[n] <= 'f')))
			return false;
	return true;
}

enum snap_code
transport_now(struct transport *t, int64_t *time_ns, struct snap_err *err)
{
	int64_t now = 0;
	enum snap_code rc;

	rc = inner_now(t, &now, err);
	if (rc != SNAP_OK)
		return snap_wrap(err, "ask the store for its time");
	*time_ns = now;
	return SNAP_OK;
}

bool
transport_time_is_visibility(const struct transport *t)
{
	return t->time_is_visibility;
}

bool
transport_is_remote(const struct transport *t)
{
	return t->is_remote;
}

const char *
transport_url(const struct transport *t)
{
	return t->url;
}

void
transport_counts(const struct transport *t, struct transport_counts *out)
{
	out->put = atomic_load(&t->n_put);
	out->get = atomic_load(&t->n_get);
	out->stat = atomic_load(&t->n_stat);
	out->list = atomic_load(&t->n_list);
	out->del = atomic_load(&t->n_del);
	out->bytes_up = atomic_load(&t->bytes_up);
	out->bytes_down = atomic_load(&t->bytes_down);
	out->class_a = out->class_b = out->class_c = 0;
	inner_counts(t, out);
}

void
inner_counts(const struct transport *t, struct transport_counts *out)
{
	if (t->ops->counts != NULL)
		t->ops->counts(t, out);
}
