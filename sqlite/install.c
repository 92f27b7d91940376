/* SPDX-License-Identifier: PostgreSQL */
/*
 * install.c - bytes become a database that has its name only when SQLite has
 * found it whole.
 *
 * The log of another database beside it (-wal, -journal) would be applied to
 * it the first time that it is opened: it must go before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "fdio.h"
#include "sqlite_internal.h"
#include "sqlitefile.h"

#define PROGRESS_OPS 20000

struct sqlite_target {
	char *path, *tmp;
	bool overwrite, made;
	int fd;
	struct report *report;
};

static const char *const beside[] = { "-wal", "-shm", "-journal" };
#define N_BESIDE (sizeof beside / sizeof beside[0])

/* What is at `path` with `suffix`; false = nothing. */
static bool
is_there(const char *path, const char *suffix, struct stat *st)
{
	char *p = sqlite_path(path, suffix);
	bool there = p != NULL && lstat(p, st) == 0;

	free(p);
	return there;
}

static enum snap_code
check_place(const struct sqlite_target *t, struct snap_err *err)
{
	struct stat st;

	if (is_there(t->path, "", &st)) {
		if (!S_ISREG(st.st_mode))
			return snap_fail(err, SNAP_EXISTS,
			    "%s is there and no regular file", t->path);
		if (!t->overwrite) {
			(void)snap_fail(
			    err, SNAP_EXISTS, "%s is there", t->path);
			return snap_hint(err, "--overwrite replaces it.");
		}
	}
	for (size_t i = 0; i < N_BESIDE && !t->overwrite; i++)
		if (is_there(t->path, beside[i], &st)) {
			(void)snap_fail(err, SNAP_EXISTS,
			    "%s%s is there, which SQLite would take for a "
			    "part of the new database",
			    t->path, beside[i]);
			return snap_hint(err, "--overwrite removes it.");
		}
	return SNAP_OK;
}

enum snap_code
sqlite_target_open(const char *path, bool overwrite, struct report *r,
    struct sqlite_target **out, struct snap_err *err)
{
	struct sqlite_target *t = calloc(1, sizeof *t);
	enum snap_code rc;

