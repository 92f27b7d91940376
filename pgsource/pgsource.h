/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgsource.h - read one database of a live PostgreSQL as streams.
 *
 * pgsource_open() connects, checks versions and rights and finds a pg_dump
 * that is not older than the server; pgsource_dump() takes one exported
 * snapshot, locks the tables, closes pg_dump's relfilenode race and pushes
 * every stream, from several connections, into sinks.  It knows nothing of
 * chunks or stores.  The rules and their
 * reasons: docs/postgresql.md.
 */
#ifndef SNAP_PGSOURCE_H
#define SNAP_PGSOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "pgclient.h"
#include "sink.h"

struct pgsource_opts {
	struct pgclient_opts server;
	size_t jobs;           /* connections that stream, 1 to 64 */
	uint32_t slice_blocks; /* heap blocks per slice; 0 = 32768 */
	bool serializable_deferrable;
	unsigned lock_timeout_ms; /* waiting for ACCESS SHARE; 0 = 60000 */
	/* pg_dump's patterns, NULL-terminated lists, NULL = none. */
	const char *const *schemas, *const *exclude_schemas;
	const char *const *tables, *const *exclude_tables;
	const char *const *exclude_table_data;
	bool no_role_passwords;
	const char *pg_dump; /* path of pg_dump; NULL = find one */
	const struct span *globals; /* read before; NULL = read them */
};

/* What is recorded about the source.  Strings are the pgsource's. */
struct pgsource_property {
	const char *key;   /* see docs/format.md, "snapshot properties" */
	const char *value; /* UTF-8 or the server's bytes, never NULL */
};

struct pgsource;

/*
 * Errors: SNAP_SOURCE (cannot connect, wrong database, server newer than
 * every pg_dump found, missing rights: named, with the GRANT in the hint),
 * SNAP_USAGE (a pattern that matches nothing), SNAP_NOMEM.
 */
SNAP_MUST_CHECK enum snap_code pgsource_open(const struct pgsource_opts *opts,
    struct pgsource **out, struct snap_err *err);
void pgsource_close(struct pgsource *s);

/* Known after open: the identity that a backup is filed under. */
uint64_t pgsource_system_identifier(const struct pgsource *s); /* 0 = unknown */
const char *pgsource_database(const struct pgsource *s);

/*
 * Push every stream.  `sinks`: opts.jobs of them; sink i is only ever used by
 * thread i.  Streams below 8 MiB go, in the order of their names, through
 * sink 0, large ones and slices, largest first, through all.
 * Polls report->cancel and cancels running queries.
 */
SNAP_MUST_CHECK enum snap_code pgsource_dump(
    struct pgsource *s, struct sink **sinks, struct snap_err *err);

/* Complete after pgsource_dump(): keys "server-version", "pg-dump-version",
 * "encoding", "collation-versions", "extensions", "lsn", "timeline",
 * "snapshot-time", "restore-locks" (lock table entries one transaction of a
 * restore needs), "warnings" ... sorted by key; returns their number. */
size_t pgsource_properties(
    const struct pgsource *s, const struct pgsource_property **out);

/* How many warnings the dump gave (unreadable passwords, subscriptions ...):
 * a snapshot with warnings is complete for what was readable. */
size_t pgsource_n_warnings(const struct pgsource *s);

#endif
