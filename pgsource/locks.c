/* SPDX-License-Identifier: PostgreSQL */
/*
 * locks.c - one snapshot and the locks that make it hold for the DDL as well.
 *
 * pg_dump takes its snapshot first and locks afterwards: a TRUNCATE or a
 * rewriting ALTER TABLE in between gives an empty table and exit status 0.
 * LOCK TABLE does not take a snapshot, so here the locks come first, inside
 * the same transaction, and the snapshot after them; then whatever the
 * snapshot shows has to be locked and unmoved, or all starts again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pgsource_internal.h"

#define LOCK_TIMEOUT_MS 60000u
#define LOCK_BATCH 500
#define RETRY_MS 20
#define DUMP_RETRIES 5
#define DUMP_WAIT_MS 300u

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* On a standby an unlogged table has no rows and cannot be read. */
static void
drop_unlogged(struct pgsource *s, struct tables *t, bool warn)
{
	size_t i, n = 0;
	struct table gone;

	if (!s->pg.standby)
		return;
	for (i = 0; i < t->n; i++) {
		if (!t->v[i].unlogged) {
			gone = t->v[n];
			t->v[n++] = t->v[i];
			t->v[i] = gone;
			continue;
		}
		if (warn)
			src_warn(s,
			    "unlogged table %s cannot be read on a "
			    "standby: its rows are left out",
			    t->v[i].name);
	}
	tables_trim(t, n);
}

/* Partitioned tables have no rows, but pg_dump will lock them as well. */
static enum snap_code
list_parents(struct pgsource *s, char **out, struct snap_err *err)
{
	struct bytes sql;
	enum snap_code rc;

	bytes_init(&sql, QUERY_MAX);
	bytes_put_str(&sql,
	    "SELECT pg_catalog.string_agg(pg_catalog.format('ONLY %I.%I',"
	    " n.nspname, c.relname), ', ' ORDER BY n.nspname, c.relname)"
	    " FROM pg_catalog.pg_class c"
	    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	    " WHERE c.relkind = 'p' AND");
	catalog_filter(s, &sql);
	bytes_u8(&sql, 0);
	rc = bytes_check(&sql, err);
	if (rc == SNAP_OK)
		rc = conn_value(
		    &s->pg, s->pg.conn, (const char *)sql.p, out, err);
	bytes_fini(&sql);
	return rc;
}

static enum snap_code
lock_all(struct pgsource *s, const char *parents, const struct tables *t,
    struct snap_err *err)
{
	unsigned ms = s->o.lock_timeout_ms;
	enum snap_code rc = SNAP_OK;
	struct bytes sql;
	size_t i, j;

	bytes_init(&sql, QUERY_MAX);
	bytes_printf(&sql, "SET LOCAL lock_timeout = %u",
	    ms == 0 ? LOCK_TIMEOUT_MS : ms);
	if (parents[0] != '\0')
		bytes_printf(
		    &sql, "; LOCK TABLE %s IN ACCESS SHARE MODE", parents);
	for (i = 0; i < t->n && rc == SNAP_OK; i = j) {
		bytes_put_str(&sql, "; LOCK TABLE ONLY ");
		for (j = i; j < t->n && j < i + LOCK_BATCH; j++)
			bytes_printf(&sql, "%s%s", j == i ? "" : ", ONLY ",
			    t->v[j].name);
		bytes_put_str(&sql, " IN ACCESS SHARE MODE");
	}
	bytes_put_str(&sql, "; SET LOCAL lock_timeout = 0");
	bytes_u8(&sql, 0);
	rc = bytes_check(&sql, err);
	if (rc == SNAP_OK)
		rc = conn_exec(
		    &s->pg, s->pg.conn, (const char *)sql.p, NULL, err);
	bytes_fini(&sql);
	return rc;
}

/* ('{1,2}'::oid[]), which is how queries name these tables. */
static void
put_oids(const struct tables *t, struct bytes *sql)
{
	size_t i;

	bytes_put_str(sql, "('{");
	for (i = 0; i < t->n; i++)
		bytes_printf(sql, "%s%s", i == 0 ? "" : ",", t->v[i].oid);
	bytes_put_str(sql, "}'::pg_catalog.oid[])");
}

/*
 * After a lock that did not come: who has or wants the one that excludes
 * ours.  It may be gone by now; then the error stays as it is.
 */
static void
name_holder(struct pgsource *s, const struct tables *t, struct snap_err *err)
{
	struct snap_err ignored;
	PGresult *r = NULL;
	struct bytes sql;

	bytes_init(&sql, QUERY_MAX);
	bytes_put_str(&sql,
	    "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), l.pid"
	    " FROM pg_catalog.pg_locks l"
	    " JOIN pg_catalog.pg_class c ON c.oid = l.relation"
	    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
	    " WHERE l.locktype = 'relation' AND l.pid IS NOT NULL"
	    " AND l.mode = 'AccessExclusiveLock'"
	    " AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d"
	    " WHERE d.datname = pg_catalog.current_database())"
	    " AND l.relation = ANY ");
	put_oids(t, &sql);
	bytes_put_str(&sql, " ORDER BY l.granted DESC, 1 LIMIT 1");
	bytes_u8(&sql, 0);
	if (!sql.bad &&
	    conn_exec(&s->pg, s->pg.conn, (const char *)sql.p, &r, &ignored) ==
		SNAP_OK &&
	    PQntuples(r) == 1) {
		snap_wrap(err, "table %s is locked by process %s",
		    PQgetvalue(r, 0, 0), PQgetvalue(r, 0, 1));
		snap_hint(err,
		    "wait until process %s, to be seen in pg_stat_activity,"
		    " is done, or allow a longer lock timeout",
		    PQgetvalue(r, 0, 1));
	}
	PQclear(r);
	bytes_fini(&sql);
}

