/* SPDX-License-Identifier: PostgreSQL */
/* oracle_inside.h - what the oracle remembers. */
#ifndef SNAP_TEST_ORACLE_INSIDE_H
#define SNAP_TEST_ORACLE_INSIDE_H

#include "oracle.h"

#define NOTHING UINT32_MAX

struct orow {
	uint32_t thing;
	uint64_t bits;
	bool good;    /* true */
	bool is_made; /* by prune or a repair, of a copy in `origin` */
	uint8_t origin[ID_LEN];
	uint32_t off, len; /* of its frame */
};
struct opack {
	uint8_t id[ID_LEN], kind;
	uint32_t size;
	bool exists, damaged;
	int64_t landed;
	struct orow *rows;
	size_t n_rows;
};
struct onamed {
	uint8_t id[ID_LEN];
	uint32_t size;
};
struct osegment {
	uint8_t id[ID_LEN];
	bool exists, is_void;
	int64_t l0;
	struct onamed *packs;
	size_t n_packs;
};
struct osnapshot {
	uint8_t id[ID_LEN], root[ID_LEN];
	bool exists, has_ok;
	bool wanted;   /* acknowledged, and nobody has begun to forget it */
	bool is_noted; /* in a forget record */
	bool is_acknowledged;
	bool was_taken; /* one half was deleted, if only for a while */
	bool is_walked;
	int64_t l0, ok_l0, landed, ok_landed;
	struct ref *refs;
	size_t n_refs;
};
struct olist {
	uint8_t id[ID_LEN];
	bool exists, has_ok, is_signed, ok_signed, is_void, ok_void;
	int64_t ok_landed;
	uint8_t (*packs)[ID_LEN];
	size_t n_packs;
};
struct oname {
	char name[128];
	uint8_t sum[32];
};
struct osalt {
	uint8_t salt[16], id[ID_LEN], sum[32];
};
struct osight {
	const struct actor *by;
	uint32_t thing;
	uint64_t true_bits;
};

struct oracle {
	struct store *s;
	char breach[256];
	bool dirty, stolen, damaged;
	bool believed; /* somebody took a lie for the truth */
	struct thing *things;
	struct opack *packs;
	struct osegment *segments;
	struct osnapshot *snapshots;
	struct olist *lists;
	struct oname *names;
	struct osalt *salts;
	struct osight *sights;
	size_t n_things, n_packs, n_segments, n_snapshots, n_lists, n_names;
	size_t n_salts, n_sights;
};
extern struct oracle oracle;

void breach(const char *fmt, ...) SNAP_PRINTF(1, 2);
void *more(void **v, size_t *n, size_t size);
#define MORE(v, n) more((void **)&(v), &(n), sizeof *(v))

uint32_t find_thing(uint8_t class, const uint8_t *id);
struct opack *find_pack(const uint8_t *id);
struct osnapshot *find_snapshot(const uint8_t *id); /* made when new */
struct olist *find_list(const uint8_t *id);         /* made when new */
/* Since when it is confirmed, by the time that the store lists. */
int64_t list_age(const struct olist *l);
/* Nothing that a root needed at l0 may be in it, and nowhere else. */
void check_list(const struct olist *l, int64_t l0);
bool is_named(const struct opack *p);
/* Of the snapshot nobody asks for what only damaged frames had (damage.c). */
void excuse(struct osnapshot *s);
bool will_last(uint32_t thing); /* some of it, undamaged */
/* By damage. */
bool lacks_something(const struct osnapshot *s);
/* Something of it was damaged, here or in a pack that has it too, and is whole
 * nowhere else. */
bool may_stay(const struct opack *p);
/* What a snapshot needs, by its manifest. */
void walk_snapshot(struct osnapshot *s);
/* Once more, when meta objects were lost: what it needs is less now. */
void walk_again(struct osnapshot *s);

#endif
