/* SPDX-License-Identifier: PostgreSQL */
/*
 * sqlscript.c - streams as one script that either does all or nothing.
 *
 * The head opens an \if which only the last write closes: psql exits 3 at the
 * end of a script that was cut, and `psql -1` rolls back.  \restrict keeps
 * whatever is in the database from reaching psql's own commands; a psql too
 * old to know it gets an empty variable in its place.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "fdio.h"
#include "forgiving.h"
#include "losql.h"
#include "sqlscript.h"

#define BUFFER ((size_t)256 << 10)
#define KEY_BYTES 16
#define POISON_TABS 1700 /* more than a table can have columns */
#define POISON_WAIT_MS 1000
#define REASON_MAX 200

struct sqlscript {
	struct sink base; /* first, so that a struct sink * casts back */
	struct sqlscript_opts o;
	struct bytes out; /* not yet written */
	struct losql lo;
	struct bytes held; /* definitions, until they are mended */
	uint8_t kind;      /* of the stream that is open, or 0 */
	uint8_t last_kind; /* of the one before */
	uint8_t last_byte;
	uint8_t last_written;
	int write_errno; /* why a write failed, or 0 */
	bool in_copy;    /* psql is reading rows */
	bool finished;   /* committed: nothing to poison */
};

static enum snap_code
write_out(struct sqlscript *s, const void *p, size_t len, struct snap_err *err)
{
	if (fd_write_all(s->o.fd, p, len) == 0)
		return SNAP_OK;
	s->write_errno = errno;
	return snap_fail_errno(err, SNAP_IO, "write the script");
}

static enum snap_code
flush(struct sqlscript *s, struct snap_err *err)
{
	enum snap_code rc = bytes_check(&s->out, err);

	if (rc != SNAP_OK)
		return rc;
	if (s->out.len > 0)
		rc = write_out(s, s->out.p, s->out.len, err);
	if (rc != SNAP_OK)
		return rc;
	if (s->out.len > 0)
		s->last_written = s->out.p[s->out.len - 1];
	bytes_clear(&s->out);
	return SNAP_OK;
}

static void
put_title(struct sqlscript *s)
{
	const char *p = s->o.title;

	if (p == NULL)
		return;
	bytes_put_str(&s->out, "-- ");
	for (; *p != '\0'; p++)
		bytes_u8(&s->out, (unsigned char)*p < ' ' || *p == 0x7f
				      ? (uint8_t)'?'
				      : (uint8_t)*p);
	bytes_u8(&s->out, '\n');
}

/* A failing statement, no meta-command: psql 13 and 17 differ in those. */
static void
put_lock_check(struct sqlscript *s)
{
	if (s->o.restore_locks == 0 || s->o.no_transaction)
		return;
	bytes_printf(&s->out,
	    "DO $snap$ DECLARE need bigint := %" PRIu64 "; per bigint :=\n"
	    " pg_catalog.current_setting('max_connections')::bigint +\n"
	    " pg_catalog.current_setting('max_prepared_transactions')"
	    "::bigint;\n"
	    " have bigint := per * pg_catalog.current_setting("
	    "'max_locks_per_transaction')::bigint;\n"
	    "BEGIN IF have < need THEN RAISE EXCEPTION USING MESSAGE ="
	    "\n 'the lock table of this server is too small for one "
	    "transaction',\n DETAIL = 'It has ' || have || ' entries, the "
	    "restore needs ' || need || '.',\n"
	    " HINT = 'Raise max_locks_per_transaction to ' || "
	    "(need + per - 1) / per ||\n"
	    " ', or restore with --no-transaction.';\nEND IF; END $snap$;\n",
	    s->o.restore_locks);
}

static enum snap_code
random_key(char *hex, struct snap_err *err)
{
	uint8_t raw[KEY_BYTES];
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fd_read_exact(fd, raw, sizeof raw) != 0) {
		if (fd >= 0)
			close(fd);
		return snap_fail_errno(err, SNAP_IO, "draw a random key");
	}
	close(fd);
	hex_encode(raw, sizeof raw, hex);
	return SNAP_OK;
}

