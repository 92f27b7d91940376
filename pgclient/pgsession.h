/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgsession.h - one server, talked to over any number of connections.
 *
 * Every wait polls report->cancel and `stop`, and cancels the query that runs.
 * An error is one line, with the SQLSTATE as its detail.
 */
#ifndef SNAP_PGSESSION_H
#define SNAP_PGSESSION_H

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"
#include "pattern.h"
#include "pgclient.h"

#define QUERY_MAX ((size_t)256 << 20) /* bytes of one SQL text */
#define DDL_MAX ((size_t)2 << 30)     /* bytes of one DDL text */

/* The owner sets what is above the line before conn_open(). */
struct pgclient {
	struct pgclient_opts o;
	void *arg; /* of the two that follow, which may be NULL */
	/* Advice for a SQLSTATE; err->hint may have the server's own. */
	void (*hint)(void *arg, const char *state, struct snap_err *err);
	/* A child's warning; NULL = to the report. */
	void (*warn)(void *arg, const char *line);
	const char *child_settings; /* "-c name=value", for children */
	/* Of connections made from now on; NULL = that of the first. */
	const char *database;
	/* -------- */
	PGconn *conn;   /* the first connection */
	int server_num; /* as PQserverVersion() */
	bool standby;
	char *encoding, *user; /* user: as quote_ident() writes it */
	atomic_int stop;       /* a thread failed: all others give up */
};

/* ---- conn.c */
/* Connect, pin the session, ask what the struct says of the server.
 * SNAP_SOURCE, SNAP_UNSUPPORTED (older than 10), SNAP_NOMEM. */
SNAP_MUST_CHECK enum snap_code conn_open(
    struct pgclient *s, struct snap_err *err);
void conn_close(struct pgclient *s); /* of the first; s may be used again */
/* Another connection to the very server that s->conn reached. */
SNAP_MUST_CHECK enum snap_code conn_again(
    struct pgclient *s, PGconn **out, struct snap_err *err);
/* Settings of a session: see there. */
SNAP_MUST_CHECK enum snap_code conn_pin(
    struct pgclient *s, PGconn *c, struct snap_err *err);
/* One statement that is a part of a text; its copy is wiped. */
SNAP_MUST_CHECK enum snap_code conn_exec_span(struct pgclient *s, PGconn *c,
    struct span sql, struct snap_err *err);
/* Run SQL; *out (may be NULL) gets the last result, for PQclear(). */
SNAP_MUST_CHECK enum snap_code conn_exec(struct pgclient *s, PGconn *c,
    const char *sql, PGresult **out, struct snap_err *err);
/* The only value of the only row, malloc'd, "" for NULL; frees the old *out. */
SNAP_MUST_CHECK enum snap_code conn_value(struct pgclient *s, PGconn *c,
    const char *sql, char **out, struct snap_err *err);
/* Is there one of this name on the server? */
SNAP_MUST_CHECK enum snap_code conn_has_database(
    struct pgclient *s, const char *name, bool *out, struct snap_err *err);
/* Wait until the socket has bytes; cancels the query when told to stop. */
SNAP_MUST_CHECK enum snap_code conn_wait(
    struct pgclient *s, PGconn *c, struct snap_err *err);
/* The error of a result (may be NULL) or else of the connection. */
enum snap_code conn_fail(struct pgclient *s, PGconn *c, const PGresult *r,
    const char *what, struct snap_err *err);
/* The SQLSTATE that conn_fail() left, or "". */
const char *conn_sqlstate(const struct snap_err *err);
/* Was it told to stop? */
SNAP_MUST_CHECK enum snap_code conn_check(
    struct pgclient *s, struct snap_err *err);
char *conn_strdup(const char *p);

/* ---- copy.c */
/* A row as COPY writes it, with its line end; borrowed. */
typedef enum snap_code (*conn_row_fn)(
    void *arg, struct span row, struct snap_err *err);
/* `sql`: COPY ... TO STDOUT.  When a row fails the COPY is left as it is. */
SNAP_MUST_CHECK enum snap_code conn_copy_out(struct pgclient *s, PGconn *c,
    const char *sql, conn_row_fn fn, void *arg, struct snap_err *err);

/* ---- conninfo.c */
/* A value of a conninfo string. */
void conn_quote(struct bytes *b, const char *v);
/* The value of a parameter for the very server and database that p->conn
 * reached; NULL = not to be handed on. */
