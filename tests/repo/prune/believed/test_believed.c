/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_believed.c - who is believed: a rotation ends the word of the
 * maintenance keys before it, and a note is no newer than when it came.
 *
 * Each thief has a key file and may put objects; nothing more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "life.h"
#include "names.h"
#include "notes.h"
#include "packout.h"
#include "pruned.h"
#include "repo_notes.h"
#include "store_internal.h"
#include "thief.h"

#define must(call) assert_int_equal(call, SNAP_OK)
#define LIMIT (1u << 20)

static const struct span owner;

/* Only the record of the epoch: nothing is signed anew. */
static void
rotate(struct life *l)
{
	struct store *s = thief_enter(l, owner);

	pruned_rotate(s, span_str(LIFE_PASSPHRASE), 2);
	store_close(s);
	s = thief_enter(l, owner);
	assert_int_equal(s->keys->epoch, 2);
	store_close(s);
}

/* What is said with one property, dated `ahead` ns from now. */
static void
say(struct life *l, struct span file, enum note_type type,
    const uint8_t *subject, const char *key, const char *value, int64_t ahead)
{
	struct note_body *n = calloc(1, sizeof *n);
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = thief_enter(l, file);
	uint8_t id[ID_LEN];
	struct bytes body;

	assert_non_null(n);
	n->type = (uint16_t)type;
	if (subject != NULL)
		memcpy(n->subject, subject, ID_LEN);
	n->l0 = ahead > INT64_MAX - s->l0 ? INT64_MAX : s->l0 + ahead;
	n->n_props = 1;
	n->props[0].key = span_str(key);
	n->props[0].value = span_str(value);
	bytes_init(&body, LIMIT);
	note_encode(n, &body);
	keys_random(id, sizeof id);
	must(store_put_body(
	    s, OBJ_NOTE, id, bytes_span(&body), true, NULL, &err));
	bytes_fini(&body);
	free(n);
	store_close(s);
}

static bool
is_pinned(struct life *l, size_t n)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = life_open(l);
	struct repo_notes *said;
	bool pinned;

	must(repo_notes(r, &said, &err));
	pinned = repo_notes_pinned(said, l->v[n].id);
	repo_notes_free(said);
	repo_close(r);
	return pinned;
}

/* The policy's only setting, or NULL. */
static bool
policy_is(struct life *l, const char *key)
{
	const struct repo_property *settings;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = life_open(l);
	struct repo_notes *said;
	size_t n;
	bool is;

	must(repo_notes(r, &said, &err));
	n = repo_notes_policy(said, &settings);
	is = key == NULL ? n == 0 : n == 1 && strcmp(settings[0].key, key) == 0;
	repo_notes_free(said);
	repo_close(r);
	return is;
}

