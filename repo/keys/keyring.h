/* SPDX-License-Identifier: PostgreSQL */
/* keyring.h - what lies under keys/, as its owner sees it. */
#ifndef SNAP_KEYRING_H
#define SNAP_KEYRING_H

#include "repo_keys.h"
#include "store.h"

/* As repo_keys() in repo_keys.h; the store was opened by an owner. */
SNAP_MUST_CHECK enum snap_code keyring_load(
    struct store *s, struct repo_keys *out, struct snap_err *err);

#endif
