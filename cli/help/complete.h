/* SPDX-License-Identifier: PostgreSQL */
/* complete.h - completion for shells. */
#ifndef SNAP_COMPLETE_H
#define SNAP_COMPLETE_H

#include "cmd.h"

/* On stdout; `shell`: bash, zsh or fish, else SNAP_USAGE. */
SNAP_MUST_CHECK enum snap_code complete_print(
    const char *shell, struct snap_err *err);

#endif
