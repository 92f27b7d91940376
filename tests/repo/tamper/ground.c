/* SPDX-License-Identifier: PostgreSQL */
/*
 * ground.c - see ground.h.
 *
 * Snapshot 0 lies in sparse blocks, 1 and 2 share most of their rows and 2 is
 * a write-only host's, 3 and 4 likewise, and 4 is of a later key epoch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"
#include "ground.h"
#include "names.h"
#include "pruned.h"
#include "repo_care.h"
#include "transport_impl.h"

#define ROWS 600
#define LIMIT (16u << 20)

void
must(enum snap_code rc, const struct snap_err *err)
{
	if (rc == SNAP_OK)
		return;
	(void)fprintf(stderr, "%s\n%s\n", err->msg, err->detail);
	abort();
}

static void
make_rows(struct bytes *out, uint64_t seed, unsigned day)
{
	uint64_t x = UINT64_C(88172645463325252) + seed * 7919;

	bytes_init(out, LIMIT);
	for (unsigned i = 0; i < ROWS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bytes_printf(out, "%u\t%u\tsome name %llx%llx\n", i,
		    i % 20 == 7 ? day : 0, (unsigned long long)x,
		    (unsigned long long)(x * 31));
	}
	if (out->bad)
		abort();
}

static void
stage(struct ground *g, uint32_t stands)
{
	struct snap_err err = SNAP_ERR_INIT;

	if (g->n_stages == GROUND_STAGES)
		abort();
	mem_store_advance(g->mem, 1000000);
	must(mem_store_clone(g->mem, &g->stages[g->n_stages], &err), &err);
	g->stands[g->n_stages++] = stands;
}

static struct transport *
handle(struct mem_store *mem)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;

	must(transport_open_mem(mem, &t, &err), &err);
	return t;
}

static struct store *
inside(struct transport *t)
{
	struct store_opts o = { .passphrase = span_str(GROUND_PASSPHRASE),
		.n_threads = 1 };
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = NULL;

	must(store_open(t, &o, &s, &err), &err);
	must(store_look(s, &err), &err);
	return s;
}

static void
push(struct sink *s, const char *name, const struct bytes *rows)
{
	struct stream_meta m = { .kind = STREAM_TABLE,
		.cutter = CUTTER_ROWS,
		.name = span_str(name),
		.attr = span_str("COPY t FROM stdin;") };
	struct snap_err err = SNAP_ERR_INIT;

	must(sink_begin(s, &m, &err), &err);
	must(sink_data(s, bytes_span(rows), &err), &err);
	must(sink_end(s, ROWS, &err), &err);
}

struct plan {
	unsigned nth, seed, day;
	const char *database;
	bool by_host;
};

static void
back_up(struct ground *g, struct transport *t, const struct plan *p)
{
	struct repo_property props[] = { { "database", p->database } };
	struct repo_opts o = { .passphrase = span_str(g->code),
		.is_recovery_code = true,
		.n_threads = 1 };
	struct repo_backup_opts bo = { .n_lanes = 1, .database = p->database };
	struct expected *e = &g->snaps[p->nth];
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_backup *b;
	struct repo *r = NULL;

	if (p->by_host)
		o.key_file = bytes_span(&g->key_file);
	make_rows(&e->streams[0], p->seed, p->day);
	make_rows(&e->streams[1], p->seed + 1000, p->day);
	must(repo_open(t, &o, &r, &err), &err);
	must(repo_backup_begin(r, &bo, &b, &err), &err);
	push(repo_backup_lane(b, 0), "a", &e->streams[0]);
	push(repo_backup_lane(b, 0), "b", &e->streams[1]);
	must(repo_backup_commit(b, props, 1, &e->snap, &err), &err);
	repo_close(r);
	mem_store_advance(g->mem, 1000000);
}

/* Two packs with half of the chunks of each block, and not the old one. */
static void
make_sparse(struct ground *g, struct transport *t)
{
	struct repo_opts o = { .passphrase = span_str(g->code),
		.is_recovery_code = true,
		.n_threads = 1 };
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = inside(t);
	struct repo *r = NULL;
	uint64_t added;

	pruned_halves(s);
	store_close(s);
	must(repo_open(t, &o, &r, &err), &err);
	must(repo_repair_index(r, &added, &err), &err);
	repo_close(r);
}

