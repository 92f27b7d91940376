/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_forget.c - snapshots that a policy drops, in the run that prunes; tags,
 * pins and policies, who may say them, and when notes go.
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
#include "names.h"
#include "notes.h"
#include "pruned.h"
#include "repo_notes.h"

#define must(call) assert_int_equal(call, SNAP_OK)
#define LIMIT (1u << 20)

static const struct repo_prune_opts usual = { .live_percent = 60,
	.tmpdir = "." };

/* Prune, and forget snapshot n. */
static struct repo_prune_result
prune_dropping(struct life *l, size_t n, bool dry_run)
{
	struct repo_prune_opts o = usual;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_prune_result r;

	o.dry_run = dry_run;
	o.forget = (const uint8_t(*)[REPO_ID_LEN])l->v[n].id;
	o.n_forget = 1;
	if (life_prune_as(l, &o, &r, &err) != SNAP_OK)
		fail_msg("prune: %s", err.msg);
	return r;
}

static void
half_name(struct life *l, size_t n, bool ok, char out[TRANSPORT_NAME_MAX + 1])
{
	char hex[2 * REPO_ID_LEN + 1];

	hex_encode(l->v[n].id, REPO_ID_LEN, hex);
	(void)snprintf(out, TRANSPORT_NAME_MAX + 1, "snapshots/%s%s", hex,
	    ok ? ".ok" : "");
}

