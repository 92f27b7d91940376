/* SPDX-License-Identifier: PostgreSQL */
/* roles.h - what --role-map says of a snapshot. */
#ifndef SNAP_ROLES_H
#define SNAP_ROLES_H

#include "place.h"
#include "rolemap.h"

/* *out = NULL where no role is mapped.  SNAP_USAGE: one is that the snapshot
 * knows nothing of. */
SNAP_MUST_CHECK enum snap_code roles_open(struct cli *c, struct place *p,
    const struct repo_manifest *m, struct rolemap **out, struct snap_err *err);
/* All of a stream of that kind with the roles mapped (`map` may be NULL),
 * appended to *out; nothing where there is none. */
SNAP_MUST_CHECK enum snap_code roles_read(struct cli *c, struct place *p,
    const struct repo_manifest *m, enum stream_kind kind, struct rolemap *map,
    struct bytes *out, struct snap_err *err);

#endif
