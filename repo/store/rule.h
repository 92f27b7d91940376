/* SPDX-License-Identifier: PostgreSQL */
/*
 * rule.h - marks where the code holds a rule of the protocol (docs/prune.md).
 *
 * Always true.  In a build of its own the tests can switch each rule off, to
 * see that then something is lost (tests/repo/protocol).
 */
#ifndef SNAP_RULE_H
#define SNAP_RULE_H

#ifdef SNAP_RULES
#include "rules.h"
#else
#define RULE(name) true
#endif

#endif
