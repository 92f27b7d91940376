/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_hostile.c - a repository by somebody who holds all keys and means harm.
 *
 * Every object of a small repository is made anew, its plaintext changed as
 * the input says, and then sealed, signed and named as it should be: so what
 * is behind the encryption meets hostile bytes too, and hostile meaning.
 * Everything a reader does is then done to it, and a backup on top.
 *
 * Input: four bytes for each change: which plaintext, where, what, value.
 */
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "repo_care.h"
#include "seal.h"
#include "slots.h"
#include "store.h"

#define LIMIT (1u << 20)
#define CHUNKS 6
#define CHUNK 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum target {
	T_BLOCK,
	T_DIRECTORY,
	T_RECIPE,
	T_PART,
	T_ROOT,
	T_DATA,
	T_META,
	T_INDEX,
	T_SNAPSHOT,
	T_OK,
	T_NOTE,
	T_CONDEMNED,
	T_HOST,
	T_EPOCH,
	T_COUNT
};

static struct mem_store *empty;
static struct store *owner;
static char code[128];

struct build {
	const uint8_t *data;
	size_t size;
	struct transport *t;
	struct session session;
	struct session_row srow;
	uint8_t run_id[ID_LEN], block[ID_LEN];
	struct pack_row rows[4]; /* of the pack being filled */
	uint32_t n_rows;
	struct bytes packs[2], contents[2];
	uint8_t pack_ids[2][ID_LEN];
};

static void
must(enum snap_code rc)
{
	if (rc != SNAP_OK)
		abort();
}

static void
start(void)
{
	struct snap_err err = SNAP_ERR_INIT;
	static const struct slot_cost cost = SLOT_COST_TESTS;
	struct config c;
	struct store_opts o;
	struct transport *t;
	uint8_t id[ID_LEN];

	memset(&c, 0, sizeof c);
	memset(&o, 0, sizeof o);
	must(mem_store_new(&empty, &err));
	must(transport_open_mem(empty, &t, &err));
	must(store_init(t, &c, &cost, span_str("pw"), code, id, &err));
	o.passphrase = span_str("pw");
	o.n_threads = 1;
	must(store_open(t, &o, &owner, &err));
}

/* Apply the input's changes for this plaintext. */
static void
change(const struct build *b, enum target which, struct bytes *p)
{
	for (size_t i = 0; i + 4 <= b->size; i += 4) {
		const uint8_t *e = b->data + i;
		size_t at = p->len == 0 ? 0 : e[1] * p->len / 256;

		if (e[0] % T_COUNT != which)
			continue;
		if (e[2] % 4 == 3) {
			bytes_u8(p, 0);
			memmove(p->p + at + 1, p->p + at, p->len - at - 1);
			p->p[at] = e[3];
		} else if (p->len == 0) {
			continue;
		} else if (e[2] % 4 == 2) {
			size_t n = e[3] < p->len - at ? e[3] : p->len - at;

			memmove(p->p + at, p->p + at + n, p->len - at - n);
			p->len -= n;
		} else {
			p->p[at] =
			    e[2] % 4 == 1 ? e[3] : (uint8_t)(p->p[at] ^ e[3]);
		}
	}
}

static void
start_pack(struct build *b, uint8_t kind, size_t which)
{
	uint8_t header[HEADER_LEN];
	struct header h;

	memset(&h, 0, sizeof h);
	h.kind = kind;
	h.epoch = 1;
	memset(b->pack_ids[which], (int)which + 1, ID_LEN);
	memcpy(h.id, b->pack_ids[which], ID_LEN);
	memcpy(h.repo_id, owner->repo_id, ID_LEN);
	header_encode(&h, header);
	bytes_init(&b->packs[which], LIMIT);
	bytes_init(&b->contents[which], LIMIT);
	bytes_put(&b->packs[which], header, HEADER_LEN);
	b->n_rows = 0;
}

