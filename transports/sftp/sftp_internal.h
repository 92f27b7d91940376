/* SPDX-License-Identifier: PostgreSQL */
/* sftp_internal.h - the store on an SFTP server, and its connections. */
#ifndef SNAP_SFTP_INTERNAL_H
#define SNAP_SFTP_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "sftp_wire.h"

#define SFTP_PATH_MAX 1024  /* of the store's directory */
#define SFTP_NAME_SIZE 1280 /* of it with the name of an object */

/* sftp_pool.c */

/* A directory whose own entry, and its parents', are known to be on disk. */
struct sftp_dir {
	struct sftp_dir *next;
	char path[TRANSPORT_NAME_MAX + 1];
};

/* How a file gets its name without replacing another. */
enum sftp_way { SFTP_WAY_UNKNOWN, SFTP_WAY_LINK, SFTP_WAY_RENAME };

struct sftp_maker;
struct sftp_get;

struct sftp {
	struct transport base;
	struct ssh_cfg cfg;
	struct ssh_auth *auth;
	char *root;              /* as the server takes it */
	atomic_bool no_dir_sync; /* the server cannot sync directories */
	atomic_int way;          /* enum sftp_way */
	atomic_uint age;         /* how often we deleted something */
	bool root_asked;         /* of the first connection, as request 0 */
	pthread_mutex_t lock;
	pthread_cond_t free_one;
	struct sftp_dir *known; /* under `lock`, as all below */
	struct sftp_conn *idle, *shared;
	unsigned n_conns, max_conns; /* with those being made */
	unsigned n_waiting, n_making;
	unsigned n_alone; /* of those waiting, who want one for themselves */
	struct sftp_maker *makers; /* threads that make connections */
	struct snap_err failure;   /* of the last that could not be made */
	unsigned n_failed;
	int64_t enough_until; /* ms: no more of them before that */
	atomic_bool closing;
	bool entered; /* once: from then on all log in in that way */
};

/* A connection for this thread alone; waits for one, or makes one. */
SNAP_MUST_CHECK enum snap_code sftp_take(
    struct sftp *f, struct sftp_conn **out, struct snap_err *err);
/* One to read by, which others may read by as well, best one that has the
 * object open: `g` is among its readers then. */
SNAP_MUST_CHECK enum snap_code sftp_join(struct sftp *f, struct sftp_get *g,
    struct sftp_conn **out, struct snap_err *err);
/* No longer; under the lock.  Whoever was the last gives it back. */
void sftp_leave(struct sftp *f, struct sftp_conn *c, struct sftp_get *g);
/* Give it back; a broken one is closed. */
void sftp_give(struct sftp *f, struct sftp_conn *c);
void sftp_pool_close(struct sftp *f);

/* sftp.c */

void sftp_path(
    const struct sftp *f, const char *name, char out[SFTP_NAME_SIZE]);
/* A hidden name in the directory of `name` ("" = the store's). */
SNAP_MUST_CHECK enum snap_code sftp_tmp_path(const struct sftp *f,
    const char *name, char out[SFTP_NAME_SIZE], struct snap_err *err);
bool sftp_is_file(const struct sftp_attrs *a);
bool sftp_is_dir(const struct sftp_attrs *a);
extern const struct transport_ops sftp_ops;
void sftp_close(struct transport *t); /* in sftp_open.c */
enum snap_code sftp_no_object(struct snap_err *err);
/* The server's seconds as a store time: the end of that second, so that it is
 * never before what it tells of. */
int64_t sftp_time_ns(uint32_t seconds);
/* The server's clock, from the time of a new file. */
SNAP_MUST_CHECK enum snap_code sftp_server_time(struct sftp *f,
    struct sftp_conn *c, uint32_t *seconds, struct snap_err *err);
/* Why the server may have refused with nothing but "failure". */
void sftp_explain(struct sftp *f, struct sftp_conn *c, struct snap_err *err);

/* sftp_io.c, sftp_get.c */

/* Write the file and, with `sync`, have it synced. */
SNAP_MUST_CHECK enum snap_code sftp_write(struct sftp_conn *c,
    const struct sftp_answer *handle, struct span data, bool sync,
    struct snap_err *err);
