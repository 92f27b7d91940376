/* SPDX-License-Identifier: PostgreSQL */
/*
 * repo.h - the only door to stored data.
 *
 * Every byte that leaves is sealed, every byte that enters is verified before
 * it is used.  A snapshot exists only after repo_backup_commit(): until its
 * last put nothing that an old reader sees has changed.
 */
#ifndef SNAP_REPO_H
#define SNAP_REPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"
#include "report.h"
#include "sink.h"

#define REPO_ID_LEN 16

struct transport;
struct repo;

struct repo_params {           /* fixed at init; 0 = the default */
	uint32_t chunk_mean;   /* 512 bytes; power of two, 256..16384 */
	uint32_t block_size;   /* 1 MiB of chunks */
	uint32_t pack_size;    /* 16 MiB */
	uint32_t grace_s;      /* 72 h; at least 1 h */
	uint32_t slice_blocks; /* 32768 heap blocks */
	uint32_t kdf_mem_kib;  /* Argon2id memory of slots; 64 MiB */
};

struct repo_opts {
	struct span passphrase; /* or a recovery code's text */
	bool is_recovery_code;
	const char *not_slot;  /* first digits of slots not to open it with */
	struct span key_file;  /* the bytes of one: instead of a passphrase */
	const char *cache_dir; /* NULL = no cache on disk */
	uint64_t cache_limit;  /* bytes of it per repository; 0 = 2 GiB */
	size_t n_threads;      /* compression and prefetch; 0 = one per CPU */
	int zstd_level;        /* 0 = of 1 to 3 what suits the data */
	bool for_reading;      /* no backup will be begun: less memory */
	bool for_listing;      /* of snapshots, nothing more: fewer requests */
	struct report *report;
};

/*
 * Make a repository in the empty store `t`: config, a passphrase slot, a
 * recovery slot.  recovery_out (128 bytes) gets the code, shown once.
 * Errors: SNAP_EXISTS (there is one already, or half of one: the hint says
 * what to do), SNAP_USAGE (parameters, empty passphrase).
 */
SNAP_MUST_CHECK enum snap_code repo_init(struct transport *t,
    const struct repo_params *params, const struct repo_opts *opts,
    char recovery_out[128], uint8_t id_out[REPO_ID_LEN], struct snap_err *err);

/*
 * Unlock the repository in `t` (borrowed until repo_close).
 * Errors: SNAP_NOREPO (nothing there, or half initialised),
 * SNAP_WRONG_KEY, SNAP_CORRUPT (named object), SNAP_UNSUPPORTED.
 */
SNAP_MUST_CHECK enum snap_code repo_open(struct transport *t,
    const struct repo_opts *opts, struct repo **out, struct snap_err *err);
void repo_close(struct repo *r);
/* What opened it may do; each may do what those before it may.  A host writes
 * and lists; maintenance also says what goes, which is tags, pins, policies,
 * forgetting and prune; only an owner decrypts rows. */
enum repo_rights { REPO_MAY_WRITE, REPO_MAY_SAY, REPO_MAY_READ };
enum repo_rights repo_rights(const struct repo *r);
/* Are these the bytes of a key file, whole or damaged, and no text? */
bool repo_is_key_file(struct span s);
void repo_id(const struct repo *r, uint8_t out[REPO_ID_LEN]);
void repo_get_params(const struct repo *r, struct repo_params *out);

/* ---- snapshots */
struct repo_property {
	const char *key, *value;
};
/* Keys known to the repository; all others are the caller's.  See
 * docs/format.md, "Snapshot properties". */
#define REPO_PROP_TIME "time" /* start, RFC 3339 UTC */
#define REPO_PROP_HOST "host"
#define REPO_PROP_SYSTEM "system-identifier" /* decimal; absent: no cluster */
#define REPO_PROP_DATABASE "database"
#define REPO_PROP_NAME "name"              /* of a stdin or command stream */
#define REPO_PROP_ORIGIN "origin"          /* of a copy: repository:snapshot */
#define REPO_PROP_TAGS "tags"              /* comma separated */
#define REPO_PROP_SELECTION "selection"    /* there: a part of the database */
#define REPO_PROP_SALVAGED "salvaged-from" /* id of the damaged snapshot */
#define REPO_PROP_LOST "lost" /* names of its streams, one a line */