static void
add_frame(struct build *b, uint8_t class, const uint8_t *id, uint32_t n_chunks,
    const struct bytes *plain)
{
	struct bytes *obj = &b->packs[class == CLASS_DATA ? 0 : 1];
	struct pack_row *r = &b->rows[b->n_rows++];
	struct snap_err err = SNAP_ERR_INIT;
	struct frame_context c;

	memset(r, 0, sizeof *r);
	memset(&c, 0, sizeof c);
	r->class = c.class = class;
	r->epoch = c.epoch = 1;
	memcpy(c.repo_id, owner->repo_id, ID_LEN);
	memcpy(c.id, id, ID_LEN);
	memcpy(r->id, id, ID_LEN);
	r->plain_len = c.plain_len = (uint32_t)plain->len;
	r->n_chunks = n_chunks;
	r->off = (uint32_t)obj->len;
	must(
	    seal_frame(class == CLASS_DATA ? b->session.key : owner->keys->meta,
		&c, bytes_span(plain), obj, &err));
	r->sealed_len = (uint32_t)obj->len - r->off;
}

static void
end_pack(struct build *b, uint8_t kind, size_t which)
{
	struct pack_contents pc = { { 0 }, kind == OBJ_DATA, b->n_rows,
		&b->srow, b->rows };
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct bytes *obj = &b->packs[which], wrapped;
	uint8_t header[HEADER_LEN];
	size_t at = obj->len;

	memcpy(pc.run_id, b->run_id, ID_LEN);
	bytes_init(&wrapped, LIMIT);
	pack_contents_encode(&pc, &b->contents[which]);
	change(b, kind == OBJ_DATA ? T_DATA : T_META, &b->contents[which]);
	body_wrap(bytes_span(&b->contents[which]), NULL, NULL, &wrapped);
	memcpy(header, obj->p, HEADER_LEN);
	must(seal_body(owner->keys, span_of(header, HEADER_LEN),
	    bytes_span(&wrapped), obj, &err));
	object_finish(obj, at);
	store_name(kind, b->pack_ids[which], name);
	must(transport_put(b->t, name, bytes_span(obj), NULL, &err));
	bytes_fini(&wrapped);
}

static void
put(struct build *b, enum target which, uint8_t kind, const uint8_t *id,
    struct bytes *body)
{
	struct store copy = *owner;
	struct snap_err err = SNAP_ERR_INIT;

	change(b, which, body);
	copy.t = b->t;
	must(store_put_body(
	    &copy, kind, id, bytes_span(body), true, NULL, &err));
	bytes_clear(body);
}

static void
make_block(struct build *b, uint8_t hashes[CHUNKS][ID_LEN], struct bytes *dir)
{
	uint32_t lens[CHUNKS];
	uint8_t rows[CHUNKS * CHUNK];
	struct directory d = { CHUNKS, hashes };
	struct bytes plain;

	bytes_init(&plain, LIMIT);
	for (size_t i = 0; i < CHUNKS; i++) {
		lens[i] = CHUNK;
		memset(rows + i * CHUNK, 'a' + (int)i, CHUNK - 1);
		rows[i * CHUNK + CHUNK - 1] = '\n';
		keys_chunk_hash(
		    owner->keys, span_of(rows + i * CHUNK, CHUNK), hashes[i]);
	}
	directory_encode(&d, dir);
	change(b, T_DIRECTORY, dir);
	keys_block_id(owner->keys, bytes_span(dir), b->block);
	block_encode(lens, CHUNKS, span_of(rows, sizeof rows), &plain);
	change(b, T_BLOCK, &plain);
	start_pack(b, OBJ_DATA, 0);
	add_frame(b, CLASS_DATA, b->block, CHUNKS, &plain);
	end_pack(b, OBJ_DATA, 0);
	bytes_fini(&plain);
}

