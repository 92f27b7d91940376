/* SPDX-License-Identifier: PostgreSQL */
/*
 * view.h - what one run of prune sees, and what it derives from it.
 *
 * Everything is of one thread and of one derivation, whose l0 is the store's
 * time before its first listing.
 */
#ifndef SNAP_PRUNE_VIEW_H
#define SNAP_PRUNE_VIEW_H

#include "bitfile.h"
#include "format.h"
#include "notes.h"
#include "store.h"

#define SECOND_NS INT64_C(1000000000)
#define NOWHERE UINT32_MAX

/* ---- view.c: which packs hold what */
struct view_copy { /* 36 bytes, for there are millions */
	uint8_t id[ID_LEN];
	uint32_t pack;     /* its place in view.packs */
	uint32_t n_chunks; /* 0: a meta object, whole or not at all */
	uint32_t sealed_len;
	uint32_t extra; /* NOWHERE: a full copy that no other made */
	uint32_t live;  /* of the first copy: see bitfile.h */
	uint8_t class;
	bool walked; /* of the first copy: meta, read already */
};
struct view_extra {
	uint32_t bits; /* bitfile: chunks of a sparse copy; BITS_ALL */
	uint8_t origin[ID_LEN];
	int64_t origin_time;
	bool has_origin; /* and prune signed it, under the newest epoch */
};
struct view_pack {
	uint8_t id[ID_LEN], run[ID_LEN];
	uint8_t kind;
	uint8_t print[ID_LEN]; /* of its own contents, where they were read */
	bool named;            /* a valid segment names it, as it is listed */
	bool read;             /* its copies are in the view */
	bool condemned;        /* in a list that counts */
	bool aged; /* ... that was confirmed a grace ago: goes now */
	/* Its own contents, or the segment that may name it; prune signed
	 * them, under the newest epoch. */
	bool unreadable, trusted;
	uint32_t size;
	int64_t time;
	int64_t oldest; /* that, or when the first came of what it has copies */
	/* Of its frames: all; those of which it is a head for something live;
	 * and of these only what is live. */
	uint64_t bytes, whole_bytes, need_bytes;
	uint32_t n_need; /* live chunks and meta of which it is a head */
};
struct view_segment {
	uint8_t id[ID_LEN], run[ID_LEN];
	int64_t time;
	uint64_t size;
	uint32_t n_packs, n_listed; /* named; and listed, as named */
	uint32_t *packs;            /* those, by place; owned */
	bool is_void, damaged, trusted;
	bool is_old; /* not trusted: signed under an epoch that is over */
	bool stale;  /* names what is gone, or is to go now */
};
struct view_list { /* a condemned list */
	uint8_t id[ID_LEN];
	int64_t time, ok_time; /* ok_time < 0: not confirmed */
	bool is_void, ok_void;
	uint32_t n;
	uint8_t (*packs)[ID_LEN]; /* owned */
};
struct view {
	struct store *s;
	int64_t l0;
	struct view_copy *copies; /* sorted by class and id */
	struct view_extra *extras;
	struct view_pack *packs; /* sorted by kind and id */
	struct view_segment *segments;
	struct view_list *lists;
	size_t n_copies, copies_cap, n_extras, extras_cap;
	size_t n_packs, packs_cap, n_segments, segments_cap;
	size_t n_lists, lists_cap;
	uint8_t (*missing)[ID_LEN]; /* packs named, and not listed so */
	size_t n_missing, missing_cap;
	int64_t newest; /* time of a pack or segment that was listed */
	struct bitfile bits;
};
/* Lists condemned/ now; the rest, behind the roots: view_load(), which takes
 * for aged what was confirmed `grace` ns ago. */
SNAP_MUST_CHECK enum snap_code view_begin(
    struct view *v, struct store *s, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code view_load(
    struct view *v, int64_t grace, struct snap_err *err);
void view_fini(struct view *v);
/* Marks the packs that are in valid lists: for view_load(). */
void view_mark_condemned(struct view *v, int64_t grace);
/* By which the contents of a pack are told from others. */
void view_print(struct span contents, uint8_t print[ID_LEN]);
/* The first copy of it, and their number; NULL: there is none. */
struct view_copy *view_find(
    struct view *v, uint8_t class, const uint8_t id[ID_LEN], size_t *n);
struct view_pack *view_pack(
    const struct view *v, uint8_t kind, const uint8_t id[ID_LEN]);

/* ---- roots.c: what keeps things alive */
enum root_state {
	ROOT_STANDS, /* an acknowledged snapshot */
	ROOT_YOUNG,  /* a snapshot whose run may be about to confirm it */
	ROOT_BROKEN, /* was meant to stand, and cannot be read */
	ROOT_FORGOTTEN,
	ROOT_KEPT,   /* forgotten, and the store does not let it go */
	ROOT_GARBAGE /* never became a snapshot */
};
struct root {
	uint8_t id[ID_LEN], manifest[ID_LEN];
	uint8_t signer[ID_LEN], ok_signer[ID_LEN];
	enum root_state state;
	bool has_snapshot, has_ok;
	bool untrusted; /* of a host after its key was revoked */
	uint64_t snapshot_size, ok_size;
	int64_t snapshot_time, ok_time; /* as listed */
	bool not_held;  /* ... for want of a key that an owner has */
	char why[128];                  /* it is broken */
};
struct roots {
	struct root *v; /* sorted by id */
	size_t n, cap;
	const struct notes *notes;
	/* Of what is broken nobody knows what it needs, so all packs stay that
	 * were there when it came, and copies that prune made of them since;
	 * < 0: nothing is broken. */
	int64_t broken_time;
	size_t n_broken; /* but for those that are forgotten, and kept */
	bool lacks;      /* one of all these */
};
SNAP_MUST_CHECK enum snap_code roots_load(struct roots *r, struct store *s,
    const struct notes *notes, int64_t l0, int64_t grace, struct snap_err *err);
void roots_fini(struct roots *r);
/* A forgotten one whose confirmation the store keeps: it stands for every
 * reader, and lives as others do. */
SNAP_MUST_CHECK enum snap_code roots_keep(
    struct roots *r, struct root *root, struct store *s, struct snap_err *err);
/* It cannot be read whole; roots_tell() says so. */
void roots_break(struct roots *r, struct root *root, const char *why);
void roots_tell(const struct roots *r, struct store *s);

/* ---- live.c: from the roots down to chunks, and who has them */
/* Marks all that roots need; what lacks something is broken then. */
SNAP_MUST_CHECK enum snap_code live_mark(
    struct view *v, struct roots *r, struct snap_err *err);
/* Of which copies live chunks depend: view_pack's need_bytes and so on. */
SNAP_MUST_CHECK enum snap_code live_heads(struct view *v, struct snap_err *err);
/* The live chunks of the block or meta object that the n copies from `first`
 * on are of, for which copy `which` is a head: (chunks + 7) / 8 bytes, and
 * their number. */
SNAP_MUST_CHECK enum snap_code live_need(struct view *v,
    const struct view_copy *first, size_t n, size_t which,
    uint8_t bitmap[BLOCK_CHUNKS_MAX / 8], uint32_t *count,
    struct snap_err *err);

#endif
