/* SPDX-License-Identifier: PostgreSQL */
/*
 * fault.h - a transport that fails where a test says, around one that works.
 *
 * Rules match calls by operation and name; each counts the calls it matched
 * and strikes from its nth on, `times` times.  The first rule that strikes
 * decides.  A hook sees every request before the rules do, so a test can
 * move a clock, run another "host" in between, or fail the call itself.
 */
#ifndef SNAP_FAULT_H
#define SNAP_FAULT_H

#include "transport.h"

#define FAULT_RULES_MAX 16
#define FAULT_FOREVER UINT64_MAX

enum fault_op {
	FAULT_ANY,
	FAULT_PUT,
	FAULT_GET,
	FAULT_STAT,
	FAULT_LIST,
	FAULT_DELETE,
	FAULT_NOW,
	FAULT_N_OPS
};

enum fault_kind {
	FAULT_BEFORE,   /* fail, and nothing has happened */
	FAULT_AFTER,    /* do it, then fail: the reply got lost */
	FAULT_TRUNCATE, /* a get succeeds with only the first `at` bytes */
	FAULT_FLIP      /* a get succeeds with the lowest bit of byte `at`
			 * changed (modulo what came) */
};

struct fault_rule {
	enum fault_op op;
	enum fault_kind kind;
	enum snap_code code; /* for BEFORE and AFTER */
	const char *prefix;  /* of names; NULL = all; borrowed */
	uint64_t nth;        /* first matching call hit: 1 = the next, 0 too */
	uint64_t times;      /* 0 = once */
	size_t at;           /* byte */
};

/* Called without locks; SNAP_OK lets the request pass. */
typedef enum snap_code (*fault_hook_fn)(
    void *arg, enum fault_op op, const char *name, struct snap_err *err);

/* Takes `inner` over when it succeeds: close only *out. */
SNAP_MUST_CHECK enum snap_code transport_open_fault(
    struct transport *inner, struct transport **out, struct snap_err *err);

/* Only on handles of transport_open_fault(). */
SNAP_MUST_CHECK enum snap_code fault_add(
    struct transport *t, const struct fault_rule *rule, struct snap_err *err);
void fault_clear(struct transport *t); /* all rules and the hook */
void fault_set_hook(struct transport *t, fault_hook_fn fn, void *arg);
/* Calls so far, also those that failed; FAULT_ANY = all. */
uint64_t fault_calls(struct transport *t, enum fault_op op);

#endif
