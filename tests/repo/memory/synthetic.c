/* SPDX-License-Identifier: PostgreSQL */
/*
 * synthetic.c - a repository of any size without its data, to measure memory.
 *
 * synthetic REPOSITORY BLOCKS makes an empty local repository (passphrase
 * "bench") and puts into it one snapshot of BLOCKS blocks of 1 MiB: index,
 * manifest and recipes as a real backup of that size would have them, and a
 * small directory for each block.  Packs of data are files with holes where
 * the blocks would be: header, contents and trailer are real.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "seal.h"
#include "sink.h"
#include "slots.h"
#include "store_internal.h"
#include "run.h"

#define BLOCK_LEN (1u << 20)
#define PACK_LEN (16u << 20)
#define PACK_ROWS 15u
#define PACKS_PER_SEGMENT 64 /* a run has 8; fewer objects are made faster */
#define SEGMENT_BLOCKS 128u  /* of a recipe */
#define SPAN_BLOCKS 8u
#define SLICE_SEGMENTS 2u
#define CHUNKS 2048u
#define DIR_HASHES 32 /* of them: a pack has not too many directories */

struct synthetic {
	const char *path;
	struct store *s;
	struct run *run;
	uint8_t (*ids)[ID_LEN]; /* of all blocks */
	uint32_t n;
	struct session_row session;
	struct index_pack batch[PACKS_PER_SEGMENT];
	struct bytes contents[PACKS_PER_SEGMENT];
	uint32_t n_batch;
};

static void
die(const struct snap_err *err)
{
	(void)fprintf(stderr, "synthetic: %s\n", err->msg);
	exit(1);
}

static void
must(enum snap_code rc, const struct snap_err *err)
{
	if (rc != SNAP_OK)
		die(err);
}

/* A file of PACK_LEN bytes: the header of `obj`, a hole, the rest of it. */
static void
put_holed(const struct synthetic *y, const uint8_t id[ID_LEN], struct span obj)
{
	struct span tail = span_of(obj.p + HEADER_LEN, obj.len - HEADER_LEN);
	char name[TRANSPORT_NAME_MAX + 1], path[4096];
	struct snap_err err = SNAP_ERR_INIT;
	char *slash;
	int fd;

	store_name(OBJ_DATA, id, name);
	(void)snprintf(path, sizeof path, "%s/%s", y->path, name);
	slash = strrchr(path, '/');
	*slash = '\0';
	if (mkdir(path, 0700) != 0 && errno == ENOENT) {
		char *above = strrchr(path, '/');

		*above = '\0';
		(void)mkdir(path, 0700);
		*above = '/';
		(void)mkdir(path, 0700);
	}
	*slash = '/';
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, PACK_LEN) != 0 ||
	    pwrite(fd, obj.p, HEADER_LEN, 0) != HEADER_LEN ||
	    pwrite(fd, tail.p, tail.len, (off_t)(PACK_LEN - tail.len)) !=
		(ssize_t)tail.len ||
	    close(fd) != 0)
		die((snap_fail_errno(&err, SNAP_IO, "write %s", path), &err));
}

static void
put_segment(struct synthetic *y)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct index_segment seg;
	struct transport_stat st;
	uint8_t id[ID_LEN];
	struct bytes body;

	if (y->n_batch == 0)
		return;
	memset(&seg, 0, sizeof seg);
	memcpy(seg.run_id, y->session.id, ID_LEN);
	seg.l0 = y->s->l0;
	seg.n_packs = y->n_batch;
	seg.packs = y->batch;
	bytes_init(&body, TRANSPORT_SIZE_MAX);
	index_segment_encode(&seg, &body);
	must(bytes_check(&body, &err), &err);
	keys_random(id, sizeof id);
	must(store_put_body(
		 y->s, OBJ_INDEX, id, bytes_span(&body), false, &st, &err),
	    &err);
	bytes_fini(&body);
	for (uint32_t i = 0; i < y->n_batch; i++)
		bytes_fini(&y->contents[i]);
	y->n_batch = 0;
}

