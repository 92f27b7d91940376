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
#include <string.h>

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

/* It stands for every reader, so what it needs stays for as long as that. */
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
	uint64_t data;

	(void)life_backup(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	life_wait(l, 2);
	hex_encode(l->v[0].id, REPO_ID_LEN, hex);
	(void)snprintf(ok, sizeof ok, "snapshots/%s.ok", hex);
	must(transport_open_fault(l->t, &l->t, &err));
	must(fault_add(l->t, &rule, &err));
	data = life_bytes(l, "data/");
	o.forget = (const uint8_t(*)[REPO_ID_LEN])l->v[0].id;
	o.n_forget = 1;
	must(life_prune_as(l, &o, &r, &err));
	assert_int_equal(r.n_forgotten, 1);
	assert_int_equal(r.n_kept, 1);
	assert_int_equal(r.n_denied, 1);
	assert_int_equal(r.n_condemned, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(life_count(l, "snapshots/"), 4);
		assert_int_equal(life_bytes(l, "data/"), data);
		life_must_be_whole(l);
		life_wait(l, 5);
		r = life_prune(l);
		assert_int_equal(r.n_kept, 1);
		assert_int_equal(r.n_denied, 1);
		assert_int_equal(r.n_condemned, 0);
	}
	/* Its day has come. */
	fault_clear(l->t);
	r = life_prune(l);
	assert_int_equal(r.n_kept + r.n_denied, 0);
	assert_int_equal(life_count(l, "snapshots/"), 2);
	assert_true(r.n_condemned > 0);
	l->v[0].forgotten = true;
	life_wait(l, 2);
	(void)life_prune(l);
	assert_true(life_bytes(l, "data/") < data * 6 / 10);
	life_must_be_whole(l);
}

/* Who may not delete forgets all the same: it is recorded. */
static void
nobody_has_to_give_up_what_is_kept_and_damaged(void **state)
{
	const struct fault_rule rule = { .op = FAULT_DELETE,
		.kind = FAULT_BEFORE,
		.code = SNAP_DENIED,
		.prefix = "snapshots/",
		.times = FAULT_FOREVER };
	uint8_t ids[2][REPO_ID_LEN];
	char name[TRANSPORT_NAME_MAX + 1], hex[2 * REPO_ID_LEN + 1];
	struct life *l = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_prune_result r;
	struct repo *repo;

	for (int i = 0; i < 3; i++) {
		life_change(l, 0, 6000);
		(void)life_backup(l);
	}
	life_wait(l, 2);
	must(transport_open_fault(l->t, &l->t, &err));
	must(fault_add(l->t, &rule, &err));
	memcpy(ids[0], l->v[0].id, REPO_ID_LEN);
	memcpy(ids[1], l->v[1].id, REPO_ID_LEN);
	repo = life_open(l);
	assert_int_equal(
	    repo_forget(repo, (const uint8_t(*)[REPO_ID_LEN])ids, 2, &err),
	    SNAP_DENIED);
	assert_non_null(strstr(err.hint, "It is recorded"));
	repo_close(repo);
	assert_int_equal(life_prune(l).n_kept, 2);
	/* One of them cannot be read any more. */
	hex_encode(ids[0], REPO_ID_LEN, hex);
	(void)snprintf(name, sizeof name, "snapshots/%s", hex);
	assert_true(mem_store_flip(l->mem, name, 100, 1));
	r = life_prune(l);
	assert_int_equal(r.n_kept, 2);
	assert_int_equal(r.n_broken, 0);
	assert_int_equal(r.n_condemned, 0);
	life_must_restore(l, 1);
	fault_clear(l->t);
	r = life_prune(l);
	assert_int_equal(r.n_kept, 0);
	assert_int_equal(life_count(l, "snapshots/"), 2);
	l->v[0].forgotten = l->v[1].forgotten = true;
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
		T(nobody_has_to_give_up_what_is_kept_and_damaged),
		T(a_list_that_the_store_keeps_stays_confirmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
