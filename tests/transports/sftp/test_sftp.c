/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_sftp.c - a store on an SFTP server keeps the contract.
 *
 * contract.sh starts the server and says by the environment where it is:
 * SFTP_URL (without a path; sessions start in the directory of the data),
 * SFTP_KNOWN_HOSTS and SFTP_KEY.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport_contract.h"

static atomic_int n_stores;

static const char *
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
		return getenv("SFTP_TIMEOUT");
	return NULL;
}

static const struct transport_opts plain = { .setting = setting };
static const struct transport_opts making = { .create = 1, .setting = setting };

static struct transport *
open_url(const char *url, const struct transport_opts *opts)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = NULL;

	if (transport_open(url, opts, &t, &err) != SNAP_OK)
		fail_msg("%s\n%s\n%s", err.msg, err.detail, err.hint);
	return t;
}

static struct transport *
again(void *state)
{
	return open_url(state, &plain);
}

static struct transport *
open_new(void **state)
{
	char url[512];

	(void)snprintf(url, sizeof url, "%s/~/test/store-%ld-%d",
	    env("SFTP_URL"), (long)getpid(), atomic_fetch_add(&n_stores, 1));
	*state = strdup(url);
	assert_non_null(*state);
	return open_url(url, &making);
}

static void
destroy(void *state)
{
	free(state); /* the server's directory goes with the server */
}

int
main(void)
{
	struct contract_backend sftp = { "sftp", 1100, open_new, again,
		destroy };

	if (getenv("SFTP_MANY") != NULL)
		sftp.n_many = (size_t)strtoul(env("SFTP_MANY"), NULL, 10);
	return contract_run(&sftp);
}
