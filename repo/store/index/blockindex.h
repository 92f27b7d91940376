/* SPDX-License-Identifier: PostgreSQL */
/*
 * blockindex.h - in memory: which packs hold a copy of (class, id).
 *
 * Filled by looks: segments are immutable, so each is added once, and a look
 * only says anew which segments and packs are still there.  What a reader
 * gets out are copies of rows; the bitmaps and session rows they point to
 * live as long as the index.  Thread-safe.  Private to repo/store, but for
 * its name in struct store.
 *
 * A pack counts when a valid segment names it and the store lists it with
 * the same size; else it is absent.  Condemned is for ever.
 */
#ifndef SNAP_BLOCKINDEX_H
#define SNAP_BLOCKINDEX_H

#include <pthread.h>

#include "hooklist.h"
#include "idmap.h"
#include "store.h"

/* One copy; 36 bytes, for there are millions. */
struct entry {
	uint8_t id[ID_LEN];
	uint32_t pack; /* IDMAP_NONE: taken back */
	uint32_t off;
	uint32_t sealed_len : 25, class : 3, codec : 1, flags : 2;
	uint32_t has_extra : 1;
	uint32_t plain_len : 25, source_high : 7; /* see entry_source() */
	uint32_t n_chunks : 17, source_low : 15;
};
/* What few entries have. */
struct extra {
	uint32_t entry; /* in rising order */
	uint32_t next;  /* copy of the same id, or IDMAP_NONE */
	struct span bitmap;
	uint8_t origin_pack[ID_LEN];
	int64_t origin_time;
	bool has_origin; /* and prune signed it */
};
struct pack { /* kind and id: whoever may put objects can put both kinds */
	uint8_t id[ID_LEN], kind;
	uint8_t sum[ID_LEN]; /* of contents and size as first named */
	int64_t time;        /* store time, as listed */
	uint32_t size;       /* as named; 0 = not named yet */
	uint32_t listed_size;
	uint32_t named_gen, listed_gen; /* look that last saw it so */
	bool condemned;
};
struct segment { /* or condemned list, of which only the id counts */
	uint8_t id[ID_LEN], kind;
	uint32_t *packs; /* named by it; none when void or damaged */
	uint32_t n_packs;
};
struct arena_page;
struct blockindex {
	pthread_rwlock_t lock;
	struct idmap entry_map, pack_map, segment_map, session_map;
	struct entry *entries;
	struct pack *packs;
	struct segment *segments;
	const struct session_row **sessions;
	struct extra *extras;
	struct hooklist hooks;
	bool lean;          /* without directories and hooks */
	bool has_sparse;    /* and those are judged by their directories */
	uint32_t *disputed; /* numbers of packs */
	size_t n_entries, n_packs, n_segments, n_sessions, n_extras;
	size_t n_disputed;
	size_t entries_cap, packs_cap, segments_cap, sessions_cap, extras_cap;
	size_t disputed_cap;
	uint32_t gen;     /* of the newest finished look */
	uint32_t pending; /* of the one under way, or that failed */
	struct arena_page *arena;
};

SNAP_MUST_CHECK enum snap_code blockindex_new(
    struct blockindex **out, struct snap_err *err);
void blockindex_free(struct blockindex *ix);

/* ---- filling, by looks and runs */
void blockindex_look_begin(struct blockindex *ix);
SNAP_MUST_CHECK enum snap_code blockindex_condemn(struct blockindex *ix,
    uint8_t kind, const uint8_t *pack, struct snap_err *err);
/* A listed segment, or condemned list, that is known already is seen again:
 * true.  Whoever may put objects can give both the same id. */
bool blockindex_seen(struct blockindex *ix, uint8_t kind, const uint8_t *id);
/* seg NULL: damaged or void, remembered so that it is not read again.
 * trusted: signed by maintenance, so its origins count.  own: this process
 * put its packs just now, no listing has to show them first. */
SNAP_MUST_CHECK enum snap_code blockindex_add(struct blockindex *ix,
    const uint8_t *id, const struct index_segment *seg, bool trusted, bool own,
    struct snap_err *err);
/* A condemned list was read. */
SNAP_MUST_CHECK enum snap_code blockindex_add_condemned(
    struct blockindex *ix, const uint8_t *id, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code blockindex_list(struct blockindex *ix,
    uint8_t kind, const uint8_t *pack, const struct transport_stat *st,
    struct snap_err *err);
void blockindex_look_done(struct blockindex *ix);
/* A pack about which segments disagreed; false when there is none left. */
bool blockindex_dispute(struct blockindex *ix, struct pack *out);
/* ... and what the pack itself says. */
SNAP_MUST_CHECK enum snap_code blockindex_settle(struct blockindex *ix,
    const struct index_pack *truth, bool trusted, struct snap_err *err);

/* ---- asking */
/* As store_copies_after(). */
size_t blockindex_copies(struct blockindex *ix, uint8_t class,
    const uint8_t *id, const struct copy *last, struct copy *out, size_t max);
bool blockindex_lost(struct blockindex *ix, uint8_t class, const uint8_t *id,
    uint8_t *pack, uint8_t *kind);
/* The chunks of which every head is good, and the packs (numbers) of these; 0:
 * there is none, or they are in more than `max`. */
size_t blockindex_heads(struct blockindex *ix, uint8_t class, const uint8_t *id,
    uint32_t *packs, size_t max, struct usable *part);
/* Number of a pack, or IDMAP_NONE; and whether it may still be relied on. */
uint32_t blockindex_pack(
    struct blockindex *ix, uint8_t kind, const uint8_t *id);
bool blockindex_pack_good(struct blockindex *ix, uint32_t pack, uint8_t *id);
bool blockindex_is_condemned(
    struct blockindex *ix, uint8_t kind, const uint8_t *id);
bool blockindex_knows_pack(
    struct blockindex *ix, uint8_t kind, const uint8_t *id);
/* Hooks that were added become findable; the block of one. */
void blockindex_hooks_sort(struct blockindex *ix);
bool blockindex_hook(struct blockindex *ix, uint64_t hook, uint8_t *id);

/* Class data: the number of its session; meta: its key epoch, cut to what
 * fits: none so high is ever held. */
#define SOURCE_MAX ((1u << 22) - 1)
static inline uint32_t
entry_source(const struct entry *e)
{
	return (uint32_t)e->source_high << 15 | e->source_low;
}

/* NULL: it has none. */
static inline const struct extra *
entry_extra(const struct blockindex *ix, const struct entry *e)
{
	uint32_t n = (uint32_t)(e - ix->entries);
	size_t from = 0, to = ix->n_extras;

	if (!e->has_extra)
		return NULL;
	while (to - from > 1) {
		size_t mid = from + (to - from) / 2;

		if (ix->extras[mid].entry <= n)
			from = mid;
		else
			to = mid;
	}
	return &ix->extras[from];
}

/* The next copy of the same id, or IDMAP_NONE. */
static inline uint32_t
entry_next(const struct blockindex *ix, const struct entry *e)
{
	const struct extra *x = entry_extra(ix, e);

	return x == NULL ? IDMAP_NONE : x->next;
}

/* Lock held: is the pack there, as named. */
static inline bool
pack_present(const struct blockindex *ix, const struct pack *p)
{
	return p->size != 0 && p->named_gen >= ix->gen &&
	       p->listed_gen >= ix->gen && p->size == p->listed_size;
}

#endif
