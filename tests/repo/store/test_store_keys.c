/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_store_keys.c - a repository opened by a key file instead of the
 * passphrase, and one whose keys were rotated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "blockindex.h"
#include "harness.h"
#include "keyfile.h"
#include "pruned.h"

#define PACK 100000

static enum snap_code
open_by_file(struct world *w, const struct bytes *file, struct store **s,
    struct snap_err *err)
{
	struct store_opts o;

	memset(&o, 0, sizeof o);
	o.key_file = bytes_span(file);
	o.n_threads = 2;
	o.report = &w->report;
	return store_open(w->t, &o, s, err);
}

static void
a_host_key_backs_up_and_reads_names_but_no_row(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct store *owner, *host = NULL;
	uint8_t first[ID_LEN], id[ID_LEN];
	struct store_body b;
	struct made m, r;
	struct bytes file, out;
	struct world w;

	(void)state;
	world_open(&w, PACK);
	owner = open_store(&w, NULL);
	assert_int_equal(store_look(owner, &err), SNAP_OK);
	assert_int_equal(backup(owner, 0, 5, first, &err), SNAP_OK);
	pruned_key_file(owner, KEYFILE_HOST, &file);
	store_close(owner);

	assert_int_equal(open_by_file(&w, &file, &host, &err), SNAP_OK);
	assert_int_equal(w.warnings, 0);
	assert_int_equal(store_look(host, &err), SNAP_OK);
	make_block(host, 2, &m);
	make_meta(host, CLASS_RECIPE, 2, &r);
	assert_true(store_has(host, CLASS_DATA, m.f.id));
	bytes_init(&out, BLOCK_PLAIN_MAX);
	assert_int_equal(
	    store_read(host, CLASS_DATA, m.f.id, &out, &err), SNAP_DENIED);
	assert_int_equal(out.len, 0);
	assert_int_equal(
	    store_read(host, CLASS_RECIPE, r.f.id, &out, &err), SNAP_OK);
	assert_int_equal(
	    store_get_body(host, OBJ_SNAPSHOT, first, &b, &err), SNAP_OK);
	assert_true(b.trusted);
	store_body_fini(&b);
	assert_int_equal(backup(host, 4, 9, id, &err), SNAP_OK);
	store_close(host);

	owner = look_again(&w, NULL);
	assert_int_equal(read_range(owner, 0, 9, &err), SNAP_OK);
	assert_int_equal(
	    store_get_body(owner, OBJ_SNAPSHOT, id, &b, &err), SNAP_OK);
	assert_true(b.trusted);
	store_body_fini(&b);
	store_close(owner);
	made_fini(&m);
	made_fini(&r);
	bytes_fini(&out);
	bytes_fini(&file);
	world_close(&w);
}

static void
what_an_unknown_host_signed_is_not_trusted(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct store *owner, *host = NULL;
	char name[TRANSPORT_NAME_MAX + 1];
	uint8_t id[ID_LEN];
	struct store_body b;
	struct bytes file;
	struct world w;

	(void)state;
	world_open(&w, PACK);
	owner = open_store(&w, NULL);
	pruned_key_file(owner, KEYFILE_HOST, &file);
	store_close(owner);
	assert_int_equal(open_by_file(&w, &file, &host, &err), SNAP_OK);
	assert_int_equal(store_look(host, &err), SNAP_OK);
	store_name(OBJ_HOST, host->keys->host_id, name);
	assert_int_equal(backup(host, 0, 2, id, &err), SNAP_OK);
	store_close(host);
	/* As if its public record had never been signed. */
	assert_int_equal(transport_delete(w.t, name, &err), SNAP_OK);
	owner = open_store(&w, NULL);
	assert_int_equal(
	    store_get_body(owner, OBJ_SNAPSHOT, id, &b, &err), SNAP_OK);
	assert_true(b.body.is_signed);
	assert_false(b.trusted);
	store_body_fini(&b);
	store_close(owner);
	bytes_fini(&file);
	world_close(&w);
}

