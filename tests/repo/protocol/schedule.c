/* SPDX-License-Identifier: PostgreSQL */
/* schedule.c - see schedule.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maint.h"
#include "schedule.h"

#define ALIVE_MAX 6
#define QUIET_PRUNES 12

static struct {
	struct mem_store *mem;
	struct store *owner; /* the oracle's */
} world;

/* Every schedule has its own mixture of trouble. */
struct mixture {
	unsigned jump, sleep, crash; /* in ten thousand steps */
	unsigned pace;               /* of a step, in parts of a grace */
	unsigned universe;
	bool lasting; /* runs last longer than a grace */
	bool thieves;
	unsigned spoil; /* per mille of steps: something cannot be read */
	unsigned rot;   /* in ten thousand steps: a byte is another */
	bool locks;     /* at times the store does not delete all things */
};

static unsigned
one_of(const unsigned *v, size_t n)
{
	return v[sim_below(n)];
}

struct plan *
plan_new(enum cast_key key, uint64_t seed, unsigned n_chunks, unsigned universe)
{
	struct plan *p = calloc(1, sizeof *p);

	if (p == NULL)
		abort();
	p->key = key;
	p->seed = seed;
	p->n_chunks = n_chunks;
	p->universe = universe;
	return p;
}

struct keeping *
keeping_new(enum cast_key key, unsigned live_percent)
{
	struct keeping *k = calloc(1, sizeof *k);

	if (k == NULL)
		abort();
	k->key = key;
	k->live_percent = live_percent;
	return k;
}

/* ---- begin and end */

void
schedule_begin(uint64_t seed, bool visible)
{
	/* A while after the repository was made. */
	sim_begin(seed, MEM_TIME_START + 10 * GRACE);
	world.mem = cast_fresh();
	wire_begin(world.mem, visible);
	wire_advance(0);
	world.owner = cast_open(wire_direct(), KEY_OWNER, NULL);
	oracle_begin(world.owner);
}

bool
schedule_end(char out[256])
{
	const char *why = oracle_breach();

	(void)snprintf(out, 256, "%s", why == NULL ? "" : why);
	sim_stop();
	oracle_end();
	store_close(world.owner);
	wire_end();
	mem_store_free(world.mem);
	sim_end();
	return out[0] == '\0';
}

static int64_t
soonest(void)
{
	int64_t a = sim_next_time(), b = wire_next_time();

	return a < b ? a : b;
}

void
schedule_drain(void)
{
	while (sim_n_alive() != 0 && oracle_breach() == NULL) {
		if (sim_step(NULL) == NULL) {
			int64_t next = soonest();

			if (next == NEVER) {
				(void)fprintf(stderr, "all wait for all\n");
				abort();
			}
			wire_advance(next - sim_now());
		}
		oracle_check();
	}
}

static void
tell(void *arg, enum report_level level, const char *line)
{
	(void)arg;
	if (level == REPORT_WARNING)
		sim_trace("says: %s", line);
}

static void
restore_all(void)
{
	struct report report = { .log = tell };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_check_opts o = { .read_data = true, .data_percent = 100 };
	struct store *s = cast_open(wire_direct(), KEY_OWNER, &report);
	struct repo_check_result r;

	if (store_look(s, &err) == SNAP_OK)
		oracle_must_restore(s);
	/* Of lies it complains. */
	if (oracle_breach() == NULL && !oracle_has_lies())
		oracle_must(
		    maint_check(s, &o, &r, &err) == SNAP_OK && r.n_errors == 0,
		    "2: check finds damage");
	store_close(s);
}

/* Prune alone, till all garbage went; where a lie was believed it cannot. */
static void
tidy(void)
{
	const char *why = "9: prune never ran";

	for (int i = 0; i < QUIET_PRUNES && why != NULL; i++) {
		struct keeping *k = keeping_new(KEY_OWNER, 50);

		k->no_snapshots = true;
		wire_advance(GRACE * 13 / 10);
		(void)sim_actor("last pruner", play_pruner, k);
		schedule_drain();
		if (oracle_breach() != NULL)
			return;
		why = oracle_untidy();
	}
	oracle_must(why == NULL || oracle_believed_lies(), why);
}

