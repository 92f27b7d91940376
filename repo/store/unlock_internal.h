/* SPDX-License-Identifier: PostgreSQL */
/* unlock_internal.h - what unlock.c and keyslot.c know while they look for a key.
 */
#ifndef SNAP_UNLOCK_INTERNAL_H
#define SNAP_UNLOCK_INTERNAL_H

#include "keyslot.h"
#include "store.h"

struct key_object {
	uint8_t id[ID_LEN];
	int64_t time_ns;
	bool too_large, unread;
	uint8_t kind; /* 0: nothing that can be used */
	struct bytes raw;
};
struct unlock {
	struct store *s;
	struct key_object *v;
	size_t n, cap;
	uint64_t n_bytes; /* of what is fetched */
	struct span secret;
	enum slot_type type;
	struct bytes config; /* raw */
	struct transport_stat config_st;
	uint32_t epoch;       /* the first */
	uint8_t *rs;          /* locked: RS, then a parsed recovery code */
	const char *not_slot; /* first digits of those that are not tried */
	size_t n_denied, n_bad, n_mac, n_foreign, n_poor, n_left;
	struct snap_err bad;    /* the last damaged slot */
	struct snap_err poor;   /* there is no memory for the last of these */
	struct snap_err unread; /* the last that the store cannot give */
};

/* A damaged object is told, and counted; other failures are handed on. */
SNAP_MUST_CHECK enum snap_code unlock_note_bad(
    struct unlock *u, const struct key_object *ko, struct snap_err *err);
/* u->s->keys from a slot that opens, or why there is none. */
SNAP_MUST_CHECK enum snap_code unlock_by_slots(
    struct unlock *u, struct snap_err *err);

#endif
