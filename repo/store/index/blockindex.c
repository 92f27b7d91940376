/* SPDX-License-Identifier: PostgreSQL */
/*
 * blockindex.c - filling the index of copies.
 *
 * Rows of one id form a list from the newest added to the oldest.  A pack
 * named by several segments is taken from the first; when another one says
 * something else, the pack itself is asked (blockindex_settle).
 */
#include <stdlib.h>
#include <string.h>

#include "blockindex.h"

#define ARENA_PAGE (64u << 10)

/* Of a TiB there are two million. */
_Static_assert(sizeof(struct entry) == 36, "an entry of the index grew");

struct arena_page {
	struct arena_page *next;
	size_t used, size;
	/* bytes follow */
};

static const uint8_t *
id_of_entry(const void *arg, uint32_t v, uint8_t *class)
{
	const struct entry *e = &((const struct blockindex *)arg)->entries[v];

	*class = e->class;
	return e->id;
}

static const uint8_t *
id_of_pack(const void *arg, uint32_t v, uint8_t *class)
{
	const struct pack *p = &((const struct blockindex *)arg)->packs[v];

	*class = p->kind;
	return p->id;
}

static const uint8_t *
id_of_segment(const void *arg, uint32_t v, uint8_t *class)
{
	const struct segment *g =
	    &((const struct blockindex *)arg)->segments[v];

	*class = g->kind;
	return g->id;
}

static const uint8_t *
id_of_session(const void *arg, uint32_t v, uint8_t *class)
{
	(void)class;
	return ((const struct blockindex *)arg)->sessions[v]->id;
}

enum snap_code
blockindex_new(struct blockindex **out, struct snap_err *err)
{
	struct blockindex *ix = calloc(1, sizeof *ix);

	if (ix == NULL || pthread_rwlock_init(&ix->lock, NULL) != 0) {
		free(ix);
		return snap_fail(err, SNAP_NOMEM, "no memory for the index");
	}
	hooklist_init(&ix->hooks);
	idmap_init(&ix->entry_map, id_of_entry, ix);
	idmap_init(&ix->pack_map, id_of_pack, ix);
	idmap_init(&ix->segment_map, id_of_segment, ix);
	idmap_init(&ix->session_map, id_of_session, ix);
	*out = ix;
	return SNAP_OK;
}

void
blockindex_free(struct blockindex *ix)
{
	struct arena_page *a, *next;

	if (ix == NULL)
		return;
	idmap_fini(&ix->entry_map);
	idmap_fini(&ix->pack_map);
	idmap_fini(&ix->segment_map);
	idmap_fini(&ix->session_map);
	for (size_t i = 0; i < ix->n_segments; i++)
		free(ix->segments[i].packs);
	for (a = ix->arena; a != NULL; a = next) {
		next = a->next;
		free(a);
	}
	free(ix->entries);
	free(ix->packs);
	free(ix->segments);
	free(ix->sessions);
	free(ix->extras);
	hooklist_fini(&ix->hooks);
	free(ix->disputed);
	(void)pthread_rwlock_destroy(&ix->lock);
	free(ix);
}

/* Memory that never moves, freed with the index. */
static void *
arena_copy(struct blockindex *ix, const void *p, size_t len)
{
	struct arena_page *a = ix->arena;
	size_t room = (len + 15) & ~(size_t)15;
	uint8_t *to;

	if (a == NULL || a->size - a->used < room) {
		size_t size = room > ARENA_PAGE ? room : ARENA_PAGE;

		a = malloc(sizeof *a + size);
		if (a == NULL)
			return NULL;
		a->next = ix->arena;
		a->used = 0;
		a->size = size;
		ix->arena = a;
	}
	to = (uint8_t *)(a + 1) + a->used;
	a->used += room;
	memcpy(to, p, len);
	return to;
}

static enum snap_code
no_memory(struct snap_err *err)
{
	return snap_fail(err, SNAP_NOMEM, "no memory for the index");
}

