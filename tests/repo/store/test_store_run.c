/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_store_run.c - a run that fails anywhere leaves no half a snapshot.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "run.h"

#define PACK (64u << 10)

static void
condemn(struct store *s, const uint8_t *packs, uint32_t n, bool sign)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct condemned_body c;
	struct bytes b;
	uint8_t id[ID_LEN];

	memset(&c, 0, sizeof c);
	assert_int_equal(transport_now(s->t, &c.l0, &err), SNAP_OK);
	c.n_packs = n;
	c.packs = packs;
	bytes_init(&b, 1u << 20);
	condemned_encode(&c, &b);
	keys_random(id, sizeof id);
	assert_int_equal(store_put_body(s, OBJ_CONDEMNED, id, bytes_span(&b),
			     sign, NULL, &err),
	    SNAP_OK);
	bytes_fini(&b);
}

static void
what_is_stored_already_is_not_stored_again(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[ID_LEN];
	struct store *s;
	struct world w;
	size_t n;

	(void)state;
	s = world_filled(&w, PACK, 30);
	n = count_names(w.t, "data/") + count_names(w.t, "meta/");
	store_close(s);
	s = open_store(&w, NULL);
	assert_int_equal(backup(s, 0, 30, id, &err), SNAP_OK);
	assert_int_equal(
	    count_names(w.t, "data/") + count_names(w.t, "meta/"), n);
	assert_int_equal(count_names(w.t, "snapshots/"), 4);
	store_close(s);
	world_close(&w);
}

static void
a_run_that_waited_too_long_fails(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[ID_LEN];
	struct store *s;
	struct run *r;
	struct world w;

	(void)state;
	for (int late = 0; late < 2; late++) {
		world_open(&w, PACK);
		s = open_store(&w, NULL);
		assert_int_equal(run_begin(s, &r, &err), SNAP_OK);
		assert_int_equal(add_range(r, s, 0, 20), SNAP_OK);
		mem_store_advance(
		    w.mem, late ? GRACE_HOURS * HOUR / 2
				: GRACE_HOURS * HOUR / 2 - HOUR / 100);
		assert_int_equal(
		    commit(r, id, &err), late ? SNAP_BUSY : SNAP_OK);
		if (late)
			assert_non_null(strstr(err.msg, "lost its lease"));
		assert_int_equal(count_names(w.t, "snapshots/"), late ? 0 : 2);
		run_free(r);
		store_close(s);
		world_close(&w);
	}
}

/* Puts of the commit fail, as on a full disk; packs of blocks were put. */
static void
what_a_failed_run_stored_is_found_by_the_next(void **state)
{
	struct fault_rule full = { FAULT_PUT, FAULT_BEFORE, SNAP_IO, "meta/", 1,
		1, 0 };
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	uint8_t id[ID_LEN];
	struct store *s;
	struct world w;
	size_t n;

	(void)state;
	world_open(&w, PACK);
	t = faulty(&w);
	s = open_on(&w, t, "secret", NULL);
	assert_int_equal(fault_add(t, &full, &err), SNAP_OK);
	assert_int_equal(backup(s, 0, 30, id, &err), SNAP_IO);
	store_close(s);
	transport_close(t);
	n = count_names(w.t, "data/");
	assert_true(n > 1);
	assert_int_equal(count_names(w.t, "snapshots/"), 0);
	s = open_store(&w, NULL);
	assert_int_equal(backup(s, 0, 30, id, &err), SNAP_OK);
	assert_int_equal(count_names(w.t, "data/"), n);
	assert_int_equal(read_range(s, 0, 30, &err), SNAP_OK);
	store_close(s);
	world_close(&w);
}

struct jump {
	struct world *w;
	const char *prefix;
	atomic_bool done; /* puts run side by side */
};

static enum snap_code
jump_at_put(void *arg, enum fault_op op, const char *name, struct snap_err *err)
{
	struct jump *j = arg;

	(void)err;
	if (op == FAULT_PUT &&
	    strncmp(name, j->prefix, strlen(j->prefix)) == 0 &&
	    !atomic_exchange(&j->done, true))
		mem_store_advance(j->w->mem, GRACE_HOURS * HOUR / 2);
	return SNAP_OK;
}

