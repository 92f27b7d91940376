/* SPDX-License-Identifier: PostgreSQL */
/*
 * copy.c - a consistent copy of a database while others write to it.
 *
 * One read transaction spans all of it.  (Without, SQLite begins the copy
 * again whenever another process has written: beside a busy one it never
 * ends.)  A few pages at a time, so that we can be stopped.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sqlite_internal.h"
#include "sqlitefile.h"

#define STEP_BYTES (4 << 20)
#define PAUSE_MS 20

struct wait {
	const struct sqlite_copy_opts *o;
	struct timespec since;
};

struct copy {
	const struct sqlite_copy_opts *o;
	struct wait wait;
	sqlite3 *from, *to;
	int fd; /* of `to` */
};

char *
sqlite_path(const char *path, const char *suffix)
{
	/* Neither "" nor ":memory:" nor "file:..." is a file's name to it. */
	const char *dir = path[0] == '/' ? "" : "./";
	size_t len = strlen(dir) + strlen(path) + strlen(suffix) + 1;
	char *out = malloc(len);

	if (out != NULL)
		(void)snprintf(out, len, "%s%s%s", dir, path, suffix);
	return out;
}

bool
sqlite_value(sqlite3 *db, const char *sql, char *out, size_t size)
{
	const unsigned char *text;
	sqlite3_stmt *st = NULL;
	bool found = false;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW) {
		text = sqlite3_column_text(st, 0);
		(void)snprintf(
		    out, size, "%s", text != NULL ? (const char *)text : "");
		found = true;
	}
	(void)sqlite3_finalize(st);
	return found;
}

/* Somebody has a lock.  Called again until this is 0. */
static int
on_busy(void *arg, int n)
{
	struct timespec now, pause = { 0, PAUSE_MS * 1000000L };
	struct wait *w = arg;
	int64_t ms;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (n == 0)
		w->since = now;
	ms = (int64_t)(now.tv_sec - w->since.tv_sec) * 1000 +
	     (now.tv_nsec - w->since.tv_nsec) / 1000000;
	if (ms >= w->o->lock_timeout_ms || report_cancelled(w->o->report))
		return 0;
	(void)nanosleep(&pause, NULL);
	return 1;
}

/* `db` has the reason. */
static enum snap_code
fail(const struct copy *c, sqlite3 *db, struct snap_err *err)
{
	int code = db != NULL ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
	enum snap_code rc = report_check(c->o->report, err);

	if (rc != SNAP_OK)
		return rc;
	(void)snap_fail(err, code == SQLITE_NOMEM ? SNAP_NOMEM : SNAP_SOURCE,
	    "SQLite database %s: %s", c->o->path,
	    db != NULL ? sqlite3_errmsg(db) : "out of memory");
	switch (code == SQLITE_IOERR_WRITE ? code : code & 0xff) {
	case SQLITE_BUSY:
		(void)snap_hint(err,
		    "Somebody writes to it for longer than %u ms: "
		    "--lock-wait-timeout.",
		    c->o->lock_timeout_ms);
		break;
	case SQLITE_FULL:
	case SQLITE_IOERR_WRITE: /* nothing but the copy is written */
		err->code = SNAP_IO;
		(void)snap_hint(err,
		    "A copy of it is made in %s: set TMPDIR to where there is "
		    "room.",
		    c->o->tmpdir);
		break;
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
		(void)snap_hint(err,
		    "Locks and log of a database lie beside it: who reads it "
		    "must be allowed to write there.");
		break;
	default:
		break;
	}
	return err->code;
}

static enum snap_code
exec(const struct copy *c, sqlite3 *db, const char *sql, struct snap_err *err)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fail(c, db, err);
	return SNAP_OK;
}

