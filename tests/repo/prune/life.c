/* SPDX-License-Identifier: PostgreSQL */
/* life.c - see life.h. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "life.h"
#include "repo_care.h"
#include "sink.h"
#include "transport_impl.h"

#define must(call) assert_int_equal(call, SNAP_OK)
#define ROWS 6000
#define ROW_LEN 64

/* A check has several threads. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void
on_log(void *arg, enum report_level level, const char *line)
{
	struct life *l = arg;

	if (level != REPORT_WARNING)
		return;
	(void)pthread_mutex_lock(&log_lock);
	bytes_put_str(&l->log, line);
	bytes_put_str(&l->log, "\n");
	(void)pthread_mutex_unlock(&log_lock);
}

int
life_setup(void **state)
{
	struct repo_params params = { .pack_size = 64u << 10,
		.block_size = 64u << 10,
		.grace_s = 3600,
		.kdf_mem_kib = 8u << 10 };
	struct life *l = calloc(1, sizeof *l);
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_opts o;
	uint8_t id[REPO_ID_LEN];
	char code[128];

	assert_non_null(l);
	must(mem_store_new(&l->mem, &err));
	must(transport_open_mem(l->mem, &l->t, &err));
	memset(&o, 0, sizeof o);
	o.passphrase = span_str(LIFE_PASSPHRASE);
	must(repo_init(l->t, &params, &o, code, id, &err));
	bytes_init(&l->log, 1u << 20);
	l->report.log = on_log;
	l->report.arg = l;
	l->n_rows = ROWS;
	l->version = calloc(ROWS, sizeof *l->version);
	assert_non_null(l->version);
	*state = l;
	return 0;
}

int
life_teardown(void **state)
{
	struct life *l = *state;

	for (size_t i = 0; i < l->n; i++)
		bytes_fini(&l->v[i].rows);
	transport_close(l->t);
	mem_store_free(l->mem);
	bytes_fini(&l->log);
	free(l->version);
	free(l);
	return 0;
}

struct repo *
life_open(struct life *l)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_opts o;
	struct repo *r;

	memset(&o, 0, sizeof o);
	if (l->key_file.len > 0)
		o.key_file = l->key_file;
	else
		o.passphrase = span_str(LIFE_PASSPHRASE);
	o.cache_dir = l->cache_dir;
	o.n_threads = 1;
	o.report = &l->report;
	l->t->time_is_visibility = !l->like_files;
	must(repo_open(l->t, &o, &r, &err));
	return r;
}

void
life_change(struct life *l, uint32_t first, uint32_t count)
{
	l->next_version++;
	for (uint32_t i = 0; i < count; i++)
		l->version[first + i] = l->next_version;
}

/* A row that does not compress well, of its number and version. */
static void
put_row(struct bytes *out, uint32_t i, uint32_t version)
{
	uint64_t x = (UINT64_C(1) << 40 | (uint64_t)version << 20 | i) *
		     UINT64_C(6364136223846793005);
	char row[ROW_LEN];

	for (size_t k = 0; k < sizeof row - 1; k++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		row[k] = (char)('!' + (x >> 20) % 90);
	}
	row[sizeof row - 1] = '\n';
	bytes_put(out, row, sizeof row);
}

size_t
life_backup(struct life *l)
{
	static const struct repo_property props[] = { { REPO_PROP_DATABASE,
	    "shop" } };
	struct repo_backup_opts bo = { 1, NULL, "shop", NULL };
	struct snap_err err = SNAP_ERR_INIT;
	struct life_snapshot *snap = &l->v[l->n];
	struct repo_snapshot made;
	struct repo_backup *b;
	struct stream_meta m;
	struct sink *sink;
	struct repo *r = life_open(l);

	assert_true(l->n < LIFE_SNAPSHOTS_MAX);
	bytes_init(&snap->rows, 64u << 20);
	for (uint32_t i = 0; i < l->n_rows; i++)
		put_row(&snap->rows, i, l->version[i]);
	must(bytes_check(&snap->rows, &err));
	memset(&m, 0, sizeof m);
	m.kind = STREAM_TABLE;
	m.cutter = CUTTER_ROWS;
	m.name = span_str("public.orders");
	m.attr = span_str("COPY public.orders FROM stdin;");
	must(repo_backup_begin(r, &bo, &b, &err));
	sink = repo_backup_lane(b, 0);
	must(sink_begin(sink, &m, &err));
	must(sink_data(sink, bytes_span(&snap->rows), &err));
	must(sink_end(sink, l->n_rows, &err));
	must(repo_backup_commit(b, props, 1, &made, &err));
	memcpy(snap->id, made.id, REPO_ID_LEN);
	repo_snapshot_fini(&made);
	repo_close(r);
	mem_store_advance(l->mem, 1000000000);
	return l->n++;
}

void
life_forget(struct life *l, size_t n)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = life_open(l);

	must(
	    repo_forget(r, (const uint8_t(*)[REPO_ID_LEN])l->v[n].id, 1, &err));
	l->v[n].forgotten = true;
	repo_close(r);
}

