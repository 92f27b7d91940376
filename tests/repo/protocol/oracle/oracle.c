/* SPDX-License-Identifier: PostgreSQL */
/* oracle.c - see oracle.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notes.h"
#include "oracle_inside.h"
#include "readblock.h"
#include "wire.h"

struct oracle oracle;
struct oracle_counts oracle_counts;

void
breach(const char *fmt, ...)
{
	va_list ap;

	if (oracle.breach[0] != '\0')
		return;
	va_start(ap, fmt);
	(void)vsnprintf(oracle.breach, sizeof oracle.breach, fmt, ap);
	va_end(ap);
	sim_trace("BREACH %s", oracle.breach);
}

void
oracle_must(bool that, const char *what)
{
	if (!that)
		breach("%s", what);
}

const char *
oracle_breach(void)
{
	return oracle.breach[0] == '\0' ? NULL : oracle.breach;
}

void *
more(void **v, size_t *n, size_t size)
{
	uint8_t *p = realloc(*v, (*n + 1) * size);

	if (p == NULL)
		abort();
	*v = p;
	memset(p + *n * size, 0, size);
	return p + (*n)++ * size;
}

void
chunk_content(uint8_t u, uint8_t out[CHUNK_LEN])
{
	uint64_t x = (u + 1) * UINT64_C(0x9e3779b97f4a7c15);

	for (size_t i = 0; i < CHUNK_LEN; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		out[i] = (uint8_t)(x >> 32);
	}
	out[0] = u;
}

/* ---- finding */

uint32_t
find_thing(uint8_t class, const uint8_t *id)
{
	for (size_t i = 0; i < oracle.n_things; i++)
		if (oracle.things[i].class == class &&
		    memcmp(oracle.things[i].id, id, ID_LEN) == 0)
			return (uint32_t)i;
	return NOTHING;
}

struct opack *
find_pack(const uint8_t *id)
{
	for (size_t i = 0; i < oracle.n_packs; i++)
		if (memcmp(oracle.packs[i].id, id, ID_LEN) == 0)
			return &oracle.packs[i];
	return NULL;
}

static struct osegment *
find_segment(const uint8_t *id)
{
	for (size_t i = 0; i < oracle.n_segments; i++)
		if (memcmp(oracle.segments[i].id, id, ID_LEN) == 0)
			return &oracle.segments[i];
	return NULL;
}

struct osnapshot *
find_snapshot(const uint8_t *id)
{
	struct osnapshot *s;

	for (size_t i = 0; i < oracle.n_snapshots; i++)
		if (memcmp(oracle.snapshots[i].id, id, ID_LEN) == 0)
			return &oracle.snapshots[i];
	s = MORE(oracle.snapshots, oracle.n_snapshots);
	memcpy(s->id, id, ID_LEN);
	return s;
}

struct olist *
find_list(const uint8_t *id)
{
	struct olist *l;

	for (size_t i = 0; i < oracle.n_lists; i++)
		if (memcmp(oracle.lists[i].id, id, ID_LEN) == 0)
			return &oracle.lists[i];
	l = MORE(oracle.lists, oracle.n_lists);
	memcpy(l->id, id, ID_LEN);
	return l;
}

/* ---- what was put */

/* Bytes under a name never change (1): but for the confirmation of a condemned
 * list, which any prune may put, and a late one again when all is over. */
static void
remember_name(const char *name, struct span data)
{
	struct oname *o;
	uint8_t sum[32];

	keys_fingerprint(data, sum);
	for (size_t i = 0; i < oracle.n_names; i++) {
		o = &oracle.names[i];
		if (strcmp(o->name, name) != 0)
			continue;
		if (memcmp(o->sum, sum, sizeof sum) != 0)
			breach("1: %s has other bytes", name);
		return;
	}
	o = MORE(oracle.names, oracle.n_names);
	(void)snprintf(o->name, sizeof o->name, "%s", name);
	memcpy(o->sum, sum, sizeof sum);
}

/* No key seals two bodies (10): key and nonce come from the salt in front, for
 * the same class and id. */
static void
remember_salt(const uint8_t *id, struct span sealed)
{
	struct osalt *o;
	uint8_t sum[32];

	if (sealed.len < sizeof o->salt)
		return;
	keys_fingerprint(sealed, sum);
	for (size_t i = 0; i < oracle.n_salts; i++) {
		o = &oracle.salts[i];
		if (memcmp(o->salt, sealed.p, sizeof o->salt) != 0 ||
		    memcmp(o->id, id, ID_LEN) != 0)
			continue;
		if (memcmp(o->sum, sum, sizeof sum) != 0)
			breach("10: a key has sealed two bodies");
		return;
	}
	o = MORE(oracle.salts, oracle.n_salts);
	memcpy(o->salt, sealed.p, sizeof o->salt);
	memcpy(o->id, id, ID_LEN);
	memcpy(o->sum, sum, sizeof sum);
}

