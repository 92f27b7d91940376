/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgclient.h - how to reach a PostgreSQL.
 *
 * What reading from a server and writing to one share is in this folder:
 * connections, queries that a cancel ends, PostgreSQL's own programs as
 * children, its patterns.  Those who only say which server include this
 * header; pgsession.h is for those who talk to it.
 */
#ifndef SNAP_PGCLIENT_H
#define SNAP_PGCLIENT_H

#include <stdbool.h>

#include "report.h"

struct pgclient_opts {
	/* libpq parameters; NULL = libpq's default (PGHOST ... as in psql).
	 * dbname may be a name, a conninfo string or a postgresql:// URI. */
	const char *dbname, *host, *port, *user;
	/* A database's name, taken as it is, that beats the one in dbname;
	 * NULL = none. */
	const char *database;
	int password_prompt; /* -1 never (-w), 0 when needed, 1 always (-W) */
	/* Asks for a password; returns a malloc'd string or NULL.  May be
	 * NULL: then a needed password is an error. */
	char *(*ask_password)(void *arg, const char *prompt);
	void *ask_arg;
	const char *tmpdir; /* of temporary files; NULL = the system's */
	struct report *report;
};

/* Does this name, conninfo string or URI say which database? */
bool pgclient_names_database(const char *dbname);

#endif
