/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_failures.c - memory or the store fail at any point: a failure that says
 * so, and nothing else.
 *
 * Each operation is repeated with its first, second ... allocation or request
 * failing until it gets through.  It must leak nothing (the sanitizers look)
 * and never leave a snapshot that cannot be read.  Allocations of long
 * operations are sampled: threads make their order another one in each run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "mem.h"
#include "oom.h"
#include "repo.h"
#include "samples.h"

#define ROWS 3000

static uint64_t
after(uint64_t n)
{
	return n + 1 + n / 8;
}

static void
codecs_fail_cleanly(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes in, out;
	enum snap_code rc;
	bool struck;

	(void)state;
	for (int i = 0; i < SAMPLE_COUNT; i++) {
		bytes_init(&in, 1 << 20);
		sample_make((enum sample)i, &in);
		assert_false(in.bad);
		struck = true;
		for (uint64_t n = 1; struck; n++) {
			bytes_init(&out, 1 << 20);
			oom_arm(n);
			rc = sample_again(
			    (enum sample)i, bytes_span(&in), &out, &err);
			struck = oom_disarm();
			if (struck)
				assert_true(rc == SNAP_NOMEM || out.bad);
			else
				assert_int_equal(rc, SNAP_OK);
			bytes_fini(&out);
			/* And to encode it in the first place. */
			oom_arm(n);
			sample_make((enum sample)i, &out);
			if (oom_disarm())
				assert_true(out.bad || i == SAMPLE_SEGMENT);
			bytes_fini(&out);
		}
		bytes_fini(&in);
	}
}

struct world {
	struct mem_store *mem;
	struct transport *t;
	struct bytes rows, more;
	bool is_changed; /* `more` has grown since the first snapshot */
	char code[128];
	struct repo_opts by_code; /* spares Argon2id, hundreds of times */
};

static const struct repo_opts opts = {
	.passphrase = { (const uint8_t *)"pw", 2 }, .n_threads = 2
};

static void
ok(enum snap_code rc, const struct snap_err *err)
{
	if (rc != SNAP_OK)
		fail_msg("%s (%s)", err->msg, err->detail);
}

/* Nothing else went wrong, and that is what it says. */
static void
expect_nomem(enum snap_code rc, uint64_t n, const struct snap_err *err)
{
	if (rc != SNAP_NOMEM)
		fail_msg("allocation %u: %s: %s", (unsigned)n,
		    snap_code_name(rc), err->msg);
}

static void
make_rows(struct bytes *out, uint64_t x)
{
	bytes_init(out, 16 << 20);
	for (unsigned i = 0; i < ROWS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bytes_printf(out, "%u\tsome name %llx\n", i,
		    (unsigned long long)(i % 50 == 0 ? x : i * x));
	}
	assert_false(out->bad);
}

static enum snap_code
init(struct world *w, struct snap_err *err)
{
	struct repo_params p = { .kdf_mem_kib = 8192,
		.block_size = 64 << 10,
		.pack_size = 256 << 10 };
	uint8_t id[REPO_ID_LEN];
	enum snap_code rc = repo_init(w->t, &p, &opts, w->code, id, err);

	w->by_code = opts;
	if (rc == SNAP_OK) {
		w->by_code.passphrase = span_str(w->code);
		w->by_code.is_recovery_code = true;
	}
	return rc;
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct snap_err err = SNAP_ERR_INIT;

	assert_non_null(w);
	ok(mem_store_new(&w->mem, &err), &err);
	ok(transport_open_mem(w->mem, &w->t, &err), &err);
	make_rows(&w->rows, 88172645463325252u);
	make_rows(&w->more, 77172645463325252u);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	bytes_fini(&w->rows);
	bytes_fini(&w->more);
	transport_close(w->t);
	mem_store_free(w->mem);
	free(w);
	return 0;
}

static enum snap_code
push(struct sink *s, const char *name, const struct bytes *rows,
    struct snap_err *err)
{
	struct stream_meta m = { .kind = STREAM_TABLE,
		.cutter = CUTTER_ROWS,
		.name = span_str(name),
		.attr = span_str("COPY t") };
	enum snap_code rc = sink_begin(s, &m, err);

