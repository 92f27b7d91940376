/* SPDX-License-Identifier: PostgreSQL */
/*
 * fdio.c - file descriptors, and files that appear whole or not at all.
 *
 * read() and write() are asked for at most 1 GiB at a time: some systems
 * refuse more, Linux silently does less.
 */
#define _GNU_SOURCE /* O_TMPFILE, mkostemp */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fdio.h"

#define IO_MAX ((size_t)1 << 30)
#define SLURP_STEP ((size_t)64 << 10)

static size_t
io_len(size_t len)
{
	return len < IO_MAX ? len : IO_MAX;
}

static enum snap_code
code_of_errno(int e)
{
	switch (e) {
	case ENOENT:
		return SNAP_NOTFOUND;
	case EACCES:
	case EPERM:
		return SNAP_DENIED;
	case ENOMEM:
		return SNAP_NOMEM;
	default:
		return SNAP_IO;
	}
}

int
fd_write_all(int fd, const void *p, size_t len)
{
	const uint8_t *at = p;

	while (len > 0) {
		ssize_t n = write(fd, at, io_len(len));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t
fd_read_full(int fd, void *p, size_t len)
{
	uint8_t *at = p;
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, at + got, io_len(len - got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int
fd_read_exact(int fd, void *p, size_t len)
{
	ssize_t n = fd_read_full(fd, p, len);

	if (n < 0)
		return -1;
	if ((size_t)n != len) {
		errno = EIO;
		return -1;
	}
	return 0;
}

int
fd_pread_exact(int fd, void *p, size_t len, off_t off)
{
	uint8_t *at = p;

	while (len > 0) {
		ssize_t n = pread(fd, at, io_len(len), off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0)
			return -1;
		at += n;
		off += n;
		len -= (size_t)n;
	}
	return 0;
}

int
fd_pwrite_all(int fd, const void *p, size_t len, off_t off)
{
	const uint8_t *at = p;

	while (len > 0) {
		ssize_t n = pwrite(fd, at, io_len(len), off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		at += n;
		off += n;
		len -= (size_t)n;
	}
	return 0;
}

/* One byte more than max is asked for: that is how "too large" shows. */
static enum snap_code
slurp_fd(int fd, size_t max, struct bytes *out, struct snap_err *err)
{
	size_t got = 0;

	for (;;) {
		size_t step = max - got < SLURP_STEP ? max - got : SLURP_STEP;
		uint8_t extra, *at;
		ssize_t n;

		if (step == 0) {
			n = fd_read_full(fd, &extra, 1);
			if (n == 0)
				return SNAP_OK;
			if (n > 0)
				return snap_fail(err, SNAP_NOMEM,
				    "larger than %zu bytes", max);
			return snap_fail_errno(err, SNAP_IO, "read");
		}
		at = bytes_room(out, step);
		if (at == NULL)
			return bytes_check(out, err);
		n = fd_read_full(fd, at, step);
		if (n < 0)
			return snap_fail_errno(err, SNAP_IO, "read");
		out->len -= step - (size_t)n;
		got += (size_t)n;
		if ((size_t)n < step)
			return SNAP_OK;
	}
}

enum snap_code
fd_slurp(const char *path, size_t max, struct bytes *out, struct snap_err *err)
{
	size_t old = out->len;
	enum snap_code rc;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return snap_fail_errno(
		    err, code_of_errno(errno), "open %s", path);
	rc = slurp_fd(fd, max, out, err);
	close(fd);
	if (rc != SNAP_OK) {
		out->len = old;
		snap_wrap(err, "%s", path);
	}
	return rc;
}

int
fd_sync_dir(const char *path)
{
	int fd, rc, saved;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	/* Some file systems cannot sync a directory and say EINVAL. */
	if (rc != 0 && errno == EINVAL)
		rc = 0;
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

/* The directory part of a path, as a new string; NULL without memory. */
static char *
parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n;

	if (slash == NULL)
		return strdup(".");
	n = (size_t)(slash - path);
	return n == 0 ? strdup("/") : strndup(path, n);
}

int
fd_sync_parent(const char *path)
{
	char *dir = parent_of(path);
	int rc, saved;

	if (dir == NULL)
		return -1; /* errno is ENOMEM */
	rc = fd_sync_dir(dir);
	saved = errno;
	free(dir);
	errno = saved;
	return rc;
}

static enum snap_code
make_one(const char *path, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct stat st;
	char *parent;

	if (mkdir(path, 0700) != 0) {
		int e = errno;

		/* Also a parent we may not write to is fine if it is there. */
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			return SNAP_OK;
		errno = e == EEXIST ? ENOTDIR : e;
		return snap_fail_errno(
		    err, code_of_errno(errno), "make directory %s", path);
	}
	parent = parent_of(path);
	if (parent == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a path");
	if (fd_sync_dir(parent) != 0)
		rc = snap_fail_errno(
		    err, code_of_errno(errno), "sync directory %s", parent);
	free(parent);
	return rc;
}

enum snap_code
fd_mkdirs(const char *path, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	size_t len = strlen(path);
	char *p;

	if (len == 0)
		return snap_fail(err, SNAP_USAGE, "an empty path");
	p = strdup(path);
	if (p == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a path");
	while (len > 1 && p[len - 1] == '/')
		p[--len] = '\0';
	for (size_t i = 1; i < len && rc == SNAP_OK; i++) {
		if (p[i] != '/' || p[i - 1] == '/')
			continue;
		p[i] = '\0';
		rc = make_one(p, err);
		p[i] = '/';
	}
	if (rc == SNAP_OK)
		rc = make_one(p, err);
	free(p);
	return rc;
}

/* Write and sync a new file; on failure the caller removes it. */
static enum snap_code
write_new(const char *path, struct span data, mode_t mode, bool *made,
    struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return snap_fail_errno(
		    err, code_of_errno(errno), "create %s", path);
	*made = true;
	if (fd_write_all(fd, data.p, data.len) != 0 ||
	    (mode != 0600 && fchmod(fd, mode) != 0) || fsync(fd) != 0) {
		rc = snap_fail_errno(
		    err, code_of_errno(errno), "write %s", path);
		close(fd);
		return rc;
	}
	if (close(fd) != 0)
		rc = snap_fail_errno(
		    err, code_of_errno(errno), "close %s", path);
	return rc;
}

enum snap_code
fd_replace(const char *path, struct span data, struct snap_err *err)
{
	return fd_replace_mode(path, data, 0600, err);
}

enum snap_code
fd_replace_mode(
    const char *path, struct span data, mode_t mode, struct snap_err *err)
{
	size_t cap = strlen(path) + sizeof ".tmp-0123456789abcdef";
	enum snap_code rc = SNAP_OK;
	char *dir = NULL, *tmp = NULL;
	bool made = false;
	uint64_t nonce;

	dir = parent_of(path);
	tmp = malloc(cap);
	if (dir == NULL || tmp == NULL) {
		rc = snap_fail(err, SNAP_NOMEM, "no memory for a path");
		goto out;
	}
	if (getentropy(&nonce, sizeof nonce) != 0) {
		rc = snap_fail_errno(err, SNAP_IO, "draw a temporary name");
		goto out;
	}
	(void)snprintf(tmp, cap, "%s.tmp-%016" PRIx64, path, nonce);
	rc = write_new(tmp, data, mode, &made, err);
	if (rc != SNAP_OK)
		goto out;
	if (rename(tmp, path) != 0) {
		rc = snap_fail_errno(
		    err, code_of_errno(errno), "rename %s to %s", tmp, path);
		goto out;
	}
	made = false;
	if (fd_sync_dir(dir) != 0)
		rc = snap_fail_errno(
		    err, code_of_errno(errno), "sync directory %s", dir);
out:
	if (made)
		unlink(tmp);
	free(tmp);
	free(dir);
	return rc;
}

/* Not all file systems have files that never had a name; there it lives for the
 * time of two calls. */
int
fd_unnamed(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	size_t len = strlen(dir) + sizeof "/snap-XXXXXX";
	char *name;

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	name = malloc(len);
	if (name == NULL)
		return -1;
	(void)snprintf(name, len, "%s/snap-XXXXXX", dir);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(name);
	free(name);
	return fd;
}
