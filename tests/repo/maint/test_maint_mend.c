/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_maint_mend.c - of damaged packs what is good is kept, what is lost comes
 * back with the next backup, and nothing that goes wrong on the way loses more.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include <xxhash.h>

#include "blockindex.h"
#include "repo_care.h"
#include "world.h"

#define AT_VERSION 9   /* in an object: docs/format.md */
#define AT_CHECKSUM 24 /* from its end */

static struct repo_mend_result
mend(struct world *w)
{
	struct repo_mend_result r = { 0 };
	struct snap_err err = SNAP_ERR_INIT;

	bytes_clear(&w->log);
	assert_int_equal(maint_repair_packs(w->s, NULL, 0, &r, &err), SNAP_OK);
	return r;
}

static void
a_sound_repository_is_left_alone(void **state)
{
	struct world_two t = world_two(state);
	struct name *v;
	size_t n = world_names(t.w, "", &v);
	struct repo_mend_result r = mend(t.w);

	free(v);
	assert_int_equal(r.n_damaged + r.n_condemned + r.n_moved + r.n_lost +
			     r.n_rebuilt + r.n_directories,
	    0);
	assert_true(r.n_packs > 4);
	assert_int_equal(world_names(t.w, "", &v), n);
	free(v);
}

static void
the_good_frames_of_a_damaged_pack_outlive_it(void **state)
{
	struct world_two t = world_two(state);
	struct name pack = world_pack_of(t.w, 1, CLASS_DATA, 0);
	struct repo_mend_result r;
	char path[TRANSPORT_NAME_MAX + 1];
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_check_result c;

	/* Of its two frames the first. */
	world_flip(t.w, pack.s, 100);
	r = mend(t.w);
	assert_int_equal(r.n_damaged, 1);
	assert_int_equal(r.n_condemned, 1);
	assert_int_equal(r.n_lost, 1);
	assert_true(r.n_moved >= 1);
	assert_true(world_said(t.w, pack.s));
	/* The pack may go now: its good frames are elsewhere. */
	(void)memcpy(path, pack.s, sizeof path);
	assert_int_equal(transport_delete(t.w->t, path, &err), SNAP_OK);
	world_reopen(t.w);
	assert_int_equal(store_look(t.w->s, &err), SNAP_OK);
	c = world_check(t.w, 100);
	/* One block, of one stream. */
	assert_true(world_said(t.w, world_hex(t.a)));
	assert_false(world_said(t.w, "and 1 more"));
	assert_false(world_said(t.w, world_hex(t.b)));
	assert_true(c.n_errors > 0);
	assert_true(world_readable(t.w, 2));
}

static void
the_next_backup_stores_anew_what_is_lost(void **state)
{
	struct world_two t = world_two(state);
	struct name pack = world_pack_of(t.w, 1, CLASS_DATA, 0);
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_mend_result r;
	uint8_t again[ID_LEN];

	world_flip(t.w, pack.s, 100);
	/* A writer that knows nothing of it refers to it. */
	world_backup(t.w, 1, "one", again);
	assert_false(world_readable(t.w, 1));
	(void)mend(t.w);
	world_reopen(t.w);
	assert_int_equal(store_look(t.w->s, &err), SNAP_OK);
	world_backup(t.w, 1, "one", again);
	assert_true(world_readable(t.w, 1));
	(void)world_check(t.w, 100); /* the pack itself is told of */
	assert_false(world_said(t.w, "snapshot "));
	/* It takes the place of the damaged one; then nothing is to do. */
	r = mend(t.w);
	assert_int_equal(r.n_condemned, 0);
	assert_int_equal(r.n_moved, 1);
	assert_int_equal(r.n_lost, 0);
	assert_int_equal(mend(t.w).n_moved, 0);
	assert_int_equal(mend(t.w).n_lost, 0);
}

static void
a_pack_that_lost_its_contents_is_moved_by_the_index(void **state)
{
	struct world_two t = world_two(state);
	struct name pack = world_pack_of(t.w, 1, CLASS_DATA, 0);
	struct repo_mend_result r;
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;

	assert_int_equal(transport_stat(t.w->t, pack.s, &st, &err), SNAP_OK);
	world_flip(t.w, pack.s, st.size - 100);
	r = mend(t.w);
	assert_int_equal(r.n_damaged, 1);
	assert_int_equal(r.n_lost, 0);
	assert_true(r.n_moved >= 2);
	assert_int_equal(transport_delete(t.w->t, pack.s, &err), SNAP_OK);
	world_reopen(t.w);
	assert_int_equal(store_look(t.w->s, &err), SNAP_OK);
	assert_true(world_readable(t.w, 1));
}

