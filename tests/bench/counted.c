/* SPDX-License-Identifier: PostgreSQL */
/*
 * counted.c - linked into the program: what it asked of the store.
 *
 * When the transport is closed its counts are appended to the file that
 * COUNTS names: one line of puts, gets, stats and lists, as an object store
 * would bill them.  WORKERS says how many CPUs the program is to find; with
 * FAR it takes the store, whichever it is, for one behind a line.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "transport.h"

void __real_transport_close(struct transport *t);
void __wrap_transport_close(struct transport *t);
bool __real_transport_is_remote(const struct transport *t);
bool __wrap_transport_is_remote(const struct transport *t);
long __real_sysconf(int name);
long __wrap_sysconf(int name);

void
__wrap_transport_close(struct transport *t)
{
	static bool told; /* the outermost comes first and knows all */
	const char *path = told || t == NULL ? NULL : getenv("COUNTS");
	FILE *f = path == NULL ? NULL : fopen(path, "a");
	struct transport_counts n;

	if (f != NULL) {
		told = true;
		transport_counts(t, &n);
		(void)fprintf(f,
		    "put %" PRIu64 " get %" PRIu64 " stat %" PRIu64
		    " list %" PRIu64 "\n",
		    n.put, n.get, n.stat, n.list);
		(void)fclose(f);
	}
	__real_transport_close(t);
}

bool
__wrap_transport_is_remote(const struct transport *t)
{
	return getenv("FAR") != NULL || __real_transport_is_remote(t);
}

long
__wrap_sysconf(int name)
{
	const char *n = getenv("WORKERS");

	if (name == _SC_NPROCESSORS_ONLN && n != NULL)
		return strtol(n, NULL, 10);
	return __real_sysconf(name);
}
