/* SPDX-License-Identifier: PostgreSQL */
/*
 * monitor.c - one line with performance data, as plugins of Nagios, Icinga and
 * their like answer (monitoring-plugins.org, "Development Guidelines").
 */
#include <inttypes.h>
#include <string.h>

#include "status.h"
#include "ui.h"

#define LINE_MAX_BYTES ((size_t)1 << 20)

const char *
health_name(enum health h)
{
	static const char *const names[] = { "OK", "WARNING", "CRITICAL",
		"UNKNOWN" };

	return names[h];
}

/* Something is not as it should be: the worst counts, all are said.  What it
 * is goes behind what this returns. */
static struct bytes *
blame(struct status *s, enum health h, const char *whose)
{
	if (h > s->health)
		s->health = h;
	bytes_put_str(&s->why, s->why.len != 0 ? "; " : "");
	if (whose != NULL)
		bytes_printf(&s->why, "%s: ", whose);
	return &s->why;
}

static void
judge_group(struct status *s, const struct group *g)
{
	const char *name = place_source(g->newest);
	int64_t age = s->now_s - g->newest_s;
	int64_t verified = s->now_s - g->verified_s;
	char ago[UI_TIME_MAX];

	if (s->max_age_s != 0 && age > (int64_t)s->max_age_s)
		bytes_printf(blame(s, HEALTH_CRITICAL, name),
		    "the newest is of %s", ui_ago(age, ago));
	if (g->failed)
		bytes_put_str(blame(s, HEALTH_CRITICAL, name),
		    "verify found differences");
	if (s->max_verify_s != 0 && g->verified_s == 0)
		bytes_put_str(blame(s, HEALTH_WARNING, name), "never verified");
	else if (s->max_verify_s != 0 && verified > (int64_t)s->max_verify_s)
		bytes_printf(blame(s, HEALTH_WARNING, name), "last verified %s",
		    ui_ago(verified, ago));
	for (unsigned i = 0; i < N_ANOMALIES; i++)
		if ((g->anomalies >> i & 1) != 0)
			anomaly_text(
			    g, 1u << i, blame(s, HEALTH_WARNING, name));
}

/* Who is asked for by name and is not there. */
static void
judge_missing(struct status *s)
{
	const struct opts *o = &s->cli->o;

	for (size_t i = 0; i < o->n_args; i++) {
		bool found = false;

		for (size_t k = 0; k < s->n && !found; k++)
			found = strcmp(o->args[i],
				    place_source(s->groups[k].newest)) == 0;
		if (!found)
			bytes_put_str(blame(s, HEALTH_CRITICAL, o->args[i]),
			    "there is no snapshot");
	}
	if (s->n == 0 && o->n_args == 0)
		bytes_put_str(
		    blame(s, HEALTH_CRITICAL, NULL), "there is no snapshot");
}

void
monitor_judge(struct status *s)
{
	judge_missing(s);
	for (size_t i = 0; i < s->n; i++)
		judge_group(s, &s->groups[i]);
	if (s->place.all.n_damaged != 0)
		bytes_put_str(
		    blame(s, HEALTH_CRITICAL, NULL), "snapshots are damaged");
	for (size_t i = 0; i < s->found.n; i++)
		memory_text(&s->found.v[i], blame(s, HEALTH_CRITICAL, NULL));
}

/* What has a meaning in the line, or would end it, must not come from a name;
 * `label`: between the quotes of a label. */
static void
put_plain(struct bytes *out, struct span s, bool label)
{
	static const char bad[] = "'=|", worse[] = "|";
	struct bytes b;

	bytes_init(&b, LINE_MAX_BYTES);
	ui_escape(&b, s);
	for (size_t i = 0; i < b.len; i++)
		bytes_u8(out,
		    strchr(label ? bad : worse, b.p[i]) != NULL ? '_' : b.p[i]);
	bytes_fini(&b);
}

static void
put_label(struct bytes *out, const struct group *g, size_t i, const char *what)
{
	const char *name = place_source(g->newest);

	/* The number keeps groups of one name apart. */
	bytes_printf(out, " '%zu_", i + 1);
	put_plain(out, span_str(name), true);
	bytes_printf(out, "_%s'=", what);
}

static void
put_performance(const struct status *s, struct bytes *out)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct group *g = &s->groups[i];

		put_label(out, g, i, "age");
		bytes_printf(out, "%" PRId64 "s;", s->now_s - g->newest_s);
		if (s->max_age_s != 0)
			bytes_printf(out, ";%" PRIu64, s->max_age_s);
		else
			bytes_put_str(out, ";");
		bytes_put_str(out, ";0");
		if (g->verified_s != 0) {
			put_label(out, g, i, "verified");
			bytes_printf(
			    out, "%" PRId64 "s;", s->now_s - g->verified_s);
			if (s->max_verify_s != 0)
				bytes_printf(out, "%" PRIu64, s->max_verify_s);
			bytes_put_str(out, ";;0");
		}
		put_label(out, g, i, "size");
		bytes_printf(out, "%" PRIu64 "B;;;0", g->newest->bytes);
		put_label(out, g, i, "new");
		bytes_printf(out, "%" PRIu64 "B;;;0", g->newest->new_bytes);
	}
	if (s->has_space)
		bytes_printf(out, " 'free'=%" PRIu64 "B;;;0;%" PRIu64,
		    s->space.available, s->space.capacity);
}

enum snap_code
monitor_line(const struct status *s, struct snap_err *err)
{
	struct bytes line;
	enum snap_code rc;

	bytes_init(&line, LINE_MAX_BYTES);
	bytes_printf(&line, "SNAP %s - ", health_name(s->health));
	if (s->why.len != 0)
		put_plain(&line, bytes_span(&s->why), false);
	else
		bytes_printf(
		    &line, "%zu group%s, all well", s->n, s->n == 1 ? "" : "s");
	if (s->reachable) {
		bytes_put_str(&line, " |");
		put_performance(s, &line);
	}
	bytes_put_str(&line, "\n");
	bytes_u8(&line, 0);
	rc = bytes_check(&line, err);
	if (rc == SNAP_OK) {
		ui_out_raw((const char *)line.p);
		rc = ui_out_end(err);
	}
	bytes_fini(&line);
	return rc;
}
