/* SPDX-License-Identifier: PostgreSQL */
/*
 * exact.c - what deduplication by locality misses.
 *
 * exact DUMP... backs the files up one after another, each as the next
 * version of one stream, into a repository in memory, and counts beside it
 * what an exact index of all chunks would have found new.  Fails when snap
 * stored more than one per cent more than that (and one block).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chunker.h"
#include "mem.h"
#include "repo.h"
#include "repo_internal.h"
#include "transport.h"

#define BUFFER ((size_t)1 << 20)
#define SLACK ((uint64_t)1 << 20)

struct exact { /* open addressing; an all-zero hash is an empty place */
	uint8_t (*v)[REPO_ID_LEN];
	size_t size, used;
	const struct keys *keys;
	uint64_t new_bytes;
};

static _Noreturn void
die(const char *what, const struct snap_err *err)
{
	(void)fprintf(
	    stderr, "exact: %s: %s\n", what, err == NULL ? "failed" : err->msg);
	exit(2);
}

static bool
insert(struct exact *x, const uint8_t hash[REPO_ID_LEN])
{
	static const uint8_t empty[REPO_ID_LEN];
	size_t at;

	memcpy(&at, hash, sizeof at);
	for (at %= x->size; memcmp(x->v[at], empty, REPO_ID_LEN) != 0;
	     at = (at + 1) % x->size)
		if (memcmp(x->v[at], hash, REPO_ID_LEN) == 0)
			return false;
	memcpy(x->v[at], hash, REPO_ID_LEN);
	x->used++;
	return true;
}

static void
grow(struct exact *x)
{
	struct exact old = *x;

	x->size = old.size == 0 ? 1 << 16 : old.size * 2;
	x->used = 0;
	x->v = calloc(x->size, sizeof *x->v);
	if (x->v == NULL)
		die("out of memory", NULL);
	for (size_t i = 0; i < old.size; i++) {
		static const uint8_t empty[REPO_ID_LEN];

		if (memcmp(old.v[i], empty, REPO_ID_LEN) != 0)
			(void)insert(x, old.v[i]);
	}
	free(old.v);
}

static enum snap_code
look_up(void *arg, struct span chunk, struct snap_err *err)
{
	struct exact *x = arg;
	uint8_t hash[REPO_ID_LEN];

	(void)err;
	if (x->used * 2 >= x->size)
		grow(x);
	keys_chunk_hash(x->keys, chunk, hash);
	if (insert(x, hash))
		x->new_bytes += chunk.len;
	return SNAP_OK;
}

/* One version through both; the bytes that snap found new. */
static uint64_t
version(struct repo *r, struct chunker *c, struct exact *x, const char *path,
    uint64_t *size)
{
	struct repo_backup_opts o = { .n_lanes = 1, .name = "dump" };
	struct stream_meta m = { .kind = STREAM_RAW,
		.cutter = CUTTER_ROWS,
		.name = span_str("dump") };
	struct repo_property name = { REPO_PROP_NAME, "dump" };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_snapshot snap;
	struct repo_backup *b;
	struct sink *s;
	FILE *f = fopen(path, "rb");
	uint8_t *buf = malloc(BUFFER);
	uint64_t fresh;
	size_t n;

	if (f == NULL || buf == NULL)
		die(path, NULL);
	if (repo_backup_begin(r, &o, &b, &err) != SNAP_OK)
		die("begin", &err);
	s = repo_backup_lane(b, 0);
	chunker_start(c, CUTTER_ROWS);
	if (sink_begin(s, &m, &err) != SNAP_OK)
		die("begin", &err);
	*size = 0;
	while ((n = fread(buf, 1, BUFFER, f)) > 0) {
		*size += n;
		if (sink_data(s, span_of(buf, n), &err) != SNAP_OK ||
		    chunker_feed(c, span_of(buf, n), look_up, x, &err) !=
			SNAP_OK)
			die(path, &err);
	}
	if (ferror(f) || sink_end(s, 0, &err) != SNAP_OK ||
	    chunker_end(c, look_up, x, &err) != SNAP_OK ||
	    repo_backup_commit(b, &name, 1, &snap, &err) != SNAP_OK)
		die(path, &err);
	fresh = snap.new_bytes;
	repo_snapshot_fini(&snap);
	free(buf);
	(void)fclose(f);
	return fresh;
}

int
main(int argc, char **argv)
{
	struct repo_params p = { .kdf_mem_kib = 8192 };
	struct repo_opts o = { .passphrase = span_str("exact") };
	struct report report = { 0 };
	struct snap_err err = SNAP_ERR_INIT;
	struct chunker_params cp = { 0 };
	uint8_t id[REPO_ID_LEN];
	struct exact x = { 0 };
	struct mem_store *mem;
	struct transport *t;
	struct chunker *c;
	struct repo *r;
	char code[128];
	bool bad = false;

	if (argc < 2)
		die("usage: exact DUMP...", NULL);
	o.report = &report;
	if (mem_store_new(&mem, &err) != SNAP_OK ||
	    transport_open_mem(mem, &t, &err) != SNAP_OK ||
	    repo_init(t, &p, &o, code, id, &err) != SNAP_OK ||
	    repo_open(t, &o, &r, &err) != SNAP_OK)
		die("make a repository", &err);
	x.keys = r->store->keys;
	cp.mean = r->store->config.chunk_mean;
	memcpy(cp.key, x.keys->cutter, sizeof cp.key);
	if (chunker_new(&cp, &c, &err) != SNAP_OK)
		die("make a chunker", &err);
	(void)printf("%14s %14s %14s %8s\n", "bytes", "exact", "snap", "more");
	for (int i = 1; i < argc; i++) {
		uint64_t before = x.new_bytes, size, snap, exact;

		snap = version(r, c, &x, argv[i], &size);
		exact = x.new_bytes - before;
		(void)printf("%14" PRIu64 " %14" PRIu64 " %14" PRIu64
			     " %7.2f%%\n",
		    size, exact, snap,
		    exact == 0 ? 0.0
			       : ((double)snap / (double)exact - 1) * 100);
		bad |= snap > exact + exact / 100 + SLACK;
	}
	chunker_free(c);
	repo_close(r);
	transport_close(t);
	mem_store_free(mem);
	free(x.v);
	return bad ? 1 : 0;
}
