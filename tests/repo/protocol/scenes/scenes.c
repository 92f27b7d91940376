/* SPDX-License-Identifier: PostgreSQL */
/*
 * scenes.c - for each rule of the protocol the shortest story in which it
 * matters: with the rule nothing is lost, without it something is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"
#include "stage.h"

/* ---- writers */

/* The true copy is condemned, a lie is not. */
static void
heads_scene(void)
{
	struct actor *w;

	backup(1);
	forget();
	later(150);
	backup(2);
	steal(GARBAGE);
	prune();
	later(70);
	w = reuser();
	later(35);
	prune();
	finish(w);
}

/* Beside a run that lasts its packs are condemned, and go. */
static void
pins_scene(void)
{
	struct plan *p = plan_new(KEY_OWNER, 1, SMALL, MANY);
	struct actor *w;
	int64_t end;

	backup(1);
	forget();
	later(150);
	backup(2);
	p->lasts = 40;
	w = comes(play_writer, p);
	(void)until(w, "list data/");
	end = sim_now() + LEASE / 5;
	while (w->n_fibers != 0 && sim_now() < end)
		step(w);
	prune();
	end = sim_now() + GRACE * 12 / 10;
	while (w->n_fibers != 0 && sim_now() < end)
		step(w);
	prune();
	finish(w);
}

/* The machine sleeps before the last put. */
static void
lease_scene(void)
{
	struct actor *w;

	backup(1);
	forget();
	later(150);
	backup(2);
	w = reuser();
	prune();
	later(110);
	prune();
	finish(w);
}

/* The last put takes too long. */
static void
answers_scene(void)
{
	struct actor *w = writer(1, SMALL);

	until_confirms(w);
	wire_next_delay = GRACE * 6 / 10;
	finish(w);
}

/* A run that lasts longer than a grace is left alone by who prunes. */
static void
lasting(int every)
{
	bool acknowledged = false;
	struct plan *p = plan_new(KEY_OWNER, 1, LARGE, MANY);
	struct actor *w;
	int64_t next = 0;

	backup(2);
	later(150);
	p->lasts = 50;
	p->acknowledged = &acknowledged;
	w = comes(play_writer, p);
	(void)until(w, "put data/");
	while (w->n_fibers != 0) {
		step(w);
		if (sim_now() < next || w->n_fibers == 0 ||
		    strncmp(w->next, "have", 4) != 0)
			continue;
		prune();
		prune();
		next = sim_now() + GRACE / 100 * every;
	}
	oracle_must(acknowledged, "a run that lasts is not left alone");
}

static void
lasting_scene(void)
{
	lasting(30);
}

/* A slow source, and then a slow put: each for less than a lease. */
static void
last_look_scene(void)
{
	struct plan *p = plan_new(KEY_OWNER, 1, SMALL, MANY);
	bool acknowledged = false;
	struct actor *w;

	p->acknowledged = &acknowledged;
	w = comes(play_writer, p);
	(void)until(w, "put data/");
	later(35);
	until_confirms(w);
	wire_next_delay = GRACE * 35 / 100;
	finish(w);
	oracle_must(acknowledged, "a run in time is refused");
}

/* ---- readers */

/* A dead run's confirmation arrives late. */
static void
void_scene(void)
{
	struct actor *w = writer(1, SMALL);

	until_confirms(w);
	wire_next_delay = GRACE * 7 / 10;
	while (wire_next_delay != 0)
		step(w);
	sim_crash(w);
	later(100);
	backup(2);
}

static void
signed_lists_scene(void)
{
	backup(1);
	steal(LIST);
	later(150);
	prune();
}

/* ---- prune: what is live */

static void
origin_scene(void)
{
	backup(1);
	steal(GARBAGE);
	later(150);
	prune();
	later(110);
	prune();
}

static void
own_contents_scene(void)
{
	backup(1);
	steal(GARBAGE);
	for (int i = 0; i < 12; i++)
		steal(LIE);
	later(150);
	prune();
	later(110);
	prune();
}

static void
signed_origin_scene(void)
{
	backup(1);
	steal(GARBAGE_OF_PRUNE);
	later(150);
	prune();
	later(110);
	prune();
}

static void
young_roots_scene(void)
{
	struct actor *w;

	backup(1);
	forget();
	later(150);
	backup(2);
	w = writer(1, SMALL);
	until_confirms(w);
	wire_advance(SECOND);
	prune();
	finish(w);
}

