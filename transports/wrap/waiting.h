/* SPDX-License-Identifier: PostgreSQL */
/* waiting.h - time as the wrappers see it, so that a test can move it. */
#ifndef SNAP_WAITING_H
#define SNAP_WAITING_H

#include <stdint.h>

#include "report.h"

/* All zeros: the machine's time. */
struct waiting {
	int64_t (*now_ms)(void *arg);
	void (*sleep_ms)(void *arg, int64_t ms);
	void *arg;
};

int64_t waiting_now(const struct waiting *w); /* ms of some clock */
/* SNAP_CANCELLED within 100 ms when so asked. */
SNAP_MUST_CHECK enum snap_code waiting_for(const struct waiting *w, int64_t ms,
    const struct report *r, struct snap_err *err);

#endif
