/* SPDX-License-Identifier: PostgreSQL */
/*
 * test_rules.c - each rule of the protocol is needed, and the tests see it:
 * with the rule its scene (scenes.c) is played without a breach, without it
 * (rule.h of repo/store) something is lost.  And what once went wrong does not.
 *
 *   test_rules                       all of them
 *   test_rules [-v] NAME             one
 *   test_rules NAME SEED COUNT       that one off, in random schedules
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"
#include "schedule.h"

#define STEPS 2000

bool rule_off[N_RULES];

static bool
play(const struct scene *s, bool visible, char why[256])
{
	schedule_begin(1, visible);
	s->play();
	schedule_finish();
	return schedule_end(why);
}

/* Both ways, on both kinds of stores. */
static unsigned
check(const struct scene *s)
{
	char why[256];
	unsigned bad = 0;

	for (int visible = s->where == VISIBLE; visible < 2; visible++) {
		if (!play(s, visible, why)) {
			(void)printf(
			    "%-16s NOT OK with it: %s\n", s->name, why);
			bad++;
		}
		if (s->rule == N_RULES)
			continue;
		rule_off[s->rule] = true;
		if (play(s, visible, why)) {
			(void)printf("%-16s NOT OK: nothing is lost without "
				     "it\n",
			    s->name);
			bad++;
		} else {
			(void)printf("%-16s without it: %s\n", s->name, why);
		}
		rule_off[s->rule] = false;
		(void)fflush(stdout);
	}
	return bad;
}

static void
search(const struct scene *s, unsigned long first, unsigned long n)
{
	char why[256];
	unsigned long seed;

	rule_off[s->rule] = true;
	for (seed = first; seed < first + n; seed++)
		if (!schedule_random(seed, STEPS, why)) {
			(void)printf("%-16s fails at seed %lu: %s\n", s->name,
			    seed, why);
			break;
		}
	if (seed == first + n)
		(void)printf("%-16s does not fail\n", s->name);
	rule_off[s->rule] = false;
}

int
main(int argc, char **argv)
{
	unsigned bad = 0;

	if (argc > 1 && strcmp(argv[1], "-v") == 0) {
		sim_verbose = true;
		argc--;
		argv++;
	}
	cast_make();
	for (size_t i = 0; i < n_scenes; i++) {
		if (argc > 1 && strcmp(argv[1], scenes[i].name) != 0)
			continue;
		if (argc > 3)
			search(&scenes[i], strtoul(argv[2], NULL, 10),
			    strtoul(argv[3], NULL, 10));
		else
			bad += check(&scenes[i]);
	}
	for (size_t i = 0; i < n_mishaps; i++)
		if (argc == 1 || strcmp(argv[1], mishaps[i].name) == 0)
			bad += check(&mishaps[i]);
	cast_unmake();
	return bad == 0 ? 0 : 1;
}
