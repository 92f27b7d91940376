/* SPDX-License-Identifier: PostgreSQL */
/* xml.c - a bounded walk over XML, by expat. */
#include <expat.h>
#include <limits.h>
#include <string.h>

#include "xml.h"

struct walk {
	XML_Parser parser;
	xml_element_fn fn;
	void *arg;
	struct snap_err *err;
	enum snap_code rc;
	unsigned depth;
	char names[XML_DEPTH_MAX + 1][XML_NAME_MAX + 1]; /* [0] is "" */
	struct bytes text; /* of the innermost element, since it began */
};

static void
stop(struct walk *w, enum snap_code rc)
{
	w->rc = rc;
	(void)XML_StopParser(w->parser, XML_FALSE);
}

static void
stop_corrupt(struct walk *w, const char *why)
{
	if (w->rc == SNAP_OK)
		stop(w, snap_fail(w->err, SNAP_CORRUPT, "%s", why));
}

static void XMLCALL
on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct walk *w = arg;
	const char *colon = strrchr(name, ':');
	size_t n;

	(void)attributes;
	if (w->rc != SNAP_OK)
		return;
	if (colon != NULL)
		name = colon + 1;
	n = strlen(name);
	if (w->depth == XML_DEPTH_MAX || n > XML_NAME_MAX) {
		stop_corrupt(w, "XML nested too deep, or too long a name");
		return;
	}
	memcpy(w->names[++w->depth], name, n + 1);
	bytes_clear(&w->text);
}

static void XMLCALL
on_text(void *arg, const XML_Char *s, int len)
{
	struct walk *w = arg;

	if (w->rc != SNAP_OK)
		return;
	bytes_put(&w->text, s, (size_t)len);
	if (w->text.bad)
		stop_corrupt(w, "XML with too long a text");
}

static void XMLCALL
on_end(void *arg, const XML_Char *name)
{
	struct walk *w = arg;
	enum snap_code rc;

	(void)name;
	if (w->rc != SNAP_OK)
		return;
	bytes_u8(&w->text, 0);
	if (w->text.bad) {
		stop_corrupt(w, "XML with too long a text");
		return;
	}
	rc = w->fn(w->arg, w->names[w->depth - 1], w->names[w->depth],
	    (const char *)w->text.p, w->err);
	w->depth--;
	bytes_clear(&w->text);
	if (rc != SNAP_OK)
		stop(w, rc);
}

/* Entities are how a few bytes become gigabytes or reach for files. */
static void XMLCALL
on_doctype(void *arg, const XML_Char *name, const XML_Char *system_id,
    const XML_Char *public_id, int internal)
{
	(void)name;
	(void)system_id;
	(void)public_id;
	(void)internal;
	stop_corrupt(arg, "XML with a document type");
}

enum snap_code
xml_walk(struct span doc, xml_element_fn fn, void *arg, struct snap_err *err)
{
	struct walk w = { .fn = fn, .arg = arg, .err = err };
	enum XML_Status status;

	if (doc.len > INT_MAX)
		return snap_fail(err, SNAP_CORRUPT, "too much XML");
	w.parser = XML_ParserCreate("UTF-8");
	if (w.parser == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for XML");
	bytes_init(&w.text, XML_TEXT_MAX + 1);
	XML_SetUserData(w.parser, &w);
	XML_SetElementHandler(w.parser, on_start, on_end);
	XML_SetCharacterDataHandler(w.parser, on_text);
	XML_SetStartDoctypeDeclHandler(w.parser, on_doctype);
	status = XML_Parse(
	    w.parser, doc.len > 0 ? (const char *)doc.p : "", (int)doc.len, 1);
	if (status != XML_STATUS_OK && w.rc == SNAP_OK)
		w.rc = snap_fail(err, SNAP_CORRUPT, "bad XML: %s in line %lu",
		    XML_ErrorString(XML_GetErrorCode(w.parser)),
		    (unsigned long)XML_GetCurrentLineNumber(w.parser));
	XML_ParserFree(w.parser);
	bytes_fini_wipe(&w.text);
	return w.rc;
}

/* n digits at *p, which moves on; -1: they are none. */
static int
digits(const char **p, unsigned n)
{
	int v = 0;

	for (unsigned i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		v = v * 10 + (**p - '0');
	}
	return v;
}

/* Days since 1970-01-01; years run from March, so that February is last. */
static int64_t
days_from_civil(int y, int m, int d)
{
	int64_t year = m <= 2 ? y - 1 : y;
	int64_t era = year / 400, yoe = year - era * 400;
	int64_t doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

bool
xml_time(const char *text, int64_t *ns_out)
{
	static const char between[] = "--T::";
	static const struct {
		unsigned n;
		int min, max;
	} part[] = { { 4, 1970, 2200 }, { 2, 1, 12 }, { 2, 1, 31 },
		{ 2, 0, 23 }, { 2, 0, 59 }, { 2, 0, 60 } };
	const char *p = text;
	int v[6];

	for (unsigned i = 0; i < 6; i++) {
		v[i] = digits(&p, part[i].n);
		if (v[i] < part[i].min || v[i] > part[i].max)
			return false;
		if (i < 5 && *p++ != between[i])
			return false;
	}
	if (*p == '.')
		do
			p++;
		while (*p >= '0' && *p <= '9');
	if (strcmp(p, "Z") != 0)
		return false;
	*ns_out = (days_from_civil(v[0], v[1], v[2]) * 86400 + v[3] * 3600 +
		      v[4] * 60 + v[5]) *
		  1000000000;
	return true;
}
