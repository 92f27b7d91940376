/* SPDX-License-Identifier: PostgreSQL */
/* sqlite_internal.h - what both ways share. */
#ifndef SNAP_SQLITE_INTERNAL_H
#define SNAP_SQLITE_INTERNAL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

/* `path` as SQLite takes for a file's and nothing else, with `suffix` behind
 * it; to be freed, NULL = no memory. */
char *sqlite_path(const char *path, const char *suffix);

/* The first value of the first row; false, with what SQLite says in `db`, when
 * that fails or there is none. */
bool sqlite_value(sqlite3 *db, const char *sql, char *out, size_t size);

#endif
