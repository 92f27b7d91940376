/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_sizes.c - what does the keeper of the store learn of one value?
 *
 * He knows all of a database but this: is a value the one that he guesses?  He
 * sees the names, sizes and order of objects.  For both answers many
 * repositories are made, each with keys of its own, and compared by everything
 * that can be counted in them: the largest distance of two distributions
 * (Kolmogorov, Smirnov) is how well the best threshold tells them apart, 0 not
 * at all and 1 always.
 *
 * What must not be seen stays below what chance alone gives once in a million
 * runs.  What is seen (docs/security.md) has to be, or this test sees nothing.
 */
#include <math.h>
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
#include "slots.h"
#include "store.h"

#define ROWS 5000
#define KINDS 5
#define PUTS 12
#define FEATURES (2 + 2 * KINDS + PUTS)
#define LONG 8000u /* bytes: a row that is chunks of its own */
#define TRIALS_MAX 500
#define CHANCE 1e-6

enum scene {
	FIRST,      /* a backup of the database, with this value or that */
	NEXT,       /* the value came since the backup before */
	BESIDE,     /* a row with the guess stands right behind the value */
	GUESS,      /* a row with the guess came since the backup before ... */
	GUESS_LONG, /* ... of a value that is a document */
	SCENES
};

static const char *const told[SCENES] = { "one value or another",
	"a value that changed", "a guess beside the value", "a short guess",
	"a long guess" };

static void
must(enum snap_code rc, const struct snap_err *err)
{
	if (rc != SNAP_OK)
		fail_msg("%s (%s)", err->msg, err->detail);
}

static uint64_t
next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

enum value { RIGHT, WRONG, OLD };

static void
put_value(struct bytes *out, enum value value, size_t len)
{
	uint64_t x = 88172645463325252u + (uint64_t)value;

	bytes_printf(out, "4711\tsecret\t");
	for (size_t i = 0; i < len; i += 16)
		bytes_printf(out, "%016llx", (unsigned long long)next(&x));
	bytes_u8(out, '\n');
}

/* The table as it is at the first or the second backup; `value` is what the
 * guess is, or what is guessed. */
static void
make_rows(enum scene scene, enum value value, bool is_second, struct bytes *out)
{
	bool guessed = scene == BESIDE || scene == GUESS || scene == GUESS_LONG;
	size_t len = scene == GUESS_LONG ? LONG : 48, at = ROWS / 3;
	enum value first = scene == NEXT ? OLD : value;
	uint64_t x = 362436069362436069u;

	for (unsigned i = 0; i < ROWS; i++) {
		uint64_t r = next(&x);

		bytes_printf(out, "%u\tname %llx\t%u.%02u\tf\n", i,
		    (unsigned long long)(r % 100000),
		    (unsigned)(r >> 32) % 100000, (unsigned)(r >> 20) % 100);
		if (i == at)
			put_value(out,
			    guessed     ? RIGHT
			    : is_second ? value
					: first,
			    len);
		if (i == (scene == BESIDE ? at : ROWS / 2) && guessed &&
		    (scene == BESIDE || is_second))
			put_value(out, value, len);
	}
	assert_false(out->bad);
}

static void
push(struct sink *s, const char *name, struct span rows)
{
	struct stream_meta m = { .kind = STREAM_TABLE,
		.cutter = CUTTER_ROWS,
		.name = span_str(name),
		.attr = span_str("COPY t FROM stdin;") };
	struct snap_err err = SNAP_ERR_INIT;

	must(sink_begin(s, &m, &err), &err);
	must(sink_data(s, rows, &err), &err);
	must(sink_end(s, 1, &err), &err);
}

static void
back_up(struct transport *t, const char *code, enum scene scene,
    enum value value, bool is_second)
{
	struct repo_opts ro = { .is_recovery_code = true, .n_threads = 2 };
	struct repo_backup_opts o = { .n_lanes = 2, .database = "db" };
	struct repo_property props[] = { { "database", "db" } };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_snapshot out;
	struct repo_backup *b;
	struct bytes rows;
	struct repo *r;

	bytes_init(&rows, 8 << 20);
	make_rows(scene, value, is_second, &rows);
	ro.passphrase = span_str(code);
	must(repo_open(t, &ro, &r, &err), &err);
	must(repo_backup_begin(r, &o, &b, &err), &err);
	push(repo_backup_lane(b, 0), "a", bytes_span(&rows));
	push(repo_backup_lane(b, 1), "b", span_of(rows.p, rows.len / 5));
	must(repo_backup_commit(b, props, 1, &out, &err), &err);
	repo_snapshot_fini(&out);
	repo_close(r);
	bytes_fini(&rows);
}

