/* SPDX-License-Identifier: PostgreSQL */
/*
 * report.c - log lines, progress and cancellation.
 *
 * The counters are only looked at by people, so relaxed order is enough; the
 * cancel flag is set from a signal handler and needs no order either.
 */
#include <stdarg.h>
#include <stdio.h>

#include "report.h"

#define REPORT_LINE_MAX 2048

void
report_log(struct report *r, enum report_level level, const char *fmt, ...)
{
	char line[REPORT_LINE_MAX];
	va_list ap;
	int n;

	if (r == NULL || r->log == NULL)
		return;
	va_start(ap, fmt);
	n = vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	if (n >= 0)
		r->log(r->arg, level, line);
}

bool
report_cancelled(const struct report *r)
{
	return r != NULL && r->cancel != NULL &&
	       atomic_load_explicit(r->cancel, memory_order_relaxed) != 0;
}

enum snap_code
report_check(const struct report *r, struct snap_err *err)
{
	if (report_cancelled(r))
		return snap_fail(err, SNAP_CANCELLED, "cancelled");
	return SNAP_OK;
}

static void
add(_Atomic uint64_t *counter, uint64_t n)
{
	(void)atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

void
report_done(struct report *r, uint64_t bytes)
{
	if (r != NULL)
		add(&r->bytes_done, bytes);
}

void
report_stored(struct report *r, uint64_t bytes)
{
	if (r != NULL)
		add(&r->bytes_stored, bytes);
}

void
report_new(struct report *r, uint64_t bytes)
{
	if (r != NULL)
		add(&r->bytes_new, bytes);
}

void
report_stream(struct report *r)
{
	if (r != NULL)
		add(&r->n_streams, 1);
}
