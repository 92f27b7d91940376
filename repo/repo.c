/* SPDX-License-Identifier: PostgreSQL */
/*
 * repo.c - the door: checks what callers ask for and hands it on.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "assemble.h"
#include "ingest.h"
#include "keys.h"
#include "maint.h"
#include "manifest.h"
#include "notes.h"
#include "prune.h"
#include "recall.h"
#include "repo_care.h"
#include "repo_internal.h"
#include "repo_notes.h"
#include "salvage.h"
#include "slots.h"
#include "snapshots.h"

#define SLICE_BLOCKS_DEFAULT 32768u

struct bound {
	const char *what;
	uint32_t min, max, def;
};

static enum snap_code
bounded(
    uint32_t given, const struct bound *b, uint32_t *out, struct snap_err *err)
{
	uint32_t v = given == 0 ? b->def : given;

	if (v < b->min || v > b->max)
		return snap_fail(err, SNAP_USAGE,
		    "%s of %lu is not between %lu and %lu", b->what,
		    (unsigned long)v, (unsigned long)b->min,
		    (unsigned long)b->max);
	*out = v;
	return SNAP_OK;
}

/* Defaults for what is 0, bounds for what is not. */
static enum snap_code
make_config(const struct repo_params *p, struct config *c,
    struct slot_cost *cost, struct snap_err *err)
{
	static const struct bound chunk = { "a mean chunk size", 256, 16u << 10,
		512 };
	static const struct bound block = { "a block size", 64u << 10,
		16u << 20, 1u << 20 };
	static const struct bound pack = { "a pack size", 64u << 10, 32u << 20,
		16u << 20 };
	static const struct bound grace = { "a grace time in seconds", 3600,
		366u * 86400, 72u * 3600 };
	static const struct bound slice = { "a slice in heap blocks", 1,
		UINT32_MAX, SLICE_BLOCKS_DEFAULT };
	static const struct bound mem = { "Argon2id memory in KiB", 8u << 10,
		4u << 20, SLOT_MEM_KIB_DEFAULT };
	enum snap_code rc;

	memset(c, 0, sizeof *c);
	rc = bounded(p->chunk_mean, &chunk, &c->chunk_mean, err);
	if (rc == SNAP_OK)
		rc = bounded(p->block_size, &block, &c->block_size, err);
	if (rc == SNAP_OK)
		rc = bounded(p->pack_size, &pack, &c->pack_size, err);
	if (rc == SNAP_OK)
		rc = bounded(p->grace_s, &grace, &c->grace_s, err);
	if (rc == SNAP_OK)
		rc = bounded(p->slice_blocks, &slice, &c->slice_blocks, err);
	if (rc == SNAP_OK)
		rc = bounded(p->kdf_mem_kib, &mem, &cost->mem_kib, err);
	if (rc != SNAP_OK)
		return rc;
	if ((c->chunk_mean & (c->chunk_mean - 1)) != 0)
		return snap_fail(err, SNAP_USAGE,
		    "a mean chunk size of %lu is no power of two",
		    (unsigned long)c->chunk_mean);
	/* Chunks are at least a quarter of the mean; a block counts them. */
	if (c->block_size / (c->chunk_mean / 4) > BLOCK_CHUNKS_MAX)
		return snap_fail(err, SNAP_USAGE,
		    "a block of %lu bytes has too many chunks of %lu bytes",
		    (unsigned long)c->block_size, (unsigned long)c->chunk_mean);
	return SNAP_OK;
}

enum snap_code
repo_init(struct transport *t, const struct repo_params *params,
    const struct repo_opts *opts, char recovery_out[128],
    uint8_t id_out[REPO_ID_LEN], struct snap_err *err)
{
	static const struct repo_params defaults;
	struct slot_cost cost = SLOT_COST_DEFAULT;
	struct config config;
	enum snap_code rc;
	time_t now;

	rc = make_config(
	    params == NULL ? &defaults : params, &config, &cost, err);
	if (rc == SNAP_OK)
		rc = keys_library_init(err);
	if (rc != SNAP_OK)
		return rc;
	if (opts->is_recovery_code)
		return snap_fail(err, SNAP_USAGE,
		    "a new repository needs a passphrase, not a recovery "
		    "code");
	if (opts->passphrase.len == 0)
		return snap_fail(
		    err, SNAP_USAGE, "the passphrase must not be empty");
	now = time(NULL);
	config.created = now > 0 ? (uint64_t)now : 0;
	return store_init(
	    t, &config, &cost, opts->passphrase, recovery_out, id_out, err);
}

