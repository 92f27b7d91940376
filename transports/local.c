/* SPDX-License-Identifier: PostgreSQL */
/*
 * local.c - objects as files below one directory.
 *
 * An object is written and synced under a random hidden name beside its
 * target before it gets its own.  link() gives the name, not rename(): it
 * refuses to replace a file.  Then the directory is synced, and only then the
 * temporary name removed, because removing a link moves the inode's ctime:
 * the object's time is so never before it was visible and durable, whatever
 * the process slept through.  A file system without hard links gets
 * renameat2(RENAME_NOREPLACE) instead, or a refusal.
 *
 * A crash leaves at most a hidden file, which no listing shows.  Symbolic
 * links below the root are never followed, and what is neither directory nor
 * regular file does not exist.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fdio.h"
#include "transport_impl.h"

#define TMP_NAME_SIZE 32
#define COMPARE_STEP (64u << 10) /* bytes read at a time */
#define PUBLISH_TRIES 8
#define NO_REPLACE 1u /* RENAME_NOREPLACE, which libc hides from POSIX */

/* A directory whose own entry, and its parents', are known to be on disk. */
struct known_dir {
	struct known_dir *next;
	char path[TRANSPORT_NAME_MAX + 1];
};

struct local {
	struct transport base;
	int rootfd;
	bool no_links; /* a test plays a file system without */
	pthread_mutex_t lock;
	struct known_dir *known; /* under `lock` */
};

static enum snap_code
fail_errno(struct snap_err *err, const char *what)
{
	enum snap_code rc = SNAP_IO;
	int e = errno;

	if (e == EACCES || e == EPERM || e == EROFS)
		rc = SNAP_DENIED;
	else if (e == ENOMEM)
		rc = SNAP_NOMEM;
	else if (e == EINTR || e == EAGAIN || e == ESTALE)
		rc = SNAP_TRANSIENT;
	rc = snap_fail_errno(err, rc, "%s", what);
	if (e == ENOSPC)
		(void)snap_detail(err,
		    "The file system of the repository is full; nothing that "
		    "was complete is lost.");
	else if (e == EDQUOT)
		(void)snap_detail(err,
		    "The quota on the repository's file system is used up; "
		    "nothing that was complete is lost.");
	else if (e == EFBIG)
		(void)snap_detail(err,
		    "The file is larger than a resource limit or the file "
		    "system allows.");
	return rc;
}

static enum snap_code
no_object(struct snap_err *err)
{
	return snap_fail(err, SNAP_NOTFOUND, "no such object");
}

/* Hostile or absurd times are clamped to what fits. */
static int64_t
ctime_ns(const struct stat *sb)
{
	int64_t s = (int64_t)sb->st_ctim.tv_sec;

	if (s > INT64_MAX / 1000000000 - 1)
		return INT64_MAX;
	if (s < INT64_MIN / 1000000000 + 1)
		return INT64_MIN;
	return s * 1000000000 + (int64_t)sb->st_ctim.tv_nsec;
}

static int
sync_dirfd(int fd)
{
	if (fsync(fd) == 0)
		return 0;
	/* Some file systems cannot sync a directory, and say so. */
	return errno == EINVAL ? 0 : -1;
}

static bool
dir_is_known(struct local *l, const char *path, size_t len)
{
	struct known_dir *k;

	pthread_mutex_lock(&l->lock);
	for (k = l->known; k != NULL; k = k->next) {
		if (strncmp(k->path, path, len) == 0 && k->path[len] == '\0')
			break;
	}
	pthread_mutex_unlock(&l->lock);
	return k != NULL;
}

/* Without memory the directory stays unknown: synced again, no harm. */
static void
dir_set_known(struct local *l, const char *path, size_t len)
{
	struct known_dir *k;

	if (dir_is_known(l, path, len))
		return;
	k = calloc(1, sizeof *k);
	if (k == NULL)
		return;
	memcpy(k->path, path, len);
	pthread_mutex_lock(&l->lock);
	k->next = l->known;
	l->known = k;
	pthread_mutex_unlock(&l->lock);
}

/* Make `part` in `fd`; its entry is durable when this returns 0.  Also when
 * it exists, since whoever made it may not have come to the sync. */
static int
make_part(int fd, const char *part)
{
	if (mkdirat(fd, part, 0700) != 0 && errno != EEXIST)
		return -1;
	return sync_dirfd(fd);
}