	if (rc == SNAP_OK)
		rc = sink_data(s, bytes_span(rows), err);
	if (rc == SNAP_OK)
		rc = sink_end(s, 1, err);
	return rc;
}

static enum snap_code
back_up(struct world *w, struct repo *r, struct snap_err *err)
{
	struct repo_backup_opts o = { .n_lanes = 2, .database = "db" };
	struct repo_property props[] = { { "database", "db" } };
	struct repo_snapshot out;
	struct repo_backup *b;
	enum snap_code rc = repo_backup_begin(r, &o, &b, err);

	if (rc != SNAP_OK)
		return rc;
	rc = push(repo_backup_lane(b, 0), "a", &w->rows, err);
	if (rc == SNAP_OK)
		rc = push(repo_backup_lane(b, 1), "b", &w->more, err);
	if (rc != SNAP_OK) {
		repo_backup_abort(b);
		return rc;
	}
	rc = repo_backup_commit(b, props, 1, &out, err);
	if (rc == SNAP_OK)
		repo_snapshot_fini(&out);
	return rc;
}

struct compare {
	struct sink sink;
	const struct world *w;
	const struct bytes *cur;
	bool is_more;
	size_t off, n;
};

static enum snap_code
cmp_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	struct compare *c = (struct compare *)s;

	(void)err;
	c->is_more = !span_eq(m->name, span_str("a"));
	c->cur = c->is_more ? &c->w->more : &c->w->rows;
	c->off = 0;
	return SNAP_OK;
}

static enum snap_code
cmp_data(struct sink *s, struct span d, struct snap_err *err)
{
	struct compare *c = (struct compare *)s;

	(void)err;
	assert_true(d.len <= c->cur->len - c->off);
	assert_memory_equal(d.p, c->cur->p + c->off, d.len);
	c->off += d.len;
	return SNAP_OK;
}

static enum snap_code
cmp_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	struct compare *c = (struct compare *)s;

	(void)rows;
	(void)err;
	/* An older snapshot ends earlier. */
	if (!c->is_more || !c->w->is_changed)
		assert_int_equal(c->off, c->cur->len);
	else
		assert_in_range(c->off, c->cur->len - 20, c->cur->len);
	c->n++;
	return SNAP_OK;
}

/* All snapshots of `r`; what comes out is right or it fails. */
static enum snap_code
read_all(
    struct world *w, struct repo *r, size_t *n_snapshots, struct snap_err *err)
{
	static const struct sink_ops ops = { cmp_begin, cmp_data, cmp_end };
	struct repo_snapshots all;
	struct repo_manifest *m;
	enum snap_code rc = repo_snapshots(r, &all, err);

	if (rc != SNAP_OK)
		return rc;
	*n_snapshots = all.n;
	for (size_t i = 0; i < all.n && rc == SNAP_OK; i++) {
		struct compare c = { { &ops }, w, NULL, false, 0, 0 };

		rc = repo_manifest(r, &all.v[i], &m, err);
		if (rc != SNAP_OK)
			break;
		rc = repo_read(r, m, NULL, NULL, &c.sink, err);
		if (rc == SNAP_OK)
			assert_int_equal(c.n, 2);
		repo_manifest_free(m);
	}
	repo_snapshots_free(&all);
	return rc;
}

static void
init_fails_cleanly_and_can_be_told_from_a_whole_one(void **state)
{
	struct world *w = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;
	enum snap_code rc;
	bool struck = true;

	for (uint64_t n = 1; struck; n++) {
		teardown(state);
		setup(state);
		w = *state;
		oom_arm(n);
		rc = init(w, &err);
		struck = oom_disarm();
		if (rc == SNAP_OK) {
			ok(repo_open(w->t, &opts, &r, &err), &err);
			repo_close(r);
		} else {
			assert_true(struck);
			assert_int_equal(rc, SNAP_NOMEM);
			assert_int_not_equal(
			    repo_open(w->t, &opts, &r, &err), SNAP_OK);
		}
	}
}

static void
opening_fails_cleanly(void **state)
{
	struct world *w = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;
	enum snap_code rc;
	bool struck = true;

	ok(init(w, &err), &err);
	for (uint64_t n = 1; struck; n++) {
		oom_arm(n);
		rc = repo_open(w->t, &opts, &r, &err);
		struck = oom_disarm();
		if (rc == SNAP_OK)
			repo_close(r);
		else
			expect_nomem(rc, n, &err);
	}
}

