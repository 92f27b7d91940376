/* SPDX-License-Identifier: PostgreSQL */
/*
 * local_put.c - how a file becomes an object.
 *
 * An object is written and synced under a random hidden name beside its
 * target before it gets its own.  link() gives the name, not rename(): it
 * refuses to replace a file.  Then the directory is synced, and only then the
 * temporary name removed, because removing a link moves the inode's ctime:
 * the object's time is so never before it was visible and durable, whatever
 * the process slept through.  A file system without hard links gets
 * renameat2(RENAME_NOREPLACE) instead, or a refusal.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fdio.h"
#include "local_internal.h"

#define COMPARE_STEP (64u << 10) /* bytes read at a time */
#define PUBLISH_TRIES 8
#define NO_REPLACE 1u /* RENAME_NOREPLACE, which libc hides from POSIX */

/*
 * Does `leaf` hold just these bytes, durably?  SNAP_OK, SNAP_EXISTS (no),
 * SNAP_NOTFOUND (it is gone again), or a failure.
 */
static enum snap_code
compare(int dirfd, const char *leaf, struct span data, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	uint8_t *buf = NULL;
	struct stat sb;
	size_t off, n;
	int fd;

	fd =
	    openat(dirfd, leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return local_no_object(err);
	if (fd < 0 && errno == ELOOP)
		goto differs;
	if (fd < 0 || fstat(fd, &sb) != 0) {
		rc = local_fail(err, "look at the object of that name");
		goto out;
	}
	if (!S_ISREG(sb.st_mode) || (uint64_t)sb.st_size != data.len)
		goto differs;
	buf = malloc(COMPARE_STEP);
	if (buf == NULL) {
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
		goto out;
	}
	for (off = 0; off < data.len; off += n) {
		n = data.len - off < COMPARE_STEP ? data.len - off
						  : COMPARE_STEP;
		if (fd_pread_exact(fd, buf, n, (off_t)off) != 0) {
			rc = local_fail(err, "read the object of that name");
			goto out;
		}
		if (memcmp(buf, data.p + off, n) != 0)
			goto differs;
	}
	if (fsync(fd) != 0)
		rc = local_fail(err, "sync the object of that name");
	goto out;
differs:
	rc = snap_fail(err, SNAP_EXISTS, "another object has that name");
out:
	if (fd >= 0)
		close(fd);
	free(buf);
	return rc;
}

static int
rename_no_replace(int dirfd, const char *from, const char *to)
{
#ifdef SYS_renameat2
	return (int)syscall(SYS_renameat2, dirfd, from, dirfd, to, NO_REPLACE);
#else
	(void)dirfd;
	(void)from;
	(void)to;
	errno = ENOSYS;
	return -1;
#endif
}

/* Give `tmp` its name, never replacing; *moved: `tmp` is gone by that.
 * 0, or -1 with errno. */
static int
publish_once(const struct local *l, int dirfd, const char *tmp,
    const char *leaf, bool *moved)
{
	*moved = false;
	if (!l->no_links) {
		if (linkat(dirfd, tmp, dirfd, leaf, 0) == 0)
			return 0;
		if (errno != EPERM && errno != ENOTSUP && errno != EMLINK &&
		    errno != EOPNOTSUPP && errno != ENOSYS)
			return -1;
	}
	if (rename_no_replace(dirfd, tmp, leaf) != 0)
		return -1;
	*moved = true;
	return 0;
}

static enum snap_code
publish(const struct local *l, int dirfd, const char *tmp, const char *name,
    struct span data, bool *moved, struct snap_err *err)
{
	const char *leaf = local_leaf(name);
	enum snap_code rc = SNAP_NOTFOUND;
	int i;

	/* Somebody may delete the old object while it is compared. */
	for (i = 0; i < PUBLISH_TRIES && rc == SNAP_NOTFOUND; i++) {
		if (publish_once(l, dirfd, tmp, leaf, moved) == 0)
			return SNAP_OK;
		if (errno == EEXIST) {
			rc = compare(dirfd, leaf, data, err);
		} else if (errno == EINVAL || errno == ENOSYS) {
			(void)snap_fail(err, SNAP_UNSUPPORTED,
			    "the file system has neither hard links nor "
			    "renames that do not replace");
			return snap_hint(
			    err, "Put the repository on another file system.");
		} else {
			return local_fail(err, "give it its name");
		}
	}
	if (rc == SNAP_NOTFOUND)
		rc = snap_fail(err, SNAP_TRANSIENT,
		    "an object of that name comes and goes");
	return rc;
}

enum snap_code
local_put(struct transport *t, const char *name, struct span data,
    struct transport_stat *st, struct snap_err *err)
{
	struct local *l = (struct local *)t;
	enum snap_code rc = SNAP_OK;
	char tmp[LOCAL_TMP_SIZE];
	bool moved = false;
	int dirfd, fd = -1;
	struct stat sb;

	dirfd = local_open_parent(l, name, true);
	if (dirfd < 0)
		return local_fail(err, "make its directory");
	fd = local_create_tmp(dirfd, tmp);
	if (fd < 0) {
		rc = local_fail(err, "create a temporary file");
		goto out;
	}
	if (fd_write_all(fd, data.p, data.len) != 0)
		rc = local_fail(err, "write");
	else if (fsync(fd) != 0)
		rc = local_fail(err, "sync");
	if (rc == SNAP_OK)
		rc = publish(l, dirfd, tmp, name, data, &moved, err);
	if (rc == SNAP_OK && local_sync_dir(dirfd) != 0)
		rc = local_fail(err, "sync its directory");

	/* From here on ctime moves to now, which is the acknowledgement: by
	 * losing a link or, when the file was renamed, by the chmod. */
	if (!moved)
		(void)unlinkat(dirfd, tmp, 0);
	else
		(void)fchmod(fd, 0600);
	if (rc == SNAP_OK && fstat(fd, &sb) != 0)
		rc = local_fail(err, "read its time");
	if (rc == SNAP_OK) {
		st->size = data.len;
		st->time_ns = local_time_ns(&sb);
	}
out:
	if (fd >= 0)
		close(fd);
	close(dirfd);
	return rc;
}
