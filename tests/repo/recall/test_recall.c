/* SPDX-License-Identifier: PostgreSQL */
/* test_recall.c - the memory keeps its bounds, and what matters most. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "recall.h"

#define MANY (RECALL_SNAPSHOTS_MAX + 500)

static struct recall_snapshot
snapshot(uint32_t number, uint8_t group, int64_t time_ns)
{
	struct recall_snapshot s;

	memset(&s, 0, sizeof s);
	le32_put(s.id, number);
	s.group[0] = group;
	s.time_ns = time_ns;
	return s;
}

static void
add(struct recall *r, uint32_t number, uint8_t group, int64_t time_ns)
{
	struct recall_snapshot s = snapshot(number, group, time_ns);
	struct snap_err err = SNAP_ERR_INIT;

	assert_int_equal(recall_add_snapshot(r, &s, &err), SNAP_OK);
}

static void
beyond_the_bound_the_oldest_go_but_the_newest_of_a_group_stays(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t old_group[ID_LEN] = { 9 }, gone_group[ID_LEN] = { 7 };
	struct recall r = { .wall_ns = 1 };

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		add(&r, i, 1, 1000 + i);
	add(&r, 1u << 30, 9, 1); /* older than all of the others */
	add(&r, (1u << 30) + 1, 9, 2);
	assert_int_equal(recall_add_group(&r, old_group, "old", &err), SNAP_OK);
	assert_int_equal(
	    recall_add_group(&r, gone_group, "gone", &err), SNAP_OK);
	recall_trim(&r);
	assert_int_equal(r.n_snapshots, RECALL_SNAPSHOTS_MAX);
	assert_non_null(recall_find(&r, snapshot((1u << 30) + 1, 9, 2).id));
	assert_null(recall_find(&r, snapshot(1u << 30, 9, 1).id));
	assert_non_null(recall_find(&r, snapshot(MANY - 1, 1, 0).id));
	assert_null(recall_find(&r, snapshot(0, 1, 0).id));
	assert_string_equal(recall_group_name(&r, old_group), "old");
	assert_null(recall_group_name(&r, gone_group));
	recall_fini(&r);
}

static void
findings_beyond_their_bound_push_out_the_oldest(void **state)
{
	struct repo_finding f = { .kind = REPO_FOUND_GONE };
	struct snap_err err = SNAP_ERR_INIT;
	struct recall r = { .wall_ns = 1 };

	(void)state;
	for (uint32_t i = 0; i < RECALL_FINDINGS_MAX + 10; i++) {
		f.n = i;
		assert_int_equal(recall_add_finding(&r, &f, &err), SNAP_OK);
	}
	assert_int_equal(r.n_findings, RECALL_FINDINGS_MAX);
	assert_int_equal(r.findings[0].n, 10);
	recall_fini(&r);
}

static void
what_is_written_is_read_and_nothing_shorter_or_longer(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct recall_list l = { .id = { 3 }, .n = 2, .packs = { { 4 } } };
	struct repo_finding f = { .kind = REPO_FOUND_BACK, .name = "shop" };
	struct recall r = { .wall_ns = 77, .saved_ns = 78 }, back;
	uint8_t group[ID_LEN] = { 1 };
	struct bytes b;

	(void)state;
	add(&r, 5, 1, 6);
	assert_int_equal(recall_add_group(&r, group, "shop", &err), SNAP_OK);
	assert_int_equal(recall_add_list(&r, &l, &err), SNAP_OK);
	assert_int_equal(recall_add_finding(&r, &f, &err), SNAP_OK);
	bytes_init(&b, 1 << 20);
	recall_encode(&r, &b);
	assert_int_equal(recall_decode(bytes_span(&b), &back, &err), SNAP_OK);
	assert_int_equal(back.wall_ns, 77);
	assert_int_equal(back.saved_ns, 78);
	assert_int_equal(back.snapshots[0].time_ns, 6);
	assert_string_equal(back.findings[0].name, "shop");
	assert_int_equal(back.lists[0].packs[0][0], 4);
	recall_fini(&back);
	for (size_t i = 0; i < b.len; i++)
		assert_int_equal(
		    recall_decode(span_of(b.p, i), &back, &err), SNAP_CORRUPT);
	bytes_u8(&b, 0);
	assert_int_equal(
	    recall_decode(bytes_span(&b), &back, &err), SNAP_CORRUPT);
	bytes_fini(&b);
	recall_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    beyond_the_bound_the_oldest_go_but_the_newest_of_a_group_stays),
		cmocka_unit_test(
		    findings_beyond_their_bound_push_out_the_oldest),
		cmocka_unit_test(
		    what_is_written_is_read_and_nothing_shorter_or_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
