/* SPDX-License-Identifier: PostgreSQL */
/* repair.c - write again what can be derived from the packs. */
#include <inttypes.h>
#include <string.h>

#include "cmd.h"
#include "json.h"
#include "place.h"
#include "ui.h"
#include "repo_care.h"

enum snap_code
cmd_repair(struct cli *c, struct snap_err *err)
{
	struct place s = PLACE_INIT;
	uint64_t n = 0;
	enum snap_code rc;
	json_t *root;

	if (strcmp(c->o.args[0], "index") != 0) {
		(void)snap_fail(
		    err, SNAP_USAGE, "cannot repair \"%s\"", c->o.args[0]);
		return snap_hint(err, "%s repair index", SNAP_PROGRAM_NAME);
	}
	if ((rc = place_open(&s, c, err)) != SNAP_OK ||
	    (rc = repo_repair_index(s.repo, &n, err)) != SNAP_OK)
		goto out;
	if (c->o.json) {
		root = place_json(&s);
		json_put_u64(root, "packs-added", n);
		rc = json_print(root, err);
	} else {
		ui_info("added %" PRIu64 " packs to the index", n);
	}
out:
	place_close(&s);
	return rc;
}
