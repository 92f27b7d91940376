/* SPDX-License-Identifier: PostgreSQL */
/* tell.c - the course of a run as others see it; see tell.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "log.h"
#include "place.h"
#include "repo_notes.h"
#include "secrets.h"
#include "tell_internal.h"
#include "ui.h"

#define NS_PER_S INT64_C(1000000000)
#define STATUS_WARNINGS 3
#define POLICY_MAX ((size_t)1024)

static const char *const whens[] = { "failure", "always", NULL };

const char *
tell_word(const struct tell *t, const char *name)
{
	char own[TELL_WORD_MAX];
	const char *v = NULL;

	if (snprintf(own, sizeof own, "%s.%s", t->command, name) <
	    (int)sizeof own)
		v = variable_of(WHO_REPO, own, "");
	if (v == NULL)
		v = variable_of(WHO_REPO, name, "");
	return v != NULL && *v != '\0' ? v : NULL;
}

void
tell_secret(const struct tell *t, const char *name, bool may_be_plain,
    struct bytes *out)
{
	struct secret_source from = { .who = WHO_REPO };
	struct snap_err err = SNAP_ERR_INIT;
	char own[TELL_WORD_MAX];
	enum snap_code rc = SNAP_NOTFOUND;
	const char *plain;

	bytes_init(out, SECRET_MAX);
	(void)snprintf(own, sizeof own, "%s.%s", t->command, name);
	from.what = own;
	rc = secret_named(&from, out, NULL, &err);
	plain = rc == SNAP_NOTFOUND && may_be_plain ? tell_word(t, name) : NULL;
	if (plain != NULL) {
		bytes_put_str(out, plain);
		return;
	}
	from.what = name;
	if (rc == SNAP_NOTFOUND)
		rc = secret_named(&from, out, NULL, &err);
	if (rc == SNAP_OK || rc == SNAP_NOTFOUND)
		return;
	ui_warning("%s: %s", name, err.msg);
	bytes_clear(out);
}

enum snap_code
tell_choice(const struct tell *t, const char *name, const char *const *words,
    size_t *out, struct snap_err *err)
{
	const char *word = tell_word(t, name);

	*out = 0;
	if (word == NULL)
		return SNAP_OK;
	for (size_t i = 0; words[i] != NULL; i++)
		if (strcmp(word, words[i]) == 0) {
			*out = i;
			return SNAP_OK;
		}
	return snap_fail(
	    err, SNAP_USAGE, "\"%s\" cannot be \"%.100s\"", name, word);
}

bool
tell_runs(const struct cli *c)
{
	const struct tell *t = c->tell;

	return t != NULL && (tell_word(t, "after") != NULL ||
				tell_word(t, "on-success") != NULL ||
				tell_word(t, "on-failure") != NULL ||
				(tell_word(t, "mail-to") != NULL &&
				    tell_word(t, "mail-server") == NULL));
}

static const char *
setting(void *arg, const char *name)
{
	return tell_word(arg, name);
}

static const char *
variable(void *arg, const char *name)
{
	(void)arg;
	return getenv(name);
}

static enum snap_code
read_words(struct tell *t, struct snap_err *err)
{
	size_t when;
	enum snap_code rc;

	rc = tell_choice(t, "notify-on", whens, &when, err);
	if (rc != SNAP_OK)
		return rc;
	t->always = when == 1;
	tell_secret(t, "ping-url", true, &t->ping_url);
	tell_secret(t, "webhook-url", true, &t->webhook_url);
	tell_secret(t, "mail-password", false, &t->mail_password);
	rc = webhook_check(t, err);
	return rc == SNAP_OK ? mail_check(t, err) : rc;
}

enum snap_code
tell_begin(struct cli *c, const struct cmd *cmd, struct snap_err *err)
{
	struct tell *t = calloc(1, sizeof *t);
	uint8_t id[REPO_ID_LEN];
	struct timespec now;
	enum snap_code rc;

	if (t == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	c->tell = t;
	t->command = cmd->name;
	t->profile = config_profile();
	t->settings.arg = t;
	t->settings.setting = setting;
	t->settings.variable = variable;
	t->settings.report = &c->report;
	bytes_init(&t->ping_url, SECRET_MAX);
	bytes_init(&t->webhook_url, SECRET_MAX);
	bytes_init(&t->mail_password, SECRET_MAX);
	if (getentropy(id, sizeof id) != 0)
		return snap_fail_errno(err, SNAP_IO, "draw an id");
	hex_encode(id, sizeof id, t->id);
	c->run = t->id;
	log_set_run(t->id, t->command, t->profile);
	if (gethostname(t->host, sizeof t->host - 1) != 0)
		t->host[0] = '\0';
	(void)clock_gettime(CLOCK_MONOTONIC, &t->start);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	t->started_ns = (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
	t->facts = json_object();
	if ((rc = read_words(t, err)) != SNAP_OK)
		return rc;
	t->begun = true;
	ping(t, "/start", false);
	rc = hook_run(t, "before", &c->report, err);
	return rc == SNAP_OK ? report_check(&c->report, err) : rc;
}

/* Was it done, whatever the webhook and mail think of it? */
static int
run_hooks(const struct tell *t)
{
	const char *end =
	    t->outcome == OUTCOME_SUCCESS ? "on-success" : "on-failure";
	const char *const names[] = { "after", end };
	struct snap_err err = SNAP_ERR_INIT;
	int status = t->status;

	for (size_t i = 0; i < 2; i++)
		if (hook_run(t, names[i], NULL, &err) != SNAP_OK) {
			ui_warning("%s", err.msg);
			status = status == 0 ? STATUS_WARNINGS : status;
		}
	return status;
}