static void
quarantine_scene(void)
{
	backup(2);
	backup(1);
	name_of("snapshots/", "", wire_unreadable[0]);
	later(150);
	prune();
	later(110);
	prune();
}

/* The oldest. */
static enum snap_code
choose_oldest(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	int64_t *oldest = arg;

	(void)err;
	if (st->time_ns >= *oldest)
		return SNAP_OK;
	*oldest = st->time_ns;
	(void)snprintf(
	    wire_unreadable[0], sizeof wire_unreadable[0], "%s", name);
	return SNAP_OK;
}

/* The segment of some honest packs cannot be read, and lies are in others
 * about what is in them. */
static void
unnamed_scene(void)
{
	struct plan *p = plan_new(KEY_OWNER, 1, LARGE, MANY);
	struct snap_err err = SNAP_ERR_INIT;
	int64_t oldest = NEVER;

	p->lasts = 10;
	finish(comes(play_writer, p));
	if (transport_list(wire_direct(), "index/", choose_oldest, &oldest,
		&err) != SNAP_OK)
		abort();
	steal(GARBAGE);
	later(150);
	prune();
	later(110);
	prune();
}

/* A late request brings a forgotten one back. */
static void
records_scene(void)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[2][TRANSPORT_NAME_MAX + 1];
	struct bytes half[2];

	backup(2);
	backup(1);
	for (int i = 0; i < 2; i++) {
		name_of("snapshots/", i == 0 ? "" : ".ok", name[i]);
		bytes_init(&half[i], TRANSPORT_SIZE_MAX);
		if (transport_get(wire_direct(), name[i], 0, SIZE_MAX, &half[i],
			&err) != SNAP_OK)
			abort();
	}
	forget();
	for (int i = 0; i < 2; i++) {
		wire_put_back(name[i], bytes_span(&half[i]));
		bytes_fini(&half[i]);
	}
}

/* Forgotten by its owner, and by a prune: the store keeps both. */
static void
kept_scene(void)
{
	struct keeping *k = keeping_new(KEY_OWNER, 50);

	backup(3);
	backup(2);
	memcpy(k->forget[k->n_forget++], oracle_newest(), ID_LEN);
	backup(1);
	name_of("snapshots/", ".ok", wire_kept);
	forget();
	later(150);
	prune();
	later(110);
	prune();
	oracle_check();
	name_of("snapshots/", ".ok", wire_kept);
	oracle_forgets(oracle_newest());
	finish(comes(play_pruner, k));
	for (int i = 0; i < 3; i++) {
		later(110);
		prune();
	}
}

static void
believe_scene(void)
{
	backup(1);
	later(150);
	wire_hides = "snapshots/";
	prune();
	wire_hides = NULL;
}

/* The store's clock is wrong for a while. */
static void
clocks_scene(void)
{
	struct actor *w;

	backup(1);
	forget();
	later(150);
	backup(2);
	w = reuser();
	prune();
	wire_clock_off = 5 * GRACE;
	wire_advance(0);
	prune();
	wire_clock_off = 0;
	wire_advance(0);
	finish(w);
}

/* The clocks of the store and of who prunes are behind for a while: what he
 * condemns then looks old when they are right. */
static void
future_scene(void)
{
	struct actor *w, *p;

	backup(1);
	forget();
	later(1000);
	backup(2);
	w = reuser();
	wire_clock_off = -5 * GRACE;
	wire_advance(0);
	p = pruner();
	p->real_off = -5 * GRACE;
	finish(p);
	wire_clock_off = 0;
	wire_advance(0);
	prune();
	finish(w);
}

/* ---- prune: what goes, and when */

static void
survivors_first_scene(void)
{
	struct plan *p = plan_new(KEY_OWNER, 1, LARGE, MANY);
	struct plan *q = plan_new(KEY_OWNER, 1, 3, MANY);

	finish(comes(play_writer, p));
	forget();
	backup(2);
	finish(comes(play_writer, q));
	later(150);
	prune();
}

static void
confirmed_scene(void)
{
	struct actor *p;

	garbage();
	p = pruner();
	until_confirms_list(p);
	if (p->n_fibers != 0)
		sim_crash(p);
	later(110);
	prune();
}

static void
age_scene(void)
{
	garbage();
	prune();
	later(50);
	prune();
}

