/* SPDX-License-Identifier: PostgreSQL */
/*
 * rules.h - the rules of the protocol that can be switched off: see rule.h of
 * repo/store, and scenes.c for what goes wrong then.
 */
#ifndef SNAP_TEST_RULES_H
#define SNAP_TEST_RULES_H

#include <stdbool.h>
#include <stddef.h>

enum rule {
	/* writers */
	RULE_heads,     /* refer only to what has good heads, and pin all */
	RULE_pins,      /* a look is clean if no pinned pack is condemned */
	RULE_lease,     /* at l0 + L it is over */
	RULE_answers,   /* ... by the store's time of the last answer */
	RULE_beat,      /* a segment every L / 4, also an empty one */
	RULE_last_look, /* and a look before the commit */
	/* readers */
	RULE_void,         /* what came at l0 + L or later does not count */
	RULE_signed_lists, /* only prune condemns */
	/* prune: what is live */
	RULE_origin,        /* only what it was made from is redundant */
	RULE_own_contents,  /* what a pack holds it says itself */
	RULE_signed_origin, /* only prune says what was made from what */
	RULE_young_roots,   /* also a young snapshot that is not confirmed */
	RULE_quarantine,    /* what cannot be read keeps all that was there */
	RULE_unnamed,       /* nor goes what such a segment may name */
	RULE_records,       /* what is forgotten is forgotten */
	RULE_kept,          /* but for what the store does not let go */
	RULE_believe,       /* no snapshot at all, and packs: a mistake */
	RULE_clocks,        /* the store's clock is right */
	RULE_future,        /* and was */
	/* prune: what goes, and when */
	RULE_young_packs,     /* no victim younger than G */
	RULE_leases,          /* nor of a run with a segment within G */
	RULE_young_segments,  /* which are left alone */
	RULE_survivors_first, /* what survives is named, then condemned */
	RULE_confirmed,       /* ages count from the confirmation */
	RULE_age,             /* and are G at least */
	RULE_rescue,          /* what is live again does not go */
	RULE_spare,           /* nor any copy of it in the same run */
	RULE_index_first,     /* new segments, then the old ones go */
	RULE_retire_age,      /* condemned for 3 G */
	RULE_retire_gone,     /* and as long as the pack is there */
	RULE_fresh,           /* nothing later than L after the derivation */
	N_RULES
};
extern bool rule_off[N_RULES];
#define RULE(name) (!rule_off[RULE_##name])

/* A scripted schedule in which it matters. */
struct scene {
	enum rule rule;
	const char *name;
	void (*play)(void);
	enum { ALWAYS, VISIBLE } where;
};
extern const struct scene scenes[];
extern const size_t n_scenes;
/* What once went wrong; nothing is switched off: N_RULES. */
extern const struct scene mishaps[];
extern const size_t n_mishaps;

#endif