/* From the recipe up to the root of the manifest, each named by the next. */
static void
make_meta(struct build *b, uint8_t root[ID_LEN])
{
	uint8_t hashes[CHUNKS][ID_LEN], recipe_id[ID_LEN], part_id[ID_LEN];
	struct extent e[2] = { { 0, 0, 4 }, { 0, 4, 2 } };
	struct recipe_span s = { CHUNKS * CHUNK, 0, 2, { 0 } };
	struct recipe r = { 1, 1, 2, &b->block, &s, e };
	struct manifest_root m = { 1, part_id, 0, { NULL, 0 } };
	struct stream_row row;
	struct bytes dir, p;

	bytes_init(&dir, LIMIT);
	bytes_init(&p, LIMIT);
	make_block(b, hashes, &dir);
	start_pack(b, OBJ_META, 1);
	add_frame(b, CLASS_DIR, b->block, CHUNKS, &dir);
	keys_digest(owner->keys, span_of(hashes[0], sizeof hashes), s.digest);
	recipe_encode(&r, &p);
	change(b, T_RECIPE, &p);
	keys_meta_id(owner->keys, CLASS_RECIPE, bytes_span(&p), recipe_id);
	add_frame(b, CLASS_RECIPE, recipe_id, 0, &p);
	memset(&row, 0, sizeof row);
	row.kind = STREAM_TABLE;
	row.cutter = CUTTER_ROWS;
	row.name = span_str("t");
	row.attr = span_str("COPY t FROM stdin;");
	row.bytes = s.bytes;
	row.rows = CHUNKS;
	keys_digest(owner->keys, span_of(s.digest, ID_LEN), row.digest);
	row.n_segments = 1;
	row.segments = recipe_id;
	bytes_clear(&p);
	stream_row_encode(&row, &p);
	change(b, T_PART, &p);
	keys_meta_id(owner->keys, CLASS_MANIFEST, bytes_span(&p), part_id);
	add_frame(b, CLASS_MANIFEST, part_id, 0, &p);
	bytes_clear(&p);
	manifest_root_encode(&m, &p);
	change(b, T_ROOT, &p);
	keys_meta_id(owner->keys, CLASS_MANIFEST, bytes_span(&p), root);
	add_frame(b, CLASS_MANIFEST, root, 0, &p);
	end_pack(b, OBJ_META, 1);
	bytes_fini(&dir);
	bytes_fini(&p);
}

static void
make_rest(struct build *b, const uint8_t root[ID_LEN])
{
	static const uint8_t id[6][ID_LEN] = { { 11 }, { 12 }, { 13 }, { 14 },
		{ 15 }, { 16 } };
	static struct snapshot_body s;
	static struct note_body n;
	struct condemned_body x = { MEM_TIME_START, 0, 0, 0, NULL, NULL, NULL };
	struct confirm_body ok = { { 12 }, MEM_TIME_START };
	struct host_body h = { { 15 }, { 1 }, 1, { NULL, 0 } };
	struct epoch_body e = { 1, { 0 }, { 0 }, 0 };
	struct index_pack packs[2];
	struct index_segment seg = { { 7 }, MEM_TIME_START, 2, packs };
	struct bytes p;

	bytes_init(&p, LIMIT);
	for (size_t i = 0; i < 2; i++) {
		memcpy(packs[i].id, b->pack_ids[i], ID_LEN);
		packs[i].kind = i == 0 ? OBJ_DATA : OBJ_META;
		packs[i].size = (uint32_t)b->packs[i].len;
		packs[i].contents = bytes_span(&b->contents[i]);
	}
	index_segment_encode(&seg, &p);
	put(b, T_INDEX, OBJ_INDEX, id[0], &p);
	memcpy(s.root, root, ID_LEN);
	s.l0 = MEM_TIME_START;
	s.n_props = 1;
	s.props[0].key = span_str("database");
	s.props[0].value = span_str("db");
	snapshot_encode(&s, &p);
	put(b, T_SNAPSHOT, OBJ_SNAPSHOT, id[1], &p);
	confirm_encode(&ok, &p);
	put(b, T_OK, OBJ_OK, id[1], &p);
	n.type = 2;
	note_encode(&n, &p);
	put(b, T_NOTE, OBJ_NOTE, id[2], &p);
	condemned_encode(&x, &p);
	put(b, T_CONDEMNED, OBJ_CONDEMNED, id[3], &p);
	host_encode(&h, &p);
	put(b, T_HOST, OBJ_HOST, id[4], &p);
	memcpy(e.data_pk, owner->keys->data_pk, 32);
	memcpy(e.maint_pk, owner->keys->maint_pk, 32);
	epoch_encode(&e, &p);
	put(b, T_EPOCH, OBJ_EPOCH, id[5], &p);
	bytes_fini(&p);
}

