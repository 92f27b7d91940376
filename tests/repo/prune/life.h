/* SPDX-License-Identifier: PostgreSQL */
/*
 * life.h - a repository in memory and the databases that are backed up there.
 *
 * Every call is a process of its own: it opens the repository, does its work
 * and is gone.
 */
#ifndef SNAP_TEST_LIFE_H
#define SNAP_TEST_LIFE_H

#include <stdbool.h>

#include "mem.h"
#include "repo_care.h"
#include "transport.h"

#define LIFE_SNAPSHOTS_MAX 64
#define LIFE_PASSPHRASE "correct horse"
#define LIFE_GRACE INT64_C(3600000000000) /* ns */

struct life_snapshot {
	uint8_t id[REPO_ID_LEN];
	struct bytes rows; /* what went in */
	bool forgotten;
};
struct life {
	struct mem_store *mem;
	struct transport *t;
	struct report report;
	struct bytes log; /* warnings */
	bool like_files;
	struct span key_file;  /* who opens it next; empty: its owner */
	const char *cache_dir; /* of who opens it next; NULL: none */
	char *text;            /* the table as it is now */
	uint32_t *version;     /* of each row */
	uint32_t n_rows, next_version;
	size_t n;
	struct life_snapshot v[LIFE_SNAPSHOTS_MAX];
};

int life_setup(void **state);
int life_teardown(void **state);
/* A handle, of the owner or by key_file; a process that ends with
 * repo_close(). */
struct repo *life_open(struct life *l);
/* Rows [first, first + count) are not what they were. */
void life_change(struct life *l, uint32_t first, uint32_t count);
/* Back it up: its number. */
size_t life_backup(struct life *l);
void life_forget(struct life *l, size_t n);
struct repo_prune_result life_prune(struct life *l);
/* With options; its code. */
enum snap_code life_prune_as(struct life *l, const struct repo_prune_opts *o,
    struct repo_prune_result *out, struct snap_err *err);
/* The store's clock goes on by hours and a second. */
void life_wait(struct life *l, unsigned hours);
/* What comes back is what went in. */
void life_must_restore(struct life *l, size_t n);
/* All that were not forgotten do, and a check finds nothing. */
void life_must_be_whole(struct life *l);
/* Objects whose name begins so, and their bytes. */
size_t life_count(struct life *l, const char *prefix);
uint64_t life_bytes(struct life *l, const char *prefix);
/* The name of one of them. */
void life_first(
    struct life *l, const char *prefix, char out[TRANSPORT_NAME_MAX + 1]);
bool life_said(struct life *l, const char *what);
/* Is it among the snapshots? */
bool life_is_listed(struct life *l, size_t n);

#endif
