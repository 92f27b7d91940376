/* SPDX-License-Identifier: PostgreSQL */
/*
 * place.c - from --repo, the secrets and the cache options to a repository.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "confine.h"
#include "limit.h"
#include "place.h"
#include "repo_notes.h"
#include "requests.h"
#include "retry.h"
#include "secrets.h"
#include "tell.h"
#include "ui.h"

/* Less than a few packs would be fetched again and again. */
#define CACHE_MIB_MIN 64
#define CACHE_MIB_MAX (1u << 20)
#define SECOND_NS INT64_C(1000000000)
#define KIB_S_MAX (64ul << 20) /* 64 GiB a second */
#define RETRY_MAX_S (7ul * 86400)
#define PATH_BYTES_MAX ((size_t)64 << 10)

static const char *
who_of(const struct place *s)
{
	return s->is_source ? WHO_FROM : WHO_REPO;
}

static const struct repo_words *
words_of(const struct place *s, const struct cli *c)
{
	return s->is_source ? &c->o.from : &c->o.repo;
}

static enum snap_code
pace_of(const struct opts *o, struct limit_opts *limit,
    struct retry_opts *retry, struct snap_err *err)
{
	unsigned long up = 0, down = 0, give_up = RETRY_GIVE_UP_S;

	if ((o->limit_upload != NULL &&
		opts_number(o->limit_upload, "limit-upload", 1, KIB_S_MAX, &up,
		    err) != SNAP_OK) ||
	    (o->limit_download != NULL &&
		opts_number(o->limit_download, "limit-download", 1, KIB_S_MAX,
		    &down, err) != SNAP_OK) ||
	    (o->retry_for != NULL &&
		opts_number(o->retry_for, "retry-for", 0, RETRY_MAX_S, &give_up,
		    err) != SNAP_OK))
		return err->code;
	limit->up = (uint64_t)up << 10;
	limit->down = (uint64_t)down << 10;
	retry->give_up_s = (unsigned)give_up;
	return SNAP_OK;
}

/* The back-end, slowed down if so wanted, and tried again. */
static enum snap_code
wrapped(struct place *s, const char *url, const struct limit_opts *limit,
    const struct retry_opts *retry, struct snap_err *err)
{
	struct transport *t = NULL;
	enum snap_code rc;

	rc = transport_open_again(url, &s->opts, retry, &s->transport, err);
	s->backend = s->transport;
	if (rc == SNAP_OK && (limit->up > 0 || limit->down > 0)) {
		rc = transport_open_limit(s->transport, limit, &t, err);
		s->transport = rc == SNAP_OK ? t : s->transport;
	}
	if (rc == SNAP_OK) {
		rc = transport_open_retry(s->transport, retry, &t, err);
		s->transport = rc == SNAP_OK ? t : s->transport;
	}
	return rc;
}

enum snap_code
place_store(struct place *s, struct cli *c, bool create, struct snap_err *err)
{
	struct limit_opts limit = { .report = &c->report };
	struct retry_opts retry = { .report = &c->report };
	const struct repo_words *w = words_of(s, c);
	const char *url = w->url;

	if (url == NULL)
		url = variable_of(who_of(s), "repository", "");
	if (url == NULL || *url == '\0') {
		(void)snap_fail(err, SNAP_USAGE, "no %s was named",
		    s->is_source ? "source" : "repository");
		return snap_hint(err,
		    "Use --%s=URL or set SNAP_%sREPOSITORY; a URL may be a "
		    "path.",
		    s->is_source ? "from" : "repo",
		    s->is_source ? "FROM_" : "");
	}
	if (settings_check(&w->options, err) != SNAP_OK ||
	    pace_of(&c->o, &limit, &retry, err) != SNAP_OK)
		return err->code;
	s->settings.options = &w->options;
	s->settings.who = who_of(s);
	s->settings.report = &c->report;
	s->opts.create = create;
	settings_answer(&s->settings, &s->opts);
	s->stats = c->o.stats;
	s->json = c->o.json;
	return wrapped(s, url, &limit, &retry, err);
}