/* The pack of blocks [from, to). */
static void
put_pack(struct synthetic *y, uint32_t from, uint32_t to)
{
	struct bytes *contents = &y->contents[y->n_batch], wrapped, obj;
	struct index_pack *p = &y->batch[y->n_batch++];
	struct snap_err err = SNAP_ERR_INIT;
	struct pack_row rows[PACK_ROWS];
	struct pack_contents pc;
	uint8_t header[HEADER_LEN];

	memset(rows, 0, sizeof rows);
	memset(&pc, 0, sizeof pc);
	memcpy(pc.run_id, y->session.id, ID_LEN);
	pc.n_sessions = 1;
	pc.sessions = &y->session;
	pc.n_rows = to - from;
	pc.rows = rows;
	for (uint32_t i = 0; i < to - from; i++) {
		struct pack_row *r = &rows[i];

		r->class = CLASS_DATA;
		r->codec = CODEC_ZSTD;
		memcpy(r->id, y->ids[from + i], ID_LEN);
		r->off = HEADER_LEN + i * BLOCK_LEN;
		r->sealed_len = BLOCK_LEN - 16;
		r->plain_len = BLOCK_LEN;
		r->n_chunks = CHUNKS;
		r->n_hooks = PACK_HOOKS_MAX;
		keys_random(r->hooks, sizeof r->hooks);
	}
	keys_random(p->id, ID_LEN);
	p->kind = OBJ_DATA;
	p->size = PACK_LEN;
	store_header(y->s, OBJ_DATA, p->id, header);
	bytes_init(contents, TRANSPORT_SIZE_MAX);
	bytes_init(&wrapped, TRANSPORT_SIZE_MAX);
	bytes_init(&obj, TRANSPORT_SIZE_MAX);
	pack_contents_encode(&pc, contents);
	body_wrap(bytes_span(contents), NULL, NULL, &wrapped);
	bytes_put(&obj, header, HEADER_LEN);
	must(seal_body(y->s->keys, span_of(header, HEADER_LEN),
		 bytes_span(&wrapped), &obj, &err),
	    &err);
	object_finish(&obj, HEADER_LEN);
	must(bytes_check(&obj, &err), &err);
	/* The hole goes between header and contents.  The checksum is wrong
	 * then, which only who reads the whole pack would see. */
	le64_put(obj.p + obj.len - TRAILER_LEN, PACK_LEN);
	le64_put(obj.p + obj.len - TRAILER_LEN + 8,
	    PACK_LEN - (obj.len - HEADER_LEN));
	put_holed(y, p->id, bytes_span(&obj));
	p->contents = bytes_span(contents);
	bytes_fini(&wrapped);
	bytes_fini(&obj);
	if (y->n_batch == PACKS_PER_SEGMENT)
		put_segment(y);
}

/* Through the run, as every backup does. */
static void
put_meta(
    struct synthetic *y, uint8_t class, struct bytes *plain, uint8_t id[ID_LEN])
{
	struct snap_err err = SNAP_ERR_INIT;
	struct frame_in f;

	must(bytes_check(plain, &err), &err);
	memset(&f, 0, sizeof f);
	f.class = class;
	f.plain = bytes_span(plain);
	if (class == CLASS_DIR)
		keys_block_id(y->s->keys, f.plain, f.id);
	else
		keys_meta_id(y->s->keys, class, f.plain, f.id);
	memcpy(id, f.id, ID_LEN);
	must(run_add(y->run, &f, &err), &err);
	bytes_clear(plain);
}

static void
put_directories(struct synthetic *y)
{
	uint8_t hashes[DIR_HASHES][ID_LEN];
	struct directory d;
	struct bytes plain;

	memset(&d, 0, sizeof d);
	d.n = DIR_HASHES;
	d.hashes = hashes;
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	for (uint32_t i = 0; i < y->n; i++) {
		keys_random(hashes, sizeof hashes);
		directory_encode(&d, &plain);
		put_meta(y, CLASS_DIR, &plain, y->ids[i]);
	}
	bytes_fini(&plain);
}

/* One segment of a recipe: blocks [from, from + SEGMENT_BLOCKS). */
static void
put_recipe(struct synthetic *y, uint32_t from, uint8_t id[ID_LEN])
{
	struct recipe_span spans[SEGMENT_BLOCKS / SPAN_BLOCKS];
	struct extent extents[SEGMENT_BLOCKS];
	struct recipe r;
	struct bytes plain;

	memset(&r, 0, sizeof r);
	r.n_blocks = r.n_extents = SEGMENT_BLOCKS;
	r.n_spans = SEGMENT_BLOCKS / SPAN_BLOCKS;
	r.blocks = y->ids + from;
	r.spans = spans;
	r.extents = extents;
	for (uint32_t i = 0; i < SEGMENT_BLOCKS; i++)
		extents[i] = (struct extent){ i, 0, CHUNKS };
	for (uint32_t i = 0; i < r.n_spans; i++) {
		spans[i].bytes = (uint64_t)SPAN_BLOCKS * BLOCK_LEN;
		spans[i].first_extent = i * SPAN_BLOCKS;
		spans[i].n_extents = SPAN_BLOCKS;
		keys_random(spans[i].digest, ID_LEN);
	}
	bytes_init(&plain, BLOCK_PLAIN_MAX);
	recipe_encode(&r, &plain);
	put_meta(y, CLASS_RECIPE, &plain, id);
	bytes_fini(&plain);
}

