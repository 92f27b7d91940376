/* SPDX-License-Identifier: PostgreSQL */
/* statedir.h - where what this machine has to remember lies. */
#ifndef SNAP_STATEDIR_H
#define SNAP_STATEDIR_H

#include <stdbool.h>

#include "bytes.h"
#include "opts.h"

/* Its path and a NUL into *out: --state-dir, SNAP_STATE_DIR, the
 * configuration, else (*is_default) XDG_STATE_HOME/snap or ~/.local/state/snap;
 * the NUL alone where there is none. */
void statedir(const struct opts *o, struct bytes *out, bool *is_default);

#endif
