/* SPDX-License-Identifier: PostgreSQL */
/* memory.c - see memory.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "statedir.h"
#include "ui.h"

#define PATH_BYTES_MAX ((size_t)64 << 10)
#define TEXT_MAX ((size_t)4 << 10)

/* The store in the same words, from wherever it is named; NULL: no memory. */
static char *
place_name(const struct place *s)
{
	const char *url = transport_url(s->transport);
	char *path =
	    transport_is_remote(s->transport) ? NULL : realpath(url, NULL);

	return path != NULL ? path : strdup(url);
}

enum snap_code
memory_findings(struct cli *c, struct place *s, bool accept,
    struct repo_recall *out, struct snap_err *err)
{
	struct repo_recall_opts o = { .accept = accept };
	char *place = place_name(s);
	struct bytes dir;
	enum snap_code rc;

	memset(out, 0, sizeof *out);
	bytes_init(&dir, PATH_BYTES_MAX);
	statedir(&c->o, &dir, &o.is_default);
	rc = bytes_check(&dir, err);
	if (rc == SNAP_OK && place == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "no memory for a path");
	if (rc == SNAP_OK) {
		o.dir = dir.p[0] != '\0' ? (const char *)dir.p : NULL;
		o.place = place;
		rc = repo_recall(s->repo, &o, out, err);
	}
	bytes_fini(&dir);
	free(place);
	return rc;
}

void
memory_begin(struct cli *c, struct place *s)
{
	char *place = place_name(s);
	struct bytes dir;
	bool is_default;

	bytes_init(&dir, PATH_BYTES_MAX);
	statedir(&c->o, &dir, &is_default);
	if (!dir.bad && dir.p[0] != '\0' && place != NULL)
		repo_recall_begin((const char *)dir.p, place);
	bytes_fini(&dir);
	free(place);
}

/* " and 2 more": of several only the newest is named. */
static void
put_more(struct bytes *out, uint32_t n)
{
	if (n > 1)
		bytes_printf(out, " and %" PRIu32 " more", n - 1);
}

void
memory_text(const struct repo_finding *f, struct bytes *out)
{
	char hex[2 * REPO_ID_LEN + 1], when[UI_TIME_MAX];

	hex_encode(f->id, REPO_ID_LEN, hex);
	(void)ui_time(f->time_ns, when);
	switch (f->kind) {
	case REPO_FOUND_OTHER:
		bytes_printf(out,
		    "this is another repository: until now %s was here", hex);
		return;
	case REPO_FOUND_CONFIG:
		bytes_printf(out, "the repository's config is another one");
		return;
	case REPO_FOUND_EPOCH:
		bytes_printf(out,
		    "the repository is in an older key epoch than before: the "
		    "record of a rotation is gone");
		return;
	case REPO_FOUND_BACKWARDS:
		bytes_printf(out,
		    "the repository went backwards: of \"%s\" snapshot %.8s of "
		    "%s",
		    f->name, hex, when);
		put_more(out, f->n);
		bytes_printf(out,
		    " seen before %s gone, no record says that %s forgotten, "
		    "and what is there is older",
		    f->n > 1 ? "are" : "is", f->n > 1 ? "they were" : "it was");
		return;
	case REPO_FOUND_GONE:
		bytes_printf(
		    out, "of \"%s\" snapshot %.8s of %s", f->name, hex, when);
		put_more(out, f->n);
		bytes_printf(out,
		    " seen before %s gone, and no record says that %s "
		    "forgotten",
		    f->n > 1 ? "are" : "is", f->n > 1 ? "they were" : "it was");
		return;
	case REPO_FOUND_BACK:
		bytes_printf(
		    out, "of \"%s\" snapshot %.8s of %s", f->name, hex, when);
		put_more(out, f->n);
		bytes_printf(out,
		    " %s forgotten and %s there again, without the record of "
		    "it",
		    f->n > 1 ? "were" : "was", f->n > 1 ? "are" : "is");
		return;
	case REPO_FOUND_RECORD:
		bytes_printf(out, "the record by which snapshot %.8s of \"%s\"",
		    hex, f->name);
		put_more(out, f->n);
		bytes_printf(out, " %s forgotten is gone before its time",
		    f->n > 1 ? "were" : "was");
		return;
	default:
		bytes_printf(out, "a list of condemned packs, %s", hex);
		put_more(out, f->n);
		bytes_printf(
		    out, ", is gone, while packs that it names are there");
		return;
	}
}

void
memory_warn(const struct repo_recall *f, bool told_as_well)
{
	bool other = false;
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		struct bytes text;

		if (f->v[i].told && !told_as_well)
			continue;
		bytes_init(&text, TEXT_MAX);
		memory_text(&f->v[i], &text);
		bytes_u8(&text, 0);
		if (!text.bad)
			ui_warning("%s", (const char *)text.p);
		bytes_fini(&text);
		other = other || f->v[i].kind == REPO_FOUND_OTHER;
		n++;
	}
	if (n == 0)
		return;
	ui_hint("Somebody may have put back an older copy of the store%s, or "
		"deleted objects: find out before the next prune, and keep "
		"what other copies there are. If it was meant to be so: %s "
		"status --accept",
	    other ? ", or another repository" : "", SNAP_PROGRAM_NAME);
}

size_t
memory_tell(struct cli *c, struct place *s)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct repo_recall f;
	size_t n = 0;

	if (memory_findings(c, s, false, &f, &err) != SNAP_OK) {
		report_log(&c->report, REPORT_DEBUG,
		    "what was seen cannot be remembered: %s", err.msg);
		return 0;
	}
	memory_warn(&f, false);
	for (size_t i = 0; i < f.n; i++)
		n += !f.v[i].told;
	repo_recall_free(&f);
	return n;
}

enum snap_code
memory_stop(struct cli *c, struct place *s, struct snap_err *err)
{
	struct snap_err why = SNAP_ERR_INIT;
	enum snap_code rc = SNAP_OK;
	struct repo_recall f;

	if (memory_findings(c, s, false, &f, &why) != SNAP_OK)
		return SNAP_OK; /* there is no memory to go by */
	for (size_t i = 0; i < f.n; i++)
		if (f.v[i].kind == REPO_FOUND_BACKWARDS ||
		    f.v[i].kind == REPO_FOUND_EPOCH ||
		    f.v[i].kind == REPO_FOUND_GONE)
			rc = SNAP_CORRUPT;
	memory_warn(&f, rc != SNAP_OK);
	repo_recall_free(&f);
	if (rc == SNAP_OK)
		return SNAP_OK;
	return snap_fail(err, SNAP_CORRUPT,
	    "what was here is gone without a record: nothing is collected");
}
