/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_bombs.c - little that claims to be much: frames, recipes, manifests,
 * index segments and listings by somebody who may write and means harm.
 *
 * All of it is sealed, signed and named as it should be.  Each ends with an
 * error, or with what it truly holds, in bounded memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "assemble.h"
#include "grown.h"
#include "harness.h"
#include "store_internal.h"
#include "transport_impl.h"

#define PACK (16u << 20)
#define MIB ((size_t)1 << 20)
#define ROOM (BLOCK_PLAIN_MAX + MIB)

static bool
is_heavy(void)
{
	return getenv("SNAP_TEST_HEAVY") != NULL;
}

static void
must(enum snap_code rc, const struct snap_err *err)
{
	if (rc != SNAP_OK)
		fail_msg("%s (%s)", err->msg, err->detail);
}

/* ---- frames */

/* Bytes that zstd would have to make are not made. */
static void
refuses(struct store *s, struct span in, uint32_t plain_len)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes plain;

	bytes_init(&plain, ROOM);
	bytes_put_str(&plain, "before");
	assert_int_equal(
	    frame_decompress(s, in, plain_len, &plain, &err), SNAP_CORRUPT);
	assert_int_equal(plain.len, 6);
	bytes_fini(&plain);
}

static void
a_frame_that_grows_to_more_or_less_than_it_said_is_refused(void **state)
{
	/* Magic; no content size, and a window of 2^41 bytes; one of 3.75
	 * TiB; a content of 2^63 bytes.  Then a block of 1,000 times "x". */
	static const uint8_t huge[][17] = { { 0x28, 0xb5, 0x2f, 0xfd, 0x00,
						0xf8, 0x43, 0x1f, 0, 'x' },
		{ 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff, 0x43, 0x1f, 0, 'x' },
		{ 0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x43,
		    0x1f, 0, 'x' } };
	static const uint8_t skip[] = { 0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff,
		0xff, 0xff };
	size_t len = 200 * MIB, n, room = ZSTD_compressBound(len);
	char *zeros = calloc(1, len), *small = malloc(room);
	struct store *s;
	struct world w;

	(void)state;
	assert_non_null(zeros);
	assert_non_null(small);
	n = ZSTD_compress(small, room, zeros, len, 3);
	assert_true(n < len / 5000);
	free(zeros);
	world_open(&w, PACK);
	s = open_store(&w, NULL);
	grown_begin();
	refuses(s, span_of(small, n), 1);
	refuses(s, span_of(small, n), 1000);
	refuses(s, span_of(small, n), BLOCK_PLAIN_MAX);
	refuses(s, span_of(small, n), UINT32_MAX >> 8);
	for (size_t i = 0; i < sizeof huge / sizeof huge[0]; i++) {
		refuses(s, span_of(huge[i], i < 2 ? 10 : 17), 999);
		refuses(s, span_of(huge[i], i < 2 ? 10 : 17), 1001);
	}
	refuses(s, span_of(skip, sizeof skip), 1);
	refuses(s, span_of(NULL, 0), 1);
	assert_in_range(grown_mib(), 0, 64);
	store_close(s);
	world_close(&w);
	free(small);
}

/* ---- what a writer can put */

struct bomb {
	struct world w;
	struct store *s;
	struct run *r;
	uint8_t block[ID_LEN]; /* of 40 chunks */
};

static void
begin(struct bomb *b)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct made m;

	world_open(&b->w, PACK);
	b->s = open_store(&b->w, NULL);
	must(run_begin(b->s, &b->r, &err), &err);
	make_block(b->s, 0, &m);
	memcpy(b->block, m.f.id, ID_LEN);
	must(run_add(b->r, &m.f, &err), &err);
	made_fini(&m);
}

