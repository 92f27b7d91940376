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

#include "harness.h"
#include "keyfile.h"

#define PACK 100000

/* The whole object of kind F that a machine keeps. */
static void
make_key_file(struct world *w, struct store *s, enum keyfile_type type,
    struct bytes *file)
{
	struct header h = { OBJ_KEYFILE, 0, { 0 }, { 0 }, 0 };
	struct host_body host = { { 0 }, { 0 }, 1, 0, 0, { NULL, 0 } };
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t header[HEADER_LEN], pin[32];
	struct bytes config, payload, body;
	struct keys *k = NULL;

	bytes_init(&config, PACK);
	bytes_init(&payload, PACK);
	bytes_init(&body, PACK);
	bytes_init(file, PACK);
	assert_int_equal(
	    transport_get(w->t, "config", 0, SIZE_MAX, &config, &err), SNAP_OK);
	keys_fingerprint(bytes_span(&config), pin);
	assert_int_equal(keyfile_make(s->keys, type, pin, span_str("db1"), &k,
			     &payload, &err),
	    SNAP_OK);
	memcpy(h.id, k->host_id, ID_LEN);
	memcpy(h.repo_id, s->repo_id, ID_LEN);
	h.epoch = k->epoch;
	header_encode(&h, header);
	bytes_put(file, header, HEADER_LEN);
	bytes_put_span(file, bytes_span(&payload));
	object_finish(file, HEADER_LEN);
	if (type == KEYFILE_HOST) {
		memcpy(host.host_id, k->host_id, ID_LEN);
		memcpy(host.pk, k->host_pk, 32);
		host.name = span_str("db1");
		host_encode(&host, &body);
		assert_int_equal(store_put_body(s, OBJ_HOST, k->host_id,
				     bytes_span(&body), true, NULL, &err),
		    SNAP_OK);
	}
	keys_free(k);
	bytes_fini(&config);
	bytes_fini_wipe(&payload);
	bytes_fini(&body);
}

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
	make_key_file(&w, owner, KEYFILE_HOST, &file);
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

	owner = open_store(&w, NULL);
	assert_int_equal(store_look(owner, &err), SNAP_OK);
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
	make_key_file(&w, owner, KEYFILE_HOST, &file);
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
	make_key_file(&w, owner, KEYFILE_HOST, &file);
	store_close(owner);
	assert_int_equal(open_by_file(&other, &file, &s, &err), SNAP_DENIED);
	/* The keeper of the store doubles the grace and mends the sum. */
	bytes_init(&config, PACK);
	assert_int_equal(
	    transport_get(w.t, "config", 0, SIZE_MAX, &config, &err), SNAP_OK);
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
	make_key_file(&w, owner, KEYFILE_HOST, &file[0]);
	make_key_file(&w, owner, KEYFILE_MAINTENANCE, &file[1]);
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
		owner = open_store(&w, NULL);
		assert_int_equal(store_look(owner, &err), SNAP_OK);
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

/* Put the record that begins epoch `e`, or one that only looks like it. */
static void
begin_epoch(struct store *s, uint32_t e, bool forge)
{
	struct snap_err err = SNAP_ERR_INIT;
	const struct epoch_keys *k;
	struct epoch_body b;
	struct bytes body;
	uint8_t id[ID_LEN];

	bytes_init(&body, PACK);
	if (!forge)
		keys_select(s->keys, e);
	k = keys_of_epoch(s->keys, s->keys->epoch);
	assert_non_null(k);
	memset(&b, 0, sizeof b);
	b.epoch = e;
	memcpy(b.data_pk, k->data_pk, 32);
	memcpy(b.maint_pk, k->maint_pk, 32);
	b.began = 1700000000;
	epoch_encode(&b, &body);
	keys_random(id, sizeof id);
	assert_int_equal(store_put_body(s, OBJ_EPOCH, id, bytes_span(&body),
			     true, NULL, &err),
	    SNAP_OK);
	bytes_fini(&body);
}

/* RS is not kept by an open store, so a rotation makes its keys anew.  The
 * test takes them from the slot as the key command will. */
static void
rotate(struct world *w, struct store *s, uint32_t e)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	uint8_t rs[KEY_BYTES];
	struct keys *k = NULL;
	struct object o;
	struct bytes raw;
	bool found = false;

	for (size_t i = 0; !found; i++) {
		bytes_init(&raw, PACK);
		nth_name(w->t, "keys/", i, name);
		assert_int_equal(
		    transport_get(w->t, name, 0, SIZE_MAX, &raw, &err),
		    SNAP_OK);
		assert_int_equal(
		    object_parse(bytes_span(&raw), &o, &err), SNAP_OK);
		if (o.header.kind == OBJ_SLOT &&
		    slot_type(o.payload) == SLOT_PASSPHRASE) {
			assert_int_equal(slot_unwrap(o.payload, o.header_bytes,
					     span_str("secret"), rs, &err),
			    SNAP_OK);
			found = true;
		}
		bytes_fini(&raw);
	}
	assert_int_equal(
	    keys_from_secret(rs, s->repo_id, e, &k, &err), SNAP_OK);
	keys_free(s->keys);
	s->keys = k;
	begin_epoch(s, e, false);
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
	make_key_file(&w, s, KEYFILE_HOST, &host_file);
	rotate(&w, s, 2);
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

	/* Of the new epoch the host knows nothing, and is told so: it must
	 * not write while it cannot see what was condemned. */
	assert_int_equal(open_by_file(&w, &host_file, &host, &err), SNAP_OK);
	assert_int_equal(w.warnings, 1);
	assert_non_null(strstr(w.last, "epoch 2"));
	assert_int_equal(store_look(host, &err), SNAP_DENIED);
	store_close(host);
	bytes_fini(&host_file);
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
	begin_epoch(s, 2, true);
	store_close(s);
	s = open_store(&w, NULL);
	assert_int_equal(s->keys->epoch, 1);
	assert_int_equal(w.warnings, 1);
	store_close(s);
	/* The keeper of the store can claim any epoch in clear. */
	bytes_init(&raw, PACK);
	for (size_t i = 0;; i++) {
		nth_name(w.t, "keys/", i, name);
		bytes_clear(&raw);
		assert_int_equal(
		    transport_get(w.t, name, 0, SIZE_MAX, &raw, &err), SNAP_OK);
		if (raw.p[8] == OBJ_EPOCH)
			break;
	}
	assert_int_equal(transport_delete(w.t, name, &err), SNAP_OK);
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
		cmocka_unit_test(
		    an_epoch_that_no_owner_began_is_reported_and_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
