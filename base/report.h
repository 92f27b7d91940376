/* SPDX-License-Identifier: PostgreSQL */
/*
 * report.h - what goes sideways: log lines, progress, cancellation.
 *
 * Given by the caller to every long call; NULL is silence.  Callable from any
 * thread.  Libraries never print, exit or read the environment.
 */
#ifndef SNAP_REPORT_H
#define SNAP_REPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"

enum report_level { REPORT_DEBUG, REPORT_INFO, REPORT_WARNING };

struct report {
	/* One line without its newline; must be thread-safe.  May be NULL. */
	void (*log)(void *arg, enum report_level level, const char *line);
	void *arg;
	/* Set to non-zero to stop; polled at least every few MiB or 100 ms. */
	atomic_int *cancel;
	/* Progress, read by whoever draws it. */
	_Atomic uint64_t bytes_done;   /* logical bytes through the source */
	_Atomic uint64_t bytes_total;  /* estimate; 0 = unknown */
	_Atomic uint64_t bytes_new;    /* of them not known before */
	_Atomic uint64_t bytes_stored; /* put on the store */
	_Atomic uint64_t n_streams;    /* streams finished */
};

void report_log(struct report *r, enum report_level level, const char *fmt, ...)
    SNAP_PRINTF(3, 4);
bool report_cancelled(const struct report *r);
/* SNAP_CANCELLED with the message "cancelled" when so asked, else SNAP_OK. */
SNAP_MUST_CHECK enum snap_code report_check(
    const struct report *r, struct snap_err *err);
/* Add to a counter; r may be NULL. */
void report_done(struct report *r, uint64_t bytes);
void report_stored(struct report *r, uint64_t bytes);
void report_new(struct report *r, uint64_t bytes);
void report_stream(struct report *r);

#endif
