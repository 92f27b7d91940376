/* SPDX-License-Identifier: PostgreSQL */
/*
 * settings.h - what the command line, the environment and the configuration say
 * of a store.
 *
 * A setting such as s3.region is -o s3.region=VALUE, $SNAP_S3_REGION or a line
 * of a configuration, in this order.  A secret such as b2.key is never a value:
 * it is what b2.key-file holds or b2.key-command prints, $SNAP_B2_KEY, or
 * typed.
 */
#ifndef SNAP_CLI_SETTINGS_H
#define SNAP_CLI_SETTINGS_H

#include "opts.h"
#include "transport.h"

struct settings {
	const struct opt_list *options; /* NAME=VALUE */
	const char *who;                /* WHO_REPO or WHO_FROM */
	struct report *report;
};

/* Every NAME=VALUE is known and no secret; SNAP_USAGE says which is not. */
SNAP_MUST_CHECK enum snap_code settings_check(
    const struct opt_list *options, struct snap_err *err);
/* Is `name` a setting, or, of a secret, where that comes from (b2.key-file)? */
bool settings_known(const char *name, size_t len);
/* May a command be run for a secret, at any time? */
bool settings_run(const struct settings *s);
/* The value of a setting, NULL = none; borrowed. */
const char *settings_get(const struct settings *s, const char *name);
/* Let a back-end ask `s`, which must outlive the transport. */
void settings_answer(struct settings *s, struct transport_opts *to);

#endif
