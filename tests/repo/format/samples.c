/* SPDX-License-Identifier: PostgreSQL */
/*
 * samples.c - valid encodings, and decode-then-encode for every kind.
 *
 * There is one way only to write a value, so whatever decodes must encode to
 * the very bytes it came from.
 */
#include <string.h>

#include "samples.h"

static const char *const names[SAMPLE_COUNT] = { "config", "directory", "block",
	"sparse", "recipe", "row", "root", "pack", "segment", "snapshot",
	"confirm", "condemned", "note", "host", "body", "epoch" };

static uint8_t ids[4][ID_LEN];

const char *
sample_name(enum sample which)
{
	return names[which];
}

static void
fill_ids(void)
{
	for (size_t i = 0; i < 4; i++)
		memset(ids[i], (int)(0x11 * (i + 1)), ID_LEN);
}

static void
make_config(struct bytes *out)
{
	struct config c = { 512, 1u << 20, 16u << 20, 259200, 32768, 1700000000,
		{ 0 } };

	memset(c.mac, 0x5a, sizeof c.mac);
	config_encode(&c, out);
}

static void
make_blocks(enum sample which, struct bytes *out)
{
	uint32_t lens[3] = { 5, 1, 200 };
	struct directory d = { 3, ids };
	uint8_t data[206], bits = 5;

	memset(data, 'x', sizeof data);
	if (which == SAMPLE_DIRECTORY)
		directory_encode(&d, out);
	else if (which == SAMPLE_BLOCK)
		block_encode(lens, 3, span_of(data, 206), out);
	else
		block_encode_sparse(
		    lens, 3, span_of(&bits, 1), span_of(data, 205), out);
}

static void
make_recipe(struct bytes *out)
{
	struct extent e[5] = { { 0, 0, 100 }, { 2, 7, 1 }, { 0, 101, 2000 },
		{ 1, 65535, 1 }, { 0, 50, 3 } };
	struct recipe_span s[2] = { { 8u << 20, 0, 3, { 1 } },
		{ 12, 3, 2, { 2 } } };
	struct recipe r = { 3, 2, 5, ids, s, e };

	recipe_encode(&r, out);
}

static void
make_row(struct bytes *out)
{
	struct stream_row r;

	memset(&r, 0, sizeof r);
	r.kind = STREAM_TABLE;
	r.cutter = CUTTER_ROWS;
	r.part = 3;
	r.name = span_str("public.accounts");
	r.attr = span_str("COPY public.accounts (id) FROM stdin;");
	r.bytes = 123456789;
	r.rows = 4711;
	memset(r.digest, 0xdd, ID_LEN);
	r.n_segments = 2;
	r.segments = ids[0];
	stream_row_encode(&r, out);
	r.n_segments = 0;
	r.segments = NULL;
	r.inline_recipe = span_str("recipe");
	stream_row_encode(&r, out);
}

static void
make_root(struct bytes *out)
{
	static const uint8_t news[] = { 1, 0x80, 1, 7, 9 };
	struct manifest_root m = { 3, ids[0], 2, { news, sizeof news } };

	manifest_root_encode(&m, out);
}

static void
make_pack(struct bytes *out)
{
	static const uint8_t bits[2] = { 0xff, 0x01 };
	struct session_row s;
	struct pack_row rows[3];
	struct pack_contents p = { { 9 }, 1, 3, &s, rows };

	memset(&s, 0x77, sizeof s);
	s.epoch = 2;
	memset(rows, 0, sizeof rows);
	rows[0].class = CLASS_DATA;
	rows[0].codec = CODEC_ZSTD;
	rows[0].off = HEADER_LEN;
	rows[0].sealed_len = 4000;
	rows[0].plain_len = 9000;
	rows[0].n_chunks = 18;
	rows[0].n_hooks = 2;
	rows[0].hooks[0] = UINT64_C(0x40);
	rows[0].hooks[1] = UINT64_C(0xfedcba9876543200);
	rows[1] = rows[0];
	rows[1].flags = ROW_SPARSE | ROW_ORIGIN;
	rows[1].off = HEADER_LEN + 4000;
	rows[1].n_chunks = 9;
	rows[1].bitmap = span_of(bits, sizeof bits);
	memset(rows[1].origin_pack, 0x44, ID_LEN);
	rows[1].origin_time = INT64_C(1700000000000000000);
	rows[2].class = CLASS_RECIPE;
	rows[2].epoch = 2;
	rows[2].off = 9000; /* not adjacent */
	rows[2].sealed_len = 64;
	rows[2].plain_len = 32;
	pack_contents_encode(&p, out);
}

