/* SPDX-License-Identifier: PostgreSQL */
/*
 * genrows.c - a table that changes everywhere a little, day after day.
 *
 * genrows ROWS DAY writes the table as it is on that day: rows of 191 bytes;
 * each day 1 % of the rows, chosen at random, are updated and move to the end,
 * as an UPDATE moves them in a heap, and 0.5 % are appended.  The worst of the
 * ordinary cases, and the same bytes everywhere.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 10

struct row {
	uint32_t id, version;
};

/* SplitMix64. */
static uint64_t
mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static size_t
one_day(struct row *rows, size_t n, uint32_t day)
{
	struct row *moved = calloc(n, sizeof *moved);
	size_t kept = 0, n_moved = 0, fresh = n / 200;

	if (moved == NULL)
		exit(1);
	for (size_t i = 0; i < n; i++) {
		if (mix((uint64_t)day << 32 | rows[i].id) % 100 == 0) {
			moved[n_moved] = rows[i];
			moved[n_moved++].version++;
		} else {
			rows[kept++] = rows[i];
		}
	}
	memcpy(rows + kept, moved, n_moved * sizeof *moved);
	free(moved);
	for (size_t i = 0; i < fresh; i++)
		rows[n + i] = (struct row){ (uint32_t)(n + i), 0 };
	return n + fresh;
}

static void
print_row(const struct row *r)
{
	char line[192];
	int len = snprintf(line, sizeof line, "%010" PRIu32 "\t%05" PRIu32,
	    r->id, r->version);

	for (uint64_t i = 0; i < FIELDS; i++) {
		/* Of each field only what the version touches is new. */
		uint64_t v = i < 7 ? 0 : r->version;

		len += snprintf(line + len, sizeof line - (size_t)len,
		    "\t%016" PRIx64,
		    mix((uint64_t)r->id << 20 | v << 8 | i) >> (i % 3 * 16));
	}
	(void)snprintf(line + len, sizeof line - (size_t)len, "\tend\n");
	(void)fputs(line, stdout);
}

int
main(int argc, char **argv)
{
	unsigned long n, day;
	struct row *rows;
	size_t have;

	if (argc != 3) {
		(void)fprintf(stderr, "usage: genrows ROWS DAY\n");
		return 2;
	}
	n = strtoul(argv[1], NULL, 10);
	day = strtoul(argv[2], NULL, 10);
	rows = calloc(n * 2 + day * (n / 50) + 1, sizeof *rows);
	if (rows == NULL || n == 0 || day > 100)
		return 2;
	for (have = 0; have < n; have++)
		rows[have] = (struct row){ (uint32_t)have, 0 };
	for (uint32_t d = 1; d <= day; d++)
		have = one_day(rows, have, d);
	for (size_t i = 0; i < have; i++)
		print_row(&rows[i]);
	free(rows);
	return ferror(stdout) || fflush(stdout) != 0;
}
