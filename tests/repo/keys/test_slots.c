/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_slots.c - slots are added and removed by the rules, and a stranger's
 * slots do not keep the owner out.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "harness.h"
#include "keyring.h"

static const struct slot_cost cheap = SLOT_COST_TESTS;

static void
slot_name(const uint8_t id[ID_LEN], char out[TRANSPORT_NAME_MAX + 1])
{
	store_name(OBJ_SLOT, id, out);
}

static enum snap_code
add(struct store *s, uint8_t first, enum slot_type type, struct span text,
    uint8_t id[ID_LEN], struct snap_err *err)
{
	struct slot_secret with = { type, text, cheap };

	memset(id, first, ID_LEN);
	return keyring_add(s, id, &with, err);
}

static void
a_further_passphrase_opens_until_its_slot_is_removed(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[ID_LEN];
	struct store *s;
	struct world w;

	(void)state;
	world_open(&w, 100000);
	s = open_store(&w, NULL);
	assert_int_equal(try_open(&w, "another", false, &err), SNAP_WRONG_KEY);
	assert_int_equal(
	    add(s, 1, SLOT_PASSPHRASE, span_str("another"), id, &err), SNAP_OK);
	assert_int_equal(try_open(&w, "another", false, &err), SNAP_OK);
	assert_int_equal(
	    keyring_remove(s, id, s->slot_id, false, &err), SNAP_OK);
	assert_int_equal(try_open(&w, "another", false, &err), SNAP_WRONG_KEY);
	assert_int_equal(
	    keyring_remove(s, id, s->slot_id, false, &err), SNAP_NOTFOUND);
	store_close(s);
	world_close(&w);
}

static void
what_must_not_go_stays(void **state)
{
	uint8_t id[ID_LEN], code[KEY_BYTES] = { 1 }, old[ID_LEN];
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_keys k;
	struct store *s;
	struct world w;

	(void)state;
	world_open(&w, 100000);
	s = open_store(&w, NULL);
	assert_int_equal(
	    keyring_remove(s, s->slot_id, s->slot_id, false, &err), SNAP_USAGE);
	assert_int_equal(keyring_load(s, &k, &err), SNAP_OK);
	assert_int_equal(k.n, 2);
	memcpy(old, k.v[1].id, ID_LEN);
	repo_keys_free(&k);
	/* The only recovery code, and then the newest. */
	assert_int_equal(
	    keyring_remove(s, old, s->slot_id, true, &err), SNAP_USAGE);
	assert_non_null(strstr(err.hint, "--recovery-code"));
	assert_int_equal(
	    add(s, 2, SLOT_RECOVERY, span_of(code, sizeof code), id, &err),
	    SNAP_OK);
	assert_int_equal(
	    keyring_remove(s, id, s->slot_id, true, &err), SNAP_USAGE);
	assert_int_equal(
	    keyring_remove(s, old, s->slot_id, false, &err), SNAP_OK);
	assert_int_equal(try_open(&w, w.code, true, &err), SNAP_WRONG_KEY);
	store_close(s);
	world_close(&w);
}

static void
a_store_that_deletes_nothing_keeps_it_and_that_is_said(void **state)
{
	struct fault_rule no = {
		.op = FAULT_DELETE, .code = SNAP_DENIED, .times = FAULT_FOREVER
	};
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	uint8_t id[ID_LEN];
	struct store *s;
	struct world w;

	(void)state;
	world_open(&w, 100000);
	t = faulty(&w);
	s = open_on(&w, t, "secret", NULL);
	assert_int_equal(
	    add(s, 1, SLOT_PASSPHRASE, span_str("another"), id, &err), SNAP_OK);
	assert_int_equal(fault_add(t, &no, &err), SNAP_OK);
	assert_int_equal(
	    keyring_remove(s, id, s->slot_id, false, &err), SNAP_DENIED);
	assert_non_null(strstr(err.hint, "still opens"));
	assert_int_equal(try_open(&w, "another", false, &err), SNAP_OK);
	store_close(s);
	transport_close(t);
	world_close(&w);
}