/*
 * Open the directory that holds `name` (a prefix of a name will do); with
 * `create` it is made, and durable.  -1 with errno.
 */
static int
open_parent(struct local *l, const char *name, bool create)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	char part[TRANSPORT_NAME_MAX + 1];
	const char *p = name, *slash;
	int fd, next, e;
	bool sync = false;

	slash = strrchr(name, '/');
	if (create && slash != NULL)
		sync = !dir_is_known(l, name, (size_t)(slash - name));
	/* Not dup(): readdir() would share its offset. */
	fd = openat(l->rootfd, ".", flags);
	while (fd >= 0 && (slash = strchr(p, '/')) != NULL) {
		memcpy(part, p, (size_t)(slash - p));
		part[slash - p] = '\0';
		next = openat(fd, part, flags);
		if (create && (sync || (next < 0 && errno == ENOENT))) {
			if (next >= 0)
				close(next);
			next = -1;
			if (make_part(fd, part) == 0)
				next = openat(fd, part, flags);
		}
		e = errno;
		close(fd);
		errno = e;
		fd = next;
		p = slash + 1;
	}
	if (fd >= 0 && sync)
		dir_set_known(l, name, (size_t)(p - 1 - name));
	return fd;
}

static const char *
leaf_of(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash != NULL ? slash + 1 : name;
}

/* A new hidden file in `dirfd`; -1 with errno. */
static int
create_tmp(int dirfd, char tmp[TMP_NAME_SIZE])
{
	uint64_t nonce;

	if (getentropy(&nonce, sizeof nonce) != 0)
		return -1;
	(void)snprintf(tmp, TMP_NAME_SIZE, ".tmp-%016" PRIx64, nonce);
	return openat(
	    dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

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
		return no_object(err);
	if (fd < 0 && errno == ELOOP)
		goto differs;
	if (fd < 0 || fstat(fd, &sb) != 0) {
		rc = fail_errno(err, "look at the object of that name");
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
			rc = fail_errno(err, "read the object of that name");
			goto out;
		}
		if (memcmp(buf, data.p + off, n) != 0)
			goto differs;
	}
	if (fsync(fd) != 0)
		rc = fail_errno(err, "sync the object of that name");
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
	const char *leaf = leaf_of(name);
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
			return fail_errno(err, "give it its name");
		}
	}
	if (rc == SNAP_NOTFOUND)
		rc = snap_fail(err, SNAP_TRANSIENT,
		    "an object of that name comes and goes");
	return rc;
}

static enum snap_code
local_put(struct transport *t, const char *name, struct span data,
    struct transport_stat *st, struct snap_err *err)
{
	struct local *l = (struct local *)t;
	enum snap_code rc = SNAP_OK;
	char tmp[TMP_NAME_SIZE];
	bool moved = false;
	int dirfd, fd = -1;
	struct stat sb;

	dirfd = open_parent(l, name, true);
	if (dirfd < 0)
		return fail_errno(err, "make its directory");
	fd = create_tmp(dirfd, tmp);
	if (fd < 0) {
		rc = fail_errno(err, "create a temporary file");
		goto out;
	}
	if (fd_write_all(fd, data.p, data.len) != 0)
		rc = fail_errno(err, "write");
	else if (fsync(fd) != 0)
		rc = fail_errno(err, "sync");
	if (rc == SNAP_OK)
		rc = publish(l, dirfd, tmp, name, data, &moved, err);
	if (rc == SNAP_OK && sync_dirfd(dirfd) != 0)
		rc = fail_errno(err, "sync its directory");

	/* From here on ctime moves to now, which is the acknowledgement: by
	 * losing a link or, when the file was renamed, by the chmod. */
	if (!moved)
		(void)unlinkat(dirfd, tmp, 0);
	else
		(void)fchmod(fd, 0600);
	if (rc == SNAP_OK && fstat(fd, &sb) != 0)
		rc = fail_errno(err, "read its time");
	if (rc == SNAP_OK) {
		st->size = data.len;
		st->time_ns = ctime_ns(&sb);
	}
out:
	if (fd >= 0)
		close(fd);
	close(dirfd);
	return rc;
}