static void
a_rotation_ends_who_could_forget(void **state)
{
	struct life *l = *state;
	struct bytes file;
	char ids[3 * (2 * ID_LEN + 1)];

	(void)life_backup(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	thief_steals(l, KEYFILE_MAINTENANCE, &file);
	rotate(l);
	life_change(l, 0, 6000);
	(void)life_backup(l);
	life_wait(l, 1);
	for (size_t i = 0; i < 3; i++) {
		hex_encode(l->v[i].id, ID_LEN, ids + i * (2 * ID_LEN + 1));
		ids[(i + 1) * (2 * ID_LEN + 1) - 1] = i < 2 ? ',' : '\0';
	}
	say(l, bytes_span(&file), NOTE_FORGET, NULL, NOTE_PROP_SNAPSHOTS, ids,
	    0);
	for (int i = 0; i < 4; i++) {
		life_wait(l, 2);
		(void)life_prune(l);
	}
	assert_true(life_said(l, "that \"key rotate\" had ended"));
	assert_true(life_is_listed(l, 0) && life_is_listed(l, 1) &&
		    life_is_listed(l, 2));
	life_must_be_whole(l);
	bytes_fini(&file);
}

/* A pack of nonsense in place of one that is there, which it says it was copied
 * from. */
static void
put_copy(struct store *s, const struct name *data, const uint8_t run[ID_LEN])
{
	struct index_pack ip;
	struct index_segment seg = { .l0 = s->l0, .n_packs = 1, .packs = &ip };
	struct snap_err err = SNAP_ERR_INIT;
	struct packout *po = NULL;
	struct pack_contents pc;
	struct transport_stat st;
	struct store_body b;
	uint8_t kind, id[ID_LEN], nonsense[100];
	int64_t when;

	assert_true(store_name_parse(data->s, &kind, id));
	must(store_get_contents(s, kind, id, data->st.size, &b, &err));
	must(pack_contents_decode(b.body.body, &pc, &err));
	must(packout_new(s, OBJ_DATA, run, &po, &err));
	for (uint32_t i = 0; i < pc.n_rows; i++) {
		struct pack_row row = pc.rows[i];

		keys_random(nonsense, sizeof nonsense);
		row.flags = ROW_ORIGIN;
		memcpy(row.origin_pack, id, ID_LEN);
		row.origin_time = data->st.time_ns;
		must(packout_seal(
		    po, &row, span_of(nonsense, sizeof nonsense), &err));
	}
	must(packout_put(po, &ip, &when, &err));
	memcpy(seg.run_id, run, ID_LEN);
	must(store_put_segment(s, &seg, true, &st, &err));
	packout_free(po);
	free((void *)(uintptr_t)ip.contents.p);
	pack_contents_fini(&pc);
	store_body_fini(&b);
}

static void
a_rotation_ends_who_could_say_where_copies_come_from(void **state)
{
	struct life *l = *state;
	struct bytes file;
	struct name *data;
	struct store *s;
	uint8_t run[ID_LEN];
	size_t n;

	(void)life_backup(l);
	thief_steals(l, KEYFILE_MAINTENANCE, &file);
	rotate(l);
	life_wait(l, 2);
	s = thief_enter(l, bytes_span(&file));
	n = names_below(l->t, "data/", &data);
	assert_true(n > 0);
	keys_random(run, sizeof run);
	for (size_t i = 0; i < n; i++)
		put_copy(s, &data[i], run);
	free(data);
	store_close(s);
	for (int i = 0; i < 5; i++) {
		life_wait(l, 2);
		(void)life_prune(l);
	}
	life_must_restore(l, 0);
	(void)life_backup(l);
	life_must_restore(l, 1);
	bytes_fini(&file);
}

/* All packs, in a list that is confirmed. */
static void
condemn_all(struct store *s)
{
	struct condemned_body c = { .l0 = s->l0 };
	struct confirm_body ok = { .l0 = s->l0 };
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes body, ids;
	struct name *data;
	uint8_t kind, id[ID_LEN];

	bytes_init(&ids, LIMIT);
	bytes_init(&body, LIMIT);
	c.n_packs = (uint32_t)names_below(s->t, "data/", &data);
	for (uint32_t i = 0; i < c.n_packs; i++) {
		assert_true(store_name_parse(data[i].s, &kind, id));
		bytes_put(&ids, id, sizeof id);
	}
	free(data);
	c.packs = ids.p;
	condemned_encode(&c, &body);
	keys_random(id, sizeof id);
	must(store_put_body(
	    s, OBJ_CONDEMNED, id, bytes_span(&body), true, NULL, &err));
	memcpy(ok.id, id, sizeof id);
	bytes_clear(&body);
	confirm_encode(&ok, &body);
	must(store_put_body(
	    s, OBJ_CONDEMNED_OK, id, bytes_span(&body), true, NULL, &err));
	bytes_fini(&body);
	bytes_fini(&ids);
}

static void
a_rotation_ends_who_could_condemn(void **state)
{
	struct life *l = *state;
	struct repo_prune_result r;
	struct bytes file;
	struct store *s;

	(void)life_backup(l);
	thief_steals(l, KEYFILE_MAINTENANCE, &file);
	rotate(l);
	s = thief_enter(l, bytes_span(&file));
	condemn_all(s);
	store_close(s);
	life_wait(l, 2);
	/* It has aged, but by nobody's word who has one. */
	r = life_prune(l);
	assert_int_equal(life_count(l, "condemned/"), 1);
	(void)r;
	for (int i = 0; i < 5; i++) {
		life_must_restore(l, 0);
		life_wait(l, 2);
		(void)life_prune(l);
	}
	life_must_be_whole(l);
	bytes_fini(&file);
}

static void
a_rotation_ends_who_could_revoke(void **state)
{
	struct life *l = *state;
	struct bytes host, file;
	struct store *s;

	thief_steals(l, KEYFILE_HOST, &host);
	thief_steals(l, KEYFILE_MAINTENANCE, &file);
	l->key_file = bytes_span(&host);
	(void)life_backup(l);
	memset(&l->key_file, 0, sizeof l->key_file);
	rotate(l);
	life_wait(l, 1);
	s = thief_enter(l, bytes_span(&host));
	say(l, bytes_span(&file), NOTE_REVOKED, s->keys->host_id,
	    NOTE_PROP_SNAPSHOTS, "", 0);
	store_close(s);
	assert_true(life_is_listed(l, 0));
	for (int i = 0; i < 4; i++) {
		life_wait(l, 2);
		(void)life_prune(l);
	}
	life_must_be_whole(l);
	bytes_fini(&host);
	bytes_fini(&file);
}

/* Who died in the midst of a rotation has not unpinned anything. */
static void
what_keeps_holds_on_in_a_new_epoch_and_what_lets_go_does_not(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct life *l = *state;
	const uint8_t *id = l->v[0].id;
	struct repo_notes *said;
	struct bytes file;
	struct repo *r;

	(void)life_backup(l);
	(void)life_backup(l);
	(void)life_backup(l);
	say(l, owner, NOTE_PIN, id, NOTE_PROP_PINNED, "yes", 0);
	say(l, owner, NOTE_TAGS, l->v[1].id, NOTE_PROP_TAGS, "kept", 0);
	say(l, owner, NOTE_POLICY, NULL, "keep-last", "7", 0);
	assert_true(is_pinned(l, 0) && !is_pinned(l, 1) && !is_pinned(l, 2));
	assert_true(policy_is(l, "keep-last"));
	thief_steals(l, KEYFILE_MAINTENANCE, &file);
	rotate(l);
	life_wait(l, 1);
	say(l, bytes_span(&file), NOTE_PIN, id, NOTE_PROP_PINNED, "no", 1);
	say(l, bytes_span(&file), NOTE_TAGS, l->v[1].id, NOTE_PROP_TAGS, "", 1);
	say(l, bytes_span(&file), NOTE_POLICY, NULL, "keep-yearly", "1", 1);
	assert_true(is_pinned(l, 0) && is_pinned(l, 1) && !is_pinned(l, 2));
	assert_true(policy_is(l, NULL));

	life_wait(l, 7);
	(void)life_prune(l);
	assert_true(is_pinned(l, 0) && is_pinned(l, 1));

	/* What an owner says now counts at once, whatever was said before. */
	r = life_open(l);
	must(repo_notes(r, &said, &err));
	must(repo_say_pinned(r, said, id, false, &err));
	must(repo_say_tags(r, said, l->v[1].id, "other", &err));
	repo_notes_free(said);
	repo_close(r);
	say(l, owner, NOTE_POLICY, NULL, "keep-daily", "1", 0);
	assert_true(!is_pinned(l, 0) && !is_pinned(l, 1));
	assert_true(policy_is(l, "keep-daily"));
	life_wait(l, 7);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "notes/"), 3);
	bytes_fini(&file);
}

