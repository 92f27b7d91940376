/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgglobals.h - what a server has beside databases: roles and tablespaces,
 * made again from what pg_dumpall wrote.
 *
 * A statement that the server refuses is a warning of the report, by the name
 * of what it is about and never with its text, which may hold the hash of a
 * password; the others go on.
 */
#ifndef SNAP_PGGLOBALS_H
#define SNAP_PGGLOBALS_H

#include <stdbool.h>
#include <stddef.h>

#include "bytes.h"
#include "pgclient.h"

enum pgglobals_roles {
	ROLES_MISSING, /* those that exist stay as they are */
	ROLES_ALL,     /* and those are made as they were */
	ROLES_NONE
};

struct pgglobals_opts {
	struct pgclient_opts server; /* any database of it */
	enum pgglobals_roles roles;
	bool no_tablespaces;
	/* "NAME=/directory" each, NULL-terminated; NULL = none. */
	const char *const *tablespace_map;
};

struct pgglobals;

SNAP_MUST_CHECK enum snap_code pgglobals_open(const struct pgglobals_opts *opts,
    struct pgglobals **out, struct snap_err *err);
void pgglobals_close(struct pgglobals *g);

SNAP_MUST_CHECK enum snap_code pgglobals_has_database(
    struct pgglobals *g, const char *name, bool *out, struct snap_err *err);
/*
 * Roles, memberships, tablespaces; `text` is borrowed until the end.
 * SNAP_USAGE: the map names a tablespace that is not there, before anything
 * is done.  SNAP_SOURCE: a tablespace could not be made, or the connection is
 * lost.
 */
SNAP_MUST_CHECK enum snap_code pgglobals_apply(
    struct pgglobals *g, struct span text, struct snap_err *err);
/* What is about the role we are connected as, and could shut us out. */
SNAP_MUST_CHECK enum snap_code pgglobals_finish(
    struct pgglobals *g, struct snap_err *err);
/* Statements that failed, and attributes of roles that were left out. */
size_t pgglobals_n_failed(const struct pgglobals *g);
/* Roles that can log in, and the script has no password of any role. */
size_t pgglobals_n_without_password(const struct pgglobals *g);

#endif
