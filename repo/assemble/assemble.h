/* SPDX-License-Identifier: PostgreSQL */
/*
 * assemble.h - recipes back into streams, verified, in order, fetched ahead.
 */
#ifndef SNAP_ASSEMBLE_H
#define SNAP_ASSEMBLE_H

#include "manifest.h"

/* As repo_read(). */
SNAP_MUST_CHECK enum snap_code assemble_read(struct store *s,
    const struct manifest *m,
    bool (*choose)(void *arg, const struct repo_stream *st), void *arg,
    struct sink *out, struct snap_err *err);

/* As repo_survey(). */
SNAP_MUST_CHECK enum snap_code assemble_survey(struct store *s,
    const struct manifest *m,
    bool (*choose)(void *arg, const struct repo_stream *st), void *arg,
    bool *lost, struct snap_err *err);

#endif
