/* SPDX-License-Identifier: PostgreSQL */
/* sim.c - see sim.h. */
#include <semaphore.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim.h"
#include "sim_wrap.h"

#define ACTORS_MAX 256

struct fiber {
	struct fiber *next;
	struct actor *a;
	pthread_t thread;
	sem_t go;
	void *(*fn)(void *);
	void *arg;
	bool done;
	const void *waits; /* for a mutex, a condition or a fiber */
	int64_t until;
};

static struct {
	sem_t back; /* the baton, to who calls sim_step() */
	struct fiber *fibers;
	struct actor *actors[ACTORS_MAX];
	unsigned n_actors;
	uint64_t state; /* of the random numbers that decide */
	int64_t start, now;
} sim;

bool sim_verbose;
static _Thread_local struct fiber *self;

static void
fatal(const char *what)
{
	(void)fprintf(stderr, "sim: %s\n", what);
	abort();
}

/* ---- chance: one generator decides, another one makes keys and ids */

static uint64_t
mix(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t
sim_random(void)
{
	return mix(&sim.state);
}

uint64_t
sim_below(uint64_t n)
{
	return sim_random() % n;
}

bool
sim_chance(unsigned permille)
{
	return sim_below(1000) < permille;
}

static uint64_t key_state = 1;

static const char *
keys_name(void)
{
	return "simulated";
}

static uint32_t
keys_word(void)
{
	return (uint32_t)mix(&key_state);
}

static void
keys_fill(void *const out, const size_t len)
{
	uint8_t *p = out;

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)mix(&key_state);
}

static struct randombytes_implementation simulated_keys = {
	.implementation_name = keys_name,
	.random = keys_word,
	.buf = keys_fill,
};

/* ---- begin, end */

void
sim_begin(uint64_t seed, int64_t now)
{
	/* libsodium keeps what is set before it is initialised. */
	(void)randombytes_set_implementation(&simulated_keys);
	sim.state = seed * 2 + 1;
	(void)sim_random();
	key_state = sim_random();
	sim.n_actors = 0;
	sim.start = sim.now = now;
	if (sem_init(&sim.back, 0, 0) != 0)
		fatal("no semaphore");
}

void
sim_end(void)
{
	if (sim.fibers != NULL)
		fatal("a thread is left");
	for (unsigned i = 0; i < sim.n_actors; i++)
		free(sim.actors[i]);
	sim.n_actors = 0;
}

int64_t
sim_now(void)
{
	return sim.now;
}

void
sim_set_now(int64_t now)
{
	sim.now = now;
}

void
sim_trace(const char *fmt, ...)
{
	va_list ap;

	if (!sim_verbose)
		return;
	(void)printf("%9.1f %-10s ", (double)(sim.now - sim.start) / 1e9,
	    self == NULL ? "" : self->a->name);
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)putchar('\n');
}

/* ---- the baton: who has it may touch everything */

static void
await(sem_t *s)
{
	while (sem_wait(s) != 0)
		;
}

static void
park(const void *waits, int64_t until)
{
	self->waits = waits;
	self->until = until;
	(void)sem_post(&sim.back);
	await(&self->go);
}

static void
wake(const void *what)
{
	for (struct fiber *f = sim.fibers; f != NULL; f = f->next)
		if (f->waits == what)
			f->waits = NULL;
}

static bool
can_go(const struct fiber *f)
{
	return !f->done && f->waits == NULL &&
	       (f->a->crashed ||
		   (f->until <= sim.now && f->a->asleep_until <= sim.now));
}

static void
run(struct fiber *f)
{
	(void)sem_post(&f->go);
	await(&sim.back);
}

/* ---- threads */

static void *
fiber_main(void *arg)
{
	struct fiber *f = arg;
	void *result;

	await(&f->go);
	self = f;
	result = f->fn(f->arg);
	f->done = true;
	f->a->n_fibers--;
	wake(f);
	(void)sem_post(&sim.back);
	return result;
}

static int
new_fiber(struct actor *a, void *(*fn)(void *), void *arg, struct fiber **out)
{
	struct fiber *f = calloc(1, sizeof *f), **last = &sim.fibers;
	int rc;

	if (f == NULL || sem_init(&f->go, 0, 0) != 0)
		fatal("no memory");
	f->a = a;
	f->fn = fn;
	f->arg = arg;
	f->until = INT64_MIN;
	while (*last != NULL)
		last = &(*last)->next;
	*last = f;
	a->n_fibers++;
	rc = __real_pthread_create(&f->thread, NULL, fiber_main, f);
	if (rc != 0)
		fatal("no thread");
	*out = f;
	return rc;
}

/* It is joined: another thread may get the same number. */
static void
remove_fiber(struct fiber *f)
{
	struct fiber **p = &sim.fibers;

	while (*p != f)
		p = &(*p)->next;
	*p = f->next;
	(void)sem_destroy(&f->go);
	free(f);
}

bool
sim_thread(pthread_t *out, void *(*fn)(void *), void *arg, int *rc)
{
	struct fiber *f;

	if (self == NULL)
		return false;
	*rc = new_fiber(self->a, fn, arg, &f);
	*out = f->thread;
	return true;
}

