/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_in_the_way.c - who may only add objects: what he puts beside those of
 * others costs them nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "life.h"
#include "names.h"
#include "repo_care.h"
#include "store.h"

#define must(call) assert_int_equal(call, SNAP_OK)

/* The name of a pack of the other kind that has this one's id. */
static void
twin_of(const char *name, char out[TRANSPORT_NAME_MAX + 1])
{
	uint8_t kind, id[ID_LEN];

	assert_true(store_name_parse(name, &kind, id));
	store_name(kind == OBJ_DATA ? OBJ_META : OBJ_DATA, id, out);
}

/* Beside all packs below `prefix`, or (remove) away again; their number. */
static size_t
junk_twins(struct life *l, const char *prefix, bool remove)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct transport_stat st;
	struct name *v;
	size_t n = names_below(l->t, prefix, &v);

	for (size_t i = 0; i < n; i++) {
		twin_of(v[i].s, name);
		if (!remove)
			must(transport_put(
			    l->t, name, span_str("junk"), NULL, &err));
		else if (transport_stat(l->t, name, &st, &err) == SNAP_OK)
			must(transport_delete(l->t, name, &err));
	}
	free(v);
	return n;
}

static uint64_t
findings(struct life *l)
{
	struct repo_check_opts o = { .read_data = true, .data_percent = 100 };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_check_result res;
	struct repo *r = life_open(l);

	must(repo_check(r, &o, &res, &err));
	repo_close(r);
	return res.n_errors;
}

static void
junk_with_the_id_of_a_pack_costs_nothing_but_its_room(void **state)
{
	static const char *const below[] = { "data/", "meta/" };
	struct life *l = *state;

	for (size_t k = 0; k < 2; k++) {
		uint64_t bytes;
		size_t n;

		(void)life_backup(l);
		bytes = life_bytes(l, "data/");
		n = junk_twins(l, below[k], false);
		assert_true(n > 0);
		life_must_restore(l, 0);
		/* Of rows that are stored nothing is stored again. */
		(void)life_backup(l);
		assert_in_range(life_bytes(l, "data/"), bytes,
		    bytes + n * 4 /* the junk */);
		assert_true(findings(l) >= n);
		/* Nor does prune take the pack for what lies beside it. */
		for (int i = 0; i < 3; i++) {
			life_wait(l, 2);
			(void)life_prune(l);
			for (size_t j = 0; j < l->n; j++)
				life_must_restore(l, j);
		}
		assert_int_equal(life_count(l, "condemned/"), 0);
		assert_true(life_said(l, "has the same id"));
		/* Who deletes the junk has all that he had. */
		(void)junk_twins(l, below[k], true);
		life_must_be_whole(l);
	}
}

/* It cannot be read, and what takes it for damaged would condemn both. */
static void
a_repair_condemns_no_pack_for_the_junk_that_has_its_id(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_mend_result res;
	struct life *l = *state;
	struct repo *r;
	uint64_t bytes;

	(void)life_backup(l);
	bytes = life_bytes(l, "data/");
	assert_true(junk_twins(l, "data/", false) > 0);
	r = life_open(l);
	must(repo_repair_packs(r, NULL, 0, &res, &err));
	repo_close(r);
	assert_true(res.n_damaged > 0);
	assert_int_equal(res.n_condemned, 0);
	assert_true(life_said(l, "has the same id"));
	(void)life_backup(l);
	assert_int_equal(life_bytes(l, "data/"), bytes);
	(void)junk_twins(l, "data/", true);
	life_must_be_whole(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    junk_with_the_id_of_a_pack_costs_nothing_but_its_room,
		    life_setup, life_teardown),
		cmocka_unit_test_setup_teardown(
		    a_repair_condemns_no_pack_for_the_junk_that_has_its_id,
		    life_setup, life_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
