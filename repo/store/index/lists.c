/* SPDX-License-Identifier: PostgreSQL */
/* lists.c - see lists.h. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "blockindex.h"
#include "lists.h"
#include "run.h"
#include "workers.h"

/* What was heard so long ago is asked for anew. */
#define STALE_NS INT64_C(10000000000)

struct ask {
	const char *prefix;
	struct listing *out; /* NULL: packs */
	int64_t *now;        /* not NULL: the time, and no list */
};

void
listing_fini(struct listing *l)
{
	free(l->v);
	memset(l, 0, sizeof *l);
}

static enum snap_code
collect(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct listing *l = arg;
	struct listed one;
	void *p = l->v;
	enum snap_code rc;

	if (!store_name_parse(name, &one.kind, one.id))
		return SNAP_OK;
	one.size = st->size;
	one.time = st->time_ns;
	rc = vec_room(&p, &l->cap, l->n, sizeof *l->v, err);
	l->v = p;
	if (rc == SNAP_OK)
		l->v[l->n++] = one;
	return rc;
}

static enum snap_code
list_pack(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct store *s = arg;
	uint8_t kind, id[ID_LEN];

	if (!store_name_parse(name, &kind, id) ||
	    (kind != OBJ_DATA && kind != OBJ_META))
		return SNAP_OK;
	return blockindex_list(s->index, kind, id, st, err);
}

static enum snap_code
ask_one(void *arg, void *job, struct snap_err *err)
{
	const struct ask *a = job;
	struct store *s = arg;

	if (a->now != NULL)
		return transport_now(s->t, a->now, err);
	if (a->out == NULL)
		return transport_list(s->t, a->prefix, list_pack, s, err);
	return transport_list(s->t, a->prefix, collect, a->out, err);
}

static enum snap_code
ask_all(struct store *s, struct ask *v, size_t n, struct snap_err *err)
{
	enum snap_code rc =
	    workers_each(s->n_requests, ask_one, s, v, n, sizeof *v, err);

	return rc == SNAP_OK ? report_check(s->report, err) : rc;
}

static enum snap_code
ask_for_packs(struct store *s, struct snap_err *err)
{
	struct ask packs[] = { { "data/", NULL, NULL },
		{ "meta/", NULL, NULL } };

	return ask_all(s, packs, 2, err);
}

void
look_lists_fini(struct look_lists *l)
{
	listing_fini(&l->condemned);
	listing_fini(&l->index);
}

enum snap_code
look_lists_read(struct store *s, struct look_lists *l,
    struct listing *snapshots, struct snap_err *err)
{
	struct ask first[] = { { NULL, NULL, &l->l0 },
		{ "snapshots/", snapshots, NULL } };
	struct ask then[] = { { "condemned/", &l->condemned, NULL },
		{ "index/", &l->index, NULL } };
	enum snap_code rc;

	l->boot = local_boot();
	rc = ask_all(s, first, snapshots == NULL ? 1 : 2, err);
	blockindex_look_begin(s->index);
	if (rc == SNAP_OK)
		rc = ask_all(s, then, 2, err);
	if (rc == SNAP_OK)
		rc = ask_for_packs(s, err);
	return rc;
}

enum snap_code
look_lists_condemned(
    struct store *s, struct look_lists *l, struct snap_err *err)
{
	struct ask one = { "condemned/", &l->condemned, NULL };

	return ask_all(s, &one, 1, err);
}

enum snap_code
look_lists_again(struct store *s, struct look_lists *l, struct snap_err *err)
{
	struct ask one = { "index/", &l->index, NULL };
	enum snap_code rc;

	l->index.n = 0;
	blockindex_look_begin(s->index);
	rc = ask_all(s, &one, 1, err);
	return rc == SNAP_OK ? ask_for_packs(s, err) : rc;
}

/* ---- ahead */

struct ahead {
	struct store *s;
	pthread_t thread;
	bool running, look; /* to be joined; more than snapshots/ */
	bool has_look, has_snapshots;
	int64_t boot;
	struct look_lists lists;
	struct listing snapshots;
};

/* Failures are not told: whoever needs it asks again, and is told. */
static void *
ahead_main(void *arg)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct ahead *a = arg;
	struct ask one = { "snapshots/", &a->snapshots, NULL };

	a->boot = local_boot();
	if (!a->look) {
		a->has_snapshots = ask_all(a->s, &one, 1, &ignored) == SNAP_OK;
		return NULL;
	}
	a->has_look = look_lists_read(
			  a->s, &a->lists, &a->snapshots, &ignored) == SNAP_OK;
	a->has_snapshots = a->has_look;
	return NULL;
}

void
ahead_start(struct store *s, bool look)
{
	struct ahead *a;
	sigset_t all, old;

	if (s->n_requests <= 1 || (a = calloc(1, sizeof *a)) == NULL)
		return;
	a->s = s;
	a->look = look;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	a->running = pthread_create(&a->thread, NULL, ahead_main, a) == 0;
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	s->state->ahead = a;
}

/* What it has, if it is of now. */
static struct ahead *
await(struct store *s)
{
	struct ahead *a = s->state->ahead;

	if (a == NULL)
		return NULL;
	if (a->running)
		(void)pthread_join(a->thread, NULL);
	a->running = false;
	return local_boot() - a->boot < STALE_NS ? a : NULL;
}

bool
ahead_look(struct store *s, struct look_lists *out)
{
	struct ahead *a = await(s);

	if (a == NULL || !a->has_look)
		return false;
	*out = a->lists;
	memset(&a->lists, 0, sizeof a->lists);
	a->has_look = false;
	return true;
}

enum snap_code
snapshots_list(struct store *s, struct listing *out, struct snap_err *err)
{
	struct ask one = { "snapshots/", out, NULL };
	struct ahead *a = await(s);

	memset(out, 0, sizeof *out);
	if (a == NULL || !a->has_snapshots)
		return ask_all(s, &one, 1, err);
	*out = a->snapshots;
	memset(&a->snapshots, 0, sizeof a->snapshots);
	a->has_snapshots = false;
	return SNAP_OK;
}

void
ahead_free(struct store *s)
{
	struct ahead *a = s->state->ahead;

	if (a == NULL)
		return;
	(void)await(s);
	look_lists_fini(&a->lists);
	listing_fini(&a->snapshots);
	free(a);
	s->state->ahead = NULL;
}
