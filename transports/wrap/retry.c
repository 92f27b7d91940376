/* SPDX-License-Identifier: PostgreSQL */
/* retry.c - see retry.h. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "retry.h"
#include "transport_impl.h"

#define WAIT_FIRST_MS 500
#define WAIT_MAX_MS 60000

struct retry {
	struct transport base;
	struct transport *inner;
	struct retry_opts o;
};

/* One operation under way. */
struct tries {
	const struct retry_opts *o;
	const char *verb, *name;
	int64_t began, wait; /* ms */
	uint64_t noise;      /* for the jitter, which is no secret */
	unsigned n;          /* attempts that failed */
	char first[SNAP_ERR_MSG_MAX];
};

static struct tries
start(const struct retry_opts *o, const char *verb, const char *name)
{
	struct tries a = { o, verb, name, 0, WAIT_FIRST_MS, 0, 0, "" };
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	a.noise = ((uint64_t)now.tv_nsec << 20 ^ (uint64_t)getpid()) | 1;
	a.began = waiting_now(&o->time);
	return a;
}

/* Half of the wait, and a random part of the other half. */
static int64_t
jitter(struct tries *a)
{
	/* xorshift* (Vigna 2016) */
	a->noise ^= a->noise >> 12;
	a->noise ^= a->noise << 25;
	a->noise ^= a->noise >> 27;
	return a->wait / 2 +
	       (int64_t)(a->noise * UINT64_C(2685821657736338717) >> 33) %
		   (a->wait / 2 + 1);
}

/* Is the operation to be tried again?  Waits before it says so. */
static bool
again(struct tries *a, enum snap_code *rc, struct snap_err *err)
{
	const struct retry_opts *o = a->o;
	int64_t spent, wait;

	if (*rc != SNAP_TRANSIENT || o->give_up_s == 0)
		return false;
	if (a->n++ == 0)
		memcpy(a->first, err->msg, sizeof a->first);
	wait = jitter(a);
	if (wait < (int64_t)err->retry_after_s * 1000)
		wait = (int64_t)err->retry_after_s * 1000;
	a->wait = a->wait * 2 < WAIT_MAX_MS ? a->wait * 2 : WAIT_MAX_MS;
	spent = waiting_now(&o->time) - a->began;
	if (spent + wait > (int64_t)o->give_up_s * 1000) {
		bool other = strcmp(a->first, err->msg) != 0;

		(void)snap_detail(err,
		    "Gave up after %u attempts in %lld s (limit %u s)%s%.300s",
		    a->n, (long long)(spent / 1000), o->give_up_s,
		    other ? "; the first one: " : ".", other ? a->first : "");
		return false;
	}
	report_log(o->report, REPORT_INFO,
	    "%s %s: %s; trying again in %lld.%lld s", a->verb, a->name,
	    err->msg, (long long)(wait / 1000), (long long)(wait % 1000 / 100));
	if (waiting_for(&o->time, wait, o->report, err) == SNAP_OK)
		return true;
	*rc = err->code;
	return false;
}

static enum snap_code
retry_put(struct transport *t, const char *name, struct span data,
    struct transport_stat *st, struct snap_err *err)
{
	struct retry *r = (struct retry *)t;
	struct tries a = start(&r->o, "put", name);
	enum snap_code rc;

	do
		rc = inner_put(r->inner, name, data, st, err);
	while (again(&a, &rc, err));
	return rc;
}

static enum snap_code
retry_get(struct transport *t, const char *name, uint64_t off, size_t len,
    struct bytes *out, struct snap_err *err)
{
	struct retry *r = (struct retry *)t;
	struct tries a = start(&r->o, "get", name);
	enum snap_code rc;

	do
		rc = inner_get(r->inner, name, off, len, out, err);
	while (again(&a, &rc, err));
	return rc;
}

static enum snap_code
retry_stat(struct transport *t, const char *name, struct transport_stat *st,
    struct snap_err *err)
{
	struct retry *r = (struct retry *)t;
	struct tries a = start(&r->o, "stat", name);
	enum snap_code rc;

	do
		rc = inner_stat(r->inner, name, st, err);
	while (again(&a, &rc, err));
	return rc;
}

