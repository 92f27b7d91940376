/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_tamper_places.c - tampering that is not with one object of the store:
 * folders and whole stores taken back to an earlier day, the cache, key files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fdio.h"
#include "judge.h"
#include "mutate.h"
#include "pruned.h"

#define SEED UINT64_C(0x2545f4914f6cdd1d)
#define LIMIT (16u << 20)
#define PATH_LEN 256

static void
must_not(const char *where, const char *what, const char *why,
    const struct outcome *out)
{
	fail_msg("%s: %s: %s (listed %#x restored %#x)\n%.*s\n%.*s", where,
	    what, why, (unsigned)out->listed, (unsigned)out->restored,
	    (int)out->said.len, (const char *)out->said.p,
	    (int)out->checked.len, (const char *)out->checked.p);
}

/* Of the last state, but for what lies below `prefix` (NULL: nothing): that
 * is as it was at stage k. */
static struct mem_store *
taken_back(size_t k, const char *prefix)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	struct mem_store *mem;
	struct transport *old;

	must(mem_store_clone(ground->mem, &mem, &err), &err);
	must(transport_open_mem(ground->stages[k], &old, &err), &err);
	for (size_t i = 0; i < ground->n_objects; i++) {
		const char *name = ground->objects[i].name;

		if (strncmp(name, prefix, strlen(prefix)) == 0 &&
		    transport_stat(old, name, &st, &err) != SNAP_OK)
			assert_true(mem_store_remove(mem, name));
	}
	transport_close(old);
	return mem;
}

/* Is something missing that snapshot `i` rests on, according to what was
 * there at stage k?  Of what the prefix covers. */
static uint32_t
lost_with(size_t k, const char *prefix)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct transport_stat st;
	struct transport *old;
	uint32_t lost = 0;

	must(transport_open_mem(ground->stages[k], &old, &err), &err);
	for (size_t i = 0; i < ground->n_objects; i++) {
		const struct object_at *o = &ground->objects[i];

		if (strncmp(o->name, prefix, strlen(prefix)) == 0 &&
		    transport_stat(old, o->name, &st, &err) != SNAP_OK)
			lost |= o->needed_by;
	}
	transport_close(old);
	return lost;
}

static void
a_folder_taken_back_to_an_earlier_day_hurts_only_what_is_newer(void **state)
{
	static const char *const folders[] = { "keys/", "data/", "meta/",
		"index/", "snapshots/", "condemned/", "notes/", "runs/" };
	struct judge_opts opts = {
		.like_files = true, .latest_may_be_gone = true, .afresh = true
	};

	(void)state;
	for (size_t f = 0; f < sizeof folders / sizeof *folders; f++)
		for (size_t k = 0; k < ground->n_stages; k++) {
			uint32_t lost = lost_with(k, folders[f]);
			struct mem_store *mem = taken_back(k, folders[f]);
			const char *why = NULL;
			struct outcome out;

			/* Both slots were there from the first. */
			assert_int_equal(lost & ground->stands[k], 0);
			judge(ground, mem, &opts, &out);
			if (out.wrong != NULL)
				why = out.wrong;
			else if (out.restored != (GROUND_ALL & ~lost))
				why = "another snapshot suffers";
			else if (lost != 0 && f != 4 && out.n_findings == 0)
				why = "the check is content";
			else if (f != 4 &&
				 (out.listed | out.restored) != GROUND_ALL &&
				 out.n_damaged == 0)
				why = "a snapshot vanished without a word";
			if (why != NULL)
				must_not(folders[f], "taken back", why, &out);
			outcome_fini(&out);
			mem_store_free(mem);
		}
}

/* This nobody can tell: docs/security.md says so. */
static void
a_store_taken_back_to_an_earlier_day_is_what_it_was_then(void **state)
{
	struct judge_opts opts = { .latest_may_be_gone = true };

	(void)state;
	for (size_t k = 0; k < ground->n_stages; k++) {
		struct outcome out;

		judge(ground, ground->stages[k], &opts, &out);
		if (out.wrong != NULL || out.restored != ground->stands[k] ||
		    out.n_findings != 0)
			must_not("store", "taken back", "is not whole", &out);
		outcome_fini(&out);
	}
}

