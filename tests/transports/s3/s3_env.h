/* SPDX-License-Identifier: PostgreSQL */
/*
 * s3_env.h - settings and variables of the S3 tests.
 *
 * Variables are the real environment's, which rgw.sh fills; settings are a
 * table that a test sets as it likes.
 */
#ifndef SNAP_TEST_S3_ENV_H
#define SNAP_TEST_S3_ENV_H

#include "transport.h"

/* NULL: not set any more.  The texts are borrowed. */
void env_set(const char *setting, const char *value);
/* A variable, before the environment's; NULL: as if it were not set. */
void env_var(const char *name, const char *value);
void env_clear(void); /* all of both, and the cancel flag */
void env_cancel(void);

/* Options over all of this. */
const struct transport_opts *env_opts(int create);

#endif
