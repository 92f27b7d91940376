/* SPDX-License-Identifier: PostgreSQL */
/* stage.c - see stage.h. */
#include <stdio.h>
#include <string.h>

#include "stage.h"

struct actor *
comes(void (*play)(struct actor *a), void *arg)
{
	return sim_actor("actor", play, arg);
}

void
step(struct actor *a)
{
	if (sim_step(a) == NULL) {
		int64_t next = sim_next_time(), put = wire_next_time();

		next = put < next ? put : next;
		if (next == NEVER || next < sim_now())
			next = sim_now() + SECOND;
		wire_advance(next - sim_now());
	}
	oracle_check();
}

/* It goes on alone until it is about to do that; false: it has ended. */
bool
until(struct actor *a, const char *what)
{
	while (a->n_fibers != 0 && strncmp(a->next, what, strlen(what)) != 0)
		step(a);
	return a->n_fibers != 0;
}

void
finish(struct actor *a)
{
	while (a->n_fibers != 0)
		step(a);
}

void
later(int percent)
{
	wire_advance(GRACE / 100 * percent);
}

struct actor *
writer(uint64_t seed, unsigned n)
{
	return comes(play_writer, plan_new(KEY_OWNER, seed, n, MANY));
}

void
backup(uint64_t seed)
{
	finish(writer(seed, SMALL));
}

struct actor *
pruner(void)
{
	return comes(play_pruner, keeping_new(KEY_OWNER, 50));
}

void
prune(void)
{
	finish(pruner());
}

void
forget(void)
{
	uint8_t id[ID_LEN];

	if (oracle_newest() == NULL)
		return;
	memcpy(id, oracle_newest(), ID_LEN);
	finish(comes(play_forgetter, id));
}

void
steal(enum theft what)
{
	finish(comes(play_thief, &what));
}

void
name_of(
    const char *prefix, const char *suffix, char out[TRANSPORT_NAME_MAX + 1])
{
	char hex[2 * ID_LEN + 1];

	hex_encode(oracle_newest(), ID_LEN, hex);
	(void)snprintf(
	    out, TRANSPORT_NAME_MAX + 1, "%s%s%s", prefix, hex, suffix);
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

/* It is about to confirm its snapshot. */
void
until_confirms(struct actor *w)
{
	while (until(w, "put snapshots/") && !ends_with(w->next, ".ok"))
		step(w);
}

void
until_confirms_list(struct actor *p)
{
	while (until(p, "put condemned/") && !ends_with(p->next, ".ok"))
		step(p);
}

/* There is a snapshot again that nobody wants; it is old enough to go. */
void
garbage(void)
{
	backup(1);
	later(150);
	backup(2); /* what is left */
	backup(1);
	forget();
	later(150);
}

/* Somebody has found what the first one stored, and is about to commit. */
struct actor *
reuser(void)
{
	struct actor *w = writer(1, SMALL);

	(void)until(w, "put snapshots/");
	return w;
}
