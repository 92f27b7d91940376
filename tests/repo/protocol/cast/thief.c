/* SPDX-License-Identifier: PostgreSQL */
/*
 * thief.c - who has stolen the key of a host: puts garbage under known ids with
 * claims about where it comes from, tells lies about packs of others, condemns,
 * says of snapshots what only owners may, brings hosts and epochs of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "cast.h"
#include "notes.h"
#include "packout.h"
#include "store_internal.h"

#define KEPT 8 /* times half a grace: it lets its lease not end */

/* One that is known, of data or not. */
static const struct thing *
some_thing(bool data)
{
	const struct thing *v;
	size_t n = oracle_things(&v), from = n == 0 ? 0 : sim_below(n);

	for (size_t i = 0; i < n; i++)
		if ((v[(from + i) % n].class == CLASS_DATA) == data)
			return &v[(from + i) % n];
	return NULL;
}

/* What the row says of it. */
static void
claim(struct store *s, const struct thing *t, const enum theft *scripted,
    struct pack_row *row)
{
	struct copy c;

	memset(row, 0, sizeof *row);
	row->class = t->class;
	memcpy(row->id, t->id, ID_LEN);
	row->n_chunks = t->class == CLASS_DATA ? t->n : 0;
	row->epoch = t->class == CLASS_DATA ? 0 : s->keys->epoch;
	if (scripted != NULL ? *scripted != GARBAGE_OF_PRUNE : sim_chance(400))
		return;
	if (store_copies(s, t->class, t->id, &c, 1) == 0)
		return;
	row->flags = ROW_ORIGIN;
	if (scripted != NULL || sim_chance(500)) {
		memcpy(row->origin_pack, c.pack, ID_LEN);
		row->origin_time = c.time;
	}
}

static enum snap_code
put_segment(struct store *s, const uint8_t *run, struct index_pack *ip,
    uint32_t n, struct snap_err *err)
{
	struct index_segment seg = { .l0 = s->l0, .n_packs = n, .packs = ip };
	struct transport_stat st;

	if (wire_visible() && sim_chance(300))
		seg.l0 += 99 * GRACE;
	memcpy(seg.run_id, run, ID_LEN);
	return store_put_segment(s, &seg, sim_chance(500), &st, err);
}

static enum snap_code
add_garbage(struct store *s, struct packout *p, const struct thing *t,
    const enum theft *scripted, struct snap_err *err)
{
	struct frame_place place = {
		.class = t->class, .id = t->id, .epoch = s->keys->epoch
	};
	struct pack_row row;
	struct bytes sealed;
	uint8_t x[100];
	enum snap_code rc;

	keys_random(x, sizeof x);
	claim(s, t, scripted, &row);
	if (t->class == CLASS_DATA)
		return packout_seal(p, &row, span_of(x, sizeof x), err);
	bytes_init(&sealed, TRANSPORT_SIZE_MAX);
	row.plain_len = place.plain_len = sizeof x;
	rc = frame_seal(
	    s, s->keys->meta, &place, span_of(x, sizeof x), &sealed, err);
	if (rc == SNAP_OK)
		rc = packout_add(p, &row, NULL, bytes_span(&sealed), err);
	bytes_fini(&sealed);
	return rc;
}

static enum snap_code
put_garbage(struct store *s, bool data, const enum theft *scripted,
    struct snap_err *err)
{
	struct packout *p = NULL;
	struct index_pack ip;
	uint8_t run[ID_LEN];
	int64_t when;
	uint64_t kept = scripted == NULL && sim_chance(300) ? KEPT : 0;
	const struct thing *v;
	size_t n = oracle_things(&v);
	enum snap_code rc;

