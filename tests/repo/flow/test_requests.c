/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_requests.c - what a backup asks of the store does not grow with what
 * is there: object stores bill each request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"
#include "repo.h"

#define SNAPSHOTS 30
#define ROWS 2000u

struct world {
	struct mem_store *mem;
	struct transport *t;
	struct report report;
	struct repo_opts opts;
};

static void
ok(enum snap_code rc, const struct snap_err *err)
{
	if (rc != SNAP_OK)
		fail_msg("%s (%s)", err->msg, err->detail);
}

static uint64_t
requests(const struct world *w)
{
	struct transport_counts n;

	transport_counts(w->t, &n);
	return n.put + n.get + n.stat + n.list;
}

/* Open, back up and close, as one command does: how many requests? */
static uint64_t
backup(struct world *w, struct span rows)
{
	struct repo_backup_opts o = { .n_lanes = 1, .database = "db" };
	struct repo_property props[] = { { "database", "db" } };
	struct stream_meta m = { .kind = STREAM_TABLE,
		.cutter = CUTTER_ROWS,
		.name = span_str("public.t"),
		.attr = span_str("COPY t FROM stdin;") };
	struct snap_err err = SNAP_ERR_INIT;
	uint64_t before = requests(w);
	struct repo_snapshot snap;
	struct repo_backup *b;
	struct repo *r;

	ok(repo_open(w->t, &w->opts, &r, &err), &err);
	ok(repo_backup_begin(r, &o, &b, &err), &err);
	ok(sink_begin(repo_backup_lane(b, 0), &m, &err), &err);
	ok(sink_data(repo_backup_lane(b, 0), rows, &err), &err);
	ok(sink_end(repo_backup_lane(b, 0), ROWS, &err), &err);
	ok(repo_backup_commit(b, props, 1, &snap, &err), &err);
	repo_snapshot_fini(&snap);
	repo_close(r);
	return requests(w) - before;
}

static void
an_unchanged_backup_asks_no_more_when_there_are_many_snapshots(void **state)
{
	struct repo_params p = { .kdf_mem_kib = 8192 };
	char dir[] = "test-requests-XXXXXX", cmd[100], code[128];
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[REPO_ID_LEN];
	struct bytes rows;
	struct world w;

	(void)state;
	memset(&w, 0, sizeof w);
	assert_non_null(mkdtemp(dir));
	w.opts.passphrase = span_str("secret");
	w.opts.n_threads = 1;
	w.opts.cache_dir = dir;
	w.opts.report = &w.report;
	ok(mem_store_new(&w.mem, &err), &err);
	ok(transport_open_mem(w.mem, &w.t, &err), &err);
	ok(repo_init(w.t, &p, &w.opts, code, id, &err), &err);
	bytes_init(&rows, 1u << 20);
	for (uint32_t i = 0; i < ROWS; i++)
		bytes_printf(&rows, "%u\tname %u\n", i, i * 2654435761u);
	(void)backup(&w, bytes_span(&rows));
	/* One for a pack of its own, and what every run asks. */
	for (unsigned i = 0; i < SNAPSHOTS; i++)
		assert_in_range(backup(&w, bytes_span(&rows)), 1, 20 + 1);
	bytes_fini(&rows);
	transport_close(w.t);
	mem_store_free(w.mem);
	(void)snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    an_unchanged_backup_asks_no_more_when_there_are_many_snapshots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