static void
build(struct build *b)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t root[ID_LEN];

	must(session_new(owner->keys, &b->session, &err));
	memcpy(b->srow.id, b->session.id, ID_LEN);
	b->srow.epoch = b->session.epoch;
	memcpy(b->srow.sealed_key, b->session.sealed, SEALED_KEY_BYTES);
	make_meta(b, root);
	make_rest(b, root);
	for (size_t i = 0; i < 2; i++) {
		bytes_fini(&b->packs[i]);
		bytes_fini(&b->contents[i]);
	}
}

static size_t n_read;

/* A sink that takes anything. */
static enum snap_code
any_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	(void)s;
	(void)m;
	(void)err;
	return SNAP_OK;
}

static enum snap_code
any_data(struct sink *s, struct span d, struct snap_err *err)
{
	(void)s;
	(void)err;
	n_read += d.len;
	return SNAP_OK;
}

static enum snap_code
any_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	(void)s;
	(void)rows;
	(void)err;
	return SNAP_OK;
}

static void
read_all(struct repo *r)
{
	static const struct sink_ops ops = { any_begin, any_data, any_end };
	struct sink sink = { &ops };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_snapshots all;
	struct repo_manifest *m;

	if (repo_snapshots(r, &all, &err) != SNAP_OK)
		return;
	for (size_t i = 0; i < all.n; i++)
		if (repo_manifest(r, &all.v[i], &m, &err) == SNAP_OK) {
			(void)!repo_read(r, m, NULL, NULL, &sink, &err);
			repo_manifest_free(m);
		}
	repo_snapshots_free(&all);
}

/* With the hostile snapshot as its parent. */
static void
back_up(struct repo *r)
{
	struct repo_backup_opts o = { .n_lanes = 1, .database = "db" };
	struct stream_meta m = { .kind = STREAM_TABLE,
		.cutter = CUTTER_ROWS,
		.name = span_str("t"),
		.attr = span_str("COPY t FROM stdin;") };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_snapshot out;
	struct repo_backup *b;
	uint8_t rows[CHUNKS * CHUNK];
	struct sink *s;

	for (size_t i = 0; i < sizeof rows; i++)
		rows[i] =
		    i % CHUNK == CHUNK - 1 ? '\n' : (uint8_t)('a' + i / CHUNK);
	if (repo_backup_begin(r, &o, &b, &err) != SNAP_OK)
		return;
	s = repo_backup_lane(b, 0);
	if (sink_begin(s, &m, &err) != SNAP_OK ||
	    sink_data(s, span_of(rows, sizeof rows), &err) != SNAP_OK ||
	    sink_end(s, CHUNKS, &err) != SNAP_OK) {
		repo_backup_abort(b);
		return;
	}
	if (repo_backup_commit(b, NULL, 0, &out, &err) == SNAP_OK)
		repo_snapshot_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct repo_check_opts all = { .read_data = true, .data_percent = 100 };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_opts o = { .is_recovery_code = true, .n_threads = 1 };
	struct repo_check_result res;
	struct repo_stats stats;
	struct mem_store *mem;
	struct repo *r;
	struct build b;
	uint64_t n;

	if (owner == NULL)
		start();
	memset(&b, 0, sizeof b);
	b.data = data;
	b.size = size;
	must(mem_store_clone(empty, &mem, &err));
	must(transport_open_mem(mem, &b.t, &err));
	build(&b);
	o.passphrase = span_str(code);
	if (repo_open(b.t, &o, &r, &err) == SNAP_OK) {
		n_read = 0;
		read_all(r);
		/* Or the test would test nothing. */
		if (size == 0 && n_read != CHUNKS * CHUNK)
			abort();
		(void)!repo_check(r, &all, &res, &err);
		(void)!repo_stats(r, &stats, &err);
		(void)!repo_repair_index(r, &n, &err);
		back_up(r);
		repo_close(r);
	}
	transport_close(b.t);
	mem_store_free(mem);
	return 0;
}
