/* SPDX-License-Identifier: PostgreSQL */
/*
 * judge.c - what is not as it was, and no record says why.
 *
 * What was known before the store was asked has to be in its answer.  A record
 * of forgetting stays for three graces, so who was away for less must find
 * one for everything that is gone; who was away for longer can tell only that
 * nothing is left that is as new as what is gone.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "notes.h"
#include "recall.h"
#include "snapshots.h"

#define SECOND_NS INT64_C(1000000000)

struct record { /* of forgetting */
	uint8_t id[ID_LEN];
	int64_t l0;
};
struct lost_group { /* of what is gone without a record */
	uint8_t hash[ID_LEN];
	int64_t lost_ns; /* the newest that is gone */
	int64_t left_ns; /* the newest that is there; INT64_MIN: none */
};
struct judging {
	struct recall_seen *seen;
	struct recall *mem;
	struct record *records; /* sorted by id */
	size_t n_records, records_cap;
	bool has_notes; /* they were asked */
	bool strict;    /* all that are gone must have a record */
	int64_t now_ns, records_stay_ns;
	struct lost_group *groups;
	size_t n_groups, groups_cap;
};

static int
by_id(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	return memcmp(x->id, y->id, ID_LEN);
}

static const struct record *
record_of(const struct judging *j, const uint8_t id[ID_LEN])
{
	struct record key;

	memcpy(key.id, id, ID_LEN);
	return j->n_records == 0 ? NULL
				 : bsearch(&key, j->records, j->n_records,
				       sizeof *j->records, by_id);
}

static bool
is_other(const struct recall_seen *seen, const uint8_t id[ID_LEN])
{
	for (size_t i = 0; i < seen->n_others; i++)
		if (memcmp(seen->others[i], id, ID_LEN) == 0)
			return true;
	return false;
}

/* Must the notes be asked about what the store has shown? */
static bool
is_doubtful(const struct recall *before, const struct recall_seen *seen)
{
	for (size_t i = 0; i < before->n_snapshots; i++) {
		const struct recall_snapshot *s = &before->snapshots[i];
		bool there = recall_find(&seen->now, s->id) != NULL;

		if ((s->state == RECALL_STANDS && !there &&
			!is_other(seen, s->id)) ||
		    (s->state == RECALL_FORGOTTEN && there))
			return true;
	}
	return false;
}

static enum snap_code
list_again(struct recall_seen *seen, struct snap_err *err)
{
	struct repo_snapshots all;
	enum snap_code rc = snapshots_load(seen->s, &all, err);

	if (rc != SNAP_OK)
		return rc;
	repo_snapshots_free(&all);
	recall_sort(&seen->now);
	return seen->rc == SNAP_OK
		   ? SNAP_OK
		   : snap_fail(err, seen->rc, "no memory for snapshots");
}

static enum snap_code
take_records(struct judging *j, const struct notes *notes, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < notes->n && rc == SNAP_OK; i++) {
		const struct note *n = &notes->v[i];
		const char *list = n->type == NOTE_FORGET && !n->is_weak
				       ? note_prop(n, NOTE_PROP_SNAPSHOTS)
				       : NULL;
		struct record one = { .l0 = n->l0 };

		while (rc == SNAP_OK && note_next_id(&list, one.id)) {
			void *v = j->records;

			rc = vec_room(
			    &v, &j->records_cap, j->n_records, sizeof one, err);
			j->records = v;
			if (rc == SNAP_OK)
				j->records[j->n_records++] = one;
		}
	}
	if (j->n_records != 0)
		qsort(j->records, j->n_records, sizeof *j->records, by_id);
	return rc;
}

/* Behind a listing of the snapshots: a record comes before what it names
 * goes.  One that is damaged counts as none, or whoever can put garbage there
 * would silence us. */
static enum snap_code
ask_notes(struct judging *j, struct snap_err *err)
{
	struct snap_err why = SNAP_ERR_INIT;
	struct notes notes;
	enum snap_code rc = notes_load(j->seen->s, &notes, &why);

	if (rc == SNAP_CANCELLED || rc == SNAP_NOMEM) {
		*err = why;
		return rc;
	}
	if (rc != SNAP_OK) {
		report_log(j->seen->s->report, REPORT_WARNING,
		    "snapshots seen before are gone, or back, and why cannot "
		    "be told: %s",
		    why.msg);
		return SNAP_OK;
	}
	j->has_notes = true;
	rc = take_records(j, &notes, err);
	notes_free(&notes);
	return rc;
}

