/* SPDX-License-Identifier: PostgreSQL */
/* roles.c - the streams that name roles, and the map of --role-map. */
#include "roles.h"
#include "raw.h"

#define TEXT_MAX ((size_t)2 << 30)

static bool
is_kind(void *arg, const struct repo_stream *s)
{
	return s->kind == *(const enum stream_kind *)arg;
}

enum snap_code
roles_read(struct cli *c, struct place *p, const struct repo_manifest *m,
    enum stream_kind kind, struct rolemap *map, struct bytes *out,
    struct snap_err *err)
{
	struct raw_sink text;
	enum snap_code rc;

	raw_sink_init(&text, -1, true, &c->report);
	rc = repo_read(p->repo, m, is_kind, &kind, &text.sink, err);
	if (rc == SNAP_OK && map == NULL)
		bytes_put_span(out, bytes_span(&text.held));
	else if (rc == SNAP_OK && kind != STREAM_ARCHIVE)
		rc = rolemap_sql(map, bytes_span(&text.held), out, err);
	else if (rc == SNAP_OK && text.held.len > 0)
		rc = rolemap_archive(map, bytes_span(&text.held), out, err);
	bytes_fini_wipe(&text.held); /* globals have passwords */
	raw_sink_fini(&text);
	return rc == SNAP_OK ? bytes_check(out, err) : rc;
}

enum snap_code
roles_open(struct cli *c, struct place *p, const struct repo_manifest *m,
    struct rolemap **out, struct snap_err *err)
{
	static const enum stream_kind kinds[] = { STREAM_ARCHIVE,
		STREAM_PROPERTIES, STREAM_GLOBALS };
	struct rolemap *map = NULL;
	struct bytes ignored;
	enum snap_code rc;

	*out = NULL;
	if (c->o.role_maps.n == 0)
		return SNAP_OK;
	rc = rolemap_new(c->o.role_maps.v, &map, err);
	bytes_init(&ignored, TEXT_MAX);
	for (size_t i = 0; rc == SNAP_OK && i < 3; i++) {
		rc = roles_read(c, p, m, kinds[i], map, &ignored, err);
		bytes_fini_wipe(&ignored);
	}
	if (rc == SNAP_OK)
		rc = rolemap_check(map, err);
	if (rc != SNAP_OK)
		rolemap_free(map);
	else
		*out = map;
	return rc;
}