static void
an_answer_after_the_lease_is_no_success(void **state)
{
	static const char *const prefixes[] = { "data/", "meta/", "index/",
		"snapshots/" };
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	uint8_t id[ID_LEN];
	struct store *s;
	struct world w;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct jump j = { .w = &w, .prefix = prefixes[i] };

		world_open(&w, PACK);
		t = faulty(&w);
		s = open_on(&w, t, "secret", NULL);
		fault_set_hook(t, jump_at_put, &j);
		assert_int_equal(backup(s, 0, 10, id, &err), SNAP_BUSY);
		assert_true(j.done);
		store_close(s);
		transport_close(t);
		world_close(&w);
	}
}

static void
a_condemned_pack_is_not_referred_to(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct usable part;
	struct copy c[2];
	struct store *s;
	struct run *r;
	struct made m;
	struct world w;

	(void)state;
	s = world_filled(&w, PACK, 5);
	make_block(s, 0, &m);
	assert_int_equal(store_copies(s, CLASS_DATA, m.f.id, c, 2), 1);
	/* Unsigned, it is ignored and reported. */
	condemn(s, c[0].pack, 1, false);
	assert_int_equal(store_look(s, &err), SNAP_OK);
	assert_true(store_has(s, CLASS_DATA, m.f.id));
	assert_true(w.warnings > 0);
	condemn(s, c[0].pack, 1, true);
	assert_int_equal(store_look(s, &err), SNAP_OK);
	assert_false(store_has(s, CLASS_DATA, m.f.id));
	assert_int_equal(run_begin(s, &r, &err), SNAP_OK);
	assert_false(run_pin(r, CLASS_DATA, m.f.id, &part));
	run_free(r);
	assert_int_equal(read_range(s, 0, 5, &err), SNAP_OK);
	made_fini(&m);
	store_close(s);
	world_close(&w);
}

struct retiring {
	struct mem_store *mem;
	const uint8_t *pack;
};

/* Prune deletes the pack and retires the list just before it is read. */
static enum snap_code
retire_at_get(
    void *arg, enum fault_op op, const char *name, struct snap_err *err)
{
	const struct retiring *r = arg;
	char pack[TRANSPORT_NAME_MAX + 1];

	(void)err;
	if (op != FAULT_GET || strncmp(name, "condemned/", 10) != 0)
		return SNAP_OK;
	store_name(OBJ_DATA, r->pack, pack);
	assert_true(mem_store_remove(r->mem, pack));
	assert_true(mem_store_remove(r->mem, name));
	return SNAP_OK;
}

static void
a_list_that_is_retired_during_a_look_hides_no_loss(void **state)
{
	struct retiring r;
	struct transport *inner, *t;
	struct snap_err err = SNAP_ERR_INIT;
	struct copy c[2];
	uint8_t id[ID_LEN];
	struct store *s;
	struct made m;
	struct world w;

	(void)state;
	world_open(&w, PACK);
	s = open_store(&w, NULL);
	make_block(s, 0, &m);
	assert_int_equal(backup(s, 0, 5, id, &err), SNAP_OK);
	assert_int_equal(store_copies(s, CLASS_DATA, m.f.id, c, 2), 1);
	condemn(s, c[0].pack, 1, true);
	store_close(s);
	assert_int_equal(transport_open_mem(w.mem, &inner, &err), SNAP_OK);
	assert_int_equal(transport_open_fault(inner, &t, &err), SNAP_OK);
	s = open_on(&w, t, "secret", NULL);
	r = (struct retiring){ w.mem, c[0].pack };
	fault_set_hook(t, retire_at_get, &r);
	assert_int_equal(store_look(s, &err), SNAP_OK);
	assert_int_equal(count_names(w.t, "condemned/"), 0);
	assert_false(store_has(s, CLASS_DATA, m.f.id));
	made_fini(&m);
	store_close(s);
	transport_close(t);
	world_close(&w);
}

