/* SPDX-License-Identifier: ISC */

/* The machine of a name; see find_machine.h. */

#include <stdlib.h>

#include "core/mem.h"
#include "core/text.h"
#include "machine/machine.h"
#include "link/find_machine.h"

int
find_machine(const char *name, struct machine *ret, struct err *err)
{
	const char *local = getenv("BERTH_LINK_TEST_LOCAL");

	*ret = (struct machine){
		.transport = MACHINE_TRANSPORT_LOCAL,
		.retry = { .limit = 10, .first = 500, .max = 30000 },
		.connect_timeout = 30000,
		.keep_alive = 15000,
		.idle = 600000
	};
	if (local == NULL || !str_eq(local, name))
		return err_set(err, ERR_NOT_FOUND, "there is no machine \"%s\"",
			       name);
	ret->name = xstrdup(name);
	return 0;
}
