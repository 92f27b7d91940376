/* SPDX-License-Identifier: PostgreSQL */
/* policy.c - where a policy comes from; `policy show`, `set` and `clear`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "keep.h"
#include "secrets.h"
#include "ui.h"

#define SETTINGS_MAX 16
#define NAME_MAX_LEN 32
#define PICTURE_MAX ((size_t)1 << 20)

static enum snap_code
from_options(struct retain_policy *p, const struct opts *o, bool *any,
    struct snap_err *err)
{
	char name[NAME_MAX_LEN];
	enum snap_code rc = SNAP_OK;

	for (int i = 0; i <= RETAIN_WITHIN && rc == SNAP_OK; i++) {
		if (o->keep[i] == NULL)
			continue;
		(void)snprintf(name, sizeof name, "keep-%s",
		    retain_rule_name((enum retain_rule)i));
		rc = retain_policy_set(p, name, o->keep[i], err);
		*any = true;
	}
	return rc;
}

/* Of the environment, or of the configuration: rules of both are no policy that
 * somebody has thought of. */
static enum snap_code
from_variables(struct retain_policy *p,
    const char *(*get)(const char *, const char *, const char *), bool *any,
    struct snap_err *err)
{
	char name[NAME_MAX_LEN];
	enum snap_code rc = SNAP_OK;
	const char *v;

	for (int i = 0; i <= RETAIN_TAG && rc == SNAP_OK; i++) {
		(void)snprintf(name, sizeof name, "keep-%s",
		    retain_rule_name((enum retain_rule)i));
		if ((v = get(WHO_REPO, name, "")) == NULL)
			continue;
		rc = retain_policy_set(p, name, v, err);
		*any = true;
	}
	if (rc == SNAP_OK && *any &&
	    (v = get(WHO_REPO, "timezone", "")) != NULL)
		rc = retain_policy_set(p, "timezone", v, err);
	return rc;
}

static enum snap_code
from_repository(struct retain_policy *p, const struct repo_notes *said,
    struct snap_err *err)
{
	const struct repo_property *v;
	size_t n = said != NULL ? repo_notes_policy(said, &v) : 0;
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < n && rc == SNAP_OK; i++)
		rc = retain_policy_set(p, v[i].key, v[i].value, err);
	if (rc == SNAP_OK)
		return SNAP_OK;
	/* A rule that is not known would have kept something. */
	err->code = SNAP_UNSUPPORTED;
	return snap_wrap(err, "the repository's policy");
}

/* Somebody who names what else is to stay does not mean: and nothing more. */
static enum snap_code
check_tags(const struct retain_policy *p, struct snap_err *err)
{
	struct retain_policy rest = *p;

	rest.tags[0] = '\0';
	if (p->tags[0] == '\0' || !retain_policy_is_empty(&rest))
		return SNAP_OK;
	(void)snap_fail(
	    err, SNAP_USAGE, "a policy of tags alone would forget all others");
	return snap_hint(err,
	    "Say how many others stay; if none but the newest, --keep-last=1.");
}

enum snap_code
policy_get(struct retain_policy *p, const struct cli *c,
    const struct repo_notes *said, struct snap_err *err)
{
	bool any = false;
	enum snap_code rc;

	memset(p, 0, sizeof *p);
	rc = from_options(p, &c->o, &any, err);
	if (rc == SNAP_OK && !any)
		rc = from_variables(p, environment_of, &any, err);
	if (rc == SNAP_OK && !any)
		rc = from_variables(p, config_value, &any, err);
	if (rc == SNAP_OK && !any)
		rc = from_repository(p, said, err);
	for (size_t i = 0; i < c->o.keep_tags.n && rc == SNAP_OK; i++)
		rc = retain_policy_set(p, "keep-tag", c->o.keep_tags.v[i], err);
	if (rc == SNAP_OK && c->o.timezone != NULL)
		rc = retain_policy_set(p, "timezone", c->o.timezone, err);
	return rc == SNAP_OK ? check_tags(p, err) : rc;
}

struct settings_list {
	size_t n;
	struct repo_property v[SETTINGS_MAX];
	char text[SETTINGS_MAX][RETAIN_TAGS_MAX + NAME_MAX_LEN];
};

static void
add_setting(void *arg, const char *name, const char *value)
{
	struct settings_list *l = arg;
	char *at = l->text[l->n];
	size_t len = strlen(name) + 1;

	if (l->n == SETTINGS_MAX || len > NAME_MAX_LEN ||
	    strlen(value) >= RETAIN_TAGS_MAX)
		return; /* there are fewer, and shorter ones */
	memcpy(at, name, len);
	memcpy(at + len, value, strlen(value) + 1);
	l->v[l->n].key = at;
	l->v[l->n++].value = at + len;
}

static int
by_key(const void *a, const void *b)
{
	return strcmp(((const struct repo_property *)a)->key,
	    ((const struct repo_property *)b)->key);
}

