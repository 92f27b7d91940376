/* SPDX-License-Identifier: PostgreSQL */
/*
 * page.c - the page around the charts: how it looks, numbers at its head, runs
 * at its foot.
 *
 * It says in its head that it takes nothing from anywhere and runs no script,
 * so that a name which got past html_text() could do nothing either.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "page.h"
#include "svg.h"
#include "ui.h"

#define NS_PER_S INT64_C(1000000000)
#define DAY_S INT64_C(86400)
#define RUNS_SHOWN 50
#define MONTH_DAYS 30
#define TEXT_MAX ((size_t)64 << 10)

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n"
    "<meta http-equiv=\"Content-Security-Policy\" "
    "content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
    "<meta name=\"viewport\" content=\"width=device-width\"/>\n"
    "<meta name=\"color-scheme\" content=\"light dark\"/>\n";

static const char style[] =
    "<style>\n"
    ":root{--bg:#f4f5f7;--card:#fff;--text:#1c2430;--soft:#5f6b7a;"
    "--grid:#e3e7ec;--bar:#3b72d9;--s0:#2563eb;--s1:#c96a04;--s2:#0b8a5f;"
    "--s3:#b026c8;--s4:#0a86a3;--s5:#69758a;--bad:#c62828;--warn:#b26a00;"
    "--good:#1d7f4e;--k0:#e9ecf0;--k1:#c3d8fb;--k2:#8fb6f5;--k3:#5a90ea;"
    "--k4:#2f66c9;--k5:#173f8a;--kp:#b026c8;--kg:#f0b35a}\n"
    "@media (prefers-color-scheme:dark){:root{--bg:#0f1318;--card:#181e26;"
    "--text:#e6eaf0;--soft:#98a4b3;--grid:#2b333e;--bar:#5b8def;--s0:#6ea0ff;"
    "--s1:#f0a04b;--s2:#41c794;--s3:#e07bf0;--s4:#4cc3de;--s5:#9aa6b8;"
    "--bad:#ff7b72;--warn:#f0b35a;--good:#4cc38a;--k0:#242c36;--k1:#233a63;"
    "--k2:#2c519a;--k3:#3c6fd0;--k4:#6b9bf2;--k5:#b3cdfb;--kp:#e07bf0;"
    "--kg:#c98a2e}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--bg);"
    "color:var(--text);font:15px/1.5 system-ui,'DejaVu Sans',sans-serif}"
    "main{max-width:1020px;margin:0 auto;padding:28px 20px 48px}"
    "h1{font-size:26px;margin:0}h2{font-size:18px;margin:0}"
    "h3{font-size:14px;margin:16px 0 4px}p{margin:2px 0 12px;"
    "color:var(--soft)}header p{margin:0 0 18px;overflow-wrap:anywhere}"
    "section{background:var(--card);border:1px solid var(--grid);"
    "border-radius:10px;padding:18px 20px;margin:0 0 18px}"
    "code{font:13px ui-monospace,monospace;color:var(--text)}\n"
    ".tiles{display:grid;gap:12px;margin:0 0 18px;padding:0;"
    "grid-template-columns:repeat(auto-fit,minmax(215px,1fr))}"
    ".tiles div{background:var(--card);border:1px solid var(--grid);"
    "border-radius:10px;padding:12px 16px}.tiles dt{font-size:13px;"
    "color:var(--soft)}.tiles dd{margin:0}.tiles dd:nth-of-type(1){"
    "font-size:22px;font-weight:600}.tiles dd+dd{font-size:13px;"
    "color:var(--soft)}\n"
    "svg{display:block;width:100%;height:auto}.grid{stroke:var(--grid);"
    "fill:none}.tick{fill:var(--soft);font-size:11.5px}.tick.y{"
    "text-anchor:end}.tick.x{text-anchor:middle}.line{fill:none;"
    "stroke-width:2;stroke-linejoin:round}.bar{fill:var(--bar)}"
    "svg .failed{fill:var(--bad)}b.failed,.FAILED{color:var(--bad)}"
    ".warnings{color:var(--warn)}.ok{color:var(--good)}"
    "td.FAILED{font-weight:600}\n"
    ".line.s0{stroke:var(--s0)}.line.s1{stroke:var(--s1)}"
    ".line.s2{stroke:var(--s2)}.line.s3{stroke:var(--s3)}"
    ".line.s4{stroke:var(--s4)}.line.s5{stroke:var(--s5)}"
    ".dot.s0{fill:var(--s0)}.dot.s1{fill:var(--s1)}.dot.s2{fill:var(--s2)}"
    ".dot.s3{fill:var(--s3)}.dot.s4{fill:var(--s4)}.dot.s5{fill:var(--s5)}\n"
    ".k0{fill:var(--k0)}.k1{fill:var(--k1)}.k2{fill:var(--k2)}"
    ".k3{fill:var(--k3)}.k4{fill:var(--k4)}.k5{fill:var(--k5)}"
    ".kp{fill:var(--kp)}.kg{fill:var(--kg)}\n"
    ".legend{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;"
    "margin:6px 0 0;padding:0;font-size:13px}.legend i{display:inline-block;"
    "width:11px;height:11px;border-radius:3px;margin-right:6px}"
    "i.s0{background:var(--s0)}i.s1{background:var(--s1)}"
    "i.s2{background:var(--s2)}i.s3{background:var(--s3)}"
    "i.s4{background:var(--s4)}i.s5{background:var(--s5)}"
    "i.k1{background:var(--k1)}i.k2{background:var(--k2)}"
    "i.k3{background:var(--k3)}i.k4{background:var(--k4)}"
    "i.k5{background:var(--k5)}i.kp{background:var(--kp)}"
    "i.kg{background:var(--kg)}\n"
    "table{border-collapse:collapse;width:100%;font-size:13.5px}"
    "th,td{text-align:left;padding:5px 12px 5px 0;vertical-align:top;"
    "border-bottom:1px solid var(--grid)}th{font-weight:600}"
    "tr:last-child th,tr:last-child td{border-bottom:0}"
    ".n{text-align:right;white-space:nowrap}.w{white-space:nowrap}"
    "td:last-child{overflow-wrap:anywhere}.scroll{overflow-x:auto}"
    ".ages th{width:22%;font-weight:400;overflow-wrap:anywhere}.ages td+td{"
    "width:24%;white-space:nowrap}.ages td{vertical-align:middle}"
    ".age{height:12px;border-radius:4px;background:var(--good)}"
    ".age.old{background:var(--warn)}.age.bad{background:var(--bad)}"
    ".age.never{background:none;border:1px dashed var(--bad)}"
    "footer{color:var(--soft);font-size:13px}\n"
    "@media print{body{background:#fff}main{max-width:none;padding:0}"
    "section,.tiles div{break-inside:avoid}}\n"
    "</style>\n";

void
page_name(const struct group *g, struct bytes *out)
{
	bytes_put_str(out, place_source(g->newest));
	if (repo_snapshot_prop(g->newest, REPO_PROP_SELECTION) != NULL)
		bytes_put_str(out, " (partial)");
}

/* ---- the tiles */

