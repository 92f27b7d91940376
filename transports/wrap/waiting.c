/* SPDX-License-Identifier: PostgreSQL */
/* waiting.c - see waiting.h. */
#include <errno.h>
#include <time.h>

#include "waiting.h"

#define SLICE_MS 100

int64_t
waiting_now(const struct waiting *w)
{
	struct timespec now;

	if (w->now_ms != NULL)
		return w->now_ms(w->arg);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
sleep_for(const struct waiting *w, int64_t ms)
{
	struct timespec t = { (time_t)(ms / 1000),
		(long)(ms % 1000) * 1000000 };

	if (w->sleep_ms != NULL)
		w->sleep_ms(w->arg, ms);
	else
		while (nanosleep(&t, &t) != 0 && errno == EINTR)
			continue;
}

enum snap_code
waiting_for(const struct waiting *w, int64_t ms, const struct report *r,
    struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	while (ms > 0 && (rc = report_check(r, err)) == SNAP_OK) {
		int64_t part = ms < SLICE_MS ? ms : SLICE_MS;

		sleep_for(w, part);
		ms -= part;
	}
	return rc;
}
