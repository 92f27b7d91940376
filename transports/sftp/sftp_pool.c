/* SPDX-License-Identifier: PostgreSQL */
/*
 * sftp_pool.c - several connections.
 *
 * One that broke is closed.  To make one takes many round trips, so whoever
 * finds none idle has one made and waits for that or any other: only where
 * there is none at all it is made by who needs it, and who hears why it
 * fails.  The one used last is handed out first, so that those too many fall
 * asleep.  Gets share one where there are not enough, or where the object is
 * open there: see sftp_share.c.
 */
#include <stdlib.h>
#include <time.h>

#include "sftp_internal.h"

#define SLICE_NS 100000000L /* between two looks for a cancellation */
#define DOUBTFUL_MS 60000   /* after being idle for so long, ask first */
#define DOUBT_MS 10000      /* and wait no longer for the answer */
#define ENOUGH_MS 10000     /* after one could not be made, make do */
#define READERS_MAX 4       /* of one connection, at once */
#define EARLY 3u            /* to come with the first */

static void
conn_free(struct sftp_conn *c)
{
	if (c == NULL)
		return;
	ssh_close(&c->ssh);
	bytes_fini(&c->out);
	bytes_fini(&c->in);
	free(c);
}

static void
wait_a_little(struct sftp *f)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += SLICE_NS;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	(void)pthread_cond_timedwait(&f->free_one, &f->lock, &until);
}

static bool start_maker(struct sftp *f);

/* How to log in is found out by the first; the others have come as far as
 * that meanwhile. */
static enum snap_code
wait_for_first(struct sftp *f, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	pthread_mutex_lock(&f->lock);
	while (rc == SNAP_OK && !f->entered) {
		rc = report_check(f->cfg.opts->report, err);
		if (rc == SNAP_OK && atomic_load(&f->closing))
			rc = snap_fail(
			    err, SNAP_CANCELLED, "the store is closed");
		if (rc == SNAP_OK)
			wait_a_little(f);
	}
	pthread_mutex_unlock(&f->lock);
	return rc;
}

/* Whoever opens a store asks for several things at once. */
static void
start_early(struct sftp *f)
{
	pthread_mutex_lock(&f->lock);
	while (f->n_making < EARLY && f->n_conns < f->max_conns)
		if (!start_maker(f))
			break;
	pthread_mutex_unlock(&f->lock);
}

/* Log in: the first finds out how, and lets the others go on. */
static enum snap_code
log_in(struct sftp *f, struct sftp_conn *c, bool first, struct snap_err *err)
{
	enum snap_code rc = ssh_auth_login(f->auth, &c->ssh, err);

	if (rc != SNAP_OK || !first)
		return rc;
	pthread_mutex_lock(&f->lock);
	f->entered = true;
	pthread_cond_broadcast(&f->free_one);
	pthread_mutex_unlock(&f->lock);
	return SNAP_OK;
}

static enum snap_code
start(struct sftp *f, struct sftp_conn *c, bool first, struct snap_err *err)
{
	enum snap_code rc;

	sftp_hello_begin(c);
	/* Before it has answered at all, only OpenSSH is known to take more. */
	if (first && c->ssh.in_order) {
		f->root_asked = true;
		sftp_ask_path(c, SFTP_STAT, f->root);
	}
	rc = ssh_start(&c->ssh, err);
	return rc == SNAP_OK ? sftp_hello(c, err) : rc;
}

static enum snap_code
conn_new(
    struct sftp *f, bool by_maker, struct sftp_conn **out, struct snap_err *err)
{
	struct sftp_conn *c = calloc(1, sizeof *c);
	enum snap_code rc;
	bool first;

