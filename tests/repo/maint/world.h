/* SPDX-License-Identifier: PostgreSQL */
/*
 * world.h - a small repository in memory, and hands that harm it.
 */
#ifndef SNAP_TEST_WORLD_H
#define SNAP_TEST_WORLD_H

#include <pthread.h>

#include "fault.h"
#include "maint.h"
#include "mem.h"
#include "names.h"
#include "repo_care.h"
#include "snapshots.h"
#include "store.h"

#define WORLD_BLOCKS 12 /* per snapshot: several packs */

struct world {
	struct mem_store *mem;
	struct transport *t; /* a fault wrapper */
	struct store *s;
	struct report report;
	pthread_mutex_t lock;
	struct bytes log; /* warnings only, NUL-terminated on reading */
	atomic_int cancel;
	bool like_files; /* times as on a file system, from the next opening */
	const char *cache_dir; /* from the next opening; NULL: none */
	/* Of what is backed up from now on. */
	bool no_directories;
	bool backwards; /* the same chunks, but in other blocks */
	bool partly;    /* only the first three of a block are the same */
};

/* setup and teardown of cmocka; *state is a struct world with no snapshot. */
int world_setup(void **state);
int world_teardown(void **state);
/* Close and open again, as another process would. */
void world_reopen(struct world *w);
/* A snapshot of one stream of WORLD_BLOCKS blocks that `seed` tells apart;
 * its database property is `db`.  The id goes to `id`. */
void world_backup(
    struct world *w, uint8_t seed, const char *db, uint8_t id[ID_LEN]);
/* Two snapshots of nothing in common, of databases "one" and "two". */
struct world_two {
	struct world *w;
	uint8_t a[ID_LEN], b[ID_LEN];
};
struct world_two world_two(void **state);
/* A run that puts its packs and dies. */
void world_crashed_backup(struct world *w, uint8_t seed);
/* Names below a prefix, sorted; their number. */
size_t world_names(struct world *w, const char *prefix, struct name **out);
struct name world_one(struct world *w, const char *prefix, size_t nth);
/* The first data pack that only the snapshot made of this seed uses. */
struct name world_pack_of(
    struct world *w, uint8_t seed, uint8_t class, size_t nth);
/* Its nth block. */
void world_block_id(
    struct world *w, uint8_t seed, uint32_t nth, uint8_t id[ID_LEN]);
void world_copy(struct world *w, const char *from, const char *to);
void world_swap(struct world *w, const char *a, const char *b);
void world_flip(struct world *w, const char *name, uint64_t off);
/* A check; read_pct 0 = structure only.  The log is emptied before. */
struct repo_check_result world_check(struct world *w, double read_pct);
bool world_said(struct world *w, const char *what);
/* All blocks of the snapshot made of `seed` can be read. */
bool world_readable(struct world *w, uint8_t seed);
const char *world_hex(const uint8_t id[ID_LEN]);

#endif
