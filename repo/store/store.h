/* SPDX-License-Identifier: PostgreSQL */
/*
 * store.h - an open repository as named, sealed objects: init and open, small
 * objects, the index of what lies where, packs read and written.
 *
 * Everything above (dedup, flow, maint) talks to the repository through this.
 * Calls are thread-safe unless they say otherwise.
 */
#ifndef SNAP_STORE_H
#define SNAP_STORE_H

#include "format.h"
#include "keys.h"
#include "report.h"
#include "transport.h"

struct store {
	struct transport *t; /* borrowed */
	struct keys *keys;
	struct config config;
	int64_t config_ns; /* its store time, where times are of visibility */
	uint8_t repo_id[ID_LEN];
	uint8_t fingerprint[32]; /* of the config that was verified */
	uint8_t slot_id[ID_LEN]; /* that opened it; zeros: a key file did */
	struct report *report;
	char *cache_dir;              /* <cache>/<repo id hex>, or NULL */
	size_t n_threads, n_requests; /* requests at once: 1 on a disk */
	size_t n_readers; /* threads that assemble_read() at once; 0 = 1 */
	int zstd_level;
	struct blockindex *index;  /* see blockindex.h; filled by store_look */
	int64_t l0;                /* store time of the newest look, ns */
	struct store_state *state; /* locks, pools, caches */
	const struct store_watch *watch; /* see watch.h; NULL: nobody */
};

struct store_opts {
	struct span passphrase;
	bool is_recovery_code;
	const char *not_slot; /* first digits of slots that are not tried */
	struct span key_file; /* its bytes: instead of a passphrase */
	const char *cache_dir;
	uint64_t cache_limit; /* bytes on disk; 0 = 2 GiB */
	size_t n_threads;
	int zstd_level;
	bool for_reading, for_listing; /* see repo_opts */
	struct report *report;
};
struct slot_cost;

/* As repo_init and repo_open in repo.h. */
SNAP_MUST_CHECK enum snap_code store_init(struct transport *t,
    const struct config *params, const struct slot_cost *cost,
    struct span passphrase, char recovery_out[128], uint8_t id_out[ID_LEN],
    struct snap_err *err);
SNAP_MUST_CHECK enum snap_code store_open(struct transport *t,
    const struct store_opts *o, struct store **out, struct snap_err *err);
void store_close(struct store *s);

/* ---- small sealed objects (index, snapshots, condemned, notes) */
/* Put `body` as object `id` of `kind` under its name, signed when asked. */
SNAP_MUST_CHECK enum snap_code store_put_body(struct store *s, uint8_t kind,
    const uint8_t id[ID_LEN], struct span body, bool sign,
    struct transport_stat *st, struct snap_err *err);
/* An index segment under a fresh id, as store_put_body(). */
SNAP_MUST_CHECK enum snap_code store_put_segment(struct store *s,
    const struct index_segment *seg, bool sign, struct transport_stat *st,
    struct snap_err *err);
/* Is it there now?  A listing is of no one moment: of two objects it may have
 * the later one alone. */
SNAP_MUST_CHECK enum snap_code store_find(struct store *s, uint8_t kind,
    const uint8_t id[ID_LEN], struct transport_stat *st, bool *there,
    struct snap_err *err);
struct store_body {
	struct bytes plain; /* owns; fini with store_body_fini */
	struct body body;   /* views into plain */
	bool trusted;       /* signature made by maintenance or known host */
	uint32_t epoch;     /* under whose keys it is */
	const struct host_record *host; /* that signed it, borrowed, or NULL */
};
SNAP_MUST_CHECK enum snap_code store_get_body(struct store *s, uint8_t kind,
    const uint8_t id[ID_LEN], struct store_body *out, struct snap_err *err);
/* Of an object that was read already.  Checks kind, id and repository;
 * messages name the object. */
SNAP_MUST_CHECK enum snap_code store_open_body(struct store *s, uint8_t kind,
    const uint8_t id[ID_LEN], struct span raw, struct store_body *out,
    struct snap_err *err);
void store_body_fini(struct store_body *b);
/* From maintenance: signed by it, not merely by a known host. */
bool store_body_is_maintenance(const struct store_body *b);
/* ... of no epoch before the newest: the word by which somebody deletes,
 * forgets, or believes where copies come from.  Else who stole a maintenance
 * key could still have his way after a rotation. */
bool store_body_is_current(struct store *s, const struct store_body *b);
/* Has an owner admitted any?  Without, nobody can have been revoked. */
bool store_has_hosts(const struct store *s);
/* Is the object `raw` what keys/<id> may hold, and is it whole?  A slot as far
 * as can be told without its secret. */
SNAP_MUST_CHECK enum snap_code store_check_key(struct store *s,
    const uint8_t id[ID_LEN], struct span raw, struct snap_err *err);
/* The contents of a pack as the pack itself has them (an encoded
 * pack_contents in out->body.body); `size`: as listed.  Three ranged reads. */
SNAP_MUST_CHECK enum snap_code store_get_contents(struct store *s, uint8_t kind,
    const uint8_t id[ID_LEN], uint64_t size, struct store_body *out,
    struct snap_err *err);