/* A listing as (size, time, name with its NUL), one after the other. */
static enum snap_code
keep_entry(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct bytes *all = arg;

	bytes_u64(all, st->size);
	bytes_u64(all, (uint64_t)st->time_ns);
	bytes_put(all, name, strlen(name) + 1);
	return bytes_check(all, err);
}

static enum snap_code
deliver(const struct bytes *all, transport_list_fn fn, void *arg,
    struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct transport_stat st;
	struct cursor c;

	cursor_init(&c, bytes_span(all));
	while (rc == SNAP_OK && !cursor_done(&c)) {
		const char *name;

		st.size = cursor_u64(&c);
		st.time_ns = (int64_t)cursor_u64(&c);
		name = (const char *)c.p;
		(void)cursor_span(&c, strlen(name) + 1);
		rc = fn(arg, name, &st, err);
	}
	return rc;
}

static enum snap_code
retry_list(struct transport *t, const char *prefix, transport_list_fn fn,
    void *arg, struct snap_err *err)
{
	struct retry *r = (struct retry *)t;
	struct tries a = start(&r->o, "list", prefix);
	struct bytes all;
	enum snap_code rc;

	bytes_init(&all, SIZE_MAX / 2);
	do {
		bytes_clear(&all);
		rc = inner_list(r->inner, prefix, keep_entry, &all, err);
	} while (again(&a, &rc, err));
	if (rc == SNAP_OK)
		rc = deliver(&all, fn, arg, err);
	bytes_fini(&all);
	return rc;
}

static enum snap_code
retry_del(struct transport *t, const char *name, struct snap_err *err)
{
	struct retry *r = (struct retry *)t;
	struct tries a = start(&r->o, "delete", name);
	enum snap_code rc;

	do
		rc = inner_del(r->inner, name, err);
	while (again(&a, &rc, err));
	return rc == SNAP_NOTFOUND && a.n > 0 ? SNAP_OK : rc;
}

static enum snap_code
retry_sweep(struct transport *t, int64_t before_ns, bool dry_run,
    struct transport_swept *out, struct snap_err *err)
{
	struct retry *r = (struct retry *)t;
	struct tries a = start(&r->o, "sweep", "temporary files");
	enum snap_code rc;

	do
		rc = inner_sweep(r->inner, before_ns, dry_run, out, err);
	while (again(&a, &rc, err));
	return rc;
}

static enum snap_code
retry_now(struct transport *t, int64_t *time_ns, struct snap_err *err)
{
	struct retry *r = (struct retry *)t;
	struct tries a = start(&r->o, "ask for", "the time");
	enum snap_code rc;

	do
		rc = inner_now(r->inner, time_ns, err);
	while (again(&a, &rc, err));
	return rc;
}

static void
retry_close(struct transport *t)
{
	struct retry *r = (struct retry *)t;

	transport_close(r->inner);
	free(r);
}

static void
retry_counts(const struct transport *t, struct transport_counts *out)
{
	inner_counts(((const struct retry *)t)->inner, out);
}

static const struct transport_ops retry_ops = {
	.put = retry_put,
	.get = retry_get,
	.stat = retry_stat,
	.list = retry_list,
	.del = retry_del,
	.now = retry_now,
	.sweep = retry_sweep,
	.counts = retry_counts,
	.close = retry_close,
};

enum snap_code
transport_open_again(const char *url, const struct transport_opts *opts,
    const struct retry_opts *retry, struct transport **out,
    struct snap_err *err)
{
	struct tries a = start(retry, "open", "the repository's store");
	enum snap_code rc;

	do
		rc = transport_open(url, opts, out, err);
	while (again(&a, &rc, err));
	return rc;
}

enum snap_code
transport_open_retry(struct transport *inner, const struct retry_opts *opts,
    struct transport **out, struct snap_err *err)
{
	struct retry *r = calloc(1, sizeof *r);
	enum snap_code rc;

	if (r == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	rc = transport_base_init(
	    &r->base, &retry_ops, transport_url(inner), err);
	if (rc != SNAP_OK) {
		free(r);
		return rc;
	}
	r->base.time_is_visibility = transport_time_is_visibility(inner);
	r->inner = inner;
	r->o = *opts;
	*out = &r->base;
	return SNAP_OK;
}

void
transport_retry_end(struct transport *t)
{
	((struct retry *)t)->o.give_up_s = 0;
}