static bool
learn_block(struct thing *t, struct span plain)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct block b;

	if (block_decode(plain, false, &b, &ignored) != SNAP_OK)
		return false;
	t->n = b.n;
	for (uint32_t i = 0; i < b.n && i < BLOCK_MAX; i++)
		t->chunks[i] = b.data.p[b.offs[i]];
	block_fini(&b);
	return t->n <= BLOCK_MAX;
}

/* A sparse copy authenticates; are its chunks what they are elsewhere? */
static bool
sparse_is_true(const struct thing *t, struct span plain)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	uint8_t want[CHUNK_LEN];
	struct block b;
	bool same;

	if (block_decode(plain, true, &b, &ignored) != SNAP_OK)
		return false;
	same = b.n == t->n;
	for (uint32_t i = 0; i < b.n && same; i++) {
		if (b.offs[i] == UINT32_MAX)
			continue;
		chunk_content(t->chunks[i], want);
		same = b.lens[i] == CHUNK_LEN &&
		       memcmp(b.data.p + b.offs[i], want, CHUNK_LEN) == 0;
	}
	block_fini(&b);
	return same;
}

/* Is what the row says true?  Learns what it is of. */
static bool
row_is_true(const struct opack *p, const struct pack_row *r,
    const struct session_row *session, struct span sealed, uint32_t *thing)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct copy c = { .pack_kind = p->kind,
		.pack_size = p->size,
		.off = r->off,
		.sealed_len = r->sealed_len,
		.plain_len = r->plain_len,
		.n_chunks = r->n_chunks,
		.class = r->class,
		.codec = r->codec,
		.flags = r->flags,
		.epoch = session != NULL ? session->epoch : r->epoch,
		.bitmap = r->bitmap,
		.session = session };
	struct bytes plain;
	struct thing *t;
	bool good;

	memcpy(c.pack, p->id, ID_LEN);
	*thing = find_thing(r->class, r->id);
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	good = store_open_copy(oracle.s, &c, r->id, sealed, &plain, &ignored) ==
	       SNAP_OK;
	if ((r->flags & ROW_SPARSE) != 0)
		good =
		    good && *thing != NOTHING &&
		    sparse_is_true(&oracle.things[*thing], bytes_span(&plain));
	else if (good && *thing == NOTHING) {
		*thing = (uint32_t)oracle.n_things;
		t = MORE(oracle.things, oracle.n_things);
		t->class = r->class;
		memcpy(t->id, r->id, ID_LEN);
		bytes_init(&t->plain, BLOCK_PLAIN_MAX);
		if (r->class == CLASS_DATA)
			good = learn_block(t, bytes_span(&plain));
		else
			bytes_put_span(&t->plain, bytes_span(&plain));
	}
	bytes_fini(&plain);
	return good;
}

static void
learn_pack(struct opack *p, struct span data)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct pack_contents pc;
	struct store_body b;

	if (store_get_contents(oracle.s, p->kind, p->id, p->size, &b, &err) !=
		SNAP_OK ||
	    pack_contents_decode(b.body.body, &pc, &err) != SNAP_OK) {
		breach("a pack does not open: %s", err.msg);
		return;
	}
	for (uint32_t i = 0; i < pc.n_rows; i++) {
		const struct pack_row *r = &pc.rows[i];
		struct span sealed = span_of(data.p + r->off, r->sealed_len);
		struct orow *o = MORE(p->rows, p->n_rows);

		remember_salt(r->id, sealed);
		o->good = row_is_true(p, r,
		    r->class == CLASS_DATA ? &pc.sessions[r->session] : NULL,
		    sealed, &o->thing);
		o->bits = r->class == CLASS_DATA
			      ? (UINT64_C(1) << r->n_chunks) - 1
			      : 1;
		if ((r->flags & ROW_SPARSE) != 0)
			o->bits = r->bitmap.p[0];
		o->is_made = (r->flags & ROW_ORIGIN) != 0 &&
			     store_body_is_maintenance(&b);
		memcpy(o->origin, o->is_made ? r->origin_pack : p->id, ID_LEN);
		o->off = r->off;
		o->len = r->sealed_len;
	}
	pack_contents_fini(&pc);
	store_body_fini(&b);
}

