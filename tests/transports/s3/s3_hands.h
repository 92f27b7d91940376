/* SPDX-License-Identifier: PostgreSQL */
/*
 * s3_hands.h - stores at the gateway of test_s3.sh, straight or behind the
 * proxy that fails as it is told.
 */
#ifndef SNAP_TEST_S3_HANDS_H
#define SNAP_TEST_S3_HANDS_H

#include "http.h"
#include "s3_env.h"
#include "transport.h"

#define SECRET "hunter2hunter2"
#define URL "s3://snap-trouble/repo"

extern const char *source_dir, *proxy;

/* Of a program's tests; main() calls it. */
int hands_run(int argc, char **argv, int (*tests)(void));
/* Of each test: settings as they are without any, at the gateway itself. */
int setup(void **state);

/* Fails when SECRET is in what is said. */
enum snap_code try_open(
    const char *url, struct transport **t, struct snap_err *err);
struct transport *open_store(const char *url);
void assert_says(const struct snap_err *err, const char *msg, const char *hint);
void tell_proxy(const char *path, const char *body);
/* How many requests the proxy saw that hold `what`. */
unsigned seen(const char *what);
/* A store behind the proxy, with the probe done. */
struct transport *open_behind(const char *url);
void assert_holds(struct transport *t, const char *name, const char *text);
/* A request of the owner's about the bucket, as ?policy. */
void ask_bucket(struct transport *t, const char *method, const char *what,
    const char *key, struct span body, struct bytes *out);

#endif
