/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_owners.c - several owners change slots at once, in every order of their
 * requests, and some of them die: somebody can always open the repository.
 *
 * Each owner is a thread that runs the real code; before each request it waits
 * until it is its turn.  A schedule is the list of turns.  All of them are
 * tried, one after the other, as far as there is time: see each().
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "keyring.h"

#define OWNERS_MAX 3
#define TURNS_MAX 256
#define NOBODY (-1)

struct owner {
	pthread_t thread;
	struct transport *t; /* its way to the store */
	struct store *s;
	uint8_t target[ID_LEN];
	unsigned dies_at; /* request; 0 = it lives */
	unsigned n_requests;
	bool ended;
	enum snap_code rc;
	int number;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t change;
	int turn;
	size_t n;
	struct owner v[OWNERS_MAX];
} all = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.change = PTHREAD_COND_INITIALIZER };

/* A schedule, and how many could have been chosen at each turn. */
struct schedule {
	size_t n;
	uint8_t chosen[TURNS_MAX], among[TURNS_MAX];
};

static enum snap_code
before_request(
    void *arg, enum fault_op op, const char *name, struct snap_err *err)
{
	struct owner *o = arg;

	(void)op;
	(void)name;
	(void)pthread_mutex_lock(&all.lock);
	all.turn = NOBODY;
	(void)pthread_cond_broadcast(&all.change);
	while (all.turn != o->number)
		(void)pthread_cond_wait(&all.change, &all.lock);
	(void)pthread_mutex_unlock(&all.lock);
	o->n_requests++;
	return o->dies_at != 0 && o->n_requests >= o->dies_at
		   ? snap_fail(err, SNAP_IO, "it died")
		   : SNAP_OK;
}

static void *
play(void *arg)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct owner *o = arg;

	o->rc = keyring_remove(o->s, o->target, o->s->slot_id, false, &err);
	(void)pthread_mutex_lock(&all.lock);
	o->ended = true;
	all.turn = NOBODY;
	(void)pthread_cond_broadcast(&all.change);
	(void)pthread_mutex_unlock(&all.lock);
	return NULL;
}

/* Who can go on is counted only when nobody runs. */
static void
give_turn(int to)
{
	(void)pthread_mutex_lock(&all.lock);
	all.turn = to;
	(void)pthread_cond_broadcast(&all.change);
	while (all.turn != NOBODY)
		(void)pthread_cond_wait(&all.change, &all.lock);
	(void)pthread_mutex_unlock(&all.lock);
}

static uint8_t
draw(uint64_t *seed, uint8_t n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint8_t)((*seed >> 33) % n);
}

/* One run by the schedule; beyond its end by `seed` (NULL: the first who can).
 */
static void
run_owners(struct schedule *by, uint64_t *seed)
{
	size_t turn = 0;

	for (size_t i = 0; i < all.n; i++) {
		struct owner *o = &all.v[i];

		o->ended = false;
		o->n_requests = 0;
		/* Up to its first request. */
		(void)pthread_mutex_lock(&all.lock);
		all.turn = o->number;
		(void)pthread_mutex_unlock(&all.lock);
		assert_int_equal(pthread_create(&o->thread, NULL, play, o), 0);
		(void)pthread_mutex_lock(&all.lock);
		while (all.turn != NOBODY)
			(void)pthread_cond_wait(&all.change, &all.lock);
		(void)pthread_mutex_unlock(&all.lock);
	}
	for (;; turn++) {
		int can[OWNERS_MAX];
		uint8_t n = 0;

		for (size_t i = 0; i < all.n; i++)
			if (!all.v[i].ended)
				can[n++] = (int)i;
		if (n == 0)
			break;
		assert_true(turn < TURNS_MAX);
		if (turn >= by->n)
			by->chosen[turn] = seed == NULL ? 0 : draw(seed, n);
		by->among[turn] = n;
		give_turn(can[by->chosen[turn]]);
	}
	by->n = turn;
	for (size_t i = 0; i < all.n; i++)
		assert_int_equal(pthread_join(all.v[i].thread, NULL), 0);
}

