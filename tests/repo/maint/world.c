/* SPDX-License-Identifier: PostgreSQL */
/*
 * world.c - snapshots put together by hand from the store's own calls, so
 * that these tests do not stand on the code that makes backups.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "repo_care.h"
#include "run.h"
#include "slots.h"
#include "transport_impl.h"
#include "world.h"

#define CHUNKS 5u
#define CHUNK_LEN 3000u
#define PASS "correct horse"

#define must(call) assert_int_equal(call, SNAP_OK)

static void
collect(void *arg, enum report_level level, const char *line)
{
	struct world *w = arg;

	if (level != REPORT_WARNING)
		return;
	pthread_mutex_lock(&w->lock);
	bytes_put_str(&w->log, line);
	bytes_put_str(&w->log, "\n");
	pthread_mutex_unlock(&w->lock);
}

static void
open_store(struct world *w)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *inner;
	struct store_opts o;

	must(transport_open_mem(w->mem, &inner, &err));
	must(transport_open_fault(inner, &w->t, &err));
	w->t->time_is_visibility = !w->like_files;
	memset(&o, 0, sizeof o);
	o.passphrase = span_str(PASS);
	o.n_threads = 2;
	o.cache_dir = w->cache_dir;
	o.zstd_level = 3;
	o.report = &w->report;
	must(store_open(w->t, &o, &w->s, &err));
	must(store_look(w->s, &err));
}

int
world_setup(void **state)
{
	static const struct slot_cost cost = SLOT_COST_TESTS;
	struct snap_err err = SNAP_ERR_INIT;
	struct world *w = calloc(1, sizeof *w);
	struct config c;
	struct transport *t;
	char code[128];
	uint8_t id[ID_LEN];

	assert_non_null(w);
	must(keys_library_init(&err));
	assert_int_equal(pthread_mutex_init(&w->lock, NULL), 0);
	bytes_init(&w->log, 1u << 20);
	w->report.log = collect;
	w->report.arg = w;
	w->report.cancel = &w->cancel;
	must(mem_store_new(&w->mem, &err));
	must(transport_open_mem(w->mem, &t, &err));
	memset(&c, 0, sizeof c);
	c.chunk_mean = 512;
	c.block_size = 64u << 10;
	c.pack_size = 64u << 10;
	c.grace_s = 3600;
	c.slice_blocks = 32768;
	must(store_init(t, &c, &cost, span_str(PASS), code, id, &err));
	transport_close(t);
	open_store(w);
	*state = w;
	return 0;
}

int
world_teardown(void **state)
{
	struct world *w = *state;

	store_close(w->s);
	transport_close(w->t);
	mem_store_free(w->mem);
	bytes_fini(&w->log);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return 0;
}

void
world_reopen(struct world *w)
{
	store_close(w->s);
	transport_close(w->t);
	open_store(w);
}

/* Bytes that do not compress, the same for the same seed and block. */
static void
fill(uint8_t *p, size_t len, uint8_t seed, uint32_t block)
{
	uint64_t x = UINT64_C(88172645463325252) + seed * 1000u + block;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (uint8_t)(x >> 32);
	}
}

/* The last of its chunks first. */
static void
turn_round(uint8_t *data)
{
	uint8_t one[CHUNK_LEN];

	for (size_t i = 0; i < CHUNKS / 2; i++) {
		uint8_t *a = data + i * CHUNK_LEN;
		uint8_t *b = data + (CHUNKS - 1 - i) * CHUNK_LEN;

		memcpy(one, a, CHUNK_LEN);
		memcpy(a, b, CHUNK_LEN);
		memcpy(b, one, CHUNK_LEN);
	}
}

/* Plaintext of a block and of its directory, and their id. */
static void
make_block(struct world *w, uint8_t seed, uint32_t n, struct bytes *block,
    struct bytes *dir, uint8_t id[ID_LEN])
{
	static uint8_t data[CHUNKS * CHUNK_LEN];
	uint8_t hashes[CHUNKS][ID_LEN];
	uint32_t lens[CHUNKS];
	struct directory d;

