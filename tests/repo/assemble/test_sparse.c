/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_sparse.c - blocks of which only parts are left come back whole when
 * the parts make a whole, and fail when they do not.
 *
 * Prune comes later than the format it writes, so the test plays it: each
 * block of a backup is taken apart into sparse copies in packs of their own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"
#include "repo.h"
#include "seal.h"
#include "slots.h"
#include "store.h"

#define LIMIT (32u << 20)
#define BLOCKS_MAX 64

struct world {
	struct mem_store *mem;
	struct transport *t;
	struct bytes rows;
	uint8_t blocks[BLOCKS_MAX][ID_LEN];
	size_t n_blocks;
};

static void
ok(enum snap_code rc, const struct snap_err *err)
{
	if (rc != SNAP_OK)
		fail_msg("%s (%s)", err->msg, err->detail);
}

static struct repo *
door(struct world *w)
{
	struct repo_opts o = { .passphrase = span_str("secret"),
		.n_threads = 2 };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;

	ok(repo_open(w->t, &o, &r, &err), &err);
	return r;
}

static struct store *
inside(struct world *w)
{
	struct store_opts o;
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = NULL;

	memset(&o, 0, sizeof o);
	o.passphrase = span_str("secret");
	o.n_threads = 2;
	ok(store_open(w->t, &o, &s, &err), &err);
	ok(store_look(s, &err), &err);
	return s;
}

static void
back_up(struct world *w)
{
	struct stream_meta m = { .kind = STREAM_TABLE,
		.cutter = CUTTER_ROWS,
		.name = span_str("t"),
		.attr = span_str("COPY t FROM stdin;") };
	struct repo_backup_opts o = { .n_lanes = 1, .database = "db" };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_snapshot out;
	struct repo_backup *b;
	struct repo *r = door(w);
	struct sink *s;

	ok(repo_backup_begin(r, &o, &b, &err), &err);
	s = repo_backup_lane(b, 0);
	ok(sink_begin(s, &m, &err), &err);
	ok(sink_data(s, bytes_span(&w->rows), &err), &err);
	ok(sink_end(s, 1, &err), &err);
	ok(repo_backup_commit(b, NULL, 0, &out, &err), &err);
	repo_snapshot_fini(&out);
	repo_close(r);
}

static enum snap_code
remember_block(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct world *w = arg;
	struct store *s;
	struct pack_contents p;
	struct store_body b;
	uint8_t kind, id[ID_LEN];

	assert_true(store_name_parse(name, &kind, id));
	s = inside(w);
	ok(store_get_contents(s, kind, id, st->size, &b, err), err);
	ok(pack_contents_decode(b.body.body, &p, err), err);
	for (uint32_t i = 0; i < p.n_rows; i++) {
		assert_true(w->n_blocks < BLOCKS_MAX);
		memcpy(w->blocks[w->n_blocks++], p.rows[i].id, ID_LEN);
	}
	pack_contents_fini(&p);
	store_body_fini(&b);
	store_close(s);
	return SNAP_OK;
}

static int
setup(void **state)
{
	struct repo_params p = { .kdf_mem_kib = 8192,
		.block_size = 64 << 10,
		.pack_size = 4 << 20 };
	struct repo_opts o = { .passphrase = span_str("secret") };
	struct snap_err err = SNAP_ERR_INIT;
	struct world *w = calloc(1, sizeof *w);
	uint8_t id[REPO_ID_LEN];
	uint64_t x = 88172645463325252u;
	char code[128];

	assert_non_null(w);
	ok(mem_store_new(&w->mem, &err), &err);
	ok(transport_open_mem(w->mem, &w->t, &err), &err);
	ok(repo_init(w->t, &p, &o, code, id, &err), &err);
	bytes_init(&w->rows, LIMIT);
	for (unsigned i = 0; i < 8000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bytes_printf(
		    &w->rows, "%u\tsome name %llx\n", i, (unsigned long long)x);
	}
	assert_false(w->rows.bad);
	back_up(w);
	ok(transport_list(w->t, "data/", remember_block, w, &err), &err);
	assert_true(w->n_blocks > 2);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	bytes_fini(&w->rows);
	transport_close(w->t);
	mem_store_free(w->mem);
	free(w);
	return 0;
}

/* What a maker of sparse copies does to one of them. */
struct plan {
	uint32_t every, which; /* keeps chunks with number % every == which */
	bool garble;           /* its bytes, but not its lengths */
};

static void
add_sparse(struct store *s, const struct session *session,
    const struct plan *plan, const uint8_t *id, struct bytes *obj,
    struct pack_row *row)
{
	struct frame_context c = { .epoch = session->epoch,
		.class = CLASS_DATA };
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes plain, live, sparse, bitmap;
	struct block b;

