/* SPDX-License-Identifier: PostgreSQL */
/*
 * wrongful.c - linked into the program: what a backup stores is not what it
 * has read.
 *
 * WRONG=row changes the last digit of the first row of the table WRONG_NAME,
 * WRONG=missing leaves that row out, WRONG=sequence changes a digit of the
 * first value of a sequence, WRONG=object a byte of the large object
 * WRONG_NAME.  The digests are made before, by the source; WRONG=digests
 * leaves them out, as older programs did.
 */
#include <stdlib.h>
#include <string.h>

#include "repo.h"

/* What the linker's --wrap makes of repo_backup_lane(). */
struct sink *__real_repo_backup_lane(struct repo_backup *b, size_t i);
struct sink *__wrap_repo_backup_lane(struct repo_backup *b, size_t i);

#define LANES 8
#define PIECE_MAX ((size_t)1 << 20)

struct wrong {
	struct sink base;
	struct sink *to;
	bool here;     /* in the stream that it is about */
	bool dropped;  /* a row of it */
	bool left_out; /* all of it */
};

static bool
is(const char *what)
{
	const char *v = getenv("WRONG");

	return v != NULL && strcmp(v, what) == 0;
}

static enum snap_code
wrong_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	struct wrong *w = (struct wrong *)s;
	const char *name = getenv("WRONG_NAME");
	bool named = name != NULL && span_eq(m->name, span_str(name));

	w->dropped = false;
	w->left_out = m->kind == STREAM_DIGESTS && is("digests");
	w->here = (m->kind == STREAM_TABLE && named &&
		      (is("row") || is("missing"))) ||
		  (m->kind == STREAM_SEQUENCES && is("sequence")) ||
		  (m->kind == STREAM_LARGE_OBJECT && named && is("object"));
	return w->left_out ? SNAP_OK : sink_begin(w->to, m, err);
}

static enum snap_code
wrong_data(struct sink *s, struct span d, struct snap_err *err)
{
	struct wrong *w = (struct wrong *)s;
	uint8_t *copy, *end;
	enum snap_code rc;

	if (w->left_out)
		return SNAP_OK;
	if (!w->here || d.len == 0 || d.len > PIECE_MAX)
		return sink_data(w->to, d, err);
	w->here = false;
	copy = malloc(d.len + 1);
	if (copy == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	memcpy(copy, d.p, d.len);
	copy[d.len] = '\0';
	end = memchr(copy, '\n', d.len);
	if (is("missing") && end != NULL) {
		w->dropped = true;
		rc = sink_data(w->to,
		    span_of(end + 1, d.len - (size_t)(end + 1 - copy)), err);
		free(copy);
		return rc;
	}
	if (is("sequence"))
		end = (uint8_t *)strstr((char *)copy, ", true");
	if (is("object"))
		copy[0] ^= 1;
	else if (end != NULL && end != copy)
		end[-1] = end[-1] == '1' ? '2' : '1';
	rc = sink_data(w->to, span_of(copy, d.len), err);
	free(copy);
	return rc;
}

static enum snap_code
wrong_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	struct wrong *w = (struct wrong *)s;

	return w->left_out ? SNAP_OK : sink_end(w->to, rows - w->dropped, err);
}

static const struct sink_ops wrong_ops = { wrong_begin, wrong_data, wrong_end };

struct sink *
__wrap_repo_backup_lane(struct repo_backup *b, size_t i)
{
	static struct wrong lanes[LANES];

	if (i >= LANES)
		return __real_repo_backup_lane(b, i);
	lanes[i].base.ops = &wrong_ops;
	lanes[i].to = __real_repo_backup_lane(b, i);
	return &lanes[i].base;
}
