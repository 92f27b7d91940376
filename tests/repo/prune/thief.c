/* SPDX-License-Identifier: PostgreSQL */
/* thief.c - see thief.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "notes.h"
#include "pruned.h"
#include "seal.h"
#include "thief.h"
#include "transport_impl.h"

#define BLOCKS_MAX 1024
#define LIMIT (1u << 20)

static void
must(enum snap_code rc, const struct snap_err *err)
{
	if (rc == SNAP_OK)
		return;
	(void)fprintf(stderr, "thief: %s\n", err->msg);
	abort();
}

struct store *
thief_enter(struct life *l, struct span key_file)
{
	struct store_opts o = { .n_threads = 1, .report = &l->report };
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = NULL;

	if (key_file.len > 0)
		o.key_file = key_file;
	else
		o.passphrase = span_str(LIFE_PASSPHRASE);
	l->t->time_is_visibility = !l->like_files;
	must(store_open(l->t, &o, &s, &err), &err);
	must(store_look(s, &err), &err);
	return s;
}

void
thief_steals(struct life *l, enum keyfile_type type, struct bytes *file)
{
	struct store *s = thief_enter(l, span_of(NULL, 0));

	pruned_key_file(s, type, file);
	store_close(s);
}

/* Signed as this host; `as_owner`: it says the maintenance key signed it. */
static void
put_signed(struct store *s, uint8_t kind, const uint8_t *id,
    const struct bytes *body, bool as_owner)
{
	uint8_t header[HEADER_LEN], sig[SIG_BYTES], zero[ID_LEN] = { 0 };
	struct header h = { .kind = kind, .epoch = s->keys->epoch };
	char name[TRANSPORT_NAME_MAX + 1];
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes msg, plain, raw;

	if (!as_owner) {
		must(store_put_body(
			 s, kind, id, bytes_span(body), true, NULL, &err),
		    &err);
		return;
	}
	bytes_init(&msg, LIMIT);
	bytes_init(&plain, LIMIT);
	bytes_init(&raw, LIMIT);
	memcpy(h.id, id, ID_LEN);
	memcpy(h.repo_id, s->repo_id, ID_LEN);
	header_encode(&h, header);
	signed_message(span_of(header, HEADER_LEN), bytes_span(body), &msg);
	keys_sign(s->keys, bytes_span(&msg), sig);
	body_wrap(bytes_span(body), zero, sig, &plain);
	bytes_put(&raw, header, HEADER_LEN);
	must(seal_body(s->keys, span_of(header, HEADER_LEN), bytes_span(&plain),
		 &raw, &err),
	    &err);
	object_finish(&raw, HEADER_LEN);
	store_name(kind, id, name);
	must(transport_put(s->t, name, bytes_span(&raw), NULL, &err), &err);
	bytes_fini(&msg);
	bytes_fini(&plain);
	bytes_fini(&raw);
}

void
thief_plants_garbage(struct store *s)
{
	static uint8_t blocks[BLOCKS_MAX][ID_LEN];
	size_t n = pruned_blocks(s, blocks, BLOCKS_MAX);
	uint8_t kind, pack[ID_LEN];
	struct name *v;

	if (names_below(s->t, "data/", &v) == 0 ||
	    !store_name_parse(v[0].s, &kind, pack))
		abort();
	free(v);
	pruned_garbage(s, (const uint8_t(*)[ID_LEN])blocks, n, NULL);
	pruned_garbage(s, (const uint8_t(*)[ID_LEN])blocks, n, pack);
}

/* What a segment says of a pack: nothing, or rows with another's frames. */
static void
lie(struct store *s, const struct name *n, bool nothing, bool sign)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct index_pack ip = { .size = (uint32_t)n->st.size };
	struct index_segment seg = { .l0 = s->l0, .n_packs = 1, .packs = &ip };
	struct pack_contents pc;
	struct transport_stat st;
	struct store_body b;
	struct bytes contents;

	if (!store_name_parse(n->s, &ip.kind, ip.id))
		abort();
	keys_random(seg.run_id, ID_LEN);
	must(store_get_contents(s, ip.kind, ip.id, n->st.size, &b, &err), &err);
	must(pack_contents_decode(b.body.body, &pc, &err), &err);
	for (uint32_t i = 0; i < pc.n_rows; i++) {
		pc.rows[i].off = pc.rows[0].off;
		pc.rows[i].flags |= ROW_ORIGIN;
		memcpy(pc.rows[i].origin_pack, ip.id, ID_LEN);
	}
	bytes_init(&contents, LIMIT);
	if (nothing)
		pc.n_rows = pc.n_sessions = 0;
	pack_contents_encode(&pc, &contents);
	ip.contents = bytes_span(&contents);
	must(store_put_segment(s, &seg, sign, &st, &err), &err);
	bytes_fini(&contents);
	pack_contents_fini(&pc);
	store_body_fini(&b);
}

void
thief_lies_about_packs(struct store *s)
{
	static const char *const below[] = { "data/", "meta/" };

	for (size_t k = 0; k < 2; k++) {
		struct name *v;
		size_t n = names_below(s->t, below[k], &v);

		for (size_t i = 0; i < n; i++)
			lie(s, &v[i], i % 2 == 0, i % 3 == 0);
		free(v);
	}
}

