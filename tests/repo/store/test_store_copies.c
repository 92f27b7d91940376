/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_store_copies.c - one object that cannot be had or is damaged, and copies
 * that lie, hide nothing that is good beside them.
 */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "pruned.h"
#include "readblock.h"
#include "run.h"

#define PACK (256u << 10)

/* Blocks [0, to) as a restore reads them, whole. */
static enum snap_code
read_blocks(struct store *s, unsigned to, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	struct read_block b;
	struct made m;

	for (unsigned i = 0; i < to && rc == SNAP_OK; i++) {
		make_block(s, i, &m);
		rc = store_read_block(s, m.f.id, NULL, &b, err);
		if (rc == SNAP_OK) {
			assert_int_equal(b.n_found, b.n);
			read_block_fini(&b);
		}
		made_fini(&m);
	}
	return rc;
}

/* From here on the store cannot give what is below `prefix`. */
static struct transport *
bad_sectors(struct world *w, const char *prefix)
{
	const struct fault_rule rule = { FAULT_GET, FAULT_BEFORE, SNAP_IO,
		prefix, 0, FAULT_FOREVER, 0 };
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t = faulty(w);

	assert_int_equal(fault_add(t, &rule, &err), SNAP_OK);
	return t;
}

/* Blocks [0, 5) by the segment of that name, [5, 10) by another. */
static void
two_segments(struct world *w, char name[TRANSPORT_NAME_MAX + 1])
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[ID_LEN];
	struct store *s = world_filled(w, PACK, 5);

	nth_name(w->t, "index/", 0, name);
	assert_int_equal(backup(s, 5, 10, id, &err), SNAP_OK);
	store_close(s);
}

static void
told_to_repair(const struct world *w, const char *name)
{
	assert_non_null(strstr(w->last, name));
	assert_non_null(strstr(w->last, "repair index"));
}

static void
a_damaged_index_segment_is_named_and_skipped(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct store *s;
	struct world w;

	(void)state;
	two_segments(&w, name);
	assert_true(mem_store_flip(w.mem, name, 90, 1));
	s = look_again(&w, NULL);
	told_to_repair(&w, name);
	assert_int_equal(read_range(s, 0, 5, &err), SNAP_NOTFOUND);
	assert_int_equal(read_range(s, 5, 10, &err), SNAP_OK);
	store_close(s);
	world_close(&w);
}

static void
a_segment_on_a_bad_sector_is_named_and_skipped(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct transport *t;
	struct store *s;
	struct world w;

	(void)state;
	two_segments(&w, name);
	t = bad_sectors(&w, name);
	s = open_on(&w, t, "secret", NULL);
	assert_int_equal(store_look(s, &err), SNAP_OK);
	told_to_repair(&w, name);
	assert_int_equal(read_range(s, 5, 10, &err), SNAP_OK);
	store_close(s);
	transport_close(t);
	world_close(&w);
}

static void
a_slot_on_a_bad_sector_leaves_the_other(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct transport *good, *t;
	int opened = 0;
	struct world w;

	(void)state;
	world_open(&w, PACK);
	good = w.t;
	for (size_t i = 0; i < 2; i++) {
		nth_name(good, "keys/", i, name);
		w.t = t = bad_sectors(&w, name);
		opened += try_open(&w, "secret", false, &err) == SNAP_OK;
		opened += try_open(&w, w.code, true, &err) == SNAP_OK;
		assert_non_null(strstr(w.last, name));
		transport_close(t);
	}
	assert_int_equal(opened, 2);
	w.t = t = bad_sectors(&w, "keys/");
	assert_int_equal(try_open(&w, "secret", false, &err), SNAP_IO);
	transport_close(t);
	w.t = good;
	world_close(&w);
}

/* The same blocks in two packs, and either pack's sectors go bad. */
static void
a_pack_on_a_bad_sector_leaves_the_other_copy(void **state)
{
	static const char *const kinds[] = { "data/", "meta/" };
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct store *s;
	struct transport *t;
	struct world w;

	(void)state;
	world_twice(&w, PACK, 3);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(count_names(w.t, kinds[i / 2]), 2);
		nth_name(w.t, kinds[i / 2], i % 2, name);
		t = bad_sectors(&w, name);
		s = open_on(&w, t, "secret", NULL);
		assert_int_equal(store_look(s, &err), SNAP_OK);
		if (read_range(s, 0, 3, &err) != SNAP_OK ||
		    read_blocks(s, 3, &err) != SNAP_OK)
			fail_msg("%s: %s", name, err.msg);
		store_close(s);
		transport_close(t);
		t = bad_sectors(&w, kinds[i / 2]);
		s = open_on(&w, t, "secret", NULL);
		assert_int_equal(store_look(s, &err), SNAP_OK);
		assert_int_equal(read_range(s, 0, 3, &err), SNAP_IO);
		store_close(s);
		transport_close(t);
	}
	world_close(&w);
}

/* Whoever stole a host key stores nonsense under a true name, again and
 * again; the one good copy is found behind it, wherever it stands. */
static void
forty_bad_copies_do_not_hide_the_good_one(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct copy copies[4], last;
	uint8_t block[1][ID_LEN];
	size_t n, n_seen = 0;
	struct store *s;
	struct made m;
	struct world w;

	(void)state;
	s = world_filled(&w, PACK, 1);
	nth_name(w.t, "data/", 0, name);
	make_block(s, 0, &m);
	memcpy(block[0], m.f.id, ID_LEN);
	made_fini(&m);
	for (size_t i = 0; i < 40; i++)
		pruned_garbage(s, (const uint8_t(*)[ID_LEN])block, 1, NULL);
	store_close(s);
	for (int last_of_all = 0; last_of_all < 2; last_of_all++) {
		if (last_of_all)
			assert_true(mem_store_set_object_time(
			    w.mem, name, INT64_MAX / 2));
		s = look_again(&w, NULL);
		if (read_range(s, 0, 1, &err) != SNAP_OK ||
		    read_blocks(s, 1, &err) != SNAP_OK)
			fail_msg("%s", err.msg);
		n = store_copies(s, CLASS_DATA, block[0], copies, 4);
		for (n_seen = 0; n > 0;) {
			n_seen += n;
			last = copies[n - 1];
			n = store_copies_after(
			    s, CLASS_DATA, block[0], &last, copies, 4);
		}
		assert_int_equal(n_seen, 41);
		store_close(s);
	}
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_damaged_index_segment_is_named_and_skipped),
		cmocka_unit_test(
		    a_segment_on_a_bad_sector_is_named_and_skipped),
		cmocka_unit_test(a_slot_on_a_bad_sector_leaves_the_other),
		cmocka_unit_test(a_pack_on_a_bad_sector_leaves_the_other_copy),
		cmocka_unit_test(forty_bad_copies_do_not_hide_the_good_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
