/* SPDX-License-Identifier: PostgreSQL */
/* mutate.c - see mutate.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "mutate.h"

#define LIMIT (16u << 20)
#define PAYLOAD_BITS 6
#define PAYLOAD_BITS_HEAVY 100
#define AT_ID 16
#define AT_REPO 32
#define AT_SUM 24 /* of the trailer */

uint64_t
mutator_random(struct mutator *mu)
{
	uint64_t *x = &mu->seed;

	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static struct mutation
about(const struct object_at *o, const char *what)
{
	struct mutation m;

	memset(&m, 0, sizeof m);
	(void)snprintf(m.what, sizeof m.what, "%s", what);
	m.touched[m.n_touched++] = o;
	m.may_suffer = o->needed_by;
	return m;
}

static struct mem_store *
copy_of(const struct mutator *mu)
{
	struct snap_err err = SNAP_ERR_INIT;
	struct mem_store *mem;

	must(mem_store_clone(mu->g->mem, &mem, &err), &err);
	return mem;
}

static void
lay(struct mem_store *mem, const char *name, const struct bytes *raw)
{
	struct snap_err err = SNAP_ERR_INIT;

	must(bytes_check(raw, &err), &err);
	must(mem_store_overwrite(mem, name, bytes_span(raw), &err), &err);
}

static void
hand_over(struct mutator *mu, struct mem_store *mem, const struct mutation *m)
{
	mu->n++;
	mu->fn(mu->arg, mem, m);
	mem_store_free(mem);
}

/* The object's bytes become `raw`. */
static void
replace_by(
    struct mutator *mu, const struct mutation *m, const struct bytes *raw)
{
	const struct object_at *o = m->touched[0];
	struct mem_store *mem;

	if (span_eq(bytes_span(raw), bytes_span(&o->raw)))
		return;
	mem = copy_of(mu);
	lay(mem, o->name, raw);
	hand_over(mu, mem, m);
}

static void
replace(struct mutator *mu, const struct object_at *o, const struct bytes *raw,
    const char *what)
{
	struct mutation m = about(o, what);

	replace_by(mu, &m, raw);
}

static void
copy_raw(const struct object_at *o, struct bytes *out)
{
	bytes_init(out, LIMIT);
	bytes_put_span(out, bytes_span(&o->raw));
}

/* Make the checksum right; the trailer's other fields stay as they are. */
static void
mend(struct bytes *raw)
{
	uint8_t *trailer = raw->p + raw->len - TRAILER_LEN;
	XXH128_canonical_t sum;

	XXH128_canonicalFromHash(
	    &sum, XXH3_128bits(raw->p, raw->len - TRAILER_LEN + AT_SUM));
	memcpy(trailer + AT_SUM, sum.digest, sizeof sum.digest);
}

static void
flip(struct mutator *mu, const struct object_at *o, uint64_t bit, bool mended)
{
	struct mutation m = about(o, "");
	struct bytes raw;

	copy_raw(o, &raw);
	raw.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	if (mended)
		mend(&raw);
	(void)snprintf(m.what, sizeof m.what, "bit %u of byte %llu of %zu%s",
	    (unsigned)(bit % 8), (unsigned long long)(bit / 8), o->raw.len,
	    mended ? ", checksum mended" : "");
	m.filler_only = mended && o->filler != NULL && o->filler[bit / 8] != 0;
	replace_by(mu, &m, &raw);
	bytes_fini(&raw);
}

/* Of two ways to do it, both; in a sample one. */
static bool
chosen(struct mutator *mu, bool *first)
{
	*first = (mutator_random(mu) & 64) != 0;
	return mu->heavy;
}

static void
flip_one(struct mutator *mu, const struct object_at *o, uint64_t bit)
{
	bool can_mend = bit / 8 < o->raw.len - TRAILER_LEN + AT_SUM, mended;
	bool both = chosen(mu, &mended);

	mended = mended && can_mend;
	flip(mu, o, bit, mended);
	if (both && can_mend)
		flip(mu, o, bit, !mended);
}

/* In a sample: each byte of what is read, every third of ids and the like. */
static bool
skipped(struct mutator *mu, size_t byte)
{
	bool read = (byte >= 8 && byte < 16) || (byte >= 48 && byte < 52) ||
		    (byte >= HEADER_LEN + 16 && byte < HEADER_LEN + AT_SUM);

	return !mu->heavy && !read && mutator_random(mu) % 3 != 0;
}

/* Header and trailer, and of the rest a sample. */
void
mutate_bits(struct mutator *mu, const struct object_at *o)
{
	size_t end = o->raw.len - TRAILER_LEN;
	unsigned n = mu->heavy ? PAYLOAD_BITS_HEAVY : PAYLOAD_BITS;

	for (size_t byte = 0; byte < HEADER_LEN + TRAILER_LEN; byte++) {
		size_t at = byte < HEADER_LEN ? byte : end + byte - HEADER_LEN;

		for (unsigned i = 0; i < 8 && mu->heavy; i++)
			flip_one(mu, o, at * 8 + i);
		if (!mu->heavy && !skipped(mu, byte))
			flip_one(mu, o, at * 8 + mutator_random(mu) % 8);
	}
	for (unsigned i = 0; i < n && end > HEADER_LEN; i++)
		flip_one(mu, o,
		    HEADER_LEN * 8 +
			mutator_random(mu) % ((end - HEADER_LEN) * 8));
}

static void
cut_to(struct mutator *mu, const struct object_at *o, size_t len)
{
	uint64_t off = le64_get(o->raw.p + o->raw.len - 40);
	bool alone, both = chosen(mu, &alone);
	struct bytes raw;
	char what[96];

	if (len >= o->raw.len)
		return;
	copy_raw(o, &raw);
	raw.len = len;
	(void)snprintf(
	    what, sizeof what, "cut from %zu to %zu bytes", o->raw.len, len);
	if (both || alone || len < HEADER_LEN)
		replace(mu, o, &raw, what);
	/* And with a trailer that says so. */
	if (len >= HEADER_LEN && (both || !alone)) {
		object_finish(&raw, off < len ? off : len);
		(void)snprintf(what, sizeof what,
		    "cut to %zu bytes and a new trailer", len);
		replace(mu, o, &raw, what);
	}
	bytes_fini(&raw);
}

static void
longer_by(struct mutator *mu, const struct object_at *o, struct span more,
    const char *by)
{
	uint64_t off = le64_get(o->raw.p + o->raw.len - 40);
	bool behind, both = chosen(mu, &behind);
	struct bytes raw;
	char what[96];

	copy_raw(o, &raw);
	bytes_put_span(&raw, more);
	(void)snprintf(what, sizeof what, "longer by %s", by);
	if (both || behind)
		replace(mu, o, &raw, what);
	/* In front of the trailer, which says so. */
	raw.len = o->raw.len - TRAILER_LEN;
	bytes_put_span(&raw, more);
	object_finish(&raw, off);
	(void)snprintf(what, sizeof what, "its payload longer by %s", by);
	if (both || !behind)
		replace(mu, o, &raw, what);
	bytes_fini(&raw);
}

void
mutate_length(struct mutator *mu, const struct object_at *o)
{
	static const size_t few[] = { 0, 1, 48, 63, 64, 80, 111, 112, 113 };
	static const uint8_t zeros[4096];
	size_t len = o->raw.len;

	for (size_t i = 0; mu->heavy && i < 260; i++)
		cut_to(mu, o, i);
	for (size_t i = 0; !mu->heavy && i < sizeof few / sizeof *few; i++)
		cut_to(mu, o, few[i]);
	cut_to(mu, o, len / 2);
	cut_to(mu, o, len - TRAILER_LEN - 1);
	cut_to(mu, o, len - TRAILER_LEN);
	cut_to(mu, o, len - TRAILER_LEN + 1);
	cut_to(mu, o, len - 1);
	longer_by(mu, o, span_of(zeros, 1), "a zero");
	longer_by(mu, o, span_of(o->raw.p, 1), "a byte");
	longer_by(mu, o, span_of(zeros, sizeof zeros), "a block of zeros");
	longer_by(mu, o, span_of(o->raw.p + len - TRAILER_LEN, TRAILER_LEN),
	    "a copy of its trailer");
	longer_by(mu, o, bytes_span(&o->raw), "a copy of itself");
}

static void
exchange(
    struct mutator *mu, const struct object_at *a, const struct object_at *b)
{
	struct mutation m = about(a, "exchanged with another");
	struct mem_store *mem = copy_of(mu);

	m.touched[m.n_touched++] = b;
	m.may_suffer |= b->needed_by;
	lay(mem, a->name, &b->raw);
	lay(mem, b->name, &a->raw);
	hand_over(mu, mem, &m);
}

/* With the header's id and repository of the one whose place it takes. */
static void
replace_renamed(struct mutator *mu, const struct object_at *o,
    const struct object_at *by, const char *what)
{
	struct bytes raw;

	copy_raw(by, &raw);
	memcpy(raw.p + AT_ID, o->raw.p + AT_ID, ID_LEN);
	memcpy(raw.p + AT_REPO, o->raw.p + AT_REPO, ID_LEN);
	mend(&raw);
	replace(mu, o, &raw, what);
	bytes_fini(&raw);
}

static void
remove_it(struct mutator *mu, const struct object_at *o)
{
	struct mutation m = about(o, "deleted");
	struct mem_store *mem = copy_of(mu);
	char other[TRANSPORT_NAME_MAX + 1];

	(void)mem_store_remove(mem, o->name);
	m.deletes = true;
	hand_over(mu, mem, &m);
	if (o->kind != OBJ_SNAPSHOT && o->kind != OBJ_CONDEMNED)
		return;
	m = about(o, "deleted with its .ok");
	m.deletes = m.both_halves = true;
	mem = copy_of(mu);
	(void)snprintf(other, sizeof other, "%.110s.ok", o->name);
	(void)mem_store_remove(mem, o->name);
	(void)mem_store_remove(mem, other);
	hand_over(mu, mem, &m);
}

/* The same bytes once more, under a name that is not theirs. */
static void
double_it(struct mutator *mu, const struct object_at *o)
{
	struct mutation m = about(o, "there twice");
	char name[TRANSPORT_NAME_MAX + 1];
	struct mem_store *mem;
	uint8_t id[ID_LEN];
	char *at;

	if (o->kind == OBJ_CONFIG)
		return;
	for (size_t i = 0; i < ID_LEN; i++)
		id[i] = (uint8_t)mutator_random(mu);
	hex_encode(id, ID_LEN, m.added);
	m.n_touched = 0;
	m.may_suffer = 0;
	memcpy(name, o->name, sizeof name);
	at = strstr(name, o->hex);
	memcpy(at, m.added, 2 * ID_LEN);
	if (o->kind == OBJ_DATA || o->kind == OBJ_META)
		memcpy(at - 3, m.added, 2);
	mem = copy_of(mu);
	lay(mem, name, &o->raw);
	hand_over(mu, mem, &m);
}

void
mutate_identity(struct mutator *mu, const struct object_at *o)
{
	size_t n_same = 0, start = mutator_random(mu) % mu->g->n_objects;
	uint32_t kinds_done = 0;
	struct bytes raw;

	for (size_t i = 0; i < mu->g->n_objects; i++) {
		const struct object_at *b =
		    &mu->g->objects[(start + i) % mu->g->n_objects];
		bool same = b->kind == o->kind, plain;
		bool both = chosen(mu, &plain);

		if (b == o)
			continue;
		/* Of another kind: one each. */
		if (!same && (kinds_done & 1u << (b->kind - 'A')) != 0)
			continue;
		if (same && !mu->heavy && n_same == 2)
			continue;
		kinds_done |= 1u << (b->kind - 'A');
		if (both || plain)
			replace(mu, o, &b->raw,
			    !same               ? "replaced by another kind"
			    : b->time < o->time ? "replaced by an older one"
						: "replaced by a newer one");
		if (both || !plain)
			replace_renamed(mu, o, b,
			    same ? "replaced by one of its kind, renamed"
				 : "replaced by another kind, renamed");
		if (same) {
			n_same++;
			exchange(mu, o, b);
		}
	}
	for (size_t i = 0; i < mu->other->n_objects; i++) {
		const struct object_at *b = &mu->other->objects[i];

		if (b->kind != o->kind)
			continue;
		replace(mu, o, &b->raw, "replaced by one of another place");
		replace_renamed(
		    mu, o, b, "replaced by one of another place, renamed");
		break;
	}
	copy_raw(o, &raw);
	memset(raw.p, 0, raw.len);
	replace(mu, o, &raw, "zeros");
	bytes_fini(&raw);
	remove_it(mu, o);
	double_it(mu, o);
}

struct ground *ground, *elsewhere;
bool heavy;

int
tamper_start(void **state)
{
	(void)state;
	heavy = getenv("SNAP_TEST_HEAVY") != NULL;
	ground = ground_new(1);
	elsewhere = ground_new(2);
	return 0;
}

int
tamper_finish(void **state)
{
	(void)state;
	ground_free(ground);
	ground_free(elsewhere);
	return 0;
}

void
tamper_with(
    const struct object_at *o, uint64_t seed, mutation_fn *fn, void *arg)
{
	struct mutator mu = { .g = ground,
		.other = elsewhere,
		.heavy = heavy,
		.seed = seed,
		.fn = fn,
		.arg = arg };

	mutate_bits(&mu, o);
	mutate_length(&mu, o);
	mutate_identity(&mu, o);
}
