/* SPDX-License-Identifier: PostgreSQL */
/*
 * runint.h - inside a run: its packs, its lease, its pins.
 *
 * Private to repo/store.  `lock` guards what is not said otherwise; it is
 * never held over a request.
 */
#ifndef SNAP_RUNINT_H
#define SNAP_RUNINT_H

#include "blockindex.h"
#include "run.h"
#include "store_internal.h"
#include "workers.h"

/* ---- packwriter.c: one pack as it fills */
struct packbuf {
	struct bytes obj;
	uint8_t kind, id[ID_LEN];
	uint32_t epoch;
	struct pack_row *rows;
	struct frame_sum {
		uint64_t lo, hi;
	} * sums; /* of each plaintext */
	size_t n, rows_cap, sums_cap;
	struct bytes contents; /* encoded, when finished */
};
/* An empty pack; `spare` (its memory is used, and it becomes empty) may be. */
SNAP_MUST_CHECK enum snap_code packbuf_new(struct store *s, uint8_t kind,
    struct bytes *spare, struct packbuf **out, struct snap_err *err);
void packbuf_free(struct packbuf *p);
SNAP_MUST_CHECK enum snap_code packbuf_add(struct packbuf *p,
    const struct frame_in *f, uint8_t codec, struct span sealed,
    struct snap_err *err);
/* Are this run's packs and segments signed? */
bool run_signs(const struct store *s);
/* Contents and trailer; `pad`: random filler up to a Padme size. */
SNAP_MUST_CHECK enum snap_code packbuf_finish(struct store *s,
    struct packbuf *p, const struct session *session,
    const uint8_t run_id[ID_LEN], bool pad, struct snap_err *err);
/* Decode all of it again and compare. */
SNAP_MUST_CHECK enum snap_code packbuf_check(struct store *s,
    const struct packbuf *p, const struct session *session,
    struct snap_err *err);

/* ---- the run */
#define HEADS_MAX 4096 /* of one block: see heads.c */
#define PACKS_MAX 6    /* in memory: data and meta fill, the others are put */
struct done_pack {     /* put, not yet named by a segment */
	uint8_t id[ID_LEN], kind;
	uint32_t size;
	struct bytes contents;
};
struct heard { /* a store time, and what clocks said before it was asked */
	int64_t store, boot, real;
};
struct run {
	struct store *s;
	uint8_t id[ID_LEN];
	struct session *session; /* locked memory */
	struct workers *uploaders;
	pthread_mutex_t look_lock, lock;
	struct packbuf *open[2];       /* data, meta */
	struct bytes spare[PACKS_MAX]; /* memory of packs that were put */
	unsigned n_packs, n_uploaders; /* that fill or are being put; threads */
	pthread_cond_t pack_gone;
	struct idset known; /* stored by this run */
	bool ending;        /* no more packs but the last */
	bool naming; /* a segment is being made for packs that are full */
	struct done_pack *done;
	size_t n_done, done_cap;
	uint8_t *pins; /* bit per pack number of the index */
	size_t pins_len;
	uint32_t heads[HEADS_MAX]; /* of the block that is being judged */
	/* the lease: see lease.c */
	int64_t l0, boot0, real0; /* of the newest clean look */
	int64_t store_now;        /* the latest store time heard */
	int64_t asked_boot;       /* when it was last asked for */
	int64_t segment_time;     /* estimate at the newest segment */
	struct heard heard;       /* of the object put last */
	struct snap_err failed;   /* the first failure, code != SNAP_OK */
	_Atomic uint64_t stored;
};

/* ---- lease.c */
int64_t lease_half(const struct run *r);
/* The store's time now, at the latest that any clock says.  Lock held. */
int64_t lease_now(const struct run *r);
/* Account for a store time in an answer; SNAP_BUSY when beyond the lease. */
SNAP_MUST_CHECK enum snap_code lease_check(
    struct run *r, int64_t l0, int64_t answered, struct snap_err *err);
/* The last look: moves l0 when clean, SNAP_BUSY when not. */
SNAP_MUST_CHECK enum snap_code lease_look(struct run *r, struct snap_err *err);
/* Adopt the store's newest look at begin. */
void lease_begin(struct run *r, int64_t boot, int64_t real);
SNAP_MUST_CHECK enum snap_code run_pin_pack(
    struct run *r, uint32_t number, struct snap_err *err);

/* ---- run.c, commit.c */
/* Remember the first failure; returns err->code. */
enum snap_code run_fail(struct run *r, const struct snap_err *err);
SNAP_MUST_CHECK enum snap_code run_check(struct run *r, struct snap_err *err);
/* Name the packs put so far in a segment; also an empty one: a lease. */
SNAP_MUST_CHECK enum snap_code run_put_segment(
    struct run *r, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code run_flush(struct run *r, struct snap_err *err);

#endif
