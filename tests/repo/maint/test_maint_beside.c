/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_maint_beside.c - a check while a prune deletes: what goes between the
 * listing and the reading is no damage, unless a snapshot needs it.
 */
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "world.h"

/* Deletes the object when it is asked for, once. */
struct pruner {
	struct world *w;
	struct name victim;
	atomic_bool done; /* workers ask at once */
};

static enum snap_code
delete_first(
    void *arg, enum fault_op op, const char *name, struct snap_err *err)
{
	struct pruner *p = arg;

	(void)err;
	if (op == FAULT_GET && strcmp(name, p->victim.s) == 0 &&
	    !atomic_exchange(&p->done, true))
		assert_true(mem_store_remove(p->w->mem, name));
	return SNAP_OK;
}

static struct repo_check_result
check_beside(struct world *w, struct name victim, double pct)
{
	struct pruner p = { w, victim, false };
	struct repo_check_result r;

	fault_set_hook(w->t, delete_first, &p);
	r = world_check(w, pct);
	fault_clear(w->t);
	assert_true(p.done);
	return r;
}

static bool
among(const struct name *v, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].s, name) == 0)
			return true;
	return false;
}

/* Those of a run that died. */
static void
what_nobody_needs_goes_without_a_word(void **state)
{
	static const char *const prefixes[] = { "index/", "data/", "meta/" };
	struct world_two t = world_two(state);
	struct repo_check_result r;
	struct name *before[3], *v;
	size_t n_before[3], n, gone = 0;

	for (size_t i = 0; i < 3; i++)
		n_before[i] = world_names(t.w, prefixes[i], &before[i]);
	world_crashed_backup(t.w, 9);
	for (size_t i = 0; i < 3; i++) {
		n = world_names(t.w, prefixes[i], &v);
		for (size_t k = 0; k < n; k++) {
			if (among(before[i], n_before[i], v[k].s))
				continue;
			r = check_beside(t.w, v[k], gone % 2 == 0 ? 0 : 100);
			gone++;
			assert_int_equal(r.n_errors, 0);
			assert_true(t.w->log.len == 0);
		}
		free(v);
	}
	for (size_t i = 0; i < 3; i++)
		free(before[i]);
	assert_true(gone > 0);
	r = world_check(t.w, 100);
	assert_int_equal(r.n_errors, 0);
}

static void
is_missed(void **state, double pct)
{
	struct world_two t = world_two(state);
	struct name pack = world_pack_of(t.w, 1, CLASS_DATA, 0);
	char line[2 * ID_LEN + 16] = "snapshot ";

	assert_true(check_beside(t.w, pack, pct).n_errors > 0);
	assert_true(world_said(t.w, pack.s));
	memcpy(line + 9, world_hex(t.a), 2 * ID_LEN + 1);
	assert_true(world_said(t.w, line));
	memcpy(line + 9, world_hex(t.b), 2 * ID_LEN + 1);
	assert_false(world_said(t.w, line));
}

static void
a_pack_that_a_snapshot_needs_is_missed_all_the_same(void **state)
{
	is_missed(state, 0);
}

static void
nor_is_its_data_read_as_if_it_were_there(void **state)
{
	is_missed(state, 100);
}

static void
a_slot_may_be_removed_as_well(void **state)
{
	struct world_two t = world_two(state);
	struct name slot = world_one(t.w, "keys/", 0);

	assert_int_equal(check_beside(t.w, slot, 0).n_errors, 0);
	assert_true(t.w->log.len == 0);
}

/* A store that lists what it does not give hides no snapshot. */
static enum snap_code
withhold(void *arg, enum fault_op op, const char *name, struct snap_err *err)
{
	const struct name *n = arg;

	return op == FAULT_GET && strcmp(name, n->s) == 0
		   ? snap_fail(err, SNAP_NOTFOUND, "%s: no such object", name)
		   : SNAP_OK;
}

static void
what_is_listed_and_not_given_is_missed(void **state)
{
	struct world_two t = world_two(state);
	struct repo_check_result r;
	struct name n;

	store_name(OBJ_OK, t.a, n.s);
	for (int i = 0; i < 3; i++) {
		if (i == 1)
			store_name(OBJ_SNAPSHOT, t.a, n.s);
		if (i == 2)
			n = world_one(t.w, "index/", 0);
		fault_set_hook(t.w->t, withhold, &n);
		r = world_check(t.w, 0);
		fault_clear(t.w->t);
		assert_true(r.n_errors > 0);
		assert_true(i == 2 ? world_said(t.w, n.s)
				   : world_said(t.w, world_hex(t.a)));
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_nobody_needs_goes_without_a_word),
		T(a_pack_that_a_snapshot_needs_is_missed_all_the_same),
		T(nor_is_its_data_read_as_if_it_were_there),
		T(a_slot_may_be_removed_as_well),
		T(what_is_listed_and_not_given_is_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
