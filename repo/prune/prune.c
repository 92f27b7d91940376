/* SPDX-License-Identifier: PostgreSQL */
/*
 * prune.c - one run: derive, sweep, retire, condemn.
 *
 * One derivation serves all steps, none of which does anything when half a
 * grace has gone by since it began.  What is deleted rests on what was live
 * then; what is condemned now is derived afresh before it goes.
 */
#include <stdlib.h>
#include <string.h>

#include "lists.h"
#include "prune_internal.h"
#include "repo_care.h"
#include "rule.h"
#include "run.h"
#include "signed.h"

#define CLOCK_S 600 /* by which a store's clock may differ from ours */

enum snap_code
prune_again(struct snap_err *err, const char *why)
{
	(void)snap_fail(err, SNAP_BUSY, "%s", why);
	return snap_hint(err, "Run it again: what it did is not lost.");
}

static enum snap_code
stale(struct snap_err *err)
{
	return prune_again(err,
	    "half a grace period went by since this run looked at the store");
}

enum snap_code
prune_fresh(const struct prune *p, struct snap_err *err)
{
	/* A machine that slept, and one whose clock was set: the larger. */
	if ((local_boot() - p->boot0 >= p->lease ||
		local_real() - p->real0 >= p->lease) &&
	    RULE(fresh))
		return stale(err);
	return SNAP_OK;
}

enum snap_code
prune_in_time(const struct prune *p, int64_t answered, struct snap_err *err)
{
	if (answered - p->v.l0 >= p->lease && RULE(fresh))
		return stale(err);
	return prune_fresh(p, err);
}

bool
prune_enough(const struct prune *p)
{
	if (p->o->max_repack_bytes != 0 &&
	    p->repacked >= p->o->max_repack_bytes)
		return true;
	return p->o->max_time_s != 0 &&
	       local_boot() - p->begun_boot >=
		   (int64_t)p->o->max_time_s * SECOND_NS;
}

enum snap_code
prune_put(struct prune *p, uint8_t kind, const uint8_t id[ID_LEN],
    struct span body, struct snap_err *err)
{
	struct transport_stat st;
	enum snap_code rc;

	rc = prune_fresh(p, err);
	if (rc != SNAP_OK || p->o->dry_run)
		return rc;
	rc = store_put_body(p->s, kind, id, body, true, &st, err);
	return rc == SNAP_OK ? prune_in_time(p, st.time_ns, err) : rc;
}

enum snap_code
prune_confirm(struct prune *p, const uint8_t list[ID_LEN], struct snap_err *err)
{
	struct confirm_body c = { .l0 = p->v.l0 };
	struct bytes body;
	enum snap_code rc;

	memcpy(c.id, list, ID_LEN);
	bytes_init(&body, 1024);
	confirm_encode(&c, &body);
	rc = bytes_check(&body, err);
	if (rc == SNAP_OK)
		rc = prune_put(
		    p, OBJ_CONDEMNED_OK, list, bytes_span(&body), err);
	bytes_fini(&body);
	return rc == SNAP_EXISTS ? SNAP_OK : rc;
}

bool
prune_goes(const struct prune *p, const struct view_pack *pk)
{
	return pk->aged && (pk->n_need == 0 || !RULE(rescue)) &&
	       !pk->unreadable && pk->oldest > p->roots.broken_time;
}

enum snap_code
prune_delete(struct prune *p, uint8_t kind, const uint8_t id[ID_LEN],
    uint64_t size, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	enum snap_code rc;

	store_name(kind, id, name);
	rc = report_check(p->s->report, err);
	if (rc == SNAP_OK)
		rc = prune_fresh(p, err);
	if (rc == SNAP_OK && !p->o->dry_run)
		rc = transport_delete(p->s->t, name, err);
	if (rc == SNAP_DENIED) {
		report_log(
		    p->s->report, REPORT_INFO, "%s stays: %s", name, err->msg);
		p->r->n_denied++;
		return SNAP_OK;
	}
	if (rc == SNAP_NOTFOUND)
		return SNAP_OK; /* another prune was faster */
	if (rc != SNAP_OK)
		return rc;
	p->r->n_deleted++;
	p->r->bytes_freed += size;
	return SNAP_OK;
}

/* Of a repository that is not that old no backup need have ended yet. */
static bool
has_old_packs(const struct prune *p)
{
	for (size_t i = 0; i < p->v.n_packs; i++)
		if (p->v.l0 - p->v.packs[i].time >= p->grace)
			return true;
	return false;
}

