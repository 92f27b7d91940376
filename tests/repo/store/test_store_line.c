/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_store_line.c - what a line spoiled is got once more, and found whole;
 * what is damaged where it lies is damaged after the second time as well.
 */
#include <string.h>

#include "harness.h"
#include "readblock.h"
#include "transport_impl.h"

#define PACK (256u << 10)
#define BLOCKS 6

/* A handle on the store, near or far, on which rules can be put. */
static struct transport *
line_to(struct world *w, bool is_remote)
{
	struct transport *t = faulty(w);

	t->is_remote = is_remote;
	return t;
}

static void
flip(struct transport *t, uint64_t nth, uint64_t times, size_t at)
{
	const struct fault_rule rule = { .op = FAULT_GET,
		.kind = FAULT_FLIP,
		.nth = nth,
		.times = times,
		.at = at };
	struct snap_err err = SNAP_ERR_INIT;

	assert_int_equal(fault_add(t, &rule, &err), SNAP_OK);
}

/* All that a restore reads, and a pack's own contents; the first failure. */
static enum snap_code
read_all(struct world *w, struct transport *t, const uint8_t snapshot[ID_LEN],
    struct snap_err *err)
{
	const struct store_opts o = { .passphrase = span_str("secret"),
		.n_threads = 1,
		.report = &w->report };
	struct transport_stat st;
	char name[TRANSPORT_NAME_MAX + 1];
	uint8_t kind, pack[ID_LEN];
	struct store_body b;
	struct read_block block;
	struct store *s;
	struct made m;
	enum snap_code rc = store_open(t, &o, &s, err);

	if (rc != SNAP_OK)
		return rc;
	rc = store_look(s, err);
	if (rc == SNAP_OK)
		rc = store_get_body(s, OBJ_SNAPSHOT, snapshot, &b, err);
	if (rc == SNAP_OK) {
		store_body_fini(&b);
		rc = read_range(s, 0, BLOCKS, err);
	}
	for (unsigned i = 0; i < BLOCKS && rc == SNAP_OK; i++) {
		make_block(s, i, &m);
		rc = store_read_block(s, m.f.id, NULL, &block, err);
		if (rc == SNAP_OK)
			read_block_fini(&block);
		made_fini(&m);
	}
	nth_name(w->t, "data/", 0, name);
	assert_true(store_name_parse(name, &kind, pack));
	if (rc == SNAP_OK)
		rc = transport_stat(w->t, name, &st, err);
	if (rc == SNAP_OK)
		rc = store_get_contents(s, kind, pack, st.size, &b, err);
	if (rc == SNAP_OK)
		store_body_fini(&b);
	store_close(s);
	return rc;
}

static void
make_world(struct world *w, uint8_t snapshot[ID_LEN])
{
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s;

	world_open(w, PACK);
	s = open_store(w, NULL);
	assert_int_equal(backup(s, 0, BLOCKS, snapshot, &err), SNAP_OK);
	store_close(s);
}

/* Gets of one read_all() without faults. */
static uint64_t
count_gets(struct world *w, const uint8_t *snapshot)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = line_to(w, true);
	uint64_t n;

	assert_int_equal(read_all(w, t, snapshot, &err), SNAP_OK);
	n = fault_calls(t, FAULT_GET);
	transport_close(t);
	return n;
}

static void
each_get_may_be_spoiled_once(void **state)
{
	/* Of the first bytes, some in the middle, the last. */
	static const size_t places[] = { 0, 9, 12, 60, 65, 1000, SIZE_MAX };
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t snapshot[ID_LEN];
	struct transport *t;
	struct world w;
	uint64_t n;

	(void)state;
	make_world(&w, snapshot);
	n = count_gets(&w, snapshot);
	assert_true(n > BLOCKS + 5);
	for (uint64_t i = 1; i <= n; i++) {
		for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
			t = line_to(&w, true);
			flip(t, i, 1, places[k]);
			if (read_all(&w, t, snapshot, &err) != SNAP_OK)
				fail_msg("get %u, byte %zu: %s", (unsigned)i,
				    places[k], err.msg);
			/* The three ranges of a pack's contents are one. */
			assert_in_range(
			    fault_calls(t, FAULT_GET), n + 1, n + 3);
			transport_close(t);
		}
	}
	assert_int_equal(w.warnings, 0);
	world_close(&w);
}

static void
damage_at_rest_is_told_after_the_second_time(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	uint8_t snapshot[ID_LEN];
	struct transport *t;
	uint64_t n[2];
	struct world w;

	(void)state;
	make_world(&w, snapshot);
	nth_name(w.t, "data/", 0, name);
	/* In the first frame: behind the header. */
	assert_true(mem_store_flip(w.mem, name, 100, 1));
	for (int far = 0; far < 2; far++) {
		t = line_to(&w, far);
		assert_int_equal(read_all(&w, t, snapshot, &err), SNAP_CORRUPT);
		assert_non_null(strstr(err.msg, "does not verify"));
		n[far] = fault_calls(t, FAULT_GET);
		transport_close(t);
	}
	assert_int_equal(n[1], n[0] + 1);
	world_close(&w);
}

static void
what_comes_spoiled_twice_is_damaged(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t snapshot[ID_LEN];
	struct transport *t;
	struct world w;

	(void)state;
	make_world(&w, snapshot);
	t = line_to(&w, true);
	flip(t, 1, 2, 100);
	assert_int_equal(read_all(&w, t, snapshot, &err), SNAP_CORRUPT);
	transport_close(t);
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_get_may_be_spoiled_once),
		cmocka_unit_test(damage_at_rest_is_told_after_the_second_time),
		cmocka_unit_test(what_comes_spoiled_twice_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