/* The tables of the snapshot that are not locked or have other storage. */
static enum snap_code
count_unsafe(struct pgsource *s, const struct tables *t, char **out,
    struct snap_err *err)
{
	struct bytes sql;
	enum snap_code rc;

	bytes_init(&sql, QUERY_MAX);
	bytes_put_str(&sql,
	    "SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c"
	    " WHERE c.oid = ANY ");
	put_oids(t, &sql);
	bytes_put_str(&sql,
	    " AND (NOT c.oid IN"
	    " (SELECT l.relation FROM pg_catalog.pg_locks l"
	    " WHERE l.locktype = 'relation' AND l.granted"
	    " AND l.pid = pg_catalog.pg_backend_pid()"
	    " AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d"
	    " WHERE d.datname = pg_catalog.current_database()))"
	    " OR pg_catalog.pg_relation_filenode(c.oid)"
	    " IS DISTINCT FROM c.relfilenode)");
	bytes_u8(&sql, 0);
	rc = bytes_check(&sql, err);
	if (rc == SNAP_OK)
		rc = conn_value(
		    &s->pg, s->pg.conn, (const char *)sql.p, out, err);
	bytes_fini(&sql);
	return rc;
}

/* The snapshot's name is hex digits and '-', from the server itself. */
static enum snap_code
import_snapshot(struct pgsource *s, PGconn *c, struct snap_err *err)
{
	char sql[256];
	enum snap_code rc = conn_exec(&s->pg, c,
	    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, err);

	if (rc != SNAP_OK)
		return rc;
	if (strspn(s->snapshot, "0123456789abcdefABCDEF-") !=
		strlen(s->snapshot) ||
	    strlen(s->snapshot) > 100)
		return snap_fail(err, SNAP_SOURCE, "strange snapshot name");
	(void)snprintf(
	    sql, sizeof sql, "SET TRANSACTION SNAPSHOT '%s'", s->snapshot);
	return conn_exec(&s->pg, c, sql, NULL, err);
}

void
workers_close(struct pgsource *s)
{
	size_t i;

	for (i = 1; i <= s->n_workers; i++) {
		PQfinish(s->workers[i]);
		s->workers[i] = NULL;
	}
	s->n_workers = 0;
}

/*
 * The other connections lock what they may copy at once and without waiting,
 * for the reason that makes pg_dump give up soon.
 */
static enum snap_code
workers_open(struct pgsource *s, bool *again, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct bytes sql;
	size_t i, n = 0;

	bytes_init(&sql, QUERY_MAX);
	for (i = 0; i < s->tables.n; i++) {
		if (table_small(s, &s->tables.v[i]))
			continue;
		bytes_printf(&sql, "%s%s",
		    n == 0 ? "LOCK TABLE ONLY " : ", ONLY ",
		    s->tables.v[i].name);
		n += table_parts(s, &s->tables.v[i]);
	}
	bytes_put_str(&sql, " IN ACCESS SHARE MODE NOWAIT");
	bytes_u8(&sql, 0);
	rc = bytes_check(&sql, err);
	for (i = 1; rc == SNAP_OK && i < s->o.jobs && i <= n; i++) {
		rc = conn_again(&s->pg, &s->workers[i], err);
		if (rc != SNAP_OK)
			break;
		s->n_workers = i;
		rc = conn_pin(&s->pg, s->workers[i], err);
		if (rc == SNAP_OK)
			rc = import_snapshot(s, s->workers[i], err);
		if (rc != SNAP_OK)
			break;
		rc = conn_exec(
		    &s->pg, s->workers[i], (const char *)sql.p, NULL, err);
		*again =
		    rc != SNAP_OK && strcmp(conn_sqlstate(err), "55P03") == 0;
	}
	bytes_fini(&sql);
	return rc;
}

/*
 * pg_dump, and whether somebody waits for our locks, should it fail.  What it
 * met may also have been dropped, as only tables can be locked; its messages
 * do not tell, so it gets a few more tries.
 */
static enum snap_code
archive_take(
    struct pgsource *s, unsigned *failures, bool *again, struct snap_err *err)
{
	struct snap_err ignored;
	enum snap_code rc = ddl_archive(s, err);
	char *waiting = NULL;