/* A store that lists nothing, where there was something, is not believed. */
static enum snap_code
believe(const struct prune *p, struct snap_err *err)
{
	/* Others went on while this run listed. */
	int64_t now = p->v.l0 + (local_boot() - p->boot0);
	int64_t newest = p->v.newest;
	size_t n_roots = 0;

	for (size_t i = 0; i < p->roots.n; i++) {
		const struct root *r = &p->roots.v[i];

		n_roots += r->state != ROOT_GARBAGE;
		if (r->snapshot_time > newest)
			newest = r->snapshot_time;
		if (r->ok_time > newest)
			newest = r->ok_time;
	}
	for (size_t i = 0; i < p->notes.n && n_roots == 0; i++)
		n_roots +=
		    p->notes.v[i].type == NOTE_FORGET && !p->notes.v[i].is_weak;
	if (n_roots == 0 && !p->o->no_snapshots && has_old_packs(p) &&
	    RULE(believe)) {
		(void)snap_fail(err, SNAP_CORRUPT,
		    "there are packs, but no snapshot, and none was forgotten");
		return snap_hint(err,
		    "Nothing was deleted. If no backup ever finished here, "
		    "prune with --no-snapshots.");
	}
	if (newest > now + CLOCK_S * SECOND_NS && RULE(future)) {
		(void)snap_fail(
		    err, SNAP_BUSY, "the store has objects from the future");
		return snap_hint(err,
		    "Nothing was deleted. Its clock, or that of who wrote "
		    "them, is wrong by more than ten minutes.");
	}
	return SNAP_OK;
}

static enum snap_code
clocks_agree(const struct prune *p, struct snap_err *err)
{
	int64_t off = p->v.l0 - p->o->now_ns;
	char by[DURATION_MAX];

	if (p->o->now_ns == 0 || !RULE(clocks) ||
	    (off <= CLOCK_S * SECOND_NS && off >= -CLOCK_S * SECOND_NS))
		return SNAP_OK;
	(void)snap_fail(err, SNAP_BUSY,
	    "the store's clock and this machine's differ by %s",
	    duration_text((uint64_t)(off < 0 ? -off : off) / SECOND_NS, by));
	return snap_hint(err, "Nothing was deleted. Set the clocks.");
}

static enum snap_code
derive_once(struct prune *p, struct snap_err *err)
{
	enum snap_code rc;

	p->boot0 = local_boot();
	p->real0 = local_real();
	/* What was asked when the repository was opened is older. */
	ahead_free(p->s);
	rc = view_begin(&p->v, p->s, err);
	bitfile_init(&p->v.bits, p->o->tmpdir);
	if (rc == SNAP_OK)
		rc = clocks_agree(p, err);
	if (rc == SNAP_OK)
		rc = notes_load(p->s, &p->notes, err);
	if (rc == SNAP_OK)
		rc = roots_load(
		    &p->roots, p->s, &p->notes, p->v.l0, p->grace, err);
	if (rc == SNAP_OK)
		rc = store_look(p->s, err);
	if (rc == SNAP_OK)
		rc = view_load(&p->v, p->grace, err);
	if (rc == SNAP_OK)
		rc = believe(p, err);
	if (rc == SNAP_OK)
		rc = forget_drop(p, err);
	if (rc == SNAP_OK)
		forget_choose(p);
	if (rc == SNAP_OK)
		rc = live_mark(&p->v, &p->roots, err);
	return rc == SNAP_OK ? live_heads(&p->v, err) : rc;
}

static void
undo(struct prune *p)
{
	view_fini(&p->v);
	roots_fini(&p->roots);
	notes_free(&p->notes);
}

/* No listing is of one moment, and another prune may be merging the index: what
 * cannot be read is looked for a second time before it is called so. */
static enum snap_code
derive(struct prune *p, struct snap_err *err)
{
	uint32_t epoch = store_epoch(p->s);
	enum snap_code rc = derive_once(p, err);

	/* Also what was said under an epoch of which the index showed only then
	 * that it is over. */
	if (rc == SNAP_OK && (p->roots.lacks || store_epoch(p->s) != epoch)) {
		undo(p);
		rc = derive_once(p, err);
	}
	if (rc == SNAP_OK)
		roots_tell(&p->roots, p->s);
	return rc;
}

static enum snap_code
act(struct prune *p, struct snap_err *err)
{
	static enum snap_code (*const steps[])(
	    struct prune * p, struct snap_err * err) = {
		retire_snapshots,
		sweep_confirm,
		sweep_rescue,
		merge_index,
		sweep_packs,
		retire_lists,
		retire_notes,
		retire_runs,
		retire_temporary,
		condemn_victims,
	};
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		rc = steps[i](p, err);
		if (rc != SNAP_OK)
			break;
	}
	return rc;
}

static void
count_live(struct prune *p)
{
	p->r->n_packs = p->v.n_packs;
	p->r->n_broken = p->roots.n_broken;
	p->r->bytes_total = p->r->bytes_live = 0;
	for (size_t i = 0; i < p->v.n_packs; i++) {
		p->r->bytes_total += p->v.packs[i].bytes;
		p->r->bytes_live += p->v.packs[i].need_bytes;
	}
}

/* The newest of a group may be the one that cannot be read: then an older one
 * that a policy would drop is the last that comes back. */
static enum snap_code
derive_and_forget(struct prune *p, struct snap_err *err)
{
	enum snap_code rc = derive(p, err);
	bool again = false;

	if (rc == SNAP_OK && p->roots.n_broken != 0 && p->n_forget != 0) {
		report_log(p->s->report, REPORT_WARNING,
		    "nothing is forgotten while a snapshot cannot be read");
		undo(p);
		p->n_forget = p->r->n_forgotten = 0;
		rc = derive(p, err);
	}
	if (rc == SNAP_OK)
		rc = forget_now(p, &again, err);
	if (rc == SNAP_OK && again) {
		undo(p);
		rc = derive(p, err);
	}
	return rc;
}

