/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_store.c - make, open, read; and what damage does to each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define PACK (256u << 10)

static void
opens_with_passphrase_or_code_and_nothing_else(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct world w;

	(void)state;
	world_open(&w, PACK);
	assert_int_equal(try_open(&w, "secret", false, &err), SNAP_OK);
	assert_int_equal(try_open(&w, w.code, true, &err), SNAP_OK);
	assert_int_equal(try_open(&w, "wrong", false, &err), SNAP_WRONG_KEY);
	assert_non_null(strstr(err.msg, "wrong passphrase"));
	assert_int_equal(try_open(&w, "", false, &err), SNAP_WRONG_KEY);
	assert_int_equal(try_open(&w, "abc", true, &err), SNAP_USAGE);
	world_close(&w);
}

static void
init_refuses_what_is_there_already(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct slot_cost cheap = SLOT_COST_TESTS;
	struct config c;
	struct world w;
	uint8_t id[ID_LEN];
	char code[128];

	(void)state;
	memset(&c, 0, sizeof c);
	world_open(&w, PACK);
	assert_int_equal(
	    store_init(w.t, &c, &cheap, span_str("x"), code, id, &err),
	    SNAP_EXISTS);
	assert_true(mem_store_remove(w.mem, "config"));
	assert_int_equal(
	    store_init(w.t, &c, &cheap, span_str("x"), code, id, &err),
	    SNAP_EXISTS);
	assert_non_null(strstr(err.msg, "half initialised"));
	assert_true(err.hint[0] != '\0');
	assert_int_equal(try_open(&w, "secret", false, &err), SNAP_NOREPO);
	assert_non_null(strstr(err.msg, "half initialised"));
	world_close(&w);
}

static void
an_empty_place_is_no_repository(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct world w;

	(void)state;
	world_open(&w, 0);
	assert_int_equal(try_open(&w, "secret", false, &err), SNAP_NOREPO);
	assert_non_null(strstr(err.msg, "no repository"));
	world_close(&w);
}

static void
a_damaged_slot_is_named_and_the_other_still_opens(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[2][TRANSPORT_NAME_MAX + 1];
	int opened = 0;
	struct world w;

	(void)state;
	world_open(&w, PACK);
	nth_name(w.t, "keys/", 0, name[0]);
	nth_name(w.t, "keys/", 1, name[1]);
	for (int i = 0; i < 2; i++) {
		assert_true(mem_store_flip(w.mem, name[i], 100, 1));
		opened += try_open(&w, "secret", false, &err) == SNAP_OK;
		opened += try_open(&w, w.code, true, &err) == SNAP_OK;
		assert_true(mem_store_flip(w.mem, name[i], 100, 1));
	}
	assert_int_equal(opened, 2);
	assert_true(w.warnings >= 2);
	assert_true(mem_store_flip(w.mem, name[0], 100, 1));
	assert_true(mem_store_flip(w.mem, name[1], 100, 1));
	assert_int_equal(try_open(&w, "secret", false, &err), SNAP_CORRUPT);
	assert_non_null(strstr(err.msg, "keys/"));
	world_close(&w);
}

static void
a_changed_config_is_corrupt_and_a_newer_one_unsupported(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes b;
	struct world w;

	(void)state;
	world_open(&w, PACK);
	get_whole(w.t, "config", &b);
	assert_true(mem_store_flip(w.mem, "config", 70, 1));
	assert_int_equal(try_open(&w, "secret", false, &err), SNAP_CORRUPT);
	/* With the checksum set right the MAC still tells. */
	b.len -= TRAILER_LEN;
	b.p[HEADER_LEN + 12] ^= 1;
	object_finish(&b, HEADER_LEN);
	assert_int_equal(
	    mem_store_overwrite(w.mem, "config", bytes_span(&b), &err),
	    SNAP_OK);
	assert_int_equal(try_open(&w, "secret", false, &err), SNAP_CORRUPT);
	assert_non_null(strstr(err.msg, "config"));
	b.len -= TRAILER_LEN;
	b.p[9] = FORMAT_VERSION + 1;
	object_finish(&b, HEADER_LEN);
	assert_int_equal(
	    mem_store_overwrite(w.mem, "config", bytes_span(&b), &err),
	    SNAP_OK);
	assert_int_equal(try_open(&w, "secret", false, &err), SNAP_UNSUPPORTED);
	bytes_fini(&b);
	world_close(&w);
}

