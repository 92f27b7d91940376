/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgsource_tool.c - a database through pgsource and sqlscript, without any
 * repository in between: the tests' driver.
 *
 *   pgsource_tool [options] DBNAME          the script on stdout
 *   pgsource_tool -d DIR [options] DBNAME   each stream as a file, and an
 *                                           INDEX of them
 * Streams are spooled, because a script wants them in order and a dump does
 * not promise any.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fdio.h"
#include "pgsource.h"
#include "sqlscript.h"

#define MAX_LIST 16
#define MAX_JOBS 8

struct stream {
	uint8_t kind;
	uint32_t part;
	char *name, *attr;
	size_t attr_len;
	uint64_t rows;
	struct bytes data;
};

struct store {
	pthread_mutex_t lock;
	struct stream **v;
	size_t n, cap;
};

struct spool {
	struct sink base;
	struct store *store;
	struct stream *cur;
};

static char *
copy_span(struct span s)
{
	char *p = calloc(1, s.len + 1);

	if (p == NULL)
		abort();
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	return p;
}

static enum snap_code
spool_begin(
    struct sink *base, const struct stream_meta *m, struct snap_err *err)
{
	struct spool *s = (struct spool *)base;
	struct store *st = s->store;

	(void)err;
	if (s->cur != NULL)
		abort(); /* two streams at once in one sink */
	s->cur = calloc(1, sizeof *s->cur);
	if (s->cur == NULL)
		abort();
	s->cur->kind = m->kind;
	s->cur->part = m->part;
	s->cur->name = copy_span(m->name);
	s->cur->attr = copy_span(m->attr);
	s->cur->attr_len = m->attr.len;
	bytes_init(&s->cur->data, (size_t)4 << 30);
	pthread_mutex_lock(&st->lock);
	if (st->n == st->cap) {
		st->cap = st->cap == 0 ? 64 : 2 * st->cap;
		st->v = realloc(st->v, st->cap * sizeof(*st->v));
		if (st->v == NULL)
			abort();
	}
	st->v[st->n++] = s->cur;
	pthread_mutex_unlock(&st->lock);
	return SNAP_OK;
}

static enum snap_code
spool_data(struct sink *base, struct span d, struct snap_err *err)
{
	struct spool *s = (struct spool *)base;

	bytes_put_span(&s->cur->data, d);
	return bytes_check(&s->cur->data, err);
}

static enum snap_code
spool_end(struct sink *base, uint64_t rows, struct snap_err *err)
{
	struct spool *s = (struct spool *)base;

	(void)err;
	s->cur->rows = rows;
	s->cur = NULL;
	return SNAP_OK;
}

static const struct sink_ops spool_ops = { spool_begin, spool_data, spool_end };

static int
by_order(const void *a, const void *b)
{
	const struct stream *x = *(struct stream *const *)a;
	const struct stream *y = *(struct stream *const *)b;
	int c = (int)x->kind - (int)y->kind;

	if (c == 0)
		c = strcmp(x->name, y->name);
	if (c == 0)
		c = x->part < y->part ? -1 : x->part > y->part;
	return c;
}

static void
print_log(void *arg, enum report_level level, const char *line)
{
	(void)arg;
	if (level == REPORT_WARNING)
		fprintf(stderr, "warning: %s\n", line);
}

static int
print_error(const struct snap_err *err)
{
	fprintf(stderr, "error: %s\ndetail: %s\nhint: %s\n", err->msg,
	    err->detail, err->hint);
	return 1;
}

static int
write_dir(const struct store *st, const char *dir)
{
	char path[4096];
	size_t i;
	FILE *index;
	int fd;

	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return 1;
	(void)snprintf(path, sizeof path, "%s/INDEX", dir);
	index = fopen(path, "w");
	if (index == NULL)
		return 1;
	for (i = 0; i < st->n; i++) {
		const struct stream *v = st->v[i];

		fprintf(index, "%05zu %u %u %llu %zu %s\n", i, v->kind, v->part,
		    (unsigned long long)v->rows, v->data.len, v->name);
		(void)snprintf(path, sizeof path, "%s/%05zu", dir, i);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (fd < 0 || fd_write_all(fd, v->data.p, v->data.len) != 0)
			return 1;
		close(fd);
	}
	return fclose(index) != 0;
}

static int
write_script(const struct store *st, struct sqlscript_opts *o)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct sqlscript *script = NULL;
	enum snap_code rc = sqlscript_open(o, &script, &err);
	struct sink *sink;
	size_t i;

	if (rc != SNAP_OK)
		return print_error(&err);
	sink = sqlscript_sink(script);
	for (i = 0; rc == SNAP_OK && i < st->n; i++) {
		const struct stream *v = st->v[i];
		struct stream_meta m = { .kind = v->kind,
			.part = v->part,
			.name = span_str(v->name),
			.attr = span_of(v->attr, v->attr_len) };

		if (v->kind < STREAM_PRE_DATA || v->kind > STREAM_ACL)
			continue;
		rc = sink_begin(sink, &m, &err);
		if (rc == SNAP_OK)
			rc = sink_data(sink, bytes_span(&v->data), &err);
		if (rc == SNAP_OK)
			rc = sink_end(sink, v->rows, &err);
	}
	if (rc == SNAP_OK)
		rc = sqlscript_finish(script, &err);
	sqlscript_close(script);
	return rc == SNAP_OK ? 0 : print_error(&err);
}