#define REPO_SIGNER_MAX 272
struct repo_snapshot {
	uint8_t id[REPO_ID_LEN];
	uint8_t root[REPO_ID_LEN]; /* its manifest's; for the repository */
	uint8_t parent[REPO_ID_LEN];
	int64_t time_ns; /* store time of the confirmation */
	bool by_owner;   /* signed by the maintenance key, not by a host */
	/* With whose key: "owner", or a host's name.  Empty: made just now. */
	char signer[REPO_SIGNER_MAX];
	uint8_t host_id[REPO_ID_LEN]; /* of that host, else zeros */
	/* Made by a host after its key was revoked: nobody's latest, parent or
	 * member of a calendar either, and prune takes it when it is a grace
	 * old. */
	bool untrusted;
	uint64_t bytes, new_bytes, stored_bytes, rows, n_streams;
	size_t n_props;
	struct repo_property *props; /* sorted by key */
	bool salvaged; /* what was left of a damaged one: see repo_salvage() */
};
const char *repo_snapshot_prop(const struct repo_snapshot *s, const char *key);
/* The one before `s` of the same source, if another signed that: whoever may
 * back up can back up anything as any database.  Else NULL. */
struct repo_snapshots;
const struct repo_snapshot *repo_snapshot_of_another(
    const struct repo_snapshots *all, const struct repo_snapshot *s);

struct repo_snapshots {
	size_t n;
	struct repo_snapshot *v; /* oldest first by store time */
	/* Salvaged and untrusted ones, likewise: apart, for they are nobody's
	 * latest, parent or member of a calendar. */
	size_t n_salvaged;
	struct repo_snapshot *salvaged;
	size_t n_damaged;   /* unreadable ones, already reported */
	int64_t damaged_ns; /* store time of the newest of them */
	uint8_t damaged_id[REPO_ID_LEN];
};
/* Confirmed snapshots.  A damaged one is logged by name and skipped. */
SNAP_MUST_CHECK enum snap_code repo_snapshots(
    struct repo *r, struct repo_snapshots *out, struct snap_err *err);
void repo_snapshots_free(struct repo_snapshots *s);
/* By unique id prefix (>= 4 digits), also of a salvaged one, "latest" or
 * "latest:DATABASE-OR-NAME"; *out is borrowed from `all`.
 * SNAP_NOTFOUND, SNAP_USAGE (ambiguous), SNAP_CORRUPT (what might be the latest
 * is damaged). */
SNAP_MUST_CHECK enum snap_code repo_snapshot_find(
    const struct repo_snapshots *all, const char *spec,
    const struct repo_snapshot **out, struct snap_err *err);

/* ---- backup */
struct repo_backup;
struct repo_backup_opts {
	size_t n_lanes; /* parallel sinks */
	/* Find the parent by these; NULL = none of that sort. */
	const char *system_identifier, *database, *name;
};
SNAP_MUST_CHECK enum snap_code repo_backup_begin(struct repo *r,
    const struct repo_backup_opts *o, struct repo_backup **out,
    struct snap_err *err);
/* Sink `i` for one thread; borrowed. */
struct sink *repo_backup_lane(struct repo_backup *b, size_t i);
/* Waits for everything, puts recipes, manifest, index, snapshot and its .ok;
 * SNAP_OK only when the snapshot stands.  Ends the backup either way. */
SNAP_MUST_CHECK enum snap_code repo_backup_commit(struct repo_backup *b,
    const struct repo_property *props, size_t n_props,
    struct repo_snapshot *out, struct snap_err *err);
/* What was put is garbage that the next run reuses. */
void repo_backup_abort(struct repo_backup *b);
void repo_snapshot_fini(struct repo_snapshot *s);

/* ---- reading */
struct repo_stream {
	uint8_t kind, cutter;
	uint32_t part;
	struct span name, attr;
	uint64_t bytes, rows, new_bytes;
	uint8_t digest[REPO_ID_LEN];
};
struct repo_manifest {
	size_t n;
	struct repo_stream *v; /* in the order of a restore */
	void *internal;
};
SNAP_MUST_CHECK enum snap_code repo_manifest(struct repo *r,
    const struct repo_snapshot *s, struct repo_manifest **out,
    struct snap_err *err);
void repo_manifest_free(struct repo_manifest *m);
/* Push the chosen streams, in manifest order, whole and verified, into `out`;
 * `choose` NULL = all.  Blocks are fetched ahead by threads.  Nothing of a
 * span leaves before all of the span is verified. */
SNAP_MUST_CHECK enum snap_code repo_read(struct repo *r,
    const struct repo_manifest *m,
    bool (*choose)(void *arg, const struct repo_stream *s), void *arg,
    struct sink *out, struct snap_err *err);
/* From now on up to `n` threads will repo_read() at once: they share between
 * them the memory and the requests of one.  Call it while none does. */
void repo_share_reading(struct repo *r, size_t n);

#endif
