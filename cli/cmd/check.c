/* SPDX-License-Identifier: PostgreSQL */
/* check.c - verify the repository, by its structure or byte by byte. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "json.h"
#include "memory.h"
#include "place.h"
#include "repo_care.h"
#include "tell.h"
#include "ui.h"

/* What is told of as it is found, for --json. */
struct found {
	json_t *damage, *findings;
};

static void
on_damage(void *arg, const struct repo_damage *d)
{
	json_t *o = json_object(), *list = ((struct found *)arg)->damage;
	char hex[2 * REPO_ID_LEN + 1];

	hex_encode(d->snapshot->id, REPO_ID_LEN, hex);
	json_put_text(o, "snapshot", span_str(hex));
	json_put_text(o, "source", span_str(place_source(d->snapshot)));
	if (d->kind != 0) {
		json_put_text(o, "kind", span_str(json_kind(d->kind)));
		json_put_text(o, "name", d->name);
		json_put_u64(o, "part", d->part);
	}
	json_put_u64(o, "pieces", d->n);
	json_put_text(o, "what", span_str(d->what));
	(void)json_array_append_new(list, o);
}

static void
on_finding(void *arg, const char *line)
{
	json_t *o = json_stringn(line, strlen(line));

	if (o != NULL)
		(void)json_array_append_new(((struct found *)arg)->findings, o);
}

static enum snap_code
opts_of(const struct opts *o, struct repo_check_opts *out, struct snap_err *err)
{
	char *end;

	memset(out, 0, sizeof *out);
	out->read_data = o->read_data || o->read_since != NULL;
	out->data_percent = 100;
	if (o->scrub && out->read_data)
		return snap_fail(err, SNAP_USAGE,
		    "--scrub has no key and reads every byte anyway: it goes "
		    "without --read-data");
	if (o->read_since != NULL &&
	    ui_when("--read-data-since", o->read_since, &out->since_ns,
		&out->for_ns, err) != SNAP_OK)
		return err->code;
	if (o->read_percent == NULL)
		return SNAP_OK;
	out->data_percent = strtod(o->read_percent, &end);
	if (end != o->read_percent && *end == '%')
		end++;
	if (end == o->read_percent || *end != '\0' ||
	    !(out->data_percent > 0 && out->data_percent <= 100))
		return snap_fail(err, SNAP_USAGE,
		    "--read-data takes a part above 0%% and up to 100%%, not "
		    "\"%s\"",
		    o->read_percent);
	return SNAP_OK;
}

/* Takes what was found. */
static enum snap_code
show(struct cli *c, const struct place *s,
    const struct repo_check_result *r, struct found *found,
    struct snap_err *err)
{
	char size[UI_SIZE_MAX];
	json_t *root;

	tell_number(c, "snapshots", r->n_snapshots);
	tell_number(c, "packs-read", r->n_read_packs);
	tell_number(c, "read-bytes", r->bytes_read);
	tell_number(c, "errors", r->n_errors);
	if (c->o.json) {
		root = place_json(s);
		json_put_u64(root, "snapshots", r->n_snapshots);
		json_put_u64(root, "packs", r->n_packs);
		json_put_u64(root, "packs-read", r->n_read_packs);
		json_put_u64(root, "blocks", r->n_blocks);
		json_put_u64(root, "unused-packs", r->n_unused_packs);
		json_put_u64(root, "bytes-read", r->bytes_read);
		json_put_u64(root, "errors", r->n_errors);
		(void)json_object_set(root, "damage", found->damage);
		(void)json_object_set(root, "findings", found->findings);
		return json_print(root, err);
	}
	ui_info("checked %" PRIu64 " snapshots, %" PRIu64 " packs, %" PRIu64
		" blocks; read %s; %" PRIu64 " packs are unused",
	    r->n_snapshots, r->n_packs, r->n_blocks,
	    ui_size(r->bytes_read, size), r->n_unused_packs);
	if (r->n_read_packs > 0)
		ui_info(
		    "%" PRIu64 " data packs were read whole", r->n_read_packs);
	if (r->n_errors == 0)
		ui_info("no errors were found");
	return SNAP_OK;
}

static enum snap_code
errors(uint64_t n, const char *hint, struct snap_err *err)
{
	if (n == 0)
		return SNAP_OK;
	(void)snap_fail(err, SNAP_CORRUPT,
	    "the check found %" PRIu64 " error%s, named above", n,
	    n == 1 ? "" : "s");
	return snap_hint(err, "%s", hint);
}

/* For who keeps the store and has no key to it. */
static enum snap_code
scrub(struct cli *c, struct place *s, struct snap_err *err)
{
	struct repo_scrub_result r = { 0 };
	char size[UI_SIZE_MAX];
	enum snap_code rc;
	json_t *root;

	if ((rc = place_store(s, c, false, err)) != SNAP_OK)
		return rc;
	ui_progress_begin("scrubbing", &c->report);
	rc = repo_scrub(s->transport, &c->report, &r, err);
	ui_progress_end();
	if (rc != SNAP_OK)
		return rc;
	if (c->o.json) {
		root = place_json(s);
		json_put_u64(root, "objects", r.n_objects);
		json_put_u64(root, "foreign-objects", r.n_foreign);
		json_put_u64(root, "bytes-read", r.bytes_read);
		json_put_u64(root, "errors", r.n_errors);
		rc = json_print(root, err);
	} else {
		ui_info("scrubbed %" PRIu64 " objects, %s", r.n_objects,
		    ui_size(r.bytes_read, size));
	}
	return rc != SNAP_OK ? rc
			     : errors(r.n_errors,
				   "\"check\", with the passphrase, names the "
				   "snapshots that they hurt.",
				   err);
}

enum snap_code
cmd_check(struct cli *c, struct snap_err *err)
{
	struct found found = { json_array(), json_array() };
	struct place s = PLACE_INIT;
	struct repo_check_opts co;
	struct repo_check_result r = { 0 };
	enum snap_code rc;

	if ((rc = opts_of(&c->o, &co, err)) != SNAP_OK)
		goto out;
	if (c->o.scrub) {
		rc = scrub(c, &s, err);
		goto out;
	}
	if (c->o.json) {
		co.damage = on_damage;
		co.finding = on_finding;
		co.arg = &found;
	}
	if (co.read_data)
		s.needs = REPO_MAY_READ;
	if ((rc = place_open(&s, c, err)) != SNAP_OK)
		goto out;
	ui_progress_begin("checking", &c->report);
	rc = repo_check(s.repo, &co, &r, err);
	ui_progress_end();
	if (rc == SNAP_OK)
		c->n_warnings += memory_tell(c, &s);
	if (rc == SNAP_OK)
		rc = show(c, &s, &r, &found, err);
	if (rc == SNAP_OK)
		rc = errors(r.n_errors,
		    "Snapshots that need none of these objects can still be "
		    "restored. Lost index entries come back with "
		    "\"" SNAP_PROGRAM_NAME
		    " repair index\"; for what is damaged see "
		    "\"" SNAP_PROGRAM_NAME " help repair\".",
		    err);
out:
	json_decref(found.damage);
	json_decref(found.findings);
	tell_record(c, &s, rc, err);
	place_close(&s);
	return rc;
}
