/* SPDX-License-Identifier: PostgreSQL */
/*
 * wire.h - between the actors and the store: every request is a point where
 * others go on, and where things go wrong.
 *
 * A put may take effect much later than it was sent, also after its sender
 * died; its answer may be lost.  Two kinds of stores: those whose times are of
 * visibility, and file systems, where an object has the time of its last byte
 * until that is renewed.
 */
#ifndef SNAP_TEST_WIRE_H
#define SNAP_TEST_WIRE_H

#include "mem.h"
#include "sim.h"
#include "transport.h"

struct wire_trouble {       /* parts in a thousand, of each request */
	unsigned slow;      /* a put takes up to 4 G */
	unsigned lost;      /* the answer of a put: it is sent twice */
	unsigned failed;    /* of a put or deletion that was done: an error */
	unsigned torn;      /* what changes while it is listed may be missed */
	unsigned unrenewed; /* a file keeps the time of its last byte */
};
extern struct wire_trouble wire_trouble;

/* Of objects that cannot be read now: their names. */
#define WIRE_UNREADABLE_MAX 4
extern char wire_unreadable[WIRE_UNREADABLE_MAX][TRANSPORT_NAME_MAX + 1];

/* What the store does not delete now: every second object, unless 0; and one.
 */
extern uint64_t wire_lock;
extern char wire_kept[TRANSPORT_NAME_MAX + 1];

/* For those that are scripted: the next put takes so long; listings of this
 * prefix are empty; the store's clock is off by this. */
extern int64_t wire_next_delay, wire_clock_off;
extern const char *wire_hides;
/* Listings miss all that changes meanwhile. */
extern bool wire_misses;

void wire_begin(struct mem_store *mem, bool visible);
void wire_end(void);
/* All that an actor does goes through a handle of its own. */
struct transport *wire_open(struct actor *a);
/* The handle that nothing stands in the way of. */
struct transport *wire_direct(void);
bool wire_visible(void);
/* Time goes on; what is due arrives. */
void wire_advance(int64_t ns);
/* When the next put that is under way arrives; NEVER. */
int64_t wire_next_time(void);
/* By the store's clock. */
int64_t wire_now(void);
/* A late request brings back what is gone. */
void wire_put_back(const char *name, struct span data);
/* While set, requests through this handle are served at once. */
void wire_at_once(struct transport *t, bool on);

/* Told of all that changes (oracle.c). */
void oracle_put(const char *name, struct span data, int64_t now);
void oracle_delete(const struct actor *by, const char *name);
/* A request to delete is about to be sent, or an index segment to be put. */
void oracle_decides(const struct actor *by, const char *name);

#endif
