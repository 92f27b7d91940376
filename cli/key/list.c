/* SPDX-License-Identifier: PostgreSQL */
/* list.c - `key list`: slots, hosts and epochs as tables or as JSON. */
#include <stdio.h>

#include "key_cmd.h"
#include "repo_notes.h"
#include "ui.h"

static const char *
kind_name(enum repo_key_kind kind)
{
	switch (kind) {
	case REPO_KEY_PASSPHRASE:
		return "passphrase";
	case REPO_KEY_RECOVERY:
		return "recovery-code";
	case REPO_KEY_HOST:
		return "host";
	case REPO_KEY_EPOCH:
		return "epoch";
	case REPO_KEY_OTHER:
		return "unknown";
	case REPO_KEY_DAMAGED:
		return "damaged";
	}
	return "unknown";
}

static bool
is_slot(const struct repo_key *k)
{
	return k->kind == REPO_KEY_PASSPHRASE || k->kind == REPO_KEY_RECOVERY ||
	       k->kind == REPO_KEY_OTHER;
}

static bool
is_host(const struct repo_key *k)
{
	return k->kind == REPO_KEY_HOST;
}

static bool
is_epoch(const struct repo_key *k)
{
	return k->kind == REPO_KEY_EPOCH;
}

static bool
is_damaged(const struct repo_key *k)
{
	return k->kind == REPO_KEY_DAMAGED;
}

static json_t *
slot_json(const struct repo_key *k, const char *hex)
{
	json_t *one = json_object();

	json_put_text(one, "slot-id", span_str(hex));
	json_put_text(one, "type", span_str(kind_name(k->kind)));
	json_put_time(one, "time", k->time_ns);
	if (k->kind == REPO_KEY_PASSPHRASE) {
		json_put_u64(one, "kdf-passes", k->passes);
		json_put_u64(one, "kdf-memory", (uint64_t)k->mem_kib << 10);
	}
	(void)json_object_set_new(one, "current", json_boolean(k->is_current));
	return one;
}

static json_t *
host_json(const struct repo_key *k, const char *hex)
{
	json_t *one = json_object();
	char host[2 * REPO_ID_LEN + 1];

	hex_encode(k->host_id, REPO_ID_LEN, host);
	json_put_text(one, "host-id", span_str(host));
	json_put_text(one, "name", span_str(k->name));
	json_put_u64(one, "epoch", k->epoch);
	(void)json_object_set_new(one, "revoked", json_boolean(k->is_revoked));
	json_put_time(one, "time", k->time_ns);
	json_put_text(one, "object", span_str(hex));
	return one;
}

static json_t *
epoch_json(const struct repo_key *k, const char *hex)
{
	json_t *one = json_object();

	json_put_u64(one, "epoch", k->epoch);
	json_put_time(one, "time", k->time_ns);
	json_put_text(one, "object", span_str(hex));
	return one;
}

static json_t *
damaged_json(const struct repo_key *k, const char *hex)
{
	json_t *one = json_object();

	json_put_text(one, "object", span_str(hex));
	json_put_text(one, "error", span_str(k->name));
	return one;
}

static enum snap_code
as_json(const struct place *s, const struct repo_keys *all, bool exported,
    struct snap_err *err)
{
	static const struct {
		const char *name;
		bool (*is)(const struct repo_key *k);
		json_t *(*one)(const struct repo_key *k, const char *hex);
	} lists[] = { { "slots", is_slot, slot_json },
		{ "hosts", is_host, host_json },
		{ "epochs", is_epoch, epoch_json },
		{ "damaged", is_damaged, damaged_json } };
	json_t *root = place_json(s), *list;
	char hex[2 * REPO_ID_LEN + 1];

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		list = json_array();
		for (size_t k = 0; k < all->n; k++) {
			if (!lists[i].is(&all->v[k]))
				continue;
			hex_encode(all->v[k].id, REPO_ID_LEN, hex);
			(void)json_array_append_new(
			    list, lists[i].one(&all->v[k], hex));
		}
		(void)json_object_set_new(root, lists[i].name, list);
	}
	(void)json_object_set_new(root, "exported", json_boolean(exported));
	return json_print(root, err);
}