/* Takes [at, at + s.len) of what is read; in any order. */
typedef bool (*sftp_take_fn)(void *arg, size_t at, struct span s);
/* Read n bytes from off; *done is false when `fn` wanted no more. */
struct sftp_range {
	uint64_t off;
	size_t n;
	sftp_take_fn fn;
	void *arg;
	bool stopped; /* `fn` returned false */
	/* Look, on the way, whether that path is still the file it was (NULL:
	 * do not); SNAP_NOTFOUND when not. */
	const char *path;
	const struct sftp_attrs *was;
};
SNAP_MUST_CHECK enum snap_code sftp_read(struct sftp_conn *c,
    const struct sftp_answer *handle, struct sftp_range *r,
    struct snap_err *err);

/* A request under way; len == 0: a free slot. */
struct sftp_slot {
	uint32_t id, len;
	size_t at; /* from the start of the range */
};

/* The same, step by step, for who reads several ranges at once. */
struct sftp_reading {
	const struct sftp_answer *handle;
	struct sftp_range *range;
	struct sftp_slot slots[SFTP_IN_FLIGHT];
	size_t asked, busy, free_slot;
	uint32_t look; /* the request that looks at the path */
	bool looking;
};
void sftp_reading_begin(struct sftp_conn *c, struct sftp_reading *g,
    const struct sftp_answer *handle, struct sftp_range *range);
bool sftp_reading_done(const struct sftp_reading *g);
/* Is that the answer to one of its requests? */
bool sftp_reading_wants(struct sftp_reading *g, uint32_t id);
SNAP_MUST_CHECK enum snap_code sftp_reading_take(struct sftp_conn *c,
    struct sftp_reading *g, struct sftp_reply *r, struct snap_err *err);
/* Answers that are still to come. */
size_t sftp_reading_left(const struct sftp_reading *g);

/* Does the connection have the object open? */
bool sftp_has_open(const struct sftp_conn *c, const char *name);

/* sftp_get.c, sftp_share.c */

/* A get, while it is among the readers of a connection.  All but `next` and
 * `done` is of the thread that drives the connection. */
struct sftp_get {
	struct sftp_get *next; /* under the store's lock */
	bool done;             /* likewise */
	pthread_cond_t wake;   /* it is done, or has to drive */
	const char *name;
	char path[SFTP_NAME_SIZE];
	uint64_t off;
	size_t len;
	struct bytes *out;
	size_t had; /* bytes in *out before */
	enum { SFTP_GET_NEW, SFTP_GET_OPENING, SFTP_GET_READING } state;
	bool anew;               /* by no file that was kept open */
	struct sftp_kept *kept;  /* by this one */
	unsigned age;            /* of the store, when it began */
	uint32_t first;          /* of the two requests that open */
	struct sftp_answer a[2]; /* to them */
	struct sftp_range range;
	struct sftp_reading reading;
	enum snap_code rc;
	struct snap_err *err;
};

/* One step of a get: its first requests, or an answer to one of them; true
 * when it is through. */
bool sftp_get_begin(struct sftp *f, struct sftp_conn *c, struct sftp_get *g);
bool sftp_get_wants(struct sftp_get *g, uint32_t id);
bool sftp_get_answer(struct sftp *f, struct sftp_conn *c, struct sftp_get *g,
    struct sftp_reply *r);
/* Through all steps, by a connection of the pool. */
SNAP_MUST_CHECK enum snap_code sftp_share(
    struct sftp *f, struct sftp_get *g, struct snap_err *err);

/* sftp_way.c */

/* Ask to give a file a name. */
void sftp_ask_name(
    struct sftp_conn *c, enum sftp_way way, const char *from, const char *to);
/* How names are given on this server: tried once for each handle. */
SNAP_MUST_CHECK enum snap_code sftp_find_way(struct sftp *f,
    struct sftp_conn *c, enum sftp_way *way, struct snap_err *err);

/* sftp_get.c, sftp_put.c, sftp_list.c: of the vtable. */
SNAP_MUST_CHECK enum snap_code sftp_get(struct transport *t, const char *name,
    uint64_t off, size_t len, struct bytes *out, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code sftp_put(struct transport *t, const char *name,
    struct span data, struct transport_stat *st, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code sftp_sweep(struct transport *t,
    int64_t before_ns, bool dry_run, struct transport_swept *out,
    struct snap_err *err);
SNAP_MUST_CHECK enum snap_code sftp_list(struct transport *t,
    const char *prefix, transport_list_fn fn, void *arg, struct snap_err *err);

#endif