static enum snap_code
local_get(struct transport *t, const char *name, uint64_t off, size_t len,
    struct bytes *out, struct snap_err *err)
{
	struct local *l = (struct local *)t;
	enum snap_code rc = SNAP_OK;
	struct stat sb;
	uint8_t *room;
	size_t n = 0;
	int dirfd, fd = -1;

	dirfd = open_parent(l, name, false);
	if (dirfd >= 0)
		fd = openat(dirfd, leaf_of(name),
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		rc = errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			 ? no_object(err)
			 : fail_errno(err, "open");
		goto out;
	}
	if (fstat(fd, &sb) != 0) {
		rc = fail_errno(err, "read its size");
		goto out;
	}
	if (!S_ISREG(sb.st_mode)) {
		rc = no_object(err);
		goto out;
	}
	rc = transport_range((uint64_t)sb.st_size, off, len, &n, err);
	if (rc != SNAP_OK || n == 0)
		goto out;
	rc = bytes_reserve(out, out->len + n, err);
	if (rc != SNAP_OK)
		goto out;
	room = bytes_room(out, n);
	if (room == NULL)
		rc = bytes_check(out, err);
	else if (fd_pread_exact(fd, room, n, (off_t)off) != 0)
		rc = fail_errno(err, "read");
out:
	if (fd >= 0)
		close(fd);
	if (dirfd >= 0)
		close(dirfd);
	return rc;
}

static enum snap_code
local_stat(struct transport *t, const char *name, struct transport_stat *st,
    struct snap_err *err)
{
	struct local *l = (struct local *)t;
	enum snap_code rc = SNAP_OK;
	struct stat sb;
	int dirfd;

	dirfd = open_parent(l, name, false);
	if (dirfd < 0 ||
	    fstatat(dirfd, leaf_of(name), &sb, AT_SYMLINK_NOFOLLOW) != 0)
		rc = errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			 ? no_object(err)
			 : fail_errno(err, "look it up");
	else if (!S_ISREG(sb.st_mode))
		rc = no_object(err);
	if (rc == SNAP_OK) {
		st->size = (uint64_t)sb.st_size;
		st->time_ns = ctime_ns(&sb);
	}
	if (dirfd >= 0)
		close(dirfd);
	return rc;
}

struct walk {
	const char *prefix;
	size_t prefix_len;
	transport_list_fn fn;
	void *arg;
	char name[TRANSPORT_NAME_MAX + 1]; /* of the entry at hand */
};

static enum snap_code walk_dir(
    struct walk *w, int fd, size_t len, struct snap_err *err);

