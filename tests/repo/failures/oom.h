/* SPDX-License-Identifier: PostgreSQL */
/*
 * oom.h - the nth allocation fails.
 *
 * The linker sends what our own code allocates here (--wrap), on every
 * thread; libraries that are not ours keep their memory.
 */
#ifndef SNAP_TEST_OOM_H
#define SNAP_TEST_OOM_H

#include <stdbool.h>
#include <stdint.h>

/* The nth allocation from now on fails, once; 0 = none. */
void oom_arm(uint64_t nth);
/* Never again; did it strike? */
bool oom_disarm(void);

#endif
