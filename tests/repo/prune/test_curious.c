/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_curious.c - who has what a machine with a key file has tries to read
 * rows: every secret that he holds, can derive from one or finds anywhere, as
 * 32 bytes at any place, on every data frame.  With the repository's secret
 * the same attack opens all of them, so it is none that cannot succeed.
 */
#define _XOPEN_SOURCE 700 /* nftw() */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <ftw.h>
#include <sodium.h>

#include "fdio.h"
#include "life.h"
#include "names.h"
#include "pruned.h"
#include "seal.h"

#define must(call) assert_int_equal(call, SNAP_OK)
#define LIMIT ((size_t)64 << 20)
#define SESSIONS_MAX 64
#define PURPOSES 7
#define SEED_OF_PAIR 6
#define EPOCHS 2

/* A session, and the smallest frame under its key. */
struct target {
	struct session_row session;
	struct frame_context context;
	struct bytes sealed;
	bool open;
};
struct attack {
	struct target v[SESSIONS_MAX];
	size_t n, n_tried;
};

static bool
is_heavy(void)
{
	return getenv("SNAP_TEST_HEAVY") != NULL;
}

/* ---- what there is to be read */

static struct target *
target_of(struct attack *a, const struct session_row *row)
{
	size_t i = 0;

	while (i < a->n && memcmp(a->v[i].session.id, row->id, ID_LEN) != 0)
		i++;
	assert_true(i < SESSIONS_MAX);
	if (i == a->n) {
		a->v[i].session = *row;
		bytes_init(&a->v[i].sealed, LIMIT);
		a->n++;
	}
	return &a->v[i];
}

static void
add_pack(struct attack *a, struct store *s, const struct name *n,
    struct bytes *found)
{
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t kind, id[ID_LEN];
	struct pack_contents pc;
	struct store_body b;

	assert_true(store_name_parse(n->s, &kind, id));
	must(store_get_contents(s, kind, id, n->st.size, &b, &err));
	bytes_put_span(found, b.body.body);
	must(pack_contents_decode(b.body.body, &pc, &err));
	for (uint32_t i = 0; i < pc.n_rows; i++) {
		const struct pack_row *row = &pc.rows[i];
		struct target *t = target_of(a, &pc.sessions[row->session]);

		if (t->sealed.len != 0 && t->sealed.len <= row->sealed_len)
			continue;
		bytes_clear(&t->sealed);
		must(transport_get(
		    s->t, n->s, row->off, row->sealed_len, &t->sealed, &err));
		memset(&t->context, 0, sizeof t->context);
		memcpy(t->context.repo_id, s->repo_id, ID_LEN);
		t->context.epoch = t->session.epoch;
		t->context.class = CLASS_DATA;
		memcpy(t->context.id, row->id, ID_LEN);
		t->context.plain_len = row->plain_len;
		seal_bitmap_hash(row->bitmap, t->context.bitmap_hash);
	}
	pack_contents_fini(&pc);
	store_body_fini(&b);
}

/* Of all that a host may open what is in it, and in the heavy test every
 * stored byte. */
static void
collect(struct attack *a, struct store *s, struct bytes *found)
{
	static const uint8_t kinds[] = { OBJ_INDEX, OBJ_SNAPSHOT, OBJ_OK,
		OBJ_NOTE, OBJ_HOST };
	struct snap_err err = SNAP_ERR_INIT;
	struct store_body b;
	struct name *v;
	size_t n = names_below(s->t, "", &v);

	for (size_t i = 0; i < n; i++) {
		uint8_t id[ID_LEN], kind;

		if (is_heavy())
			must(transport_get(
			    s->t, v[i].s, 0, SIZE_MAX, found, &err));
		if (!store_name_parse(v[i].s, &kind, id))
			continue;
		if (kind == OBJ_DATA)
			add_pack(a, s, &v[i], found);
		for (size_t k = 0; k < sizeof kinds; k++) {
			if (kind != kinds[k] &&
			    !(kind == OBJ_SLOT && kinds[k] == OBJ_HOST))
				continue;
			if (store_get_body(s, kinds[k], id, &b, &err) !=
			    SNAP_OK)
				continue;
			bytes_put_span(found, bytes_span(&b.plain));
			store_body_fini(&b);
		}
	}
	free(v);
	assert_false(found->bad);
}

static struct bytes *into;

static int
slurp(const char *path, const struct stat *st, int type, struct FTW *at)
{
	struct snap_err err = SNAP_ERR_INIT;

	(void)st;
	(void)at;
	if (type == FTW_F)
		must(fd_slurp(path, LIMIT, into, &err));
	return 0;
}

static int
unlink_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

/* ---- trying */

static void
try_key(struct attack *a, const uint8_t key[KEY_BYTES])
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes plain;

	bytes_init(&plain, LIMIT);
	for (size_t i = 0; i < a->n; i++) {
		if (a->v[i].open)
			continue;
		a->n_tried++;
		bytes_clear(&plain);
		a->v[i].open =
		    open_frame(key, &a->v[i].context,
			bytes_span(&a->v[i].sealed), &plain, &err) == SNAP_OK;
	}
	bytes_fini(&plain);
}