static void
list_settings(const struct retain_policy *p, struct settings_list *l)
{
	memset(l, 0, sizeof *l);
	retain_policy_each(p, add_setting, l);
}

static enum snap_code
show_json(
    const struct place *s, const struct settings_list *l, struct snap_err *err)
{
	json_t *root = s->transport != NULL ? place_json(s) : json_root();
	json_t *policy = json_object();

	for (size_t i = 0; i < l->n; i++)
		json_put_text(policy, l->v[i].key, span_str(l->v[i].value));
	(void)json_object_set_new(root, "policy", policy);
	return json_print(root, err);
}

static enum snap_code
show_text(const struct retain_policy *p, const struct settings_list *l,
    struct snap_err *err)
{
	struct bytes picture;
	enum snap_code rc;

	if (retain_policy_is_empty(p)) {
		ui_info("there is no policy: prune forgets no snapshot");
		return SNAP_OK;
	}
	for (size_t i = 0; i < l->n; i++)
		ui_out("%s = %s\n", l->v[i].key, l->v[i].value);
	bytes_init(&picture, PICTURE_MAX);
	retain_picture(p, (int64_t)time(NULL), &picture);
	bytes_u8(&picture, 0);
	if ((rc = bytes_check(&picture, err)) == SNAP_OK) {
		ui_out_raw("\nOf a backup each day up to now, what is kept by "
			   "Yearly, Monthly, Weekly, Daily,\nHourly, Last, "
			   "+ within; the Newest; dots go:\n\n");
		ui_out_raw((const char *)picture.p);
		rc = ui_out_end(err);
	}
	bytes_fini(&picture);
	return rc;
}

static bool
has_rules(const struct opts *o)
{
	for (int i = 0; i <= RETAIN_WITHIN; i++)
		if (o->keep[i] != NULL)
			return true;
	return false;
}

/* With rules among the options it is these that are shown. */
static enum snap_code
show(struct cli *c, struct place *s, struct repo_notes **said,
    struct snap_err *err)
{
	struct settings_list l;
	struct retain_policy p;
	enum snap_code rc = SNAP_OK;

	if (!has_rules(&c->o)) {
		s->for_listing = true;
		rc = place_open(s, c, err);
		if (rc == SNAP_OK)
			rc = repo_notes(s->repo, said, err);
	}
	if (rc == SNAP_OK)
		rc = policy_get(&p, c, *said, err);
	if (rc == SNAP_OK)
		rc = zone_set(p.zone, err);
	if (rc != SNAP_OK)
		return rc;
	list_settings(&p, &l);
	return c->o.json ? show_json(s, &l, err) : show_text(&p, &l, err);
}

/* As notes have them: sorted by key. */
static enum snap_code
put(const struct place *s, const struct repo_notes *said,
    const struct settings_list *l, struct snap_err *err)
{
	struct repo_property v[SETTINGS_MAX];

	memcpy(v, l->v, sizeof v);
	if (l->n != 0)
		qsort(v, l->n, sizeof *v, by_key);
	return repo_say_policy(s->repo, said, v, l->n, err);
}

static enum snap_code
set(struct cli *c, struct place *s, struct repo_notes **said, bool clear,
    struct snap_err *err)
{
	struct settings_list l;
	struct retain_policy p;
	enum snap_code rc;

	if (clear == has_rules(&c->o)) {
		(void)snap_fail(err, SNAP_USAGE,
		    clear ? "\"policy clear\" takes no rules"
			  : "\"policy set\" needs rules");
		return snap_hint(err,
		    "%s policy set --keep-daily=7 --keep-weekly=4 "
		    "--keep-monthly=12",
		    SNAP_PROGRAM_NAME);
	}
	memset(&p, 0, sizeof p);
	if (!clear && ((rc = policy_get(&p, c, NULL, err)) != SNAP_OK ||
			  (rc = zone_set(p.zone, err)) != SNAP_OK))
		return rc;
	list_settings(&p, &l);
	s->for_listing = true;
	s->needs = REPO_MAY_SAY;
	if ((rc = place_open(s, c, err)) != SNAP_OK ||
	    (rc = repo_notes(s->repo, said, err)) != SNAP_OK ||
	    (rc = put(s, *said, &l, err)) != SNAP_OK)
		return rc;
	return c->o.json ? show_json(s, &l, err)
	       : clear   ? SNAP_OK
			 : show_text(&p, &l, err);
}

enum snap_code
cmd_policy(struct cli *c, struct snap_err *err)
{
	struct place s = PLACE_INIT;
	struct repo_notes *said = NULL;
	const char *what = c->o.args[0];
	enum snap_code rc;

	if (strcmp(what, "show") == 0)
		rc = show(c, &s, &said, err);
	else if (strcmp(what, "set") == 0 || strcmp(what, "clear") == 0)
		rc = set(c, &s, &said, *what == 'c', err);
	else
		rc = snap_fail(err, SNAP_USAGE,
		    "a policy is shown, set or cleared, not \"%s\"", what);
	repo_notes_free(said);
	place_close(&s);
	return rc;
}
