/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_flow.c - streams go in and come out the same, whatever was known.
 *
 * The whole repository over the in-memory store: what deduplication, fetching
 * ahead and damage do to bytes, never to their promise.
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

struct world {
	struct mem_store *mem;
	struct transport *t;
	struct repo *repo;
	struct report report;
	atomic_int cancel;
};

static void
ok(enum snap_code rc, const struct snap_err *err)
{
	if (rc != SNAP_OK)
		fail_msg("%s (%s)", err->msg, err->detail);
}

static uint64_t
next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static int
setup(void **state)
{
	struct repo_params p = { .kdf_mem_kib = 8192,
		.block_size = 64 << 10,
		.pack_size = 1 << 20 };
	struct repo_opts o = { .passphrase = span_str("secret"),
		.n_threads = 2 };
	struct snap_err err = SNAP_ERR_INIT;
	struct world *w = calloc(1, sizeof *w);
	uint8_t id[REPO_ID_LEN];
	char code[128];

	assert_non_null(w);
	w->report.cancel = &w->cancel;
	o.report = &w->report;
	ok(mem_store_new(&w->mem, &err), &err);
	ok(transport_open_mem(w->mem, &w->t, &err), &err);
	ok(repo_init(w->t, &p, &o, code, id, &err), &err);
	ok(repo_open(w->t, &o, &w->repo, &err), &err);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	repo_close(w->repo);
	transport_close(w->t);
	mem_store_free(w->mem);
	free(w);
	return 0;
}

/* Rows of text; `version` changes about one row in a hundred. */
static void
make_rows(struct bytes *out, uint64_t seed, uint32_t n, uint32_t version)
{
	uint64_t x = seed * 77 + 1;

	bytes_init(out, SIZE_MAX);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t a = next_random(&x), b = next_random(&x);

		if (a % 100 == version)
			b ^= version;
		bytes_printf(out, "%u\t%llx\tsome text %llx%llx%llx\t\\N\n", i,
		    (unsigned long long)a, (unsigned long long)b,
		    (unsigned long long)(a * b), (unsigned long long)(a ^ b));
	}
	assert_false(out->bad);
}

struct piece {
	const char *name;
	struct bytes data;
};

static void
push(struct sink *s, const struct piece *p, size_t feed)
{
	struct stream_meta m = { .kind = STREAM_TABLE,
		.cutter = CUTTER_ROWS,
		.name = span_str(p->name),
		.attr = span_str("COPY t FROM stdin;") };
	struct snap_err err = SNAP_ERR_INIT;

	ok(sink_begin(s, &m, &err), &err);
	for (size_t off = 0; off < p->data.len; off += feed) {
		size_t n = p->data.len - off < feed ? p->data.len - off : feed;

		ok(sink_data(s, span_of(p->data.p + off, n), &err), &err);
	}
	ok(sink_end(s, 1, &err), &err);
}

static void
backup(struct world *w, const struct piece *v, size_t n, size_t lanes,
    struct repo_snapshot *out)
{
	struct repo_backup_opts o = {
		.n_lanes = lanes, .system_identifier = "7", .database = "db"
	};
	struct repo_property props[] = { { "database", "db" },
		{ "system-identifier", "7" } };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_backup *b;

	ok(repo_backup_begin(w->repo, &o, &b, &err), &err);
	for (size_t i = 0; i < n; i++)
		push(repo_backup_lane(b, i % lanes), &v[i], 10007);
	ok(repo_backup_commit(b, props, 2, out, &err), &err);
}

/* A sink that compares what it gets with the pieces, by name. */
struct compare {
	struct sink sink;
	const struct piece *v;
	size_t n, n_streams, off;
	const struct piece *cur;
};

static enum snap_code
cmp_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	struct compare *c = (struct compare *)s;

	(void)err;
	c->cur = NULL;
	for (size_t i = 0; i < c->n; i++)
		if (span_eq(m->name, span_str(c->v[i].name)))
			c->cur = &c->v[i];
	assert_non_null(c->cur);
	c->off = 0;
	return SNAP_OK;
}

