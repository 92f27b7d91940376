/* SPDX-License-Identifier: PostgreSQL */
/*
 * transport_impl.h - what the author of a back-end or wrapper fills in.
 *
 * A back-end embeds struct transport as its first member, so that the pointer
 * casts back, and owes the guarantees of transport.h.  transport.c has checked
 * the arguments before an operation runs: names and prefixes are valid, spans
 * are in bounds, pointers that may be NULL outside never are in here.  It
 * also puts "<verb> <name>: " in front of messages, counts, restores *out of
 * a get that failed, and drops listed names that are foreign or off the
 * prefix.  A back-end neither retries nor logs: wrappers and callers do.
 * Operations run in several threads at once.
 */
#ifndef SNAP_TRANSPORT_IMPL_H
#define SNAP_TRANSPORT_IMPL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "transport.h"

struct transport_ops {
	/* *st is always given: {data.len, time of the acknowledgement}. */
	enum snap_code (*put)(struct transport *t, const char *name,
	    struct span data, struct transport_stat *st, struct snap_err *err);
	/* Use transport_range() to judge the range. */
	enum snap_code (*get)(struct transport *t, const char *name,
	    uint64_t off, size_t len, struct bytes *out, struct snap_err *err);
	enum snap_code (*stat)(struct transport *t, const char *name,
	    struct transport_stat *st, struct snap_err *err);
	/* Hold no lock while `fn` runs: it may call back into the handle. */
	enum snap_code (*list)(struct transport *t, const char *prefix,
	    transport_list_fn fn, void *arg, struct snap_err *err);
	enum snap_code (*del)(
	    struct transport *t, const char *name, struct snap_err *err);
	enum snap_code (*now)(
	    struct transport *t, int64_t *time_ns, struct snap_err *err);
	/* NULL: a put leaves nothing behind. */
	enum snap_code (*sweep)(struct transport *t, int64_t before_ns,
	    bool dry_run, struct transport_swept *out, struct snap_err *err);
	/* NULL: not known, and no wrapper knows. */
	enum snap_code (*space)(struct transport *t,
	    struct transport_space *out, struct snap_err *err);
	/* Fill in the classes, which the base knows nothing of; NULL: none.  A
	 * wrapper hands on those of what it wraps: inner_counts(). */
	void (*counts)(const struct transport *t, struct transport_counts *out);
	/* Frees what the back-end holds, then itself; not the base. */
	void (*close)(struct transport *t);
};

struct transport {
	const struct transport_ops *ops;
	char *url;               /* without secrets; owned */
	bool time_is_visibility; /* true unless the back-end says no */
	bool is_remote;          /* its URL has a scheme */
	_Atomic uint64_t n_put, n_get, n_stat, n_list, n_del;
	_Atomic uint64_t bytes_up, bytes_down;
};

/* Fill the base; `url` is copied.  transport_close() undoes it, or, in an
 * open that fails later, transport_base_fini(). */
SNAP_MUST_CHECK enum snap_code transport_base_init(struct transport *t,
    const struct transport_ops *ops, const char *url, struct snap_err *err);
void transport_base_fini(struct transport *t);

/*
 * How a wrapper passes an operation on: counted at `t`, its message left as it
 * is.  A back-end that needs several requests for one operation, as a listing
 * in pages, adds the others to its own counters.
 */
SNAP_MUST_CHECK enum snap_code inner_put(struct transport *t, const char *name,
    struct span data, struct transport_stat *st, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code inner_get(struct transport *t, const char *name,
    uint64_t off, size_t len, struct bytes *out, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code inner_stat(struct transport *t, const char *name,
    struct transport_stat *st, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code inner_list(struct transport *t,
    const char *prefix, transport_list_fn fn, void *arg, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code inner_del(
    struct transport *t, const char *name, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code inner_now(
    struct transport *t, int64_t *time_ns, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code inner_sweep(struct transport *t,
    int64_t before_ns, bool dry_run, struct transport_swept *out,
    struct snap_err *err);
void inner_counts(const struct transport *t, struct transport_counts *out);

/*
 * What a listing may be, of a store that means harm or has gone wrong: so many
 * names, the door sees to that, and in a row so many answers that bring none,
 * which is for the back-end to count.
 */
#define TRANSPORT_LISTED_MAX (1u << 24)
#define TRANSPORT_BARREN_MAX 4096u
enum snap_code transport_no_end(struct snap_err *err);

/* Is this the last part of a name of a temporary file, ".tmp-" and 16 hex
 * digits? */
bool transport_is_temporary(const char *leaf, size_t len);

/*
 * Bytes to read for a get of [off, off + len) of an object of `size` bytes
 * (len == SIZE_MAX: to the end).  SNAP_CORRUPT when the object is shorter, or
 * when the answer would be more than any object may hold.
 */
SNAP_MUST_CHECK enum snap_code transport_range(uint64_t size, uint64_t off,
    size_t len, size_t *n_out, struct snap_err *err);

bool transport_name_ok(const char *name);
bool transport_prefix_ok(const char *prefix);

/* The back-ends behind transport_open(). */
SNAP_MUST_CHECK enum snap_code transport_open_local(const char *path,
    const struct transport_opts *opts, struct transport **out,
    struct snap_err *err);
SNAP_MUST_CHECK enum snap_code transport_open_sftp(const char *url,
    const struct transport_opts *opts, struct transport **out,
    struct snap_err *err);

SNAP_MUST_CHECK enum snap_code transport_open_s3(const char *url,
    const struct transport_opts *opts, struct transport **out,
    struct snap_err *err);

SNAP_MUST_CHECK enum snap_code transport_open_b2(const char *url,
    const struct transport_opts *opts, struct transport **out,
    struct snap_err *err);

/* For tests: behave as on a file system without hard links. */
void transport_local_no_links(struct transport *t);

#endif
