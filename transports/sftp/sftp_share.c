/* SPDX-License-Identifier: PostgreSQL */
/*
 * sftp_share.c - several gets at once by one connection.
 *
 * A get waits for a round trip, or two, and a connection of its own would wait
 * with it.  So gets share connections: one of the threads drives, that is, it
 * sends and receives for all of them, until its own get is through; then the
 * next one drives.
 */
#include <string.h>

#include "sftp_internal.h"

/* It is through: from here on its thread may be gone. */
static void
finish(struct sftp *f, struct sftp_conn *c, struct sftp_get *g)
{
	(void)pthread_mutex_lock(&f->lock);
	sftp_leave(f, c, g);
	g->done = true;
	(void)pthread_cond_signal(&g->wake);
	(void)pthread_mutex_unlock(&f->lock);
}

/* One that came since, or the one that waits for that answer. */
static struct sftp_get *
find(struct sftp *f, struct sftp_conn *c, const uint32_t *id)
{
	struct sftp_get *g;

	(void)pthread_mutex_lock(&f->lock);
	g = c->readers;
	while (g != NULL && (id == NULL ? g->state != SFTP_GET_NEW
					: !sftp_get_wants(g, *id)))
		g = g->next;
	(void)pthread_mutex_unlock(&f->lock);
	return g;
}

/* What has come, and else wait for more. */
static enum snap_code
step(struct sftp *f, struct sftp_conn *c, struct snap_err *err)
{
	struct sftp_reply r;
	struct sftp_get *g;
	enum snap_code rc;
	bool there;

	while ((g = find(f, c, NULL)) != NULL)
		if (sftp_get_begin(f, c, g))
			finish(f, c, g);
	rc = sftp_peek(c, c->shared_from, &r, &there, err);
	if (rc != SNAP_OK)
		return rc;
	if (!there)
		return sftp_move(c, err);
	g = find(f, c, &r.id);
	if (g == NULL && c->n_dropped == 0)
		return sftp_nonsense(c, err);
	if (g == NULL) {
		c->n_dropped--;
	} else if (sftp_get_answer(f, c, g, &r)) {
		rc = c->broken ? g->rc : SNAP_OK;
		if (rc != SNAP_OK)
			*err = *g->err;
		finish(f, c, g);
	}
	return rc;
}

/* The connection broke, and with it all gets by it. */
static void
fail_all(struct sftp *f, struct sftp_conn *c, const struct snap_err *why)
{
	struct sftp_get *g;

	for (;;) {
		(void)pthread_mutex_lock(&f->lock);
		g = c->readers;
		(void)pthread_mutex_unlock(&f->lock);
		if (g == NULL)
			return;
		g->rc = why->code;
		*g->err = *why;
		finish(f, c, g);
	}
}

/* Until `mine` is through.  True: the connection is to be given back. */
static bool
drive(struct sftp *f, struct sftp_conn *c, const struct sftp_get *mine)
{
	struct snap_err why = SNAP_ERR_INIT;
	bool last;

	while (!mine->done)
		if (step(f, c, &why) != SNAP_OK)
			fail_all(f, c, &why);
	(void)pthread_mutex_lock(&f->lock);
	last = c->readers == NULL;
	c->driver = c->readers;
	if (!last)
		(void)pthread_cond_signal(&c->driver->wake);
	(void)pthread_mutex_unlock(&f->lock);
	return last;
}

enum snap_code
sftp_share(struct sftp *f, struct sftp_get *g, struct snap_err *err)
{
	struct sftp_conn *c;
	enum snap_code rc;
	bool done;

	g->err = err;
	if (pthread_cond_init(&g->wake, NULL) != 0)
		return snap_fail(err, SNAP_NOMEM, "cannot make a lock");
	rc = sftp_join(f, g, &c, err);
	if (rc != SNAP_OK)
		goto out;
	(void)pthread_mutex_lock(&f->lock);
	while (!g->done && c->driver != g)
		(void)pthread_cond_wait(&g->wake, &f->lock);
	done = g->done;
	(void)pthread_mutex_unlock(&f->lock);
	if (!done && drive(f, c, g))
		sftp_give(f, c);
	rc = g->rc;
out:
	(void)pthread_cond_destroy(&g->wake);
	return rc;
}
