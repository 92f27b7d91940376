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
#include "packout.h"
#include "pruned.h"
#include "repo_care.h"
#include "seal.h"
#include "sink.h"
#include "store_internal.h"

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

/* ---- a stolen host key names the blocks of others */
#define BLOCKS_MAX 1024
#define CLAIMS 65
static uint8_t blocks[BLOCKS_MAX][ID_LEN];

static struct store *
open_as(struct life *l, const struct bytes *key_file)
{
	struct store_opts o = { .n_threads = 1, .report = &l->report };
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = NULL;

	if (key_file != NULL)
		o.key_file = bytes_span(key_file);
	else
		o.passphrase = span_str("correct horse");
	must(store_open(l->t, &o, &s, &err));
	must(transport_now(l->t, &s->l0, &err));
	return s;
}

/* The number of blocks, and a store as the host has it. */
static size_t
stolen_host(struct life *l, struct store **out)
{
	struct store *s = open_as(l, NULL);
	struct bytes file;
	size_t n;

	pruned_key_file(s, KEYFILE_HOST, &file);
	n = pruned_blocks(s, blocks, BLOCKS_MAX);
	store_close(s);
	*out = open_as(l, &file);
	bytes_fini(&file);
	return n;
}

/* One pack that names each block `each` times, and its segment; as copies out
 * of pack `origin`, unless NULL. */
static void
claim_blocks(struct store *s, size_t n, unsigned each, const uint8_t *origin,
    int64_t origin_time)
{
	struct index_pack ip;
	struct index_segment seg = { .l0 = s->l0, .n_packs = 1, .packs = &ip };
	struct snap_err err = SNAP_ERR_INIT;
	struct packout *po = NULL;
	struct transport_stat st;
	struct session session;
	struct session_row srow;
	uint8_t junk[SEAL_OVERHEAD] = { 0 };
	struct pack_row row;
	int64_t when;

	must(session_new(s->keys, &session, &err));
	session_to_row(&session, &srow);
	must(packout_new(s, OBJ_DATA, seg.run_id, &po, &err));
	memset(&row, 0, sizeof row);
	row.class = CLASS_DATA;
	row.plain_len = row.n_chunks = 1;
	if (origin != NULL) {
		row.flags = ROW_ORIGIN;
		row.n_chunks = BLOCK_CHUNKS_MAX; /* all that may be */
		memcpy(row.origin_pack, origin, ID_LEN);
		row.origin_time = origin_time;
	}
	for (size_t i = 0; i < n * each; i++) {
		memcpy(row.id, blocks[i / each], ID_LEN);
		must(packout_add(
		    po, &row, &srow, span_of(junk, sizeof junk), &err));
	}
	must(packout_put(po, &ip, &when, &err));
	packout_free(po);
	must(store_put_segment(s, &seg, true, &st, &err));
	free((void *)(uintptr_t)ip.contents.p);
}

static void
a_block_that_is_claimed_many_times_is_not_stored_again(void **state)
{
	struct life *l = *state;
	struct store *s;
	uint64_t bytes;
	size_t n;

	(void)life_backup(l);
	n = stolen_host(l, &s);
	claim_blocks(s, n, CLAIMS, NULL, 0); /* in one pack */
	for (unsigned i = 0; i < CLAIMS; i++)
		claim_blocks(s, n, 1, NULL, 0); /* and in as many */
	store_close(s);
	bytes = life_bytes(l, "data/");
	(void)life_backup(l);
	assert_int_equal(life_bytes(l, "data/"), bytes);
	life_must_restore(l, 1);
	bytes_clear(&l->log);
	assert_true(findings(l) > 0);
	assert_true(life_said(l, "under names that it has already"));
}

