/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_strangers.c - what somebody puts who has no right to say it: the
 * confirmation of another's snapshot, and what nobody can read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "life.h"
#include "pruned.h"
#include "thief.h"

#define must(call) assert_int_equal(call, SNAP_OK)
#define LIMIT (1u << 20)

static void
nobody_confirms_the_snapshot_of_another(void **state)
{
	struct life *l = *state;
	struct snap_err err = SNAP_ERR_INIT;
	char hex[2 * ID_LEN + 1], name[TRANSPORT_NAME_MAX + 1];
	struct confirm_body c;
	struct bytes file, body;
	struct store *s;

	(void)life_backup(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	thief_steals(l, KEYFILE_HOST, &file);
	hex_encode(l->v[0].id, ID_LEN, hex);
	store_name(OBJ_OK, l->v[0].id, name);
	must(transport_delete(l->t, name, &err));
	assert_false(life_is_listed(l, 0));
	s = thief_enter(l, bytes_span(&file));
	memcpy(c.id, l->v[0].id, ID_LEN);
	c.l0 = s->l0;
	bytes_init(&body, LIMIT);
	confirm_encode(&c, &body);
	must(store_put_body(
	    s, OBJ_OK, c.id, bytes_span(&body), true, NULL, &err));
	bytes_fini(&body);
	store_close(s);
	assert_false(life_is_listed(l, 0));
	assert_true(life_said(l, "confirmed by another key"));
	life_wait(l, 2);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "snapshots/"), 2);
	l->v[0].forgotten = true;
	life_must_be_whole(l);
	bytes_fini(&file);
}

/* Whoever may put objects can put such, without any key. */
static void
put_junk(struct life *l, uint8_t kind, uint32_t epoch)
{
	struct header h = { .kind = kind, .epoch = epoch };
	char name[TRANSPORT_NAME_MAX + 1];
	uint8_t header[HEADER_LEN], noise[200];
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = thief_enter(l, span_of(NULL, 0));
	struct bytes raw;

	memcpy(h.repo_id, s->repo_id, ID_LEN);
	memcpy(h.id, &(uint8_t[ID_LEN]){ 5 }, ID_LEN);
	store_close(s);
	header_encode(&h, header);
	keys_random(noise, sizeof noise);
	bytes_init(&raw, LIMIT);
	bytes_put(&raw, header, sizeof header);
	bytes_put(&raw, noise, sizeof noise);
	object_finish(&raw, HEADER_LEN);
	store_name(kind, h.id, name);
	(void)!transport_delete(l->t, name, &err);
	must(transport_put(l->t, name, bytes_span(&raw), NULL, &err));
	bytes_fini(&raw);
}

static void
what_seems_to_be_of_another_epoch_stops_nobody(void **state)
{
	static const uint8_t kinds[] = { OBJ_EPOCH, OBJ_HOST, OBJ_INDEX,
		OBJ_SNAPSHOT, OBJ_OK, OBJ_NOTE };
	struct life *l = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_prune_opts o = { .live_percent = 60, .tmpdir = "." };
	struct bytes files[2];
	struct repo_prune_result res;
	uint8_t(*ids)[REPO_ID_LEN];
	size_t n_broken, n_unnamed;
	struct store *s;
	struct repo *r;

	(void)life_backup(l);
	thief_steals(l, KEYFILE_HOST, &files[0]);
	thief_steals(l, KEYFILE_MAINTENANCE, &files[1]);
	for (size_t i = 0; i < sizeof kinds; i++) {
		/* One may lie under the name of the one before. */
		put_junk(l, kinds[i], i % 2 == 0 ? 2 : 64);
		bytes_clear(&l->log);
		for (size_t k = 0; k < 2; k++) {
			l->key_file = bytes_span(&files[k]);
			(void)life_backup(l);
			assert_true(life_is_listed(l, l->n - 1));
		}
		if (kinds[i] == OBJ_EPOCH || kinds[i] == OBJ_HOST)
			assert_int_equal(l->log.len, 0);
		else if (kinds[i] != OBJ_SNAPSHOT) /* that waits for its .ok */
			assert_true(life_said(l, "key epoch"));
	}
	/* A prune leaves all that may be needed, and takes nothing for broken
	 * that only an owner could read. */
	life_wait(l, 2);
	must(life_prune_as(l, &o, &res, &err));
	assert_int_equal(res.n_broken, 1);
	r = life_open(l);
	must(repo_broken(r, ".", &ids, &n_broken, &n_unnamed, &err));
	assert_int_equal(n_broken, 0);
	free(ids);
	repo_close(r);
	/* What it cannot know of may be condemned: it refers to nothing. */
	put_junk(l, OBJ_CONDEMNED, 2);
	s = thief_enter(l, bytes_span(&files[0]));
	assert_int_equal(store_may_write(s, &err), SNAP_UNSUPPORTED);
	store_close(s);
	memset(&l->key_file, 0, sizeof l->key_file);
	for (size_t i = 0; i < l->n; i++)
		life_must_restore(l, i);
	bytes_fini(&files[0]);
	bytes_fini(&files[1]);
}

/* Who signed the newest, and whether that is somebody else than before. */
static bool
latest_is_of(struct life *l, const char *signer, bool of_another)
{
	struct snap_err err = SNAP_ERR_INIT;
	const struct repo_snapshot *last;
	struct repo *r = life_open(l);
	struct repo_snapshots all;
	bool is;

	must(repo_snapshots(r, &all, &err));
	must(repo_snapshot_find(&all, "latest:shop", &last, &err));
	is = strcmp(last->signer, signer) == 0 &&
	     of_another == (repo_snapshot_of_another(&all, last) != NULL);
	repo_snapshots_free(&all);
	repo_close(r);
	return is;
}

static void
who_backs_up_what_others_did_is_told_from_them(void **state)
{
	struct life *l = *state;
	struct bytes host, again, file;
	struct store *s;

	(void)life_backup(l);
	assert_true(latest_is_of(l, "owner", false));
	thief_steals(l, KEYFILE_HOST, &host);
	thief_steals(l, KEYFILE_HOST, &again);
	thief_steals(l, KEYFILE_MAINTENANCE, &file);
	l->key_file = bytes_span(&host);
	(void)life_backup(l);
	assert_true(latest_is_of(l, "db1", true));
	(void)life_backup(l);
	assert_true(latest_is_of(l, "db1", false));
	/* A new key of the same host is no other host. */
	l->key_file = bytes_span(&again);
	(void)life_backup(l);
	assert_true(latest_is_of(l, "db1", false));
	/* A maintenance key is the owner's, until its epoch is over. */
	l->key_file = bytes_span(&file);
	(void)life_backup(l);
	assert_true(latest_is_of(l, "owner", true));
	s = thief_enter(l, span_of(NULL, 0));
	pruned_rotate(s, span_str(LIFE_PASSPHRASE), 2);
	store_close(s);
	memset(&l->key_file, 0, sizeof l->key_file);
	assert_true(latest_is_of(l, "owner", true));
	life_wait(l, 0);
	l->key_file = bytes_span(&file);
	(void)life_backup(l);
	memset(&l->key_file, 0, sizeof l->key_file);
	assert_true(latest_is_of(l, "owner (old key)", true));
	bytes_fini(&host);
	bytes_fini(&again);
	bytes_fini(&file);
}

#define T(f) cmocka_unit_test_setup_teardown(f, life_setup, life_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(nobody_confirms_the_snapshot_of_another),
		T(what_seems_to_be_of_another_epoch_stops_nobody),
		T(who_backs_up_what_others_did_is_told_from_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