static void
names_and_ids_go_both_ways(void **state)
{
	static const uint8_t kinds[] = { OBJ_SLOT, OBJ_DATA, OBJ_META,
		OBJ_INDEX, OBJ_SNAPSHOT, OBJ_OK, OBJ_CONDEMNED,
		OBJ_CONDEMNED_OK, OBJ_NOTE, OBJ_RUN };
	char name[TRANSPORT_NAME_MAX + 1];
	uint8_t id[ID_LEN], back[ID_LEN], kind;

	(void)state;
	keys_random(id, sizeof id);
	for (size_t i = 0; i < sizeof kinds; i++) {
		store_name(kinds[i], id, name);
		assert_true(store_name_parse(name, &kind, back));
		assert_int_equal(kind, kinds[i]);
		assert_memory_equal(id, back, ID_LEN);
	}
	assert_false(store_name_parse("data/ab/cd", &kind, back));
	assert_false(store_name_parse(
	    "data/00/11000000000000000000000000000000", &kind, back));
	assert_false(store_name_parse(
	    "index/11000000000000000000000000000000.tmp", &kind, back));
}

static void
what_was_added_reads_back_after_reopening(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s;
	struct world w;

	(void)state;
	s = world_filled(&w, PACK, 60);
	assert_int_equal(read_range(s, 0, 60, &err), SNAP_OK);
	store_close(s);
	s = open_store(&w, NULL);
	assert_int_equal(read_range(s, 0, 1, &err), SNAP_NOTFOUND);
	assert_int_equal(store_look(s, &err), SNAP_OK);
	if (read_range(s, 0, 60, &err) != SNAP_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(read_range(s, 60, 61, &err), SNAP_NOTFOUND);
	assert_true(count_names(w.t, "data/") > 2);
	store_close(s);
	world_close(&w);
}

static void
hooks_of_all_blocks_are_found(void **state)
{
	uint8_t got[ID_LEN];
	struct store *s;
	struct made m;
	struct world w;

	(void)state;
	s = world_filled(&w, PACK, 10);
	s = look_again(&w, s);
	assert_false(store_hook(s, 3, got)); /* not sorted yet */
	store_hooks_sort(s);
	for (unsigned i = 0; i < 10; i++) {
		make_block(s, i, &m);
		assert_int_equal(m.f.hooks[0], i);
		for (unsigned k = 0; k < m.f.n_hooks; k++) {
			assert_true(store_hook(s, m.f.hooks[k], got));
			assert_memory_equal(got, m.f.id, ID_LEN);
		}
		made_fini(&m);
	}
	assert_false(store_hook(s, 10, got));
	store_close(s);
	world_close(&w);
}

static void
a_damaged_byte_of_a_frame_is_found_and_its_pack_named(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct store *s;
	struct world w;

	(void)state;
	s = world_filled(&w, PACK, 5);
	nth_name(w.t, "data/", 0, name);
	assert_true(mem_store_flip(w.mem, name, HEADER_LEN + 100, 4));
	assert_int_equal(read_range(s, 0, 5, &err), SNAP_CORRUPT);
	assert_non_null(strstr(err.msg, strrchr(name, '/') + 1));
	assert_non_null(strstr(err.msg, "does not verify"));
	store_close(s);
	world_close(&w);
}

static void
a_missing_or_cut_pack_is_absent(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	uint8_t id[ID_LEN];
	struct store *s;
	struct made m;
	struct world w;

	(void)state;
	for (int cut = 0; cut < 2; cut++) {
		s = world_filled(&w, PACK, 5);
		nth_name(w.t, "data/", 0, name);
		if (cut)
			assert_true(mem_store_truncate(w.mem, name, 5000));
		else
			assert_true(mem_store_remove(w.mem, name));
		make_block(s, 0, &m);
		assert_true(store_has(s, CLASS_DATA, m.f.id));
		assert_int_not_equal(read_range(s, 0, 5, &err), SNAP_OK);
		/* Once through the look that still trusts own packs. */
		assert_int_equal(store_look(s, &err), SNAP_OK);
		assert_int_equal(store_look(s, &err), SNAP_OK);
		assert_false(store_has(s, CLASS_DATA, m.f.id));
		/* So the next backup stores it again. */
		assert_int_equal(backup(s, 0, 5, id, &err), SNAP_OK);
		assert_int_equal(read_range(s, 0, 5, &err), SNAP_OK);
		made_fini(&m);
		store_close(s);
		world_close(&w);
	}
}

static void
swapped_packs_do_not_verify(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[2][TRANSPORT_NAME_MAX + 1];
	struct bytes b[2];
	struct store *s;
	struct world w;

	(void)state;
	s = world_filled(&w, PACK, 60);
	for (size_t i = 0; i < 2; i++) {
		nth_name(w.t, "data/", i, name[i]);
		bytes_init(&b[i], TRANSPORT_SIZE_MAX);
		assert_int_equal(
		    transport_get(w.t, name[i], 0, SIZE_MAX, &b[i], &err),
		    SNAP_OK);
	}
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(mem_store_overwrite(w.mem, name[i],
				     bytes_span(&b[1 - i]), &err),
		    SNAP_OK);
	assert_int_not_equal(read_range(s, 0, 60, &err), SNAP_OK);
	bytes_fini(&b[0]);
	bytes_fini(&b[1]);
	store_close(s);
	world_close(&w);
}

static void
a_second_segment_that_says_the_same_changes_nothing(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct copy copies[4];
	struct store_body b;
	uint8_t id[ID_LEN];
	struct store *s;
	struct made m;
	struct world w;

	(void)state;
	s = world_filled(&w, PACK, 5);
	nth_id(w.t, "index/", 0, name, id);
	assert_int_equal(store_get_body(s, OBJ_INDEX, id, &b, &err), SNAP_OK);
	keys_random(id, sizeof id);
	assert_int_equal(
	    store_put_body(s, OBJ_INDEX, id, b.body.body, false, NULL, &err),
	    SNAP_OK);
	store_body_fini(&b);
	s = look_again(&w, s);
	make_block(s, 0, &m);
	assert_int_equal(store_copies(s, CLASS_DATA, m.f.id, copies, 4), 1);
	made_fini(&m);
	assert_int_equal(read_range(s, 0, 5, &err), SNAP_OK);
	store_close(s);
	world_close(&w);
}

/* Whichever is read first, the packs themselves know better. */
static void
where_segments_disagree_the_pack_decides(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	uint8_t id[ID_LEN];
	struct index_segment seg;
	struct store_body b;
	struct bytes body;
	struct store *s;
	struct span c;
	struct world w;

	(void)state;
	s = world_filled(&w, PACK, 20);
	nth_id(w.t, "index/", 0, name, id);
	assert_int_equal(store_get_body(s, OBJ_INDEX, id, &b, &err), SNAP_OK);
	assert_int_equal(
	    index_segment_decode(b.body.body, &seg, &err), SNAP_OK);
	assert_true(seg.n_packs >= 2);
	c = seg.packs[0].contents;
	seg.packs[0].contents = seg.packs[1].contents;
	seg.packs[1].contents = c;
	bytes_init(&body, 1u << 20);
	index_segment_encode(&seg, &body);
	for (int late = 0; late < 2; late++) {
		/* Listed by name: once before the true one, once after. */
		memset(id, late ? 0xff : 0, sizeof id);
		assert_int_equal(store_put_body(s, OBJ_INDEX, id,
				     bytes_span(&body), false, NULL, &err),
		    SNAP_OK);
		s = look_again(&w, s);
		assert_int_equal(read_range(s, 0, 20, &err), SNAP_OK);
		assert_true(mem_store_count(w.mem) > 0);
		store_name(OBJ_INDEX, id, name);
		assert_true(mem_store_remove(w.mem, name));
	}
	bytes_fini(&body);
	index_segment_fini(&seg);
	store_body_fini(&b);
	store_close(s);
	world_close(&w);
}

static void
spoil_files(const char *dir, const char *sub)
{
	char cmd[600];

	(void)snprintf(cmd, sizeof cmd,
	    "for f in %s/*/%s/*; do printf rubbish | "
	    "dd of=$f bs=1 seek=200 conv=notrunc 2>/dev/null; done",
	    dir, sub);
	assert_int_equal(system(cmd), 0);
}

static void
a_spoilt_or_foreign_cache_changes_nothing_but_speed(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_counts before, after;
	char dir[] = "test-store-XXXXXX", cmd[100];
	uint8_t id[ID_LEN];
	struct store *s;
	struct world w;

	(void)state;
	assert_non_null(mkdtemp(dir));
	world_open(&w, PACK);
	s = open_store(&w, dir);
	assert_int_equal(backup(s, 0, 30, id, &err), SNAP_OK);
	store_close(s);
	for (int round = 0; round < 3; round++) {
		s = open_store(&w, dir);
		transport_counts(w.t, &before);
		assert_int_equal(store_look(s, &err), SNAP_OK);
		transport_counts(w.t, &after);
		/* Segments come from the cache, unless it was spoilt. */
		assert_int_equal(after.get > before.get, round == 1);
		assert_int_equal(read_range(s, 0, 30, &err), SNAP_OK);
		store_close(s);
		if (round == 0) {
			spoil_files(dir, "index");
			spoil_files(dir, "meta");
		}
	}
	assert_int_equal(w.warnings, 0);
	world_close(&w);
	(void)snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

static void
lives_in_a_directory_as_well(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_opts topts = { .create = 1 };
	char dir[] = "test-store-XXXXXX", place[64], cmd[100];
	uint8_t id[ID_LEN];
	struct transport *t;
	struct store *s;
	struct world w;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(place, sizeof place, "%s/repo", dir);
	world_open(&w, 0);
	transport_close(w.t);
	assert_int_equal(transport_open(place, &topts, &w.t, &err), SNAP_OK);
	t = w.t;
	world_init(&w, PACK);
	s = open_on(&w, t, "secret", NULL);
	assert_int_equal(backup(s, 0, 20, id, &err), SNAP_OK);
	store_close(s);
	s = open_on(&w, t, "secret", NULL);
	assert_int_equal(store_look(s, &err), SNAP_OK);
	assert_int_equal(read_range(s, 0, 20, &err), SNAP_OK);
	store_close(s);
	world_close(&w);
	(void)snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_added_reads_back_after_reopening),
		cmocka_unit_test(
		    opens_with_passphrase_or_code_and_nothing_else),
		cmocka_unit_test(init_refuses_what_is_there_already),
		cmocka_unit_test(an_empty_place_is_no_repository),
		cmocka_unit_test(
		    a_damaged_slot_is_named_and_the_other_still_opens),
		cmocka_unit_test(
		    a_changed_config_is_corrupt_and_a_newer_one_unsupported),
		cmocka_unit_test(names_and_ids_go_both_ways),
		cmocka_unit_test(hooks_of_all_blocks_are_found),
		cmocka_unit_test(
		    a_damaged_byte_of_a_frame_is_found_and_its_pack_named),
		cmocka_unit_test(a_missing_or_cut_pack_is_absent),
		cmocka_unit_test(swapped_packs_do_not_verify),
		cmocka_unit_test(
		    a_second_segment_that_says_the_same_changes_nothing),
		cmocka_unit_test(
		    a_spoilt_or_foreign_cache_changes_nothing_but_speed),
		cmocka_unit_test(where_segments_disagree_the_pack_decides),
		cmocka_unit_test(lives_in_a_directory_as_well),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