static void
put(struct store *s, uint8_t kind, const uint8_t *id, struct bytes *body)
{
	struct snap_err err = SNAP_ERR_INIT;

	must(store_put_body(
		 s, kind, id, bytes_span(body), kind != OBJ_INDEX, NULL, &err),
	    &err);
	bytes_clear(body);
}

/* Two each of notes, runs, condemned lists with their confirmations, and leases.
 * One list has a pack that is needed: what is condemned is still read. */
static void
put_rest(struct transport *t, const uint8_t *pack)
{
	static const uint8_t gone[ID_LEN] = { 0xde, 0xad };
	static struct note_body n;
	struct store *s = inside(t);
	struct condemned_body c = { s->l0, 1, 0, 0, gone, NULL, NULL };
	struct confirm_body ok = { { 0 }, s->l0 };
	struct index_segment lease = { { 9 }, s->l0, 0, NULL };
	uint8_t id[ID_LEN];
	struct bytes body;

	bytes_init(&body, LIMIT);
	n.type = 2;
	n.l0 = s->l0;
	n.n_props = 1;
	n.props[0].key = span_str("tags");
	n.props[0].value = span_str("monthly");
	for (unsigned i = 0; i < 2; i++) {
		keys_random(id, ID_LEN);
		n.subject[0] = (uint8_t)i;
		note_encode(&n, &body);
		put(s, OBJ_NOTE, id, &body);
		keys_random(id, ID_LEN);
		note_encode(&n, &body);
		put(s, OBJ_RUN, id, &body); /* of no known type */
		keys_random(id, ID_LEN);
		c.packs = i == 0 ? gone : pack;
		condemned_encode(&c, &body);
		put(s, OBJ_CONDEMNED, id, &body);
		memcpy(ok.id, id, ID_LEN);
		confirm_encode(&ok, &body);
		put(s, OBJ_CONDEMNED_OK, id, &body);
		keys_random(id, ID_LEN);
		index_segment_encode(&lease, &body);
		put(s, OBJ_INDEX, id, &body);
	}
	bytes_fini(&body);
	store_close(s);
}

static void
collect_objects(struct ground *g, struct transport *t)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct name *v;
	size_t n = names_below(t, "", &v);

	g->objects = calloc(n, sizeof *g->objects);
	if (g->objects == NULL)
		abort();
	for (size_t i = 0; i < n; i++) {
		struct object_at *o = &g->objects[g->n_objects++];
		const char *slash = strrchr(v[i].s, '/');

		memcpy(o->name, v[i].s, sizeof o->name);
		(void)snprintf(o->hex, sizeof o->hex, "%.32s",
		    slash == NULL ? o->name : slash + 1);
		o->time = v[i].st.time_ns;
		bytes_init(&o->raw, LIMIT);
		must(transport_get(t, o->name, 0, SIZE_MAX, &o->raw, &err),
		    &err);
		o->kind = o->raw.p[8];
	}
	free(v);
}

static struct object_at *
object_named(struct ground *g, const char *name)
{
	for (size_t i = 0; i < g->n_objects; i++)
		if (strcmp(g->objects[i].name, name) == 0)
			return &g->objects[i];
	return NULL;
}

struct trace {
	struct ground *g;
	uint32_t snap;
};

static enum snap_code
see_get(void *arg, enum fault_op op, const char *name, struct snap_err *err)
{
	const struct trace *tr = arg;
	struct object_at *o;

	(void)err;
	if (op != FAULT_GET)
		return SNAP_OK;
	o = object_named(tr->g, name);
	if (o != NULL && (o->kind == OBJ_DATA || o->kind == OBJ_META))
		o->needed_by |= tr->snap;
	return SNAP_OK;
}

static enum snap_code
drop_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	(void)s;
	(void)m;
	(void)err;
	return SNAP_OK;
}

