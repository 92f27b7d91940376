/* SPDX-License-Identifier: PostgreSQL */
/*
 * requests.h - what a command asked of its store, and what that costs.
 *
 * Prices are list prices of AWS S3 (us-east-1, Standard) and Backblaze B2; the
 * bytes kept and sent out come on top.
 */
#ifndef SNAP_REQUESTS_H
#define SNAP_REQUESTS_H

#include "json.h"
#include "transport.h"

/* US dollars for these requests to a store at `url`; 0 where they are free. */
double requests_cost(const char *url, const struct transport_counts *n);
/* As one line of text for people, on stderr. */
void requests_tell(const struct transport *t);
/* The object "requests" of `root`. */
void requests_json(const struct transport *t, json_t *root);

#endif
