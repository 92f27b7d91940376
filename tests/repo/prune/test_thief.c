/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_thief.c - a stolen write-only key against prune: everything that it can
 * put is put while snapshots are forgotten and garbage goes, and every genuine
 * snapshot comes back byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "notes.h"
#include "pruned.h"
#include "thief.h"

#define must(call) assert_int_equal(call, SNAP_OK)
#define ROUNDS 5

struct keys_at_hand {
	struct bytes host, maintenance;
};

static void
make_keys(struct life *l, struct keys_at_hand *k)
{
	struct store *s = thief_enter(l, (struct span){ NULL, 0 });

	pruned_key_file(s, KEYFILE_HOST, &k->host);
	pruned_key_file(s, KEYFILE_MAINTENANCE, &k->maintenance);
	store_close(s);
}

static void
drop_keys(struct life *l, struct keys_at_hand *k)
{
	l->key_file = (struct span){ NULL, 0 };
	bytes_fini_wipe(&k->host);
	bytes_fini_wipe(&k->maintenance);
}

/* All at once, as the owner's next prune finds it. */
static void
strike(struct life *l, const struct keys_at_hand *k)
{
	struct store *s = thief_enter(l, bytes_span(&k->host));

	thief_plants_garbage(s);
	thief_lies_about_packs(s);
	thief_condemns(s);
	thief_says_things(s, l);
	thief_forges_keys(s);
	store_close(s);
}

static uint64_t
errors_found(struct life *l, bool read_data)
{
	struct repo_check_opts o = { .read_data = read_data,
		.data_percent = 100 };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_check_result res;
	struct repo *r = life_open(l);

	bytes_clear(&l->log);
	must(repo_check(r, &o, &res, &err));
	repo_close(r);
	return res.n_errors;
}

static void
all_come_back(struct life *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!l->v[i].forgotten)
			life_must_restore(l, i);
}

static size_t
listed(struct life *l)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_snapshots all;
	struct repo *r = life_open(l);
	size_t n;

	must(repo_snapshots(r, &all, &err));
	n = all.n;
	assert_int_equal(all.n_damaged, 0);
	repo_snapshots_free(&all);
	repo_close(r);
	return n;
}

static void
strikes_and_prunes(struct life *l, bool by_maintenance)
{
	struct keys_at_hand k;
	struct repo_prune_result r;
	uint64_t condemned = 0, deleted = 0;

	make_keys(l, &k);
	(void)life_backup(l);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		life_change(l, i * 800, 2500);
		(void)life_backup(l);
		strike(l, &k);
		life_forget(l, i);
		life_wait(l, 1);
		if (by_maintenance)
			l->key_file = bytes_span(&k.maintenance);
		r = life_prune(l);
		condemned += r.n_condemned;
		deleted += r.n_deleted;
		l->key_file = (struct span){ NULL, 0 };
		all_come_back(l);
		assert_int_equal(listed(l), 1);
	}
	/* It did its work all the while. */
	assert_true(condemned > 0 && deleted > 0);
	/* Each is named. */
	assert_true(errors_found(l, true) > 0);
	assert_true(life_said(l, "not signed by the owner") ||
		    life_said(l, "is not signed"));
	bytes_clear(&l->log);
	l->key_file = bytes_span(&k.maintenance);
	(void)life_prune(l);
	assert_true(life_said(l, "a host said what only owners may"));
	drop_keys(l, &k);
	all_come_back(l);
}

static void
nothing_that_a_stolen_host_key_puts_costs_a_snapshot(void **state)
{
	strikes_and_prunes(*state, false);
}

static void
nor_where_maintenance_alone_prunes(void **state)
{
	strikes_and_prunes(*state, true);
}

static void
nor_on_a_file_system_where_times_can_be_set(void **state)
{
	struct life *l = *state;

	l->like_files = true;
	strikes_and_prunes(l, true);
}

static void
root_of(struct life *l, size_t n, uint8_t root[ID_LEN])
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_snapshots all;
	struct repo *r = life_open(l);

	must(repo_snapshots(r, &all, &err));
	memset(root, 0, ID_LEN);
	for (size_t i = 0; i < all.n; i++)
		if (memcmp(all.v[i].id, l->v[n].id, ID_LEN) == 0)
			memcpy(root, all.v[i].root, ID_LEN);
	repo_snapshots_free(&all);
	repo_close(r);
}

/* They are of the time at which the store got them, or older than the
 * repository, as what came with a copy of another is: none gets between. */
static void
forged_snapshots_take_nothing_from_the_genuine(void **state)
{
	struct life *l = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_snapshots all;
	struct keys_at_hand k;
	uint8_t root[ID_LEN], nonsense[ID_LEN];
	struct store *s;
	struct repo *r;
	int64_t last = 0, now;
	size_t n_host = 0;

	make_keys(l, &k);
	(void)life_backup(l);
	life_change(l, 0, 3000);
	(void)life_backup(l);
	root_of(l, 0, root);
	keys_random(nonsense, ID_LEN);
	s = thief_enter(l, bytes_span(&k.host));
	thief_forges_snapshot(s, root, s->l0);
	thief_forges_snapshot(s, root, s->l0 + 999 * LIFE_GRACE);
	thief_forges_snapshot(s, root, 1);
	thief_forges_snapshot(s, nonsense, s->l0);
	store_close(s);
	r = life_open(l);
	must(repo_snapshots(r, &all, &err));
	must(transport_now(l->t, &now, &err));
	for (size_t i = 0; i < all.n; i++)
		if (all.v[i].by_owner)
			last = all.v[i].time_ns;
	for (size_t i = 0; i < all.n; i++) {
		const struct repo_snapshot *v = &all.v[i];

		if (v->by_owner)
			continue;
		n_host++;
		assert_true(v->time_ns == 1 || v->time_ns >= last);
		assert_true(v->time_ns <= now);
	}
	assert_int_equal(n_host, 4);
	repo_snapshots_free(&all);
	repo_close(r);
	for (int i = 0; i < ROUNDS; i++) {
		life_wait(l, 2);
		(void)life_prune(l);
		all_come_back(l);
	}
	/* The one that names nonsense keeps garbage, and is told. */
	assert_true(life_said(l, "cannot be read"));
	drop_keys(l, &k);
}

int
main(void)
{
#define LIFE_TEST(f)                                                           \
	cmocka_unit_test_setup_teardown(f, life_setup, life_teardown)
	const struct CMUnitTest tests[] = {
		LIFE_TEST(nothing_that_a_stolen_host_key_puts_costs_a_snapshot),
		LIFE_TEST(nor_where_maintenance_alone_prunes),
		LIFE_TEST(nor_on_a_file_system_where_times_can_be_set),
		LIFE_TEST(forged_snapshots_take_nothing_from_the_genuine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
