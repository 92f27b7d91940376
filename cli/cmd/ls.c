/* SPDX-License-Identifier: PostgreSQL */
/* ls.c - list the streams of one snapshot. */
#include <inttypes.h>
#include <stdio.h>

#include "cmd.h"
#include "json.h"
#include "place.h"
#include "props.h"
#include "ui.h"

static void
cell_u64(struct ui_table *t, uint64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%" PRIu64, v);
	ui_table_cell(t, span_str(text));
}

static enum snap_code
as_table(const struct repo_snapshot *s, const struct repo_manifest *m,
    struct snap_err *err)
{
	static const char *const heads[] = { "KIND", "ROWS", "BYTES", "NEW",
		"PART", "NAME" };
	struct ui_table *t = ui_table_new(6, heads, 0x1e);
	bool sqlite = repo_snapshot_prop(s, PROP_SQLITE) != NULL;
	size_t i;

	if (t == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (i = 0; i < m->n; i++) {
		const struct repo_stream *v = &m->v[i];

		ui_table_cell(t, span_str(sqlite && v->kind == STREAM_RAW
					      ? "sqlite"
					      : json_kind(v->kind)));
		cell_u64(t, v->rows);
		cell_u64(t, v->bytes);
		cell_u64(t, v->new_bytes);
		cell_u64(t, v->part);
		ui_table_cell(t, v->name);
	}
	ui_table_print(t);
	return ui_out_end(err);
}

static enum snap_code
as_json(const struct place *place, const struct repo_snapshot *s,
    const struct repo_manifest *m, struct snap_err *err)
{
	json_t *root = place_json(place), *list = json_array(), *o;
	char hex[2 * REPO_ID_LEN + 1];
	size_t i;

	for (i = 0; i < m->n; i++) {
		const struct repo_stream *v = &m->v[i];

		o = json_object();
		json_put_text(o, "kind", span_str(json_kind(v->kind)));
		json_put_text(o, "name", v->name);
		json_put_u64(o, "part", v->part);
		json_put_u64(o, "rows", v->rows);
		json_put_u64(o, "bytes", v->bytes);
		json_put_u64(o, "new-bytes", v->new_bytes);
		hex_encode(v->digest, REPO_ID_LEN, hex);
		json_put_text(o, "digest", span_str(hex));
		(void)json_array_append_new(list, o);
	}
	(void)json_object_set_new(root, "snapshot", json_snapshot(s));
	(void)json_object_set_new(root, "streams", list);
	return json_print(root, err);
}

enum snap_code
cmd_ls(struct cli *c, struct snap_err *err)
{
	struct place s = PLACE_INIT;
	const struct repo_snapshot *snapshot;
	struct repo_manifest *m = NULL;
	enum snap_code rc;

	if ((rc = place_open(&s, c, err)) != SNAP_OK ||
	    (rc = place_find(&s, c->o.args[0], &snapshot, err)) != SNAP_OK ||
	    (rc = repo_manifest(s.repo, snapshot, &m, err)) != SNAP_OK)
		goto out;
	rc = c->o.json ? as_json(&s, snapshot, m, err)
		       : as_table(snapshot, m, err);
out:
	repo_manifest_free(m);
	place_close(&s);
	return rc;
}