/* Under the name that it has by its content. */
static void
add(struct bomb *b, uint8_t class, const struct bytes *plain,
    uint8_t id[ID_LEN])
{
	struct snap_err err = SNAP_ERR_INIT;
	struct frame_in f;

	assert_false(plain->bad);
	memset(&f, 0, sizeof f);
	f.class = class;
	f.plain = bytes_span(plain);
	keys_meta_id(b->s->keys, class, f.plain, f.id);
	memcpy(id, f.id, ID_LEN);
	must(run_add(b->r, &f, &err), &err);
}

/* A root of so many parts. */
static void
add_root(struct bomb *b, const struct bytes *parts, uint8_t root[ID_LEN])
{
	struct manifest_root m = { (uint32_t)(parts->len / ID_LEN), parts->p, 0,
		{ NULL, 0 } };
	struct bytes p;

	bytes_init(&p, ROOM);
	manifest_root_encode(&m, &p);
	add(b, CLASS_MANIFEST, &p, root);
	bytes_fini(&p);
}

/* All is put; a reader comes. */
static void
go_off(struct bomb *b)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[ID_LEN];

	must(commit(b->r, id, &err), &err);
	run_free(b->r);
	b->s = look_again(&b->w, b->s);
}

static void
end(struct bomb *b)
{
	store_close(b->s);
	world_close(&b->w);
}

/* ---- recipes */

static enum snap_code
no_begin(struct sink *k, const struct stream_meta *m, struct snap_err *err)
{
	(void)k, (void)m, (void)err;
	return SNAP_OK;
}

static enum snap_code
no_data(struct sink *k, struct span d, struct snap_err *err)
{
	(void)k, (void)err;
	fail_msg("%zu bytes came out", d.len);
	return SNAP_OK;
}

static enum snap_code
no_end(struct sink *k, uint64_t rows, struct snap_err *err)
{
	(void)k, (void)rows, (void)err;
	return SNAP_OK;
}

/* A stream of n times this recipe; *why is why it cannot be read. */
static void
restores_nothing(struct bomb *b, const uint8_t recipe[ID_LEN], uint32_t n,
    struct snap_err *why)
{
	static const struct sink_ops ops = { no_begin, no_data, no_end };
	struct sink out = { &ops };
	uint8_t root[ID_LEN], part[ID_LEN];
	struct stream_row row = { .kind = STREAM_TABLE,
		.cutter = CUTTER_ROWS,
		.name = span_str("t"),
		.bytes = INT64_MAX,
		.n_segments = n };
	struct manifest *m = NULL;
	struct bytes p, ids;

	bytes_init(&p, ROOM);
	bytes_init(&ids, ROOM);
	for (uint32_t i = 0; i < n; i++)
		bytes_put(&ids, recipe, ID_LEN);
	row.segments = ids.p;
	stream_row_encode(&row, &p);
	add(b, CLASS_MANIFEST, &p, part);
	bytes_clear(&ids);
	bytes_put(&ids, part, ID_LEN);
	add_root(b, &ids, root);
	go_off(b);
	must(manifest_load(b->s, root, &m, why), why);
	assert_int_not_equal(
	    assemble_read(b->s, m, NULL, NULL, &out, why), SNAP_OK);
	manifest_free(m);
	bytes_fini(&p);
	bytes_fini(&ids);
}

/* The head of a recipe of one span, which holds `n` extents. */
static void
put_head(struct bytes *p, const uint8_t block[ID_LEN], uint32_t n)
{
	bytes_varint(p, 1);
	bytes_put(p, block, ID_LEN);
	bytes_varint(p, 1);
	bytes_varint(p, INT64_MAX);
	bytes_varint(p, n);
	bytes_zero(p, ID_LEN);
}

