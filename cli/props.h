/* SPDX-License-Identifier: PostgreSQL */
/*
 * props.h - the properties of a new snapshot, collected.
 *
 * The first value of a key stands, so what the command line says comes before
 * what a source adds.
 */
#ifndef SNAP_PROPS_H
#define SNAP_PROPS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "err.h"
#include "opts.h"
#include "repo.h"

#define PROPS_MAX 128

/* Only there where the stream is a database of SQLite. */
#define PROP_SQLITE "sqlite-version"

/* Of a copy: what a host said for the time of the original. */
#define PROP_CLAIMED_TIME "claimed-time"

struct props {
	size_t n;
	struct repo_property v[PROPS_MAX]; /* keys and values are malloc'd */
};

SNAP_MUST_CHECK enum snap_code props_add(
    struct props *p, const char *key, const char *value, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code props_add_u64(
    struct props *p, const char *key, uint64_t value, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code props_add_time(
    struct props *p, const char *key, time_t when, struct snap_err *err);
/* Of a copy of `s`.  A host may say what it likes about time, and the copy is
 * signed by whoever makes it: it has the store's time, and the host's word
 * under another key. */
SNAP_MUST_CHECK enum snap_code props_add_copied(
    struct props *p, const struct repo_snapshot *s, struct snap_err *err);
/* Time, host, version of this program, tags. */
SNAP_MUST_CHECK enum snap_code props_add_usual(
    struct props *p, const struct opts *o, struct snap_err *err);
/* The patterns that choose parts of the database, in an order of their own;
 * nothing when there are none. */
SNAP_MUST_CHECK enum snap_code props_add_selection(
    struct props *p, const struct opts *o, struct snap_err *err);
void props_clear(struct props *p);

#endif
