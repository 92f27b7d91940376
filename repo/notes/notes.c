/* SPDX-License-Identifier: PostgreSQL */
/* notes.c - see notes.h. */
#include <stdlib.h>
#include <string.h>

#include "notes_internal.h"
#include "signed.h"
#include "workers.h"

/* By which the l0 of a note may lie ahead of when it came. */
#define AHEAD_NS (INT64_C(600) * 1000000000)

/* A note that is listed, and what came of asking for it. */
struct asked {
	uint8_t id[ID_LEN];
	int64_t time_ns;
	bool is_read, is_damaged;
	struct note note;
};
struct listing_of_notes {
	struct asked *v;
	size_t n, cap;
};

static enum snap_code
collect(void *arg, const char *name, const struct transport_stat *st,
    struct snap_err *err)
{
	struct listing_of_notes *l = arg;
	uint8_t id[ID_LEN], kind;
	void *p = l->v;
	enum snap_code rc;

	if (!store_name_parse(name, &kind, id) || kind != OBJ_NOTE)
		return SNAP_OK;
	rc = vec_room(&p, &l->cap, l->n, sizeof *l->v, err);
	l->v = p;
	if (rc != SNAP_OK)
		return rc;
	memset(&l->v[l->n], 0, sizeof *l->v);
	memcpy(l->v[l->n].id, id, ID_LEN);
	l->v[l->n++].time_ns = st->time_ns;
	return SNAP_OK;
}

static char *
copy_text(char **at, struct span s)
{
	char *text = *at;

	if (s.len != 0)
		memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	*at += s.len + 1;
	return text;
}

