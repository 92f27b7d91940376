/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_merge.c - the index written anew: what cannot be checked is not thrown
 * away, and another prune at the same moment is no damage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "format.h"
#include "life.h"
#include "names.h"
#include "store.h"
#include "transport_impl.h"

#define must(call) assert_int_equal(call, SNAP_OK)
#define MANY 8 /* small segments, that are made one */

static struct store *
open_store(struct life *l)
{
	struct store_opts o = { .passphrase = span_str("correct horse"),
		.n_threads = 1,
		.report = &l->report };
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s;

	l->t->time_is_visibility = true;
	must(store_open(l->t, &o, &s, &err));
	must(store_look(s, &err));
	return s;
}

/* What a segment says of a pack. */
struct word {
	uint8_t pack[ID_LEN];
	struct bytes contents;
	uint32_t size;
};

/* How often a segment says just that; the id of the last that does. */
static size_t
n_said(struct life *l, const struct word *w, char *name)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = open_store(l);
	struct name *v;
	size_t n = names_below(l->t, "index/", &v), found = 0;

	for (size_t i = 0; i < n; i++) {
		struct index_segment seg;
		struct store_body b;
		uint8_t id[ID_LEN], kind;

		assert_true(store_name_parse(v[i].s, &kind, id));
		must(store_get_body(s, OBJ_INDEX, id, &b, &err));
		must(index_segment_decode(b.body.body, &seg, &err));
		for (uint32_t k = 0; k < seg.n_packs; k++) {
			if (memcmp(seg.packs[k].id, w->pack, ID_LEN) != 0 ||
			    !span_eq(seg.packs[k].contents,
				bytes_span(&w->contents)))
				continue;
			found++;
			(void)memcpy(name, v[i].s, sizeof v[i].s);
		}
		index_segment_fini(&seg);
		store_body_fini(&b);
	}
	free(v);
	store_close(s);
	return found;
}

/* What is said of a data pack by the only segment that there is. */
static void
take_word(struct life *l, struct word *w)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = open_store(l);
	struct index_segment seg;
	struct store_body b;
	struct name *v;
	uint8_t id[ID_LEN], kind;
	uint32_t k = 0;

	assert_int_equal(names_below(l->t, "index/", &v), 1);
	assert_true(store_name_parse(v[0].s, &kind, id));
	must(store_get_body(s, OBJ_INDEX, id, &b, &err));
	must(index_segment_decode(b.body.body, &seg, &err));
	while (seg.packs[k].kind != OBJ_DATA)
		k++;
	memcpy(w->pack, seg.packs[k].id, ID_LEN);
	w->size = seg.packs[k].size;
	bytes_init(&w->contents, 1u << 20);
	bytes_put_span(&w->contents, seg.packs[k].contents);
	index_segment_fini(&seg);
	store_body_fini(&b);
	free(v);
	store_close(s);
}

/* The pack is said to hold nothing, in a segment that prune reads before. */
static void
lie_before(struct life *l, const struct word *w, const char *truth)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = open_store(l);
	struct pack_contents nothing;
	struct index_segment seg;
	struct index_pack ip;
	struct transport_stat st;
	struct bytes contents;
	struct name *v;
	bool before = false;

	memset(&nothing, 0, sizeof nothing);
	memset(&seg, 0, sizeof seg);
	memset(&ip, 0, sizeof ip);
	bytes_init(&contents, 1u << 20);
	pack_contents_encode(&nothing, &contents);
	memcpy(ip.id, w->pack, ID_LEN);
	ip.kind = OBJ_DATA;
	ip.size = w->size;
	ip.contents = bytes_span(&contents);
	seg.l0 = s->l0;
	seg.n_packs = 1;
	seg.packs = &ip;
	/* Their names are drawn; and there are enough of them to be merged. */
	for (size_t i = 0; i < MANY || !before; i++) {
		must(store_put_segment(s, &seg, false, &st, &err));
		(void)names_below(l->t, "index/", &v);
		before |= strcmp(v[0].s, truth) < 0;
		free(v);
		assert_true(i < 1000);
	}
	bytes_fini(&contents);
	store_close(s);
}

/* A stolen host lies about a pack that has lost its own contents. */
static void
all_that_is_said_of_an_unreadable_pack_is_kept(void **state)
{
	char name[TRANSPORT_NAME_MAX + 1], truth[TRANSPORT_NAME_MAX + 1];
	struct life *l = *state;
	struct word w;

	(void)life_backup(l);
	take_word(l, &w);
	assert_int_equal(n_said(l, &w, truth), 1);
	lie_before(l, &w, truth);
	store_name(OBJ_DATA, w.pack, name);
	assert_true(mem_store_flip(l->mem, name, w.size - 100, 1));
	life_wait(l, 2);
	(void)life_prune(l);
	assert_int_equal(life_count(l, "index/"), 2);
	assert_int_equal(n_said(l, &w, name), 1);
	assert_string_not_equal(name, truth);
	/* And once more, as more small ones come: now all are in one. */
	lie_before(l, &w, name);
	life_wait(l, 2);
	(void)life_prune(l);
	assert_int_equal(n_said(l, &w, name), 1);
	bytes_fini(&w.contents);
}

/* From its n-th get on the segment is gone. */
struct thief {
	char name[TRANSPORT_NAME_MAX + 1];
	unsigned n, gone_at;
};

static enum snap_code
on_request(void *arg, enum fault_op op, const char *name, struct snap_err *err)
{
	struct thief *t = arg;

	if (op != FAULT_GET || strcmp(name, t->name) != 0 ||
	    ++t->n < t->gone_at)
		return SNAP_OK;
	return snap_fail(err, SNAP_NOTFOUND, "%s is not there", name);
}

static void
a_segment_that_another_prune_took_ends_it_as_busy(void **state)
{
	struct repo_prune_opts o = { .live_percent = 60, .tmpdir = "." };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_prune_result r;
	struct thief t = { "", 0, 1 };
	struct life *l = *state;
	unsigned n_busy = 0;
	enum snap_code rc;

	for (uint32_t i = 0; i < MANY; i++) {
		life_change(l, i * 500, 100);
		(void)life_backup(l);
	}
	life_wait(l, 2);
	life_first(l, "index/", t.name);
	must(transport_open_fault(l->t, &l->t, &err));
	/* There is no cache.  Whenever it happens: the last time, never. */
	do {
		t.n = 0;
		fault_set_hook(l->t, on_request, &t);
		rc = life_prune_as(l, &o, &r, &err);
		fault_clear(l->t);
		if (rc == SNAP_BUSY) {
			n_busy++;
			assert_string_not_equal(err.hint, "");
		} else {
			assert_int_equal(rc, SNAP_OK);
		}
		life_must_be_whole(l);
		t.gone_at++;
	} while (t.n >= t.gone_at - 1);
	assert_int_equal(n_busy, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, life_setup, life_teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(all_that_is_said_of_an_unreadable_pack_is_kept),
		T(a_segment_that_another_prune_took_ends_it_as_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