/* ---- packs under the id of one of the other kind */
static struct store *
opened(struct transport *t, bool as_host)
{
	struct store_opts o = { .passphrase = span_str(GROUND_PASSPHRASE),
		.n_threads = 1 };
	struct snap_err err = SNAP_ERR_INIT;
	struct store *s = NULL;

	if (as_host)
		o.key_file = bytes_span(&ground->key_file);
	must(store_open(t, &o, &s, &err), &err);
	must(transport_now(t, &s->l0, &err), &err);
	return s;
}

/* One beside each pack: nonsense of a host, or bytes that are nothing at all.
 */
static size_t
put_twins(struct mem_store *mem, bool by_host)
{
	struct snap_err err = SNAP_ERR_INIT;
	char name[TRANSPORT_NAME_MAX + 1];
	static uint8_t blocks[64][ID_LEN];
	struct store *s = NULL;
	struct transport *t;
	size_t n = 0, n_blocks = 0;

	must(transport_open_mem(mem, &t, &err), &err);
	if (by_host) {
		/* The host cannot read what is of a later epoch. */
		s = opened(t, false);
		n_blocks = pruned_blocks(s, blocks, 64);
		store_close(s);
		s = opened(t, true);
	}
	for (size_t i = 0; i < ground->n_objects; i++) {
		const struct object_at *o = &ground->objects[i];
		uint8_t other = o->kind == OBJ_DATA ? OBJ_META : OBJ_DATA;

		if (o->kind != OBJ_DATA && o->kind != OBJ_META)
			continue;
		store_name(other, o->raw.p + 16, name);
		if (by_host)
			pruned_twin(s, (const uint8_t(*)[ID_LEN])blocks,
			    n_blocks, other, o->raw.p + 16);
		else
			must(transport_put(
				 t, name, span_str("junk"), NULL, &err),
			    &err);
		n++;
	}
	store_close(s);
	transport_close(t);
	return n;
}

static void
a_pack_under_the_id_of_one_of_the_other_kind_hides_nothing(void **state)
{
	struct snap_err err = SNAP_ERR_INIT;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct judge_opts opts = { .like_files = i / 2 != 0 };
		struct mem_store *mem;
		struct outcome out;
		size_t n;

		must(mem_store_clone(ground->mem, &mem, &err), &err);
		n = put_twins(mem, i % 2 != 0);
		judge(ground, mem, &opts, &out);
		if (out.wrong != NULL || out.restored != GROUND_ALL ||
		    out.listed != GROUND_ALL || out.n_findings < n ||
		    !outcome_said(&out.checked, "has the same id as"))
			must_not("packs", i % 2 != 0 ? "by a host" : "junk",
			    "another pack is hidden", &out);
		outcome_fini(&out);
		mem_store_free(mem);
	}
}

/* ---- the cache: the store's bytes of these, as files */
static const char *
folder_of(uint8_t kind)
{
	switch (kind) {
	case OBJ_INDEX:
		return "index";
	case OBJ_META:
		return "meta";
	case OBJ_SNAPSHOT:
		return "snapshots";
	case OBJ_OK:
		return "ok";
	default:
		return NULL;
	}
}

struct cache_trial {
	char dir[64];
	char repo[2 * ID_LEN + 1];
	const struct object_at *o;
	unsigned n; /* a check now and then: it reads past the cache */
};

static void
cache_path(
    const struct cache_trial *tr, const struct object_at *o, char out[PATH_LEN])
{
	(void)snprintf(out, PATH_LEN, "%s/%s/%s/%s", tr->dir, tr->repo,
	    folder_of(o->kind), o->hex);
}

static void
write_file(const char *path, struct span raw)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	if (raw.len > 0)
		assert_int_equal(fwrite(raw.p, 1, raw.len, f), raw.len);
	assert_int_equal(fclose(f), 0);
}

