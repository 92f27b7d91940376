/* SPDX-License-Identifier: PostgreSQL */
/* wire.c - see wire.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport_impl.h"
#include "wire.h"

struct flight { /* a put that was sent */
	struct flight *next;
	int64_t at, sent, landed;
	bool has_landed, exists; /* another object has the name */
	bool orphan;             /* nobody waits for it */
	struct bytes data;
	char name[TRANSPORT_NAME_MAX + 1];
};

struct wire {
	struct transport base;
	struct actor *a;
	bool at_once;
};

struct wire_trouble wire_trouble;
int64_t wire_next_delay, wire_clock_off;
const char *wire_hides;
bool wire_misses;
char wire_kept[TRANSPORT_NAME_MAX + 1];
uint64_t wire_lock;
char wire_unreadable[WIRE_UNREADABLE_MAX][TRANSPORT_NAME_MAX + 1];

static struct {
	struct mem_store *mem;
	struct transport *direct;
	struct flight *flights;
	bool visible;
} all;

/* ---- what is under way */

static struct flight *
send(const char *name, struct span data, int64_t at, bool orphan)
{
	struct flight *f = calloc(1, sizeof *f), **last = &all.flights;

	if (f == NULL)
		abort();
	f->at = at;
	f->sent = wire_now();
	f->orphan = orphan;
	bytes_init(&f->data, TRANSPORT_SIZE_MAX);
	bytes_put_span(&f->data, data);
	(void)snprintf(f->name, sizeof f->name, "%s", name);
	while (*last != NULL)
		last = &(*last)->next;
	*last = f;
	return f;
}

static void
drop(struct flight *f)
{
	struct flight **p = &all.flights;

	while (*p != f)
		p = &(*p)->next;
	*p = f->next;
	bytes_fini(&f->data);
	free(f);
}

static void
land(struct flight *f)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	bool was;
	enum snap_code rc;

	was = transport_stat(all.direct, f->name, &st, &err) == SNAP_OK;
	rc =
	    transport_put(all.direct, f->name, bytes_span(&f->data), &st, &err);
	if (rc != SNAP_OK && rc != SNAP_EXISTS)
		abort();
	f->has_landed = true;
	f->exists = rc == SNAP_EXISTS;
	f->landed = wire_now();
	if (rc != SNAP_OK || was)
		return;
	/* A file's time is renewed when it has its name, if all goes well. */
	if (!all.visible && sim_chance(wire_trouble.unrenewed))
		(void)mem_store_set_object_time(all.mem, f->name, f->sent);
	sim_trace("  + %s", f->name);
	oracle_put(f->name, bytes_span(&f->data), sim_now());
}

static void
land_all(void)
{
	struct flight *f = all.flights, *next;

	for (; f != NULL; f = next) {
		next = f->next;
		if (f->has_landed || f->at > sim_now())
			continue;
		land(f);
		if (f->orphan)
			drop(f);
	}
}

void
wire_advance(int64_t ns)
{
	sim_set_now(sim_now() + ns);
	mem_store_set_time(all.mem, wire_now());
	land_all();
}

int64_t
wire_now(void)
{
	return sim_now() + wire_clock_off;
}

void
wire_put_back(const char *name, struct span data)
{
	struct flight *f = send(name, data, sim_now(), true);

	land(f);
	drop(f);
}

int64_t
wire_next_time(void)
{
	int64_t next = NEVER;

	for (const struct flight *f = all.flights; f != NULL; f = f->next)
		if (!f->has_landed && f->at < next)
			next = f->at;
	return next;
}

/* ---- requests */

static enum snap_code
gone(struct snap_err *err)
{
	return snap_fail(err, SNAP_CANCELLED, "the process is dead");
}

/* It is about to ask for this. */
static void
announce(struct wire *w, const char *verb, const char *name)
{
	(void)snprintf(w->a->next, sizeof w->a->next, "%s %s", verb, name);
}

/* Others go on before a request is served, and before its answer is heard. */
static enum snap_code
pass(struct wire *w, struct snap_err *err)
{
	if (w->at_once)
		return SNAP_OK;
	sim_yield(INT64_MIN);
	return w->a->crashed ? gone(err) : SNAP_OK;
}

static int64_t
delay(void)
{
	static const int64_t most[] = { GRACE / 10, GRACE * 4 / 10,
		GRACE * 12 / 10, GRACE * 4 };

	int64_t scripted = wire_next_delay;

	wire_next_delay = 0;
	if (scripted != 0 || !sim_chance(wire_trouble.slow))
		return scripted;
	if (sim_chance(300)) /* just about as long as it may be */
		return LEASE / 100 * (95 + (int64_t)sim_below(6));
	return most[sim_below(4)] / 1000 * (int64_t)sim_below(1000);
}