/* ---- what a host signs */
static void
life_backup_as_host(struct life *l, const struct bytes *key_file)
{
	struct repo_opts o = { .n_threads = 1, .report = &l->report };
	struct repo_backup_opts bo = { 1, NULL, "web", NULL };
	struct snap_err err = SNAP_ERR_INIT;
	struct stream_meta m = { .kind = STREAM_TABLE,
		.cutter = CUTTER_ROWS,
		.name = span_str("t"),
		.attr = span_str("COPY t FROM stdin;") };
	struct repo_snapshot made;
	struct repo_backup *b;
	struct sink *sink;
	struct repo *r;

	o.key_file = bytes_span(key_file);
	must(repo_open(l->t, &o, &r, &err));
	must(repo_backup_begin(r, &bo, &b, &err));
	sink = repo_backup_lane(b, 0);
	must(sink_begin(sink, &m, &err));
	must(sink_data(sink, span_str("1\tone\n2\ttwo\n"), &err));
	must(sink_end(sink, 2, &err));
	must(repo_backup_commit(b, NULL, 0, &made, &err));
	repo_snapshot_fini(&made);
	repo_close(r);
}

/* How many packs and segments there are that `host` signed. */
static size_t
signed_by(struct store *s, const uint8_t host[ID_LEN], const char *prefix)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t kind, id[ID_LEN];
	struct store_body b;
	struct name *v;
	size_t n = names_below(s->t, prefix, &v), n_signed = 0;

	for (size_t i = 0; i < n; i++) {
		assert_true(store_name_parse(v[i].s, &kind, id));
		if (kind == OBJ_INDEX)
			must(store_get_body(s, kind, id, &b, &err));
		else
			must(store_get_contents(
			    s, kind, id, v[i].st.size, &b, &err));
		n_signed +=
		    b.trusted && memcmp(b.body.signer_id, host, ID_LEN) == 0;
		assert_int_equal(b.body.is_signed, b.trusted);
		store_body_fini(&b);
	}
	free(v);
	return n_signed;
}

static void
packs_and_segments_of_a_host_tell_whose_they_are(void **state)
{
	static const char *const below[] = { "data/", "meta/", "index/" };
	struct life *l = *state;
	size_t before[3];
	struct store *s;
	struct bytes file;

	(void)life_backup(l);
	s = open_as(l, NULL);
	pruned_key_file(s, KEYFILE_HOST, &file);
	store_close(s);
	for (size_t i = 0; i < 3; i++)
		before[i] = life_count(l, below[i]);
	life_backup_as_host(l, &file);
	s = open_as(l, NULL);
	for (size_t i = 0; i < 3; i++) {
		size_t n = life_count(l, below[i]) - before[i];

		assert_true(n > 0);
		assert_int_equal(signed_by(s, file.p + 16, below[i]), n);
	}
	store_close(s);
	bytes_fini(&file);
	life_must_be_whole(l);
}

/* Its signature is no prune's: were it taken for one, the true packs would be
 * redundant, and gone after two graces. */
static void
origins_that_a_host_signs_replace_nothing(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct life *l = *state;
	struct store *s;
	struct name *v;
	size_t n;

	(void)life_backup(l);
	(void)stolen_host(l, &s);
	n = names_below(l->t, "data/", &v);
	for (size_t i = 0; i < n; i++) {
		uint8_t kind, id[ID_LEN];
		struct pack_contents pc;
		struct store_body b;

		assert_true(store_name_parse(v[i].s, &kind, id));
		must(store_get_contents(s, kind, id, v[i].st.size, &b, &err));
		must(pack_contents_decode(b.body.body, &pc, &err));
		for (uint32_t k = 0; k < pc.n_rows; k++)
			memcpy(blocks[k], pc.rows[k].id, ID_LEN);
		claim_blocks(s, pc.n_rows, 1, id, v[i].st.time_ns);
		pack_contents_fini(&pc);
		store_body_fini(&b);
	}
	free(v);
	store_close(s);
	for (int i = 0; i < 4; i++) {
		life_wait(l, 2);
		(void)life_prune(l);
		life_must_restore(l, 0);
	}
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
		cmocka_unit_test_setup_teardown(
		    a_block_that_is_claimed_many_times_is_not_stored_again,
		    life_setup, life_teardown),
		cmocka_unit_test_setup_teardown(
		    packs_and_segments_of_a_host_tell_whose_they_are,
		    life_setup, life_teardown),
		cmocka_unit_test_setup_teardown(
		    origins_that_a_host_signs_replace_nothing, life_setup,
		    life_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
