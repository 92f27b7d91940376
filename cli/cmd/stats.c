/* SPDX-License-Identifier: PostgreSQL */
/* stats.c - what the repository holds and what that costs. */
#include <inttypes.h>

#include "cmd.h"
#include "json.h"
#include "place.h"
#include "repo_care.h"
#include "ui.h"

static enum snap_code
as_json(const struct place *s, const struct repo_stats *v, uint64_t stored,
    struct snap_err *err)
{
	json_t *root = place_json(s);

	json_put_u64(root, "snapshots", v->n_snapshots);
	json_put_u64(root, "packs", v->n_packs);
	json_put_u64(root, "blocks", v->n_blocks);
	json_put_u64(root, "chunks", v->n_chunks);
	json_put_u64(root, "logical-bytes", v->logical_bytes);
	json_put_u64(root, "unique-bytes", v->unique_bytes);
	json_put_u64(root, "stored-bytes", stored);
	json_put_u64(root, "stored-data-bytes", v->stored_data);
	json_put_u64(root, "stored-meta-bytes", v->stored_meta);
	json_put_u64(root, "stored-index-bytes", v->stored_index);
	json_put_u64(root, "stored-other-bytes", v->stored_other);
	return json_print(root, err);
}

static void
line(const char *what, uint64_t bytes)
{
	char size[UI_SIZE_MAX];

	ui_out("%-22s %10s  (%" PRIu64 " bytes)\n", what, ui_size(bytes, size),
	    bytes);
}

enum snap_code
cmd_stats(struct cli *c, struct snap_err *err)
{
	struct place s = PLACE_INIT;
	struct repo_stats v = { 0 };
	enum snap_code rc;
	uint64_t stored;

	if ((rc = place_open(&s, c, err)) != SNAP_OK ||
	    (rc = repo_stats(s.repo, &v, err)) != SNAP_OK)
		goto out;
	stored =
	    v.stored_data + v.stored_meta + v.stored_index + v.stored_other;
	if (c->o.json) {
		rc = as_json(&s, &v, stored, err);
		goto out;
	}
	ui_out("%-22s %10" PRIu64 "\n", "snapshots", v.n_snapshots);
	ui_out("%-22s %10" PRIu64 "\n", "packs", v.n_packs);
	ui_out("%-22s %10" PRIu64 "\n", "blocks", v.n_blocks);
	ui_out("%-22s %10" PRIu64 "\n", "chunks", v.n_chunks);
	line("all snapshots", v.logical_bytes);
	line("without duplicates", v.unique_bytes);
	line("stored", stored);
	line("  data", v.stored_data);
	line("  meta", v.stored_meta);
	line("  index", v.stored_index);
	line("  other", v.stored_other);
	if (stored > 0)
		ui_out("%-22s %9.1fx\n", "saved",
		    (double)v.logical_bytes / (double)stored);
	rc = ui_out_end(err);
out:
	place_close(&s);
	return rc;
}
