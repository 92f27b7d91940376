/* SPDX-License-Identifier: PostgreSQL */
/* key_cmd.h - what is behind `key`, a function for each of its words. */
#ifndef SNAP_KEY_CMD_H
#define SNAP_KEY_CMD_H

#include "cmd.h"
#include "place.h"
#include "repo_keys.h"

#define EXPORT_SLOTS_MAX 16

/* `s` is closed by the caller.  What is no option and stands behind the word
 * begins at c->o.args[1]. */
SNAP_MUST_CHECK enum snap_code key_list(
    struct cli *c, struct place *s, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code key_add(
    struct cli *c, struct place *s, struct snap_err *err);
/* `add` of a key file for a machine that must not read rows. */
SNAP_MUST_CHECK enum snap_code key_add_machine(
    struct cli *c, struct place *s, struct snap_err *err);
/* ... of a passphrase, a recovery code or an owner's key file. */
SNAP_MUST_CHECK enum snap_code key_add_slot(
    struct cli *c, struct place *s, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code key_remove(
    struct cli *c, struct place *s, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code key_passwd(
    struct cli *c, struct place *s, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code key_export(
    struct cli *c, struct place *s, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code key_import(
    struct cli *c, struct place *s, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code key_revoke(
    struct cli *c, struct place *s, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code key_rotate(
    struct cli *c, struct place *s, struct snap_err *err);

/* The repository, opened by an owner. */
SNAP_MUST_CHECK enum snap_code key_open(
    struct cli *c, struct place *s, struct snap_err *err);

#endif
