/* SPDX-License-Identifier: PostgreSQL */
/*
 * profiles.h - one command for each profile of the configuration.
 *
 * A process for each, one after the other, so that what a run keeps and what
 * it leaves behind is its own.
 */
#ifndef SNAP_PROFILES_H
#define SNAP_PROFILES_H

#include "cmd.h"

/*
 * Returns with *is_over in the process that started the others, once they have
 * ended; without it in each of them, which then has its profile.  SNAP_SOURCE:
 * some failed, named; SNAP_CANCELLED; SNAP_USAGE.
 */
SNAP_MUST_CHECK enum snap_code profiles_each(
    struct cli *c, const struct cmd *cmd, bool *is_over, struct snap_err *err);

#endif
