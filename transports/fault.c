/* SPDX-License-Identifier: PostgreSQL */
/*
 * fault.c - a transport that fails where a test says.
 *
 * Requests go to the inner back-end's vtable, past transport_*(): the outer
 * handle has checked and counted them already, and messages keep one context.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"
#include "transport_impl.h"

struct slot {
	struct fault_rule rule;
	uint64_t n_seen;
};

struct fault {
	struct transport base;
	struct transport *inner;
	pthread_mutex_t lock; /* of all below */
	struct slot slot[FAULT_RULES_MAX];
	size_t n_slots;
	uint64_t n_calls[FAULT_N_OPS];
	fault_hook_fn hook;
	void *hook_arg;
};

/* What is to happen to one request. */
struct verdict {
	bool strikes;
	enum fault_kind kind;
	enum snap_code code;
	size_t at;
};

static bool
slot_strikes(struct slot *s, enum fault_op op, const char *name)
{
	const struct fault_rule *r = &s->rule;
	uint64_t nth = r->nth > 0 ? r->nth : 1;
	uint64_t times = r->times > 0 ? r->times : 1;

	if (r->op != FAULT_ANY && r->op != op)
		return false;
	if (r->prefix != NULL &&
	    strncmp(name, r->prefix, strlen(r->prefix)) != 0)
		return false;
	s->n_seen++;
	return s->n_seen >= nth && s->n_seen - nth < times;
}

/* Count the call, ask the hook, judge.  Not SNAP_OK: fail at once. */
static enum snap_code
begin(struct fault *f, enum fault_op op, const char *name, struct verdict *v,
    struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	fault_hook_fn hook;
	void *arg;
	size_t i;

	memset(v, 0, sizeof *v);
	pthread_mutex_lock(&f->lock);
	f->n_calls[op]++;
	f->n_calls[FAULT_ANY]++;
	hook = f->hook;
	arg = f->hook_arg;
	for (i = 0; i < f->n_slots; i++) {
		if (slot_strikes(&f->slot[i], op, name) && !v->strikes) {
			v->strikes = true;
			v->kind = f->slot[i].rule.kind;
			v->code = f->slot[i].rule.code;
			v->at = f->slot[i].rule.at;
		}
	}
	pthread_mutex_unlock(&f->lock);
	if (hook != NULL)
		rc = hook(arg, op, name, err);
	if (rc == SNAP_OK && v->strikes && v->kind == FAULT_BEFORE)
		rc = snap_fail(err, v->code, "injected fault before");
	return rc;
}

/* The result of a request that came back with `rc`. */
static enum snap_code
end(const struct verdict *v, enum snap_code rc, struct snap_err *err)
{
	if (rc == SNAP_OK && v->strikes && v->kind == FAULT_AFTER)
		rc = snap_fail(err, v->code, "injected fault after");
	return rc;
}

static enum snap_code
fault_put(struct transport *t, const char *name, struct span data,
    struct transport_stat *st, struct snap_err *err)
{
	struct fault *f = (struct fault *)t;
	struct verdict v;
	enum snap_code rc;

	rc = begin(f, FAULT_PUT, name, &v, err);
	if (rc == SNAP_OK)
		rc = end(&v, inner_put(f->inner, name, data, st, err), err);
	return rc;
}

static enum snap_code
fault_get(struct transport *t, const char *name, uint64_t off, size_t len,
    struct bytes *out, struct snap_err *err)
{
	struct fault *f = (struct fault *)t;
	size_t before = out->len, n;
	struct verdict v;
	enum snap_code rc;

	rc = begin(f, FAULT_GET, name, &v, err);
	if (rc == SNAP_OK)
		rc =
		    end(&v, inner_get(f->inner, name, off, len, out, err), err);
	if (rc != SNAP_OK || !v.strikes)
		return rc;
	n = out->len - before;
	if (v.kind == FAULT_TRUNCATE && v.at < n)
		out->len = before + v.at;
	else if (v.kind == FAULT_FLIP && n > 0)
		out->p[before + v.at % n] ^= 1;
	return SNAP_OK;
}

static enum snap_code
fault_stat(struct transport *t, const char *name, struct transport_stat *st,
    struct snap_err *err)
{
	struct fault *f = (struct fault *)t;
	struct verdict v;
	enum snap_code rc;

