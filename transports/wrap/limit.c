/* SPDX-License-Identifier: PostgreSQL */
/* limit.c - see limit.h. */
#include <pthread.h>
#include <stdlib.h>

#include "limit.h"
#include "transport_impl.h"

struct budget {
	uint64_t rate;   /* bytes a second; 0 = no limit */
	int64_t free_at; /* us: what was spent is paid for by then */
};

struct limit {
	struct transport base;
	struct transport *inner;
	struct limit_opts o;
	pthread_mutex_t lock; /* of the budgets */
	struct budget up, down;
};

/* How long to wait, in ms, until the budget is out of debt. */
static int64_t
debt_ms(struct limit *l, struct budget *b)
{
	int64_t now = waiting_now(&l->o.time) * 1000, due;

	if (b->rate == 0)
		return 0;
	(void)pthread_mutex_lock(&l->lock);
	due = b->free_at > now ? b->free_at - now : 0;
	(void)pthread_mutex_unlock(&l->lock);
	return (due + 999) / 1000;
}

static void
spend(struct limit *l, struct budget *b, uint64_t bytes)
{
	int64_t now = waiting_now(&l->o.time) * 1000;

	if (b->rate == 0)
		return;
	(void)pthread_mutex_lock(&l->lock);
	if (b->free_at < now)
		b->free_at = now;
	b->free_at += (int64_t)(bytes * 1000000 / b->rate);
	(void)pthread_mutex_unlock(&l->lock);
}

/* Wait for the budget; several threads may have to wait again. */
static enum snap_code
my_turn(struct limit *l, struct budget *b, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	int64_t ms;

	while (rc == SNAP_OK && (ms = debt_ms(l, b)) > 0)
		rc = waiting_for(&l->o.time, ms, l->o.report, err);
	return rc;
}

static enum snap_code
limit_put(struct transport *t, const char *name, struct span data,
    struct transport_stat *st, struct snap_err *err)
{
	struct limit *l = (struct limit *)t;
	enum snap_code rc;

	rc = my_turn(l, &l->up, err);
	if (rc != SNAP_OK)
		return rc;
	/* Before it goes, so that another thread waits; and also if it fails.
	 */
	spend(l, &l->up, data.len);
	return inner_put(l->inner, name, data, st, err);
}

static enum snap_code
limit_get(struct transport *t, const char *name, uint64_t off, size_t len,
    struct bytes *out, struct snap_err *err)
{
	struct limit *l = (struct limit *)t;
	size_t before = out->len;
	enum snap_code rc;

	rc = my_turn(l, &l->down, err);
	if (rc != SNAP_OK)
		return rc;
	if (len != SIZE_MAX)
		spend(l, &l->down, len);
	rc = inner_get(l->inner, name, off, len, out, err);
	if (rc == SNAP_OK && len == SIZE_MAX)
		spend(l, &l->down, out->len - before);
	return rc;
}

static enum snap_code
limit_stat(struct transport *t, const char *name, struct transport_stat *st,
    struct snap_err *err)
{
	return inner_stat(((struct limit *)t)->inner, name, st, err);
}

static enum snap_code
limit_list(struct transport *t, const char *prefix, transport_list_fn fn,
    void *arg, struct snap_err *err)
{
	return inner_list(((struct limit *)t)->inner, prefix, fn, arg, err);
}

static enum snap_code
limit_del(struct transport *t, const char *name, struct snap_err *err)
{
	return inner_del(((struct limit *)t)->inner, name, err);
}

static enum snap_code
limit_sweep(struct transport *t, int64_t before_ns, bool dry_run,
    struct transport_swept *out, struct snap_err *err)
{
	return inner_sweep(
	    ((struct limit *)t)->inner, before_ns, dry_run, out, err);
}

static enum snap_code
limit_now(struct transport *t, int64_t *time_ns, struct snap_err *err)
{
	return inner_now(((struct limit *)t)->inner, time_ns, err);
}

static void
limit_close(struct transport *t)
{
	struct limit *l = (struct limit *)t;

	transport_close(l->inner);
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
}

static void
limit_counts(const struct transport *t, struct transport_counts *out)
{
	inner_counts(((const struct limit *)t)->inner, out);
}

static const struct transport_ops limit_ops = {
	.put = limit_put,
	.get = limit_get,
	.stat = limit_stat,
	.list = limit_list,
	.del = limit_del,
	.now = limit_now,
	.sweep = limit_sweep,
	.counts = limit_counts,
	.close = limit_close,
};

enum snap_code
transport_open_limit(struct transport *inner, const struct limit_opts *opts,
    struct transport **out, struct snap_err *err)
{
	struct limit *l = calloc(1, sizeof *l);
	enum snap_code rc;

	if (l == NULL || pthread_mutex_init(&l->lock, NULL) != 0) {
		free(l);
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	}
	rc = transport_base_init(
	    &l->base, &limit_ops, transport_url(inner), err);
	if (rc != SNAP_OK) {
		(void)pthread_mutex_destroy(&l->lock);
		free(l);
		return rc;
	}
	l->base.time_is_visibility = transport_time_is_visibility(inner);
	l->inner = inner;
	l->o = *opts;
	l->up.rate = opts->up;
	l->down.rate = opts->down;
	*out = &l->base;
	return SNAP_OK;
}