	keys_random(run, sizeof run);
	rc = packout_new(s, data ? OBJ_DATA : OBJ_META, run, &p, err);
	for (size_t i = 0; scripted != NULL && rc == SNAP_OK && i < n; i++)
		if (v[i].class == CLASS_DATA)
			rc = add_garbage(s, p, &v[i], scripted, err);
	for (uint64_t i = sim_below(3);
	     scripted == NULL && rc == SNAP_OK && i < 3; i++) {
		const struct thing *t = some_thing(data);

		if (t != NULL)
			rc = add_garbage(s, p, t, NULL, err);
	}
	if (rc == SNAP_OK && packout_size(p) != 0) {
		rc = packout_put(p, &ip, &when, err);
		if (rc == SNAP_OK) {
			rc = put_segment(s, run, &ip, 1, err);
			free((void *)(uintptr_t)ip.contents.p);
		}
	}
	packout_free(p);
	for (uint64_t i = 0; i < kept && rc == SNAP_OK; i++) {
		sim_sleep(GRACE / 2);
		rc = put_segment(s, run, NULL, 0, err);
	}
	return rc;
}

/* A pack of somebody else is said to hold something else, or nothing. */
static enum snap_code
put_lie(struct store *s, bool nothing, struct snap_err *err)
{
	const struct thing *t = some_thing(true), *u = some_thing(true);
	struct pack_contents pc;
	struct session_row session;
	struct pack_row row;
	struct index_pack ip;
	struct bytes contents;
	struct copy c;
	uint8_t run[ID_LEN];
	enum snap_code rc;

	if (t == NULL || store_copies(s, CLASS_DATA, t->id, &c, 1) == 0)
		return SNAP_OK;
	memset(&pc, 0, sizeof pc);
	keys_random(run, sizeof run);
	memcpy(pc.run_id, run, ID_LEN);
	claim(s, u, NULL, &row);
	row.off = c.off;
	row.sealed_len = c.sealed_len;
	row.plain_len = c.plain_len;
	row.codec = c.codec;
	session = *c.session;
	pc.sessions = &session;
	pc.rows = &row;
	pc.n_sessions = pc.n_rows = !nothing && sim_chance(500);
	bytes_init(&contents, TRANSPORT_SIZE_MAX);
	pack_contents_encode(&pc, &contents);
	memcpy(ip.id, c.pack, ID_LEN);
	ip.kind = c.pack_kind;
	ip.size = c.pack_size;
	ip.contents = bytes_span(&contents);
	rc = put_segment(s, run, &ip, 1, err);
	bytes_fini(&contents);
	return rc;
}

/* Condemned, and not by who may. */
static enum snap_code
put_list(struct store *s, struct snap_err *err)
{
	struct condemned_body c = { .l0 = s->l0 };
	const struct thing *t = some_thing(sim_chance(500));
	struct confirm_body ok = { .l0 = s->l0 };
	struct transport_stat st;
	struct bytes body;
	struct copy copy;
	enum snap_code rc;

	if (t == NULL || store_copies(s, t->class, t->id, &copy, 1) == 0)
		return SNAP_OK;
	c.n_packs = 1;
	c.packs = copy.pack;
	keys_random(ok.id, ID_LEN);
	bytes_init(&body, TRANSPORT_SIZE_MAX);
	condemned_encode(&c, &body);
	rc = store_put_body(
	    s, OBJ_CONDEMNED, ok.id, bytes_span(&body), true, &st, err);
	bytes_clear(&body);
	confirm_encode(&ok, &body);
	if (rc == SNAP_OK)
		rc = store_put_body(s, OBJ_CONDEMNED_OK, ok.id,
		    bytes_span(&body), true, &st, err);
	bytes_fini(&body);
	return rc;
}

