/* SPDX-License-Identifier: PostgreSQL */
/*
 * survey.c - what of a damaged snapshot can still be read, by reading it.
 *
 * Streams are read one behind the other into nothing; where that fails the
 * stream is lost, and it goes on behind it.
 */
#include <string.h>

#include "assemble.h"

struct survey {
	struct sink sink; /* first */
	struct store *s;
	const struct manifest *m;
	bool (*choose)(void *arg, const struct repo_stream *st);
	void *arg;
	bool *lost;
	size_t from;    /* the first stream that is read now */
	size_t n_ended; /* of those that are */
};

static bool
is_chosen(void *arg, const struct repo_stream *st)
{
	struct survey *v = arg;
	size_t i = (size_t)(st - v->m->m.v);

	return i >= v->from && !v->lost[i] &&
	       (v->choose == NULL || v->choose(v->arg, st));
}

static enum snap_code
survey_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	(void)s;
	(void)m;
	(void)err;
	return SNAP_OK;
}

static enum snap_code
survey_data(struct sink *s, struct span d, struct snap_err *err)
{
	(void)s;
	(void)d;
	(void)err;
	return SNAP_OK;
}

static enum snap_code
survey_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	(void)rows;
	(void)err;
	((struct survey *)s)->n_ended++;
	return SNAP_OK;
}

static const struct sink_ops ops = { survey_begin, survey_data, survey_end };

/* The stream behind those that ended, and all slices of the same table. */
static void
lose(struct survey *v, const struct snap_err *why)
{
	const struct repo_stream *all = v->m->m.v;
	size_t i = v->from, n = v->n_ended;

	while (i < v->m->m.n && (!is_chosen(v, &all[i]) || n-- > 0))
		i++;
	if (i == v->m->m.n)
		return;
	report_log(v->s->report, REPORT_INFO, "%s", why->msg);
	for (size_t k = 0; k < v->m->m.n; k++)
		if (all[k].kind == all[i].kind &&
		    span_eq(all[k].name, all[i].name))
			v->lost[k] = true;
	v->from = i + 1;
}

static bool
is_damage(enum snap_code rc)
{
	return rc == SNAP_CORRUPT || rc == SNAP_NOTFOUND || rc == SNAP_IO;
}

enum snap_code
assemble_survey(struct store *s, const struct manifest *m,
    bool (*choose)(void *arg, const struct repo_stream *st), void *arg,
    bool *lost, struct snap_err *err)
{
	struct survey v = { .sink = { &ops },
		.s = s,
		.m = m,
		.choose = choose,
		.arg = arg,
		.lost = lost };
	enum snap_code rc;
	size_t before;

	memset(lost, 0, m->m.n * sizeof *lost);
	do {
		v.n_ended = 0;
		before = v.from;
		rc = assemble_read(s, m, is_chosen, &v, &v.sink, err);
		if (is_damage(rc))
			lose(&v, err);
	} while (is_damage(rc) && v.from != before);
	return rc;
}
