/* SPDX-License-Identifier: PostgreSQL */
/* seen.c - collects what the store shows, as it is shown: see watch.h. */
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "recall.h"
#include "watch.h"

#define GROUP_MAX ((size_t)4 << 20)

static const char *
prop(const struct repo_snapshot *s, const char *key)
{
	const char *v = repo_snapshot_prop(s, key);

	return v != NULL ? v : "";
}

/* As for a policy: the database of a cluster, or the name of a stream; a part
 * of a database is a group of its own, and so is what was salvaged. */
static enum snap_code
group_of(const struct recall_seen *seen, const struct repo_snapshot *s,
    uint8_t out[ID_LEN], struct snap_err *err)
{
	static const char *const keys[] = { REPO_PROP_SYSTEM,
		REPO_PROP_DATABASE, REPO_PROP_NAME, REPO_PROP_SELECTION };
	struct bytes b;
	enum snap_code rc;

	bytes_init(&b, GROUP_MAX);
	bytes_put_str(&b, "recall");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		bytes_u8(&b, repo_snapshot_prop(s, keys[i]) != NULL);
		bytes_put_str(&b, prop(s, keys[i]));
		bytes_u8(&b, 0);
	}
	bytes_u8(&b, s->salvaged);
	rc = bytes_check(&b, err);
	if (rc == SNAP_OK)
		keys_digest(seen->s->keys, bytes_span(&b), out);
	bytes_fini(&b);
	return rc;
}

static enum snap_code
take(struct recall_seen *seen, const struct repo_snapshot *s, bool own)
{
	struct snap_err ignored = SNAP_ERR_INIT;
	struct recall_snapshot one;
	const char *name = prop(s, REPO_PROP_DATABASE);
	enum snap_code rc;

	memset(&one, 0, sizeof one);
	memcpy(one.id, s->id, ID_LEN);
	one.time_ns = s->time_ns;
	one.own = own;
	for (size_t i = 0; i < seen->n_mine && !one.own; i++)
		one.own = memcmp(seen->mine[i], s->id, ID_LEN) == 0;
	rc = group_of(seen, s, one.group, &ignored);
	if (rc == SNAP_OK)
		rc = recall_add_group(&seen->now, one.group,
		    name[0] != '\0' ? name : prop(s, REPO_PROP_NAME), &ignored);
	if (rc == SNAP_OK)
		rc = recall_add_snapshot(&seen->now, &one, &ignored);
	return rc;
}

static void
on_snapshots(void *arg, const struct repo_snapshots *all,
    const uint8_t (*others)[ID_LEN], size_t n_others)
{
	struct recall_seen *seen = arg;
	enum snap_code rc = SNAP_OK;

	free(seen->others);
	seen->now.n_snapshots = 0;
	seen->n_others = 0;
	seen->others = calloc(n_others + 1, sizeof *seen->others);
	if (seen->others == NULL)
		rc = SNAP_NOMEM;
	else if (n_others != 0)
		memcpy(seen->others, others, n_others * sizeof *others);
	seen->n_others = rc == SNAP_OK ? n_others : 0;
	for (size_t i = 0; i < all->n && rc == SNAP_OK; i++)
		rc = take(seen, &all->v[i], false);
	for (size_t i = 0; i < all->n_salvaged && rc == SNAP_OK; i++)
		if (!all->salvaged[i].untrusted) /* prune takes it */
			rc = take(seen, &all->salvaged[i], false);
	seen->listed = true;
	seen->rc = rc;
}

static void
on_added(void *arg, const struct repo_snapshot *one)
{
	struct recall_seen *seen = arg;
	struct snap_err ignored = SNAP_ERR_INIT;
	void *v = seen->mine;
	enum snap_code rc = vec_room(
	    &v, &seen->mine_cap, seen->n_mine, sizeof *seen->mine, &ignored);

	seen->mine = v;
	if (rc == SNAP_OK)
		memcpy(seen->mine[seen->n_mine++], one->id, ID_LEN);
	if (rc == SNAP_OK)
		rc = take(seen, one, true);
	seen->rc = seen->rc == SNAP_OK ? rc : seen->rc;
}

static void
on_condemned(
    void *arg, const uint8_t id[ID_LEN], const uint8_t *packs, uint32_t n)
{
	struct recall_seen *seen = arg;
	struct snap_err ignored = SNAP_ERR_INIT;
	struct recall_list l;
	enum snap_code rc;

	memset(&l, 0, sizeof l);
	memcpy(l.id, id, ID_LEN);
	l.n = (uint8_t)(n < RECALL_PACKS_MAX ? n : RECALL_PACKS_MAX);
	if (l.n != 0)
		memcpy(l.packs, packs, (size_t)l.n * ID_LEN);
	rc = recall_add_list(&seen->now, &l, &ignored);
	seen->rc = seen->rc == SNAP_OK ? rc : seen->rc;
}

static void
on_looked(void *arg)
{
	((struct recall_seen *)arg)->looked = true;
}

void
recall_watch(struct recall_seen *seen, struct store *s)
{
	seen->s = s;
	seen->watch = (struct store_watch){ seen, on_snapshots, on_added,
		on_condemned, on_looked };
	s->watch = &seen->watch;
}

void
recall_unwatch(struct recall_seen *seen)
{
	if (seen->s != NULL)
		seen->s->watch = NULL;
	recall_fini(&seen->now);
	free(seen->others);
	free(seen->mine);
	memset(seen, 0, sizeof *seen);
}