/* Of a snapshot, or of all: it is forgotten, not pinned; its host is revoked. */
static enum snap_code
put_word(struct store *s, struct snap_err *err)
{
	static const struct {
		enum note_type type;
		const char *key, *value; /* NULL: the snapshot's id */
	} words[] = { { NOTE_FORGET, NOTE_PROP_SNAPSHOTS, NULL },
		{ NOTE_PIN, NOTE_PROP_PINNED, "no" },
		{ NOTE_TAGS, NOTE_PROP_TAGS, "" },
		{ NOTE_POLICY, "keep-last", "1" },
		{ NOTE_REVOKED, NOTE_PROP_SNAPSHOTS, "" } };
	static struct note_body n;
	size_t which = sim_below(sizeof words / sizeof *words), n_refs;
	uint8_t id[ID_LEN], subject[ID_LEN];
	char hex[2 * ID_LEN + 1];
	const struct ref *refs;
	struct bytes body;
	enum snap_code rc;

	if (!oracle_some_snapshot(subject, &refs, &n_refs))
		return SNAP_OK;
	hex_encode(subject, ID_LEN, hex);
	memset(&n, 0, sizeof n);
	n.type = (uint16_t)words[which].type;
	if (n.type == NOTE_REVOKED)
		memcpy(n.subject, s->keys->host_id, ID_LEN);
	else if (n.type == NOTE_PIN || n.type == NOTE_TAGS)
		memcpy(n.subject, subject, ID_LEN);
	n.l0 = s->l0 + (sim_chance(300) ? 99 * GRACE : 0);
	n.n_props = 1;
	n.props[0].key = span_str(words[which].key);
	n.props[0].value =
	    span_str(words[which].value != NULL ? words[which].value : hex);
	bytes_init(&body, TRANSPORT_SIZE_MAX);
	note_encode(&n, &body);
	keys_random(id, ID_LEN);
	rc = store_put_body(
	    s, OBJ_NOTE, id, bytes_span(&body), true, NULL, err);
	bytes_fini(&body);
	return rc;
}

/* A host or an epoch of which no owner knows, or what is neither. */
static enum snap_code
put_key(struct store *s, struct snap_err *err)
{
	struct host_body host = { .epoch = 1, .name = span_str("writer") };
	struct epoch_body epoch = { .epoch = 2 };
	char name[TRANSPORT_NAME_MAX + 1];
	uint64_t x = sim_below(3);
	struct bytes body;
	uint8_t id[ID_LEN];
	enum snap_code rc;

	keys_random(id, ID_LEN);
	keys_random(host.host_id, ID_LEN);
	keys_random(host.pk, sizeof host.pk);
	keys_random(epoch.data_pk, sizeof epoch.data_pk);
	keys_random(epoch.maint_pk, sizeof epoch.maint_pk);
	bytes_init(&body, TRANSPORT_SIZE_MAX);
	store_name(OBJ_SLOT, id, name);
	if (x == 0)
		host_encode(&host, &body);
	else
		epoch_encode(&epoch, &body);
	rc = x == 2 ? transport_put(s->t, name, span_str("no key"), NULL, err)
		    : store_put_body(s, x == 0 ? OBJ_HOST : OBJ_EPOCH, id,
			  bytes_span(&body), true, NULL, err);
	bytes_fini(&body);
	return rc;
}

void
play_thief(struct actor *a)
{
	struct store *s = cast_enter(a, KEY_HOST);
	struct snap_err err = SNAP_ERR_INIT;
	const enum theft *scripted = a->arg;
	uint64_t x = sim_below(100);
	enum theft kind = x < 50   ? GARBAGE
			  : x < 65 ? LIE
			  : x < 75 ? LIST
			  : x < 90 ? WORD
				   : KEY;
	enum snap_code rc = store_look(s, &err);

	oracle_stolen();
	if (scripted != NULL)
		kind = *scripted;
	if (rc == SNAP_OK && (kind == GARBAGE || kind == GARBAGE_OF_PRUNE))
		rc = put_garbage(s, scripted != NULL || x < 40, scripted, &err);
	else if (rc == SNAP_OK && kind == LIE)
		rc = put_lie(s, scripted != NULL, &err);
	else if (rc == SNAP_OK && kind == LIST)
		rc = put_list(s, &err);
	else if (rc == SNAP_OK && kind == WORD)
		rc = put_word(s, &err);
	else if (rc == SNAP_OK)
		rc = put_key(s, &err);
	sim_trace("ends: %s", rc == SNAP_OK ? "done" : err.msg);
	cast_leave(s);
}
