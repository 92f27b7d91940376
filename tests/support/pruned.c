/* SPDX-License-Identifier: PostgreSQL */
/* pruned.c - see pruned.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "pruned.h"
#include "seal.h"
#include "slots.h"

#define LIMIT (32u << 20)
#define ROWS_MAX 4096
#define HALVES_MAX 1024

static void
must(enum snap_code rc, const struct snap_err *err)
{
	if (rc == SNAP_OK)
		return;
	(void)fprintf(stderr, "%s\n", err->msg);
	abort();
}

struct block_list {
	struct store *s;
	uint8_t (*v)[ID_LEN];
	size_t n, max;
};

static enum snap_code
add_blocks(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct block_list *l = arg;
	struct pack_contents p;
	struct store_body b;
	uint8_t kind, id[ID_LEN];

	if (!store_name_parse(name, &kind, id))
		abort();
	must(store_get_contents(l->s, kind, id, st->size, &b, err), err);
	must(pack_contents_decode(b.body.body, &p, err), err);
	for (uint32_t i = 0; i < p.n_rows; i++) {
		if (l->n == l->max)
			abort();
		memcpy(l->v[l->n++], p.rows[i].id, ID_LEN);
	}
	pack_contents_fini(&p);
	store_body_fini(&b);
	return SNAP_OK;
}

size_t
pruned_blocks(struct store *s, uint8_t (*blocks)[ID_LEN], size_t max)
{
	struct block_list l = { s, blocks, 0, max };
	struct snap_err err = SNAP_ERR_INIT;

	must(transport_list(s->t, "data/", add_blocks, &l, &err), &err);
	return l.n;
}

static void
add_sparse(struct store *s, const struct session *session,
    const struct sparse_plan *plan, const uint8_t *id, struct bytes *obj,
    struct pack_row *row)
{
	struct frame_context c = { .epoch = session->epoch,
		.class = CLASS_DATA };
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes plain, live, sparse, bitmap;
	struct block b;

	bytes_init(&plain, LIMIT);
	bytes_init(&live, LIMIT);
	bytes_init(&sparse, LIMIT);
	bytes_init(&bitmap, LIMIT);
	must(store_read(s, CLASS_DATA, id, &plain, &err), &err);
	must(block_decode(bytes_span(&plain), false, &b, &err), &err);
	bytes_zero(&bitmap, (b.n + 7) / 8);
	for (uint32_t i = plan->which; i < b.n; i += plan->every) {
		bitmap.p[i / 8] |= (uint8_t)(1u << i % 8);
		bytes_put(&live, b.data.p + b.offs[i], b.lens[i]);
	}
	for (uint32_t i = 0; i < b.n && plan->forgetful; i++)
		if ((bitmap.p[i / 8] >> i % 8 & 1) == 0)
			b.lens[i] = 1;
	if (plan->garble)
		memset(live.p, 'x', live.len);
	block_encode_sparse(
	    b.lens, b.n, bytes_span(&bitmap), bytes_span(&live), &sparse);
	memset(row, 0, sizeof *row);
	row->class = CLASS_DATA;
	row->flags = ROW_SPARSE;
	memcpy(row->id, id, ID_LEN);
	row->off = (uint32_t)obj->len;
	row->plain_len = (uint32_t)sparse.len;
	row->n_chunks = b.n;
	memcpy(c.repo_id, s->repo_id, ID_LEN);
	memcpy(c.id, id, ID_LEN);
	c.plain_len = row->plain_len;
	seal_bitmap_hash(bytes_span(&bitmap), c.bitmap_hash);
	must(
	    seal_frame(session->key, &c, bytes_span(&sparse), obj, &err), &err);
	row->sealed_len = (uint32_t)obj->len - row->off;
	/* The row borrows it until the contents are written. */
	row->bitmap = bytes_span(&bitmap);
	block_fini(&b);
	bytes_fini(&plain);
	bytes_fini(&live);
	bytes_fini(&sparse);
}

static void
add_garbage(struct store *s, const struct session *session,
    const uint8_t *origin, const uint8_t *id, struct bytes *obj,
    struct pack_row *row)
{
	struct frame_context c = { .epoch = session->epoch,
		.class = CLASS_DATA };
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t x[100];

	keys_random(x, sizeof x);
	memset(row, 0, sizeof *row);
	row->class = CLASS_DATA;
	memcpy(row->id, id, ID_LEN);
	if (origin != NULL) {
		row->flags = ROW_ORIGIN;
		memcpy(row->origin_pack, origin, ID_LEN);
	}
	row->off = (uint32_t)obj->len;
	row->plain_len = c.plain_len = sizeof x;
	row->n_chunks = 1;
	memcpy(c.repo_id, s->repo_id, ID_LEN);
	memcpy(c.id, id, ID_LEN);
	must(seal_frame(session->key, &c, span_of(x, sizeof x), obj, &err),
	    &err);
	row->sealed_len = (uint32_t)obj->len - row->off;
}