static void
make_segment(struct bytes *out)
{
	struct index_pack packs[2] = { { { 1 }, OBJ_DATA, 16u << 20,
					   { NULL, 0 } },
		{ { 2 }, OBJ_META, 70000, { NULL, 0 } } };
	struct index_segment s = { { 3 }, -5, 2, packs };
	struct bytes contents;

	bytes_init(&contents, 4096);
	make_pack(&contents);
	packs[0].contents = bytes_span(&contents);
	packs[1].contents = span_str("x");
	index_segment_encode(&s, out);
	bytes_fini(&contents);
}

static void
make_commit(enum sample which, struct bytes *out)
{
	struct snapshot_body s;
	struct note_body n;
	struct confirm_body k = { { 6 }, INT64_C(1700000000000000001) };

	memset(&s, 0, sizeof s);
	memset(&n, 0, sizeof n);
	memcpy(s.run_id, ids[0], ID_LEN);
	memcpy(s.parent, ids[1], ID_LEN);
	memcpy(s.root, ids[2], ID_LEN);
	s.l0 = INT64_MAX;
	n.l0 = INT64_C(1700000000000000002);
	s.bytes = 1000;
	s.new_bytes = 100;
	s.stored_bytes = 50;
	s.rows = 7;
	s.n_streams = 3;
	s.n_props = n.n_props = 2;
	s.props[0].key = span_str("database");
	s.props[0].value = span_str("shop");
	s.props[1].key = span_str("host");
	memcpy(n.props, s.props, 2 * sizeof s.props[0]);
	n.type = 2;
	memcpy(n.subject, ids[3], ID_LEN);
	if (which == SAMPLE_SNAPSHOT)
		snapshot_encode(&s, out);
	else if (which == SAMPLE_NOTE)
		note_encode(&n, out);
	else
		confirm_encode(&k, out);
}

static void
make_rest(enum sample which, struct bytes *out)
{
	struct condemned_body c = { -1, 2, 1, 0, ids[0], ids[2], NULL };
	struct host_body h = { { 1 }, { 2 }, 1, { NULL, 0 } };
	struct epoch_body e = { 2, { 3 }, { 4 }, 1700000000 };
	uint8_t sig[64];

	memset(sig, 0x99, sizeof sig);
	h.name = span_str("db1.example.org");
	if (which == SAMPLE_CONDEMNED)
		condemned_encode(&c, out);
	else if (which == SAMPLE_HOST)
		host_encode(&h, out);
	else if (which == SAMPLE_EPOCH)
		epoch_encode(&e, out);
	else
		body_wrap(span_str("a body of some bytes"), ids[0], sig, out);
}

void
sample_make(enum sample which, struct bytes *out)
{
	fill_ids();
	switch (which) {
	case SAMPLE_CONFIG:
		make_config(out);
		return;
	case SAMPLE_DIRECTORY:
	case SAMPLE_BLOCK:
	case SAMPLE_SPARSE:
		make_blocks(which, out);
		return;
	case SAMPLE_RECIPE:
		make_recipe(out);
		return;
	case SAMPLE_ROW:
		make_row(out);
		return;
	case SAMPLE_ROOT:
		make_root(out);
		return;
	case SAMPLE_PACK:
		make_pack(out);
		return;
	case SAMPLE_SEGMENT:
		make_segment(out);
		return;
	case SAMPLE_SNAPSHOT:
	case SAMPLE_NOTE:
	case SAMPLE_CONFIRM:
		make_commit(which, out);
		return;
	default:
		make_rest(which, out);
	}
}

/* One function for each kind: decode, encode, release. */
#define AGAIN(name, type, decode, encode, fini)                                \
	static enum snap_code name(                                            \
	    struct span in, struct bytes *out, struct snap_err *err)           \
	{                                                                      \
		struct type v;                                                 \
		enum snap_code rc = decode(in, &v, err);                       \
                                                                               \
		if (rc == SNAP_OK) {                                           \
			encode(&v, out);                                       \
			fini(&v);                                              \
		}                                                              \
		return rc;                                                     \
	}