enum snap_code
life_prune_as(struct life *l, const struct repo_prune_opts *o,
    struct repo_prune_result *out, struct snap_err *err)
{
	struct repo *r = life_open(l);
	enum snap_code rc;

	rc = repo_prune(r, o, out, err);
	repo_close(r);
	return rc;
}

struct repo_prune_result
life_prune(struct life *l)
{
	struct repo_prune_opts o = { .live_percent = 60, .tmpdir = "." };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_prune_result res;
	enum snap_code rc;

	rc = life_prune_as(l, &o, &res, &err);
	if (rc != SNAP_OK)
		fail_msg("prune: %s", err.msg);
	return res;
}

void
life_wait(struct life *l, unsigned hours)
{
	mem_store_advance(
	    l->mem, (int64_t)hours * LIFE_GRACE + INT64_C(1000000000));
}

struct compare {
	struct sink sink;
	struct span want;
	size_t at;
	bool differs;
};

static enum snap_code
on_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	(void)s;
	(void)m;
	(void)err;
	return SNAP_OK;
}

static enum snap_code
on_data(struct sink *s, struct span d, struct snap_err *err)
{
	struct compare *c = (struct compare *)s;

	(void)err;
	if (d.len > c->want.len - c->at ||
	    memcmp(c->want.p + c->at, d.p, d.len) != 0)
		c->differs = true;
	else
		c->at += d.len;
	return SNAP_OK;
}

static enum snap_code
on_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	(void)s;
	(void)rows;
	(void)err;
	return SNAP_OK;
}

void
life_must_restore(struct life *l, size_t n)
{
	static const struct sink_ops ops = { on_begin, on_data, on_end };
	struct compare c = { { &ops }, bytes_span(&l->v[n].rows), 0, false };
	const struct repo_snapshot *snap;
	struct repo_manifest *m;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_snapshots all;
	char hex[2 * REPO_ID_LEN + 1];
	struct repo *r = life_open(l);
	enum snap_code rc;

	hex_encode(l->v[n].id, REPO_ID_LEN, hex);
	must(repo_snapshots(r, &all, &err));
	must(repo_snapshot_find(&all, hex, &snap, &err));
	must(repo_manifest(r, snap, &m, &err));
	rc = repo_read(r, m, NULL, NULL, &c.sink, &err);
	if (rc != SNAP_OK)
		fail_msg("snapshot %zu: %s", n, err.msg);
	assert_false(c.differs);
	assert_int_equal(c.at, l->v[n].rows.len);
	repo_manifest_free(m);
	repo_snapshots_free(&all);
	repo_close(r);
}

void
life_must_be_whole(struct life *l)
{
	struct repo_check_opts o = { .read_data = true, .data_percent = 100 };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_check_result res;
	struct repo *r;

	for (size_t i = 0; i < l->n; i++)
		if (!l->v[i].forgotten)
			life_must_restore(l, i);
	r = life_open(l);
	bytes_clear(&l->log);
	must(repo_check(r, &o, &res, &err));
	if (res.n_errors != 0)
		fail_msg("check: %.*s", (int)l->log.len, (char *)l->log.p);
	repo_close(r);
}

struct tally {
	size_t n;
	uint64_t bytes;
};

static enum snap_code
tally_one(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct tally *t = arg;

	(void)name;
	(void)err;
	t->n++;
	t->bytes += st->size;
	return SNAP_OK;
}

static struct tally
tally(struct life *l, const char *prefix)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct tally t = { 0, 0 };

	must(transport_list(l->t, prefix, tally_one, &t, &err));
	return t;
}

size_t
life_count(struct life *l, const char *prefix)
{
	return tally(l, prefix).n;
}

uint64_t
life_bytes(struct life *l, const char *prefix)
{
	return tally(l, prefix).bytes;
}

static enum snap_code
take_name(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	(void)st;
	(void)err;
	(void)snprintf(arg, TRANSPORT_NAME_MAX + 1, "%s", name);
	return SNAP_OK;
}

void
life_first(struct life *l, const char *prefix, char out[TRANSPORT_NAME_MAX + 1])
{
	struct snap_err err = SNAP_ERR_INIT;

	out[0] = '\0';
	must(transport_list(l->t, prefix, take_name, out, &err));
}

bool
life_said(struct life *l, const char *what)
{
	bool found;

	bytes_u8(&l->log, 0);
	found = !l->log.bad && strstr((char *)l->log.p, what) != NULL;
	l->log.len--;
	return found;
}

bool
life_is_listed(struct life *l, size_t n)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = life_open(l);
	struct repo_snapshots all;
	bool found = false;

	must(repo_snapshots(r, &all, &err));
	for (size_t i = 0; i < all.n; i++)
		found |= memcmp(all.v[i].id, l->v[n].id, REPO_ID_LEN) == 0;
	repo_snapshots_free(&all);
	repo_close(r);
	return found;
}
