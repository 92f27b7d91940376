/* SPDX-License-Identifier: PostgreSQL */
/* names.c - where on the store an object lies. */
#include <stdio.h>
#include <string.h>

#include "store_internal.h"

static const struct place {
	uint8_t kind;
	const char *dir;
	bool fanned; /* a level of two digits between */
	const char *suffix;
} places[] = {
	{ OBJ_SLOT, "keys", false, "" },
	{ OBJ_HOST, "keys", false, "" },
	{ OBJ_EPOCH, "keys", false, "" },
	{ OBJ_DATA, "data", true, "" },
	{ OBJ_META, "meta", true, "" },
	{ OBJ_INDEX, "index", false, "" },
	{ OBJ_SNAPSHOT, "snapshots", false, "" },
	{ OBJ_OK, "snapshots", false, ".ok" },
	{ OBJ_CONDEMNED, "condemned", false, "" },
	{ OBJ_CONDEMNED_OK, "condemned", false, ".ok" },
	{ OBJ_NOTE, "notes", false, "" },
	{ OBJ_RUN, "runs", false, "" },
};

void
store_name(
    uint8_t kind, const uint8_t id[ID_LEN], char out[TRANSPORT_NAME_MAX + 1])
{
	char hex[2 * ID_LEN + 1];
	const size_t max = TRANSPORT_NAME_MAX + 1;

	(void)snprintf(out, max, "config");
	hex_encode(id, ID_LEN, hex);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		const struct place *p = &places[i];

		if (p->kind != kind)
			continue;
		if (p->fanned)
			(void)snprintf(out, max, "%s/%.2s/%s%s", p->dir, hex,
			    hex, p->suffix);
		else
			(void)snprintf(
			    out, max, "%s/%s%s", p->dir, hex, p->suffix);
		return;
	}
}

bool
store_name_parse(const char *name, uint8_t *kind, uint8_t id[ID_LEN])
{
	char again[TRANSPORT_NAME_MAX + 1], hex[2 * ID_LEN + 1];
	const char *last = strrchr(name, '/');
	uint8_t v[ID_LEN];

	if (strcmp(name, "config") == 0) {
		*kind = OBJ_CONFIG;
		memset(id, 0, ID_LEN);
		return true;
	}
	if (last == NULL || strlen(last + 1) < 2 * ID_LEN)
		return false;
	memcpy(hex, last + 1, 2 * ID_LEN);
	hex[2 * ID_LEN] = '\0';
	if (!hex_decode(hex, v, ID_LEN))
		return false;
	/* Ours is exactly what we would have written. */
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		store_name(places[i].kind, v, again);
		if (strcmp(again, name) == 0) {
			*kind = places[i].kind;
			memcpy(id, v, ID_LEN);
			return true;
		}
	}
	return false;
}
