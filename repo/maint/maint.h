/* SPDX-License-Identifier: PostgreSQL */
/*
 * maint.h - the care of a repository: look for damage, mend the index, count.
 *
 * Nothing here deletes.
 */
#ifndef SNAP_MAINT_H
#define SNAP_MAINT_H

#include "repo_care.h"

struct store;

/* As repo_check(). */
SNAP_MUST_CHECK enum snap_code maint_check(struct store *s,
    const struct repo_check_opts *o, struct repo_check_result *out,
    struct snap_err *err);
/* As repo_scrub(). */
SNAP_MUST_CHECK enum snap_code maint_scrub(struct transport *t,
    struct report *report, struct repo_scrub_result *out,
    struct snap_err *err);
/* As repo_repair_index(). */
SNAP_MUST_CHECK enum snap_code maint_repair_index(
    struct store *s, uint64_t *n_packs_added, struct snap_err *err);
/* As repo_repair_packs(). */
SNAP_MUST_CHECK enum snap_code maint_repair_packs(struct store *s,
    const uint8_t (*only)[REPO_ID_LEN], size_t n_only,
    struct repo_mend_result *out, struct snap_err *err);
/* As repo_stats(). */
SNAP_MUST_CHECK enum snap_code maint_stats(
    struct store *s, struct repo_stats *out, struct snap_err *err);

#endif
