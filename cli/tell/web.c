/* SPDX-License-Identifier: PostgreSQL */
/*
 * web.c - a heartbeat in the style of healthchecks.io, and a webhook.
 *
 * A heartbeat is a POST to its URL when a run has succeeded, to URL/fail when
 * not, each with the end of the log, and to URL/start before it.  A webhook
 * gets JSON: ours, or what Slack, Discord or Telegram take.
 */
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "log.h"
#include "tell_internal.h"
#include "ui.h"

#define TRIES 3
#define REQUEST_S 20
#define REPLY_MAX ((size_t)64 << 10)
#define DISCORD_MAX 2000
#define TELEGRAM_MAX 4096

enum format { FORMAT_JSON, FORMAT_SLACK, FORMAT_DISCORD, FORMAT_TELEGRAM };
static const char *const formats[] = { "json", "slack", "discord", "telegram",
	NULL };

/* `what`, never the URL, is named when it fails: that may be a secret. */
static void
post(const struct tell *t, const char *what, const struct http_request *q)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct http *h = NULL;
	struct http_reply r;
	enum snap_code rc;
	struct timespec pause = { 1, 0 };

	http_reply_init(&r, REPLY_MAX);
	rc = http_open(&t->settings, "message", &h, &err);
	for (int i = 0; i < TRIES && (i == 0 || rc == SNAP_TRANSIENT); i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		if (rc == SNAP_OK || rc == SNAP_TRANSIENT)
			rc = http_do(h, q, &r, &err);
		if (rc == SNAP_OK && (r.status >= 500 || r.status == 429))
			rc = snap_fail(&err, SNAP_TRANSIENT,
			    "the server answers with status %d", r.status);
	}
	if (rc == SNAP_OK && (r.status < 200 || r.status > 299))
		rc = snap_fail(&err, SNAP_IO,
		    "the server answers with status %d", r.status);
	if (rc != SNAP_OK)
		ui_warning("%s could not be sent: %s", what, err.msg);
	http_reply_fini(&r);
	http_close(h);
}

void
ping(const struct tell *t, const char *suffix, bool with_log)
{
	static const char *const headers[] = {
		"Content-Type: text/plain; charset=utf-8", NULL
	};
	struct http_request q = {
		.method = "POST", .headers = headers, .limit_s = REQUEST_S
	};
	const char *url = (const char *)t->ping_url.p, *query;
	struct bytes full;

	if (t->ping_url.len == 0)
		return;
	bytes_init(&full, TELL_URL_MAX);
	query = memchr(url, '?', t->ping_url.len);
	bytes_put(&full, url,
	    query != NULL ? (size_t)(query - url) : t->ping_url.len);
	while (full.len > 0 && full.p[full.len - 1] == '/')
		full.len--;
	bytes_put_str(&full, suffix);
	if (query != NULL)
		bytes_put(
		    &full, query, t->ping_url.len - (size_t)(query - url));
	bytes_u8(&full, 0);
	q.url = (const char *)full.p;
	if (with_log)
		q.body = log_tail();
	if (full.bad)
		ui_warning("the heartbeat could not be sent: its URL is too "
			   "long");
	else
		post(t, "the heartbeat", &q);
	bytes_fini_wipe(&full);
}

enum snap_code
webhook_check(const struct tell *t, struct snap_err *err)
{
	size_t format;
	enum snap_code rc =
	    tell_choice(t, "webhook-format", formats, &format, err);

	if (rc != SNAP_OK || format != FORMAT_TELEGRAM ||
	    tell_word(t, "webhook-chat") != NULL)
		return rc;
	return snap_fail(err, SNAP_USAGE,
	    "webhook-format = telegram needs webhook-chat, the id of a chat");
}

/* Subject and text in one, at most so many bytes, cut between characters. */
static void
as_text(const struct tell *t, size_t max, struct bytes *out)
{
	message_subject(t, out);
	bytes_u8(out, '\n');
	message_text(t, out);
	if (out->len > max) {
		out->len = max;
		while (out->len > 0 && (out->p[out->len] & 0xc0) == 0x80)
			out->len--;
	}
}

static json_t *
in_format(const struct tell *t, enum format format)
{
	struct bytes text;
	json_t *o;

	if (format == FORMAT_JSON)
		return message_json(t);
	bytes_init(&text, 4 * TELL_TEXT_MAX);
	as_text(
	    t, format == FORMAT_DISCORD ? DISCORD_MAX : TELEGRAM_MAX, &text);
	o = json_object();
	if (format == FORMAT_TELEGRAM)
		json_put_text(
		    o, "chat_id", span_str(tell_word(t, "webhook-chat")));
	json_put_text(o, format == FORMAT_DISCORD ? "content" : "text",
	    bytes_span(&text));
	bytes_fini(&text);
	return o;
}

void
webhook_send(const struct tell *t)
{
	static const char *const headers[] = { "Content-Type: application/json",
		NULL };
	struct http_request q = {
		.method = "POST", .headers = headers, .limit_s = REQUEST_S
	};
	struct snap_err ignored = SNAP_ERR_INIT;
	struct bytes url;
	size_t format;
	json_t *o;
	char *body;

	if (t->webhook_url.len == 0 || tell_choice(t, "webhook-format", formats,
					   &format, &ignored) != SNAP_OK)
		return;
	o = in_format(t, (enum format)format);
	body = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	bytes_init(&url, TELL_URL_MAX);
	bytes_put_span(&url, bytes_span(&t->webhook_url));
	bytes_u8(&url, 0);
	q.url = (const char *)url.p;
	if (body == NULL || url.bad) {
		ui_warning("the webhook could not be called: out of memory");
	} else {
		q.body = span_str(body);
		post(t, "the message to the webhook", &q);
	}
	bytes_fini_wipe(&url);
	free(body);
}
