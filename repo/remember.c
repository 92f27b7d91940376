/* SPDX-License-Identifier: PostgreSQL */
/* remember.c - behind the door of repo_recall.h. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keys.h"
#include "recall.h"
#include "repo_internal.h"

static bool
is_fatal(enum snap_code rc)
{
	return rc == SNAP_CANCELLED || rc == SNAP_NOMEM;
}

/* What nobody was told of yet has to be told first. */
static void
accept(struct recall *mem)
{
	size_t n = 0;

	for (size_t i = 0; i < mem->n_findings; i++)
		if (!mem->findings[i].told)
			mem->findings[n++] = mem->findings[i];
	mem->n_findings = n;
	n = 0;
	for (size_t i = 0; i < mem->n_snapshots; i++)
		if (mem->snapshots[i].state != RECALL_MISSING)
			mem->snapshots[n++] = mem->snapshots[i];
	mem->n_snapshots = n;
}

static enum snap_code
hand_out(struct recall *mem, struct repo_recall *out, struct snap_err *err)
{
	out->v = calloc(mem->n_findings + 1, sizeof *out->v);
	if (out->v == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for findings");
	out->n = mem->n_findings;
	for (size_t i = 0; i < out->n; i++) {
		out->v[i] = mem->findings[i];
		mem->findings[i].told = true;
	}
	return SNAP_OK;
}

static enum snap_code
judge(struct repo *r, const struct repo_recall_opts *o, struct recall *mem,
    struct repo_recall *out, struct snap_err *err)
{
	struct recall_file f = { .lock = -1 };
	enum snap_code rc;

	rc = recall_file_open(&f, r->store, o->dir, o->place, err);
	if (rc != SNAP_OK) {
		if (!is_fatal(rc) && o->is_default) {
			report_log(r->store->report, REPORT_DEBUG,
			    "nothing is remembered of this repository: %s",
			    err->msg);
			rc = SNAP_OK;
		}
		goto out;
	}
	rc = recall_judge(r->seen, &f, mem, err);
	if (rc == SNAP_OK && o->accept)
		accept(mem);
	if (rc == SNAP_OK)
		rc = hand_out(mem, out, err);
	if (rc != SNAP_OK)
		goto out;
	rc = recall_file_save(&f, mem, err);
out:
	recall_file_close(&f);
	return rc;
}

enum snap_code
repo_recall(struct repo *r, const struct repo_recall_opts *o,
    struct repo_recall *out, struct snap_err *err)
{
	struct snap_err why = SNAP_ERR_INIT;
	struct recall mem;
	enum snap_code rc = SNAP_OK;

	memset(out, 0, sizeof *out);
	memset(&mem, 0, sizeof mem);
	if (o->dir == NULL) {
		report_log(r->store->report, REPORT_DEBUG,
		    "nothing is remembered of this repository: there is no "
		    "directory for that");
		return SNAP_OK;
	}
	rc = judge(r, o, &mem, out, &why);
	if (is_fatal(rc)) {
		*err = why;
	} else if (rc != SNAP_OK) {
		report_log(r->store->report, REPORT_WARNING,
		    "what was seen of the repository cannot be remembered: %s",
		    why.msg);
		rc = SNAP_OK;
	}
	recall_fini(&mem);
	return rc;
}

void
repo_recall_free(struct repo_recall *f)
{
	free(f->v);
	memset(f, 0, sizeof *f);
}

void
repo_recall_begin(const char *dir, const char *place)
{
	recall_file_clear(dir, place, NULL);
}

static int
by_id(const void *a, const void *b)
{
	return memcmp(a, b, REPO_ID_LEN);
}

void
repo_recall_digest(struct repo *r, uint8_t (*ids)[REPO_ID_LEN], size_t n,
    uint8_t out[REPO_ID_LEN])
{
	if (n != 0)
		qsort(ids, n, sizeof *ids, by_id);
	keys_digest(r->store->keys, span_of(ids, n * sizeof *ids), out);
}