/* The number of a pack, made when new. */
static enum snap_code
pack_number(struct blockindex *ix, uint8_t kind, const uint8_t *id,
    uint32_t *out, struct snap_err *err)
{
	void *v = ix->packs;
	enum snap_code rc;

	*out = idmap_find(&ix->pack_map, kind, id);
	if (*out != IDMAP_NONE)
		return SNAP_OK;
	rc = vec_room(&v, &ix->packs_cap, ix->n_packs, sizeof *ix->packs, err);
	ix->packs = v;
	if (rc != SNAP_OK)
		return rc;
	memset(&ix->packs[ix->n_packs], 0, sizeof *ix->packs);
	memcpy(ix->packs[ix->n_packs].id, id, ID_LEN);
	ix->packs[ix->n_packs].kind = kind;
	*out = (uint32_t)ix->n_packs;
	rc = idmap_set(&ix->pack_map, kind, id, *out, err);
	if (rc == SNAP_OK)
		ix->n_packs++;
	return rc;
}

/* A session row is kept once; another one under the same id (a lie) is kept
 * beside it, and found by the rows that came with it. */
static enum snap_code
session_number(struct blockindex *ix, const struct session_row *s,
    uint32_t *out, struct snap_err *err)
{
	void *v = ix->sessions;
	uint32_t n = idmap_find(&ix->session_map, 0, s->id);
	enum snap_code rc;

	if (n != IDMAP_NONE && ix->sessions[n]->epoch == s->epoch &&
	    memcmp(ix->sessions[n]->host_id, s->host_id, ID_LEN) == 0 &&
	    memcmp(ix->sessions[n]->sealed_key, s->sealed_key,
		sizeof s->sealed_key) == 0) {
		*out = n;
		return SNAP_OK;
	}
	if (ix->n_sessions > SOURCE_MAX)
		return snap_fail(err, SNAP_NOMEM, "too many sessions");
	rc = vec_room(
	    &v, &ix->sessions_cap, ix->n_sessions, sizeof *ix->sessions, err);
	ix->sessions = v;
	if (rc != SNAP_OK)
		return rc;
	ix->sessions[ix->n_sessions] = arena_copy(ix, s, sizeof *s);
	if (ix->sessions[ix->n_sessions] == NULL)
		return no_memory(err);
	*out = (uint32_t)ix->n_sessions;
	if (n == IDMAP_NONE)
		rc = idmap_set(&ix->session_map, 0, s->id, *out, err);
	if (rc == SNAP_OK)
		ix->n_sessions++;
	return rc;
}

/* Of the entry that is added next. */
static enum snap_code
add_extra(struct blockindex *ix, const struct pack_row *r, bool trusted,
    uint32_t next, struct snap_err *err)
{
	struct extra x;
	void *v = ix->extras;
	enum snap_code rc;

	memset(&x, 0, sizeof x);
	x.entry = (uint32_t)ix->n_entries;
	x.next = next;
	if ((r->flags & ROW_SPARSE) != 0) {
		x.bitmap.p = arena_copy(ix, r->bitmap.p, r->bitmap.len);
		x.bitmap.len = r->bitmap.len;
		if (x.bitmap.p == NULL)
			return no_memory(err);
	}
	if ((r->flags & ROW_ORIGIN) != 0 && trusted) {
		memcpy(x.origin_pack, r->origin_pack, ID_LEN);
		x.origin_time = r->origin_time;
		x.has_origin = true;
	}
	rc = vec_room(
	    &v, &ix->extras_cap, ix->n_extras, sizeof *ix->extras, err);
	ix->extras = v;
	if (rc == SNAP_OK)
		ix->extras[ix->n_extras++] = x;
	return rc;
}

static enum snap_code
add_hooks(struct blockindex *ix, const struct pack_row *r, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	if (ix->lean || r->class != CLASS_DATA)
		return SNAP_OK;
	for (unsigned i = 0; i < r->n_hooks && rc == SNAP_OK; i++)
		rc = hooklist_add(
		    &ix->hooks, r->hooks[i], (uint32_t)ix->n_entries, err);
	return rc;
}

