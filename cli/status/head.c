/* SPDX-License-Identifier: PostgreSQL */
/*
 * head.c - one line that says what is there, for a log that the keeper of the
 * store cannot change, and whether a repository is still what such lines say.
 *
 *   snap-head 1 REPOSITORY TIME NUMBER DIGEST ID,ID,...
 *
 * TIME is that of the newest snapshot, on the store's clock; NUMBER and DIGEST
 * are of all snapshots that stand, by a key of the repository; the ids are the
 * newest of each group.  No name of a database is in it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fdio.h"
#include "status.h"
#include "ui.h"

#define WORD "snap-head 1 "
#define FILE_MAX ((size_t)64 << 20)
#define LINE_BYTES_MAX ((size_t)1 << 20)
#define ID_TEXT (2 * REPO_ID_LEN)
#define TIME_TEXT 20 /* 2026-11-22T03:15:00Z */
#define SECOND_NS INT64_C(1000000000)

static void
put_utc(struct bytes *out, int64_t time_ns)
{
	time_t t = (time_t)(time_ns / SECOND_NS);
	char when[TIME_TEXT + 1] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL)
		(void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	bytes_put_str(out, when);
}

/* Over all up to then, salvaged ones as well. */
static enum snap_code
digest(struct status *s, int64_t until_ns, uint64_t *n_out,
    char hex[ID_TEXT + 1], struct snap_err *err)
{
	const struct repo_snapshots *all = &s->place.all;
	uint8_t(*ids)[REPO_ID_LEN] =
	    calloc(all->n + all->n_salvaged + 1, sizeof *ids);
	uint8_t out[REPO_ID_LEN];
	size_t n = 0;

	if (ids == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (size_t i = 0; i < all->n + all->n_salvaged; i++) {
		const struct repo_snapshot *one =
		    i < all->n ? &all->v[i] : &all->salvaged[i - all->n];

		if (!one->untrusted &&
		    one->time_ns / SECOND_NS <= until_ns / SECOND_NS)
			memcpy(ids[n++], one->id, REPO_ID_LEN);
	}
	repo_recall_digest(s->place.repo, ids, n, out);
	hex_encode(out, REPO_ID_LEN, hex);
	*n_out = n;
	free(ids);
	return SNAP_OK;
}

static int64_t
newest_ns(const struct repo_snapshots *all)
{
	int64_t newest = 0;

	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].time_ns > newest)
			newest = all->v[i].time_ns;
	for (size_t i = 0; i < all->n_salvaged; i++)
		if (!all->salvaged[i].untrusted &&
		    all->salvaged[i].time_ns > newest)
			newest = all->salvaged[i].time_ns;
	return newest;
}

enum snap_code
head_print(struct status *s, struct snap_err *err)
{
	int64_t newest = newest_ns(&s->place.all);
	char hex[ID_TEXT + 1], sum[ID_TEXT + 1];
	uint8_t id[REPO_ID_LEN];
	struct bytes line;
	enum snap_code rc;
	uint64_t n;

	if ((rc = digest(s, newest, &n, sum, err)) != SNAP_OK ||
	    (rc = groups_find(s, err)) != SNAP_OK)
		return rc;
	bytes_init(&line, LINE_BYTES_MAX);
	repo_id(s->place.repo, id);
	hex_encode(id, REPO_ID_LEN, hex);
	bytes_printf(&line, WORD "%s ", hex);
	put_utc(&line, newest);
	bytes_printf(&line, " %" PRIu64 " %s ", n, sum);
	for (size_t i = 0; i < s->n; i++) {
		hex_encode(s->groups[i].newest->id, REPO_ID_LEN, hex);
		bytes_printf(&line, "%s%s", i > 0 ? "," : "", hex);
	}
	bytes_put_str(&line, s->n > 0 ? "\n" : "-\n");
	bytes_u8(&line, 0);
	rc = bytes_check(&line, err);
	if (rc == SNAP_OK) {
		ui_out_raw((const char *)line.p);
		rc = ui_out_end(err);
	}
	bytes_fini(&line);
	return rc;
}

/* A line taken apart. */
struct head {
	char repository[ID_TEXT + 1], when[TIME_TEXT + 1], digest[ID_TEXT + 1];
	uint64_t n;
	int64_t time_ns;
	const char *ids; /* in the line */
};

static bool
parse(const char *line, struct head *out, struct snap_err *err)
{
	int at = 0;

	return sscanf(line,
		   WORD "%32[0-9a-f] %20[0-9TZ:-] %" SCNu64 " %32[0-9a-f] %n",
		   out->repository, out->when, &out->n, out->digest,
		   &at) == 4 &&
	       at > 0 && strlen(out->repository) == ID_TEXT &&
	       strlen(out->digest) == ID_TEXT &&
	       ui_when("--expect-head", out->when, &out->time_ns,
		   &(int64_t){ 0 }, err) == SNAP_OK &&
	       (out->ids = line + at) != NULL;
}

