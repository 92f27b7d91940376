/* SPDX-License-Identifier: PostgreSQL */
/* forget.c - snapshots that somebody names, or that cannot be read. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keep.h"
#include "repo_care.h"
#include "ui.h"

enum snap_code
confirm(
    struct cli *c, const char *question, const char *word, struct snap_err *err)
{
	struct bytes text, prompt;
	bool same = false, asked;

	if (c->o.yes)
		return SNAP_OK;
	bytes_init(&text, 256);
	bytes_init(&prompt, 4096);
	bytes_printf(&prompt, "%s\nType \"%s\" to go on: ", question, word);
	bytes_u8(&prompt, 0);
	asked = !prompt.bad &&
		ui_ask_line((const char *)prompt.p, &text, &c->report);
	if (asked)
		same = text.len == strlen(word) &&
		       memcmp(text.p, word, text.len) == 0;
	bytes_fini(&text);
	bytes_fini(&prompt);
	if (same)
		return SNAP_OK;
	if (report_check(&c->report, err) != SNAP_OK)
		return err->code;
	(void)snap_fail(err, SNAP_USAGE,
	    asked ? "this was not confirmed" : "this has to be confirmed");
	return snap_hint(err, "%s Without a terminal: --yes.", question);
}

struct forgetting {
	struct cli *cli;
	struct place s;
	struct repo_notes *said;
	uint8_t (*ids)[REPO_ID_LEN];
	size_t n;
};

static bool
is_chosen(const struct forgetting *f, const uint8_t id[REPO_ID_LEN])
{
	for (size_t i = 0; i < f->n; i++)
		if (memcmp(f->ids[i], id, REPO_ID_LEN) == 0)
			return true;
	return false;
}

static enum snap_code
choose(struct forgetting *f, struct snap_err *err)
{
	const struct opts *o = &f->cli->o;

	f->ids = calloc(o->n_args + 1, sizeof *f->ids);
	if (f->ids == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (size_t i = 0; i < o->n_args; i++) {
		const struct repo_snapshot *one;
		enum snap_code rc;

		if (strncmp(o->args[i], "latest", 6) == 0 && !o->force) {
			(void)snap_fail(err, SNAP_USAGE,
			    "\"%s\" is not forgotten by that name", o->args[i]);
			return snap_hint(err,
			    "Give its id, which does not become another one's "
			    "with the next backup; or --force.");
		}
		rc = repo_snapshot_find(&f->s.all, o->args[i], &one, err);
		if (rc != SNAP_OK)
			return rc;
		if (!is_chosen(f, one->id))
			memcpy(f->ids[f->n++], one->id, REPO_ID_LEN);
	}
	return SNAP_OK;
}

/* As retain_apply() orders them; both are of the list that has the oldest by
 * the store's time first. */
static bool
is_newer(const struct repo_snapshot *o, const struct repo_snapshot *s)
{
	int64_t a = plan_time(o), b = plan_time(s);

	return (a > b || (a == b && o > s)) &&
	       !retain_is_future(a, (int64_t)time(NULL));
}

/* Is a snapshot of its group left that is newer? */
static bool
has_newer(const struct forgetting *f, const struct repo_snapshot *s, bool *oom)
{
	char *group = plan_group(s), *other;
	bool found = false;

	*oom = group == NULL;
	for (size_t i = 0; i < f->s.all.n && !found && !*oom; i++) {
		const struct repo_snapshot *o = &f->s.all.v[i];

		if (!is_newer(o, s) || is_chosen(f, o->id) ||
		    repo_notes_forgotten(f->said, o->id))
			continue;
		*oom = (other = plan_group(o)) == NULL;
		found = !*oom && strcmp(group, other) == 0;
		free(other);
	}
	free(group);
	return found;
}

static enum snap_code
check(const struct forgetting *f, const struct repo_snapshot *s,
    struct snap_err *err)
{
	char hex[2 * REPO_ID_LEN + 1];
	bool oom = false;

	hex_encode(s->id, REPO_ID_LEN, hex);
	if (repo_notes_pinned(f->said, s->id)) {
		(void)snap_fail(
		    err, SNAP_USAGE, "snapshot %.8s is pinned", hex);
		return snap_hint(err,
		    "Nothing was forgotten. First: %s unpin %.8s",
		    SNAP_PROGRAM_NAME, hex);
	}
	if (s->salvaged || f->cli->o.force || has_newer(f, s, &oom))
		return SNAP_OK;
	if (oom)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	(void)snap_fail(err, SNAP_USAGE,
	    "snapshot %.8s is the newest of \"%s\"", hex, place_source(s));
	return snap_hint(
	    err, "Nothing was forgotten. If it is meant, say --force.");
}

static enum snap_code
check_all(const struct forgetting *f, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	if (!f->cli->o.force)
		rc = plan_notes_whole(f->said, err);
	for (size_t i = 0; i < f->s.all.n && rc == SNAP_OK; i++)
		if (is_chosen(f, f->s.all.v[i].id))
			rc = check(f, &f->s.all.v[i], err);
	for (size_t i = 0; i < f->s.all.n_salvaged && rc == SNAP_OK; i++)
		if (is_chosen(f, f->s.all.salvaged[i].id))
			rc = check(f, &f->s.all.salvaged[i], err);
	return rc;
}

