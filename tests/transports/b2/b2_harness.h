/* SPDX-License-Identifier: PostgreSQL */
/*
 * b2_harness.h - stores at the simulator that tests/support/b2.sh started.
 *
 * Each store is a bucket of its own, in which this process is not alone: the
 * simulator's way in for tests acts as other clients do.
 */
#ifndef SNAP_B2_HARNESS_H
#define SNAP_B2_HARNESS_H

#include "transport_contract.h"

#define B2_BUCKET_LEN 32

struct b2_store {
	char bucket[B2_BUCKET_LEN];
	const char *path; /* behind the bucket in the URL, may be "" */
	/* Settings and credentials; NULL: those that work. */
	const char *realm, *key_id, *key, *ca_file, *insecure;
	bool create;
	bool key_in_environment; /* not in the settings */
	atomic_int cancel;
	struct report report;
	struct transport_opts opts;
};

/* Make a new bucket; the defaults of all else. */
struct b2_store *b2_store_new(const char *path);
void b2_store_free(struct b2_store *s);
enum snap_code b2_store_open(
    struct b2_store *s, struct transport **out, struct snap_err *err);
/* As above, but it has to work. */
struct transport *b2_store_must_open(struct b2_store *s);

/* What most tests begin with. */
struct b2_fixture {
	struct b2_store *s;
	struct transport *t, *fresh; /* fresh: NULL if the test has none */
};
int b2_setup(void **state);
int b2_teardown(void **state);
void b2_must_put(struct transport *t, const char *name, const char *text);

/* POST /sim/WHAT with JSON, printf's way; ' stands for ".  The number of the
 * answer's field `field`, which NULL: is not wanted. */
long b2_sim(const char *field, const char *what, const char *json, ...)
    SNAP_PRINTF(3, 4);
/* A new application key; *id and *key are the caller's. */
void b2_sim_key(char **id, char **key, const char *json, ...) SNAP_PRINTF(3, 4);
/* How often the operation was asked for. */
long b2_sim_calls(const char *op);
/* Versions of the object's name, of all kinds. */
long b2_sim_versions(const struct b2_store *s, const char *name);

#endif
