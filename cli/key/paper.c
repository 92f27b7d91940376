/* SPDX-License-Identifier: PostgreSQL */
/*
 * paper.c - `key export` and `key import`: what opens a repository, on paper.
 *
 * The same lines are there twice, as text and in QR codes, and import reads
 * either, or all of the sheet.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fdio.h"
#include "key_cmd.h"
#include "newfile.h"
#include "qr.h"
#include "secrets.h"
#include "ui.h"

#define SHEET_MAX ((size_t)4 << 20)
/* So a code is 77 letters wide: terminals and paper have 80. */
#define LINES_PER_CODE 12
#define SECOND_NS INT64_C(1000000000)

struct sheet {
	struct repo_keys all;
	uint8_t slots[EXPORT_SLOTS_MAX][REPO_ID_LEN];
	size_t n_slots;
	struct bytes lines, text;
};

static void
choose(struct sheet *sh, const struct repo_key *k)
{
	for (size_t i = 0; i < sh->n_slots; i++)
		if (memcmp(sh->slots[i], k->id, REPO_ID_LEN) == 0)
			return;
	memcpy(sh->slots[sh->n_slots++], k->id, REPO_ID_LEN);
}

/* Those that are named, or the one that is in use and the newest code. */
static enum snap_code
choose_slots(const struct cli *c, struct sheet *sh, struct snap_err *err)
{
	const struct repo_key *code = NULL, *k = NULL;
	enum snap_code rc;

	for (size_t i = 1; i < c->o.n_args; i++) {
		rc = repo_key_find(&sh->all, c->o.args[i], &k, err);
		if (rc == SNAP_OK && k->kind != REPO_KEY_PASSPHRASE &&
		    k->kind != REPO_KEY_RECOVERY)
			rc = snap_fail(
			    err, SNAP_USAGE, "\"%s\" is no slot", c->o.args[i]);
		if (rc != SNAP_OK)
			return rc;
		choose(sh, k);
	}
	for (size_t i = 0; i < sh->all.n && c->o.n_args == 1; i++) {
		k = &sh->all.v[i];
		if (k->is_current)
			choose(sh, k);
		if (k->kind == REPO_KEY_RECOVERY) /* the newest is last */
			code = k;
	}
	if (code != NULL)
		choose(sh, code);
	return SNAP_OK;
}

static void
put_heading(const struct place *s, struct sheet *sh)
{
	char hex[2 * REPO_ID_LEN + 1], when[UI_TIME_MAX];
	uint8_t id[REPO_ID_LEN];
	struct bytes *b = &sh->text;

	repo_id(s->repo, id);
	hex_encode(id, REPO_ID_LEN, hex);
	bytes_printf(b, "Keys of a repository of %s\n\n", SNAP_PROGRAM_NAME);
	bytes_printf(b, "repository  %s\n", hex);
	bytes_put_str(b, "place       ");
	ui_escape(b, span_str(transport_url(s->transport)));
	bytes_printf(b, "\ndate        %s\n",
	    ui_time((int64_t)time(NULL) * SECOND_NS, when));
	for (size_t i = 0; i < sh->all.n; i++) {
		const struct repo_key *k = &sh->all.v[i];

		for (size_t j = 0; j < sh->n_slots; j++) {
			if (memcmp(sh->slots[j], k->id, REPO_ID_LEN) != 0)
				continue;
			hex_encode(k->id, REPO_ID_LEN, hex);
			bytes_printf(b, "slot        %.8s %s  ", hex,
			    k->kind == REPO_KEY_RECOVERY ? "recovery code"
							 : "passphrase");
			ui_escape(b, span_str(k->name));
			bytes_u8(b, '\n');
		}
	}
}