/* One finding of a kind for each group and run. */
static enum snap_code
found(struct judging *j, enum repo_finding_kind kind, const uint8_t *id,
    const uint8_t *group, int64_t time_ns, struct snap_err *err)
{
	const char *name =
	    group != NULL ? recall_group_name(j->mem, group) : NULL;
	struct repo_finding one = { .kind = (uint8_t)kind,
		.found_ns = j->now_ns,
		.time_ns = time_ns,
		.n = 1 };
	struct repo_finding *f;

	if (name != NULL)
		memcpy(one.name, name, strlen(name));
	memcpy(one.id, id, ID_LEN);
	for (size_t i = 0; i < j->mem->n_findings; i++) {
		f = &j->mem->findings[i];
		if (f->told || f->kind != one.kind ||
		    f->found_ns != j->now_ns || strcmp(f->name, one.name) != 0)
			continue;
		one.n = f->n + 1;
		*f = one.time_ns > f->time_ns ? one : *f;
		f->n = one.n;
		return SNAP_OK;
	}
	return recall_add_finding(j->mem, &one, err);
}

static struct lost_group *
lost_group(struct judging *j, const uint8_t hash[ID_LEN], struct snap_err *err)
{
	void *v = j->groups;
	struct lost_group *g;

	for (size_t i = 0; i < j->n_groups; i++)
		if (memcmp(j->groups[i].hash, hash, ID_LEN) == 0)
			return &j->groups[i];
	if (vec_room(&v, &j->groups_cap, j->n_groups, sizeof *j->groups, err) !=
	    SNAP_OK)
		return NULL;
	j->groups = v;
	g = &j->groups[j->n_groups++];
	memcpy(g->hash, hash, ID_LEN);
	g->lost_ns = g->left_ns = INT64_MIN;
	return g;
}

/* One that was known before, and is the same in the memory still. */
static enum snap_code
judge_one(struct judging *j, struct recall_snapshot *m, struct snap_err *err)
{
	bool there = recall_find(&j->seen->now, m->id) != NULL;
	const struct record *rec = record_of(j, m->id);
	struct lost_group *g;

	switch (m->state) {
	case RECALL_STANDS:
	case RECALL_KEPT:
		if (there || is_other(j->seen, m->id)) {
			if (j->has_notes)
				m->state = rec ? RECALL_KEPT : RECALL_STANDS;
			m->record_ns = rec != NULL ? rec->l0 : m->record_ns;
			return SNAP_OK;
		}
		if (rec != NULL || m->state == RECALL_KEPT) {
			m->record_ns = rec != NULL ? rec->l0 : m->record_ns;
			m->state = RECALL_FORGOTTEN;
			return SNAP_OK;
		}
		if (!j->has_notes)
			return SNAP_OK;
		m->state = RECALL_MISSING;
		m->own = true; /* see tell_lost() */
		if ((g = lost_group(j, m->group, err)) == NULL)
			return err->code;
		if (m->time_ns > g->lost_ns)
			g->lost_ns = m->time_ns;
		return SNAP_OK;
	case RECALL_FORGOTTEN:
		if (!j->has_notes)
			return SNAP_OK;
		if (there) {
			m->state = rec != NULL ? RECALL_KEPT : RECALL_STANDS;
			return rec != NULL ? SNAP_OK
					   : found(j, REPO_FOUND_BACK, m->id,
						 m->group, m->time_ns, err);
		}
		if (rec != NULL || m->record_ns == 0)
			return SNAP_OK;
		/* It would have to be there still. */
		if (j->now_ns < m->record_ns + j->records_stay_ns &&
		    found(j, REPO_FOUND_RECORD, m->id, m->group, m->time_ns,
			err) != SNAP_OK)
			return err->code;
		m->record_ns = 0;
		return SNAP_OK;
	default:
		m->state = there ? RECALL_STANDS : RECALL_MISSING;
		return SNAP_OK;
	}
}

/* Is anything there that is as new as what is gone?  What this process has
 * made itself does not count. */
static bool
is_backwards(const struct judging *j, const struct lost_group *g)
{
	int64_t any = INT64_MIN;

	for (size_t i = 0; i < j->seen->now.n_snapshots; i++)
		if (!j->seen->now.snapshots[i].own &&
		    j->seen->now.snapshots[i].time_ns > any)
			any = j->seen->now.snapshots[i].time_ns;
	/* Of a database that is no more all may have been forgotten. */
	if (!j->strict && g->left_ns == INT64_MIN)
		return any < g->lost_ns;
	return g->left_ns < g->lost_ns;
}