static enum snap_code
drop_data(struct sink *s, struct span d, struct snap_err *err)
{
	(void)s;
	(void)d;
	(void)err;
	return SNAP_OK;
}

static enum snap_code
drop_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	(void)s;
	(void)rows;
	(void)err;
	return SNAP_OK;
}

/* Packs are needed by what reads them in a restore. */
static void
trace_restore(struct ground *g, unsigned nth)
{
	static const struct sink_ops ops = { drop_begin, drop_data, drop_end };
	struct repo_opts o = { .passphrase = span_str(g->code),
		.is_recovery_code = true,
		.n_threads = 1 };
	struct trace tr = { g, 1u << nth };
	struct snap_err err = SNAP_ERR_INIT;
	struct sink sink = { &ops };
	struct repo_manifest *m;
	struct transport *t;
	struct repo *r = NULL;

	must(transport_open_fault(handle(g->mem), &t, &err), &err);
	must(repo_open(t, &o, &r, &err), &err);
	fault_set_hook(t, see_get, &tr);
	must(repo_manifest(r, &g->snaps[nth].snap, &m, &err), &err);
	must(repo_read(r, m, NULL, NULL, &sink, &err), &err);
	repo_manifest_free(m);
	repo_close(r);
	transport_close(t);
}

/* Where a copy renews times, a snapshot's is what its writer saw. */
static void
note_times(struct ground *g)
{
	struct repo_opts o = { .passphrase = span_str(g->code),
		.is_recovery_code = true,
		.n_threads = 1 };
	struct transport *t = handle(g->mem);
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_snapshots all;
	struct repo *r = NULL;

	t->time_is_visibility = false;
	must(repo_open(t, &o, &r, &err), &err);
	must(repo_snapshots(r, &all, &err), &err);
	if (all.n != GROUND_SNAPS)
		abort();
	for (size_t i = 0; i < all.n; i++)
		g->snaps[i].time_of_files = all.v[i].time_ns;
	repo_snapshots_free(&all);
	repo_close(r);
	transport_close(t);
}

/* What no frame, contents, header or trailer covers. */
static void
find_filler(struct store *s, struct object_at *o)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct pack_contents pc;
	struct store_body b;
	size_t end = (size_t)le64_get(o->raw.p + o->raw.len - 40);

	if (o->kind != OBJ_DATA && o->kind != OBJ_META)
		return;
	o->filler = calloc(o->raw.len, 1);
	if (o->filler == NULL)
		abort();
	must(
	    store_get_contents(s, o->kind, o->raw.p + 16, o->raw.len, &b, &err),
	    &err);
	must(pack_contents_decode(b.body.body, &pc, &err), &err);
	memset(o->filler + HEADER_LEN, 1, end - HEADER_LEN);
	for (uint32_t i = 0; i < pc.n_rows; i++)
		memset(o->filler + pc.rows[i].off, 0, pc.rows[i].sealed_len);
	pack_contents_fini(&pc);
	store_body_fini(&b);
}

/* A segment is needed by what needs its packs; a signed pair by itself; a
 * host's record by what it signed; the config by all. */
static void
find_needs(struct ground *g, struct transport *t)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = inside(t);

	for (unsigned i = 0; i < GROUND_SNAPS; i++)
		trace_restore(g, i);
	for (size_t i = 0; i < g->n_objects; i++) {
		struct object_at *o = &g->objects[i];
		char name[TRANSPORT_NAME_MAX + 1];
		struct index_segment seg;
		struct store_body b;

		for (unsigned k = 0; k < GROUND_SNAPS; k++)
			if ((o->kind == OBJ_SNAPSHOT || o->kind == OBJ_OK) &&
			    memcmp(o->raw.p + 16, g->snaps[k].snap.id,
				ID_LEN) == 0)
				o->needed_by = 1u << k;
		find_filler(s, o);
		if (o->kind == OBJ_CONFIG)
			o->needed_by = GROUND_ALL;
		if (o->kind == OBJ_HOST &&
		    memcmp(o->raw.p + 16, g->key_file.p + 16, ID_LEN) == 0)
			o->needed_by = 1u << 2;
		if (o->kind != OBJ_INDEX)
			continue;
		must(store_get_body(s, o->kind, o->raw.p + 16, &b, &err), &err);
		must(index_segment_decode(b.body.body, &seg, &err), &err);
		for (uint32_t k = 0; k < seg.n_packs; k++) {
			store_name(seg.packs[k].kind, seg.packs[k].id, name);
			if (object_named(g, name) != NULL)
				o->needed_by |=
				    object_named(g, name)->needed_by;
		}
		index_segment_fini(&seg);
		store_body_fini(&b);
	}
	store_close(s);
}