static enum snap_code
add_row(struct blockindex *ix, const struct pack_row *r, uint32_t pack,
    const uint32_t *sessions, bool trusted, struct snap_err *err)
{
	uint32_t next, source;
	void *v = ix->entries;
	struct entry e;
	enum snap_code rc;

	if ((r->flags & ROW_SPARSE) != 0)
		ix->has_sparse = true;
	source = r->class == CLASS_DATA ? sessions[r->session] : r->epoch;
	source = source < SOURCE_MAX ? source : SOURCE_MAX;
	next = idmap_find(&ix->entry_map, r->class, r->id);
	memset(&e, 0, sizeof e);
	memcpy(e.id, r->id, ID_LEN);
	e.pack = pack;
	e.off = r->off;
	e.sealed_len = r->sealed_len & 0x1ffffff;
	e.plain_len = r->plain_len & 0x1ffffff;
	e.n_chunks = r->n_chunks & 0x1ffff;
	e.class = (unsigned)r->class & 7u;
	e.codec = (unsigned)r->codec & 1u;
	e.flags = (unsigned)r->flags & 3u;
	e.source_high = source >> 15 & 0x7f;
	e.source_low = source & 0x7fff;
	e.has_extra = r->flags != 0 || next != IDMAP_NONE;
	rc = vec_room(
	    &v, &ix->entries_cap, ix->n_entries, sizeof *ix->entries, err);
	ix->entries = v;
	if (rc == SNAP_OK)
		rc = add_hooks(ix, r, err);
	if (rc == SNAP_OK && e.has_extra)
		rc = add_extra(ix, r, trusted, next, err);
	if (rc != SNAP_OK)
		return rc;
	ix->entries[ix->n_entries] = e;
	rc = idmap_set(
	    &ix->entry_map, e.class, e.id, (uint32_t)ix->n_entries, err);
	if (rc == SNAP_OK)
		ix->n_entries++;
	else if (e.has_extra)
		ix->n_extras--;
	return rc;
}

static enum snap_code
add_contents(struct blockindex *ix, uint32_t pack, struct span contents,
    bool trusted, struct snap_err *err)
{
	struct pack_contents pc;
	uint32_t *sessions;
	enum snap_code rc;

	rc = pack_contents_decode(contents, &pc, err);
	if (rc != SNAP_OK)
		return rc;
	sessions = calloc((size_t)pc.n_sessions + 1, sizeof *sessions);
	if (sessions == NULL)
		rc = no_memory(err);
	for (uint32_t i = 0; i < pc.n_sessions && rc == SNAP_OK; i++)
		rc = session_number(ix, &pc.sessions[i], &sessions[i], err);
	for (uint32_t i = 0; i < pc.n_rows && rc == SNAP_OK; i++)
		if (!ix->lean || pc.rows[i].class != CLASS_DIR)
			rc = add_row(
			    ix, &pc.rows[i], pack, sessions, trusted, err);
	free(sessions);
	pack_contents_fini(&pc);
	return rc;
}

static void
contents_sum(const struct index_pack *p, uint8_t out[ID_LEN])
{
	uint8_t sum[32];

	keys_fingerprint(p->contents, sum);
	for (unsigned i = 0; i < 4; i++)
		sum[i] ^= (uint8_t)(p->size >> 8 * i);
	memcpy(out, sum, ID_LEN);
}

static enum snap_code
dispute(struct blockindex *ix, uint32_t pack, struct snap_err *err)
{
	void *v = ix->disputed;
	enum snap_code rc;

	rc = vec_room(
	    &v, &ix->disputed_cap, ix->n_disputed, sizeof *ix->disputed, err);
	ix->disputed = v;
	if (rc == SNAP_OK)
		ix->disputed[ix->n_disputed++] = pack;
	return rc;
}