	if (t == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	t->fd = -1;
	t->overwrite = overwrite;
	t->report = r;
	t->path = sqlite_path(path, "");
	t->tmp = sqlite_path(path, ".snap-XXXXXX");
	if (path[0] == '\0')
		rc = snap_fail(err, SNAP_USAGE, "an empty file name");
	else if (t->path == NULL || t->tmp == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "no memory for a path");
	else
		rc = check_place(t, err);
	if (rc == SNAP_OK && (t->fd = mkstemp(t->tmp)) < 0)
		rc = snap_fail_errno(
		    err, SNAP_IO, "make a file beside %s", path);
	t->made = t->fd >= 0;
	if (t->made)
		(void)fcntl(t->fd, F_SETFD, FD_CLOEXEC);
	if (rc == SNAP_OK)
		*out = t;
	else
		sqlite_target_close(t);
	return rc;
}

int
sqlite_target_fd(const struct sqlite_target *t)
{
	return t->fd;
}

static int
on_progress(void *arg)
{
	return report_cancelled(arg);
}

/* Nobody else knows the file: no locks, and no files beside it. */
static enum snap_code
open_alone(const struct sqlite_target *t, sqlite3 **db, struct snap_err *err)
{
	static const char bare[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
				   "qrstuvwxyz0123456789_-./";
	struct bytes uri;
	enum snap_code rc;

	bytes_init(&uri, 3 * strlen(t->tmp) + 64);
	bytes_put_str(&uri, "file:");
	for (const char *p = t->tmp; *p != '\0'; p++)
		if (strchr(bare, *p) != NULL)
			bytes_u8(&uri, (uint8_t)*p);
		else
			bytes_printf(&uri, "%%%02x", (unsigned char)*p);
	bytes_put_str(&uri, "?immutable=1");
	bytes_u8(&uri, 0);
	rc = bytes_check(&uri, err);
	if (rc == SNAP_OK &&
	    sqlite3_open_v2((const char *)uri.p, db,
		SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI,
		NULL) != SQLITE_OK)
		rc = snap_fail(err, SNAP_IO, "open the restored database: %s",
		    *db != NULL ? sqlite3_errmsg(*db) : "out of memory");
	bytes_fini(&uri);
	return rc;
}

/*
 * An index by a collation or a function that the application brings along can
 * be checked by nobody else: then what can be.
 */
static enum snap_code
check_whole(const struct sqlite_target *t, struct snap_err *err)
{
	static const char *const checks[] = { "PRAGMA integrity_check(1)",
		"PRAGMA quick_check(1)" };
	char said[SNAP_ERR_MSG_MAX / 2];
	sqlite3 *db = NULL;
	enum snap_code rc = open_alone(t, &db, err);
	size_t i;

	for (i = 0; rc == SNAP_OK && i < 2; i++) {
		sqlite3_progress_handler(
		    db, PROGRESS_OPS, on_progress, t->report);
		if (sqlite_value(db, checks[i], said, sizeof said)) {
			if (strcmp(said, "ok") != 0)
				rc = snap_fail(err, SNAP_CORRUPT,
				    "the restored database is damaged: %s",
				    said);
			break;
		}
		if ((rc = report_check(t->report, err)) != SNAP_OK)
			break;
		if (sqlite3_errcode(db) != SQLITE_ERROR)
			rc = snap_fail(err, SNAP_CORRUPT,
			    "the restored database is damaged: %s",
			    sqlite3_errmsg(db));
		else
			report_log(t->report, REPORT_WARNING,
			    "%s cannot be run: %s", checks[i],
			    sqlite3_errmsg(db));
	}
	if (rc == SNAP_CORRUPT)
		(void)snap_detail(err,
		    "So it was when it was backed up: the snapshot itself "
		    "verified.");
	(void)sqlite3_close(db);
	return rc;
}

/* Who uses it has the log open: that is to be seen in WAL mode (which it leaves
 * for that: it is about to go), in others only within a transaction.  One that
 * is no database any more is not in use. */
static enum snap_code
check_unused(const struct sqlite_target *t, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	sqlite3 *db = NULL;
	struct stat st;

	if (!is_there(t->path, "", &st))
		return SNAP_OK;
	if (sqlite3_open_v2(t->path, &db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
		NULL) == SQLITE_OK &&
	    sqlite3_exec(db, "PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE",
		NULL, NULL, NULL) != SQLITE_OK &&
	    (sqlite3_errcode(db) & 0xff) == SQLITE_BUSY) {
		rc = snap_fail(err, SNAP_BUSY, "%s is in use", t->path);
		(void)snap_hint(err, "Stop who uses it first.");
	}
	(void)sqlite3_close(db);
	return rc;
}

static enum snap_code
remove_logs(const struct sqlite_target *t, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < N_BESIDE && rc == SNAP_OK; i++) {
		char *p = sqlite_path(t->path, beside[i]);

		if (p == NULL)
			rc = snap_fail(err, SNAP_NOMEM, "no memory for a path");
		else if (unlink(p) != 0 && errno != ENOENT)
			rc = snap_fail_errno(err, SNAP_IO, "remove %s", p);
		free(p);
	}
	return rc;
}

/* Not over what came in between, where there are links. */
static enum snap_code
give_name(struct sqlite_target *t, struct snap_err *err)
{
	if (!t->overwrite) {
		if (link(t->tmp, t->path) == 0)
			return SNAP_OK; /* the other name goes with close */
		if (errno == EEXIST)
			return snap_fail(
			    err, SNAP_EXISTS, "%s is there", t->path);
	}
	if (rename(t->tmp, t->path) != 0)
		return snap_fail_errno(
		    err, SNAP_IO, "rename %s to %s", t->tmp, t->path);
	t->made = false;
	return SNAP_OK;
}

enum snap_code
sqlite_target_finish(struct sqlite_target *t, struct snap_err *err)
{
	enum snap_code rc = check_whole(t, err);

	if (rc == SNAP_OK && fsync(t->fd) != 0)
		rc = snap_fail_errno(err, SNAP_IO, "sync %s", t->tmp);
	if (rc == SNAP_OK)
		rc = report_check(t->report, err);
	if (rc == SNAP_OK && t->overwrite) {
		rc = check_unused(t, err);
		if (rc == SNAP_OK)
			rc = remove_logs(t, err);
	} else if (rc == SNAP_OK) {
		rc = check_place(t, err);
	}
	if (rc == SNAP_OK)
		rc = give_name(t, err);
	if (rc == SNAP_OK && t->made && unlink(t->tmp) == 0)
		t->made = false;
	if (rc == SNAP_OK && fd_sync_parent(t->path) != 0)
		rc = snap_fail_errno(
		    err, SNAP_IO, "sync the directory of %s", t->path);
	return rc;
}

void
sqlite_target_close(struct sqlite_target *t)
{
	if (t == NULL)
		return;
	if (t->fd >= 0)
		(void)close(t->fd);
	if (t->made)
		(void)unlink(t->tmp);
	free(t->path);
	free(t->tmp);
	free(t);
}
