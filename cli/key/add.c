/* SPDX-License-Identifier: PostgreSQL */
/* add.c - `key add` and what is to be added. */
#include "key_cmd.h"

enum snap_code
key_add(struct cli *c, struct place *s, struct snap_err *err)
{
	if (c->o.write_only != NULL || c->o.maintenance != NULL)
		return key_add_machine(c, s, err);
	return key_add_slot(c, s, err);
}
