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

struct sftp {
	struct transport base;
	struct ssh_cfg cfg;
	struct ssh_auth *auth;
	char *root;              /* as the server takes it */
	atomic_bool no_dir_sync; /* the server cannot sync directories */
	atomic_int way;          /* enum sftp_way */
	atomic_uint age;         /* how often we deleted something */
	pthread_mutex_t lock;
	pthread_cond_t free_one;
	struct sftp_dir *known; /* under `lock`, as all below */
	struct sftp_conn *idle;
	unsigned n_conns, max_conns; /* with those being made */
	unsigned n_waiting, n_making;
	struct sftp_maker *makers; /* threads that make connections */
	struct snap_err failure;   /* of the last that could not be made */
	unsigned n_failed;
	int64_t enough_until; /* ms: no more of them before that */
	atomic_bool closing;
};

/* A connection for this thread alone, best one that has `name` open (NULL:
 * any); waits for one, or makes one. */
SNAP_MUST_CHECK enum snap_code sftp_take(struct sftp *f, const char *name,
    struct sftp_conn **out, struct snap_err *err);
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

/* Does the connection have the object open? */
bool sftp_has_open(const struct sftp_conn *c, const char *name);

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
SNAP_MUST_CHECK enum snap_code sftp_list(struct transport *t,
    const char *prefix, transport_list_fn fn, void *arg, struct snap_err *err);

#endif
