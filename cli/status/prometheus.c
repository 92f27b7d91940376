/* SPDX-License-Identifier: PostgreSQL */
/*
 * prometheus.c - metrics for the textfile collector of node_exporter.
 *
 * Text format 0.0.4 (prometheus.io, "Exposition formats"): base units, a HELP
 * and a TYPE line in front of each metric, all of one metric together.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fdio.h"
#include "status.h"
#include "ui.h"

#define TEXT_MAX ((size_t)16 << 20)
#define FILE_MODE 0644 /* the collector is somebody else */

/* Bytes that are no text as snap shows them, then the format's own escapes. */
static void
put_value(struct bytes *out, const char *text)
{
	struct bytes b;

	bytes_init(&b, TEXT_MAX);
	ui_escape(&b, span_str(text));
	for (size_t i = 0; i < b.len; i++) {
		if (b.p[i] == '\\' || b.p[i] == '"')
			bytes_u8(out, '\\');
		bytes_u8(out, b.p[i]);
	}
	if (b.bad)
		out->bad = true;
	bytes_fini(&b);
}

static void
put_label(struct bytes *out, const char *name, const char *text)
{
	bytes_printf(out, "%s=\"", name);
	put_value(out, text != NULL ? text : "");
	bytes_put_str(out, "\"");
}

static void
put_group(struct bytes *out, const struct group *g)
{
	const struct repo_snapshot *s = g->newest;

	put_label(out, "database", repo_snapshot_prop(s, REPO_PROP_DATABASE));
	bytes_put_str(out, ",");
	put_label(out, "stream", repo_snapshot_prop(s, REPO_PROP_NAME));
	bytes_put_str(out, ",");
	put_label(
	    out, "system_identifier", repo_snapshot_prop(s, REPO_PROP_SYSTEM));
	bytes_put_str(out, ",");
	put_label(out, "selection", repo_snapshot_prop(s, REPO_PROP_SELECTION));
}

static void
head(struct bytes *out, const char *name, const char *help)
{
	bytes_printf(
	    out, "# HELP snap_%s %s\n# TYPE snap_%s gauge\n", name, help, name);
}

static void
single(struct bytes *out, const char *name, const char *help, uint64_t v)
{
	head(out, name, help);
	bytes_printf(out, "snap_%s %" PRIu64 "\n", name, v);
}

static void
put_repository(const struct status *s, struct bytes *out)
{
	char hex[2 * REPO_ID_LEN + 1];
	uint8_t id[REPO_ID_LEN];

	single(out, "store_reachable",
	    "Whether the repository could be opened and listed.", s->reachable);
	single(out, "status_timestamp_seconds",
	    "When these metrics were written.", (uint64_t)time(NULL));
	if (!s->reachable)
		return;
	repo_id(s->place.repo, id);
	hex_encode(id, REPO_ID_LEN, hex);
	head(out, "repository_info", "The repository; its value is 1.");
	bytes_printf(
	    out, "snap_repository_info{repository_id=\"%s\"} 1\n", hex);
	single(out, "damaged_snapshots", "Snapshots that cannot be read.",
	    s->place.all.n_damaged);
	single(out, "findings",
	    "What is not as this machine has seen it before.", s->found.n);
	single(out, "key_exported",
	    "Whether a key of the repository was ever exported.",
	    repo_notes_exported(s->said));
	if (!s->has_space)
		return;
	single(out, "store_free_bytes", "Room that the store has left.",
	    s->space.available);
	single(out, "store_capacity_bytes", "Size of the store.",
	    s->space.capacity);
}

static bool
duration_of(const struct group *g, double *out)
{
	const char *ms = repo_snapshot_prop(g->newest, "duration-ms");

	*out = ms != NULL ? (double)strtoull(ms, NULL, 10) / 1000 : 0;
	return ms != NULL;
}

enum value {
	COUNT,
	TIME,
	SIZE,
	NEW,
	STORED,
	DURATION,
	VERIFIED,
	FAILED,
	GROWTH,
	N_VALUES
};
static const struct metric {
	const char *name, *help;
} metrics[N_VALUES] = {
	[COUNT] = { "snapshots", "Snapshots that there are." },
	[TIME] = { "newest_timestamp_seconds",
	    "When the newest snapshot was made." },
	[SIZE] = { "newest_size_bytes",
	    "Size of the newest snapshot, as a restore writes it." },
	[NEW] = { "newest_new_bytes",
	    "Bytes of the newest snapshot that were not known before." },
	[STORED] = { "newest_stored_bytes",
	    "Bytes that the newest snapshot has added to the store." },
	[DURATION] = { "newest_duration_seconds",
	    "How long the newest backup took." },
	[VERIFIED] = { "verified_timestamp_seconds",
	    "When verify has found a snapshot good last." },
	[FAILED] = { "verify_failed",
	    "Whether the last verify has found differences." },
	[GROWTH] = { "size_growth_bytes_per_second",
	    "Growth of the size over the last thirty days." },
};

/* false: there is no such value. */
static bool
value_of(const struct group *g, enum value which, double *out)
{
	switch (which) {
	case COUNT:
		*out = (double)g->n;
		return true;
	case TIME:
		*out = (double)g->newest_s;
		return true;
	case SIZE:
		*out = (double)g->newest->bytes;
		return true;
	case NEW:
		*out = (double)g->newest->new_bytes;
		return true;
	case STORED:
		*out = (double)g->newest->stored_bytes;
		return true;
	case DURATION:
		return duration_of(g, out);
	case VERIFIED:
		*out = (double)g->verified_s;
		return g->verified_s != 0;
	case FAILED:
		*out = g->failed;
		return true;
	default:
		*out = g->growth;
		return g->has_growth;
	}
}

static void
put_metric(const struct status *s, enum value which, struct bytes *out)
{
	bool begun = false;
	double v;

	for (size_t i = 0; i < s->n; i++) {
		if (!value_of(&s->groups[i], which, &v))
			continue;
		if (!begun)
			head(out, metrics[which].name, metrics[which].help);
		begun = true;
		bytes_printf(out, "snap_%s{", metrics[which].name);
		put_group(out, &s->groups[i]);
		bytes_printf(out, "} %.17g\n", v);
	}
}

static void
put_anomalies(const struct status *s, struct bytes *out)
{
	if (s->n > 0)
		head(out, "anomaly",
		    "Whether the newest snapshot is unlike those before.");
	for (size_t i = 0; i < s->n; i++)
		for (unsigned k = 0; k < N_ANOMALIES; k++) {
			bytes_put_str(out, "snap_anomaly{");
			put_group(out, &s->groups[i]);
			bytes_printf(out, ",kind=\"%s\"} %u\n",
			    anomaly_names[k], s->groups[i].anomalies >> k & 1);
		}
}

enum snap_code
prometheus_write(const struct status *s, const char *path, struct snap_err *err)
{
	struct bytes out;
	enum snap_code rc;

	bytes_init(&out, TEXT_MAX);
	put_repository(s, &out);
	for (unsigned i = 0; s->reachable && i < N_VALUES; i++)
		put_metric(s, (enum value)i, &out);
	if (s->reachable)
		put_anomalies(s, &out);
	rc = bytes_check(&out, err);
	if (rc == SNAP_OK)
		rc = fd_replace_mode(path, bytes_span(&out), FILE_MODE, err);
	bytes_fini(&out);
	return rc;
}