static void
directories_that_are_lost_are_made_again(void **state)
{
	struct world *w = *state;
	uint8_t a[ID_LEN];
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_mend_result r;

	w->no_directories = true;
	world_backup(w, 1, "one", a);
	r = mend(w);
	assert_int_equal(r.n_directories, WORLD_BLOCKS);
	assert_int_equal(r.n_lost, 0);
	world_reopen(w);
	assert_int_equal(store_look(w->s, &err), SNAP_OK);
	assert_int_equal(mend(w).n_directories, 0);
	assert_int_equal(world_check(w, 100).n_errors, 0);
}

static void
a_repair_that_fails_anywhere_loses_nothing_more(void **state)
{
	struct world_two t = world_two(state);
	struct name pack = world_pack_of(t.w, 1, CLASS_DATA, 0);
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_mend_result r;
	enum snap_code rc = SNAP_IO;
	uint8_t again[ID_LEN];

	world_flip(t.w, pack.s, 100);
	for (uint64_t i = 1; rc != SNAP_OK; i++) {
		struct fault_rule rule = { FAULT_ANY, FAULT_BEFORE,
			SNAP_TRANSIENT, NULL, i, 1, 0 };

		world_reopen(t.w);
		assert_int_equal(fault_add(t.w->t, &rule, &err), SNAP_OK);
		rc = maint_repair_packs(t.w->s, NULL, 0, &r, &err);
		fault_clear(t.w->t);
		world_reopen(t.w);
		assert_int_equal(store_look(t.w->s, &err), SNAP_OK);
		assert_true(world_readable(t.w, 2));
		assert_true(i < 1000);
	}
	world_backup(t.w, 1, "one", again);
	assert_true(world_readable(t.w, 1));
	(void)world_check(t.w, 100); /* the pack itself is told of */
	assert_false(world_said(t.w, "snapshot "));
}

/* Its rows are bad; a host that was broken into says something else of it in
 * segments of his own, which come before and behind the true one. */
static void
of_two_words_about_a_pack_the_true_one_counts(void **state)
{
	struct world_two t = world_two(state);
	struct name pack = world_pack_of(t.w, 1, CLASS_DATA, 0);
	struct snap_err err = SNAP_ERR_INIT;
	struct pack_contents nothing;
	struct index_segment seg;
	struct transport_stat st;
	struct index_pack ip;
	struct repo_mend_result r;
	struct bytes contents;

	memset(&nothing, 0, sizeof nothing);
	memset(&seg, 0, sizeof seg);
	memset(&ip, 0, sizeof ip);
	assert_int_equal(transport_stat(t.w->t, pack.s, &st, &err), SNAP_OK);
	assert_true(store_name_parse(pack.s, &ip.kind, ip.id));
	bytes_init(&contents, 1u << 20);
	pack_contents_encode(&nothing, &contents);
	ip.contents = bytes_span(&contents);
	ip.size = (uint32_t)st.size;
	seg.l0 = t.w->s->l0;
	seg.n_packs = 1;
	seg.packs = &ip;
	for (int i = 0; i < 16; i++)
		assert_int_equal(
		    store_put_segment(t.w->s, &seg, false, &st, &err), SNAP_OK);
	bytes_fini(&contents);
	world_flip(t.w, pack.s, ip.size - 100);
	r = mend(t.w);
	assert_int_equal(r.n_damaged, 1);
	assert_int_equal(r.n_lost, 0);
	assert_true(r.n_moved >= 2);
	assert_int_equal(transport_delete(t.w->t, pack.s, &err), SNAP_OK);
	world_reopen(t.w);
	assert_int_equal(store_look(t.w->s, &err), SNAP_OK);
	assert_true(world_readable(t.w, 1));
}

static void
a_read_that_fails_is_no_damage(void **state)
{
	struct world_two t = world_two(state);
	struct name pack = world_pack_of(t.w, 1, CLASS_DATA, 0);
	struct fault_rule rule = { FAULT_GET, FAULT_BEFORE, SNAP_IO, pack.s, 1,
		1, 0 };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_mend_result r;

	/* Once: it is read again. */
	assert_int_equal(fault_add(t.w->t, &rule, &err), SNAP_OK);
	r = mend(t.w);
	fault_clear(t.w->t);
	assert_int_equal(
	    r.n_unread + r.n_damaged + r.n_lost + r.n_condemned, 0);
	/* For good: nobody knows what is there. */
	rule.times = FAULT_FOREVER;
	assert_int_equal(fault_add(t.w->t, &rule, &err), SNAP_OK);
	r = mend(t.w);
	fault_clear(t.w->t);
	assert_int_equal(r.n_unread, 1);
	assert_int_equal(r.n_damaged + r.n_lost + r.n_condemned + r.n_moved, 0);
	assert_true(world_said(t.w, pack.s));
	assert_true(world_said(t.w, "is left as it is"));
	assert_int_equal(world_check(t.w, 100).n_errors, 0);
}