/* The id of a data pack that snapshot 3 was the first to need. */
static void
some_pack(struct transport *t, uint8_t id[ID_LEN])
{
	int64_t newest = 0;
	struct name *v;
	size_t n = names_below(t, "data/", &v);
	uint8_t kind;

	for (size_t i = 0; i < n; i++)
		if (v[i].st.time_ns > newest &&
		    store_name_parse(v[i].s, &kind, id))
			newest = v[i].st.time_ns;
	free(v);
}

struct ground *
ground_new(uint64_t seed)
{
	static const struct repo_params p = { .kdf_mem_kib = 8192,
		.block_size = 64 << 10,
		.pack_size = 64 << 10,
		.grace_s = 3600 };
	static const struct repo_opts by_pw = {
		.passphrase = { (const uint8_t *)GROUND_PASSPHRASE, 2 }
	};
	struct ground *g = calloc(1, sizeof *g);
	unsigned x = (unsigned)seed * 10;
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[ID_LEN], pack[ID_LEN];
	struct bytes other;
	struct transport *t;
	struct store *s;

	if (g == NULL)
		abort();
	must(mem_store_new(&g->mem, &err), &err);
	t = handle(g->mem);
	must(repo_init(t, &p, &by_pw, g->code, id, &err), &err);
	stage(g, 0);
	back_up(g, t, &(struct plan){ 0, x, 0, "zero", false });
	make_sparse(g, t);
	stage(g, 1);
	back_up(g, t, &(struct plan){ 1, x + 1, 0, "one", false });
	stage(g, 3);
	s = inside(t);
	pruned_key_file(s, KEYFILE_HOST, &g->key_file);
	pruned_key_file(s, KEYFILE_HOST, &other);
	bytes_fini_wipe(&other);
	store_close(s);
	stage(g, 3);
	back_up(g, t, &(struct plan){ 2, x + 1, 1, "one", true });
	stage(g, 7);
	back_up(g, t, &(struct plan){ 3, x + 2, 0, "three", false });
	some_pack(t, pack);
	stage(g, 15);
	for (uint32_t e = 2; e < 4; e++) {
		s = inside(t);
		pruned_rotate(s, span_str(GROUND_PASSPHRASE), e);
		store_close(s);
	}
	stage(g, 15);
	back_up(g, t, &(struct plan){ 4, x + 2, 1, "three", false });
	stage(g, 31);
	put_rest(t, pack);
	/* Past the grace time, so that a check can tell what is lost. */
	mem_store_advance(g->mem, INT64_C(7200) * 1000000000);
	stage(g, 31);
	collect_objects(g, t);
	find_needs(g, t);
	note_times(g);
	transport_close(t);
	return g;
}

void
ground_free(struct ground *g)
{
	if (g == NULL)
		return;
	for (size_t i = 0; i < g->n_stages; i++)
		mem_store_free(g->stages[i]);
	mem_store_free(g->mem);
	for (size_t i = 0; i < g->n_objects; i++) {
		bytes_fini(&g->objects[i].raw);
		free(g->objects[i].filler);
	}
	free(g->objects);
	for (size_t i = 0; i < GROUND_SNAPS; i++) {
		repo_snapshot_fini(&g->snaps[i].snap);
		for (size_t k = 0; k < GROUND_STREAMS; k++)
			bytes_fini(&g->snaps[i].streams[k]);
	}
	bytes_fini_wipe(&g->key_file);
	free(g);
}
