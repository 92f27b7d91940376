/* SPDX-License-Identifier: PostgreSQL */
/* condemned.c - condemned lists and their confirmations, as prune sees them. */
#include <stdlib.h>
#include <string.h>

#include "rule.h"
#include "view.h"

static enum snap_code
add_list(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct view *v = arg;
	struct view_list *l;
	uint8_t id[ID_LEN], kind;
	void *p;

	if (!store_name_parse(name, &kind, id) ||
	    (kind != OBJ_CONDEMNED && kind != OBJ_CONDEMNED_OK))
		return SNAP_OK;
	p = v->lists;
	if (vec_room(&p, &v->lists_cap, v->n_lists, sizeof *v->lists, err) !=
	    SNAP_OK)
		return err->code;
	v->lists = p;
	l = &v->lists[v->n_lists++];
	memset(l, 0, sizeof *l);
	memcpy(l->id, id, ID_LEN);
	l->time = kind == OBJ_CONDEMNED ? st->time_ns : -1;
	l->ok_time = kind == OBJ_CONDEMNED_OK ? st->time_ns : -1;
	return SNAP_OK;
}

static int
list_order(const void *a, const void *b)
{
	const struct view_list *x = a, *y = b;

	return memcmp(x->id, y->id, ID_LEN);
}

/* A list and its confirmation are one; one of them may be missing. */
static void
pair_lists(struct view *v)
{
	size_t n = 0;

	if (v->n_lists != 0)
		qsort(v->lists, v->n_lists, sizeof *v->lists, list_order);
	for (size_t i = 0; i < v->n_lists; i++) {
		struct view_list *l = &v->lists[i];
		struct view_list *last = n == 0 ? NULL : &v->lists[n - 1];

		if (last == NULL || list_order(last, l) != 0) {
			v->lists[n++] = *l;
			continue;
		}
		if (l->time >= 0)
			last->time = l->time;
		if (l->ok_time >= 0)
			last->ok_time = l->ok_time;
	}
	v->n_lists = n;
}

static enum snap_code
take_packs(
    struct view_list *l, const struct condemned_body *c, struct snap_err *err)
{
	l->packs = calloc((size_t)c->n_packs + 1, sizeof *l->packs);
	if (l->packs == NULL)
		return snap_fail(
		    err, SNAP_NOMEM, "not enough memory for what is condemned");
	if (c->n_packs != 0)
		memcpy(l->packs, c->packs, (size_t)c->n_packs * ID_LEN);
	l->n = c->n_packs;
	return SNAP_OK;
}

/* Only the maintenance key's word counts; what nobody signed is told, and goes
 * as what is void does.  A list of a key epoch that is over still condemns, for
 * writers do not refer to what it names; its age counts anew, from when
 * somebody confirms it who has the newest key. */
static enum snap_code
read_list(struct view *v, struct view_list *l, struct snap_err *err)
{
	struct condemned_body c;
	struct confirm_body confirm;
	struct store_body b;
	enum snap_code rc;

	if (l->time >= 0) {
		rc = store_get_body(v->s, OBJ_CONDEMNED, l->id, &b, err);
		if (rc == SNAP_NOTFOUND) { /* another prune retired it */
			l->time = l->ok_time = -1;
			return SNAP_OK;
		}
		if (rc != SNAP_OK)
			return rc;
		rc = condemned_decode(b.body.body, &c, err);
		if (rc == SNAP_OK && !store_body_is_maintenance(&b) &&
		    RULE(signed_lists))
			l->is_void = true;
		else if (rc == SNAP_OK && store_is_void(v->s, c.l0, l->time))
			l->is_void = true;
		else if (rc == SNAP_OK)
			rc = take_packs(l, &c, err);
		store_body_fini(&b);
		if (rc != SNAP_OK)
			return rc;
	}
	if (l->ok_time < 0)
		return SNAP_OK;
	rc = store_get_body(v->s, OBJ_CONDEMNED_OK, l->id, &b, err);
	if (rc == SNAP_NOTFOUND) { /* likewise; the list went before it */
		free(l->packs);
		l->packs = NULL;
		l->n = 0;
		l->time = l->ok_time = -1;
		return SNAP_OK;
	}
	if (rc != SNAP_OK)
		return rc;
	rc = confirm_decode(b.body.body, &confirm, err);
	if (rc == SNAP_OK)
		l->ok_void =
		    (!store_body_is_current(v->s, &b) && RULE(signed_lists)) ||
		    memcmp(confirm.id, l->id, ID_LEN) != 0 ||
		    store_is_void(v->s, confirm.l0, l->ok_time);
	store_body_fini(&b);
	return rc;
}

enum snap_code
view_begin(struct view *v, struct store *s, struct snap_err *err)
{
	enum snap_code rc;

	memset(v, 0, sizeof *v);
	v->s = s;
	rc = transport_now(s->t, &v->l0, err);
	if (rc == SNAP_OK)
		rc = transport_list(s->t, "condemned/", add_list, v, err);
	pair_lists(v);
	for (size_t i = 0; i < v->n_lists && rc == SNAP_OK; i++)
		rc = read_list(v, &v->lists[i], err);
	return rc;
}

/* Its age counts from the confirmation: who looked before that, and did not
 * see the list, is done with when it is a grace old. */
static bool
is_aged(const struct view *v, const struct view_list *l, int64_t grace)
{
	return (l->ok_time >= 0 || !RULE(confirmed)) && !l->ok_void &&
	       (v->l0 - l->ok_time >= grace || !RULE(age));
}

void
view_mark_condemned(struct view *v, int64_t grace)
{
	static const uint8_t kinds[] = { OBJ_DATA, OBJ_META };

	for (size_t i = 0; i < v->n_lists; i++) {
		const struct view_list *l = &v->lists[i];

		for (uint32_t k = 0; k < l->n; k++)
			for (size_t j = 0; j < sizeof kinds; j++) {
				struct view_pack *p =
				    view_pack(v, kinds[j], l->packs[k]);

				if (p == NULL)
					continue;
				p->condemned = true;
				if (is_aged(v, l, grace))
					p->aged = true;
			}
	}
}