/* When the last of what is condemned may go. */
static int64_t
waiting_until(const struct prune *p)
{
	int64_t until = 0;

	if (p->r->n_condemned != 0)
		until = p->v.l0 + p->grace;
	for (size_t i = 0; i < p->v.n_lists; i++) {
		const struct view_list *l = &p->v.lists[i];
		int64_t due =
		    (l->ok_time < 0 ? p->v.l0 : l->ok_time) + p->grace;

		for (uint32_t k = 0; k < l->n && !l->is_void; k++)
			if (due > until &&
			    (view_pack(&p->v, OBJ_DATA, l->packs[k]) != NULL ||
				view_pack(&p->v, OBJ_META, l->packs[k]) !=
				    NULL))
				until = due;
	}
	return until;
}

static void
count_left(struct prune *p)
{
	p->r->now_ns = p->v.l0;
	p->r->bytes_waiting = p->r->bytes_condemned;
	for (size_t i = 0; i < p->v.n_packs; i++) {
		const struct view_pack *pk = &p->v.packs[i];

		if (pk->condemned && !prune_goes(p, pk))
			p->r->bytes_waiting += pk->size;
	}
	p->r->waiting_ns = p->r->bytes_waiting == 0 ? 0 : waiting_until(p);
}

/* Without a grace what is condemned goes at once, by a second derivation. */
#define PASSES_ALONE 3

enum snap_code
prune_run(struct store *s, const struct repo_prune_opts *o,
    struct repo_prune_result *out, struct snap_err *err)
{
	struct prune *p = calloc(1, sizeof *p);
	enum snap_code rc = SNAP_OK;
	int passes;

	memset(out, 0, sizeof *out);
	if (p == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory to prune");
	if (!s->keys->maintenance)
		rc = snap_fail(err, SNAP_DENIED,
		    "only the owner, or a maintenance key, can prune");
	p->s = s;
	p->o = o;
	p->r = out;
	p->grace = o->alone ? 0 : (int64_t)s->config.grace_s * SECOND_NS;
	p->lease = (int64_t)s->config.grace_s * SECOND_NS / 2;
	p->begun_boot = local_boot();
	keys_random(p->run_id, ID_LEN);
	if (rc == SNAP_OK)
		rc = mover_new(p, &p->mover, err);
	p->n_forget = o->n_forget;
	passes = o->alone && !o->dry_run ? PASSES_ALONE : 1;
	for (int i = 0; rc == SNAP_OK && i < passes; i++) {
		rc = derive_and_forget(p, err);
		if (rc == SNAP_OK && i == 0) {
			forget_tell(p);
			count_live(p);
		}
		out->n_condemned = out->bytes_condemned = 0;
		out->bytes_young = out->bytes_beside = 0;
		if (rc == SNAP_OK)
			rc = act(p, err);
		if (rc == SNAP_OK)
			count_left(p);
		undo(p);
	}
	mover_free(p->mover);
	free(p->kept);
	free(p);
	return rc;
}

/* Packs that a snapshot may look broken for want of: no segment names them, and
 * the run that put them is over, or they were there when the newest that is
 * broken came.  What is condemned was dropped from the index by prune. */
static size_t
count_unnamed(const struct prune *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->v.n_packs; i++) {
		const struct view_pack *pk = &p->v.packs[i];

		n += !pk->named && !pk->condemned &&
		     (p->v.l0 - pk->time >= p->grace ||
			 pk->time <= p->roots.broken_time);
	}
	return n;
}

static enum snap_code
take_broken(const struct roots *r, uint8_t (**ids)[REPO_ID_LEN], size_t *n,
    struct snap_err *err)
{
	uint8_t(*v)[REPO_ID_LEN] = calloc(r->n + 1, sizeof *v);

	if (v == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for snapshots");
	*n = 0;
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].state == ROOT_BROKEN && !r->v[i].not_held)
			memcpy(v[(*n)++], r->v[i].id, REPO_ID_LEN);
	*ids = v;
	return SNAP_OK;
}

enum snap_code
prune_broken(struct store *s, const char *tmpdir, uint8_t (**ids)[REPO_ID_LEN],
    size_t *n, size_t *n_unnamed, struct snap_err *err)
{
	struct repo_prune_opts o = {
		.dry_run = true, .no_snapshots = true, .tmpdir = tmpdir
	};
	struct repo_prune_result r = { .n_packs = 0 };
	struct prune *p = calloc(1, sizeof *p);
	enum snap_code rc;

	if (p == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory to look");
	p->s = s;
	p->o = &o;
	p->r = &r;
	p->grace = (int64_t)s->config.grace_s * SECOND_NS;
	rc = derive(p, err);
	if (rc == SNAP_OK)
		rc = take_broken(&p->roots, ids, n, err);
	if (rc == SNAP_OK)
		*n_unnamed = count_unnamed(p);
	undo(p);
	free(p);
	return rc;
}
