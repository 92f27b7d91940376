/* SPDX-License-Identifier: PostgreSQL */
/*
 * raw.c - streams of bytes that snap knows nothing about.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "raw.h"
#include "ui.h"

#define PEEK ((size_t)64 << 10)
#define LINE_BYTES ((size_t)8 << 10) /* longer lines are no text */
#define POLL_MS 200
#define HEAD ((size_t)1 << 10) /* where a script says what it is */
#define TAIL ((size_t)4 << 10) /* where it says that it is whole */
#define HOLD_MAX ((size_t)1 << 30)

static bool
starts(struct span head, const char *magic, size_t len)
{
	return head.len >= len && memcmp(head.p, magic, len) == 0;
}

/*
 * "PGDMP", version (3 bytes), size of integers, size of offsets, format, then
 * from 1.15 on one byte for the algorithm, before a signed integer: the level.
 */
static bool
pgdmp_is_compressed(struct span head)
{
	size_t i, n;

	if (!starts(head, "PGDMP", 5) || head.len < 11)
		return false;
	n = head.p[8];
	if (head.p[5] != 1 || head.len < 12 + n)
		return false;
	if (head.p[6] >= 15)
		return head.p[11] != 0;
	for (i = 0; i < n; i++)
		if (head.p[12 + i] != 0)
			return true;
	return false;
}

const char *
raw_compression(struct span head)
{
	if (pgdmp_is_compressed(head))
		return "a compressed archive of pg_dump";
	if (starts(head, "\x1f\x8b", 2))
		return "compressed by gzip";
	if (starts(head, "\x28\xb5\x2f\xfd", 4))
		return "compressed by zstd";
	if (starts(head,
		"\xfd"
		"7zXZ",
		6))
		return "compressed by xz";
	if (starts(head, "BZh", 3))
		return "compressed by bzip2";
	if (starts(head, "\x04\x22\x4d\x18", 4))
		return "compressed by lz4";
	return NULL;
}

bool
raw_is_lines(struct span head)
{
	size_t i, line = 0;

	if (head.len == 0)
		return false;
	for (i = 0; i < head.len; i++) {
		line = head.p[i] == '\n' ? 0 : line + 1;
		if (head.p[i] == '\0' || line > LINE_BYTES)
			return false;
	}
	return true;
}

static bool
contains(struct span s, const char *line)
{
	size_t n = strlen(line);

	for (size_t i = 0; i + n <= s.len; i++)
		if (memcmp(s.p + i, line, n) == 0)
			return true;
	return false;
}

const char *
raw_last_line(struct span head)
{
	if (head.len > HEAD)
		head.len = HEAD;
	if (contains(head, "\n-- PostgreSQL database dump\n"))
		return "\n-- PostgreSQL database dump complete\n";
	if (contains(head, "\n-- PostgreSQL database cluster dump\n"))
		return "\n-- PostgreSQL database cluster dump complete\n";
	return NULL;
}

/* The last TAIL bytes of what goes by. */
struct tail {
	uint8_t p[TAIL];
	size_t len;
};

static void
tail_add(struct tail *t, struct span d)
{
	size_t n = d.len < TAIL ? d.len : TAIL;
	size_t keep = t->len < TAIL - n ? t->len : TAIL - n;

	if (n == 0)
		return;
	memmove(t->p, t->p + t->len - keep, keep);
	memcpy(t->p + keep, d.p + d.len - n, n);
	t->len = keep + n;
}

/* A pipe ends in the same way after the whole and after half of a dump. */
static enum snap_code
check_end(const struct tail *t, const char *last_line, bool may_be_empty,
    struct snap_err *err)
{
	if (t->len == 0 && !may_be_empty)
		(void)snap_fail(err, SNAP_SOURCE, "the input is empty");
	else if (last_line != NULL &&
		 !contains(span_of(t->p, t->len), last_line))
		(void)snap_fail(err, SNAP_SOURCE,
		    "the input is a dump that is cut short: the line \"%.*s\" "
		    "is missing",
		    (int)strlen(last_line) - 2, last_line + 1);
	else
		return SNAP_OK;
	if (may_be_empty)
		return snap_hint(err,
		    "A shell tells the status of the last command of a pipe: "
		    "in bash, set -o pipefail.");
	return snap_hint(err,
	    "Let %s see the exit status: %s backup --name=NAME -- COMMAND",
	    SNAP_PROGRAM_NAME, SNAP_PROGRAM_NAME);
}