static void
put_pack(uint8_t kind, const uint8_t *id, struct span data, int64_t now)
{
	struct opack *p = find_pack(id);

	if (p == NULL) {
		p = MORE(oracle.packs, oracle.n_packs);
		memcpy(p->id, id, ID_LEN);
		p->kind = kind;
		p->size = (uint32_t)data.len;
		learn_pack(p, data);
	}
	p->exists = true;
	p->landed = now;
}

static bool
came_late(int64_t l0, int64_t now)
{
	return wire_visible() && now >= l0 + LEASE;
}

static void
put_segment(const uint8_t *id, int64_t now)
{
	struct osegment *s = find_segment(id);
	struct snap_err err = SNAP_ERR_INIT;
	struct index_segment seg;
	struct store_body b;

	if (s != NULL) { /* it reappears */
		s->exists = true;
		s->is_void |= came_late(s->l0, now);
		return;
	}
	s = MORE(oracle.segments, oracle.n_segments);
	memcpy(s->id, id, ID_LEN);
	if (store_get_body(oracle.s, OBJ_INDEX, id, &b, &err) != SNAP_OK ||
	    index_segment_decode(b.body.body, &seg, &err) != SNAP_OK) {
		breach("a segment does not open: %s", err.msg);
		return;
	}
	s->exists = true;
	s->l0 = seg.l0;
	s->is_void = came_late(seg.l0, now);
	for (uint32_t i = 0; i < seg.n_packs; i++) {
		struct onamed *o = MORE(s->packs, s->n_packs);

		memcpy(o->id, seg.packs[i].id, ID_LEN);
		o->size = seg.packs[i].size;
	}
	index_segment_fini(&seg);
	store_body_fini(&b);
}

static void
put_snapshot(const uint8_t *id, int64_t now)
{
	struct osnapshot *s = find_snapshot(id);
	struct snapshot_body *body = malloc(sizeof *body);
	struct snap_err err = SNAP_ERR_INIT;
	struct store_body b;

	if (body == NULL)
		abort();
	if (store_get_body(oracle.s, OBJ_SNAPSHOT, id, &b, &err) != SNAP_OK ||
	    snapshot_decode(b.body.body, body, &err) != SNAP_OK) {
		breach("a snapshot does not open: %s", err.msg);
	} else {
		s->exists = true;
		s->landed = now;
		s->l0 = body->l0;
		memcpy(s->root, body->root, ID_LEN);
		store_body_fini(&b);
	}
	free(body);
}

static void
put_confirm(uint8_t kind, const uint8_t *id, int64_t now)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct confirm_body c;
	struct store_body b;
	bool maintenance;

	if (store_get_body(oracle.s, kind, id, &b, &err) != SNAP_OK ||
	    confirm_decode(b.body.body, &c, &err) != SNAP_OK) {
		breach("a confirmation does not open: %s", err.msg);
		return;
	}
	maintenance = store_body_is_maintenance(&b);
	store_body_fini(&b);
	if (kind == OBJ_OK) {
		find_snapshot(id)->has_ok = true;
		find_snapshot(id)->ok_landed = now;
		find_snapshot(id)->ok_l0 = c.l0;
		return;
	}
	find_list(id)->has_ok = true;
	find_list(id)->ok_signed = maintenance;
	find_list(id)->ok_void = came_late(c.l0, now);
	find_list(id)->ok_landed = now;
}

static void
put_list(const uint8_t *id, int64_t now)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct olist *l = find_list(id);
	struct condemned_body c;
	struct store_body b;

	l->exists = true;
	if (l->n_packs != 0)
		return;
	if (store_get_body(oracle.s, OBJ_CONDEMNED, id, &b, &err) != SNAP_OK ||
	    condemned_decode(b.body.body, &c, &err) != SNAP_OK) {
		breach("a condemned list does not open: %s", err.msg);
		return;
	}
	l->is_signed = store_body_is_maintenance(&b);
	l->is_void = came_late(c.l0, now);
	for (uint32_t i = 0; i < c.n_packs; i++)
		memcpy(MORE(l->packs, l->n_packs), c.packs + (size_t)i * ID_LEN,
		    ID_LEN);
	if (l->is_signed)
		oracle_counts.condemned += c.n_packs;
	if (l->is_signed && !l->is_void)
		check_list(l, c.l0);
	store_body_fini(&b);
}