static enum snap_code
tell_lost(struct judging *j, struct snap_err *err)
{
	const struct recall *now = &j->seen->now;
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < now->n_snapshots && j->n_groups != 0; i++)
		for (size_t k = 0; k < j->n_groups; k++)
			if (!now->snapshots[i].own &&
			    memcmp(now->snapshots[i].group, j->groups[k].hash,
				ID_LEN) == 0 &&
			    now->snapshots[i].time_ns > j->groups[k].left_ns)
				j->groups[k].left_ns =
				    now->snapshots[i].time_ns;
	for (size_t i = 0; i < j->mem->n_snapshots && rc == SNAP_OK; i++) {
		struct recall_snapshot *m = &j->mem->snapshots[i];
		const struct lost_group *g;

		if (!m->own)
			continue;
		m->own = false;
		if ((g = lost_group(j, m->group, err)) == NULL)
			return err->code;
		if (is_backwards(j, g)) {
			rc = found(j, REPO_FOUND_BACKWARDS, m->id, m->group,
			    m->time_ns, err);
		} else if (j->strict) {
			rc = found(j, REPO_FOUND_GONE, m->id, m->group,
			    m->time_ns, err);
		} else { /* its record may have been and gone */
			m->state = RECALL_FORGOTTEN;
		}
	}
	return rc;
}

static enum snap_code
judge_snapshots(
    struct judging *j, const struct recall *before, struct snap_err *err)
{
	enum snap_code rc = SNAP_OK;

	for (size_t i = 0; i < before->n_snapshots && rc == SNAP_OK; i++) {
		const struct recall_snapshot *b = &before->snapshots[i];
		struct recall_snapshot *m = recall_find(j->mem, b->id);

		/* Else another process has judged it meanwhile. */
		if (m != NULL && m->state == b->state)
			rc = judge_one(j, m, err);
	}
	return rc == SNAP_OK ? tell_lost(j, err) : rc;
}

static const struct recall_list *
find_list(const struct recall *r, const uint8_t id[ID_LEN])
{
	for (size_t i = 0; i < r->n_lists; i++)
		if (memcmp(r->lists[i].id, id, ID_LEN) == 0)
			return &r->lists[i];
	return NULL;
}

/* Condemned is for ever while a pack is there.  What somebody has seen since
 * this process began may be newer than its look. */
static enum snap_code
judge_lists(
    struct judging *j, const struct recall *before, struct snap_err *err)
{
	bool is_older = before->saved_ns < j->seen->wall_ns;
	struct recall *mem = j->mem;
	enum snap_code rc = SNAP_OK;
	size_t n = 0;

	if (!j->seen->looked)
		return SNAP_OK;
	for (size_t i = 0; i < mem->n_lists && rc == SNAP_OK; i++) {
		const struct recall_list *l = &mem->lists[i];
		bool there = false;

		if (!is_older || find_list(&j->seen->now, l->id) != NULL ||
		    find_list(before, l->id) == NULL) {
			mem->lists[n++] = *l;
			continue;
		}
		for (uint8_t k = 0; k < l->n && !there; k++)
			there = store_lists_pack(j->seen->s, l->packs[k]);
		if (there)
			rc =
			    found(j, REPO_FOUND_CONDEMNED, l->id, NULL, 0, err);
	}
	mem->n_lists = n;
	for (size_t i = 0; i < j->seen->now.n_lists && rc == SNAP_OK; i++)
		if (j->seen->now.lists[i].n != 0)
			rc = recall_add_list(mem, &j->seen->now.lists[i], err);
	return rc;
}

/* What is there now and was not known. */
static enum snap_code
learn(struct judging *j, struct snap_err *err)
{
	const struct recall *now = &j->seen->now;
	size_t known = j->mem->n_snapshots;
	enum snap_code rc = SNAP_OK;
	struct recall sorted = *j->mem;

	for (size_t i = 0; i < now->n_groups && rc == SNAP_OK; i++)
		rc = recall_add_group(
		    j->mem, now->groups[i].hash, now->groups[i].name, err);
	for (size_t i = 0; i < now->n_snapshots && rc == SNAP_OK; i++) {
		struct recall_snapshot one = now->snapshots[i];
		const struct record *rec = record_of(j, one.id);

		sorted.snapshots = j->mem->snapshots;
		sorted.n_snapshots = known;
		if (recall_find(&sorted, one.id) != NULL)
			continue;
		one.own = false;
		one.state = rec != NULL ? RECALL_KEPT : RECALL_STANDS;
		one.record_ns = rec != NULL ? rec->l0 : 0;
		rc = recall_add_snapshot(j->mem, &one, err);
	}
	return rc;
}