static void
a_key_file_opens_only_the_config_that_it_pins(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct store *owner, *s = NULL;
	struct bytes file, config;
	struct world w, other;

	(void)state;
	world_open(&w, PACK);
	world_open(&other, PACK);
	owner = open_store(&w, NULL);
	pruned_key_file(owner, KEYFILE_HOST, &file);
	store_close(owner);
	assert_int_equal(open_by_file(&other, &file, &s, &err), SNAP_DENIED);
	/* The keeper of the store doubles the grace and mends the sum. */
	get_whole(w.t, "config", &config);
	config.len -= TRAILER_LEN;
	le32_put(config.p + HEADER_LEN + 12, 4 * 3600);
	object_finish(&config, HEADER_LEN);
	assert_int_equal(transport_delete(w.t, "config", &err), SNAP_OK);
	assert_int_equal(
	    transport_put(w.t, "config", bytes_span(&config), NULL, &err),
	    SNAP_OK);
	assert_int_equal(open_by_file(&w, &file, &s, &err), SNAP_CORRUPT);
	assert_non_null(strstr(err.msg, "config"));
	/* And a file with a flipped byte opens nothing. */
	file.p[HEADER_LEN + 60] ^= 1;
	assert_int_equal(open_by_file(&w, &file, &s, &err), SNAP_CORRUPT);
	assert_null(s);
	bytes_fini(&config);
	bytes_fini(&file);
	world_close(&other);
	world_close(&w);
}

static void
a_maintenance_key_condemns_and_a_host_key_cannot(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct condemned_body c;
	struct store *owner, *s[2] = { NULL, NULL };
	uint8_t id[ID_LEN], pack[ID_LEN], kind;
	char name[TRANSPORT_NAME_MAX + 1];
	struct bytes file[2], body;
	struct copy copy;
	struct world w;
	struct made m;

	(void)state;
	world_open(&w, PACK);
	owner = open_store(&w, NULL);
	assert_int_equal(store_look(owner, &err), SNAP_OK);
	assert_int_equal(backup(owner, 0, 3, id, &err), SNAP_OK);
	pruned_key_file(owner, KEYFILE_HOST, &file[0]);
	pruned_key_file(owner, KEYFILE_MAINTENANCE, &file[1]);
	store_close(owner);
	nth_name(w.t, "data/", 0, name);
	assert_true(store_name_parse(name, &kind, pack));
	bytes_init(&body, PACK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
		    open_by_file(&w, &file[i], &s[i], &err), SNAP_OK);
		assert_int_equal(store_look(s[i], &err), SNAP_OK);
		memset(&c, 0, sizeof c);
		c.l0 = s[i]->l0;
		c.n_packs = 1;
		c.packs = pack;
		bytes_clear(&body);
		condemned_encode(&c, &body);
		keys_random(id, sizeof id);
		assert_int_equal(store_put_body(s[i], OBJ_CONDEMNED, id,
				     bytes_span(&body), true, NULL, &err),
		    SNAP_OK);
		store_close(s[i]);
		owner = look_again(&w, NULL);
		make_block(owner, 0, &m);
		assert_int_equal(
		    store_copies(owner, CLASS_DATA, m.f.id, &copy, 1), 1);
		assert_int_equal(copy.condemned, i == 1);
		assert_int_equal(store_has(owner, CLASS_DATA, m.f.id), i == 0);
		made_fini(&m);
		store_close(owner);
		bytes_fini(&file[i]);
	}
	bytes_fini(&body);
	world_close(&w);
}

/* A list of an owner, of no packs. */
static void
condemn_nothing(struct world *w)
{
	struct store *s = open_store(w, NULL);
	struct condemned_body c = { .l0 = 1 };
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[ID_LEN] = { 7 };
	struct bytes body;

	bytes_init(&body, PACK);
	condemned_encode(&c, &body);
	assert_int_equal(store_put_body(s, OBJ_CONDEMNED, id, bytes_span(&body),
			     true, NULL, &err),
	    SNAP_OK);
	bytes_fini(&body);
	store_close(s);
}