/* As many extents as a recipe has room for, each of the same chunks. */
static void
millions_of_extents_take_bounded_memory(void **state)
{
	const uint32_t n = is_heavy() ? 6500000 : 500000;
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[ID_LEN];
	struct bomb b;
	struct bytes p;

	(void)state;
	begin(&b);
	bytes_init(&p, BLOCK_PLAIN_MAX);
	put_head(&p, b.block, n);
	for (uint32_t i = 0; i < n; i++) {
		bytes_varint(&p, i == 0 ? 0 : 1);
		if (i > 0)
			bytes_varint(&p, 79); /* back by 40, as zigzag */
		bytes_varint(&p, 40);
	}
	add(&b, CLASS_RECIPE, &p, id);
	grown_begin();
	restores_nothing(&b, id, is_heavy() ? 1000000 : 1000, &err);
	print_message("%u extents: %zu MiB\n", n, grown_mib());
	assert_int_equal(err.code, SNAP_CORRUPT);
	assert_string_equal(
	    err.msg, "stream t does not verify: a span longer than any");
	/* Of four that are read ahead, and 36 bytes for each extent. */
	assert_in_range(grown_mib(), 0, 200 + 4 * (n * 36 / MIB));
	end(&b);
	bytes_fini(&p);
}

/* A recipe names blocks and nothing else: there are no circles. */
static void
a_recipe_that_names_a_recipe_finds_nothing(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[ID_LEN], next[ID_LEN];
	struct bomb b;
	struct bytes p;

	(void)state;
	begin(&b);
	bytes_init(&p, BLOCK_PLAIN_MAX);
	put_head(&p, b.block, 1);
	bytes_varint(&p, 0);
	bytes_varint(&p, 40);
	add(&b, CLASS_RECIPE, &p, id);
	bytes_clear(&p);
	put_head(&p, id, 1);
	bytes_varint(&p, 0);
	bytes_varint(&p, 40);
	add(&b, CLASS_RECIPE, &p, next);
	restores_nothing(&b, next, 1, &err);
	assert_int_equal(err.code, SNAP_NOTFOUND);
	end(&b);
	bytes_fini(&p);
}

/* ---- manifests */

/* A part of rows [from, to), each of at least so many bytes. */
static void
put_rows(
    struct bomb *b, unsigned from, unsigned to, size_t len, struct bytes *parts)
{
	struct stream_row row = { .kind = STREAM_TABLE, .cutter = CUTTER_ROWS };
	uint8_t id[ID_LEN];
	struct bytes p, attr;
	char name[16];

	bytes_init(&p, BLOCK_PLAIN_MAX);
	bytes_init(&attr, MIB);
	bytes_zero(&attr, len);
	row.attr = bytes_span(&attr);
	for (; from < to; from++) {
		(void)snprintf(name, sizeof name, "%08u", from);
		row.name = span_str(name);
		stream_row_encode(&row, &p);
	}
	add(b, CLASS_MANIFEST, &p, id);
	bytes_put(parts, id, ID_LEN);
	bytes_fini(&p);
	bytes_fini(&attr);
}

static void
a_part_that_is_named_over_and_over_is_taken_once(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t root[ID_LEN], part[ID_LEN];
	struct manifest *m = NULL;
	struct bytes parts;
	size_t n_lost;
	struct bomb b;

	(void)state;
	begin(&b);
	bytes_init(&parts, ROOM);
	put_rows(&b, 0, 1, MIB - 100, &parts);
	memcpy(part, parts.p, ID_LEN);
	for (unsigned i = 1; i < 300; i++)
		bytes_put(&parts, part, ID_LEN);
	add_root(&b, &parts, root);
	go_off(&b);
	grown_begin();
	assert_int_equal(manifest_load(b.s, root, &m, &err), SNAP_CORRUPT);
	assert_string_equal(err.msg, "read the manifest: streams out of order");
	must(manifest_load_rest(b.s, root, &m, &n_lost, &err), &err);
	assert_int_equal(m->m.n, 1);
	assert_int_equal(n_lost, 299);
	assert_in_range(grown_mib(), 0, 50);
	manifest_free(m);
	end(&b);
	bytes_fini(&parts);
}