static enum snap_code
put_restrict(struct sqlscript *s, struct snap_err *err)
{
	char key[2 * KEY_BYTES + 1];
	enum snap_code rc;

	if (s->o.no_restrict)
		return SNAP_OK;
	rc = random_key(key, err);
	if (rc != SNAP_OK)
		return rc;
	bytes_printf(&s->out,
	    "SELECT CASE WHEN v THEN pg_catalog.chr(92) || 'restrict %s'"
	    " ELSE '' END AS snap_r,\n"
	    " CASE WHEN v THEN pg_catalog.chr(92) || 'unrestrict %s'"
	    " ELSE '' END AS snap_u\n"
	    " FROM (SELECT :VERSION_NUM >= 170006 OR\n"
	    " (:VERSION_NUM / 10000, :VERSION_NUM %% 10000 >=\n"
	    " CASE :VERSION_NUM / 10000 WHEN 16 THEN 10 WHEN 15 THEN 14"
	    " WHEN 14 THEN 19\n WHEN 13 THEN 22 ELSE 9999 END) =\n"
	    " (:VERSION_NUM / 10000, true)) x(v) \\gset\n:snap_r\n",
	    key, key);
	return SNAP_OK;
}

static void
put_settings(struct sqlscript *s)
{
	if (!s->o.no_transaction)
		bytes_put_str(&s->out, "BEGIN READ WRITE;\n");
	bytes_put_str(&s->out,
	    "SET statement_timeout = 0;\nSET lock_timeout = 0;\n"
	    "SET idle_in_transaction_session_timeout = 0;\n"
	    "SELECT pg_catalog.set_config(name, '0', false)"
	    " FROM pg_catalog.pg_settings\n"
	    " WHERE name = 'transaction_timeout'; -- of version 17\n");
	if (s->o.encoding != NULL)
		bytes_printf(
		    &s->out, "SET client_encoding = '%s';\n", s->o.encoding);
	bytes_put_str(&s->out,
	    "SET standard_conforming_strings = on;\n"
	    "SELECT pg_catalog.set_config('search_path', '', false);\n"
	    "SET check_function_bodies = false;\n"
	    "SET xmloption = content;\nSET client_min_messages = warning;\n"
	    "SET row_security = off;\nSET DateStyle = ISO;\n"
	    "SET IntervalStyle = postgres;\n");
}

static enum snap_code
lo_data(struct sqlscript *s, struct span d, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	size_t n;

	while (rc == SNAP_OK && d.len > 0) {
		n = losql_data(&s->lo, d, &s->out);
		d.p += n;
		d.len -= n;
		rc = flush(s, err);
	}
	return rc;
}

static enum snap_code
script_begin(
    struct sink *base, const struct stream_meta *m, struct snap_err *err)
{
	struct sqlscript *s = (struct sqlscript *)base;
	enum snap_code rc = SNAP_OK;

	if (s->kind != 0 || s->finished)
		return snap_fail(err, SNAP_USAGE, "streams out of order");
	if (m->kind < s->last_kind)
		return snap_fail(err, SNAP_CORRUPT,
		    "streams out of order: kind %u after %u", m->kind,
		    s->last_kind);
	if (s->o.only != 0 && m->kind != s->o.only)
		return snap_fail(err, SNAP_UNSUPPORTED,
		    "a stream of kind %u does not belong into this script",
		    m->kind);
	switch (s->o.only != 0 ? STREAM_ACL : m->kind) {
	case STREAM_TABLE:
		if (m->attr.len < 6 || memcmp(m->attr.p, "COPY ", 5) != 0 ||
		    m->attr.p[m->attr.len - 1] != ';')
			return snap_fail(err, SNAP_CORRUPT,
			    "a table's stream has no COPY statement");
		bytes_put_span(&s->out, m->attr);
		bytes_u8(&s->out, '\n');
		rc = flush(s, err);
		s->in_copy = true;
		break;
	case STREAM_LARGE_OBJECT:
		rc = losql_begin(&s->lo, m->name, err);
		break;
	case STREAM_PRE_DATA:
	case STREAM_SEQUENCES:
	case STREAM_POST_DATA:
	case STREAM_ACL:
		break;
	default:
		return snap_fail(err, SNAP_UNSUPPORTED,
		    "a stream of kind %u does not belong into a script",
		    m->kind);
	}
	s->kind = m->kind;
	s->last_kind = m->kind;
	s->last_byte = '\n';
	return rc;
}

