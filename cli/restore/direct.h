/* SPDX-License-Identifier: PostgreSQL */
/* direct.h - a snapshot straight into a server. */
#ifndef SNAP_DIRECT_H
#define SNAP_DIRECT_H

#include "cmd.h"
#include "json.h"
#include "pgtarget.h"
#include "place.h"

/* --dbname and what goes with it fit to each other. */
SNAP_MUST_CHECK enum snap_code direct_check(
    const struct opts *o, struct snap_err *err);
/* Of all that does not depend on the options that only a restore has. */
void direct_target_opts(const struct repo_snapshot *snapshot,
    const struct opts *o, struct pgtarget_opts *out);
/* What a newer version stored must not be left out without a word. */
SNAP_MUST_CHECK enum snap_code direct_check_kinds(
    const struct repo_manifest *m, struct snap_err *err);
/* One of many of `restore --all`. */
struct direct_place {
	/* That is there; NULL = make the snapshot's. */
	const char *database;
	/* To connect to first for that; NULL = what --dbname says. */
	const char *server;
	json_t *result; /* gets what --json prints of one */
};
/* Is anything there that it would refuse to touch without --clean? */
SNAP_MUST_CHECK enum snap_code direct_occupied(struct cli *c, struct place *s,
    const struct repo_snapshot *snapshot, const struct repo_manifest *m,
    const struct direct_place *to, bool *out, struct snap_err *err);
/* What restore --dbname does; reports on standard error, and with --json on
 * standard output.  `to` NULL = as the options say. */
SNAP_MUST_CHECK enum snap_code direct_restore(struct cli *c, struct place *s,
    const struct repo_snapshot *snapshot, const struct repo_manifest *m,
    const struct direct_place *to, struct snap_err *err);

#endif