/* *out = NULL with SNAP_OK: no cache on disk, which costs only time. */
static enum snap_code
cache_path(const struct opts *o, char **out, struct snap_err *err)
{
	const char *dir = o->cache_dir, *below = "";
	struct bytes b;

	*out = NULL;
	if (o->no_cache)
		return SNAP_OK;
	if (dir == NULL)
		dir = variable_of(WHO_REPO, "cache-dir", "");
	if (dir == NULL || *dir == '\0') {
		dir = getenv("XDG_CACHE_HOME");
		below = "/" SNAP_PROGRAM_NAME;
	}
	if (dir == NULL || *dir != '/') {
		if (o->cache_dir == NULL && below[0] != '\0')
			dir = getenv("HOME");
		below = below[0] != '\0' ? "/.cache/" SNAP_PROGRAM_NAME : "";
	}
	if (dir == NULL || *dir == '\0')
		return SNAP_OK;
	bytes_init(&b, PATH_BYTES_MAX);
	bytes_put_str(&b, dir);
	bytes_put_str(&b, below);
	bytes_u8(&b, 0);
	if (bytes_check(&b, err) != SNAP_OK) {
		bytes_fini(&b);
		return err->code;
	}
	*out = (char *)b.p;
	return SNAP_OK;
}

enum snap_code
place_opts(
    struct cli *c, struct repo_opts *out, char **cache, struct snap_err *err)
{
	unsigned long level = 0, mib = 0;

	memset(out, 0, sizeof *out);
	if (c->o.level != NULL && opts_number(c->o.level, "compression-level",
				      1, 19, &level, err) != SNAP_OK)
		return err->code;
	out->zstd_level = (int)level;
	if (c->o.cache_size != NULL &&
	    opts_number(c->o.cache_size, "cache-size", CACHE_MIB_MIN,
		CACHE_MIB_MAX, &mib, err) != SNAP_OK)
		return err->code;
	out->cache_limit = (uint64_t)mib << 20;
	out->report = &c->report;
	if (cache_path(&c->o, cache, err) != SNAP_OK)
		return err->code;
	out->cache_dir = *cache;
	return SNAP_OK;
}

static enum snap_code
until_of(const char *text, int64_t *until_ns, struct snap_err *err)
{
	struct timespec now;
	int64_t ago;
	enum snap_code rc;

	*until_ns = 0;
	if (text == NULL)
		return SNAP_OK;
	if ((rc = ui_when("--at", text, until_ns, &ago, err)) != SNAP_OK)
		return rc;
	if (ago != 0) {
		(void)clock_gettime(CLOCK_REALTIME, &now);
		*until_ns = (int64_t)now.tv_sec * SECOND_NS - ago;
	}
	/* Listings show whole seconds: what they show can be given back. */
	*until_ns += SECOND_NS - 1;
	return SNAP_OK;
}

/* Before any work: half of a restore, or of a prune, helps nobody. */
static enum snap_code
check_key(const struct place *s, struct snap_err *err)
{
	enum repo_rights have = repo_rights(s->repo);
	const char *from = s->is_source ? "from-" : "";

	if (have >= s->needs)
		return SNAP_OK;
	if (s->needs == REPO_MAY_SAY) {
		(void)snap_fail(err, SNAP_WRONG_KEY,
		    "the key of a write-only host adds backups and decides of "
		    "none: this needs the maintenance key");
		return snap_hint(err,
		    "Give a maintenance key file (--key-file), or the owner's "
		    "passphrase or recovery code.");
	}
	(void)snap_fail(err, SNAP_WRONG_KEY,
	    "%s decrypts no rows: this needs the owner's key",
	    have == REPO_MAY_SAY ? "a maintenance key"
				 : "the key of a write-only host");
	return snap_hint(err,
	    "Give the owner's passphrase or recovery code, as with "
	    "--%spassphrase-file or --%srecovery-code-file.",
	    from, from);
}