static void
new_header(const struct store *s, uint8_t kind, struct header *h,
    uint8_t out[HEADER_LEN])
{
	memset(h, 0, sizeof *h);
	h->kind = kind;
	keys_random(h->id, ID_LEN);
	memcpy(h->repo_id, s->repo_id, ID_LEN);
	h->epoch = s->keys->epoch;
	header_encode(h, out);
}

/* Name the pack in a segment of its own. */
static void
put_segment(struct store *s, const struct header *pack, const struct bytes *obj,
    const struct bytes *contents)
{
	struct index_pack ip = { .kind = pack->kind };
	struct index_segment seg = { { 5 }, 0, 1, &ip };
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[ID_LEN];
	struct bytes body;

	bytes_init(&body, LIMIT);
	memcpy(ip.id, pack->id, ID_LEN);
	ip.size = (uint32_t)obj->len;
	ip.contents = bytes_span(contents);
	seg.l0 = s->l0;
	index_segment_encode(&seg, &body);
	keys_random(id, ID_LEN);
	must(store_put_body(
		 s, OBJ_INDEX, id, bytes_span(&body), true, NULL, &err),
	    &err);
	bytes_fini(&body);
}

/* plan NULL: garbage. */
static void
put_pack_as(struct store *s, struct header *h, const uint8_t (*blocks)[ID_LEN],
    size_t n, const struct sparse_plan *plan, const uint8_t *origin)
{
	struct pack_row *rows = calloc(n, sizeof *rows);
	struct session_row srow;
	struct pack_contents pc = { { 5 }, 1, (uint32_t)n, &srow, rows };
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	struct bytes obj, contents, wrapped;
	uint8_t header[HEADER_LEN];
	struct session session;
	size_t at;

	if (rows == NULL)
		abort();
	bytes_init(&obj, LIMIT);
	bytes_init(&contents, LIMIT);
	bytes_init(&wrapped, LIMIT);
	must(session_new(s->keys, &session, &err), &err);
	memcpy(srow.id, session.id, ID_LEN);
	srow.epoch = session.epoch;
	memcpy(srow.host_id, session.host_id, ID_LEN);
	memcpy(srow.sealed_key, session.sealed, SEALED_KEY_BYTES);
	header_encode(h, header);
	bytes_put(&obj, header, HEADER_LEN);
	for (size_t i = 0; i < n; i++) {
		if (plan != NULL)
			add_sparse(
			    s, &session, plan, blocks[i], &obj, &rows[i]);
		else
			add_garbage(
			    s, &session, origin, blocks[i], &obj, &rows[i]);
	}
	pack_contents_encode(&pc, &contents);
	body_wrap(bytes_span(&contents), NULL, NULL, &wrapped);
	at = obj.len;
	must(seal_body(s->keys, span_of(header, HEADER_LEN),
		 bytes_span(&wrapped), &obj, &err),
	    &err);
	object_finish(&obj, at);
	must(bytes_check(&obj, &err), &err);
	store_name(h->kind, h->id, name);
	must(transport_put(s->t, name, bytes_span(&obj), NULL, &err), &err);
	put_segment(s, h, &obj, &contents);
	for (size_t i = 0; i < n; i++)
		free((void *)(uintptr_t)rows[i].bitmap.p);
	free(rows);
	bytes_fini(&obj);
	bytes_fini(&contents);
	bytes_fini(&wrapped);
}

static void
put_pack(struct store *s, const uint8_t (*blocks)[ID_LEN], size_t n,
    const struct sparse_plan *plan, const uint8_t *origin)
{
	uint8_t header[HEADER_LEN];
	struct header h;

	new_header(s, OBJ_DATA, &h, header);
	put_pack_as(s, &h, blocks, n, plan, origin);
}

void
pruned_sparse(struct store *s, const uint8_t (*blocks)[ID_LEN], size_t n,
    const struct sparse_plan *plan)
{
	put_pack(s, blocks, n, plan, NULL);
}

static void
remove_all(struct transport *t, struct name *v, size_t n)
{
	struct snap_err err = SNAP_ERR_INIT;

	for (size_t i = 0; i < n; i++)
		must(transport_delete(t, v[i].s, &err), &err);
	free(v);
}

void
pruned_halves(struct store *s)
{
	static const struct sparse_plan even = { 2, 0, false, false },
					odd = { 2, 1, false, false };
	static uint8_t blocks[HALVES_MAX][ID_LEN];
	size_t n = pruned_blocks(s, blocks, HALVES_MAX), n_data, n_index;
	struct name *data, *index;

	n_data = names_below(s->t, "data/", &data);
	n_index = names_below(s->t, "index/", &index);
	pruned_sparse(s, (const uint8_t(*)[ID_LEN])blocks, n, &even);
	pruned_sparse(s, (const uint8_t(*)[ID_LEN])blocks, n, &odd);
	remove_all(s->t, data, n_data);
	remove_all(s->t, index, n_index);
}

