/* SPDX-License-Identifier: PostgreSQL */
/* page.h - what is on the page of `report`, and who draws which part. */
#ifndef SNAP_PAGE_H
#define SNAP_PAGE_H

#include "history.h"
#include "keep.h"
#include "repo_care.h"
#include "status.h"

struct page {
	struct bytes out;
	struct status status; /* the groups, what was said, and the place */
	struct history history;
	struct plan plan;
	struct repo_stats stats;
	int64_t from_s; /* of the charts, up to now */
};
/* A group's name: of a part of a database, that it is one. */
void page_name(const struct group *g, struct bytes *out);
/* ---- page.c: head and tiles, the list of runs */
void page_head(struct page *p);
void page_runs(struct page *p);
/* ---- charts.c */
void page_charts(struct page *p);
/* ---- days.c: which days the policy keeps, how old the verifications are */
void page_calendars(struct page *p);
void page_verified(struct page *p);

#endif
