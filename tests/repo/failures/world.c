/* SPDX-License-Identifier: PostgreSQL */
/* world.c - see world.h. */
#include "world.h"
#include "repo_care.h"

#define ROWS 3000

const struct repo_opts world_opts = {
	.passphrase = { (const uint8_t *)"pw", 2 }, .n_threads = 2
};

void
ok(enum snap_code rc, const struct snap_err *err)
{
	if (rc != SNAP_OK)
		fail_msg("%s (%s)", err->msg, err->detail);
}

static void
make_rows(struct bytes *out, uint64_t x)
{
	bytes_init(out, 16 << 20);
	for (unsigned i = 0; i < ROWS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bytes_printf(out, "%u\tsome name %llx\n", i,
		    (unsigned long long)(i % 50 == 0 ? x : i * x));
	}
	assert_false(out->bad);
}

enum snap_code
world_init(struct world *w, struct snap_err *err)
{
	struct repo_params p = { .kdf_mem_kib = 8192,
		.block_size = 64 << 10,
		.pack_size = 256 << 10 };
	uint8_t id[REPO_ID_LEN];
	enum snap_code rc = repo_init(w->t, &p, &world_opts, w->code, id, err);

	w->by_code = world_opts;
	if (rc == SNAP_OK) {
		w->by_code.passphrase = span_str(w->code);
		w->by_code.is_recovery_code = true;
	}
	return rc;
}

int
world_setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct snap_err err = SNAP_ERR_INIT;

	assert_non_null(w);
	ok(mem_store_new(&w->mem, &err), &err);
	ok(transport_open_mem(w->mem, &w->t, &err), &err);
	make_rows(&w->rows, 88172645463325252u);
	make_rows(&w->more, 77172645463325252u);
	*state = w;
	return 0;
}

int
world_teardown(void **state)
{
	struct world *w = *state;

	bytes_fini(&w->rows);
	bytes_fini(&w->more);
	transport_close(w->t);
	mem_store_free(w->mem);
	free(w);
	return 0;
}

static enum snap_code
push(struct sink *s, const char *name, const struct bytes *rows,
    struct snap_err *err)
{
	struct stream_meta m = { .kind = STREAM_TABLE,
		.cutter = CUTTER_ROWS,
		.name = span_str(name),
		.attr = span_str("COPY t") };
	enum snap_code rc = sink_begin(s, &m, err);

	if (rc == SNAP_OK)
		rc = sink_data(s, bytes_span(rows), err);
	if (rc == SNAP_OK)
		rc = sink_end(s, 1, err);
	return rc;
}

enum snap_code
world_back_up(struct world *w, struct repo *r, struct snap_err *err)
{
	struct repo_backup_opts o = { .n_lanes = 2, .database = "db" };
	struct repo_property props[] = { { "database", "db" } };
	struct repo_snapshot out;
	struct repo_backup *b;
	enum snap_code rc = repo_backup_begin(r, &o, &b, err);

	if (rc != SNAP_OK)
		return rc;
	rc = push(repo_backup_lane(b, 0), "a", &w->rows, err);
	if (rc == SNAP_OK)
		rc = push(repo_backup_lane(b, 1), "b", &w->more, err);
	if (rc != SNAP_OK) {
		repo_backup_abort(b);
		return rc;
	}
	rc = repo_backup_commit(b, props, 1, &out, err);
	if (rc == SNAP_OK)
		repo_snapshot_fini(&out);
	return rc;
}

void
world_filled(struct world *w)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;

	ok(world_init(w, &err), &err);
	ok(repo_open(w->t, &w->by_code, &r, &err), &err);
	ok(world_back_up(w, r, &err), &err);
	repo_close(r);
}

struct compare {
	struct sink sink;
	const struct world *w;
	const struct bytes *cur;
	bool is_more;
	size_t off, n;
};

static enum snap_code
cmp_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	struct compare *c = (struct compare *)s;

	(void)err;
	c->is_more = !span_eq(m->name, span_str("a"));
	c->cur = c->is_more ? &c->w->more : &c->w->rows;
	c->off = 0;
	return SNAP_OK;
}

static enum snap_code
cmp_data(struct sink *s, struct span d, struct snap_err *err)
{
	struct compare *c = (struct compare *)s;

	(void)err;
	assert_true(d.len <= c->cur->len - c->off);
	assert_memory_equal(d.p, c->cur->p + c->off, d.len);
	c->off += d.len;
	return SNAP_OK;
}

static enum snap_code
cmp_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	struct compare *c = (struct compare *)s;

	(void)rows;
	(void)err;
	/* An older snapshot ends earlier. */
	if (!c->is_more || !c->w->is_changed)
		assert_int_equal(c->off, c->cur->len);
	else
		assert_in_range(c->off, c->cur->len - 20, c->cur->len);
	c->n++;
	return SNAP_OK;
}

/* All snapshots of `r`; what comes out is right or it fails. */
enum snap_code
world_read_all(
    struct world *w, struct repo *r, size_t *n_snapshots, struct snap_err *err)
{
	static const struct sink_ops ops = { cmp_begin, cmp_data, cmp_end };
	struct repo_snapshots all;
	struct repo_manifest *m;
	enum snap_code rc = repo_snapshots(r, &all, err);

	if (rc != SNAP_OK)
		return rc;
	*n_snapshots = all.n;
	for (size_t i = 0; i < all.n && rc == SNAP_OK; i++) {
		struct compare c = { { &ops }, w, NULL, false, 0, 0 };

		rc = repo_manifest(r, &all.v[i], &m, err);
		if (rc != SNAP_OK)
			break;
		rc = repo_read(r, m, NULL, NULL, &c.sink, err);
		if (rc == SNAP_OK)
			assert_int_equal(c.n, 2);
		repo_manifest_free(m);
	}
	repo_snapshots_free(&all);
	return rc;
}

void
world_next_run(struct world *w, size_t n_before)
{
	struct repo_check_opts o = { .read_data = true, .data_percent = 100 };
	struct repo_check_result res;
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;
	size_t n_seen = 0;

	ok(repo_open(w->t, &w->by_code, &r, &err), &err);
	ok(world_back_up(w, r, &err), &err);
	repo_close(r);
	ok(repo_open(w->t, &w->by_code, &r, &err), &err);
	ok(world_read_all(w, r, &n_seen, &err), &err);
	assert_int_equal(n_seen, n_before + 1);
	ok(repo_check(r, &o, &res, &err), &err);
	assert_int_equal(res.n_errors, 0);
	repo_close(r);
}
