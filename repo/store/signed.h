/* SPDX-License-Identifier: PostgreSQL */
/*
 * signed.h - whose word an object is, and of when.
 */
#ifndef SNAP_SIGNED_H
#define SNAP_SIGNED_H

#include "store.h"

/* The newest epoch that is known to have begun, and since when, in store time;
 * INT64_MAX: its record was lost. */
uint32_t store_epoch(struct store *s);
int64_t store_epoch_time(const struct store *s);
/* By a maintenance key whose epoch was not over when it came: such a word about
 * times holds on, where that of store_body_is_current() is too much asked. */
bool store_body_was_current(
    struct store *s, const struct store_body *b, int64_t came);
/* Whoever may back up can confirm: only who made a snapshot may do so. */
bool store_same_signer(const struct store_body *a, const struct store_body *b);
/* For people: "owner", or the name of a host; with a mark behind it when only a
 * key signed that a rotation had ended. */
void store_signer(struct store *s, const struct store_body *b, int64_t came,
    char *out, size_t size);

#endif
