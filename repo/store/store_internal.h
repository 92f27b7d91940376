/* SPDX-License-Identifier: PostgreSQL */
/*
 * store_internal.h - what the files of repo/store share and nobody else sees.
 *
 * Locks, in the order they are taken: a run's look lock, a run's lock, the
 * cache's, the index's, the state's.  None is held over a request but the
 * look lock and the cache's.
 */
#ifndef SNAP_STORE_INTERNAL_H
#define SNAP_STORE_INTERNAL_H

#include <pthread.h>

#include "keyfile.h"
#include "readblock.h"
#include "seal.h"
#include "store.h"

#define SESSIONS_KEPT 128
#define WARNED_KEPT 256

struct host_record {
	uint32_t epoch; /* whose maintenance key signed it */
	uint8_t id[ID_LEN], pk[32];
	char name[KEYFILE_NAME_MAX + 1];
};
struct open_session {
	uint8_t sealed[SEALED_KEY_BYTES];
	uint8_t key[KEY_BYTES];
};
struct cache;
struct ctx_pool; /* zstd contexts at rest */
struct scratch;  /* buffers at rest */

struct store_state {
	pthread_mutex_t lock; /* of what follows */
	struct ctx_pool *contexts;
	struct scratch *scratch;
	struct open_session *sessions; /* locked memory, a ring */
	size_t n_sessions, next_session;
	struct host_record *hosts; /* fixed after open */
	size_t n_hosts;
	struct cache *cache;
	struct ahead *ahead; /* see lists.h; NULL: nothing is asked ahead */
	int64_t look_boot;   /* local time of the newest look; 0 = none */
	uint32_t epoch_seen; /* the newest of an index or condemned list */
	int64_t epoch_ns;    /* see store_epoch_time() */
	uint32_t lost_epoch; /* see store_lost_epoch() */
	/* The newest look could not read a condemned list, and why. */
	bool unread;
	struct snap_err why_unread;
	bool retired; /* a condemned list went after it was listed */
	uint64_t warned[WARNED_KEPT]; /* hashes of lines, a ring */
	size_t n_warned;
};

/* ---- object.c: whole objects as bytes */
SNAP_MUST_CHECK enum snap_code object_build(struct store *s, uint8_t kind,
    const uint8_t id[ID_LEN], struct span body, bool sign, struct bytes *raw,
    struct snap_err *err);
void store_header(const struct store *s, uint8_t kind, const uint8_t id[ID_LEN],
    uint8_t out[HEADER_LEN]);

/* Append `body` and this writer's signature, wrapped. */
SNAP_MUST_CHECK enum snap_code body_sign(struct store *s, struct span header,
    struct span body, struct bytes *plain, struct snap_err *err);

/* ---- packwriter.c: what all packs have */
#define PACK_ALIGN 16u /* frames begin at multiples of it */
void pack_noise(struct bytes *obj, size_t n);
void session_to_row(const struct session *s, struct session_row *row);
/* To header and frames: sealed contents and trailer; `pad`: random filler up
 * to a Padme size. */
SNAP_MUST_CHECK enum snap_code pack_seal(struct store *s, struct bytes *obj,
    struct span contents, bool sign, bool pad, struct snap_err *err);
/* Its checksum and contents, as a reader would. */
SNAP_MUST_CHECK enum snap_code pack_read_back(struct store *s, struct span obj,
    struct span contents, struct snap_err *err);

/* ---- look.c */
/* As store_look(), of condemned/ alone; l0: a store time heard before. */
SNAP_MUST_CHECK enum snap_code store_look_condemned(
    struct store *s, int64_t l0, struct snap_err *err);

/* ---- unlock.c */
SNAP_MUST_CHECK enum snap_code store_unlock(
    struct store *s, const struct store_opts *o, struct snap_err *err);

/* ---- compress.c */
SNAP_MUST_CHECK enum snap_code ctx_pool_new(
    struct ctx_pool **out, struct snap_err *err);
void ctx_pool_free(struct ctx_pool *p);
/* What is sealed of `plain`: itself or shorter.  Into *out, which is empty. */
SNAP_MUST_CHECK enum snap_code frame_compress(struct store *s,
    struct span plain, struct bytes *out, uint8_t *codec, struct snap_err *err);
