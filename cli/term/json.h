/* SPDX-License-Identifier: PostgreSQL */
/*
 * json.h - the one JSON schema, "snap.v1".
 *
 * Keys are lower-case with dashes, numbers of bytes are plain integers, times
 * are RFC 3339 in UTC, and "id" means a snapshot's own id, nothing else.
 */
#ifndef SNAP_JSON_H
#define SNAP_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"
#include "repo.h"

/* {"schema": "snap.v1"}; NULL = no memory, which json_print() reports. */
json_t *json_root(void);
void json_put_text(json_t *o, const char *key, struct span s);
void json_put_u64(json_t *o, const char *key, uint64_t v);
/* What --json calls an enum stream_kind. */
const char *json_kind(uint8_t kind);
/* RFC 3339 in UTC. */
void json_put_time(json_t *o, const char *key, int64_t time_ns);
/* A list of what is separated by commas; NULL: of nothing. */
json_t *json_tags(const char *tags);
json_t *json_snapshot(const struct repo_snapshot *s);
/* Print on stdout and release. */
SNAP_MUST_CHECK enum snap_code json_print(json_t *root, struct snap_err *err);

#endif