/* A snapshot comes that refers to what was condemned meanwhile. */
static void
refer_to_condemned(void)
{
	struct actor *w;

	backup(1);
	forget();
	later(150);
	backup(2);
	w = reuser();
	prune();
	finish(w);
}

static void
rescue_scene(void)
{
	refer_to_condemned();
	later(110);
	prune();
}

/* Of a chunk there are an original, which a prune has moved, and the copy of
 * somebody who did not see it; that is condemned when a snapshot comes that
 * needs it.  What is to be rescued, and what was moved, have rotted. */
static void
spare_scene(void)
{
	struct actor *w;

	backup(2);
	finish(writer(4, LARGE));
	forget();
	finish(writer(4, 1));
	later(100);
	wire_hides = "index/";
	finish(writer(4, LARGE));
	wire_hides = NULL;
	forget();
	later(50);
	prune();
	forget();
	later(70);
	w = writer(4, 1);
	(void)until(w, "put snapshots/");
	prune();
	finish(w);
	schedule_rot_newer();
	later(40);
	prune();
	finish(comes(play_mender, NULL));
	oracle_must(oracle_is_whole(), "the last good copy is gone");
}

static void
index_first_scene(void)
{
	for (uint64_t i = 1; i < 10; i++)
		backup(i);
	later(150);
	prune();
}

/* A pack that is gone comes back, and who was to delete it wakes up. */
static void
retire_age_scene(void)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct actor *sleeper;
	struct bytes pack;

	garbage();
	prune();
	later(110);
	sleeper = pruner();
	if (!until(sleeper, "delete data/"))
		return;
	(void)snprintf(name, sizeof name, "%s", sleeper->next + 7);
	bytes_init(&pack, TRANSPORT_SIZE_MAX);
	if (transport_get(wire_direct(), name, 0, SIZE_MAX, &pack, &err) !=
	    SNAP_OK)
		abort();
	prune();
	prune();
	wire_put_back(name, bytes_span(&pack));
	bytes_fini(&pack);
	finish(comes(play_repairer, NULL));
	backup(1);
	finish(sleeper);
}

static void
retire_gone_scene(void)
{
	refer_to_condemned();
	later(320);
	prune();
}

static void
fresh_scene(void)
{
	struct actor *p;

	garbage();
	p = pruner();
	(void)until(p, "list data/");
	later(60);
	finish(p);
}

#define SCENE(rule, play, where)                                               \
	{                                                                      \
		RULE_##rule, #rule, play, where                                \
	}
const struct scene scenes[] = {
	SCENE(heads, heads_scene, ALWAYS),
	SCENE(pins, pins_scene, ALWAYS),
	SCENE(lease, lease_scene, ALWAYS),
	SCENE(answers, answers_scene, ALWAYS),
	SCENE(beat, lasting_scene, ALWAYS),
	SCENE(last_look, last_look_scene, ALWAYS),
	SCENE(void, void_scene, VISIBLE),
	SCENE(signed_lists, signed_lists_scene, ALWAYS),
	SCENE(origin, origin_scene, ALWAYS),
	SCENE(own_contents, own_contents_scene, ALWAYS),
	SCENE(signed_origin, signed_origin_scene, ALWAYS),
	SCENE(young_roots, young_roots_scene, ALWAYS),
	SCENE(quarantine, quarantine_scene, ALWAYS),
	SCENE(unnamed, unnamed_scene, ALWAYS),
	SCENE(records, records_scene, ALWAYS),
	SCENE(kept, kept_scene, ALWAYS),
	SCENE(believe, believe_scene, ALWAYS),
	SCENE(clocks, clocks_scene, ALWAYS),
	SCENE(future, future_scene, ALWAYS),
	SCENE(young_packs, lasting_scene, ALWAYS),
	SCENE(leases, lasting_scene, ALWAYS),
	SCENE(young_segments, lasting_scene, ALWAYS),
	SCENE(survivors_first, survivors_first_scene, ALWAYS),
	SCENE(confirmed, confirmed_scene, ALWAYS),
	SCENE(age, age_scene, ALWAYS),
	SCENE(rescue, rescue_scene, ALWAYS),
	SCENE(spare, spare_scene, ALWAYS),
	SCENE(index_first, index_first_scene, ALWAYS),
	SCENE(retire_age, retire_age_scene, ALWAYS),
	SCENE(retire_gone, retire_gone_scene, ALWAYS),
	SCENE(fresh, fresh_scene, ALWAYS),
};
const size_t n_scenes = sizeof scenes / sizeof *scenes;