/* The pack as a newer version would have written it. */
static void
make_newer(struct world *w, const char *pack)
{
	struct snap_err err = SNAP_ERR_INIT;
	XXH128_canonical_t sum;
	struct bytes b;
	size_t at;

	bytes_init(&b, TRANSPORT_SIZE_MAX);
	assert_true(mem_store_flip(w->mem, pack, AT_VERSION, 1 ^ 2));
	assert_int_equal(
	    transport_get(w->t, pack, 0, SIZE_MAX, &b, &err), SNAP_OK);
	at = b.len - AT_CHECKSUM;
	XXH128_canonicalFromHash(&sum, XXH3_128bits(b.p, at));
	for (size_t i = 0; i < sizeof sum.digest; i++)
		assert_true(mem_store_flip(
		    w->mem, pack, at + i, b.p[at + i] ^ sum.digest[i]));
	bytes_fini(&b);
}

static void
what_a_newer_version_wrote_is_no_damage(void **state)
{
	struct world_two t = world_two(state);
	struct name pack = world_pack_of(t.w, 1, CLASS_DATA, 0);
	struct repo_mend_result r;

	make_newer(t.w, pack.s);
	r = mend(t.w);
	assert_int_equal(r.n_unread, 1);
	assert_int_equal(r.n_damaged + r.n_lost + r.n_condemned + r.n_moved, 0);
	assert_true(world_said(t.w, "newer"));
	/* Rot in the same place is rot. */
	world_flip(t.w, pack.s, 100);
	r = mend(t.w);
	assert_int_equal(r.n_unread, 0);
	assert_int_equal(r.n_damaged, 1);
}

/* Of two copies of a block one is rotten, and the other in a pack that the disk
 * does not hand out. */
static void
what_lies_in_a_pack_that_could_not_be_read_is_not_lost(void **state)
{
	struct world_two t = world_two(state);
	struct name pack = world_pack_of(t.w, 1, CLASS_DATA, 0), *before, *now;
	struct fault_rule rule = { FAULT_GET, FAULT_BEFORE, SNAP_IO, NULL, 1,
		FAULT_FOREVER, 0 };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_mend_result r;
	size_t n = world_names(t.w, "data/", &before), i = 0;

	/* Its second frame is moved, with others; then it is the bad one. */
	world_flip(t.w, pack.s, 100);
	assert_true(mend(t.w).n_moved >= 1);
	world_flip(t.w, pack.s, 100);
	world_flip(t.w, pack.s, 20000);
	assert_int_equal(world_names(t.w, "data/", &now), n + 1);
	while (i < n && strcmp(before[i].s, now[i].s) == 0)
		i++;
	rule.prefix = now[i].s;
	assert_int_equal(fault_add(t.w->t, &rule, &err), SNAP_OK);
	r = mend(t.w);
	fault_clear(t.w->t);
	assert_int_equal(r.n_damaged, 1);
	assert_int_equal(r.n_unread, 1);
	assert_int_equal(r.n_lost, 0);
	free(before);
	free(now);
}

/* Counts what is got of one pack, and fails from the second time on. */
struct counter {
	const char *pack;
	unsigned n;
};

static enum snap_code
on_request(void *arg, enum fault_op op, const char *name, struct snap_err *err)
{
	struct counter *c = arg;

	if (op != FAULT_GET || strcmp(name, c->pack) != 0 || ++c->n == 1)
		return SNAP_OK;
	return snap_fail(err, SNAP_IO, "%s: read error", name);
}

static void
a_block_that_could_not_be_read_is_not_asked_for_chunk_by_chunk(void **state)
{
	struct world_two t = world_two(state);
	struct name pack = world_pack_of(t.w, 1, CLASS_DATA, 0), other;
	struct counter c = { other.s, 0 };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_mend_result r;
	uint8_t again[ID_LEN];

	t.w->backwards = true;
	world_backup(t.w, 1, "one", again);
	other = world_pack_of(t.w, 1, CLASS_DATA, 0);
	t.w->backwards = false;
	world_flip(t.w, pack.s, 100);
	fault_set_hook(t.w->t, on_request, &c);
	r = mend(t.w);
	fault_clear(t.w->t);
	assert_int_equal(r.n_lost, 1);
	assert_int_equal(r.n_rebuilt, 0);
	/* The pack itself, and the block. */
	assert_int_equal(c.n, 2);
	/* And where it can be read it is used. */
	assert_int_equal(mend(t.w).n_rebuilt, 1);
	world_reopen(t.w);
	assert_int_equal(store_look(t.w->s, &err), SNAP_OK);
	assert_true(world_readable(t.w, 1));
}