static void
what_a_policy_drops_is_forgotten_by_the_run_that_prunes(void **state)
{
	struct life *l = *state;
	struct repo_prune_result r;
	uint64_t before;

	(void)life_backup(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	life_wait(l, 2);
	before = life_bytes(l, "data/");
	r = prune_dropping(l, 0, false);
	assert_int_equal(r.n_forgotten, 1);
	assert_false(life_is_listed(l, 0));
	assert_true(life_is_listed(l, 1));
	l->v[0].forgotten = true;
	/* At once condemned, and told when it goes. */
	assert_true(r.n_condemned > 0 && r.bytes_waiting > before / 3);
	assert_int_equal(r.waiting_ns, r.now_ns + LIFE_GRACE);
	assert_int_equal(life_count(l, "notes/"), 1);
	life_must_be_whole(l);
	life_wait(l, 1);
	r = life_prune(l);
	assert_true(r.bytes_freed > before / 3);
	assert_int_equal(r.bytes_waiting, 0);
	assert_int_equal(r.waiting_ns, 0);
	life_must_be_whole(l);
}

static void
a_dry_run_tells_what_would_be_free_and_forgets_nothing(void **state)
{
	struct life *l = *state;
	struct repo_prune_result dry, real;
	size_t objects;

	(void)life_backup(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	life_wait(l, 2);
	objects = life_count(l, "");
	dry = prune_dropping(l, 0, true);
	assert_int_equal(life_count(l, ""), objects);
	assert_true(life_is_listed(l, 0));
	life_must_be_whole(l);
	real = prune_dropping(l, 0, false);
	assert_int_equal(dry.n_forgotten, 1);
	assert_int_equal(dry.n_condemned, real.n_condemned);
	assert_int_equal(dry.bytes_waiting, real.bytes_waiting);
	assert_int_equal(dry.bytes_freed, real.bytes_freed);
}

static void
nothing_is_forgotten_while_a_snapshot_cannot_be_read(void **state)
{
	struct life *l = *state;
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct repo_prune_result r;
	uint8_t(*ids)[REPO_ID_LEN];
	struct repo *repo;
	size_t n, n_unnamed;

	(void)life_backup(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	life_wait(l, 2);
	half_name(l, 1, false, name);
	assert_true(mem_store_remove(l->mem, name));
	l->v[1].forgotten = true; /* it does not come back */
	r = prune_dropping(l, 0, false);
	assert_int_equal(r.n_forgotten, 0);
	assert_int_equal(r.n_broken, 1);
	assert_true(life_said(l, "nothing is forgotten while"));
	assert_true(life_is_listed(l, 0));
	life_must_restore(l, 0);
	/* Until somebody gives it up. */
	repo = life_open(l);
	must(repo_broken(repo, ".", &ids, &n, &n_unnamed, &err));
	assert_int_equal(n_unnamed, 0);
	assert_int_equal(n, 1);
	assert_memory_equal(ids[0], l->v[1].id, REPO_ID_LEN);
	must(repo_forget(repo, (const uint8_t(*)[REPO_ID_LEN])ids, n, &err));
	free(ids);
	repo_close(repo);
	r = prune_dropping(l, 0, false);
	assert_int_equal(r.n_broken, 0);
	assert_int_equal(r.n_forgotten, 1);
}

/* How many are broken; *n_unnamed: packs that may be all that they lack. */
static size_t
broken(struct life *l, size_t *n_unnamed)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = life_open(l);
	uint8_t(*ids)[REPO_ID_LEN];
	size_t n;

	must(repo_broken(r, ".", &ids, &n, n_unnamed, &err));
	free(ids);
	repo_close(r);
	return n;
}

static void
what_the_index_does_not_name_may_be_all_that_a_snapshot_lacks(void **state)
{
	struct life *l = *state;
	char name[2][TRANSPORT_NAME_MAX + 1];
	struct name *before, *now;
	size_t packs, n_unnamed, n, i = 0;

	(void)life_backup(l);
	life_wait(l, 2);
	packs = life_count(l, "data/") + life_count(l, "meta/");
	n = names_below(l->t, "index/", &before);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	packs = life_count(l, "data/") + life_count(l, "meta/") - packs;
	assert_int_equal(names_below(l->t, "index/", &now), n + 1);
	while (i < n && strcmp(before[i].s, now[i].s) == 0)
		i++;
	/* The index of the second: young packs, but older than it. */
	assert_true(mem_store_remove(l->mem, now[i].s));
	free(before);
	free(now);
	assert_int_equal(broken(l, &n_unnamed), 1);
	assert_int_equal(n_unnamed, packs);
	/* Without it, as of a run that may go on; or is over. */
	for (i = 0; i < 2; i++) {
		half_name(l, 1, i == 1, name[i]);
		assert_true(mem_store_remove(l->mem, name[i]));
	}
	assert_int_equal(broken(l, &n_unnamed), 0);
	assert_int_equal(n_unnamed, 0);
	life_wait(l, 2);
	assert_int_equal(broken(l, &n_unnamed), 0);
	assert_int_equal(n_unnamed, packs);
	/* Prune knows that they are garbage. */
	(void)life_prune(l);
	assert_int_equal(broken(l, &n_unnamed), 0);
	assert_int_equal(n_unnamed, 0);
}

/* All puts of notes fail: then nothing is deleted either. */
static void
what_is_not_recorded_is_not_deleted(void **state)
{
	const struct fault_rule rule = { .op = FAULT_PUT,
		.kind = FAULT_BEFORE,
		.code = SNAP_IO,
		.prefix = "notes/",
		.times = FAULT_FOREVER };
	struct life *l = *state;
	struct repo_prune_opts o = usual;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_prune_result r;
	size_t objects;

	(void)life_backup(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	life_wait(l, 2);
	must(transport_open_fault(l->t, &l->t, &err));
	must(fault_add(l->t, &rule, &err));
	objects = life_count(l, "");
	o.forget = (const uint8_t(*)[REPO_ID_LEN])l->v[0].id;
	o.n_forget = 1;
	assert_int_equal(life_prune_as(l, &o, &r, &err), SNAP_IO);
	assert_int_equal(life_count(l, ""), objects);
	fault_clear(l->t);
	life_must_be_whole(l);
}

/* What a snapshot was, to be put again later. */
struct kept_pair {
	char name[2][TRANSPORT_NAME_MAX + 1];
	struct bytes raw[2];
};

static void
keep_pair(struct life *l, size_t n, struct kept_pair *k)
{
	struct snap_err err = SNAP_ERR_INIT;

	for (int i = 0; i < 2; i++) {
		half_name(l, n, i == 1, k->name[i]);
		bytes_init(&k->raw[i], LIMIT);
		must(transport_get(
		    l->t, k->name[i], 0, SIZE_MAX, &k->raw[i], &err));
	}
}

static void
put_pair(struct life *l, struct kept_pair *k)
{
	struct snap_err err = SNAP_ERR_INIT;

	for (int i = 0; i < 2; i++)
		must(mem_store_overwrite(
		    l->mem, k->name[i], bytes_span(&k->raw[i]), &err));
}

static void
fini_pair(struct kept_pair *k)
{
	bytes_fini(&k->raw[0]);
	bytes_fini(&k->raw[1]);
}

/* Two snapshots; the first is forgotten, and all that it left is gone. */
static void
forget_and_wait(struct life *l, struct kept_pair *k)
{
	(void)life_backup(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	life_wait(l, 2);
	keep_pair(l, 0, k);
	life_forget(l, 0);
	for (int i = 0; i < 3; i++) {
		(void)life_prune(l);
		assert_int_equal(life_count(l, "notes/"), 1);
		if (i < 2)
			life_wait(l, 1);
	}
	life_wait(l, 1);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "notes/"), 0);
}

static void
a_forgotten_snapshot_is_void_when_it_reappears_after_its_record(void **state)
{
	struct life *l = *state;
	struct kept_pair k;

	forget_and_wait(l, &k);
	put_pair(l, &k);
	assert_false(life_is_listed(l, 0));
	life_must_restore(l, 1);
	(void)life_prune(l);
	life_wait(l, 1);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "snapshots/"), 2);
	life_must_be_whole(l);
	fini_pair(&k);
}