static void
put_explanation(struct sheet *sh)
{
	bytes_printf(&sh->text,
	    "\n"
	    "With the passphrase (or the recovery code) of one of these slots, "
	    "this sheet opens\n"
	    "the repository even when its config and all under keys/ are "
	    "lost. The secret is not\n"
	    "on it: keep that elsewhere. Who changes a passphrase makes a new "
	    "sheet; on the old\n"
	    "one the old passphrase still opens everything.\n"
	    "\n"
	    "Photograph the codes, or type the lines into a file, then\n"
	    "\n"
	    "    %s -r PLACE key import FILE\n"
	    "\n"
	    "Case, blanks and hyphens do not count; O is 0, I and L are 1. "
	    "Each line has a\n"
	    "checksum at its end: a wrong one is named.\n\n",
	    SNAP_PROGRAM_NAME);
}

/* "01: ABCD-... WXYZ\n" becomes 01:ABCD...WXYZ. */
static void
put_packed(struct bytes *out, struct span lines)
{
	for (size_t i = 0; i < lines.len; i++)
		if (strchr(" -\n", lines.p[i]) == NULL)
			bytes_u8(out, lines.p[i]);
}

static enum snap_code
put_codes(struct sheet *sh, struct snap_err *err)
{
	struct span rest = bytes_span(&sh->lines);
	struct bytes packed;
	enum snap_code rc = SNAP_OK;
	unsigned from = 1, n;

	bytes_init(&packed, SHEET_MAX);
	while (rest.len > 0 && rc == SNAP_OK) {
		struct span part = { rest.p, 0 };

		for (n = 0; n < LINES_PER_CODE && part.len < rest.len; n++) {
			const uint8_t *end = memchr(
			    rest.p + part.len, '\n', rest.len - part.len);

			part.len = (size_t)(end - rest.p) + 1;
		}
		bytes_clear(&packed);
		put_packed(&packed, part);
		bytes_u8(&packed, 0);
		bytes_printf(
		    &sh->text, "\nLines %u to %u\n\n", from, from + n - 1);
		rc = bytes_check(&packed, err);
		if (rc == SNAP_OK)
			rc = qr_draw(
			    (const char *)packed.p, false, &sh->text, err);
		rest = span_of(rest.p + part.len, rest.len - part.len);
		from += n;
	}
	bytes_fini(&packed);
	return rc;
}

static enum snap_code
print(const struct cli *c, const struct place *s, struct sheet *sh,
    struct newfile *f, struct snap_err *err)
{
	char hex[2 * REPO_ID_LEN + 1];
	json_t *root, *slots;
	enum snap_code rc;

	if (f->path != NULL) {
		rc = newfile_write(f, bytes_span(&sh->text), err);
		if (rc != SNAP_OK)
			return rc;
	}
	if (c->o.json) {
		root = place_json(s);
		slots = json_array();
		for (size_t i = 0; i < sh->n_slots; i++) {
			hex_encode(sh->slots[i], REPO_ID_LEN, hex);
			(void)json_array_append_new(slots, json_string(hex));
		}
		(void)json_object_set_new(root, "slots", slots);
		json_put_text(root, "lines", bytes_span(&sh->lines));
		return json_print(root, err);
	}
	if (f->path != NULL)
		return SNAP_OK;
	bytes_u8(&sh->text, 0);
	if ((rc = bytes_check(&sh->text, err)) != SNAP_OK)
		return rc;
	ui_out_raw((const char *)sh->text.p);
	return ui_out_end(err);
}

static enum snap_code
make_sheet(const struct cli *c, struct place *s, struct sheet *sh,
    struct snap_err *err)
{
	enum snap_code rc;

	if ((rc = repo_keys(s->repo, &sh->all, err)) != SNAP_OK ||
	    (rc = choose_slots(c, sh, err)) != SNAP_OK ||
	    (rc = repo_key_export(s->repo,
		 (const uint8_t(*)[REPO_ID_LEN])sh->slots, sh->n_slots,
		 &sh->lines, err)) != SNAP_OK)
		return rc;
	put_heading(s, sh);
	put_explanation(sh);
	bytes_put_span(&sh->text, bytes_span(&sh->lines));
	return put_codes(sh, err);
}