/* What is run later may be sudo or sendmail, to which somebody gives rights. */
static void
give_up_rights(const struct place *s, struct cli *c)
{
	const unsigned childless = CMD_SNAPSHOTS | CMD_LS | CMD_CAT | CMD_DIFF |
				   CMD_CHECK | CMD_STATS | CMD_REPAIR |
				   CMD_COPY | CMD_PRUNE | CMD_FORGET | CMD_TAG |
				   CMD_PIN | CMD_UNPIN | CMD_POLICY |
				   CMD_HISTORY | CMD_REPORT;

	if (settings_run(&s->settings) || tell_runs(c))
		c->confine = false;
	/* A source: another one is still to be opened.  New passphrases may
	 * come from commands as well. */
	if (!c->confine || s->is_source || c->o.has_command ||
	    c->bit == CMD_KEY)
		return;
	confine((c->bit & childless) != 0);
}

enum snap_code
place_open(struct place *s, struct cli *c, struct snap_err *err)
{
	struct secret secret = { .never_ask = s->never_ask };
	struct repo_opts ro;
	char *cache = NULL;
	enum snap_code rc;

	bytes_init(&secret.text, SECRET_MAX);
	if ((rc = place_opts(c, &ro, &cache, err)) != SNAP_OK ||
	    (rc = until_of(c->o.at, &s->until_ns, err)) != SNAP_OK)
		goto out;
	ro.for_reading = !s->for_backup;
	ro.for_listing = s->for_listing;
	ro.not_slot = s->not_slot;
	/* Before anybody is asked for a passphrase. */
	if ((rc = place_store(s, c, false, err)) != SNAP_OK)
		goto out;
	rc = secret_get(
	    &secret, words_of(s, c), who_of(s), false, &c->report, err);
	if (rc != SNAP_OK)
		goto out;
	if (secret.is_key_file)
		ro.key_file = bytes_span(&secret.text);
	else
		ro.passphrase = bytes_span(&secret.text);
	ro.is_recovery_code = secret.is_recovery_code;
	give_up_rights(s, c);
	rc = repo_open(s->transport, &ro, &s->repo, err);
	if (rc == SNAP_OK)
		rc = check_key(s, err);
out:
	if (rc == SNAP_WRONG_KEY && s->repo == NULL) {
		(void)snap_wrap(err, "%s", transport_url(s->transport));
		if (!secret.is_recovery_code && !secret.is_key_file &&
		    s->not_slot == NULL && err->hint[0] == '\0')
			(void)snap_hint(err,
			    "A recovery code opens it as well: "
			    "--recovery-code-file=FILE.");
	}
	if (rc == SNAP_NOREPO && err->hint[0] == '\0' && !s->is_source)
		(void)snap_hint(
		    err, "Make one with: %s init", SNAP_PROGRAM_NAME);
	secret_fini(&secret);
	if (!s->is_source) /* then another one is still to be opened */
		secrets_forget();
	free(cache);
	return rc;
}

/* Whoever takes a part for the whole finds out when it is too late. */
static void
tell_selection(const struct repo_snapshot *s, const char *spec)
{
	const char *part = repo_snapshot_prop(s, REPO_PROP_SELECTION);
	char hex[2 * REPO_ID_LEN + 1];

	if (part == NULL)
		return;
	hex_encode(s->id, REPO_ID_LEN, hex);
	if (strncmp(spec, "latest", 6) == 0)
		ui_warning("no snapshot is complete: %.8s holds a part of "
			   "\"%s\" only (%s)",
		    hex, place_source(s), part);
	else
		ui_info("snapshot %.8s holds a part of \"%s\" only (%s)", hex,
		    place_source(s), part);
}