/* Appends exactly plain_len bytes. */
SNAP_MUST_CHECK enum snap_code frame_decompress(struct store *s, struct span in,
    uint32_t plain_len, struct bytes *plain, struct snap_err *err);

/* ---- scratch.c */
SNAP_MUST_CHECK enum snap_code scratch_new(
    struct scratch **out, struct snap_err *err);
void scratch_free(struct scratch *p);
/* An empty buffer, instead of bytes_init(): with room for `want` bytes unless
 * memory is short. */
void scratch_take(struct store *s, size_t want, size_t max, struct bytes *out);
/* Instead of bytes_fini(), for any buffer. */
void scratch_give(struct store *s, struct bytes *b);

/* ---- frame.c: one frame as bytes */
struct frame_place {
	uint8_t class, codec;
	const uint8_t *id;
	uint32_t epoch, plain_len;
	struct span bitmap;
};
SNAP_MUST_CHECK enum snap_code frame_seal(struct store *s, const uint8_t *key,
    const struct frame_place *f, struct span in, struct bytes *out,
    struct snap_err *err);
/* Decrypt and decompress; appends exactly plain_len bytes. */
SNAP_MUST_CHECK enum snap_code frame_open(struct store *s, const uint8_t *key,
    const struct frame_place *f, struct span sealed, struct bytes *plain,
    struct snap_err *err);
/* The key of a data frame's session, from the ring or opened. */
SNAP_MUST_CHECK enum snap_code session_key(struct store *s,
    const struct session_row *row, uint8_t key[KEY_BYTES],
    struct snap_err *err);

/* ---- read.c, readblock.c: one copy */
/* Its plaintext, authenticated and not verified; out of `part` (may be NULL)
 * when it lies there. */
SNAP_MUST_CHECK enum snap_code copy_get(struct store *s, const struct copy *c,
    const uint8_t id[ID_LEN], const struct pack_part *part, struct bytes *plain,
    struct snap_err *err);
/* A failure of this copy: another one may still be good. */
bool copy_is_bad(enum snap_code rc);
/* Put into an error which copy of what it is about; returns its code. */
enum snap_code copy_name(
    const struct copy *c, const uint8_t id[ID_LEN], struct snap_err *err);
/* Decode a block, hash its chunks, hold them against the id.  *out points
 * into `plain`. */
SNAP_MUST_CHECK enum snap_code block_verify(struct store *s,
    const struct copy *c, const uint8_t id[ID_LEN], struct span plain,
    struct read_block *out, struct snap_err *err);
/* There is no copy: SNAP_CORRUPT, with the pack that ought to have one, or
 * SNAP_NOTFOUND. */
enum snap_code store_lost(struct store *s, uint8_t class,
    const uint8_t id[ID_LEN], struct snap_err *err);

/* ---- cache.c */
enum cache_kind { CACHE_INDEX, CACHE_META, CACHE_SNAPSHOT, CACHE_OK };
#define CACHE_KINDS 4
SNAP_MUST_CHECK enum snap_code cache_new(
    const char *dir, uint64_t limit, struct cache **out, struct snap_err *err);
void cache_free(struct cache *c);
/* Whole object; false when it is not there. */
bool cache_get(struct cache *c, enum cache_kind kind, const uint8_t id[ID_LEN],
    size_t max, struct bytes *out);
/* A range of an object of `size` bytes. */
bool cache_get_range(struct cache *c, const uint8_t pack[ID_LEN], uint32_t size,
    uint32_t off, size_t len, struct bytes *out);
/* Never fails: a cache that cannot be written is only slow. */
void cache_put(struct cache *c, enum cache_kind kind, const uint8_t id[ID_LEN],
    struct span raw);
/* Forget files for which keep() says no. */
void cache_prune(struct cache *c, enum cache_kind kind,
    bool (*keep)(void *arg, const uint8_t *id), void *arg);
/* One fetch of a pack at a time, so that threads do not fetch it twice. */
void cache_lock(struct cache *c);
void cache_unlock(struct cache *c);

#endif
