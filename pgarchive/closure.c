/* SPDX-License-Identifier: PostgreSQL */
/*
 * closure.c - what comes with what was chosen, and what cannot come.
 *
 * Parts follow their table.  What something chosen cannot be made without
 * comes along: types, functions, schemas as they are, tables and views as a
 * definition without rows.  What can be left out is: a foreign key, the place
 * of a partition in its parent.  Excluded things never come, nor does what
 * needs them.  All that a user would not expect becomes a note.
 */
#include <stdlib.h>

#include "names.h"
#include "select_internal.h"

/* Entries still to be looked at. */
struct work {
	struct pgarchive *a;
	size_t *v;
	size_t n;
};

static enum snap_code
add_note(struct pgarchive *a, enum note_kind kind, size_t what, size_t why,
    struct snap_err *err)
{
	enum snap_code rc = vec_room((void **)&a->notes, &a->notes_cap,
	    a->n_notes, sizeof *a->notes, err);

	if (rc == SNAP_OK)
		a->notes[a->n_notes++] = (struct note){ kind, what, why };
	return rc;
}

static bool
is_ancestor(const struct pgarchive *a, size_t of, size_t candidate)
{
	/* A hostile archive may have a circle. */
	for (size_t n = 0; of != NONE && n < a->toc->n; n++) {
		of = a->m[of].parent;
		if (of == candidate)
			return of != NONE;
	}
	return false;
}

/* Decided by rules of their own when all else is known; they pull nothing. */
static bool
is_optional(const struct pgarchive *a, size_t i)
{
	const struct toc_entry *e = &a->toc->v[i];

	switch (a->m[i].kind) {
	case KIND_FK:
	case KIND_ATTACH:
	case KIND_INDEX_ATTACH:
	case KIND_OWNED_BY:
	case KIND_PUB_MEMBER:
	case KIND_REMARK:
	case KIND_ACL:
		return true;
	case KIND_TRIGGER: /* of a partition, whose parent's it switches */
		for (size_t k = 0; k < e->n_deps; k++)
			if (a->m[e->deps[k]].kind == KIND_TRIGGER)
				return true;
		return false;
	default:
		return false;
	}
}

/* Can `i` be made without its dependency `d`? */
static bool
is_soft(const struct pgarchive *a, size_t i, size_t d)
{
	const struct mark *m = &a->m[i];
	uint8_t of = a->m[d].kind;

	switch (m->kind) {
	case KIND_TABLE:
	case KIND_FOREIGN_TABLE: /* ATTACH needs both, the table does not */
		return is_ancestor(a, i, d);
	case KIND_SEQUENCE: /* OWNED BY likewise */
		return d == m->owner && !m->identity;
	case KIND_INDEX:
	case KIND_CONSTRAINT:
		return of == KIND_INDEX || of == KIND_CONSTRAINT ||
		       of == KIND_INDEX_ATTACH || is_ancestor(a, m->owner, d);
	case KIND_CHECK:
	case KIND_TRIGGER:
		return is_ancestor(a, m->owner, d);
	default:
		return false;
	}
}

/* Partitions come with their parents. */
static void
take_partitions(struct pgarchive *a)
{
	bool again = true;
	size_t i, p;

	while (again) {
		again = false;
		for (i = 0; i < a->toc->n; i++) {
			p = a->m[i].parent;
			if (p != NONE && a->m[i].state == STATE_OUT &&
			    a->m[p].state == STATE_WANTED) {
				a->m[i].state = STATE_WANTED;
				again = true;
			}
		}
	}
}

/* Of a chosen table: its sequences, even excluded ones as in pg_dump, and all
 * parts that are no entries of their own right. */
static void
take_parts(struct pgarchive *a)
{
	size_t i, o;

	for (i = 0; i < a->toc->n; i++) {
		o = a->m[i].owner;
		if (o != NONE && a->m[i].kind == KIND_SEQUENCE &&
		    a->m[o].state == STATE_WANTED)
			a->m[i].state = STATE_WANTED;
	}
	for (i = 0; i < a->toc->n; i++) {
		o = a->m[i].owner;
		if (o != NONE && a->m[i].kind != KIND_SEQUENCE &&
		    !is_optional(a, i))
			a->m[i].state = a->m[o].state;
	}
}