static enum snap_code
take_props(struct note *n, const struct note_body *b, struct snap_err *err)
{
	size_t need = b->n_props * sizeof *n->props + 1;
	char *at;

	for (uint32_t i = 0; i < b->n_props; i++)
		need += b->props[i].key.len + b->props[i].value.len + 2;
	n->props = malloc(need);
	if (n->props == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for notes");
	at = (char *)(n->props + b->n_props);
	for (uint32_t i = 0; i < b->n_props; i++) {
		n->props[i].key = copy_text(&at, b->props[i].key);
		n->props[i].value = copy_text(&at, b->props[i].value);
	}
	n->n_props = b->n_props;
	return SNAP_OK;
}

/* What a write-only host may not say: all by which snapshots stay or go, for
 * one that was broken into would unpin the others'; and that a snapshot is
 * good, for it cannot read one. */
static bool
is_owners(uint16_t type)
{
	return type == NOTE_VERDICT || type == NOTE_TAGS || type == NOTE_PIN ||
	       type == NOTE_POLICY || type == NOTE_FORGET ||
	       type == NOTE_REVOKED || type == NOTE_LABEL;
}

enum snap_code
note_read(struct store *s, uint8_t kind, struct note *n, struct store_body *b,
    struct snap_err *err)
{
	struct note_body *body = malloc(sizeof *body);
	char name[TRANSPORT_NAME_MAX + 1];
	enum snap_code rc;

	store_name(kind, n->id, name);
	rc = body == NULL ? snap_fail(err, SNAP_NOMEM, "no memory for notes")
			  : store_get_body(s, kind, n->id, b, err);
	if (rc == SNAP_OK && !b->trusted)
		rc = snap_fail(err, SNAP_CORRUPT,
		    "%s: not signed by anyone this repository trusts", name);
	if (rc == SNAP_OK)
		rc = note_decode(b->body.body, body, err);
	if (rc != SNAP_OK)
		goto out;
	memcpy(n->subject, body->subject, ID_LEN);
	n->type = body->type;
	n->l0 = body->l0;
	n->maintenance = store_body_is_maintenance(b);
	n->epoch = b->epoch;
	rc = take_props(n, body, err);
out:
	free(body);
	return rc;
}

static enum snap_code
load_note(struct store *s, struct asked *q, struct snap_err *err)
{
	char name[TRANSPORT_NAME_MAX + 1];
	struct note *n = &q->note;
	struct store_body b;
	enum snap_code rc;

	memset(&b, 0, sizeof b);
	memcpy(n->id, q->id, ID_LEN);
	n->time_ns = q->time_ns;
	rc = note_read(s, OBJ_NOTE, n, &b, err);
	store_body_fini(&b);
	if (rc != SNAP_OK)
		return rc;
	q->is_read = !is_owners(n->type) || n->maintenance;
	if (q->is_read)
		return SNAP_OK;
	/* Not damaged: it would stop who must not forget then. */
	store_name(OBJ_NOTE, n->id, name);
	report_log(s->report, REPORT_WARNING,
	    "left out: %s: a host said what only owners may", name);
	free(n->props);
	return SNAP_OK;
}

static int
newest_first(const void *a, const void *b)
{
	const struct note *x = a, *y = b;

	if (x->l0 != y->l0)
		return x->l0 < y->l0 ? 1 : -1;
	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? 1 : -1;
	return memcmp(x->id, y->id, ID_LEN);
}

/* It decides of nothing by notes. */
static bool
is_host(const struct store *s)
{
	return !s->keys->maintenance;
}

/* Whom a rotation deprived of his word, and who dates a note so that no other
 * is ever newer, must let nothing go; nor may what he says take away what was
 * kept before.  When all are read, for one may show which epoch is the newest.
 */
static void
weaken(struct store *s, struct note *n)
{
	bool is_old = is_owners(n->type) && n->epoch < store_epoch(s);
	bool is_ahead = n->l0 < 0 || n->l0 - n->time_ns > AHEAD_NS;
	char name[TRANSPORT_NAME_MAX + 1];

	n->is_weak = is_old || is_ahead;
	store_name(OBJ_NOTE, n->id, name);
	if (is_ahead)
		report_log(s->report, REPORT_WARNING,
		    "%s is dated ahead of when it came: nothing is forgotten "
		    "by it",
		    name);
	else if (is_old && n->time_ns > store_epoch_time(s))
		report_log(s->report, REPORT_WARNING,
		    "%s was signed with a maintenance key that \"key rotate\" "
		    "had ended: nothing is forgotten by it",
		    name);
}

static enum snap_code
get_note(void *arg, void *job, struct snap_err *err)
{
	struct store *s = arg;
	struct asked *q = job;
	enum snap_code rc = load_note(s, q, err);

	if (rc == SNAP_NOTFOUND) /* prune was faster */
		rc = SNAP_OK;
	if (rc == SNAP_UNSUPPORTED && is_host(s))
		rc = SNAP_OK; /* of a later epoch, or not for it */
	if (rc == SNAP_CORRUPT || rc == SNAP_UNSUPPORTED || rc == SNAP_IO) {
		report_log(s->report, REPORT_WARNING, "left out: %s", err->msg);
		q->is_damaged = true;
		rc = SNAP_OK;
	}
	return rc == SNAP_OK ? report_check(s->report, err) : rc;
}

static enum snap_code
take_all(struct listing_of_notes *l, struct notes *all, struct snap_err *err)
{
	all->v = calloc(l->n + 1, sizeof *all->v);
	if (all->v == NULL)
		return snap_fail(err, SNAP_NOMEM, "no memory for notes");
	for (size_t i = 0; i < l->n; i++) {
		all->n_damaged += l->v[i].is_damaged;
		if (l->v[i].is_read)
			all->v[all->n++] = l->v[i].note;
		l->v[i].is_read = false;
	}
	return SNAP_OK;
}

enum snap_code
notes_load(struct store *s, struct notes *out, struct snap_err *err)
{
	struct listing_of_notes list = { NULL, 0, 0 };
	struct notes all = { .n = 0 };
	enum snap_code rc;

	rc = transport_list(s->t, "notes/", collect, &list, err);
	if (rc == SNAP_OK)
		rc = workers_each(s->n_requests, get_note, s, list.v, list.n,
		    sizeof *list.v, err);
	if (rc == SNAP_OK)
		rc = take_all(&list, &all, err);
	for (size_t i = 0; i < list.n; i++)
		if (list.v[i].is_read)
			free(list.v[i].note.props);
	free(list.v);
	if (rc != SNAP_OK)
		return rc;
	for (size_t i = 0; i < all.n; i++)
		weaken(s, &all.v[i]);
	if (all.n != 0)
		qsort(all.v, all.n, sizeof *all.v, newest_first);
	*out = all;
	return SNAP_OK;
}

void
notes_free(struct notes *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->v[i].props);
	free(n->v);
	memset(n, 0, sizeof *n);
}

static const struct note *
next_about(const struct notes *n, enum note_type type, const uint8_t *subject,
    bool weak, const struct note *last)
{
	size_t i = last == NULL ? 0 : (size_t)(last - n->v) + 1;

	for (; i < n->n; i++)
		if (n->v[i].type == type && n->v[i].is_weak == weak &&
		    memcmp(n->v[i].subject, subject, ID_LEN) == 0)
			return &n->v[i];
	return NULL;
}

const struct note *
notes_about(const struct notes *n, enum note_type type, const uint8_t *subject)
{
	static const uint8_t repository[ID_LEN];

	return next_about(
	    n, type, subject != NULL ? subject : repository, false, NULL);
}

const struct note *
notes_weak(const struct notes *n, enum note_type type, const uint8_t *subject,
    const struct note *last)
{
	return next_about(n, type, subject, true, last);
}

const char *
note_prop(const struct note *n, const char *key)
{
	for (size_t i = 0; i < n->n_props; i++)
		if (strcmp(n->props[i].key, key) == 0)
			return n->props[i].value;
	return NULL;
}