/* Behind the rows of a partial restore. */
static bool
is_held(const struct sqlscript *s)
{
	return s->o.partial &&
	       (s->kind == STREAM_POST_DATA || s->kind == STREAM_ACL);
}

static enum snap_code
flush_held(struct sqlscript *s, struct snap_err *err)
{
	char key[2 * KEY_BYTES + 1];
	struct bytes text;
	enum snap_code rc;

	bytes_init(&text, SIZE_MAX);
	rc = random_key(key, err);
	if (rc == SNAP_OK)
		rc = forgiving_sql(bytes_span(&s->held), key, &text, err);
	if (rc == SNAP_OK && text.len > 0) {
		s->last_byte = text.p[text.len - 1];
		rc = flush(s, err);
		if (rc == SNAP_OK)
			rc = write_out(s, text.p, text.len, err);
		if (rc == SNAP_OK)
			s->last_written = s->last_byte;
	}
	bytes_clear(&s->held);
	bytes_fini(&text);
	return rc;
}

static enum snap_code
script_data(struct sink *base, struct span d, struct snap_err *err)
{
	struct sqlscript *s = (struct sqlscript *)base;
	enum snap_code rc;

	if (s->kind == 0)
		return snap_fail(err, SNAP_USAGE, "data outside a stream");
	if (s->kind == STREAM_LARGE_OBJECT)
		return lo_data(s, d, err);
	if (is_held(s)) {
		bytes_put_span(&s->held, d);
		return bytes_check(&s->held, err);
	}
	if (d.len == 0)
		return SNAP_OK;
	s->last_byte = d.p[d.len - 1];
	if (s->out.len + d.len < BUFFER) {
		bytes_put_span(&s->out, d);
		return bytes_check(&s->out, err);
	}
	rc = flush(s, err);
	if (rc == SNAP_OK)
		rc = write_out(s, d.p, d.len, err);
	if (rc == SNAP_OK)
		s->last_written = s->last_byte;
	return rc;
}

static enum snap_code
script_end(struct sink *base, uint64_t rows, struct snap_err *err)
{
	struct sqlscript *s = (struct sqlscript *)base;
	enum snap_code rc = SNAP_OK;

	(void)rows;
	if (s->kind == 0)
		return snap_fail(err, SNAP_USAGE, "end outside a stream");
	if (s->kind == STREAM_LARGE_OBJECT)
		losql_end(&s->lo, &s->out);
	else if (is_held(s))
		rc = flush_held(s, err);
	if (rc == SNAP_OK && s->last_byte != '\n')
		bytes_u8(&s->out, '\n');
	if (rc == SNAP_OK && s->in_copy)
		bytes_put_str(&s->out, "\\.\n");
	if (rc == SNAP_OK)
		rc = flush(s, err);
	if (rc == SNAP_OK) {
		s->in_copy = false;
		s->kind = 0;
	}
	return rc;
}

static const struct sink_ops script_ops = { script_begin, script_data,
	script_end };

/* It is put between quotes: a name of letters, digits, '_' and '-'. */
static bool
encoding_ok(const char *e)
{
	return e == NULL ||
	       (e[0] != '\0' &&
		   e[strspn(e,
		       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
		       "wxyz0123456789_-")] == '\0');
}

enum snap_code
sqlscript_open(const struct sqlscript_opts *o, struct sqlscript **out,
    struct snap_err *err)
{
	struct sqlscript *s;
	enum snap_code rc;