/* The entry w->name, whose last part is `leaf` in `dirfd`. */
static enum snap_code
walk_entry(struct walk *w, int dirfd, const char *leaf, struct snap_err *err)
{
	size_t len = strlen(w->name);
	struct transport_stat st;
	struct stat sb;
	int fd;

	if (strncmp(w->name, w->prefix,
		len < w->prefix_len ? len : w->prefix_len) != 0)
		return SNAP_OK;
	if (fstatat(dirfd, leaf, &sb, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? SNAP_OK : fail_errno(err, w->name);
	if (S_ISREG(sb.st_mode) && len >= w->prefix_len) {
		st.size = (uint64_t)sb.st_size;
		st.time_ns = ctime_ns(&sb);
		return w->fn(w->arg, w->name, &st, err);
	}
	if (!S_ISDIR(sb.st_mode) || len + 1 >= sizeof w->name)
		return SNAP_OK;
	fd = openat(
	    dirfd, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			   ? SNAP_OK
			   : fail_errno(err, w->name);
	w->name[len] = '/';
	w->name[len + 1] = '\0';
	return walk_dir(w, fd, len + 1, err);
}

/* The directory open at `fd` (closed here), named by the first `len` bytes of
 * w->name.  The depth is bounded by the length of a name. */
static enum snap_code
walk_dir(struct walk *w, int fd, size_t len, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct dirent *d;
	size_t n;
	DIR *dir;

	dir = fdopendir(fd);
	if (dir == NULL) {
		rc = fail_errno(err, "read a directory");
		close(fd);
		return rc;
	}
	while (rc == SNAP_OK) {
		errno = 0;
		d = readdir(dir);
		if (d == NULL) {
			if (errno != 0)
				rc = fail_errno(err, "read a directory");
			break;
		}
		n = strlen(d->d_name);
		/* Hidden, odd and over-long names are not ours. */
		if (!transport_name_ok(d->d_name) || len + n >= sizeof w->name)
			continue;
		memcpy(w->name + len, d->d_name, n + 1);
		rc = walk_entry(w, fd, d->d_name, err);
	}
	closedir(dir);
	return rc;
}

static enum snap_code
local_list(struct transport *t, const char *prefix, transport_list_fn fn,
    void *arg, struct snap_err *err)
{
	struct walk w = { prefix, strlen(prefix), fn, arg, "" };
	const char *slash = strrchr(prefix, '/');
	size_t len = slash != NULL ? (size_t)(slash + 1 - prefix) : 0;
	int fd;

	fd = open_parent((struct local *)t, prefix, false);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			   ? SNAP_OK
			   : fail_errno(err, "open the directory");
	memcpy(w.name, prefix, len);
	return walk_dir(&w, fd, len, err);
}

static enum snap_code
local_del(struct transport *t, const char *name, struct snap_err *err)
{
	struct local *l = (struct local *)t;
	enum snap_code rc = SNAP_OK;
	struct stat sb;
	int dirfd;

	dirfd = open_parent(l, name, false);
	if (dirfd < 0 ||
	    fstatat(dirfd, leaf_of(name), &sb, AT_SYMLINK_NOFOLLOW) != 0) {
		rc = errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			 ? no_object(err)
			 : fail_errno(err, "look it up");
		goto out;
	}
	if (!S_ISREG(sb.st_mode)) {
		rc = no_object(err);
		goto out;
	}
	if (unlinkat(dirfd, leaf_of(name), 0) != 0)
		rc = errno == ENOENT ? no_object(err)
				     : fail_errno(err, "unlink");
	else if (sync_dirfd(dirfd) != 0)
		rc = fail_errno(err, "sync its directory");
out:
	if (dirfd >= 0)
		close(dirfd);
	return rc;
}

static enum snap_code
local_now(struct transport *t, int64_t *time_ns, struct snap_err *err)
{
	struct local *l = (struct local *)t;
	enum snap_code rc = SNAP_OK;
	char tmp[TMP_NAME_SIZE];
	struct stat sb;
	int fd;

	fd = create_tmp(l->rootfd, tmp);
	if (fd < 0)
		return fail_errno(err, "create a temporary file");
	if (fstat(fd, &sb) != 0)
		rc = fail_errno(err, "read the time of a file");
	else
		*time_ns = ctime_ns(&sb);
	(void)unlinkat(l->rootfd, tmp, 0);
	close(fd);
	return rc;
}

static void
local_close(struct transport *t)
{
	struct local *l = (struct local *)t;
	struct known_dir *k, *next;

	for (k = l->known; k != NULL; k = next) {
		next = k->next;
		free(k);
	}
	pthread_mutex_destroy(&l->lock);
	close(l->rootfd);
	free(l);
}

static const struct transport_ops local_ops = {
	.put = local_put,
	.get = local_get,
	.stat = local_stat,
	.list = local_list,
	.del = local_del,
	.now = local_now,
	.close = local_close,
};

void
transport_local_no_links(struct transport *t)
{
	((struct local *)t)->no_links = true;
}

enum snap_code
transport_open_local(const char *path, const struct transport_opts *opts,
    struct transport **out, struct snap_err *err)
{
	struct local *l = NULL;
	enum snap_code rc;
	int fd;

	if (opts->create) {
		rc = fd_mkdirs(path, err);
		if (rc != SNAP_OK)
			return rc;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return snap_fail(err, SNAP_NOREPO,
		    "no repository at %s: no such directory", path);
	if (fd < 0 && errno == ENOTDIR)
		return snap_fail(err, SNAP_NOREPO,
		    "no repository at %s: not a directory", path);
	if (fd < 0) {
		(void)fail_errno(err, "open the directory");
		return snap_wrap(err, "%s", path);
	}
	l = calloc(1, sizeof *l);
	if (l == NULL || pthread_mutex_init(&l->lock, NULL) != 0) {
		rc = snap_fail(err, SNAP_NOMEM, "out of memory");
		goto fail;
	}
	l->rootfd = fd;
	rc = transport_base_init(&l->base, &local_ops, path, err);
	if (rc != SNAP_OK) {
		pthread_mutex_destroy(&l->lock);
		goto fail;
	}
	*out = &l->base;
	return SNAP_OK;
fail:
	free(l);
	close(fd);
	return rc;
}
