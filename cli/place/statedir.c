/* SPDX-License-Identifier: PostgreSQL */
/* statedir.c - see statedir.h. */
#include <stdlib.h>

#include "statedir.h"

void
statedir(struct bytes *out)
{
	const char *dir = getenv("SNAP_STATE_DIR"), *below = "";

	if (dir == NULL) {
		dir = getenv("XDG_STATE_HOME");
		below = "/" SNAP_PROGRAM_NAME;
	}
	if (dir == NULL || *dir != '/') {
		dir = below[0] != '\0' ? getenv("HOME") : dir;
		below = below[0] != '\0' ? "/.local/state/" SNAP_PROGRAM_NAME
					 : "";
	}
	if (dir != NULL && *dir == '/') {
		bytes_put_str(out, dir);
		bytes_put_str(out, below);
	}
	bytes_u8(out, 0);
}
