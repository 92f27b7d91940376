/* SPDX-License-Identifier: PostgreSQL */
/* keeper.c - who prunes, forgets and repairs: see cast.h. */
#include <stdlib.h>
#include <string.h>

#include "cast.h"
#include "maint.h"
#include "notes.h"
#include "prune.h"
#include "run.h"

void
play_pruner(struct actor *a)
{
	struct keeping *k = a->arg;
	struct repo_prune_opts o = { .live_percent = k->live_percent,
		.no_snapshots = k->no_snapshots,
		.tmpdir = ".",
		.forget = (const uint8_t(*)[ID_LEN])k->forget,
		.n_forget = k->n_forget };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_prune_result r;
	enum snap_code rc;
	struct store *s;

	s = cast_enter(a, k->key);
	o.now_ns = local_real();
	a->derived = -1;
	a->prunes = true;
	rc = prune_run(s, &o, &r, &err);
	a->prunes = false;
	if (k->done != NULL)
		*k->done = rc == SNAP_OK && r.n_broken == 0;
	if (k->idle != NULL)
		*k->idle = r.bytes_written == 0;
	oracle_counts.prunes++;
	oracle_counts.prunes_failed += rc != SNAP_OK && !a->crashed;
	oracle_counts.rescued += (unsigned)r.n_rescued;
	oracle_counts.kept += (unsigned)r.n_kept;
	oracle_counts.denied += (unsigned)r.n_denied;
	sim_trace("ends: %s", rc == SNAP_OK ? "done" : err.msg);
	cast_leave(s);
	free(k);
}

void
play_forgetter(struct actor *a)
{
	uint8_t ids[FORGET_MAX][ID_LEN];
	struct snap_err err = SNAP_ERR_INIT;
	const struct ref *refs;
	struct store *s = cast_enter(a, KEY_OWNER);
	size_t n_refs, n = 0, max = 1 + sim_below(FORGET_MAX);
	enum snap_code rc;

	rc = store_look(s, &err);
	if (a->arg != NULL) {
		memcpy(ids[0], a->arg, ID_LEN);
		oracle_forgets(ids[0]);
		max = n = 1;
	}
	while (rc == SNAP_OK && n < max &&
	       oracle_some_snapshot(ids[n], &refs, &n_refs)) {
		oracle_forgets(ids[n]);
		n++;
	}
	if (rc == SNAP_OK && n != 0)
		rc = notes_forget(s, (const uint8_t(*)[ID_LEN])ids, n, &err);
	sim_trace("forgets %zu: %s", n, rc == SNAP_OK ? "done" : err.msg);
	cast_leave(s);
}

void
play_repairer(struct actor *a)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = cast_enter(a, KEY_OWNER);
	uint64_t n = 0;
	enum snap_code rc;

	rc = maint_repair_index(s, &n, &err);
	sim_trace(
	    "repairs %u: %s", (unsigned)n, rc == SNAP_OK ? "done" : err.msg);
	cast_leave(s);
}

void
play_mender(struct actor *a)
{
	struct repo_mend_result r = { 0 };
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = cast_enter(a, KEY_OWNER);
	bool *done = a->arg;
	enum snap_code rc;

	rc = maint_repair_packs(s, NULL, 0, &r, &err);
	if (done != NULL)
		*done =
		    rc == SNAP_OK && r.bytes_written == 0 && r.n_condemned == 0;
	oracle_counts.repairs++;
	oracle_counts.mended += (unsigned)r.n_condemned;
	oracle_counts.rebuilt += (unsigned)r.n_rebuilt;
	sim_trace("mends: %u damaged, %u moved, %u lost: %s",
	    (unsigned)r.n_damaged, (unsigned)r.n_moved, (unsigned)r.n_lost,
	    rc == SNAP_OK ? "done" : err.msg);
	cast_leave(s);
}
