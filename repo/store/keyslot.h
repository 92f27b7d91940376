/* SPDX-License-Identifier: PostgreSQL */
/* keyslot.h - what may lie under keys/, and a slot as an object. */
#ifndef SNAP_KEYSLOT_H
#define SNAP_KEYSLOT_H

#include "format.h"
#include "slots.h"

/* More objects, or larger ones, are nobody's keys. */
#define STORE_KEYS_MAX 4096
#define STORE_KEY_SIZE_MAX (64u << 10)
#define STORE_KEYS_BYTES_MAX (16u << 20) /* of all that are fetched */
/* Of slots with a passphrase: more are not tried, for each may take seconds;
 * nor more than is done in some minutes, in MiB that Argon2id writes. */
#define STORE_SLOTS_MAX 32
#define STORE_SLOTS_MIB (128u << 10)

static inline uint64_t
slot_cost_mib(uint32_t passes, uint32_t mem_kib)
{
	return ((uint64_t)passes * mem_kib) >> 10;
}

/* Appends a slot's object, whole: RS under a secret. */
SNAP_MUST_CHECK enum snap_code slot_build(const uint8_t repo_id[ID_LEN],
    const uint8_t id[ID_LEN], const struct slot_secret *secret,
    const uint8_t rs[KEY_BYTES], struct bytes *obj, struct snap_err *err);

#endif