/* Whoever may put objects sees the names of all others. */
static void
a_condemned_list_and_a_segment_of_one_id_hide_neither(void **state)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct snap_err err = SNAP_ERR_INIT;
	struct index_segment none;
	uint8_t id[ID_LEN];
	struct bytes list, body;
	struct copy c[2];
	struct store *s;
	struct made m;
	struct world w;

	(void)state;
	s = world_filled(&w, PACK, 5);
	store_close(s);
	/* Junk under the id of a segment. */
	nth_id(w.t, "index/", 0, name, id);
	store_name(OBJ_CONDEMNED, id, name);
	assert_int_equal(
	    transport_put(w.t, name, span_str("junk"), NULL, &err), SNAP_OK);
	s = look_again(&w, NULL);
	assert_int_equal(read_range(s, 0, 5, &err), SNAP_OK);
	assert_true(mem_store_remove(w.mem, name));
	/* A segment, read first, under the id of a condemned list. */
	make_block(s, 0, &m);
	assert_int_equal(store_copies(s, CLASS_DATA, m.f.id, c, 2), 1);
	condemn(s, c[0].pack, 1, true);
	nth_id(w.t, "condemned/", 0, name, id);
	get_whole(w.t, name, &list);
	assert_true(mem_store_remove(w.mem, name));
	memset(&none, 0, sizeof none);
	bytes_init(&body, PACK);
	index_segment_encode(&none, &body);
	assert_int_equal(store_put_body(s, OBJ_INDEX, id, bytes_span(&body),
			     false, NULL, &err),
	    SNAP_OK);
	assert_int_equal(store_look(s, &err), SNAP_OK);
	assert_true(store_has(s, CLASS_DATA, m.f.id));
	assert_int_equal(
	    transport_put(w.t, name, bytes_span(&list), NULL, &err), SNAP_OK);
	assert_int_equal(store_look(s, &err), SNAP_OK);
	assert_false(store_has(s, CLASS_DATA, m.f.id));
	bytes_fini(&list);
	bytes_fini(&body);
	made_fini(&m);
	store_close(s);
	world_close(&w);
}

/* By a newer version, or on a bad sector: what it condemns is not known. */
static void
an_unreadable_condemned_list_stops_writers_and_not_readers(void **state)
{
	static const uint8_t gone[ID_LEN] = { 1 };
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	uint8_t id[ID_LEN];
	struct bytes raw;
	struct store *s;
	struct run *r;
	struct world w;

	(void)state;
	s = world_filled(&w, PACK, 5);
	condemn(s, gone, 1, true);
	nth_name(w.t, "condemned/", 0, name);
	get_whole(w.t, name, &raw);
	raw.len -= TRAILER_LEN;
	raw.p[9] = FORMAT_VERSION + 1;
	object_finish(&raw, HEADER_LEN);
	assert_int_equal(
	    mem_store_overwrite(w.mem, name, bytes_span(&raw), &err), SNAP_OK);
	assert_int_equal(run_begin(s, &r, &err), SNAP_OK); /* its last look */
	assert_int_equal(store_look(s, &err), SNAP_OK);
	assert_true(w.warnings > 0);
	assert_non_null(strstr(w.last, name));
	assert_int_equal(read_range(s, 0, 5, &err), SNAP_OK);
	assert_int_equal(run_tick(r, &err), SNAP_OK);
	assert_int_equal(commit(r, id, &err), SNAP_UNSUPPORTED);
	run_free(r);
	assert_int_equal(run_begin(s, &r, &err), SNAP_UNSUPPORTED);
	/* Until it is gone. */
	assert_true(mem_store_remove(w.mem, name));
	assert_int_equal(store_look(s, &err), SNAP_OK);
	assert_int_equal(backup(s, 0, 5, id, &err), SNAP_OK);
	bytes_fini(&raw);
	store_close(s);
	world_close(&w);
}