static void
tile(struct page *p, const char *name, const char *css, const char *value,
    const char *more)
{
	bytes_printf(&p->out,
	    "<div><dt>%s</dt><dd class=\"%s\">%s</dd><dd>%s</dd></div>\n", name,
	    css, value, more);
}

static void
tile_backups(struct page *p)
{
	const struct group *newest = NULL, *oldest = NULL;
	char ago[UI_TIME_MAX], value[UI_TIME_MAX] = "none";
	struct bytes more, name;

	bytes_init(&name, TEXT_MAX);
	bytes_init(&more, TEXT_MAX);
	for (size_t i = 0; i < p->status.n; i++) {
		const struct group *g = &p->status.groups[i];

		if (newest == NULL || g->newest_s > newest->newest_s)
			newest = g;
		if (oldest == NULL || g->newest_s < oldest->newest_s)
			oldest = g;
	}
	if (newest != NULL)
		(void)ui_ago(p->status.now_s - newest->newest_s, value);
	if (p->status.n > 1) {
		page_name(oldest, &name);
		bytes_put_str(&more, "longest ago: ");
		html_text(&more, bytes_span(&name));
		bytes_printf(&more, ", %s",
		    ui_ago(p->status.now_s - oldest->newest_s, ago));
	}
	bytes_u8(&more, 0);
	p->out.bad |= more.bad;
	if (!more.bad)
		tile(p, "Last backup", newest != NULL ? "" : "FAILED", value,
		    (const char *)more.p);
	bytes_fini(&more);
	bytes_fini(&name);
}