enum snap_code
key_export(struct cli *c, struct place *s, struct snap_err *err)
{
	struct newfile f = { NULL, -1, false };
	struct sheet sh;
	enum snap_code rc = SNAP_OK;

	memset(&sh, 0, sizeof sh);
	bytes_init(&sh.lines, SHEET_MAX);
	bytes_init(&sh.text, SHEET_MAX);
	if (c->o.output != NULL && strcmp(c->o.output, "-") != 0)
		rc = newfile_make(&f, c->o.output, err);
	if (rc == SNAP_OK)
		rc = key_open(c, s, err);
	if (rc == SNAP_OK)
		rc = make_sheet(c, s, &sh, err);
	if (rc == SNAP_OK)
		rc = print(c, s, &sh, &f, err);
	if (rc == SNAP_OK && !c->o.dry_run) {
		rc = repo_say_exported(s->repo, err);
		if (rc != SNAP_OK)
			(void)snap_detail(err,
			    "The export is complete; that it was made could "
			    "not be recorded.");
	}
	if (rc == SNAP_OK && f.path != NULL)
		ui_info("wrote %s: print it, or keep it where this machine's "
			"end does not reach it",
		    f.path);
	newfile_end(&f);
	repo_keys_free(&sh.all);
	bytes_fini(&sh.lines);
	bytes_fini(&sh.text);
	return rc;
}

/* ---- import */

static enum snap_code
read_sheet(const char *path, struct bytes *out, struct snap_err *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	uint8_t *room;
	ssize_t n;

	if (!is_stdin) {
		if (fd_slurp(path, SHEET_MAX, out, err) == SNAP_OK)
			return SNAP_OK;
		return err->code = SNAP_USAGE;
	}
	room = bytes_room(out, SHEET_MAX);
	if (room == NULL)
		return bytes_check(out, err);
	n = fd_read_full(STDIN_FILENO, room, SHEET_MAX);
	if (n < 0)
		return snap_fail_errno(err, SNAP_USAGE, "read standard input");
	out->len = (size_t)n;
	return SNAP_OK;
}

static enum snap_code
tell_imported(const struct cli *c, const struct place *s,
    const struct repo_imported *n, struct snap_err *err)
{
	json_t *root;

	if (c->o.json) {
		root = place_json(s);
		json_put_u64(root, "put", n->n_put);
		json_put_u64(root, "present", n->n_present);
		json_put_u64(root, "replaced", n->n_replaced);
		return json_print(root, err);
	}
	ui_info("it opens: put back %zu objects, replaced %zu, %zu were there",
	    n->n_put, n->n_replaced, n->n_present);
	if (n->n_put + n->n_replaced > 0)
		ui_info("\"%s check\" says what else is missing; a slot that "
			"had been removed on purpose is there again",
		    SNAP_PROGRAM_NAME);
	return SNAP_OK;
}

enum snap_code
key_import(struct cli *c, struct place *s, struct snap_err *err)
{
	struct secret secret = { .is_recovery_code = false };
	struct repo_imported n = { 0, 0, 0 };
	struct repo_opts ro;
	struct bytes text;
	char *cache = NULL;
	enum snap_code rc;

	if (c->o.n_args < 2)
		return snap_fail(
		    err, SNAP_USAGE, "of which file? (- is standard input)");
	bytes_init(&secret.text, SECRET_MAX);
	bytes_init(&text, SHEET_MAX);
	if ((rc = read_sheet(c->o.args[1], &text, err)) != SNAP_OK ||
	    (rc = place_opts(c, &ro, &cache, err)) != SNAP_OK ||
	    (rc = place_store(s, c, false, err)) != SNAP_OK ||
	    (rc = secret_get(&secret, &c->o.repo, WHO_REPO, false, &c->report,
		 err)) != SNAP_OK)
		goto out;
	if (secret.is_key_file)
		ro.key_file = bytes_span(&secret.text);
	else
		ro.passphrase = bytes_span(&secret.text);
	ro.is_recovery_code = secret.is_recovery_code;
	rc = repo_key_import(
	    s->transport, bytes_span(&text), &ro, c->o.force, &n, err);
	if (rc == SNAP_OK)
		rc = tell_imported(c, s, &n, err);
out:
	secret_fini(&secret);
	secrets_forget();
	bytes_fini(&text);
	free(cache);
	return rc;
}
