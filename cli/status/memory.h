/* SPDX-License-Identifier: PostgreSQL */
/*
 * memory.h - what this machine remembers of the repositories it has seen:
 * where that is kept, and how what was found by it is told.
 */
#ifndef SNAP_MEMORY_H
#define SNAP_MEMORY_H

#include "place.h"
#include "repo_recall.h"

/* All that nobody has accepted; with `accept` what was told before is.  Nothing
 * where nothing is remembered. */
SNAP_MUST_CHECK enum snap_code memory_findings(struct cli *c, struct place *s,
    bool accept, struct repo_recall *out, struct snap_err *err);
/* As a sentence for people. */
void memory_text(const struct repo_finding *f, struct bytes *out);
/* What was found since the last time, as warnings; how many.  To be called
 * behind what has listed the snapshots.  Never fails: what cannot be
 * remembered is logged. */
size_t memory_tell(struct cli *c, struct place *s);
/*
 * Before garbage is collected: a store that hides snapshots would have taken
 * what they need.  SNAP_CORRUPT, with warnings, while one that was seen is gone
 * without a record, told before or not.
 */
SNAP_MUST_CHECK enum snap_code memory_stop(
    struct cli *c, struct place *s, struct snap_err *err);
/* The warnings of some findings, and what to do. */
void memory_warn(const struct repo_recall *f, bool told_as_well);
/* A new repository was made here. */
void memory_begin(struct cli *c, struct place *s);

#endif
