/* SPDX-License-Identifier: PostgreSQL */
/*
 * zone.c - the time zone whose days and months a policy counts.
 *
 * For a name that it does not know libc silently takes UTC; so the file that
 * it would read must be there and be one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keep.h"

#define ZONES "/usr/share/zoneinfo"
#define PATH_LEN 1024

/* Names are parts like Europe/Berlin: no way out of the directory. */
static bool
is_name(const char *zone)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn"
				      "opqrstuvwxyz0123456789_+-/";

	return zone[strspn(zone, letters)] == '\0' && zone[0] != '/' &&
	       zone[0] != '-';
}

static bool
is_known(const char *zone)
{
	const char *dir = getenv("TZDIR");
	char path[PATH_LEN], magic[4];
	bool ok = false;
	FILE *f;
	int n;

	if (!is_name(zone))
		return false;
	n = snprintf(path, sizeof path, "%s/%s",
	    dir != NULL && *dir != '\0' ? dir : ZONES, zone);
	if (n < 0 || (size_t)n >= sizeof path)
		return false;
	f = fopen(path, "rb");
	if (f != NULL) {
		ok = fread(magic, 1, sizeof magic, f) == sizeof magic &&
		     memcmp(magic, "TZif", sizeof magic) == 0;
		(void)fclose(f);
	}
	return ok;
}

enum snap_code
zone_set(const char *zone, struct snap_err *err)
{
	bool utc = zone[0] == '\0' || strcmp(zone, "UTC") == 0;

	if (!utc && !is_known(zone)) {
		(void)snap_fail(err, SNAP_USAGE,
		    "this machine knows no time zone \"%s\"", zone);
		return snap_hint(err,
		    "Give a name like Europe/Berlin; the package with all of "
		    "them is called tzdata.");
	}
	if (setenv("TZ", utc ? "UTC0" : zone, 1) != 0)
		return snap_fail_errno(err, SNAP_NOMEM, "set the time zone");
	tzset();
	return SNAP_OK;
}