/* Till a repair of packs finds that nothing is left to mend: what it makes
 * again of one damaged copy the next one has for the others. */
static void
mend_all(void)
{
	bool done = false;

	for (int i = 0; i < QUIET_PRUNES && !done; i++) {
		(void)sim_actor("last mender", play_mender, &done);
		schedule_drain();
		wire_advance(SECOND);
		if (oracle_breach() != NULL)
			return;
	}
	oracle_must(done, "a repair of packs never ends");
}

void
schedule_finish(void)
{
	memset(&wire_trouble, 0, sizeof wire_trouble);
	memset(wire_unreadable, 0, sizeof wire_unreadable);
	memset(wire_kept, 0, sizeof wire_kept);
	wire_lock = 0;
	schedule_drain();
	while (wire_next_time() != NEVER)
		wire_advance(wire_next_time() - sim_now());
	if (oracle_breach() == NULL && oracle_is_damaged())
		mend_all();
	if (oracle_breach() == NULL)
		tidy();
	if (oracle_breach() == NULL)
		restore_all();
}

/* ---- by chance */

static void
machine(struct actor *a)
{
	static const int permille[] = { -20, -2, 0, 0, 0, 2, 20 };

	a->permille = permille[sim_below(7)];
	/* One of its clocks may be wrong, not both. */
	if (sim_chance(200))
		a->boot_stops = true;
	else if (sim_chance(200))
		a->real_off = ((int64_t)sim_below(1200) - 600) * SECOND;
}

/* It forgets in the same run. */
static void
let_forget(struct keeping *k)
{
	const struct ref *refs;
	size_t n, max = sim_below(3);

	while (k->n_forget < max &&
	       oracle_some_snapshot(k->forget[k->n_forget], &refs, &n))
		oracle_forgets(k->forget[k->n_forget++]);
}

static void
come(const struct mixture *m)
{
	uint64_t x = sim_below(100);
	struct keeping *k;
	struct plan *p;
	struct actor *a;

	if (m->thieves && sim_chance(80)) {
		a = sim_actor("thief", play_thief, NULL);
	} else if (m->rot != 0 && sim_chance(80)) {
		a = sim_actor("mender", play_mender, NULL);
	} else if (x < 55) {
		p = plan_new(sim_chance(500) ? KEY_OWNER : KEY_HOST,
		    sim_below(6), 2 + (unsigned)sim_below(8), m->universe);
		p->reuse_permille = 600;
		p->pause_permille = m->lasting ? 500 : 100;
		p->max_pauses = m->lasting ? 12 : 3;
		a = sim_actor("writer", play_writer, p);
	} else if (x < 85) {
		k = keeping_new(
		    sim_chance(500) ? KEY_OWNER : KEY_MAINTENANCE, 50);
		k->no_snapshots = sim_chance(300);
		if (sim_chance(200))
			let_forget(k);
		a = sim_actor("pruner", play_pruner, k);
	} else if (x < 95) {
		a = sim_actor("forgetter", play_forgetter, NULL);
	} else {
		a = sim_actor("repairer", play_repairer, NULL);
	}
	machine(a);
	sim_trace("comes: %s", a->name);
}

static void
mix(struct mixture *m)
{
	static const unsigned paces[] = { 5000, 2000, 700 };
	static const unsigned jumps[] = { 5, 15, 40 };
	static const unsigned sleeps[] = { 0, 5, 15, 40 };
	static const unsigned crashes[] = { 0, 5, 20 };
	static const unsigned universes[] = { 6, 12, 24 };
	static const unsigned slow[] = { 0, 30, 100 };
	static const unsigned rare[] = { 0, 0, 20 };

	m->pace = one_of(paces, 3);
	m->jump = one_of(jumps, 3);
	m->sleep = one_of(sleeps, 4);
	m->crash = one_of(crashes, 3);
	m->universe = one_of(universes, 3);
	m->lasting = sim_chance(400);
	m->thieves = sim_chance(500);
	m->spoil = sim_chance(300) ? 4 : 0;
	m->rot = sim_chance(400) ? 15 : 0;
	m->locks = sim_chance(300);
	if (m->lasting) {
		m->jump = 3;
		m->sleep = m->sleep < 5 ? m->sleep : 5;
	}
	wire_trouble.slow = one_of(slow, 3);
	wire_trouble.lost = one_of(rare, 3);
	wire_trouble.failed = one_of(rare, 3);
	wire_trouble.torn = sim_chance(500) ? 500 : 0;
	wire_trouble.unrenewed = one_of(slow, 3);
}