/* What may only look broken, and what somebody wanted to keep. */
static enum snap_code
check_broken(const struct forgetting *f, size_t n_unnamed, struct snap_err *err)
{
	char hex[2 * REPO_ID_LEN + 1];
	enum snap_code rc = plan_notes_whole(f->said, err);

	for (size_t i = 0; i < f->n && rc == SNAP_OK; i++) {
		if (!repo_notes_pinned(f->said, f->ids[i]))
			continue;
		hex_encode(f->ids[i], REPO_ID_LEN, hex);
		(void)snap_fail(
		    err, SNAP_USAGE, "snapshot %.8s is pinned", hex);
		return snap_hint(err,
		    "Nothing was forgotten. First: %s unpin %s",
		    SNAP_PROGRAM_NAME, hex);
	}
	if (rc != SNAP_OK || n_unnamed == 0)
		return rc;
	(void)snap_fail(err, SNAP_USAGE,
	    "the index does not name %zu packs, which may be all that these "
	    "snapshots lack",
	    n_unnamed);
	return snap_hint(err,
	    "Nothing was forgotten. First \"%s repair index\" and \"repair "
	    "packs\", which may bring them back; if that does not help, "
	    "--force.",
	    SNAP_PROGRAM_NAME);
}

/* Their reasons were logged as they were found. */
static enum snap_code
choose_broken(struct forgetting *f, struct snap_err *err)
{
	const char *tmp = getenv("TMPDIR");
	char hex[2 * REPO_ID_LEN + 1];
	size_t n_unnamed = 0;
	enum snap_code rc;

	ui_progress_begin("reading", &f->cli->report);
	rc = repo_broken(f->s.repo, tmp != NULL && *tmp != '\0' ? tmp : "/tmp",
	    &f->ids, &f->n, &n_unnamed, err);
	ui_progress_end();
	if (rc == SNAP_OK)
		rc = repo_notes(f->s.repo, &f->said, err);
	if (rc != SNAP_OK || f->n == 0)
		return rc;
	for (size_t i = 0; i < f->n; i++) {
		hex_encode(f->ids[i], REPO_ID_LEN, hex);
		ui_info("snapshot %s is broken", hex);
	}
	if (!f->cli->o.force)
		rc = check_broken(f, n_unnamed, err);
	if (rc != SNAP_OK)
		return rc;
	return f->cli->o.dry_run
		   ? SNAP_OK
		   : confirm(f->cli,
			 "What can still be read of these snapshots is lost "
			 "when they are forgotten.",
			 "forget", err);
}

static enum snap_code
show(const struct forgetting *f, struct snap_err *err)
{
	const struct opts *o = &f->cli->o;
	char hex[2 * REPO_ID_LEN + 1];
	json_t *root, *list;

	if (!o->json) {
		ui_info("%s %zu snapshots",
		    o->dry_run ? "would forget" : "forgot", f->n);
		if (f->n != 0 && !o->dry_run)
			ui_info("what only they needed goes with the next: "
				"%s prune",
			    SNAP_PROGRAM_NAME);
		return SNAP_OK;
	}
	root = place_json(&f->s);
	list = json_array();
	for (size_t i = 0; i < f->n; i++) {
		hex_encode(f->ids[i], REPO_ID_LEN, hex);
		(void)json_array_append_new(list, json_string(hex));
	}
	(void)json_object_set_new(root, "dry-run", json_boolean(o->dry_run));
	(void)json_object_set_new(root, "forgotten", list);
	return json_print(root, err);
}

enum snap_code
cmd_forget(struct cli *c, struct snap_err *err)
{
	struct forgetting f = { .cli = c, .s = PLACE_INIT };
	enum snap_code rc;

	if (c->o.broken == (c->o.n_args != 0))
		return snap_fail(err, SNAP_USAGE,
		    "name snapshots, or say --broken, not both");
	f.s.for_listing = !c->o.broken;
	f.s.needs = REPO_MAY_SAY;
	if ((rc = place_open(&f.s, c, err)) != SNAP_OK)
		goto out;
	if (c->o.broken) {
		rc = choose_broken(&f, err);
	} else if ((rc = repo_snapshots(f.s.repo, &f.s.all, err)) == SNAP_OK &&
		   (rc = repo_notes(f.s.repo, &f.said, err)) == SNAP_OK &&
		   (rc = choose(&f, err)) == SNAP_OK) {
		rc = check_all(&f, err);
	}
	if (rc == SNAP_OK && f.n != 0 && !c->o.dry_run)
		rc = repo_forget(
		    f.s.repo, (const uint8_t(*)[REPO_ID_LEN])f.ids, f.n, err);
	if (rc == SNAP_OK)
		rc = show(&f, err);
out:
	free(f.ids);
	repo_notes_free(f.said);
	place_close(&f.s);
	return rc;
}