	if (!encoding_ok(o->encoding))
		return snap_fail(err, SNAP_CORRUPT, "no encoding's name");
	s = calloc(1, sizeof *s);
	if (s == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	s->base.ops = &script_ops;
	s->o = *o;
	s->o.no_transaction |= o->only != 0;
	bytes_init(&s->out, BUFFER + STREAM_ATTR_MAX + 4 * LOSQL_CHUNK);
	losql_init(&s->lo);
	bytes_init(&s->held, SIZE_MAX);
	/* First of all: psql 3 at an open \if needs ON_ERROR_STOP as well. */
	bytes_put_str(&s->out, "\\set ON_ERROR_STOP on\n\\if true\n");
	put_title(s);
	bytes_put_str(
	    &s->out, "\\set ON_ERROR_ROLLBACK off\n\\set AUTOCOMMIT on\n");
	/* The role that initdb makes is there, whatever its name is. */
	if (s->o.only == STREAM_GLOBALS)
		bytes_put_str(&s->out, "\\set ON_ERROR_STOP off\n");
	put_lock_check(s);
	rc = put_restrict(s, err);
	if (rc == SNAP_OK) {
		if (s->o.only == 0)
			put_settings(s);
		bytes_put_span(&s->out, s->o.before);
		rc = flush(s, err);
	}
	if (rc != SNAP_OK)
		sqlscript_close(s);
	else
		*out = s;
	return rc;
}

struct sink *
sqlscript_sink(struct sqlscript *s)
{
	return &s->base;
}

enum snap_code
sqlscript_finish(struct sqlscript *s, struct snap_err *err)
{
	enum snap_code rc;

	if (s->kind != 0 || s->finished)
		return snap_fail(err, SNAP_USAGE, "a stream is still open");
	rc = flush(s, err);
	if (rc != SNAP_OK)
		return rc;
	bytes_put_span(&s->out, s->o.after);
	if (!s->o.no_restrict)
		bytes_put_str(&s->out, ":snap_u\n");
	if (!s->o.no_transaction)
		bytes_put_str(&s->out, "COMMIT;\n");
	bytes_put_str(&s->out, "\\endif\n");
	rc = flush(s, err);
	s->finished = rc == SNAP_OK;
	return rc;
}

/* What does no harm between quotes, in COPY and in RAISE. */
static size_t
put_reason(char *out, const char *why)
{
	size_t n = 0, i;

	for (i = 0; why != NULL && why[i] != '\0' && n < REASON_MAX; i++)
		if (why[i] >= ' ' && why[i] <= '~' &&
		    strchr("'\\$%", why[i]) == NULL)
			out[n++] = why[i];
	return n;
}

/*
 * A row that no table takes ends the COPY; psql shows how it begins.  Else a
 * statement that fails.
 */
void
sqlscript_poison(struct sqlscript *s, const char *why)
{
	static const char raise[] = "\nDO $snap$ BEGIN RAISE EXCEPTION '";
	static const char end[] = "'; END $snap$;\n";
	static const char mark[] = SNAP_PROGRAM_NAME ": ";
	struct pollfd p = { .fd = s->o.fd, .events = POLLOUT };
	char buf[POISON_TABS + 2 * REASON_MAX + 256];
	char reason[sizeof mark + REASON_MAX];
	size_t n = 0, len = sizeof mark - 1;
	ssize_t ignored = -1;

	if (s->finished)
		return;
	memcpy(reason, mark, len);
	len += put_reason(reason + len, why);
	if (s->in_copy) {
		if (s->last_written != '\n')
			buf[n++] = '\n';
		memcpy(buf + n, reason, len);
		n += len;
		memset(buf + n, '\t', POISON_TABS);
		n += POISON_TABS;
		memcpy(buf + n, "\n\\.\n", 4);
		n += 4;
	}
	memcpy(buf + n, raise, sizeof raise - 1);
	n += sizeof raise - 1;
	memcpy(buf + n, reason, len);
	n += len;
	memcpy(buf + n, end, sizeof end - 1);
	n += sizeof end - 1;
	/* Room in a pipe is room for PIPE_BUF bytes: this does not block. */
	if (poll(&p, 1, POISON_WAIT_MS) == 1 && (p.revents & POLLOUT) != 0)
		ignored = write(s->o.fd, buf, n);
	(void)ignored;
}

int
sqlscript_errno(const struct sqlscript *s)
{
	return s->write_errno;
}

void
sqlscript_close(struct sqlscript *s)
{
	if (s == NULL)
		return;
	bytes_fini(&s->out);
	losql_fini(&s->lo);
	bytes_fini(&s->held);
	free(s);
}