static void
free_tell(struct cli *c)
{
	struct tell *t = c->tell;

	bytes_fini_wipe(&t->ping_url);
	bytes_fini_wipe(&t->webhook_url);
	bytes_fini_wipe(&t->mail_password);
	json_decref(t->facts);
	log_set_run(NULL, NULL, NULL);
	c->run = NULL;
	free(t);
	c->tell = NULL;
}

uint64_t
tell_elapsed_ms(const struct tell *t)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)((now.tv_sec - t->start.tv_sec) * 1000 +
			  (now.tv_nsec - t->start.tv_nsec) / 1000000);
}

int
tell_end(struct cli *c, int status, const struct snap_err *err)
{
	struct tell *t = c->tell;

	if (t == NULL)
		return status;
	t->duration_ms = tell_elapsed_ms(t);
	t->settings.report = NULL; /* told also of what was cancelled */
	t->status = status;
	t->outcome = status == 0                 ? OUTCOME_SUCCESS
		     : status == STATUS_WARNINGS ? OUTCOME_WARNING
						 : OUTCOME_FAILURE;
	t->message = status != 0 ? err->msg : "";
	t->detail = status != 0 ? err->detail : "";
	t->hint = status != 0 ? err->hint : "";
	if (t->begun) {
		status = run_hooks(t);
		ping(t, t->outcome == OUTCOME_SUCCESS ? "" : "/fail", true);
		if (t->always || t->outcome != OUTCOME_SUCCESS) {
			webhook_send(t);
			mail_send(t);
		}
	}
	free_tell(c);
	return status;
}

/* ---- what there is to tell */

void
tell_number(struct cli *c, const char *key, uint64_t value)
{
	if (c->tell != NULL)
		json_put_u64(c->tell->facts, key, value);
}

void
tell_snapshot(struct cli *c, const struct repo_snapshot *s)
{
	char hex[2 * REPO_ID_LEN + 1];

	if (c->tell == NULL)
		return;
	hex_encode(s->id, REPO_ID_LEN, hex);
	json_put_text(c->tell->facts, "snapshot", span_str(hex));
	json_put_text(c->tell->facts, "source", span_str(place_source(s)));
	json_put_u64(c->tell->facts, "bytes", s->bytes);
	json_put_u64(c->tell->facts, "new-bytes", s->new_bytes);
	json_put_u64(c->tell->facts, "stored-bytes", s->stored_bytes);
	json_put_u64(c->tell->facts, "rows", s->rows);
}

static bool
is_same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void
put_policy(json_t *facts, const struct repo_notes *notes)
{
	const struct repo_property *p;
	size_t n = repo_notes_policy(notes, &p);
	struct bytes b;

	bytes_init(&b, POLICY_MAX);
	for (size_t i = 0; i < n; i++)
		bytes_printf(
		    &b, "%s%s %s", i > 0 ? ", " : "", p[i].key, p[i].value);
	if (n > 0 && !b.bad)
		json_put_text(facts, "policy", bytes_span(&b));
	bytes_fini(&b);
}

/* The snapshots that retention compares with this one. */
static void
put_group(json_t *facts, const struct repo_snapshots *all,
    const struct repo_notes *notes, const struct repo_snapshot *s)
{
	const char *cluster = repo_snapshot_prop(s, REPO_PROP_SYSTEM);
	const struct repo_snapshot *oldest = NULL;
	struct repo_verdict v;
	int64_t verified = 0;
	uint64_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct repo_snapshot *o = &all->v[i];

		if (strcmp(place_source(o), place_source(s)) != 0 ||
		    !is_same(repo_snapshot_prop(o, REPO_PROP_SYSTEM), cluster))
			continue;
		n++;
		oldest = oldest != NULL ? oldest : o;
		if (repo_notes_verdict(notes, o, &v) && v.good &&
		    v.time_ns > verified)
			verified = v.time_ns;
	}
	json_put_u64(facts, "snapshots", n);
	if (oldest != NULL)
		json_put_time(facts, "oldest", oldest->time_ns);
	if (verified != 0)
		json_put_time(facts, "verified", verified);
}

void
tell_standing(struct cli *c, struct place *p, const struct repo_snapshot *s)
{
	struct tell *t = c->tell;
	struct repo_snapshots all = { 0 };
	struct repo_notes *notes = NULL;
	struct snap_err err = SNAP_ERR_INIT;

	if (t == NULL || !(t->always || c->n_warnings > 0) ||
	    !(t->webhook_url.len > 0 || mail_is_wanted(t)))
		return;
	if (repo_snapshots(p->repo, &all, &err) != SNAP_OK ||
	    repo_notes(p->repo, &notes, &err) != SNAP_OK) {
		ui_warning(
		    "the messages say nothing of older snapshots: %s", err.msg);
	} else {
		put_group(t->facts, &all, notes, s);
		put_policy(t->facts, notes);
	}
	repo_notes_free(notes);
	repo_snapshots_free(&all);
}
