/* SPDX-License-Identifier: PostgreSQL */
/*
 * unplugged.c - linked into the program: the power fails at the n-th fsync.
 *
 * UNPLUG_AT=n cuts the power instead of the n-th fsync, 0 when the program
 * would exit.  What a file system may then have lost is lost: names in
 * directories that were not synced since (UNPLUG_KEEP=1: these were lucky), and
 * the bytes of every file with a name that was never synced itself.  Likewise
 * names that were removed come back where the directory was not synced since:
 * until then a hidden link holds the file.
 */
#define _XOPEN_SOURCE 700 /* nftw() */
#include <ftw.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_MAX 4096
#define PATH_LEN 1024

struct name {
	char dir[PATH_LEN], leaf[256];
	bool is_dir, safe; /* its directory was synced since */
};

struct removed {
	char dir[PATH_LEN], leaf[256], held[64]; /* held: "" = that is over */
};

static struct name names[NAMES_MAX];
static size_t n_names;
static struct removed removed[NAMES_MAX];
static size_t n_removed;
static ino_t synced[NAMES_MAX];
static size_t n_synced;
static unsigned long n_fsyncs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_linkat(
    int from, const char *old, int to, const char *new, int flags);
int __wrap_linkat(
    int from, const char *old, int to, const char *new, int flags);
int __real_unlinkat(int dir, const char *leaf, int flags);
int __wrap_unlinkat(int dir, const char *leaf, int flags);
int __real_mkdirat(int dir, const char *leaf, mode_t mode);
int __wrap_mkdirat(int dir, const char *leaf, mode_t mode);

static void
die(const char *what)
{
	perror(what);
	abort();
}

static void
path_of(int fd, char out[PATH_LEN])
{
	char link[64];
	ssize_t n;

	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, out, PATH_LEN - 1);
	if (n < 0)
		die("readlink");
	out[n] = '\0';
}

static void
note_name(int dir, const char *leaf, bool is_dir)
{
	struct name *n;

	(void)pthread_mutex_lock(&lock);
	if (n_names == NAMES_MAX)
		die("too many names");
	n = &names[n_names++];
	path_of(dir, n->dir);
	(void)snprintf(n->leaf, sizeof n->leaf, "%s", leaf);
	n->is_dir = is_dir;
	(void)pthread_mutex_unlock(&lock);
}

int
__wrap_linkat(int from, const char *old, int to, const char *new, int flags)
{
	int rc = __real_linkat(from, old, to, new, flags);

	if (rc == 0)
		note_name(to, new, false);
	return rc;
}

int
__wrap_mkdirat(int dir, const char *leaf, mode_t mode)
{
	int rc = __real_mkdirat(dir, leaf, mode);

	if (rc == 0)
		note_name(dir, leaf, true);
	return rc;
}

int
__wrap_unlinkat(int dir, const char *leaf, int flags)
{
	struct removed *r;
	bool held;
	int rc;

	/* Temporary files were never to stay. */
	if (leaf[0] == '.' || flags != 0)
		return __real_unlinkat(dir, leaf, flags);
	(void)pthread_mutex_lock(&lock);
	if (n_removed == NAMES_MAX)
		die("too many names");
	r = &removed[n_removed];
	path_of(dir, r->dir);
	(void)snprintf(r->leaf, sizeof r->leaf, "%s", leaf);
	(void)snprintf(r->held, sizeof r->held, ".held-%zu", n_removed);
	held = __real_linkat(dir, leaf, dir, r->held, 0) == 0;
	rc = __real_unlinkat(dir, leaf, flags);
	if (held)
		n_removed++;
	(void)pthread_mutex_unlock(&lock);
	return rc;
}

/* Lock held.  `back`: what was removed from there is there again. */
static void
let_go(struct removed *r, bool back)
{
	char held[2 * PATH_LEN], path[2 * PATH_LEN];

	(void)snprintf(held, sizeof held, "%s/%s", r->dir, r->held);
	(void)snprintf(path, sizeof path, "%s/%s", r->dir, r->leaf);
	if (r->held[0] != '\0' &&
	    (back ? rename(held, path) : unlink(held)) != 0)
		die("a removed name");
	r->held[0] = '\0';
}

static bool
is_synced(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return true; /* it went with its directory */
	for (size_t i = 0; i < n_synced; i++)
		if (synced[i] == st.st_ino)
			return true;
	return false;
}

static int
gone(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

/* Lock held, and never given back. */
static void
cut_power(void)
{
	const char *keep = getenv("UNPLUG_KEEP");
	bool lucky = keep != NULL && keep[0] == '1';
	char path[2 * PATH_LEN];

	for (size_t i = 0; i < n_removed; i++)
		let_go(&removed[i], !lucky);
	for (size_t i = n_names; i-- > 0;) {
		const struct name *n = &names[i];

		(void)snprintf(path, sizeof path, "%s/%s", n->dir, n->leaf);
		if (!n->safe && !lucky) {
			/* A process that is confined starts no rm. */
			if (nftw(path, gone, 16, FTW_DEPTH | FTW_PHYS) != 0 &&
			    errno != ENOENT)
				die(path);
		} else if (!n->is_dir && !is_synced(path) &&
			   truncate(path, 0) != 0) {
			die("truncate");
		}
	}
	(void)raise(SIGKILL);
}

static bool
due(unsigned long at)
{
	const char *want = getenv("UNPLUG_AT");

	return want != NULL && strtoul(want, NULL, 10) == at;
}

int
__wrap_fsync(int fd)
{
	char path[PATH_LEN];
	struct stat st;
	int rc;

	(void)pthread_mutex_lock(&lock);
	if (due(++n_fsyncs))
		cut_power();
	rc = __real_fsync(fd);
	if (rc == 0 && fstat(fd, &st) == 0) {
		if (S_ISDIR(st.st_mode)) {
			path_of(fd, path);
			for (size_t i = 0; i < n_names; i++)
				if (strcmp(names[i].dir, path) == 0)
					names[i].safe = true;
			for (size_t i = 0; i < n_removed; i++)
				if (strcmp(removed[i].dir, path) == 0)
					let_go(&removed[i], false);
		} else if (n_synced < NAMES_MAX) {
			synced[n_synced++] = st.st_ino;
		}
	}
	(void)pthread_mutex_unlock(&lock);
	return rc;
}

static void
at_exit(void)
{
	(void)pthread_mutex_lock(&lock);
	if (due(0))
		cut_power();
	for (size_t i = 0; i < n_removed; i++)
		let_go(&removed[i], false);
	(void)pthread_mutex_unlock(&lock);
}

__attribute__((constructor)) static void
watch_the_exit(void)
{
	if (atexit(at_exit) != 0)
		die("atexit");
}