/* The next in order; false: that was the last. */
static bool
next_schedule(struct schedule *by)
{
	while (by->n > 0) {
		size_t last = by->n - 1;

		if (by->chosen[last] + 1u < by->among[last]) {
			by->chosen[last]++;
			return true;
		}
		by->n = last;
	}
	return false;
}

/* ---- a repository for them */

struct slots {
	struct world w;
	uint8_t id[4][ID_LEN]; /* two passphrases, then two codes, by age */
	struct bytes raw[4];
};

static const char *const words[2] = { "secret", "another" };

static struct store *
open_as(struct slots *s, struct transport *t, const char *passphrase)
{
	return open_on(&s->w, t, passphrase, NULL);
}

static void
slots_begin(struct slots *s)
{
	struct slot_secret with = { SLOT_PASSPHRASE, span_str(words[1]),
		SLOT_COST_TESTS };
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t code[KEY_BYTES] = { 7 };
	struct repo_keys k;
	struct store *st;

	world_open(&s->w, 100000);
	st = open_as(s, s->w.t, words[0]);
	memcpy(s->id[0], st->slot_id, ID_LEN);
	memset(s->id[1], 1, ID_LEN);
	memset(s->id[3], 3, ID_LEN);
	mem_store_advance(s->w.mem, 1000);
	assert_int_equal(keyring_add(st, s->id[1], &with, &err), SNAP_OK);
	with.type = SLOT_RECOVERY;
	with.text = span_of(code, sizeof code);
	mem_store_advance(s->w.mem, 1000);
	assert_int_equal(keyring_add(st, s->id[3], &with, &err), SNAP_OK);
	assert_int_equal(keyring_load(st, &k, &err), SNAP_OK);
	assert_int_equal(k.n, 4);
	assert_int_equal(k.v[2].kind, REPO_KEY_RECOVERY);
	memcpy(s->id[2], k.v[2].id, ID_LEN);
	assert_memory_equal(k.v[3].id, s->id[3], ID_LEN);
	repo_keys_free(&k);
	store_close(st);
	for (int i = 0; i < 4; i++) {
		char name[TRANSPORT_NAME_MAX + 1];

		store_name(OBJ_SLOT, s->id[i], name);
		get_whole(s->w.t, name, &s->raw[i]);
	}
}

static void
slots_end(struct slots *s)
{
	for (int i = 0; i < 4; i++)
		bytes_fini(&s->raw[i]);
	world_close(&s->w);
}

/* As it was, with the times that it had. */
static void
slots_again(struct slots *s)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];

	for (int i = 0; i < 4; i++) {
		store_name(OBJ_SLOT, s->id[i], name);
		assert_int_equal(mem_store_overwrite(s->w.mem, name,
				     bytes_span(&s->raw[i]), &err),
		    SNAP_OK);
		assert_true(mem_store_set_object_time(
		    s->w.mem, name, MEM_TIME_START + 1000 * (i % 2 + 1)));
	}
}

static bool
has_slot(struct slots *s, int i)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct bytes raw;
	bool same;

	store_name(OBJ_SLOT, s->id[i], name);
	bytes_init(&raw, 1u << 16);
	same =
	    transport_get(s->w.t, name, 0, SIZE_MAX, &raw, &err) == SNAP_OK &&
	    span_eq(bytes_span(&raw), bytes_span(&s->raw[i]));
	bytes_fini(&raw);
	return same;
}

/* Owner `i` is opened with passphrase `pass` and shall remove `target`. */
static void
cast(struct slots *s, size_t i, int pass, int target)
{
	struct owner *o = &all.v[i];

	slots_again(s);
	memset(o, 0, sizeof *o);
	o->number = (int)i;
	o->t = faulty(&s->w);
	o->s = open_as(s, o->t, words[pass]);
	memcpy(o->target, s->id[target], ID_LEN);
	fault_set_hook(o->t, before_request, o);
	all.n = i + 1;
}

