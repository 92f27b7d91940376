/* SPDX-License-Identifier: PostgreSQL */
/*
 * local.c - objects as files below one directory.
 *
 * How one gets there without ever being half there is local_put.c.
 * A crash leaves at most a hidden file, which no listing shows.  Symbolic
 * links below the root are never followed, and what is neither directory nor
 * regular file does not exist.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "fdio.h"
#include "local_internal.h"

enum snap_code
local_fail(struct snap_err *err, const char *what)
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
	if (e == EACCES || e == EPERM)
		(void)snap_hint(
		    err, "Run this as the user that owns the repository.");
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

enum snap_code
local_no_object(struct snap_err *err)
{
	return snap_fail(err, SNAP_NOTFOUND, "no such object");
}

int64_t
local_time_ns(const struct stat *sb)
{
	int64_t s = (int64_t)sb->st_ctim.tv_sec;

	if (s > INT64_MAX / 1000000000 - 1)
		return INT64_MAX;
	if (s < INT64_MIN / 1000000000 + 1)
		return INT64_MIN;
	return s * 1000000000 + (int64_t)sb->st_ctim.tv_nsec;
}

bool
local_is_missing(void)
{
	return errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
}

int
local_sync_dir(int fd)
{
	if (fsync(fd) == 0)
		return 0;
	/* Some file systems cannot sync a directory, and say so. */
	return errno == EINVAL ? 0 : -1;
}

static bool
dir_is_known(struct local *l, const char *path, size_t len)
{
	struct local_dir *k;

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
	struct local_dir *k;

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
	return local_sync_dir(fd);
}

int
local_open_parent(struct local *l, const char *name, bool create)
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

const char *
local_leaf(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash != NULL ? slash + 1 : name;
}

