/* SPDX-License-Identifier: PostgreSQL */
/*
 * sftp_pool.c - several connections, each for one thread at a time.
 *
 * One that broke is closed; whoever needs one next makes a new one.  The one
 * used last is handed out first, so that those too many fall asleep.
 */
#include <stdlib.h>
#include <time.h>

#include "sftp_internal.h"

#define SLICE_NS 100000000L /* between two looks for a cancellation */
#define DOUBTFUL_MS 60000   /* after being idle for so long, ask first */
#define DOUBT_MS 10000      /* and wait no longer for the answer */

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

static enum snap_code
conn_new(struct sftp *f, struct sftp_conn **out, struct snap_err *err)
{
	struct sftp_conn *c = calloc(1, sizeof *c);
	enum snap_code rc;

	if (c == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a connection");
	rc = ssh_open(&c->ssh, &f->cfg, f->auth, err);
	if (rc != SNAP_OK) {
		free(c);
		return rc;
	}
	rc = sftp_hello(c, err);
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

static void
forget(struct sftp *f)
{
	pthread_mutex_lock(&f->lock);
	f->n_conns--;
	pthread_cond_signal(&f->free_one);
	pthread_mutex_unlock(&f->lock);
}

/* An idle connection, or NULL with the right to make one. */
static enum snap_code
take_idle(struct sftp *f, struct sftp_conn **out, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct timespec until;

	*out = NULL;
	pthread_mutex_lock(&f->lock);
	while (f->idle == NULL && f->n_conns >= f->max_conns) {
		rc = report_check(f->cfg.opts->report, err);
		if (rc != SNAP_OK)
			break;
		(void)clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += SLICE_NS;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		(void)pthread_cond_timedwait(&f->free_one, &f->lock, &until);
	}
	if (rc == SNAP_OK) {
		*out = f->idle;
		if (f->idle != NULL)
			f->idle = f->idle->next;
		else
			f->n_conns++;
	}
	pthread_mutex_unlock(&f->lock);
	return rc;
}

enum snap_code
sftp_take(struct sftp *f, struct sftp_conn **out, struct snap_err *err)
{
	struct sftp_conn *c;
	enum snap_code rc;

	*out = NULL;
	for (;;) {
		rc = take_idle(f, &c, err);
		if (rc != SNAP_OK)
			return rc;
		if (c == NULL)
			break;
		if (conn_works(f, c)) {
			*out = c;
			return SNAP_OK;
		}
		conn_free(c);
		forget(f);
	}
	rc = conn_new(f, &c, err);
	if (rc != SNAP_OK) {
		forget(f);
		return rc;
	}
	*out = c;
	return SNAP_OK;
}

void
sftp_give(struct sftp *f, struct sftp_conn *c)
{
	if (c->broken) {
		conn_free(c);
		forget(f);
		return;
	}
	c->idle_since = ssh_clock_ms();
	pthread_mutex_lock(&f->lock);
	c->next = f->idle;
	f->idle = c;
	pthread_cond_signal(&f->free_one);
	pthread_mutex_unlock(&f->lock);
}

void
sftp_pool_close(struct sftp *f)
{
	struct sftp_conn *c, *next;

	for (c = f->idle; c != NULL; c = next) {
		next = c->next;
		conn_free(c);
	}
	f->idle = NULL;
}