static void
in_a_directory_it_is_broken_then_and_takes_nothing_from_others(void **state)
{
	struct life *l = *state;
	struct repo_prune_result r;
	struct kept_pair k;

	l->like_files = true;
	forget_and_wait(l, &k);
	put_pair(l, &k);
	for (int i = 0; i < 4; i++) {
		r = life_prune(l);
		assert_int_equal(r.n_broken, 1);
		life_must_restore(l, 1);
		life_wait(l, 1);
	}
	life_forget(l, 0);
	assert_int_equal(life_prune(l).n_broken, 0);
	life_must_be_whole(l);
	fini_pair(&k);
}

static void
without_any_snapshot_the_records_stay(void **state)
{
	struct life *l = *state;

	(void)life_backup(l);
	life_wait(l, 2);
	life_forget(l, 0);
	for (int i = 0; i < 8; i++) {
		(void)life_prune(l);
		life_wait(l, 1);
	}
	assert_int_equal(life_count(l, "notes/"), 1);
	assert_int_equal(life_count(l, "data/"), 0);
	(void)life_backup(l);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "notes/"), 0);
	life_must_be_whole(l);
}

/* Says `pinned` of snapshot n; *is: what counts before. */
static void
pin(struct life *l, size_t n, bool was, bool pinned)
{
	struct repo_snapshot s;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = life_open(l);
	struct repo_notes *said;

	memset(&s, 0, sizeof s);
	memcpy(s.id, l->v[n].id, REPO_ID_LEN);
	must(repo_notes(r, &said, &err));
	assert_int_equal(repo_notes_pinned(said, s.id), was);
	must(repo_say_pinned(r, said, s.id, pinned, &err));
	repo_notes_free(said);
	repo_close(r);
}

static void
the_newest_word_counts_within_one_second_and_stays_while_older_go(void **state)
{
	struct life *l = *state;
	struct repo_property rule = { "keep-daily", "7" };
	const struct repo_property *v;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_notes *said;
	struct repo *r;

	(void)life_backup(l);
	mem_store_set_step(l->mem, 0);
	for (int i = 0; i < 5; i++)
		pin(l, 0, i % 2 == 1, i % 2 == 0);
	pin(l, 0, true, false);
	for (int i = 0; i < 3; i++) {
		r = life_open(l);
		must(repo_notes(r, &said, &err));
		assert_int_equal(repo_notes_policy(said, &v), i % 2);
		must(repo_say_policy(r, said, &rule, 1 - (size_t)i % 2, &err));
		repo_notes_free(said);
		repo_close(r);
	}
	mem_store_set_step(l->mem, 1);
	assert_int_equal(life_count(l, "notes/"), 9);
	life_wait(l, 2);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "notes/"), 9);
	life_wait(l, 2);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "notes/"), 2);
	pin(l, 0, false, true);
}

/* What counts before, "" = nothing; then what is said, NULL = nothing. */
static void
judge(struct life *l, size_t n, const char *was, const char *now)
{
	struct repo_property props[] = { { REPO_VERDICT_DIFFERENCES, "2" },
		{ REPO_VERDICT, now } };
	struct repo_verdict v = { .good = false };
	struct repo_snapshot s;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = life_open(l);
	struct repo_notes *said;

	memset(&s, 0, sizeof s);
	memcpy(s.id, l->v[n].id, REPO_ID_LEN);
	must(repo_notes(r, &said, &err));
	assert_int_equal(repo_notes_verdict(said, &s, &v), was[0] != '\0');
	if (was[0] != '\0') {
		assert_int_equal(v.good, strcmp(was, REPO_VERDICT_GOOD) == 0);
		assert_string_equal(v.differences, "2");
		assert_true(v.time_ns > 0);
	}
	if (now != NULL)
		must(repo_say_verdict(r, said, s.id, props, 2, &err));
	repo_notes_free(said);
	repo_close(r);
}