static enum snap_code
cmp_data(struct sink *s, struct span d, struct snap_err *err)
{
	struct compare *c = (struct compare *)s;

	(void)err;
	assert_true(d.len <= c->cur->data.len - c->off);
	assert_memory_equal(d.p, c->cur->data.p + c->off, d.len);
	c->off += d.len;
	return SNAP_OK;
}

static enum snap_code
cmp_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	struct compare *c = (struct compare *)s;

	(void)err;
	(void)rows;
	assert_int_equal(c->off, c->cur->data.len);
	c->n_streams++;
	return SNAP_OK;
}

static const struct sink_ops cmp_ops = { cmp_begin, cmp_data, cmp_end };

static enum snap_code
read_back(struct world *w, const struct repo_snapshot *s, const struct piece *v,
    size_t n, size_t *n_streams, struct snap_err *err)
{
	struct compare c = { .sink = { &cmp_ops }, .v = v, .n = n };
	struct repo_manifest *m;
	enum snap_code rc;

	rc = repo_manifest(w->repo, s, &m, err);
	if (rc != SNAP_OK)
		return rc;
	rc = repo_read(w->repo, m, NULL, NULL, &c.sink, err);
	repo_manifest_free(m);
	*n_streams = c.n_streams;
	return rc;
}

static void
expect_same(struct world *w, const struct repo_snapshot *s,
    const struct piece *v, size_t n)
{
	struct snap_err err = SNAP_ERR_INIT;
	size_t n_streams;

	ok(read_back(w, s, v, n, &n_streams, &err), &err);
	assert_int_equal(n_streams, n);
}

static void
what_went_in_comes_out(void **state)
{
	struct piece v[4] = { { "a", { 0 } }, { "empty", { 0 } },
		{ "large", { 0 } }, { "tiny", { 0 } } };
	struct repo_snapshot s;

	make_rows(&v[0].data, 1, 3000, 0);
	make_rows(&v[1].data, 2, 0, 0);
	make_rows(&v[2].data, 3, 400000, 0);
	make_rows(&v[3].data, 4, 1, 0);
	for (size_t lanes = 1; lanes <= 3; lanes++) {
		backup(*state, v, 4, lanes, &s);
		assert_int_equal(s.n_streams, 4);
		expect_same(*state, &s, v, 4);
		repo_snapshot_fini(&s);
	}
	for (size_t i = 0; i < 4; i++)
		bytes_fini(&v[i].data);
}

static void
an_unchanged_database_stores_no_new_byte(void **state)
{
	struct piece v[2] = { { "a", { 0 } }, { "b", { 0 } } };
	struct repo_snapshot s1, s2;

	make_rows(&v[0].data, 1, 100000, 0);
	make_rows(&v[1].data, 2, 50, 0);
	backup(*state, v, 2, 2, &s1);
	backup(*state, v, 2, 2, &s2);
	assert_int_equal(s1.new_bytes, s1.bytes);
	assert_int_equal(s2.new_bytes, 0);
	assert_true(s2.stored_bytes < 64 << 10);
	expect_same(*state, &s2, v, 2);
	repo_snapshot_fini(&s1);
	repo_snapshot_fini(&s2);
	bytes_fini(&v[0].data);
	bytes_fini(&v[1].data);
}

static void
a_change_stores_little_more_than_itself(void **state)
{
	struct piece v[1] = { { "a", { 0 } } };
	struct repo_snapshot s1, s2;
	struct bytes first;

	make_rows(&v[0].data, 1, 200000, 0);
	backup(*state, v, 1, 1, &s1);
	first = v[0].data;
	make_rows(&v[0].data, 1, 200000, 7);
	backup(*state, v, 1, 1, &s2);
	/* 1 % of the rows, at chunks of some five rows. */
	assert_in_range(s2.new_bytes, 1, s2.bytes / 10);
	expect_same(*state, &s2, v, 1);
	bytes_fini(&v[0].data);
	v[0].data = first;
	expect_same(*state, &s1, v, 1);
	repo_snapshot_fini(&s1);
	repo_snapshot_fini(&s2);
	bytes_fini(&v[0].data);
}

