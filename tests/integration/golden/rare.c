/* SPDX-License-Identifier: PostgreSQL */
/*
 * rare.c - a repository with everything in it that no command makes yet: rows
 * by a write-only host, a second key epoch, sparse blocks, a note, a condemned
 * list.  Usage: rare DIRECTORY FILE FILE FILE; each file becomes a snapshot.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdio.h"
#include "pruned.h"
#include "repo_care.h"
#include "transport.h"

#define FILE_LIMIT ((size_t)64 << 20)

static const char passphrase[] = "a golden passphrase";

static void
must(enum snap_code rc, const struct snap_err *err)
{
	if (rc == SNAP_OK)
		return;
	(void)fprintf(stderr, "rare: %s\n", err->msg);
	exit(1);
}

/* key_file: NULL = the owner. */
static void
back_up(struct transport *t, const struct bytes *key_file, const char *file)
{
	struct repo_opts o = { .passphrase = span_str(passphrase) };
	struct repo_backup_opts bo = { .n_lanes = 1, .name = "rows" };
	struct repo_property props[] = { { "name", "rows" } };
	struct stream_meta m = { .kind = STREAM_RAW,
		.cutter = CUTTER_ROWS,
		.name = span_str("rows") };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_snapshot snap;
	struct repo_backup *b;
	struct repo *r = NULL;
	struct bytes in;
	struct sink *s;

	bytes_init(&in, FILE_LIMIT);
	must(fd_slurp(file, FILE_LIMIT, &in, &err), &err);
	if (key_file != NULL)
		o.key_file = bytes_span(key_file);
	must(repo_open(t, &o, &r, &err), &err);
	must(repo_backup_begin(r, &bo, &b, &err), &err);
	s = repo_backup_lane(b, 0);
	must(sink_begin(s, &m, &err), &err);
	must(sink_data(s, bytes_span(&in), &err), &err);
	must(sink_end(s, 0, &err), &err);
	must(repo_backup_commit(b, props, 1, &snap, &err), &err);
	repo_snapshot_fini(&snap);
	repo_close(r);
	bytes_fini(&in);
}

static struct store *
inside(struct transport *t)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct store_opts o;
	struct store *s = NULL;

	memset(&o, 0, sizeof o);
	o.passphrase = span_str(passphrase);
	o.n_threads = 1;
	must(store_open(t, &o, &s, &err), &err);
	must(store_look(s, &err), &err);
	return s;
}

/* Leave of every block two copies with half of its chunks each. */
static void
make_sparse(struct transport *t)
{
	struct store *s = inside(t);

	pruned_halves(s);
	store_close(s);
}

static void
say_things(struct transport *t)
{
	static const uint8_t gone[ID_LEN] = { 0xde, 0xad };
	static struct note_body n;
	struct snap_err err = SNAP_ERR_INIT;
	struct condemned_body c;
	struct confirm_body ok;
	struct store *s = inside(t);
	struct bytes body;
	uint8_t id[ID_LEN];

	bytes_init(&body, FILE_LIMIT);
	n.type = 2;
	n.l0 = s->l0;
	n.n_props = 1;
	n.props[0].key = span_str("tags");
	n.props[0].value = span_str("golden");
	note_encode(&n, &body);
	keys_random(id, ID_LEN);
	must(store_put_body(
		 s, OBJ_NOTE, id, bytes_span(&body), true, NULL, &err),
	    &err);
	memset(&c, 0, sizeof c);
	c.l0 = s->l0;
	c.n_packs = 1;
	c.packs = gone;
	bytes_clear(&body);
	condemned_encode(&c, &body);
	keys_random(id, ID_LEN);
	must(store_put_body(
		 s, OBJ_CONDEMNED, id, bytes_span(&body), true, NULL, &err),
	    &err);
	memcpy(ok.id, id, ID_LEN);
	ok.l0 = s->l0;
	bytes_clear(&body);
	confirm_encode(&ok, &body);
	must(store_put_body(
		 s, OBJ_CONDEMNED_OK, id, bytes_span(&body), true, NULL, &err),
	    &err);
	bytes_fini(&body);
	store_close(s);
}

int
main(int argc, char **argv)
{
	struct repo_opts o = { .passphrase = span_str(passphrase) };
	struct repo_params p = { .kdf_mem_kib = 8192 };
	static const struct transport_opts create = { .create = 1 };
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[REPO_ID_LEN];
	struct transport *t;
	struct bytes host;
	struct store *s;
	char code[128];
	uint64_t n;
	struct repo *r = NULL;

	if (argc != 5) {
		(void)fprintf(stderr, "usage: rare DIRECTORY FILE FILE FILE\n");
		return 2;
	}
	must(transport_open(argv[1], &create, &t, &err), &err);
	must(repo_init(t, &p, &o, code, id, &err), &err);
	back_up(t, NULL, argv[2]);
	s = inside(t);
	pruned_key_file(s, KEYFILE_HOST, &host);
	store_close(s);
	back_up(t, &host, argv[3]);
	bytes_fini_wipe(&host);
	s = inside(t);
	pruned_rotate(s, span_str(passphrase), 2);
	store_close(s);
	back_up(t, NULL, argv[4]);
	make_sparse(t);
	say_things(t);
	must(repo_open(t, &o, &r, &err), &err);
	must(repo_repair_index(r, &n, &err), &err);
	repo_close(r);
	transport_close(t);
	return 0;
}