static void
tile_growth(struct page *p)
{
	char value[CHART_VALUE_MAX + 2] = "?", size[CHART_VALUE_MAX];
	double day = 0;
	bool is_known = false;

	for (size_t i = 0; i < p->status.n; i++) {
		is_known |= p->status.groups[i].has_growth;
		if (p->status.groups[i].has_growth)
			day += p->status.groups[i].growth * (double)DAY_S;
	}
	if (is_known)
		(void)snprintf(value, sizeof value, "%c%s", day < 0 ? '-' : '+',
		    chart_value(CHART_BYTES, day < 0 ? -day : day, size));
	tile(p, "Growth a day", "", value, "of all sources together");
}

static void
tile_sizes(struct page *p)
{
	const struct repo_stats *v = &p->stats;
	uint64_t stored =
	    v->stored_data + v->stored_meta + v->stored_index + v->stored_other;
	char value[UI_SIZE_MAX], more[64];

	(void)snprintf(value, sizeof value, "%zu", p->status.place.all.n);
	(void)snprintf(more, sizeof more, "of %zu source%s", p->status.n,
	    p->status.n == 1 ? "" : "s");
	tile(p, "Snapshots", "", value, more);
	(void)ui_size(v->logical_bytes, value);
	tile(p, "Backed up", "", value,
	    "in all snapshots, before deduplication");
	(void)ui_size(stored, value);
	more[0] = '\0';
	if (stored > 0)
		(void)snprintf(more, sizeof more, "%.1f times less",
		    (double)v->logical_bytes / (double)stored);
	tile(p, "Stored", "", value, more);
	tile_growth(p);
}

static void
tile_verified(struct page *p)
{
	size_t n_never = 0, n_failed = 0;
	char value[UI_TIME_MAX] = "never", more[64] = "";
	int64_t at = 0;

	for (size_t i = 0; i < p->status.n; i++) {
		const struct group *g = &p->status.groups[i];

		n_never += g->verified_s == 0;
		n_failed += g->failed;
		at = g->verified_s > at ? g->verified_s : at;
	}
	if (at != 0)
		(void)ui_ago(p->status.now_s - at, value);
	if (n_failed > 0)
		(void)snprintf(
		    more, sizeof more, "%zu with differences", n_failed);
	else if (n_never > 0 && at != 0)
		(void)snprintf(more, sizeof more, "%zu never", n_never);
	tile(p, "Verified", n_failed > 0 || at == 0 ? "FAILED" : "", value,
	    more);
}

static bool
read_data(const struct event *check)
{
	return history_number(check->record, "packs-read") > 0;
}

/* The owner's that counts: the newest, but one that failed until another reads
 * data, if it did.  What a host says of its checks is its claim. */
static const struct event *
check_that_stands(const struct history *h)
{
	const struct event *at = NULL;

	for (size_t i = 0; i < h->n; i++) {
		const struct event *e = &h->v[i];

		if (e->record == NULL || !e->record->by_owner ||
		    !span_eq(e->job, span_str("check")))
			continue;
		if (at == NULL || at->end != EVENT_FAILED || read_data(e) ||
		    !read_data(at))
			at = e;
	}
	return at;
}

static void
tile_checked(struct page *p)
{
	const struct event *check = check_that_stands(&p->history);
	char value[UI_TIME_MAX] = "never";

	if (check != NULL)
		(void)ui_ago(
		    p->status.now_s - check->time_ns / NS_PER_S, value);
	tile(p, "Checked",
	    check == NULL || check->end != EVENT_OK ? "FAILED" : "", value,
	    check == NULL                ? ""
	    : check->end == EVENT_OK     ? "nothing found"
	    : check->end == EVENT_FAILED ? "it failed"
					 : "with warnings");
}

