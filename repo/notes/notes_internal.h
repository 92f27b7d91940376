/* SPDX-License-Identifier: PostgreSQL */
/* notes_internal.h - one note as it lies there. */
#ifndef SNAP_NOTES_INTERNAL_H
#define SNAP_NOTES_INTERNAL_H

#include "notes.h"

/* n->id is set; fills what the object says, with the props, which are the
 * caller's to free.  *b is zeroed, and his to fini in any case. */
SNAP_MUST_CHECK enum snap_code note_read(struct store *s, uint8_t kind,
    struct note *n, struct store_body *b, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code note_put(struct store *s, enum note_type type,
    const uint8_t *subject, int64_t l0, const struct repo_property *props,
    size_t n_props, struct snap_err *err);

#endif