static enum snap_code
add_pack(struct blockindex *ix, const struct index_pack *p, bool trusted,
    uint32_t *number, struct snap_err *err)
{
	uint8_t sum[ID_LEN];
	struct pack *pk;
	enum snap_code rc;

	rc = pack_number(ix, p->kind, p->id, number, err);
	if (rc != SNAP_OK)
		return rc;
	pk = &ix->packs[*number];
	contents_sum(p, sum);
	if (pk->named_gen < ix->pending)
		pk->named_gen = ix->pending;
	if (pk->size != 0)
		return memcmp(pk->sum, sum, ID_LEN) == 0
			   ? SNAP_OK
			   : dispute(ix, *number, err);
	rc = add_contents(ix, *number, p->contents, trusted, err);
	if (rc != SNAP_OK)
		return rc;
	pk = &ix->packs[*number];
	memcpy(pk->sum, sum, ID_LEN);
	pk->size = p->size;
	return SNAP_OK;
}

/* A segment that is not known until segment_keep(), so that one that failed
 * half-way is read again. */
static enum snap_code
segment_new(struct blockindex *ix, uint8_t kind, const uint8_t *id,
    uint32_t n_packs, struct segment **out, struct snap_err *err)
{
	void *v = ix->segments;
	struct segment *g;
	enum snap_code rc;

	rc = vec_room(
	    &v, &ix->segments_cap, ix->n_segments, sizeof *ix->segments, err);
	ix->segments = v;
	if (rc != SNAP_OK)
		return rc;
	g = &ix->segments[ix->n_segments];
	memcpy(g->id, id, ID_LEN);
	g->kind = kind;
	g->n_packs = 0;
	g->packs = calloc((size_t)n_packs + 1, sizeof *g->packs);
	if (g->packs == NULL)
		return no_memory(err);
	*out = g;
	return SNAP_OK;
}

static enum snap_code
segment_keep(struct blockindex *ix, struct segment *g, enum snap_code rc,
    struct snap_err *err)
{
	if (rc == SNAP_OK)
		rc = idmap_set(&ix->segment_map, g->kind, g->id,
		    (uint32_t)ix->n_segments, err);
	if (rc == SNAP_OK)
		ix->n_segments++;
	else
		free(g->packs);
	return rc;
}

enum snap_code
blockindex_add(struct blockindex *ix, const uint8_t *id,
    const struct index_segment *seg, bool trusted, bool own,
    struct snap_err *err)
{
	struct segment *g = NULL;
	enum snap_code rc = SNAP_OK;
	uint32_t n;

	(void)pthread_rwlock_wrlock(&ix->lock);
	if (idmap_find(&ix->segment_map, OBJ_INDEX, id) != IDMAP_NONE)
		goto out;
	rc = segment_new(
	    ix, OBJ_INDEX, id, seg == NULL ? 0 : seg->n_packs, &g, err);
	for (uint32_t i = 0; seg != NULL && i < seg->n_packs && rc == SNAP_OK;
	     i++) {
		rc = add_pack(ix, &seg->packs[i], trusted, &n, err);
		if (rc == SNAP_CORRUPT) {
			rc = SNAP_OK; /* that pack's rows only */
			continue;
		}
		if (rc != SNAP_OK)
			break;
		g->packs[g->n_packs++] = n;
		if (own) {
			/* Also through a look that began before the put. */
			ix->packs[n].named_gen = ix->pending + 1;
			ix->packs[n].listed_gen = ix->pending + 1;
			ix->packs[n].listed_size = seg->packs[i].size;
		}
	}
	if (g != NULL)
		rc = segment_keep(ix, g, rc, err);
out:
	(void)pthread_rwlock_unlock(&ix->lock);
	return rc;
}

enum snap_code
blockindex_add_condemned(
    struct blockindex *ix, const uint8_t *id, struct snap_err *err)
{
	struct segment *g = NULL;
	enum snap_code rc = SNAP_OK;

	(void)pthread_rwlock_wrlock(&ix->lock);
	if (idmap_find(&ix->segment_map, OBJ_CONDEMNED, id) == IDMAP_NONE)
		rc = segment_new(ix, OBJ_CONDEMNED, id, 0, &g, err);
	if (g != NULL)
		rc = segment_keep(ix, g, rc, err);
	(void)pthread_rwlock_unlock(&ix->lock);
	return rc;
}

