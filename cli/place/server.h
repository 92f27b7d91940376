/* SPDX-License-Identifier: PostgreSQL */
/* server.h - the PostgreSQL that the options name. */
#ifndef SNAP_SERVER_H
#define SNAP_SERVER_H

#include "cmd.h"
#include "pgclient.h"

/* -h, -p, -U, -w, -W, the report and the directory of temporary files; for
 * `dbname` NULL stands for libpq's default. */
void server_opts(struct cli *c, const char *dbname, struct pgclient_opts *out);

#endif