static void
pass_time(const struct mixture *m)
{
	static const unsigned jumps[] = { 100, 300, 600, 1100 };

	/* Mostly when few would be too late by that. */
	if (sim_below(10000) < m->jump ||
	    (sim_n_alive() < 2 && sim_chance(m->jump)))
		wire_advance(GRACE / 1000 * one_of(jumps, 4));
	else
		wire_advance((int64_t)sim_below(2 * GRACE / m->pace));
}

static void
strike(const struct mixture *m, struct actor *a)
{
	static const unsigned sleeps[] = { 100, 300, 500, 800, 1100, 2000, 4000,
		7000, 10000 };

	if (a->n_fibers == 0)
		return;
	if (sim_below(10000) < m->sleep) {
		unsigned permille = one_of(sleeps, 9);

		sim_trace("%s sleeps %u/1000 G", a->name, permille);
		sim_suspend(a, GRACE / 1000 * permille);
	}
	if (sim_below(10000) < m->crash) {
		sim_trace("%s dies", a->name);
		oracle_counts.crashed++;
		sim_crash(a);
	}
}

static enum snap_code
choose(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	static uint64_t n;
	char *chosen = arg;

	(void)st;
	(void)err;
	n = chosen[0] == '\0' ? 1 : n + 1;
	if (sim_below(n) == 0)
		(void)snprintf(chosen, TRANSPORT_NAME_MAX + 1, "%s", name);
	return SNAP_OK;
}

/* Something cannot be read for a while: never what opening needs. */
static void
spoil(const struct mixture *m)
{
	static const char *const prefixes[] = { "snapshots/", "index/", "meta/",
		"data/", "condemned/", "notes/" };
	char *name = wire_unreadable[sim_below(WIRE_UNREADABLE_MAX)];
	struct snap_err err = SNAP_ERR_INIT;

	if (!sim_chance(m->spoil))
		return;
	name[0] = '\0';
	if (sim_chance(300))
		return; /* it can again */
	if (transport_list(wire_direct(), prefixes[sim_below(6)], choose, name,
		&err) != SNAP_OK)
		abort();
	sim_trace("unreadable: %s", name);
}

/* Or is not deleted. */
static void
lock(const struct mixture *m)
{
	if (m->locks && sim_chance(10))
		wire_lock = sim_chance(700) ? sim_random() | 1 : 0;
}

/* Or is another from now on. */
static void
rot(const struct mixture *m)
{
	char name[TRANSPORT_NAME_MAX + 1];
	uint64_t off;

	if (sim_below(10000) >= m->rot || !oracle_damages(name, &off))
		return;
	if (!mem_store_flip(world.mem, name, off, 1))
		abort();
	sim_trace("rots: %s", name);
}

void
schedule_rot_newer(void)
{
	char name[TRANSPORT_NAME_MAX + 1];
	uint64_t off;

	while (oracle_damages_newer(name, &off))
		if (!mem_store_flip(world.mem, name, off, 1))
			abort();
}

bool
schedule_random(uint64_t seed, unsigned steps, char out[256])
{
	struct mixture m;
	struct actor *a;

	schedule_begin(seed, (seed & 1) != 0);
	mix(&m);
	for (unsigned i = 0; i < steps && oracle_breach() == NULL; i++) {
		if (sim_n_alive() < ALIVE_MAX && sim_chance(30))
			come(&m);
		pass_time(&m);
		spoil(&m);
		lock(&m);
		rot(&m);
		a = sim_step(NULL);
		if (a != NULL)
			strike(&m, a);
		oracle_check();
	}
	schedule_finish();
	return schedule_end(out);
}