/* One table in slices of 256 MiB, as one of that size would be. */
static void
put_manifest(struct synthetic *y, uint8_t root_id[ID_LEN])
{
	uint32_t per_slice = SLICE_SEGMENTS * SEGMENT_BLOCKS;
	uint8_t segments[SLICE_SEGMENTS][ID_LEN], id[ID_LEN];
	struct bytes part, ids, root;
	struct manifest_root m;
	struct stream_row row;

	memset(&m, 0, sizeof m);
	memset(&row, 0, sizeof row);
	row.kind = STREAM_TABLE;
	row.cutter = CUTTER_ROWS;
	row.name = span_str("public.big");
	row.attr = span_str("COPY public.big (id) FROM stdin;");
	row.bytes = (uint64_t)per_slice * BLOCK_LEN;
	row.rows = row.bytes / 100;
	row.n_segments = SLICE_SEGMENTS;
	row.segments = segments[0];
	bytes_init(&part, BLOCK_PLAIN_MAX);
	bytes_init(&ids, BLOCK_PLAIN_MAX);
	bytes_init(&root, BLOCK_PLAIN_MAX);
	for (uint32_t i = 0; i < y->n / per_slice; i++) {
		for (uint32_t k = 0; k < SLICE_SEGMENTS; k++)
			put_recipe(
			    y, i * per_slice + k * SEGMENT_BLOCKS, segments[k]);
		row.part = i;
		stream_row_encode(&row, &part);
		if ((i + 1) % MANIFEST_PART_ROWS_MAX != 0 &&
		    i + 1 != y->n / per_slice)
			continue;
		put_meta(y, CLASS_MANIFEST, &part, id);
		bytes_put(&ids, id, ID_LEN);
		m.n_parts++;
	}
	m.parts = ids.p;
	manifest_root_encode(&m, &root);
	put_meta(y, CLASS_MANIFEST, &root, root_id);
	bytes_fini(&part);
	bytes_fini(&ids);
	bytes_fini(&root);
}

static void
open_all(struct synthetic *y, struct transport **t)
{
	static const struct slot_cost cheap = SLOT_COST_TESTS;
	struct transport_opts create = { .create = 1 };
	struct snap_err err = SNAP_ERR_INIT;
	static const struct config defaults;
	struct store_opts o;
	uint8_t id[ID_LEN];
	char code[128];

	must(transport_open(y->path, &create, t, &err), &err);
	must(store_init(
		 *t, &defaults, &cheap, span_str("bench"), code, id, &err),
	    &err);
	memset(&o, 0, sizeof o);
	o.passphrase = span_str("bench");
	must(store_open(*t, &o, &y->s, &err), &err);
	must(run_begin(y->s, &y->run, &err), &err);
}

static void
commit(struct synthetic *y, const uint8_t root[ID_LEN])
{
	struct snapshot_body *snap = calloc(1, sizeof *snap);
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[ID_LEN];
	int64_t when;

	if (snap == NULL)
		exit(1);
	memcpy(snap->root, root, ID_LEN);
	snap->bytes = snap->new_bytes = (uint64_t)y->n * BLOCK_LEN;
	snap->n_streams = y->n / (SLICE_SEGMENTS * SEGMENT_BLOCKS);
	snap->props[0].key = span_str("database");
	snap->props[0].value = span_str("big");
	snap->n_props = 1;
	must(run_commit(y->run, snap, id, &when, &err), &err);
	free(snap);
}

int
main(int argc, char **argv)
{
	struct transport *t = NULL;
	struct synthetic y;
	uint8_t root[ID_LEN];

	memset(&y, 0, sizeof y);
	if (argc == 3)
		y.n = (uint32_t)strtoul(argv[2], NULL, 10);
	if (y.n == 0 || y.n % (SLICE_SEGMENTS * SEGMENT_BLOCKS) != 0) {
		(void)fprintf(stderr, "usage: synthetic REPOSITORY BLOCKS "
				      "(a multiple of 256)\n");
		return 2;
	}
	y.path = argv[1];
	y.ids = calloc(y.n, sizeof *y.ids);
	if (y.ids == NULL)
		return 1;
	open_all(&y, &t);
	keys_random(&y.session, sizeof y.session);
	y.session.epoch = y.s->keys->epoch;
	put_directories(&y);
	for (uint32_t i = 0; i < y.n; i += PACK_ROWS)
		put_pack(&y, i, i + PACK_ROWS < y.n ? i + PACK_ROWS : y.n);
	put_segment(&y);
	put_manifest(&y, root);
	commit(&y, root);
	run_free(y.run);
	store_close(y.s);
	transport_close(t);
	free(y.ids);
	return 0;
}