	bytes_init(&plain, LIMIT);
	bytes_init(&live, LIMIT);
	bytes_init(&sparse, LIMIT);
	bytes_init(&bitmap, LIMIT);
	ok(store_read(s, CLASS_DATA, id, &plain, &err), &err);
	ok(block_decode(bytes_span(&plain), false, &b, &err), &err);
	bytes_zero(&bitmap, (b.n + 7) / 8);
	for (uint32_t i = plan->which; i < b.n; i += plan->every) {
		bitmap.p[i / 8] |= (uint8_t)(1u << i % 8);
		bytes_put(&live, b.data.p + b.offs[i], b.lens[i]);
	}
	if (plan->garble)
		memset(live.p, 'x', live.len);
	block_encode_sparse(
	    b.lens, b.n, bytes_span(&bitmap), bytes_span(&live), &sparse);
	memset(row, 0, sizeof *row);
	row->class = CLASS_DATA;
	row->flags = ROW_SPARSE;
	memcpy(row->id, id, ID_LEN);
	row->off = (uint32_t)obj->len;
	row->plain_len = (uint32_t)sparse.len;
	row->n_chunks = b.n;
	memcpy(c.repo_id, s->repo_id, ID_LEN);
	memcpy(c.id, id, ID_LEN);
	c.plain_len = row->plain_len;
	seal_bitmap_hash(bytes_span(&bitmap), c.bitmap_hash);
	ok(seal_frame(session->key, &c, bytes_span(&sparse), obj, &err), &err);
	row->sealed_len = (uint32_t)obj->len - row->off;
	/* The row borrows it until the contents are written. */
	row->bitmap = bytes_span(&bitmap);
	block_fini(&b);
	bytes_fini(&plain);
	bytes_fini(&live);
	bytes_fini(&sparse);
}

/* Put a pack with such a copy of every block, and name it in a segment. */
static void
put_sparse(struct world *w, const struct plan *plan)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = inside(w);
	struct header h = { .kind = OBJ_DATA };
	struct session_row srow;
	struct pack_row rows[BLOCKS_MAX];
	struct pack_contents pc = { { 5 }, 1, (uint32_t)w->n_blocks, &srow,
		rows };
	struct index_pack ip = { .kind = OBJ_DATA };
	struct index_segment seg = { { 5 }, 0, 1, &ip };
	char name[TRANSPORT_NAME_MAX + 1];
	struct bytes obj, contents, wrapped, segment;
	uint8_t header[HEADER_LEN], id[ID_LEN];
	struct session session;
	size_t at;

	bytes_init(&obj, LIMIT);
	bytes_init(&contents, LIMIT);
	bytes_init(&wrapped, LIMIT);
	bytes_init(&segment, LIMIT);
	ok(session_new(s->keys, &session, &err), &err);
	memcpy(srow.id, session.id, ID_LEN);
	srow.epoch = session.epoch;
	memcpy(srow.host_id, session.host_id, ID_LEN);
	memcpy(srow.sealed_key, session.sealed, SEALED_KEY_BYTES);
	keys_random(h.id, ID_LEN);
	memcpy(h.repo_id, s->repo_id, ID_LEN);
	h.epoch = s->keys->epoch;
	header_encode(&h, header);
	bytes_put(&obj, header, HEADER_LEN);
	for (size_t i = 0; i < w->n_blocks; i++)
		add_sparse(s, &session, plan, w->blocks[i], &obj, &rows[i]);
	pack_contents_encode(&pc, &contents);
	body_wrap(bytes_span(&contents), NULL, NULL, &wrapped);
	at = obj.len;
	ok(seal_body(s->keys, span_of(header, HEADER_LEN), bytes_span(&wrapped),
	       &obj, &err),
	    &err);
	object_finish(&obj, at);
	assert_false(obj.bad);
	store_name(OBJ_DATA, h.id, name);
	ok(transport_put(w->t, name, bytes_span(&obj), NULL, &err), &err);
	memcpy(ip.id, h.id, ID_LEN);
	ip.size = (uint32_t)obj.len;
	ip.contents = bytes_span(&contents);
	seg.l0 = s->l0;
	index_segment_encode(&seg, &segment);
	keys_random(id, ID_LEN);
	ok(store_put_body(
	       s, OBJ_INDEX, id, bytes_span(&segment), false, NULL, &err),
	    &err);
	for (size_t i = 0; i < w->n_blocks; i++)
		free((void *)(uintptr_t)rows[i].bitmap.p);
	bytes_fini(&obj);
	bytes_fini(&contents);
	bytes_fini(&wrapped);
	bytes_fini(&segment);
	store_close(s);
}

struct kill_list {
	struct world *w;
	char (*names)[TRANSPORT_NAME_MAX + 1];
	size_t n;
};

static enum snap_code
note_name(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct kill_list *k = arg;

	(void)st;
	(void)err;
	k->names = realloc(k->names, (k->n + 1) * sizeof *k->names);
	assert_non_null(k->names);
	memcpy(k->names[k->n++], name, strlen(name) + 1);
	return SNAP_OK;
}

static void
list(struct world *w, const char *prefix, struct kill_list *k)
{
	struct snap_err err = SNAP_ERR_INIT;

	memset(k, 0, sizeof *k);
	k->w = w;
	ok(transport_list(w->t, prefix, note_name, k, &err), &err);
}