static void
a_backup_fails_and_leaves_nothing_broken(void **state)
{
	struct world *w = *state, copy;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;
	size_t n_seen;
	enum snap_code rc;
	bool struck = true;

	ok(init(w, &err), &err);
	for (uint64_t n = 1; struck; n = after(n)) {
		copy = *w;
		ok(mem_store_clone(w->mem, &copy.mem, &err), &err);
		ok(transport_open_mem(copy.mem, &copy.t, &err), &err);
		ok(repo_open(copy.t, &w->by_code, &r, &err), &err);
		oom_arm(n);
		rc = back_up(&copy, r, &err);
		struck = oom_disarm();
		repo_close(r);
		if (rc != SNAP_OK)
			expect_nomem(rc, n, &err);
		/* A confirmation may stand whose backup failed after it; what
		 * stands must be whole. */
		ok(repo_open(copy.t, &w->by_code, &r, &err), &err);
		ok(read_all(&copy, r, &n_seen, &err), &err);
		assert_in_range(n_seen, rc == SNAP_OK, 1);
		repo_close(r);
		transport_close(copy.t);
		mem_store_free(copy.mem);
	}
}

static void
a_restore_fails_or_delivers_everything(void **state)
{
	struct world *w = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;
	enum snap_code rc;
	bool struck = true;
	size_t n_seen;

	ok(init(w, &err), &err);
	ok(repo_open(w->t, &w->by_code, &r, &err), &err);
	ok(back_up(w, r, &err), &err);
	repo_close(r);
	for (uint64_t n = 1; struck; n = after(n)) {
		ok(repo_open(w->t, &w->by_code, &r, &err), &err);
		oom_arm(n);
		rc = read_all(w, r, &n_seen, &err);
		struck = oom_disarm();
		if (rc != SNAP_OK)
			expect_nomem(rc, n, &err);
		repo_close(r);
	}
}

/* Back up into a copy of the store whose nth request fails; what stands there
 * afterwards must be readable.  False when no request was the nth. */
static bool
back_up_failing(struct world *w, const struct fault_rule *rule)
{
	struct world copy = *w;
	struct transport *t, *inner;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;
	enum snap_code rc;
	size_t n_seen = 0;
	bool struck;

	ok(mem_store_clone(w->mem, &copy.mem, &err), &err);
	ok(transport_open_mem(copy.mem, &inner, &err), &err);
	ok(transport_open_mem(copy.mem, &copy.t, &err), &err);
	ok(transport_open_fault(inner, &t, &err), &err);
	ok(fault_add(t, rule, &err), &err);
	rc = repo_open(t, &w->by_code, &r, &err);
	if (rc == SNAP_OK)
		rc = back_up(&copy, r, &err);
	repo_close(r);
	struck = fault_calls(t, rule->op) >= rule->nth;
	transport_close(t);
	if (rc != SNAP_OK)
		assert_int_equal(rc, rule->code);
	ok(repo_open(copy.t, &w->by_code, &r, &err), &err);
	ok(read_all(&copy, r, &n_seen, &err), &err);
	repo_close(r);
	/* The first, and the second where it was said to stand. */
	assert_in_range(n_seen, rc == SNAP_OK ? 2 : 1, 2);
	transport_close(copy.t);
	mem_store_free(copy.mem);
	return struck;
}

static void
no_failing_request_leaves_a_broken_snapshot(void **state)
{
	static const struct fault_rule rules[] = {
		{ FAULT_ANY, FAULT_BEFORE, SNAP_IO, NULL, 0, 1, 0 },
		{ FAULT_ANY, FAULT_BEFORE, SNAP_IO, NULL, 0, FAULT_FOREVER, 0 },
		{ FAULT_PUT, FAULT_AFTER, SNAP_TRANSIENT, NULL, 0, 1, 0 },
	};
	struct world *w = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;

	ok(init(w, &err), &err);
	ok(repo_open(w->t, &w->by_code, &r, &err), &err);
	ok(back_up(w, r, &err), &err);
	repo_close(r);
	/* The second backup has something to store, and to look up. */
	bytes_printf(&w->more, "one more row\n");
	w->is_changed = true;
	for (size_t k = 0; k < sizeof rules / sizeof rules[0]; k++) {
		struct fault_rule rule = rules[k];

		for (rule.nth = 1; back_up_failing(w, &rule); rule.nth++)
			;
		assert_true(rule.nth > 5);
	}
}