static void
tile_failed(struct page *p)
{
	int64_t since = (p->status.now_s - MONTH_DAYS * DAY_S) * NS_PER_S;
	char number[24];
	size_t n = 0;

	for (size_t i = 0; i < p->history.n; i++)
		n += p->history.v[i].end == EVENT_FAILED &&
		     p->history.v[i].time_ns >= since;
	(void)snprintf(number, sizeof number, "%zu", n);
	tile(p, "Failed runs", n > 0 ? "FAILED" : "ok", number,
	    "in the last 30 days");
}

void
page_head(struct page *p)
{
	const char *url = transport_url(p->status.place.transport);
	char when[UI_TIME_MAX];

	bytes_put_str(&p->out, head);
	bytes_put_str(&p->out, "<title>Backups in ");
	html_text(&p->out, span_str(url));
	bytes_put_str(&p->out, "</title>\n");
	bytes_put_str(&p->out, style);
	bytes_put_str(
	    &p->out, "</head><body><main><header><h1>Backups</h1><p>in <code>");
	html_text(&p->out, span_str(url));
	bytes_printf(&p->out, "</code>, as of %s</p></header>\n",
	    ui_time(p->status.now_s * NS_PER_S, when));
	bytes_put_str(&p->out, "<dl class=\"tiles\">\n");
	tile_backups(p);
	tile_sizes(p);
	tile_verified(p);
	/* Checks, prunes and copies are of no source that could be named. */
	if (p->status.cli->o.n_args == 0) {
		tile_checked(p);
		tile_failed(p);
	}
	bytes_put_str(&p->out, "</dl>\n");
}

/* ---- the runs */

static void
put_run(struct page *p, const struct event *e, struct bytes *b)
{
	static const char *const css[] = { "ok", "warnings", "FAILED" };
	char when[UI_TIME_MAX], text[HISTORY_DURATION_MAX];
	char size[UI_SIZE_MAX];

	bytes_printf(&p->out, "<tr><td class=\"w\">%.16s</td><td>",
	    ui_time(e->time_ns, when));
	html_text(&p->out, e->job);
	bytes_put_str(&p->out, "</td><td>");
	html_text(&p->out, e->source);
	bytes_printf(&p->out, "</td><td class=\"n\">%s</td>",
	    e->has_duration ? history_duration(e->duration_ms, text) : "");
	bytes_printf(&p->out, "<td class=\"n\">%s</td>",
	    e->snapshot ? ui_size(e->snapshot->bytes, size) : "");
	bytes_printf(&p->out, "<td class=\"n\">%s</td><td class=\"%s\">",
	    e->snapshot ? ui_size(e->snapshot->new_bytes, size) : "",
	    css[e->end]);
	bytes_clear(b);
	history_status(e, b);
	html_text(&p->out, bytes_span(b));
	bytes_put_str(&p->out, "</td></tr>\n");
}

void
page_runs(struct page *p)
{
	struct bytes b;

	bytes_init(&b, TEXT_MAX);
	bytes_printf(&p->out,
	    "<section><h2>Runs</h2><p>The last %d, the newest first.</p>\n"
	    "<div class=\"scroll\"><table><tr><th>Ended</th><th>Job</th>"
	    "<th>Source</th><th class=\"n\">Duration</th><th class=\"n\">Size"
	    "</th><th class=\"n\">New</th><th>Outcome</th></tr>\n",
	    RUNS_SHOWN);
	for (size_t n = 0, i = p->history.n; i-- > 0 && n < RUNS_SHOWN; n++)
		put_run(p, &p->history.v[i], &b);
	bytes_put_str(&p->out, "</table></div></section>\n<footer>");
	bytes_put_str(&p->out,
	    "Made by " SNAP_PROGRAM_NAME " " SNAP_VERSION
	    " from what the repository itself says.</footer>\n"
	    "</main></body></html>\n");
	bytes_fini(&b);
}
