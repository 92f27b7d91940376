/* SPDX-License-Identifier: PostgreSQL */
/*
 * dial.c - connect without being deaf to a cancel.
 *
 * libpq's asynchronous way knows no connect_timeout and blocks while names
 * are looked up.  So a thread waits, with all that libpq does about hosts and
 * timeouts; who is told to stop leaves it behind, and it clears up when it
 * gets its answer.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dial.h"
#include "pgsession.h"

#define DIAL_POLL_NS 50000000L
#define NS_PER_S 1000000000L

/* Whoever comes last, the thread or who waits for it, frees it. */
struct dial {
	pthread_mutex_t lock;
	pthread_cond_t done_cond;
	bool done, left;
	char *text[2 * CONN_PARAMS]; /* ours: keys and values in turn */
	const char *key[CONN_PARAMS + 1], *val[CONN_PARAMS + 1];
	int expand;
	PGconn *conn;
};

static void
dial_free(struct dial *d)
{
	size_t i;

	for (i = 0; i < 2 * CONN_PARAMS; i++) {
		if (d->text[i] != NULL)
			explicit_bzero(d->text[i], strlen(d->text[i]));
		free(d->text[i]);
	}
	pthread_cond_destroy(&d->done_cond);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

static struct dial *
dial_new(const char *const *key, const char *const *val, int expand)
{
	struct dial *d = calloc(1, sizeof *d);
	size_t i, n = 0;

	if (d == NULL)
		return NULL;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->done_cond, NULL);
	d->expand = expand;
	for (i = 0; key[i] != NULL; i++) {
		if (val[i] == NULL)
			continue;
		if (n == CONN_PARAMS)
			break;
		d->text[2 * n] = conn_strdup(key[i]);
		d->text[2 * n + 1] = conn_strdup(val[i]);
		if (d->text[2 * n] == NULL || d->text[2 * n + 1] == NULL)
			break;
		d->key[n] = d->text[2 * n];
		d->val[n] = d->text[2 * n + 1];
		n++;
	}
	if (key[i] != NULL) {
		dial_free(d);
		return NULL;
	}
	return d;
}

static void *
dial_main(void *arg)
{
	struct dial *d = arg;
	PGconn *c = PQconnectdbParams(d->key, d->val, d->expand);
	bool left;

	pthread_mutex_lock(&d->lock);
	d->conn = c;
	d->done = true;
	left = d->left;
	pthread_cond_signal(&d->done_cond);
	pthread_mutex_unlock(&d->lock);
	if (left) {
		PQfinish(c);
		dial_free(d);
	}
	return NULL;
}

/* The lock is held. */
static void
dial_pause(struct dial *d)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += DIAL_POLL_NS;
	if (t.tv_nsec >= NS_PER_S) {
		t.tv_nsec -= NS_PER_S;
		t.tv_sec++;
	}
	(void)pthread_cond_timedwait(&d->done_cond, &d->lock, &t);
}

enum snap_code
conn_dial(struct report *report, const struct conn_params *p, PGconn **out,
    struct snap_err *err)
{
	struct dial *d = dial_new(p->key, p->val, p->expand);
	enum snap_code rc = SNAP_OK;
	pthread_t thread;
	bool done;

	if (d == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	errno = pthread_create(&thread, NULL, dial_main, d);
	if (errno != 0) {
		dial_free(d);
		return snap_fail_errno(err, SNAP_IO, "make a thread");
	}
	pthread_mutex_lock(&d->lock);
	while (!d->done && (rc = report_check(report, err)) == SNAP_OK)
		dial_pause(d);
	done = d->done;
	d->left = !done;
	pthread_mutex_unlock(&d->lock);
	if (!done) {
		pthread_detach(thread);
		return rc;
	}
	pthread_join(thread, NULL);
	*out = d->conn;
	dial_free(d);
	return *out == NULL ? snap_fail(err, SNAP_NOMEM, "out of memory")
			    : SNAP_OK;
}
