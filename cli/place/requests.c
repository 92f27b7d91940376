/* SPDX-License-Identifier: PostgreSQL */
/* requests.c - see requests.h. */
#include <inttypes.h>
#include <string.h>

#include "requests.h"
#include "ui.h"

#define RUNS_A_DAY 24

/* Dollars for a thousand requests of each class. */
static const struct price {
	const char *scheme;
	double a, b, c;
} prices[] = {
	{ "s3:", 0.005, 0.0004, 0 },
	{ "b2:", 0, 0.0004, 0.004 },
};

double
requests_cost(const char *url, const struct transport_counts *n)
{
	for (size_t i = 0; i < sizeof prices / sizeof *prices; i++) {
		const struct price *p = &prices[i];

		if (strncmp(url, p->scheme, strlen(p->scheme)) == 0)
			return ((double)n->class_a * p->a +
				   (double)n->class_b * p->b +
				   (double)n->class_c * p->c) /
			       1000;
	}
	return 0;
}

void
requests_tell(const struct transport *t)
{
	char up[UI_SIZE_MAX], down[UI_SIZE_MAX];
	struct transport_counts n;
	double cost;

	transport_counts(t, &n);
	ui_info("requests: %" PRIu64 " put, %" PRIu64 " get, %" PRIu64
		" stat, %" PRIu64 " list, %" PRIu64 " delete; %s up, %s down",
	    n.put, n.get, n.stat, n.list, n.del, ui_size(n.bytes_up, up),
	    ui_size(n.bytes_down, down));
	if (n.class_a + n.class_b + n.class_c > 0)
		ui_info("billed as: %" PRIu64 " of class A, %" PRIu64
			" of class B, %" PRIu64 " of class C",
		    n.class_a, n.class_b, n.class_c);
	cost = requests_cost(transport_url(t), &n);
	if (cost > 0)
		ui_info("at list prices these requests cost %.6f USD, every "
			"hour %.4f USD a day",
		    cost, cost * RUNS_A_DAY);
}

void
requests_json(const struct transport *t, json_t *root)
{
	json_t *o = json_object();
	struct transport_counts n;

	transport_counts(t, &n);
	json_put_u64(o, "put", n.put);
	json_put_u64(o, "get", n.get);
	json_put_u64(o, "stat", n.stat);
	json_put_u64(o, "list", n.list);
	json_put_u64(o, "delete", n.del);
	json_put_u64(o, "bytes-up", n.bytes_up);
	json_put_u64(o, "bytes-down", n.bytes_down);
	if (n.class_a + n.class_b + n.class_c > 0) {
		json_put_u64(o, "class-a", n.class_a);
		json_put_u64(o, "class-b", n.class_b);
		json_put_u64(o, "class-c", n.class_c);
	}
	(void)json_object_set_new(
	    o, "cost-usd", json_real(requests_cost(transport_url(t), &n)));
	(void)json_object_set_new(root, "requests", o);
}