#define NOTHING(v) ((void)(v))

AGAIN(again_config, config, config_decode, config_encode, NOTHING)
AGAIN(again_directory, directory, directory_decode, directory_encode,
    directory_fini)
AGAIN(again_recipe, recipe, recipe_decode, recipe_encode, recipe_fini)
AGAIN(again_root, manifest_root, manifest_root_decode, manifest_root_encode,
    NOTHING)
AGAIN(again_pack, pack_contents, pack_contents_decode, pack_contents_encode,
    pack_contents_fini)
AGAIN(again_segment, index_segment, index_segment_decode, index_segment_encode,
    index_segment_fini)
AGAIN(again_snapshot, snapshot_body, snapshot_decode, snapshot_encode, NOTHING)
AGAIN(again_confirm, confirm_body, confirm_decode, confirm_encode, NOTHING)
AGAIN(again_condemned, condemned_body, condemned_decode, condemned_encode,
    NOTHING)
AGAIN(again_note, note_body, note_decode, note_encode, NOTHING)
AGAIN(again_host, host_body, host_decode, host_encode, NOTHING)
AGAIN(again_epoch, epoch_body, epoch_decode, epoch_encode, NOTHING)

static enum snap_code
again_block(
    struct span in, bool sparse, struct bytes *out, struct snap_err *err)
{
	struct block b;
	enum snap_code rc = block_decode(in, sparse, &b, err);
	uint64_t live = 0;

	if (rc != SNAP_OK)
		return rc;
	for (uint32_t i = 0; i < b.n; i++) {
		if (b.offs[i] == UINT32_MAX)
			continue;
		if (b.offs[i] != live)
			rc = snap_fail(err, SNAP_USAGE, "offsets have a hole");
		live += b.lens[i];
	}
	if (live != b.data.len)
		rc = snap_fail(err, SNAP_USAGE, "bytes belong to no chunk");
	block_encode_sparse(b.lens, b.n, b.bitmap, b.data, out);
	block_fini(&b);
	return rc;
}

/* Rows follow each other until the end. */
static enum snap_code
again_rows(struct span in, struct bytes *out, struct snap_err *err)
{
	struct stream_row r;
	struct cursor c;
	enum snap_code rc;

	cursor_init(&c, in);
	do {
		rc = stream_row_decode(&c, &r, err);
		if (rc == SNAP_OK)
			stream_row_encode(&r, out);
	} while (rc == SNAP_OK && c.left != 0);
	return rc;
}

static enum snap_code
again_body(struct span in, struct bytes *out, struct snap_err *err)
{
	struct body b;
	enum snap_code rc = body_unwrap(in, &b, err);

	if (rc == SNAP_OK)
		body_wrap(b.body, b.signer_id, b.sig, out);
	return rc;
}

enum snap_code
sample_again(
    enum sample which, struct span in, struct bytes *out, struct snap_err *err)
{
	switch (which) {
	case SAMPLE_CONFIG:
		return again_config(in, out, err);
	case SAMPLE_DIRECTORY:
		return again_directory(in, out, err);
	case SAMPLE_BLOCK:
	case SAMPLE_SPARSE:
		return again_block(in, which == SAMPLE_SPARSE, out, err);
	case SAMPLE_RECIPE:
		return again_recipe(in, out, err);
	case SAMPLE_ROW:
		return again_rows(in, out, err);
	case SAMPLE_ROOT:
		return again_root(in, out, err);
	case SAMPLE_PACK:
		return again_pack(in, out, err);
	case SAMPLE_SEGMENT:
		return again_segment(in, out, err);
	case SAMPLE_SNAPSHOT:
		return again_snapshot(in, out, err);
	case SAMPLE_CONFIRM:
		return again_confirm(in, out, err);
	case SAMPLE_CONDEMNED:
		return again_condemned(in, out, err);
	case SAMPLE_NOTE:
		return again_note(in, out, err);
	case SAMPLE_HOST:
		return again_host(in, out, err);
	case SAMPLE_EPOCH:
		return again_epoch(in, out, err);
	default:
		return again_body(in, out, err);
	}
}
