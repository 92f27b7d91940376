/* SPDX-License-Identifier: PostgreSQL */
/*
 * harness.h - a repository in memory, and blocks of known content for it.
 */
#ifndef SNAP_TEST_STORE_HARNESS_H
#define SNAP_TEST_STORE_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fault.h"
#include "mem.h"
#include "run.h"
#include "slots.h"
#include "store.h"

#define HOUR INT64_C(3600000000000)
#define GRACE_HOURS 2

struct world {
	struct mem_store *mem;
	struct transport *t;
	char code[128];
	uint8_t repo_id[ID_LEN];
	int warnings;
	char last[512]; /* warning */
	struct report report;
};

/* A fresh repository with packs of `pack_size` bytes. */
void world_open(struct world *w, uint32_t pack_size);
void world_close(struct world *w);
void world_init(struct world *w, uint32_t pack_size);
struct store *open_on(struct world *w, struct transport *t,
    const char *passphrase, const char *cache);
struct store *open_store(struct world *w, const char *cache);
/* Does it open with that?  What was opened is closed again. */
enum snap_code try_open(
    struct world *w, const char *pass, bool code, struct snap_err *err);
/* A fresh repository, and the store that has put blocks [0, n) into it. */
struct store *world_filled(struct world *w, uint32_t pack_size, unsigned n);
/* A fresh repository, into which two have put blocks [0, n) at once: neither
 * saw what the other put. */
void world_twice(struct world *w, uint32_t pack_size, unsigned n);
/* Close `s` (NULL: none); a store that has looked at all of it anew. */
struct store *look_again(struct world *w, struct store *s);
/* Another way to the same objects, on which faults can be laid. */
struct transport *faulty(struct world *w);

/* Block number `n`: chunks and id follow from n alone. */
struct made {
	struct frame_in f;
	struct bytes plain;
};
void make_block(struct store *s, unsigned n, struct made *out);
void make_meta(struct store *s, uint8_t class, unsigned n, struct made *out);
void made_fini(struct made *m);

enum snap_code add_range(
    struct run *r, struct store *s, unsigned from, unsigned to);
/* Blocks and recipes [from, to), then commit. */
enum snap_code backup(struct store *s, unsigned from, unsigned to,
    uint8_t id[ID_LEN], struct snap_err *err);
/* How many of blocks [0, n) the store has, and how many of these without a
 * directory. */
size_t without_directory(struct world *w, unsigned n, size_t *found);
enum snap_code commit(struct run *r, uint8_t id[ID_LEN], struct snap_err *err);
/* All of [from, to) reads back as made; the first failure otherwise. */
enum snap_code read_range(
    struct store *s, unsigned from, unsigned to, struct snap_err *err);

/* The nth name under a prefix, sorted; fails the test when there is none. */
void nth_name(struct transport *t, const char *prefix, size_t n,
    char out[TRANSPORT_NAME_MAX + 1]);
size_t count_names(struct transport *t, const char *prefix);
/* As nth_name(), and the id in it. */
void nth_id(struct transport *t, const char *prefix, size_t n,
    char out[TRANSPORT_NAME_MAX + 1], uint8_t id[ID_LEN]);
/* All of the object `name`; the caller frees `out`. */
void get_whole(struct transport *t, const char *name, struct bytes *out);

#endif
