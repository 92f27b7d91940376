/* SPDX-License-Identifier: PostgreSQL */
/*
 * struck.c - linked into the program: at the n-th call to the file system, of
 * any kind and by any thread, something happens to it.
 *
 * STRIKE_AT=n says when, STRIKE says what:
 *   kill   SIGKILL instead of the call
 *   stop   SIGSTOP before it; on SIGCONT STRIKE_SLEPT seconds have gone by on
 *          the clocks in STRIKE_CLOCKS: b(oot), r(eal) and s(tore), which
 *          is the time of files that are made from then on
 *   full   the disk is full from that call on; only calls that take room count
 *   once   the same, but only that call fails
 * STRIKE_COUNT=FILE: how many calls counted, when the program exits.
 * STRIKE_PACK=bytes: the pack size of repositories that it makes: with
 * 16 MiB there would be few moments to choose from.
 * STRIKE_GRACE=seconds: their grace, shorter than `init` allows, for tests
 * that cannot wait an hour.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "format.h"
#include "repo.h"

static atomic_ulong n_calls;
static atomic_bool is_full;
static _Atomic int64_t stopped_at; /* ns */
static _Atomic int64_t slept;      /* s */

#define WRAP(type, name, ...)                                                  \
	type __real_##name(__VA_ARGS__);                                       \
	type __wrap_##name(__VA_ARGS__)

WRAP(int, open, const char *path, int flags, ...);
WRAP(int, openat, int dir, const char *path, int flags, ...);
WRAP(ssize_t, write, int fd, const void *p, size_t n);
WRAP(ssize_t, pread, int fd, void *p, size_t n, off_t off);
WRAP(int, fsync, int fd);
WRAP(int, linkat, int from, const char *old, int to, const char *new, int fl);
WRAP(int, unlinkat, int dir, const char *leaf, int flags);
WRAP(int, unlink, const char *path);
WRAP(int, rename, const char *old, const char *new);
WRAP(int, mkdirat, int dir, const char *leaf, mode_t mode);
WRAP(int, mkdir, const char *path, mode_t mode);
WRAP(int, fstat, int fd, struct stat *st);
WRAP(int, fstatat, int dir, const char *leaf, struct stat *st, int flags);
WRAP(int, clock_gettime, clockid_t id, struct timespec *ts);
WRAP(enum snap_code, repo_init, struct transport *t,
    const struct repo_params *params, const struct repo_opts *opts,
    char recovery_out[128], uint8_t id_out[REPO_ID_LEN], struct snap_err *err);
WRAP(void, config_encode, const struct config *in, struct bytes *out);

static bool
is(const char *what)
{
	const char *strike = getenv("STRIKE");

	return strike != NULL && strcmp(strike, what) == 0;
}

static bool
moves(char clock)
{
	const char *clocks = getenv("STRIKE_CLOCKS");

	return clocks != NULL && strchr(clocks, clock) != NULL;
}

static void
stop(void)
{
	const char *s = getenv("STRIKE_SLEPT");
	struct timespec now;

	(void)__real_clock_gettime(CLOCK_REALTIME, &now);
	atomic_store(
	    &stopped_at, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
	(void)raise(SIGSTOP);
	atomic_store(&slept, s != NULL ? strtoll(s, NULL, 10) : 0);
}

/* Before each call; true when it fails for want of room. */
static bool
strike(bool takes_room)
{
	const char *at = getenv("STRIKE_AT");
	bool full = is("full"), once = is("once");

	if ((full || once) && !takes_room)
		return false;
	if (atomic_fetch_add(&n_calls, 1) + 1 !=
	    (at != NULL ? strtoul(at, NULL, 10) : 0))
		goto out;
	if (is("kill"))
		(void)raise(SIGKILL);
	else if (is("stop"))
		stop();
	else if (full)
		atomic_store(&is_full, true);
	else if (once)
		goto no_room;
out:
	if (!takes_room || !atomic_load(&is_full))
		return false;
no_room:
	errno = ENOSPC;
	return true;
}

int
__wrap_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return strike((flags & O_CREAT) != 0) ? -1
					      : __real_open(path, flags, mode);
}

