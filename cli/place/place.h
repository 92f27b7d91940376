/* SPDX-License-Identifier: PostgreSQL */
/* place.h - the repository that the options name, opened. */
#ifndef SNAP_PLACE_H
#define SNAP_PLACE_H

#include "cmd.h"
#include "json.h"
#include "repo.h"
#include "settings.h"
#include "transport.h"

struct place {
	bool is_source; /* set before: the one that copy reads */
	struct settings settings;
	struct transport_opts opts;  /* of the transport, which borrows them */
	struct transport *backend;   /* inside of transport, counts requests */
	struct transport *transport; /* NULL = not open */
	bool stats, json;            /* tell of the requests, and how */
	struct repo *repo;
	struct repo_snapshots all; /* after place_find() */
	bool for_backup;           /* set before place_open() */
	bool for_listing;          /* likewise: nothing but snapshots */
	bool never_ask;            /* likewise: for no secret */
	enum repo_rights needs;    /* likewise: who has less gets no further */
	const char *not_slot;      /* likewise: see repo_opts */
	int64_t until_ns; /* --at: newer ones are no latest; 0 = all are */
};

#define PLACE_INIT                                                             \
	{                                                                      \
		.transport = NULL                                              \
	}

/* The store alone; `create`: make the place. */
SNAP_MUST_CHECK enum snap_code place_store(
    struct place *s, struct cli *c, bool create, struct snap_err *err);
/* What repo_init() and repo_open() take; `cache` gets the directory's path,
 * to be freed. */
SNAP_MUST_CHECK enum snap_code place_opts(
    struct cli *c, struct repo_opts *out, char **cache, struct snap_err *err);
/* Store and repository, unlocked.  SNAP_WRONG_KEY also: by a key that may not
 * do what `needs` says. */
SNAP_MUST_CHECK enum snap_code place_open(
    struct place *s, struct cli *c, struct snap_err *err);
/* List the snapshots and pick one; *out lives as long as the place. */
SNAP_MUST_CHECK enum snap_code place_find(struct place *s, const char *spec,
    const struct repo_snapshot **out, struct snap_err *err);
/* Of place.all what stood at --at. */
struct repo_snapshots place_as_of(const struct place *s);
void place_close(struct place *s);
/* json_root(), with the requests so far if that was asked for. */
json_t *place_json(const struct place *s);

/* A hint, while no key was exported. */
struct repo_notes;
void place_remind(const struct repo_notes *said);

/* Database or stream name of a snapshot, "" = neither. */
const char *place_source(const struct repo_snapshot *s);

#endif
