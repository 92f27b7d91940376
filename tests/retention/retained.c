/* SPDX-License-Identifier: PostgreSQL */
/*
 * retained.c - retained NAME=VALUE...: reads UTC seconds, a line each, and
 * prints those that the policy keeps, the oldest first.  With --picture: it
 * reads one, and draws what is kept of a backup each day up to then.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "retention.h"

#define ITEMS_MAX 10000

static struct retain_item items[ITEMS_MAX];

int
main(int argc, char **argv)
{
	struct retain_policy p;
	struct snap_err err;
	bool draw = argc > 1 && strcmp(argv[1], "--picture") == 0;
	size_t n = 0;

	memset(&p, 0, sizeof p);
	for (int i = draw ? 2 : 1; i < argc; i++) {
		char *eq = strchr(argv[i], '=');

		if (eq == NULL)
			return 2;
		*eq = '\0';
		if (retain_policy_set(&p, argv[i], eq + 1, &err) != SNAP_OK) {
			fprintf(stderr, "%s\n", err.msg);
			return 2;
		}
	}
	while (n < ITEMS_MAX && scanf("%" SCNd64, &items[n].time_s) == 1)
		items[n++].group = "";
	if (draw && n == 1) {
		struct bytes b;

		bytes_init(&b, 1u << 20);
		retain_picture(&p, items[0].time_s, &b);
		(void)fwrite(b.p, 1, b.len, stdout);
		bytes_fini(&b);
		return b.bad ? 1 : 0;
	}
	retain_apply(&p, items, n, INT64_C(4000000000));
	while (n-- > 0)
		if (items[n].rules != 0)
			printf("%" PRId64 "\n", items[n].time_s);
	return 0;
}
