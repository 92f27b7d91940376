/* SPDX-License-Identifier: PostgreSQL */
/*
 * status.h - how the backups of a repository are, group by group, and the forms
 * in which that is told: docs/monitoring.md.
 */
#ifndef SNAP_STATUS_H
#define SNAP_STATUS_H

#include "memory.h"
#include "repo_notes.h"

/* What looks wrong with the newest of a group: as bits. */
enum anomaly {
	ANOMALY_SMALLER = 1 << 0, /* than half of the median before */
	ANOMALY_LARGER = 1 << 1,  /* than twice that */
	ANOMALY_TABLES = 1 << 2,  /* tables are gone */
	ANOMALY_DEDUP = 1 << 3    /* much more of it is new than before */
};
#define N_ANOMALIES 4
extern const char *const anomaly_names[N_ANOMALIES]; /* by bit */

struct group {
	char *key;                      /* as plan_group() */
	size_t n;                       /* of snapshots */
	const struct repo_snapshot **v; /* oldest first */
	const struct repo_snapshot *newest;
	int64_t newest_s;   /* plan_time() of it */
	int64_t verified_s; /* when one was found good last; 0: never */
	bool failed;        /* the newest verdict says that one is not */
	unsigned anomalies;
	uint64_t median; /* bytes of those before */
	bool has_growth;
	double growth; /* bytes a second */
	size_t n_gone; /* tables */
	char *gone;    /* the first of them */
};

enum health { HEALTH_OK, HEALTH_WARNING, HEALTH_CRITICAL, HEALTH_UNKNOWN };

struct status {
	struct cli *cli;
	struct place place;
	struct repo_notes *said;
	struct repo_recall found;
	size_t n;
	struct group *groups;
	int64_t now_s; /* the store's clock */
	bool reachable;
	bool has_space;
	struct transport_space space;
	/* --max-age, --max-verify-age in seconds; 0: not asked for. */
	uint64_t max_age_s, max_verify_s;
	bool monitor; /* answer as a monitoring plugin */
	enum health health;
	struct bytes why; /* what makes it so, for people */
};

/* ---- groups.c: from place.all and said; those that the operands name */
SNAP_MUST_CHECK enum snap_code groups_find(
    struct status *s, struct snap_err *err);
void groups_free(struct status *s);

/* ---- anomalies.c */
SNAP_MUST_CHECK enum snap_code anomalies_find(
    struct status *s, struct group *g, struct snap_err *err);
/* " 80 % smaller than usual (12 MB)": what `bit` means here. */
void anomaly_text(const struct group *g, unsigned bit, struct bytes *out);

/* ---- show.c */
SNAP_MUST_CHECK enum snap_code show_table(
    const struct status *s, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code show_json(
    const struct status *s, struct snap_err *err);

/* ---- monitor.c */
void monitor_judge(struct status *s);
const char *health_name(enum health h);
SNAP_MUST_CHECK enum snap_code monitor_line(
    const struct status *s, struct snap_err *err);

/* ---- prometheus.c: also of a store that cannot be reached */
SNAP_MUST_CHECK enum snap_code prometheus_write(
    const struct status *s, const char *path, struct snap_err *err);

/* ---- head.c */
SNAP_MUST_CHECK enum snap_code head_print(
    struct status *s, struct snap_err *err);
SNAP_MUST_CHECK enum snap_code head_expect(
    struct status *s, const char *path, struct snap_err *err);

#endif