	rc = begin(f, FAULT_STAT, name, &v, err);
	if (rc == SNAP_OK)
		rc = end(&v, inner_stat(f->inner, name, st, err), err);
	return rc;
}

static enum snap_code
fault_list(struct transport *t, const char *prefix, transport_list_fn fn,
    void *arg, struct snap_err *err)
{
	struct fault *f = (struct fault *)t;
	struct verdict v;
	enum snap_code rc;

	rc = begin(f, FAULT_LIST, prefix, &v, err);
	if (rc == SNAP_OK)
		rc = end(&v, inner_list(f->inner, prefix, fn, arg, err), err);
	return rc;
}

static enum snap_code
fault_del(struct transport *t, const char *name, struct snap_err *err)
{
	struct fault *f = (struct fault *)t;
	struct verdict v;
	enum snap_code rc;

	rc = begin(f, FAULT_DELETE, name, &v, err);
	if (rc == SNAP_OK)
		rc = end(&v, inner_del(f->inner, name, err), err);
	return rc;
}

static enum snap_code
fault_sweep(struct transport *t, int64_t before_ns, bool dry_run,
    struct transport_swept *out, struct snap_err *err)
{
	return inner_sweep(
	    ((struct fault *)t)->inner, before_ns, dry_run, out, err);
}

static enum snap_code
fault_now(struct transport *t, int64_t *time_ns, struct snap_err *err)
{
	struct fault *f = (struct fault *)t;
	struct verdict v;
	enum snap_code rc;

	rc = begin(f, FAULT_NOW, "", &v, err);
	if (rc == SNAP_OK)
		rc = end(&v, inner_now(f->inner, time_ns, err), err);
	return rc;
}

static void
fault_close(struct transport *t)
{
	struct fault *f = (struct fault *)t;

	transport_close(f->inner);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static void
fault_counts(const struct transport *t, struct transport_counts *out)
{
	inner_counts(((const struct fault *)t)->inner, out);
}

static const struct transport_ops fault_ops = {
	.put = fault_put,
	.get = fault_get,
	.stat = fault_stat,
	.list = fault_list,
	.del = fault_del,
	.now = fault_now,
	.sweep = fault_sweep,
	.counts = fault_counts,
	.close = fault_close,
};

enum snap_code
transport_open_fault(
    struct transport *inner, struct transport **out, struct snap_err *err)
{
	struct fault *f = calloc(1, sizeof *f);
	enum snap_code rc;

	if (f == NULL || pthread_mutex_init(&f->lock, NULL) != 0) {
		free(f);
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	}
	rc = transport_base_init(
	    &f->base, &fault_ops, transport_url(inner), err);
	if (rc != SNAP_OK) {
		pthread_mutex_destroy(&f->lock);
		free(f);
		return rc;
	}
	f->base.time_is_visibility = transport_time_is_visibility(inner);
	f->inner = inner;
	*out = &f->base;
	return SNAP_OK;
}

enum snap_code
fault_add(
    struct transport *t, const struct fault_rule *rule, struct snap_err *err)
{
	struct fault *f = (struct fault *)t;
	enum snap_code rc = SNAP_OK;

	pthread_mutex_lock(&f->lock);
	if (f->n_slots == FAULT_RULES_MAX) {
		rc = snap_fail(err, SNAP_USAGE, "too many fault rules");
	} else {
		f->slot[f->n_slots].rule = *rule;
		f->slot[f->n_slots].n_seen = 0;
		f->n_slots++;
	}
	pthread_mutex_unlock(&f->lock);
	return rc;
}

void
fault_clear(struct transport *t)
{
	struct fault *f = (struct fault *)t;

	pthread_mutex_lock(&f->lock);
	f->n_slots = 0;
	f->hook = NULL;
	f->hook_arg = NULL;
	pthread_mutex_unlock(&f->lock);
}

void
fault_set_hook(struct transport *t, fault_hook_fn fn, void *arg)
{
	struct fault *f = (struct fault *)t;

	pthread_mutex_lock(&f->lock);
	f->hook = fn;
	f->hook_arg = arg;
	pthread_mutex_unlock(&f->lock);
}

uint64_t
fault_calls(struct transport *t, enum fault_op op)
{
	struct fault *f = (struct fault *)t;
	uint64_t n;

	pthread_mutex_lock(&f->lock);
	n = f->n_calls[op];
	pthread_mutex_unlock(&f->lock);
	return n;
}
