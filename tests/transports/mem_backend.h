/* SPDX-License-Identifier: PostgreSQL */
/*
 * mem_backend.h - the store in memory as the state of a contract's back-end,
 * for those that put something in front of it.
 */
#ifndef SNAP_TEST_MEM_BACKEND_H
#define SNAP_TEST_MEM_BACKEND_H

#include "mem.h"
#include "transport_contract.h"

/* A new one, also as the state. */
struct mem_store *mem_backend_new(void **state);
void mem_backend_destroy(void *state);

#endif