/* Open and restore everything over requests of which one goes wrong. */
static bool
restore_failing(struct world *w, const struct fault_rule *rule)
{
	struct transport *t, *inner;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;
	enum snap_code rc;
	size_t n_seen = 0;
	bool struck;

	ok(transport_open_mem(w->mem, &inner, &err), &err);
	ok(transport_open_fault(inner, &t, &err), &err);
	ok(fault_add(t, rule, &err), &err);
	rc = repo_open(t, &w->by_code, &r, &err);
	if (rc == SNAP_OK)
		rc = read_all(w, r, &n_seen, &err);
	repo_close(r);
	struck = fault_calls(t, rule->op) >= rule->nth;
	transport_close(t);
	if (rc != SNAP_OK) {
		assert_true(struck);
		assert_string_not_equal(err.msg, "");
	}
	if (rc != SNAP_OK && rule->kind == FAULT_BEFORE)
		assert_int_equal(rc, rule->code);
	return struck;
}

static void
a_restore_over_bad_answers_is_right_or_fails(void **state)
{
	static const struct fault_rule rules[] = {
		{ FAULT_ANY, FAULT_BEFORE, SNAP_IO, NULL, 0, 1, 0 },
		{ FAULT_GET, FAULT_TRUNCATE, SNAP_OK, NULL, 0, 1, 0 },
		{ FAULT_GET, FAULT_TRUNCATE, SNAP_OK, NULL, 0, 1, 70 },
		{ FAULT_GET, FAULT_FLIP, SNAP_OK, NULL, 0, 1, 100 },
		{ FAULT_GET, FAULT_FLIP, SNAP_OK, NULL, 0, 1, 12345 },
	};
	struct world *w = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;

	ok(init(w, &err), &err);
	ok(repo_open(w->t, &w->by_code, &r, &err), &err);
	ok(back_up(w, r, &err), &err);
	repo_close(r);
	for (size_t k = 0; k < sizeof rules / sizeof rules[0]; k++) {
		struct fault_rule rule = rules[k];

		for (rule.nth = 1; restore_failing(w, &rule); rule.nth++)
			;
		assert_true(rule.nth > 5);
	}
}

static enum snap_code
care(struct repo *r, struct snap_err *err)
{
	struct repo_check_opts o = { .read_data = true, .data_percent = 100 };
	struct repo_check_result res;
	struct repo_stats stats;
	uint64_t n;
	enum snap_code rc = repo_check(r, &o, &res, err);

	if (rc == SNAP_OK)
		rc = repo_repair_index(r, &n, err);
	if (rc == SNAP_OK)
		rc = repo_stats(r, &stats, err);
	return rc;
}

/* Damage is never invented: out of memory is not "this pack is bad". */
static void
check_repair_and_stats_fail_cleanly(void **state)
{
	struct world *w = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;
	enum snap_code rc;
	bool struck = true;

	ok(init(w, &err), &err);
	ok(repo_open(w->t, &w->by_code, &r, &err), &err);
	ok(back_up(w, r, &err), &err);
	repo_close(r);
	for (uint64_t n = 1; struck; n = after(n)) {
		ok(repo_open(w->t, &w->by_code, &r, &err), &err);
		oom_arm(n);
		rc = care(r, &err);
		struck = oom_disarm();
		if (rc != SNAP_OK)
			expect_nomem(rc, n, &err);
		repo_close(r);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codecs_fail_cleanly),
		TEST(init_fails_cleanly_and_can_be_told_from_a_whole_one),
		TEST(opening_fails_cleanly),
		TEST(a_backup_fails_and_leaves_nothing_broken),
		TEST(a_restore_fails_or_delivers_everything),
		TEST(no_failing_request_leaves_a_broken_snapshot),
		TEST(a_restore_over_bad_answers_is_right_or_fails),
		TEST(check_repair_and_stats_fail_cleanly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