/* The store's name of an object: "data/ab/ab12...". */
void store_name(
    uint8_t kind, const uint8_t id[ID_LEN], char out[TRANSPORT_NAME_MAX + 1]);
/* The reverse; false for names that are none of ours. */
SNAP_MUST_CHECK bool store_name_parse(
    const char *name, uint8_t *kind, uint8_t id[ID_LEN]);

/*
 * The store time of an object that rests on a look at `l0`.  On a file system,
 * whose times do not survive a copy of the repository, it is l0, which the
 * object itself says: then the copy keeps its order and its snapshots; so too
 * elsewhere when l0 is before the config, which came with a copy then.
 * Otherwise, and at the latest, it is what was listed.
 */
int64_t store_time(const struct store *s, int64_t l0, int64_t listed);
/* Did it appear too late after that look, so that no reader trusts it? */
bool store_is_void(const struct store *s, int64_t l0, int64_t listed);

/* ---- looking: condemned/, index/, packs (DESIGN 5, writer step 1) */
/* Read condemned/ (l0 before it), load all index segments (through the
 * cache), list packs; what was known stays.  Not concurrent with itself. */
SNAP_MUST_CHECK enum snap_code store_look(
    struct store *s, struct snap_err *err);
/* A condemned list that the newest look could not read may have condemned what
 * a writer would refer to: it must not write then.  Readers need not care. */
SNAP_MUST_CHECK enum snap_code store_may_write(
    struct store *s, struct snap_err *err);
/* The epoch that objects are under but no record under keys/ begins, or 0. */
uint32_t store_lost_epoch(const struct store *s);

/* ---- finding and reading */
struct copy { /* where one copy of a block or meta object lies */
	uint8_t pack[ID_LEN];
	uint8_t pack_kind;
	uint32_t pack_size;
	uint32_t off, sealed_len, plain_len, n_chunks;
	uint8_t class, codec, flags;
	uint32_t epoch;                    /* of the key it is sealed under */
	bool condemned;                    /* its pack is, in the newest look */
	int64_t time;                      /* its pack's, as listed */
	struct span bitmap;                /* borrowed from the index */
	const struct session_row *session; /* borrowed; NULL for meta */
};
/* Up to `max` copies of (class, id), good ones first, among them the oldest;
 * returns the number. */
size_t store_copies(struct store *s, uint8_t class, const uint8_t id[ID_LEN],
    struct copy *out, size_t max);
/* The same, from the one after `last` on (NULL: from the first).  Anybody who
 * can back up can add copies, so who looks for a good one asks until 0. */
size_t store_copies_after(struct store *s, uint8_t class,
    const uint8_t id[ID_LEN], const struct copy *last, struct copy *out,
    size_t max);
/* The chunks of a block that a writer may refer to: all, or those in a bitmap
 * of n bits. */
struct usable {
	bool whole;
	uint32_t n;
	uint8_t bitmap[BLOCK_CHUNKS_MAX / 8];
};
static inline bool
usable_has(const struct usable *u, uint32_t chunk)
{
	return u->whole ||
	       (chunk < u->n && (u->bitmap[chunk / 8] >> chunk % 8 & 1) != 0);
}
/* Is the pack on a list of what prune, or a repair, wants to go? */
bool store_is_condemned(
    struct store *s, uint8_t kind, const uint8_t pack[ID_LEN]);
/* True when some good copy exists (indexed, listed, not condemned, full). */
bool store_has(struct store *s, uint8_t class, const uint8_t id[ID_LEN]);

/* Plaintext of (class, id), decrypted, decompressed, and its id recomputed:
 * blocks by chunk hashes, meta by content.  Tries all copies; meta
 * objects come from the local cache and fill it.  SNAP_NOTFOUND, SNAP_CORRUPT,
 * SNAP_DENIED (no data key). */
SNAP_MUST_CHECK enum snap_code store_read(struct store *s, uint8_t class,
    const uint8_t id[ID_LEN], struct bytes *plain, struct snap_err *err);
/* As store_read for one given copy; nothing cached (check, repair). */
SNAP_MUST_CHECK enum snap_code store_read_copy(struct store *s,
    const struct copy *c, const uint8_t id[ID_LEN], struct bytes *plain,
    struct snap_err *err);
/* What a pack's own row says of a frame, for these; `session` is the row's, of
 * data only. */
void store_copy_of_row(const uint8_t pack[ID_LEN], uint8_t pack_kind,
    const struct pack_row *row, const struct session_row *session,
    struct copy *c);
/* As store_read_copy, of the sealed frame that the caller holds already. */
SNAP_MUST_CHECK enum snap_code store_open_copy(struct store *s,
    const struct copy *c, const uint8_t id[ID_LEN], struct span sealed,
    struct bytes *plain, struct snap_err *err);
/* Hooks of the blocks that the index names become findable: all up to now;
 * the block that probably has one, the newest if several. */
void store_hooks_sort(struct store *s);
bool store_hook(struct store *s, uint64_t hook, uint8_t block_id[ID_LEN]);

#endif
