/* SPDX-License-Identifier: PostgreSQL */
/* s3_env.c - settings and variables of the S3 tests. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "s3_env.h"

#define N_MAX 32

struct pair {
	const char *name, *value;
};

static struct pair settings[N_MAX], variables[N_MAX];
static atomic_int cancel;
static struct report report = { .cancel = &cancel };

static struct pair *
find(struct pair *table, const char *name)
{
	for (size_t i = 0; i < N_MAX; i++)
		if (table[i].name != NULL && strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

static void
put(struct pair *table, const char *name, const char *value)
{
	struct pair *p = find(table, name);

	for (size_t i = 0; p == NULL && i < N_MAX; i++)
		if (table[i].name == NULL)
			p = &table[i];
	assert(p != NULL);
	*p = (struct pair){ name, value };
}

void
env_set(const char *setting, const char *value)
{
	put(settings, setting, value);
}

void
env_var(const char *name, const char *value)
{
	put(variables, name, value);
}

void
env_cancel(void)
{
	atomic_store(&cancel, 1);
}

void
env_clear(void)
{
	memset(settings, 0, sizeof settings);
	memset(variables, 0, sizeof variables);
	atomic_store(&cancel, 0);
}

static const char *
setting(void *arg, const char *name)
{
	struct pair *p = find(settings, name);

	(void)arg;
	return p != NULL ? p->value : NULL;
}

static const char *
variable(void *arg, const char *name)
{
	struct pair *p = find(variables, name);

	(void)arg;
	return p != NULL ? p->value : getenv(name);
}

const struct transport_opts *
env_opts(int create)
{
	static struct transport_opts opts;

	opts = (struct transport_opts){ .create = create,
		.setting = setting,
		.variable = variable,
		.report = &report };
	return &opts;
}
