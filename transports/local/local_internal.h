/* SPDX-License-Identifier: PostgreSQL */
/* local_internal.h - what local.c and local_put.c share. */
#ifndef SNAP_LOCAL_INTERNAL_H
#define SNAP_LOCAL_INTERNAL_H

#include <pthread.h>
#include <sys/stat.h>

#include "transport_impl.h"

#define LOCAL_TMP_SIZE 32 /* bytes of a temporary name with its NUL */

/* A directory whose own entry, and its parents', are known to be on disk. */
struct local_dir {
	struct local_dir *next;
	char path[TRANSPORT_NAME_MAX + 1];
};

struct local {
	struct transport base;
	int rootfd;
	bool no_links; /* a test plays a file system without */
	pthread_mutex_t lock;
	struct local_dir *known; /* under `lock` */
};

/* The failure that errno tells, as code, message and detail. */
enum snap_code local_fail(struct snap_err *err, const char *what);
enum snap_code local_no_object(struct snap_err *err);
/* Does errno say that there is no object (or a link or file in its way)? */
bool local_is_missing(void);
/* The ctime, clamped when hostile. */
int64_t local_time_ns(const struct stat *sb);
/* The part of a name behind its last slash. */
const char *local_leaf(const char *name);

/* fsync of a directory; 0, or -1 with errno. */
int local_sync_dir(int fd);
/*
 * Open the directory that holds `name` (a prefix of a name will do); with
 * `create` it is made, and durable.  -1 with errno.
 */
int local_open_parent(struct local *l, const char *name, bool create);
/* A new hidden file in `dirfd`; -1 with errno. */
int local_create_tmp(int dirfd, char tmp[LOCAL_TMP_SIZE]);

/* The put of the vtable. */
SNAP_MUST_CHECK enum snap_code local_put(struct transport *t, const char *name,
    struct span data, struct transport_stat *st, struct snap_err *err);

#endif
