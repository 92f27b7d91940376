/* SPDX-License-Identifier: PostgreSQL */
/*
 * dial.h - connect without being deaf to a cancel.
 */
#ifndef SNAP_DIAL_H
#define SNAP_DIAL_H

#include <libpq-fe.h>

#include "err.h"
#include "report.h"

#define CONN_PARAMS 96
struct conn_params {
	const char *const *key, *const *val; /* NULL ends the keys */
	int expand;                          /* dbname may be a conninfo */
};
/* Connect; *out may be a connection that failed, as with libpq. */
enum snap_code conn_dial(struct report *report, const struct conn_params *p,
    PGconn **out, struct snap_err *err);

#endif
