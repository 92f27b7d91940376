/* SPDX-License-Identifier: PostgreSQL */
/* fdio.h - file descriptors: write all, read exactly, sync, replace. */
#ifndef SNAP_FDIO_H
#define SNAP_FDIO_H

#include <stddef.h>
#include <sys/types.h>

#include "bytes.h"
#include "err.h"

/* All of it, over EINTR and short writes; 0, or -1 with errno. */
SNAP_MUST_CHECK int fd_write_all(int fd, const void *p, size_t len);
/* Exactly `len` bytes; 0, or -1 with errno (EIO at a short end). */
SNAP_MUST_CHECK int fd_read_exact(int fd, void *p, size_t len);
SNAP_MUST_CHECK int fd_pread_exact(int fd, void *p, size_t len, off_t off);
SNAP_MUST_CHECK int fd_pwrite_all(int fd, const void *p, size_t len, off_t off);
/* Up to `len`; fewer only at the end of file; -1 with errno. */
SNAP_MUST_CHECK ssize_t fd_read_full(int fd, void *p, size_t len);
/* A whole file of at most `max` bytes appended to *out. */
SNAP_MUST_CHECK enum snap_code fd_slurp(
    const char *path, size_t max, struct bytes *out, struct snap_err *err);
/* fsync the directory at `path`; 0, or -1 with errno. */
SNAP_MUST_CHECK int fd_sync_dir(const char *path);
/* fsync the directory that `path` lies in; 0, or -1 with errno. */
SNAP_MUST_CHECK int fd_sync_parent(const char *path);
/* mkdir -p with 0700 for what is new; parents are synced. */
SNAP_MUST_CHECK enum snap_code fd_mkdirs(
    const char *path, struct snap_err *err);
/* Write `path` whole and 0600, or leave what was there: temp, fsync, rename. */
SNAP_MUST_CHECK enum snap_code fd_replace(
    const char *path, struct span data, struct snap_err *err);
/* The same with other rights, whatever the umask. */
SNAP_MUST_CHECK enum snap_code fd_replace_mode(
    const char *path, struct span data, mode_t mode, struct snap_err *err);

/* A new file in `dir` for this process alone, without a name, so that nothing
 * is left of it whatever happens; -1 with errno. */
SNAP_MUST_CHECK int fd_unnamed(const char *dir);

#endif
