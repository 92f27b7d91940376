/* SPDX-License-Identifier: PostgreSQL */
/*
 * toc.c - the table of contents that pg_restore -l prints, by when its entries
 * are due.
 */
#include <string.h>

#include "pgsession.h"

/*
 * A line of pg_restore -l: "dumpid; catalog-oid oid DESC SCHEMA TAG OWNER".
 * The descriptions that matter here are known and come first.
 */
static enum toc_class
classify(const char *line)
{
	const char *p = strchr(line, ';');
	size_t words = 0;

	if (p == NULL)
		return TOC_MAIN;
	for (p++; *p == ' ' || (*p >= '0' && *p <= '9'); p++)
		words += *p == ' ';
	if (words < 3)
		return TOC_MAIN;
	if (strncmp(p, "DATABASE - ", 11) == 0 ||
	    strncmp(p, "DATABASE PROPERTIES - ", 22) == 0 ||
	    strncmp(p, "ACL - DATABASE ", 15) == 0 ||
	    strncmp(p, "COMMENT - DATABASE ", 19) == 0 ||
	    strncmp(p, "SECURITY LABEL - DATABASE ", 26) == 0)
		return TOC_DATABASE;
	if (strncmp(p, "ACL ", 4) == 0 || strncmp(p, "DEFAULT ACL ", 12) == 0 ||
	    strncmp(p, "MATERIALIZED VIEW DATA ", 23) == 0)
		return TOC_LATE;
	if (strncmp(p, "EVENT TRIGGER ", 14) == 0 ||
	    strncmp(p, "COMMENT - EVENT TRIGGER ", 24) == 0 ||
	    strncmp(p, "SECURITY LABEL - EVENT TRIGGER ", 31) == 0)
		return TOC_LAST;
	return TOC_MAIN;
}

/* The lines of the table of contents that are of `want`, as a list for -L. */
void
toc_pick(const struct bytes *toc, enum toc_class want, struct bytes *out)
{
	const char *line = (const char *)toc->p;
	size_t left = toc->len, n;

	for (; left > 0; line += n, left -= n) {
		const char *end = memchr(line, '\n', left);

		n = end == NULL ? left : (size_t)(end - line) + 1;
		if (line[0] >= '0' && line[0] <= '9' && classify(line) == want)
			bytes_put(out, line, n);
	}
}