static enum snap_code
open_source(struct copy *c, struct snap_err *err)
{
	char *path, *wal;
	struct stat st;
	bool had_wal;
	int e;

	if (stat(c->o->path, &st) != 0)
		return snap_fail_errno(
		    err, SNAP_SOURCE, "SQLite database %s", c->o->path);
	if (!S_ISREG(st.st_mode))
		return snap_fail(err, SNAP_SOURCE,
		    "SQLite database %s: not a regular file", c->o->path);
	path = sqlite_path(c->o->path, "");
	wal = sqlite_path(c->o->path, "-wal");
	if (path == NULL || wal == NULL) {
		free(path);
		free(wal);
		return snap_fail(err, SNAP_NOMEM, "no memory for a path");
	}
	had_wal = access(wal, F_OK) == 0;
	/* Writing is for what a crash may have left: without it such a
	 * database cannot be read. */
	e = sqlite3_open_v2(
	    path, &c->from, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	free(path);
	free(wal);
	if (e != SQLITE_OK)
		return fail(c, c->from, err);
	(void)sqlite3_busy_handler(c->from, on_busy, &c->wait);
	/* As the last user of a log we would write it into the database. */
	if (had_wal)
		(void)sqlite3_db_config(
		    c->from, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
	return exec(c, c->from,
	    "BEGIN; SELECT count(*) FROM (SELECT 1 FROM sqlite_master LIMIT 1)",
	    err);
}

/* It has a name between two calls only, and for nobody else. */
static enum snap_code
open_copy(struct copy *c, struct snap_err *err)
{
	char *path = sqlite_path(c->o->tmpdir, "/snap-XXXXXX");
	enum snap_code rc = SNAP_OK;

	if (path == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a path");
	c->fd = mkstemp(path);
	if (c->fd < 0) {
		rc = snap_fail_errno(
		    err, SNAP_IO, "make a temporary file in %s", c->o->tmpdir);
	} else {
		(void)fcntl(c->fd, F_SETFD, FD_CLOEXEC);
		if (sqlite3_open_v2(path, &c->to,
			SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
			NULL) != SQLITE_OK)
			rc = fail(c, c->to, err);
		(void)unlink(path);
	}
	free(path);
	/* Nobody will need what is half written. */
	if (rc == SNAP_OK)
		rc = exec(c, c->to,
		    "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", err);
	return rc;
}

static enum snap_code
copy_pages(struct copy *c, uint32_t page_size, struct snap_err *err)
{
	sqlite3_backup *b;
	enum snap_code rc;
	int e = SQLITE_OK;

	b = sqlite3_backup_init(c->to, "main", c->from, "main");
	if (b == NULL)
		return fail(c, c->to, err);
	do {
		rc = report_check(c->o->report, err);
		if (rc == SNAP_OK)
			e = sqlite3_backup_step(b, STEP_BYTES / (int)page_size);
	} while (rc == SNAP_OK && e == SQLITE_OK);
	e = sqlite3_backup_finish(b);
	if (rc == SNAP_OK && e != SQLITE_OK)
		rc = fail(c, c->to, err);
	return rc;
}

static enum snap_code
describe(struct copy *c, struct sqlite_copied *out, struct snap_err *err)
{
	char text[16];

	if (!sqlite_value(c->from, "PRAGMA page_size", text, sizeof text) ||
	    !sqlite_value(c->from, "PRAGMA journal_mode", out->journal_mode,
		sizeof out->journal_mode))
		return fail(c, c->from, err);
	out->page_size = (uint32_t)strtoul(text, NULL, 10);
	out->version = sqlite3_libversion();
	if (out->page_size < 512 || out->page_size > 65536)
		return snap_fail(err, SNAP_SOURCE,
		    "SQLite database %s: pages of %s bytes", c->o->path, text);
	return SNAP_OK;
}

enum snap_code
sqlite_copy(const struct sqlite_copy_opts *o, struct sqlite_copied *out,
    struct snap_err *err)
{
	struct copy c = { .o = o, .wait.o = o, .fd = -1 };
	struct sqlite_copied got;
	enum snap_code rc;
	struct stat st;

	memset(&got, 0, sizeof got);
	if ((rc = open_source(&c, err)) == SNAP_OK &&
	    (rc = describe(&c, &got, err)) == SNAP_OK &&
	    (rc = open_copy(&c, err)) == SNAP_OK)
		rc = copy_pages(&c, got.page_size, err);
	(void)sqlite3_close(c.from);
	(void)sqlite3_close(c.to);
	if (rc == SNAP_OK && fstat(c.fd, &st) != 0)
		rc = snap_fail_errno(err, SNAP_IO, "look at the copy");
	if (rc == SNAP_OK && lseek(c.fd, 0, SEEK_SET) != 0)
		rc = snap_fail_errno(err, SNAP_IO, "rewind the copy");
	if (rc != SNAP_OK) {
		if (c.fd >= 0)
			(void)close(c.fd);
		return rc;
	}
	*out = got;
	out->fd = c.fd;
	out->bytes = (uint64_t)st.st_size;
	return SNAP_OK;
}
