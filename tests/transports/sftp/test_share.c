/* SPDX-License-Identifier: PostgreSQL */
/* test_share.c - several gets at once by one connection. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "sftp_store.h"

#define N_GETTERS 4 /* as many as one connection takes */

struct getter {
	struct transport *t;
	unsigned number;
	enum snap_code rc; /* of the last that failed */
	unsigned n_wrong;
};

static uint8_t
byte_of(unsigned object, size_t at)
{
	return (uint8_t)(at * 31 + at / 251 + object * 97);
}

/* Ranges of three objects, in and out of turn, and of one that is missing. */
static void *
get_ranges(void *arg)
{
	struct getter *g = arg;
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes b;
	char name[16];

	bytes_init(&b, BIG);
	for (unsigned i = 0; i < 60; i++) {
		unsigned object = (i + g->number) % 4;
		size_t off = (i * 7919u + g->number * 104729u) % (BIG / 2);
		size_t len = i % 3 == 0 ? 1 : (i * 65537u) % (BIG / 8);
		enum snap_code rc;

		(void)snprintf(name, sizeof name, "a/%u", object);
		bytes_clear(&b);
		rc = transport_get(g->t, name, off, len, &b, &err);
		if (rc != (object == 3 ? SNAP_NOTFOUND : SNAP_OK) ||
		    b.len != (object == 3 ? 0 : len))
			g->n_wrong++;
		for (size_t j = 0; j < b.len; j++)
			if (b.p[j] != byte_of(object, off + j)) {
				g->n_wrong++;
				break;
			}
	}
	bytes_fini(&b);
	return NULL;
}

static void *
get_one(void *arg)
{
	struct getter *g = arg;
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes b;

	bytes_init(&b, 100);
	g->rc = transport_get(g->t, "a/1", g->number, 2, &b, &err);
	bytes_fini(&b);
	return NULL;
}

/* A store with one connection, and three objects in it. */
static struct transport *
open_shared(void **url)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	uint8_t *p = malloc(BIG);
	char name[16];

	assert_non_null(p);
	connections = "1";
	t = open_new(url);
	connections = NULL;
	for (unsigned o = 0; o < 3; o++) {
		for (size_t i = 0; i < BIG; i++)
			p[i] = byte_of(o, i);
		(void)snprintf(name, sizeof name, "a/%u", o);
		assert_int_equal(
		    transport_put(t, name, span_of(p, BIG), NULL, &err),
		    SNAP_OK);
	}
	free(p);
	return t;
}

static void
run_getters(
    struct transport *t, void *(*run)(void *arg), struct getter g[N_GETTERS])
{
	struct snap_err err = SNAP_ERR_INIT;
	pthread_t id[N_GETTERS];
	char name[16];

	for (unsigned i = 0; i < N_GETTERS; i++) {
		g[i] = (struct getter){ .t = t, .number = i };
		assert_int_equal(pthread_create(&id[i], NULL, run, &g[i]), 0);
	}
	/* Who wants it alone gets it too. */
	for (unsigned i = 0; i < 10 && run == get_ranges; i++) {
		(void)snprintf(name, sizeof name, "b/%u", i);
		if (transport_put(t, name, span_str("b"), NULL, &err) !=
		    SNAP_OK)
			fail_msg("%s", err.msg);
	}
	for (unsigned i = 0; i < N_GETTERS; i++)
		assert_int_equal(pthread_join(id[i], NULL), 0);
}

void
gets_that_share_a_connection_get_what_they_asked_for(void **state)
{
	struct getter g[N_GETTERS];
	struct transport *t;
	void *url;

	(void)state;
	t = open_shared(&url);
	run_getters(t, get_ranges, g);
	for (unsigned i = 0; i < N_GETTERS; i++)
		assert_int_equal(g[i].n_wrong, 0);
	transport_close(t);
	destroy(url);
}

void
gets_by_one_connection_fail_together_when_it_breaks(void **state)
{
	struct getter g[N_GETTERS];
	unsigned n_failed = 0;
	struct transport *t;
	void *url;

	(void)state;
	timeout = "2";
	t = open_shared(&url);
	timeout = NULL;
	/* Nobody answers: with a turn for each, only the first would wait for
	 * that, and the next make a connection that works. */
	signal_sessions(SIGSTOP);
	run_getters(t, get_one, g);
	signal_sessions(SIGKILL);
	/* One that came late found a new one. */
	for (unsigned i = 0; i < N_GETTERS; i++)
		n_failed += g[i].rc == SNAP_TRANSIENT;
	assert_true(n_failed > 1);
	run_getters(t, get_one, g);
	for (unsigned i = 0; i < N_GETTERS; i++)
		assert_int_equal(g[i].rc, SNAP_OK);
	transport_close(t);
	destroy(url);
}
