/* SPDX-License-Identifier: PostgreSQL */
/*
 * prune.c - snapshots that a policy does not keep are forgotten, and garbage
 * is collected; one table and one report of both.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "keep.h"
#include "memory.h"
#include "repo_care.h"
#include "tell.h"
#include "ui.h"

#define REPACK_BELOW 60 /* per cent of a pack that live */
#define SECOND_NS INT64_C(1000000000)

static enum snap_code
opts_of(const struct opts *o, struct repo_prune_opts *out, struct snap_err *err)
{
	unsigned long percent = REPACK_BELOW;
	struct timespec now = { 0, 0 };
	const char *tmp = getenv("TMPDIR");

	if (o->grace != NULL && opts_number(o->grace, "grace", 0, 0,
				    &(unsigned long){ 0 }, err) != SNAP_OK)
		return snap_hint(err,
		    "The grace of a repository is fixed; --grace=0 "
		    "--i-am-alone does without it for once.");
	if ((o->grace != NULL) != o->alone) {
		(void)snap_fail(
		    err, SNAP_USAGE, "--grace=0 and --i-am-alone go together");
		return snap_hint(err,
		    "Without a grace a backup that runs meanwhile, anywhere, "
		    "loses data.");
	}
	if ((o->repack_below != NULL &&
		opts_number(o->repack_below, "repack-below", 0, 100, &percent,
		    err) != SNAP_OK) ||
	    (o->max_repack_size != NULL &&
		opts_size(o->max_repack_size, "max-repack-size",
		    &out->max_repack_bytes, err) != SNAP_OK) ||
	    (o->max_time != NULL && opts_seconds(o->max_time, "max-time",
					&out->max_time_s, err) != SNAP_OK))
		return err->code;
	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return snap_fail_errno(err, SNAP_IO, "read the clock");
	out->now_ns = (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
	out->live_percent = (unsigned)percent;
	out->dry_run = o->dry_run;
	out->no_snapshots = o->no_snapshots;
	out->alone = o->alone;
	out->tmpdir = tmp != NULL && *tmp != '\0' ? tmp : "/tmp";
	return SNAP_OK;
}

static void
tell_of(struct cli *c, const struct repo_prune_result *r)
{
	tell_number(c, "forgotten", r->n_forgotten);
	tell_number(c, "broken", r->n_broken);
	tell_number(c, "deleted", r->n_deleted);
	tell_number(c, "freed-bytes", r->bytes_freed);
	tell_number(c, "waiting-bytes", r->bytes_waiting);
	tell_number(c, "live-bytes", r->bytes_live);
}

static enum snap_code
show_json(const struct cli *c, const struct place *s, const struct plan *p,
    const struct repo_prune_result *r, struct snap_err *err)
{
	json_t *root = place_json(s);

	(void)json_object_set_new(root, "dry-run", json_boolean(c->o.dry_run));
	(void)json_object_set_new(root, "groups", plan_json(p));
	json_put_u64(root, "forgotten", r->n_forgotten);
	json_put_u64(root, "kept-by-store", r->n_kept);
	json_put_u64(root, "broken", r->n_broken);
	json_put_u64(root, "packs", r->n_packs);
	json_put_u64(root, "bytes", r->bytes_total);
	json_put_u64(root, "live-bytes", r->bytes_live);
	json_put_u64(root, "deleted", r->n_deleted);
	json_put_u64(root, "denied", r->n_denied);
	json_put_u64(root, "freed-bytes", r->bytes_freed);
	json_put_u64(root, "condemned-packs", r->n_condemned);
	json_put_u64(root, "waiting-bytes", r->bytes_waiting);
	if (r->waiting_ns != 0)
		json_put_time(root, "waiting-until", r->waiting_ns);
	json_put_u64(root, "young-bytes", r->bytes_young);
	json_put_u64(root, "beside-bytes", r->bytes_beside);
	json_put_u64(root, "repacked-packs", r->n_repacked);
	json_put_u64(root, "rescued-packs", r->n_rescued);
	json_put_u64(root, "bytes-read", r->bytes_read);
	json_put_u64(root, "bytes-written", r->bytes_written);
	return json_print(root, err);
}

static void
tell_later(const struct repo_prune_result *r, uint32_t grace_s, bool dry)
{
	char size[UI_SIZE_MAX], when[UI_TIME_MAX];
	char grace[DURATION_MAX];

	(void)duration_text(grace_s, grace);

	if (r->bytes_waiting != 0)
		ui_info("later: %s %s condemned and %s with a prune after %s: "
			"backups that run now may need them for %s",
		    ui_size(r->bytes_waiting, size), dry ? "would be" : "are",
		    dry ? "would go" : "go", ui_time(r->waiting_ns, when),
		    grace);
	if (r->bytes_young != 0)
		ui_info("later still: %s that nothing needs are younger than "
			"%s, or of a run that may go on",
		    ui_size(r->bytes_young, size), grace);
	if (r->bytes_beside != 0)
		ui_info("not now: %s lie in packs of which enough is needed "
			"(--repack-below, --max-repack-size)",
		    ui_size(r->bytes_beside, size));
}

static void
tell(const struct cli *c, const struct plan *p,
    const struct repo_prune_result *r, uint32_t grace_s)
{
	bool dry = c->o.dry_run;
	char size[UI_SIZE_MAX], moved[UI_SIZE_MAX];

	if (!p->has_policy)
		ui_info("no policy: no snapshot is forgotten");
	ui_info("%s %" PRIu64 " of %zu snapshots",
	    dry ? "would forget" : "forgot", r->n_forgotten, p->n);
	ui_info("%s %s now (%" PRIu64 " objects)", dry ? "would free" : "freed",
	    ui_size(r->bytes_freed, size), r->n_deleted);
	if (r->n_repacked + r->n_rescued != 0)
		ui_info("%s what lives of %" PRIu64 " packs, %s",
		    dry ? "would write anew" : "wrote anew",
		    r->n_repacked + r->n_rescued,
		    ui_size(r->bytes_written, moved));
	tell_later(r, grace_s, dry);
	if (r->n_kept != 0)
		ui_info("forgotten, and kept by the store: %" PRIu64
			" snapshots, which come back until they may go",
		    r->n_kept);
	if (r->n_denied != 0)
		ui_info("the store keeps %" PRIu64 " objects that were to go, "
			"as with an object lock: each prune tries again",
		    r->n_denied);
}

/* What somebody has to look at. */
static void
warn(struct cli *c, const struct place *s, const struct repo_prune_result *r)
{
	if (r->n_broken != 0) {
		ui_warning("%" PRIu64 " snapshots cannot be read, named above: "
			   "nothing goes that they may need",
		    r->n_broken);
		ui_hint("First \"%s repair index\" and \"repair packs\"; only "
			"when they are given up: \"forget --broken\"",
		    SNAP_PROGRAM_NAME);
	}
	if (r->n_denied != 0 && r->n_deleted == 0)
		ui_warning("the store deleted nothing: it may be locked, or "
			   "these credentials may not delete");
	c->n_warnings += s->all.n_damaged + r->n_broken +
			 (r->n_denied != 0 && r->n_deleted == 0);
}

static enum snap_code
run(struct cli *c, struct place *s, struct plan *p, struct repo_prune_opts *po,
    struct snap_err *err)
{
	struct repo_prune_result r;
	struct repo_params params;
	enum snap_code rc = SNAP_OK;

	/* With -q the table is news only if nothing else is done. */
	if (!c->o.json && (!c->o.quiet || c->o.dry_run))
		rc = plan_print(p, err);
	if (rc == SNAP_OK && !c->o.force)
		rc = plan_check(p, err);
	if (rc == SNAP_OK && !c->o.force && p->n_goes != 0)
		rc = plan_notes_whole(p->said, err);
	if (rc == SNAP_OK && po->alone && !po->dry_run)
		rc = confirm(c,
		    "No backup, copy or other prune may run on this "
		    "repository, on any machine, until this has ended.",
		    "alone", err);
	if (rc != SNAP_OK)
		return rc;
	po->forget = (const uint8_t(*)[REPO_ID_LEN])p->goes;
	po->n_forget = p->n_goes;
	ui_progress_begin("pruning", &c->report);
	rc = repo_prune(s->repo, po, &r, err);
	ui_progress_end();
	if (rc != SNAP_OK)
		return rc;
	warn(c, s, &r);
	tell_of(c, &r);
	if (c->o.json)
		return show_json(c, s, p, &r, err);
	repo_get_params(s->repo, &params);
	tell(c, p, &r, params.grace_s);
	return SNAP_OK;
}

enum snap_code
cmd_prune(struct cli *c, struct snap_err *err)
{
	struct repo_prune_opts po = { .dry_run = false };
	struct repo_notes *said = NULL;
	struct place s = PLACE_INIT;
	struct plan p = { .n = 0 };
	enum snap_code rc;

	s.needs = REPO_MAY_SAY;
	if ((rc = opts_of(&c->o, &po, err)) != SNAP_OK ||
	    (rc = place_open(&s, c, err)) != SNAP_OK ||
	    (rc = repo_snapshots(s.repo, &s.all, err)) != SNAP_OK ||
	    (rc = repo_notes(s.repo, &said, err)) != SNAP_OK ||
	    (rc = c->o.dry_run ? SNAP_OK : memory_stop(c, &s, err)) !=
		SNAP_OK ||
	    (rc = plan_make(&p, &s, c, said, err)) != SNAP_OK)
		goto out;
	rc = run(c, &s, &p, &po, err);
out:
	plan_fini(&p);
	repo_notes_free(said);
	tell_record(c, &s, rc, err);
	place_close(&s);
	return rc;
}
