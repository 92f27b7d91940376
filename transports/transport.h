/* SPDX-License-Identifier: PostgreSQL */
/*
 * transport.h - a flat namespace of immutable objects on some store.
 *
 * What every store guarantees, and the conformance suite checks:
 *   - put is atomic, durable when it returns, and never replaces: a name that
 *     exists with the same bytes is success (a lost reply), with other bytes
 *     SNAP_EXISTS, and the old bytes stay;
 *   - a get or list after a put sees it; a delete is final;
 *   - list is complete, in no particular order;
 *   - `time_ns` is the store's own clock, of a moment not before the object
 *     became visible; compared only with other times of the same store.
 * Names are [0-9a-z/.-], at most TRANSPORT_NAME_MAX bytes; each part between
 * slashes starts with [0-9a-z], so none is empty or hidden; no ".." and no "/"
 * at the end.  No name may be the parent of another (a next to a/b).
 * transport_*() check arguments once for all back-ends (SNAP_USAGE).
 *
 * A handle may be used by several threads at once.
 */
#ifndef SNAP_TRANSPORT_H
#define SNAP_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "err.h"
#include "report.h"

#define TRANSPORT_NAME_MAX 120         /* bytes, without the NUL */
#define TRANSPORT_SIZE_MAX (64u << 20) /* bytes of one object */

struct transport;

struct transport_stat {
	uint64_t size;   /* bytes */
	int64_t time_ns; /* store time, ns since the epoch */
};

/* One entry of a listing; a result other than SNAP_OK ends the listing. */
typedef enum snap_code (*transport_list_fn)(void *arg, const char *name,
    const struct transport_stat *st, struct snap_err *err);

/*
 * What a back-end may ask about its store and how to reach it.  Any function
 * may be NULL: then nothing is known.  Called only while the store is opened;
 * answers are borrowed until then.
 */
struct transport_opts {
	int create; /* make the place when it is not there */
	void *arg;
	/* A setting of snap's, as "s3.region" (docs/transports.md); NULL: none.
	 */
	const char *(*setting)(void *arg, const char *name);
	/* A variable of the environment that other programs know as well, as
	 * AWS_PROFILE or HOME; NULL: none. */
	const char *(*variable)(void *arg, const char *name);
	/*
	 * Append a secret, as "sftp.password", which is the setting's file or
	 * command, or asked for with `prompt` on a terminal when that is not
	 * NULL.  SNAP_NOTFOUND: there is none.  The caller wipes *out.
	 */
	enum snap_code (*secret)(void *arg, const char *name,
	    const char *prompt, struct bytes *out, struct snap_err *err);
	/* Cancels what waits for the network; a back-end does not log. */
	const struct report *report;
};

/*
 * Open the store at `url` (a path, or sftp:// s3:// b2://).  The mem:
 * transport is for tests and has its own constructor in mem.h.
 * `opts` and what it points to must outlive the handle; NULL: nothing known.
 * Errors: SNAP_NOREPO (no such place), SNAP_DENIED, SNAP_USAGE (bad URL),
 * SNAP_UNSUPPORTED (scheme), SNAP_IO, SNAP_TRANSIENT.
 */
SNAP_MUST_CHECK enum snap_code transport_open(const char *url,
    const struct transport_opts *opts, struct transport **out,
    struct snap_err *err);
void transport_close(struct transport *t); /* NULL is fine */

/* Put 0 to TRANSPORT_SIZE_MAX bytes; *st_out (may be NULL) is the store's
 * time of the acknowledgement, not before that of the object itself.  Errors:
 * SNAP_EXISTS, SNAP_IO, SNAP_TRANSIENT, SNAP_DENIED; after an error the object
 * is there whole or not at all. */
SNAP_MUST_CHECK enum snap_code transport_put(struct transport *t,
    const char *name, struct span data, struct transport_stat *st_out,
    struct snap_err *err);
/* Append bytes [off, off + len) of the object to *out.  len == SIZE_MAX: to
 * the end.  Errors: SNAP_NOTFOUND, SNAP_CORRUPT (object shorter than that). */
SNAP_MUST_CHECK enum snap_code transport_get(struct transport *t,
    const char *name, uint64_t off, size_t len, struct bytes *out,
    struct snap_err *err);
SNAP_MUST_CHECK enum snap_code transport_stat(struct transport *t,
    const char *name, struct transport_stat *out, struct snap_err *err);
/* Every object whose name starts with `prefix` ("" = all).  `fn` may use the
 * same handle; what is put or deleted meanwhile is listed or not. */
SNAP_MUST_CHECK enum snap_code transport_list(struct transport *t,
    const char *prefix, transport_list_fn fn, void *arg, struct snap_err *err);
/* Deleting what is not there is SNAP_NOTFOUND. */
SNAP_MUST_CHECK enum snap_code transport_delete(
    struct transport *t, const char *name, struct snap_err *err);
/* The store's clock now (ns), taken from an answer received after the call. */
SNAP_MUST_CHECK enum snap_code transport_now(
    struct transport *t, int64_t *time_ns, struct snap_err *err);
/*
 * Files that killed puts left behind, which are no objects and in no listing:
 * deletes those whose store time is before `before_ns` (dry_run: only counts
 * them).  Stores without such have none.  *out adds up.
 */
struct transport_swept {
	uint64_t n, bytes;
};
SNAP_MUST_CHECK enum snap_code transport_sweep(struct transport *t,
    int64_t before_ns, bool dry_run, struct transport_swept *out,
    struct snap_err *err);
/*
 * How large the place is and how much may still be put there, asked of the
 * back-end itself.  SNAP_UNSUPPORTED: nobody knows, as of a bucket.
 */
struct transport_space {
	uint64_t capacity, available; /* bytes */
};
SNAP_MUST_CHECK enum snap_code transport_space(struct transport *t,
    struct transport_space *out, struct snap_err *err);
/*
 * Is an object's time the time when it became visible here, whatever was done
 * to it since?  Not on a file system: copying, chmod and the like renew it.
 */
bool transport_time_is_visibility(const struct transport *t);
/* Is there a line between, which may be slow, and without TLS spoil bytes? */
bool transport_is_remote(const struct transport *t);
/* The URL without secrets, for messages; borrowed. */
const char *transport_url(const struct transport *t);

/*
 * Requests (failed ones too; transport_now() is a stat) and bytes moved by
 * those that succeeded, through this handle since it was opened.
 *
 * class_*: what a service bills for, each message on the wire, in its own
 * classes, also those that opening took; 0 where nobody bills.  On B2:
 *   A  uploads, upload URLs, deletions: free
 *   B  downloads
 *   C  listings, logging in
 * On S3, whose services have two prices and no names for them:
 *   A  puts and pages of listings
 *   B  reads and looks
 *   C  deletions: free
 */
struct transport_counts {
	uint64_t put, get, stat, list, del, bytes_up, bytes_down;
	uint64_t class_a, class_b, class_c;
};
void transport_counts(const struct transport *t, struct transport_counts *out);

#endif
