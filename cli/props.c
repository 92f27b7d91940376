/* SPDX-License-Identifier: PostgreSQL */
/* props.c - collect the properties of a new snapshot. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "props.h"

#define TAGS_MAX ((size_t)64 << 10)
#define SELECTION_MAX ((size_t)512 << 10)

enum snap_code
props_add(
    struct props *p, const char *key, const char *value, struct snap_err *err)
{
	char *k, *v;
	size_t i;

	for (i = 0; i < p->n; i++)
		if (strcmp(p->v[i].key, key) == 0)
			return SNAP_OK;
	if (p->n == PROPS_MAX)
		return snap_fail(
		    err, SNAP_NOMEM, "more than %d properties", PROPS_MAX);
	k = strdup(key);
	v = strdup(value);
	if (k == NULL || v == NULL) {
		free(k);
		free(v);
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	}
	p->v[p->n].key = k;
	p->v[p->n].value = v;
	p->n++;
	return SNAP_OK;
}

enum snap_code
props_add_u64(
    struct props *p, const char *key, uint64_t value, struct snap_err *err)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%" PRIu64, value);
	return props_add(p, key, text, err);
}

static enum snap_code
add_tags(struct props *p, const struct opts *o, struct snap_err *err)
{
	size_t i, len = 0;
	struct bytes b;
	enum snap_code rc;

	if (o->tags.n == 0)
		return SNAP_OK;
	for (i = 0; i < o->tags.n; i++)
		len += strlen(o->tags.v[i]) + 1;
	if (len > TAGS_MAX)
		return snap_fail(err, SNAP_USAGE,
		    "the tags have more than %zu bytes", TAGS_MAX - 1);
	bytes_init(&b, TAGS_MAX);
	for (i = 0; i < o->tags.n; i++) {
		if (o->tags.v[i][0] == '\0' ||
		    strchr(o->tags.v[i], ',') != NULL) {
			rc = snap_fail(err, SNAP_USAGE,
			    "a tag is not empty and has no comma: \"%s\"",
			    o->tags.v[i]);
			goto out;
		}
		if (i > 0)
			bytes_u8(&b, ',');
		bytes_put_str(&b, o->tags.v[i]);
	}
	bytes_u8(&b, 0);
	if ((rc = bytes_check(&b, err)) == SNAP_OK)
		rc = props_add(p, REPO_PROP_TAGS, (const char *)b.p, err);
out:
	bytes_fini(&b);
	return rc;
}

enum snap_code
props_add_time(
    struct props *p, const char *key, time_t when, struct snap_err *err)
{
	char text[40] = "";
	struct tm tm;

	if (gmtime_r(&when, &tm) != NULL)
		(void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return props_add(p, key, text, err);
}

enum snap_code
props_add_copied(
    struct props *p, const struct repo_snapshot *s, struct snap_err *err)
{
	const char *claimed = repo_snapshot_prop(s, REPO_PROP_TIME);
	enum snap_code rc = SNAP_OK;

	if (!s->by_owner) {
		rc = props_add_time(p, REPO_PROP_TIME,
		    (time_t)(s->time_ns / INT64_C(1000000000)), err);
		if (rc == SNAP_OK && claimed != NULL)
			rc = props_add(p, PROP_CLAIMED_TIME, claimed, err);
	}
	for (size_t i = 0; rc == SNAP_OK && i < s->n_props; i++)
		rc = props_add(p, s->props[i].key, s->props[i].value, err);
	return rc;
}

enum snap_code
props_add_usual(struct props *p, const struct opts *o, struct snap_err *err)
{
	char host[256] = "";
	enum snap_code rc;

	if (gethostname(host, sizeof host) != 0)
		host[0] = '\0';
	host[sizeof host - 1] = '\0';
	if ((rc = props_add_time(p, REPO_PROP_TIME, time(NULL), err)) !=
		SNAP_OK ||
	    (rc = props_add(p, REPO_PROP_HOST, host, err)) != SNAP_OK ||
	    (rc = props_add(p, "snap-version", SNAP_VERSION, err)) != SNAP_OK)
		return rc;
	return add_tags(p, o, err);
}

/* Words that a shell would take for one and for nothing else stay bare. */
static void
put_word(struct bytes *b, const char *word)
{
	static const char bare[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
				   "qrstuvwxyz0123456789_-.,:/@%+";

	if (*word != '\0' && word[strspn(word, bare)] == '\0') {
		bytes_put_str(b, word);
		return;
	}
	bytes_u8(b, '\'');
	for (; *word != '\0'; word++) {
		if (*word == '\'')
			bytes_put_str(b, "'\\'");
		bytes_u8(b, (uint8_t)*word);
	}
	bytes_u8(b, '\'');
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
put_patterns(struct bytes *b, const char *option, const struct opt_list *l)
{
	const char *v[OPTS_LIST_MAX];
	size_t i;

	if (l->n == 0)
		return;
	memcpy(v, l->v, l->n * sizeof v[0]);
	qsort(v, l->n, sizeof v[0], by_text);
	for (i = 0; i < l->n; i++) {
		if (i > 0 && strcmp(v[i], v[i - 1]) == 0)
			continue;
		if (b->len > 0)
			bytes_u8(b, ' ');
		bytes_printf(b, "--%s=", option);
		put_word(b, v[i]);
	}
}

enum snap_code
props_add_selection(struct props *p, const struct opts *o, struct snap_err *err)
{
	struct bytes b;
	enum snap_code rc;

	bytes_init(&b, SELECTION_MAX);
	put_patterns(&b, "schema", &o->schemas);
	put_patterns(&b, "exclude-schema", &o->exclude_schemas);
	put_patterns(&b, "table", &o->tables);
	put_patterns(&b, "exclude-table", &o->exclude_tables);
	put_patterns(&b, "exclude-table-data", &o->exclude_table_data);
	if (b.bad)
		rc = snap_fail(err, SNAP_USAGE,
		    "the patterns have more than %zu bytes", SELECTION_MAX - 1);
	else if (b.len == 0)
		rc = SNAP_OK;
	else {
		bytes_u8(&b, 0);
		rc = bytes_check(&b, err);
		if (rc == SNAP_OK)
			rc = props_add(
			    p, REPO_PROP_SELECTION, (const char *)b.p, err);
	}
	bytes_fini(&b);
	return rc;
}

void
props_clear(struct props *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		free((void *)(uintptr_t)p->v[i].key);
		free((void *)(uintptr_t)p->v[i].value);
	}
	p->n = 0;
}