	if (c == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a connection");
	/* Until there is one, the store is one thread's. */
	first = !by_maker && !f->entered;
	rc = ssh_open(&c->ssh, &f->cfg, err);
	if (rc == SNAP_OK && first)
		start_early(f);
	else if (rc == SNAP_OK)
		rc = wait_for_first(f, err);
	if (rc == SNAP_OK)
		rc = log_in(f, c, first, err);
	if (rc == SNAP_OK)
		rc = start(f, c, first, err);
	if (rc != SNAP_OK) {
		conn_free(c);
		return rc;
	}
	*out = c;
	return SNAP_OK;
}

/* Does an idle connection still work?  A firewall may have forgotten it
 * without a word to us, so after a while it has to show. */
static bool
conn_works(struct sftp *f, struct sftp_conn *c)
{
	struct ssh_cfg quick = f->cfg;
	struct sftp_answer a;
	struct snap_err err;
	uint32_t first;
	bool works;

	/* Behind answers that nobody waited for, there may be the end. */
	if (!sftp_drain(c))
		return false;
	if (ssh_clock_ms() - c->idle_since < DOUBTFUL_MS)
		return true;
	if (quick.silence_ms > DOUBT_MS)
		quick.silence_ms = DOUBT_MS;
	c->ssh.cfg = &quick;
	first = c->next_id;
	sftp_ask_path(c, SFTP_LSTAT, f->root);
	works = sftp_answers(c, first, &a, 1, &err) == SNAP_OK;
	c->ssh.cfg = &f->cfg;
	return works;
}

/* One connection less, because it broke (NULL) or could not be made.  Under
 * the lock. */
static void
one_less(struct sftp *f, const struct snap_err *failure)
{
	f->n_conns--;
	if (failure != NULL) {
		f->failure = *failure;
		f->n_failed++;
		f->enough_until = ssh_clock_ms() + ENOUGH_MS;
	}
	pthread_cond_broadcast(&f->free_one);
}

static void
forget(struct sftp *f, const struct snap_err *failure)
{
	pthread_mutex_lock(&f->lock);
	one_less(f, failure);
	pthread_mutex_unlock(&f->lock);
}

/* ---- more of them, made while others do the work */

struct sftp_maker {
	struct sftp_maker *next;
	struct sftp *f;
	pthread_t id;
	bool done; /* under f->lock */
};

static void *
make_one(void *arg)
{
	struct sftp_maker *m = arg;
	struct sftp *f = m->f;
	struct sftp_conn *c = NULL;
	struct snap_err err;
	enum snap_code rc;

	rc = conn_new(f, true, &c, &err);
	pthread_mutex_lock(&f->lock);
	f->n_making--;
	m->done = true;
	if (rc != SNAP_OK) {
		/* A server may not want so many: what there is has to do. */
		one_less(f, &err);
	} else {
		c->idle_since = ssh_clock_ms();
		c->next = f->idle;
		f->idle = c;
		pthread_cond_broadcast(&f->free_one);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

/* Wait for makers: those that are done, or all. */
static void
reap(struct sftp *f, bool all)
{
	struct sftp_maker **at = &f->makers, *m;

	while ((m = *at) != NULL) {
		if (!all && !m->done) {
			at = &m->next;
			continue;
		}
		*at = m->next;
		(void)pthread_join(m->id, NULL);
		free(m);
	}
}

/* Have one made, under the lock.  Without memory there is just none. */
static bool
start_maker(struct sftp *f)
{
	struct sftp_maker *m;

	reap(f, false);
	m = calloc(1, sizeof *m);
	if (m == NULL)
		return false;
	m->f = f;
	if (pthread_create(&m->id, NULL, make_one, m) != 0) {
		free(m);
		return false;
	}
	m->next = f->makers;
	f->makers = m;
	f->n_making++;
	f->n_conns++;
	return true;
}

/* ---- give and take */

/* Take an idle one out of the list: one that has the object open, or else the
 * one used last. */
static struct sftp_conn *
pick(struct sftp *f, const char *name)
{
	struct sftp_conn **at = &f->idle, *c;

	while (name != NULL && *at != NULL && !sftp_has_open(*at, name))
		at = &(*at)->next;
	if (*at == NULL)
		at = &f->idle;
	c = *at;
	*at = c->next;
	return c;
}

/* Have another one made, if it helps and is allowed.  Under the lock. */
static void
want_more(struct sftp *f)
{
	if (f->idle == NULL && f->n_conns > 0 && f->n_making < f->n_waiting &&
	    f->n_conns < f->max_conns && ssh_clock_ms() >= f->enough_until)
		(void)start_maker(f);
}

/* Make `g` a reader of a connection that others read by: of one that has the
 * object open, which saves a round trip, or where none is idle.  But who wants
 * one alone comes first.  Under the lock. */
static struct sftp_conn *
join_one(struct sftp *f, struct sftp_get *g)
{
	struct sftp_conn *c, *best = NULL;

	for (c = f->idle; c != NULL; c = c->next)
		if (sftp_has_open(c, g->name))
			return NULL;
	for (c = f->shared; c != NULL && f->n_alone == 0; c = c->next) {
		if (c->n_readers >= READERS_MAX)
			continue;
		if (sftp_has_open(c, g->name)) {
			best = c;
			break;
		}
		if (f->idle == NULL &&
		    (best == NULL || c->n_readers < best->n_readers))
			best = c;
	}
	if (best != NULL) {
		g->next = best->readers;
		best->readers = g;
		best->n_readers++;
		ssh_wake(&best->ssh);
	}
	return best;
}

/* An idle connection, or NULL with the right to make the only one; or, for a
 * get, one that it joined. */
static enum snap_code
take_idle(struct sftp *f, struct sftp_get *g, struct sftp_conn **out,
    bool *joined, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	unsigned seen;

	*out = NULL;
	pthread_mutex_lock(&f->lock);
	seen = f->n_failed;
	f->n_waiting++;
	f->n_alone += g == NULL;
	for (;;) {
		want_more(f);
		*out = g != NULL ? join_one(f, g) : NULL;
		*joined = *out != NULL;
		if (*joined || f->idle != NULL || f->n_conns == 0)
			break;
		rc = report_check(f->cfg.opts->report, err);
		if (rc != SNAP_OK)
			break;
		wait_a_little(f);
	}
	f->n_waiting--;
	f->n_alone -= g == NULL;
	if (rc != SNAP_OK || *joined)
		; /* that is all */
	else if (f->idle != NULL)
		*out = pick(f, g != NULL ? g->name : NULL);
	else if (f->n_failed == seen)
		f->n_conns++;
	else {
		/* Somebody tried while we waited: one after the other, all
		 * would wait for a server that does not answer. */
		*err = f->failure;
		rc = err->code;
	}
	pthread_mutex_unlock(&f->lock);
	return rc;
}

/* For a get (g != NULL) it may be one that others read by. */
static enum snap_code
take(struct sftp *f, struct sftp_get *g, struct sftp_conn **out, bool *joined,
    struct snap_err *err)
{
	struct sftp_conn *c;
	enum snap_code rc;

	*out = NULL;
	for (;;) {
		rc = take_idle(f, g, &c, joined, err);
		if (rc != SNAP_OK)
			return rc;
		if (c == NULL)
			break;
		if (*joined || conn_works(f, c)) {
			*out = c;
			return SNAP_OK;
		}
		conn_free(c);
		forget(f, NULL);
	}
	rc = conn_new(f, false, &c, err);
	if (rc != SNAP_OK) {
		forget(f, err);
		return rc;
	}
	*out = c;
	return SNAP_OK;
}

enum snap_code
sftp_take(struct sftp *f, struct sftp_conn **out, struct snap_err *err)
{
	bool joined;

	return take(f, NULL, out, &joined, err);
}

enum snap_code
sftp_join(struct sftp *f, struct sftp_get *g, struct sftp_conn **out,
    struct snap_err *err)
{
	enum snap_code rc;
	bool joined;

	g->next = NULL;
	rc = take(f, g, out, &joined, err);
	if (rc != SNAP_OK || joined)
		return rc;
	pthread_mutex_lock(&f->lock);
	(*out)->next = f->shared;
	f->shared = *out;
	(*out)->readers = (*out)->driver = g;
	(*out)->n_readers = 1;
	(*out)->shared_from = (*out)->next_id;
	(*out)->n_dropped = 0;
	pthread_mutex_unlock(&f->lock);
	return SNAP_OK;
}

void
sftp_leave(struct sftp *f, struct sftp_conn *c, struct sftp_get *g)
{
	struct sftp_get **at = &c->readers;
	struct sftp_conn **all = &f->shared;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	c->n_readers--;
	if (c->n_readers == 0) {
		while (*all != c)
			all = &(*all)->next;
		*all = c->next;
	}
	pthread_cond_broadcast(&f->free_one);
}

void
sftp_give(struct sftp *f, struct sftp_conn *c)
{
	if (c->broken) {
		conn_free(c);
		forget(f, NULL);
		return;
	}
	c->idle_since = ssh_clock_ms();
	pthread_mutex_lock(&f->lock);
	c->next = f->idle;
	f->idle = c;
	/* All: a get that waits may have to leave it to who wants one alone. */
	pthread_cond_broadcast(&f->free_one);
	pthread_mutex_unlock(&f->lock);
}

void
sftp_pool_close(struct sftp *f)
{
	struct sftp_conn *c, *next;

	atomic_store(&f->closing, true);
	reap(f, true);
	for (c = f->idle; c != NULL; c = next) {
		next = c->next;
		conn_free(c);
	}
	f->idle = NULL;
}