/* As fd_read_full(), but gives up when it is told to. */
static enum snap_code
fill(int fd, struct bytes *b, size_t want, bool *end, struct report *r,
    struct snap_err *err)
{
	struct pollfd p = { fd, POLLIN, 0 };
	enum snap_code rc;
	ssize_t n;

	b->len = 0;
	while (b->len < want && !*end) {
		if ((rc = report_check(r, err)) != SNAP_OK)
			return rc;
		n = poll(&p, 1, POLL_MS);
		if (n == 0 || (n < 0 && errno == EINTR))
			continue;
		n = read(fd, b->p + b->len, want - b->len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return snap_fail_errno(
			    err, SNAP_SOURCE, "read the input");
		*end = n == 0;
		b->len += (size_t)n;
	}
	return SNAP_OK;
}

static void
warn_compressed(struct span head, const char *name)
{
	const char *what = raw_compression(head);

	if (what == NULL)
		return;
	ui_warning("\"%s\" is %s: nothing of it will be found again in the "
		   "next backup",
	    name, what);
	if (starts(head, "PGDMP", 5))
		ui_hint("pg_dump -Fc -Z0 DBNAME | %s backup --stdin --name "
			"'%s', or better: %s backup -d DBNAME",
		    SNAP_PROGRAM_NAME, name, SNAP_PROGRAM_NAME);
	else
		ui_hint("Leave the compression out: %s compresses what it "
			"stores.",
		    SNAP_PROGRAM_NAME);
}

enum snap_code
raw_push(int fd, const char *name, bool may_be_empty, struct sink *out,
    struct report *r, struct snap_err *err)
{
	struct stream_meta m = { .kind = STREAM_RAW, .name = span_str(name) };
	const char *last_line;
	struct tail tail = { .len = 0 };
	struct bytes b;
	bool end = false;
	enum snap_code rc;

	bytes_init(&b, PEEK);
	if ((rc = bytes_reserve(&b, PEEK, err)) != SNAP_OK ||
	    (rc = fill(fd, &b, PEEK, &end, r, err)) != SNAP_OK)
		goto out;
	warn_compressed(bytes_span(&b), name);
	last_line = raw_last_line(bytes_span(&b));
	m.cutter = raw_is_lines(bytes_span(&b)) ? CUTTER_ROWS : CUTTER_BYTES;
	if ((rc = sink_begin(out, &m, err)) != SNAP_OK)
		goto out;
	while (b.len > 0) {
		tail_add(&tail, bytes_span(&b));
		if ((rc = sink_data(out, bytes_span(&b), err)) != SNAP_OK ||
		    (rc = fill(fd, &b, PEEK, &end, r, err)) != SNAP_OK)
			goto out;
	}
	rc = check_end(&tail, last_line, may_be_empty, err);
	if (rc == SNAP_OK)
		rc = sink_end(out, 0, err);
out:
	bytes_fini(&b);
	return rc;
}

static enum snap_code
raw_begin(struct sink *s, const struct stream_meta *m, struct snap_err *err)
{
	(void)s, (void)m, (void)err;
	return SNAP_OK;
}

static enum snap_code
write_out(struct raw_sink *s, struct span d, struct snap_err *err)
{
	enum snap_code rc = report_check(s->report, err);

	if (rc != SNAP_OK)
		return rc;
	if (fd_write_all(s->fd, d.p, d.len) == 0)
		return SNAP_OK;
	if (s->path != NULL)
		return snap_fail_errno(err, SNAP_IO, "write %s", s->path);
	ui_out_lost(errno);
	return snap_fail_errno(err, SNAP_IO, "write to standard output");
}

static enum snap_code
raw_data(struct sink *sink, struct span d, struct snap_err *err)
{
	struct raw_sink *s = (struct raw_sink *)sink;

	if (!s->hold)
		return write_out(s, d, err);
	bytes_put_span(&s->held, d);
	return bytes_check(&s->held, err);
}

static enum snap_code
raw_end(struct sink *s, uint64_t rows, struct snap_err *err)
{
	(void)s, (void)rows, (void)err;
	return SNAP_OK;
}

static const struct sink_ops raw_ops = { raw_begin, raw_data, raw_end };

void
raw_sink_init(struct raw_sink *s, int fd, bool hold, struct report *r)
{
	s->sink.ops = &raw_ops;
	s->fd = fd;
	s->hold = hold;
	s->path = NULL;
	s->report = r;
	bytes_init(&s->held, HOLD_MAX);
}

void
raw_sink_fini(struct raw_sink *s)
{
	bytes_fini(&s->held);
}