static void
a_renamed_table_is_found_by_hooks(void **state)
{
	struct piece v[1] = { { "a", { 0 } } };
	struct repo_snapshot s1, s2;

	make_rows(&v[0].data, 1, 100000, 0);
	backup(*state, v, 1, 1, &s1);
	v[0].name = "renamed";
	backup(*state, v, 1, 1, &s2);
	assert_in_range(s2.new_bytes, 0, s2.bytes / 20);
	expect_same(*state, &s2, v, 1);
	repo_snapshot_fini(&s1);
	repo_snapshot_fini(&s2);
	bytes_fini(&v[0].data);
}

struct victim {
	struct world *w;
	size_t left;
	char name[TRANSPORT_NAME_MAX + 1];
	uint64_t size;
};

static enum snap_code
pick(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct victim *v = arg;

	(void)err;
	if (v->left-- == 0) {
		memcpy(v->name, name, strlen(name) + 1);
		v->size = st->size;
	}
	return SNAP_OK;
}

/* Damage any one data pack: the restore must fail, not differ. */
static void
a_damaged_pack_never_gives_other_bytes(void **state)
{
	struct piece v[1] = { { "a", { 0 } } };
	struct snap_err err = SNAP_ERR_INIT;
	struct victim victim = { .w = *state };
	struct world *w = *state;
	struct repo_snapshot s;
	uint64_t x = 5;
	size_t n;

	make_rows(&v[0].data, 1, 50000, 0);
	backup(w, v, 1, 1, &s);
	for (int round = 0; round < 30; round++) {
		victim.left = next_random(&x) % 3;
		victim.name[0] = '\0';
		ok(transport_list(w->t, "data/", pick, &victim, &err), &err);
		if (victim.name[0] == '\0')
			continue;
		uint64_t off = next_random(&x) % victim.size;

		assert_true(mem_store_flip(w->mem, victim.name, off, 0x10));
		/* Padding and trailer are not read by a restore. */
		if (read_back(w, &s, v, 1, &n, &err) == SNAP_OK)
			assert_int_equal(n, 1);
		else
			assert_int_equal(err.code, SNAP_CORRUPT);
		assert_true(mem_store_flip(w->mem, victim.name, off, 0x10));
	}
	expect_same(w, &s, v, 1);
	repo_snapshot_fini(&s);
	bytes_fini(&v[0].data);
}

/* Once where the blocks of a span are held (16 of 64 KiB) and once where it is
 * in too many pieces for that. */
static void
nothing_of_a_span_leaves_before_all_of_it_verified(void **state)
{
	struct piece v[1] = { { "a", { 0 } } };
	struct compare c = { .sink = { &cmp_ops }, .v = v, .n = 1 };
	struct snap_err err = SNAP_ERR_INIT;
	struct victim victim = { .w = *state };
	struct world *w = *state;
	struct repo_manifest *m;
	struct repo_snapshot s;
	unsigned n_failed = 0;

	for (uint32_t rows = 12000; rows < 50000; rows += 36000) {
		make_rows(&v[0].data, rows, rows, 0);
		backup(w, v, 1, 1, &s);
		ok(repo_manifest(w->repo, &s, &m, &err), &err);
		for (size_t i = 0; i < 8; i++) {
			victim.left = i;
			victim.name[0] = '\0';
			ok(transport_list(w->t, "data/", pick, &victim, &err),
			    &err);
			if (victim.name[0] == '\0')
				break;
			assert_true(mem_store_flip(
			    w->mem, victim.name, victim.size / 4 * 3, 0x10));
			c.off = 0;
			if (repo_read(w->repo, m, NULL, NULL, &c.sink, &err) !=
			    SNAP_OK) {
				assert_int_equal(c.off, 0);
				n_failed++;
			}
			assert_true(mem_store_flip(
			    w->mem, victim.name, victim.size / 4 * 3, 0x10));
		}
		repo_manifest_free(m);
		repo_snapshot_fini(&s);
		bytes_fini(&v[0].data);
	}
	assert_true(n_failed >= 3);
}

