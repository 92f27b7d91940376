/* SPDX-License-Identifier: PostgreSQL */
/*
 * limit.h - a transport that moves at most so many bytes a second.
 *
 * All threads share one budget up and one down.  An object goes out in one
 * piece once the budget has paid for those before it, so it is the rate over
 * a few packs that holds, not that of a single moment.
 */
#ifndef SNAP_LIMIT_H
#define SNAP_LIMIT_H

#include "transport.h"
#include "waiting.h"

struct limit_opts {
	uint64_t up, down;           /* bytes a second; 0 = no limit */
	const struct report *report; /* cancels a wait */
	struct waiting time;
};

/* Takes `inner` over when it succeeds: close only *out. */
SNAP_MUST_CHECK enum snap_code transport_open_limit(struct transport *inner,
    const struct limit_opts *opts, struct transport **out,
    struct snap_err *err);

#endif