/* An option's argument behind the others of its list. */
static void
list_add(const char **list, const char *arg)
{
	size_t i;

	for (i = 0; list[i] != NULL; i++)
		if (i + 2 >= MAX_LIST)
			abort();
	list[i] = arg;
}

struct cmdline {
	struct pgsource_opts pg;
	struct sqlscript_opts sql;
	const char *lists[5][MAX_LIST], *dir;
	bool props;
};

static int
parse(int argc, char **argv, struct cmdline *c)
{
	int ch;

	c->pg.jobs = 1;
	while (
	    (ch = getopt(argc, argv, "d:h:p:U:j:b:l:n:N:t:T:D:P:ovxr")) != -1) {
		switch (ch) {
		case 'd':
			c->dir = optarg;
			break;
		case 'h':
			c->pg.server.host = optarg;
			break;
		case 'p':
			c->pg.server.port = optarg;
			break;
		case 'U':
			c->pg.server.user = optarg;
			break;
		case 'j':
			c->pg.jobs = strtoul(optarg, NULL, 10);
			break;
		case 'b':
			c->pg.slice_blocks =
			    (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'l':
			c->pg.lock_timeout_ms =
			    (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'n':
			list_add(c->lists[0], optarg);
			break;
		case 'N':
			list_add(c->lists[1], optarg);
			break;
		case 't':
			list_add(c->lists[2], optarg);
			break;
		case 'T':
			list_add(c->lists[3], optarg);
			break;
		case 'D':
			list_add(c->lists[4], optarg);
			break;
		case 'P':
			c->pg.pg_dump = optarg;
			break;
		case 'o':
			c->sql.no_transaction = true;
			break;
		case 'v':
			c->props = true;
			break;
		case 'x':
			c->pg.serializable_deferrable = true;
			break;
		case 'r':
			c->sql.no_restrict = true;
			break;
		default:
			return -1;
		}
	}
	c->pg.schemas = c->lists[0];
	c->pg.exclude_schemas = c->lists[1];
	c->pg.tables = c->lists[2];
	c->pg.exclude_tables = c->lists[3];
	c->pg.exclude_table_data = c->lists[4];
	c->pg.server.dbname = argv[optind];
	c->pg.server.password_prompt = -1;
	return c->pg.jobs >= 1 && c->pg.jobs <= MAX_JOBS ? 0 : -1;
}

static int
dump(struct cmdline *c, struct store *st)
{
	struct snap_err err = SNAP_ERR_INIT;
	const struct pgsource_property *p;
	struct spool spool[MAX_JOBS];
	struct sink *sinks[MAX_JOBS];
	struct pgsource *s = NULL;
	size_t i, n;
	int rc = 1;

	for (i = 0; i < MAX_JOBS; i++) {
		spool[i].base.ops = &spool_ops;
		spool[i].store = st;
		spool[i].cur = NULL;
		sinks[i] = &spool[i].base;
	}
	if (pgsource_open(&c->pg, &s, &err) != SNAP_OK ||
	    pgsource_dump(s, sinks, &err) != SNAP_OK) {
		print_error(&err);
		goto out;
	}
	n = pgsource_properties(s, &p);
	for (i = 0; i < n; i++) {
		if (c->props)
			fprintf(stderr, "%s=%s\n", p[i].key, p[i].value);
		if (strcmp(p[i].key, "restore-locks") == 0)
			c->sql.restore_locks = strtoull(p[i].value, NULL, 10);
	}
	qsort(st->v, st->n, sizeof(*st->v), by_order);
	if (c->dir != NULL) {
		rc = write_dir(st, c->dir);
		goto out;
	}
	c->sql.fd = 1;
	for (i = 0; i < n; i++)
		if (strcmp(p[i].key, "encoding") == 0)
			c->sql.encoding = p[i].value;
	c->sql.title = "a test\nof snap";
	rc = write_script(st, &c->sql);
out:
	pgsource_close(s);
	return rc;
}

int
main(int argc, char **argv)
{
	static struct cmdline c;
	struct store st = { PTHREAD_MUTEX_INITIALIZER, NULL, 0, 0 };
	struct report report = { .log = print_log };
	size_t i;
	int rc;

	if (parse(argc, argv, &c) != 0) {
		fputs("usage: see the head of pgsource_tool.c\n", stderr);
		return 2;
	}
	c.pg.server.report = &report;
	rc = dump(&c, &st);
	for (i = 0; i < st.n; i++) {
		free(st.v[i]->name);
		free(st.v[i]->attr);
		bytes_fini(&st.v[i]->data);
		free(st.v[i]);
	}
	free(st.v);
	return rc;
}
