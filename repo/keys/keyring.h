/* SPDX-License-Identifier: PostgreSQL */
/* keyring.h - what lies under keys/, as its owner sees it. */
#ifndef SNAP_KEYRING_H
#define SNAP_KEYRING_H

#include "keyfile.h"
#include "repo_keys.h"
#include "store.h"

/* The store was opened by an owner. */
/* As repo_keys() in repo_keys.h. */
SNAP_MUST_CHECK enum snap_code keyring_load(
    struct store *s, struct repo_keys *out, struct snap_err *err);
/* Append a whole key file to *file, which has room for KEYFILE_MAX and which
 * the caller wipes; of a host its record is put before. */
#define KEYFILE_MAX (KEYFILE_PAYLOAD_MAX + HEADER_LEN + TRAILER_LEN)
SNAP_MUST_CHECK enum snap_code keyring_key_file(struct store *s,
    enum keyfile_type type, const char *name, struct bytes *file,
    uint8_t host_id[ID_LEN], struct snap_err *err);
/* Sign, under the newest epoch, who a host is. */
SNAP_MUST_CHECK enum snap_code keyring_put_host(struct store *s,
    const uint8_t host_id[ID_LEN], const uint8_t pk[32], const char *name,
    struct snap_err *err);

#endif