bool
sim_join(pthread_t thread)
{
	struct fiber *f = sim.fibers;

	if (self == NULL)
		return false;
	while (f != NULL && !pthread_equal(f->thread, thread))
		f = f->next;
	if (f == NULL)
		fatal("it joins a thread of nobody");
	while (!f->done)
		park(f, INT64_MIN);
	(void)__real_pthread_join(thread, NULL);
	remove_fiber(f);
	return true;
}

/* ---- what threads wait for */

bool
sim_wait_mutex(pthread_mutex_t *m)
{
	if (self == NULL)
		return false;
	while (__real_pthread_mutex_trylock(m) != 0)
		park(m, INT64_MIN);
	return true;
}

void
sim_free_mutex(pthread_mutex_t *m)
{
	if (self != NULL)
		wake(m);
}

bool
sim_wait_cond(pthread_cond_t *c)
{
	if (self == NULL)
		return false;
	park(c, INT64_MIN);
	return true;
}

void
sim_wake_cond(pthread_cond_t *c)
{
	if (self != NULL)
		wake(c);
}

/* ---- clocks */

bool
sim_clock(clockid_t id, int64_t *ns)
{
	const struct actor *a;
	int64_t elapsed;

	if (self == NULL)
		return false;
	a = self->a;
	elapsed = sim.now - sim.start;
	elapsed += elapsed / 1000 * a->permille;
	if (id == CLOCK_REALTIME)
		*ns = sim.start + elapsed + a->real_off;
	else
		*ns = GRACE * 1000 + elapsed - (a->boot_stops ? a->slept : 0);
	return true;
}

/* ---- inside */

struct actor *
sim_self(void)
{
	return self == NULL ? NULL : self->a;
}

void
sim_yield(int64_t until)
{
	if (self != NULL && !self->a->crashed)
		park(NULL, until);
}

void
sim_sleep(int64_t ns)
{
	sim_yield(sim.now + ns);
}

/* ---- outside */

static void *
actor_main(void *arg)
{
	struct actor *a = arg;

	a->play(a);
	a->finished = true;
	return NULL;
}

static void
tell(void *arg, enum report_level level, const char *line)
{
	(void)arg;
	if (level == REPORT_WARNING)
		sim_trace("says: %s", line);
}

struct actor *
sim_actor(const char *name, void (*play)(struct actor *a), void *arg)
{
	struct actor *a = calloc(1, sizeof *a);
	struct fiber *f;

	if (a == NULL || sim.n_actors == ACTORS_MAX)
		fatal("too many actors");
	(void)snprintf(
	    a->name, sizeof a->name, "%s %u", name, sim.n_actors + 1);
	a->play = play;
	a->arg = arg;
	a->derived = -1;
	a->asleep_until = INT64_MIN;
	a->report.cancel = &a->cancel;
	a->report.log = tell;
	sim.actors[sim.n_actors++] = a;
	(void)new_fiber(a, actor_main, a, &f);
	return a;
}

/* Its first thread has nobody who joins it. */
static void
bury(struct actor *a)
{
	struct fiber *f = sim.fibers;

	while (f != NULL && f->a != a)
		f = f->next;
	if (f == NULL || !f->done || a->n_fibers != 0)
		fatal("an actor ends before its threads");
	(void)__real_pthread_join(f->thread, NULL);
	remove_fiber(f);
}

struct actor *
sim_step(struct actor *only)
{
	struct fiber *f, *chosen = NULL;
	struct actor *a;
	uint64_t n = 0;

	for (f = sim.fibers; f != NULL; f = f->next)
		if (can_go(f) && (only == NULL || f->a == only) &&
		    sim_below(++n) == 0)
			chosen = f;
	if (chosen == NULL)
		return NULL;
	a = chosen->a;
	run(chosen);
	if (a->finished && a->n_fibers == 0)
		bury(a);
	return a;
}

int64_t
sim_next_time(void)
{
	int64_t next = NEVER, t;

	for (const struct fiber *f = sim.fibers; f != NULL; f = f->next) {
		if (f->done || f->waits != NULL)
			continue;
		t = f->until > f->a->asleep_until ? f->until
						  : f->a->asleep_until;
		if (t < next)
			next = t;
	}
	return next;
}

unsigned
sim_n_alive(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < sim.n_actors; i++)
		n += sim.actors[i]->n_fibers != 0;
	return n;
}

void
sim_crash(struct actor *a)
{
	a->crashed = true;
	a->cancel = 1;
	while (a->n_fibers != 0)
		if (sim_step(a) == NULL)
			fatal("a crashed actor hangs");
}

void
sim_suspend(struct actor *a, int64_t ns)
{
	a->asleep_until = sim.now + ns;
	a->slept += ns;
}

void
sim_stop(void)
{
	for (unsigned i = 0; i < sim.n_actors; i++)
		if (sim.actors[i]->n_fibers != 0)
			sim_crash(sim.actors[i]);
}
