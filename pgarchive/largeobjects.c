/* SPDX-License-Identifier: PostgreSQL */
/*
 * largeobjects.c - since version 17 pg_dump makes large objects in its data
 * section, many by one entry; here they are again what they were before.
 */
#include <inttypes.h>
#include <stdio.h>

#include "largeobjects.h"
#include "tocput.h"

#define CATALOG 2995 /* pg_largeobject_metadata */
#define ENTRIES 4    /* of one large object at most */
#define NO_DATA 3
#define TEXT_MAX 64

struct writer {
	const struct toc *t;
	struct bytes *out;
	int32_t last_id;
	size_t n; /* entries written */
};

bool
largeobjects_known(const struct toc *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (span_eq(t->v[i].desc, span_str("BLOB")))
			return true;
	return false;
}

static void
put(struct writer *w, struct toc_new *e)
{
	e->id = ++w->last_id;
	toc_put_entry(w->t, e, w->out);
	bytes_u8(w->out, NO_DATA);
	bytes_zero(w->out, w->t->offset_size);
	w->n++;
}

/* What is said of it, if anything is. */
static void
put_remark(struct writer *w, const struct toc_new *of, const char *desc,
    struct span sql)
{
	char tag[TEXT_MAX];
	struct toc_new e = { .desc = span_str(desc),
		.defn = sql,
		.drop = span_str(""),
		.owner = of->owner,
		.section = TOC_NONE,
		.deps = { of->id, 0 } };

	if (sql.len == 0)
		return;
	(void)snprintf(tag, sizeof tag, "LARGE OBJECT %" PRIu32, of->oid);
	e.tag = span_str(tag);
	put(w, &e);
}

static void
put_object(struct writer *w, const struct large_object *o)
{
	char tag[TEXT_MAX], defn[TEXT_MAX], drop[TEXT_MAX];
	struct toc_new e = { .catalog = CATALOG,
		.oid = o->oid,
		.desc = span_str("BLOB"),
		.owner = o->owner,
		.section = TOC_PRE_DATA };

	(void)snprintf(tag, sizeof tag, "%" PRIu32, o->oid);
	(void)snprintf(defn, sizeof defn,
	    "SELECT pg_catalog.lo_create('%" PRIu32 "');\n", o->oid);
	(void)snprintf(drop, sizeof drop,
	    "SELECT pg_catalog.lo_unlink('%" PRIu32 "');\n", o->oid);
	e.tag = span_str(tag);
	e.defn = span_str(defn);
	e.drop = span_str(drop);
	put(w, &e);
	put_remark(w, &e, "COMMENT", o->comment);
	put_remark(w, &e, "SECURITY LABEL", o->label);
	put_remark(w, &e, "ACL", o->privileges);
}

/* Where the first entry behind pre-data begins, or what follows the last. */
static const uint8_t *
place(const struct toc *t, const uint8_t *entries)
{
	const uint8_t *p = entries;

	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i].section > TOC_PRE_DATA)
			return t->v[i].raw.p;
		p = t->v[i].raw.p + t->v[i].raw.len + 1 + t->offset_size;
	}
	return p;
}

enum snap_code
largeobjects_add(struct span archive, const struct toc *t,
    const struct large_object *v, size_t n, struct bytes *out,
    struct snap_err *err)
{
	size_t start = out->len, head = t->head.len + 1 + t->int_size;
	const uint8_t *entries = archive.p + head, *at = place(t, entries);
	struct writer w = { t, out, t->max_id, 0 };
	struct bytes count;

	if (n > (size_t)(INT32_MAX - t->max_id) / ENTRIES ||
	    n > (size_t)INT32_MAX / ENTRIES - t->n)
		return snap_fail(
		    err, SNAP_UNSUPPORTED, "too many large objects");
	bytes_put(out, archive.p, (size_t)(at - archive.p));
	for (size_t i = 0; i < n; i++)
		put_object(&w, &v[i]);
	bytes_put(out, at, archive.len - (size_t)(at - archive.p));
	/* How many there are, now that it is known. */
	bytes_init(&count, sizeof(uint64_t) + 1);
	toc_put_int(t, t->n + w.n, &count);
	for (size_t i = 0; !out->bad && !count.bad && i < count.len; i++)
		out->p[start + t->head.len + i] = count.p[i];
	out->bad |= count.bad;
	bytes_fini(&count);
	return bytes_check(out, err);
}
