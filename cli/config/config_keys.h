/* SPDX-License-Identifier: PostgreSQL */
/*
 * config_keys.h - what may stand in front of "=" in a configuration.
 *
 * A key is called as the option or the variable that it stands for.
 */
#ifndef SNAP_CONFIG_KEYS_H
#define SNAP_CONFIG_KEYS_H

#include "err.h"
#include "opts.h"

struct config_key {
	const char *name;
	enum {
		KEY_VARIABLE, /* of the environment: who needs it asks */
		KEY_MESSAGE,  /* likewise; with "prune." of one command */
		KEY_OPTION,
		KEY_SERVER, /* only where a server is backed up */
		KEY_SOURCE  /* only where no other source was named */
	} kind;
	unsigned commands; /* bits of enum cmd_bit */
	bool is_list;
	const char *help; /* NULL = that of the option of this name */
};

/* The i-th of the table; NULL behind the last. */
const struct config_key *config_key_at(size_t i);
const char *config_key_help(const struct config_key *key);

/* SNAP_USAGE: there is none of that name, or it cannot have that value. */
SNAP_MUST_CHECK enum snap_code config_key_find(const char *name,
    const char *value, const struct config_key **out, struct snap_err *err);
/* Is it an address whose end is a secret? */
bool config_key_is_private(const char *name);
/* The names of those that are variables; NULL behind the last. */
const char *config_variable(size_t i);
/* Into *o what `given`, the command line, did not say. */
SNAP_MUST_CHECK enum snap_code config_key_apply(const struct config_key *key,
    const char *value, const struct opts *given, struct opts *o, unsigned bit,
    struct snap_err *err);

#endif
