/* SPDX-License-Identifier: PostgreSQL */
/* cast.c - the repository, and its keys: see cast.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cast.h"
#include "pruned.h"
#include "slots.h"

static struct {
	struct mem_store *base;
	char code[128];
	struct bytes host, maintenance;
} made;

static void
must(enum snap_code rc, const struct snap_err *err)
{
	if (rc == SNAP_OK)
		return;
	(void)fprintf(stderr, "%s\n", err->msg);
	abort();
}

void
cast_make(void)
{
	static const struct slot_cost cost = SLOT_COST_TESTS;
	struct config c = {
		.block_size = 1024, .pack_size = 1024, .grace_s = GRACE / SECOND
	};
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[ID_LEN];
	struct transport *t;
	struct store *s;

	sim_begin(0, MEM_TIME_START);
	must(mem_store_new(&made.base, &err), &err);
	must(transport_open_mem(made.base, &t, &err), &err);
	must(store_init(t, &c, &cost, span_str("secret"), made.code, id, &err),
	    &err);
	s = cast_open(t, KEY_OWNER, NULL);
	must(store_look(s, &err), &err);
	pruned_key_file(s, KEYFILE_HOST, &made.host);
	pruned_key_file(s, KEYFILE_MAINTENANCE, &made.maintenance);
	store_close(s);
	transport_close(t);
	sim_end();
}

void
cast_unmake(void)
{
	mem_store_free(made.base);
	bytes_fini(&made.host);
	bytes_fini(&made.maintenance);
}

struct mem_store *
cast_fresh(void)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct mem_store *m;

	must(mem_store_clone(made.base, &m, &err), &err);
	return m;
}

struct store *
cast_open(struct transport *t, enum cast_key key, struct report *report)
{
	struct store_opts o = { .n_threads = 1, .report = report };
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s;

	if (key == KEY_OWNER) {
		o.passphrase = span_str(made.code);
		o.is_recovery_code = true;
	} else {
		o.key_file = bytes_span(
		    key == KEY_HOST ? &made.host : &made.maintenance);
	}
	must(store_open(t, &o, &s, &err), &err);
	return s;
}

struct store *
cast_enter(struct actor *a, enum cast_key key)
{
	struct transport *t = wire_open(a);
	struct store *s;

	wire_at_once(t, true);
	s = cast_open(t, key, &a->report);
	wire_at_once(t, false);
	return s;
}

void
cast_leave(struct store *s)
{
	struct transport *t = s->t;

	store_close(s);
	transport_close(t);
}
