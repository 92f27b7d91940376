/* SPDX-License-Identifier: PostgreSQL */
/*
 * forge.c - change bytes of a stored object and make its checksum right again.
 *
 * Rot is found by the checksum; what a keeper of the store changes on purpose
 * has a good one, and it is this that versions, feature bits, names and seals
 * must stop.  Usage: forge FILE OFFSET BYTE... (numbers as in C).
 */
#include <stdio.h>
#include <stdlib.h>

#include "fdio.h"
#include "format.h"

#define OBJECT_MAX ((size_t)64 << 20)

static int
fail(const struct snap_err *err)
{
	(void)fprintf(stderr, "forge: %s\n", err->msg);
	return 1;
}

int
main(int argc, char **argv)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct bytes b;
	uint64_t contents;
	size_t at;

	bytes_init(&b, OBJECT_MAX);
	if (argc < 4) {
		(void)fprintf(stderr, "usage: forge FILE OFFSET BYTE...\n");
		return 2;
	}
	if (fd_slurp(argv[1], OBJECT_MAX, &b, &err) != SNAP_OK)
		return fail(&err);
	at = (size_t)strtoull(argv[2], NULL, 0);
	if (b.len < HEADER_LEN + TRAILER_LEN ||
	    at + (size_t)(argc - 3) > b.len - TRAILER_LEN) {
		(void)fprintf(stderr, "forge: no such bytes\n");
		return 1;
	}
	for (int i = 3; i < argc; i++)
		b.p[at++] = (uint8_t)strtoul(argv[i], NULL, 0);
	contents = 0;
	for (size_t i = 0; i < 8; i++)
		contents |= (uint64_t)b.p[b.len - TRAILER_LEN + 8 + i]
			    << (8 * i);
	b.len -= TRAILER_LEN;
	object_finish(&b, contents);
	if (bytes_check(&b, &err) != SNAP_OK ||
	    fd_replace(argv[1], bytes_span(&b), &err) != SNAP_OK)
		return fail(&err);
	bytes_fini(&b);
	return 0;
}