void
pruned_garbage(struct store *s, const uint8_t (*blocks)[ID_LEN], size_t n,
    const uint8_t *origin)
{
	put_pack(s, blocks, n, NULL, origin);
}

void
pruned_twin(struct store *s, const uint8_t (*blocks)[ID_LEN], size_t n,
    uint8_t kind, const uint8_t id[ID_LEN])
{
	uint8_t header[HEADER_LEN];
	struct header h;

	new_header(s, kind, &h, header);
	memcpy(h.id, id, ID_LEN);
	put_pack_as(s, &h, blocks, n, NULL, NULL);
}

void
pruned_key_file(struct store *s, enum keyfile_type type, struct bytes *file)
{
	struct host_body host = { { 0 }, { 0 }, s->keys->epoch, { NULL, 0 } };
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t header[HEADER_LEN], pin[32];
	struct bytes config, payload, body;
	struct keys *k = NULL;
	struct header h;

	bytes_init(&config, LIMIT);
	bytes_init(&payload, LIMIT);
	bytes_init(&body, LIMIT);
	bytes_init(file, LIMIT);
	must(transport_get(s->t, "config", 0, SIZE_MAX, &config, &err), &err);
	keys_fingerprint(bytes_span(&config), pin);
	must(keyfile_make(
		 s->keys, type, pin, span_str("db1"), &k, &payload, &err),
	    &err);
	new_header(s, OBJ_KEYFILE, &h, header);
	memcpy(h.id, k->host_id, ID_LEN);
	header_encode(&h, header);
	bytes_put(file, header, HEADER_LEN);
	bytes_put_span(file, bytes_span(&payload));
	object_finish(file, HEADER_LEN);
	if (type == KEYFILE_HOST) {
		memcpy(host.host_id, k->host_id, ID_LEN);
		memcpy(host.pk, k->host_pk, 32);
		host.name = span_str("db1");
		host_encode(&host, &body);
		must(store_put_body(s, OBJ_HOST, k->host_id, bytes_span(&body),
			 true, NULL, &err),
		    &err);
	}
	keys_free(k);
	bytes_fini(&config);
	bytes_fini_wipe(&payload);
	bytes_fini(&body);
}

void
pruned_begin_epoch(struct store *s, uint32_t e, bool forge)
{
	struct snap_err err = SNAP_ERR_INIT;
	const struct epoch_keys *k;
	struct epoch_body b;
	struct bytes body;
	uint8_t id[ID_LEN];
	int64_t now;

	if (!forge)
		keys_select(s->keys, e);
	k = keys_of_epoch(s->keys, s->keys->epoch);
	if (k == NULL)
		abort();
	memset(&b, 0, sizeof b);
	b.epoch = e;
	memcpy(b.data_pk, k->data_pk, 32);
	memcpy(b.maint_pk, k->maint_pk, 32);
	must(transport_now(s->t, &now, &err), &err);
	b.began = now / INT64_C(1000000000);
	bytes_init(&body, LIMIT);
	epoch_encode(&b, &body);
	keys_random(id, sizeof id);
	must(store_put_body(
		 s, OBJ_EPOCH, id, bytes_span(&body), true, NULL, &err),
	    &err);
	bytes_fini(&body);
}

struct find_rs {
	struct store *s;
	struct span passphrase;
	uint8_t rs[KEY_BYTES];
	bool found;
};

static enum snap_code
try_slot(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct find_rs *f = arg;
	struct object o;
	struct bytes raw;

	(void)st;
	bytes_init(&raw, LIMIT);
	must(transport_get(f->s->t, name, 0, SIZE_MAX, &raw, err), err);
	must(object_parse(bytes_span(&raw), &o, err), err);
	if (o.header.kind == OBJ_SLOT &&
	    slot_type(o.payload) == SLOT_PASSPHRASE &&
	    slot_unwrap(o.payload, o.header_bytes, f->passphrase, f->rs, err) ==
		SNAP_OK)
		f->found = true;
	bytes_fini(&raw);
	return SNAP_OK;
}

/* RS is not kept by an open store: the key command too will ask again. */
void
pruned_rotate(struct store *s, struct span passphrase, uint32_t e)
{
	struct find_rs f = { s, passphrase, { 0 }, false };
	struct snap_err err = SNAP_ERR_INIT;
	struct keys *k = NULL;

	must(transport_list(s->t, "keys/", try_slot, &f, &err), &err);
	if (!f.found)
		abort();
	must(keys_from_secret(f.rs, s->repo_id, e, &k, &err), &err);
	keys_free(s->keys);
	s->keys = k;
	pruned_begin_epoch(s, e, false);
}