static void
a_pin_that_is_condemned_meanwhile_fails_the_commit(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct usable part;
	struct copy c[2];
	uint8_t id[ID_LEN];
	struct store *s;
	struct run *r;
	struct made m;
	struct world w;

	(void)state;
	for (int pinned = 0; pinned < 2; pinned++) {
		s = world_filled(&w, PACK, 5);
		make_block(s, 0, &m);
		assert_int_equal(store_copies(s, CLASS_DATA, m.f.id, c, 2), 1);
		assert_int_equal(run_begin(s, &r, &err), SNAP_OK);
		if (pinned)
			assert_true(run_pin(r, CLASS_DATA, m.f.id, &part) &&
				    part.whole);
		condemn(s, c[0].pack, 1, true);
		assert_int_equal(add_range(r, s, 100, 105), SNAP_OK);
		assert_int_equal(
		    commit(r, id, &err), pinned ? SNAP_BUSY : SNAP_OK);
		assert_int_equal(
		    count_names(w.t, "snapshots/"), pinned ? 2 : 4);
		run_free(r);
		made_fini(&m);
		store_close(s);
		world_close(&w);
	}
}

static void
a_late_segment_is_void(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct store *s;
	struct world w;

	(void)state;
	s = world_filled(&w, PACK, 3);
	store_close(s);
	nth_name(w.t, "index/", 0, name);
	assert_true(mem_store_set_object_time(
	    w.mem, name, mem_store_time(w.mem) + GRACE_HOURS * HOUR / 2));
	s = look_again(&w, NULL);
	assert_int_equal(read_range(s, 0, 1, &err), SNAP_NOTFOUND);
	store_close(s);
	world_close(&w);
}

static void
a_waiting_run_keeps_its_lease_by_empty_segments(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[ID_LEN];
	struct store *s;
	struct run *r;
	struct world w;

	(void)state;
	world_open(&w, PACK);
	s = open_store(&w, NULL);
	assert_int_equal(run_begin(s, &r, &err), SNAP_OK);
	for (unsigned i = 0; i < 12; i++) {
		mem_store_advance(w.mem, HOUR / 5);
		/* 8 KiB a round: now and then a put shows the time. */
		assert_int_equal(add_range(r, s, 20 * i, 20 * i + 20), SNAP_OK);
		assert_int_equal(run_tick(r, &err), SNAP_OK);
	}
	assert_true(count_names(w.t, "index/") >= 4);
	if (commit(r, id, &err) != SNAP_OK)
		fail_msg("%s", err.msg);
	run_free(r);
	assert_int_equal(read_range(s, 0, 240, &err), SNAP_OK);
	store_close(s);
	world_close(&w);
}

static void
a_run_that_dies_leaves_blocks_with_their_directories(void **state)
{
	static const uint8_t dir[64] = { 1 };
	struct snap_err err = SNAP_ERR_INIT;
	struct frame_in f;
	struct store *s;
	struct run *r;
	struct world w;
	struct made m;
	size_t found, missing;
	unsigned n;

	(void)state;
	world_open(&w, PACK);
	s = open_store(&w, NULL);
	assert_int_equal(run_begin(s, &r, &err), SNAP_OK);
	for (n = 0; count_names(w.t, "index/") == 0; n++) {
		make_block(s, n, &m);
		assert_int_equal(run_add(r, &m.f, &err), SNAP_OK);
		memset(&f, 0, sizeof f);
		f.class = CLASS_DIR;
		memcpy(f.id, m.f.id, ID_LEN);
		f.plain = span_of(dir, sizeof dir);
		f.n_chunks = m.f.n_chunks;
		assert_int_equal(run_add(r, &f, &err), SNAP_OK);
		made_fini(&m);
	}
	/* It is still at work, and may be killed now.  A pack that came to
	 * the store together with the directories has some of its own in
	 * the next. */
	missing = without_directory(&w, n, &found);
	assert_true(found > 0);
	assert_true(missing <= found / 4);
	run_free(r);
	/* Stopped, it leaves the rest as well. */
	assert_int_equal(without_directory(&w, n, &found), 0);
	store_close(s);
	world_close(&w);
}