static void
a_note_that_is_dated_ahead_is_not_the_newest_for_ever(void **state)
{
	static const struct repo_property daily[] = { { "keep-daily", "1" } };
	struct snap_err err = SNAP_ERR_INIT;
	struct life *l = *state;
	struct repo_notes *said;
	struct bytes file;
	struct repo *r;

	(void)life_backup(l);
	thief_steals(l, KEYFILE_MAINTENANCE, &file);
	say(l, owner, NOTE_PIN, l->v[0].id, NOTE_PROP_PINNED, "yes", 0);
	say(l, bytes_span(&file), NOTE_PIN, l->v[0].id, NOTE_PROP_PINNED, "no",
	    INT64_MAX);
	say(l, bytes_span(&file), NOTE_POLICY, NULL, "keep-last", "1",
	    INT64_MAX);
	assert_true(is_pinned(l, 0));
	assert_true(policy_is(l, NULL));
	assert_true(life_said(l, "dated ahead of when it came"));
	r = life_open(l);
	must(repo_notes(r, &said, &err));
	must(repo_say_policy(r, said, daily, 1, &err));
	repo_notes_free(said);
	repo_close(r);
	assert_true(policy_is(l, "keep-daily"));
	bytes_fini(&file);
}

/* Is this host's signature believed? */
static bool
is_trusted(struct life *l, struct span file)
{
	struct confirm_body c = { .l0 = 1 };
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = thief_enter(l, file);
	struct store_body b;
	struct bytes body;
	bool trusted;

	bytes_init(&body, LIMIT);
	keys_random(c.id, ID_LEN);
	confirm_encode(&c, &body);
	must(store_put_body(
	    s, OBJ_OK, c.id, bytes_span(&body), true, NULL, &err));
	bytes_fini(&body);
	store_close(s);
	s = thief_enter(l, owner);
	must(store_get_body(s, OBJ_OK, c.id, &b, &err));
	trusted = b.trusted;
	store_body_fini(&b);
	store_close(s);
	return trusted;
}