static void
after_a_rotation_old_and_new_rows_are_read_and_none_is_stored_twice(
    void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes host_file;
	struct store *s, *host = NULL;
	struct store_body b;
	uint8_t first[ID_LEN], id[ID_LEN];
	struct copy copy;
	struct made m;
	struct world w;

	(void)state;
	world_open(&w, PACK);
	s = open_store(&w, NULL);
	assert_int_equal(store_look(s, &err), SNAP_OK);
	assert_int_equal(backup(s, 0, 4, first, &err), SNAP_OK);
	pruned_key_file(s, KEYFILE_HOST, &host_file);
	pruned_rotate(s, span_str("secret"), 2);
	store_close(s);

	s = open_store(&w, NULL);
	assert_int_equal(s->keys->epoch, 2);
	assert_int_equal(store_look(s, &err), SNAP_OK);
	assert_int_equal(read_range(s, 0, 4, &err), SNAP_OK);
	assert_int_equal(backup(s, 2, 6, id, &err), SNAP_OK);
	assert_int_equal(store_look(s, &err), SNAP_OK);
	assert_int_equal(read_range(s, 0, 6, &err), SNAP_OK);
	assert_int_equal(
	    store_get_body(s, OBJ_SNAPSHOT, first, &b, &err), SNAP_OK);
	assert_true(b.trusted);
	store_body_fini(&b);
	for (unsigned n = 0; n < 6; n++) {
		make_block(s, n, &m);
		assert_int_equal(
		    store_copies(s, CLASS_DATA, m.f.id, &copy, 1), 1);
		assert_int_equal(copy.epoch, n < 4 ? 1 : 2);
		made_fini(&m);
	}
	store_close(s);
	assert_int_equal(w.warnings, 0);

	/* Of the new epoch the host knows nothing, and is told so. */
	assert_int_equal(open_by_file(&w, &host_file, &host, &err), SNAP_OK);
	assert_int_equal(w.warnings, 0);
	assert_int_equal(store_look(host, &err), SNAP_OK);
	assert_true(w.warnings > 0);
	assert_non_null(strstr(w.last, "key epoch 2"));
	assert_int_equal(store_may_write(host, &err), SNAP_OK);
	store_close(host);
	/* It must not write while it cannot see what was condemned. */
	condemn_nothing(&w);
	assert_int_equal(open_by_file(&w, &host_file, &host, &err), SNAP_OK);
	assert_int_equal(store_look(host, &err), SNAP_OK);
	assert_int_equal(store_may_write(host, &err), SNAP_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "key epoch 2"));
	store_close(host);
	bytes_fini(&host_file);
	world_close(&w);
}

/* Remove the one record of an epoch; its name and bytes. */
static void
take_epoch_record(
    struct world *w, char name[TRANSPORT_NAME_MAX + 1], struct bytes *raw)
{
	struct snap_err err = SNAP_ERR_INIT;

	bytes_init(raw, PACK);
	for (size_t i = 0; raw->len == 0 || raw->p[8] != OBJ_EPOCH; i++) {
		bytes_fini(raw);
		nth_name(w->t, "keys/", i, name);
		get_whole(w->t, name, raw);
	}
	assert_int_equal(transport_delete(w->t, name, &err), SNAP_OK);
}

