/* SPDX-License-Identifier: PostgreSQL */
/* test_b2.c - the B2 back-end keeps the contract, at the simulator. */
#include <stdlib.h>

#include "b2_harness.h"

static struct transport *
again(void *state)
{
	return b2_store_must_open(state);
}

static struct transport *
open_new(void **state)
{
	*state = b2_store_new("");
	return again(*state);
}

static struct transport *
open_below(void **state)
{
	*state = b2_store_new("backups/of%20host%25");
	/* The service may give less at a time than was asked for. */
	(void)b2_sim(NULL, "page", "{'max': 7}");
	return again(*state);
}

static void
destroy(void *state)
{
	b2_store_free(state);
}

int
main(void)
{
	bool heavy = getenv("SNAP_TEST_HEAVY") != NULL;
	struct contract_backend bucket = { "b2, a whole bucket",
		heavy ? 11000 : 1100, open_new, again, destroy };
	static const struct contract_backend below = { "b2, below a path", 100,
		open_below, again, destroy };

	return contract_run(&bucket) + contract_run(&below);
}
