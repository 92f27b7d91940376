/* SPDX-License-Identifier: PostgreSQL */
/* statedir.c - see statedir.h. */
#include <stdlib.h>

#include "secrets.h"
#include "statedir.h"

/* An empty one is none. */
static const char *
absolute(const char *variable)
{
	const char *v = getenv(variable);

	return v != NULL && *v == '/' ? v : NULL;
}

void
statedir(const struct opts *o, struct bytes *out, bool *is_default)
{
	const char *dir = o->state_dir;

	/* Set to nothing it says: nowhere. */
	if (dir == NULL)
		dir = getenv("SNAP_STATE_DIR");
	if (dir == NULL)
		dir = variable_of(WHO_REPO, "state-dir", "");
	*is_default = dir == NULL;
	if (dir != NULL)
		bytes_put_str(out, dir);
	else if ((dir = absolute("XDG_STATE_HOME")) != NULL)
		bytes_printf(out, "%s/" SNAP_PROGRAM_NAME, dir);
	else if ((dir = absolute("HOME")) != NULL)
		bytes_printf(out, "%s/.local/state/" SNAP_PROGRAM_NAME, dir);
	bytes_u8(out, 0);
}
