/* SPDX-License-Identifier: PostgreSQL */
/*
 * http_server.h - a server that keeps what it was sent and answers with bytes
 * that the test wrote down, so that nothing between is polite.
 */
#ifndef SNAP_TEST_HTTP_SERVER_H
#define SNAP_TEST_HTTP_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#define ASKED_MAX 65536u

/* ENDLESS: the answer over and over, from `again` on. */
enum ending { KEEP, CLOSE, RESET, SILENT, ENDLESS };

/* The last request. */
struct asked {
	char head[ASKED_MAX];
	size_t n_body; /* bytes */
	char body[64]; /* its start */
};

extern struct server {
	int listener;
	unsigned port;
	atomic_uint n_connections, n_requests;
	pthread_mutex_t lock; /* of what follows */
	const char *answer;   /* after each whole request */
	const char *again;    /* a part of the answer */
	/* Makes the answer to the n-th request, if there is one. */
	void (*make)(const char *head, unsigned n, char *out, size_t room);
	enum ending ending;
	struct asked asked;
} server;

void start_server(void);
/* From now on. */
void serve_with(const char *answer, enum ending ending);
void serve_without_end(const char *answer, const char *again);
/* Answers are less than ASKED_MAX bytes. */
void serve_made(
    void (*make)(const char *head, unsigned n, char *out, size_t room));
/* A copy of the last request, good until the next call. */
const struct asked *asked(void);

#endif
