/* SPDX-License-Identifier: PostgreSQL */
/* mishaps.c - what once went wrong, each as the shortest story. */
#include "rules.h"
#include "stage.h"

/* Two run at once: one confirms the list of the other. */
static void
confirmed_by_another(void)
{
	struct keeping *k = keeping_new(KEY_OWNER, 50);
	struct actor *p;
	bool done = false;

	garbage();
	k->done = &done;
	p = comes(play_pruner, k);
	until_confirms_list(p);
	prune();
	finish(p);
	oracle_must(done, "a prune fails because another one was faster");
}

/* Others put while it lists, for longer than clocks may differ. */
static void
slow_listing(void)
{
	struct keeping *k = keeping_new(KEY_OWNER, 50);
	struct actor *p;
	bool done = false;

	backup(1);
	k->done = &done;
	p = comes(play_pruner, k);
	(void)until(p, "list notes/");
	wire_advance(20 * 60 * SECOND);
	backup(2);
	finish(p);
	oracle_must(done, "a prune takes what is new for what is to come");
}

/* Of garbage that is partly alive nothing can be made that is smaller. */
static void
sparse_garbage(void)
{
	struct plan *p = plan_new(KEY_OWNER, 4, LARGE, MANY);
	struct plan *q = plan_new(KEY_OWNER, 4, 1, MANY);

	finish(comes(play_writer, p));
	for (int i = 0; i < 4; i++)
		steal(GARBAGE);
	forget();
	backup(2);
	finish(comes(play_writer, q));
	later(150);
	prune();
}

/* A true copy and lies of the same block are rescued by one run: in one pack
 * nobody could tell them apart. */
static void
copies_together(void)
{
	struct keeping *k = keeping_new(KEY_OWNER, 50);
	struct actor *w;
	bool idle = false;

	finish(writer(4, LARGE));
	for (int i = 0; i < 4; i++)
		steal(GARBAGE);
	forget();
	later(150);
	w = writer(4, 1);
	(void)until(w, "put snapshots/");
	prune();
	finish(w);
	later(110);
	prune(); /* rescues */
	for (int i = 0; i < 3; i++) {
		later(150);
		prune();
	}
	later(150);
	k->idle = &idle;
	finish(comes(play_pruner, k));
	oracle_must(idle, "what has been moved is moved again");
}

/* Another prune makes one segment of many while this one lists them. */
static void
merged_meanwhile(void)
{
	struct keeping *k = keeping_new(KEY_OWNER, 50);
	struct actor *p;
	bool done = false;

	for (uint64_t i = 1; i < 10; i++)
		backup(i);
	later(150);
	k->done = &done;
	p = comes(play_pruner, k);
	/* A look of its own, and then the view. */
	(void)until(p, "list index/");
	(void)until(p, "have listed index/");
	(void)until(p, "list index/");
	(void)until(p, "have listed index/");
	wire_misses = true;
	prune();
	step(p);
	wire_misses = false;
	finish(p);
	oracle_must(done, "a prune misses what another one has merged");
}

/* A snapshot cannot be read for a while, and what it needs was moved since it
 * came. */
static void
moved_since(void)
{
	finish(writer(4, LARGE));
	forget();
	finish(writer(4, 1));
	for (int i = 0; i < 3; i++) {
		later(150);
		prune();
	}
	name_of("snapshots/", "", wire_unreadable[0]);
	for (int i = 0; i < 3; i++) {
		later(150);
		prune();
	}
}

const struct scene mishaps[] = {
	{ N_RULES, "confirmed by another", confirmed_by_another, ALWAYS },
	{ N_RULES, "a slow listing", slow_listing, ALWAYS },
	{ N_RULES, "sparse garbage", sparse_garbage, ALWAYS },
	{ N_RULES, "copies together", copies_together, ALWAYS },
	{ N_RULES, "merged meanwhile", merged_meanwhile, ALWAYS },
	{ N_RULES, "moved since", moved_since, ALWAYS },
};
const size_t n_mishaps = sizeof mishaps / sizeof *mishaps;