static enum snap_code
judge_place(struct judging *j, struct recall_file *f, bool is_new,
    bool is_known, const struct recall *before, struct snap_err *err)
{
	uint8_t other[ID_LEN], print[32];
	struct bytes config;
	enum snap_code rc;

	bytes_init(&config, 1024);
	config_encode(&j->seen->s->config, &config);
	keys_fingerprint(bytes_span(&config), print);
	rc = bytes_check(&config, err);
	bytes_fini(&config);
	if (rc == SNAP_OK && is_new && recall_file_other(f, other))
		rc = found(j, REPO_FOUND_OTHER, other, NULL, 0, err);
	else if (rc == SNAP_OK && is_known &&
		 memcmp(print, before->print, sizeof print) != 0)
		rc = found(
		    j, REPO_FOUND_CONFIG, j->seen->s->repo_id, NULL, 0, err);
	memcpy(j->mem->print, print, sizeof print);
	/* What is written now could be read by whom a rotation kept out. */
	if (rc == SNAP_OK && is_known &&
	    before->epoch > j->seen->s->keys->epoch)
		rc = found(
		    j, REPO_FOUND_EPOCH, j->seen->s->repo_id, NULL, 0, err);
	return rc;
}

/* What is not to be read counts as nothing; *is_new: there was none. */
static enum snap_code
load(struct recall_file *f, struct recall *out, bool *is_new, bool tell,
    struct snap_err *err)
{
	struct snap_err why = SNAP_ERR_INIT;
	enum snap_code rc = recall_file_load(f, out, &why);

	*is_new = rc == SNAP_NOTFOUND;
	if (rc == SNAP_CORRUPT && tell)
		report_log(f->s->report, REPORT_WARNING,
		    "what this machine remembered of the repository is "
		    "damaged, it begins anew: %s",
		    why.msg);
	if (rc == SNAP_NOMEM)
		*err = why;
	if (rc != SNAP_OK)
		memset(out, 0, sizeof *out);
	return rc == SNAP_NOMEM ? rc : SNAP_OK;
}

enum snap_code
recall_judge(struct recall_seen *seen, struct recall_file *f,
    struct recall *mem, struct snap_err *err)
{
	int64_t grace = (int64_t)seen->s->config.grace_s * SECOND_NS;
	struct judging j = { .seen = seen, .mem = mem };
	struct recall before;
	struct timespec now = { 0, 0 };
	bool was_new, is_new, blank;
	enum snap_code rc;

	memset(mem, 0, sizeof *mem);
	rc = load(f, &before, &was_new, true, err);
	blank = before.wall_ns == 0; /* nothing was read */
	if (rc == SNAP_OK && (!seen->listed || seen->rc != SNAP_OK))
		rc = list_again(seen, err);
	recall_sort(&seen->now);
	if (rc == SNAP_OK && is_doubtful(&before, seen) &&
	    (rc = list_again(seen, err)) == SNAP_OK)
		rc = ask_notes(&j, err);
	if (rc == SNAP_OK)
		rc = recall_file_lock(f, err);
	if (rc == SNAP_OK)
		rc = load(f, mem, &is_new, false, err);
	if (rc != SNAP_OK)
		goto out;
	recall_sort(mem);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	j.now_ns = (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
	/* A quarter less, for clocks. */
	j.records_stay_ns = 3 * grace - grace / 4;
	j.strict = j.now_ns >= before.wall_ns &&
		   j.now_ns - before.wall_ns < j.records_stay_ns;
	if (!blank)
		rc = judge_snapshots(&j, &before, err);
	if (rc == SNAP_OK)
		rc = judge_lists(&j, &before, err);
	if (rc == SNAP_OK)
		rc =
		    judge_place(&j, f, was_new && is_new, !blank, &before, err);
	if (rc == SNAP_OK)
		rc = learn(&j, err);
	if (mem->wall_ns < seen->wall_ns)
		mem->wall_ns = seen->wall_ns;
	mem->saved_ns = j.now_ns;
	recall_trim(mem);
out:
	free(j.records);
	free(j.groups);
	recall_fini(&before);
	return rc;
}