/* ---- what is seen */

struct seen {
	int64_t time;
	uint64_t size;
	unsigned kind;
};

struct view {
	struct seen v[256];
	size_t n;
};

static enum snap_code
look(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	static const char *const kinds[KINDS] = { "data/", "meta/", "index/",
		"snapshots/", "" };
	struct view *w = arg;
	unsigned kind = 0;

	(void)err;
	while (strncmp(name, kinds[kind], strlen(kinds[kind])) != 0)
		kind++;
	assert_true(w->n < sizeof w->v / sizeof w->v[0]);
	w->v[w->n++] = (struct seen){ st->time_ns, st->size, kind };
	return SNAP_OK;
}

static int
by_time(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	return x->time < y->time ? -1 : x->time > y->time;
}

/* The sum of all, how many, the same of each kind, and each put. */
static void
observe(struct transport *t, double out[FEATURES])
{
	struct snap_err err = SNAP_ERR_INIT;
	struct view *w = calloc(1, sizeof *w);

	assert_non_null(w);
	must(transport_list(t, "", look, w, &err), &err);
	qsort(w->v, w->n, sizeof w->v[0], by_time);
	memset(out, 0, FEATURES * sizeof *out);
	for (size_t i = 0; i < w->n; i++) {
		double size = (double)w->v[i].size;

		out[0] += size;
		out[1] += 1;
		out[2 + 2 * w->v[i].kind] += size;
		out[3 + 2 * w->v[i].kind] += 1;
		/* The last ones: the first are those of init. */
		if (w->n - i <= PUTS)
			out[FEATURES - (w->n - i)] = size;
	}
	free(w);
}

static void
try(enum scene scene, enum value value, double out[FEATURES])
{
	static const struct slot_cost cost = SLOT_COST_TESTS;
	struct config c = { .chunk_mean = 512,
		.block_size = 1 << 20,
		.pack_size = 16 << 20,
		.grace_s = 3600 };
	struct snap_err err = SNAP_ERR_INIT;
	uint8_t id[REPO_ID_LEN];
	struct mem_store *mem;
	struct transport *t;
	char code[128];

	must(mem_store_new(&mem, &err), &err);
	must(transport_open_mem(mem, &t, &err), &err);
	must(store_init(t, &c, &cost, span_str("pw"), code, id, &err), &err);
	back_up(t, code, scene, value, false);
	if (scene != FIRST && scene != BESIDE)
		back_up(t, code, scene, value, true);
	observe(t, out);
	transport_close(t);
	mem_store_free(mem);
}

/* ---- what it tells */

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Of two samples of the same size. */
static double
distance(double *a, double *b, size_t n)
{
	double most = 0;
	size_t i = 0, k = 0;

	qsort(a, n, sizeof *a, by_value);
	qsort(b, n, sizeof *b, by_value);
	while (i < n && k < n) {
		double at = a[i] < b[k] ? a[i] : b[k], d;

		while (i < n && a[i] <= at)
			i++;
		while (k < n && b[k] <= at)
			k++;
		d = fabs((double)i - (double)k) / (double)n;
		most = d > most ? d : most;
	}
	return most;
}

static double
best_distance(enum scene scene, size_t n, size_t *which)
{
	static double a[FEATURES][TRIALS_MAX], b[FEATURES][TRIALS_MAX];
	double one[FEATURES], most = 0, d;

	for (size_t i = 0; i < 2 * n; i++) {
		try(scene, i % 2 == 0 ? RIGHT : WRONG, one);
		for (size_t f = 0; f < FEATURES; f++)
			(i % 2 == 0 ? a : b)[f][i / 2] = one[f];
	}
	for (size_t f = 0; f < FEATURES; f++) {
		d = distance(a[f], b[f], n);
		if (d > most) {
			most = d;
			*which = f;
		}
	}
	return most;
}

static void
sizes_tell_lengths_and_what_was_there_already_and_nothing_else(void **state)
{
	bool heavy = getenv("SNAP_TEST_HEAVY") != NULL;

	(void)state;
	for (int scene = 0; scene < SCENES; scene++) {
		size_t n = heavy ? TRIALS_MAX : 30, which = 0;
		double d = best_distance((enum scene)scene, n, &which);
		/* Of two samples of the same law, by each feature. */
		double bound = sqrt(log(2 * FEATURES / CHANCE) / (double)n);

		print_message("%s: %.2f by feature %zu, bound %.2f, of %zu\n",
		    told[scene], d, which, bound, n);
		if (scene == GUESS_LONG)
			assert_true(d > 0.95);
		else
			assert_true(d < bound);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    sizes_tell_lengths_and_what_was_there_already_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
