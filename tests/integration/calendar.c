/* SPDX-License-Identifier: PostgreSQL */
/*
 * calendar.c - linked into the program: it runs on another day, and so does
 * the file system that its repository lies on.
 *
 * CALENDAR=FILE has a line for each leap in time, in order: the moment it was
 * made at, in ns of the real clock, and the seconds that all clocks are ahead
 * of the real one from then on.  A time is moved by the last leap before it,
 * so that what was made on a day keeps its date in all later runs.
 *
 * LIES=SECONDS is what only the clocks of this machine are ahead, and not those
 * of its file system: what it claims, and not what the store says.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define WRAP(type, name, ...)                                                  \
	type __real_##name(__VA_ARGS__);                                       \
	type __wrap_##name(__VA_ARGS__)

WRAP(int, fstat, int fd, struct stat *st);
WRAP(int, fstatat, int dir, const char *leaf, struct stat *st, int flags);
WRAP(int, clock_gettime, clockid_t id, struct timespec *ts);
WRAP(time_t, time, time_t *t);

#define LEAPS_MAX 4096
static struct {
	int64_t at_ns, ahead_s;
} leaps[LEAPS_MAX];
static size_t n_leaps;

__attribute__((constructor)) static void
read_calendar(void)
{
	const char *name = getenv("CALENDAR");
	FILE *f = name != NULL ? fopen(name, "r") : NULL;
	long long at, ahead;

	if (f == NULL)
		return;
	while (
	    n_leaps < LEAPS_MAX && fscanf(f, "%lld %lld", &at, &ahead) == 2) {
		leaps[n_leaps].at_ns = at;
		leaps[n_leaps++].ahead_s = ahead;
	}
	(void)fclose(f);
}

static time_t
ahead(const struct timespec *ts)
{
	int64_t ns = (int64_t)ts->tv_sec * 1000000000 + ts->tv_nsec;
	size_t n = n_leaps;

	while (n > 0 && leaps[n - 1].at_ns > ns)
		n--;
	return n > 0 ? (time_t)leaps[n - 1].ahead_s : 0;
}

int
__wrap_fstat(int fd, struct stat *st)
{
	int rc = __real_fstat(fd, st);

	if (rc == 0)
		st->st_ctim.tv_sec += ahead(&st->st_ctim);
	return rc;
}

int
__wrap_fstatat(int dir, const char *leaf, struct stat *st, int flags)
{
	int rc = __real_fstatat(dir, leaf, st, flags);

	if (rc == 0)
		st->st_ctim.tv_sec += ahead(&st->st_ctim);
	return rc;
}

int
__wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	const char *lies = getenv("LIES");
	struct timespec real;
	int rc = __real_clock_gettime(id, ts);

	if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_BOOTTIME) &&
	    __real_clock_gettime(CLOCK_REALTIME, &real) == 0)
		ts->tv_sec += ahead(&real);
	if (rc == 0 && id == CLOCK_REALTIME && lies != NULL)
		ts->tv_sec += (time_t)strtoll(lies, NULL, 10);
	return rc;
}

time_t
__wrap_time(time_t *t)
{
	struct timespec ts = { 0, 0 };

	(void)__wrap_clock_gettime(CLOCK_REALTIME, &ts);
	if (t != NULL)
		*t = ts.tv_sec;
	return ts.tv_sec;
}