static void
remove_all(struct kill_list *k)
{
	for (size_t i = 0; i < k->n; i++)
		assert_true(mem_store_remove(k->w->mem, k->names[i]));
	free(k->names);
}

struct compare {
	struct sink sink;
	struct span want;
	size_t off;
};

static enum snap_code
cmp_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	(void)s;
	(void)m;
	(void)err;
	return SNAP_OK;
}

static enum snap_code
cmp_data(struct sink *s, struct span d, struct snap_err *err)
{
	struct compare *c = (struct compare *)s;

	(void)err;
	assert_true(d.len <= c->want.len - c->off);
	assert_memory_equal(d.p, c->want.p + c->off, d.len);
	c->off += d.len;
	return SNAP_OK;
}

static enum snap_code
cmp_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	(void)s;
	(void)rows;
	(void)err;
	return SNAP_OK;
}

/* Whole and right, or a failure; wrong bytes fail the test. */
static enum snap_code
read_back(struct world *w)
{
	static const struct sink_ops ops = { cmp_begin, cmp_data, cmp_end };
	struct compare c = { { &ops }, bytes_span(&w->rows), 0 };
	const struct repo_snapshot *snap;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = door(w);
	struct repo_snapshots all;
	struct repo_manifest *m;
	enum snap_code rc;

	ok(repo_snapshots(r, &all, &err), &err);
	ok(repo_snapshot_find(&all, "latest", &snap, &err), &err);
	ok(repo_manifest(r, snap, &m, &err), &err);
	rc = repo_read(r, m, NULL, NULL, &c.sink, &err);
	if (rc == SNAP_OK)
		assert_int_equal(c.off, c.want.len);
	repo_manifest_free(m);
	repo_snapshots_free(&all);
	repo_close(r);
	return rc;
}

/* How many errors a check of everything finds. */
static uint64_t
check(struct world *w)
{
	struct repo_check_opts o = { .read_data = true, .data_percent = 100 };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = door(w);
	struct repo_check_result res;

	ok(repo_check(r, &o, &res, &err), &err);
	repo_close(r);
	return res.n_errors;
}

static void
two_halves_of_every_block_make_a_whole(void **state)
{
	static const struct plan even = { 2, 0, false }, odd = { 2, 1, false };
	struct kill_list full;
	size_t n_gone;

	list(*state, "data/", &full);
	put_sparse(*state, &even);
	put_sparse(*state, &odd);
	n_gone = full.n;
	remove_all(&full);
	assert_int_equal(read_back(*state), SNAP_OK);
	/* Found are the packs that a segment still names, nothing else. */
	assert_int_equal(check(*state), n_gone);
}

static void
a_single_sparse_copy_with_every_chunk_will_do(void **state)
{
	static const struct plan all = { 1, 0, false };
	struct kill_list full;

	list(*state, "data/", &full);
	put_sparse(*state, &all);
	remove_all(&full);
	assert_int_equal(read_back(*state), SNAP_OK);
}

static void
a_chunk_in_no_copy_fails_the_restore(void **state)
{
	static const struct plan a = { 3, 0, false }, b = { 3, 1, false };
	struct kill_list full;

	list(*state, "data/", &full);
	put_sparse(*state, &a);
	put_sparse(*state, &b);
	remove_all(&full);
	assert_int_equal(read_back(*state), SNAP_CORRUPT);
}

static void
garbage_beside_the_truth_is_stepped_over(void **state)
{
	static const struct plan garbage = { 1, 0, true },
				 even = { 2, 0, false }, odd = { 2, 1, false };
	struct kill_list full;

	list(*state, "data/", &full);
	put_sparse(*state, &garbage);
	put_sparse(*state, &even);
	put_sparse(*state, &odd);
	remove_all(&full);
	assert_int_equal(read_back(*state), SNAP_OK);
}

static void
garbage_alone_never_leaves(void **state)
{
	static const struct plan garbage = { 1, 0, true };
	struct kill_list full;

	list(*state, "data/", &full);
	put_sparse(*state, &garbage);
	remove_all(&full);
	assert_int_equal(read_back(*state), SNAP_CORRUPT);
	assert_true(check(*state) > 0);
}

/* A full copy that is damaged does not hide the sparse ones. */
static void
sparse_copies_stand_in_for_a_damaged_full_one(void **state)
{
	static const struct plan even = { 2, 0, false }, odd = { 2, 1, false };
	struct world *w = *state;
	struct kill_list full;

	list(w, "data/", &full);
	put_sparse(w, &even);
	put_sparse(w, &odd);
	for (size_t i = 0; i < full.n; i++)
		assert_true(
		    mem_store_flip(w->mem, full.names[i], HEADER_LEN + 40, 1));
	free(full.names);
	assert_int_equal(read_back(w), SNAP_OK);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(two_halves_of_every_block_make_a_whole),
		TEST(a_single_sparse_copy_with_every_chunk_will_do),
		TEST(a_chunk_in_no_copy_fails_the_restore),
		TEST(garbage_beside_the_truth_is_stepped_over),
		TEST(garbage_alone_never_leaves),
		TEST(sparse_copies_stand_in_for_a_damaged_full_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