/* Which snapshots a record says are forgotten. */
static void
put_note(const uint8_t *id)
{
	struct note_body *n = malloc(sizeof *n);
	struct snap_err err = SNAP_ERR_INIT;
	char hex[2 * ID_LEN + 1];
	struct store_body b;

	if (n == NULL)
		abort();
	if (store_get_body(oracle.s, OBJ_NOTE, id, &b, &err) != SNAP_OK ||
	    note_decode(b.body.body, n, &err) != SNAP_OK) {
		breach("a note does not open: %s", err.msg);
		free(n);
		return;
	}
	/* Of others it is idle talk. */
	if (n->type != NOTE_FORGET || !store_body_is_maintenance(&b))
		n->n_props = 0;
	for (size_t i = 0; i < oracle.n_snapshots; i++) {
		struct osnapshot *s = &oracle.snapshots[i];

		hex_encode(s->id, ID_LEN, hex);
		for (uint32_t k = 0; k < n->n_props; k++) {
			struct span v = n->props[k].value;

			for (size_t at = 0; at + 2 * ID_LEN <= v.len; at++)
				s->is_noted |=
				    memcmp(v.p + at, hex, 2 * ID_LEN) == 0;
		}
	}
	store_body_fini(&b);
	free(n);
}

void
oracle_put(const char *name, struct span data, int64_t now)
{
	uint8_t kind, id[ID_LEN];

	if (!store_name_parse(name, &kind, id))
		return;
	if (kind != OBJ_CONDEMNED_OK)
		remember_name(name, data);
	if (kind != OBJ_DATA && kind != OBJ_META && data.len > HEADER_LEN)
		remember_salt(
		    id, span_of(data.p + HEADER_LEN, data.len - HEADER_LEN));
	if (kind == OBJ_DATA || kind == OBJ_META)
		put_pack(kind, id, data, now);
	else if (kind == OBJ_INDEX)
		put_segment(id, now);
	else if (kind == OBJ_SNAPSHOT)
		put_snapshot(id, now);
	else if (kind == OBJ_OK || kind == OBJ_CONDEMNED_OK)
		put_confirm(kind, id, now);
	else if (kind == OBJ_CONDEMNED)
		put_list(id, now);
	else if (kind == OBJ_NOTE)
		put_note(id);
}

/* ---- what is deleted */

static void
delete_pack(struct opack *p, const char *name)
{
	bool may = false;

	for (size_t i = 0; i < oracle.n_lists && !may; i++) {
		const struct olist *l = &oracle.lists[i];

		if (!l->exists || !l->is_signed || l->is_void || !l->has_ok ||
		    !l->ok_signed || l->ok_void || list_age(l) < GRACE)
			continue;
		for (size_t k = 0; k < l->n_packs; k++)
			may |= memcmp(l->packs[k], p->id, ID_LEN) == 0;
	}
	if (!may)
		breach("3: %s goes, and was not condemned for a grace", name);
	p->exists = false;
	oracle_counts.deleted++;
}

static void
delete_list(const struct actor *by, struct olist *l, const char *name)
{
	for (size_t i = 0; i < l->n_packs && l->is_signed && !l->is_void; i++) {
		const struct opack *p = find_pack(l->packs[i]);

		/* One that a late request brought back is nobody's fault. */
		if (p != NULL && p->exists && p->landed < by->derived)
			breach(
			    "7: %s goes, and one of its packs is there", name);
	}
	l->exists = false;
	oracle_counts.retired++;
}

static void
take(struct osnapshot *s, bool *half)
{
	*half = false;
	s->was_taken = true;
}

void
oracle_delete(const struct actor *by, const char *name)
{
	uint8_t kind, id[ID_LEN];

	if (!store_name_parse(name, &kind, id))
		return;
	oracle.dirty = true;
	if (kind == OBJ_DATA || kind == OBJ_META)
		delete_pack(find_pack(id), name);
	else if (kind == OBJ_INDEX)
		find_segment(id)->exists = false;
	else if (kind == OBJ_SNAPSHOT)
		take(find_snapshot(id), &find_snapshot(id)->exists);
	else if (kind == OBJ_OK)
		take(find_snapshot(id), &find_snapshot(id)->has_ok);
	else if (kind == OBJ_CONDEMNED)
		delete_list(by, find_list(id), name);
	else if (kind == OBJ_CONDEMNED_OK)
		find_list(id)->has_ok = false;
}

/* No deletion and no index rewrite later than L after the derivation (4), by
 * any clock that goes wrong by no more than clocks do. */
void
oracle_decides(const struct actor *by, const char *name)
{
	int64_t age = sim_now() - by->derived;

	if (by->prunes && !by->crashed && by->derived >= 0 &&
	    age > LEASE + LEASE / 20)
		breach("4: %s, decided %lld s after the derivation", name,
		    (long long)(age / SECOND));
}
