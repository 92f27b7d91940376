/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_denied.c - what the store does not let prune delete, as under an object
 * lock: all else goes, and nothing that would look like a loss without it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fault.h"
#include "life.h"

#define must(call) assert_int_equal(call, SNAP_OK)

static void
what_the_store_does_not_delete_is_counted_and_the_rest_goes(void **state)
{
	const struct fault_rule rule = { .op = FAULT_DELETE,
		.kind = FAULT_BEFORE,
		.code = SNAP_DENIED,
		.prefix = "data/",
		.times = FAULT_FOREVER };
	struct life *l = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_prune_result r;
	uint64_t data, meta;

	(void)life_backup(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	life_wait(l, 2);
	life_forget(l, 0);
	(void)life_prune(l);
	life_wait(l, 1);
	must(transport_open_fault(l->t, &l->t, &err));
	must(fault_add(l->t, &rule, &err));
	data = life_bytes(l, "data/");
	meta = life_bytes(l, "meta/");
	for (int i = 0; i < 3; i++) {
		r = life_prune(l);
		assert_true(r.n_denied > 0);
		assert_int_equal(life_bytes(l, "data/"), data);
		assert_true(life_bytes(l, "meta/") < meta);
		life_must_be_whole(l);
		life_wait(l, 5);
	}
	/* Its day has come. */
	fault_clear(l->t);
	r = life_prune(l);
	assert_int_equal(r.n_denied, 0);
	assert_true(life_bytes(l, "data/") < data * 6 / 10);
	life_must_be_whole(l);
}

/* The other way round it would look like a loss, and keep all packs. */
static void
a_snapshot_whose_confirmation_the_store_keeps_stays_whole(void **state)
{
	char ok[TRANSPORT_NAME_MAX + 1], hex[2 * REPO_ID_LEN + 1];
	struct repo_prune_opts o = { .live_percent = 60, .tmpdir = "." };
	const struct fault_rule rule = { .op = FAULT_DELETE,
		.kind = FAULT_BEFORE,
		.code = SNAP_DENIED,
		.prefix = ok,
		.times = FAULT_FOREVER };
	struct life *l = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_prune_result r;

	(void)life_backup(l);
	(void)life_backup(l);
	life_wait(l, 2);
	hex_encode(l->v[0].id, REPO_ID_LEN, hex);
	(void)snprintf(ok, sizeof ok, "snapshots/%s.ok", hex);
	must(transport_open_fault(l->t, &l->t, &err));
	must(fault_add(l->t, &rule, &err));
	o.forget = (const uint8_t(*)[REPO_ID_LEN])l->v[0].id;
	o.n_forget = 1;
	must(life_prune_as(l, &o, &r, &err));
	assert_int_equal(r.n_forgotten, 1);
	assert_int_equal(r.n_denied, 1);
	assert_int_equal(life_count(l, "snapshots/"), 4);
	life_must_be_whole(l);
	fault_clear(l->t);
	r = life_prune(l);
	assert_int_equal(r.n_denied, 0);
	assert_int_equal(life_count(l, "snapshots/"), 2);
	l->v[0].forgotten = true;
	life_must_be_whole(l);
}

/* So with a list: its confirmation, by which it is over, would go alone, and be
 * put again for ever. */
static void
a_list_that_the_store_keeps_stays_confirmed(void **state)
{
	const struct fault_rule rule = { .op = FAULT_DELETE,
		.kind = FAULT_BEFORE,
		.code = SNAP_DENIED,
		.prefix = "condemned/",
		.nth = 1,
		.times = 1 };
	struct life *l = *state;
	struct snap_err err = SNAP_ERR_INIT;

	(void)life_backup(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	life_wait(l, 2);
	life_forget(l, 0);
	(void)life_prune(l);
	life_wait(l, 1);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "condemned/"), 2);
	life_wait(l, 3);
	must(transport_open_fault(l->t, &l->t, &err));
	must(fault_add(l->t, &rule, &err));
	assert_int_equal(life_prune(l).n_denied, 1);
	assert_int_equal(life_count(l, "condemned/"), 2);
	fault_clear(l->t);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "condemned/"), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, life_setup, life_teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_the_store_does_not_delete_is_counted_and_the_rest_goes),
		T(a_snapshot_whose_confirmation_the_store_keeps_stays_whole),
		T(a_list_that_the_store_keeps_stays_confirmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
