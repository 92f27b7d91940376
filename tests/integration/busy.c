/* SPDX-License-Identifier: PostgreSQL */
/*
 * busy.c - linked into the program: the BUSY_AT-th snapshot that it salvages is
 * one for which it loses its lease.
 */
#include <stdlib.h>

#include "repo_care.h"

/* What the linker's --wrap makes of repo_salvage(). */
enum snap_code __real_repo_salvage(struct repo *r,
    const struct repo_snapshot *of, const struct repo_manifest *m,
    const bool *lost, bool list_damaged, struct repo_snapshot *out,
    struct snap_err *err);
enum snap_code __wrap_repo_salvage(struct repo *r,
    const struct repo_snapshot *of, const struct repo_manifest *m,
    const bool *lost, bool list_damaged, struct repo_snapshot *out,
    struct snap_err *err);

enum snap_code
__wrap_repo_salvage(struct repo *r, const struct repo_snapshot *of,
    const struct repo_manifest *m, const bool *lost, bool list_damaged,
    struct repo_snapshot *out, struct snap_err *err)
{
	static unsigned long n;
	const char *at = getenv("BUSY_AT");

	if (at != NULL && ++n == strtoul(at, NULL, 10))
		return snap_fail(err, SNAP_BUSY, "this run lost its lease");
	return __real_repo_salvage(r, of, m, lost, list_damaged, out, err);
}
