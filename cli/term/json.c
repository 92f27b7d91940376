/* SPDX-License-Identifier: PostgreSQL */
/*
 * json.c - listings as JSON.
 *
 * JSON has no bytes: text that is not UTF-8 gets its other bytes as \xNN,
 * the same way as tables show it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "sink.h"
#include "ui.h"

#define TEXT_MAX ((size_t)64 << 20)

json_t *
json_root(void)
{
	return json_pack("{s:s}", "schema", "snap.v1");
}

void
json_put_text(json_t *o, const char *key, struct span s)
{
	json_t *v = json_stringn(s.len > 0 ? (const char *)s.p : "", s.len);
	struct bytes b;

	if (v == NULL) {
		bytes_init(&b, TEXT_MAX);
		ui_escape(&b, s);
		v = b.bad ? NULL : json_stringn((const char *)b.p, b.len);
		bytes_fini(&b);
	}
	(void)json_object_set_new(o, key, v);
}

void
json_put_u64(json_t *o, const char *key, uint64_t v)
{
	(void)json_object_set_new(
	    o, key, json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v));
}

json_t *
json_tags(const char *tags)
{
	json_t *list = json_array(), *one;
	const char *end;
	size_t len;

	while (tags != NULL && *tags != '\0') {
		end = strchr(tags, ',');
		len = end != NULL ? (size_t)(end - tags) : strlen(tags);
		one = json_stringn(tags, len);
		if (one != NULL)
			(void)json_array_append_new(list, one);
		tags += len + (end != NULL ? 1 : 0);
	}
	return list;
}

const char *
json_kind(uint8_t kind)
{
	static const char *const names[] = { [STREAM_PROPERTIES] = "properties",
		[STREAM_GLOBALS] = "globals",
		[STREAM_ARCHIVE] = "archive",
		[STREAM_PRE_DATA] = "pre-data",
		[STREAM_TABLE] = "table",
		[STREAM_SEQUENCES] = "sequences",
		[STREAM_LARGE_OBJECT] = "large-object",
		[STREAM_POST_DATA] = "post-data",
		[STREAM_ACL] = "acl",
		[STREAM_DIGESTS] = "digests",
		[STREAM_RAW] = "raw" };

	if (kind >= sizeof names / sizeof names[0] || names[kind] == NULL)
		return "unknown";
	return names[kind];
}

void
json_put_time(json_t *o, const char *key, int64_t time_ns)
{
	time_t t = (time_t)(time_ns / 1000000000);
	char when[UI_TIME_MAX] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm) != NULL)
		(void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_put_text(o, key, span_str(when));
}

json_t *
json_snapshot(const struct repo_snapshot *s)
{
	json_t *o = json_object(), *props = json_object();
	char hex[2 * REPO_ID_LEN + 1];
	size_t i;

	hex_encode(s->id, REPO_ID_LEN, hex);
	json_put_text(o, "id", span_str(hex));
	json_put_time(o, "confirmed", s->time_ns);
	if (s->signer[0] != '\0')
		json_put_text(o, "signer", span_str(s->signer));
	json_put_u64(o, "bytes", s->bytes);
	json_put_u64(o, "new-bytes", s->new_bytes);
	json_put_u64(o, "stored-bytes", s->stored_bytes);
	json_put_u64(o, "rows", s->rows);
	json_put_u64(o, "streams", s->n_streams);
	(void)json_object_set_new(o, REPO_PROP_TAGS,
	    json_tags(repo_snapshot_prop(s, REPO_PROP_TAGS)));
	for (i = 0; i < s->n_props; i++)
		if (strcmp(s->props[i].key, REPO_PROP_TAGS) != 0)
			json_put_text(props, s->props[i].key,
			    span_str(s->props[i].value));
	(void)json_object_set_new(o, "properties", props);
	return o;
}

enum snap_code
json_print(json_t *root, struct snap_err *err)
{
	char *text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;

	json_decref(root);
	if (text == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	ui_out_raw(text);
	ui_out_raw("\n");
	free(text);
	return ui_out_end(err);
}
