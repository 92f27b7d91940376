/* SPDX-License-Identifier: PostgreSQL */
/*
 * codec.c - the memory as bytes: sealed, but still not trusted to be well
 * formed, since whoever holds a key may have made the file.
 */
#include <string.h>

#include "recall.h"

#define VERSION 1

void
recall_encode(const struct recall *r, struct bytes *out)
{
	bytes_u16(out, VERSION);
	bytes_put(out, r->print, sizeof r->print);
	bytes_u64(out, (uint64_t)r->wall_ns);
	bytes_u64(out, (uint64_t)r->saved_ns);
	bytes_varint(out, r->n_groups);
	for (size_t i = 0; i < r->n_groups; i++) {
		bytes_put(out, r->groups[i].hash, ID_LEN);
		bytes_u8(out, (uint8_t)strlen(r->groups[i].name));
		bytes_put_str(out, r->groups[i].name);
	}
	bytes_varint(out, r->n_snapshots);
	for (size_t i = 0; i < r->n_snapshots; i++) {
		const struct recall_snapshot *s = &r->snapshots[i];

		bytes_put(out, s->id, ID_LEN);
		bytes_put(out, s->group, ID_LEN);
		bytes_u64(out, (uint64_t)s->time_ns);
		bytes_u64(out, (uint64_t)s->record_ns);
		bytes_u8(out, s->state);
	}
	bytes_varint(out, r->n_lists);
	for (size_t i = 0; i < r->n_lists; i++) {
		const struct recall_list *l = &r->lists[i];

		bytes_put(out, l->id, ID_LEN);
		bytes_u8(out, l->n);
		bytes_put(out, l->packs, (size_t)l->n * ID_LEN);
	}
	bytes_varint(out, r->n_findings);
	for (size_t i = 0; i < r->n_findings; i++) {
		const struct repo_finding *f = &r->findings[i];

		bytes_u8(out, f->kind);
		bytes_u8(out, f->told);
		bytes_u64(out, (uint64_t)f->found_ns);
		bytes_put(out, f->id, ID_LEN);
		bytes_u64(out, (uint64_t)f->time_ns);
		bytes_u32(out, f->n);
		bytes_u8(out, (uint8_t)strlen(f->name));
		bytes_put_str(out, f->name);
	}
}

/* A number of things of which each takes `least` bytes. */
static size_t
count(struct cursor *c, size_t most, size_t least)
{
	uint64_t n = cursor_varint(c);

	if (n > most || n > c->left / least)
		c->bad = true;
	return c->bad ? 0 : (size_t)n;
}

static void
name(struct cursor *c, char out[REPO_FINDING_NAME_MAX + 1])
{
	uint8_t len = cursor_u8(c);

	memset(out, 0, REPO_FINDING_NAME_MAX + 1);
	cursor_copy(c, out, len);
	if (memchr(out, 0, len) != NULL)
		c->bad = true;
}

static enum snap_code
groups(struct cursor *c, struct recall *r, struct snap_err *err)
{
	size_t n = count(c, RECALL_GROUPS_MAX, ID_LEN + 1);
	struct recall_group g;
	enum snap_code rc = SNAP_OK;

	while (n-- > 0 && !c->bad && rc == SNAP_OK) {
		cursor_copy(c, g.hash, ID_LEN);
		name(c, g.name);
		rc = recall_add_group(r, g.hash, g.name, err);
	}
	return rc;
}

static enum snap_code
snapshots(struct cursor *c, struct recall *r, struct snap_err *err)
{
	size_t n = count(c, RECALL_SNAPSHOTS_MAX, 2 * ID_LEN + 17);
	struct recall_snapshot s;
	enum snap_code rc = SNAP_OK;

	memset(&s, 0, sizeof s);
	while (n-- > 0 && !c->bad && rc == SNAP_OK) {
		cursor_copy(c, s.id, ID_LEN);
		cursor_copy(c, s.group, ID_LEN);
		s.time_ns = (int64_t)cursor_u64(c);
		s.record_ns = (int64_t)cursor_u64(c);
		s.state = cursor_u8(c);
		if (s.state >= RECALL_STATES)
			c->bad = true;
		rc = recall_add_snapshot(r, &s, err);
	}
	return rc;
}

static enum snap_code
lists(struct cursor *c, struct recall *r, struct snap_err *err)
{
	size_t n = count(c, RECALL_LISTS_MAX, ID_LEN + 1);
	struct recall_list l;
	enum snap_code rc = SNAP_OK;

	while (n-- > 0 && !c->bad && rc == SNAP_OK) {
		memset(&l, 0, sizeof l);
		cursor_copy(c, l.id, ID_LEN);
		l.n = cursor_u8(c);
		if (l.n > RECALL_PACKS_MAX)
			c->bad = true;
		else
			cursor_copy(c, l.packs, (size_t)l.n * ID_LEN);
		if (!c->bad)
			rc = recall_add_list(r, &l, err);
	}
	return rc;
}

static enum snap_code
findings(struct cursor *c, struct recall *r, struct snap_err *err)
{
	size_t n = count(c, RECALL_FINDINGS_MAX, 2 + 8 + ID_LEN + 13);
	struct repo_finding f;
	enum snap_code rc = SNAP_OK;

	memset(&f, 0, sizeof f);
	while (n-- > 0 && !c->bad && rc == SNAP_OK) {
		f.kind = cursor_u8(c);
		f.told = cursor_u8(c) != 0;
		f.found_ns = (int64_t)cursor_u64(c);
		cursor_copy(c, f.id, ID_LEN);
		f.time_ns = (int64_t)cursor_u64(c);
		f.n = cursor_u32(c);
		name(c, f.name);
		if (f.kind == 0 || f.kind >= REPO_FOUND_KINDS)
			c->bad = true;
		rc = recall_add_finding(r, &f, err);
	}
	return rc;
}

enum snap_code
recall_decode(struct span in, struct recall *out, struct snap_err *err)
{
	struct recall r;
	struct cursor c;
	enum snap_code rc;

	memset(&r, 0, sizeof r);
	cursor_init(&c, in);
	if (cursor_u16(&c) != VERSION)
		c.bad = true;
	cursor_copy(&c, r.print, sizeof r.print);
	r.wall_ns = (int64_t)cursor_u64(&c);
	r.saved_ns = (int64_t)cursor_u64(&c);
	rc = groups(&c, &r, err);
	if (rc == SNAP_OK)
		rc = snapshots(&c, &r, err);
	if (rc == SNAP_OK)
		rc = lists(&c, &r, err);
	if (rc == SNAP_OK)
		rc = findings(&c, &r, err);
	if (rc == SNAP_OK && !cursor_done(&c))
		rc = snap_fail(err, SNAP_CORRUPT, "it is malformed");
	if (rc == SNAP_OK)
		*out = r;
	else
		recall_fini(&r);
	return rc;
}
