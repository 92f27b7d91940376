/* SPDX-License-Identifier: PostgreSQL */
/* judge.c - see judge.h. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "repo_care.h"
#include "transport_impl.h"

#define LOG_MAX (4u << 20)

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void
note_line(void *arg, enum report_level level, const char *line)
{
	struct bytes *log = *(struct bytes **)arg;

	if (level != REPORT_WARNING)
		return;
	(void)pthread_mutex_lock(&log_lock);
	bytes_put_str(log, line);
	bytes_put_str(log, "\n");
	(void)pthread_mutex_unlock(&log_lock);
}

/* Damage may only ever be called damage, or of a newer version. */
static void
note_failure(struct outcome *out, struct bytes *log, enum snap_code rc,
    const struct snap_err *err)
{
	if (rc == SNAP_OK)
		return;
	bytes_put_str(log, err->msg);
	bytes_put_str(log, "\n");
	bytes_put_str(log, err->detail);
	bytes_put_str(log, "\n");
	bytes_put_str(log, err->hint);
	bytes_put_str(log, "\n");
	if (rc != SNAP_CORRUPT && rc != SNAP_UNSUPPORTED)
		out->wrong = snap_code_name(rc);
	if (rc != err->code)
		out->wrong = "another code than that of the message";
}

bool
outcome_said(const struct bytes *log, const char *what)
{
	size_t n = strlen(what);

	for (size_t i = 0; i + n <= log->len; i++)
		if (memcmp(log->p + i, what, n) == 0)
			return true;
	return false;
}

void
outcome_fini(struct outcome *out)
{
	bytes_fini(&out->said);
	bytes_fini(&out->checked);
}

struct compare {
	struct sink sink;
	const struct expected *e;
	struct outcome *out;
	const struct bytes *cur;
	size_t n_streams, off;
};

static enum snap_code
cmp_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	struct compare *c = (struct compare *)s;

	(void)err;
	if (c->n_streams == GROUND_STREAMS || m->kind != STREAM_TABLE ||
	    m->cutter != CUTTER_ROWS || m->part != 0 ||
	    !span_eq(m->attr, span_str("COPY t FROM stdin;")) ||
	    !span_eq(m->name, span_str(c->n_streams == 0 ? "a" : "b"))) {
		c->out->wrong = "a stream that is not the snapshot's";
		return snap_fail(err, SNAP_CORRUPT, "another stream");
	}
	c->cur = &c->e->streams[c->n_streams++];
	c->off = 0;
	return SNAP_OK;
}

static enum snap_code
cmp_data(struct sink *s, struct span d, struct snap_err *err)
{
	struct compare *c = (struct compare *)s;

	if (d.len > c->cur->len - c->off ||
	    memcmp(d.p, c->cur->p + c->off, d.len) != 0) {
		c->out->wrong = "false bytes came out";
		return snap_fail(err, SNAP_CORRUPT, "false bytes");
	}
	c->off += d.len;
	return SNAP_OK;
}

static enum snap_code
cmp_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	struct compare *c = (struct compare *)s;

	(void)rows;
	(void)err;
	if (c->off != c->cur->len)
		c->out->wrong = "a stream ended early";
	return SNAP_OK;
}

static bool
same_snapshot(
    const struct repo_snapshot *a, const struct expected *e, bool like_files)
{
	const struct repo_snapshot *b = &e->snap;
	int64_t time = like_files ? e->time_of_files : b->time_ns;

	if (memcmp(a->root, b->root, REPO_ID_LEN) != 0 || a->time_ns != time ||
	    a->bytes != b->bytes || a->rows != b->rows ||
	    a->n_streams != b->n_streams || a->n_props != b->n_props)
		return false;
	for (size_t i = 0; i < a->n_props; i++)
		if (strcmp(a->props[i].key, b->props[i].key) != 0 ||
		    strcmp(a->props[i].value, b->props[i].value) != 0)
			return false;
	return true;
}

static void
restore(struct repo *r, const struct repo_snapshot *snap, unsigned nth,
    const struct ground *g, struct outcome *out)
{
	static const struct sink_ops ops = { cmp_begin, cmp_data, cmp_end };
	struct compare c = { { &ops }, &g->snaps[nth], out, NULL, 0, 0 };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_manifest *m = NULL;
	enum snap_code rc;

	rc = repo_manifest(r, snap, &m, &err);
	if (rc == SNAP_OK)
		rc = repo_read(r, m, NULL, NULL, &c.sink, &err);
	repo_manifest_free(m);
	note_failure(out, &out->said, rc, &err);
	if (rc != SNAP_OK)
		return;
	if (c.n_streams != GROUND_STREAMS)
		out->wrong = "a restore left streams out and succeeded";
	else
		out->restored |= 1u << nth;
}