void
repo_store_opts(const struct repo_opts *opts, struct store_opts *out)
{
	memset(out, 0, sizeof *out);
	out->passphrase = opts->passphrase;
	out->is_recovery_code = opts->is_recovery_code;
	out->not_slot = opts->not_slot;
	out->key_file = opts->key_file;
	out->cache_dir = opts->cache_dir;
	out->cache_limit = opts->cache_limit;
	out->n_threads = opts->n_threads;
	out->zstd_level = opts->zstd_level;
	out->for_reading = opts->for_reading;
	out->for_listing = opts->for_listing;
	out->report = opts->report;
}

enum snap_code
repo_open(struct transport *t, const struct repo_opts *opts, struct repo **out,
    struct snap_err *err)
{
	struct timespec now = { 0, 0 };
	struct store_opts so;
	enum snap_code rc;
	struct repo *r;

	rc = keys_library_init(err);
	if (rc != SNAP_OK)
		return rc;
	r = calloc(1, sizeof *r);
	if (r == NULL)
		return snap_fail(err, SNAP_NOMEM,
		    "not enough memory to open the repository");
	repo_store_opts(opts, &so);
	r->for_reading = so.for_reading;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	r->seen = calloc(1, sizeof *r->seen);
	rc = r->seen == NULL
		 ? snap_fail(err, SNAP_NOMEM, "no memory for a repository")
		 : store_open(t, &so, &r->store, err);
	if (rc != SNAP_OK) {
		free(r->seen);
		free(r);
		return rc;
	}
	recall_watch(r->seen, r->store);
	r->seen->wall_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	*out = r;
	return SNAP_OK;
}

void
repo_close(struct repo *r)
{
	if (r == NULL)
		return;
	recall_unwatch(r->seen);
	free(r->seen);
	store_close(r->store);
	free(r);
}

enum repo_rights
repo_rights(const struct repo *r)
{
	const struct keys *k = r->store->keys;

	return k->owner         ? REPO_MAY_READ
	       : k->maintenance ? REPO_MAY_SAY
				: REPO_MAY_WRITE;
}

bool
repo_is_key_file(struct span s)
{
	return object_begins(s);
}

void
repo_id(const struct repo *r, uint8_t out[REPO_ID_LEN])
{
	memcpy(out, r->store->repo_id, REPO_ID_LEN);
}

void
repo_get_params(const struct repo *r, struct repo_params *out)
{
	const struct config *c = &r->store->config;

	memset(out, 0, sizeof *out);
	out->chunk_mean = c->chunk_mean;
	out->block_size = c->block_size;
	out->pack_size = c->pack_size;
	out->grace_s = c->grace_s;
	out->slice_blocks = c->slice_blocks;
}

enum snap_code
repo_look_once(struct repo *r, struct snap_err *err)
{
	enum snap_code rc;

	if (r->looked)
		return SNAP_OK;
	rc = store_look(r->store, err);
	r->looked = rc == SNAP_OK;
	return rc;
}

enum snap_code
repo_snapshots(struct repo *r, struct repo_snapshots *out, struct snap_err *err)
{
	return snapshots_load(r->store, out, err);
}

enum snap_code
repo_snapshot_find(const struct repo_snapshots *all, const char *spec,
    const struct repo_snapshot **out, struct snap_err *err)
{
	return snapshots_find(all, spec, out, err);
}

enum snap_code
repo_check(struct repo *r, const struct repo_check_opts *o,
    struct repo_check_result *out, struct snap_err *err)
{
	return maint_check(r->store, o, out, err);
}

enum snap_code
repo_scrub(struct transport *t, struct report *report,
    struct repo_scrub_result *out, struct snap_err *err)
{
	return maint_scrub(t, report, out, err);
}

enum snap_code
repo_repair_index(struct repo *r, uint64_t *n_packs_added, struct snap_err *err)
{
	return maint_repair_index(r->store, n_packs_added, err);
}

enum snap_code
repo_repair_packs(struct repo *r, const uint8_t (*packs)[REPO_ID_LEN], size_t n,
    struct repo_mend_result *out, struct snap_err *err)
{
	/* A reader's index has no directories. */
	if (r->for_reading)
		return snap_fail(err, SNAP_USAGE,
		    "the repository was opened for reading only");
	return maint_repair_packs(r->store, packs, n, out, err);
}

enum snap_code
repo_forget(struct repo *r, const uint8_t (*ids)[REPO_ID_LEN], size_t n,
    struct snap_err *err)
{
	enum snap_code rc = repo_may_say(r, err);

	if (rc == SNAP_OK)
		rc = repo_time(r, err);
	return rc == SNAP_OK ? notes_forget(r->store, ids, n, err) : rc;
}

enum snap_code
repo_prune(struct repo *r, const struct repo_prune_opts *o,
    struct repo_prune_result *out, struct snap_err *err)
{
	return prune_run(r->store, o, out, err);
}