/* A record with another public key and a name. */
static void
put_host(struct life *l, struct span file, const uint8_t host[ID_LEN],
    uint32_t epoch, const uint8_t *pk)
{
	struct host_body h = { { 0 }, { 0 }, epoch, { NULL, 0 } };
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = thief_enter(l, file);
	uint8_t id[ID_LEN];
	struct bytes body;

	memcpy(h.host_id, host, ID_LEN);
	memcpy(h.pk, pk, sizeof h.pk);
	h.name = span_str("db1");
	bytes_init(&body, LIMIT);
	host_encode(&h, &body);
	keys_random(id, sizeof id);
	must(store_put_body(
	    s, OBJ_HOST, id, bytes_span(&body), true, NULL, &err));
	bytes_fini(&body);
	store_close(s);
}

static void
a_stolen_maintenance_key_does_not_displace_a_host(void **state)
{
	struct life *l = *state;
	struct bytes host, file;
	uint8_t id[ID_LEN], pk[32], other[32];
	struct store *s;

	thief_steals(l, KEYFILE_HOST, &host);
	thief_steals(l, KEYFILE_MAINTENANCE, &file);
	s = thief_enter(l, bytes_span(&host));
	memcpy(id, s->keys->host_id, ID_LEN);
	memcpy(pk, s->keys->host_pk, sizeof pk);
	store_close(s);
	memset(other, 0x42, sizeof other);
	put_host(l, bytes_span(&file), id, 4000000000u, other);
	put_host(l, bytes_span(&file), id, 1, other);
	assert_true(is_trusted(l, bytes_span(&host)));
	assert_true(life_said(l, "it is of another key epoch"));

	/* What it signed before is good after a rotation, and what it signs
	 * later when somebody of the new epoch has said so. */
	rotate(l);
	put_host(l, bytes_span(&file), id, 1, other);
	assert_true(is_trusted(l, bytes_span(&host)));
	put_host(l, owner, id, 2, pk);
	assert_true(is_trusted(l, bytes_span(&host)));
	bytes_fini(&host);
	bytes_fini(&file);
}

/* Who admits a host is the newest epoch's; an older one's have a word in what
 * is as old. */
static void
a_stolen_maintenance_key_admits_nobody_after_a_rotation(void **state)
{
	struct life *l = *state;
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes old, new, file;
	struct store *s;
	struct name *keys;
	size_t n;

	thief_steals(l, KEYFILE_MAINTENANCE, &file);
	rotate(l);
	/* A host that knows the new epoch, whose record the owner takes back
	 * and the thief puts again. */
	thief_steals(l, KEYFILE_HOST, &new);
	assert_true(is_trusted(l, bytes_span(&new)));
	n = names_below(l->t, "keys/", &keys);
	for (size_t i = 0; i < n; i++) {
		bytes_init(&old, LIMIT);
		must(transport_get(l->t, keys[i].s, 0, SIZE_MAX, &old, &err));
		if (old.p[8] == OBJ_HOST)
			must(transport_delete(l->t, keys[i].s, &err));
		bytes_fini(&old);
	}
	free(keys);
	s = thief_enter(l, bytes_span(&new));
	put_host(l, bytes_span(&file), s->keys->host_id, 1, s->keys->host_pk);
	store_close(s);
	assert_false(is_trusted(l, bytes_span(&new)));
	bytes_fini(&new);
	bytes_fini(&file);
}

#define T(f) cmocka_unit_test_setup_teardown(f, life_setup, life_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_rotation_ends_who_could_forget),
		T(a_rotation_ends_who_could_say_where_copies_come_from),
		T(a_rotation_ends_who_could_condemn),
		T(a_rotation_ends_who_could_revoke),
		T(what_keeps_holds_on_in_a_new_epoch_and_what_lets_go_does_not),
		T(a_note_that_is_dated_ahead_is_not_the_newest_for_ever),
		T(a_stolen_maintenance_key_does_not_displace_a_host),
		T(a_stolen_maintenance_key_admits_nobody_after_a_rotation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
