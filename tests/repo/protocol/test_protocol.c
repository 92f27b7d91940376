/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_protocol.c - random schedules of the real code, judged at every step.
 *
 *   test_protocol                       a hundred schedules; many with
 *                                       SNAP_TEST_HEAVY
 *   test_protocol [-v] --seed N [COUNT] these; -v tells what happens
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schedule.h"

#define LIGHT 100
#define HEAVY 10000
#define STEPS 2000

int
main(int argc, char **argv)
{
	unsigned long long first = 1, n = LIGHT, bad = 0;
	const struct oracle_counts *c = &oracle_counts;
	char why[256];

	if (getenv("SNAP_TEST_HEAVY") != NULL)
		n = HEAVY;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-v") == 0) {
			sim_verbose = true;
		} else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
			first = strtoull(argv[++i], NULL, 10);
			n = i + 1 < argc ? strtoull(argv[++i], NULL, 10) : 1;
		}
	}
	cast_make();
	for (unsigned long long s = first; s < first + n; s++)
		if (!schedule_random(s, STEPS, why)) {
			(void)printf("seed %llu: %s\n", s, why);
			(void)fflush(stdout);
			bad++;
		}
	cast_unmake();
	(void)printf(
	    "%llu schedules, %llu bad: %u snapshots acknowledged, %u "
	    "runs refused, %u actors crashed,\n%u prunes (%u refused), "
	    "%u packs condemned, %u deleted, %u rescued, %u forgotten, "
	    "%u lies,\n%u deletions denied, %u times a forgotten snapshot's, "
	    "%u packs damaged, %u repairs, which condemned %u "
	    "and made %u blocks again\n",
	    n, bad, c->commits, c->refused, c->crashed, c->prunes,
	    c->prunes_failed, c->condemned, c->deleted, c->rescued,
	    c->forgotten, c->lost_lies, c->denied, c->kept, c->damaged,
	    c->repairs, c->mended, c->rebuilt);
	return bad == 0 ? 0 : 1;
}