static void
dismiss(void)
{
	for (size_t i = 0; i < all.n; i++) {
		store_close(all.v[i].s);
		transport_close(all.v[i].t);
	}
	all.n = 0;
}

/*
 * Run schedules until `max` (0: all there are), judging each; `seed` 0: in
 * order, from the first.
 */
static unsigned
each(struct slots *s, unsigned max, uint64_t seed,
    void (*judge)(struct slots *s, void *arg), void *arg)
{
	struct schedule by = { .n = 0 };
	unsigned n = 0;
	bool in_order = seed == 0;

	do {
		slots_again(s);
		if (!in_order)
			by.n = 0;
		run_owners(&by, in_order ? NULL : &seed);
		n++;
		judge(s, arg);
	} while ((max == 0 || n < max) && (!in_order || next_schedule(&by)));
	return n;
}

static bool
is_heavy(void)
{
	return getenv("SNAP_TEST_HEAVY") != NULL;
}

static void
one_passphrase_and_a_code(struct slots *s, void *arg)
{
	unsigned *n_put_back = arg;

	assert_true(has_slot(s, 0) || has_slot(s, 1));
	assert_true(has_slot(s, 3));
	*n_put_back += has_slot(s, 0) && has_slot(s, 1);
}

static void
two_who_remove_each_other_leave_one(void **state)
{
	struct slots s;
	unsigned n, n_put_back = 0;

	(void)state;
	slots_begin(&s);
	cast(&s, 0, 0, 1);
	cast(&s, 1, 1, 0);
	n = each(&s, is_heavy() ? 0 : 400, is_heavy() ? 0 : 1,
	    one_passphrase_and_a_code, &n_put_back);
	/* The test is worth something only if they did meet. */
	assert_true(n_put_back > 10);
	print_message("%u schedules, both there after %u\n", n, n_put_back);
	dismiss();
	slots_end(&s);
}

static void
a_code_and_mostly_a_passphrase(struct slots *s, void *arg)
{
	unsigned *n_without = arg;

	assert_true(has_slot(s, 2) && has_slot(s, 3));
	*n_without += !has_slot(s, 0) && !has_slot(s, 1);
}

static void
one_of_two_dies_anywhere_and_the_code_still_opens(void **state)
{
	unsigned n_without = 0, n = 0;
	struct slots s;

	(void)state;
	slots_begin(&s);
	for (unsigned at = 1; at <= 16; at++) {
		cast(&s, 0, 0, 1);
		cast(&s, 1, 1, 0);
		all.v[0].dies_at = at;
		n += each(&s, is_heavy() ? 4000 : 15, at,
		    a_code_and_mostly_a_passphrase, &n_without);
		dismiss();
	}
	print_message("%u schedules, %u without passphrase\n", n, n_without);
	assert_true(n_without < n / 4);
	slots_end(&s);
}

static void
a_code_is_left(struct slots *s, void *arg)
{
	(void)arg;
	assert_true(has_slot(s, 2) || has_slot(s, 3));
	assert_true(has_slot(s, 0) || has_slot(s, 1));
}

static void
of_recovery_codes_one_is_left_whatever_is_put_back(void **state)
{
	struct slots s;

	(void)state;
	slots_begin(&s);
	cast(&s, 0, 0, 2);
	cast(&s, 1, 0, 3);
	cast(&s, 2, 1, 0);
	(void)each(&s, is_heavy() ? 50000 : 200, 5, a_code_is_left, NULL);
	dismiss();
	/* And when all die who may. */
	for (unsigned at = 1; at <= 24; at++) {
		cast(&s, 0, 0, 2);
		cast(&s, 1, 0, 2);
		all.v[0].dies_at = at;
		all.v[1].dies_at = 25 - at;
		(void)each(&s, is_heavy() ? 1000 : 8, at, a_code_is_left, NULL);
		dismiss();
	}
	slots_end(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_who_remove_each_other_leave_one),
		cmocka_unit_test(
		    one_of_two_dies_anywhere_and_the_code_still_opens),
		cmocka_unit_test(
		    of_recovery_codes_one_is_left_whatever_is_put_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