static void
manifests_have_bounds(void **state)
{
	/* Rows, parts of them, bytes of each; is that taken? */
	static const struct {
		unsigned n, per_part;
		size_t len;
		bool ok;
	} tries[] = { { 200000, 100000, 50, true }, { 500, 18, MIB, true },
		{ 4194304, 400000, 1, true }, { 4194305, 400000, 1, false },
		{ 1100, 18, MIB - 100, false } };
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t root[ID_LEN];
	struct manifest *m;
	struct bytes parts;
	struct bomb b;

	(void)state;
	bytes_init(&parts, ROOM);
	for (size_t i = 0; i < (is_heavy() ? 5 : 1); i++) {
		begin(&b);
		bytes_clear(&parts);
		for (unsigned at = 0; at < tries[i].n; at += tries[i].per_part)
			put_rows(&b, at,
			    at + tries[i].per_part < tries[i].n
				? at + tries[i].per_part
				: tries[i].n,
			    tries[i].len, &parts);
		add_root(&b, &parts, root);
		go_off(&b);
		m = NULL;
		grown_begin();
		if (tries[i].ok) {
			must(manifest_load(b.s, root, &m, &err), &err);
			assert_int_equal(m->m.n, tries[i].n);
		} else {
			assert_int_equal(
			    manifest_load(b.s, root, &m, &err), SNAP_CORRUPT);
			assert_non_null(strstr(err.msg, "more streams than"));
		}
		print_message("%u rows of %zu bytes: %zu MiB\n", tries[i].n,
		    tries[i].len, grown_mib());
		assert_in_range(grown_mib(), 0, is_heavy() ? 1200 : 100);
		manifest_free(m);
		end(&b);
	}
	bytes_fini(&parts);
}

/* ---- the index */

/* As many rows as fit into one object, all of one pack. */
static void
a_segment_full_of_rows_takes_bounded_memory(void **state)
{
	const size_t size = is_heavy() ? 60 * MIB : 4 * MIB;
	const uint32_t n = (uint32_t)(size / 31);
	struct snap_err err = SNAP_ERR_INIT;
	struct index_pack pack = { { 1 }, OBJ_META, PACK, { NULL, 0 } };
	struct index_segment seg = { { 2 }, 0, 1, &pack };
	struct bytes contents, body;
	uint8_t id[ID_LEN] = { 3 };
	struct bomb b;

	(void)state;
	begin(&b);
	go_off(&b);
	bytes_init(&contents, size + MIB);
	bytes_init(&body, size + 2 * MIB);
	bytes_zero(&contents, ID_LEN);
	bytes_varint(&contents, 0);
	bytes_varint(&contents, n);
	for (uint32_t i = 0; i < n; i++) {
		bytes_u8(&contents, CLASS_RECIPE);
		bytes_u16(&contents, 0);     /* codec, flags */
		bytes_varint(&contents, 1);  /* epoch */
		bytes_u64(&contents, i + 1); /* id */
		bytes_u64(&contents, 0);
		bytes_varint(&contents, 0);  /* off */
		bytes_varint(&contents, 64); /* sealed */
		bytes_varint(&contents, 32);
		bytes_u16(&contents, 0); /* chunks, hooks */
	}
	pack.contents = bytes_span(&contents);
	seg.l0 = b.s->l0;
	index_segment_encode(&seg, &body);
	assert_false(contents.bad || body.bad);
	must(store_put_body(
		 b.s, OBJ_INDEX, id, bytes_span(&body), false, NULL, &err),
	    &err);
	bytes_fini(&contents);
	bytes_fini(&body);
	grown_begin();
	b.s = look_again(&b.w, b.s);
	assert_int_equal(read_range(b.s, 0, 0, &err), SNAP_OK);
	print_message("%u rows: %zu MiB\n", n, grown_mib());
	assert_in_range(grown_mib(), 0, 50 + (size_t)n * 350 / MIB);
	end(&b);
}

/* ---- listings */