/* By its time prune tells what a copy was made of. */
static void
a_repair_counts_as_long_as_times_are_what_they_were(void **state)
{
	struct world_two t = world_two(state);
	struct name pack = world_pack_of(t.w, 1, CLASS_DATA, 0);
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	uint64_t n_good;
	uint8_t again[ID_LEN];

	world_flip(t.w, pack.s, 100);
	n_good = mend(t.w).n_moved;
	assert_true(n_good > 0);
	world_reopen(t.w);
	world_backup(t.w, 1, "one", again);
	assert_int_equal(mend(t.w).n_moved, 1); /* what was lost */
	assert_int_equal(mend(t.w).n_moved, 0);
	/* Somebody copies the files. */
	assert_int_equal(transport_stat(t.w->t, pack.s, &st, &err), SNAP_OK);
	assert_true(mem_store_set_object_time(
	    t.w->mem, pack.s, st.time_ns - INT64_C(1000000000)));
	world_reopen(t.w);
	assert_int_equal(mend(t.w).n_moved, n_good + 1);
	world_reopen(t.w);
	assert_int_equal(mend(t.w).n_moved, 0);
}

/* A backup whose writer does not know the index: all is stored once more. */
static void
backup_blindly(struct world *w, uint8_t seed, uint8_t id[ID_LEN])
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	struct bytes *segments;
	struct name *v;
	size_t n = world_names(w, "index/", &v);

	segments = calloc(n + 1, sizeof *segments);
	assert_non_null(segments);
	for (size_t i = 0; i < n; i++) {
		bytes_init(&segments[i], TRANSPORT_SIZE_MAX);
		assert_int_equal(transport_get(w->t, v[i].s, 0, SIZE_MAX,
				     &segments[i], &err),
		    SNAP_OK);
		assert_true(mem_store_remove(w->mem, v[i].s));
	}
	world_reopen(w);
	world_backup(w, seed, "blind", id);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(transport_put(w->t, v[i].s,
				     bytes_span(&segments[i]), &st, &err),
		    SNAP_OK);
		bytes_fini(&segments[i]);
	}
	free(segments);
	free(v);
	world_reopen(w);
}

/* Else the others are heads for ever: no writer refers to the block, and prune
 * tries in vain to rescue them. */
static void
what_is_found_of_a_block_replaces_each_damaged_copy(void **state)
{
	struct world *w = *state;
	uint8_t id[ID_LEN], block[ID_LEN];
	struct repo_mend_result r;
	uint32_t heads[8];
	struct usable part;
	struct name name;
	struct copy c[4];
	size_t n;

	world_backup(w, 1, "one", id);
	backup_blindly(w, 1, id);
	w->partly = true;
	world_backup(w, 1, "other", id);
	w->partly = false;
	world_block_id(w, 1, 0, block);
	n = store_copies(w->s, CLASS_DATA, block, c, 4);
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++) {
		store_name(c[i].pack_kind, c[i].pack, name.s);
		world_flip(w, name.s, c[i].off + 50);
	}
	r = mend(w);
	assert_int_equal(r.n_condemned, 2);
	assert_int_equal(r.n_lost, 1);
	assert_int_equal(r.n_rebuilt, 0);
	world_reopen(w);
	assert_true(blockindex_heads(
			w->s->index, CLASS_DATA, block, heads, 8, &part) > 0);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(usable_has(&part, i), i < 3);
	r = mend(w);
	assert_int_equal(r.n_condemned, 0);
	assert_int_equal(r.n_lost, 1);
	assert_int_equal(r.bytes_written, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_sound_repository_is_left_alone),
		T(the_good_frames_of_a_damaged_pack_outlive_it),
		T(the_next_backup_stores_anew_what_is_lost),
		T(a_pack_that_lost_its_contents_is_moved_by_the_index),
		T(directories_that_are_lost_are_made_again),
		T(a_repair_that_fails_anywhere_loses_nothing_more),
		T(of_two_words_about_a_pack_the_true_one_counts),
		T(a_read_that_fails_is_no_damage),
		T(what_a_newer_version_wrote_is_no_damage),
		T(what_lies_in_a_pack_that_could_not_be_read_is_not_lost),
		T(a_repair_counts_as_long_as_times_are_what_they_were),
		T(what_is_found_of_a_block_replaces_each_damaged_copy),
		T(a_block_that_could_not_be_read_is_not_asked_for_chunk_by_chunk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
