/* SPDX-License-Identifier: PostgreSQL */
/*
 * config.h - files that say once what the options say each time.
 *
 * /etc/snap/snap.conf and the user's own one, or that of --config: INI, with a
 * section for each profile and, in front of all sections, what holds for every
 * profile.  A profile's line beats a general one, the user's file the system's;
 * flags beat the environment, which beats these.  Like the environment, what
 * was read is the process's.  The rules: docs/configuration.md.
 */
#ifndef SNAP_CONFIG_H
#define SNAP_CONFIG_H

#include "err.h"
#include "opts.h"

/*
 * Read the files that o->config, o->profile, SNAP_CONFIG and SNAP_PROFILE say.
 * SNAP_USAGE: a file that others may write, a line that is none, a key that
 * there is not, a profile that there is not.
 */
SNAP_MUST_CHECK enum snap_code config_load(
    const struct opts *o, struct snap_err *err);
/* Fill in the options of a command (a bit of enum cmd_bit) that were not
 * given; strings are borrowed until config_forget(). */
SNAP_MUST_CHECK enum snap_code config_apply(
    struct opts *o, unsigned bit, struct snap_err *err);
void config_forget(void);
/* The one that was chosen, "" = none. */
const char *config_profile(void);
void config_choose(const char *profile); /* borrowed; there is one */
/* The i-th of those that there are, by their first lines; NULL behind the last.
 */
const char *config_profile_name(size_t i);

/* What stands for the variable SNAP_...: NAME of "from-NAME" or "NAME".
 * Borrowed; NULL = nothing. */
const char *config_value(const char *who, const char *name, const char *suffix);

/* A line that holds for the chosen profile. */
struct config_line {
	const char *key, *value, *file, *profile; /* profile: "" = general */
};
/* The i-th of them, in the order of the table of keys; false behind the last.
 */
bool config_get(size_t i, struct config_line *out);

#endif