static void
an_aborted_backup_leaves_no_snapshot_and_is_reused(void **state)
{
	struct repo_backup_opts o = { .n_lanes = 1, .database = "db" };
	struct piece v[1] = { { "a", { 0 } } };
	struct snap_err err = SNAP_ERR_INIT;
	struct world *w = *state;
	struct repo_snapshots all;
	struct repo_backup *b;
	struct repo_snapshot s;

	make_rows(&v[0].data, 1, 100000, 0);
	ok(repo_backup_begin(w->repo, &o, &b, &err), &err);
	push(repo_backup_lane(b, 0), &v[0], 65536);
	repo_backup_abort(b);
	ok(repo_snapshots(w->repo, &all, &err), &err);
	assert_int_equal(all.n, 0);
	repo_snapshots_free(&all);
	backup(w, v, 1, 1, &s);
	expect_same(w, &s, v, 1);
	repo_snapshot_fini(&s);
	bytes_fini(&v[0].data);
}

/* Each lane that ends so stops all others: none may be gone by then. */
static void
many_waiting_lanes_can_be_aborted(void **state)
{
	struct repo_backup_opts o = { .n_lanes = 16, .database = "db" };
	struct snap_err err = SNAP_ERR_INIT;
	struct world *w = *state;
	struct repo_snapshots all;
	struct repo_backup *b;

	for (int i = 0; i < 20; i++) {
		ok(repo_backup_begin(w->repo, &o, &b, &err), &err);
		repo_backup_abort(b);
	}
	ok(repo_snapshots(w->repo, &all, &err), &err);
	assert_int_equal(all.n, 0);
	repo_snapshots_free(&all);
}

/* Begin a backup; what the calls named in `steps` (Begin, Data, End) and then
 * the commit say. */
static enum snap_code
steps(struct world *w, const char *steps, const struct repo_property *props,
    size_t n_props)
{
	struct repo_backup_opts o = { .n_lanes = 1, .database = "db" };
	struct stream_meta m = { .kind = STREAM_TABLE,
		.cutter = CUTTER_ROWS,
		.name = span_str("t") };
	struct snap_err err = SNAP_ERR_INIT;
	enum snap_code rc = SNAP_OK;
	struct repo_snapshots all;
	struct repo_snapshot s;
	struct repo_backup *b;
	struct sink *sink;
	size_t before;

	ok(repo_snapshots(w->repo, &all, &err), &err);
	before = all.n;
	repo_snapshots_free(&all);
	ok(repo_backup_begin(w->repo, &o, &b, &err), &err);
	sink = repo_backup_lane(b, 0);
	for (; *steps != '\0' && rc == SNAP_OK; steps++)
		rc = *steps == 'B' ? sink_begin(sink, &m, &err)
		     : *steps == 'D'
			 ? sink_data(sink, span_str("1\trow\n"), &err)
			 : sink_end(sink, 1, &err);
	rc = repo_backup_commit(b, props, n_props, &s, &err);
	if (rc == SNAP_OK)
		repo_snapshot_fini(&s);
	ok(repo_snapshots(w->repo, &all, &err), &err);
	assert_int_equal(all.n, before + (rc == SNAP_OK));
	assert_int_equal(all.n_damaged, 0);
	repo_snapshots_free(&all);
	return rc;
}