	fill(data, sizeof data, seed, n);
	if (w->partly)
		fill(data + 3 * (size_t)CHUNK_LEN, 2 * (size_t)CHUNK_LEN,
		    (uint8_t)(seed + 100), n);
	if (w->backwards)
		turn_round(data);
	for (uint32_t i = 0; i < CHUNKS; i++) {
		lens[i] = CHUNK_LEN;
		keys_chunk_hash(w->s->keys,
		    span_of(data + (size_t)i * CHUNK_LEN, CHUNK_LEN),
		    hashes[i]);
	}
	bytes_init(block, BLOCK_PLAIN_MAX);
	bytes_init(dir, BLOCK_PLAIN_MAX);
	block_encode(lens, CHUNKS, span_of(data, sizeof data), block);
	d.n = CHUNKS;
	d.hashes = hashes;
	directory_encode(&d, dir);
	keys_block_id(w->s->keys, bytes_span(dir), id);
}

static void
add_frame(struct run *run, uint8_t class, const uint8_t id[ID_LEN],
    struct span plain, uint32_t n_chunks)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct frame_in f;

	memset(&f, 0, sizeof f);
	f.class = class;
	memcpy(f.id, id, ID_LEN);
	f.plain = plain;
	f.n_chunks = n_chunks;
	must(run_add(run, &f, &err));
}

static void
add_blocks(
    struct world *w, struct run *run, uint8_t seed, uint8_t (*ids)[ID_LEN])
{
	for (uint32_t i = 0; i < WORLD_BLOCKS; i++) {
		struct bytes block, dir;

		make_block(w, seed, i, &block, &dir, ids[i]);
		add_frame(run, CLASS_DATA, ids[i], bytes_span(&block), CHUNKS);
		if (!w->no_directories)
			add_frame(
			    run, CLASS_DIR, ids[i], bytes_span(&dir), CHUNKS);
		bytes_fini(&block);
		bytes_fini(&dir);
	}
}

static void
add_meta(struct world *w, struct run *run, uint8_t class, struct bytes *plain,
    uint8_t id[ID_LEN])
{
	keys_meta_id(w->s->keys, class, bytes_span(plain), id);
	add_frame(run, class, id, bytes_span(plain), 0);
	bytes_clear(plain);
}

/* One recipe, one part, one root over the blocks. */
static void
add_manifest(struct world *w, struct run *run, uint8_t (*ids)[ID_LEN],
    uint8_t root_id[ID_LEN])
{
	struct extent extents[WORLD_BLOCKS];
	uint8_t recipe_id[ID_LEN], part_id[ID_LEN];
	struct manifest_root root;
	struct recipe_span span;
	struct stream_row row;
	struct recipe recipe;
	struct bytes plain;

	bytes_init(&plain, BLOCK_PLAIN_MAX);
	memset(&span, 0, sizeof span);
	for (uint32_t i = 0; i < WORLD_BLOCKS; i++) {
		extents[i].block = i;
		extents[i].first = 0;
		extents[i].count = CHUNKS;
	}
	span.bytes = (uint64_t)WORLD_BLOCKS * CHUNKS * CHUNK_LEN;
	span.n_extents = WORLD_BLOCKS;
	recipe.n_blocks = recipe.n_extents = WORLD_BLOCKS;
	recipe.n_spans = 1;
	recipe.blocks = ids;
	recipe.spans = &span;
	recipe.extents = extents;
	recipe_encode(&recipe, &plain);
	add_meta(w, run, CLASS_RECIPE, &plain, recipe_id);
	memset(&row, 0, sizeof row);
	row.kind = STREAM_TABLE;
	row.cutter = CUTTER_ROWS;
	row.name = span_str("public.t");
	row.bytes = span.bytes;
	row.n_segments = 1;
	row.segments = recipe_id;
	stream_row_encode(&row, &plain);
	add_meta(w, run, CLASS_MANIFEST, &plain, part_id);
	memset(&root, 0, sizeof root);
	root.n_parts = 1;
	root.parts = part_id;
	manifest_root_encode(&root, &plain);
	add_meta(w, run, CLASS_MANIFEST, &plain, root_id);
	bytes_fini(&plain);
}

void
world_backup(struct world *w, uint8_t seed, const char *db, uint8_t id[ID_LEN])
{
	static struct snapshot_body snap;
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t ids[WORLD_BLOCKS][ID_LEN];
	struct run *run;
	int64_t when;

	must(run_begin(w->s, &run, &err));
	add_blocks(w, run, seed, ids);
	memset(&snap, 0, sizeof snap);
	add_manifest(w, run, ids, snap.root);
	snap.bytes = (uint64_t)WORLD_BLOCKS * CHUNKS * CHUNK_LEN;
	snap.n_streams = 1;
	snap.n_props = 1;
	snap.props[0].key = span_str(REPO_PROP_DATABASE);
	snap.props[0].value = span_str(db);
	must(run_commit(run, &snap, id, &when, &err));
	run_free(run);
	mem_store_advance(w->mem, 1000000);
	must(store_look(w->s, &err));
}