int
__wrap_openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return strike((flags & O_CREAT) != 0)
		   ? -1
		   : __real_openat(dir, path, flags, mode);
}

ssize_t
__wrap_write(int fd, const void *p, size_t n)
{
	struct stat st;

	if (__real_fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return __real_write(fd, p, n);
	if (!strike(true))
		return __real_write(fd, p, n);
	/* What still fitted in is there. */
	(void)!__real_write(fd, p, n / 2);
	errno = ENOSPC;
	return -1;
}

ssize_t
__wrap_pread(int fd, void *p, size_t n, off_t off)
{
	(void)strike(false);
	return __real_pread(fd, p, n, off);
}

int
__wrap_fsync(int fd)
{
	return strike(true) ? -1 : __real_fsync(fd);
}

int
__wrap_linkat(int from, const char *old, int to, const char *new, int fl)
{
	return strike(true) ? -1 : __real_linkat(from, old, to, new, fl);
}

int
__wrap_unlinkat(int dir, const char *leaf, int flags)
{
	(void)strike(false);
	return __real_unlinkat(dir, leaf, flags);
}

int
__wrap_unlink(const char *path)
{
	(void)strike(false);
	return __real_unlink(path);
}

int
__wrap_rename(const char *old, const char *new)
{
	return strike(true) ? -1 : __real_rename(old, new);
}

int
__wrap_mkdirat(int dir, const char *leaf, mode_t mode)
{
	return strike(true) ? -1 : __real_mkdirat(dir, leaf, mode);
}

int
__wrap_mkdir(const char *path, mode_t mode)
{
	return strike(true) ? -1 : __real_mkdir(path, mode);
}

/* The store's clock went on as well: what is new has its time. */
static void
move_ctime(struct stat *st)
{
	int64_t at = atomic_load(&stopped_at);
	int64_t t = (int64_t)st->st_ctim.tv_sec * 1000000000 +
		    (int64_t)st->st_ctim.tv_nsec;

	/* Files have the time of the last tick of the kernel's clock. */
	if (at != 0 && moves('s') && t > at - 10000000)
		st->st_ctim.tv_sec += (time_t)atomic_load(&slept);
}

int
__wrap_fstat(int fd, struct stat *st)
{
	int rc;

	(void)strike(false);
	rc = __real_fstat(fd, st);
	if (rc == 0)
		move_ctime(st);
	return rc;
}

int
__wrap_fstatat(int dir, const char *leaf, struct stat *st, int flags)
{
	int rc;

	(void)strike(false);
	rc = __real_fstatat(dir, leaf, st, flags);
	if (rc == 0)
		move_ctime(st);
	return rc;
}

int
__wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	int rc = __real_clock_gettime(id, ts);

	if (rc == 0 && ((id == CLOCK_REALTIME && moves('r')) ||
			   (id == CLOCK_BOOTTIME && moves('b'))))
		ts->tv_sec += (time_t)atomic_load(&slept);
	return rc;
}

enum snap_code
__wrap_repo_init(struct transport *t, const struct repo_params *params,
    const struct repo_opts *opts, char recovery_out[128],
    uint8_t id_out[REPO_ID_LEN], struct snap_err *err)
{
	const char *pack = getenv("STRIKE_PACK");
	struct repo_params p = *params;

	if (pack != NULL)
		p.pack_size = (uint32_t)strtoul(pack, NULL, 10);
	return __real_repo_init(t, &p, opts, recovery_out, id_out, err);
}

void
__wrap_config_encode(const struct config *in, struct bytes *out)
{
	const char *grace = getenv("STRIKE_GRACE");
	struct config c = *in;

	if (grace != NULL)
		c.grace_s = (uint32_t)strtoul(grace, NULL, 10);
	__real_config_encode(&c, out);
}

static void
at_exit(void)
{
	const char *name = getenv("STRIKE_COUNT");
	FILE *f = name != NULL ? fopen(name, "w") : NULL;

	if (f != NULL) {
		(void)fprintf(f, "%lu\n", atomic_load(&n_calls));
		(void)fclose(f);
	}
}

__attribute__((constructor)) static void
watch_the_exit(void)
{
	if (atexit(at_exit) != 0)
		abort();
}