static void
what_could_not_be_added_is_not_there(void **state)
{
	struct fault_rule rules[] = {
		{ .op = FAULT_PUT, .kind = FAULT_AFTER, .code = SNAP_IO },
		{ .op = FAULT_GET, .code = SNAP_IO, .prefix = "keys/0101" },
		{ .op = FAULT_GET,
		    .kind = FAULT_FLIP,
		    .prefix = "keys/0101",
		    .at = 150 }
	};
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	uint8_t id[ID_LEN];
	struct store *s;
	struct world w;

	(void)state;
	world_open(&w, 100000);
	t = faulty(&w);
	s = open_on(&w, t, "secret", NULL);
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		fault_clear(t);
		assert_int_equal(fault_add(t, &rules[i], &err), SNAP_OK);
		assert_int_not_equal(
		    add(s, 1, SLOT_PASSPHRASE, span_str("another"), id, &err),
		    SNAP_OK);
		assert_int_equal(count_names(w.t, "keys/"), 2);
	}
	store_close(s);
	transport_close(t);
	world_close(&w);
}

/* The answer of the deletion is lost, and meanwhile the other slot went. */
static enum snap_code
remove_the_anchor(
    void *arg, enum fault_op op, const char *name, struct snap_err *err)
{
	struct world *w = arg;
	char own[TRANSPORT_NAME_MAX + 1];
	uint8_t id[ID_LEN];

	(void)err;
	memset(id, 1, ID_LEN);
	slot_name(id, own);
	if (op == FAULT_DELETE && strcmp(name, own) == 0) {
		char other[TRANSPORT_NAME_MAX + 1];
		size_t i = 0;

		while (i < count_names(w->t, "keys/")) {
			nth_name(w->t, "keys/", i, other);
			if (strcmp(other, own) == 0)
				i++;
			else
				(void)mem_store_remove(w->mem, other);
		}
	}
	return SNAP_OK;
}

static void
a_slot_comes_back_when_the_other_one_went_and_the_answer_was_lost(void **state)
{
	struct fault_rule lost = {
		.op = FAULT_DELETE, .kind = FAULT_AFTER, .code = SNAP_IO
	};
	struct snap_err err = SNAP_ERR_INIT;
	struct transport *t;
	uint8_t id[ID_LEN];
	struct store *s;
	struct world w;

	(void)state;
	world_open(&w, 100000);
	t = faulty(&w);
	s = open_on(&w, t, "secret", NULL);
	assert_int_equal(
	    add(s, 1, SLOT_PASSPHRASE, span_str("another"), id, &err), SNAP_OK);
	assert_int_equal(fault_add(t, &lost, &err), SNAP_OK);
	fault_set_hook(t, remove_the_anchor, &w);
	assert_int_equal(
	    keyring_remove(s, id, s->slot_id, false, &err), SNAP_BUSY);
	assert_int_equal(count_names(w.t, "keys/"), 1);
	assert_int_equal(try_open(&w, "another", false, &err), SNAP_OK);
	store_close(s);
	transport_close(t);
	world_close(&w);
}

/* ---- planted ones: whole by their checksum, and of no known passphrase */