struct world_two
world_two(void **state)
{
	struct world_two t;

	t.w = *state;
	world_backup(t.w, 1, "one", t.a);
	world_backup(t.w, 2, "two", t.b);
	return t;
}

void
world_crashed_backup(struct world *w, uint8_t seed)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t ids[WORLD_BLOCKS][ID_LEN];
	struct run *run;

	must(run_begin(w->s, &run, &err));
	add_blocks(w, run, seed, ids);
	run_free(run);
}

size_t
world_names(struct world *w, const char *prefix, struct name **out)
{
	return names_below(w->t, prefix, out);
}

struct name
world_one(struct world *w, const char *prefix, size_t nth)
{
	struct name *v, one;
	size_t n = world_names(w, prefix, &v);

	assert_true(nth < n);
	one = v[nth];
	free(v);
	return one;
}

void
world_block_id(struct world *w, uint8_t seed, uint32_t nth, uint8_t id[ID_LEN])
{
	struct bytes block, dir;

	make_block(w, seed, nth, &block, &dir, id);
	bytes_fini(&block);
	bytes_fini(&dir);
}

struct name
world_pack_of(struct world *w, uint8_t seed, uint8_t class, size_t nth)
{
	struct name name;
	uint8_t id[ID_LEN];
	struct copy c;

	world_block_id(w, seed, (uint32_t)nth, id);
	assert_int_equal(store_copies(w->s, class, id, &c, 1), 1);
	store_name(c.pack_kind, c.pack, name.s);
	return name;
}

static void
get(struct world *w, const char *name, struct bytes *out)
{
	struct snap_err err = SNAP_ERR_INIT;

	bytes_init(out, TRANSPORT_SIZE_MAX);
	must(transport_get(w->t, name, 0, SIZE_MAX, out, &err));
}

void
world_copy(struct world *w, const char *from, const char *to)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes b;

	get(w, from, &b);
	must(mem_store_overwrite(w->mem, to, bytes_span(&b), &err));
	bytes_fini(&b);
}

void
world_swap(struct world *w, const char *a, const char *b)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes x, y;

	get(w, a, &x);
	get(w, b, &y);
	must(mem_store_overwrite(w->mem, a, bytes_span(&y), &err));
	must(mem_store_overwrite(w->mem, b, bytes_span(&x), &err));
	bytes_fini(&x);
	bytes_fini(&y);
}

void
world_flip(struct world *w, const char *name, uint64_t off)
{
	assert_true(mem_store_flip(w->mem, name, off, 0x10));
}

struct repo_check_result
world_check(struct world *w, double read_pct)
{
	struct repo_check_opts o = { .read_data = read_pct > 0,
		.data_percent = read_pct };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_check_result r;

	bytes_clear(&w->log);
	must(maint_check(w->s, &o, &r, &err));
	return r;
}

bool
world_said(struct world *w, const char *what)
{
	bool found;

	pthread_mutex_lock(&w->lock);
	bytes_u8(&w->log, 0);
	found = !w->log.bad && strstr((char *)w->log.p, what) != NULL;
	w->log.len--;
	pthread_mutex_unlock(&w->lock);
	return found;
}

bool
world_readable(struct world *w, uint8_t seed)
{
	struct snap_err err = SNAP_ERR_INIT;
	bool ok = true;

	for (uint32_t i = 0; i < WORLD_BLOCKS; i++) {
		struct bytes block, dir, got;
		uint8_t id[ID_LEN];

		make_block(w, seed, i, &block, &dir, id);
		bytes_init(&got, BLOCK_PLAIN_MAX);
		ok = ok &&
		     store_read(w->s, CLASS_DATA, id, &got, &err) == SNAP_OK &&
		     span_eq(bytes_span(&got), bytes_span(&block));
		bytes_fini(&got);
		bytes_fini(&block);
		bytes_fini(&dir);
	}
	return ok;
}

const char *
world_hex(const uint8_t id[ID_LEN])
{
	static char hex[4][2 * ID_LEN + 1];
	static unsigned next;

	next = (next + 1) % 4;
	hex_encode(id, ID_LEN, hex[next]);
	return hex[next];
}
