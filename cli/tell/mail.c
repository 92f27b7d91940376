/* SPDX-License-Identifier: PostgreSQL */
/*
 * mail.c - a mail of a run, by SMTP (RFC 5321) or through sendmail.
 *
 * Text in UTF-8 (RFC 5322, RFC 2045).  Names that go into a header come from
 * hosts and databases: whatever is not plain printable ASCII becomes '?'.
 */
#include <curl/curl.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "child.h"
#include "tell_internal.h"
#include "ui.h"

#define SENDMAIL "/usr/sbin/sendmail -i -t"
#define CONNECT_S 15L
#define STALL_S 30L
#define WHOLE_S 120L
#define HEADER_MAX 900 /* bytes of one; a line may have 998 */

bool
mail_is_wanted(const struct tell *t)
{
	return tell_word(t, "mail-to") != NULL;
}

/* A list with commas; an address here is what a shell and a header can hold. */
static bool
is_address(const char *a, size_t n)
{
	const char *at = memchr(a, '@', n);

	if (n == 0 || n > 254 || a[0] == '-' || at == a ||
	    (at != NULL && at == a + n - 1))
		return false;
	for (size_t i = 0; i < n; i++)
		if (a[i] <= ' ' || a[i] > '~' || strchr("<>()[]\\,;:\"", a[i]))
			return false;
	return true;
}

static enum snap_code
check_addresses(const char *name, const char *list, struct snap_err *err)
{
	for (const char *p = list;;) {
		size_t n;

		p += strspn(p, " ");
		n = strcspn(p, ", ");
		if (!is_address(p, n))
			return snap_fail(err, SNAP_USAGE,
			    "\"%s\" is no list of addresses: \"%.100s\"", name,
			    list);
		p += n;
		p += strspn(p, " ");
		if (*p == '\0')
			return SNAP_OK;
		if (*p++ != ',')
			return snap_fail(err, SNAP_USAGE,
			    "\"%s\": a comma is missing: \"%.100s\"", name,
			    list);
	}
}

enum snap_code
mail_check(const struct tell *t, struct snap_err *err)
{
	const char *to = tell_word(t, "mail-to");
	const char *from = tell_word(t, "mail-from");
	const char *server = tell_word(t, "mail-server");

	if (to == NULL)
		return SNAP_OK;
	if (check_addresses("mail-to", to, err) != SNAP_OK ||
	    (from != NULL &&
		check_addresses("mail-from", from, err) != SNAP_OK))
		return err->code;
	if (server == NULL)
		return SNAP_OK;
	if (strncmp(server, "smtp://", 7) != 0 &&
	    strncmp(server, "smtps://", 8) != 0)
		return snap_fail(err, SNAP_USAGE,
		    "\"mail-server\" is smtp://HOST[:PORT] or "
		    "smtps://HOST[:PORT], not \"%.100s\"",
		    server);
	return SNAP_OK;
}

static void
put_header(struct bytes *out, const char *name, const char *value)
{
	size_t n = strlen(value);

	bytes_printf(out, "%s: ", name);
	for (size_t i = 0; i < n && i < HEADER_MAX; i++)
		bytes_u8(out, value[i] >= ' ' && value[i] <= '~'
				  ? (uint8_t)value[i]
				  : '?');
	bytes_u8(out, '\n');
}

static void
put_date(struct bytes *out)
{
	static const char days[] = "SunMonTueWedThuFriSat",
			  months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm) != NULL)
		bytes_printf(out,
		    "Date: %.3s, %02d %.3s %d %02d:%02d:%02d +0000\n",
		    days + (ptrdiff_t)3 * tm.tm_wday, tm.tm_mday,
		    months + (ptrdiff_t)3 * tm.tm_mon, tm.tm_year + 1900,
		    tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Without mail-from a server makes of "snap" what it does of local users. */
static const char *
sender(const struct tell *t)
{
	const char *from = tell_word(t, "mail-from");

	return from != NULL ? from : SNAP_PROGRAM_NAME;
}

static void
put_mail(const struct tell *t, struct bytes *out)
{
	struct bytes b;

	bytes_init(&b, TELL_TEXT_MAX);
	message_subject(t, &b);
	bytes_u8(&b, 0);
	put_date(out);
	put_header(out, "From", sender(t));
	put_header(out, "To", tell_word(t, "mail-to"));
	put_header(out, "Subject", b.bad ? SNAP_PROGRAM_NAME : (char *)b.p);
	bytes_printf(out, "Message-ID: <%s.%s@%s>\n", t->id, t->command,
	    t->host[0] != '\0' && is_address(t->host, strlen(t->host))
		? t->host
		: "localhost");
	bytes_put_str(out, "Auto-Submitted: auto-generated\n"
			   "MIME-Version: 1.0\n"
			   "Content-Type: text/plain; charset=utf-8\n"
			   "Content-Transfer-Encoding: 8bit\n\n");
	bytes_fini(&b);
	message_text(t, out);
}

/* On the line, lines end with CR and LF. */
static void
put_lines(struct bytes *out, struct span mail)
{
	for (size_t i = 0; i < mail.len; i++) {
		if (mail.p[i] == '\n')
			bytes_u8(out, '\r');
		bytes_u8(out, mail.p[i]);
	}
}

/* ---- by SMTP */

struct upload {
	struct span left;
};

static size_t
give(char *to, size_t size, size_t n, void *arg)
{
	struct upload *u = arg;
	size_t len = size * n < u->left.len ? size * n : u->left.len;

	memcpy(to, u->left.p, len);
	u->left.p += len;
	u->left.len -= len;
	return len;
}

static struct curl_slist *
recipients(const char *list)
{
	struct curl_slist *all = NULL, *more;
	char one[256];

	while (*list != '\0') {
		size_t n;

		list += strspn(list, ", ");
		n = strcspn(list, ", ");
		if (n == 0)
			break;
		(void)snprintf(one, sizeof one, "%.*s", (int)n, list);
		more = curl_slist_append(all, one);
		if (more == NULL) {
			curl_slist_free_all(all);
			return NULL;
		}
		all = more;
		list += n;
	}
	return all;
}

/* TLS, but for a server on this machine or where it was so wished. */
static bool
may_be_clear(const struct tell *t, const char *server)
{
	static const char *const here[] = { "smtp://localhost",
		"smtp://127.0.0.1", "smtp://[::1]" };
	const char *insecure = tell_word(t, "message.insecure");

	for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
		size_t n = strlen(here[i]);

		if (strncmp(server, here[i], n) == 0 &&
		    strchr(":/", server[n]) != NULL) /* or its end */
			return true;
	}
	return insecure != NULL && strcmp(insecure, "yes") == 0;
}

