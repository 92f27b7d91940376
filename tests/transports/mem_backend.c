/* SPDX-License-Identifier: PostgreSQL */
/* mem_backend.c - see mem_backend.h. */
#include "mem_backend.h"

struct mem_store *
mem_backend_new(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct mem_store *s = NULL;

	assert_int_equal(mem_store_new(&s, &err), SNAP_OK);
	*state = s;
	return s;
}

void
mem_backend_destroy(void *state)
{
	mem_store_free(state);
}
