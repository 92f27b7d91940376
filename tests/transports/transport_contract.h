/* SPDX-License-Identifier: PostgreSQL */
/*
 * transport_contract.h - the guarantees of transport.h as tests.
 *
 * A back-end's test program passes a way to get an empty store and runs
 * them all; a new back-end is done when they pass.
 */
#ifndef SNAP_TRANSPORT_CONTRACT_H
#define SNAP_TRANSPORT_CONTRACT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the three above, and this: */
#include <setjmp.h>

#include <cmocka.h>

#include "transport.h"

struct contract_backend {
	const char *name;
	size_t n_many; /* names of the big listing */
	/* A handle on a new, empty store; the state is the back-end's. */
	struct transport *(*open)(void **state);
	/* Another handle on the same store. */
	struct transport *(*again)(void *state);
	void (*destroy)(void *state); /* after its handles were closed */
};

/* Run all; the number of failures. */
int contract_run(const struct contract_backend *backend);

#endif