static CURLcode
set_up(CURL *h, const struct tell *t, const char *password, char *error)
{
	const char *server = tell_word(t, "mail-server");
	const char *user = tell_word(t, "mail-user");
	const char *ca = tell_word(t, "message.ca-file");
	long tls = may_be_clear(t, server) ? (long)CURLUSESSL_TRY
					   : (long)CURLUSESSL_ALL;
	CURLcode rc;

	if ((rc = curl_easy_setopt(h, CURLOPT_ERRORBUFFER, error)) !=
		CURLE_OK ||
	    (rc = curl_easy_setopt(h, CURLOPT_URL, server)) != CURLE_OK ||
	    (rc = curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "smtp,smtps")) !=
		CURLE_OK ||
	    (rc = curl_easy_setopt(h, CURLOPT_PROXY, "")) != CURLE_OK ||
	    (rc = curl_easy_setopt(h, CURLOPT_USE_SSL, tls)) != CURLE_OK ||
	    (rc = curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L)) != CURLE_OK ||
	    (rc = curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, CONNECT_S)) !=
		CURLE_OK ||
	    (rc = curl_easy_setopt(
		 h, CURLOPT_SERVER_RESPONSE_TIMEOUT, STALL_S)) != CURLE_OK ||
	    (rc = curl_easy_setopt(h, CURLOPT_TIMEOUT, WHOLE_S)) != CURLE_OK)
		return rc;
	if (ca != NULL &&
	    (rc = curl_easy_setopt(h, CURLOPT_CAINFO, ca)) != CURLE_OK)
		return rc;
	if (user != NULL &&
	    ((rc = curl_easy_setopt(h, CURLOPT_USERNAME, user)) != CURLE_OK ||
		(rc = curl_easy_setopt(h, CURLOPT_PASSWORD, password)) !=
		    CURLE_OK))
		return rc;
	return curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
}

static enum snap_code
by_smtp(const struct tell *t, struct span mail, struct snap_err *err)
{
	struct curl_slist *to = recipients(tell_word(t, "mail-to"));
	char error[CURL_ERROR_SIZE] = "";
	CURL *h = curl_easy_init();
	struct bytes password, lines;
	CURLcode rc = CURLE_OUT_OF_MEMORY;
	struct upload u;

	bytes_init(&lines, 2 * TELL_TEXT_MAX);
	put_lines(&lines, mail);
	u.left = bytes_span(&lines);
	bytes_init(&password, TELL_URL_MAX + 1);
	bytes_put_span(&password, bytes_span(&t->mail_password));
	bytes_u8(&password, 0);
	if (to != NULL && h != NULL && !password.bad && !lines.bad)
		rc = set_up(h, t, (const char *)password.p, error);
	if (rc == CURLE_OK &&
	    (rc = curl_easy_setopt(h, CURLOPT_MAIL_FROM, sender(t))) ==
		CURLE_OK &&
	    (rc = curl_easy_setopt(h, CURLOPT_MAIL_RCPT, to)) == CURLE_OK &&
	    (rc = curl_easy_setopt(h, CURLOPT_READFUNCTION, give)) ==
		CURLE_OK &&
	    (rc = curl_easy_setopt(h, CURLOPT_READDATA, &u)) == CURLE_OK)
		rc = curl_easy_perform(h);
	curl_easy_cleanup(h);
	curl_slist_free_all(to);
	bytes_fini_wipe(&password);
	bytes_fini(&lines);
	if (rc == CURLE_OK)
		return SNAP_OK;
	return snap_fail(err, SNAP_IO, "%s",
	    error[0] != '\0' ? error : curl_easy_strerror(rc));
}

/* ---- */

void
mail_send(const struct tell *t)
{
	const char *sendmail = tell_word(t, "sendmail");
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes mail;
	enum snap_code rc;

	if (!mail_is_wanted(t))
		return;
	bytes_init(&mail, TELL_TEXT_MAX + HEADER_MAX * 4);
	put_mail(t, &mail);
	rc = bytes_check(&mail, &err);
	if (rc == SNAP_OK && tell_word(t, "mail-server") != NULL)
		rc = by_smtp(t, bytes_span(&mail), &err);
	else if (rc == SNAP_OK)
		rc = child_shell(sendmail != NULL ? sendmail : SENDMAIL,
		    bytes_span(&mail), NULL, &err);
	if (rc != SNAP_OK)
		ui_warning("the mail could not be sent: %s", err.msg);
	bytes_fini(&mail);
}