static void
a_stream_that_was_not_ended_is_no_snapshot(void **state)
{
	struct world *w = *state;

	assert_int_equal(steps(w, "BDE", NULL, 0), SNAP_OK);
	assert_int_equal(steps(w, "BD", NULL, 0), SNAP_USAGE);
	assert_int_equal(steps(w, "B", NULL, 0), SNAP_USAGE);
	assert_int_equal(steps(w, "BDB", NULL, 0), SNAP_USAGE);
	assert_int_equal(steps(w, "D", NULL, 0), SNAP_USAGE);
	assert_int_equal(steps(w, "E", NULL, 0), SNAP_USAGE);
	assert_int_equal(steps(w, "BDED", NULL, 0), SNAP_USAGE);
}

static void
properties_that_no_reader_takes_make_no_snapshot(void **state)
{
	char *value = calloc((1u << 20) + 2, 1);
	struct repo_property large = { "database", value };
	struct repo_property twice[] = { { "a", "1" }, { "a", "2" } };
	struct repo_property unnamed = { "", "1" };
	struct world *w = *state;

	assert_non_null(value);
	memset(value, 'x', (1u << 20) + 1);
	assert_int_not_equal(steps(w, "BDE", &large, 1), SNAP_OK);
	assert_int_not_equal(steps(w, "BDE", twice, 2), SNAP_OK);
	assert_int_not_equal(steps(w, "BDE", &unnamed, 1), SNAP_OK);
	value[1u << 20] = '\0';
	assert_int_equal(steps(w, "BDE", &large, 1), SNAP_OK);
	free(value);
}

static void
two_streams_of_one_name_are_refused(void **state)
{
	struct repo_backup_opts o = { .n_lanes = 1, .database = "db" };
	struct piece v[1] = { { "a", { 0 } } };
	struct snap_err err = SNAP_ERR_INIT;
	struct world *w = *state;
	struct repo_snapshot s;
	struct repo_backup *b;

	make_rows(&v[0].data, 1, 10, 0);
	ok(repo_backup_begin(w->repo, &o, &b, &err), &err);
	push(repo_backup_lane(b, 0), &v[0], 65536);
	push(repo_backup_lane(b, 0), &v[0], 65536);
	assert_int_equal(repo_backup_commit(b, NULL, 0, &s, &err), SNAP_USAGE);
	bytes_fini(&v[0].data);
}

static void
cancelling_stops_a_backup_and_a_read(void **state)
{
	struct repo_backup_opts o = { .n_lanes = 1, .database = "db" };
	struct stream_meta m = { .kind = STREAM_RAW,
		.cutter = CUTTER_BYTES,
		.name = span_str("x") };
	struct piece v[1] = { { "a", { 0 } } };
	struct snap_err err = SNAP_ERR_INIT;
	struct world *w = *state;
	struct repo_snapshot s;
	struct repo_backup *b;
	size_t n;

	make_rows(&v[0].data, 1, 1000, 0);
	backup(w, v, 1, 1, &s);
	ok(repo_backup_begin(w->repo, &o, &b, &err), &err);
	ok(sink_begin(repo_backup_lane(b, 0), &m, &err), &err);
	atomic_store(&w->cancel, 1);
	assert_int_equal(
	    sink_data(repo_backup_lane(b, 0), bytes_span(&v[0].data), &err),
	    SNAP_CANCELLED);
	repo_backup_abort(b);
	assert_int_equal(read_back(w, &s, v, 1, &n, &err), SNAP_CANCELLED);
	repo_snapshot_fini(&s);
	bytes_fini(&v[0].data);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_went_in_comes_out),
		T(an_unchanged_database_stores_no_new_byte),
		T(a_change_stores_little_more_than_itself),
		T(a_renamed_table_is_found_by_hooks),
		T(a_damaged_pack_never_gives_other_bytes),
		T(nothing_of_a_span_leaves_before_all_of_it_verified),
		T(an_aborted_backup_leaves_no_snapshot_and_is_reused),
		T(many_waiting_lanes_can_be_aborted),
		T(a_stream_that_was_not_ended_is_no_snapshot),
		T(properties_that_no_reader_takes_make_no_snapshot),
		T(two_streams_of_one_name_are_refused),
		T(cancelling_stops_a_backup_and_a_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