static enum snap_code
wire_put(struct transport *t, const char *name, struct span data,
    struct transport_stat *st, struct snap_err *err)
{
	struct wire *w = (struct wire *)t;
	struct flight *f;
	bool exists;
	enum snap_code rc;

	announce(w, "put", name);
	oracle_decides(w->a, name);
	rc = pass(w, err);
	announce(w, "have put", name);
	if (rc != SNAP_OK)
		return rc;
	if (!w->at_once && sim_chance(wire_trouble.lost)) {
		(void)send(name, data,
		    sim_now() + 3 * (int64_t)sim_below(GRACE), true);
		rc = pass(w, err);
	}
	if (rc != SNAP_OK)
		return rc;
	f = send(name, data, sim_now() + (w->at_once ? 0 : delay()), false);
	land_all();
	while (!f->has_landed && !w->a->crashed)
		sim_yield(f->at);
	if (w->a->crashed) {
		if (f->has_landed)
			drop(f);
		else
			f->orphan = true;
		return gone(err);
	}
	st->size = data.len;
	st->time_ns = f->landed;
	exists = f->exists;
	drop(f);
	rc = pass(w, err);
	if (rc == SNAP_OK && exists)
		rc =
		    snap_fail(err, SNAP_EXISTS, "another object has that name");
	if (rc == SNAP_OK && !w->at_once && sim_chance(wire_trouble.failed))
		rc = snap_fail(err, SNAP_IO, "the answer was lost");
	if (!all.visible)
		st->time_ns = wire_now();
	return rc;
}

static bool
is_unreadable(const char *name)
{
	for (int i = 0; i < WIRE_UNREADABLE_MAX; i++)
		if (strcmp(wire_unreadable[i], name) == 0)
			return true;
	return false;
}

static enum snap_code
wire_get(struct transport *t, const char *name, uint64_t off, size_t len,
    struct bytes *out, struct snap_err *err)
{
	struct wire *w = (struct wire *)t;
	enum snap_code rc;

	announce(w, "get", name);
	rc = pass(w, err);
	announce(w, "have", name);
	if (rc == SNAP_OK && is_unreadable(name))
		rc = snap_fail(err, SNAP_IO, "a bad sector");
	if (rc == SNAP_OK)
		rc = transport_get(all.direct, name, off, len, out, err);
	return rc;
}

static enum snap_code
wire_stat(struct transport *t, const char *name, struct transport_stat *st,
    struct snap_err *err)
{
	enum snap_code rc = pass((struct wire *)t, err);

	return rc == SNAP_OK ? transport_stat(all.direct, name, st, err) : rc;
}

struct entry {
	struct transport_stat st;
	char name[TRANSPORT_NAME_MAX + 1];
};
struct entries {
	struct entry *v;
	size_t n;
};

static enum snap_code
collect(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct entries *e = arg;
	void *p = realloc(e->v, (e->n + 1) * sizeof *e->v);

	(void)err;
	if (p == NULL)
		abort();
	e->v = p;
	e->v[e->n].st = *st;
	(void)snprintf(e->v[e->n].name, sizeof e->v[e->n].name, "%s", name);
	e->n++;
	return SNAP_OK;
}

static struct entries
list_now(const char *prefix)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct entries e = { NULL, 0 };

	if (transport_list(all.direct, prefix, collect, &e, &err) != SNAP_OK)
		abort();
	return e;
}

static bool
has(const struct entries *e, const char *name)
{
	for (size_t i = 0; i < e->n; i++)
		if (strcmp(e->v[i].name, name) == 0)
			return true;
	return false;
}

static enum snap_code
give(const struct entries *e, const struct entries *other, bool both,
    transport_list_fn fn, void *arg, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < e->n && rc == SNAP_OK; i++) {
		bool common = has(other, e->v[i].name);

		if (common ? both : !wire_misses && sim_chance(500))
			rc = fn(arg, e->v[i].name, &e->v[i].st, err);
	}
	return rc;
}