static void
the_newest_verdict_counts_and_only_for_its_snapshot(void **state)
{
	struct life *l = *state;

	(void)life_backup(l);
	(void)life_backup(l);
	judge(l, 0, "", REPO_VERDICT_GOOD);
	judge(l, 0, REPO_VERDICT_GOOD, REPO_VERDICT_BAD);
	judge(l, 1, "", NULL);
	life_wait(l, 4);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "notes/"), 1);
	judge(l, 0, REPO_VERDICT_BAD, NULL);
}

static void
what_a_host_says_of_pins_and_verdicts_counts_nothing(void **state)
{
	struct life *l = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct note_body note;
	struct store_opts so;
	struct bytes file, body;
	struct store *s;
	struct repo_opts ro;
	struct repo *r;
	uint8_t id[ID_LEN] = { 7 };

	(void)life_backup(l);
	pin(l, 0, false, true);
	memset(&so, 0, sizeof so);
	so.passphrase = span_str("correct horse");
	so.n_threads = 1;
	must(store_open(l->t, &so, &s, &err));
	bytes_init(&file, LIMIT);
	pruned_key_file(s, KEYFILE_HOST, &file);
	store_close(s);
	/* The program does not do it for him. */
	memset(&ro, 0, sizeof ro);
	ro.key_file = bytes_span(&file);
	ro.n_threads = 1;
	must(repo_open(l->t, &ro, &r, &err));
	assert_int_equal(repo_may_say(r, &err), SNAP_DENIED);
	assert_int_equal(
	    repo_forget(r, (const uint8_t(*)[REPO_ID_LEN])l->v[0].id, 1, &err),
	    SNAP_DENIED);
	repo_close(r);
	/* So he makes his own. */
	memset(&so, 0, sizeof so);
	so.key_file = bytes_span(&file);
	so.n_threads = 1;
	must(store_open(l->t, &so, &s, &err));
	memset(&note, 0, sizeof note);
	note.type = NOTE_PIN;
	memcpy(note.subject, l->v[0].id, ID_LEN);
	note.l0 = INT64_MAX / 2;
	note.n_props = 1;
	note.props[0].key = span_str(NOTE_PROP_PINNED);
	note.props[0].value = span_str("no");
	bytes_init(&body, LIMIT);
	note_encode(&note, &body);
	must(store_put_body(
	    s, OBJ_NOTE, id, bytes_span(&body), true, NULL, &err));
	note.type = NOTE_VERDICT;
	note.props[0].key = span_str(REPO_VERDICT);
	note.props[0].value = span_str(REPO_VERDICT_GOOD);
	bytes_clear(&body);
	note_encode(&note, &body);
	id[0]++;
	must(store_put_body(
	    s, OBJ_NOTE, id, bytes_span(&body), true, NULL, &err));
	store_close(s);
	judge(l, 0, "", NULL);
	pin(l, 0, true, true);
	assert_true(life_said(l, "only owners may"));
	bytes_fini(&body);
	bytes_fini_wipe(&file);
}

#define T(f) cmocka_unit_test_setup_teardown(f, life_setup, life_teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_a_policy_drops_is_forgotten_by_the_run_that_prunes),
		T(a_dry_run_tells_what_would_be_free_and_forgets_nothing),
		T(nothing_is_forgotten_while_a_snapshot_cannot_be_read),
		T(what_the_index_does_not_name_may_be_all_that_a_snapshot_lacks),
		T(what_is_not_recorded_is_not_deleted),
		T(a_forgotten_snapshot_is_void_when_it_reappears_after_its_record),
		T(in_a_directory_it_is_broken_then_and_takes_nothing_from_others),
		T(without_any_snapshot_the_records_stay),
		T(the_newest_word_counts_within_one_second_and_stays_while_older_go),
		T(the_newest_verdict_counts_and_only_for_its_snapshot),
		T(what_a_host_says_of_pins_and_verdicts_counts_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
