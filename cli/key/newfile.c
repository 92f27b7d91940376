/* SPDX-License-Identifier: PostgreSQL */
/* newfile.c - see newfile.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "newfile.h"

static bool
is_stdout(const struct newfile *f)
{
	return strcmp(f->path, "-") == 0;
}

enum snap_code
newfile_make(struct newfile *f, const char *path, struct snap_err *err)
{
	*f = (struct newfile){ path, -1, false };
	if (is_stdout(f)) {
		f->fd = STDOUT_FILENO;
		return SNAP_OK;
	}
	f->fd = open(
	    path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
	if (f->fd >= 0)
		return SNAP_OK;
	if (errno == EEXIST)
		return snap_fail(
		    err, SNAP_USAGE, "\"%s\" is there already", path);
	return snap_fail_errno(err, SNAP_USAGE, "make \"%s\"", path);
}

enum snap_code
newfile_write(struct newfile *f, struct span data, struct snap_err *err)
{
	if (fd_write_all(f->fd, data.p, data.len) != 0)
		return snap_fail_errno(err, SNAP_IO, "write %s",
		    is_stdout(f) ? "standard output" : f->path);
	if (is_stdout(f)) {
		f->keep = true;
		return SNAP_OK;
	}
	if (fsync(f->fd) != 0 || fd_sync_parent(f->path) != 0)
		return snap_fail_errno(err, SNAP_IO, "sync \"%s\"", f->path);
	f->keep = true;
	return SNAP_OK;
}

void
newfile_end(struct newfile *f)
{
	if (f->fd < 0 || is_stdout(f))
		return;
	(void)close(f->fd);
	if (!f->keep)
		(void)unlink(f->path);
	f->fd = -1;
}