/* As the secret half of the pair to which session keys are sealed. */
static void
try_pair(struct attack *a, const uint8_t pk[32], const uint8_t sk[32])
{
	uint8_t key[KEY_BYTES];

	for (size_t i = 0; i < a->n; i++)
		if (!a->v[i].open &&
		    crypto_box_seal_open(key, a->v[i].session.sealed_key,
			SEALED_KEY_BYTES, pk, sk) == 0)
			try_key(a, key);
}

/* Of the same, what this secret could be: a key, half of a pair, its seed. */
static void
try_secret(struct attack *a, const uint8_t secret[32])
{
	uint8_t pk[32], sk[32], sign_pk[32], sign_sk[64];

	try_key(a, secret);
	if (crypto_scalarmult_base(pk, secret) == 0)
		try_pair(a, pk, secret);
	(void)crypto_box_seed_keypair(pk, sk, secret);
	try_pair(a, pk, sk);
	(void)crypto_sign_seed_keypair(sign_pk, sign_sk, secret);
	if (crypto_sign_ed25519_sk_to_curve25519(sk, sign_sk) == 0 &&
	    crypto_scalarmult_base(pk, sk) == 0)
		try_pair(a, pk, sk);
}

/* And as the secret of which all keys of a repository are derived. */
static void
try_root(struct attack *a, const uint8_t secret[32])
{
	uint8_t sub[32];

	try_secret(a, secret);
	for (uint64_t e = 0; e <= EPOCHS; e++)
		for (uint64_t i = 1; i <= PURPOSES; i++) {
			(void)crypto_kdf_derive_from_key(
			    sub, sizeof sub, e << 32 | i, "snapkeys", secret);
			if (i == SEED_OF_PAIR || is_heavy())
				try_secret(a, sub);
			else
				try_key(a, sub);
		}
}

static size_t
n_open(const struct attack *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		n += a->v[i].open;
	return n;
}

static void
attack_fini(struct attack *a)
{
	for (size_t i = 0; i < a->n; i++)
		bytes_fini(&a->v[i].sealed);
}

/* ---- whose hands it is in */

struct machine {
	struct bytes file; /* its key file */
	char cache[64];
};

/* Backups of its own before and after the owner's. */
static void
works(struct life *l, const struct machine *m)
{
	l->n_rows = 40; /* small frames: each try reads all of one */
	l->key_file = bytes_span(&m->file);
	l->cache_dir = m->cache;
	for (uint32_t i = 0; i < 3; i++) {
		if (i == 1)
			l->key_file = (struct span){ NULL, 0 };
		life_change(l, i, 30);
		(void)life_backup(l);
		l->key_file = bytes_span(&m->file);
	}
	l->cache_dir = NULL;
	l->key_file = (struct span){ NULL, 0 };
}

static void
try_all_of(struct life *l, enum keyfile_type type)
{
	static struct attack a;
	struct snap_err err = SNAP_ERR_INIT;
	struct store_opts o = { .n_threads = 1 };
	struct store *s = NULL;
	struct machine m;
	struct bytes found;
	uint8_t rs[KEY_BYTES];
	size_t own;

	memset(&a, 0, sizeof a);
	(void)snprintf(m.cache, sizeof m.cache, "curious-%ld", (long)getpid());
	assert_int_equal(mkdir(m.cache, 0700), 0);
	o.passphrase = span_str(LIFE_PASSPHRASE);
	must(store_open(l->t, &o, &s, &err));
	must(store_look(s, &err));
	pruned_key_file(s, type, &m.file);
	memcpy(rs, s->keys->rs, sizeof rs);
	store_close(s);
	works(l, &m);

	bytes_init(&found, LIMIT);
	memset(&o, 0, sizeof o);
	o.n_threads = 1;
	o.key_file = bytes_span(&m.file);
	must(store_open(l->t, &o, &s, &err));
	must(store_look(s, &err));
	collect(&a, s, &found);
	into = &found;
	assert_int_equal(nftw(m.cache, slurp, 8, FTW_PHYS), 0);
	assert_true(a.n >= 3);
	/* Its own, each as all that it could be. */
	own = m.file.len - sizeof rs;
	for (size_t i = 0; i <= own; i++)
		try_root(&a, m.file.p + i);
	try_root(&a, s->keys->host_sk + 32);
	/* All else, as keys and as halves. */
	for (size_t i = 0; i + sizeof rs <= found.len; i++)
		try_key(&a, found.p + i);
	assert_int_equal(n_open(&a), 0);
	assert_true(a.n_tried > found.len);
	store_close(s);

	try_root(&a, rs);
	assert_int_equal(n_open(&a), a.n);
	attack_fini(&a);
	bytes_fini(&found);
	bytes_fini_wipe(&m.file);
	assert_int_equal(nftw(m.cache, unlink_one, 8, FTW_PHYS | FTW_DEPTH), 0);
}

static void
a_write_only_host_finds_no_key_to_any_row(void **state)
{
	try_all_of(*state, KEYFILE_HOST);
}

static void
nor_does_a_maintenance_key(void **state)
{
	try_all_of(*state, KEYFILE_MAINTENANCE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_write_only_host_finds_no_key_to_any_row, life_setup,
		    life_teardown),
		cmocka_unit_test_setup_teardown(
		    nor_does_a_maintenance_key, life_setup, life_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
