/* SPDX-License-Identifier: PostgreSQL */
/*
 * keyring.h - what lies under keys/, as its owner sees and changes it.
 *
 * Any number of owners may do that at once, without locks, and none of them
 * can lock everybody out:
 *
 *  - A slot goes only while another one is there that was seen to open, in
 *    this very run: the anchor, whose bytes are remembered.  It is never the
 *    slot itself.
 *  - Of slots with a recovery code one goes only when a newer one is there, so
 *    the newest never does.
 *  - Who has deleted looks again.  Unless it finds its anchor as it was (and,
 *    when a recovery code went, another one), it puts back what it deleted:
 *    the same bytes under the same name.
 *
 * So of all that delete, the last to do so finds its anchor, or undoes what it
 * did.  Only when its machine dies between the two, and another owner removed
 * its anchor just before, may no passphrase be left; the newest recovery code
 * is there even then.
 */
#ifndef SNAP_KEYRING_H
#define SNAP_KEYRING_H

#include "keyfile.h"
#include "keyslot.h"
#include "repo_keys.h"
#include "store.h"

/* The store was opened by an owner. */
/* As repo_keys() in repo_keys.h. */
SNAP_MUST_CHECK enum snap_code keyring_load(
    struct store *s, struct repo_keys *out, struct snap_err *err);
/* A further slot, read back and opened with its secret.  SNAP_USAGE: there are
 * too many. */
SNAP_MUST_CHECK enum snap_code keyring_add(struct store *s,
    const uint8_t id[ID_LEN], const struct slot_secret *secret,
    struct snap_err *err);
/*
 * Remove slot `id`; `anchor` is one that opened in this run.  `damaged`: also
 * what cannot be read.  SNAP_NOTFOUND, SNAP_USAGE (it must not go), SNAP_DENIED
 * (the store keeps it), SNAP_BUSY (somebody else removed the anchor: the slot
 * was put back).
 */
SNAP_MUST_CHECK enum snap_code keyring_remove(struct store *s,
    const uint8_t id[ID_LEN], const uint8_t anchor[ID_LEN], bool damaged,
    struct snap_err *err);
/* Appends config, these slots, and all records of hosts and epochs, as lines
 * that can be retyped: paper.h. */
SNAP_MUST_CHECK enum snap_code keyring_export(struct store *s,
    const uint8_t (*slots)[ID_LEN], size_t n, struct bytes *out,
    struct snap_err *err);
/* As repo_key_import() in repo_keys.h. */
SNAP_MUST_CHECK enum snap_code keyring_import(struct transport *t,
    struct span text, const struct store_opts *o, bool force,
    struct repo_imported *out, struct snap_err *err);
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

/* As repo_rotate(). */
SNAP_MUST_CHECK enum snap_code keyring_rotate(
    struct store *s, struct snap_err *err);

#endif