static void
judge_cache(struct cache_trial *tr, const char *what)
{
	struct judge_opts opts = { .cache_dir = tr->dir,
		.no_check = tr->n++ % 16 != 0 };
	struct outcome out;

	judge(ground, ground->mem, &opts, &out);
	if (out.wrong != NULL || out.restored != GROUND_ALL ||
	    out.n_findings != 0 || out.said.len != 0)
		must_not(tr->o == NULL ? "cache" : tr->o->name, what,
		    "a cache matters", &out);
	outcome_fini(&out);
}

/* What was done to the object in `mem` is done to its file in the cache. */
static void
try_cache(void *arg, struct mem_store *mem, const struct mutation *m)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct cache_trial *tr = arg;
	char path[PATH_LEN];
	struct transport *t;
	struct bytes raw;

	must(transport_open_mem(mem, &t, &err), &err);
	for (size_t i = 0; i < m->n_touched; i++) {
		bytes_init(&raw, LIMIT);
		cache_path(tr, m->touched[i], path);
		if (transport_get(t, m->touched[i]->name, 0, SIZE_MAX, &raw,
			&err) == SNAP_OK)
			write_file(path, bytes_span(&raw));
		else
			(void)unlink(path);
		bytes_fini(&raw);
	}
	transport_close(t);
	judge_cache(tr, m->what);
	for (size_t i = 0; i < m->n_touched; i++) {
		cache_path(tr, m->touched[i], path);
		write_file(path, bytes_span(&m->touched[i]->raw));
	}
}

/* Not a file at all, at its place or the place of its folder. */
static void
odd_files(struct cache_trial *tr, const struct object_at *o)
{
	char path[PATH_LEN], folder[PATH_LEN], aside[PATH_LEN + 8];

	cache_path(tr, o, path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	judge_cache(tr, "a directory");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	judge_cache(tr, "a pipe");
	(void)unlink(path);
	assert_int_equal(symlink("/dev/zero", path), 0);
	judge_cache(tr, "a link to a device");
	(void)unlink(path);
	write_file(path, bytes_span(&o->raw));
	memcpy(folder, path, sizeof folder);
	*strrchr(folder, '/') = '\0';
	(void)snprintf(aside, sizeof aside, "%s.aside", folder);
	assert_int_equal(rename(folder, aside), 0);
	write_file(folder, span_str("no folder"));
	{
		struct judge_opts opts = { .cache_dir = tr->dir,
			.no_check = true };
		struct outcome out;

		judge(ground, ground->mem, &opts, &out);
		/* It says that no cache is used. */
		if (out.wrong != NULL || out.restored != GROUND_ALL)
			must_not(o->name, "no folder", "matters", &out);
		outcome_fini(&out);
	}
	assert_int_equal(unlink(folder), 0);
	assert_int_equal(rename(aside, folder), 0);
}

/* That the folders are empty then shows that nothing else was left. */
static void
drop_cache(const struct cache_trial *tr)
{
	static const char *const folders[] = { "/index", "/meta", "/snapshots",
		"/ok", "" };
	char path[PATH_LEN];

	for (size_t i = 0; i < ground->n_objects; i++) {
		if (folder_of(ground->objects[i].kind) == NULL)
			continue;
		cache_path(tr, &ground->objects[i], path);
		(void)unlink(path);
	}
	/* What checks have read. */
	(void)snprintf(path, sizeof path, "%s/%s/checked", tr->dir, tr->repo);
	assert_int_equal(unlink(path), 0);
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		(void)snprintf(path, sizeof path, "%s/%s%s", tr->dir, tr->repo,
		    folders[i]);
		assert_int_equal(rmdir(path), 0);
	}
	assert_int_equal(rmdir(tr->dir), 0);
}

