/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_tamper.c - whatever is done to an object of any kind: what comes out is
 * right or nothing, the object is named, and no other snapshot suffers.
 *
 * In every run one object of each kind and one bit of each byte of header and
 * trailer; with SNAP_TEST_HEAVY all objects and all bits.  The table at the
 * end is that of docs/security.md.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "judge.h"
#include "mutate.h"
#include "slots.h"

#define SEED UINT64_C(0x9e3779b97f4a7c15)
#define COMPLAINTS_MAX 400

static const char kinds[] = "CKHEDMISOXYNR";

struct tally {
	unsigned n, detected, harmless, unseen;
};
static struct tally tallies[sizeof kinds];
static unsigned n_complaints;

static void
complain(const struct object_at *o, const char *what, const char *why,
    const struct outcome *out)
{
	if (n_complaints++ >= COMPLAINTS_MAX)
		return;
	(void)fprintf(stderr, "%s (%c): %s: %s\n",
	    o == NULL ? "store" : o->name, o == NULL ? '-' : o->kind, what,
	    why);
	(void)fprintf(stderr, "  listed %#x restored %#x, findings %llu\n",
	    (unsigned)out->listed, (unsigned)out->restored,
	    (unsigned long long)out->n_findings);
	if (getenv("SNAP_TEST_VERBOSE") != NULL)
		(void)fprintf(stderr, "%.*s--\n%.*s\n", (int)out->said.len,
		    (const char *)out->said.p, (int)out->checked.len,
		    (const char *)out->checked.p);
}

/* What a deletion leaves to be named: not the object, but what it was for. */
static bool
loss_is_told(const struct mutation *m, const struct outcome *out)
{
	const char *what = m->touched[0]->hex;

	switch (m->touched[0]->kind) {
	case OBJ_INDEX:
		what = "repair index";
		break;
	case OBJ_HOST:
		what = "not signed by anyone";
		break;
	case OBJ_SLOT:
		what = "has no slot for";
		break;
	default:
		break;
	}
	return outcome_said(&out->said, what) ||
	       outcome_said(&out->checked, what);
}

/* Why it is wrong, or NULL. */
static const char *
verdict(const struct mutation *m, const struct outcome *out)
{
	uint32_t others = GROUND_ALL & ~m->may_suffer;

	if (out->wrong != NULL)
		return out->wrong;
	if ((out->restored & others) != others)
		return "another snapshot suffers";
	if (m->added[0] != '\0')
		return outcome_said(&out->checked, m->added)
			   ? NULL
			   : "the check does not name it";
	if (m->filler_only)
		return out->restored == GROUND_ALL ? NULL : "filler is used";
	if (m->deletes && m->both_halves)
		return NULL;
	if (m->deletes && out->restored == GROUND_ALL)
		return NULL;
	if (m->deletes && !loss_is_told(m, out))
		return "the loss is not told";
	if (m->deletes)
		return out->open_rc != SNAP_OK || out->n_findings > 0
			   ? NULL
			   : "the check is content";
	for (size_t i = 0; i < m->n_touched; i++) {
		const struct bytes *log =
		    out->open_rc == SNAP_OK ? &out->checked : &out->said;

		if (!outcome_said(log, m->touched[i]->hex))
			return "the check does not name it";
	}
	if (out->open_rc == SNAP_OK && out->n_findings == 0)
		return "the check is content";
	return NULL;
}

struct trial {
	struct judge_opts opts;
	const struct object_at *o;
};

static void
try_it(void *arg, struct mem_store *mem, const struct mutation *m)
{
	const struct trial *tr = arg;
	struct judge_opts opts = tr->opts;
	struct tally *t = &tallies[strchr(kinds, tr->o->kind) - kinds];
	struct outcome out;
	const char *why;

	opts.latest_may_be_gone =
	    m->both_halves || (m->deletes && tr->o->kind == OBJ_OK);
	opts.afresh = t->n % 16 == 0;
	judge(ground, mem, &opts, &out);
	why = verdict(m, &out);
	if (why != NULL)
		complain(tr->o, m->what, why, &out);
	t->n++;
	if (out.open_rc != SNAP_OK || out.restored != GROUND_ALL)
		t->detected++;
	else if (out.n_findings > 0)
		t->harmless++;
	else
		t->unseen++;
	outcome_fini(&out);
}

static void
try_object(const struct object_at *o, struct trial *tr)
{
	tr->o = o;
	tamper_with(o, SEED, try_it, tr);
}

/* One of a kind, the one that most rests on, the newest of these; or all. */
static void
tamper_with_kind(uint8_t kind)
{
	const struct object_at *one = NULL;
	struct trial tr;

	memset(&tr, 0, sizeof tr);
	n_complaints = 0;
	for (size_t i = 0; i < ground->n_objects; i++) {
		const struct object_at *o = &ground->objects[i];

		if (o->kind != kind)
			continue;
		tr.opts.like_files = i % 2 == 0;
		if (heavy)
			try_object(o, &tr);
		else if (one == NULL || o->needed_by > one->needed_by ||
			 (o->needed_by == one->needed_by &&
			     o->time > one->time))
			one = o;
	}
	if (one != NULL)
		try_object(one, &tr);
	assert_true(heavy || one != NULL);
	assert_int_equal(n_complaints, 0);
}

#define KIND(name, kind)                                                       \
	static void name(void **state)                                         \
	{                                                                      \
		(void)state;                                                   \
		tamper_with_kind(kind);                                        \
	}
