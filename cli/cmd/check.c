/* SPDX-License-Identifier: PostgreSQL */
/* check.c - verify the repository, by its structure or byte by byte. */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd.h"
#include "json.h"
#include "place.h"
#include "ui.h"
#include "repo_care.h"

static enum snap_code
opts_of(const struct opts *o, struct repo_check_opts *out, struct snap_err *err)
{
	char *end;

	out->read_data = o->read_data;
	out->data_percent = 100;
	if (o->read_percent == NULL)
		return SNAP_OK;
	out->data_percent = strtod(o->read_percent, &end);
	if (end != o->read_percent && *end == '%')
		end++;
	if (end == o->read_percent || *end != '\0' ||
	    !(out->data_percent > 0 && out->data_percent <= 100))
		return snap_fail(err, SNAP_USAGE,
		    "--read-data takes a part above 0%% and up to 100%%, not "
		    "\"%s\"",
		    o->read_percent);
	return SNAP_OK;
}

static enum snap_code
show(const struct cli *c, const struct place *s,
    const struct repo_check_result *r, struct snap_err *err)
{
	char size[UI_SIZE_MAX];
	json_t *root;

	if (c->o.json) {
		root = place_json(s);
		json_put_u64(root, "snapshots", r->n_snapshots);
		json_put_u64(root, "packs", r->n_packs);
		json_put_u64(root, "blocks", r->n_blocks);
		json_put_u64(root, "unused-packs", r->n_unused_packs);
		json_put_u64(root, "bytes-read", r->bytes_read);
		json_put_u64(root, "errors", r->n_errors);
		return json_print(root, err);
	}
	ui_info("checked %" PRIu64 " snapshots, %" PRIu64 " packs, %" PRIu64
		" blocks; read %s; %" PRIu64 " packs are unused",
	    r->n_snapshots, r->n_packs, r->n_blocks,
	    ui_size(r->bytes_read, size), r->n_unused_packs);
	if (r->n_errors == 0)
		ui_info("no errors were found");
	return SNAP_OK;
}

enum snap_code
cmd_check(struct cli *c, struct snap_err *err)
{
	struct place s = PLACE_INIT;
	struct repo_check_opts co;
	struct repo_check_result r = { 0 };
	enum snap_code rc;

	if ((rc = opts_of(&c->o, &co, err)) != SNAP_OK ||
	    (rc = place_open(&s, c, err)) != SNAP_OK)
		goto out;
	ui_progress_begin("checking", &c->report);
	rc = repo_check(s.repo, &co, &r, err);
	ui_progress_end();
	if (rc != SNAP_OK || (rc = show(c, &s, &r, err)) != SNAP_OK)
		goto out;
	if (r.n_errors > 0) {
		(void)snap_fail(err, SNAP_CORRUPT,
		    "the check found %" PRIu64 " error%s, named above",
		    r.n_errors, r.n_errors == 1 ? "" : "s");
		rc = snap_hint(err,
		    "Snapshots that need none of these objects can still be "
		    "restored; lost index entries come back with \"%s repair "
		    "index\".",
		    SNAP_PROGRAM_NAME);
	}
out:
	place_close(&s);
	return rc;
}