/* What trying a passphrase costs. */
static void
cost_text(const struct repo_key *k, char out[2 * UI_SIZE_MAX])
{
	char size[UI_SIZE_MAX];

	out[0] = '\0';
	if (k->kind == REPO_KEY_PASSPHRASE)
		(void)snprintf(out, 2 * UI_SIZE_MAX, "%s, %lu passes",
		    ui_size((uint64_t)k->mem_kib << 10, size),
		    (unsigned long)k->passes);
}

static void
name_cell(struct ui_table *t, const struct repo_key *k)
{
	struct bytes b;

	bytes_init(&b, REPO_KEY_NAME_MAX + 32);
	bytes_put_str(&b, k->name);
	if (k->is_revoked)
		bytes_put_str(&b, " (revoked)");
	if (k->is_current)
		bytes_put_str(
		    &b, b.len != 0 ? " (opened it now)" : "(opened it now)");
	ui_table_cell(t, b.bad ? span_str("?") : bytes_span(&b));
	bytes_fini(&b);
}

static void
key_row(struct ui_table *t, const struct repo_key *k)
{
	char hex[2 * REPO_ID_LEN + 1], when[UI_TIME_MAX], cost[2 * UI_SIZE_MAX];
	char epoch[16] = "";
	bool host = is_host(k);

	hex_encode(host ? k->host_id : k->id, REPO_ID_LEN, hex);
	cost_text(k, cost);
	if (k->epoch != 0)
		(void)snprintf(
		    epoch, sizeof epoch, "%lu", (unsigned long)k->epoch);
	ui_table_cell(t, span_of(hex, 8));
	ui_table_cell(t, span_str(kind_name(k->kind)));
	ui_table_cell(t, span_str(ui_time(k->time_ns, when)));
	ui_table_cell(t, span_str(cost));
	ui_table_cell(t, span_str(epoch));
	name_cell(t, k);
}

static enum snap_code
as_table(const struct repo_keys *all, struct snap_err *err)
{
	static const char *const heads[] = { "ID", "TYPE", "TIME", "COST",
		"EPOCH", "NAME" };
	struct ui_table *t = ui_table_new(6, heads, 1u << 4);

	if (t == NULL)
		return snap_fail(err, SNAP_NOMEM, "out of memory");
	for (size_t i = 0; i < all->n; i++)
		key_row(t, &all->v[i]);
	ui_table_print(t);
	return ui_out_end(err);
}

/* Shown where keys are looked at; nobody reads it in a nightly mail. */
static enum snap_code
remind(const struct place *s, bool *exported, struct snap_err *err)
{
	struct repo_notes *said;
	enum snap_code rc = repo_notes(s->repo, &said, err);

	if (rc != SNAP_OK)
		return rc;
	*exported = repo_notes_exported(said);
	repo_notes_free(said);
	return SNAP_OK;
}

enum snap_code
key_list(struct cli *c, struct place *s, struct snap_err *err)
{
	struct repo_keys all = { 0, NULL };
	bool exported = false;
	enum snap_code rc;

	if ((rc = key_open(c, s, err)) != SNAP_OK ||
	    (rc = repo_keys(s->repo, &all, err)) != SNAP_OK ||
	    (rc = remind(s, &exported, err)) != SNAP_OK)
		goto out;
	rc = c->o.json ? as_json(s, &all, exported, err) : as_table(&all, err);
	if (rc == SNAP_OK && !exported && !c->o.json)
		ui_info("nothing of this is on paper yet: %s key export",
		    SNAP_PROGRAM_NAME);
out:
	repo_keys_free(&all);
	return rc;
}
