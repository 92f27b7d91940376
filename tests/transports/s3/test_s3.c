/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_s3.c - a store on S3 keeps the contract, on a real gateway.
 *
 * test_s3.sh starts the gateway and passes its address by the environment.
 * Each test of the contract gets a prefix of its own in one bucket.
 * test_s3 [http|https|virtual]: how the gateway is asked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "s3_env.h"
#include "transport_contract.h"

#define BUCKET "snap-contract"

static unsigned n_stores;

static struct transport *
again(void *state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = NULL;

	if (transport_open(state, env_opts(1), &t, &err) != SNAP_OK)
		fail_msg("%s: %s (%s; %s)", (char *)state, err.msg, err.detail,
		    err.hint);
	return t;
}

static struct transport *
open_new(void **state)
{
	char url[200];

	(void)snprintf(url, sizeof url, "s3://" BUCKET "/test/%ld-%u",
	    (long)getpid(), n_stores++);
	*state = strdup(url);
	assert_non_null(*state);
	return again(*state);
}

/* The gateway is thrown away as a whole. */
static void
destroy(void *state)
{
	free(state);
}

int
main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "http";
	/* Pages have 1,000 names; how they are asked for is all the same. */
	size_t n = strcmp(how, "http") != 0            ? 50
		   : getenv("SNAP_TEST_HEAVY") != NULL ? 10500
						       : 2100;
	struct contract_backend s3 = { how, n, open_new, again, destroy };
	char virtual_url[64];

	env_set("s3.endpoint", getenv("RGW_URL"));
	env_set("s3.create-bucket", "yes");
	if (strcmp(how, "https") == 0) {
		env_set("s3.endpoint", getenv("RGW_TLS_URL"));
		env_set("s3.ca-file", getenv("RGW_CA"));
	} else if (strcmp(how, "virtual") == 0) {
		(void)snprintf(virtual_url, sizeof virtual_url,
		    "http://s3.localhost%s", strrchr(getenv("RGW_URL"), ':'));
		env_set("s3.endpoint", virtual_url);
		env_set("s3.style", "virtual");
	}
	return contract_run(&s3);
}