enum snap_code
note_put(struct store *s, enum note_type type, const uint8_t *subject,
    int64_t l0, const struct repo_property *props, size_t n_props,
    struct snap_err *err)
{
	uint8_t kind = type == NOTE_RUN ? OBJ_RUN : OBJ_NOTE;
	struct note_body *n = calloc(1, sizeof *n);
	uint8_t id[ID_LEN];
	struct bytes body;
	enum snap_code rc = SNAP_OK;

	bytes_init(&body, TRANSPORT_SIZE_MAX);
	if (n == NULL)
		rc = snap_fail(err, SNAP_NOMEM, "no memory for a note");
	else if (is_owners((uint16_t)type) && !s->keys->maintenance)
		rc = snap_fail(err, SNAP_DENIED,
		    "only the repository's owner, or who has its maintenance "
		    "key, can say this");
	else if (n_props > PROPERTIES_MAX)
		rc = snap_fail(err, SNAP_USAGE, "a note holds no more");
	if (rc != SNAP_OK)
		goto out;
	n->type = (uint16_t)type;
	if (subject != NULL)
		memcpy(n->subject, subject, ID_LEN);
	n->l0 = l0;
	n->n_props = (uint32_t)n_props;
	for (size_t i = 0; i < n_props; i++) {
		n->props[i].key = span_str(props[i].key);
		n->props[i].value = span_str(props[i].value);
	}
	note_encode(n, &body);
	keys_random(id, sizeof id);
	rc = bytes_check(&body, err);
	if (rc == SNAP_OK)
		rc = store_put_body(
		    s, kind, id, bytes_span(&body), true, NULL, err);
out:
	bytes_fini(&body);
	free(n);
	return rc;
}

enum snap_code
notes_put(struct store *s, enum note_type type, const uint8_t *subject,
    const struct repo_property *props, size_t n_props, struct snap_err *err)
{
	return note_put(s, type, subject, s->l0, props, n_props, err);
}

enum snap_code
notes_put_again(struct store *s, const struct note *n, struct snap_err *err)
{
	return note_put(
	    s, n->type, n->subject, n->l0, n->props, n->n_props, err);
}

static bool
says_pinned(const struct note *note)
{
	const char *v = note_prop(note, NOTE_PROP_PINNED);

	return v == NULL || strcmp(v, "no") != 0;
}

bool
notes_pinned(const struct notes *n, const uint8_t snapshot[ID_LEN])
{
	const struct note *note = notes_about(n, NOTE_PIN, snapshot);

	if (note != NULL)
		return says_pinned(note);
	while ((note = notes_weak(n, NOTE_PIN, snapshot, note)) != NULL)
		if (says_pinned(note))
			return true;
	/* Which tags it has, by which a policy may keep it, is in doubt. */
	return notes_about(n, NOTE_TAGS, snapshot) == NULL &&
	       notes_weak(n, NOTE_TAGS, snapshot, NULL) != NULL;
}

bool
note_next_id(const char **list, uint8_t id[ID_LEN])
{
	char hex[2 * ID_LEN + 1];

	while (*list != NULL && **list != '\0') {
		size_t len = strcspn(*list, ",");
		bool whole = len == sizeof hex - 1;

		if (whole)
			memcpy(hex, *list, len);
		hex[sizeof hex - 1] = '\0';
		*list += len + ((*list)[len] == ',');
		if (whole && hex_decode(hex, id, ID_LEN))
			return true;
	}
	return false;
}

bool
notes_revoked(const struct notes *n, const uint8_t host[ID_LEN])
{
	return notes_about(n, NOTE_REVOKED, host) != NULL;
}

bool
notes_distrusted(const struct notes *n, const uint8_t host[ID_LEN],
    const uint8_t snapshot[ID_LEN])
{
	uint8_t id[ID_LEN];
	bool revoked = false;

	for (size_t i = 0; i < n->n; i++) {
		const struct note *note = &n->v[i];
		const char *list;

		if (note->type != NOTE_REVOKED || note->is_weak ||
		    memcmp(note->subject, host, ID_LEN) != 0)
			continue;
		revoked = true;
		list = note_prop(note, NOTE_PROP_SNAPSHOTS);
		while (note_next_id(&list, id))
			if (memcmp(id, snapshot, ID_LEN) == 0)
				return false;
	}
	return revoked;
}

bool
notes_forgotten(const struct notes *n, const uint8_t snapshot[ID_LEN])
{
	uint8_t id[ID_LEN];

	for (size_t i = 0; i < n->n; i++) {
		const struct note *note = &n->v[i];
		const char *list = note->type == NOTE_FORGET && !note->is_weak
				       ? note_prop(note, NOTE_PROP_SNAPSHOTS)
				       : NULL;

		while (note_next_id(&list, id))
			if (memcmp(id, snapshot, ID_LEN) == 0)
				return true;
	}
	return false;
}