void
thief_condemns(struct store *s)
{
	struct condemned_body c = { .l0 = s->l0 };
	struct confirm_body ok = { .l0 = s->l0 };
	uint8_t(*packs)[ID_LEN], kind;
	struct name *v;
	size_t n = names_below(s->t, "data/", &v);
	struct bytes body;

	packs = calloc(n + 1, sizeof *packs);
	if (packs == NULL)
		abort();
	for (size_t i = 0; i < n; i++)
		if (!store_name_parse(v[i].s, &kind, packs[i]))
			abort();
	c.n_packs = (uint32_t)n;
	c.packs = packs[0];
	bytes_init(&body, LIMIT);
	for (int as_owner = 0; as_owner < 2; as_owner++) {
		keys_random(ok.id, ID_LEN);
		bytes_clear(&body);
		condemned_encode(&c, &body);
		put_signed(s, OBJ_CONDEMNED, ok.id, &body, as_owner != 0);
		bytes_clear(&body);
		confirm_encode(&ok, &body);
		put_signed(s, OBJ_CONDEMNED_OK, ok.id, &body, as_owner != 0);
	}
	bytes_fini(&body);
	free(packs);
	free(v);
}

static void
say(struct store *s, enum note_type type, const uint8_t *subject,
    const char *key, const char *value, bool as_owner)
{
	static struct note_body n;
	struct bytes body;
	uint8_t id[ID_LEN];

	memset(&n, 0, sizeof n);
	n.type = (uint16_t)type;
	if (subject != NULL)
		memcpy(n.subject, subject, ID_LEN);
	n.l0 = s->l0 + LIFE_GRACE;
	n.n_props = 1;
	n.props[0].key = span_str(key);
	n.props[0].value = span_str(value);
	bytes_init(&body, LIMIT);
	note_encode(&n, &body);
	keys_random(id, ID_LEN);
	put_signed(s, OBJ_NOTE, id, &body, as_owner);
	bytes_fini(&body);
}

void
thief_says_things(struct store *s, const struct life *l)
{
	char hex[2 * ID_LEN + 1];

	for (size_t i = 0; i < l->n; i++) {
		bool as_owner = i % 2 == 0;

		hex_encode(l->v[i].id, ID_LEN, hex);
		say(s, NOTE_FORGET, NULL, "snapshots", hex, as_owner);
		say(s, NOTE_PIN, l->v[i].id, "pinned", "no", as_owner);
		say(s, NOTE_TAGS, l->v[i].id, "tags", "", as_owner);
		say(s, NOTE_VERDICT, l->v[i].id, "verdict", "bad", as_owner);
	}
	say(s, NOTE_POLICY, NULL, "keep-last", "1", false);
	say(s, NOTE_POLICY, NULL, "keep-last", "1", true);
	say(s, NOTE_REVOKED, s->keys->host_id, "snapshots", "", false);
	say(s, NOTE_REVOKED, s->keys->host_id, "snapshots", "", true);
}

void
thief_forges_keys(struct store *s)
{
	struct host_body host = { .epoch = 1, .name = span_str("shop") };
	struct epoch_body epoch = { .epoch = 2 };
	char name[TRANSPORT_NAME_MAX + 1];
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes body;
	uint8_t id[ID_LEN];

	bytes_init(&body, LIMIT);
	for (int as_owner = 0; as_owner < 2; as_owner++) {
		keys_random(host.host_id, ID_LEN);
		keys_random(host.pk, sizeof host.pk);
		bytes_clear(&body);
		host_encode(&host, &body);
		keys_random(id, ID_LEN);
		put_signed(s, OBJ_HOST, id, &body, as_owner != 0);
		keys_random(epoch.data_pk, sizeof epoch.data_pk);
		keys_random(epoch.maint_pk, sizeof epoch.maint_pk);
		bytes_clear(&body);
		epoch_encode(&epoch, &body);
		keys_random(id, ID_LEN);
		put_signed(s, OBJ_EPOCH, id, &body, as_owner != 0);
	}
	keys_random(id, ID_LEN);
	store_name(OBJ_SLOT, id, name);
	must(transport_put(s->t, name, span_str("no slot"), NULL, &err), &err);
	bytes_fini(&body);
}

void
thief_forges_snapshot(struct store *s, const uint8_t root[ID_LEN], int64_t l0)
{
	static struct snapshot_body snap;
	struct confirm_body ok = { .l0 = l0 };
	uint8_t id[ID_LEN];
	struct bytes body;

	memset(&snap, 0, sizeof snap);
	keys_random(snap.run_id, ID_LEN);
	memcpy(snap.root, root, ID_LEN);
	snap.l0 = l0;
	snap.n_props = 2;
	snap.props[0].key = span_str("database");
	snap.props[0].value = span_str("shop");
	snap.props[1].key = span_str("time");
	snap.props[1].value = span_str("2036-01-01T00:00:00Z");
	keys_random(id, ID_LEN);
	bytes_init(&body, LIMIT);
	snapshot_encode(&snap, &body);
	put_signed(s, OBJ_SNAPSHOT, id, &body, false);
	memcpy(ok.id, id, ID_LEN);
	bytes_clear(&body);
	confirm_encode(&ok, &body);
	put_signed(s, OBJ_OK, id, &body, false);
	bytes_fini(&body);
}