struct liar {
	struct transport base;
	struct transport *inner;
	transport_list_fn fn;
	void *arg;
};

/* No pack has such a size. */
static enum snap_code
lie(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	const uint64_t sizes[] = { UINT64_C(1) << 63, UINT64_MAX,
		(UINT64_C(1) << 32) + st->size, 0 };
	static unsigned n;
	struct transport_stat lies = *st;
	struct liar *l = arg;

	if (strncmp(name, "data/", 5) == 0 || strncmp(name, "meta/", 5) == 0)
		lies.size = sizes[n++ % (sizeof sizes / sizeof sizes[0])];
	return l->fn(l->arg, name, &lies, err);
}

static enum snap_code
liar_list(struct transport *t, const char *prefix, transport_list_fn fn,
    void *arg, struct snap_err *err)
{
	static const struct transport_stat st = { UINT64_MAX, 1 };
	struct liar l = *(struct liar *)t;
	enum snap_code rc;
	struct bytes name;

	bytes_init(&name, 2 * MIB);
	/* A name of a megabyte goes first. */
	bytes_put_str(&name, prefix);
	while (name.len < MIB)
		bytes_put_str(&name, "00/");
	bytes_u8(&name, 0);
	assert_false(name.bad);
	rc = fn(arg, (const char *)name.p, &st, err);
	bytes_fini(&name);
	l.fn = fn;
	l.arg = arg;
	return rc == SNAP_OK ? inner_list(l.inner, prefix, lie, &l, err) : rc;
}

static enum snap_code
liar_get(struct transport *t, const char *name, uint64_t off, size_t len,
    struct bytes *out, struct snap_err *err)
{
	return inner_get(((struct liar *)t)->inner, name, off, len, out, err);
}

static enum snap_code
liar_stat(struct transport *t, const char *name, struct transport_stat *st,
    struct snap_err *err)
{
	return inner_stat(((struct liar *)t)->inner, name, st, err);
}

static enum snap_code
liar_now(struct transport *t, int64_t *time_ns, struct snap_err *err)
{
	return inner_now(((struct liar *)t)->inner, time_ns, err);
}

static void
liar_close(struct transport *t)
{
	transport_close(((struct liar *)t)->inner);
}

/* Packs that are not as large as the index says are not there. */
static void
sizes_of_a_listing_that_cannot_be_hide_what_they_belong_to(void **state)
{
	static const struct transport_ops ops = { .list = liar_list,
		.get = liar_get,
		.stat = liar_stat,
		.now = liar_now,
		.close = liar_close };
	struct snap_err err = SNAP_ERR_INIT;
	static struct liar l;
	struct store *s;
	struct bomb b;

	(void)state;
	begin(&b);
	assert_int_equal(add_range(b.r, b.s, 0, 5), SNAP_OK);
	go_off(&b);
	must(read_range(b.s, 0, 5, &err), &err);
	must(transport_open_mem(b.w.mem, &l.inner, &err), &err);
	must(transport_base_init(&l.base, &ops, "liar", &err), &err);
	s = open_on(&b.w, &l.base, "secret", NULL);
	must(store_look(s, &err), &err);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(read_range(s, i, i + 1, &err), SNAP_CORRUPT);
		assert_non_null(strstr(err.msg, "has another size"));
	}
	store_close(s);
	transport_close(&l.base);
	end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_frame_that_grows_to_more_or_less_than_it_said_is_refused),
		cmocka_unit_test(millions_of_extents_take_bounded_memory),
		cmocka_unit_test(a_recipe_that_names_a_recipe_finds_nothing),
		cmocka_unit_test(
		    a_part_that_is_named_over_and_over_is_taken_once),
		cmocka_unit_test(manifests_have_bounds),
		cmocka_unit_test(a_segment_full_of_rows_takes_bounded_memory),
		cmocka_unit_test(
		    sizes_of_a_listing_that_cannot_be_hide_what_they_belong_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
