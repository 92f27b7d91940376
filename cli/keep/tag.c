/* SPDX-License-Identifier: PostgreSQL */
/* tag.c - tags and pins of snapshots that are there. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "keep.h"
#include "ui.h"

#define TAGS_MAX ((size_t)64 << 10)

static bool
has_tag(const struct bytes *tags, const char *tag, size_t len)
{
	const char *p = (const char *)tags->p, *end = p + tags->len;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		size_t n = (size_t)((comma != NULL ? comma : end) - p);

		if (n == len && memcmp(p, tag, len) == 0)
			return true;
		p += n + 1;
	}
	return false;
}

/* Every tag of `list` that is not in `except` and not there yet. */
static void
add_tags(struct bytes *to, const char *list, const struct bytes *except)
{
	while (*list != '\0') {
		size_t len = strcspn(list, ",");

		if (len != 0 && !has_tag(to, list, len) &&
		    (except == NULL || !has_tag(except, list, len))) {
			if (to->len != 0)
				bytes_u8(to, ',');
			bytes_put(to, list, len);
		}
		list += len + (list[len] == ',');
	}
}

static void
add_list(struct bytes *to, const struct opt_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		add_tags(to, l->v[i], NULL);
}

static bool
has_empty(const struct opt_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i][strspn(l->v[i], ",")] == '\0')
			return true;
	return false;
}

/* What it has now, less --remove, and --add; or --set. */
static enum snap_code
new_tags(const struct opts *o, const char *now, struct bytes *out,
    struct snap_err *err)
{
	struct bytes gone;

	bytes_init(&gone, TAGS_MAX);
	add_list(&gone, &o->remove_tags);
	if (o->set_tags.n != 0)
		add_list(out, &o->set_tags);
	else
		add_tags(out, now, &gone);
	add_list(out, &o->add_tags);
	if (gone.bad)
		out->bad = true;
	bytes_fini(&gone);
	bytes_u8(out, 0);
	return out->bad ? snap_fail(err, SNAP_USAGE,
			      "the tags have more than %zu bytes", TAGS_MAX - 1)
			: SNAP_OK;
}

struct marking {
	struct cli *cli;
	struct place s;
	struct repo_notes *said;
	uint64_t n_changed;
};

static enum snap_code
tag_one(struct marking *m, const struct repo_snapshot *s, struct snap_err *err)
{
	const char *now = repo_notes_tags(m->said, s);
	struct bytes tags;
	enum snap_code rc;

	bytes_init(&tags, TAGS_MAX);
	rc = new_tags(&m->cli->o, now, &tags, err);
	if (rc == SNAP_OK && strcmp((const char *)tags.p, now) != 0) {
		rc = repo_say_tags(
		    m->s.repo, m->said, s->id, (const char *)tags.p, err);
		m->n_changed++;
	}
	bytes_fini(&tags);
	return rc;
}

static enum snap_code
say_pinned(struct marking *m, const uint8_t id[REPO_ID_LEN], bool pinned,
    struct snap_err *err)
{
	if (repo_notes_pinned(m->said, id) == pinned)
		return SNAP_OK;
	m->n_changed++;
	return repo_say_pinned(m->s.repo, m->said, id, pinned, err);
}

static enum snap_code
pin_one(struct marking *m, const struct repo_snapshot *s, struct snap_err *err)
{
	return say_pinned(m, s->id, true, err);
}

static enum snap_code
unpin_one(
    struct marking *m, const struct repo_snapshot *s, struct snap_err *err)
{
	return say_pinned(m, s->id, false, err);
}

/* A whole id that is pinned, and that no list has, since the snapshot cannot
 * be read: it can be unpinned all the same. */
static bool
is_pinned_id(const struct marking *m, const char *text, uint8_t id[REPO_ID_LEN])
{
	return strlen(text) == 2 * (size_t)REPO_ID_LEN &&
	       hex_decode(text, id, REPO_ID_LEN) &&
	       repo_notes_pinned(m->said, id);
}

/* All are found before one is changed. */
static enum snap_code
mark(struct marking *m,
    enum snap_code (*one)(
	struct marking *m, const struct repo_snapshot *s, struct snap_err *err),
    struct snap_err *err)
{
	const struct opts *o = &m->cli->o;
	const struct repo_snapshot *found;
	enum snap_code rc = SNAP_OK;
	uint8_t id[REPO_ID_LEN];

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < o->n_args && rc == SNAP_OK; i++) {
			rc = repo_snapshot_find(
			    &m->s.all, o->args[i], &found, err);
			if (rc == SNAP_NOTFOUND && one == unpin_one &&
			    is_pinned_id(m, o->args[i], id))
				rc = pass == 0 ? SNAP_OK
					       : say_pinned(m, id, false, err);
			else if (rc == SNAP_OK && pass == 1)
				rc = one(m, found, err);
		}
	return rc;
}

static enum snap_code
show(const struct marking *m, struct snap_err *err)
{
	json_t *root;

	if (m->cli->o.json) {
		root = place_json(&m->s);
		json_put_u64(root, "changed", m->n_changed);
		return json_print(root, err);
	}
	ui_info("changed %" PRIu64 " snapshots", m->n_changed);
	return SNAP_OK;
}

static enum snap_code
run(struct cli *c,
    enum snap_code (*one)(
	struct marking *m, const struct repo_snapshot *s, struct snap_err *err),
    struct snap_err *err)
{
	struct marking m = { .cli = c, .s = PLACE_INIT };
	enum snap_code rc;

	m.s.for_listing = true;
	m.s.needs = REPO_MAY_SAY;
	if ((rc = place_open(&m.s, c, err)) == SNAP_OK &&
	    (rc = repo_snapshots(m.s.repo, &m.s.all, err)) == SNAP_OK &&
	    (rc = repo_notes(m.s.repo, &m.said, err)) == SNAP_OK &&
	    (rc = mark(&m, one, err)) == SNAP_OK)
		rc = show(&m, err);
	repo_notes_free(m.said);
	place_close(&m.s);
	return rc;
}

enum snap_code
cmd_tag(struct cli *c, struct snap_err *err)
{
	const struct opts *o = &c->o;

	if (o->add_tags.n + o->remove_tags.n + o->set_tags.n == 0)
		return snap_fail(
		    err, SNAP_USAGE, "give --add, --remove or --set");
	if (has_empty(&o->add_tags) || has_empty(&o->remove_tags))
		return snap_fail(err, SNAP_USAGE,
		    "--add and --remove want a tag (--set= takes all away)");
	return run(c, tag_one, err);
}

enum snap_code
cmd_pin(struct cli *c, struct snap_err *err)
{
	return run(c, pin_one, err);
}

enum snap_code
cmd_unpin(struct cli *c, struct snap_err *err)
{
	return run(c, unpin_one, err);
}
