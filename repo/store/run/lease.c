/* SPDX-License-Identifier: PostgreSQL */
/*
 * lease.c - how long a run may go on, and what its references rest on.
 *
 * A run relies on what it saw at l0, the store time before its newest clean
 * look.  All it puts must be acknowledged before l0 + L by the store's clock;
 * between answers the local clocks say how much time went by, sleep of the
 * machine included, and the largest counts.  A look is clean when nothing the
 * run refers to is condemned or gone; only that moves l0.
 */
#include <stdlib.h>
#include <string.h>

#include "rule.h"
#include "runint.h"

#define NS_PER_S INT64_C(1000000000)
#define ASK_EVERY (60 * NS_PER_S)
#define LOOK_EVERY (300 * NS_PER_S)

int64_t
lease_half(const struct run *r)
{
	return (int64_t)r->s->config.grace_s * NS_PER_S / 2;
}

/* How often a run looks at the whole store. */
static int64_t
look_every(const struct run *r)
{
	int64_t every = lease_half(r) / 8;

	return every < LOOK_EVERY ? every : LOOK_EVERY;
}

int64_t
lease_now(const struct run *r)
{
	int64_t boot = r->l0 + (local_boot() - r->boot0);
	int64_t real = r->l0 + (local_real() - r->real0);
	int64_t now = r->store_now;

	if (boot > now)
		now = boot;
	return real > now ? real : now;
}

static enum snap_code
lost(struct run *r, struct snap_err *err)
{
	char grace[DURATION_MAX];

	(void)snap_fail(err, SNAP_BUSY, "this run lost its lease");
	(void)snap_detail(err,
	    "More than half of the repository's grace period (%s) "
	    "went by since it last saw that nothing it needs is being pruned.",
	    duration_text(r->s->config.grace_s, grace));
	(void)snap_hint(
	    err, "Run it again: what it stored is found and used again.");
	return SNAP_BUSY;
}

enum snap_code
lease_check(struct run *r, int64_t l0, int64_t answered, struct snap_err *err)
{
	bool late;

	(void)pthread_mutex_lock(&r->lock);
	if (answered > r->store_now)
		r->store_now = answered;
	late = lease_now(r) - r->l0 >= lease_half(r) ||
	       answered - l0 >= lease_half(r);
	(void)pthread_mutex_unlock(&r->lock);
	return late && RULE(lease) ? lost(r, err) : SNAP_OK;
}

void
lease_begin(struct run *r, int64_t boot, int64_t real)
{
	r->l0 = r->store_now = r->segment_time = r->s->l0;
	r->boot0 = r->asked_boot = boot;
	r->real0 = real;
}

/* Lock held. */
static bool
pins_good(struct run *r, uint8_t bad[ID_LEN])
{
	for (size_t i = 0; i < r->pins_len * 8; i++)
		if ((r->pins[i / 8] >> i % 8 & 1) != 0 &&
		    !blockindex_pack_good(r->s->index, (uint32_t)i, bad))
			return false;
	return true;
}

/* The look that the store has just finished, begun at `h`. */
static enum snap_code
judge(struct run *r, const struct heard *h, struct snap_err *err)
{
	char hex[2 * ID_LEN + 1];
	uint8_t bad[ID_LEN];
	enum snap_code rc;
	bool clean;

	rc = store_may_write(r->s, err);
	/* Was it still in time by what the run rested on so far? */
	if (rc == SNAP_OK)
		rc = lease_check(r, r->l0, h->store, err);
	if (rc != SNAP_OK)
		return rc;
	(void)pthread_mutex_lock(&r->lock);
	clean = pins_good(r, bad) || !RULE(pins);
	if (clean) {
		r->l0 = h->store;
		r->boot0 = h->boot;
		r->real0 = h->real;
	}
	(void)pthread_mutex_unlock(&r->lock);
	if (clean)
		return SNAP_OK;
	hex_encode(bad, ID_LEN, hex);
	(void)snap_fail(err, SNAP_BUSY,
	    "pack %s, which this run refers to, is being pruned or gone", hex);
	return snap_hint(err, "Run it again.");
}

static enum snap_code
look_locked(struct run *r, struct snap_err *err)
{
	struct heard h = { 0, local_boot(), local_real() };
	enum snap_code rc;

	rc = store_look(r->s, err);
	h.store = r->s->l0;
	return rc == SNAP_OK ? judge(r, &h, err) : rc;
}

/*
 * Before the end only condemned/ is read: a pack that the run refers to was
 * there at its newest whole look, which is minutes old, and goes a grace after
 * it was condemned.  The segment put last has told the time; an l0 that is too
 * early does no harm.
 */
static enum snap_code
last_look_locked(struct run *r, struct snap_err *err)
{
	struct heard h;
	enum snap_code rc = SNAP_OK;

	if (local_boot() - r->s->state->look_boot > 2 * look_every(r))
		return look_locked(r, err);
	(void)pthread_mutex_lock(&r->lock);
	h = r->heard;
	(void)pthread_mutex_unlock(&r->lock);
	if (h.boot == 0 || local_boot() - h.boot > ASK_EVERY) {
		h.boot = local_boot();
		h.real = local_real();
		rc = transport_now(r->s->t, &h.store, err);
	}
	if (rc == SNAP_OK)
		rc = store_look_condemned(r->s, h.store, err);
	return rc == SNAP_OK ? judge(r, &h, err) : rc;
}

enum snap_code
lease_look(struct run *r, struct snap_err *err)
{
	enum snap_code rc;

	(void)pthread_mutex_lock(&r->look_lock);
	rc = last_look_locked(r, err);
	(void)pthread_mutex_unlock(&r->look_lock);
	return rc;
}

static enum snap_code
ask_time(struct run *r, struct snap_err *err)
{
	int64_t boot = local_boot(), now = 0;
	enum snap_code rc;

	if (boot - r->asked_boot < ASK_EVERY)
		return SNAP_OK;
	rc = transport_now(r->s->t, &now, err);
	if (rc != SNAP_OK)
		return rc;
	r->asked_boot = boot;
	return lease_check(r, r->l0, now, err);
}

static enum snap_code
tick(struct run *r, struct snap_err *err)
{
	int64_t since_look, since_segment;
	enum snap_code rc;

	rc = ask_time(r, err);
	if (rc == SNAP_OK)
		rc = lease_check(r, r->l0, r->l0, err);
	if (rc != SNAP_OK)
		return rc;
	(void)pthread_mutex_lock(&r->lock);
	since_look = lease_now(r) - r->l0;
	since_segment = lease_now(r) - r->segment_time;
	(void)pthread_mutex_unlock(&r->lock);
	if (since_segment >= lease_half(r) / 4 && RULE(beat))
		rc = run_put_segment(r, err);
	if (rc == SNAP_OK && since_look >= look_every(r))
		rc = look_locked(r, err);
	return rc;
}

enum snap_code
run_tick(struct run *r, struct snap_err *err)
{
	enum snap_code rc;

	rc = run_check(r, err);
	if (rc != SNAP_OK)
		return rc;
	/* One thread looks; the others need not wait for it. */
	if (pthread_mutex_trylock(&r->look_lock) != 0)
		return SNAP_OK;
	rc = tick(r, err);
	(void)pthread_mutex_unlock(&r->look_lock);
	return rc == SNAP_OK ? rc : run_fail(r, err);
}