	if (rc != SNAP_OK && rc != SNAP_CANCELLED &&
	    conn_value(&s->pg, s->pg.conn,
		"SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks w"
		" JOIN pg_catalog.pg_locks h ON h.relation = w.relation"
		" AND h.database = w.database WHERE NOT w.granted"
		" AND h.pid = pg_catalog.pg_backend_pid()",
		&waiting, &ignored) == SNAP_OK) {
		*again = strcmp(waiting, "0") != 0;
		/* Nobody stood in its way: a slow server needs the time. */
		if (!*again && ++*failures <= DUMP_RETRIES) {
			s->dump_wait_ms *= 2;
			*again = true;
		}
	}
	free(waiting);
	return rc;
}

/* Did something go that was there when we asked for its name? */
static bool
is_gone(const struct snap_err *err)
{
	const char *state = conn_sqlstate(err);

	return strcmp(state, "42P01") == 0 || strcmp(state, "3F000") == 0;
}

/*
 * The snapshot, what it shows, and whether all of that is locked.  Patterns
 * mean what the snapshot shows as well, as pg_dump will read them there.
 */
static enum snap_code
snapshot_take(struct pgsource *s, bool *again, struct snap_err *err)
{
	char *unsafe = NULL;
	enum snap_code rc;

	rc = conn_value(&s->pg, s->pg.conn,
	    "SELECT pg_catalog.pg_export_snapshot()", &s->snapshot, err);
	if (rc == SNAP_OK)
		rc = patterns_resolve(s, err);
	if (rc == SNAP_OK)
		rc = catalog_tables(s, true, &s->tables, err);
	if (rc != SNAP_OK)
		goto out;
	drop_unlogged(s, &s->tables, false);
	rc = count_unsafe(s, &s->tables, &unsafe, err);
	if (rc == SNAP_OK && strcmp(unsafe, "0") != 0) {
		*again = true;
		rc = snap_fail(err, SNAP_SOURCE,
		    "tables keep being created or rewritten: %s of them "
		    "changed while the snapshot was taken",
		    unsafe);
	}
out:
	free(unsafe);
	return rc;
}

/* One try at all that has to be of one moment. */
struct attempt {
	struct tables pre; /* what it was to lock */
	char *parents;     /* and the partitioned ones, as a list */
	unsigned failures; /* of pg_dump, of all tries */
	bool again;        /* the world moved: another try makes sense */
};

static enum snap_code
try_once(struct pgsource *s, struct attempt *a, struct snap_err *err)
{
	const char *begin =
	    s->o.serializable_deferrable
		? "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE"
		: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
	enum snap_code rc;

	a->again = false;
	rc = catalog_tables(s, false, &a->pre, err);
	if (rc == SNAP_OK)
		drop_unlogged(s, &a->pre, false);
	if (rc == SNAP_OK)
		rc = catalog_check(s, &a->pre, err);
	if (rc == SNAP_OK)
		rc = list_parents(s, &a->parents, err);
	if (rc == SNAP_OK)
		rc = conn_exec(&s->pg, s->pg.conn, begin, NULL, err);
	if (rc != SNAP_OK)
		goto out;
	rc = lock_all(s, a->parents, &a->pre, err);
	if (rc != SNAP_OK) {
		snap_wrap(err, "lock the tables");
		goto out;
	}
	rc = snapshot_take(s, &a->again, err);
	if (rc == SNAP_OK)
		rc = sequences_take(s, err);
	if (rc == SNAP_OK)
		rc = workers_open(s, &a->again, err);
	if (rc == SNAP_OK)
		rc = archive_take(s, &a->failures, &a->again, err);
out:
	if (rc != SNAP_OK && is_gone(err))
		a->again = true;
	return rc;
}

enum snap_code
locks_take(struct pgsource *s, struct snap_err *err)
{
	unsigned ms = s->o.lock_timeout_ms;
	uint64_t end = now_ms() + (ms == 0 ? LOCK_TIMEOUT_MS : ms);
	struct timespec pause = { 0, RETRY_MS * 1000000L };
	struct attempt a = { .again = false };
	struct snap_err ignored;
	enum snap_code rc;

	s->dump_wait_ms = DUMP_WAIT_MS;
	for (;;) {
		rc = try_once(s, &a, err);
		if (rc == SNAP_OK)
			break;
		workers_close(s);
		if (PQtransactionStatus(s->pg.conn) != PQTRANS_IDLE &&
		    conn_exec(&s->pg, s->pg.conn, "ROLLBACK", NULL, &ignored) !=
			SNAP_OK)
			goto out;
		if (!a.again || now_ms() >= end) {
			if (strcmp(conn_sqlstate(err), "55P03") == 0)
				name_holder(s, &a.pre, err);
			if (a.again && err->hint[0] == '\0')
				snap_hint(err, "other sessions keep changing "
					       "tables: try again when they "
					       "are done, or allow a longer "
					       "lock timeout");
			goto out;
		}
		report_log(s->pg.o.report, REPORT_DEBUG,
		    "tables changed while the snapshot was taken; again");
		nanosleep(&pause, NULL);
	}
	if (s->pg.standby)
		rc = catalog_tables(s, false, &a.pre, err);
	if (rc == SNAP_OK)
		drop_unlogged(s, &a.pre, true);
out:
	tables_free(&a.pre);
	free(a.parents);
	return rc;
}