static bool
stands(const struct repo_snapshots *all, const uint8_t id[REPO_ID_LEN])
{
	for (size_t i = 0; i < all->n; i++)
		if (memcmp(all->v[i].id, id, REPO_ID_LEN) == 0)
			return true;
	return false;
}

struct verdict {
	uint64_t n_lines, n_lost, n_forgotten, n_same, n_unknown;
};

/* Records of forgetting stay for three graces: what is gone without one was
 * not forgotten since, or all that is there is older. */
static bool
is_lost(const struct status *s, const struct head *h)
{
	struct repo_params params;
	int64_t stay;

	repo_get_params(s->place.repo, &params);
	stay = 3 * (int64_t)params.grace_s;
	return (int64_t)time(NULL) - h->time_ns / SECOND_NS < stay ||
	       newest_ns(&s->place.all) / SECOND_NS < h->time_ns / SECOND_NS;
}

static void
compare_ids(const struct status *s, const struct head *h, struct verdict *v)
{
	const char *p = h->ids;
	char hex[ID_TEXT + 1];
	uint8_t id[REPO_ID_LEN];

	for (;;) {
		if (strspn(p, "0123456789abcdef") != ID_TEXT)
			return;
		memcpy(hex, p, ID_TEXT);
		hex[ID_TEXT] = '\0';
		if (!hex_decode(hex, id, REPO_ID_LEN))
			return;
		if (repo_notes_forgotten(s->said, id)) {
			v->n_forgotten++;
		} else if (!stands(&s->place.all, id) && !is_lost(s, h)) {
			v->n_unknown++;
		} else if (!stands(&s->place.all, id)) {
			v->n_lost++;
			ui_warning(
			    "snapshot %s, the newest of its group up to "
			    "%s, is gone, and no record says that it was "
			    "forgotten",
			    hex, h->when);
		}
		p += ID_TEXT;
		if (*p++ != ',')
			return;
	}
}

static enum snap_code
compare(
    struct status *s, const char *line, struct verdict *v, struct snap_err *err)
{
	char mine[ID_TEXT + 1], sum[ID_TEXT + 1];
	uint8_t id[REPO_ID_LEN];
	struct head h;
	uint64_t n;

	repo_id(s->place.repo, id);
	hex_encode(id, REPO_ID_LEN, mine);
	if (!parse(line, &h, err))
		return SNAP_OK; /* another line of a log */
	v->n_lines++;
	if (strcmp(h.repository, mine) != 0)
		return snap_fail(err, SNAP_CORRUPT,
		    "this is another repository: %s, not %s", mine,
		    h.repository);
	compare_ids(s, &h, v);
	if (digest(s, h.time_ns, &n, sum, err) != SNAP_OK)
		return err->code;
	v->n_same += n == h.n && strcmp(sum, h.digest) == 0;
	return SNAP_OK;
}

/* Each line of a file may have something in front of it, as logs have. */
static enum snap_code
compare_all(
    struct status *s, char *text, struct verdict *v, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	char *next, *at;

	for (; text != NULL && rc == SNAP_OK; text = next) {
		next = strchr(text, '\n');
		if (next != NULL)
			*next++ = '\0';
		at = strstr(text, WORD);
		if (at != NULL)
			rc = compare(s, at, v, err);
	}
	return rc;
}

enum snap_code
head_expect(struct status *s, const char *path, struct snap_err *err)
{
	struct verdict v = { 0 };
	struct bytes text;
	enum snap_code rc;

	bytes_init(&text, FILE_MAX);
	rc = fd_slurp(path, FILE_MAX - 1, &text, err);
	if (rc == SNAP_OK) {
		bytes_u8(&text, 0);
		rc = bytes_check(&text, err);
	}
	if (rc == SNAP_OK)
		rc = compare_all(s, (char *)text.p, &v, err);
	bytes_fini(&text);
	if (rc != SNAP_OK)
		return rc;
	if (v.n_lines == 0)
		return snap_fail(err, SNAP_USAGE,
		    "%s has no line of \"%s status --print-head\"", path,
		    SNAP_PROGRAM_NAME);
	s->cli->n_warnings += v.n_lost;
	ui_info("%" PRIu64 " lines, %" PRIu64 " of them with exactly the "
		"snapshots of their time; of those they name %" PRIu64
		" were forgotten, %" PRIu64
		" are gone without a record, %" PRIu64
		" are gone so long ago that there need be none",
	    v.n_lines, v.n_same, v.n_forgotten, v.n_lost, v.n_unknown);
	return SNAP_OK;
}