int
local_create_tmp(int dirfd, char tmp[LOCAL_TMP_SIZE])
{
	uint64_t nonce;

	if (getentropy(&nonce, sizeof nonce) != 0)
		return -1;
	(void)snprintf(tmp, LOCAL_TMP_SIZE, ".tmp-%016" PRIx64, nonce);
	return openat(
	    dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
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

	dirfd = local_open_parent(l, name, false);
	if (dirfd >= 0)
		fd = openat(dirfd, local_leaf(name),
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		rc = local_is_missing() ? local_no_object(err)
					: local_fail(err, "open");
		goto out;
	}
	if (fstat(fd, &sb) != 0) {
		rc = local_fail(err, "read its size");
		goto out;
	}
	if (!S_ISREG(sb.st_mode)) {
		rc = local_no_object(err);
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
		rc = local_fail(err, "read");
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

	dirfd = local_open_parent(l, name, false);
	if (dirfd < 0 ||
	    fstatat(dirfd, local_leaf(name), &sb, AT_SYMLINK_NOFOLLOW) != 0)
		rc = local_is_missing() ? local_no_object(err)
					: local_fail(err, "look it up");
	else if (!S_ISREG(sb.st_mode))
		rc = local_no_object(err);
	if (rc == SNAP_OK) {
		st->size = (uint64_t)sb.st_size;
		st->time_ns = local_time_ns(&sb);
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
	/* Instead of listing: */
	struct transport_swept *swept;
	int64_t before_ns;
	bool dry_run;
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
		return errno == ENOENT ? SNAP_OK : local_fail(err, w->name);
	if (S_ISREG(sb.st_mode) && w->swept != NULL)
		return SNAP_OK;
	if (S_ISREG(sb.st_mode) && len >= w->prefix_len) {
		st.size = (uint64_t)sb.st_size;
		st.time_ns = local_time_ns(&sb);
		return w->fn(w->arg, w->name, &st, err);
	}
	if (!S_ISDIR(sb.st_mode) || len + 1 >= sizeof w->name)
		return SNAP_OK;
	fd = openat(
	    dirfd, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return local_is_missing() ? SNAP_OK : local_fail(err, w->name);
	w->name[len] = '/';
	w->name[len + 1] = '\0';
	return walk_dir(w, fd, len + 1, err);
}

/* A temporary file whose put died. */
static enum snap_code
sweep_entry(struct walk *w, int dirfd, const char *leaf, struct snap_err *err)
{
	struct stat sb;

	if (fstatat(dirfd, leaf, &sb, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(sb.st_mode) || local_time_ns(&sb) >= w->before_ns)
		return SNAP_OK;
	if (!w->dry_run && unlinkat(dirfd, leaf, 0) != 0)
		return errno == ENOENT ? SNAP_OK : local_fail(err, leaf);
	w->swept->n++;
	w->swept->bytes += (uint64_t)sb.st_size;
	return SNAP_OK;
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
		rc = local_fail(err, "read a directory");
		close(fd);
		return rc;
	}
	while (rc == SNAP_OK) {
		errno = 0;
		d = readdir(dir);
		if (d == NULL) {
			if (errno != 0)
				rc = local_fail(err, "read a directory");
			break;
		}
		n = strlen(d->d_name);
		if (w->swept != NULL && transport_is_temporary(d->d_name, n)) {
			rc = sweep_entry(w, fd, d->d_name, err);
			continue;
		}
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
	struct walk w = { .prefix = prefix,
		.prefix_len = strlen(prefix),
		.fn = fn,
		.arg = arg };
	const char *slash = strrchr(prefix, '/');
	size_t len = slash != NULL ? (size_t)(slash + 1 - prefix) : 0;
	int fd;

	fd = local_open_parent((struct local *)t, prefix, false);
	if (fd < 0)
		return local_is_missing()
			   ? SNAP_OK
			   : local_fail(err, "open the directory");
	memcpy(w.name, prefix, len);
	return walk_dir(&w, fd, len, err);
}

static enum snap_code
local_sweep(struct transport *t, int64_t before_ns, bool dry_run,
    struct transport_swept *out, struct snap_err *err)
{
	struct walk w = { .prefix = "",
		.swept = out,
		.before_ns = before_ns,
		.dry_run = dry_run };
	int fd = local_open_parent((struct local *)t, "", false);

	if (fd < 0)
		return local_fail(err, "open the directory");
	return walk_dir(&w, fd, 0, err);
}

static enum snap_code
local_space(struct transport *t, struct transport_space *out,
    struct snap_err *err)
{
	struct statvfs fs;

	if (fstatvfs(((struct local *)t)->rootfd, &fs) != 0)
		return local_fail(err, "look at the file system");
	out->capacity = (uint64_t)fs.f_blocks * fs.f_frsize;
	out->available = (uint64_t)fs.f_bavail * fs.f_frsize;
	return SNAP_OK;
}

static enum snap_code
local_del(struct transport *t, const char *name, struct snap_err *err)
{
	struct local *l = (struct local *)t;
	enum snap_code rc = SNAP_OK;
	struct stat sb;
	int dirfd;

	dirfd = local_open_parent(l, name, false);
	if (dirfd < 0 ||
	    fstatat(dirfd, local_leaf(name), &sb, AT_SYMLINK_NOFOLLOW) != 0) {
		rc = local_is_missing() ? local_no_object(err)
					: local_fail(err, "look it up");
		goto out;
	}
	if (!S_ISREG(sb.st_mode)) {
		rc = local_no_object(err);
		goto out;
	}
	if (unlinkat(dirfd, local_leaf(name), 0) != 0)
		rc = errno == ENOENT ? local_no_object(err)
				     : local_fail(err, "unlink");
	else if (local_sync_dir(dirfd) != 0)
		rc = local_fail(err, "sync its directory");
out:
	if (dirfd >= 0)
		close(dirfd);
	return rc;
}

/*
 * No file can be made, but who only reads needs a time too.  Without the right
 * to write our own clock will do: nothing can be put that would rest on it.
 * On a full disk the directory itself still takes a time.
 */
static enum snap_code
now_without_file(struct local *l, int64_t *time_ns, struct snap_err *err)
{
	bool full = errno == ENOSPC || errno == EDQUOT;
	struct timespec ts;
	struct stat sb;

	if (full && futimens(l->rootfd, NULL) == 0 &&
	    fstat(l->rootfd, &sb) == 0) {
		*time_ns = local_time_ns(&sb);
		return SNAP_OK;
	}
	if (full || (errno != EACCES && errno != EPERM && errno != EROFS) ||
	    clock_gettime(CLOCK_REALTIME, &ts) != 0)
		return local_fail(err, "create a temporary file");
	*time_ns = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	return SNAP_OK;
}

static enum snap_code
local_now(struct transport *t, int64_t *time_ns, struct snap_err *err)
{
	struct local *l = (struct local *)t;
	enum snap_code rc = SNAP_OK;
	char tmp[LOCAL_TMP_SIZE];
	struct stat sb;
	int fd;

	fd = local_create_tmp(l->rootfd, tmp);
	if (fd < 0)
		return now_without_file(l, time_ns, err);
	if (fstat(fd, &sb) != 0)
		rc = local_fail(err, "read the time of a file");
	else
		*time_ns = local_time_ns(&sb);
	(void)unlinkat(l->rootfd, tmp, 0);
	close(fd);
	return rc;
}

static void
local_close(struct transport *t)
{
	struct local *l = (struct local *)t;
	struct local_dir *k, *next;

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
	.sweep = local_sweep,
	.now = local_now,
	.space = local_space,
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
		(void)local_fail(err, "open the directory");
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
	l->base.time_is_visibility = false; /* ctime moves when copied */
	l->base.is_remote = false;          /* "://" may be in a path */
	*out = &l->base;
	return SNAP_OK;
fail:
	free(l);
	close(fd);
	return rc;
}
