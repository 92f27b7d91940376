/* SPDX-License-Identifier: PostgreSQL */
/*
 * alone.c - see alone.h.
 *
 * flock() and not fcntl(): the processes of --all-profiles share it, and it
 * ends with the last of them, however that ends.  The file stays: who removed
 * it could remove that of another run.
 */
#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "alone.h"
#include "fdio.h"
#include "statedir.h"

#define NAME_BYTES 100
#define PATH_BYTES ((size_t)64 << 10)

static enum snap_code
check_name(const char *name, struct snap_err *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	if (*name != '\0' && strlen(name) <= NAME_BYTES &&
	    name[strspn(name, letters)] == '\0')
		return SNAP_OK;
	return snap_fail(err, SNAP_USAGE,
	    "a job's name has letters, digits, - and _, not \"%.100s\"", name);
}

static enum snap_code
lock(const char *path, const char *name, struct snap_err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return snap_fail_errno(err, SNAP_IO, "open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return SNAP_OK; /* and the file stays open */
	if (errno == EWOULDBLOCK)
		(void)snap_fail(err, SNAP_BUSY,
		    "job \"%s\" is running already, so this run does nothing",
		    name);
	else
		(void)snap_fail_errno(err, SNAP_IO, "lock %s", path);
	(void)close(fd);
	return err->code;
}

enum snap_code
alone_begin(const struct opts *o, struct snap_err *err)
{
	struct bytes path;
	bool is_default;
	enum snap_code rc;
	size_t dir_len;

	if (o->job == NULL)
		return SNAP_OK;
	if ((rc = check_name(o->job, err)) != SNAP_OK)
		return rc;
	bytes_init(&path, PATH_BYTES);
	statedir(o, &path, &is_default);
	if (!path.bad && path.p[0] == '\0') {
		(void)snap_fail(
		    err, SNAP_USAGE, "--job has no place to leave its mark");
		rc = snap_hint(err, "Set SNAP_STATE_DIR to a directory.");
		goto out;
	}
	path.len -= !path.bad; /* the NUL */
	bytes_put_str(&path, "/jobs");
	dir_len = path.len;
	bytes_u8(&path, 0);
	if ((rc = bytes_check(&path, err)) != SNAP_OK ||
	    (rc = fd_mkdirs((const char *)path.p, err)) != SNAP_OK)
		goto out;
	path.len = dir_len;
	bytes_printf(&path, "/%s.lock", o->job);
	bytes_u8(&path, 0);
	rc = bytes_check(&path, err);
	if (rc == SNAP_OK)
		rc = lock((const char *)path.p, o->job, err);
out:
	bytes_fini(&path);
	return rc;
}