static void
plant(struct world *w, enum slot_type type, uint8_t number, uint32_t passes,
    uint32_t mem_kib, int64_t time_ns)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1], person[16] = "snap-slot-sum";
	crypto_generichash_blake2b_state st;
	uint8_t id[ID_LEN], body[148] = { (uint8_t)type, 1 },
			    header[HEADER_LEN];
	struct header h = { .kind = OBJ_SLOT, .epoch = 1 };
	struct bytes obj;

	memset(id, 0x40, sizeof id);
	id[0] = number;
	memcpy(h.id, id, ID_LEN);
	memcpy(h.repo_id, w->repo_id, ID_LEN);
	header_encode(&h, header);
	le32_put(body + 4, passes);
	le32_put(body + 8, mem_kib);
	(void)crypto_generichash_blake2b_init_salt_personal(
	    &st, NULL, 0, 16, NULL, (const uint8_t *)person);
	(void)crypto_generichash_blake2b_update(&st, header, sizeof header);
	(void)crypto_generichash_blake2b_update(&st, body, 132);
	(void)crypto_generichash_blake2b_final(&st, body + 132, 16);
	bytes_init(&obj, 4096);
	bytes_put(&obj, header, sizeof header);
	bytes_put(&obj, body, sizeof body);
	object_finish(&obj, HEADER_LEN);
	slot_name(id, name);
	assert_int_equal(
	    mem_store_overwrite(w->mem, name, bytes_span(&obj), &err), SNAP_OK);
	assert_true(mem_store_set_object_time(w->mem, name, time_ns));
	bytes_fini(&obj);
}

static void
slots_that_cost_hours_are_not_tried(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct world w;

	(void)state;
	world_open(&w, 100000);
	/* Older than the true ones: 250 times 4 GiB in 64 passes. */
	for (int i = 0; i < 250; i++)
		plant(&w, SLOT_PASSPHRASE, (uint8_t)i, 64, 4u << 20, 1);
	assert_int_equal(try_open(&w, "secret", false, &err), SNAP_OK);
	assert_int_equal(w.warnings, 1);
	assert_non_null(strstr(w.last, "250 key slots are not tried"));
	assert_int_equal(try_open(&w, "wrong", false, &err), SNAP_WRONG_KEY);
	assert_non_null(strstr(err.detail, "250"));
	assert_int_equal(try_open(&w, w.code, true, &err), SNAP_OK);
	world_close(&w);
}

/* Each is small enough for a key; opening must not read them all. */
static void
no_repository_has_so_many_keys(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	uint8_t id[ID_LEN] = { 9 };
	struct bytes junk;
	struct world w;

	(void)state;
	world_open(&w, 100000);
	bytes_init(&junk, STORE_KEY_SIZE_MAX);
	while (junk.len < STORE_KEY_SIZE_MAX)
		bytes_u64(&junk, junk.len);
	for (unsigned i = 0; i < STORE_KEYS_BYTES_MAX / STORE_KEY_SIZE_MAX;
	     i++) {
		id[1] = (uint8_t)i;
		slot_name(id, name);
		assert_int_equal(mem_store_overwrite(w.mem, name,
				     bytes_span(&junk), &err),
		    SNAP_OK);
	}
	bytes_fini(&junk);
	assert_int_equal(try_open(&w, "secret", false, &err), SNAP_CORRUPT);
	assert_non_null(strstr(err.msg, "MiB, under keys/"));
	assert_non_null(strstr(err.hint, "Delete"));
	/* One less, and it opens. */
	assert_true(mem_store_remove(w.mem, name));
	assert_int_equal(try_open(&w, "secret", false, &err), SNAP_OK);
	world_close(&w);
}

static void
what_a_code_says_of_its_cost_does_not_count(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct world w;

	(void)state;
	world_open(&w, 100000);
	for (int i = 0; i < 100; i++)
		plant(&w, SLOT_RECOVERY, (uint8_t)i, i % 2 ? 1 : 64,
		    i % 2 ? 1 : 4u << 20, 1);
	assert_int_equal(try_open(&w, w.code, true, &err), SNAP_OK);
	assert_int_equal(w.warnings, 0);
	world_close(&w);
}

static void
together_they_cost_no_more_than_minutes(void **state)
{
	struct slot_secret with = { SLOT_PASSPHRASE, span_str("another"),
		{ 8, 4u << 20 } };
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[ID_LEN] = { 1 };
	struct store *s;
	struct world w;

	(void)state;
	world_open(&w, 100000);
	/* As dear as init makes them; three and the true one are 97 GiB. */
	for (int i = 0; i < 10; i++)
		plant(&w, SLOT_PASSPHRASE, (uint8_t)i, 8, 4u << 20, 1);
	s = open_store(&w, NULL);
	assert_non_null(strstr(w.last, "7 key slots are not tried"));
	assert_int_equal(keyring_add(s, id, &with, &err), SNAP_USAGE);
	assert_non_null(strstr(err.hint, "--kdf-memory"));
	store_close(s);
	world_close(&w);
}

