/* SPDX-License-Identifier: PostgreSQL */
/*
 * world.h - a repository in memory, two streams to back up into it, and a
 * restore that compares.
 */
#ifndef SNAP_TEST_WORLD_H
#define SNAP_TEST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"
#include "repo.h"

struct world {
	struct mem_store *mem;
	struct transport *t;
	struct bytes rows, more;
	bool is_changed; /* `more` has grown since the first snapshot */
	char code[128];
	struct repo_opts by_code; /* spares Argon2id, hundreds of times */
};

extern const struct repo_opts world_opts; /* with the passphrase */

/* Fails the test when rc is a failure. */
void ok(enum snap_code rc, const struct snap_err *err);
int world_setup(void **state);
int world_teardown(void **state);
/* Make the repository; w->by_code opens it from then on. */
enum snap_code world_init(struct world *w, struct snap_err *err);
/* As world_init(), and a first snapshot in it. */
void world_filled(struct world *w);
enum snap_code world_back_up(
    struct world *w, struct repo *r, struct snap_err *err);
/* All snapshots of `r`; what comes out is right or it fails. */
enum snap_code world_read_all(
    struct world *w, struct repo *r, size_t *n_snapshots, struct snap_err *err);
/* The next run succeeds, all snapshots come back, and a check of every byte
 * finds nothing. */
void world_next_run(struct world *w, size_t n_before);

#endif
