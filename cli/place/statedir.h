/* SPDX-License-Identifier: PostgreSQL */
/* statedir.h - where what this machine has to remember lies. */
#ifndef SNAP_STATEDIR_H
#define SNAP_STATEDIR_H

#include "bytes.h"

/* Its path and a NUL into *out: SNAP_STATE_DIR, else XDG_STATE_HOME/snap, else
 * ~/.local/state/snap; the NUL alone where there is none. */
void statedir(struct bytes *out);

#endif