const char *conn_param(struct pgclient *s, const PQconninfoOption *option);
/* The service file for a child, empty when there are no secrets for it. */
SNAP_MUST_CHECK enum snap_code conn_service(
    struct pgclient *s, struct bytes *out, struct snap_err *err);
/* The conninfo string for a child, without any secret, NUL-terminated. */
SNAP_MUST_CHECK enum snap_code conn_string(
    struct pgclient *s, struct bytes *out, struct snap_err *err);

/* ---- child.c */
/* What a child reads besides its standard input: descriptors 3 and 4. */
#define CHILD_FILES 2
#define CHILD_LIST "/dev/fd/3"
#define CHILD_ARCHIVE "/dev/fd/4"
struct child {
	char **argv;
	int in;                /* becomes stdin; -1 = none */
	int file[CHILD_FILES]; /* become CHILD_LIST, CHILD_ARCHIVE; -1 = none */
	int out;               /* becomes stdout */
	bool connects; /* to the server: gets the secrets, and no `in` */
	/* Each line of its messages when it is done; NULL = warnings to
	 * s->warn, the last error into *err. */
	void (*line)(void *arg, const char *line);
	void *line_arg;
};
/* Run to the end; non-zero exit is an error that quotes its messages. */
SNAP_MUST_CHECK enum snap_code child_run(
    struct pgclient *s, const struct child *c, struct snap_err *err);
/* An unlinked temporary file; -1 with errno. */
SNAP_MUST_CHECK enum snap_code child_tmpfile(
    const struct pgclient *s, int *fd, struct snap_err *err);
/* Write all of it, and go back to its begin. */
SNAP_MUST_CHECK enum snap_code child_write(
    const struct pgclient *s, int fd, struct span data, struct snap_err *err);
/* Run it, with a file for `out`, and append its output to *out. */
SNAP_MUST_CHECK enum snap_code child_output(struct pgclient *s, char **argv,
    int in, int list, bool connects, struct bytes *out, struct snap_err *err);

/* ---- args.c: an argv that grows; NULL-terminated, begins as zeros. */
struct args {
	char **v;
	size_t n, cap;
	bool bad; /* an append failed; sticky */
};
void args_add(struct args *a, const char *prefix, const char *text);
void args_list(struct args *a, const char *option, const char *const *list);
void args_free(struct args *a);

/* ---- tools.c */
struct pgtool {
	char *path; /* as it is executed */
	char *dir;  /* of it with a final '/', or "" = by $PATH */
	int num;    /* its version as PQserverVersion() counts */
};
struct pgtool_want {
	const char *program; /* "pg_dump" */
	const char *path;    /* the only one to look at; NULL = find one */
	int at_least;        /* version */
	const char *because; /* "the server is": what has this version */
};
/* The lowest version that is not older; SNAP_SOURCE says what to install. */
SNAP_MUST_CHECK enum snap_code tools_find(struct pgclient *s,
    const struct pgtool_want *want, struct pgtool *out, struct snap_err *err);
void tools_free(struct pgtool *t);
int tools_version(const char *text); /* "pg_dump (PostgreSQL) 15.20" or -1 */

/* ---- toc.c */
/* When an entry is due: with its section, after all of them (privileges, what
 * fills materialized views), at the very end (event triggers), or never in the
 * database itself. */
enum toc_class { TOC_MAIN, TOC_LATE, TOC_LAST, TOC_DATABASE };
/* The lines of what pg_restore -l printed that are of `want`, for -L; `toc`
 * ends in a NUL. */
void toc_pick(const struct bytes *toc, enum toc_class want, struct bytes *out);

/* ---- pgrestore.c */
/*
 * What the pg_restore in `dir` makes of the archive that is open at `archive`,
 * cleaned; `list` (may be NULL) is what --use-list reads: a file without a
 * name, which kill -9 does not leave behind.  Options end with NULL.
 */
SNAP_MUST_CHECK enum snap_code child_pg_restore(struct pgclient *s,
    const char *dir, int archive, const char *const *options,
    const struct bytes *list, struct bytes *out, struct snap_err *err);
/* A line of pg_restore 17 and newer that older servers refuse. */
#define PG17_SETTING "SET transaction_timeout = 0;\n"
/*
 * Remove that line, and what differs from run to run: \restrict and \unrestrict
 * with the random token of this run (a fresh one comes with each restore),
 * versions and times in comments of the head.  Lines that only look alike may
 * be in a function's body and stay.  In place.
 */
void child_clean_sql(struct bytes *text);

#endif