KIND(a_host_record_that_was_tampered_with, OBJ_HOST)
KIND(a_record_of_an_epoch_that_was_tampered_with, OBJ_EPOCH)
KIND(a_data_pack_that_was_tampered_with, OBJ_DATA)
KIND(a_meta_pack_that_was_tampered_with, OBJ_META)
KIND(an_index_segment_that_was_tampered_with, OBJ_INDEX)
KIND(a_snapshot_that_was_tampered_with, OBJ_SNAPSHOT)
KIND(a_confirmation_that_was_tampered_with, OBJ_OK)
KIND(a_condemned_list_that_was_tampered_with, OBJ_CONDEMNED)
KIND(its_confirmation_that_was_tampered_with, OBJ_CONDEMNED_OK)
KIND(a_note_that_was_tampered_with, OBJ_NOTE)
KIND(a_run_that_was_tampered_with, OBJ_RUN)
KIND(a_config_that_was_tampered_with, OBJ_CONFIG)

/* A lease needs nobody, so it is never the one that most rests on. */
static void
a_lease_that_was_tampered_with(void **state)
{
	struct trial tr;

	(void)state;
	memset(&tr, 0, sizeof tr);
	n_complaints = 0;
	for (size_t i = 0; i < ground->n_objects; i++)
		if (ground->objects[i].kind == OBJ_INDEX &&
		    ground->objects[i].needed_by == 0) {
			try_object(&ground->objects[i], &tr);
			break;
		}
	assert_int_equal(n_complaints, 0);
}

/* Through the slot itself, which is then named; through the other one, which
 * opens all the same. */
struct slot_trial {
	struct trial other;
	struct span own;
	bool dear; /* the other is under Argon2id: look now and then */
	unsigned n;
};

/* Deleted, or another key object is in its place, as if it were meant. */
static bool
is_gone(const struct mutation *m)
{
	return m->deletes || strstr(m->what, "another kind, renamed") != NULL;
}

static void
try_slot(void *arg, struct mem_store *mem, const struct mutation *m)
{
	struct slot_trial *st = arg;
	struct judge_opts own = { .secret = st->own, .no_check = true };
	struct outcome out;

	judge(ground, mem, &own, &out);
	if (m->added[0] != '\0') {
		if (out.restored != GROUND_ALL)
			complain(st->other.o, m->what, "does not open", &out);
	} else if (out.wrong != NULL || out.open_rc == SNAP_OK) {
		complain(st->other.o, m->what,
		    out.wrong != NULL ? out.wrong : "opens", &out);
	} else if (!outcome_said(&out.said, m->touched[0]->hex) &&
		   !(is_gone(m) && loss_is_told(m, &out))) {
		complain(st->other.o, m->what, "is not named", &out);
	}
	outcome_fini(&out);
	/* Both slots at once: neither opens. */
	if (m->n_touched == 2)
		return;
	if (!st->dear || st->n++ % (heavy ? 4 : 16) == 0)
		try_it(&st->other, mem, m);
}

static void
a_key_slot_that_was_tampered_with(void **state)
{
	(void)state;
	n_complaints = 0;
	for (size_t i = 0; i < ground->n_objects; i++) {
		const struct object_at *o = &ground->objects[i];
		struct slot_trial st;

		if (o->kind != OBJ_SLOT)
			continue;
		memset(&st, 0, sizeof st);
		st.other.o = o;
		st.dear = o->raw.p[HEADER_LEN] == SLOT_RECOVERY;
		if (st.dear)
			st.other.opts.secret = span_str(GROUND_PASSPHRASE);
		else
			st.own = span_str(GROUND_PASSPHRASE);
		tamper_with(o, SEED, try_slot, &st);
	}
	assert_int_equal(n_complaints, 0);
}

static void
nothing_is_found_where_nothing_was_done(void **state)
{
	struct judge_opts o = { .like_files = false };
	struct outcome out;

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		judge(ground, ground->mem, &o, &out);
		if (out.wrong != NULL)
			fail_msg("%s", out.wrong);
		assert_int_equal(out.restored, GROUND_ALL);
		assert_int_equal(out.n_findings, 0);
		assert_int_equal(out.said.len, 0);
		assert_int_equal(out.checked.len, 0);
		outcome_fini(&out);
		o.like_files = true;
	}
}

static int
finish(void **state)
{
	printf("kind  mutations  detected  harmless, named  harmless\n");
	for (size_t i = 0; kinds[i] != '\0'; i++)
		printf("%c %12u %9u %16u %9u\n", kinds[i], tallies[i].n,
		    tallies[i].detected, tallies[i].harmless,
		    tallies[i].unseen);
	return tamper_finish(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_found_where_nothing_was_done),
		cmocka_unit_test(a_config_that_was_tampered_with),
		cmocka_unit_test(a_key_slot_that_was_tampered_with),
		cmocka_unit_test(a_host_record_that_was_tampered_with),
		cmocka_unit_test(a_record_of_an_epoch_that_was_tampered_with),
		cmocka_unit_test(a_data_pack_that_was_tampered_with),
		cmocka_unit_test(a_meta_pack_that_was_tampered_with),
		cmocka_unit_test(an_index_segment_that_was_tampered_with),
		cmocka_unit_test(a_lease_that_was_tampered_with),
		cmocka_unit_test(a_snapshot_that_was_tampered_with),
		cmocka_unit_test(a_confirmation_that_was_tampered_with),
		cmocka_unit_test(a_condemned_list_that_was_tampered_with),
		cmocka_unit_test(its_confirmation_that_was_tampered_with),
		cmocka_unit_test(a_note_that_was_tampered_with),
		cmocka_unit_test(a_run_that_was_tampered_with),
	};

	return cmocka_run_group_tests(tests, tamper_start, finish);
}
