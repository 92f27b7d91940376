/* SPDX-License-Identifier: PostgreSQL */
/*
 * sim.h - processes that run one at a time, in an order that a seed decides.
 *
 * Each actor plays a process on a machine of its own.  It runs the real code in
 * real threads, of which only one at a time has the baton: it is handed on
 * where a thread asks the store, waits for another thread, or sleeps.  Clocks,
 * and random bytes, are the simulation's.  So a schedule is a function of its
 * seed.
 *
 * The program is linked with --wrap for the functions in sim_wrap.c.
 */
#ifndef SNAP_TEST_SIM_H
#define SNAP_TEST_SIM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "report.h"

#define SECOND INT64_C(1000000000)
#define GRACE (3600 * SECOND)
#define LEASE (GRACE / 2)
#define NEVER INT64_MAX

struct actor {
	char name[24]; /* "writer 3" */
	void (*play)(struct actor *a);
	void *arg;
	bool crashed, finished;
	int64_t asleep_until; /* the machine's, by the store's clock */
	/* Its clocks: by what the wall clock is off, and parts in a thousand by
	 * which both go wrong.  Some do not count the sleep of the machine. */
	int64_t real_off, slept;
	int permille;
	bool boot_stops;
	unsigned n_fibers; /* threads that have not ended */
	char next[160];    /* what it is about to do: "put snapshots/..." */
	atomic_int cancel;
	struct report report;
	/* What pruners derived last rests on this store time; < 0: not yet. */
	int64_t derived;
	int64_t asked; /* for the store's time, last */
	bool prunes;
	bool unlocked; /* the store deletes all that it asks for */
};

/* ---- the whole */
void sim_begin(uint64_t seed, int64_t now);
void sim_stop(void); /* crashes who is left */
void sim_end(void);
uint64_t sim_random(void);
uint64_t sim_below(uint64_t n); /* 0 to n - 1 */
bool sim_chance(unsigned permille);
int64_t sim_now(void); /* the store's clock, ns */
void sim_set_now(int64_t now);
/* Prints when the program was told to. */
void sim_trace(const char *fmt, ...) SNAP_PRINTF(1, 2);
extern bool sim_verbose;

/* ---- from outside of actors */
struct actor *sim_actor(const char *name, void (*play)(struct actor *a),
    void *arg); /* freed by sim_end() */
/* One of those that can go on goes on till it hands the baton back: it, or
 * NULL.  `only`: one of its threads. */
struct actor *sim_step(struct actor *only);
/* The earliest time at which somebody can go on who cannot now; NEVER. */
int64_t sim_next_time(void);
unsigned sim_n_alive(void);
/* It is gone between two calls: nothing that it does has an effect. */
void sim_crash(struct actor *a);
void sim_suspend(struct actor *a, int64_t ns);

/* ---- from inside */
struct actor *sim_self(void); /* NULL: outside */
/* Hand the baton on, and take it again when `until` has come. */
void sim_yield(int64_t until);
/* The same for the time of the actor: its source is slow. */
void sim_sleep(int64_t ns);

/* ---- for sim_wrap.c: threads, what they wait for, clocks */
bool sim_wait_mutex(pthread_mutex_t *m); /* false: outside of all actors */
void sim_free_mutex(pthread_mutex_t *m);
bool sim_wait_cond(pthread_cond_t *c);
void sim_wake_cond(pthread_cond_t *c);
bool sim_thread(pthread_t *out, void *(*fn)(void *), void *arg, int *rc);
bool sim_join(pthread_t thread);
bool sim_clock(clockid_t id, int64_t *ns);

#endif