static enum snap_code
wire_list(struct transport *t, const char *prefix, transport_list_fn fn,
    void *arg, struct snap_err *err)
{
	struct wire *w = (struct wire *)t;
	struct entries first = { NULL, 0 }, last = { NULL, 0 };
	enum snap_code rc;

	announce(w, "list", prefix);
	rc = pass(w, err);
	announce(w, "have listed", prefix);
	if (rc != SNAP_OK ||
	    (wire_hides != NULL && strcmp(wire_hides, prefix) == 0))
		return rc;
	/* A prune that derives anew asks for the time, and then for these. */
	if (w->a->prunes && strcmp(prefix, "notes/") == 0)
		w->a->derived = w->a->asked;
	first = list_now(prefix);
	rc = pass(w, err);
	if (rc == SNAP_OK && (wire_misses || sim_chance(wire_trouble.torn)))
		last = list_now(prefix);
	else if (rc == SNAP_OK)
		last = (struct entries){ NULL, 0 };
	if (rc == SNAP_OK && last.v == NULL) {
		for (size_t i = 0; i < first.n && rc == SNAP_OK; i++)
			rc = fn(arg, first.v[i].name, &first.v[i].st, err);
	} else if (rc == SNAP_OK) {
		rc = give(&first, &last, true, fn, arg, err);
		if (rc == SNAP_OK)
			rc = give(&last, &first, false, fn, arg, err);
	}
	free(first.v);
	free(last.v);
	return rc;
}

/* Every second, by its name. */
static bool
is_locked(const struct wire *w, const char *name)
{
	uint64_t h = wire_lock;

	if (w->a->unlocked)
		return false;
	for (const char *c = name; h != 0 && *c != '\0'; c++)
		h = (h ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
	return (h != 0 && (h >> 40) % 2 == 0) || strcmp(name, wire_kept) == 0;
}

static enum snap_code
wire_del(struct transport *t, const char *name, struct snap_err *err)
{
	struct wire *w = (struct wire *)t;
	enum snap_code rc;

	announce(w, "delete", name);
	oracle_decides(w->a, name);
	rc = pass(w, err);
	announce(w, "have deleted", name);
	if (rc == SNAP_OK && is_locked(w, name)) {
		sim_trace("  = %s", name);
		rc = snap_fail(err, SNAP_DENIED, "it is locked");
	}
	if (rc == SNAP_OK)
		rc = transport_delete(all.direct, name, err);
	if (rc != SNAP_OK)
		return rc;
	sim_trace("  - %s", name);
	oracle_delete(w->a, name);
	rc = pass(w, err);
	if (rc == SNAP_OK && sim_chance(wire_trouble.failed))
		rc = snap_fail(err, SNAP_IO, "the answer was lost");
	return rc;
}

static enum snap_code
wire_time(struct transport *t, int64_t *time_ns, struct snap_err *err)
{
	struct wire *w = (struct wire *)t;
	enum snap_code rc;

	announce(w, "ask", "the time");
	rc = pass(w, err);
	if (rc != SNAP_OK)
		return rc;
	*time_ns = wire_now();
	w->a->asked = sim_now();
	if (w->a->derived < 0)
		w->a->derived = w->a->asked;
	return pass(w, err);
}

static void
wire_close(struct transport *t)
{
	free(t);
}

struct transport *
wire_open(struct actor *a)
{
	static const struct transport_ops ops = {
		.put = wire_put,
		.get = wire_get,
		.stat = wire_stat,
		.list = wire_list,
		.del = wire_del,
		.now = wire_time,
		.close = wire_close,
	};
	struct snap_err err = SNAP_ERR_INIT;
	struct wire *w = calloc(1, sizeof *w);

	if (w == NULL ||
	    transport_base_init(&w->base, &ops, "mem:", &err) != SNAP_OK)
		abort();
	w->base.time_is_visibility = all.visible;
	w->a = a;
	return &w->base;
}

void
wire_at_once(struct transport *t, bool on)
{
	((struct wire *)t)->at_once = on;
}

struct transport *
wire_direct(void)
{
	return all.direct;
}

bool
wire_visible(void)
{
	return all.visible;
}

void
wire_begin(struct mem_store *mem, bool visible)
{
	struct snap_err err = SNAP_ERR_INIT;

	all.mem = mem;
	all.visible = visible;
	mem_store_set_step(mem, 0);
	if (transport_open_mem(mem, &all.direct, &err) != SNAP_OK)
		abort();
	all.direct->time_is_visibility = visible;
	memset(wire_unreadable, 0, sizeof wire_unreadable);
	memset(wire_kept, 0, sizeof wire_kept);
	wire_lock = 0;
	memset(&wire_trouble, 0, sizeof wire_trouble);
	wire_next_delay = wire_clock_off = 0;
	wire_hides = NULL;
	wire_misses = false;
}

void
wire_end(void)
{
	while (all.flights != NULL)
		drop(all.flights);
	transport_close(all.direct);
}