/* What needs something excluded goes, and what needs that. */
static enum snap_code
bar(struct pgarchive *a, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;
	bool again = true;

	while (rc == SNAP_OK && again) {
		again = false;
		for (size_t i = 0; rc == SNAP_OK && i < a->toc->n; i++) {
			const struct toc_entry *e = &a->toc->v[i];
			struct mark *m = &a->m[i];
			size_t k, d = NONE;

			if (m->state == STATE_BARRED || is_optional(a, i))
				continue;
			for (k = 0; k < e->n_deps; k++) {
				d = e->deps[k];
				if (a->m[d].state == STATE_BARRED &&
				    !is_soft(a, i, d))
					break;
			}
			if (k == e->n_deps)
				continue;
			if (m->state == STATE_WANTED && d != m->owner)
				rc = add_note(a, NOTE_BARRED, i, d, err);
			m->state = STATE_BARRED;
			again = true;
		}
	}
	return rc;
}

static void
need(struct work *w, size_t i)
{
	struct pgarchive *a = w->a;

	if (a->m[i].state != STATE_OUT)
		return;
	a->m[i].state = STATE_NEEDED;
	w->v[w->n++] = i;
}

/* The rest of a definition that is in entries of its own. */
static void
need_rest(struct work *w, size_t i)
{
	const struct pgarchive *a = w->a;

	for (size_t p = a->m[i].first_part; p != NONE; p = a->m[p].next_part) {
		uint8_t kind = a->m[p].kind;

		if (kind == KIND_DEFAULT || a->m[p].identity ||
		    (kind == KIND_CHECK && a->m[i].kind == KIND_DOMAIN) ||
		    (kind == KIND_RULE && a->m[i].kind == KIND_VIEW &&
			span_ends(a->toc->v[p].tag, span_str(" _RETURN"))))
			need(w, p);
	}
}

