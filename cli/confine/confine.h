/* SPDX-License-Identifier: PostgreSQL */
/*
 * confine.h - before bytes of a repository are parsed, the process gives up
 * what it has no use for.
 *
 * Should a parser be taken over all the same, its new owner cannot look into
 * other processes, load code into the kernel or mount anything, and gets no
 * rights from programs that would give some; with `alone` it starts none.
 * What it then holds (keys, the store, files of the user) is not taken away.
 */
#ifndef SNAP_CONFINE_H
#define SNAP_CONFINE_H

#include <stdbool.h>

/* For good, and for children too.  Where the kernel or the machine is none
 * that we know how to ask, nothing happens.  alone: there will be no
 * children. */
void confine(bool alone);

#endif
