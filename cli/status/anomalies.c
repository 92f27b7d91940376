/* SPDX-License-Identifier: PostgreSQL */
/*
 * anomalies.c - is the newest snapshot of a group like those before it?
 *
 * The rules are those of docs/monitoring.md.  They compare with the median of a
 * few, so that one odd backup neither raises an alarm for the next ones nor
 * hides them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "keep.h"
#include "status.h"
#include "ui.h"

#define BEFORE_MIN 3 /* fewer say nothing */
#define BEFORE_MAX 7
#define DIFFERENCE_MIN (UINT64_C(1) << 20) /* bytes: less is no news */
#define DEDUP_TIMES 4
#define TREND_S (30 * 86400)
#define TREND_MIN_S 86400
#define NAME_BYTES_MAX ((size_t)8 << 10)

const char *const anomaly_names[N_ANOMALIES] = { "smaller", "larger",
	"tables-gone", "deduplication" };

static int
by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double
median(double *v, size_t n)
{
	qsort(v, n, sizeof *v, by_value);
	return n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static double
share_new(const struct repo_snapshot *s)
{
	return s->bytes == 0 ? 0 : (double)s->new_bytes / (double)s->bytes;
}

static void
compare_sizes(struct group *g)
{
	double sizes[BEFORE_MAX], shares[BEFORE_MAX], share, usual;
	uint64_t now = g->newest->bytes;
	size_t n = 0;

	/* The first one of all is new as a whole. */
	for (size_t i = g->n - 1; i-- > 0 && n < BEFORE_MAX; n++) {
		sizes[n] = (double)g->v[i]->bytes;
		shares[n] = share_new(g->v[i]);
	}
	if (n < BEFORE_MIN)
		return;
	g->median = (uint64_t)median(sizes, n);
	if (now < g->median / 2 && g->median - now >= DIFFERENCE_MIN)
		g->anomalies |= ANOMALY_SMALLER;
	if (now / 2 > g->median && now - g->median >= DIFFERENCE_MIN)
		g->anomalies |= ANOMALY_LARGER;
	share = share_new(g->newest);
	usual = median(shares, n);
	if (share >= 0.5 && share >= DEDUP_TIMES * usual &&
	    g->newest->new_bytes >= DIFFERENCE_MIN)
		g->anomalies |= ANOMALY_DEDUP;
}

/* From the first one of the last thirty days to the newest; of less than a day
 * nothing follows. */
static void
find_trend(struct group *g)
{
	for (size_t i = 0; i + 1 < g->n; i++) {
		int64_t s = g->newest_s - plan_time(g->v[i]);

		if (s > TREND_S)
			continue;
		g->has_growth = s >= TREND_MIN_S;
		if (g->has_growth)
			g->growth = ((double)g->newest->bytes -
					(double)g->v[i]->bytes) /
				    (double)s;
		return;
	}
}

/* Streams of a manifest ascend by kind, name and part. */
static size_t
next_table(const struct repo_manifest *m, size_t at)
{
	while (at < m->n && m->v[at].kind < STREAM_TABLE)
		at++;
	return at < m->n && m->v[at].kind == STREAM_TABLE ? at : m->n;
}

static bool
has_table(const struct repo_manifest *m, struct span name, size_t *at)
{
	while (*at < m->n && m->v[*at].kind == STREAM_TABLE &&
	       span_cmp(m->v[*at].name, name) < 0)
		++*at;
	return *at < m->n && m->v[*at].kind == STREAM_TABLE &&
	       span_eq(m->v[*at].name, name);
}

static void
name_gone(struct group *g, struct span name)
{
	struct bytes b;

	bytes_init(&b, NAME_BYTES_MAX);
	ui_escape(&b, name);
	bytes_u8(&b, 0);
	if (b.bad)
		bytes_fini(&b);
	else
		g->gone = (char *)b.p;
}

static void
compare_tables(struct group *g, const struct repo_manifest *before,
    const struct repo_manifest *now)
{
	size_t at = next_table(now, 0), i = next_table(before, 0);

	for (; i < before->n && before->v[i].kind == STREAM_TABLE; i++) {
		struct span name = before->v[i].name;

		if (i > 0 && before->v[i - 1].kind == STREAM_TABLE &&
		    span_eq(before->v[i - 1].name, name))
			continue; /* another slice */
		if (has_table(now, name, &at))
			continue;
		if (g->n_gone++ == 0)
			name_gone(g, name);
	}
	if (g->n_gone != 0)
		g->anomalies |= ANOMALY_TABLES;
}

/* Only of what differs, since it takes a look at the index. */
static enum snap_code
find_gone_tables(struct status *s, struct group *g, struct snap_err *err)
{
	const struct repo_snapshot *last = g->n > 1 ? g->v[g->n - 2] : NULL;
	struct repo_manifest *before = NULL, *now = NULL;
	enum snap_code rc;

	if (last == NULL ||
	    repo_snapshot_prop(g->newest, REPO_PROP_DATABASE) == NULL ||
	    memcmp(last->root, g->newest->root, REPO_ID_LEN) == 0)
		return SNAP_OK;
	rc = repo_manifest(s->place.repo, last, &before, err);
	if (rc == SNAP_OK)
		rc = repo_manifest(s->place.repo, g->newest, &now, err);
	if (rc == SNAP_OK)
		compare_tables(g, before, now);
	repo_manifest_free(before);
	repo_manifest_free(now);
	/* Damage is what check is for; the rest can be said all the same. */
	if (rc != SNAP_CORRUPT)
		return rc;
	report_log(&s->cli->report, REPORT_WARNING,
	    "tables cannot be compared: %s", err->msg);
	s->cli->n_warnings++;
	return SNAP_OK;
}

enum snap_code
anomalies_find(struct status *s, struct group *g, struct snap_err *err)
{
	compare_sizes(g);
	find_trend(g);
	return find_gone_tables(s, g, err);
}

void
anomaly_text(const struct group *g, unsigned bit, struct bytes *out)
{
	char now[UI_SIZE_MAX], usual[UI_SIZE_MAX];

	(void)ui_size(g->newest->bytes, now);
	(void)ui_size(g->median, usual);
	switch (bit) {
	case ANOMALY_SMALLER:
		bytes_printf(
		    out, "much smaller than before: %s, not %s", now, usual);
		return;
	case ANOMALY_LARGER:
		bytes_printf(
		    out, "much larger than before: %s, not %s", now, usual);
		return;
	case ANOMALY_TABLES:
		bytes_printf(out, "%zu table%s of the one before %s gone: %s%s",
		    g->n_gone, g->n_gone == 1 ? "" : "s",
		    g->n_gone == 1 ? "is" : "are",
		    g->gone != NULL ? g->gone : "?",
		    g->n_gone > 1 ? ", ..." : "");
		return;
	default:
		bytes_printf(out,
		    "hardly deduplicated: %.0f %% of it are new, far more than "
		    "before",
		    100 * share_new(g->newest));
		return;
	}
}