/* Who can delete must not make owners use keys that they gave up. */
static void
an_epoch_outlives_the_loss_of_its_record(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	uint8_t id[ID_LEN];
	struct bytes raw, host_file;
	struct store *s, *host = NULL;
	struct world w;

	(void)state;
	world_open(&w, PACK);
	s = look_again(&w, NULL);
	pruned_rotate(s, span_str("secret"), 2);
	assert_int_equal(backup(s, 0, 4, id, &err), SNAP_OK);
	store_close(s);
	take_epoch_record(&w, name, &raw);
	bytes_fini(&raw);

	s = open_store(&w, NULL);
	assert_int_equal(w.warnings, 0);
	assert_int_equal(store_look(s, &err), SNAP_OK);
	assert_int_equal(store_lost_epoch(s), 2);
	assert_int_equal(w.warnings, 1);
	assert_non_null(strstr(w.last, "epoch 2"));
	assert_int_equal(s->keys->epoch, 2);
	assert_int_equal(read_range(s, 0, 4, &err), SNAP_OK);
	/* Nobody else gets the keys of epochs to come. */
	pruned_key_file(s, KEYFILE_HOST, &host_file);
	assert_int_equal(open_by_file(&w, &host_file, &host, &err), SNAP_OK);
	assert_int_equal(host->keys->epoch, 2);
	assert_null(keys_of_epoch(host->keys, 3));
	store_close(host);
	store_close(s);
	bytes_fini(&host_file);
	world_close(&w);
}

/* Nor must keys that were given up be believed for as long as that takes to be
 * noticed: some segments are read before any of the new epoch. */
static void
a_lost_record_brings_no_old_key_back(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[ID_LEN], origin[ID_LEN] = { 1 };
	char name[TRANSPORT_NAME_MAX + 1];
	struct store *s, *thief;
	struct bytes raw;
	struct made m;
	struct world w;

	(void)state;
	world_open(&w, PACK);
	thief = look_again(&w, NULL);
	s = look_again(&w, NULL);
	pruned_rotate(s, span_str("secret"), 2);
	assert_int_equal(backup(s, 0, 4, id, &err), SNAP_OK);
	make_block(s, 0, &m);
	store_close(s);
	for (int i = 0; i < 16; i++)
		pruned_garbage(
		    thief, (const uint8_t(*)[ID_LEN])m.f.id, 1, origin);
	made_fini(&m);
	store_close(thief);
	take_epoch_record(&w, name, &raw);
	bytes_fini(&raw);

	s = look_again(&w, NULL);
	assert_int_equal(store_lost_epoch(s), 2);
	for (size_t i = 0; i < s->index->n_extras; i++)
		assert_false(s->index->extras[i].has_origin);
	assert_int_equal(read_range(s, 0, 4, &err), SNAP_OK);
	store_close(s);
	world_close(&w);
}

static void
an_epoch_that_no_owner_began_is_reported_and_ignored(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct bytes raw;
	struct store *s;
	struct world w;

	(void)state;
	world_open(&w, PACK);
	s = open_store(&w, NULL);
	/* Signed by the first epoch's key: who has that is not the owner. */
	pruned_begin_epoch(s, 2, true);
	store_close(s);
	s = open_store(&w, NULL);
	assert_int_equal(s->keys->epoch, 1);
	assert_int_equal(w.warnings, 1);
	store_close(s);
	/* The keeper of the store can claim any epoch in clear. */
	take_epoch_record(&w, name, &raw);
	raw.len -= TRAILER_LEN;
	le32_put(raw.p + 48, 60);
	object_finish(&raw, HEADER_LEN);
	assert_int_equal(
	    transport_put(w.t, name, bytes_span(&raw), NULL, &err), SNAP_OK);
	s = open_store(&w, NULL);
	assert_int_equal(s->keys->epoch, 1);
	assert_int_equal(w.warnings, 2);
	store_close(s);
	bytes_fini(&raw);
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_host_key_backs_up_and_reads_names_but_no_row),
		cmocka_unit_test(what_an_unknown_host_signed_is_not_trusted),
		cmocka_unit_test(a_key_file_opens_only_the_config_that_it_pins),
		cmocka_unit_test(
		    a_maintenance_key_condemns_and_a_host_key_cannot),
		cmocka_unit_test(
		    after_a_rotation_old_and_new_rows_are_read_and_none_is_stored_twice),
		cmocka_unit_test(an_epoch_outlives_the_loss_of_its_record),
		cmocka_unit_test(a_lost_record_brings_no_old_key_back),
		cmocka_unit_test(
		    an_epoch_that_no_owner_began_is_reported_and_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