/* Every call fails once, before and after it did its work. */
static void
a_failing_call_leaves_all_or_no_snapshot(void **state)
{
	static const enum fault_kind kinds[] = { FAULT_BEFORE, FAULT_AFTER };
	struct snap_err err = SNAP_ERR_INIT;
	uint64_t n = 1, struck = 1;

	(void)state;
	for (; struck != 0; n++) {
		struck = 0;
		for (size_t k = 0; k < 2; k++) {
			struct fault_rule rule = { FAULT_ANY, kinds[k], SNAP_IO,
				NULL, n, 1, 0 };
			struct transport *t;
			uint8_t id[ID_LEN];
			enum snap_code rc;
			struct store *s;
			struct world w;

			world_open(&w, PACK);
			t = faulty(&w);
			s = open_on(&w, t, "secret", NULL);
			assert_int_equal(fault_add(t, &rule, &err), SNAP_OK);
			rc = backup(s, 0, 12, id, &err);
			store_close(s);
			transport_close(t);
			struck += rc != SNAP_OK;
			if (rc == SNAP_OK ||
			    count_names(w.t, "snapshots/") == 2) {
				s = look_again(&w, NULL);
				assert_int_equal(
				    read_range(s, 0, 12, &err), SNAP_OK);
				store_close(s);
			}
			world_close(&w);
		}
	}
	assert_true(n > 12);
}

struct adder {
	struct run *r;
	struct store *s;
	pthread_t thread;
	unsigned from, to;
	enum snap_code rc;
};

static void *
add_in_thread(void *arg)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct adder *a = arg;

	a->rc = add_range(a->r, a->s, a->from, a->to);
	if (a->rc == SNAP_OK)
		a->rc = run_tick(a->r, &err);
	return NULL;
}

static void
many_threads_store_each_thing_once(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct adder a[4];
	struct copy c[4];
	uint8_t id[ID_LEN];
	struct store *s;
	struct run *r;
	struct made m;
	struct world w;

	(void)state;
	world_open(&w, PACK);
	s = open_store(&w, NULL);
	assert_int_equal(run_begin(s, &r, &err), SNAP_OK);
	for (unsigned i = 0; i < 4; i++) {
		a[i] = (struct adder){
			.r = r, .s = s, .from = 10 * i, .to = 10 * i + 40
		};
		assert_int_equal(
		    pthread_create(&a[i].thread, NULL, add_in_thread, &a[i]),
		    0);
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(a[i].thread, NULL), 0);
		assert_int_equal(a[i].rc, SNAP_OK);
	}
	assert_int_equal(commit(r, id, &err), SNAP_OK);
	run_free(r);
	for (unsigned i = 0; i < 70; i++) {
		make_block(s, i, &m);
		assert_int_equal(store_copies(s, CLASS_DATA, m.f.id, c, 4), 1);
		made_fini(&m);
	}
	assert_int_equal(read_range(s, 0, 70, &err), SNAP_OK);
	store_close(s);
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_stored_already_is_not_stored_again),
		cmocka_unit_test(what_a_failed_run_stored_is_found_by_the_next),
		cmocka_unit_test(a_run_that_waited_too_long_fails),
		cmocka_unit_test(an_answer_after_the_lease_is_no_success),
		cmocka_unit_test(a_condemned_pack_is_not_referred_to),
		cmocka_unit_test(
		    a_list_that_is_retired_during_a_look_hides_no_loss),
		cmocka_unit_test(
		    a_condemned_list_and_a_segment_of_one_id_hide_neither),
		cmocka_unit_test(
		    an_unreadable_condemned_list_stops_writers_and_not_readers),
		cmocka_unit_test(
		    a_pin_that_is_condemned_meanwhile_fails_the_commit),
		cmocka_unit_test(a_late_segment_is_void),
		cmocka_unit_test(
		    a_waiting_run_keeps_its_lease_by_empty_segments),
		cmocka_unit_test(
		    a_run_that_dies_leaves_blocks_with_their_directories),
		cmocka_unit_test(a_failing_call_leaves_all_or_no_snapshot),
		cmocka_unit_test(many_threads_store_each_thing_once),
	};

	return cmocka_run_group_tests_name("store runs", tests, NULL, NULL);
}