/* Else the newest whole one, which may be old, looks like yesterday's. */
static void
tell_passed_over(const struct repo_snapshots *all,
    const struct repo_snapshot *chosen, const char *spec)
{
	const char *of = spec[6] == ':' ? spec + 7 : NULL;
	char hex[2 * REPO_ID_LEN + 1];

	for (size_t i = all->n; i-- > 0 && &all->v[i] != chosen;) {
		const struct repo_snapshot *s = &all->v[i];
		const char *part = repo_snapshot_prop(s, REPO_PROP_SELECTION);

		if (part == NULL ||
		    (of != NULL && strcmp(place_source(s), of) != 0))
			continue;
		hex_encode(s->id, REPO_ID_LEN, hex);
		ui_warning("the newer snapshot %.8s is passed over: it holds a "
			   "part of \"%s\" only (%s)",
		    hex, place_source(s), part);
		return;
	}
}

/* What stood then.  Of the damaged ones only the newest is known by its time:
 * where there are several, one of them may be what is looked for. */
struct repo_snapshots
place_as_of(const struct place *s)
{
	struct repo_snapshots then = s->all;

	if (s->until_ns == 0)
		return then;
	while (then.n > 0 && then.v[then.n - 1].time_ns > s->until_ns)
		then.n--;
	if (then.n_damaged == 1 && then.damaged_ns > s->until_ns)
		then.n_damaged = 0;
	return then;
}

static void
tell_which(const struct repo_snapshot *s)
{
	char hex[2 * REPO_ID_LEN + 1], when[UI_TIME_MAX];

	hex_encode(s->id, REPO_ID_LEN, hex);
	ui_info("snapshot %.8s of %s, %s", hex, place_source(s),
	    ui_time(s->time_ns, when));
}

/* Who changed which machine backs it up knows; who did not should. */
static void
tell_signer(const struct repo_snapshots *then, const struct repo_snapshot *s)
{
	const struct repo_snapshot *before = repo_snapshot_of_another(then, s);

	if (before != NULL)
		ui_warning("the latest of %s was signed by %s, the one before "
			   "it by %s: unless somebody changed who backs it up, "
			   "do not trust what is in it",
		    place_source(s), s->signer, before->signer);
}

enum snap_code
place_find(struct place *s, const char *spec, const struct repo_snapshot **out,
    struct snap_err *err)
{
	enum snap_code rc = repo_snapshots(s->repo, &s->all, err);
	bool latest = strncmp(spec, "latest", 6) == 0;
	struct repo_snapshots then;

	if (rc != SNAP_OK)
		return rc;
	then = place_as_of(s);
	if (s->until_ns != 0 && !latest)
		return snap_fail(err, SNAP_USAGE,
		    "--at goes with 'latest' or 'latest:NAME', not with an id");
	rc = repo_snapshot_find(&then, spec, out, err);
	if (rc == SNAP_NOTFOUND && s->until_ns != 0)
		return snap_detail(err, "None stood yet at the time of --at.");
	if (rc != SNAP_OK)
		return rc;
	tell_selection(*out, spec);
	if ((*out)->untrusted)
		ui_warning("the host that made this snapshot did so after its "
			   "key was revoked: do not trust what is in it");
	if (latest)
		tell_passed_over(&then, *out, spec);
	if (latest)
		tell_signer(&then, *out);
	if (s->until_ns != 0)
		tell_which(*out);
	return SNAP_OK;
}

void
place_close(struct place *s)
{
	repo_snapshots_free(&s->all);
	repo_close(s->repo);
	if (s->transport != NULL && s->stats && !s->json)
		requests_tell(s->backend);
	transport_close(s->transport);
}

json_t *
place_json(const struct place *s)
{
	json_t *root = json_root();

	if (s->stats)
		requests_json(s->backend, root);
	return root;
}

const char *
place_source(const struct repo_snapshot *s)
{
	const char *v = repo_snapshot_prop(s, REPO_PROP_DATABASE);

	if (v == NULL)
		v = repo_snapshot_prop(s, REPO_PROP_NAME);
	return v != NULL ? v : "";
}

void
place_remind(const struct repo_notes *said)
{
	if (!repo_notes_exported(said))
		ui_hint("No key was exported yet: keep one where this "
			"repository and this machine are not: %s key export",
		    SNAP_PROGRAM_NAME);
}