static enum snap_code
bring(struct pgarchive *a, struct snap_err *err)
{
	struct work w = { a, calloc(a->toc->n + 1, sizeof *w.v), 0 };
	enum snap_code rc = SNAP_OK;
	size_t i, k, d;

	if (w.v == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	/* Each entry comes here once: as wanted, or when it is needed. */
	for (i = 0; i < a->toc->n; i++)
		if (a->m[i].state == STATE_WANTED)
			w.v[w.n++] = i;
	while (rc == SNAP_OK && w.n > 0) {
		i = w.v[--w.n];
		for (k = 0; rc == SNAP_OK && k < a->toc->v[i].n_deps; k++) {
			d = a->toc->v[i].deps[k];
			if (a->m[d].state != STATE_OUT || is_soft(a, i, d) ||
			    a->m[d].kind == KIND_HIDDEN ||
			    (a->m[d].kind == KIND_SCHEMA &&
				span_eq(a->toc->v[d].tag, span_str("public"))))
				continue;
			if (is_relation(a->m[d].kind))
				rc = add_note(a, NOTE_BROUGHT, d, i, err);
			need(&w, d);
			need_rest(&w, d);
		}
	}
	free(w.v);
	return rc;
}

/* ---- what is decided at the end */
static bool
has_rows(const struct pgarchive *a, size_t table)
{
	return a->m[table].state == STATE_WANTED && !a->m[table].no_rows;
}

static enum snap_code
settle_fk(struct pgarchive *a, size_t i, struct snap_err *err)
{
	const struct toc_entry *e = &a->toc->v[i];
	size_t o = a->m[i].owner, k, d;
	uint8_t state;

	if (o == NONE || a->m[o].state != STATE_WANTED)
		return SNAP_OK;
	for (k = 0; k < e->n_deps; k++) {
		d = e->deps[k];
		if (!is_relation(a->m[d].kind) || d == o)
			continue;
		state = a->m[d].state;
		if (state == STATE_WANTED &&
		    (a->o.schema_only || !has_rows(a, o) || has_rows(a, d)))
			continue;
		a->m[i].open = a->o.live && !a->o.data_only &&
			       (state == STATE_OUT || state == STATE_NEEDED);
		a->m[d].referred |= a->m[i].open;
		return add_note(a, NOTE_FK, i, d, err);
	}
	a->m[i].state = STATE_WANTED;
	return SNAP_OK;
}

static enum snap_code
settle_attach(struct pgarchive *a, size_t i, struct snap_err *err)
{
	size_t child = a->m[i].owner, parent;

	if (child == NONE || a->m[child].state != STATE_WANTED ||
	    (parent = a->m[child].parent) == NONE)
		return SNAP_OK;
	if (a->m[parent].state != STATE_WANTED)
		return add_note(a, NOTE_APART, child, parent, err);
	a->m[i].state = STATE_WANTED;
	return SNAP_OK;
}

/* Its index is there, and its table in its parent. */
static void
settle_index(struct pgarchive *a, size_t i)
{
	size_t index = a->m[i].owner, table, parent;

	if (index == NONE || a->m[index].state != STATE_WANTED ||
	    (table = a->m[index].owner) == NONE)
		return;
	parent = a->m[table].parent;
	if (parent == NONE || a->m[parent].state == STATE_WANTED)
		a->m[i].state = STATE_WANTED;
}

/* Is all there that it is about? */
static bool
has_subject(const struct pgarchive *a, size_t i)
{
	const struct toc_entry *e = &a->toc->v[i];

	for (size_t k = 0; k < e->n_deps; k++)
		if (!is_in(a, e->deps[k]) && a->m[e->deps[k]].kind != KIND_ACL)
			return false;
	return true;
}

static void
settle_remark(struct pgarchive *a, size_t i)
{
	if (a->toc->v[i].n_deps > 0)
		a->m[i].state = has_subject(a, i) ? STATE_WANTED : STATE_OUT;
}

void
closure_remarks(struct pgarchive *a)
{
	for (size_t i = 0; i < a->toc->n; i++)
		if (a->m[i].kind == KIND_REMARK || a->m[i].kind == KIND_ACL)
			settle_remark(a, i);
}

/* It is its parent's, and only on or off by itself. */
static enum snap_code
settle_trigger(struct pgarchive *a, size_t i, struct snap_err *err)
{
	const struct toc_entry *e = &a->toc->v[i];
	size_t o = a->m[i].owner, d;

	if (o == NONE || a->m[o].state != STATE_WANTED)
		return SNAP_OK;
	for (size_t k = 0; k < e->n_deps; k++) {
		d = e->deps[k];
		if (a->m[d].kind == KIND_TRIGGER &&
		    a->m[d].state != STATE_WANTED)
			return add_note(a, NOTE_BARRED, i, d, err);
	}
	a->m[i].state = STATE_WANTED;
	return SNAP_OK;
}

static enum snap_code
settle(struct pgarchive *a, size_t i, struct snap_err *err)
{
	size_t o = a->m[i].owner;

	switch (a->m[i].kind) {
	case KIND_FK:
		return settle_fk(a, i, err);
	case KIND_ATTACH:
		return settle_attach(a, i, err);
	case KIND_INDEX_ATTACH:
		settle_index(a, i);
		return SNAP_OK;
	case KIND_OWNED_BY: /* of the sequence, whose owner is the table */
		if (o != NONE && is_in(a, o) && a->m[o].owner != NONE &&
		    is_in(a, a->m[o].owner))
			a->m[i].state = STATE_WANTED;
		return SNAP_OK;
	case KIND_PUB_MEMBER:
		settle_remark(a, i);
		return SNAP_OK;
	case KIND_TRIGGER:
		return settle_trigger(a, i, err);
	default:
		return SNAP_OK;
	}
}

/* Children of what is restored hold rows that a SELECT from it would show. */
static enum snap_code
miss_children(struct pgarchive *a, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; rc == SNAP_OK && i < a->toc->n; i++) {
		const struct toc_entry *e = &a->toc->v[i];

		if (a->m[i].kind != KIND_TABLE || has_rows(a, i) ||
		    !span_has(e->defn, span_str("\nINHERITS (")))
			continue;
		for (size_t k = 0; rc == SNAP_OK && k < e->n_deps; k++)
			if (a->m[e->deps[k]].kind == KIND_TABLE &&
			    has_rows(a, e->deps[k]))
				rc =
				    add_note(a, NOTE_CHILD, i, e->deps[k], err);
	}
	return rc;
}

enum snap_code
closure(struct pgarchive *a, struct snap_err *err)
{
	enum snap_code rc;
	size_t i;

	take_partitions(a);
	take_parts(a);
	if ((rc = bar(a, err)) != SNAP_OK ||
	    (!a->o.no_dependencies && !a->o.data_only &&
		(rc = bring(a, err)) != SNAP_OK))
		return rc;
	for (i = 0; rc == SNAP_OK && i < a->toc->n; i++)
		if (is_optional(a, i))
			rc = settle(a, i, err);
	/* Remarks may be about any of these. */
	closure_remarks(a);
	return rc == SNAP_OK ? miss_children(a, err) : rc;
}