enum snap_code
blockindex_condemn(struct blockindex *ix, uint8_t kind, const uint8_t *pack,
    struct snap_err *err)
{
	enum snap_code rc;
	uint32_t n;

	(void)pthread_rwlock_wrlock(&ix->lock);
	rc = pack_number(ix, kind, pack, &n, err);
	if (rc == SNAP_OK)
		ix->packs[n].condemned = true;
	(void)pthread_rwlock_unlock(&ix->lock);
	return rc;
}

bool
blockindex_seen(struct blockindex *ix, uint8_t kind, const uint8_t *id)
{
	const struct segment *g;
	uint32_t n;

	(void)pthread_rwlock_wrlock(&ix->lock);
	n = idmap_find(&ix->segment_map, kind, id);
	if (n != IDMAP_NONE) {
		g = &ix->segments[n];
		for (uint32_t i = 0; i < g->n_packs; i++)
			if (ix->packs[g->packs[i]].named_gen < ix->pending)
				ix->packs[g->packs[i]].named_gen = ix->pending;
	}
	(void)pthread_rwlock_unlock(&ix->lock);
	return n != IDMAP_NONE;
}

enum snap_code
blockindex_list(struct blockindex *ix, uint8_t kind, const uint8_t *pack,
    const struct transport_stat *st, struct snap_err *err)
{
	enum snap_code rc;
	struct pack *p;
	uint32_t n;

	(void)pthread_rwlock_wrlock(&ix->lock);
	rc = pack_number(ix, kind, pack, &n, err);
	if (rc == SNAP_OK) {
		p = &ix->packs[n];
		if (p->listed_gen < ix->pending)
			p->listed_gen = ix->pending;
		p->listed_size =
		    st->size > UINT32_MAX ? UINT32_MAX : (uint32_t)st->size;
		p->time = st->time_ns;
	}
	(void)pthread_rwlock_unlock(&ix->lock);
	return rc;
}

void
blockindex_look_begin(struct blockindex *ix)
{
	(void)pthread_rwlock_wrlock(&ix->lock);
	ix->pending++;
	(void)pthread_rwlock_unlock(&ix->lock);
}

void
blockindex_look_done(struct blockindex *ix)
{
	(void)pthread_rwlock_wrlock(&ix->lock);
	ix->gen = ix->pending;
	(void)pthread_rwlock_unlock(&ix->lock);
}

bool
blockindex_dispute(struct blockindex *ix, struct pack *out)
{
	bool found = false;
	uint32_t n;

	(void)pthread_rwlock_wrlock(&ix->lock);
	while (ix->n_disputed > 0 && !found) {
		n = ix->disputed[--ix->n_disputed];
		if (ix->packs[n].listed_gen < ix->gen)
			continue;
		*out = ix->packs[n];
		found = true;
	}
	(void)pthread_rwlock_unlock(&ix->lock);
	return found;
}

enum snap_code
blockindex_settle(struct blockindex *ix, const struct index_pack *truth,
    bool trusted, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	uint8_t sum[ID_LEN];
	uint32_t n;

	(void)pthread_rwlock_wrlock(&ix->lock);
	n = idmap_find(&ix->pack_map, truth->kind, truth->id);
	contents_sum(truth, sum);
	if (n == IDMAP_NONE || memcmp(ix->packs[n].sum, sum, ID_LEN) == 0)
		goto out;
	for (size_t i = 0; i < ix->n_entries; i++)
		if (ix->entries[i].pack == n)
			ix->entries[i].pack = IDMAP_NONE;
	ix->packs[n].size = truth->size;
	memcpy(ix->packs[n].sum, sum, ID_LEN);
	rc = add_contents(ix, n, truth->contents, trusted, err);
out:
	(void)pthread_rwlock_unlock(&ix->lock);
	return rc;
}
