/* SPDX-License-Identifier: PostgreSQL */
/* sftp_store.c - stores on the server of contract.sh. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sftp_store.h"

static atomic_int n_stores;
const char *timeout, *connections;

const char *
env(const char *name)
{
	const char *v = getenv(name);

	assert_non_null(v);
	return v;
}

static const char *
setting(void *arg, const char *name)
{
	(void)arg;
	if (strcmp(name, "sftp.known-hosts") == 0)
		return env("SFTP_KNOWN_HOSTS");
	if (strcmp(name, "sftp.key-file") == 0)
		return env("SFTP_KEY");
	if (strcmp(name, "sftp.timeout") == 0)
		return timeout;
	if (strcmp(name, "sftp.connections") == 0)
		return connections;
	return NULL;
}

static const struct transport_opts plain = { .setting = setting };
const struct transport_opts making = { .create = 1, .setting = setting };

struct transport *
open_url(const char *url, const struct transport_opts *opts)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = NULL;

	if (transport_open(url, opts, &t, &err) != SNAP_OK)
		fail_msg("%s\n%s\n%s", err.msg, err.detail, err.hint);
	return t;
}

struct transport *
again(void *state)
{
	return open_url(state, &plain);
}

struct transport *
open_new(void **state)
{
	char url[512];

	(void)snprintf(url, sizeof url, "%s/~/test/store-%ld-%d",
	    env("SFTP_URL"), (long)getpid(), atomic_fetch_add(&n_stores, 1));
	*state = strdup(url);
	assert_non_null(*state);
	return open_url(url, &making);
}

void
destroy(void *state)
{
	free(state); /* the server's directory goes with the server */
}

/* Send a signal to the children of `pid` and to theirs: how many there are. */
static unsigned
signal_below(long pid, int sig, int depth)
{
	char command[64], line[64];
	unsigned n = 0;
	FILE *f;

	(void)snprintf(command, sizeof command, "pgrep -P %ld", pid);
	f = popen(command, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL) {
		long child = strtol(line, NULL, 10);

		assert_true(child > 1);
		if (depth > 1)
			n += signal_below(child, sig, depth - 1);
		n += kill((pid_t)child, sig) == 0;
	}
	(void)pclose(f);
	return n;
}

void
signal_sessions(int sig)
{
	(void)signal_below(strtol(env("SFTP_PID"), NULL, 10), sig, 2);
}

unsigned
n_sessions(void)
{
	return signal_below(strtol(env("SFTP_PID"), NULL, 10), 0, 1);
}

void
pause_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&ts, NULL);
}