static void
what_was_planted_later_comes_behind_and_is_not_tried_for_ever(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct world w;
	uint8_t id[ID_LEN];
	struct store *s;

	(void)state;
	world_open(&w, 100000);
	for (int i = 0; i < 250; i++)
		plant(&w, SLOT_PASSPHRASE, (uint8_t)i, 1, 8u << 10,
		    mem_store_time(w.mem) + 1000 * HOUR);
	/* At most 31 of them were in the way: no test of time, but of what
	 * is said. */
	assert_int_equal(try_open(&w, "secret", false, &err), SNAP_OK);
	assert_non_null(strstr(w.last, "219 key slots are not tried"));
	/* No slot is added that would not be tried. */
	s = open_store(&w, NULL);
	assert_int_equal(
	    add(s, 1, SLOT_PASSPHRASE, span_str("another"), id, &err),
	    SNAP_USAGE);
	/* What was planted can be removed. */
	memset(id, 0x40, sizeof id);
	for (int i = 0; i < 250; i++) {
		id[0] = (uint8_t)i;
		assert_int_equal(
		    keyring_remove(s, id, s->slot_id, false, &err), SNAP_OK);
	}
	assert_int_equal(
	    add(s, 1, SLOT_PASSPHRASE, span_str("another"), id, &err), SNAP_OK);
	store_close(s);
	world_close(&w);
}

static void
a_slot_that_shall_go_does_not_open_the_repository(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	char hex[2 * ID_LEN + 1];
	struct store *s, *t = NULL;
	struct store_opts o;
	struct world w;
	uint8_t id[ID_LEN];

	(void)state;
	world_open(&w, 100000);
	s = open_store(&w, NULL);
	memset(&o, 0, sizeof o);
	hex_encode(s->slot_id, ID_LEN, hex);
	hex[8] = '\0';
	o.not_slot = hex;
	o.passphrase = span_str("secret");
	o.report = &w.report;
	assert_int_equal(store_open(w.t, &o, &t, &err), SNAP_WRONG_KEY);
	/* Two slots of one passphrase: the other one opens it. */
	assert_int_equal(
	    add(s, 1, SLOT_PASSPHRASE, o.passphrase, id, &err), SNAP_OK);
	assert_int_equal(store_open(w.t, &o, &t, &err), SNAP_OK);
	assert_memory_equal(t->slot_id, id, ID_LEN);
	assert_int_equal(
	    keyring_remove(t, s->slot_id, t->slot_id, false, &err), SNAP_OK);
	assert_int_equal(try_open(&w, "secret", false, &err), SNAP_OK);
	store_close(t);
	store_close(s);
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_further_passphrase_opens_until_its_slot_is_removed),
		cmocka_unit_test(what_must_not_go_stays),
		cmocka_unit_test(
		    a_store_that_deletes_nothing_keeps_it_and_that_is_said),
		cmocka_unit_test(
		    a_slot_comes_back_when_the_other_one_went_and_the_answer_was_lost),
		cmocka_unit_test(what_could_not_be_added_is_not_there),
		cmocka_unit_test(no_repository_has_so_many_keys),
		cmocka_unit_test(slots_that_cost_hours_are_not_tried),
		cmocka_unit_test(what_a_code_says_of_its_cost_does_not_count),
		cmocka_unit_test(together_they_cost_no_more_than_minutes),
		cmocka_unit_test(
		    what_was_planted_later_comes_behind_and_is_not_tried_for_ever),
		cmocka_unit_test(
		    a_slot_that_shall_go_does_not_open_the_repository),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
