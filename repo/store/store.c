/* SPDX-License-Identifier: PostgreSQL */
/*
 * store.c - make a repository, open it, close it.
 *
 * init puts the slots first and the config last: the config is what makes a
 * repository, so one that was interrupted is recognised and never half used.
 */
#include <xxhash.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "blockindex.h"
#include "keyslot.h"
#include "lists.h"
#include "run.h"
#include "store_internal.h"
#include "warn.h"

#define CACHE_DEFAULT ((uint64_t)2 << 30)
#define GRACE_MIN 3600u
#define FIRST_EPOCH 1
#define THREADS_MAX 64
#define LINE_MAX_BYTES 2048
#define REQUESTS 8 /* at once, of small objects, over a line */

#if !defined(CLOCK_BOOTTIME)
#define CLOCK_BOOTTIME CLOCK_MONOTONIC
#endif

static int64_t
clock_ns(clockid_t id)
{
	struct timespec ts = { 0, 0 };

	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t
local_boot(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

int64_t
local_real(void)
{
	return clock_ns(CLOCK_REALTIME);
}

static void
defaults(const struct config *in, struct config *c)
{
	*c = *in;
	if (c->chunk_mean == 0)
		c->chunk_mean = 512;
	if (c->block_size == 0)
		c->block_size = 1u << 20;
	if (c->pack_size == 0)
		c->pack_size = 16u << 20;
	if (c->grace_s == 0)
		c->grace_s = 72 * 3600;
	if (c->slice_blocks == 0)
		c->slice_blocks = 32768;
	if (c->created == 0)
		c->created = (uint64_t)time(NULL);
	memset(c->mac, 0, sizeof c->mac);
}

/* The decoder's bounds are the rules; what it refuses is never written. */
static enum snap_code
check_params(const struct config *c, struct snap_err *err)
{
	struct config again;
	char grace[DURATION_MAX];
	struct bytes b;
	enum snap_code rc;

	bytes_init(&b, 1024);
	config_encode(c, &b);
	rc = bytes_check(&b, err);
	if (rc == SNAP_OK &&
	    (config_decode(bytes_span(&b), &again, err) != SNAP_OK ||
		(c->chunk_mean & (c->chunk_mean - 1)) != 0 ||
		c->grace_s < GRACE_MIN)) {
		rc = snap_fail(err, SNAP_USAGE,
		    "a parameter of the repository is out of bounds");
		(void)snap_detail(err,
		    "chunks %u, blocks %u, packs %u bytes, grace %s",
		    (unsigned)c->chunk_mean, (unsigned)c->block_size,
		    (unsigned)c->pack_size, duration_text(c->grace_s, grace));
	}
	bytes_fini(&b);
	return rc;
}

static enum snap_code
found_one(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	(void)name;
	(void)st;
	(void)err;
	*(bool *)arg = true;
	return SNAP_OK;
}

static enum snap_code
check_empty(struct transport *t, struct snap_err *err)
{
	struct transport_stat st;
	enum snap_code rc;
	bool keys = false, used = false;

	rc = transport_stat(t, "config", &st, err);
	if (rc == SNAP_OK) {
		(void)snap_fail(err, SNAP_EXISTS,
		    "there is a repository at %s already", transport_url(t));
		return snap_hint(
		    err, "Choose another place, or use it as it is.");
	}
	if (rc != SNAP_NOTFOUND)
		return rc;
	/* What lost its config and its keys is still somebody's backups. */
	rc = transport_list(t, "snapshots/", found_one, &used, err);
	if (rc == SNAP_OK)
		rc = transport_list(t, "keys/", found_one, &keys, err);
	if (rc != SNAP_OK)
		return rc;
	if (used) {
		(void)snap_fail(err, SNAP_EXISTS,
		    "there are snapshots at %s, of a repository that lost its "
		    "config",
		    transport_url(t));
		return snap_hint(err,
		    "\"key import\" puts it back from a paper form; for a new "
		    "repository choose another place.");
	}
	if (keys) {
		(void)snap_fail(err, SNAP_EXISTS,
		    "there is a half initialised repository at %s",
		    transport_url(t));
		return snap_hint(err,
		    "It holds no data. Delete what is under keys/, then run "
		    "init again.");
	}
	return SNAP_OK;
}

struct init {
	struct transport *t;
	const struct slot_cost *cost;
	uint8_t repo_id[ID_LEN];
	uint8_t *rs; /* locked memory: secret, then recovery code */
	char slots[2][TRANSPORT_NAME_MAX + 1]; /* put so far */
	size_t n_slots;
};

static enum snap_code
put_slot(struct init *in, enum slot_type type, struct span secret,
    struct snap_err *err)
{
	struct slot_secret with = { type, secret, *in->cost };
	char name[TRANSPORT_NAME_MAX + 1];
	uint8_t id[ID_LEN];
	struct bytes obj;
	enum snap_code rc;

	keys_random(id, sizeof id);
	store_name(OBJ_SLOT, id, name);
	bytes_init(&obj, STORE_KEY_SIZE_MAX);
	rc = slot_build(in->repo_id, id, &with, in->rs, &obj, err);
	if (rc == SNAP_OK)
		rc = transport_put(in->t, name, bytes_span(&obj), NULL, err);
	bytes_fini(&obj);
	if (rc == SNAP_OK)
		memcpy(in->slots[in->n_slots++], name, sizeof name);
	return rc;
}

/* Somebody else's init was faster: our slots must not lie about in its
 * repository.  After any other failure the config may be there, and need
 * them. */
static void
take_back(const struct init *in)
{
	struct snap_err ignored = SNAP_ERR_INIT;

	for (size_t i = 0; i < in->n_slots; i++)
		if (transport_delete(in->t, in->slots[i], &ignored) != SNAP_OK)
			return;
}

static enum snap_code
put_config(const struct init *in, struct config *c, struct snap_err *err)
{
	struct header h = { .kind = OBJ_CONFIG, .epoch = FIRST_EPOCH };
	uint8_t header[HEADER_LEN];
	struct keys *k = NULL;
	struct bytes obj;
	enum snap_code rc;

	bytes_init(&obj, 4096);
	memcpy(h.id, in->repo_id, ID_LEN);
	memcpy(h.repo_id, in->repo_id, ID_LEN);
	header_encode(&h, header);
	rc = keys_from_secret(in->rs, in->repo_id, FIRST_EPOCH, &k, err);
	if (rc != SNAP_OK)
		goto out;
	bytes_put(&obj, header, HEADER_LEN);
	config_encode(c, &obj);
	rc = bytes_check(&obj, err);
	if (rc != SNAP_OK)
		goto out;
	keys_config_mac(k, span_of(obj.p, obj.len - CONFIG_MAC_LEN), c->mac);
	memcpy(obj.p + obj.len - CONFIG_MAC_LEN, c->mac, CONFIG_MAC_LEN);
	object_finish(&obj, HEADER_LEN);
	rc = bytes_check(&obj, err);
	if (rc == SNAP_OK)
		rc =
		    transport_put(in->t, "config", bytes_span(&obj), NULL, err);
out:
	bytes_fini(&obj);
	keys_free(k);
	return rc;
}

enum snap_code
store_init(struct transport *t, const struct config *params,
    const struct slot_cost *cost, struct span passphrase,
    char recovery_out[128], uint8_t id_out[ID_LEN], struct snap_err *err)
{
	static const struct slot_cost standard = SLOT_COST_DEFAULT;
	struct init in;
	struct config c;
	enum snap_code rc;

	rc = keys_library_init(err);
	if (rc != SNAP_OK)
		return rc;
	if (passphrase.len == 0)
		return snap_fail(err, SNAP_USAGE, "the passphrase is empty");
	defaults(params, &c);
	rc = check_params(&c, err);
	if (rc == SNAP_OK)
		rc = check_empty(t, err);
	if (rc != SNAP_OK)
		return rc;
	in.t = t;
	in.n_slots = 0;
	in.cost = cost != NULL ? cost : &standard;
	keys_random(in.repo_id, sizeof in.repo_id);
	in.rs = keys_secret_alloc(2 * KEY_BYTES);
	if (in.rs == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for keys");
	keys_random(in.rs, 2 * KEY_BYTES);
	rc = put_slot(&in, SLOT_PASSPHRASE, passphrase, err);
	if (rc == SNAP_OK)
		rc = put_slot(&in, SLOT_RECOVERY,
		    span_of(in.rs + KEY_BYTES, KEY_BYTES), err);
	if (rc == SNAP_OK)
		rc = put_config(&in, &c, err);
	if (rc == SNAP_EXISTS) {
		take_back(&in);
		(void)snap_hint(err,
		    "Another init made a repository here at the same time.");
	}
	if (rc == SNAP_OK) {
		recovery_code_format(in.rs + KEY_BYTES, recovery_out);
		memcpy(id_out, in.repo_id, ID_LEN);
	}
	keys_secret_free(in.rs);
	return rc;
}

static enum snap_code
state_new(struct store_state **out, struct snap_err *err)
{
	struct store_state *st = calloc(1, sizeof *st);
	enum snap_code rc;

	if (st == NULL || pthread_mutex_init(&st->lock, NULL) != 0) {
		free(st);
		return snap_fail(err, SNAP_NOMEM, "no memory for a store");
	}
	*out = st; /* from here on store_close() cleans up */
	rc = ctx_pool_new(&st->contexts, err);
	if (rc == SNAP_OK)
		rc = scratch_new(&st->scratch, err);
	if (rc != SNAP_OK)
		return rc;
	st->sessions = keys_secret_alloc(SESSIONS_KEPT * sizeof *st->sessions);
	if (st->sessions == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for keys");
	return SNAP_OK;
}

/* A cache that cannot be used makes everything slower, nothing wrong. */
static enum snap_code
open_cache(struct store *s, const struct store_opts *o, struct snap_err *err)
{
	uint64_t limit = o->cache_limit == 0 ? CACHE_DEFAULT : o->cache_limit;
	const char *dir = o->cache_dir;
	struct snap_err why = SNAP_ERR_INIT;
	char hex[2 * ID_LEN + 1];
	size_t len;

	if (dir != NULL) {
		len = strlen(dir) + sizeof hex + 1;
		s->cache_dir = malloc(len);
		if (s->cache_dir == NULL)
			return snap_fail(err, SNAP_NOMEM, "no memory");
		hex_encode(s->repo_id, ID_LEN, hex);
		(void)snprintf(s->cache_dir, len, "%s/%s", dir, hex);
	}
	if (cache_new(s->cache_dir, limit, &s->state->cache, &why) == SNAP_OK)
		return SNAP_OK;
	if (s->state->cache == NULL) {
		*err = why;
		return why.code;
	}
	report_log(s->report, REPORT_WARNING, "no cache is used: %s", why.msg);
	free(s->cache_dir);
	s->cache_dir = NULL;
	return SNAP_OK;
}

enum snap_code
store_open(struct transport *t, const struct store_opts *o, struct store **out,
    struct snap_err *err)
{
	struct store *s;
	enum snap_code rc;
	long n;

	rc = keys_library_init(err);
	if (rc != SNAP_OK)
		return rc;
	s = calloc(1, sizeof *s);
	if (s == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for a store");
	s->t = t;
	s->report = o->report;
	s->zstd_level = o->zstd_level;
	s->n_threads = o->n_threads;
	if (s->n_threads == 0) {
		n = sysconf(_SC_NPROCESSORS_ONLN);
		s->n_threads = n < 1 ? 1 : (size_t)n;
	}
	if (s->n_threads > THREADS_MAX)
		s->n_threads = THREADS_MAX;
	/* A disk answers before a thread has begun. */
	s->n_requests = transport_is_remote(t) ? REQUESTS : 1;
	rc = state_new(&s->state, err);
	if (rc == SNAP_OK)
		rc = blockindex_new(&s->index, err);
	if (rc == SNAP_OK) {
		s->index->lean = o->for_reading;
		ahead_start(s, !o->for_listing);
		rc = store_unlock(s, o, err);
	}
	if (rc == SNAP_OK)
		rc = open_cache(s, o, err);
	if (rc == SNAP_OK)
		*out = s;
	else
		store_close(s);
	return rc;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	if (s->state != NULL) {
		ahead_free(s);
		ctx_pool_free(s->state->contexts);
		scratch_free(s->state->scratch);
		keys_secret_free(s->state->sessions);
		cache_free(s->state->cache);
		free(s->state->hosts);
		(void)pthread_mutex_destroy(&s->state->lock);
		free(s->state);
	}
	blockindex_free(s->index);
	keys_free(s->keys);
	free(s->cache_dir);
	free(s);
}

void
store_warn(struct store *s, const char *fmt, ...)
{
	struct store_state *st = s->state;
	char line[LINE_MAX_BYTES];
	bool told = false;
	uint64_t hash;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	hash = XXH3_64bits(line, strlen(line));
	(void)pthread_mutex_lock(&st->lock);
	for (size_t i = 0; i < st->n_warned && i < WARNED_KEPT; i++)
		told |= st->warned[i] == hash;
	if (!told)
		st->warned[st->n_warned++ % WARNED_KEPT] = hash;
	(void)pthread_mutex_unlock(&st->lock);
	if (!told)
		report_log(s->report, REPORT_WARNING, "%s", line);
}