static void
a_cache_that_was_tampered_with_changes_nothing(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct cache_trial tr = { .o = NULL };
	size_t n[UINT8_MAX + 1] = { 0 };

	(void)state;
	(void)snprintf(tr.dir, sizeof tr.dir, "%.40s/tamper-XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(tr.dir));
	hex_encode(ground->objects[0].raw.p + 32, ID_LEN, tr.repo);
	judge_cache(&tr, "nothing yet"); /* fills it */
	for (size_t i = 0; i < ground->n_objects; i++) {
		const struct object_at *o = &ground->objects[i];
		char path[PATH_LEN];

		if (folder_of(o->kind) == NULL)
			continue;
		cache_path(&tr, o, path);
		if (access(path, F_OK) != 0 || (n[o->kind]++ > 0 && !heavy))
			continue;
		tr.o = o;
		odd_files(&tr, o);
		tamper_with(o, SEED, try_cache, &tr);
	}
	drop_cache(&tr);
	assert_true(n[OBJ_INDEX] > 0 && n[OBJ_META] > 0 &&
		    n[OBJ_SNAPSHOT] > 0 && n[OBJ_OK] > 0);
}

/* ---- the key file of a host, which lies beside the program */
static unsigned n_mended;

static void
try_key_file(void *arg, struct mem_store *mem, const struct mutation *m)
{
	const struct object_at *o = arg;
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes file;
	struct transport *t;
	struct repo_snapshots all;
	struct repo_opts ro = { .n_threads = 1 };
	struct repo *r = NULL;
	enum snap_code rc;

	bytes_init(&file, LIMIT);
	must(transport_open_mem(mem, &t, &err), &err);
	rc = transport_get(t, o->name, 0, SIZE_MAX, &file, &err);
	transport_close(t);
	if (rc != SNAP_OK || file.len == 0) {
		bytes_fini(&file);
		return;
	}
	ro.key_file = bytes_span(&file);
	must(transport_open_mem(ground->mem, &t, &err), &err);
	rc = repo_open(t, &ro, &r, &err);
	if (rc != SNAP_OK) {
		if (strstr(err.msg, "key file") == NULL ||
		    (rc != SNAP_CORRUPT && rc != SNAP_UNSUPPORTED &&
			rc != SNAP_DENIED))
			fail_msg("%s: %s", m->what, err.msg);
	} else {
		/* Who can write the file can put other keys in it: then there
		 * is nothing they open, or they are as good. */
		n_mended++;
		if (strstr(m->what, "mended") == NULL &&
		    strstr(m->what, "renamed") == NULL)
			fail_msg("%s: the key file opens", m->what);
		rc = repo_snapshots(r, &all, &err);
		for (size_t i = 0; rc == SNAP_OK && i < all.n; i++) {
			unsigned k = 0;

			while (k < GROUND_SNAPS &&
			       memcmp(all.v[i].root, ground->snaps[k].snap.root,
				   REPO_ID_LEN) != 0)
				k++;
			assert_true(k < GROUND_SNAPS);
		}
		if (rc == SNAP_OK)
			repo_snapshots_free(&all);
	}
	repo_close(r);
	transport_close(t);
	bytes_fini(&file);
}

static void
a_key_file_that_was_tampered_with_is_named_and_opens_nothing(void **state)
{
	struct object_at o;

	(void)state;
	memset(&o, 0, sizeof o);
	(void)snprintf(o.hex, sizeof o.hex, "ffffffffffffffffffffffffffffffff");
	(void)snprintf(o.name, sizeof o.name, "notes/%s", o.hex);
	o.kind = OBJ_KEYFILE;
	o.raw = ground->key_file;
	tamper_with(&o, SEED, try_key_file, &o);
	assert_true(n_mended > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_folder_taken_back_to_an_earlier_day_hurts_only_what_is_newer),
		cmocka_unit_test(
		    a_store_taken_back_to_an_earlier_day_is_what_it_was_then),
		cmocka_unit_test(
		    a_pack_under_the_id_of_one_of_the_other_kind_hides_nothing),
		cmocka_unit_test(
		    a_cache_that_was_tampered_with_changes_nothing),
		cmocka_unit_test(
		    a_key_file_that_was_tampered_with_is_named_and_opens_nothing),
	};

	return cmocka_run_group_tests(tests, tamper_start, tamper_finish);
}
