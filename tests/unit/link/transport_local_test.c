/* SPDX-License-Identifier: ISC */

#include "link/transport.h"
#include "tests/unit/unit.h"

#include "machine/machine.h"
#include "tests/unit/link/transport_suite.h"

int
main(void)
{
	const struct machine machine = { .name = (char *)(uintptr_t) "here" };
	const struct transport_place place = { .ops = &transport_local,
					       .machine = &machine,
					       .directory = unit_temp_dir(),
					       .has_subsystems = true,
					       .has_signals = true };

	return transport_suite_run(&place);
}
