/* SPDX-License-Identifier: PostgreSQL */
/*
 * forgiving.c - which definitions depend on rows that may be missing.
 *
 * pg_restore puts a comment above each entry that tells its type.  Text that
 * only looks like one, inside somebody's string, must not become a way out of
 * that string: what is put in has no quote that could end it.
 */
#include <string.h>

#include "forgiving.h"

#define HEAD "--\n-- Name: "

static const char *const types[] = { "; Type: FK CONSTRAINT; ",
	"; Type: MATERIALIZED VIEW DATA; " };

static const uint8_t *
find(const uint8_t *p, size_t len, const char *what)
{
	size_t n = strlen(what);

	for (; len >= n; p++, len--) {
		const uint8_t *at = memchr(p, what[0], len - n + 1);

		if (at == NULL)
			return NULL;
		len -= (size_t)(at - p);
		p = at;
		if (memcmp(p, what, n) == 0)
			return p;
	}
	return NULL;
}

/* Where the next entry's comment begins, at the start of a line; or the end. */
static size_t
next_head(const uint8_t *p, size_t len)
{
	const uint8_t *at = find(p, len, "\n" HEAD);

	return at == NULL ? len : (size_t)(at - p) + 1;
}

static bool
may_fail(const uint8_t *p, size_t len)
{
	const uint8_t *name = p + strlen(HEAD), *end;

	if (len <= strlen(HEAD) || memcmp(p, HEAD, strlen(HEAD)) != 0)
		return false;
	end = memchr(name, '\n', len - strlen(HEAD));
	for (size_t i = 0; end != NULL && i < sizeof types / sizeof *types; i++)
		if (find(name, (size_t)(end - name), types[i]) != NULL)
			return true;
	return false;
}

enum snap_code
forgiving_sql(
    struct span sql, const char *key, struct bytes *out, struct snap_err *err)
{
	while (sql.len > 0) {
		size_t n = 1 + next_head(sql.p + 1, sql.len - 1);
		bool forgive = may_fail(sql.p, n);

		if (forgive)
			bytes_printf(out,
			    "DO $snap_%s$ BEGIN EXECUTE $snap_q%s$\n", key,
			    key);
		bytes_put(out, sql.p, n);
		if (forgive)
			bytes_printf(out,
			    "$snap_q%s$; EXCEPTION WHEN OTHERS THEN RAISE "
			    "WARNING USING MESSAGE =\n$snap_q%s$left out: "
			    "$snap_q%s$ || SQLERRM; END $snap_%s$;\n",
			    key, key, key, key);
		sql.p += n;
		sql.len -= n;
	}
	return bytes_check(out, err);
}
