/* SPDX-License-Identifier: PostgreSQL */
/* alone.h - one run of a job at a time. */
#ifndef SNAP_ALONE_H
#define SNAP_ALONE_H

#include "cmd.h"

/*
 * Hold the lock of --job until this process ends; without that option there is
 * none.  SNAP_BUSY: somebody else holds it.  SNAP_USAGE: it has no place, or
 * no name that can be one.
 */
SNAP_MUST_CHECK enum snap_code alone_begin(
    const struct opts *o, struct snap_err *err);

#endif
