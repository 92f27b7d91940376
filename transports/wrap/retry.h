/* SPDX-License-Identifier: PostgreSQL */
/*
 * retry.h - a transport that tries again what may work when tried again.
 *
 * Only SNAP_TRANSIENT is tried again: after what the store asked for, or after
 * a wait that doubles from 0.5 s to 60 s, of which a random half is left out,
 * so that many clients do not come back at once (exponential back-off with
 * jitter).  When `give_up_s` have gone by since an operation's first attempt,
 * or the next wait would go beyond, it fails with the last error, and its
 * detail tells the story.
 *
 * A put tried again is safe, since the same bytes under the same name are a
 * success; a delete that finds nothing after a failed try has worked.  A
 * listing is delivered only once it is whole.
 */
#ifndef SNAP_RETRY_H
#define SNAP_RETRY_H

#include "transport.h"
#include "waiting.h"

#define RETRY_GIVE_UP_S 900u

struct retry_opts {
	unsigned give_up_s;    /* 0 = do not try again */
	struct report *report; /* hears of every attempt that failed */
	struct waiting time;
};

/* transport_open(), tried again in the same way. */
SNAP_MUST_CHECK enum snap_code transport_open_again(const char *url,
    const struct transport_opts *opts, const struct retry_opts *retry,
    struct transport **out, struct snap_err *err);

/* Takes `inner` over when it succeeds: close only *out. */
SNAP_MUST_CHECK enum snap_code transport_open_retry(struct transport *inner,
    const struct retry_opts *opts, struct transport **out,
    struct snap_err *err);

/* From now on nothing is tried again; of a handle of transport_open_retry(). */
void transport_retry_end(struct transport *t);

#endif