enum snap_code
repo_broken(struct repo *r, const char *tmpdir, uint8_t (**ids)[REPO_ID_LEN],
    size_t *n, size_t *n_unnamed, struct snap_err *err)
{
	return prune_broken(r->store, tmpdir, ids, n, n_unnamed, err);
}

enum snap_code
repo_stats(struct repo *r, struct repo_stats *out, struct snap_err *err)
{
	return maint_stats(r->store, out, err);
}

/* A writer judges what it may refer to by a look of its own. */
static enum snap_code
look_to_write(struct repo *r, struct snap_err *err)
{
	if (r->for_reading)
		return snap_fail(err, SNAP_USAGE,
		    "the repository was opened for reading only");
	r->looked = false;
	return repo_look_once(r, err);
}

enum snap_code
repo_backup_begin(struct repo *r, const struct repo_backup_opts *o,
    struct repo_backup **out, struct snap_err *err)
{
	enum snap_code rc = look_to_write(r, err);

	if (rc == SNAP_OK)
		rc = ingest_begin(r->store, o, out, err);
	return rc;
}

struct sink *
repo_backup_lane(struct repo_backup *b, size_t i)
{
	return ingest_lane(b, i);
}

enum snap_code
repo_backup_commit(struct repo_backup *b, const struct repo_property *props,
    size_t n_props, struct repo_snapshot *out, struct snap_err *err)
{
	return ingest_commit(b, props, n_props, out, err);
}

void
repo_backup_abort(struct repo_backup *b)
{
	ingest_abort(b);
}

/* A snapshot that stands needs all it names: what is not there was lost. */
static enum snap_code
loss(enum snap_code rc, struct snap_err *err)
{
	if (rc != SNAP_NOTFOUND && rc != SNAP_CORRUPT)
		return rc;
	err->code = SNAP_CORRUPT;
	if (err->hint[0] != '\0')
		return err->code;
	return snap_hint(err,
	    "\"check --read-data\" names all that is damaged and the snapshots "
	    "that it hurts; if only the index is, \"repair index\" helps. Of a "
	    "database \"restore --partial\" delivers every intact table.");
}

enum snap_code
repo_manifest(struct repo *r, const struct repo_snapshot *s,
    struct repo_manifest **out, struct snap_err *err)
{
	struct manifest *m;
	enum snap_code rc;

	rc = repo_look_once(r, err);
	if (rc == SNAP_OK)
		rc = manifest_load(r->store, s->root, &m, err);
	if (rc == SNAP_OK)
		*out = &m->m;
	return loss(rc, err);
}

enum snap_code
repo_manifest_rest(struct repo *r, const struct repo_snapshot *s,
    struct repo_manifest **out, size_t *n_lost, struct snap_err *err)
{
	struct manifest *m;
	enum snap_code rc;

	rc = repo_look_once(r, err);
	if (rc == SNAP_OK)
		rc = manifest_load_rest(r->store, s->root, &m, n_lost, err);
	if (rc == SNAP_OK)
		*out = &m->m;
	return loss(rc, err);
}

enum snap_code
repo_survey(struct repo *r, const struct repo_manifest *m,
    bool (*choose)(void *arg, const struct repo_stream *s), void *arg,
    bool *lost, struct snap_err *err)
{
	enum snap_code rc;

	rc = repo_look_once(r, err);
	if (rc == SNAP_OK)
		rc = assemble_survey(r->store, (const struct manifest *)m,
		    choose, arg, lost, err);
	return rc;
}

enum snap_code
repo_salvage(struct repo *r, const struct repo_snapshot *of,
    const struct repo_manifest *m, const bool *lost, bool list_damaged,
    struct repo_snapshot *out, struct snap_err *err)
{
	enum snap_code rc = look_to_write(r, err);

	if (rc == SNAP_OK)
		rc = salvage_write(r->store, of, (const struct manifest *)m,
		    lost, list_damaged, out, err);
	return rc;
}

/* Callers see the first member of a struct manifest. */
void
repo_manifest_free(struct repo_manifest *m)
{
	manifest_free((struct manifest *)m);
}

enum snap_code
repo_read(struct repo *r, const struct repo_manifest *m,
    bool (*choose)(void *arg, const struct repo_stream *s), void *arg,
    struct sink *out, struct snap_err *err)
{
	enum snap_code rc;

	rc = repo_look_once(r, err);
	if (rc == SNAP_OK)
		rc = assemble_read(r->store, (const struct manifest *)m, choose,
		    arg, out, err);
	return loss(rc, err);
}

void
repo_share_reading(struct repo *r, size_t n)
{
	r->store->n_readers = n;
}
