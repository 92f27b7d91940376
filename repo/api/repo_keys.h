/* SPDX-License-Identifier: PostgreSQL */
/*
 * repo_keys.h - the door again, for the owner's keys: slots, hosts, epochs.
 *
 * A slot is the repository's secret under a passphrase or a recovery code.
 * Who has no passphrase and no recovery code gets SNAP_DENIED: a key file
 * opens backups, and says nothing about keys.
 */
#ifndef SNAP_REPO_KEYS_H
#define SNAP_REPO_KEYS_H

#include "repo.h"

enum repo_key_kind {
	REPO_KEY_PASSPHRASE, /* slots */
	REPO_KEY_RECOVERY,
	REPO_KEY_OTHER, /* a slot of a newer version */
	REPO_KEY_HOST,
	REPO_KEY_EPOCH,
	REPO_KEY_DAMAGED /* whatever it was */
};

#define REPO_KEY_NAME_MAX 256 /* bytes, with the NUL */

struct repo_key { /* an object under keys/ */
	uint8_t id[REPO_ID_LEN];
	enum repo_key_kind kind;
	int64_t time_ns; /* the store's */
	/* slots */
	bool is_current;          /* it opened the repository now */
	uint32_t passes, mem_kib; /* of Argon2id, REPO_KEY_PASSPHRASE only */
	/* hosts and epochs */
	uint8_t host_id[REPO_ID_LEN];
	uint32_t epoch;
	bool is_revoked; /* a host */
	/* Of a host; the label of a slot; REPO_KEY_DAMAGED: what is wrong. */
	char name[REPO_KEY_NAME_MAX];
};
struct repo_keys {
	size_t n;
	struct repo_key *v; /* by kind, then the oldest first */
};
/* SNAP_DENIED unless it was opened as an owner. */
SNAP_MUST_CHECK enum snap_code repo_may_keep_keys(
    struct repo *r, struct snap_err *err);
/* All that lies under keys/ now. */
SNAP_MUST_CHECK enum snap_code repo_keys(
    struct repo *r, struct repo_keys *out, struct snap_err *err);
void repo_keys_free(struct repo_keys *k);
/* By the first digits (at least 4) of its id.  SNAP_NOTFOUND, SNAP_USAGE. */
SNAP_MUST_CHECK enum snap_code repo_key_find(const struct repo_keys *all,
    const char *digits, const struct repo_key **out, struct snap_err *err);

struct repo_new_key {
	struct span secret; /* a passphrase, or the text of a code */
	bool is_code;
	uint32_t kdf_mem_kib; /* of a passphrase; 0 = the default */
	const char *label;    /* who it is for; NULL = none */
};
SNAP_MUST_CHECK enum snap_code repo_new_slot_id(
    uint8_t id[REPO_ID_LEN], struct snap_err *err);
/* A fresh recovery code and id, which open nothing before they were added. */
SNAP_MUST_CHECK enum snap_code repo_new_code(
    char out[128], uint8_t id[REPO_ID_LEN], struct snap_err *err);
/* A further slot of that id; it was read back and opened with that secret. */
SNAP_MUST_CHECK enum snap_code repo_key_add(struct repo *r,
    const struct repo_new_key *o, const uint8_t id[REPO_ID_LEN],
    struct snap_err *err);
/*
 * `anchor`: NULL, or a slot that repo_key_add() has made in this run, instead
 * of the one that opened the repository.  `damaged`: also what cannot be read.
 * SNAP_USAGE: it must not go, SNAP_DENIED: the store keeps it, SNAP_BUSY: it
 * was put back, for another owner removed slots at the same time.
 */
SNAP_MUST_CHECK enum snap_code repo_key_remove(struct repo *r,
    const uint8_t id[REPO_ID_LEN], const uint8_t *anchor, bool damaged,
    struct snap_err *err);

/*
 * A key file for a machine that must not read rows: REPO_MAY_WRITE for a host,
 * whose record under keys/ is put here, REPO_MAY_SAY for maintenance.  Appended
 * whole to *file (reserved here, the caller wipes it).  SNAP_EXISTS: a host has
 * that name; SNAP_USAGE: nobody can have it.
 */
SNAP_MUST_CHECK enum snap_code repo_key_file(struct repo *r,
    enum repo_rights rights, const char *name, struct bytes *file,
    uint8_t host_id[REPO_ID_LEN], struct snap_err *err);
/* End the word of a host: what it makes from now on is untrusted.  *n_kept: the
 * snapshots that it has made, which hold on. */
SNAP_MUST_CHECK enum snap_code repo_revoke(struct repo *r,
    const uint8_t host_id[REPO_ID_LEN], size_t *n_kept, struct snap_err *err);
/* Begin a new key epoch, and sign anew what is to hold on: docs/format.md,
 * "Keys".  Key files made before open the repository no more once something
 * was written under it. */
SNAP_MUST_CHECK enum snap_code repo_rotate(
    struct repo *r, uint32_t *epoch, struct snap_err *err);

/*
 * The paper form: what opens the repository with a passphrase, or a recovery
 * code, when the config and all under keys/ is lost.  Appends numbered lines
 * with checksums: the config, these slots, records of hosts and epochs.
 */
SNAP_MUST_CHECK enum snap_code repo_key_export(struct repo *r,
    const uint8_t (*slots)[REPO_ID_LEN], size_t n, struct bytes *out,
    struct snap_err *err);
/* Say in the repository that it was done: repo_notes_exported(). */
SNAP_MUST_CHECK enum snap_code repo_say_exported(
    struct repo *r, struct snap_err *err);
struct repo_imported {
	size_t n_put, n_present, n_replaced;
};
/*
 * Put back what is missing of it, once it opens with the secret of `o`, and
 * open the repository.  `force`: what is there and damaged is deleted first,
 * and nothing else of the repository needs to be there.  SNAP_USAGE: a line is
 * wrong, or this is another repository's; SNAP_EXISTS: something whole and
 * different is there; SNAP_CORRUPT: something damaged is, name and hint say so.
 */
SNAP_MUST_CHECK enum snap_code repo_key_import(struct transport *t,
    struct span text, const struct repo_opts *o, bool force,
    struct repo_imported *out, struct snap_err *err);

#endif
