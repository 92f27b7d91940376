/* SPDX-License-Identifier: PostgreSQL */
/* http_server.c - see http_server.h. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_server.h"

struct server server = { .lock = PTHREAD_MUTEX_INITIALIZER };

void
serve_with(const char *answer, enum ending ending)
{
	pthread_mutex_lock(&server.lock);
	server.answer = answer;
	server.ending = ending;
	server.make = NULL;
	pthread_mutex_unlock(&server.lock);
}

void
serve_without_end(const char *answer, const char *again)
{
	serve_with(answer, ENDLESS);
	pthread_mutex_lock(&server.lock);
	server.again = again;
	pthread_mutex_unlock(&server.lock);
}

void
serve_made(void (*make)(const char *head, unsigned n, char *out, size_t room))
{
	serve_with(NULL, KEEP);
	pthread_mutex_lock(&server.lock);
	server.make = make;
	pthread_mutex_unlock(&server.lock);
}

const struct asked *
asked(void)
{
	static struct asked copy;

	pthread_mutex_lock(&server.lock);
	copy = server.asked;
	pthread_mutex_unlock(&server.lock);
	return &copy;
}

static bool
send_all(int fd, const char *p)
{
	size_t n = strlen(p);

	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

/* One request off the wire; false at the end of the connection. */
static bool
take_request(int fd, struct asked *a)
{
	const char *length;
	size_t n = 0, left;

	for (;;) {
		if (n + 1 >= ASKED_MAX || recv(fd, a->head + n, 1, 0) != 1)
			return false;
		a->head[++n] = '\0';
		if (n >= 4 && strcmp(a->head + n - 4, "\r\n\r\n") == 0)
			break;
	}
	length = strstr(a->head, "Content-Length: ");
	left = length != NULL ? strtoul(length + 16, NULL, 10) : 0;
	a->n_body = 0;
	memset(a->body, 0, sizeof a->body);
	while (left > 0) {
		char buf[65536];
		ssize_t got =
		    recv(fd, buf, left < sizeof buf ? left : sizeof buf, 0);

		if (got <= 0)
			return false;
		if (a->n_body == 0)
			memcpy(
			    a->body, buf, (size_t)got < 63 ? (size_t)got : 63);
		a->n_body += (size_t)got;
		left -= (size_t)got;
	}
	pthread_mutex_lock(&server.lock);
	server.asked = *a;
	pthread_mutex_unlock(&server.lock);
	atomic_fetch_add(&server.n_requests, 1);
	return true;
}

static void *
serve_one(void *arg)
{
	static const struct linger now = { 1, 0 };
	struct asked *a = calloc(1, sizeof *a);
	enum ending ending = KEEP;
	int fd = *(int *)arg;
	const char *answer, *again;
	char c, *made = calloc(1, ASKED_MAX);

	free(arg);
	while (a != NULL && made != NULL && ending == KEEP &&
	       take_request(fd, a)) {
		pthread_mutex_lock(&server.lock);
		answer = server.answer;
		again = server.again;
		ending = server.ending;
		if (server.make != NULL) {
			server.make(a->head, atomic_load(&server.n_requests),
			    made, ASKED_MAX);
			answer = made;
		}
		pthread_mutex_unlock(&server.lock);
		if (ending == SILENT)
			(void)recv(fd, &c, 1, 0); /* until the client goes */
		else if (send_all(fd, answer) && ending == ENDLESS)
			while (send_all(fd, again))
				;
		if (ending == RESET)
			(void)setsockopt(
			    fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	}
	free(made);
	free(a);
	(void)close(fd);
	return NULL;
}

static void *
serve(void *arg)
{
	(void)arg;
	for (;;) {
		int *fd = malloc(sizeof *fd);
		pthread_t id;

		if (fd == NULL)
			return NULL;
		*fd = accept(server.listener, NULL, NULL);
		if (*fd < 0) {
			free(fd);
			return NULL;
		}
		atomic_fetch_add(&server.n_connections, 1);
		if (pthread_create(&id, NULL, serve_one, fd) == 0)
			(void)pthread_detach(id);
	}
}

void
start_server(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof a;
	pthread_t id;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.listener = socket(AF_INET, SOCK_STREAM, 0);
	if (server.listener < 0 ||
	    bind(server.listener, (struct sockaddr *)&a, sizeof a) != 0 ||
	    listen(server.listener, 64) != 0 ||
	    getsockname(server.listener, (struct sockaddr *)&a, &n) != 0 ||
	    pthread_create(&id, NULL, serve, NULL) != 0)
		_exit(2);
	(void)pthread_detach(id);
	server.port = ntohs(a.sin_port);
}