/* Whoever asks for the latest must not get an older one without knowing. */
static void
ask_for_latest(const struct ground *g, const struct repo_snapshots *all,
    const struct judge_opts *o, struct outcome *out)
{
	const struct repo_snapshot *s = NULL;
	struct snap_err err = SNAP_ERR_INIT;
	enum snap_code rc = repo_snapshot_find(all, "latest", &s, &err);

	if (rc == SNAP_OK && !o->latest_may_be_gone &&
	    memcmp(s->id, g->snaps[GROUND_SNAPS - 1].snap.id, REPO_ID_LEN) != 0)
		out->wrong = "an older one is called the latest";
	if (rc != SNAP_OK && rc != SNAP_NOTFOUND)
		note_failure(out, &out->said, rc, &err);
}

static void
list_and_restore(const struct ground *g, struct repo *r,
    const struct judge_opts *o, struct outcome *out)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_snapshots all;
	enum snap_code rc = repo_snapshots(r, &all, &err);

	note_failure(out, &out->said, rc, &err);
	if (rc != SNAP_OK)
		return;
	out->n_damaged = all.n_damaged;
	for (size_t i = 0; i < all.n; i++) {
		unsigned nth = 0;

		while (nth < GROUND_SNAPS &&
		       memcmp(all.v[i].id, g->snaps[nth].snap.id,
			   REPO_ID_LEN) != 0)
			nth++;
		if (nth == GROUND_SNAPS) {
			out->wrong = "a snapshot that nobody made";
			continue;
		}
		if (!same_snapshot(&all.v[i], &g->snaps[nth], o->like_files))
			out->wrong = "false words about a snapshot";
		out->listed |= 1u << nth;
		restore(r, &all.v[i], nth, g, out);
	}
	ask_for_latest(g, &all, o, out);
	repo_snapshots_free(&all);
}

static void
check(struct repo *r, bool both, struct outcome *out)
{
	struct repo_check_opts quick = { .read_data = false };
	struct repo_check_opts whole = { .read_data = true,
		.data_percent = 100 };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_check_result res = { .n_errors = 0 };
	enum snap_code rc = SNAP_OK;
	uint64_t n_quick;

	if (both)
		rc = repo_check(r, &quick, &res, &err);
	n_quick = res.n_errors;
	if (rc == SNAP_OK)
		rc = repo_check(r, &whole, &res, &err);
	note_failure(out, &out->checked, rc, &err);
	out->n_findings = res.n_errors;
	if (rc == SNAP_OK && n_quick > 0 && res.n_errors == 0)
		out->wrong = "reading data finds less";
}

static struct repo *
door(const struct ground *g, struct transport *t, const struct judge_opts *o,
    struct report *report, struct outcome *out)
{
	struct repo_opts ro = { .passphrase = o->secret,
		.is_recovery_code = o->secret.len == 0,
		.cache_dir = o->cache_dir,
		.n_threads = 1,
		.report = report };
	struct snap_err err = SNAP_ERR_INIT;
	struct repo *r = NULL;

	if (ro.is_recovery_code)
		ro.passphrase = span_str(g->code);
	out->open_rc = repo_open(t, &ro, &r, &err);
	/* A slot or config that is gone has codes of its own. */
	if (out->open_rc == SNAP_WRONG_KEY || out->open_rc == SNAP_NOREPO) {
		bytes_put_str(&out->said, err.msg);
		bytes_put_str(&out->said, "\n");
	} else {
		note_failure(out, &out->said, out->open_rc, &err);
	}
	return r;
}

void
judge(const struct ground *g, struct mem_store *mem, const struct judge_opts *o,
    struct outcome *out)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct report report;
	struct bytes *log = &out->said;
	struct transport *t;
	struct repo *r;

	memset(out, 0, sizeof *out);
	memset(&report, 0, sizeof report);
	report.log = note_line;
	report.arg = &log;
	bytes_init(&out->said, LOG_MAX);
	bytes_init(&out->checked, LOG_MAX);
	must(transport_open_mem(mem, &t, &err), &err);
	t->time_is_visibility = !o->like_files;
	r = door(g, t, o, &report, out);
	if (r != NULL) {
		list_and_restore(g, r, o, out);
		/* As another process would, which has not seen anything. */
		if (o->afresh) {
			repo_close(r);
			r = door(g, t, o, &report, out);
		}
	}
	log = &out->checked;
	if (r != NULL && !o->no_check)
		check(r, o->afresh, out);
	repo_close(r);
	transport_close(t);
}
